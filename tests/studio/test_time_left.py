"""How long a quick training still takes, on computers and photos of every kind."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from clothes.studio import time_left
from clothes.studio.time_left import QuickTimeLeft
from tests.support.clock import Clock

Event = tuple[float, str, int, int]  # the second, the stage, done, total

# A training of 150 photos on two cores at rest, by seconds from the first photo to the bundle.
RECORDED: tuple[Event, ...] = (
    (0.0, "look", 1, 150), (0.02, "look", 38, 150), (0.04, "look", 75, 150), (0.08, "look", 150, 150),
    (0.13, "embed", 1, 120), (0.24, "embed", 30, 120), (0.36, "embed", 60, 120), (0.60, "embed", 120, 120),
    (0.61, "fit", 0, 1), (0.67, "save", 0, 1), (1.08, "", 0, 0),
)  # fmt: skip


@dataclass(frozen=True)
class Computer:
    """What a training takes: seconds of a photo in the network on one core, and in the decoder of its size."""

    photos: int
    network: float
    decoding: float
    cores: int = 2
    fitting: float = 1.0  # times as long as usual

    def events(self) -> Iterator[Event]:
        now, learnt = 0.0, round(0.8 * self.photos)
        for stage, count, each in (
            ("look", self.photos, self.decoding + 0.1 * self.network),
            ("embed", learnt, 1.3 * self.decoding + self.network),
        ):
            for done in range(1, count + 1):
                yield now, stage, done, count
                now += each / self.cores
        yield now, "fit", 0, 1
        now += self.fitting * 0.2 * min(learnt, 1280) * self.network / self.cores
        yield now, "save", 0, 1
        yield now + self.fitting * 60 * self.network, "", 0, 0


COMPUTERS = (
    Computer(100, 0.006, 0.001),
    Computer(300, 0.006, 0.001),
    Computer(300, 0.006, 0.020),  # photos of a phone
    Computer(600, 0.003, 0.002, cores=8),
    Computer(600, 0.030, 0.008),  # an old notebook
    Computer(1000, 0.006, 0.040),
    Computer(3000, 0.006, 0.001, fitting=0.6),
    Computer(5000, 0.004, 0.010, cores=4, fitting=1.5),
    Computer(200, 0.010, 0.003, cores=1, fitting=1.4),
    Computer(2000, 0.006, 0.001, fitting=0.7),
)


def error_at(clock: Clock, events: tuple[Event, ...], left: QuickTimeLeft, *, at: float) -> float:
    """The relative error of the estimate when this share of a training has passed."""
    began, total = clock.now, events[-1][0]
    for second, stage, done, count in events:
        if second > at * total:
            break
        clock.now = began + second
        left.step(stage, done, count)
    clock.now = began + at * total
    told = left.seconds() or 0.0
    return abs(told - (1 - at) * total) / ((1 - at) * total)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, time_left)


@pytest.mark.parametrize("at", [0.1, 0.2, 0.5, 0.8])
def test_the_median_error_is_below_30_percent(clock: Clock, monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    errors = []
    for computer in COMPUTERS:
        monkeypatch.setattr(time_left.os, "cpu_count", lambda computer=computer: computer.cores)
        events = tuple(computer.events())
        errors.append(error_at(clock, events, QuickTimeLeft(computer.network), at=at))
    assert statistics.median(errors) < 0.3, errors
    assert max(errors) < 0.6, errors


@pytest.mark.parametrize("seconds", [0.003, 0.006, 0.012])  # of a photo in the network, as it may be measured
def test_a_recorded_training_is_estimated_right(clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(time_left.os, "cpu_count", lambda: 2)
    for at in (0.23, 0.34):  # just after a recorded step
        assert error_at(clock, RECORDED, QuickTimeLeft(seconds), at=at) < 0.3


def test_photos_whose_features_are_kept_take_no_time_in_the_network(clock: Clock) -> None:
    left = QuickTimeLeft(0.01)
    for done in range(1, 1001):
        left.step("look", done, 1000)
        clock.now += 0.002
    new = left.seconds() or 0.0
    left.step("look", 1, 790)  # of 800 photos to learn from
    kept = left.seconds() or 0.0
    assert new - kept > 700 * 0.005
    for done in range(2, 791):
        left.step("look", done, 790)
    left.step("embed", 1, 10)
    assert (left.seconds() or 0.0) == pytest.approx(kept - 789 * 0.002, rel=0.3)  # without the second look


def test_there_is_no_estimate_before_the_first_photo(clock: Clock) -> None:
    left = QuickTimeLeft(0.01)
    assert left.seconds() is None
    left.step("look", 1, 10)
    assert (left.seconds() or 0.0) > 0
    left.step("save", 0, 1)
    clock.now += 1000
    assert left.seconds() == 0.0
