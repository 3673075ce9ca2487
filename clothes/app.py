"""The web page: `build_app(classifier)` -> gr.Blocks. No model logic; every answer is the classifier's own."""

import csv
import html
import io
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

# Uploads go into a folder of our own, which is swept at each start: Gradio forgets those of a process that was killed.
PAGE_FOLDER = Path(os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(tempfile.gettempdir()) / "clothes-page")))
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
import numpy as np
from PIL import Image

from clothes import images
from clothes.errors import PhotoError
from clothes.prediction import Classifier, Prediction, percent

MOST_BYTES = "25mb"  # of one upload
MOST_PHOTOS = 500  # at once
KEEP_SECONDS = 600  # uploads
_SHOWN = 5  # answers
_EXAMPLES = ("t-shirt", "trouser", "dress", "sneaker", "bag")

_CSS = """
.gradio-container { max-width: 860px !important; margin: 0 auto !important; }
#head h1 { font-size: 1.7rem; margin: .4rem 0 .1rem; }
#head p, #about p { color: var(--neutral-500); margin: 0; }
#about p { font-size: .9rem; line-height: 1.5; overflow-wrap: anywhere; }
.answer { margin: 0 0 .9rem; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere; }
.answer small { font-weight: 400; color: var(--neutral-500); }
.bars { list-style: none; margin: 0; padding: 0; display: grid; gap: .55rem; }
.bars li { display: grid; grid-template-columns: 1fr auto; gap: .15rem .75rem; overflow-wrap: anywhere; margin: 0; }
.bars .track { grid-column: 1 / -1; height: .5rem; border-radius: .25rem; background: var(--border-color-primary); }
.bars .fill { display: block; height: 100%; border-radius: .25rem; background: var(--neutral-400); min-width: 2px; }
.bars li:first-child .fill { background: var(--primary-500); }
.bars li:first-child { font-weight: 600; }
.bars .number { font-variant-numeric: tabular-nums; }
.hint { color: var(--neutral-500); padding: 1.5rem 0; text-align: center; }
"""
_HINT = '<p class="hint">Drop a photo, take one, or pick an example: the answer stands here.</p>'
_THEME = gr.themes.Default(
    primary_hue="blue",
    font=["system-ui", "-apple-system", "Segoe UI", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)


def _decode(upload: Any) -> np.ndarray | None:
    """An upload's pixels, by the decoder that the library uses; a sentence when it cannot be read."""
    if upload is None or not upload.path:
        return None
    try:
        return images.read(upload.path, name=upload.orig_name or "The photo")
    except PhotoError as error:
        raise gr.Error(f"This photo cannot be used: {error.reason}.", print_exception=False) from None


def build_app(classifier: Classifier) -> gr.Blocks:
    """The page of a classifier. Serve it with `launch`, which also sets what keeps it safe."""
    folder = PAGE_FOLDER / "made"
    with gr.Blocks(title="What is it? · clothes", analytics_enabled=False, delete_cache=(60, KEEP_SECONDS)) as app:
        gr.HTML("<h1>What is it?</h1><p>Show me a photo of one piece of clothing.</p>", elem_id="head")
        with gr.Tab("One photo"), gr.Row(equal_height=False):
            photo = gr.Image(
                sources=["upload", "webcam", "clipboard"],
                label="Photo",
                height=320,
                buttons=["fullscreen"],
                elem_id="photo",
            )
            # Not in a subclass: Gradio writes a file beside the source of each subclass of a component.
            photo.preprocess = _decode
            with gr.Column():
                answer = gr.HTML(_HINT, elem_id="answer")
                numbers = gr.JSON(visible=False)
                ask = gr.Button(visible=False)
        with gr.Tab("Many photos"):
            many = gr.File(file_count="multiple", label="Photos", elem_id="many", height=160)
            table = gr.Dataframe(
                headers=["photo", "answer", "sure", "problem"],
                interactive=False,
                visible=False,
                wrap=True,
                elem_id="table",
            )
            download = gr.DownloadButton("Download as CSV", visible=False, elem_id="download")
        gr.Examples(_example_pictures(PAGE_FOLDER / "examples"), inputs=photo, label="Examples", cache_examples=False)
        gr.HTML(_about(classifier), elem_id="about")

        def show(pixels: np.ndarray | None) -> str:
            return _HINT if pixels is None else _bars(classifier.predict(pixels))

        def predict(pixels: np.ndarray | None) -> dict[str, Any]:
            if pixels is None:
                raise gr.Error("There is no photo to look at.", print_exception=False)
            result = classifier.predict(pixels)
            return {"label": result.label, "confidence": result.confidence, "scores": result.scores}

        def predict_many(paths: list[str] | None) -> tuple[Any, Any]:
            if not paths:
                return gr.Dataframe(visible=False), gr.DownloadButton(visible=False)
            if len(paths) > MOST_PHOTOS:
                message = (
                    f"{len(paths)} photos at once are too many; up to {MOST_PHOTOS} go. `clothes predict` has no limit."
                )
                raise gr.Error(message, print_exception=False)
            answers = list(zip([Path(path).name for path in paths], classifier.predict_many(paths), strict=True))
            rows = [
                [name, "", "", got.reason]
                if isinstance(got, PhotoError)
                else [name, got.label, percent(got.confidence), ""]
                for name, got in answers
            ]
            made = _write_csv(folder, classifier.classes, answers)
            return gr.Dataframe(value=rows, visible=True), gr.DownloadButton(value=str(made), visible=True)

        photo.change(show, photo, answer, api_visibility="private", show_progress="hidden")
        many.change(predict_many, many, [table, download], api_visibility="private")
        ask.click(predict, photo, numbers, api_name="predict")
    return app


def launch(
    classifier: Classifier,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves the page until Ctrl-C; `on_ready` is called with its address. Raises OSError when the port is taken."""
    sweep()
    app = build_app(classifier)
    app.queue(max_size=64, api_open=False, default_concurrency_limit=os.cpu_count())
    _, url, _ = app.launch(**launch_settings(), server_name=host, server_port=port, auth=auth, prevent_thread_lock=True)
    on_ready(url)
    app.block_thread()


def launch_settings() -> dict[str, Any]:
    """What every serving of the page has: nothing shared, nothing of the disk, no one told."""
    return {
        "theme": _THEME,
        "css": _CSS,
        "share": False,
        "quiet": True,
        "show_error": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "strict_cors": True,
        "max_file_size": MOST_BYTES,
        "allowed_paths": [],
        "blocked_paths": [str(path) for path in (Path.home(), Path.cwd()) if not PAGE_FOLDER.is_relative_to(path)],
        "footer_links": ["api"],
    }


def sweep() -> None:
    """Removes what an earlier page left behind, and makes the folder anew, for its owner only."""
    for child in PAGE_FOLDER.glob("*"):
        if time.time() - child.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(child, ignore_errors=True)
    PAGE_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)


def _bars(prediction: Prediction) -> str:
    """The answer and the highest scores as bars."""
    rows = "".join(
        f'<li><span>{html.escape(name)}</span><span class="number">{html.escape(percent(score))}</span>'
        f'<span class="track" role="img" aria-label="{html.escape(percent(score))}">'
        f'<span class="fill" style="width:{score * 100:.2f}%"></span></span></li>'
        for name, score in list(prediction.scores.items())[:_SHOWN]
    )
    label, sure = html.escape(prediction.label), html.escape(percent(prediction.confidence))
    return f'<p class="answer">{label} <small>{sure} sure</small></p><ul class="bars">{rows}</ul>'


def _about(classifier: Classifier) -> str:
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
    lines.append("Your photos stay on this server and are deleted within minutes.")
    return "<p>" + " ".join(html.escape(line) for line in lines) + "</p>"


def _write_csv(folder: Path, classes: tuple[str, ...], answers: list[tuple[str, Prediction | PhotoError]]) -> Path:
    """The answers as a CSV file in a folder of its own. A name that a spreadsheet would compute is quoted with '."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["photo", "label", "confidence", *map(_harmless, classes), "problem"])
    for name, got in answers:
        if isinstance(got, PhotoError):
            writer.writerow([_harmless(name), "", "", *[""] * len(classes), _harmless(got.reason)])
        else:
            scores = [f"{got.scores[c]:.6f}" for c in classes]
            writer.writerow([_harmless(name), _harmless(got.label), f"{got.confidence:.6f}", *scores, ""])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / "answers.csv"
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    return path


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _example_pictures(folder: Path) -> list[str]:
    """A few starter pictures, enlarged."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = []
    with zipfile.ZipFile(io.BytesIO((files("clothes") / "starter" / "starter.zip").read_bytes())) as archive:
        for name in _EXAMPLES:
            first = next(entry for entry in archive.namelist() if entry.startswith(f"{name}/"))
            path = folder / f"{name}.png"
            Image.fromarray(images.letterbox(images.read(archive.read(first)), 224)).save(path)
            found.append(str(path))
    return found
