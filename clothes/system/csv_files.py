"""Lists and CSV files that people bring, from any system and spreadsheet, and CSV files that they open in Excel."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from clothes.system.files import read_regular_file

_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet would compute, quoted or not
_DELIMITER = re.compile("[,;\t]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MOST_BYTES, _MOST_LINES = 200_000_000, 2_000_000  # of a table


def decode_text(data: bytes, errors: str = "strict") -> str:
    """Returns text in UTF-8 or UTF-16, without the byte-order mark. Raises ValueError for what is none."""
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in data[:2]:
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    try:
        text = data.decode(encoding, errors)
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8 or UTF-16; in Excel, save it as 'CSV UTF-8'") from None
    if "\0" in text:
        raise ValueError("it has NUL characters, as no text has")
    return text


def read_lines(data: bytes) -> list[str]:
    """Returns the lines of a list of names or addresses, without blank ones and without quotes around a whole line.

    Bytes that are not UTF-8 become surrogates, as in file names. Raises ValueError for other files than text.
    """
    lines = decode_text(data, "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [_unquoted(line) for line in lines if line.strip()]


def _unquoted(line: str) -> str:
    bare = line.strip()
    return bare[1:-1] if len(bare) > 2 and bare[0] == bare[-1] and bare[0] in "\"'" else line


def read_table(path: Path) -> list[tuple[int, list[str]]]:
    """Returns the rows of a CSV file as `read_csv` does. Raises OSError, or ValueError with a reason."""
    return read_csv(read_table_bytes(path))


def read_table_bytes(path: Path) -> bytes:
    """Returns the bytes of a CSV file, or of the file that a link leads to. Raises as `read_table` does."""
    return read_regular_file(path, _MOST_BYTES, follow=True)


def read_csv(data: bytes) -> list[tuple[int, list[str]]]:
    """Returns line number and cells of each row that is not blank.

    Cells are divided by the comma, semicolon or tab that comes first. Takes the quotes off that `csv_text` puts before
    formulas. Raises ValueError, with a reason, for other content.
    """
    return list(iter_csv(data))


def iter_csv(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yields what `read_csv` returns, row by row, and raises at the first wrong one."""
    text = decode_text(data)
    if text.count("\n") + text.count("\r") > _MOST_LINES:
        raise ValueError(f"it has more than the {_MOST_LINES:,} lines allowed")
    first = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    hint = re.fullmatch(r"sep=(.)", first)  # of Excel
    found = hint or _DELIMITER.search(re.sub(r'"[^"]*"', "", first))
    delimiter = (hint[1] if hint else found[0]) if found else ","
    reader = csv.reader((line[0] for line in _LINE.finditer(text)), delimiter=delimiter)
    try:
        for row, cells in enumerate(cells for cells in reader if any(cells)):
            if row or not hint:
                yield reader.line_num, [_without_quote(cell) for cell in cells]
    except csv.Error as error:
        raise ValueError(f"it is not a CSV file ({error})") from None


def slashed(path: str) -> str:
    r"""Returns a path such as `shirt\1.jpg` with slashes. A name on Linux may have a backslash: shirt/a\b.jpg."""
    return path if "/" in path else path.replace("\\", "/")


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Returns a CSV file for people, with a quote before what a spreadsheet would compute as a formula."""
    lines = []
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(map(_with_quote, row))  # ends it with CR LF, so that cells with either are quoted
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def with_mark(text: str) -> bytes:
    """Returns text in UTF-8, with the byte-order mark by which Excel knows it unless all is ASCII."""
    return text.encode("utf-8" if text.isascii() else "utf-8-sig", "backslashreplace")


def _with_quote(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _is_number(cell) else cell


def _without_quote(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
