"""Estimates the seconds that a job still takes, from the speed of its present stage and what is known of the next."""

import os
import time

_SAVING = 10.0  # seconds, about, to write the bundle of a training of which nothing else is known
_TRUSTED_STEPS = 0.05  # share of the steps after which their own speed says enough
_TRUSTED_PHOTOS = 0.2  # the same of the photos of a quick training

# Of a quick training, as many times as one photo takes in the network on one core (two cores, photos of 400 x 533):
_LOOKING = 0.3  # to look at a photo for the first time
_FITTING = 0.2  # to fit the head to a photo, of as many as the network has features
_WRITING = 60.0  # the bundle
_FITTED = 1280  # features of the bundled network
_LEARNT_FROM = 0.8  # share of the photos that go through the network, without those of the test
_DECODING = 1.3  # times as long as a look takes decoding a photo for the network


class TimeLeft:
    """Estimates the seconds that a job still takes, from the speed of its present stage."""

    def __init__(self) -> None:
        self._stage, self._began, self._first, self._done, self._total = "start", time.monotonic(), 0, 0, 0
        self._expected: float | None = None  # seconds of all steps, before the first one
        self._saving = _SAVING
        self.share = 1.0  # of the steps of a training that will be done

    def begin_training(self, seconds: float, *, saving: float) -> None:
        self._stage, self._began, self._first, self._done, self._total = "train", time.monotonic(), -1, 0, 0
        self._expected, self._saving = seconds, saving

    def step(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage or done < self._done:
            self._stage, self._began, self._first = stage, time.monotonic(), done
        elif self._first < 0:
            self._first = done - 1  # a training that goes on begins with a later step
        self._done, self._total = done, total

    def seconds(self) -> float | None:
        """Returns the estimate, or None where there is none yet."""
        passed, done = time.monotonic() - self._began, self._done - max(0, self._first)
        if self._stage == "save":
            return max(1.0, self._saving - passed)
        measured = passed / done * (self.share * self._total - self._done) if done > 0 else None
        if self._stage != "train":
            return measured if self._expected is None and self._stage not in ("look", "decode", "fit") else None
        if measured is None and self._expected is None:
            return None
        expected = max(0.0, (self._expected or 0.0) - passed)
        if measured is None:
            return expected + self._saving
        trust = min(1.0, done / (_TRUSTED_STEPS * (self._total - self._first)))
        return trust * measured + (1 - trust) * expected + self._saving


class QuickTimeLeft(TimeLeft):
    """The time left of a quick training: its photos are looked at, go through the network, and a head is fitted.

    `seconds` is the time that one photo takes in the network, on one core.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._cores = os.cpu_count() or 1
        self._network = seconds / self._cores  # of a photo, with all cores
        self._look = _LOOKING * self._network
        self._photos = 0.0  # to learn from, about
        self._kept = 0  # of them whose features are known

    def step(self, stage: str, done: int, total: int) -> None:
        is_other = stage != self._stage or done < self._done
        if is_other:
            self._look, self._network = self._speeds()
        if is_other and stage == "look":
            self._kept = total if self._photos else 0  # the first look is for the split
        super().step(stage, done, total)
        self._photos = max(self._photos, {"look": _LEARNT_FROM * total, "embed": total}.get(stage, 0))

    def seconds(self) -> float | None:
        """Returns the estimate, or None before the first photo."""
        look, network = self._speeds()
        passed, rest = time.monotonic() - self._began, self._total - self._done
        embedding = _DECODING * look + network
        fitting = _FITTING * min(self._photos, _FITTED) * network
        writing = _WRITING * network * self._cores
        match self._stage:
            case "start":
                return None
            case "look":
                return look * rest + embedding * max(0.0, self._photos - self._kept) + fitting + writing
            case "embed":
                return embedding * rest + fitting + writing
            case "fit":
                return max(0.0, fitting - passed) + writing
        return max(0.0, writing - passed)

    def _speeds(self) -> tuple[float, float]:
        """Returns the seconds of a look at a photo, and of a photo in the network: as far as it can be, measured."""
        look, network, done = self._look, self._network, self._done - self._first
        if done <= 0 or self._kept or self._stage not in ("look", "embed"):
            return look, network
        measured = (time.monotonic() - self._began) / done
        trust = min(1.0, done / (_TRUSTED_PHOTOS * self._total))
        if self._stage == "look":
            return trust * measured + (1 - trust) * look, network
        expected = _DECODING * look + network
        embedding = trust * measured + (1 - trust) * expected
        return look, max(embedding - _DECODING * look, network * embedding / expected)
