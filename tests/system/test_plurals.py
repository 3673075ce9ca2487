"""One of a thing is not many."""

import pytest

from clothes.system.plurals import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "photo", "0 photos"),
        (1, "photo", "1 photo"),
        (2000, "photo", "2,000 photos"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
    ],
)
def test_a_number_with_its_noun(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said
