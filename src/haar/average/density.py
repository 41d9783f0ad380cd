"""Averages over groups that are not compact: against a density of one's own choice, and so only nearly equivariant.

Scalings, boosts and shifts of an open domain have no invariant probability: there is no mean over all of them. What can
be done is to average over some of them, weighted by a density w,

    (Q_w f)(x) = sum_k w_k psi(g_k)^-1 f(phi(g_k) x).

Moving x by h moves the density by h as well, so the average is equivariant only as far as the density does not notice:
its defect falls as the density spreads, while the model is asked ever further from the inputs that it was trained on.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError, check_count

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Motion:
    """How one element moves an input, and brings an output back.

    Args:
        there: x -> phi(g) x.
        back: y -> psi(g)^-1 y.
        name: What it is called.
    """

    there: Map
    back: Map
    name: str = ""


class AgainstDensity(nn.Module):
    """A model averaged over some elements of a group that is not compact, with weights.

    Args:
        model: From one tensor to one tensor; it is wrapped, never changed.
        motions: The elements.
        weights: One for each, not negative; equal if not given. They are normalised.

    Attributes:
        error: What is known of its equivariance, in words.

    Raises:
        ArgumentError: If there is no element, or the weights are not numbers of the right sign.
        ShapeError: If there is not one weight for every element.

    Example:
        >>> motions, weights = scalings(0.5, nodes=7)
        >>> averaged = AgainstDensity(lambda x: x + 0.1 * x**2, motions, weights)
        >>> averaged(torch.tensor([1.0])).shape, averaged.error[:11]
        (torch.Size([1]), 'approximate')
    """

    error = "approximate: the group has no invariant probability, and the average is against a density of one's choice"

    weights: Tensor

    def __init__(
        self, model: Map, motions: Sequence[Motion], weights: Sequence[float | int] | Tensor | None = None
    ) -> None:
        super().__init__()
        if not motions:
            raise ArgumentError("motions", expected="at least one", got="none")
        given = torch.ones(len(motions)) if weights is None else torch.as_tensor(weights)
        if given.shape != (len(motions),):
            raise ShapeError("weights", expected=f"({len(motions)},), one an element", got=tuple(given.shape))
        given = given.to(torch.float64)
        if not bool((given >= 0).all() & given.isfinite().all()) or not float(given.sum()) > 0:
            raise ArgumentError("weights", expected="finite, not negative, not all 0", got=given.tolist())
        self.model, self.motions = model, tuple(motions)
        self.register_buffer("weights", given / given.sum())

    def forward(self, x: Tensor) -> Tensor:
        """The weighted mean of the predictions, each brought back."""
        answers = torch.stack([motion.back(self.model(motion.there(x))) for motion in self.motions])
        mean: Tensor = torch.tensordot(self.weights.to(answers), answers, dims=1)
        return mean

    def defect(self, motion: Motion, x: Tensor) -> float:
        """How far the average is from equivariant under an element: root mean square, relative to the prediction's.

        Args:
            motion: Any element of the group, not one of those averaged over.
            x: Inputs.
        """
        with torch.no_grad():
            here = self(x)
            moved = motion.back(self(motion.there(x)))
        size = float(here.double().square().mean().sqrt())
        return float((moved - here).double().square().mean().sqrt()) / size if size > 0 else math.nan


def scalings(
    spread: float | int, *, nodes: int = 9, degree_in: float | int = 1, degree_out: float | int = 1
) -> tuple[list[Motion], Tensor]:
    """Scalings x -> e^(p s) x, y -> e^(-q s) y with s from a normal law: nodes and weights of Gauss and Hermite's rule.

    Args:
        spread: Standard deviation of s, the logarithm of the scale.
        nodes: Number of elements; polynomials in s up to degree 2 nodes - 1 are averaged exactly.
        degree_in: p, how the input scales.
        degree_out: q, how the output does.

    Returns:
        The elements and their weights, for `AgainstDensity`.

    Raises:
        ArgumentError: If the spread is not a positive number, or there is no node.

    Example:
        >>> motions, weights = scalings(0.5, nodes=3)
        >>> [motion.name for motion in motions], round(float(weights[1]), 6)
        (['x 0.4206', 'x 1', 'x 2.377'], 0.666667)
    """
    check_count("nodes", nodes)
    if not 0 < spread < math.inf:
        raise ArgumentError("spread", expected="a positive number", got=spread)
    places, weights = np.polynomial.hermite_e.hermegauss(nodes)
    motions = [scaling(float(spread * place), degree_in=degree_in, degree_out=degree_out) for place in places]
    return motions, torch.from_numpy(weights / weights.sum())


def scaling(logarithm: float | int, *, degree_in: float | int = 1, degree_out: float | int = 1) -> Motion:
    """One scaling.

    Args:
        logarithm: s.
        degree_in: p, how the input scales.
        degree_out: q, how the output does.
    """
    there, back = math.exp(degree_in * logarithm), math.exp(-degree_out * logarithm)
    return Motion(partial(operator.mul, there), partial(operator.mul, back), f"x {math.exp(logarithm):.4g}")
