"""The bench: the one copy of a model that is changed, put back, and changed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from haar.compress.batch import Batch, joined
from haar.compress.gradients import gradients
from haar.compress.layers import Layer, layers_of
from haar.compress.table import duplicated, table_of
from haar.errors import ArgumentError
from haar.weights import ParameterAction
from haar.weights.bare import bare


class Bench:
    """A copy of a model on which perturbations work, one level after the other.

    There is one copy, whatever the number of levels: a level changes its weights in place, and they are taken from the
    model again before the next.

    Args:
        model: The model; it is not touched.
        layers: Patterns of the layers that are compressed, see `haar.compress.layers_of`.
        calibration: Batches whose inputs calibrated perturbations look at.
        action: The table of the model's parameters; by default it is found when it is needed.
        example: A batch to trace the model with where its architecture is not known.

    Raises:
        ArgumentError: If it cannot be copied, has no such layers, or a weight of them is not finite.

    Attributes:
        model: The copy.
        layers: Its layers that are compressed.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        layers: Sequence[str] | None = None,
        calibration: Sequence[Batch] = (),
        action: ParameterAction | None = None,
        example: Batch | None = None,
    ) -> None:
        self.original = bare(model)
        self.model = duplicated(self.original)
        self.layers: tuple[Layer, ...] = layers_of(self.model, layers)
        self._all_layers = self.layers
        for layer in self.layers:
            if not bool(layer.weight.isfinite().all()):
                got = f"NaN or infinity in {layer.path}"
                raise ArgumentError("model", expected="finite weights", got=got)
        self._calibration, self._action, self._example = calibration, action, example
        self._joined: Batch | None = None
        self._undone: list[Callable[[], None]] = []
        self._gradients: dict[bool, Mapping[str, Tensor]] = {}
        self._kept: list[tuple[Tensor, Tensor]] = [
            (mine, theirs)
            for mine, theirs in zip(_tensors(self.model), _tensors(self.original), strict=True)
            if mine is not theirs
        ]

    def restore(self) -> None:
        """Make the copy what the model is."""
        while self._undone:
            self._undone.pop()()
        with torch.no_grad():
            for mine, theirs in self._kept:
                mine.copy_(theirs)

    def undo(self, step: Callable[[], None]) -> None:
        """Remember how a change that is not in the weights is taken back.

        Args:
            step: Called when the copy is restored; the last one first.
        """
        self._undone.append(step)

    @contextmanager
    def alone(self, layers: Sequence[Layer]) -> Iterator[None]:
        """Compress some of the layers only."""
        whole = self.layers
        self.layers = tuple(layers)
        try:
            yield
        finally:
            self.layers = whole

    @property
    def calibration(self) -> Batch:
        """All batches for calibration as one.

        Raises:
            ArgumentError: If none were given.
        """
        if self._joined is None:
            if not self._calibration:
                raise ArgumentError(
                    "calibration",
                    expected="batches, for this perturbation looks at the inputs of the layers",
                    got="none",
                    way_out="give calibration=batches that are not those of the evaluation",
                )
            self._joined = joined(self._calibration)
        return self._joined

    @property
    def action(self) -> ParameterAction:
        """The table of the model's parameters: which units and heads there are.

        Raises:
            ArgumentError: If none was given and none can be found.
        """
        if self._action is None:
            self._action = table_of(self.original, self._example)
        return self._action

    @property
    def state(self) -> dict[str, Tensor]:
        """The copy's parameters by name, the very tensors."""
        return dict(self.model.state_dict())

    def gradients(self, *, squares: bool) -> Mapping[str, Tensor]:
        """Sizes of the gradients of the model as it came, found once for all levels.

        Args:
            squares: Whether they are squared before they are summed over batches.
        """
        if squares not in self._gradients:
            self.restore()
            _ = self.calibration  # refused if there is none
            self._gradients[squares] = gradients(self.model, self._all_layers, self._calibration, squares=squares)
        return self._gradients[squares]

    def sparsity(self) -> float:
        """The share of the layers' weights that are 0."""
        zeros = sum(int((layer.weight == 0).count_nonzero()) for layer in self.layers)
        return zeros / sum(layer.weight.numel() for layer in self.layers)


def _tensors(model: nn.Module) -> list[Tensor]:
    """Parameters and buffers in order, each once."""
    return [*model.parameters(), *model.buffers()]
