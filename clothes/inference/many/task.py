"""What is asked about each of many photos: here its label; `clothes.outfits.many` asks for its garments."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import pyarrow as pa

from clothes.inference.bundle import INFO, MODEL, PROBES, Bundle, read_bundle
from clothes.inference.classifier import Classifier
from clothes.system.checksums import sha256_json
from clothes.system.files import write_folder

Answer = Callable[[bytes], dict[str, Any]]
"""A photo -> its answer, a value for each column of the task. Raises PhotoError."""


class Task(Protocol):
    """A question with the model that answers it. Pickled, it holds all that a worker on another machine needs."""

    @property
    def model(self) -> str:
        """Tells the model from those that answer otherwise."""

    @property
    def columns(self) -> list[pa.Field]:
        """The columns of an answer."""

    def load(self) -> Answer:
        """Loads the model. Raises BundleError."""


@dataclass(frozen=True)
class LabelTask:
    """One label a photo. `files` is the content of a bundle, by name."""

    files: Mapping[str, bytes]
    model: str
    classes: tuple[str, ...]

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        trained = [bundle.info["files"][MODEL], bundle.classes, bundle.threshold]
        return cls(bundle_files(bundle), sha256_json(trained)[:16], bundle.classes)

    @property
    def columns(self) -> list[pa.Field]:
        return [
            pa.field("label", pa.string()),
            pa.field("confidence", pa.float32()),
            pa.field("known", pa.bool_()),
            pa.field("scores", scores_type(self.classes)),
        ]

    def load(self) -> Answer:
        with arrived(self.files) as bundle:
            classifier = Classifier(bundle)

        def answer(photo: bytes) -> dict[str, Any]:
            found = classifier.predict(photo)
            return {column.name: getattr(found, column.name) for column in self.columns}

        return answer


def scores_type(classes: tuple[str, ...]) -> pa.DataType:
    """Returns the type of a probability for each class."""
    return pa.struct([(name, pa.float32()) for name in classes])


def bundle_files(bundle: Bundle) -> dict[str, bytes]:
    """Returns what a worker needs of a bundle, by name."""
    return {INFO: (bundle.path / INFO).read_bytes(), MODEL: bundle.file(MODEL), PROBES: bundle.file(PROBES)}


@contextmanager
def arrived(files: Mapping[str, bytes]) -> Iterator[Bundle]:
    """Yields a bundle from the content of its files: it is checked, and tried in a sandbox, as one from anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder, "bundle"), files)
        yield read_bundle(Path(folder, "bundle"))
