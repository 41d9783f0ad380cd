"""Duals in a Lightning training: a callback, so that the user's module and optimiser stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from haar.errors import ArgumentError, require
from haar.relax.duals.duals import Duals

if TYPE_CHECKING:
    from lightning.pytorch import Callback


@dataclass(frozen=True)
class LossScale:
    """The factor that a loss was differentiated with, once the scaler itself has moved on."""

    scale: float

    def is_enabled(self) -> bool:
        """Yes."""
        return True

    def get_scale(self) -> float:
        """The factor."""
        return self.scale


def duals_callback(duals: Any) -> Callback:
    """A Lightning callback that moves the gammas once after every step of the optimiser.

    The module's ``configure_optimizers`` gives its optimiser ``duals.weights()``; `training_step` returns the plain
    loss. Accumulated batches, precision ``"16-mixed"``, several devices and checkpoints are taken care of: the duals'
    state is saved in Lightning's own checkpoints.

    Args:
        duals: The duals of the module's wrapped model.

    Returns:
        A `lightning.pytorch.Callback`.

    Raises:
        ArgumentError: If it is given something else.
        MissingExtraError: If Lightning is not installed.
    """
    if not isinstance(duals, Duals):
        raise ArgumentError("duals", expected="Duals", got=type(duals).__name__)
    lightning = require("lightning.pytorch", "lightning")

    class DualsCallback(lightning.Callback):  # type: ignore[misc, name-defined]
        """Watches the loss before it is differentiated, and steps after the optimiser has."""

        def __init__(self) -> None:
            self.duals = duals
            self._pending = False
            self._scale: float | None = None

        @property
        def state_key(self) -> str:
            return "haar.relax.Duals"

        def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
            del pl_module
            for optimizer in trainer.optimizers:
                duals.check(getattr(optimizer, "optimizer", optimizer))

        def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
            del pl_module
            scaler = getattr(trainer.precision_plugin, "scaler", None)
            self._scale = None if scaler is None else float(scaler.get_scale())
            duals.lagrangian(loss.detach() / (self._scale or 1.0))  # watches from here on, and sees the loss

        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            del trainer, pl_module, optimizer
            self._pending = True

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            del trainer, pl_module, outputs, batch, batch_idx
            if self._pending:
                self._pending = False
                duals.step(None if self._scale is None else LossScale(self._scale))

        def state_dict(self) -> dict[str, Any]:
            state: dict[str, Any] = duals.state_dict()
            return state

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            duals.load_state_dict(state_dict)

    made: Callback = DualsCallback()
    return made
