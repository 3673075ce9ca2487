"""Photos of a folder or list in parts, and the answers about them, without Ray."""

import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("pyarrow", reason="many photos need the extra 'ray'")

import pyarrow as pa
import pyarrow.parquet as pq

import clothes
from clothes.errors import BundleError, ClothesError, PhotosError, RunError
from clothes.inference.bundle import MODEL, read_bundle
from clothes.inference.classifier import BUNDLED
from clothes.inference.many import answers as answers_module
from clothes.inference.many import ray_engine
from clothes.inference.many.answers import LIST, Answers, open_answers
from clothes.inference.many.photo_list import find_photos
from clothes.inference.many.ray_engine import Part, stop_at_failures
from clothes.inference.many.task import LabelTask
from clothes.photos.folders import Skipped
from tests.support.many_photos import BROKEN, answer_here, check_rows, labels, make_some_broken, rows
from tests.support.pictures import make_photos, photo


def answer_all(answers: Answers) -> list[int]:
    """Answers the missing parts here. Returns them."""
    missing = answers.missing()
    for part in missing:
        answers.write(part, answer_here(labels(), answers.photos(part)))
    return missing


def test_each_photo_of_a_folder_has_a_row_and_a_broken_one_its_reason(tmp_path: Path) -> None:
    photos = make_some_broken(tmp_path / "photos" / "deeper", photos=23)
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    (tmp_path / "photos" / ".hidden.png").write_bytes(BROKEN)
    with open_answers(str(tmp_path / "out"), str(tmp_path / "photos"), labels(), part_photos=10) as (answers, skipped):
        assert answers.parts == [10, 10, 3]
        assert answer_all(answers) == [0, 1, 2]
        assert answers.count_missing() == 0
    assert sorted((item.path, item.reason) for item in skipped) == [
        (".hidden.png", "hidden"),
        ("notes.txt", "not a photo by its name"),
    ]
    found = rows(tmp_path / "out")
    check_rows(found, photos, broken=1)
    expected = clothes.load().predict(photos[0])
    row = next(row for row in found if row["photo"] == photos[0])
    assert (row["label"], row["known"], row["scores"]) == (expected.label, expected.known, expected.scores)
    assert row["confidence"] == expected.confidence


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_names_paths_and_addresses_each_once(tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["a b.jpg", "./a b.jpg", "", "s3://shop/Ärmel #1?.jpg", str(tmp_path / "a b.jpg"), "gs://x/y"]
    (tmp_path / "list.txt").write_bytes(end.join(lines).encode() + b"\n\xff.jpg")
    skipped: list[Skipped] = []
    expected = [str(tmp_path / "a b.jpg"), "s3://shop/Ärmel #1?.jpg", "gs://x/y"]
    assert list(find_photos("list.txt", skipped)) == expected
    assert [item.path for item in skipped] == ["\\xff.jpg"]
    pq.write_table(pa.table({"shop": ["x"] * len(lines), "path": lines}), "list.parquet")
    assert list(find_photos("list.parquet", skipped)) == expected
    pq.write_table(pa.table({"where": lines}), "one.parquet")
    assert list(find_photos("one.parquet", skipped)) == expected
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):  # of Polars and pandas
        pq.write_table(pa.table({"path": pa.array(lines, kind)}), "other.parquet")
        assert list(find_photos("other.parquet", skipped)) == expected


def test_an_address_that_no_worker_can_read_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("s3://shop/1.jpg\nhttps://shop/2.jpg\n")
    with pytest.raises(ClothesError, match="https://shop/2"):
        list(find_photos(str(tmp_path / "list.txt"), []))


@pytest.mark.parametrize("address", ["s3://", "gs:///", "a\udcff"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ClothesError, match=r"cannot be read\. Name|is not UTF-8"):
        list(find_photos(address, []))


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None])
def test_a_damaged_list_of_the_photos_is_said(tmp_path: Path, content: bytes | None) -> None:
    make_photos(tmp_path / "photos", each=1)
    (tmp_path / "out").mkdir()
    if content is not None:
        (tmp_path / "out" / LIST).write_bytes(content)
    else:
        pq.write_table(pa.table({"photo": ["a"]}), tmp_path / "out" / LIST, store_schema=False)
    with (
        pytest.raises(RunError, match="Give another --out"),
        open_answers(str(tmp_path / "out"), str(tmp_path / "photos"), labels()),
    ):
        pass


@pytest.mark.parametrize("kind", ["columns", "no text", "damaged", "nothing", "empty folder", "empty list"])
def test_a_source_without_photos_is_an_error_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    if kind == "columns":
        pq.write_table(pa.table({"shop": ["x"], "item": ["y"]}), source)
    elif kind == "empty folder":
        source.mkdir()
    elif kind != "nothing":
        source.write_bytes({"no text": b"\xff\xfeb", "damaged": b"PAR1", "empty list": b"\n\n"}[kind])
    with (
        pytest.raises(PhotosError, match=r"Name a .*(folder|file)"),
        open_answers(str(tmp_path / "out"), str(source), labels()),
    ):
        pass
    assert not list((tmp_path / "out").iterdir())


