"""Averages inside a Lightning trainer: validation, test and prediction see the average, training the model."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from haar.actions import Symmetry
from haar.average.average import average
from haar.average.weighted import How
from haar.errors import ArgumentError, known_keywords, require

if TYPE_CHECKING:
    from lightning.pytorch import Callback

_LOGGER = logging.getLogger(__name__)
STAGES = ("validate", "test", "predict")


@known_keywords
def average_callback(
    symmetry: Symmetry,
    how: str | How = "orbit",
    *,
    stages: tuple[str, ...] | list[str] = STAGES,
    micro_batch: int | str = 1,
) -> Callback:
    """A Lightning callback that averages a module's ``forward`` over a group while it is validated, tested or used.

    The module's own steps call ``self(x)`` as before and get the average; training, weights and checkpoints stay the
    model's own. What is logged in these stages is the loss of the average.

    Args:
        symmetry: How the group acts on what ``forward`` takes and gives.
        how: As `haar.average` has it.
        stages: Some of ``"validate"``, ``"test"`` and ``"predict"``.
        micro_batch: Elements per forward pass, see `haar.average`.

    Raises:
        ArgumentError: If a stage is unknown.
        MissingExtraError: If Lightning is not installed.
    """
    lightning = require("lightning.pytorch", "lightning")
    if not stages or not set(stages) <= set(STAGES):
        raise ArgumentError("stages", expected=f"some of {', '.join(STAGES)}", got=", ".join(stages) or "none")

    class AverageCallback(lightning.Callback):  # type: ignore[misc, name-defined]
        """Puts the average in the place of the module's forward, and takes it away again."""

        def __init__(self) -> None:
            self._inside = False

        def _begin(self, stage: str, module: Any) -> None:
            if stage not in stages or self._inside:
                return
            averaged = average(module.forward, symmetry, how, micro_batch=micro_batch).to(module.device)
            module.forward = averaged.forward  # a method is no submodule: the state stays the model's
            self._inside = True
            _LOGGER.info("%s: %s is averaged over %s", stage, type(module).__name__, symmetry.group.name)

        def _end(self, module: Any) -> None:
            if self._inside:
                del module.forward
                self._inside = False

        def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
            del trainer
            self._begin("validate", pl_module)

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            del trainer
            self._end(pl_module)

        def on_test_start(self, trainer: Any, pl_module: Any) -> None:
            del trainer
            self._begin("test", pl_module)

        def on_test_end(self, trainer: Any, pl_module: Any) -> None:
            del trainer
            self._end(pl_module)

        def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
            del trainer
            self._begin("predict", pl_module)

        def on_predict_end(self, trainer: Any, pl_module: Any) -> None:
            del trainer
            self._end(pl_module)

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            del trainer, exception
            self._end(pl_module)

    made: Callback = AverageCallback()
    return made
