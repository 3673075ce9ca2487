"""Damaged and hostile JSON files raise an error that names the file; names of files stay below their folder."""

import contextlib
import csv
import io
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import numpy as np
import pytest

import clothes
from clothes.collection.photo_store import Store
from clothes.config import Config
from clothes.errors import ClothesError
from clothes.evaluation.results import read_evaluation, read_predictions
from clothes.inference.bundle import read_bundle
from clothes.system.validation import check_type, parse_json, stays_below
from clothes.web.corrections import read_correction
from tests.support.commands import run_command

MADE = Path(__file__).parents[1] / "data" / "made-by-0.1.0"
CHECKPOINT = MADE / "interrupted" / "checkpoints" / "epoch-000010"


def read_manifest(path: Path) -> object:
    from clothes.training.checkpoints import read_checkpoints

    described = json.loads((CHECKPOINT / "manifest.json").read_text())["arrays"]
    like = {part: [np.zeros(shape, kind) for kind, shape in values] for part, values in described.items()}
    return next(read_checkpoints(path.parent, of={}, like=like))


def read_key(path: Path) -> object:
    from clothes.collection.drive.auth import service_credentials

    return service_credentials("drive.file", path / "key.json")


def read_client(path: Path) -> object:
    from clothes.collection.drive.auth import _client

    return _client(path / "client.json")


