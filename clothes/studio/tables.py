"""The tables that say how photos are shared out: one step sets them aside as a whole, and brings them back as a whole.

A step keeps them in two folders of its trash: before/ holds those that it set aside, after/ those of an undone step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from os.path import lexists
from pathlib import Path

from clothes.errors import PhotosError
from clothes.studio.moves import UnfinishedError
from clothes.studio.project import TRASH, Project
from clothes.system.files import move, remove_unfinished, write_text

PEOPLE, PARTS, SPLIT = "people.csv", "parts.csv", "split.csv"
_BEFORE, _AFTER = "before", "after"


@dataclass(frozen=True)
class Exchange:
    """The present tables go to one folder of a step, and those with the `names` come back from the other one."""

    folder: str  # a place in the trash
    is_undone: bool
    names: Sequence[str]

    @classmethod
    def begin(cls, project: Project, folder: str, new: Mapping[str, str]) -> "Exchange":
        """Writes new tables, by name, where the exchange finds them. Raises PhotosError; nothing is changed then."""
        try:
            for name, text in new.items():
                path = project.place(folder) / _AFTER / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, text)
        except OSError as error:
            raise PhotosError(_explain(project, error)) from None
        return cls(folder, is_undone=False, names=[*new])

    @classmethod
    def of(cls, project: Project, folder: str, is_undone: bool) -> "Exchange":
        """Returns what undoes or redoes a step: all that its other folder holds comes back."""
        kept = project.place(folder) / (_BEFORE if is_undone else _AFTER)
        names = [name for name in (PEOPLE, PARTS, SPLIT) if lexists(kept / name)]
        return cls(folder, is_undone, names)

    def carry_out(self, project: Project) -> int:
        """Moves the tables. Returns the number of those that are gone: none.

        After a kill, or an UnfinishedError, the same call finishes it.
        """
        leave, come = (_AFTER, _BEFORE) if self.is_undone else (_BEFORE, _AFTER)
        root = project.place(self.folder)
        try:
            for name in (SPLIT, PARTS, PEOPLE):
                there, back = table_path(project, name), root / come / name
                if name in self.names and not lexists(back):
                    continue  # it is there already
                if lexists(there):
                    move(there, _free(root / leave / name))
                if name in self.names:
                    move(back, there)
        except OSError as error:
            raise UnfinishedError(_explain(project, error)) from None
        return 0


def clean_up(project: Project) -> None:
    """Removes unfinished tables that a kill left beside the photos or in the trash. The project must be locked."""
    for folder in (project.root, *(project.private / TRASH).glob(f"*/{_AFTER}")):
        remove_unfinished(folder)


def table_path(project: Project, name: str) -> Path:
    """Returns the path of a table, which may not exist."""
    return (project.photos if name == SPLIT else project.private) / name


def _free(path: Path) -> Path:
    """Returns the path, or one beside it that is not taken."""
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(name for name in chain([path], others) if not lexists(name))


def _explain(project: Project, error: OSError) -> str:
    found = f"{error.filename2 or error.filename or project.private} cannot be changed: {error.strerror}."
    return f"{found} No photo and no table is lost. Remove the cause, and try again."
