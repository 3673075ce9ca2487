"""split.csv is written once, read from any spreadsheet, and never a traceback."""

from pathlib import Path

import pytest

import clothes
from clothes.config import SplitConfig
from clothes.errors import SplitError
from clothes.photos.split_file import Split
from tests.support.pictures import make_photos
from tests.support.splits import make, paint


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("split") / "photos", each=30)


def test_written_and_read_again(photos: Path, tmp_path: Path) -> None:
    split = clothes.split(photos)
    path = tmp_path / "split.csv"
    split.write(path)
    split.write(path)
    assert Split.read(path, photos) == split
    assert path.read_text().splitlines()[0] == "photo,class,part,group,sha256"
    with pytest.raises(SplitError, match="another split"):
        clothes.split(photos, config=SplitConfig(seed=3)).write(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the line"),
        ("photo,class\n", "must begin with the line"),
        ("photo,class,part,group,sha256\na.jpg,hat,holdout,,0\n", "line 2"),
        ("photo,class,part,group,sha256\na.jpg,hat,train,,0\na.jpg,hat,test,,0\n", "line 3"),
        ("photo,class,part,group,sha256\n../a.jpg,hat,train,,0\n", "line 2"),
        *(
            (f"photo,class,part,group,sha256\na.jpg,{name},train,,0\n", "line 2: .* is not the name of a class folder")
            for name in (".", "..", "./", ".hidden", "a/b", "/", "..\\a")
        ),
    ],
)
def test_a_damaged_split_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(SplitError, match=message):
        Split.read(path, tmp_path)


def test_names_in_any_script_survive_the_file_and_a_spreadsheet(tmp_path: Path) -> None:
    names = ["blue, long.png", 'the "best".png', "платье.png", "ドレス.png", "l'été.png", "=1+1.png"]
    photos = make(tmp_path / "photos", {"dress": 10})
    for i, name in enumerate(names):
        paint(100 + i).save(photos / "dress" / name)
    result = clothes.split(photos)
    result.write(tmp_path / "split.csv")
    assert Split.read(tmp_path / "split.csv", photos) == result
    assert {f"dress/{name}" for name in names} < {row.photo for row in result.rows}
    (tmp_path / "split.csv").write_bytes(b"\xef\xbb\xbf" + result.to_csv().replace("\n", "\r\n").encode())
    assert Split.read(tmp_path / "split.csv", photos) == result


def test_what_is_no_split_is_neither_overwritten_nor_a_traceback(tmp_path: Path) -> None:
    result = clothes.split(make(tmp_path / "photos", {"dress": 3}))
    (tmp_path / "photo.bin").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(SplitError, match="holds another split"):
        result.write(tmp_path / "photo.bin")
    assert (tmp_path / "photo.bin").read_bytes() == b"\xff\xd8\xff"
    for where in ("photos", "no/such/folder/split.csv"):
        with pytest.raises(SplitError, match=r"cannot be written to .* Name a place: --out"):
            result.write(tmp_path / where)
    for content in (b"\xff\xfe\x00", b"a\x00b"):
        (tmp_path / "split.csv").write_bytes(content)
        with pytest.raises(SplitError):
            Split.read(tmp_path / "split.csv", tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_split_that_a_spreadsheet_saved_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    result = clothes.split(make(tmp_path / "photos", {"Hüte": 10, "dress": 10}))
    text = result.to_csv().replace(",", delimiter).replace("\n", "\r\n").replace("/", "\\")
    (tmp_path / "split.csv").write_bytes(text.encode(encoding))
    assert Split.read(tmp_path / "split.csv", tmp_path / "photos") == result


def test_excel_sees_a_mark_only_where_it_needs_one_and_older_files_are_the_same_split(tmp_path: Path) -> None:
    plain = clothes.split(make(tmp_path / "plain", {"dress": 5}))
    plain.write(tmp_path / "plain.csv")
    assert (tmp_path / "plain.csv").read_bytes() == plain.to_csv().encode()
    other = clothes.split(make(tmp_path / "other", {"Hüte": 5}))
    other.write(tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_bytes() == b"\xef\xbb\xbf" + other.to_csv().encode()
    (tmp_path / "other.csv").write_bytes(other.to_csv().encode())  # by an older version
    other.write(tmp_path / "other.csv")


def test_a_class_that_looks_like_a_formula_is_quoted_in_the_file_alone(tmp_path: Path) -> None:
    result = clothes.split(make(tmp_path / "photos", {"=1+1": 5, "dress": 5}))
    result.write(tmp_path / "split.csv")
    assert "\n'=1+1/000.png,'=1+1," in (tmp_path / "split.csv").read_text()
    assert Split.read(tmp_path / "split.csv", tmp_path / "photos") == result
