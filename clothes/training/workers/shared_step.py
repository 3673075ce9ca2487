"""A training step that several processes take together, by JAX: each has a share of the batch, all the same weights."""

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from clothes.errors import OutOfMemoryError
from clothes.models.backend import keras
from clothes.system.plurals import counted
from clothes.training.training_step import assign, is_out_of_memory, values
from clothes.training.workers.group import Group, explained


class SharedStep:
    """Keras' own training step, compiled for all devices of a group.

    It computes what one process would, batch normalization and dropout included: the compiler sees the whole batch and
    adds the exchange between the devices. Between two steps the variables are ordinary ones, of this process alone.
    """

    def __init__(self, model: keras.Model, group: Group) -> None:
        self._model, self._group = model, group
        mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
        self._shared = NamedSharding(mesh, PartitionSpec("batch"))
        self._equal = NamedSharding(mesh, PartitionSpec())
        example = np.eye(1, *model.output_shape[1:], dtype=np.float32)
        model.compute_metrics(None, example, example)  # which makes their variables
        model.reset_metrics()
        self._known: dict[int, tuple[jax.Array, jax.Array]] = {}  # local and global value of a variable
        self._metrics = [self._everywhere(variable) for variable in model.metrics_variables]
        self._step = jax.jit(model.train_step, out_shardings=(None, self._equal))

    def agree(self) -> None:
        """Gives every process the variables of worker 0, those of the optimizer included."""
        variables = [*self._model.variables, *self._model.optimizer.variables]
        assign(variables, self._group.share(values(variables)))

    def __call__(self, pictures: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
        """Updates the weights from this process' share of a batch. Returns loss and accuracy of the whole batch.

        The variables change last. Raises WorkerError if another process has ended.
        """
        model = self._model
        changing = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        state = [[self._everywhere(variable) for variable in variables] for variables in changing]
        batch = tuple(jax.make_array_from_process_local_data(self._shared, part) for part in (pictures, targets))
        with explained():
            try:
                logs, (*state, _) = self._step((*state, self._metrics), batch)
                loss, accuracy = float(logs["loss"]), float(logs["accuracy"])
            except jax.errors.JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise OutOfMemoryError(
                    f"Out of memory for {counted(len(pictures), 'photo')} of a batch. Train with more --workers on "
                    "other machines, a smaller batch_size or a smaller --image-size."
                ) from error
        for variables, changed in zip(changing, state, strict=True):
            for variable, value in zip(variables, changed, strict=True):
                variable.assign(value.addressable_data(0))
                self._known[id(variable)] = variable.value, value
        return loss, accuracy

    def _everywhere(self, variable: keras.Variable) -> jax.Array:
        """Returns the value of a variable, of this process alone, as one that all devices of the group have."""
        value = variable.value
        known, everywhere = self._known.get(id(variable), (None, None))
        if known is value:
            return everywhere
        copies = [jax.device_put(value, device) for device in jax.local_devices()]
        return jax.make_array_from_single_device_arrays(value.shape, self._equal, copies)
