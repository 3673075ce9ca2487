"""Photos and answers in a bucket of a local S3 server that fails now and then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="many photos need the extra 'ray'")
pytest.importorskip("moto", reason="an S3 server for tests needs moto")

from pyarrow import fs

from clothes.errors import PhotoError, PhotosError
from clothes.inference.many import stores
from clothes.inference.many.answers import open_answers
from clothes.inference.many.photo_list import find_photos
from clothes.inference.many.stores import Store, read_photo
from tests.support import s3_server as s3_server_module
from tests.support.many_photos import answer_here, check_rows, labels, make_some_broken, rows
from tests.support.s3_server import make_bucket, s3_server, upload, variables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.S3FileSystem]:
    for name, value in variables(server).items():
        monkeypatch.setenv(name, value)
    stores._file_system.cache_clear()
    yield make_bucket(server, "shop")
    stores._file_system.cache_clear()


def test_photos_of_a_bucket_are_answered_into_a_bucket(bucket: fs.S3FileSystem, tmp_path: Path) -> None:
    make_some_broken(tmp_path / "photos", photos=24)
    photos = upload(bucket, tmp_path / "photos", "shop/odd name #1?")
    bucket.open_output_stream("shop/odd name #1?/notes.txt").close()
    bucket.open_output_stream("shop/odd name #1?/.cache/a.jpg").close()
    given = "s3://shop/other answers", "s3://shop/odd name #1?", labels()
    for expected in ([0, 1], [1]):
        with open_answers(*given, part_photos=20) as (answers, skipped):
            assert answers.missing() == expected
            assert len(skipped) == (2 if len(expected) == 2 else 0)
            answers.write(expected[0], answer_here(labels(), answers.photos(expected[0])))
    check_rows(rows("shop/other answers", bucket), photos, broken=1)


def test_hundreds_of_answers_that_fail_are_asked_for_again(
    bucket: fs.S3FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store("s3://shop").write("a.jpg", b"12345")
    monkeypatch.setattr(s3_server_module, "_FAILING", 2)  # one of two
    for _ in range(150):
        assert read_photo("s3://shop/a.jpg") == b"12345"


def test_a_list_in_a_bucket(bucket: fs.S3FileSystem) -> None:
    Store("s3://shop/lists").write("new.txt", b"s3://shop/a.jpg\ns3://shop/a.jpg\n/tmp/b.jpg\n")
    assert list(find_photos("s3://shop/lists/new.txt", [])) == ["s3://shop/a.jpg", "/tmp/b.jpg"]
    with pytest.raises(PhotosError, match="There is no s3://shop/none"):
        list(find_photos("s3://shop/none", []))


def test_what_stays_is_a_reason_and_what_may_pass_is_an_error(
    bucket: fs.S3FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PhotoError) as found:
        read_photo("s3://shop/none.jpg")
    assert found.value.code == "missing"
    monkeypatch.setattr(stores.decode, "MAX_BYTES", 3)
    Store("s3://shop").write("large.jpg", b"12345")
    with pytest.raises(PhotoError) as found:
        read_photo("s3://shop/large.jpg")
    assert found.value.code == "too-large"
    monkeypatch.setattr(stores, "_ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    stores._file_system.cache_clear()
    with pytest.raises(OSError, match="NETWORK_CONNECTION"):
        read_photo("s3://shop/large.jpg")
