"""Zip files: photos by class out of good ones; and hostile ones, of which nothing reaches the disk but photos."""

import io
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from clothes.collection import zip_archive
from clothes.collection.collect import collect_folder
from clothes.collection.zip_archive import Archive, Limits
from clothes.errors import PhotosError
from tests.support.photo_folders import below, reasons, rows
from tests.support.pictures import draw, encode, png_bomb

GOOD = encode(draw("bar", 0), "PNG")
OTHER = encode(draw("frame", 1), "PNG")
CAP = 200_000  # bytes that a photos folder may take after any of these
LIMITS = Limits(files=50, unpacked=4_000_000, photo=2_000_000, ratio=100, depth=6)

Contents = dict[str, bytes]


def pack(contents: Contents, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for name, data in contents.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method
            packed.writestr(info, data)
    return file.getvalue()


def special(mode: int, data: bytes = b"/etc/passwd", *, name: str = "hat/link.jpg") -> bytes:
    """A good photo and a file of another kind: a link, a pipe ..."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        packed.writestr(info, data)
        packed.writestr("hat/good.png", GOOD)
    return file.getvalue()


def patched(data: bytes, *, central: dict[int, bytes], local: dict[int, bytes] | None = None) -> bytes:
    """A zip file with bytes of its first file's headers replaced, by their offsets there."""
    result = bytearray(data)
    for start, changes in ((data.index(b"PK\1\2"), central), (data.index(b"PK\3\4"), local or {})):
        for offset, value in changes.items():
            result[start + offset : start + offset + len(value)] = value
    return bytes(result)


def flagged(bits: int) -> bytes:
    value = struct.pack("<H", bits)
    return patched(pack({"hat/secret.jpg": GOOD}), central={8: value}, local={6: value})


def by_method(method: int) -> bytes:
    value = struct.pack("<H", method)
    return patched(pack({"hat/odd.png": GOOD}), central={10: value}, local={8: value})


def overlapping(count: int = 40) -> bytes:
    """Many names in the directory for one and the same packed data, as in Fifield's bomb."""
    data = pack({"hat/000.png": bytes(90_000)})
    start = data.index(b"PK\1\2")
    entry, end = data[start : data.index(b"PK\5\6")], data.index(b"PK\5\6")
    directory = b"".join(entry.replace(b"000", b"%03d" % i) for i in range(count))
    total = struct.pack("<HHLL", count, count, len(directory), start)
    return data[:start] + directory + data[end : end + 8] + total + b"\0\0"


def tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as packed:
        info = tarfile.TarInfo("../evil.jpg")
        info.size = len(GOOD)
        packed.addfile(info, io.BytesIO(GOOD))
    return file.getvalue()


LEADS_OUT = "which is no path below a folder"
NOT_READ = "cannot be read as a zip file"
whole = pack({"hat/good.png": GOOD, "hat/other.png": OTHER})
lying = pack({"hat/big.png": bytes(3_000_000)})
SHORT = {20: struct.pack("<L", 300), 24: struct.pack("<L", 300)}

# What is refused as a whole: nothing is taken from it.
HARMFUL: dict[str, tuple[bytes, str]] = {
    **{
        f"name {name!r}": (pack({"hat/good.png": GOOD, name: b"evil"}), LEADS_OUT)
        for name in (
            "../evil.jpg",
            "hat/../../evil.jpg",
            "hat/..",
            "../../../../../../tmp/evil.jpg",
            "/etc/evil.jpg",
            "//server/share/evil.jpg",
            "hat//evil.jpg",
            "./hat/evil.jpg",
            "hat/./evil.jpg",
            "..\\evil.jpg",
            "hat\\..\\..\\evil.jpg",
            "\\\\?\\C:\\evil.jpg",
            "\\\\server\\share\\evil.jpg",
            "C:\\evil.jpg",
            "C:/evil.jpg",
            "C:evil.jpg",
            "hat/evil.jpg\0.txt",
            "\0../evil.jpg",
            "/",
            "../",
            "",
        )
    },
    "too deep": (pack({"a/" * 7 + "evil.jpg": GOOD}), "more than 6 folders deep"),
    "far too deep": (pack({"a/" * 5000 + "evil.jpg": GOOD}), "too long names"),
    "too many files": (pack({f"hat/{i}.jpg": b"" for i in range(51)}), "51 files, more than the 50 allowed"),
    "far too many files": (pack({f"hat/{i}.jpg": b"" for i in range(2000)}), "too many files, or too long names"),
    "long names": (pack({"hat/" + "x" * 60_000 + ".jpg": GOOD}), "too many files, or too long names"),
    "too many bytes": (pack({f"hat/{i}.jpg": bytes(400_000) for i in range(12)}), "unpacks to 4,800,000 bytes"),
    "a huge size": (patched(whole, central={24: b"\xfe\xff\xff\xff"}), "more than the 4,000,000 allowed"),
    "overlapping": (overlapping(10), "overlaps with what follows it"),
    "many overlapping": (overlapping(49), "unpacks to 4,410,000 bytes"),
    "packed size too long": (patched(whole, central={20: struct.pack("<L", 10_000)}), "overlaps"),
    "offset into another": (patched(whole, central={42: struct.pack("<L", 90)}), "overlaps"),
    "offset beyond the end": (patched(whole, central={42: struct.pack("<L", 1 << 30)}), "overlaps"),
    "no zip file": (b"<html>Sign in</html>", NOT_READ),
    "nothing": (b"", NOT_READ),
    "a photo": (GOOD, NOT_READ),
    "tar": (tar("w"), NOT_READ),
    "tar.gz": (tar("w:gz"), NOT_READ),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(100), NOT_READ),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(100), NOT_READ),
    "cut": (whole[:-30], NOT_READ),
    "cut in the directory": (whole[: whole.index(b"PK\1\2") + 60], NOT_READ),
    "a wild directory": (whole.replace(b"PK\1\2", b"PK\1\1"), NOT_READ),
    "a directory beyond the file": (whole[:-6] + struct.pack("<L", 1 << 31) + b"\0\0", "overlaps"),
    "a name that is no text": (patched(whole, central={8: b"\0\x08", 46: b"\xff\xfe\xff"}), NOT_READ),
    "a newer version": (patched(whole, central={6: b"\xff\0"}), NOT_READ),
    "64 bits of nothing": (patched(whole, central={24: b"\xff" * 4}), "unpacks to 4,29"),
}
# What is refused file by file: the good photo beside it is taken.
HARMLESS: dict[str, tuple[bytes, str]] = {
    "link to a file": (special(stat.S_IFLNK | 0o777), "a link"),
    "link to a folder": (special(stat.S_IFLNK | 0o777, b"/", name="hat/out"), "a link"),
    "pipe": (special(stat.S_IFIFO | 0o666), "not a regular file"),
    "device": (special(stat.S_IFCHR | 0o666), "not a regular file"),
    "disk": (special(stat.S_IFBLK | 0o666), "not a regular file"),
    "socket": (special(stat.S_IFSOCK | 0o666), "not a regular file"),
    "folder with bytes": (pack({"hat/good.png": GOOD, "hat/x.jpg/": GOOD}), "a folder that holds bytes of its own"),
    "encrypted": (flagged(0x1), "it is encrypted"),
    "two of a name": (
        pack({"hat/1.png": GOOD, "hat/2.png": OTHER}).replace(b"hat/2.png", b"hat/1.png"),
        "another file of the archive has the same name",
    ),
    "another name in its own header": (
        patched(pack({"hat/odd.png": GOOD}), central={8: b"\0\x08"}, local={6: b"\0\x08", 30: b"\xff"}),
        "it cannot be unpacked ('utf-8' codec",
    ),
    "strongly encrypted": (flagged(0x41), "it is encrypted"),
    "with an encrypted directory": (flagged(0x2000), "it is encrypted"),
    "AES": (by_method(99), "packed in a way that is not read here (method 99)"),
    "bzip2 bomb": (pack({"hat/b.png": bytes(90_000)}, method=zipfile.ZIP_BZIP2), "not read here (method 12)"),
    "lzma bomb": (pack({"hat/b.png": bytes(90_000)}, method=zipfile.ZIP_LZMA), "not read here (method 14)"),
    "deflate64": (by_method(9), "not read here (method 9)"),
    "zip in zip": (pack({"hat/in.zip": whole}), "an archive in an archive"),
    "jar in zip": (pack({"hat/in.jar": whole}), "an archive in an archive"),
    "tar.gz in zip": (pack({"hat/in.tar.gz": tar("w:gz")}), "an archive in an archive"),
    "zip called a photo": (pack({"hat/in.jpg": whole}), "not a picture of a known format"),
    "bomb": (pack({"hat/big.png": bytes(1_500_000)}), "it unpacks to over 100 times its size"),
    "a photo that is too large": (lying, "3,000,000 bytes are more than the 2,000,000 allowed"),
    "bomb that says it is small": (patched(lying, central={24: SHORT[24]}), "cannot be unpacked (Bad CRC"),
    "wrong checksum": (patched(pack({"hat/a.png": GOOD}), central={16: b"evil"}), "cannot be unpacked (Bad CRC"),
    "another name in the file": (
        patched(pack({"hat/a.png": GOOD}), central={}, local={30: b"../"}),
        "cannot be unpacked (File name in directory",
    ),
    "broken data": (patched(pack({"hat/a.png": GOOD}), central={}, local={45: b"\xff" * 40}), "cannot be unpacked"),
    "picture bomb": (pack({"hat/b.png": png_bomb(30_000)}), "far too many pixels"),
    "cut photo": (pack({"hat/a.png": GOOD[:-200]}), "ends too early"),
    "page": (pack({"hat/a.jpg": b"<html>"}), "not a picture of a known format"),
    "drawing": (pack({"hat/a.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>'}), "not a picture of a known format"),
    "program": (pack({"hat/a.exe": b"MZ"}), "not a photo by its name"),
    "empty": (pack({"hat/a.jpg": b""}), "the file is empty"),
    "no class": (pack({"a.png": GOOD, "hat/b.png": OTHER}), "it lies outside the class folders"),
    **{
        f"class {name!r}": (pack({f"{name}/a.png": GOOD}), reason)
        for name, reason in (
            (".ssh", "hidden"),
            ("__MACOSX", "hidden"),
            ("CON", "Windows reserves that name"),
            ("aux.d", "Windows reserves that name"),
            ("hat.", "ends with a space or a dot"),
            ("hat ", "ends with a space or a dot"),
            ("a\nb", "invisible or invalid characters"),
            ("\x1b[2J", "invisible or invalid characters"),
            ("a\u202egpj", "invisible or invalid characters"),
            ("x" * 200, "longer than 100 bytes"),
            ("ab:c", "it has :"),
            ("what?", "it has ?"),
            ("test", "the name of a part"),
        )
    },
}


def collected(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, str]]:
    monkeypatch.setattr(zip_archive, "_NAME", 100)
    monkeypatch.setattr(zip_archive.Archive.__init__, "__kwdefaults__", {"limits": LIMITS})
    (tmp_path / "evil.zip").write_bytes(data)
    return lambda: reasons(collect_folder(tmp_path / "evil.zip", into=tmp_path / "photos"))


def test_there_are_sixty_of_them() -> None:
    assert len(HARMFUL) >= 40 and len(HARMLESS) >= 40


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_archive_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, reason = HARMFUL[name]
    collect = collected(tmp_path, data, monkeypatch)
    tracemalloc.start()
    with pytest.raises(PhotosError) as caught:
        collect()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reason in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "evil.zip"))
    assert [path.name for path in tmp_path.rglob("*")] == ["evil.zip"]
    assert peak < 5_000_000


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_photo_in_an_archive_stays_there(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, reason = HARMLESS[name]
    collect = collected(tmp_path, data, monkeypatch)
    tracemalloc.start()
    found = collect()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 1
    assert reason in next(iter(found.values()))
    stored = below(tmp_path)
    assert stored.pop("evil.zip") == data
    table = rows(tmp_path / "photos")
    assert stored.keys() == {"photos/sources.csv", *(f"photos/{row['file']}" for row in table)}
    assert set(stored.values()) - {stored["photos/sources.csv"]} <= {GOOD, OTHER}
    assert sum(map(len, stored.values())) < CAP
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink() or path.name.startswith(".")]
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("hat/1.png", "shoe/2.png"), {"hat", "shoe"}),
        (("photos/hat/1.png", "photos/shoe/deep/2.png", "photos/.DS_Store"), {"hat", "shoe"}),
        (("set-main/train/hat/1.png", "set-main/test/shoe/2.png", "set-main/README.md"), {"hat", "shoe"}),
        (("train/hat/1.png", "val/shoe/2.png"), {"hat", "shoe"}),
        (("hat/1.png", "hat/2.png"), {"hat"}),
        (("裙子/1.png", "Hüte/2.png"), {"裙子", "Hüte"}),
        (("a/b/c/hat/1.png", "a/b/c/shoe/2.png", "a/notes.txt"), {"hat", "shoe"}),
        (("a/b/train/hat/1.png", "a/b/test/hat/2.png"), {"hat"}),
        (("train/hat/front/1.png", "train/hat/2.png"), {"hat"}),
        (("hat/old/1.png", "shoe/2.png"), {"hat", "shoe"}),
        (("__MACOSX/hat/1.png", "a/hat/2.png", "a/shoe/3.png"), {"hat"}),
        (("hat\\1.png", "shoe\\2.png", "shoe\\"), {"hat", "shoe"}),
        (("a\\train\\hat\\1.png", "a\\test\\shoe\\2.png"), {"hat", "shoe"}),
    ],
)
def test_the_class_is_the_first_folder_that_does_not_wrap_all(
    tmp_path: Path, names: tuple[str, ...], classes: set[str]
) -> None:
    contents = dict(zip(names, (GOOD, OTHER, b"x"), strict=False))
    (tmp_path / "a.zip").write_bytes(pack(contents))
    result = collect_folder(tmp_path / "a.zip", into=tmp_path / "photos")
    assert set(result.new) == classes
    taken = [name.replace("\\", "/") for name in names[:2] if not name.startswith("__")]
    assert {row["origin"] for row in rows(tmp_path / "photos")} == {f"a.zip/{name}" for name in taken}
    again = collect_folder(tmp_path / "a.zip", into=tmp_path / "one", label="all")
    assert again.new == {"all": len(taken)}


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("north/hat/1.png", "north/shoe/2.png", "south/hat/3.png", "south/shoe/4.png"), "has the folders hat, shoe"),
        (("north/hat/1.png", "north/shoe/2.png", "coat/3.png"), "has the folders hat, shoe in north, and north or"),
        (("data/1.png", "data/hat/2.png", "data/shoe/3.png"), "has the folders hat, shoe in data, and data or these"),
        (("data/hat/1.png", "data/hat/2.png"), "has its photos in data/hat, and each of these folders may be"),
        (("train/hat/old/1.png", "train/hat/new/2.png"), "has the folders new, old in hat"),
    ],
)
def test_folders_that_leave_the_class_open_are_refused(tmp_path: Path, names: tuple[str, ...], reason: str) -> None:
    photos = (encode(draw("bar", i), "PNG") for i in range(len(names)))
    (tmp_path / "a.zip").write_bytes(pack(dict(zip(names, photos, strict=False))))
    with pytest.raises(PhotosError, match=reason) as caught:
        collect_folder(tmp_path / "a.zip", into=tmp_path / "photos")
    assert "Name one class for all (--class), or unpack and sort it first." in str(caught.value)
    assert not (tmp_path / "photos").exists()
    assert collect_folder(tmp_path / "a.zip", into=tmp_path / "photos", label="all").new == {"all": len(names)}


