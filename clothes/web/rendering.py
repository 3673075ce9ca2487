"""Predictions as a visitor reads them: HTML for the page, CSV for a spreadsheet. Every value is escaped."""

import html
from collections.abc import Sequence

from PIL import Image

from clothes.errors import PhotoError
from clothes.inference.classifier import Classifier
from clothes.inference.confidence import Prediction, percent
from clothes.inference.occlusion import Explanation
from clothes.report.rendering import embed_image
from clothes.system.csv_files import csv_text
from clothes.system.plurals import counted

PHOTO_HINT = '<p class="hint">Drop a photo or take one: the answer appears here.</p>'
TABLE_HINT = '<p class="hint">Drop photos above: a table appears here, with a CSV file to download.</p>'
_MAX_BARS = 5
_HEATMAP = 480  # pixels

Answer = Prediction | PhotoError
NamedAnswer = tuple[str, Answer]  # the photo's name, and what was answered


def prediction_html(prediction: Prediction) -> str:
    """The answer, and bars for the highest scores."""
    bars = "".join(_bar(name, score) for name, score in list(prediction.scores.items())[:_MAX_BARS])
    label, sure = html.escape(prediction.label), html.escape(percent(prediction.confidence))
    if prediction.known:
        answer = f"{label} <small>{sure} sure</small>"
    else:
        answer = f"Not sure <small>Best guess: {label}, {sure}. Perhaps it is none of these.</small>"
    return _keep_percent(f'<p class="answer">{answer}</p><ul class="bars">{bars}</ul>')


def _bar(name: str, score: float) -> str:
    share = html.escape(percent(score))
    return (
        f'<li><span>{html.escape(name)}</span><span class="number">{share}</span>'
        f'<span class="track" role="img" aria-label="{share}">'
        f'<span class="fill" style="width:{score * 100:.2f}%"></span></span></li>'
    )


def hint_html(text: str) -> str:
    return f'<p class="hint">{html.escape(text)}</p>'


def problem_html(text: str) -> str:
    return f'<p class="hint problem">{html.escape(text)}</p>'


def heatmap_html(explanation: Explanation) -> str:
    picture = embed_image(explanation.overlay(_HEATMAP))
    label = html.escape(explanation.label)
    return (
        f'<img src="{picture}" alt="The photo, in warm colours where it supports {label}">'
        f"<p>Warm colours show what supports {label}, found by covering parts of the photo.</p>"
    )


def table_html(answers: Sequence[NamedAnswer], thumbnails: Sequence[Image.Image | None]) -> str:
    """The answers to many photos, in order. A gr.Dataframe would be wider than a phone."""
    head = '<tr><th colspan="2">Photo</th><th>Answer</th><th class="number">Sure</th></tr>'
    rows = "".join(_row(*named, thumbnail) for named, thumbnail in zip(answers, thumbnails, strict=True))
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _row(name: str, answer: Answer, thumbnail: Image.Image | None) -> str:
    picture = f'<img src="{embed_image(thumbnail)}" alt="">' if thumbnail else ""
    if isinstance(answer, PhotoError):
        cells = f'<td class="problem" colspan="2">{html.escape(answer.reason)}</td>'
    else:
        label = answer.label if answer.known else f"not sure ({answer.label}?)"
        cells = f'<td>{html.escape(label)}</td><td class="number">{html.escape(percent(answer.confidence))}</td>'
    return f'<tr><td class="photo">{picture}</td><td>{html.escape(name)}</td>{cells}</tr>'


def model_html(classifier: Classifier, *, collects: bool = False) -> str:
    """The model's classes, accuracy and date. With `collects`, photos that are sent with a correction stay."""
    info = classifier.info
    lines = [f"This model knows {len(classifier.classes)} kinds: {', '.join(classifier.classes)}."]
    measured = info.get("metrics", {})
    part = "test" if "test" in measured else "validation"
    if part in measured:
        low, high = measured[part]["interval"]
        photos = counted(measured[part]["photos"], f"{part} photo")
        lines.append(
            f"It was right on {percent(measured[part]['accuracy'])} of {photos} "
            f"(95 % interval {percent(low)} to {percent(high)})."
        )
    if "created" in info:
        lines.append(f"Made on {str(info['created'])[:10]}.")
    kept = ", except those that you send with a correction" if collects else ""
    lines.append(f"Your photos stay on this server and are deleted within minutes{kept}.")
    return _keep_percent(f"<p>{html.escape(' '.join(lines))}</p>")


def _keep_percent(text: str) -> str:
    """Puts a no-break space before percent signs."""
    return text.replace(" %", "\u00a0%")


def answers_csv(classes: Sequence[str], answers: Sequence[NamedAnswer]) -> str:
    """The answers to many photos as CSV: photo, label, confidence, known, one score a class, problem."""
    rows = [["photo", "label", "confidence", "known", *classes, "problem"]]
    for name, answer in answers:
        if isinstance(answer, PhotoError):
            rows.append([name, "", "", "", *[""] * len(classes), answer.reason])
        else:
            scores = [f"{answer.scores[label]:.6f}" for label in classes]
            rows.append([name, answer.label, f"{answer.confidence:.6f}", str(answer.known).lower(), *scores, ""])
    return csv_text(rows)
