"""Equivariance penalty: the free model, with a second loss on moved samples, at a constant or an adapted weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from haar.errors import ArgumentError, check_rate, formerly
from haar.relax.baselines.augmentation import moved_batch
from haar.relax.baselines.free import Free
from haar.relax.weight_law import layers_of


class EquivariancePenalty(Free):
    """alpha J + beta J_equi, where J_equi is the loss between f(g x) and g y, or g f(x), with one random g a sample.

    With `adapt` both weights follow GradNorm: they move so that the gradients of both terms, by the weight of the last
    layer, have norms in proportion to how slowly their losses have fallen; their sum is kept.

    Args:
        model: A wrapped model with its symmetry.
        loss: The task's loss of (prediction, target).
        alpha: Weight of the task.
        beta: Weight of the equivariance term, at the start.
        against: ``"target"`` (f(g x) with g y) or ``"output"`` (with g f(x)).
        adapt: Whether the weights are adapted ("gradual").
        asymmetry: GradNorm's exponent.
        learning_rate: GradNorm's, of the two weights.

    Attributes:
        second_batch: Inputs, their moved copy, the moved targets and the elements: of the batch in work.

    Raises:
        ArgumentError: If an option is unknown or out of range, or `lagrangian` comes before `batch`.

    Source: Elhag et al., arXiv 2410.17878 (REMUL; the form of the term was not verified, so both are here); Chen et
        al., arXiv 1711.02257 (GradNorm).
    """

    name: ClassVar[str] = "equivariance penalty"
    in_parts: ClassVar[bool] = False

    @formerly(rate="learning_rate")
    def __init__(
        self,
        model: Any,
        loss: Callable[[Any, Any], Tensor],
        *,
        alpha: float | int = 1.0,
        beta: float | int = 1.0,
        against: str = "target",
        adapt: bool = False,
        asymmetry: float | int = 1.5,
        learning_rate: float | int = 0.025,
    ) -> None:
        super().__init__(model)
        if against not in ("target", "output"):
            raise ArgumentError("against", expected="'target' or 'output'", got=repr(against))
        for label, value in (("alpha", alpha), ("beta", beta), ("learning_rate", learning_rate)):
            check_rate(label, value)
        check_rate("asymmetry", asymmetry, zero=True)
        self.loss, self.against, self.adapt = loss, against, adapt
        self.asymmetry, self.learning_rate = float(asymmetry), float(learning_rate)
        self.scales = [float(alpha), float(beta)]
        self._total = float(alpha) + float(beta)
        self._first: list[float] | None = None
        self._found: tuple[list[float], list[float]] | None = None
        self.second_batch: tuple[Any, Any, Any, Tensor] | None = None

    def batch(self, inputs: Any, target: Any, generator: torch.Generator | None = None) -> tuple[Any, Any]:
        """The batch as it is; its moved copy is kept for the second term."""
        moved, turned, g = moved_batch(self.model.symmetry, inputs, target, generator)
        self.second_batch = (inputs, moved, turned, g)
        return inputs, target

    def lagrangian(self, loss: Tensor) -> Tensor:
        """Both terms, each with its weight."""
        if self.second_batch is None:
            raise ArgumentError(
                "lagrangian",
                expected="a batch first",
                got="none",
                way_out="call x, y = rule.batch(x, y) before the model",
            )
        inputs, moved, turned, g = self.second_batch
        if self.against == "output":
            turned = self.model.symmetry.act_outputs(g, self._run(inputs))
        second = self.loss(self._run(moved), turned)
        if self.adapt:
            self._measure(loss, second)
        return self.scales[0] * loss + self.scales[1] * second

    def step(self, scaler: Any = None) -> None:
        """GradNorm's step."""
        super().step(scaler)
        self.second_batch = None
        if self._found is None:
            return
        norms, losses = self._found
        first = self._first or losses
        fallen = [now / max(start, 1e-30) for now, start in zip(losses, first, strict=True)]
        mean = sum(fallen) / 2
        sizes = [scale * norm for scale, norm in zip(self.scales, norms, strict=True)]
        goals = [sum(sizes) / 2 * (part / max(mean, 1e-30)) ** self.asymmetry for part in fallen]
        moved = [
            max(scale - self.learning_rate * ((size > goal) - (size < goal)) * norm, 1e-3 * self._total)
            for scale, size, goal, norm in zip(self.scales, sizes, goals, norms, strict=True)
        ]
        self.scales = [scale * self._total / sum(moved) for scale in moved]
        self._first, self._found = first, None

    def state_dict(self) -> dict[str, Any]:
        """The weights, and the losses at the start."""
        return {**super().state_dict(), "scales": list(self.scales), "first": self._first}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        super().load_state_dict(state)
        self.scales, self._first = list(state["scales"]), state["first"]

    def _run(self, inputs: Any) -> Any:
        return self.model(*inputs) if isinstance(inputs, (tuple, list)) else self.model(inputs)

    def _measure(self, first: Tensor, second: Tensor) -> None:
        *_, last = layers_of(self.model).values()
        weight = last.get_parameter("weight")
        norms = [float(torch.autograd.grad(term, weight, retain_graph=True)[0].norm()) for term in (first, second)]
        self._found = norms, [float(first.detach()), float(second.detach())]
