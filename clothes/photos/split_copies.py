"""`copy_parts`: the photos of a split, copied into train/, test/ and validation/ folders."""

import hashlib
import os
import shutil
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from clothes.errors import SplitError
from clothes.photos.folders import PART_FOLDERS, list_photos, without_part
from clothes.photos.splits import Row, Split
from clothes.system.files import TEMP_PREFIX, explain_full_disk, sync_all


def copy_parts(result: Split, to: str | os.PathLike[str]) -> None:
    """Copies the photos into train/<class>/, test/<class>/ and validation/<class>/ below a folder.

    A photo that is there already with the same content is left; another of its name is never overwritten. Raises
    SplitError, before anything is copied, when a name is taken or a photo stands there in another place, as it does
    after another split: it would be in two parts.
    """
    to = Path(to)
    if to.resolve().is_relative_to(result.root.resolve()):
        raise SplitError(f"{to} lies among the photos in {result.root}. Choose a folder outside for --copy-to.")
    targets = [to / target for target in _targets(result.rows)]
    places: dict[str, list[Path]] = defaultdict(list)
    for row, target in zip(result.rows, targets, strict=True):
        places[row.sha256].append(target)
    missing, size = [], 0
    try:
        found = to.iterdir() if to.exists() else ()
        folders = [path for path in found if path.name.lower() in PART_FOLDERS and path.is_dir()]
        there = {
            path: hashlib.sha256(path.read_bytes()).hexdigest() for folder in folders for path in list_photos(folder)[0]
        }
        for path, sha256 in there.items():
            if sha256 in places and path not in places[sha256]:
                raise SplitError(
                    f"{path} would now be {places[sha256][0]}: {to} holds the copies of another split. Choose an empty "
                    "folder for --copy-to."
                )
        for row, target in zip(result.rows, targets, strict=True):
            source = result.root / row.photo
            if not target.exists():
                missing.append((source, target))
                size += source.stat().st_size
            elif there.get(target) != row.sha256:
                raise SplitError(f"{target} is another photo than {source}. Choose an empty folder for --copy-to.")
    except OSError as error:
        raise SplitError(f"{to} cannot be used: {error.strerror}. Choose another folder for --copy-to.") from None
    _copy(missing, size)


def _copy(pairs: Sequence[tuple[Path, Path]], size: int) -> None:
    """Copies files beside their places, then, when all of them are on the disk, puts them there."""
    made: list[Path] = []
    try:
        with explain_full_disk(size):
            for source, target in pairs:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.append(target.with_name(f"{TEMP_PREFIX}{target.name}"))
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
    """Where each photo's copy goes: PART/<class>/<the path below its class folder>.

    Photos that bore one name in two part folders get that folder's name added.
    """
    inner = [_inner(row) for row in rows]
    places = [f"{row.part}/{row.label}/{path}".casefold() for row, path in zip(rows, inner, strict=True)]
    taken = Counter(places)
    targets = []
    for row, path, place in zip(rows, inner, places, strict=True):
        if taken[place] > 1:
            path = path.with_name(f"{path.stem}-{row.photo.partition('/')[0]}{path.suffix}")
        targets.append(Path(row.part, row.label, path))
    return targets


def _inner(row: Row) -> PurePosixPath:
    """A photo's path below its class folder, which may bear a part's name itself."""
    path = PurePosixPath(row.photo)
    is_class = unicodedata.normalize("NFC", path.parts[0]) == row.label
    return PurePosixPath(*(path if is_class else without_part(row.photo)).parts[1:])
