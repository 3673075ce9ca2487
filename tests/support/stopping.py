"""A training that is stopped from outside."""

from clothes.training.callbacks import TrainingCallback


class Stopping(TrainingCallback):
    """Stops the training after a number of steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_progress(self, stage: str, done: int, total: int) -> None:
        if stage == "train" and done == self.after:
            raise KeyboardInterrupt
