"""The part of the squared loss that is due to asymmetry, by an exact decomposition over orbits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.errors import ArgumentError, known_keywords
from haar.groups import FiniteGroup
from haar.probing import ForwardOnly, all_or_drawn, check_finite, undisturbed
from haar.relax.wrapping.precision import doubled
from haar.seeding import Seed

#: Groups of at most this order are averaged over whole; of larger ones so many elements are drawn.
_WHOLE = 64


@dataclass(frozen=True)
class LossShare:
    """E|f - t|^2 = E|Qf - t|^2 + E|f - Qf|^2 over orbits, means over samples, elements and output entries.

    Attributes:
        loss: The mean squared error on the orbits of the samples.
        symmetric: What is left after averaging the model over the group.
        asymmetric: What averaging takes off.
        defect: E over pairs of elements of |rho(g) f(x) - f(rho(g) x)|^2, twice `asymmetric` on whole orbits.
        whole: Whether the whole group was used.
    """

    loss: float
    symmetric: float
    asymmetric: float
    defect: float
    whole: bool

    @property
    def share(self) -> float:
        """asymmetric / loss."""
        return self.asymmetric / self.loss if self.loss > 0 else 0.0

    def __str__(self) -> str:
        """In a line."""
        over = "the whole group" if self.whole else "elements drawn from the group"
        return (
            f"mean squared error {self.loss:.4g} = {self.symmetric:.4g} + {self.asymmetric:.4g}: averaging over {over} "
            f"takes off {self.share:.1%}"
        )


@known_keywords
def loss_share(model: Any, symmetry: Symmetry, inputs: Any, target: Any, *, seed: Seed = 0) -> LossShare:
    """Split the squared loss of a model into what averaging over the group removes and what it leaves.

    Targets are moved with the inputs: samples stand for their orbits.

    Args:
        model: Any callable; a module is run in eval mode and left as it was.
        symmetry: How the group acts on inputs and targets.
        inputs: A tensor, or a tuple of the model's arguments, samples on axis 0.
        target: The truth, one tensor.
        seed: Seed of the elements, where the group is not used whole.

    Raises:
        ArgumentError: If the target is no tensor like the model's output, or something is not finite.

    Example:
        >>> from haar.actions import Defining, Vector
        >>> from haar.groups import cyclic
        >>> C4 = cyclic(4)
        >>> symmetry = Symmetry(C4, Vector(Defining(C4)), Vector(Defining(C4)))
        >>> x = torch.randn(5, 2, dtype=torch.float64)
        >>> split = loss_share(lambda v: v + torch.tensor([1.0, 0.0]), symmetry, x, x)
        >>> round(split.loss, 12), round(split.symmetric, 12), round(split.share, 12)
        (0.5, 0.0, 1.0)
    """
    if not isinstance(target, Tensor):
        raise ArgumentError("target", expected="one tensor", got=type(target).__name__)
    group = symmetry.group
    whole = isinstance(group, FiniteGroup) and group.order <= _WHOLE
    elements = all_or_drawn(group, _WHOLE, seed=seed)
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    back = []
    check_finite("inputs", inputs)
    check_finite("target", target)
    run = ForwardOnly(model)
    with undisturbed(model):
        for g in elements:
            moved = run(*symmetry.act_inputs(g, arguments))
            if not isinstance(moved, Tensor) or moved.shape != target.shape:
                got = tuple(moved.shape) if isinstance(moved, Tensor) else type(moved).__name__
                raise ArgumentError("target", expected=f"the model's output {got}", got=tuple(target.shape))
            back.append(doubled(symmetry.act_outputs(group.inverse(g), moved)))
    turned = torch.stack(back)
    mean, wanted = turned.mean(0), doubled(target)
    asymmetric = _mean_square(turned - mean)
    symmetric = _mean_square(mean - wanted)
    loss = _mean_square(turned - wanted)
    return LossShare(loss, symmetric, asymmetric, 2 * asymmetric, whole)


def _mean_square(x: Tensor) -> float:
    return float(x.abs().square().mean())
