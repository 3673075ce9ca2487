"""The one form of a progress callback."""

from collections.abc import Callable

# Called with (done, total) each time an item is done: a photo, a file, a step.
Progress = Callable[[int, int], None]
