"""`copy_parts`: copies the photos of a split into train/, test/ and validation/ folders."""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from clothes.errors import SplitError
from clothes.photos.class_names import PART_FOLDERS
from clothes.photos.folders import from_class, list_photos
from clothes.photos.split_file import Row, Split
from clothes.system.checksums import sha256, sha256_file
from clothes.system.files import TEMP_PREFIX, explain_full_disk, sync_all


def copy_parts(split: Split, to: str | os.PathLike[str]) -> None:
    """Copies the photos into train/<class>/, test/<class>/ and validation/<class>/ below a folder.

    A photo that exists there with the same content is kept, another of its name is never overwritten. Raises SplitError
    before anything is copied if a name is taken, or if a photo exists there in another place, as after another split:
    it would be in two parts.
    """
    to = Path(to)
    if Path(os.path.realpath(to)).is_relative_to(split.root.resolve()):
        raise SplitError(f"{to} lies among the photos in {split.root}. Choose a folder outside for --copy-to.")
    targets = [to / target for target in _targets(split.rows)]
    missing, size = [], 0
    try:
        existing = _existing_photos(to)
        _refuse_another_split(existing, split.rows, targets, to)
        for row, target in zip(split.rows, targets, strict=True):
            source = split.root / row.photo
            if not target.exists():
                missing.append((source, target))
                size += source.stat().st_size
            elif existing.get(target) != row.sha256:
                raise SplitError(f"{target} is another photo than {source}. Choose an empty folder for --copy-to.")
    except OSError as error:
        raise SplitError(f"{to} cannot be used: {error.strerror}. Choose another folder for --copy-to.") from None
    _copy(missing, size)


def _existing_photos(to: Path) -> dict[Path, str]:
    """Returns the photos in part folders and their checksums."""
    entries = to.iterdir() if to.exists() else ()
    folders = [path for path in entries if path.name.lower() in PART_FOLDERS and path.is_dir()]
    return {path: sha256_file(path) for folder in folders for path in list_photos(folder)[0]}


def _refuse_another_split(existing: Mapping[Path, str], rows: Sequence[Row], targets: Sequence[Path], to: Path) -> None:
    places: dict[str, list[Path]] = defaultdict(list)
    for row, target in zip(rows, targets, strict=True):
        places[row.sha256].append(target)
    for path, checksum in existing.items():
        if checksum in places and path not in places[checksum]:
            raise SplitError(
                f"{path} would now be {places[checksum][0]}: {to} holds the copies of another split. Choose an empty "
                "folder for --copy-to."
            )


def _copy(pairs: Sequence[tuple[Path, Path]], size: int) -> None:
    """Copies all files to temporary names first, and renames them when all are on the disk."""
    made: list[Path] = []
    try:
        with explain_full_disk(size):
            for source, target in pairs:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.append(target.with_name(f"{TEMP_PREFIX}{os.getpid()}-{len(made)}"))  # short: a name may be long
                shutil.copyfile(source, made[-1])
            sync_all()
            for making, (_, target) in zip(made, pairs, strict=True):
                making.replace(target)
            sync_all()
    except OSError as error:
        raise SplitError(f"{source} cannot be copied to {target}: {error.strerror}.") from None
    finally:
        for making in made:
            making.unlink(missing_ok=True)


def _targets(rows: Sequence[Row]) -> list[Path]:
    """Returns each photo's new path: PART/<class>/<path below its class folder>.

    Photos with one name from several folders get the names of those folders added.
    """
    paths = [from_class(row.photo, row.label) for row in rows]
    targets = [Path(row.part, row.label, *path.parts[1:]) for row, path in zip(rows, paths, strict=True)]
    for i in _clashes(targets):
        row, path = rows[i], paths[i]
        above = PurePosixPath(row.photo).parts[: -len(path.parts)]
        folders = above if path.parts[0] == row.label else (*above, path.parts[0])
        targets[i] = targets[i].with_stem("-".join((targets[i].stem, *folders)))
    for i in _clashes(targets):  # a photo has one of these names already
        targets[i] = targets[i].with_stem(f"{targets[i].stem}-{sha256(rows[i].photo.encode())[:8]}")
    return targets


def _clashes(targets: Sequence[Path]) -> list[int]:
    """Returns the positions of paths that are equal to others, whatever their case."""
    taken = Counter(str(target).casefold() for target in targets)
    return [i for i, target in enumerate(targets) if taken[str(target).casefold()] > 1]
