"""Uses the predict page as a browser does: its routes, its private events, one session."""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx


class PageClient:
    """A browser's visit to the page at this address."""

    def __init__(self, url: str, **options: Any) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, **options)
        self.session = uuid.uuid4().hex

    def __enter__(self) -> "PageClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def upload(self, data: bytes, name: str = "photo.jpg") -> dict[str, Any]:
        """Uploads a photo and returns its reference. Raises httpx.HTTPStatusError if it is refused."""
        answer = self.http.post("gradio_api/upload", files={"files": (name, data)}).raise_for_status()
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def look(self, photo: Path | bytes) -> str:
        """The HTML beside a photo that was dropped."""
        return str(self.join(self.dependency("photo")["id"], self._given(photo))["data"][0])

    def join(self, fn_index: int, *data: Any) -> dict[str, Any]:
        """The output of an event of the page, by its number."""
        body = {"fn_index": fn_index, "data": data, "session_hash": self.session}
        event = self.http.post("gradio_api/queue/join", json=body).raise_for_status().json()["event_id"]
        with self.http.stream("GET", "gradio_api/queue/data", params={"session_hash": self.session}) as lines:
            for line in lines.iter_lines():
                message = json.loads(line[6:]) if line.startswith("data: ") else {}
                if message.get("event_id") == event and message.get("msg") == "process_completed":
                    return dict(message["output"])
        raise AssertionError("the page did not answer")

    def predict(self, photo: Path | bytes) -> dict[str, Any]:
        """The answer of the API. Raises AssertionError with its message if it refuses the photo."""
        kind, answer = self.call(self._given(photo))
        assert kind == "complete", answer
        return dict(answer[0])

    def call(self, *data: Any) -> tuple[str, Any]:
        """How the event of the API ended, "complete" or "error", and its result."""
        event = self.http.post("gradio_api/call/predict", json={"data": data}).raise_for_status().json()["event_id"]
        text = self.http.get(f"gradio_api/call/predict/{event}").raise_for_status().text
        kind, answer = text.strip().rsplit("event: ", 1)[1].split("\ndata: ", 1)
        return kind, json.loads(answer)

    def dependency(self, elem_id: str) -> dict[str, Any]:
        """The event of a component of the page."""
        config = self.http.get("config").json()
        part = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == elem_id)
        return next(event for event in config["dependencies"] if [part, "change"] in event["targets"])

    def _given(self, photo: Path | bytes) -> dict[str, Any]:
        return self.upload(photo) if isinstance(photo, bytes) else self.upload(photo.read_bytes(), photo.name)