def with_stored_names(names: dict[bytes, bytes], *, system: int = 0) -> bytes:
    """A zip file of Windows or of another system whose names are these bytes, each with an extra field, unflagged."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for i, (name, extra) in enumerate(names.items()):
            info = zipfile.ZipInfo("x" * len(name))
            info.extra, info.create_system = extra, system
            packed.writestr(info, encode(draw("bar", i), "PNG"))
    data = file.getvalue()
    for name in sorted(names, key=len, reverse=True):
        data = data.replace(b"x" * len(name), name, 1).replace(b"x" * len(name), name, 1)
    return data


def unicode_path(name: bytes, text: str, *, version: int = 1) -> bytes:
    """Info-ZIP's extra field with the name in UTF-8."""
    data = struct.pack("<BL", version, zlib.crc32(name)) + text.encode()
    return struct.pack("<HHH", 0x5455, 2, 0) + struct.pack("<HH", 0x7075, len(data)) + data


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(("Röcke", "cp437"), ("Röcke", "latin-1"), ("裙子", "gbk"), ("スカート", "shift-jis"), ("юбка", "cp866")),
        *(("鞋", "gbk"), ("帽", "gbk")),  # shoes and hats, which are UTF-8 for other letters, too
    ],
)
def test_names_in_another_encoding_are_those_of_the_extra_field(tmp_path: Path, text: str, encoding: str) -> None:
    name, other = f"{text}/1.png".encode(encoding), f"{text}/a {text}.png".encode(encoding)
    fields = {name: unicode_path(name, f"{text}/1.png"), other: unicode_path(other, f"{text}/a {text}.png")}
    (tmp_path / "a.zip").write_bytes(with_stored_names(fields))
    assert collect_folder(tmp_path / "a.zip", into=tmp_path / "photos").new == {text: 2}
    undeclared = {"nothing": b"", "crc": unicode_path(b"renamed", f"{text}/1.png")}
    for kind, extra in (undeclared | {"version": unicode_path(name, f"{text}/1.png", version=2)}).items():
        (tmp_path / f"{kind}.zip").write_bytes(with_stored_names({name: extra}))
        with pytest.raises(PhotosError, match=r"does not say in which encoding names such as .* are\. Name one class"):
            collect_folder(tmp_path / f"{kind}.zip", into=tmp_path / "more")
        assert collect_folder(tmp_path / f"{kind}.zip", into=tmp_path / kind, label="skirt").new == {"skirt": 1}


