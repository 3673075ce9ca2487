"""Whole groups shared out: near the shares, no class forgotten, the same on every machine."""

import csv
import random
from collections import Counter, defaultdict

import pytest

from clothes.photos.stratify import assign, unite
from tests.support.pictures import SHARED

WEIGHTS = {"train": 70, "test": 20, "validation": 10}


def people(*, seed: int, count: int, classes: int = 5) -> tuple[list[list[int]], list[str]]:
    """Units as people send photos: a few send very many, most a few; each has three favourite classes."""
    rng = random.Random(seed)
    units: list[list[int]] = []
    labels: list[str] = []
    for _ in range(count):
        size = min(150, int(rng.paretovariate(0.8)) + rng.randrange(3))
        favourites = rng.sample(range(classes), 3)
        units.append(list(range(len(labels), len(labels) + size)))
        labels += [f"c{rng.choice(favourites)}" for _ in range(size)]
    return units, labels


def share_out(units: list[list[int]], labels: list[str], *, seed: int = 0) -> dict[int, str]:
    keys = [f"photo {i}" for i in range(len(labels))]
    return assign(units, labels, keys, kept={}, weights=WEIGHTS, seed=seed)


def misses(parts: dict[int, str], labels: list[str]) -> list[float]:
    """How far each class is from each share, in percentage points."""
    totals, found = Counter(labels), Counter((parts[i], label) for i, label in enumerate(labels))
    return [abs(100 * found[part, name] / totals[name] - share) for name in totals for part, share in WEIGHTS.items()]


@pytest.mark.parametrize("seed", range(12))
def test_unequal_groups_come_near_the_shares(seed: int) -> None:
    units, labels = people(seed=seed, count=150)
    parts = share_out(units, labels, seed=seed)
    assert sorted(parts) == list(range(len(labels)))
    assert all(len({parts[i] for i in unit}) == 1 for unit in units)
    assert max(misses(parts, labels)) < 4


@pytest.mark.parametrize("seed", range(60))
def test_each_part_has_each_class_that_has_three_groups(seed: int) -> None:
    """Few groups, some large: the shares suffer before a class is missing."""
    rng = random.Random(seed)
    units: list[list[int]] = []
    labels: list[str] = []
    for number in range(rng.randrange(9, 16)):
        size = rng.choice([1, 2, 3, 10, 60])
        units.append(list(range(len(labels), len(labels) + size)))
        labels += [f"c{number % 3}"] * size
    parts = share_out(units, labels, seed=seed)
    assert {(parts[i], label) for i, label in enumerate(labels)} == {(p, f"c{n}") for p in WEIGHTS for n in range(3)}


@pytest.mark.parametrize("seed", range(30))
def test_a_class_is_trained_before_it_is_tested(seed: int) -> None:
    units, labels = people(seed=seed, count=6, classes=4)
    parts = share_out(units, labels, seed=seed)
    assert {labels[i] for i, part in parts.items() if part == "train"} == set(labels)


def test_a_class_of_few_photos_fills_train_then_test() -> None:
    labels = ["one", "two", "two", "three", "three", "three"]
    parts = share_out([[i] for i in range(6)], labels)
    found = Counter((label, parts[i]) for i, label in enumerate(labels))
    assert [found["one", part] for part in WEIGHTS] == [1, 0, 0]
    assert [found["two", part] for part in WEIGHTS] == [1, 1, 0]
    assert [found["three", part] for part in WEIGHTS] == [1, 1, 1]


@pytest.mark.slow
def test_another_seed_is_another_split_of_large_groups_too() -> None:
    units, labels = people(seed=1, count=150)
    tests = [{i for i, part in share_out(units, labels, seed=seed).items() if part == "test"} for seed in range(5)]
    assert all(len(tests[a] & tests[b]) < 0.8 * len(tests[a]) for a in range(5) for b in range(a))


def test_splits_of_the_past_stay_what_they_were() -> None:
    """A split is part of a published number: if this fails, every user's split changes with the update."""
    sizes = [17, 11, 9, 7, 5, 5, 3, 3, 2, 2, *[1] * 20]
    labels = [f"c{i % 3}" for i in range(sum(sizes))]
    units = [list(range(sum(sizes[:n]), sum(sizes[: n + 1]))) for n in range(len(sizes))]
    parts = share_out(units, labels)
    assert (
        "".join(parts[unit[0]][:2] for unit in units) == "trtetrtrtrtrtrtrtevatrtrtrvavatrvavavatetetrtrtrvatrtrtrvatr"
    )


def test_what_is_kept_takes_its_place_and_what_gets_no_more_takes_no_share() -> None:
    labels = ["c"] * 60
    kept = dict.fromkeys(range(20), "test") | dict.fromkeys(range(20, 24), "validation")
    keys = [str(i) for i in range(60)]
    parts = assign([[i] for i in range(60)], labels, keys, kept=kept, weights={"train": 80, "validation": 20}, seed=0)
    assert {i: parts[i] for i in kept} == kept
    assert Counter(parts.values()) == {"train": 32, "validation": 8, "test": 20}


def test_overlapping_groups_become_one_unit() -> None:
    assert unite(range(7), [[0, 2], [3, 4], [4, 0], [5]]) == [[0, 2, 3, 4], [1], [5], [6]]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared photos are not on this machine")
@pytest.mark.parametrize("seed", range(3))
def test_312_people_one_of_whom_sent_408_of_3781_photos(seed: int) -> None:
    with (SHARED / "clothing-dataset-small-people.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row["photo"].split("/")[1] for row in rows]
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[row["person"]].append(i)
    parts = share_out(list(groups.values()), labels, seed=seed)
    assert all(len({parts[i] for i in members}) == 1 for members in groups.values())
    assert max(misses(parts, labels)) < 2
