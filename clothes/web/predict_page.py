"""The web page: `build_app(classifier)` -> gr.Blocks. No model logic; every answer is the classifier's own."""

import base64
import csv
import html
import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from clothes.web.server import (  # it sets Gradio up
    KEEP_SECONDS,
    PAGE_FOLDER,
    launch_settings,
    prepare,
    serve,
    sweep,
)

# isort: split
import gradio as gr

from clothes.config import SMALL_PHOTO
from clothes.errors import ClothesError, PhotoError
from clothes.inference.classifier import Classifier
from clothes.inference.confidence import Prediction, percent
from clothes.inference.occlusion import Explanation, to_jpeg
from clothes.photos.decode import read_file
from clothes.photos.folders import OTHER
from clothes.web.corrections import Inbox
from clothes.web.security import forget, shown_name

MOST_PHOTOS = 500  # at once
_SHOWN = 5  # answers
_SECONDS_SHOWN = 120  # a photo stays for its browser to show it, and to say which part decided
_EXAMPLES = ("t-shirt", "trouser", "dress", "sneaker", "bag")

_CSS = """
#about p { color: var(--body-text-color-subdued); margin: 0; font-size: .9rem; line-height: 1.5; }
#about p { overflow-wrap: anywhere; }
#photo .image-frame img, .gallery-item img { width: 100%; height: 100%; object-fit: contain; }
.answer { margin: 0 0 .9rem; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere; }
.answer small { font-weight: 400; color: var(--body-text-color-subdued); }
.bars { list-style: none; margin: 0; padding: 0; display: grid; gap: .55rem; }
.bars li { display: grid; grid-template-columns: 1fr auto; gap: .15rem .75rem; overflow-wrap: anywhere; margin: 0; }
.bars .track { grid-column: 1 / -1; height: .5rem; border-radius: .25rem; background: var(--border-color-primary); }
.bars .fill { display: block; height: 100%; border-radius: .25rem; background: var(--neutral-400); min-width: 2px; }
.bars li:first-child .fill { background: var(--primary-500); }
.bars li:first-child { font-weight: 600; }
.bars .number { font-variant-numeric: tabular-nums; }
#heatmap img { display: block; max-width: 100%; max-height: 320px; margin: 0 auto .5rem; border-radius: .25rem; }
#heatmap p { color: var(--body-text-color-subdued); margin: 0; text-align: center; overflow-wrap: anywhere; }
#table table { width: 100%; }
#table table, #table tr { border: 0; }
#table th, #table td { border: 0; border-bottom: 1px solid var(--border-color-primary); padding: .45rem .5rem; }
#table th, #table td { text-align: start; vertical-align: top; overflow-wrap: anywhere; }
#table td:first-child { width: 40%; }
#table .number { width: 1%; text-align: end; white-space: nowrap; font-variant-numeric: tabular-nums; }
"""
# A photo that is pasted, or dropped beside its box or onto another, is as if dropped into the box; the browser would
# leave the page for it. A box that shows the clipboard or the camera takes no files until its upload button is clicked.
_HEAD = """<script>
for (const name of ["dragover", "drop", "paste"]) {
  document.addEventListener(name, (event) => {
    const given = event.dataTransfer ?? event.clipboardData;
    if (event.defaultPrevented || !given?.types.includes("Files")) return;
    event.preventDefault();
    if (name === "dragover") return;
    const dataTransfer = new DataTransfer();
    for (const file of given.files) dataTransfer.items.add(file);
    const box = [...document.querySelectorAll("#photo, #many")].find((box) => box.checkVisibility());
    box?.querySelector("[aria-label='Upload file']")?.click();
    setTimeout(() => box?.querySelector("[aria-dropeffect]")?.dispatchEvent(new DragEvent("drop", { dataTransfer })));
  });
}
</script>"""
_NONE = "none of these"
_HINT = '<p class="hint">Drop a photo or take one: the answer stands here.</p>'
_MANY_HINT = '<p class="hint">Drop photos above: a table stands here, with a CSV file to download.</p>'


