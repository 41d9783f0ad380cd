"""Meters in a Lightning training: read every so many steps, and logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from haar.dynamics.dashboard import Dashboard
from haar.errors import check_count, known_keywords, require

if TYPE_CHECKING:
    from lightning.pytorch import Callback


@known_keywords
def dynamics_callback(make: Callable[[Any], Dashboard], *, every_n_steps: int = 100) -> Callback:
    """A Lightning callback that reads meters every so many steps, and logs every number by its name.

    It costs what the meters cost, once in `every_n_steps` steps; the training is left as it is. The callback's
    attribute `dashboard` has all readings, to be drawn afterwards.

    Args:
        make: From the Lightning module to the meters, called when training begins.
        every_n_steps: Steps between two readings.

    Raises:
        ArgumentError: If it is no positive number.
        MissingExtraError: If Lightning is not installed.
    """
    lightning = require("lightning.pytorch", "lightning")
    check_count("every_n_steps", every_n_steps)

    class DynamicsCallback(lightning.Callback):  # type: ignore[misc, name-defined]
        """Reads after the optimiser's step."""

        def __init__(self) -> None:
            self.dashboard: Dashboard | None = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            del trainer
            self.dashboard = make(pl_module)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            del outputs, batch, batch_idx
            if self.dashboard is not None and trainer.global_step % every_n_steps == 0:
                pl_module.log_dict(dict(self.dashboard.update(trainer.global_step)))

    found: Callback = DynamicsCallback()
    return found
