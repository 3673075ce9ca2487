"""Names that are valid on both sides."""

import hashlib

from clothes.collection.drive.filenames import marked, safe_name


def test_a_mark_is_removed_for_its_own_content_only() -> None:
    md5 = hashlib.md5(b"1").hexdigest()
    assert safe_name(marked("a.jpg", md5), md5) == "a.jpg"
    assert safe_name(marked("a.jpg", md5), hashlib.md5(b"2").hexdigest()) == f"a-{md5[:8]}.jpg"
    assert safe_name(f"-{md5[:8]}.jpg", md5) == f"-{md5[:8]}.jpg"
