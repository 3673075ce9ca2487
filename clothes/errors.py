"""What can go wrong, as one tree.

    ClothesError
    ├── PhotoError         one photo cannot be used; the others go on
    ├── PhotosError        a folder of photos cannot be used as asked
    ├── SplitError         a split is missing, damaged or does not fit its photos
    ├── ConfigError        a setting is out of range or unknown
    ├── RunError           a run folder is in the way, unfinished or not one
    ├── TrainingError      a training cannot go on
    │   ├── DivergenceError    its loss is NaN or has exploded
    │   └── OutOfMemoryError   a batch does not fit into memory
    ├── TuningError        a search cannot go on, or is of something else
    ├── BundleError        a bundle is missing, damaged or from a newer version
    ├── ExportError        an export is in the way, or does not answer as its bundle
    ├── DownloadError      a download failed or is not what was expected
    ├── DriveError         Google Drive refuses, is full or cannot be reached
    └── MissingExtraError  an optional part of clothes is not installed

Every message says what is wrong, what was met, and what to do next. The library raises these, the command line prints
them without a traceback, the web page shows them.
"""


class ClothesError(Exception):
    """Anything that went wrong for a reason a user can act on."""


class PhotoError(ClothesError):
    """One photo cannot be used.

    `photo` names it, `code` is a stable word for programs (see `clothes.photos.decode`), `reason` a sentence for
    people.
    """

    def __init__(self, photo: str, code: str, reason: str) -> None:
        super().__init__(photo, code, reason)  # all three, so that it survives a trip between processes
        self.photo = photo
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.photo}: {self.reason}"


class PhotosError(ClothesError):
    """A folder of photos cannot be used as asked."""


class SplitError(ClothesError):
    """A split is missing, damaged or does not fit its photos."""


class ConfigError(ClothesError):
    """A setting is out of range or unknown."""


class RunError(ClothesError):
    """A run folder is in the way, unfinished or not one."""


class TrainingError(ClothesError):
    """A training cannot go on."""


class DivergenceError(TrainingError):
    """The loss or the weights of a training are NaN, or the loss has exploded."""


class OutOfMemoryError(TrainingError):
    """A batch does not fit into memory."""


class TuningError(ClothesError):
    """A search for better settings cannot go on, or the one that is there is of something else."""


class BundleError(ClothesError):
    """A bundle is missing, damaged or from a newer version."""


class ExportError(ClothesError):
    """An export cannot be made, or does not answer as the bundle it was made from."""


class DownloadError(ClothesError):
    """A download failed or is not what was expected."""


class DriveError(ClothesError):
    """Google Drive refuses, is full or cannot be reached."""


# The extra that installs each optional module, for the error when it is missing.
EXTRAS = {
    "keras": "train",
    "tensorflow": "train",
    "cv2": "train",
    "matplotlib": "train",
    "jinja2": "train",
    "sklearn": "train",
    "optuna": "tune",
    "sqlalchemy": "tune",
    "gradio": "serve",
    "google": "drive",
    "google_auth_oauthlib": "drive",
    "googleapiclient": "drive",
    "onnx": "export",
    "onnxruntime": "export",
    "tf2onnx": "export",
}


class MissingExtraError(ClothesError):
    """An optional part of clothes is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}'. In the folder of clothes: pip install '.[{extra}]'")
        self.extra = extra
        self.what = what

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        return type(self), (self.extra, self.what)
