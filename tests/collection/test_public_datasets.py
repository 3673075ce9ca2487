"""Public data sets: the starter set, Fashion-MNIST and clothing-dataset-small, from a server and local copies."""

import gzip
import hashlib
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothes.collection import public_datasets
from clothes.collection import resumable_download as downloads
from clothes.collection.public_datasets import FASHION_MNIST_CLASSES, clothing_small, fashion_mnist, read_idx, starter
from clothes.collection.zip_archive import Limits
from clothes.errors import DownloadError
from clothes.photos.folders import list_class_folders
from tests.support.download_server import DownloadServer
from tests.support.pictures import SHARED
from tests.support.web_server import running

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DownloadServer]:
    monkeypatch.setattr(downloads, "WAIT", 0.001)
    with running(DownloadServer()) as server:  # type: ignore[arg-type]
        yield server  # type: ignore[misc]


# --- Fashion-MNIST ---


@pytest.fixture
def fashion(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The four files of a small Fashion-MNIST, 30 and 20 pictures, which count as the published ones."""
    rng = np.random.default_rng(1)
    packed: dict[str, bytes] = {}
    for prefix, count in (("train", 30), ("t10k", 20)):
        pixels, labels = rng.bytes(count * 784), bytes(i % 10 for i in range(count))
        packed[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(bytes(16) + pixels, mtime=1)
        packed[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(bytes(8) + labels, mtime=1)
    md5 = {name: hashlib.md5(data).hexdigest() for name, data in packed.items()}
    sha256 = {name: hashlib.sha256(gzip.decompress(data)).hexdigest() for name, data in packed.items()}
    monkeypatch.setattr(public_datasets, "_FASHION_MNIST_MD5", md5)
    monkeypatch.setattr(public_datasets, "_FASHION_MNIST_SHA256", sha256)
    monkeypatch.setattr(public_datasets, "_FASHION_MNIST_PHOTOS", {"train": 30, "test": 20})
    return packed


def put(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_fashion_mnist_from_a_server_that_breaks_off_and_lies(
    server: DownloadServer, tmp_path: Path, fashion: dict[str, bytes]
) -> None:
    server.files = fashion
    server.faults = ["break", "", "spoil"]
    seen: list[tuple[int, int]] = []
    folder = fashion_mnist(tmp_path / "fm", url=server.url, progress=lambda *step: seen.append(step))
    listing = list_class_folders(folder)
    assert listing.classes == tuple(sorted(FASHION_MNIST_CLASSES))
    assert [sum(photo.part == part for photo in listing.photos) for part in ("train", "test")] == [30, 20]
    assert listing.skipped == ()
    pixels, labels = read_idx(put(tmp_path / "gz", fashion), "train")
    with Image.open(folder / "train" / FASHION_MNIST_CLASSES[labels[17]] / "00017.png") as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), pixels[17])
    assert "MIT License" in (folder / "LICENSE.txt").read_text(encoding="utf-8")
    assert seen[-1][0] == seen[-1][1]
    assert {path.name for path in tmp_path.iterdir()} == {"fm", "gz"}  # the downloads are gone

    put(folder, {"split.csv": b"mine", "train/bag/mine.png": b"mine"})
    before, asked = snapshot(folder), len(server.asked)
    assert fashion_mnist(folder, url=server.url) == folder
    assert snapshot(folder) == before
    assert len(server.asked) == asked


def test_an_incomplete_folder_is_completed_and_what_is_there_stays(tmp_path: Path, fashion: dict[str, bytes]) -> None:
    source = put(tmp_path / "gz", fashion)
    folder = fashion_mnist(tmp_path / "fm", source=source)
    whole = snapshot(folder)
    (folder / "train" / "bag" / "00008.png").unlink()
    put(folder, {"train/bag/00018.png": b"retouched", "notes.txt": b"mine"})
    before = snapshot(folder)
    fashion_mnist(folder, source=source)
    after = snapshot(folder)
    assert after.pop("train/bag/00008.png")[0] == whole["train/bag/00008.png"][0]
    assert after == before


def test_a_folder_of_something_else_is_refused(server: DownloadServer, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine", {"dress/1.jpg": b"mine"})
    for fetch in (fashion_mnist, clothing_small):
        with pytest.raises(DownloadError, match="holds something else already"):
            fetch(mine, url=server.url)
    for taken in (mine, mine / "dress" / "1.jpg"):
        with pytest.raises(DownloadError, match="holds something else already"):
            starter(taken)
    assert [path.name for path in mine.rglob("*")] == ["dress", "1.jpg"]
    assert server.asked == []


def test_an_empty_folder_is_filled_and_the_users_copy_stays(tmp_path: Path, fashion: dict[str, bytes]) -> None:
    source = put(tmp_path / ".fm-download", fashion)  # named as ours would be
    before = snapshot(source)
    (tmp_path / "fm").mkdir()
    folder = fashion_mnist(str(tmp_path / "fm"), source=str(source))
    assert sorted(path.name for path in folder.iterdir()) == ["LICENSE.txt", "SOURCE.txt", "test", "train"]
    assert len(list_class_folders(folder).photos) == 50
    assert snapshot(source) == before


def test_a_copy_packed_anew_is_taken(tmp_path: Path, fashion: dict[str, bytes]) -> None:
    anew = {name: gzip.compress(gzip.decompress(data), 1, mtime=0) for name, data in fashion.items()}
    assert anew != fashion
    assert len(list_class_folders(fashion_mnist(tmp_path / "fm", source=put(tmp_path / "gz", anew))).photos) == 50


@pytest.mark.parametrize("spoilt", [None, "cut", b"<html>", gzip.compress(bytes(28), mtime=1)])
def test_a_copy_that_is_not_the_published_one_is_refused(
    tmp_path: Path, fashion: dict[str, bytes], spoilt: bytes | str | None
) -> None:
    name = "t10k-labels-idx1-ubyte.gz"
    published = fashion.pop(name)
    content = published[:-9] if spoilt == "cut" else spoilt
    source = put(tmp_path / "gz", fashion | ({name: content} if isinstance(content, bytes) else {}))
    with pytest.raises(DownloadError, match=name):
        fashion_mnist(tmp_path / "fm", source=source)
    assert [path.name for path in tmp_path.iterdir()] == ["gz"]


def test_a_failed_download_leaves_no_folder_and_a_later_call_goes_on(
    server: DownloadServer, tmp_path: Path, fashion: dict[str, bytes]
) -> None:
    server.files = {name: data for name, data in fashion.items() if not name.startswith("t10k")}
    with pytest.raises(DownloadError, match="t10k-images"):
        fashion_mnist(tmp_path / "fm", url=server.url)
    assert not (tmp_path / "fm").exists()
    server.files, server.asked = fashion, []
    fashion_mnist(tmp_path / "fm", url=server.url)
    assert [name for name, _ in server.asked] == ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
    assert [path.name for path in tmp_path.iterdir()] == ["fm"]


def test_no_place_and_no_room_are_explained_and_leave_nothing(
    tmp_path: Path, fashion: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(tmp_path / "gz", fashion)
    with pytest.raises(DownloadError, match=r"Choose another folder: --to"):
        fashion_mnist(source / "t10k-labels-idx1-ubyte.gz" / "fm", source=source)
    write, written = Path.write_bytes, []

    def fill_up(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) > 20:
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(DownloadError, match=r"No space left on device\. Make room"):
        fashion_mnist(tmp_path / "fm", source=source)
    assert [path.name for path in tmp_path.iterdir()] == ["gz"]


# --- clothing-dataset-small ---


@pytest.fixture
def clothing(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The photos of a small clothing-dataset-small, which count as the published ones."""
    photos = {
        f"{part}/{label}/{i}.jpg": f"{part} {label} {i}".encode()
        for part, count in (("train", 5), ("validation", 2), ("test", 3))
        for label in ("dress", "t-shirt")
        for i in range(count)
    }
    whole = public_datasets.fingerprint({name: io.BytesIO(data).read for name, data in photos.items()})
    monkeypatch.setattr(public_datasets, "_CLOTHING_SHA256", whole)
    monkeypatch.setattr(public_datasets, "_CLOTHING_PHOTOS", {"train": 10, "validation": 4, "test": 6})
    return photos


def pack(contents: dict[str, bytes], *, top: str = "clothing-dataset-small-master/", link: str = "") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{top}README.md", "about")
        for name, content in contents.items():
            archive.writestr(top + name, content)
        if link:
            item = zipfile.ZipInfo(top + link)
            item.create_system, item.external_attr = 3, 0o120777 << 16
            archive.writestr(item, "/etc/passwd")
    return data.getvalue()


def photos_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}


