"""The defect of a model in a Lightning training: logged each epoch, element by element."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

from haar.actions import Symmetry
from haar.audit.defect_metric import defect_metric
from haar.errors import ArgumentError, check_count, known_keywords, require

if TYPE_CHECKING:
    from lightning.pytorch import Callback

_LOGGER = logging.getLogger(__name__)


@known_keywords
def defect_callback(
    symmetry: Symmetry,
    *,
    model: str | Callable[[Any], Callable[..., Any]] | None = None,
    elements: int | Tensor | None = None,
    samples: int = 64,
    every_n_epochs: int = 1,
    seed: int = 0,
) -> Callback:
    """A Lightning callback that logs by how much the model breaks a symmetry, after each epoch of validation.

    It measures the first samples of the validation data and logs ``defect/ELEMENT``, ``defect/largest`` and
    ``defect/mean`` (`defect_metric`), so that they stand wherever the trainer's logger writes: TensorBoard, W&B, CSV.
    The same is said by `logging` at the level INFO. Over several devices the sums are those of all samples.

    Args:
        symmetry: How the group acts on the model's inputs and outputs.
        model: What is measured: by default the module itself (its ``forward``), else the name of one of its attributes,
            or a function of the module.
        elements: None (the whole group up to order 16, else 15 random elements), a number of random ones, or elements.
        samples: Rows of the validation data of each device.
        every_n_epochs: Measure in every n-th epoch.
        seed: Of drawn elements.

    Raises:
        ArgumentError: If a number is too small, or the module has no such attribute.
        MissingExtraError: If Lightning is not installed.
    """
    lightning = require("lightning.pytorch", "lightning")
    check_count("samples", samples)
    check_count("every_n_epochs", every_n_epochs)
    if not isinstance(symmetry, Symmetry):
        raise ArgumentError("symmetry", expected="a haar.Symmetry", got=type(symmetry).__name__)

    class DefectCallback(lightning.Callback):  # type: ignore[misc, name-defined]
        """Measures what validation sees."""

        def __init__(self) -> None:
            self.metric: Any = None

        def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            due = not trainer.sanity_checking and trainer.current_epoch % every_n_epochs == 0
            self.metric = (
                defect_metric(measured(pl_module, model), symmetry, elements=elements, samples=samples, seed=seed)
                if due
                else None
            )

        def on_validation_batch_end(  # noqa: PLR0917 (Lightning's own signature)
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
        ) -> None:
            del trainer, pl_module, outputs, batch_idx
            if self.metric is not None and dataloader_idx == 0:
                self.metric.update(batch)

        def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if self.metric is None:
                return
            found = self.metric.compute()
            pl_module.log_dict({name: value.float() for name, value in found.items()}, on_epoch=True)
            _LOGGER.info(
                "epoch %d: defect under %s, largest %.3g, mean %.3g",
                trainer.current_epoch,
                symmetry.group.name,
                float(found["defect/largest"]),
                float(found["defect/mean"]),
            )
            self.metric = None

    made: Callback = DefectCallback()
    return made


def measured(module: Any, model: str | Callable[[Any], Callable[..., Any]] | None) -> Callable[..., Any]:
    """What of a Lightning module is measured.

    Args:
        module: The module.
        model: None for itself, the name of an attribute, or a function of the module.

    Raises:
        ArgumentError: If it has no such attribute, or one that cannot be called.
    """
    if model is None:
        found = module
    elif isinstance(model, str):
        found = getattr(module, model, None)
    else:
        found = model(module)
    if not callable(found):
        got = f"{model!r} of {type(module).__name__}"
        raise ArgumentError("model", expected="the name of the module's own network", got=got)
    called: Callable[..., Any] = found
    return called
