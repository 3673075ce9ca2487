"""The two forms of a progress callback."""

from collections.abc import Callable

# Called with (done, total) each time an item is done: a photo, a file, a step.
Progress = Callable[[int, int], None]
# The same for work in several steps; the title of the step comes first.
StepProgress = Callable[[str, int, int], None]
