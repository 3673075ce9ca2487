"""Stratified assignment of groups of photos to parts: each group whole, each class near its shares.

The result is the same on every machine. So it uses whole numbers, single float operations and `math.fsum` only: `sum`
of floats differs between Python 3.11 and 3.12, and NumPy's sums depend on the processor.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import floor, fsum

_EMPTY = 10.0  # the cost of a part without a photo of a class: above any error in the shares
_UNTRAINED = 1000.0  # and if that part is train, the first one
_ATTEMPTS = 20
_SWEEPS = 20
_ENOUGH_UNITS = 6000  # placed over all attempts: for thousands of units one attempt is good enough


def unite(photos: Iterable[int], groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Returns photos in units that stay together: groups that share a photo become one unit (union-find)."""
    parent = {i: i for i in photos}

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for members in groups:
        for other in members[1:]:
            parent[find(other)] = find(members[0])
    units: dict[int, list[int]] = defaultdict(list)
    for i in sorted(parent):
        units[find(i)].append(i)
    return list(units.values())


def assign(
    units: Sequence[Sequence[int]],
    labels: Sequence[str],
    keys: Sequence[str],
    *,
    kept: Mapping[int, str],
    weights: Mapping[str, float],
    seed: int,
) -> dict[int, str]:
    """Returns the part of each photo: position -> part.

    `labels` and `keys` (a photo's content and name) go by position, `kept` has the parts that are decided already,
    `weights` are the shares of the parts that can get more. Units of several photos are placed first, then single
    photos fill the gaps, class by class. Chance depends on the seed and the keys, never on the order of files.
    """
    parts = list(weights)
    result: dict[int, str] = {}
    have = {part: Counter[str]() for part in parts}
    free: list[Sequence[int]] = []
    for unit in units:
        side = next((kept[i] for i in unit if i in kept), None)
        if side is None:
            free.append(unit)
            continue
        result |= dict.fromkeys(unit, side)
        if side in have:  # a part that gets no more (a kept test folder) takes no share of the others
            have[side].update(labels[i] for i in unit)
    want = _targets([labels[i] for unit in free for i in unit], have, weights)
    several = [unit for unit in free if len(unit) > 1]
    singles: dict[str, list[int]] = defaultdict(list)
    for unit in free:
        if len(unit) == 1:
            singles[labels[unit[0]]].append(unit[0])

    search = _Search(
        start={name: [have[part][name] for part in parts] for name in want},
        want=want,
        singles={name: len(singles[name]) for name in want},
    )
    contents = [Counter(labels[i] for i in unit) for unit in several]
    placed = search.best(contents, [min(keys[i] for i in unit) for unit in several], seed)
    for unit, content, number in zip(several, contents, placed, strict=True):
        result |= dict.fromkeys(unit, parts[number])
        have[parts[number]] += content

    for name, photos in singles.items():
        missing = {part: want[name][number] - have[part][name] for number, part in enumerate(parts)}
        quota = _quotas(len(photos), missing, have, name)
        order = iter(sorted(photos, key=lambda i: _draw(seed, keys[i])))
        result |= {next(order): part for part in parts for _ in range(quota[part])}
    return result


def _targets(
    free_labels: Sequence[str], have: Mapping[str, Counter[str]], weights: Mapping[str, float]
) -> dict[str, list[float]]:
    """Returns the number of photos that each part should have: class -> numbers, in the order of the weights."""
    totals = Counter(free_labels)
    for counts in have.values():
        totals += counts
    total_weight = fsum(weights.values())
    return {name: [n * weight / total_weight for weight in weights.values()] for name, n in totals.items()}


