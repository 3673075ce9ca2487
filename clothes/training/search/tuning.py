"""`tune`: photos -> a config with a higher validation accuracy. Reads the train and validation parts only.

Optuna takes a second to import, and Keras more, so they are imported after all checks of photos and settings.
"""

import os
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from clothes.config import QUICK, Config
from clothes.errors import EXTRAS, ConfigError, MissingExtraError, TuningError
from clothes.models.backend_check import require_training
from clothes.photos.split_file import Split
from clothes.system.files import refuse_links
from clothes.system.terminal_text import utf8
from clothes.training.callbacks import SearchCallback
from clothes.training.search.results import Tuning
from clothes.training.search.space import SearchConfig
from clothes.training.split_and_config import Changes, check_changes, check_split, choose_config, find_split, keep_split


def tune(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    config: Config | None = None,
    changes: Changes | None = None,
    split: str | os.PathLike[str] | Split | None = None,
    epochs: int | None = None,
    scale: float = 1,
    storage: str | None = None,
    callback: SearchCallback | None = None,
) -> Tuning:
    """Returns a config with a higher validation accuracy than the one that the search begins with.

    By default a trial is a whole training, unless it is pruned. Fewer `epochs` favour settings that learn fast, such as
    too little augmentation (benchmarks/results.md). `scale` reduces the image size of the trials, so that more of them
    fit into the time; the returned config has the full size. The last third of the trials repeats the best settings
    with other seeds, because the best of many trials was also lucky.

    The search ends after `trials` trials of the whole study (40 if no minutes are given), or `minutes` after this call.
    The folder `out` keeps every trial (study.db), config.json and trials.csv; the same call continues a stopped search.
    `storage` is the URL of a database: any number of processes work on the study with the name of the folder. Raises
    TuningError if the study is of other photos, another split or another search space.
    """
    began = time.perf_counter()
    search = SearchConfig(trials, minutes, epochs, scale, storage)
    photos, changes, callback = Path(photos), changes or {}, callback or SearchCallback()
    if check_changes(config, changes) == QUICK:
        raise ConfigError("The quick model has no settings to search for. Fit it at once: clothes train --model quick")
    require_training("Tuning")
    if find_spec("optuna") is None:
        raise MissingExtraError(EXTRAS["optuna"], "Tuning")
    whole = find_split(photos, split, progress=lambda *at: callback.on_progress("look", *at))
    visible = replace(whole, rows=tuple(row for row in whole.rows if row.part != "test"))
    check_split(visible)
    config = choose_config(config, changes, visible)

    from clothes.training.search.study import database_errors
    from clothes.training.search.trials import Search

    running = Search(visible, config, search, callback, began=began)
    folder = Path(out) if out is not None else Path("tunings") / f"{photos.resolve().name}-{running.fingerprint[:8]}"
    real = _real(folder)
    url = storage or f"sqlite:///{quote(str(real / 'study.db'))}"  # a name may contain ?
    try:
        with database_errors(url):
            if storage is None:
                folder.mkdir(parents=True, exist_ok=True)
                refuse_links(folder, "study.db*")
            study = running.open_study(url, real.name)
            folder.mkdir(parents=True, exist_ok=True)
            whole = keep_split(whole, split)
            whole.write(folder / "split.csv", overwrite=True)
            callback.on_start(folder, running.reduce(config), replace(visible, notes=whole.notes), most=search.most)
            running.run(study)
            return running.write_result(study, folder)
    except OSError as error:
        raise TuningError(f"The search cannot be kept in {folder}: {error.strerror}. Give another --out.") from None


def _real(folder: Path) -> Path:
    """Returns the folder without links. Raises TuningError if a database cannot have its name."""
    real = Path(os.path.realpath(folder))
    if utf8(str(real)) != str(real):
        raise TuningError(f"The name of the folder {str(real)!a} is not UTF-8. Give another --out.")
    return real
