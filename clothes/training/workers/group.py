"""The processes that train one network together, and how worker 0 talks to the others.

JAX connects them: messages pass through the coordination service that worker 0 runs, arrays through the collectives
(Gloo between processors, NCCL between GPUs).
"""

import ipaddress
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from clothes.errors import ConfigError, WorkerError
from clothes.system.plurals import counted
from clothes.system.stderr import quiet
from clothes.training.workers.place import COORDINATOR, Place

_SILENCE = 100  # seconds without a sign of life after which a worker counts as dead
_FAREWELL = 10  # seconds within which all leave
_MEETING = 600  # seconds within which all come
_NO_LIMIT = 10**9  # milliseconds


class Group:
    """The processes of a training, connected. This one has the number `index` of `count`; each has some devices."""

    def __init__(self, place: Place) -> None:
        import jax
        from jax._src import distributed

        self.index, self.count = place.index, place.count
        address: dict[str, str] = {}
        if _is_loopback(place.coordinator):  # by default JAX listens to the network
            address = {"coordinator_bind_address": place.coordinator}
            _exchange_on(place.coordinator.rpartition(":")[0])
        try:
            jax.distributed.initialize(
                place.coordinator,
                place.count,
                place.index,
                initialization_timeout=_MEETING,
                heartbeat_timeout_seconds=_SILENCE,
                shutdown_timeout_seconds=_FAREWELL,
                cluster_detection_method="deactivate",
                **address,
            )
        except jax.errors.JaxRuntimeError as error:
            raise WorkerError(
                f"The {place.count} workers do not find each other at {place.coordinator} ({error}). Start all within "
                f"{_MEETING // 60} minutes, with that address of worker 0 in {COORDINATOR}."
            ) from error
        self._service: Any = distributed.global_state.client
        self._messages, self._is_together = 0, True
        with quiet(stdout=True):  # Gloo prints a line when it connects
            self.devices = jax.device_count()
            self.share([np.zeros(1, np.float32)])

    def tell(self, what: str, **about: Any) -> None:
        """Tells the others, in worker 0, what comes next."""
        self._service.key_value_set(self._key(), json.dumps({"what": what, **about}))
        self._messages += 1

    def hear(self) -> dict[str, Any]:
        """Waits for what worker 0 tells next, and returns it."""
        with explained():
            message: dict[str, Any] = json.loads(self._service.blocking_key_value_get(self._key(), _NO_LIMIT))
        self._messages += 1
        return message

    def answer(self, problem: str = "") -> None:
        """Tells worker 0 that this one is ready, or why it cannot be."""
        self._service.key_value_set(self._key(self.index), problem)

    def wait_for_answers(self) -> None:
        """Waits in worker 0 until the others are ready. Raises WorkerError if one cannot be."""
        for worker in range(1, self.count):
            with explained():
                problem = self._service.blocking_key_value_get(self._key(worker), _NO_LIMIT)
            if problem:
                raise WorkerError(f"Worker {worker} cannot take part: {problem}")

    def _key(self, answer_of: int = 0) -> str:
        return f"clothes/{self._messages}/{answer_of}"

    def share(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns worker 0's arrays, in every worker. The others give arrays of the same shapes and types."""
        from jax.experimental import multihost_utils

        with explained():
            return [np.asarray(value) for value in multihost_utils.broadcast_one_to_all(tuple(arrays))]

    def end(self) -> None:
        """Parts from the others: worker 0 tells them that no step follows. Does nothing the second time."""
        import jax

        if self._is_together and not self.index:
            self.tell("end")
        if self._is_together:
            self._is_together = False
            with explained():
                jax.distributed.shutdown()


_group: Group | None = None


def join(place: Place) -> Group:
    """Connects this process with the others, and waits for them. Comes before the first computation by JAX."""
    global _group
    _group = Group(place)
    return _group


def joined() -> Group | None:
    """Returns the group that this process has joined, None if it trains alone."""
    return _group


def require_even_shares(batch: int) -> None:
    """Raises ConfigError if this process is one of several that cannot share batches of this size."""
    if _group is not None and batch % _group.devices:
        *fewer, most = [str(n) for n in range(1, min(batch, 16) + 1) if not batch % n]
        fitting = f"{', '.join(fewer)} or {most}" if fewer else most
        raise ConfigError(
            f"{_group.devices} workers cannot have equal shares of batches of {counted(batch, 'photo')}. Give "
            f'--workers {fitting}, or another "batch_size" in a --config file.'
        )


@contextmanager
def explained() -> Iterator[None]:
    """Raises WorkerError where JAX has lost a worker."""
    import jax

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        raise WorkerError("Another worker of this training has ended.") from error


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _exchange_on(host: str) -> None:
    """Has Gloo listen on this address; JAX lets it listen on that of the machine's name, and has no setting for it."""
    from jax._src import xla_bridge

    library = xla_bridge._jax
    library.make_gloo_tcp_collectives = partial(library.make_gloo_tcp_collectives, hostname=host)
