"""A number with its noun, as a sentence needs it."""


def counted(number: float, noun: str) -> str:
    """Returns "1 photo" or "2,000 photos", "1 class" or "2 classes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def other_files(number: int) -> str:
    """Returns what a folder without photos holds: "3 other files", or "nothing"."""
    return counted(number, "other file") if number else "nothing"
