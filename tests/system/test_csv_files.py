"""Text that people bring is read however it was saved, and CSV files survive a spreadsheet."""

import csv
import io

import pytest

from clothes.system.csv_files import csv_text, read_csv, read_lines, slashed, with_mark

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
TABLE = [["photo", "group"], ["Hüte/a, b.jpg", "p;1"], ['裙子/"1".jpg', "p\t2"]]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lists_from_any_system(encoding: str, end: str) -> None:
    text = end.join(["a b.jpg", '"C:\\My photos\\1.jpg"', "", "  ", "'Hüte/2.jpg'", '"', "it's.jpg", ""])
    assert read_lines(text.encode(encoding)) == ["a b.jpg", "C:\\My photos\\1.jpg", "Hüte/2.jpg", '"', "it's.jpg"]


def test_a_name_that_is_no_text_stays_a_name() -> None:
    assert [name.encode("utf-8", "surrogateescape") for name in read_lines(b"k\xe4se.jpg\n")] == [b"k\xe4se.jpg"]


def test_a_file_that_is_no_text_is_no_list() -> None:
    with pytest.raises(ValueError, match="NUL characters, as no text has"):
        read_lines(b"PK\x03\x04\0\nphoto.jpg\n")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_from_any_spreadsheet(encoding: str, delimiter: str, end: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows([*TABLE[:1], [], *TABLE[1:]])
    assert read_csv(text.getvalue().encode(encoding)) == [(1, TABLE[0]), (3, TABLE[1]), (4, TABLE[2])]


@pytest.mark.parametrize("separator", [";", "\t", "; "])
def test_class_names_with_many_separators_are_one_cell(separator: str) -> None:
    names = ["photo", separator.join("abcdefgh"), "x"]
    assert read_csv(csv_text([names, ["1", "2", "3"]]).encode()) == [(1, names), (2, ["1", "2", "3"])]


def test_excels_line_about_the_separator_is_not_a_row() -> None:
    assert read_csv(b"sep=;\r\nphoto;group\r\na,b.jpg;1\r\n") == [(2, ["photo", "group"]), (3, ["a,b.jpg", "1"])]


@pytest.mark.parametrize(
    "data",
    [
        b"photo,group\nH\xfcte/1.jpg,1\n", b"\xff\xfe\x00", b"photo\0,group\n", b"a\n" * 2 + b'"' + b"x" * 200_000,
        b"a\n" * 2_000_001,
    ],
)  # fmt: skip
def test_what_is_not_a_table_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is not|it has"):
        read_csv(data)


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1+1", "''-x", "=cmd|' /C calc'!A0"]
)
def test_formulas_are_quoted_and_read_as_they_were(cell: str) -> None:
    text = csv_text([["photo", "class"], [cell, "hat"]])
    assert list(csv.reader(io.StringIO(text, newline="")))[1][0] == f"'{cell}"
    assert read_csv(text.encode())[1][1] == [cell, "hat"]


def test_other_cells_are_plain_and_come_back() -> None:
    rows = [["a,b", 'the "best"', "c\nd", "e\rf"], ["'quoted'", "a=b", "-1.5", "+3"], ["", "1e-5", " x ", "O'Neill"]]
    assert [cells for _, cells in read_csv(csv_text(rows).encode())] == rows
    assert csv_text([["photo", 0.5, -1], ["x", None, True]]) == "photo,0.5,-1\nx,,True\n"


def test_excel_knows_the_encoding_and_ascii_needs_no_mark() -> None:
    assert with_mark("Hüte") == b"\xef\xbb\xbfH\xc3\xbcte"
    assert with_mark("hats") == b"hats"
    assert with_mark("k\udce4se") == b"\xef\xbb\xbfk\\udce4se"


def test_backslashes_are_slashes_unless_there_are_both() -> None:
    assert [slashed(path) for path in ("a\\b\\1.jpg", "a/b\\1.jpg", "1.jpg")] == ["a/b/1.jpg", "a/b\\1.jpg", "1.jpg"]
