"""Terminal text stands in columns and never moves the cursor."""

from clothes.system.terminal_text import padded, plain


def test_control_characters_become_question_marks() -> None:
    assert plain("a\x1b[2J\rb\nc\u2028d") == "a?[2J?b?c?d"


def test_padding_counts_the_columns_of_any_script() -> None:
    assert [len(padded(text, 6)) - len(text) for text in ("shirt", "裙子", "e\u0301", "ｱ", "a\nb")] == [1, 2, 5, 5, 3]