def build_app(classifier: Classifier, *, inbox: Inbox | None = None) -> gr.Blocks:
    """The page of a classifier, ready for its own `launch()`, whose defaults here are the page's looks and safety.

    With an `inbox` a person can say what a photo shows where the answer is wrong.
    """
    prepare()
    folder = PAGE_FOLDER / "made"
    with gr.Blocks(title="What is it? · clothes", analytics_enabled=False, delete_cache=(60, KEEP_SECONDS)) as app:
        gr.HTML("<h1>What is it?</h1><p>Show me a photo of one piece of clothing.</p>", elem_id="head")
        with gr.Tab("One photo"):
            with gr.Row(equal_height=False):
                photo = gr.Image(
                    sources=["upload", "webcam", "clipboard"],
                    label="Photo",
                    height=320,
                    buttons=["fullscreen"],
                    elem_id="photo",
                )
                with gr.Column():
                    answer = gr.HTML(_HINT, elem_id="answer")
                    why = gr.Button("Which part decided?", visible=False, elem_id="why")
                    heatmap = gr.HTML(visible=False, elem_id="heatmap")
                    numbers = gr.JSON(visible=False)
                    ask = gr.Button(visible=False)
                    if inbox is not None:
                        with gr.Group(visible=False, elem_id="correct") as correct:
                            choices = [*classifier.classes, (_NONE, OTHER)]
                            truth = gr.Dropdown(choices, value=None, label="Wrong? Say what it is")
                            send = gr.Button("Send photo and correction")
                        thanks = gr.HTML(elem_id="thanks")
            if classifier.image_size <= SMALL_PHOTO:  # to a larger model the starter pictures are no photos
                gr.Examples(_example_pictures(PAGE_FOLDER / "examples"), inputs=photo, cache_examples=False)
        with gr.Tab("Many photos"):
            many = gr.File(file_count="multiple", label="Photos", elem_id="many", height=160)
            table = gr.HTML(_MANY_HINT, elem_id="table")
            download = gr.DownloadButton("Download as CSV", visible=False, elem_id="download")
        gr.HTML(_about(classifier, collects=inbox is not None), elem_id="about")

        def look(upload: dict[str, Any] | None, *, after: float = 0) -> Prediction | PhotoError | None:
            if not upload or not upload["path"]:
                return None
            try:
                return classifier.predict(upload["path"])
            except PhotoError as error:
                return error
            finally:
                forget(Path(upload["path"]), after=after)

        def show(upload: dict[str, Any] | None) -> tuple[str, Any, Any]:
            seen = look(upload, after=KEEP_SECONDS if inbox else _SECONDS_SHOWN)
            if isinstance(seen, Prediction):
                text = _bars(seen)
            else:
                text = f'<p class="hint problem">{html.escape(_refusal(seen))}</p>' if seen else _HINT
            return text, gr.Button(visible=isinstance(seen, Prediction)), gr.HTML(visible=False)

        def explain(upload: dict[str, Any] | None) -> Any:
            if not upload or not Path(upload["path"]).exists():
                raise gr.Error("The photo is deleted by now. Show it again.", print_exception=False)
            return gr.HTML(_heatmap(classifier.explain(upload["path"])), visible=True)

        def predict(upload: dict[str, Any] | None) -> dict[str, Any]:
            seen = look(upload)
            if seen is None or isinstance(seen, PhotoError):
                said, code = (_refusal(seen), seen.code) if seen else ("There is no photo to look at.", "no-photo")
                raise gr.Error(said, title=code, print_exception=False)
            return {
                "label": seen.label,
                "confidence": seen.confidence,
                "known": seen.known,
                "scores": seen.scores,
            }

        def predict_many(paths: list[str] | None) -> tuple[str, Any]:
            if not paths:
                return _MANY_HINT, gr.DownloadButton(visible=False)
            if len(paths) > MOST_PHOTOS:
                message = (
                    f"{len(paths)} photos at once are too many; up to {MOST_PHOTOS} go. `clothes predict` has no limit."
                )
                raise gr.Error(message, print_exception=False)
            answers = list(zip(map(shown_name, paths), classifier.predict_many(paths), strict=True))
            for path in paths:
                forget(Path(path))
            made = _write_csv(folder, classifier.classes, answers)
            return _table(answers), gr.DownloadButton(value=str(made), visible=True)

        def offer(upload: dict[str, Any] | None) -> tuple[Any, Any, str]:
            return gr.Group(visible=bool(upload)), gr.Dropdown(value=None), ""

        def keep(upload: dict[str, Any] | None, label: str | None) -> str:
            try:
                return _keep(classifier, inbox, upload, label)
            except PhotoError as error:
                return f'<p class="hint problem">{html.escape(_refusal(error))}</p>'
            except ClothesError as error:
                return f'<p class="hint problem">{html.escape(str(error))}</p>'

        # Uploads come as they are, for the decoder that the library uses: Gradio's own reads photos otherwise.
        asked: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}
        photo.change(show, photo, [answer, why, heatmap], **asked)
        why.click(explain, photo, heatmap, **asked)
        ask.click(predict, photo, numbers, preprocess=False, api_name="predict")
        many.change(predict_many, many, [table, download], api_visibility="private")
        if inbox is not None:
            photo.change(offer, photo, [correct, truth, thanks], **asked)
            send.click(keep, [photo, truth], thanks, **asked)
    for event in app.fns.values():  # an example's too: the gate lets nothing past the queue
        event.queue = True
    app.queue(max_size=64, api_open=False, default_concurrency_limit=os.cpu_count())
    app.launch = partial(app.launch, **launch_settings(css=_CSS, head=_HEAD, footer=("api",)))
    return app