def test_clothing_small_from_the_publishers_archive(
    server: DownloadServer, tmp_path: Path, clothing: dict[str, bytes]
) -> None:
    server.files["master.zip"] = pack(clothing)
    server.faults = ["break"]
    server.says_length = False
    folder = clothing_small(tmp_path / "small", url=server.url + "master.zip")
    assert photos_below(folder) == clothing
    assert "CC0" in (folder / "SOURCE.txt").read_text()
    assert list_class_folders(folder).parts == ("train", "validation", "test")
    assert len(server.asked) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    clothing_small(folder, url=server.url + "master.zip")
    assert len(server.asked) == 2
    (folder / "test" / "dress" / "1.jpg").unlink()
    clothing_small(folder, url=server.url + "master.zip")
    assert photos_below(folder) == clothing


def test_clothing_small_from_a_checkout_or_a_zip(tmp_path: Path, clothing: dict[str, bytes]) -> None:
    source = put(tmp_path / "checkout", clothing | {"README.md": b"", ".git/config": b"", "train/dress/.DS_Store": b""})
    (tmp_path / "master.zip").write_bytes(pack(clothing))
    assert photos_below(clothing_small(tmp_path / "one", source=source)) == clothing
    assert photos_below(clothing_small(tmp_path / "two", source=tmp_path / "master.zip")) == clothing
    assert (tmp_path / "master.zip").exists()


