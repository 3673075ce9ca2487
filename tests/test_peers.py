"""The parts of benchmarks/peers.py that need no other way installed: choice of photos, answers, counting, tables."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

if not (Path(__file__).parents[1] / "benchmarks").exists():
    pytest.skip("not in a checkout", allow_module_level=True)

from benchmarks import peers, peers_report, peers_running, peers_ways


@pytest.fixture
def photos(tmp_path: Path) -> peers.PARTED:
    """Five classes with 80 train photos each, and 1 to 5 test photos."""
    for number, label in enumerate("abcde"):
        for part, count in (("train", 80), ("validation", 2), ("test", number + 1)):
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(count):
                (tmp_path / part / label / f"{label}{part}{i}.jpg").write_bytes(b"")
    return peers.list_parts(tmp_path)


def test_few_photos_are_chosen_evenly_from_the_classes_with_most_tests(photos: peers.PARTED) -> None:
    few = peers.choose_few(photos)
    assert {part: len(some) for part, some in few.items()} == {"train": 160, "validation": 40, "test": 12}
    learned = few["train"] + few["validation"]
    assert len(set(learned)) == 200 and set(learned) <= set(photos["train"])
    counts = [sum(path.parent.name == label for path in learned) for label in "cde"]
    assert counts == [67, 67, 66]
    assert {path.parent.name for path in few["validation"]} == {path.parent.name for path in few["test"]} == set("cde")
    assert peers.choose_few({part: some[::-1] for part, some in photos.items()})["train"] == few["train"]


def test_few_photos_refuse_a_class_that_has_too_few(photos: peers.PARTED) -> None:
    with pytest.raises(SystemExit, match="d has 0 train photos, and 67"):
        peers.choose_few(photos | {"train": [path for path in photos["train"] if path.parent.name != "d"]})


def test_links_show_a_way_no_class_of_a_test_photo(photos: peers.PARTED, tmp_path: Path) -> None:
    peers.link(photos, tmp_path / "links" / "photos")
    assert sorted(path.name for path in (tmp_path / "links" / "photos").iterdir()) == ["train", "validation"]
    names = sorted(path.name for path in (tmp_path / "links" / "photos.test").iterdir())
    assert names == [f"{number:05}.jpg" for number in range(15)]
    assert [path.name for path in (tmp_path / "links" / "photos.one").iterdir()] == names[:1]
    assert (tmp_path / "links" / "photos.test" / names[-1]).resolve() == photos["test"][-1]


@pytest.mark.parametrize(
    ("read", "output"),
    [
        (peers_ways.read_tabbed, "loading\n/x/00000.jpg\tt-shirt\n/x/00001.jpg\that\n"),
        (
            peers_ways.read_yolo,
            "Ultralytics 8\nimage 1/2 /x/00000.jpg: 224x224 t-shirt 0.91, hat 0.05, 4.1ms\n"
            "image 2/2 /x/00001.jpg: 224x224 hat 0.50, t-shirt 0.40, 4.0ms\nSpeed: 1.0ms preprocess\n",
        ),
        (
            peers_ways.read_clothes,
            'Reading the photos\n{"photo": "/x/00000.jpg", "label": "t-shirt", "known": false}\n'
            '{"photo": "/x/00001.jpg", "label": "hat", "known": true}\n',
        ),
    ],
)
def test_answers_are_read_from_what_each_way_prints(read: Any, output: str) -> None:
    assert read(output) == {"00000.jpg": "t-shirt", "00001.jpg": "hat"}


def test_only_code_is_counted() -> None:
    code = '"""A\n\nB."""\n\nimport sys  # why\n# a note\ndef f():\n    """What."""\n    return (\n        1,\n    )\n'
    assert peers_ways.count_lines(code) == 5


def test_every_script_is_python_and_counted() -> None:
    scripted = [way for way in peers_ways.WAYS if way.script]
    assert {way.script for way in scripted} == {path.name for path in peers_ways.SCRIPTS.glob("*.py")}
    for way in scripted:
        ast.parse((peers_ways.SCRIPTS / way.script).read_text(encoding="utf-8"))
        assert way.lines > 10
    assert [way.lines for way in peers_ways.WAYS if not way.script] == [2] * 4


def test_memory_and_time_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    child = "import time; held = bytearray(150_000_000); held[::4096] = b'x' * len(held[::4096]); time.sleep(2)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    used = peers_running.run([sys.executable, "-c", code], {}, tmp_path / "log", sample=0.1)
    assert 150 < used.megabytes < 250
    assert used.seconds > 2 > used.processor > 0


def test_a_failure_tells_the_last_line(tmp_path: Path) -> None:
    with pytest.raises(peers_running.PeerError, match=r"status 3: no weights"):
        peers_running.run([sys.executable, "-c", "print('begun'); print('no weights'); exit(3)"], {}, tmp_path / "log")


def test_epochs_fit_in_the_minutes_at_the_pace_on_few_photos() -> None:
    few = {"first": [4.0], "training": {"seconds": 34.0}, "epochs": 30, "train photos": 100}  # 1 s an epoch
    assert peers.fit_epochs(90, 5, few, 1000) == 29  # of 10 s each, after 4 s
    assert peers.fit_epochs(15, 5, few, 1000) == 15
    assert peers.fit_epochs(90, 0.01, few, 1000) == 1


def row(way: str, right: int, *, data: str = "all", seconds: float = 10, **more: Any) -> peers_report.Row:
    return {
        "way": way,
        "data": data,
        "round": 0,
        "load": 1.5,
        "cores": 2,
        "version": "1.2",
        "installed": 1234.5,
        "epochs": 5,
        "train photos": 160,
        "right": [i < right for i in range(100)],
        "training": {"seconds": seconds, "processor": 2 * seconds, "megabytes": 900.0},
        "first": [1.0, 2.0, 3.0],
        "rate": [100.0, 110.0],
        "predicting megabytes": 300.0,
    } | more


def test_tables_show_intervals_ratios_and_failures() -> None:
    rows = [row("clothes, Sequential", 80), row("Keras tutorial", 60, seconds=35, first=[4.0, 4.0, 6.0])]
    text = peers_report.tables([*rows, {"way": "AutoGluon", "data": "all", "round": 0, "error": "no weights"}])
    assert "| Keras tutorial | 5 | 0.600 (0.502 to 0.691) | 35 | 70 | 4.00 | 105 | 900, 300 |" in text
    assert "| Keras tutorial | -20.0 | 1.9e-06 | 3.5 | 2 (1.3 to 6) | 1 (0.91 to 1.1) | 1 |" in text
    assert "| **clothes, Sequential** | 1.2 | nothing | 1,234 | 2 | yes |" in text
    assert text.endswith("AutoGluon, all: failed: no weights")


def test_seconds_beside_other_work_are_not_shown() -> None:
    rows = [row("clothes, Sequential", 80), row("Keras tutorial", 60, seconds=35, load=9.0)]
    text = peers_report.tables(rows)
    assert "| Keras tutorial | 5 | 0.600 (0.502 to 0.691) | – | 70 | – | – | 900, 300 |" in text
    assert "| Keras tutorial | -20.0 | 1.9e-06 | – | – | – | 1 |" in text
    assert "| **clothes, Sequential** | 5 | 0.800 (0.711 to 0.867) | 10 | 20 | 2.00 | 105 | 900, 300 |" in text


def test_labels_of_equal_points_do_not_cover_each_other() -> None:
    assert peers_report.spread_out([0.5, 0.9, 0.5, 0.52], 0.03) == pytest.approx([0.5, 0.9, 0.53, 0.56])


def test_plots_name_every_way(tmp_path: Path) -> None:
    ways = {"clothes, quick": 5, "Ultralytics": 300}
    rows = [row(name, 70, data=data, seconds=seconds) for name, seconds in ways.items() for data in ("all", "few")]
    peers_report.draw_plots(rows, tmp_path)
    for name in ("peers.svg", "peers-few.svg"):
        drawn = (tmp_path / name).read_text(encoding="utf-8")
        assert "clothes, quick" in drawn and "Ultralytics" in drawn


def test_a_row_that_is_there_is_not_measured_again(photos: peers.PARTED, tmp_path: Path) -> None:
    out = tmp_path / "peers.json"
    out.write_text('[{"way": "Ultralytics", "data": "few", "round": 0, "error": "x"}]', encoding="utf-8")
    words = [str(tmp_path), "--out", str(out), "--only", "Ultralytics", "--data", "few"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", *words], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert len(peers.read(out)) == 1
