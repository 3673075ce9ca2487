"""The page that says what a photo shows: `build_app(classifier)` -> gr.Blocks. Every answer is the classifier's own."""

import io
import os
import threading
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from clothes.config import SMALL_PHOTO
from clothes.errors import ClothesError, PhotoError
from clothes.inference.classifier import Classifier
from clothes.inference.confidence import Prediction
from clothes.outfits.outfit_parser import OutfitParser
from clothes.photos.decode import read_file, thumbnail
from clothes.photos.folders import OTHER
from clothes.web import rendering
from clothes.web.base_page import Page, describe_problem, static
from clothes.web.corrections import Inbox
from clothes.web.middleware import QUEUE_LENGTH
from clothes.web.outfit_tab import lay_out_outfit
from clothes.web.server import serve
from clothes.web.upload_form import MAX_PHOTOS
from clothes.web.uploads import KEEP_SECONDS, SECONDS_SHOWN, Uploads, upload_path

_THUMBNAIL = 96  # pixels
_EXAMPLES = ("t-shirt", "trouser", "dress", "sneaker", "bag")
_NONE = "none of these"
_REFUSED = "This photo cannot be used"

Upload = Any  # what Gradio gives of an upload or what a program sends instead: see `upload_path`

# Photos come as they were uploaded, for the library's own decoder: Gradio's reads some photos differently.
_EVENT: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}


def build_app(classifier: Classifier, *, inbox: Inbox | None = None, parser: OutfitParser | None = None) -> gr.Blocks:
    """The page of a classifier. Its `launch()` has this project's styles and safe settings as defaults.

    With an `inbox`, visitors can send a correction of a wrong answer. With a `parser`, a tab names every garment of a
    photo.
    """
    script = f"<script>{static('predict.js')}</script>"
    parts = ("outfit",) if parser else ()
    footer, writes = ("api",), inbox is not None
    with Page("predict", title="What is it?", parts=parts, head=script, footer=footer, writes=writes) as page:
        answers = Answers(classifier, inbox, page.uploads)
        shown = "clothes" if parser else "one piece of clothing"
        gr.HTML(f"<h1>What is it?</h1><p>Show me a photo of {shown}.</p>", elem_id="head")
        with gr.Tab("One photo"):
            _lay_out_one_photo(answers)
        if parser is not None:
            with gr.Tab("Whole outfit"):
                lay_out_outfit(parser, page.uploads)
        with gr.Tab("Many photos"):
            _lay_out_many_photos(answers)
        gr.HTML(rendering.model_html(classifier, collects=inbox is not None), elem_id="about")
    for event in page.fns.values():  # an example's too: only the queue is open to visitors
        event.queue = True
    page.queue(max_size=QUEUE_LENGTH, api_open=False, default_concurrency_limit=os.cpu_count())
    return page


def _lay_out_one_photo(answers: "Answers") -> None:
    with gr.Row(equal_height=False):
        photo = gr.Image(
            sources=["upload", "webcam", "clipboard"],
            label="Photo",
            height=320,
            buttons=["fullscreen"],
            elem_id="photo",
        )
        with gr.Column():
            answer = gr.HTML(rendering.PHOTO_HINT, elem_id="answer")
            why = gr.Button("Which part decided?", visible=False, elem_id="why")
            heatmap = gr.HTML(visible=False, elem_id="heatmap")
            numbers = gr.JSON(visible=False)
            ask = gr.Button(visible=False)
            photo.change(answers.show, photo, [answer, why, heatmap], **_EVENT)
            why.click(answers.explain, photo, heatmap, **_EVENT)
            ask.click(answers.predict, photo, numbers, preprocess=False, api_name="predict")
            if answers.inbox:
                _lay_out_correction(answers, photo)
    if answers.classifier.image_size <= SMALL_PHOTO:  # a larger model takes the starter pictures for no photos
        gr.Examples(_example_pictures(answers.uploads.folder / "examples"), inputs=photo, cache_examples=False)


def _lay_out_correction(answers: "Answers", photo: gr.Image) -> None:
    with gr.Group(visible=False, elem_id="correct") as group:
        choices = [*answers.classifier.classes, (_NONE, OTHER)]
        truth = gr.Dropdown(choices, value=None, label="Wrong? Say what it is")
        send = gr.Button("Send photo and correction")
    thanks = gr.HTML(elem_id="thanks")
    photo.change(answers.offer_correction, photo, [group, truth, thanks], **_EVENT)
    send.click(answers.keep_correction, [photo, truth], thanks, **_EVENT)


def _lay_out_many_photos(answers: "Answers") -> None:
    many = gr.File(file_count="multiple", label="Photos", elem_id="many", height=160)
    table = gr.HTML(rendering.TABLE_HINT, elem_id="table")
    download = gr.DownloadButton("Download as CSV", visible=False, elem_id="download")
    many.change(answers.predict_many, many, [table, download], api_visibility="private")


