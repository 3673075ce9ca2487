"""A study: the trials of one search, in a database that any number of processes share. The only file that uses Optuna.

A process records a heartbeat while it runs a trial. Another process gives up the trial of a process whose heartbeats
stopped (`Study.give_up_silent`); its settings are enqueued again.
"""

import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal, Self

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from clothes.errors import TuningError
from clothes.training.search_space import Space, Span
from clothes.training.trials import State, Trial, TrialError

_GRACE = 4  # missed heartbeats after which a process counts as dead
_RETRIES = 3  # of a trial whose process died: its settings may have killed it
_REDUCTION = 3  # pruning keeps the best third of the trials that have come as far
_PATIENCE = 10  # seconds for another process to fill a study it has just created


class RunningTrial:
    """A trial during its training."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self.again = int(trial.user_attrs.get("again", 0))

    def settings(self, space: Space) -> dict[str, Any]:
        """Returns the settings of this trial, drawn from the search space or enqueued before."""
        return {name: self._suggest(name, options) for name, options in space.items()}

    def _suggest(self, name: str, options: Span | tuple[Any, ...]) -> Any:
        if isinstance(options, tuple):
            return self._trial.suggest_categorical(name, options)
        if options.whole:
            return self._trial.suggest_int(name, int(options.low), int(options.high), log=options.log)
        return self._trial.suggest_float(name, options.low, options.high, log=options.log)

    def report(self, epoch: int, score: float, *, last: bool) -> None:
        """Records the score of an epoch. Raises TrialPruned if the trial is worse than the others.

        The first trial and repeated settings are never pruned, but the others are compared with them.
        """
        self._trial.report(score, epoch)
        is_behind = not last and self._trial.should_prune()
        if is_behind and self._trial.number and not self.again:
            raise optuna.TrialPruned


class Study:
    """The trials of a search. Its methods raise TuningError if the database fails."""

    def __init__(self, study: optuna.Study, storage: RDBStorage, url: str) -> None:
        self._study, self._storage, self._url = study, storage, url
        self._seen_running: dict[int, float] = {}  # number -> first seen at; infinite after a first heartbeat

    @classmethod
    def open(
        cls, url: str, name: str, *, identity: Mapping[str, str], first: Sequence[dict[str, Any]], heartbeat: int
    ) -> Self:
        """Returns the study of this name; a new one begins with the settings in `first`.

        `identity` describes its photos, split and space. Raises TuningError if an existing study has another identity.
        `heartbeat` is the interval in seconds.
        """
        with _database_errors(url):
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            storage = _open_storage(url, heartbeat)
            try:
                study, is_new = optuna.create_study(study_name=name, storage=storage, direction="maximize"), True
            except optuna.exceptions.DuplicatedStudyError:
                study, is_new = optuna.load_study(study_name=name, storage=storage), False
            until = time.monotonic() + _PATIENCE
            while not is_new and "begun" not in study.user_attrs and time.monotonic() < until:
                time.sleep(0.1)
            if "begun" not in study.user_attrs:  # created here, or by a process that died before it was filled
                for settings in first:
                    study.enqueue_trial(settings, skip_if_exists=True)
                for part, fingerprint in identity.items():
                    study.set_user_attr(part, fingerprint)
                study.set_user_attr("begun", True)
            different = [part for part, value in identity.items() if study.user_attrs.get(part) != value]
        if different:
            raise TuningError(
                f"The study {name!r} is of another {' and another '.join(different)}, so its trials say nothing here. "
                "Give another --out."
            )
        return cls(study, storage, url)

    def configure(
        self, *, sampler: Literal["tpe", "random"], startup: int, seed: int | None, unpruned: int | None
    ) -> None:
        """Sets the sampler, and the epochs that each trial gets before it may be pruned (None: no pruning)."""
        with _no_experimental_warnings():
            if sampler == "random":
                self._study.sampler = optuna.samplers.RandomSampler(seed)
            else:
                # constant_liar: avoids the settings of trials that run in other processes
                self._study.sampler = optuna.samplers.TPESampler(
                    multivariate=True, constant_liar=True, n_startup_trials=startup, seed=seed
                )
            self._study.pruner = optuna.pruners.NopPruner() if unpruned is None else pruner(unpruned)

    def trials(self) -> tuple[Trial, ...]:
        """Returns all trials that any process has begun."""
        with _database_errors(self._url):
            found = self._study.get_trials(deepcopy=False)
        return tuple(_trial(trial) for trial in found if trial.state != TrialState.WAITING)

    def has_waiting(self) -> bool:
        """Tells whether settings are enqueued."""
        with _database_errors(self._url):
            return bool(self._study.get_trials(deepcopy=False, states=[TrialState.WAITING]))

    def repeat(self, settings: Mapping[str, Any], again: int) -> None:
        """Enqueues settings that were tried `again` times before."""
        with _database_errors(self._url):
            self._study.enqueue_trial(dict(settings), user_attrs={"again": again})

    def run(self, train: Callable[[RunningTrial], float]) -> None:
        """Runs one trial. An error other than TrialError leaves it without a result and enqueues its settings again.

        The result does not count if another process has given up the trial, for example because the computer slept.
        """
        with _database_errors(self._url):
            self._fail_stale()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Heartbeat of storage")  # recorded by _heartbeats
                trial = self._study.ask()
            try:
                with self._heartbeats(trial.number), suppress(UpdateFinishedTrialError):
                    self._run(trial, train)
            except StorageInternalError:
                raise  # nothing can be recorded
            except BaseException:
                self._abandon(trial.number)
                raise

    def _run(self, trial: optuna.Trial, train: Callable[[RunningTrial], float]) -> None:
        try:
            score = train(RunningTrial(trial))
        except optuna.TrialPruned:
            self._study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except TrialError as error:
            trial.set_user_attr("kind", error.kind)
            trial.set_user_attr("reason", error.reason)
            self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        else:
            self._study.tell(trial, score, skip_if_finished=True)

    def _abandon(self, number: int) -> None:
        """Records a trial as lost and enqueues its settings, unless another process has done so."""
        with suppress(UpdateFinishedTrialError, StorageInternalError, SQLAlchemyError):
            self._storage.set_trial_state_values(self._trial_id(number), TrialState.FAIL)
            _retry(self._study, self._study.get_trials(deepcopy=False)[number])

    @contextmanager
    def _heartbeats(self, number: int) -> Iterator[None]:
        """Records heartbeats of a trial from a thread until the block ends."""
        trial_id, ended = self._trial_id(number), threading.Event()

        def record() -> None:
            while not ended.is_set():
                with suppress(StorageInternalError, SQLAlchemyError):  # the next heartbeat may succeed
                    self._storage.record_heartbeat(trial_id)
                ended.wait(self._storage.heartbeat_interval)

        thread = threading.Thread(target=record, daemon=True)
        try:
            thread.start()
            yield
        finally:
            ended.set()
            thread.join()

    def _trial_id(self, number: int) -> int:
        study = self._storage.get_study_id_from_name(self._study.study_name)
        return self._storage.get_trial_id_from_study_id_trial_number(study, number)

    def _fail_stale(self) -> None:
        with _no_experimental_warnings():
            optuna.storages.fail_stale_trials(self._study)

    def give_up_silent(self) -> None:
        """Gives up the trials of processes whose heartbeats stopped, and enqueues their settings again.

        Optuna ignores a trial without any heartbeat, so one that stays without is given its first here.
        """
        with _database_errors(self._url):
            self._fail_stale()
            for trial in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
                since = self._seen_running.setdefault(trial.number, time.monotonic())
                if time.monotonic() - since > (self._storage.grace_period or 0):
                    self._seen_running[trial.number] = math.inf
                    with _no_experimental_warnings():
                        self._storage.record_heartbeat(self._trial_id(trial.number))

    def importance(self) -> dict[str, float]:
        """Returns the share of each setting in the scores, largest first; empty if too few trials are complete."""
        with _database_errors(self._url), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return optuna.importance.get_param_importances(
                    self._study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
                )
            except (ValueError, RuntimeError):
                return {}


def pruner(unpruned: int) -> optuna.pruners.BasePruner:
    """Returns a pruner that keeps the best third at `unpruned` epochs, at three times as many, and so on.

    Asynchronous successive halving (Li et al., 2020, arXiv 1810.05934).
    """
    return optuna.pruners.SuccessiveHalvingPruner(unpruned, _REDUCTION)


@contextmanager
def _no_experimental_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


with _no_experimental_warnings():
    _retry = RetryHeartbeatStaleTrialCallback(max_retry=_RETRIES)


def _open_storage(url: str, heartbeat: int) -> RDBStorage:
    kind = make_url(url).get_backend_name()
    connect = {"sqlite": {"timeout": 60}, "postgresql": {"connect_timeout": 10}}.get(kind, {})
    for tries_left in (2, 1, 0):
        try:
            with _no_experimental_warnings():
                return RDBStorage(
                    url,
                    {"pool_pre_ping": True, "connect_args": connect},
                    heartbeat_interval=heartbeat,
                    grace_period=_GRACE * heartbeat,
                    heartbeat_stale_trial_callback=_retry,
                )
        except (IntegrityError, ProgrammingError):  # another process is creating the tables
            if not tries_left:
                raise
            time.sleep(0.5)
    raise AssertionError


@contextmanager
def _database_errors(url: str) -> Iterator[None]:
    """Turns errors of the database into a TuningError that does not show its password."""
    try:
        yield
    except ImportError as error:
        raise TuningError(f"The study's database needs a driver that is not installed: {error}") from None
    except (SQLAlchemyError, StorageInternalError) as error:
        try:
            place = make_url(url).render_as_string()
        except SQLAlchemyError:
            raise TuningError(
                "--storage is no address of a database. It must look like postgresql://USER:PASSWORD@HOST/NAME."
            ) from None
        source = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = str(getattr(source, "orig", None) or source).strip().partition("\n")[0]
        raise TuningError(
            f"The study in {place} cannot be used: {reason}. What was tried is kept; mend that, and run the same "
            "command again."
        ) from None


def _trial(trial: FrozenTrial) -> Trial:
    states: dict[TrialState, State] = {
        TrialState.COMPLETE: "done",
        TrialState.PRUNED: "pruned",
        TrialState.RUNNING: "running",
        TrialState.FAIL: "failed" if "reason" in trial.user_attrs else "lost",
    }
    return Trial(
        number=trial.number,
        state=states[trial.state],
        score=max(trial.intermediate_values.values(), default=0.0),
        epochs=len(trial.intermediate_values),
        seconds=trial.duration.total_seconds() if trial.duration else None,
        settings=trial.params,
        again=trial.user_attrs.get("again", 0),
        kind=trial.user_attrs.get("kind", ""),
        reason=trial.user_attrs.get("reason", ""),
    )
