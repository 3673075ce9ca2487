"""The errors of the package, all below ClothesError.

Every message says what is wrong, what was found, and what to do. The library raises them, the command line prints them
without a traceback, and the web page shows them.
"""


class ClothesError(Exception):
    """An error that the user can act on."""


class PhotoError(ClothesError):
    """One photo cannot be used: its name, a stable code for programs (see `clothes.photos.decode`), and a sentence."""

    def __init__(self, photo: str, code: str, reason: str) -> None:
        super().__init__(photo, code, reason)  # all three, so that it can be pickled
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
    """A run folder is in use, unfinished or not a run folder."""


class TrainingError(ClothesError):
    """A training cannot continue."""


class DivergenceError(TrainingError):
    """The loss or the weights of a training are NaN, or the loss has exploded."""


class OutOfMemoryError(TrainingError):
    """A batch does not fit into memory."""


class WorkerError(TrainingError):
    """Another process of the same training has ended, or cannot take part."""


class TuningError(ClothesError):
    """A search cannot continue, or the existing one is of other photos or settings."""


class BundleError(ClothesError):
    """A bundle is missing, damaged or from a newer version."""


class ExportError(ClothesError):
    """An export cannot be made, or predicts differently from its bundle."""


class DownloadError(ClothesError):
    """A download failed or has unexpected content."""


class DriveError(ClothesError):
    """Google Drive refuses, is full or cannot be reached."""


_EXTRAS = {
    "train": ("keras", "tensorflow", "cv2"),
    "report": ("matplotlib", "jinja2", "sklearn"),  # which train installs, too
    "tune": ("optuna", "sqlalchemy"),
    "serve": ("gradio",),
    "drive": ("google", "google_auth_oauthlib", "googleapiclient"),
    "export": ("onnx", "onnxruntime", "tf2onnx"),
    "ray": ("ray", "pyarrow"),
    "jax": ("jax",),
}
# The extra that installs each optional module, for the error if it is missing.
EXTRAS = {module: extra for extra, modules in _EXTRAS.items() for module in modules}


class MissingExtraError(ClothesError):
    """An optional part of clothes is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}'. In the folder of clothes: pip install '.[{extra}]'")
        self.extra = extra
        self.what = what

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        return type(self), (self.extra, self.what)