class Answers:
    """The functions behind the page's events."""

    def __init__(self, classifier: Classifier, inbox: Inbox | None, uploads: Uploads) -> None:
        self.classifier, self.inbox, self.uploads = classifier, inbox, uploads
        self._keeping = threading.Lock()  # an upload makes one correction

    def show(self, upload: Upload) -> tuple[str, gr.Button, gr.HTML]:
        """The answer to a photo, whether the button for its heatmap is shown, and no heatmap yet."""
        answer = self._predict(upload, forget_after=KEEP_SECONDS if self.inbox else SECONDS_SHOWN)
        if isinstance(answer, Prediction):
            text = rendering.prediction_html(answer)
        else:
            text = rendering.problem_html(describe_problem(answer, _REFUSED)) if answer else rendering.PHOTO_HINT
        return text, gr.Button(visible=isinstance(answer, Prediction)), gr.HTML(visible=False)

    def explain(self, upload: Upload) -> gr.HTML:
        """The heatmap of a photo that was shown."""
        path = upload_path(upload)
        if not path or not Path(path).exists():
            raise gr.Error("The photo was deleted. Upload it again.", print_exception=False)
        try:
            return gr.HTML(rendering.heatmap_html(self.classifier.explain(path)), visible=True)
        except PhotoError as error:
            raise gr.Error(describe_problem(error, _REFUSED), print_exception=False) from None

    def predict(self, upload: Upload) -> dict[str, Any]:
        """The answer for programs."""
        answer = self._predict(upload)
        if answer is None:
            raise gr.Error("The question contains no photo.", title="no-photo", print_exception=False)
        if isinstance(answer, PhotoError):
            raise gr.Error(describe_problem(answer, _REFUSED), title=answer.code, print_exception=False)
        return {name: getattr(answer, name) for name in ("label", "confidence", "known", "scores")}

    def predict_many(self, paths: list[str] | None) -> tuple[str, gr.DownloadButton]:
        """The table of many photos, and its CSV file."""
        if not paths:
            return rendering.TABLE_HINT, gr.DownloadButton(visible=False)
        if len(paths) > MAX_PHOTOS:
            problem = f"{len(paths)} photos are too many: up to {MAX_PHOTOS} at once. `clothes predict` has no limit."
            raise gr.Error(problem, print_exception=False)
        names = [Path(path).name for path in paths]
        answers = list(zip(names, self.classifier.predict_many(paths), strict=True))
        thumbnails = [_thumbnail(path) for path in paths]
        for path in paths:
            self.uploads.forget(path)
        file = self.uploads.new_path("answers.csv")
        file.write_text(rendering.answers_csv(self.classifier.classes, answers), encoding="utf-8-sig", newline="")
        self.uploads.keep(file)
        return rendering.table_html(answers, thumbnails), gr.DownloadButton(value=str(file), visible=True)

    def offer_correction(self, upload: Upload) -> tuple[gr.Group, gr.Dropdown, str]:
        """An empty form for a correction if there is a photo, and no thanks yet."""
        return gr.Group(visible=bool(upload)), gr.Dropdown(value=None), ""

    def keep_correction(self, upload: Upload, label: str | None) -> str:
        """Puts a correction into the inbox and says so."""
        try:
            self._keep_correction(upload, label)
        except ClothesError as error:
            return rendering.problem_html(describe_problem(error, _REFUSED))
        return rendering.hint_html(f"Thank you. The photo is kept as: {_NONE if label == OTHER else label}.")

    def _predict(self, upload: Upload, *, forget_after: float = 0) -> Prediction | PhotoError | None:
        """The answer to a photo, why it cannot be used, or None without a photo. The upload is removed afterwards."""
        if not (path := upload_path(upload)):
            return None
        try:
            return self.classifier.predict(path)
        except PhotoError as error:
            return error
        finally:
            self.uploads.forget(path, after=forget_after)

    def _keep_correction(self, upload: Upload, label: str | None) -> None:
        if self.inbox is None or not (path := upload_path(upload)):
            raise ClothesError("There is no photo to correct.")
        if label not in (*self.classifier.classes, OTHER):
            raise ClothesError("Choose first what it is.")
        with self._keeping:
            if not self.uploads.keeps(path):  # or an example
                raise ClothesError("This photo was sent or deleted already. Upload it again.")
            photo = read_file(path, name="the photo")
            self.inbox.keep(photo, self.classifier.predict(photo), label)
            self.uploads.forget(path)


def launch(
    classifier: Classifier, *, inbox: Inbox | None = None, parser: OutfitParser | None = None, **options: Any
) -> None:
    """Serves the page until Ctrl-C. `options` and errors are those of `serve`."""
    serve(build_app(classifier, inbox=inbox, parser=parser), **options)


def _thumbnail(path: str) -> Image.Image | None:
    try:
        return thumbnail(path, _THUMBNAIL)
    except PhotoError:
        return None


def _example_pictures(folder: Path) -> list[str]:
    """Writes a few starter pictures and returns their paths. A model of their size must get them unchanged."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = []
    with zipfile.ZipFile(io.BytesIO((files("clothes.collection") / "starter" / "starter.zip").read_bytes())) as archive:
        for name in _EXAMPLES:
            first = next(entry for entry in archive.namelist() if entry.startswith(f"{name}/"))
            path = folder / f"{name}.png"
            path.write_bytes(archive.read(first))
            paths.append(str(path))
    return paths
