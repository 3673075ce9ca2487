"""The garments of many photos in Parquet: without Ray, and on a local cluster by the command."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="many photos need the extra 'ray'")

import clothes
from clothes.errors import RunError
from clothes.inference.bundle import Bundle, read_bundle
from clothes.inference.classifier import BUNDLED
from clothes.inference.many.answers import open_answers
from clothes.outfits.many import OutfitTask
from tests.support.many_photos import BROKEN, answer_here, labels, rows
from tests.support.outfits import draw_outfit, wearer
from tests.support.pictures import ROOT


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four photos: a person, a wall, a dress and one that is broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    draw_outfit(*wearer()).save(folder / "me.png")
    draw_outfit().save(folder / "wall.png")
    draw_outfit(("dress", (80, 60, 160, 300))).save(folder / "dress.png")
    (folder / "page.jpg").write_bytes(BROKEN)
    return folder


def ask(color_bundle: Path) -> OutfitTask:
    return OutfitTask.of(read_bundle(color_bundle), read_bundle(BUNDLED))


def check(found: list[dict[str, Any]], photos: Path, parser: clothes.OutfitParser) -> None:
    """The rows say what the parser says."""
    by_name = {Path(row["photo"]).name: row for row in found}
    assert len(found) == len(by_name) == 4
    broken = by_name.pop("page.jpg")
    assert (broken["code"], broken["garments"], broken["scores"]) == ("not-a-photo", None, None)
    for name, row in by_name.items():
        expected = parser.parse(photos / name)
        assert (row["code"], row["error"]) == (None, None)
        assert row["scores"] == pytest.approx(expected.scores)
        assert [told(garment) for garment in row["garments"]] == [
            told(garment.to_dict()) for garment in expected.garments
        ]
    assert [garment["label"] for garment in by_name["me.png"]["garments"]] == ["shirt", "pants", "shoes"]
    assert by_name["wall.png"]["garments"] == []


def told(garment: dict[str, Any]) -> dict[str, Any]:
    """A garment with the precision of the file, without the names that it cannot have."""
    numbers = {name: pytest.approx(garment[name], abs=1e-6) for name in ("confidence", "area")}
    scores = {name: pytest.approx(score, abs=1e-6) for name, score in garment["scores"].items() if score is not None}
    colors = [color | {"share": pytest.approx(color["share"], abs=1e-6)} for color in garment["colors"]]
    return garment | numbers | {"scores": scores, "colors": colors}


def test_each_photo_has_a_row_with_its_garments(
    photos: Path, color_bundle: Path, parser: clothes.OutfitParser, tmp_path: Path
) -> None:
    task: OutfitTask = pickle.loads(pickle.dumps(ask(color_bundle)))
    out = str(tmp_path / "out")
    with open_answers(out, str(photos), task) as (answers, _):
        answers.write(0, answer_here(task, answers.photos(0)))
    check(rows(out), photos, parser)
    with pytest.raises(RunError, match="another model"), open_answers(out, str(photos), labels()):
        pass


def test_other_ways_to_name_and_join_garments_are_another_model(color_bundle: Path) -> None:
    bundle, namer = read_bundle(color_bundle), read_bundle(BUNDLED)
    surer = Bundle(bundle.path, bundle.info | {"outfit": bundle.info["outfit"] | {"known": 0.9}})
    renamed = Bundle(namer.path, namer.info | {"classes": list(reversed(namer.classes))})
    models = {OutfitTask.of(*pair).model for pair in ((bundle, namer), (surer, namer), (bundle, renamed))}
    assert len(models) == 3


@pytest.mark.slow
def test_the_command_asks_workers_on_ray(
    photos: Path, color_bundle: Path, parser: clothes.OutfitParser, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="many photos need the extra 'ray'")
    out = tmp_path / "out"
    words = ["predict", photos, "--engine", "ray", "--outfit", "--model", color_bundle, "--out", out, "--workers", 1]
    command = [sys.executable, "-m", "clothes", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"4 of 4 photos answered, in {out}.\n"
    check(rows(out), photos, parser)