@pytest.mark.parametrize(
    "name",
    ["../../evil.jpg", "train/../evil.jpg", "/etc/evil.jpg", "train/dress/a\\..\\evil.jpg", "train/dress/C:evil.jpg"],
)
def test_an_archive_with_hostile_names_is_refused(tmp_path: Path, clothing: dict[str, bytes], name: str) -> None:
    top = "" if name.startswith("/") else "top/"
    (tmp_path / "evil.zip").write_bytes(pack(clothing | {name: b"evil"}, top=top))
    with pytest.raises(DownloadError, match=r"which is no path below a folder|not hold clothing-dataset-small"):
        clothing_small(tmp_path / "small", source=tmp_path / "evil.zip")
    assert [path.name for path in tmp_path.rglob("*")] == ["evil.zip"]


def test_a_copy_without_an_end_is_refused(
    tmp_path: Path, fashion: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_datasets, "_FASHION_MNIST_MOST", 1_000_000)
    put(tmp_path / "copy", dict.fromkeys(fashion, gzip.compress(bytes(30_000_000))))
    tracemalloc.start()
    with pytest.raises(DownloadError, match="is not Fashion-MNIST as published"):
        fashion_mnist(tmp_path / "small", source=tmp_path / "copy")
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()
    checkout = put(tmp_path / "checkout", {"train/hat/1.jpg": b"", "test/hat/1.jpg": b""})
    with (checkout / "train" / "hat" / "2.jpg").open("wb") as file:
        file.truncate(30_000_000_000)
    with pytest.raises(DownloadError, match=r"30,000 MB are more than the .* allowed"):
        clothing_small(tmp_path / "small", source=checkout)


