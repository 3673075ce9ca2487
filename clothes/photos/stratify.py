"""Groups of photos -> parts: each group whole, each class near its shares, the same on every machine.

Only whole numbers, single float operations and `math.fsum` are used, because `sum` of floats is another in Python 3.12
than in 3.11, and what NumPy adds up depends on the processor.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import floor, fsum

_EMPTY = 10.0  # what a part without a photo of a class costs: more than any miss of the shares
_UNTRAINED = 1000.0  # and what it costs when that part is train, the first
_ATTEMPTS = 20
_SWEEPS = 20
_ENOUGH_UNITS = 6000  # so many groups to place, over all attempts; more than that and one attempt is good enough


def unite(photos: Iterable[int], groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Photos in units that share no group, by union-find: what overlaps becomes one unit."""
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
    """The part of each photo: position -> part.

    `labels` and `keys` (a photo's content and name) go by position, `kept` says what is decided already, `weights` are
    the shares of the parts that may get more. Units of several photos are placed first, then single photos, class by
    class, fill what is left. What chance decides is drawn from the seed and the keys, never from the order of files.
    """
    names = list(weights)
    result: dict[int, str] = {}
    have = {part: Counter[str]() for part in names}
    free: list[Sequence[int]] = []
    for unit in units:
        side = next((kept[i] for i in unit if i in kept), None)
        if side is None:
            free.append(unit)
            continue
        for i in unit:
            result[i] = side
            if side in have:  # a part that gets no more (a kept test folder) takes no share of the others
                have[side][labels[i]] += 1
    totals = Counter(labels[i] for unit in free for i in unit)
    for counts in have.values():
        totals += counts
    share = fsum(weights.values())
    want = {part: {name: n * weight / share for name, n in totals.items()} for part, weight in weights.items()}

    singles: dict[str, list[int]] = defaultdict(list)
    for unit in free:
        if len(unit) == 1:
            singles[labels[unit[0]]].append(unit[0])
    several = [unit for unit in free if len(unit) > 1]
    placing = _Placing(
        {c: [have[part][c] for part in names] for c in totals},
        {c: [want[part][c] for part in names] for c in totals},
        {c: len(singles[c]) for c in totals},
    )
    contents = [Counter(labels[i] for i in unit) for unit in several]
    for unit, number in zip(
        several, placing.best(contents, [min(keys[i] for i in u) for u in several], seed), strict=True
    ):
        result |= dict.fromkeys(unit, names[number])
        have[names[number]].update(labels[i] for i in unit)

    for name, photos in singles.items():
        quota = _quotas(len(photos), {part: want[part][name] - have[part][name] for part in names}, have, name)
        order = iter(sorted(photos, key=lambda i: _draw(seed, keys[i])))
        for part in names:
            for _ in range(quota[part]):
                result[next(order)] = part
    return result


class _Placing:
    """The search for the parts of units: per class, lists over the parts of what they have and what they should."""

    def __init__(self, have: dict[str, list[int]], want: dict[str, list[float]], singles: dict[str, int]) -> None:
        self.start, self.want, self.singles = have, want, singles
        self.parts = range(len(next(iter(want.values()), ())))

    def best(self, contents: Sequence[Mapping[str, int]], keys: Sequence[str], seed: int) -> list[int]:
        """The number of each unit's part: the best of some attempts, which differ in the order of units."""
        found: list[int] = []
        least = float("inf")
        for attempt in range(max(1, min(_ATTEMPTS, _ENOUGH_UNITS // max(1, len(contents))))):
            # Large units first, shuffled among those of about a size, so that another seed is another split.
            drawn = [_draw(seed, f"{attempt} {key}") for key in keys]
            sizes = [sum(unit.values()).bit_length() for unit in contents]
            order = sorted(range(len(contents)), key=lambda u: (-sizes[u], drawn[u]))
            self.have = {name: list(column) for name, column in self.start.items()}
            chosen = [0] * len(contents)
            for u in order:
                chosen[u] = min(self.parts, key=lambda part: self._strain(contents[u], part))
                self._move(contents[u], None, chosen[u])
            self._improve(contents, order, chosen)
            miss = fsum(self._miss(name, self.have[name]) for name in self.have)
            if miss < least - 1e-9:
                found, least = chosen, miss
        return found

    def _improve(self, contents: Sequence[Mapping[str, int]], order: Sequence[int], chosen: list[int]) -> None:
        """Moves units, one at a time, as long as the shares get nearer."""
        for _ in range(_SWEEPS):
            moved = False
            for u in order:
                gains = [(self._gain(contents[u], chosen[u], part), -part) for part in self.parts if part != chosen[u]]
                gain, number = max(gains, default=(0.0, 0))
                if gain > 1e-9:
                    self._move(contents[u], chosen[u], -number)
                    chosen[u] = -number
                    moved = True
            if not moved:
                return

    def _move(self, unit: Mapping[str, int], source: int | None, target: int) -> None:
        for name, n in unit.items():
            if source is not None:
                self.have[name][source] -= n
            self.have[name][target] += n

    def _strain(self, unit: Mapping[str, int], part: int) -> float:
        """How much further from its shares a part gets by taking a unit: negative where it gets nearer."""
        strains = []
        for name, n in unit.items():
            miss = self.have[name][part] - self.want[name][part]
            strains.append(n * (n + 2 * miss) / (self.want[name][part] * fsum(self.want[name])))  # of the square
        return fsum(strains)

    def _gain(self, unit: Mapping[str, int], source: int, target: int) -> float:
        gains = []
        for name, n in unit.items():
            column = list(self.have[name])
            column[source] -= n
            column[target] += n
            gains += [self._miss(name, self.have[name]), -self._miss(name, column)]
        return fsum(gains)

    def _miss(self, name: str, have: Sequence[int]) -> float:
        """How far a class is from its shares, once its single photos have filled the gaps as far as they go.

        The squared misses are measured in shares of the target, so that a small part counts as much as a large one.
        """
        want, singles = self.want[name], self.singles[name]
        over = fsum(max(0.0, h - w) for h, w in zip(have, want, strict=True))
        unfilled = over / (over + singles) if over else 0.0
        misses = [h - w if h > w else (w - h) * unfilled for h, w in zip(have, want, strict=True)]
        empty = _EMPTY * max(0, have.count(0) - singles) + _UNTRAINED * (not have[0] and not singles)
        return fsum(m * m / w for m, w in zip(misses, want, strict=True)) / fsum(want) + empty


def _quotas(photos: int, wanted: Mapping[str, float], have: Mapping[str, Counter[str]], name: str) -> dict[str, int]:
    """Whole numbers that add up to `photos`, nearest to what is wanted; no part goes empty that could have one."""
    wanted = {part: max(0.0, value) for part, value in wanted.items()}
    total = fsum(wanted.values())
    exact = {part: value * photos / total if total else photos / len(wanted) for part, value in wanted.items()}
    quota = {part: floor(value + 1e-9) for part, value in exact.items()}
    by_rest = sorted(wanted, key=lambda part: round(quota[part] - exact[part], 9))
    for part in (by_rest * 2)[: photos - sum(quota.values())]:
        quota[part] += 1
    for part in wanted:  # train before all
        givers = [p for p in quota if quota[p] and (part == "train" or quota[p] + have[p][name] > 1)]
        if quota[part] + have[part][name] == 0 and givers:
            quota[max(givers, key=lambda p: quota[p] + have[p][name])] -= 1
            quota[part] += 1
    return quota


def _draw(seed: int, key: str) -> str:
    return hashlib.sha256(f"{seed} {key}".encode()).hexdigest()
