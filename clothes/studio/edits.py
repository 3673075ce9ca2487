"""Edits of a project's photos: move, remove, rename and merge classes. Each is one step that can be undone."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from clothes.errors import PhotoError, PhotosError
from clothes.photos.class_names import class_name, is_same_class
from clothes.photos.folders import class_folder
from clothes.studio.class_folders import ClassFolders, FreeNames
from clothes.studio.history import History
from clothes.studio.journal import Move
from clothes.studio.people import has_people, read_groups_table
from clothes.studio.project import PHOTOS, UNSORTED, Project
from clothes.studio.tables import PARTS, PEOPLE, SPLIT, table_path
from clothes.system.plurals import counted

_ANEW = "The photos are shared out anew. Tests of earlier recognisers do not compare with new ones."


class Edits:
    """The edits of a project. Each returns a sentence that says what was done.

    They raise PhotosError, or PhotoError for an unknown photo; nothing is changed then.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.history = History(project)

    def move(self, photos: Sequence[str], label: str | None) -> str:
        """Moves photos into a class, which is made if it is new, or to the unsorted ones (None)."""
        return self.sort([(label, photos)])

    def sort(self, photos: Iterable[tuple[str | None, Sequence[str]]]) -> str:
        """Moves photos into several classes: pairs of a class and its photos."""
        with self.history.writing():
            folders, names = ClassFolders(self.project), FreeNames(self.project)
            moves: list[Move] = []
            made: list[str] = []
            said: list[str] = []
            for label, ids in photos:
                known = None if label is None else folders.find(label) or class_name(label)
                new = [self._into_class(photo, known, folders, names, made) for photo in _found(self.project, ids)]
                moves += [item for item in new if item]
                if number := sum(item is not None for item in new):
                    said.append(f"{counted(number, 'photo')} moved to {known or 'the unsorted ones'}")
            return self.history.apply("; ".join(said), moves, made=made) if moves else "They are there already."

    def remove(self, photos: Sequence[str]) -> str:
        """Moves photos into the trash."""
        with self.history.writing() as number:
            found, trash, folders = _found(self.project, photos), self.history.trash(number), ClassFolders(self.project)
            moves = [Move(photo, f"{trash}/{photo}", folders.label_of(photo), "") for photo in found]
            return self.history.apply(f"{counted(len(found), 'photo')} moved to the trash", moves)

    def add_class(self, name: str) -> str:
        """Makes a class without photos."""
        with self.history.writing():
            label = class_name(name)
            if there := ClassFolders(self.project).find(label):
                raise PhotosError(f"There is a class {there} already. Give the new one another name.")
            folder = self.project.name(class_folder(self.project.photos, label))
            return self.history.apply(f"Class {label} added", [], made=[folder])

    def remove_class(self, name: str) -> str:
        """Moves a class with all its photos into the trash."""
        with self.history.writing() as number:
            folders, trash = ClassFolders(self.project), self.history.trash(number)
            label = folders.existing(name)
            moves = [Move(folder, f"{trash}/{folder}", label, "") for folder in folders.of(label)]
            return self.history.apply(f"Class {label} moved to the trash", moves)

    def rename_class(self, old: str, new: str) -> str:
        """Gives a class another name."""
        with self.history.writing() as number:
            folders, label = ClassFolders(self.project), class_name(new)
            before, other = folders.existing(old), folders.find(label)
            if other and not is_same_class(other, before):
                raise PhotosError(f"There is a class {other} already. Merge {before} into it, or give another name.")
            moves, made = self._relabel(folders, before, label, number)
            if not moves:
                return f"{label} is its name already."
            return self.history.apply(f"Class {before} renamed to {label}", moves, made=made)

    def merge_classes(self, name: str, into: str) -> str:
        """Moves all photos of a class into another one."""
        with self.history.writing() as number:
            folders = ClassFolders(self.project)
            label, target = folders.existing(name), folders.existing(into)
            if label == target:
                raise PhotosError(f"{label} and {into} are one class already. Name two classes.")
            moves, made = self._relabel(folders, label, target, number)
            return self.history.apply(f"Class {label} merged into {target}", moves, made=made)

    def take_groups(self, table: Path, name: str) -> list[str]:
        """Takes the groups of a table that a person calls `name`, in place of earlier ones. Returns what to tell.

        The photos are shared out anew, as the split may tear the groups. Raises SplitError for another table, or one
        that names none of the photos.
        """
        with self.history.writing():
            text, notes = read_groups_table(self.project, table, name)
            again = self._sharing_anew()
            self.history.replace_tables(f"Groups of {name} taken", {PEOPLE: text})
            return [*notes, *again]

    def forget_groups(self) -> str:
        """Forgets the groups of a table, and the split that keeps them together."""
        with self.history.writing():
            if not has_people(self.project):
                return "There are no groups of a table."
            again = self._sharing_anew()
            return " ".join([self.history.replace_tables("Groups of the table forgotten", {}), *again])

    def _sharing_anew(self) -> list[str]:
        """Returns what to tell if there is a split that will be made anew."""
        return [_ANEW] if any(table_path(self.project, name).exists() for name in (SPLIT, PARTS)) else []

    def undo(self) -> str:
        """Undoes the last step, also one of an earlier day."""
        return self.history.undo()

    def redo(self) -> str:
        """Carries out again what was undone last."""
        return self.history.redo()

    def _into_class(
        self, photo: str, label: str | None, folders: ClassFolders, names: FreeNames, made: list[str]
    ) -> Move | None:
        """Returns the move of a photo, or None if it is there already. Adds the folder if it is new to `made`."""
        path, before = PurePosixPath(photo), folders.label_of(photo)
        if label == (before or None):
            return None
        if label is None:
            return Move(photo, names.choose(photo, f"{UNSORTED}/{path.name}"), before, "")
        if photo.startswith(f"{PHOTOS}/"):
            above, _, rest = folders.divide(photo)
            folder = folders.beside(above, label)
        else:
            folder, rest = self.project.name(class_folder(self.project.photos, label)), path.name
        if folder not in made and not self.project.place(folder).exists():
            made.append(folder)
        return Move(photo, names.choose(photo, f"{folder}/{rest}"), before, label)

    def _relabel(self, folders: ClassFolders, label: str, new: str, number: int) -> tuple[list[Move], list[str]]:
        """Returns the moves of all photos of a class into the folders of another name, and the new ones of these.

        A folder is renamed as a whole, or emptied if its new name is taken; what is left of it goes into the trash.
        """
        names, taken = FreeNames(self.project), set()
        moves: list[Move] = []
        made: list[str] = []
        for folder in folders.of(label):
            above = folder.removesuffix(folder.rpartition("/")[2])
            target = f"{above}{new}" if is_same_class(label, new) else folders.beside(above, new)
            if target == folder:
                continue
            place, wanted = self.project.place(folder), self.project.place(target)
            is_free = not wanted.exists() and not names.lists_below(target)
            if target not in taken and (is_free or (wanted.exists() and wanted.samefile(place))):
                moves.append(Move(folder, target, label, new))
                taken.add(target)
                continue
            if not wanted.exists() and target not in {*taken, *made}:
                made.append(target)
            inside = [photo for photo in folders.photos if photo.startswith(f"{folder}/")]
            moves += [
                Move(photo, names.choose(photo, target + photo.removeprefix(folder)), label, new) for photo in inside
            ]
            moves.append(Move(folder, f"{self.history.trash(number)}/{folder}", label, new))
        return moves, made


def _found(project: Project, photos: Iterable[str]) -> list[str]:
    """Returns the photos that are there, each once. Raises PhotoError if none is, or if one is a link."""
    named = list(dict.fromkeys(photos))
    paths = {photo: project.photo_path(photo) for photo in named}
    found = [photo for photo, path in paths.items() if path.is_file()]
    for photo in found:
        if paths[photo].is_symlink():  # it may not lead there any more from another folder
            raise PhotoError(photo, "link", "it is a link, which the studio does not move")
    if not found:
        raise PhotoError(named[0] if named else "no photo", "missing", "it is gone")
    return found
