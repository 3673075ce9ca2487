"""A study: the trials of one search, in a database that any number of processes share. The only file that knows Optuna.

Optuna keeps a process's heartbeat beside its trial. The trial of one that fell silent is given up when another process
looks (`Study.give_up_silent`), and waits to be tried again.
"""

import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from clothes.errors import TuningError

_GRACE = 4  # heartbeats missed until a process counts as dead
_RETRIES = 3  # of a trial whose process died: its settings may be what killed it
_REDUCTION = 3  # of the trials that have come as far, the best third goes on
_PATIENCE = 10  # seconds for another process to begin a study it has just made

State = Literal["done", "pruned", "failed", "running", "lost"]


class TrialError(Exception):
    """A trial could not be trained, for a reason that lies in its settings. The search goes on."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


@dataclass(frozen=True)
class Span:
    """Numbers between two, both among them."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


Space = Mapping[str, Span | tuple[Any, ...]]  # the name of a setting -> what it may be


@dataclass(frozen=True)
class Trial:
    """One try. `score` is its best validation accuracy so far, 0 before the first; `seconds` are None while it runs.

    `again` counts the trials of the same settings before it. A failed one has a `reason` of a certain `kind`; the
    process of a lost one died or was stopped.
    """

    number: int
    state: State
    score: float
    epochs: int
    seconds: float | None
    settings: dict[str, Any]
    again: int = 0
    kind: str = ""
    reason: str = ""


class OneTry:
    """A trial as it runs."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self.again = int(trial.user_attrs.get("again", 0))

    def settings(self, space: Space) -> dict[str, Any]:
        """What to try."""
        return {name: self._suggest(name, options) for name, options in space.items()}

    def _suggest(self, name: str, options: Span | tuple[Any, ...]) -> Any:
        if isinstance(options, tuple):
            return self._trial.suggest_categorical(name, options)
        if options.whole:
            return self._trial.suggest_int(name, int(options.low), int(options.high), log=options.log)
        return self._trial.suggest_float(name, options.low, options.high, log=options.log)

    def report(self, epoch: int, score: float, *, last: bool) -> None:
        """Keeps the score of an epoch, and ends a trial that is behind the others.

        The first one and those of settings that were tried before go on always; others are compared with them.
        """
        self._trial.report(score, epoch)
        behind = not last and self._trial.should_prune()
        if behind and self._trial.number and not self.again:
            raise optuna.TrialPruned


class Study:
    """The trials of a search. Its methods raise TuningError when the database fails."""

    def __init__(self, study: optuna.Study, storage: RDBStorage, url: str) -> None:
        self._study, self._storage, self._url = study, storage, url
        self._seen_running: dict[int, float] = {}  # number of a trial -> since when, infinite once it was vouched for

    @classmethod
    def open(cls, url: str, name: str, *, marks: Mapping[str, str], first: Sequence[dict[str, Any]], beat: int) -> Self:
        """The study of this name; a new one tries the settings in `first` first.

        `marks` say what it is of: raises TuningError when those of an older one differ. `beat` is in seconds.
        """
        with _said(url):
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            storage = _storage(url, beat)
            try:
                study, mine = optuna.create_study(study_name=name, storage=storage, direction="maximize"), True
            except optuna.exceptions.DuplicatedStudyError:
                study, mine = optuna.load_study(study_name=name, storage=storage), False
            until = time.monotonic() + _PATIENCE
            while not mine and "begun" not in study.user_attrs and time.monotonic() < until:
                time.sleep(0.1)
            if "begun" not in study.user_attrs:  # mine, or of a process that died at it
                for settings in first:
                    study.enqueue_trial(settings, skip_if_exists=True)
                for what, mark in marks.items():
                    study.set_user_attr(what, mark)
                study.set_user_attr("begun", True)
            different = [what for what, mark in marks.items() if study.user_attrs.get(what) != mark]
        if different:
            raise TuningError(
                f"The study {name!r} is of another {' and another '.join(different)}, so its trials say nothing here. "
                "Give another --out."
            )
        return cls(study, storage, url)

    def configure(
        self, *, sampler: Literal["tpe", "random"], startup: int, seed: int | None, shortest: int | None
    ) -> None:
        """How settings are chosen, and from how many epochs on a trial may be pruned (None: never)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if sampler == "random":
                self._study.sampler = optuna.samplers.RandomSampler(seed)
            else:
                # constant_liar: what other processes are trying is not tried again.
                self._study.sampler = optuna.samplers.TPESampler(
                    multivariate=True, constant_liar=True, n_startup_trials=startup, seed=seed
                )
            self._study.pruner = optuna.pruners.NopPruner() if shortest is None else pruner(shortest)

    def trials(self) -> tuple[Trial, ...]:
        """All that were begun, by any process."""
        with _said(self._url):
            found = self._study.get_trials(deepcopy=False)
        return tuple(_trial(trial) for trial in found if trial.state != TrialState.WAITING)

    def waits(self) -> bool:
        """Whether the next trial's settings are given already."""
        with _said(self._url):
            return bool(self._study.get_trials(deepcopy=False, states=[TrialState.WAITING]))

    def repeat(self, settings: Mapping[str, Any], again: int) -> None:
        """The next trial, of whichever process, is of these settings."""
        with _said(self._url):
            self._study.enqueue_trial(dict(settings), user_attrs={"again": again})

    def run(self, train: Callable[[OneTry], float]) -> None:
        """One trial. What `train` raises beside TrialError ends it without a result; it will be tried again.

        The result of one that was given up meanwhile, as its computer slept, does not count any more.
        """
        current: optuna.Trial | None = None
        raised: BaseException | None = None

        def objective(trial: optuna.Trial) -> float:
            nonlocal current, raised
            current = trial
            try:
                with held.released():
                    return train(OneTry(trial))
            except TrialError as failed:
                trial.set_user_attr("kind", failed.kind)
                trial.set_user_attr("reason", failed.reason)
                raise
            except BaseException as error:
                raised = error
                raise

        with _said(self._url), _HeldInterrupt() as held:
            try:
                self._study.optimize(objective, n_trials=1, catch=(TrialError, UpdateFinishedTrialError))
            except BaseException as error:
                if current is None or isinstance(error, StorageInternalError):
                    raise
                trial = self._study.get_trials(deepcopy=False)[current.number]
                if error is not raised and trial.state == TrialState.FAIL:  # it was given up, and is not ours to end
                    if raised is None or isinstance(raised, optuna.TrialPruned | UpdateFinishedTrialError):
                        return
                    raise raised from None
                if trial.state == TrialState.FAIL:
                    _retry(self._study, trial)
                raise

    def give_up_silent(self) -> None:
        """Trials of processes that fell silent are lost, and wait to be tried again.

        To Optuna one that died before its first heartbeat is not silent: it gets its first from us.
        """
        with _said(self._url), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self._study)
            study = self._storage.get_study_id_from_name(self._study.study_name)
            for trial in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
                since = self._seen_running.setdefault(trial.number, time.monotonic())
                if time.monotonic() - since > (self._storage.grace_period or 0):
                    self._seen_running[trial.number] = math.inf
                    self._storage.record_heartbeat(
                        self._storage.get_trial_id_from_study_id_trial_number(study, trial.number)
                    )

    def importance(self) -> dict[str, float]:
        """Each setting's share in how good a trial is, largest first; empty where too few are done to say."""
        with _said(self._url), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return optuna.importance.get_param_importances(
                    self._study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
                )
            except (ValueError, RuntimeError):
                return {}


