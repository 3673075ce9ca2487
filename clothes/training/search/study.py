"""A study: the trials of one search, in a database that any number of processes share. The only file that uses Optuna.

A process records heartbeats while it runs a trial. If they stop, the trial is stale: another process records it as
failed and enqueues its settings again (`Study.fail_stale_trials`).
"""

import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypedDict

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from clothes.errors import TuningError
from clothes.system.validation import Share, check_type
from clothes.training.search.results import State, Trial
from clothes.training.search.space import Options, Space

HEARTBEAT = 15  # seconds
_GRACE = 4  # missed heartbeats after which a process counts as dead
_RETRIES = 3  # of a trial whose process died: its settings may have killed it
_UNPRUNED = 0.15  # share of the epochs that each trial gets before it may be pruned
_REDUCTION = 3  # pruning keeps the best third of the trials that have come as far
_PATIENCE = 10  # seconds for another process to fill a study it has just created


class _Attributes(TypedDict, total=False):  # of a trial
    number: int
    values: dict[int, Share]
    again: int
    kind: str
    reason: str


class TrialError(Exception):
    """A trial failed because of its settings: the kind of failure and the reason. The search continues."""


class RunningTrial:
    """A trial during its training: `settings` were tried `again` times before. `first` are those of the first trial."""

    def __init__(self, trial: optuna.Trial, first: Mapping[str, Any]) -> None:
        self._trial, self._first = trial, first
        self.settings: dict[str, Any] = trial.params
        self.again = int(trial.user_attrs.get("again", 0))

    def report(self, epoch: int, score: float, *, last: bool) -> None:
        """Records the score of an epoch. Raises TrialPruned if the trial is worse than the others.

        The first settings and repeated ones are never pruned, but the others are compared with them.
        """
        self._trial.report(score, epoch)
        if not last and self._trial.should_prune() and not self.again and self.settings != self._first:
            raise optuna.TrialPruned


class Study:
    """The trials of a search: those of the study of this name; a new study begins with the settings in `first`.

    `identity` describes photos, split and space; `epochs` are those of a trial. With the same `seed` and number of
    trials, the same settings are drawn next. Raises TuningError if an existing study has another identity.
    """

    def __init__(
        self,
        url: str,
        name: str,
        space: Space,
        *,
        identity: Mapping[str, str],
        first: Sequence[dict[str, Any]],
        epochs: int,
        seed: int | None,
    ) -> None:
        self._first = first[0]
        self._running_since: dict[int, float] = {}  # number -> first seen at; infinite after a first heartbeat
        self._space = {name: _distribution(options) for name, options in space.items()}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            with _no_warnings():
                self._study, self._storage = _open_study(url, name, identity, first)
            different = [part for part, value in identity.items() if self._study.user_attrs.get(part) != value]
            started = len(self.trials())
            self._study.direction  # noqa: B018 - raises if it is damaged; Optuna reads it at each trial
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError, AssertionError) as error:  # of Optuna
            raise TuningError(f"The study {name!r} is damaged ({error}). Give another --out.") from None
        if different:
            raise TuningError(
                f"The study {name!r} is of another {' and another '.join(different)}, so its trials say nothing here. "
                "Give another --out."
            )
        self._study.sampler = sampler(None if seed is None else seed + started, startup=len(first))
        self._study.pruner = pruner(epochs)

    def trials(self) -> tuple[Trial, ...]:
        """Returns all trials that any process has begun."""
        found = self._study.get_trials(deepcopy=False)
        return tuple(_trial(trial, self._space) for trial in found if trial.state != TrialState.WAITING)

    def repeat(self, settings: Mapping[str, Any], again: int) -> None:
        """Enqueues settings that were tried `again` times before, unless others are enqueued."""
        if not self._study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
            self._study.enqueue_trial(dict(settings), user_attrs={"again": again})

    def run(self, train: Callable[[RunningTrial], float]) -> None:
        """Runs one trial. An error other than TrialError leaves it without a result and enqueues its settings again.

        The result does not count if another process has failed the trial as stale: the computer may have slept.
        """
        self.fail_stale_trials()
        with _no_warnings():
            trial = self._study.ask(self._space)
        try:
            with self._heartbeats(trial), suppress(UpdateFinishedTrialError):
                self._run(trial, train)
        except StorageInternalError:
            raise  # nothing can be recorded
        except BaseException:
            with suppress(UpdateFinishedTrialError, StorageInternalError, SQLAlchemyError):
                self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
                _retry(self._study, self._storage.get_trial(trial._trial_id))
            raise

    def _run(self, trial: optuna.Trial, train: Callable[[RunningTrial], float]) -> None:
        try:
            score = train(RunningTrial(trial, self._first))
        except optuna.TrialPruned:
            self._study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except TrialError as error:
            for name, value in zip(("kind", "reason"), error.args, strict=True):
                trial.set_user_attr(name, value)
            self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        else:
            self._study.tell(trial, score, skip_if_finished=True)

    @contextmanager
    def _heartbeats(self, trial: optuna.Trial) -> Iterator[None]:
        """Records heartbeats of a trial from a thread until the block ends."""
        ended = threading.Event()

        def record() -> None:
            while not ended.is_set():
                with suppress(StorageInternalError, SQLAlchemyError):  # the next heartbeat may succeed
                    self._storage.record_heartbeat(trial._trial_id)
                ended.wait(HEARTBEAT)

        thread = threading.Thread(target=record, daemon=True)
        try:
            thread.start()
            yield
        finally:
            ended.set()
            thread.join()

    def fail_stale_trials(self) -> None:
        """Records stale trials as failed and enqueues their settings again.

        Optuna ignores a trial without any heartbeat, so this records the first one of a trial that stays without.
        """
        with _no_warnings():
            optuna.storages.fail_stale_trials(self._study)
        for trial in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            since = self._running_since.setdefault(trial.number, time.monotonic())
            if time.monotonic() - since > _GRACE * HEARTBEAT:
                self._running_since[trial.number] = math.inf
                self._storage.record_heartbeat(trial._trial_id)

    def importance(self) -> dict[str, float]:
        """Returns the share of each setting in the scores, largest first; empty if too few trials are complete."""
        evaluator = optuna.importance.PedAnovaImportanceEvaluator
        with _no_warnings(), suppress(ValueError, RuntimeError):
            return optuna.importance.get_param_importances(self._study, evaluator=evaluator())
        return {}


