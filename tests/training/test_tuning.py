"""A search begins with the default settings, opens no test photo, survives a kill, and is shared by processes."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("keras", reason="tuning needs the extra 'train'")
pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")

import clothes
from clothes.config import Config
from clothes.errors import DivergenceError, TuningError
from clothes.report import plots
from clothes.training import search
from clothes.training.callbacks import SearchCallback
from clothes.training.search_results import Trial, Tuning
from clothes.training.search_space import SearchConfig, apply_settings
from clothes.training.tuning import run_search, tune
from tests.support.pictures import SMALL, make_photos
from tests.support.waiting import wait_for

TINY = SMALL.changed({"model": {"image_size": 16, "filters": [4, 4, 4], "units": [8, 8, 8]}})
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_photos(tmp_path_factory.mktemp("tuning") / "photos", each=20)
    clothes.split(folder).write(folder / "split.csv")
    return folder


class FastTrainer:
    """Replaces the training of a trial. The accuracy depends on the learning rate and the seed only."""

    seeds: ClassVar[list[int]] = []
    errors: ClassVar[list[Exception | None]] = []  # of the next trials

    def __init__(self, config: Config, *parts: Any) -> None:
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.seeds.append(config.train.seed)
        self.config, self.state = config.train, SimpleNamespace(best=(0.0,))

    def begin(self) -> None:
        pass

    def epochs(self, on_step: Callable[[int, int], None]) -> Iterator[dict[str, float]]:
        rng = np.random.default_rng([self.config.seed, round(1e6 * self.config.learning_rate)])
        for epoch in range(1, self.config.epochs + 1):
            on_step(1, 1)
            accuracy = float(rng.uniform())
            self.state.best = (max(accuracy, *self.state.best),)
            yield {"epoch": epoch, "val_accuracy": accuracy}


def use_fast_trainer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(search, "Trainer", FastTrainer)
    patch.setattr(search.keras.backend, "clear_session", lambda: None)
    patch.setattr(FastTrainer, "errors", [])
    patch.setattr(FastTrainer, "seeds", [])


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """Replaces the training of trials; returns the errors of the next ones."""
    use_fast_trainer(monkeypatch)
    return FastTrainer.errors


@pytest.fixture(scope="module")
def tuned(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    with pytest.MonkeyPatch.context() as patch:
        use_fast_trainer(patch)
        result = tune(photos, out=tmp_path_factory.mktemp("tuned") / "search", trials=12, epochs=2, config=TINY)
        assert FastTrainer.seeds == [trial.again for trial in result.trials]
    return result


def command(photos: Path, out: Path, *, trials: int, storage: str | None = None, beat: int = 1) -> list[str]:
    """Returns the command of a process that works on a study, with a heartbeat each `beat` seconds."""
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


def test_the_first_trial_is_the_default_and_the_next_vary_the_most_important_settings(tuned: Tuning) -> None:
    assert [trial.number for trial in tuned.trials] == list(range(12))
    assert apply_settings(TINY, tuned.trials[0].settings) == TINY
    assert tuned.default and tuned.default.settings == tuned.trials[0].settings
    for trial in tuned.trials[1:8]:
        differing = {name for name, value in trial.settings.items() if value != tuned.trials[0].settings[name]}
        assert differing and differing <= {"train.learning_rate", "train.weight_decay", "train.batch_size"}


def test_the_last_third_repeats_the_best_settings_with_other_seeds(tuned: Tuning) -> None:
    before = [trial for trial in tuned.trials[:8] if trial.state == "done"]
    best = max(before, key=lambda trial: trial.score)
    assert [trial.again > 0 for trial in tuned.trials] == [False] * 8 + [True] * 4
    assert tuned.trials[8].settings == best.settings
    assert all(trial.settings in [one.settings for one in before] for trial in tuned.trials[8:])


def test_the_order_of_repeated_settings() -> None:
    """The three best settings of the moment and the first settings take turns, the fewest trials first."""
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
    # The second trial of 1 gives 0.2, so 4 takes its place.
    assert asked == [(1.0, 1), (2.0, 1), (3.0, 1), (4.0, 1), (0.0, 1), (2.0, 2)]


def test_the_result_is_the_best_config_with_all_epochs(tuned: Tuning) -> None:
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


def test_the_same_call_continues_and_trains_nothing_if_finished(tuned: Tuning, photos: Path, fast: object) -> None:
    again = tune(photos, out=tuned.path, trials=12, epochs=2, config=TINY)
    assert again.trials == tuned.trials
    more = tune(photos, out=tuned.path, trials=13, epochs=2, config=TINY)
    assert more.trials[:12] == tuned.trials and len(more.trials) == 13


def test_smaller_pictures_in_trials_do_not_change_the_config(photos: Path, tmp_path: Path, fast: object) -> None:
    larger = TINY.changed({"model": {"image_size": 32}})
    seen: list[int] = []

    class Sizes(SearchCallback):
        def on_start(self, path: Path, config: Config, split: clothes.Split, *, most: int | None) -> None:
            seen.append(config.model.image_size)

    result = tune(photos, out=tmp_path / "search", trials=1, epochs=1, config=larger, scale=0.5, callback=Sizes())
    assert seen == [16] and result.config.model.image_size == 32
    with pytest.raises(TuningError, match="another search space"):
        tune(photos, out=tmp_path / "search", trials=2, epochs=1, config=larger)


def test_no_photo_of_the_test_part_is_opened(photos: Path, tmp_path: Path) -> None:
    """Deletes the photos of the test part before the search."""
    copy = shutil.copytree(photos, tmp_path / "photos")
    test = clothes.Split.read(copy / "split.csv", copy).part("test")
    assert len(test) > 5
    for row in test:
        (copy / row.photo).unlink()
    assert tune(copy, out=tmp_path / "search", trials=1, epochs=1, config=TINY).best.score > 0


def test_a_failed_trial_is_recorded_and_the_search_continues(
    photos: Path, tmp_path: Path, fast: list[Exception | None]
) -> None:
    fast += [MemoryError("cannot allocate 9 GB"), ValueError("Negative dimension"), MemoryError(), None]
    result = tune(photos, out=tmp_path / "search", trials=4, epochs=1, config=TINY)
    assert [trial.state for trial in result.trials] == ["failed", "failed", "failed", "done"]
    assert [trial.reason for trial in result.trials[:3]] == ["cannot allocate 9 GB", "Negative dimension", "no memory"]
    assert result.default is None and result.gain is None
    assert "cannot allocate 9 GB" in (result.path / "trials.csv").read_text()


def test_three_equal_failures_end_the_search_with_advice(
    photos: Path, tmp_path: Path, fast: list[Exception | None]
) -> None:
    nan = DivergenceError("The loss is no number any more after epoch 1.")
    fast += [MemoryError(), nan, nan, nan]
    with pytest.raises(TuningError, match=r"last 3 trials failed alike.*no number.*smaller learning_rate"):
        tune(photos, out=tmp_path / "search", trials=9, epochs=1, config=TINY)
    with pytest.raises(TuningError, match="last 3 trials failed alike"):  # again, because nothing has changed
        tune(photos, out=tmp_path / "search", trials=9, epochs=1, config=TINY)


def test_another_error_ends_the_search_and_the_trial_is_repeated(
    photos: Path, tmp_path: Path, fast: list[Exception | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_SPREAD", 2)
    fast.append(OSError(28, "No space left on device"))
    with pytest.raises(TuningError, match="No space left on device"):
        tune(photos, out=tmp_path / "search", trials=1, epochs=1, config=TINY)
    # The repeated trial is enqueued after the two other first trials.
    result = run_search(photos, SearchConfig(3, epochs=1, prune=False), out=tmp_path / "search", config=TINY)
    assert [trial.state for trial in result.trials] == ["lost", "done", "done", "done"]
    assert result.trials[-1].settings == result.trials[0].settings
    assert result.default and result.default.scores == (result.trials[-1].score,)


def test_a_study_of_other_photos_split_or_space_is_refused(tuned: Tuning, photos: Path, tmp_path: Path) -> None:
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
def test_wrong_input_gives_a_message(photos: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TuningError, match=message) as caught:
        tune(photos, out=tmp_path / "search", epochs=1, config=TINY, **options)
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_full_disk_gives_a_message(photos: Path, tmp_path: Path, fast: object) -> None:
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


def test_a_file_in_place_of_the_folder_gives_a_message(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "search").write_text("")
    with pytest.raises(TuningError, match=r"cannot be kept.*Give another --out"):
        tune(photos, out=tmp_path / "search", trials=1, config=TINY)


@pytest.mark.slow
def test_a_killed_search_loses_at_most_the_running_trial(photos: Path, tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_the_same_command_continues_after_ctrl_c(photos: Path, tmp_path: Path) -> None:
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


def states(url: str) -> list[str]:
    """Returns Optuna's states of all trials in a database."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return [row[0] for row in connection.execute(sqlalchemy.text("SELECT state FROM trials"))]
    except sqlalchemy.exc.SQLAlchemyError:
        return []  # there are no tables yet
    finally:
        engine.dispose()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """Starts a PostgreSQL server as the user postgres; yields the URL of an empty database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    if os.getuid() != 0:
        pytest.skip("only root can become the user postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path("/tmp") / f"clothes-postgres-{os.getpid()}"  # pytest's folders are closed to the user postgres
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


@pytest.mark.slow
def test_four_processes_share_a_study_and_one_is_killed(photos: Path, tmp_path: Path, postgres: str) -> None:
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
    assert len(lost) == 1  # its heartbeats stopped, so its settings were repeated
    recorded = lost[0].settings.items()  # incomplete if the process died while it wrote them
    assert any(recorded <= trial.settings.items() for trial in counted)
    assert result.default is not None and len({trial.number for trial in result.trials}) == len(result.trials)


def test_the_plot_of_a_search(tmp_path: Path) -> None:
    scores = [(0, 0.5, "completed"), (1, 0.2, "pruned"), (2, 0.7, "completed"), (3, 0.6, "completed")]
    scores.append((4, 0.9, "repeated"))
    left, right = plots.search(scores, {"train.learning_rate": 0.8, "model.units.0": 0.2}, default=0.5)
    best = next(line for line in left.get_lines() if line.get_label() == "best so far")
    assert best.get_ydata().tolist() == [0.5, 0.7, 0.7]
    assert [bar.get_width() for bar in right.patches] == [0.2, 0.8]
    assert plots.save((left, right), tmp_path / "search.png").stat().st_size > 1000