def test_two_spellings_of_a_class_are_one_and_are_told(tmp_path: Path) -> None:
    """As in folders."""
    photos = {f"{name}/{i}.png": encode(draw("bar", i), "PNG") for i, name in enumerate(["Shirt", "shirt", "Shirt"])}
    (tmp_path / "a.zip").write_bytes(pack({**photos, "_Other/other.png": OTHER}))
    result = collect_folder(tmp_path / "a.zip", into=tmp_path / "photos")
    assert (result.new, result.refused) == ({"Shirt": 3, "_other": 1}, ())
    assert result.notes == (
        "_Other and _other are spellings of one class: counted as _other.",
        "shirt and Shirt are spellings of one class: counted as Shirt.",
    )


def test_names_in_utf8_without_a_flag_and_odd_names_of_files_are_read(tmp_path: Path) -> None:
    """As macOS writes them; and the encoding does not matter where only the names of files need it."""
    (tmp_path / "a.zip").write_bytes(
        with_stored_names({"Röcke/1.png".encode(): b"", "hat/Öl.png".encode("latin-1"): b""}, system=3)
    )
    assert collect_folder(tmp_path / "a.zip", into=tmp_path / "photos").new == {"Röcke": 1, "hat": 1}


def test_a_name_in_the_extra_field_leads_nowhere_else(tmp_path: Path) -> None:
    name = "Röcke/1.png".encode("latin-1")
    (tmp_path / "a.zip").write_bytes(with_stored_names({name: unicode_path(name, "../1.png")}))
    with pytest.raises(PhotosError, match="which is no path below a folder"):
        collect_folder(tmp_path / "a.zip", into=tmp_path / "photos")


def test_sixty_four_bits_and_a_program_before_it_are_read(tmp_path: Path) -> None:
    file = io.BytesIO(b"#!/bin/sh\n" * 100)
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "a") as packed, packed.open("hat/1.png", "w", force_zip64=True) as member:
        member.write(GOOD)
    (tmp_path / "a.zip").write_bytes(file.getvalue())
    with Archive(tmp_path / "a.zip") as archive:
        assert [archive.read(photo) for photo in archive.photos] == [GOOD]


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match="There is no folder"):
        collect_folder(tmp_path / "none.zip", into=tmp_path / "photos")
