"""A search begins with the default settings, opens no test photo, survives a kill, and is shared by processes."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras", reason="tuning needs the extra 'train'")
pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")

import sqlalchemy

import clothes
from clothes.config import Config
from clothes.errors import TuningError
from clothes.training.callbacks import SearchCallback
from clothes.training.search import study
from clothes.training.search.results import Trial, Tuning, trials_to_csv
from clothes.training.search.space import apply_settings
from clothes.training.search.tuning import tune
from tests.support.commands import run_command
from tests.support.fast_search import TINY, FastTrainer, start_worker, use_fast_trainer
from tests.support.pictures import make_photos
from tests.support.postgres import postgres  # noqa: F401 - a fixture
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def tuned(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    with pytest.MonkeyPatch.context() as patch:
        use_fast_trainer(patch)
        result = tune(photos, out=tmp_path_factory.mktemp("tuned") / "search", trials=12, epochs=2, config=TINY)
        assert FastTrainer.seeds == [trial.again for trial in result.trials]
    return result


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


def test_the_same_call_continues_and_trains_nothing_if_finished(
    tuned: Tuning, photos: Path, tmp_path: Path, fast: object
) -> None:
    shutil.copytree(tuned.path, tmp_path / "search")
    again = tune(photos, out=tmp_path / "search", trials=12, epochs=2, config=TINY)
    assert again.trials == tuned.trials
    more = tune(photos, out=tmp_path / "search", trials=13, epochs=2, config=TINY)
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
        ({"epochs": 0}, "--epochs must be 1 or more"),
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
        tune(photos, out=tmp_path / "search", config=TINY, **({"epochs": 1} | options))
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
    (tmp_path / "loop").symlink_to("loop")
    for name in ("search", "loop"):
        with pytest.raises(TuningError, match=r"cannot be kept.*Give another --out"):
            tune(photos, out=tmp_path / name, trials=1, config=TINY)


def test_a_folder_whose_name_is_no_text_gives_a_message(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(TuningError, match=r"is not UTF-8\. Give another --out"):
        clothes.tune(photos, out=tmp_path / "a\udcff", trials=1)


def test_a_database_that_is_a_link_is_not_written_to(photos: Path, tmp_path: Path, fast: object) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "study.db").symlink_to(tmp_path / "elsewhere.db")
    (tmp_path / "elsewhere.db").touch()
    with pytest.raises(TuningError, match=r"study\.db in it is a link, which may lead anywhere. Give another --out"):
        tune(photos, out=tmp_path / "search", trials=1, epochs=1, config=TINY)
    assert (tmp_path / "elsewhere.db").read_bytes() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["what?", "a%2fb#c&d"])
def test_the_database_lies_in_the_folder_whatever_its_name(
    photos: Path, tmp_path: Path, fast: object, name: str
) -> None:
    tune(photos, out=tmp_path / name, trials=1, epochs=1, config=TINY)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name / "study.db").is_file()


def test_the_address_of_the_database_may_come_from_the_environment(
    photos: Path, tmp_path: Path, fast: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOTHES_STORAGE", "postgres//me:secret@host")
    result = run_command("tune", photos, "--out", tmp_path / "search", "--trials", 1)
    assert "--storage is no address of a database" in result.err and "secret" not in result.err


def test_a_reason_in_the_table_of_trials_is_no_formula() -> None:
    text = trials_to_csv(
        [Trial(0, "failed", 0.0, 0, None, {"x": 1}, kind="impossible", reason="=cmd|' /C calc'!A0")], "x"
    )
    assert list(csv.reader(text.splitlines()))[1][-1] == "'=cmd|' /C calc'!A0"


def states(url: str) -> list[str]:
    """Returns Optuna's states of all trials in a database."""
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return [row[0] for row in connection.execute(sqlalchemy.text("SELECT state FROM trials"))]
    except sqlalchemy.exc.SQLAlchemyError:
        return []  # there are no tables yet
    finally:
        engine.dispose()


@pytest.mark.slow
def test_a_killed_search_loses_at_most_the_running_trial(photos: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'search' / 'study.db'}"
    with start_worker(photos, tmp_path / "search", trials=6) as process:
        wait_for(lambda: (tmp_path / "search" / "study.db").exists() and "COMPLETE" in states(url))
        wait_for(lambda: "RUNNING" in states(url))
        process.kill()
    assert start_worker(photos, tmp_path / "search", trials=6).wait(timeout=100) == 0
    after = states(url)
    assert after.count("COMPLETE") + after.count("PRUNED") == 6
    assert after.count("FAIL") <= 1 and "RUNNING" not in after


@pytest.mark.slow
def test_the_same_command_continues_after_ctrl_c(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    use_fast_trainer(monkeypatch, seconds=0.2)
    (tmp_path / "tiny.json").write_text(TINY.to_json())
    words = ["tune", photos, "--config", "tiny.json", "--trials", 4, "--epochs", 2]

    def send() -> None:
        wait_for(lambda: any("COMPLETE" in states(f"sqlite:///{path}") for path in tmp_path.glob("tunings/*/study.db")))
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()
    stopped = run_command(*words)
    sender.join()
    assert stopped.status == 130
    assert "the same command continues" in stopped.err and "Traceback" not in stopped.err
    again = run_command(*words, "--json")
    assert again.status == 0, again.err
    result = json.loads(again.out)
    assert len([trial for trial in result["trials"] if trial["state"] in ("done", "pruned")]) == 4
    assert Path(tmp_path / result["path"] / "search.png").exists()


@pytest.mark.slow
def test_four_processes_share_a_study_and_one_is_killed(
    photos: Path,
    tmp_path: Path,
    postgres: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials, workers = 16, 4
    options: dict[str, Any] = {"trials": trials, "storage": postgres}
    processes = [start_worker(photos, tmp_path / "search", heartbeat=2, **options) for _ in range(workers)]
    wait_for(lambda: states(postgres).count("RUNNING") == workers)
    processes[0].kill()
    assert [process.wait(timeout=200) for process in processes] == [-signal.SIGKILL, 0, 0, 0]
    use_fast_trainer(monkeypatch)
    monkeypatch.setattr(study, "HEARTBEAT", 1)
    ended = states(postgres).count("COMPLETE") + states(postgres).count("PRUNED")
    assert trials <= ended <= trials + workers - 1
    # The others may end before the killed trial counts as lost. More trials than they did wait for that.
    options["trials"] = trials + workers
    result = tune(photos, out=tmp_path / "search", epochs=2, config=TINY, **options)
    counted = [trial for trial in result.trials if trial.state != "lost"]
    lost = [trial for trial in result.trials if trial.state == "lost"]
    assert len(counted) == trials + workers
    assert all(trial.state in ("done", "pruned") for trial in counted)
    assert len(lost) == 1  # its heartbeats stopped, so its settings were repeated
    recorded = lost[0].settings.items()  # incomplete if the process died while it wrote them
    assert any(recorded <= trial.settings.items() for trial in counted)
    assert result.default is not None and len({trial.number for trial in result.trials}) == len(result.trials)
