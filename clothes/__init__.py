"""From a pile of photos of clothes to a recogniser you can trust.

    import clothes

    clothes.check("photos")                       # what is wrong with them
    run = clothes.train("photos")                 # split 70/20/10, train, write runs/<date>-<time>/
    clothes.evaluate(run.path).accuracy           # on the test part
    clothes.load(run.path).predict("shirt.jpg")   # -> Prediction
    clothes.build_app(clothes.load()).launch()    # the web page

Importing clothes imports nothing heavy: each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# The public names, and the room each lives in.
_ROOMS = {
    "Augmentation": "config",
    "BundleError": "errors",
    "CheckReport": "checks",
    "Classifier": "prediction",
    "ClothesError": "errors",
    "Collected": "collection",
    "Comparison": "comparison",
    "Config": "config",
    "ConfigError": "errors",
    "DownloadError": "errors",
    "DriveError": "errors",
    "Evaluation": "evaluation",
    "Explanation": "explanations",
    "Export": "exporting",
    "ExportError": "errors",
    "Look": "looking",
    "MissingExtraError": "errors",
    "ModelConfig": "config",
    "PhotoError": "errors",
    "PhotosError": "errors",
    "Prediction": "prediction",
    "Report": "report",
    "Run": "runs",
    "RunError": "errors",
    "Split": "splits",
    "SplitConfig": "config",
    "SplitError": "errors",
    "TrainConfig": "config",
    "TrainingError": "errors",
    "Tuning": "tuning",
    "TuningError": "errors",
    "Verification": "verification",
    "build_app": "app",
    "build_model": "models",
    "check": "checks",
    "collect_folder": "collection",
    "collect_urls": "collection",
    "collect_web": "collection",
    "compare": "comparison",
    "evaluate": "evaluation",
    "export": "exporting",
    "load": "prediction",
    "look": "looking",
    "split": "splits",
    "train": "training",
    "tune": "tuning",
    "verify": "verification",
    "write_report": "report",
}

__all__ = [
    "Augmentation",
    "BundleError",
    "CheckReport",
    "Classifier",
    "ClothesError",
    "Collected",
    "Comparison",
    "Config",
    "ConfigError",
    "DownloadError",
    "DriveError",
    "Evaluation",
    "Explanation",
    "Export",
    "ExportError",
    "Look",
    "MissingExtraError",
    "ModelConfig",
    "PhotoError",
    "PhotosError",
    "Prediction",
    "Report",
    "Run",
    "RunError",
    "Split",
    "SplitConfig",
    "SplitError",
    "TrainConfig",
    "TrainingError",
    "Tuning",
    "TuningError",
    "Verification",
    "build_app",
    "build_model",
    "check",
    "collect_folder",
    "collect_urls",
    "collect_web",
    "compare",
    "evaluate",
    "export",
    "load",
    "look",
    "split",
    "train",
    "tune",
    "verify",
    "write_report",
]

if TYPE_CHECKING:
    from clothes.app import build_app
    from clothes.checks import CheckReport, check
    from clothes.collection import Collected, collect_folder, collect_urls, collect_web
    from clothes.comparison import Comparison, compare
    from clothes.config import Augmentation, Config, ModelConfig, SplitConfig, TrainConfig
    from clothes.errors import (
        BundleError,
        ClothesError,
        ConfigError,
        DownloadError,
        DriveError,
        ExportError,
        MissingExtraError,
        PhotoError,
        PhotosError,
        RunError,
        SplitError,
        TrainingError,
        TuningError,
    )
    from clothes.evaluation import Evaluation, evaluate
    from clothes.explanations import Explanation
    from clothes.exporting import Export, export
    from clothes.looking import Look, look
    from clothes.models import build_model
    from clothes.prediction import Classifier, Prediction, load
    from clothes.report import Report, write_report
    from clothes.runs import Run
    from clothes.splits import Split, split
    from clothes.training import train
    from clothes.tuning import Tuning, tune
    from clothes.verification import Verification, verify


# What each extra brings, for the error when it is missing.
_EXTRAS = {
    "keras": "train",
    "tensorflow": "train",
    "cv2": "train",
    "matplotlib": "train",
    "jinja2": "train",
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


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'clothes' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"clothes.{_ROOMS[name]}"), name)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in _EXTRAS:
            raise
        from clothes.errors import MissingExtraError

        raise MissingExtraError(_EXTRAS[module], f"clothes.{name}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
