"""How far a sampled average is from the whole one: the standard error, from the spread of the orbit that was drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.trees import map_values
from haar.average.engine import Averaged, check_averaged
from haar.average.weighted import Draw
from haar.errors import ArgumentError


class MeanWithError(NamedTuple):
    """An average with its standard error, point by point, each in the structure of the model's output.

    Attributes:
        mean: The average over the elements that were drawn.
        standard_error: Of the mean as an estimate of the average over the whole group; 0 for a full orbit.
        orbit_variance: Mean over the group of (f_g - Qf)^2, estimated from the draw where it was sampled.
    """

    mean: Any
    standard_error: Any
    orbit_variance: Any


def standard_error(averaged: Averaged, *args: Any) -> MeanWithError:
    """Average, and say how far off the average over the whole group may be.

    With S2 the unbiased variance of n sampled predictions out of N, the variance of their mean is (S2 / n) (1 - n / N),
    or S2 / n with replacement; strata add up, antithetic pairs count as one prediction.

    Args:
        averaged: An average over a full orbit or a random draw (`Sampled`).
        args: The model's inputs.

    Raises:
        ArgumentError: If the elements were not drawn at random, or too few of them to estimate a variance.

    Example:
        >>> from haar.actions import Defining, Symmetry, Vector
        >>> from haar.average import Sampled, average
        >>> from haar.groups import cyclic
        >>> C12 = cyclic(12)
        >>> symmetry = Symmetry(C12, Vector(Defining(C12)), Vector(Defining(C12)))
        >>> model = average(lambda x: x.exp(), symmetry, Sampled(4))
        >>> standard_error(model, torch.zeros(1, 2)).standard_error.shape
        torch.Size([1, 2])

    Source: simple random sampling without replacement; orbit variance after arXiv 2511.09573.
    """
    check_averaged(averaged)
    draw = _draw_of(averaged)
    stack = averaged.stacked(*args)
    tree = averaged.symmetry.outputs
    if draw is None:
        mean = averaged(*args)
        return MeanWithError(
            mean,
            map_values(lambda y: torch.zeros_like(y.real), tree, mean),
            map_values(lambda ys: _variance(ys, 0, unbiased=False), tree, stack),
        )

    def error(ys: Tensor) -> Tensor:
        return _error(ys, draw)

    return MeanWithError(
        map_values(lambda ys: ys.mean(0), tree, stack),
        map_values(error, tree, stack),
        map_values(lambda ys: _orbit_variance(ys, averaged.symmetry.group.order), tree, stack),
    )


def expected_excess(orbit_variance: float, m: int, order: int | None = None) -> float:
    """Expected mean squared error, beyond that of the full average, of an average over m random elements.

    Args:
        orbit_variance: s2 = E mean_g |f_g - Qf|^2.
        m: Number of elements.
        order: The group's order for draws without replacement, (s2 / m) (n - m) / (n - 1); None with replacement, s2 /
            m.

    Raises:
        ArgumentError: If m is not positive or larger than the order.

    Example:
        >>> [expected_excess(7.0, m, 8) for m in (1, 2, 4, 8)]
        [7.0, 3.0, 1.0, 0.0]
    """
    if m < 1 or (order is not None and m > order):
        raise ArgumentError("m", expected="1 to the group's order", got=m)
    if order is None:
        return orbit_variance / m
    return 0.0 if m == order else orbit_variance / m * (order - m) / (order - 1)


def _draw_of(averaged: Averaged) -> Draw | None:
    """How the elements were drawn; None for a full orbit.

    Raises:
        ArgumentError: If there is nothing to estimate an error from.
    """
    elements = averaged.elements
    if averaged.window is not None or elements is None:
        got = "a frame" if elements is None else "a window"
        raise ArgumentError("averaged", expected="a random draw of elements, without window", got=got)
    draw = elements.draw
    if draw is None:
        if elements.error == "exact":
            return None
        raise ArgumentError(
            "averaged",
            expected="a full orbit or a random draw (Sampled)",
            got=elements.error,
            way_out="compare with a finer rule: haar.average.difference",
        )
    each = len(elements) // (draw.strata * draw.unit)
    if each < 2 and draw.population != each:
        raise ArgumentError(
            "averaged",
            expected="at least two draws in every stratum for a standard error",
            got=each,
            way_out="draw more elements",
        )
    return draw


def _error(ys: Float[Tensor, "m *shape"], draw: Draw) -> Float[Tensor, "*shape"]:
    units = ys.unflatten(0, (draw.strata, -1, draw.unit)).mean(2)
    n = units.shape[1]
    if draw.population == n:
        return torch.zeros_like(ys[0].real)
    left = 1.0 if draw.population is None else 1 - n / draw.population
    of_means = _variance(units, 1, unbiased=True) / n * left
    return torch.div(of_means.sum(0).sqrt(), draw.strata)


def _orbit_variance(ys: Float[Tensor, "m *shape"], order: int | None) -> Float[Tensor, "*shape"]:
    if len(ys) == 1:
        return torch.full_like(ys[0].real, float("nan"))
    factor = 1.0 if order is None else (order - 1) / order
    return _variance(ys, 0, unbiased=True) * factor


def _variance(ys: Tensor, axis: int, *, unbiased: bool) -> Tensor:
    """Variance along an axis; of complex numbers |y - mean|^2."""
    squares = (ys - ys.mean(axis, keepdim=True)).abs().square()
    return torch.sum(squares, axis) / (ys.shape[axis] - int(unbiased))