def sampler(seed: int | None, *, startup: int) -> optuna.samplers.BaseSampler:
    """Returns a sampler that draws at random until `startup` trials are complete."""
    # constant_liar: avoids the settings of trials that run in other processes
    return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, n_startup_trials=startup, seed=seed)


def pruner(epochs: int) -> optuna.pruners.BasePruner:
    """Returns a pruner that keeps the best third at 15 % of the epochs, at three times as many, and so on.

    Asynchronous successive halving (Li et al., 2020, arXiv 1810.05934).
    """
    return optuna.pruners.SuccessiveHalvingPruner(math.ceil(epochs * _UNPRUNED), _REDUCTION)


def _distribution(options: Options) -> BaseDistribution:
    if isinstance(options, tuple):
        return CategoricalDistribution(options)
    if options.whole:
        return IntDistribution(int(options.low), int(options.high), log=options.log)
    return FloatDistribution(options.low, options.high, log=options.log)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Hides the warnings of Optuna: of experimental features, and of heartbeats without `Study.optimize`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


with _no_warnings():
    _retry = RetryHeartbeatStaleTrialCallback(max_retry=_RETRIES)


def _open_study(
    url: str, name: str, identity: Mapping[str, str], first: Sequence[dict[str, Any]]
) -> tuple[optuna.Study, RDBStorage]:
    """Returns the study of this name, created and filled if needed, and its storage."""
    storage = _open_storage(url)
    try:
        study, until = optuna.create_study(study_name=name, storage=storage, direction="maximize"), 0.0
    except optuna.exceptions.DuplicatedStudyError:
        study, until = optuna.load_study(study_name=name, storage=storage), time.monotonic() + _PATIENCE
    while "begun" not in study.user_attrs and time.monotonic() < until:
        time.sleep(0.1)
    if "begun" not in study.user_attrs:  # created here, or by a process that died before it was filled
        for settings in first:
            study.enqueue_trial(settings, skip_if_exists=True)
        for part, value in {**identity, "begun": True}.items():
            study.set_user_attr(part, value)
    return study, storage


def _open_storage(url: str) -> RDBStorage:
    kind = make_url(url).get_backend_name()
    connect = {"sqlite": {"timeout": 60}, "postgresql": {"connect_timeout": 10}}.get(kind, {})
    for tries_left in (2, 1, 0):
        try:
            return RDBStorage(
                url,
                {"pool_pre_ping": True, "connect_args": connect},
                heartbeat_interval=HEARTBEAT,
                grace_period=_GRACE * HEARTBEAT,
                heartbeat_stale_trial_callback=_retry,
            )
        except (IntegrityError, ProgrammingError):  # another process is creating the tables
            if not tries_left:
                raise
            time.sleep(0.5)
        except ImportError as error:
            raise TuningError(f"The study's database needs a driver that is not installed: {error}") from None
    raise AssertionError


@contextmanager
def database_errors(url: str) -> Iterator[None]:
    """Turns errors of the database into a TuningError that does not show its password."""
    try:
        yield
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


def _trial(trial: FrozenTrial, space: Mapping[str, BaseDistribution]) -> Trial:
    """Returns the record of a trial. Raises ValueError or KeyError if it is not one of this space."""
    check_type(trial.user_attrs | {"number": trial.number, "values": trial.intermediate_values}, _Attributes)
    for name, value in trial.params.items():
        space[name].to_internal_repr(value)  # refuses what does not fit
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