def launch(
    classifier: Classifier,
    *,
    inbox: Inbox | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves the page until Ctrl-C; `on_ready` is called with its address. Raises ClothesError when it cannot."""
    serve(build_app(classifier, inbox=inbox), host=host, port=port, auth=auth, on_ready=on_ready)


def _keep(classifier: Classifier, inbox: Inbox | None, upload: dict[str, Any] | None, label: str | None) -> str:
    """Puts a photo, what was answered and what it is said to be into the inbox; what the page says to that."""
    if inbox is None or not (upload and upload["path"]):
        raise ClothesError("There is no photo to correct.")
    if label not in (*classifier.classes, OTHER):
        raise ClothesError("Choose first what it is.")
    photo = read_file(upload["path"], name="the photo")
    inbox.keep(photo, classifier.predict(photo), label)
    said = _NONE if label == OTHER else label
    return f'<p class="hint">Thank you. The photo is kept as: {html.escape(said)}.</p>'


def _refusal(error: PhotoError) -> str:
    return f"This photo cannot be used: {error.reason}."


def _bars(prediction: Prediction) -> str:
    """The answer and the highest scores as bars."""
    rows = "".join(
        f'<li><span>{html.escape(name)}</span><span class="number">{html.escape(percent(score))}</span>'
        f'<span class="track" role="img" aria-label="{html.escape(percent(score))}">'
        f'<span class="fill" style="width:{score * 100:.2f}%"></span></span></li>'
        for name, score in list(prediction.scores.items())[:_SHOWN]
    )
    label, sure = html.escape(prediction.label), html.escape(percent(prediction.confidence))
    if prediction.known:
        answer = f"{label} <small>{sure} sure</small>"
    else:
        answer = f"Not sure <small>Best guess: {label} {sure} sure. Perhaps it is none of these.</small>"
    return _glued(f'<p class="answer">{answer}</p><ul class="bars">{rows}</ul>')


def _heatmap(explanation: Explanation) -> str:
    picture = base64.b64encode(to_jpeg(explanation.overlay(480))).decode()
    label = html.escape(explanation.label)
    return (
        f'<img src="data:image/jpeg;base64,{picture}" alt="The photo, warm where it speaks for {label}">'
        f"<p>Warm: what speaks for {label}. Found by covering parts of the photo.</p>"
    )


def _table(answers: list[tuple[str, Prediction | PhotoError]]) -> str:
    """The answers of many photos, in order. Not gr.Dataframe, which is wider than a phone."""
    rows = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="problem" colspan="2">{html.escape(got.reason)}</td></tr>'
        if isinstance(got, PhotoError)
        else f"<tr><td>{html.escape(name)}</td><td>{html.escape(got.label if got.known else _unsure(got))}</td>"
        f'<td class="number">{html.escape(percent(got.confidence))}</td></tr>'
        for name, got in answers
    )
    head = '<tr><th>Photo</th><th>Answer</th><th class="number">Sure</th></tr>'
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _unsure(prediction: Prediction) -> str:
    return f"not sure ({prediction.label}?)"


def _about(classifier: Classifier, *, collects: bool = False) -> str:
    """What the model is: its classes, its accuracy and its date."""
    info = classifier.info
    lines = [f"This model knows {len(classifier.classes)} kinds: {', '.join(classifier.classes)}."]
    measured = info.get("metrics", {})
    part = "test" if "test" in measured else "validation"
    if part in measured:
        low, high = measured[part]["interval"]
        lines.append(
            f"It was right on {percent(measured[part]['accuracy'])} of {measured[part]['photos']} {part} photos "
            f"(95 % interval {percent(low)} to {percent(high)})."
        )
    if "created" in info:
        lines.append(f"Made on {str(info['created'])[:10]}.")
    kept = ", but for those that you send with a correction" * collects
    lines.append(f"Your photos stay on this server and are deleted within minutes{kept}.")
    return _glued("<p>" + " ".join(html.escape(line) for line in lines) + "</p>")


def _glued(text: str) -> str:
    """No line ends between a number and its percent sign."""
    return text.replace(" %", "\u00a0%")


def _write_csv(folder: Path, classes: tuple[str, ...], answers: list[tuple[str, Prediction | PhotoError]]) -> Path:
    """The answers as a CSV file in a folder of its own. A name that a spreadsheet would compute is quoted with '."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["photo", "label", "confidence", "known", *map(_harmless, classes), "problem"])
    for name, got in answers:
        if isinstance(got, PhotoError):
            writer.writerow([_harmless(name), "", "", "", *[""] * len(classes), _harmless(got.reason)])
        else:
            scores = [f"{got.scores[c]:.6f}" for c in classes]
            answer = [_harmless(got.label), f"{got.confidence:.6f}", str(got.known).lower()]
            writer.writerow([_harmless(name), *answer, *scores, ""])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep(folder)
    path = Path(tempfile.mkdtemp(dir=folder)) / "answers.csv"
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    return path


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _example_pictures(folder: Path) -> list[str]:
    """A few starter pictures, as they are: enlarged they would be other pictures to a model of their size."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = []
    with zipfile.ZipFile(io.BytesIO((files("clothes.collection") / "starter" / "starter.zip").read_bytes())) as archive:
        for name in _EXAMPLES:
            first = next(entry for entry in archive.namelist() if entry.startswith(f"{name}/"))
            path = folder / f"{name}.png"
            path.write_bytes(archive.read(first))
            found.append(str(path))
    return found