# The name of each JSON file, and a function that reads it in a folder.
READERS: dict[str, Callable[[Path], object]] = {
    "bundle.json": read_bundle,
    "run.json": lambda folder: clothes.Run.open(folder).info,
    "config.json": lambda folder: Config.read(folder / "config.json"),
    "evaluation.json": read_evaluation,
    "manifest.json": read_manifest,
    "correction.json": read_correction,
    "key.json": read_key,
    "client.json": read_client,
}
# Contents that JSON readers accept, or fail on with other errors than ValueError.
HOSTILE = {
    "empty": b"",
    "cut off": b'{"photos": ',
    "no object": b"[]",
    "bytes": b"\xff\xfe\x00\xd8",
    "NUL": b'{"photos": "a\\u0000b", "finished": null}',
    "half a surrogate pair": b'{"photos": "\\ud800", "finished": null}',
    "NaN": b'{"photos": NaN}',
    "infinity": b'{"photos": -Infinity}',
    "1e400": b'{"photos": 1e400}',
    "10^400": b'{"photos": 1' + b"0" * 400 + b"}",
    "5,000 digits": b'{"photos": ' + b"9" * 5000 + b"}",
    "nested in 40": b'{"photos": ' + b"[" * 40 + b"]" * 40 + b"}",
    "nested in 100,000": b"[" * 100_000,
    "list for a number": b'{"format": [1], "photos": [1], "of": [1], "installed": [1], "model": [1], "files": [1]}',
    "17 MB": b" " * 17_000_000,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one valid file of each kind, without checksums."""
    path = tmp_path / "checkpoints" / "epoch-1"
    shutil.copytree(MADE / "finished", path)
    shutil.copytree(path / "bundle", path, dirs_exist_ok=True)
    shutil.copytree(CHECKPOINT, path, dirs_exist_ok=True)
    for name in ("bundle.json", "manifest.json"):
        info = json.loads((path / name).read_text())
        del info["sha256"]
        (path / name).write_text(json.dumps(info))
    (path / "photo.png").write_bytes(b"")
    checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    answer = {"label": "hat", "confidence": 0.5, "known": False}
    correction = {"when": "2026-01-01", "label": "hat", "answer": answer, "files": {"photo.png": checksum}}
    (path / "correction.json").write_text(json.dumps(correction))
    (path / "client.json").write_text(json.dumps({"installed": {"client_id": "a", "auth_uri": "https://b"}}))
    (path / "key.json").write_text(json.dumps({"client_email": "a@b", "token_uri": "https://b", "private_key": "c"}))
    return path


def is_refused(name: str, folder: Path) -> bool:
    """Whether the file is refused by an error that names it. Any other exception fails the test."""
    try:
        READERS[name](folder)
    except ClothesError as error:
        assert any(place in str(error) for place in (name, folder.name, "the correction")), error
        assert len(str(error)) < 1500
        return True
    return False


@pytest.mark.parametrize("name", READERS)
def test_hostile_file_is_refused_by_name(folder: Path, name: str) -> None:
    if name in ("key.json", "client.json"):
        pytest.importorskip("google_auth_oauthlib", reason="Drive needs its extra")
    for kind, content in HOSTILE.items():
        (folder / name).write_bytes(content)
        assert is_refused(name, folder), kind


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All (container, key) of a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_value_in_a_file_raises_another_error(folder: Path, name: str) -> None:
    """50 values are replaced by each odd one, then 1,000 times some bytes are changed."""
    original = (folder / name).read_bytes()
    data = json.loads(original)
    odd = ["NaN", "1e999", "-1", "0", "1" * 19, "1" * 500, "1.5", '""', '"\\ud800"', '"x"', "[]", "{}", "[[0]]", "null"]
    accepted = refused = 0
    rng, found = random.Random(0), list(places(data))
    for container, key in rng.sample(found, min(len(found), 50)):
        kept = container[key]
        for value in (*odd, "true", '{"a": 1}', "9" * 5000, "[" * 50 + "]" * 50):
            container[key] = "REPLACED"
            (folder / name).write_text(json.dumps(data).replace('"REPLACED"', value))
            if is_refused(name, folder):
                refused += 1
            else:
                accepted += 1
                if name == "bundle.json":
                    result = run_command("info", folder)
                    assert result.status in (0, 1), result.err
        container[key] = kept
    for _ in range(1000):
        changed = bytearray(original)
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(changed))] = rng.choice(b'{}[]",:0123456789eEnN-\\\x00\xff ')
        (folder / name).write_bytes(changed)
        is_refused(name, folder)
    print(f"{name}: {refused} values refused, {accepted} accepted")


class Example(TypedDict):
    count: int
    share: NotRequired[float | None]
    sizes: NotRequired[tuple[int, int]]
    parts: NotRequired[dict[str, list[str]]]
    kind: NotRequired[Literal["a", "b"]]
    few: NotRequired[Annotated[int, (1, 3)] | None]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"count": 1, "share": 1, "sizes": [1, 2], "parts": {"a": ["b"]}, "kind": "a", "more": [None]}, None),
        ({"count": 1, "share": None}, None),
        ([], "it must be an object; got []"),
        ({}, "count is missing"),
        ({"count": True}, "count must be an integer; got True"),
        ({"count": 1.0}, "count must be an integer; got 1.0"),
        ({"count": 1, "share": "x"}, "share must be a number or null; got 'x'"),
        ({"count": 1, "sizes": [1]}, "sizes must be 2 values, each an integer; got [1]"),
        ({"count": 1, "sizes": [1, "x"]}, "sizes must be an integer; got 'x'"),
        ({"count": 1, "parts": {"a": [1]}}, "parts.a must be text; got 1"),
        ({"count": 1, "few": 3}, None),
        ({"count": 1, "few": 4}, "few must be an integer from 1 to 3 or null; got 4"),
        ({"count": 1, "kind": []}, "kind must be one of 'a', 'b'; got []"),
    ],
)
def test_types_of_json_values(value: object, problem: str | None) -> None:
    if problem is None:
        check_type(value, Example)
    else:
        with pytest.raises(ValueError) as caught:
            check_type(value, Example)
        assert str(caught.value) == problem


def test_json_may_have_a_byte_order_mark_and_any_plain_text() -> None:
    text = '\ufeff{"größe": [1, -2.5e3, true, null, "👕\\u00e9\\ud83d\\udc55"]}'
    assert parse_json(text.encode()) == {"größe": [1, -2500.0, True, None, "👕é👕"]}


@pytest.mark.parametrize("name", ["hat/a.jpg", "hat/.a..b.jpg", "t:shirt/ä 👕.jpg", "c:d.jpg", "..a/b", "a\\b.jpg"])
def test_names_below_the_folder(name: str) -> None:
    assert stays_below(name)


OUTSIDE = ["", "/etc/passwd", "../a.jpg", "hat/../../a", "..", "\\a", "..\\a", "C:\\a", "c:/a", "\\\\host\\a", "a\0b"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_elsewhere(name: str) -> None:
    assert not stays_below(name)


@pytest.mark.parametrize(("file", "column"), [("predictions.csv", 0), ("split.csv", 0), ("split.csv", 1)])
def test_no_table_of_a_run_leads_out_of_its_photos(folder: Path, file: str, column: int) -> None:
    """A report shows the photos that predictions.csv and split.csv name, and a split is copied by its class names."""
    run = clothes.Run(folder)
    for name in OUTSIDE:
        original = (folder / file).read_bytes()
        rows = list(csv.reader(io.StringIO(original.decode("utf-8-sig"))))
        rows[3][column] = name
        with (folder / file).open("w", newline="") as changed:
            csv.writer(changed).writerows(rows)
        with pytest.raises(ClothesError, match=file):
            read_predictions(folder) if file == "predictions.csv" else run.split
        (folder / file).write_bytes(original)
    assert len(read_predictions(folder)) == 9 and len(run.split.rows) == 42


@pytest.mark.parametrize(
    ("file", "column", "read"),
    [
        ("predictions.csv", 3, read_predictions),
        ("predictions.csv", 5, read_predictions),
        ("history.csv", 2, lambda folder: clothes.Run(folder).history),
    ],
)
def test_no_table_of_a_run_has_odd_numbers(
    folder: Path, file: str, column: int, read: Callable[[Path], object]
) -> None:
    for value in ("nan", "inf", "-Infinity", "1e308", "1e999", "9" * 5000, "x", "", "\0", "\ud800"):
        original = (folder / file).read_bytes()
        rows = list(csv.reader(io.StringIO(original.decode("utf-8-sig"))))
        rows[3][column] = value
        with (folder / file).open("w", newline="", encoding="utf-8", errors="surrogatepass") as changed:
            csv.writer(changed).writerows(rows)
        with pytest.raises(ClothesError, match=file):
            read(folder)
        (folder / file).write_bytes(original)


SOURCES = b"file,sha256,origin,when,licence,author,title,page\n"
# The name of each table, and a function that reads it in a folder.
TABLES: dict[str, Callable[[Path], object]] = {
    "split.csv": lambda folder: clothes.Run(folder).split,
    "history.csv": lambda folder: clothes.Run(folder).history,
    "predictions.csv": read_predictions,
    "sources.csv": lambda folder: Store(folder).__exit__(None, None, None),
    ".collecting.csv": lambda folder: Store(folder).__exit__(None, None, None),
}
ODD_LINES = {
    "NUL": b"hat/\0.jpg,0,,,,,,\n",
    "surrogate": b"hat/\xed\xa0\x80.jpg,0,,,,,,\n",
    "not UTF-8": b"hat/\xff.jpg,0,,,,,,\n",
    "long cell": b"hat/" + b"a" * 200_000 + b".jpg,0,,,,,,\n",
    "long name": b"hat/" + b"a" * 3000 + b".jpg,0,,,,,,\n",
    "open quote": b'"hat/a.jpg,0,,,,,,\n',
    "a folder": b"hat,0,,,,,,\n",
    "itself": b"sources.csv,0,,,,,,\n.collecting.csv,0,,,,,,\n.,0,,,,,,\n",
    "carriage returns": b"\r\r\rhat/a.jpg\r,0,,,,,,\n",
    "no table": b"\x89PNG\r\n\x1a\n",
    "one cell": b"hat\n",
    "empty": b"",
}


def read_table(name: str, folder: Path) -> None:
    """Reads a table. Any error but a ClothesError fails the test."""
    with contextlib.suppress(ClothesError):
        TABLES[name](folder)


@pytest.mark.parametrize("name", TABLES)
def test_odd_lines_of_a_table_raise_no_other_error(folder: Path, name: str) -> None:
    (folder / "hat").mkdir()
    original = (folder / name).read_bytes() if (folder / name).exists() else SOURCES
    for line in ODD_LINES.values():
        for content in (line, original + line, original.replace(b"\n", b"\n" + line, 1)):
            (folder / name).write_bytes(content)
            read_table(name, folder)


@pytest.mark.skipif(sys.platform == "win32", reason="makes links and pipes")
@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_a_pipe_or_leads_to_a_device_is_refused(folder: Path, name: str) -> None:
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
        with pytest.raises((ClothesError, OSError), match=name):
            TABLES[name](folder)


@pytest.mark.skipif(sys.platform == "win32", reason="makes links")
def test_a_journal_that_is_a_link_empties_no_file(folder: Path) -> None:
    (folder / ".collecting.csv").symlink_to(folder / "split.csv")
    with pytest.raises(ClothesError, match="is a link"):
        Store(folder)
    assert len(clothes.Run(folder).split.rows) == 42


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_damaged_tables_raise_no_other_error(folder: Path, name: str) -> None:
    (folder / "hat").mkdir()
    original = (folder / name).read_bytes() if (folder / name).exists() else SOURCES + b"hat/a.jpg,0,,,,,,\n" * 3
    rng = random.Random(0)
    for _ in range(1000):
        changed = bytearray(original)
        for _ in range(rng.randint(1, 5)):
            changed[rng.randrange(len(changed))] = rng.choice(b',"\n\r\x00\xff/\\.:=-9e')
        (folder / name).write_bytes(changed)
        read_table(name, folder)