def pruner(shortest: int) -> optuna.pruners.BasePruner:
    """Ends what is not among the best third at `shortest` epochs, at three times as many, and so on.

    Successive halving, asynchronous (Li et al., 2020, arXiv 1810.05934).
    """
    return optuna.pruners.SuccessiveHalvingPruner(shortest, _REDUCTION)


class _HeldInterrupt:
    """Keeps a Ctrl-C until Optuna is done: in its own code it would leave the thread of the heartbeat running."""

    def __enter__(self) -> Self:
        self.held = False
        self.main = threading.current_thread() is threading.main_thread()
        if self.main:
            self.handler = signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    @contextmanager
    def released(self) -> Iterator[None]:
        self._release()
        try:
            yield
        finally:
            if self.main:
                signal.signal(signal.SIGINT, self._hold)

    def _hold(self, *_: object) -> None:
        self.held = True

    def _release(self) -> None:
        if self.main:
            signal.signal(signal.SIGINT, self.handler)
            if self.held:
                self.held = False
                signal.raise_signal(signal.SIGINT)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    _retry = RetryHeartbeatStaleTrialCallback(max_retry=_RETRIES)


def _storage(url: str, beat: int) -> RDBStorage:
    kind = make_url(url).get_backend_name()
    connect = {"sqlite": {"timeout": 60}, "postgresql": {"connect_timeout": 10}}.get(kind, {})
    for tries_left in (2, 1, 0):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return RDBStorage(
                    url,
                    {"pool_pre_ping": True, "connect_args": connect},
                    heartbeat_interval=beat,
                    grace_period=_GRACE * beat,
                    heartbeat_stale_trial_callback=_retry,
                )
        except (IntegrityError, ProgrammingError):  # another process is making the tables just now
            if not tries_left:
                raise
            time.sleep(0.5)
    raise AssertionError


@contextmanager
def _said(url: str) -> Iterator[None]:
    """Turns what a database raises into a TuningError, which does not tell its password."""
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
