"""Signal to noise of one step: how far the gradients of the parts of a batch agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.containers import mapped, tensors_of
from haar.dynamics.meter import Meter, Reading
from haar.dynamics.one_vector import one_vector
from haar.errors import ArgumentError, ShapeError, check_count
from haar.probing import all_or_drawn, undisturbed


class BatchSignal(Meter):
    """``|mean_b g_b| / |std_b g_b|`` of the gradients g_b of the equal parts of a batch.

    Norms are over all parameters, the deviation is that of the parts themselves (population). A reading takes as many
    backward passes as there are parts, each of a part's samples: one pass over the batch; with a symmetry one for every
    element besides. It keeps one gradient for each part, in double precision.

    - ``signal to noise``; infinite where all parts agree, NaN where they agree on 0;
    - ``gradient norm``: of the mean;
    - with a symmetry ``signal to noise, averaged``: of gradients that are averaged over the orbit of each part: the
      noise falls, and so does what the mean had outside the invariant directions.

    Args:
        model: The model that is trained.
        loss: From what the model gives and the targets to a number.
        parts: Number of parts.
        symmetry: Of which averaged gradients are read too: it moves inputs and targets.
        elements: Of the symmetry: the whole group up to this order, else so many random ones.

    Raises:
        ArgumentError: If there are fewer than 2 parts, no element, or no parameter is trained.

    Source:
        Toscano, Wang, Karniadakis, arXiv 2412.16738, section on learning dynamics; orbits are our own addition.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> meter = BatchSignal(model, nn.functional.mse_loss, parts=4)
        >>> x = torch.ones(8, 2)
        >>> meter.update(x, x[:, :1])["signal to noise"]  # all parts are one
        inf
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Any, Any], Tensor],
        *,
        parts: int = 8,
        symmetry: Symmetry | None = None,
        elements: int = 64,
    ) -> None:
        super().__init__()
        check_count("parts", parts, least=2)
        check_count("elements", elements)
        self.model, self.loss, self.parts, self.symmetry = model, loss, parts, symmetry
        self._trained()
        self._elements: list[Tensor] = [] if symmetry is None else list(all_or_drawn(symmetry.group, elements))

    def measure(self, *given: Any) -> Reading:
        """Signal to noise of a batch.

        Args:
            given: Inputs and targets, tensors or containers of them.

        Raises:
            ArgumentError: If there are not two, or fewer samples than parts; if nothing is trained any more.
            ShapeError: If they have not equally many samples.
        """
        if len(given) != 2:
            raise ArgumentError("given", expected="inputs and targets", got=f"{len(given)} values")
        x, y = given
        samples = _samples(x, y)
        size = samples // self.parts
        if not size:
            raise ArgumentError("given", expected=f"at least {self.parts} samples, one for each part", got=samples)
        with undisturbed(self.model, mode="train"), torch.inference_mode(mode=False), torch.enable_grad():
            pieces = [
                (_rows(x, k * size, (k + 1) * size), _rows(y, k * size, (k + 1) * size)) for k in range(self.parts)
            ]
            plain = torch.stack([self._gradient(a, b) for a, b in pieces])
            found = {"signal to noise": signal_to_noise(plain), "gradient norm": float(plain.mean(0).norm())}
            if self.symmetry is not None:
                averaged = torch.stack([self._averaged(self.symmetry, a, b) for a, b in pieces])
                found["signal to noise, averaged"] = signal_to_noise(averaged)
        return found

    def _trained(self) -> list[nn.Parameter]:
        """What is trained now: layers are frozen and thawed on the way."""
        found = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        if not found:
            raise ArgumentError("model", expected="a model with trainable parameters", got="none")
        return found

    def _gradient(self, x: Any, y: Any) -> Float[Tensor, " parameters"]:
        value = self.loss(self.model(x), y)
        return one_vector(torch.autograd.grad(value, self._trained(), allow_unused=True, materialize_grads=True))

    def _averaged(self, symmetry: Symmetry, x: Any, y: Any) -> Float[Tensor, " parameters"]:
        moved = [self._gradient(symmetry.act_inputs(g, (x,))[0], symmetry.act_outputs(g, y)) for g in self._elements]
        return torch.stack(moved).mean(0)


def _samples(x: Any, y: Any) -> int:
    """How many samples inputs and targets have."""
    counts = []
    for side in (x, y):
        leaves = tensors_of(side)
        if any(not leaf.ndim for leaf in leaves):
            raise ShapeError("given", expected="samples on axis 0 of inputs and targets", got="a number alone")
        counts += [len(leaf) for leaf in leaves] or [len(side)]
    if len(set(counts)) > 1:
        raise ShapeError("given", expected="equally many samples in inputs and targets", got=tuple(counts))
    return counts[0]


def _rows(value: Any, start: int, stop: int) -> Any:
    """Some samples of every tensor; copies of those that autograd may not keep."""
    if not tensors_of(value):
        return value[start:stop]
    return mapped(lambda x: x[start:stop].clone() if x.is_inference() else x[start:stop], value)


def signal_to_noise(gradients: Float[Tensor, "parts parameters"]) -> float:
    """``|mean| / |std|`` of rows; infinite for equal rows, NaN for rows of zeros.

    Example:
        >>> signal_to_noise(torch.tensor([[3.0, 1.0], [3.0, -1.0]]))
        3.0
    """
    mean = gradients.mean(0)
    # equal rows differ from their mean by rounding alone
    noise = float((gradients - gradients[0]).abs().amax())
    signal = float(mean.norm())
    if noise == 0:
        return float("inf") if signal > 0 else float("nan")
    return signal / float((gradients - mean).square().mean(0).sum().sqrt())
