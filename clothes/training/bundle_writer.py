"""Makes the bundle of a trained network: calibrate, convert, measure, describe, write."""

import numpy as np

from clothes.errors import BundleError
from clothes.inference.bundle import MODEL, PROBES, REJECTION, WEIGHTS, make_probes, write_bundle
from clothes.inference.litert import LiteModel
from clothes.inference.metrics import apply_temperature, calibrate_temperature, lowest_kept
from clothes.inference.run import Run
from clothes.models.backend import keras
from clothes.models.conversion import to_litert
from clothes.models.litert_head import add_rejection
from clothes.photos.split_file import Split
from clothes.system.arrays import pack_arrays
from clothes.system.threads import map_in_threads
from clothes.training.bundle_info import COVERAGE, describe, describe_photos, measure, tensorflow_version
from clothes.training.rejection import fit_rejection
from clothes.training.training_loop import Trainer

_EXAMPLES = 50  # train photos used to measure the value ranges of an 8-bit network; 200 give none that are nearer
_LARGEST_DIFFERENCE = 0.03  # mean, between the probabilities of the converted and of the trained network


def write_run_bundle(run: Run, trainer: Trainer, split: Split, *, seconds: float) -> None:
    """Writes the bundle of the best epoch and removes the evaluation of an earlier one. `seconds` is the training time.

    Ends the training. Raises BundleError if the converted network answers differently from the trained one.
    """
    labels, pixels = trainer.validation.labels, trainer.validation.pixels
    config, photos, state = trainer.full_config.model, trainer.pictures, trainer.state
    trained, expected = trainer.best_network()
    temperature = calibrate_temperature(expected, labels[labels >= 0])
    spread = np.linspace(0, len(photos) - 1, min(_EXAMPLES, len(photos))).astype(int)  # over all classes
    for examples in (photos.pixels[spread], None):  # without, it computes in float32: slower, and always near
        model = to_litert(trained, config, temperature=temperature, examples=examples)
        rejection = fit_rejection(LiteModel(model), photos)
        lite = LiteModel(model if rejection is None else add_rejection(model, rejection))
        outputs = list(map_in_threads(lite.run, pixels))
        scores = np.stack([output.scores for output in outputs])
        difference = np.abs(scores[labels >= 0] - apply_temperature(expected, temperature)).mean()
        if difference < _LARGEST_DIFFERENCE:  # false for NaN
            break
    else:
        raise BundleError(
            f"The converted model answers differently from the trained one (by {difference:.3f} on average), so no "
            f"bundle was written. The training itself is kept in {run.path / 'checkpoints'}."
        )
    certainty = np.array([output.certainty for output in outputs])
    threshold = lowest_kept(certainty[labels >= 0], COVERAGE)
    metrics = measure(scores, labels, certainty >= threshold)
    probes = make_probes(config.image_size)
    results = {"temperature": temperature, "threshold": threshold, "metrics": {"validation": metrics}}
    files = {
        MODEL: lite.data,
        PROBES: pack_arrays(pictures=probes, scores=np.stack([lite.run(picture)[0] for picture in probes])),
        WEIGHTS: pack_arrays(*trainer.best_weights, **({} if rejection is None else {REJECTION: rejection})),
    }
    if rejection is not None:
        results["rejection"] = {"photos": int((photos.labels < 0).sum())}
    if teacher := run.info.get("teacher"):
        results["teacher"] = teacher
    info = describe(run.path, split.classes, trainer.full_config) | describe_photos(split)
    info["versions"] |= {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "tensorflow": tensorflow_version(),
    }
    epochs = {"trained": state.epoch, "best": state.best_epoch, "seconds": round(seconds, 1)}
    training = {"seed": trainer.full_config.train.seed, "epochs": epochs}
    run.remove_evaluation()
    write_bundle(run.path / "bundle", info | training | results, files)