def test_the_same_photos_go_on_and_nothing_is_answered_twice(tmp_path: Path) -> None:
    photos = make_some_broken(tmp_path / "photos", photos=12)
    given = str(tmp_path / "out"), str(tmp_path / "photos"), labels()
    with open_answers(*given, part_photos=4) as (answers, _):
        answers.write(1, answer_here(labels(), answers.photos(1)))
    part = tmp_path / "out" / "part-000001.parquet"
    written = part.stat().st_mtime_ns
    (tmp_path / "out" / "part-000002.parquet").touch()  # as some buckets show an object that is being written
    (tmp_path / "out" / ".making-0123").touch()  # as a killed process leaves it
    make_photos(tmp_path / "photos", each=1)  # the photos of the first start are asked about
    with open_answers(*given, part_photos=4) as (answers, skipped):
        assert answers.count_missing() == 8
        assert answer_all(answers) == [0, 2]
        assert skipped == []
    assert part.stat().st_mtime_ns == written
    check_rows(rows(tmp_path / "out"), photos, broken=1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        LIST,
        *(f"part-{part:06}.parquet" for part in range(3)),
    ]


def test_other_photos_another_model_and_another_process_are_refused(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", each=1)
    make_photos(tmp_path / "more", each=1)
    out, photos, model = str(tmp_path / "out"), str(tmp_path / "photos"), labels()
    bundle = read_bundle(BUNDLED)
    other = LabelTask.of(type(bundle)(bundle.path, bundle.info | {"threshold": 0.123}))
    with (
        open_answers(out, photos, model),
        pytest.raises(RunError, match="Another process"),
        open_answers(out, photos, model),
    ):
        pass
    for source, by, reason in ((str(tmp_path / "more"), model, "another source"), (photos, other, "another model")):
        with pytest.raises(RunError, match=reason), open_answers(out, source, by):
            pass
    (tmp_path / "out" / LIST).rename(tmp_path / "out" / "part-000000.parquet")
    with pytest.raises(RunError, match="without the list"), open_answers(out, photos, model):
        pass


def test_a_bucket_that_does_not_answer_is_no_broken_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(photo: str) -> bytes:
        raise OSError("connection reset")

    monkeypatch.setattr(answers_module, "read_photo", read)
    with pytest.raises(OSError, match="connection reset"):
        answer_here(labels(), ["s3://shop/1.jpg"])


def test_a_folder_that_a_machine_does_not_see_is_no_answer(tmp_path: Path) -> None:
    photos = make_some_broken(tmp_path / "photos", photos=2)
    one_is_left = answer_here(labels(), [*photos, "/none/1.png"])
    assert one_is_left["code"].to_pylist() == [None, None, "missing"]
    with pytest.raises(OSError, match=r"/none/1\.png is missing on this machine"):
        answer_here(labels(), ["/none/1.png", "/none/2.png"])


def test_it_stops_when_most_parts_fail_and_not_for_some() -> None:
    good, bad = Part(500, 0, ""), Part(0, 0, "The bucket is closed.")
    some = [good, bad] * 4 + [good] * 3 + [bad, good] * 4
    assert list(stop_at_failures(some)) == some
    tried = stop_at_failures([good, good, good, *[bad] * 100])
    assert len([next(tried) for _ in range(7)]) == 7
    with pytest.raises(ClothesError, match=r"The bucket is closed\. So did 5 parts of 8"):
        next(tried)


@pytest.mark.parametrize("mode", ["", "token"])
def test_a_cluster_that_lets_nobody_in_says_what_to_set(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    def init(**_: object) -> None:
        raise ConnectionError("ray client connection timeout\nat ...")

    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    if mode:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    hint = "" if mode else " If it has a token, set RAY_AUTH_MODE=token."
    with pytest.raises(ClothesError) as raised:
        ray_engine._start(SimpleNamespace(init=init), "ray://head:10001")
    assert str(raised.value) == f"No Ray cluster can be used at ray://head:10001: ray client connection timeout.{hint}"


def test_a_model_travels_by_content_and_is_tried_where_it_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path))
    task: LabelTask = pickle.loads(pickle.dumps(labels()))
    answer = task.load()
    assert list(tmp_path.glob("models/*")), "it was not tried"
    content = photo(0)
    expected = clothes.load().predict(content)
    assert answer(content) == {
        "label": expected.label,
        "confidence": expected.confidence,
        "known": expected.known,
        "scores": expected.scores,
    }
    with pytest.raises(BundleError, match="checksum mismatch"):
        replace(task, files=task.files | {MODEL: task.files[MODEL][:-1] + b"?"}).load()
