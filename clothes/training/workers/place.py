"""Which of the processes of a training this one is, by its environment: as `keras.distribution.initialize` reads it."""

import os
from dataclasses import dataclass

from clothes.errors import ConfigError

COORDINATOR = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
INDEX = "KERAS_DISTRIBUTION_PROCESS_ID"


@dataclass(frozen=True)
class Place:
    """The number of this process among those that train together, and the address HOST:PORT of worker 0."""

    coordinator: str
    count: int
    index: int

    @classmethod
    def from_environment(cls) -> "Place | None":
        """Returns the place that the environment gives to this process. Raises ConfigError if it is incomplete."""
        coordinator, *numbers = given = [os.environ.get(name, "") for name in (COORDINATOR, COUNT, INDEX)]
        if not any(given):
            return None
        coordinator = coordinator.split(",")[0]
        if coordinator.rpartition(":")[2].isdecimal() and all(number.isdecimal() for number in numbers):
            count, index = map(int, numbers)
            if index < count:
                return cls(coordinator, count, index)
        raise ConfigError(
            f"A worker needs {COORDINATOR} (HOST:PORT of worker 0), {COUNT} and {INDEX} (from 0); they are "
            f"{', '.join(map(repr, given))}. Set all three, or none."
        )
