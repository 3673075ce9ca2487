"""A search: begins with the defaults, sees no test photo, survives a kill, and is shared by processes."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("keras", reason="tuning needs the extra 'train'")
pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")

from optuna.trial import TrialState

import clothes
from clothes.config import Config
from clothes.errors import DivergenceError, TuningError
from clothes.report import plots
from clothes.training import search
from clothes.training.callbacks import SearchCallback
from clothes.training.optuna_study import RunningTrial, Study
from clothes.training.search_results import Tuning
from clothes.training.search_space import SEARCHED, SearchConfig, Span, apply_settings, read_setting, space_around
from clothes.training.trainer import Trainer
from clothes.training.trials import Trial, TrialError
from clothes.training.tuning import run_search, tune
from tests.support.pictures import SMALL, make_photos

TINY = SMALL.changed({"model": {"image_size": 16, "filters": [4, 4, 4], "units": [8, 8, 8]}})
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_photos(tmp_path_factory.mktemp("tuning") / "photos", each=20)
    clothes.split(folder).write(folder / "split.csv")
    return folder


class Seeds(Trainer):
    """Notes the seed of every training."""

    seen: ClassVar[list[int]] = []

    def __init__(self, config: Config, *args: Any) -> None:
        self.seen.append(config.train.seed)
        super().__init__(config, *args)


@pytest.fixture(scope="module")
def tuned(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "Trainer", Seeds)
        return tune(photos, out=tmp_path_factory.mktemp("tuned") / "search", trials=12, epochs=2, config=TINY)


def command(photos: Path, out: Path, *, trials: int, storage: str | None = None, beat: int = 1) -> list[str]:
    """A process that works on a study, and gives one up that was silent for four times `beat` seconds."""
    code = (
        "import sys; from pathlib import Path; from clothes.config import Config\n"
        "from clothes.training.search_space import SearchConfig\n"
        "from clothes.training.tuning import run_search\n"
        "photos, out, trials, storage = sys.argv[1:]\n"
        f"config = Config.from_dict({TINY.to_dict()!r})\n"
        f"search = SearchConfig(int(trials), epochs=2, storage=storage or None, heartbeat={beat})\n"
        "run_search(photos, search, out=out, config=config)\n"
    )
    return [sys.executable, "-c", code, str(photos), str(out), str(trials), storage or ""]


def wait_for(condition: Any, *, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_it_begins_with_the_default_and_then_varies_what_matters_most(tuned: Tuning) -> None:
    assert [trial.number for trial in tuned.trials] == list(range(12))
    assert apply_settings(TINY, tuned.trials[0].settings) == TINY
    assert tuned.default and tuned.default.settings == tuned.trials[0].settings
    for trial in tuned.trials[1:8]:
        differing = {name for name, value in trial.settings.items() if value != tuned.trials[0].settings[name]}
        assert differing and differing <= {"train.learning_rate", "train.weight_decay", "train.batch_size"}


def test_the_last_third_are_the_best_settings_again_with_other_seeds(tuned: Tuning) -> None:
    before = [trial for trial in tuned.trials[:8] if trial.state == "done"]
    best = max(before, key=lambda trial: trial.score)
    assert [trial.again > 0 for trial in tuned.trials] == [False] * 8 + [True] * 4
    assert tuned.trials[8].settings == best.settings
    assert all(trial.settings in [one.settings for one in before] for trial in tuned.trials[8:])
    assert Seeds.seen == [trial.again for trial in tuned.trials]


def test_who_is_tried_again() -> None:
    """The three best, whatever they are at the time, and what the search began with, the least tried of them first."""
    running = search.Search.__new__(search.Search)
    running.own = {"x": 0.0}
    asked: list[tuple[float, int]] = []

    class Recorder:
        def has_waiting(self) -> bool:
            return False

        def repeat(self, settings: dict[str, Any], again: int) -> None:
            asked.append((settings["x"], again))

    scores = {0.0: 0.1, 1.0: 0.9, 2.0: 0.8, 3.0: 0.7, 4.0: 0.6}
    trials = [Trial(i, "done", score, 2, 1.0, {"x": x}) for i, (x, score) in enumerate(scores.items())]
    trials.append(Trial(5, "pruned", 0.95, 1, 1.0, {"x": 5.0}))
    for score in (0.2, 0.8, 0.7, 0.1, 0.6, 0.1):
        running._repeat_best(Recorder(), trials)  # type: ignore[arg-type]
        x, again = asked[-1]
        trials.append(Trial(len(trials), "done", score, 2, 1.0, {"x": x}, again=again))
    # 1 was lucky at first: with 0.2 it is behind 4, which has its turn.
    assert asked == [(1.0, 1), (2.0, 1), (3.0, 1), (4.0, 1), (0.0, 1), (2.0, 2)]


def test_the_result_is_the_best_config_with_all_its_epochs(tuned: Tuning) -> None:
    scores = [trial.score for trial in tuned.trials if trial.settings == tuned.best.settings]
    assert len(scores) > 1 and tuned.best.score == pytest.approx(sum(scores) / len(scores))
    assert tuned.gain is not None and tuned.default is not None
    assert tuned.gain == tuned.best.score - tuned.default.score
    config = Config.read(tuned.path / "config.json")
    assert config == tuned.config
    assert config.train.epochs == TINY.train.epochs
    assert config.train.learning_rate == tuned.best.settings["train.learning_rate"]
    with (tuned.path / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == [trial.state for trial in tuned.trials]
    json.dumps(tuned.to_dict())


def test_the_same_call_goes_on_and_a_finished_one_trains_nothing(tuned: Tuning, photos: Path) -> None:
    again = tune(photos, out=tuned.path, trials=12, epochs=2, config=TINY)
    assert again.trials == tuned.trials
    more = tune(photos, out=tuned.path, trials=13, epochs=2, config=TINY)
    assert more.trials[:12] == tuned.trials and len(more.trials) == 13


def test_trials_of_smaller_pictures_leave_the_size_of_the_config(photos: Path, tmp_path: Path) -> None:
    larger = TINY.changed({"model": {"image_size": 32}})
    seen: list[int] = []

    class Sizes(SearchCallback):
        def on_start(self, path: Path, config: Config, split: clothes.Split, *, most: int | None) -> None:
            seen.append(config.model.image_size)

    result = tune(photos, out=tmp_path / "search", trials=1, epochs=1, config=larger, scale=0.5, callback=Sizes())
    assert seen == [16] and result.config.model.image_size == 32
    with pytest.raises(TuningError, match="another search space"):
        tune(photos, out=tmp_path / "search", trials=2, epochs=1, config=larger)


def test_every_setting_that_can_be_drawn_is_a_config_that_can_be_built() -> None:
    rng = np.random.default_rng(0)
    searched = space_around(Config())
    assert set(searched) == set(SEARCHED)  # nothing is left out around the defaults
    for _ in range(200):
        settings = {}
        for name, options in searched.items():
            if isinstance(options, Span):
                value = rng.uniform(options.low, options.high)
                settings[name] = round(value) if options.whole else value
            else:
                settings[name] = options[rng.integers(len(options))]
        config = apply_settings(Config(), settings)
        for name, value in settings.items():
            if name != "train.augmentation":
                assert read_setting(config, name) == value
    assert clothes.build_model(config.model, 3).count_params() > 0


def test_the_space_leaves_alone_what_lies_outside_and_what_is_of_another_network() -> None:
    lite = space_around(Config.for_photos(400, architecture="efficientnet-lite0"))
    assert set(lite) == {
        f"train.{name}" for name in ("learning_rate", "weight_decay", "batch_size", "label_smoothing", "augmentation")
    }
    span = lite["train.learning_rate"]
    assert isinstance(span, Span) and span.low < 3e-4 < span.high


def test_augmentation_has_one_strength() -> None:
    usual = clothes.Augmentation()
    assert usual.times(1) == usual
    none = usual.times(0)
    assert (none.rotation, none.zoom, none.color, none.erase) == (0, (1, 1), 0, 0)
    assert usual.times(1.5).zoom == pytest.approx((0.55, 1.225))


def test_the_test_part_is_not_opened(photos: Path, tmp_path: Path) -> None:
    """With the test photos gone there is nothing to open."""
    copy = shutil.copytree(photos, tmp_path / "photos")
    test = clothes.Split.read(copy / "split.csv", copy).part("test")
    assert len(test) > 5
    for row in test:
        (copy / row.photo).unlink()
    assert tune(copy, out=tmp_path / "search", trials=1, epochs=1, config=TINY).best.score > 0


class Unruly(Trainer):
    """Fails as the test asks, trial by trial."""

    errors: ClassVar[list[Exception | None]] = []

    def __init__(self, *args: Any) -> None:
        error = self.errors.pop(0)
        if error is not None:
            raise error
        super().__init__(*args)


def test_a_failing_trial_is_recorded_and_the_search_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "Trainer", Unruly)
    Unruly.errors = [MemoryError("cannot allocate 9 GB"), ValueError("Negative dimension"), MemoryError(), None]
    result = tune(photos, out=tmp_path / "search", trials=4, epochs=1, config=TINY)
    assert [trial.state for trial in result.trials] == ["failed", "failed", "failed", "done"]
    assert [trial.reason for trial in result.trials[:3]] == ["cannot allocate 9 GB", "Negative dimension", "no memory"]
    assert result.default is None and result.gain is None
    assert "cannot allocate 9 GB" in (result.path / "trials.csv").read_text()


def test_three_failures_alike_end_it_with_advice(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "Trainer", Unruly)
    nan = DivergenceError("The loss is no number any more after epoch 1.")
    Unruly.errors = [MemoryError(), nan, nan, nan, None]
    with pytest.raises(TuningError, match=r"last 3 trials failed alike.*no number.*smaller learning_rate"):
        tune(photos, out=tmp_path / "search", trials=9, epochs=1, config=TINY)
    with pytest.raises(TuningError, match="last 3 trials failed alike"):  # and again: nothing has changed
        tune(photos, out=tmp_path / "search", trials=9, epochs=1, config=TINY)


def test_an_error_that_is_no_trials_fault_ends_it_and_the_trial_is_tried_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(search, "Trainer", Unruly)
        Unruly.errors = [OSError(28, "No space left on device")]
        with pytest.raises(TuningError, match="No space left on device"):
            tune(photos, out=tmp_path / "search", trials=1, epochs=1, config=TINY)
    # It waits behind the seven that the search begins with.
    result = run_search(photos, SearchConfig(8, epochs=1, prune=False), out=tmp_path / "search", config=TINY)
    assert [trial.state for trial in result.trials] == ["lost", *["done"] * 8]
    assert result.trials[-1].settings == result.trials[0].settings
    assert result.default and result.default.scores == (result.trials[-1].score,)


def test_a_study_of_something_else_is_refused(tuned: Tuning, photos: Path, tmp_path: Path) -> None:
    others = make_photos(tmp_path / "photos", each=20, seed=1000)
    with pytest.raises(TuningError, match="of another set of photos"):
        tune(others, out=tuned.path, trials=4, epochs=2, config=TINY)
    split = clothes.split(photos, config=clothes.SplitConfig(seed=1))
    with pytest.raises(TuningError, match="another split"):
        tune(photos, out=tuned.path, trials=4, epochs=2, config=TINY, split=split)
    with pytest.raises(TuningError, match="of another search space"):
        tune(photos, out=tuned.path, trials=4, epochs=3, config=TINY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "--trials must be 1 or more"),
        ({"minutes": 0}, "--minutes must be above 0"),
        ({"scale": 0}, "--scale must be above 0"),
        ({"scale": 1.5}, "--scale must be above 0 and at most 1"),
        ({"minutes": float("nan")}, "--minutes must be above 0"),
        ({"storage": "nowhere"}, "no address of a database"),
        ({"storage": "postgresql+none://host/name"}, "cannot be used|no address|driver"),
        ({"storage": "postgresql://user:secret@127.0.0.1:1/name"}, "cannot be used.*refused"),
        ({"minutes": 1e-6}, "The time was over before one trial was done"),
    ],
)
def test_bad_input_is_a_sentence(photos: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TuningError, match=message) as caught:
        tune(photos, out=tmp_path / "search", epochs=1, config=TINY, **options)
    assert "secret" not in str(caught.value)


def test_a_full_disk_is_a_sentence(photos: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        with pytest.raises(TuningError, match=r"full|No space"):
            tune(photos, out=disk / "search", trials=9, epochs=1, config=TINY)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_folder_that_is_a_file_is_a_sentence(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "search").write_text("")
    with pytest.raises(TuningError, match=r"cannot be kept.*Give another --out"):
        tune(photos, out=tmp_path / "search", trials=1, config=TINY)


def test_a_killed_search_loses_the_running_trial_at_most(photos: Path, tmp_path: Path) -> None:
    database = tmp_path / "search" / "study.db"
    process = subprocess.Popen(command(photos, tmp_path / "search", trials=4))
    wait_for(lambda: database.exists() and states(f"sqlite:///{database}").count("COMPLETE") >= 1)
    wait_for(lambda: "RUNNING" in states(f"sqlite:///{database}"))
    process.kill()
    process.wait()
    subprocess.run(command(photos, tmp_path / "search", trials=4), check=True)
    after = states(f"sqlite:///{database}")
    assert after.count("COMPLETE") + after.count("PRUNED") == 4
    assert after.count("FAIL") <= 1 and "RUNNING" not in after


def test_ctrl_c_leaves_a_state_from_which_the_same_command_goes_on(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text(TINY.to_json())
    line = [sys.executable, "-m", "clothes", "tune", str(photos), "--config", str(tmp_path / "tiny.json")]
    line += ["--trials", "3", "--epochs", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)

    def done() -> bool:
        found = list(tmp_path.glob("tunings/*/study.db"))
        return bool(found) and "COMPLETE" in states(f"sqlite:///{found[0]}")

    wait_for(done)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command continues" in errors and "Traceback" not in errors
    again = subprocess.run([*line, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    result = json.loads(again.stdout)
    assert len([trial for trial in result["trials"] if trial["state"] in ("done", "pruned")]) == 3
    assert Path(tmp_path / result["path"] / "search.png").exists()


SPACE = {"x": Span(0, 1)}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Trials that take no time, the first with x = 0.5."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study.open(url, "search", identity={}, first=[{"x": 0.5}], heartbeat=1)
    study.configure(sampler="random", startup=1, seed=0, unpruned=None)
    return study


def test_a_process_that_died_before_its_first_heartbeat_is_given_up_too(study: Study) -> None:
    study._study.ask()  # and no more is heard of it

    def lost() -> bool:
        study.give_up_silent()
        return study.trials()[0].state == "lost"

    wait_for(lost, seconds=60)
    study.run(lambda trial: trial.settings(SPACE)["x"])
    assert [(trial.state, trial.settings) for trial in study.trials()] == [("lost", {}), ("done", {"x": 0.5})]


@pytest.mark.parametrize("ends", ["well", "reporting", "failing", "interrupted"])
def test_a_trial_that_others_gave_up_does_not_count(study: Study, ends: str) -> None:
    def train(trial: RunningTrial) -> float:
        x: float = trial.settings(SPACE)["x"]
        study._storage.set_trial_state_values(trial._trial._trial_id, TrialState.FAIL)
        if ends == "reporting":
            trial.report(1, x, last=False)
        if ends == "failing":
            raise TrialError("no memory", "too large")
        if ends == "interrupted":
            raise KeyboardInterrupt
        return x

    if ends == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            study.run(train)
    else:
        study.run(train)
    assert [trial.state for trial in study.trials()] == ["lost"]  # who gave it up sees to it that it is tried again


def states(url: str) -> list[str]:
    """The states of all trials in a database, as Optuna calls them."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return [row[0] for row in connection.execute(sqlalchemy.text("SELECT state FROM trials"))]
    except sqlalchemy.exc.SQLAlchemyError:
        return []  # its tables are not made yet
    finally:
        engine.dispose()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database in a PostgreSQL server of our own, which runs as the user postgres."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    if os.getuid() != 0:
        pytest.skip("only root can become the user postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path("/tmp") / f"clothes-postgres-{os.getpid()}"  # pytest's own folders are closed to other users
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")

    def run(program: str, *arguments: str) -> None:
        line = [str(programs[-1] / program), *arguments]
        subprocess.run(line, check=True, user="postgres", group="postgres", stdout=subprocess.DEVNULL, cwd=folder)

    try:
        run("initdb", "-D", f"{folder}/data", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "study")
        yield f"postgresql://postgres@127.0.0.1:{port}/study"
    finally:
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def test_four_workers_share_a_study_and_one_is_killed(photos: Path, tmp_path: Path, postgres: str) -> None:
    trials, workers = 24, 4
    line = command(photos, tmp_path / "search", trials=trials, storage=postgres, beat=3)
    processes = [subprocess.Popen(line) for _ in range(workers)]
    wait_for(lambda: states(postgres).count("RUNNING") == workers, seconds=180)
    processes[0].kill()
    codes = [process.wait(timeout=400) for process in processes]
    assert codes == [-signal.SIGKILL, 0, 0, 0]
    result = run_search(
        photos, SearchConfig(trials, epochs=2, storage=postgres, heartbeat=1), out=tmp_path / "search", config=TINY
    )
    counted = [trial for trial in result.trials if trial.state != "lost"]
    lost = [trial for trial in result.trials if trial.state == "lost"]
    assert trials <= len(counted) <= trials + workers - 1
    assert all(trial.state in ("done", "pruned") for trial in counted)
    assert len(lost) == 1  # given up by its heartbeat, and tried again:
    known = lost[0].settings.items()  # it may have died while they were noted
    assert any(known <= trial.settings.items() for trial in counted)
    assert result.default is not None and len({trial.number for trial in result.trials}) == len(result.trials)


def test_the_picture_shows_the_search(tmp_path: Path) -> None:
    scores = [(0, 0.5, "completed"), (1, 0.2, "pruned"), (2, 0.7, "completed"), (3, 0.6, "completed")]
    scores.append((4, 0.9, "repeated"))
    left, right = plots.search(scores, {"train.learning_rate": 0.8, "model.units.0": 0.2}, default=0.5)
    best = next(line for line in left.get_lines() if line.get_label() == "best so far")
    assert best.get_ydata().tolist() == [0.5, 0.7, 0.7]
    assert [bar.get_width() for bar in right.patches] == [0.2, 0.8]
    assert plots.save((left, right), tmp_path / "search.png").stat().st_size > 1000
