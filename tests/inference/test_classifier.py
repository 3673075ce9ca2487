"""A bundle answers the same however it is asked, and a damaged one is refused with a reason."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.errors import BundleError, PhotoError
from clothes.inference.bundle import MODEL, PROBES, make_probes, read_bundle
from clothes.inference.confidence import percent
from tests.support.pictures import draw


def test_path_bytes_pil_and_array_give_equal_scores(classifier: clothes.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    draw("bar", 800, size=(300, 200)).save(path, exif=exif)
    expected = classifier.predict(path)
    for same in (str(path), path.read_bytes(), Image.open(path), clothes.photos.decode.read(path)):
        assert classifier.predict(same).scores == expected.scores


def test_a_prediction(classifier: clothes.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "square.png"
    draw("square", 801).save(path)
    answer = classifier.predict(path)
    assert answer.photo == str(path)
    assert set(answer.scores) == set(classifier.classes) == {"bar", "frame", "square"}
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-5)
    assert list(answer.scores.values()) == sorted(answer.scores.values(), reverse=True)
    assert answer.label == next(iter(answer.scores))
    assert answer.confidence == answer.scores[answer.label]


def test_many_photos_in_order_and_a_bad_one_among_them(classifier: clothes.Classifier, tmp_path: Path) -> None:
    paths = []
    for i in range(60):
        paths.append(tmp_path / f"{i}.png")
        draw(("bar", "frame", "square")[i % 3], i).save(paths[-1])
    paths.insert(30, tmp_path / "none.png")
    answers = list(classifier.predict_many(paths))
    assert [answer.photo for answer in answers] == [str(path) for path in paths]
    assert isinstance(answers[30], PhotoError) and answers[30].code == "missing"
    for path, answer in zip(paths[:3], answers, strict=False):
        assert answer == classifier.predict(path)


def test_the_recorded_probes_are_answered_as_recorded(classifier: clothes.Classifier, bundle: Path) -> None:
    pictures, scores = read_bundle(bundle).probes()
    assert np.array_equal(pictures, make_probes(classifier.image_size))
    for picture, expected in zip(pictures, scores, strict=True):
        answer = classifier.predict(picture).scores
        assert [answer[name] for name in classifier.classes] == pytest.approx(expected.tolist(), abs=1e-5)


def test_it_predicts_elsewhere_without_the_photos_and_without_tensorflow(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    draw("bar", 802).save(tmp_path / "bar.png")
    code = (
        "import sys, clothes\n"
        "print(clothes.load('copy').predict('bar.png').label)\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'cv2', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[1] == "[]", done.stderr
    assert done.stdout.splitlines()[0] in ("bar", "frame", "square")
    assert done.stderr == ""


def test_the_bundle_tells_what_it_is_and_nothing_of_this_machine(bundle: Path, run: clothes.Run) -> None:
    info = json.loads((bundle / "bundle.json").read_text())
    assert info["classes"] == ["bar", "frame", "square"]
    assert info["photos"] == {"train": 84, "test": 24, "validation": 12}
    assert info["fingerprint"] == run.split.fingerprint
    assert 0 <= info["metrics"]["validation"]["interval"][0] <= info["metrics"]["validation"]["accuracy"]
    text = (bundle / "bundle.json").read_text() + (bundle / MODEL).read_bytes().decode("latin-1")
    assert str(run.path) not in text
    assert str(Path.home()) not in text


def change_info(**changes: object) -> Callable[[Path], None]:
    def change(copy: Path) -> None:
        info = json.loads((copy / "bundle.json").read_text())
        (copy / "bundle.json").write_text(json.dumps(info | changes))

    return change


def flip(name: str) -> Callable[[Path], None]:
    def change(copy: Path) -> None:
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 255
        (copy / name).write_bytes(data)

    return change


def use_other_model(copy: Path) -> None:
    """Bytes that are no model, with the right hash."""
    import hashlib

    (copy / MODEL).write_bytes(b"no model" * 100)
    info = json.loads((copy / "bundle.json").read_text())
    read_bundle(copy).update(files=info["files"] | {MODEL: hashlib.sha256((copy / MODEL).read_bytes()).hexdigest()})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda copy: shutil.rmtree(copy), "there is no such folder"),
        (lambda copy: (copy / "bundle.json").unlink(), "holds no bundle.json"),
        (lambda copy: (copy / "bundle.json").write_text("{"), "is damaged: bundle.json"),
        (lambda copy: (copy / "bundle.json").write_text("[]"), "is damaged: bundle.json"),
        (lambda copy: (copy / MODEL).unlink(), f"incomplete: {MODEL}"),
        (flip(MODEL), f"damaged: {MODEL}"),
        (flip(PROBES), f"damaged: {PROBES}"),
        (use_other_model, "does not load"),
        (change_info(threshold=0.9), "is damaged: bundle.json: checksum mismatch, changed after it was written"),
        (change_info(format=2), "made by a newer clothes"),
        (change_info(classes=["one"]), "at least two names"),
        (change_info(classes=["a", "a", "b"]), "stands there twice"),
        (change_info(classes=["a", "b"], sha256=None), "changed after it was written"),
        (lambda copy: read_bundle(copy).update(classes=["a", "b"]) and None, "does not reproduce its recorded scores"),
        (change_info(image_size=-1), "is no size"),
        (lambda copy: read_bundle(copy).update(image_size=32) and None, "not of its image size"),
        (change_info(files={}), "is missing"),
        (change_info(files=[]), "files must be an object"),
        (change_info(format="2"), "is no number"),
        (change_info(photos=None), "photos must be an object"),
        (change_info(metrics={"validation": {}}), "is missing"),
        (change_info(metrics={"test": {"accuracy": "high", "photos": 1, "interval": [0, 1]}}), "must hold numbers"),
        (change_info(files={"../../etc/passwd": "0"}), "no file of a bundle"),
    ],
)
def test_a_bad_bundle_is_refused(bundle: Path, tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    damage(copy)
    with pytest.raises(BundleError, match=message):
        clothes.load(copy)


def test_below_the_threshold_the_answer_is_not_sure(bundle: Path, tmp_path: Path) -> None:
    photos = [draw("frame", seed) for seed in range(20)]
    confidences = sorted(clothes.load(bundle).predict(photo).confidence for photo in photos)
    shutil.copytree(bundle, tmp_path / "copy")
    read_bundle(tmp_path / "copy").update(threshold=confidences[10])
    classifier = clothes.load(tmp_path / "copy")
    answers = [classifier.predict(photo) for photo in photos]
    assert [answer.known for answer in answers] == [answer.confidence >= confidences[10] for answer in answers]
    assert sum(answer.known for answer in answers) == 10
    assert all(answer.label in classifier.classes for answer in answers)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_three_hundred_predictions_leave_nothing_behind() -> None:
    root = Path(__file__).parents[2]
    if not (root / "benchmarks").exists():
        pytest.skip("not in a checkout")
    command = [sys.executable, root / "benchmarks" / "soak.py", "--predictions", "300", "--trainings", "0"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)["predictions"]
    before, after = found["after the first"], found["at the end"]
    assert after["memory, MB"] < before["memory, MB"] + 2
    assert all(after[name] == before[name] for name in ("file handles", "threads", "temporary files"))


def test_a_run_without_a_bundle_tells_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BundleError, match=r"was not finished.*--resume"):
        clothes.load(tmp_path)


def test_percent_is_never_rounded_up() -> None:
    assert [percent(share) for share in (0, 1e-7, 0.001, 0.1234, 0.5, 0.9996, 0.99999999, 1)] == [
        "0.0 %",
        "< 0.1 %",
        "0.1 %",
        "12.3 %",
        "50.0 %",
        "99.9 %",
        "99.9 %",
        "100 %",
    ]
