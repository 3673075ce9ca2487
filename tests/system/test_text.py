"""What a terminal is shown stands in columns and moves no cursor."""

from clothes.system.text import columns, padded, plain


def test_nothing_moves_the_cursor() -> None:
    assert plain("a\x1b[2J\rb\nc\u2028d") == "a?[2J?b?c?d"


def test_columns_of_any_script() -> None:
    assert [columns(text) for text in ("shirt", "裙子", "e\u0301", "ｱ")] == [5, 4, 1, 1]
    assert padded("裙子", 6) == "裙子  "