class _Search:
    """Local search for the parts of units: greedy starts in different orders, then single moves that improve.

    A greedy start alone is not enough: of 60 splits of few large groups it left a class out of a part in 14.
    Photos are counted by class -> one number for each part: `start` is what the parts have before, `want` the targets,
    and `singles` the number of single photos that can fill gaps later.
    """

    def __init__(self, *, start: dict[str, list[int]], want: dict[str, list[float]], singles: dict[str, int]) -> None:
        self._start, self._want, self._singles = start, want, singles
        self._have = start
        self._parts = range(len(next(iter(want.values()), ())))

    def best(self, contents: Sequence[Mapping[str, int]], keys: Sequence[str], seed: int) -> list[int]:
        """Returns the number of each unit's part, from the best attempt. `contents` are photos by class."""
        best: list[int] = []
        least = float("inf")
        for attempt in range(max(1, min(_ATTEMPTS, _ENOUGH_UNITS // max(1, len(contents))))):
            # Large units first, shuffled among those of about the same size, so that seeds differ.
            drawn = [_draw(seed, f"{attempt} {key}") for key in keys]
            sizes = [sum(unit.values()).bit_length() for unit in contents]
            order = sorted(range(len(contents)), key=lambda u: (-sizes[u], drawn[u]))
            chosen = self._greedy(contents, order)
            self._improve(contents, order, chosen)
            cost = fsum(self._cost(name, self._have[name]) for name in self._have)
            if cost < least - 1e-9:
                best, least = chosen, cost
        return best

    def _greedy(self, contents: Sequence[Mapping[str, int]], order: Sequence[int]) -> list[int]:
        self._have = {name: list(counts) for name, counts in self._start.items()}
        chosen = [0] * len(contents)
        for u in order:
            chosen[u] = min(self._parts, key=lambda part: self._added_error(contents[u], part))
            self._move(contents[u], None, chosen[u])
        return chosen

    def _improve(self, contents: Sequence[Mapping[str, int]], order: Sequence[int], chosen: list[int]) -> None:
        """Moves one unit at a time to its best part, until no move lowers the cost."""
        for _ in range(_SWEEPS):
            has_moved = False
            for u in order:
                gains = [(self._gain(contents[u], chosen[u], part), -part) for part in self._parts if part != chosen[u]]
                gain, number = max(gains, default=(0.0, 0))
                if gain > 1e-9:
                    self._move(contents[u], chosen[u], -number)
                    chosen[u] = -number
                    has_moved = True
            if not has_moved:
                return

    def _move(self, unit: Mapping[str, int], source: int | None, target: int) -> None:
        for name, n in unit.items():
            if source is not None:
                self._have[name][source] -= n
            self._have[name][target] += n

    def _added_error(self, unit: Mapping[str, int], part: int) -> float:
        """Returns by how much a part's squared error grows if it takes a unit: negative if it gets nearer."""
        errors = []
        for name, n in unit.items():
            error = self._have[name][part] - self._want[name][part]
            errors.append(n * (n + 2 * error) / (self._want[name][part] * fsum(self._want[name])))
        return fsum(errors)

    def _gain(self, unit: Mapping[str, int], source: int, target: int) -> float:
        """Returns by how much the cost falls if a unit moves from a part to another."""
        gains = []
        for name, n in unit.items():
            counts = list(self._have[name])
            counts[source] -= n
            counts[target] += n
            gains += [self._cost(name, self._have[name]), -self._cost(name, counts)]
        return fsum(gains)

    def _cost(self, name: str, have: Sequence[int]) -> float:
        """Returns how far a class is from its shares after its single photos have filled the gaps.

        The squared errors are relative to the targets, so that a small part counts as much as a large one.
        """
        want, singles = self._want[name], self._singles[name]
        over = fsum(max(0.0, h - w) for h, w in zip(have, want, strict=True))
        unfilled = over / (over + singles) if over else 0.0
        errors = [h - w if h > w else (w - h) * unfilled for h, w in zip(have, want, strict=True)]
        empty = _EMPTY * max(0, have.count(0) - singles) + _UNTRAINED * (not have[0] and not singles)
        return fsum(e * e / w for e, w in zip(errors, want, strict=True)) / fsum(want) + empty


def _quotas(photos: int, wanted: Mapping[str, float], have: Mapping[str, Counter[str]], name: str) -> dict[str, int]:
    """Returns whole numbers with the sum `photos`, by largest remainder. No part stays empty that could have one."""
    wanted = {part: max(0.0, value) for part, value in wanted.items()}
    total = fsum(wanted.values())
    exact = {part: value * photos / total if total else photos / len(wanted) for part, value in wanted.items()}
    quota = {part: floor(value + 1e-9) for part, value in exact.items()}
    by_rest = sorted(wanted, key=lambda part: round(quota[part] - exact[part], 9))
    for part in (by_rest * 2)[: photos - sum(quota.values())]:
        quota[part] += 1
    for part in wanted:  # train first
        givers = [p for p in quota if quota[p] and (part == "train" or quota[p] + have[p][name] > 1)]
        if quota[part] + have[part][name] == 0 and givers:
            quota[max(givers, key=lambda p: quota[p] + have[p][name])] -= 1
            quota[part] += 1
    return quota


def _draw(seed: int, key: str) -> str:
    return hashlib.sha256(f"{seed} {key}".encode()).hexdigest()
