"""sources.csv and its journal: foreign text, tables that people changed, full disks, and any kill."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from clothes.collection import provenance
from clothes.collection.collect import collect_folder
from clothes.collection.photo_store import Store, examine
from clothes.collection.provenance import COLUMNS, Origin, Sources
from clothes.errors import PhotosError
from tests.support.photo_folders import below, rows
from tests.support.pictures import draw, encode, make_photos

KILLS = os.environ.get("CLOTHES_KILLS", "20")


def test_what_others_wrote_stays_one_cell_and_no_formula(tmp_path: Path) -> None:
    about = Origin(
        "https://x.test/1.jpg", "CC BY 2.0", '=HYPERLINK("http://evil")', 'Hat, "red"\r\n\x1b[2J\ud800', "p" * 9000
    )
    with Store(tmp_path) as store:
        store.put(examine(encode(draw("bar", 0), "PNG"), name="x"), "hat", about)
    (row,) = rows(tmp_path)
    assert row["author"] == '\'=HYPERLINK("http://evil")'
    assert row["title"] == 'Hat, "red"???[2J?'
    assert (row["licence"], len(row["page"])) == ("CC BY 2.0", 2000)
    with Store(tmp_path) as store:
        assert store.knows("https://x.test/1.jpg", "hat")


def test_a_table_that_a_person_edited_is_kept(tmp_path: Path) -> None:
    collect_folder(make_photos(tmp_path / "a", each=1), into=tmp_path / "photos")
    table = tmp_path / "photos" / "sources.csv"
    edited = b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n").rstrip()
    table.write_bytes(edited)
    collect_folder(make_photos(tmp_path / "b", each=1, seed=1000), into=tmp_path / "photos")
    assert table.read_bytes().startswith(edited + b"\n")
    assert table.read_bytes().count(b"\n") == 7
    collect_folder(tmp_path / "b", into=tmp_path / "photos")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_that_a_spreadsheet_saved_is_kept(tmp_path: Path, encoding: str, separator: str) -> None:
    collect_folder(make_photos(tmp_path / "a", each=2), into=tmp_path / "photos")
    table = tmp_path / "photos" / "sources.csv"
    before = rows(tmp_path / "photos")
    table.write_bytes(table.read_text().replace(",", separator).replace("\n", "\r\n").encode(encoding))
    result = collect_folder(make_photos(tmp_path / "b", each=1, seed=1000), into=tmp_path / "photos")
    assert sum(result.new.values()) == 3
    assert rows(tmp_path / "photos")[:6] == before
    assert sum(collect_folder(tmp_path / "a", into=tmp_path / "photos").already.values()) == 6


def test_class_names_are_no_formulas_in_the_table(tmp_path: Path) -> None:
    for i, name in enumerate(("=1+1", "+a", "-a", "@a")):
        (tmp_path / str(i)).mkdir()
        draw("bar", i).save(tmp_path / str(i) / "1.png")
        collect_folder(tmp_path / str(i), into=tmp_path / "photos", label=name)
    files = [row["file"] for row in rows(tmp_path / "photos")]
    assert {file.partition("/")[0] for file in files} == {"'=1+1", "'+a", "'-a", "'@a"}
    with Sources(tmp_path / "photos") as sources:
        assert set(sources.files.values()) == {file.removeprefix("'") for file in files}


@pytest.mark.parametrize("text", ["", "a;b\n", "photo,class\n", ",".join(COLUMNS) + "\nbar/1.png,0\n", "\xff\xfe"])
def test_another_table_of_that_name_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    source = make_photos(tmp_path / "a", each=1)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "sources.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(PhotosError, match=r"sources\.csv.*(a new one is made|Correct or remove)"):
        collect_folder(source, into=tmp_path / "photos")
    assert below(tmp_path / "photos") == {"sources.csv": text.encode("latin-1")}


def test_a_removed_photo_comes_back_from_a_folder_with_its_one_row(tmp_path: Path) -> None:
    source = make_photos(tmp_path / "a", each=1)
    collect_folder(source, into=tmp_path / "photos")
    before = below(tmp_path / "photos")
    next((tmp_path / "photos" / "bar").iterdir()).unlink()
    assert collect_folder(source, into=tmp_path / "photos").new == {"bar": 1}
    assert below(tmp_path / "photos") == before


def test_a_name_that_is_taken_is_not_overwritten(tmp_path: Path) -> None:
    data = encode(draw("bar", 0), "PNG")
    sha256 = hashlib.sha256(data).hexdigest()
    (tmp_path / "hat").mkdir()
    (tmp_path / "hat" / f"{sha256[:16]}.png").write_bytes(b"mine")
    with Store(tmp_path) as store:
        store.put(examine(data, name="x"), "hat", Origin("x"))
    assert (tmp_path / "hat" / f"{sha256[:16]}.png").read_bytes() == b"mine"
    assert (tmp_path / "hat" / f"{sha256[:32]}.png").read_bytes() == data


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    with Store(tmp_path):
        failed: list[PhotosError] = []

        def second() -> None:
            try:
                Store(tmp_path)
            except PhotosError as error:
                failed.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "Another program" in str(failed[0])
    with Store(tmp_path):
        pass


def test_a_journal_that_names_files_elsewhere_touches_none(tmp_path: Path) -> None:
    (tmp_path / "photos" / "hat").mkdir(parents=True)
    (tmp_path / ".making-mine.jpg").write_bytes(b"mine")
    line = f"../mine.jpg,{hashlib.sha256(b'mine').hexdigest()},,,,,,\n"
    absolute = f"{tmp_path}/mine.jpg,{hashlib.sha256(b'mine').hexdigest()},,,,,,\n"
    (tmp_path / "photos" / ".collecting.csv").write_text(line + absolute + "hat\n\nhat/x.jpg,")
    with Store(tmp_path / "photos"):
        pass
    assert below(tmp_path).keys() == {".making-mine.jpg", "photos/sources.csv"}


def test_what_lies_in_the_place_of_a_temporary_file_is_not_written(tmp_path: Path) -> None:
    """A foreign folder may hold links there, and a remainder whose journal is lost is no reason to stop."""
    data = encode(draw("bar", 1), "PNG")
    name = f".making-{hashlib.sha256(data).hexdigest()[:16]}.png"
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "photos" / "hat").mkdir(parents=True)
    for place in (tmp_path / "photos" / ".making-sources.csv", tmp_path / "photos" / "hat" / name):
        place.symlink_to(tmp_path / "mine")
    with Store(tmp_path / "photos") as store:
        assert store.put(examine(data, name="1.png"), "hat", Origin("camera")) is not None
    assert below(tmp_path).keys() == {"mine", "photos/sources.csv", f"photos/hat/{name.removeprefix('.making-')}"}
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_journal_without_an_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / ".collecting.csv").open("wb") as file:
        file.truncate(30_000_000_000)
    with pytest.raises(PhotosError, match=r"collecting\.csv is longer than any journal of clothes\. Remove it\."):
        Store(tmp_path)


def test_a_folder_that_the_table_may_not_name_gets_no_photo(tmp_path: Path) -> None:
    """Its row would be refused by each later command."""
    for label in ("hat", "coat"):
        (tmp_path / "a\\..\\b" / label).mkdir(parents=True)
        (tmp_path / "a\\..\\b" / label / "1.png").write_bytes(encode(draw("frame", len(label)), "PNG"))
    photo = examine(encode(draw("bar", 1), "PNG"), name="1.png")
    with Store(tmp_path) as store, pytest.raises(PhotosError, match="leads elsewhere on some systems"):
        store.put(photo, "hat", Origin("camera"))
    with Store(tmp_path):
        assert len(rows(tmp_path)) == 0


def test_a_full_disk_leaves_whole_photos_and_their_rows(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys\n"
        "from clothes.collection.collect import collect_folder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))\n"  # larger files end with EFBIG
        "collect_folder(sys.argv[1], into=sys.argv[2])\n"
    )
    source = make_photos(tmp_path / "mine", each=20, shapes=("bar",))
    photos = tmp_path / "photos"
    done = subprocess.run([sys.executable, "-c", code, str(source), str(photos)], capture_output=True, text=True)
    assert "cannot be written: File too large. The photos before it are kept." in done.stderr
    collect_folder(source, into=photos)
    table = {row["file"]: row["sha256"] for row in rows(photos)}
    assert table == {
        path.relative_to(photos).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in photos.glob("*/*")
    }
    assert len(table) == 20


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("how", ["lines", KILLS])
def test_a_kill_at_any_moment_leaves_whole_photos_and_their_rows(memory_path: Path, how: str) -> None:
    command = [sys.executable, "-m", "tests.support.killed_collecting", str(memory_path), how]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["kills"] >= (200 if how == "lines" else int(KILLS))
    assert counts["photos"] > 0
    if how == "lines":
        assert counts["settled"] > 0  # those that hit between a photo and its row
    else:
        print(f"{counts['kills']} random kills, {counts['settled']} settled by the next start")


def test_the_journal_of_a_large_collection_is_emptied_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "_LONG", 300)
    source, journal = make_photos(tmp_path / "a", each=4), tmp_path / "photos" / ".collecting.csv"
    sizes = []
    collect_folder(source, into=tmp_path / "photos", progress=lambda *_: sizes.append(journal.stat().st_size))
    assert 100 < max(sizes) < 600
    assert len(rows(tmp_path / "photos")) == len(below(source))


SHA256 = hashlib.sha256(b"mine").hexdigest()


@pytest.mark.parametrize(
    "name",
    [
        *("hat", "hat/", "mine.jpg", "hat/mine.jpg", "sources.csv", ".collecting.csv", ".", "", "hat/\0.jpg"),
        *("hat/" + "x" * 3000, f"../{SHA256[:16]}.jpg", f"hat/../../{SHA256[:16]}.jpg", f"none/{SHA256[:16]}.jpg"),
        *(f"hat\\..\\..\\{SHA256[:16]}.jpg", f"hat/{SHA256[:4]}.jpg", f"hat/{SHA256}" + "x" * 300, '"' * 3, "\udcff"),
    ],
)
def test_a_journal_of_others_changes_nothing(tmp_path: Path, name: str) -> None:
    photos = tmp_path / "photos"
    (photos / "hat").mkdir(parents=True)
    for path in (photos / "hat" / "mine.jpg", photos / "hat" / ".making-mine.jpg", photos / ".making-mine.jpg"):
        path.write_bytes(b"mine")
    with Store(photos):
        pass
    before = below(tmp_path)
    line = f"{name},{SHA256},,,,,,\n".encode("utf-8", "surrogateescape")
    for journal in (line, line * 3, b"\0" * 100 + b"\n" + line, line + b'"\n' + line, line.replace(b",", b";")):
        (photos / ".collecting.csv").write_bytes(journal)
        with Store(photos):
            pass
        assert below(tmp_path) == before


@pytest.mark.parametrize("name", ["/etc/hostname", "../x.jpg", "hat/../../x.jpg", "C:\\x.jpg", "\\\\server\\x.jpg", ""])
def test_a_table_that_names_files_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with (tmp_path / "sources.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, (name, SHA256, "https://x.test/1", *[""] * 5)])
    before = below(tmp_path)
    with pytest.raises(PhotosError, match=r"sources\.csv, line 2: .* is no photo below it\. Correct or remove it\."):
        Store(tmp_path)
    assert below(tmp_path) == before