def test_archives_that_are_damaged_or_bombs_are_refused(
    tmp_path: Path, clothing: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack(clothing)
    flipped = bytearray(whole)
    flipped[whole.index(b"train/dress/3.jpg") + len("train/dress/3.jpg") + 2] ^= 255
    archives = {
        "link": (pack(dict(list(clothing.items())[1:]), link=next(iter(clothing))), "19 photos of 20"),
        "html": (b"<html>rate limit</html>", "not a zip file"),
        "cut": (whole[:-200], "not a zip file"),
        "flipped": (bytes(flipped), "cannot be read as clothing-dataset-small"),
        "fewer": (pack(dict(list(clothing.items())[1:])), "19 photos of 20"),
        "changed": (pack(clothing | {"test/dress/0.jpg": b"other"}), "as published"),
        "bomb": (pack(clothing | {"train/dress/big.jpg": bytes(3_000_000)}), "more than the 2,000,000 allowed"),
        "many": (pack(clothing | {f"train/dress/{i}.jpg": b"" for i in range(100, 130)}), "more than the 40 allowed"),
    }
    monkeypatch.setattr(public_datasets, "_ZIP_LIMITS", Limits(files=40, unpacked=2_000_000))
    for name, (data, message) in archives.items():
        (tmp_path / f"{name}.zip").write_bytes(data)
        with pytest.raises(DownloadError, match=message):
            clothing_small(tmp_path / "small", source=tmp_path / f"{name}.zip")
    assert {path.stem for path in tmp_path.rglob("*")} == set(archives)


def test_a_source_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"none cannot be read as clothing-dataset-small.*--from"):
        clothing_small(tmp_path / "small", source=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DownloadError, match="No photo below"):
        clothing_small(tmp_path / "small", source=tmp_path / "empty")


@pytest.mark.skipif(not SHARED.exists(), reason="the shared photos are not on this machine")
def test_the_shared_photos_are_taken_for_the_published_ones() -> None:
    root = SHARED / "clothing-dataset-small"
    photos = {photo.path: (root / photo.path).read_bytes for photo in list_class_folders(root).photos}
    assert len(photos) == sum(public_datasets._CLOTHING_PHOTOS.values())
    assert public_datasets.fingerprint(photos) == public_datasets._CLOTHING_SHA256


# --- the starter set ---


def test_the_starter_set_is_small_whole_and_completed(tmp_path: Path) -> None:
    folder = starter(tmp_path / "deep" / "photos")
    listing = list_class_folders(folder)
    assert {name: sum(p.label == name for p in listing.photos) for name in listing.classes} == dict.fromkeys(
        sorted(FASHION_MNIST_CLASSES), 200
    )
    assert listing.skipped == ()
    assert "MIT License" in (folder / "LICENSE.txt").read_text(encoding="utf-8")
    assert (Path(public_datasets.__file__).parent / "starter" / "starter.zip").stat().st_size <= 2_000_000

    put(folder, {"split.csv": b"mine", "hat/1.png": b"mine"})
    before = snapshot(folder)
    starter(folder)
    assert snapshot(folder) == before
    lost = sorted((folder / "coat").iterdir())[3]
    lost.unlink()
    starter(folder)
    after = snapshot(folder)
    assert after.pop(f"coat/{lost.name}")[0] == before.pop(f"coat/{lost.name}")[0]
    assert after == before


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_starter_set_is_of_the_train_set_as_debian_has_it(tmp_path: Path) -> None:
    pixels, labels = read_idx(DEBIAN, "train")
    assert np.bincount(labels).tolist() == [6000] * 10
    for path in starter(tmp_path / "photos").glob("*/*.png"):
        assert FASHION_MNIST_CLASSES[labels[int(path.stem)]] == path.parent.name
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), pixels[int(path.stem)])
