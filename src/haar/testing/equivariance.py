"""The assertion that every project in the field writes by hand: f(g x) = g f(x)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.average.weighted import Given
from haar.containers import tensors_of
from haar.errors import ArgumentError, NotEquivariantError, check_count, check_rate
from haar.probing import defect, drawn_like, some_elements, tolerance_of
from haar.probing.defect import coarsest
from haar.probing.manners import check_call
from haar.seeding import Seed


@dataclass(frozen=True)
class Equivariance:
    """The largest difference between f(g x) and g f(x).

    Attributes:
        element: The element at which it was found.
        absolute: The largest absolute difference there.
        relative: The same over the largest absolute value of that output; of several outputs the largest.
        elements: Number of elements looked at.
    """

    element: str
    absolute: float
    relative: float
    elements: int

    def __str__(self) -> str:
        """In a line."""
        return (
            f"largest difference of f(g x) and g f(x) over {self.elements} elements: {self.absolute:.3g} at "
            f"{self.element}, {self.relative:.3g} relative"
        )


def equivariance_error(
    model: Callable[..., Any], symmetry: Symmetry, *inputs: Any, elements: Tensor | int | None = None, seed: Seed = 0
) -> Equivariance:
    """Measure f(g x) - g f(x): on every element of a small group, else on the generators and on random ones.

    Args:
        model: Any module or callable; a module is evaluated in eval mode and left as it was, buffers and the random
            state of the process too.
        symmetry: How the group acts on its inputs and outputs.
        inputs: One batch: a tensor for each argument of the model.
        elements: Elements to look at, or a number of random ones; by default all up to order 64, else the generators
            and 16 random ones.
        seed: Seed of the random elements.

    Raises:
        ShapeError: If inputs or outputs do not fit the symmetry.
        ArgumentError: If an output is not finite, or there is none: a NaN, and no number, pass every comparison.

    Example:
        >>> from haar.groups import dihedral
        >>> blur = torch.nn.AvgPool2d(3, stride=1, padding=1)
        >>> x = torch.randn(1, 1, 8, 8, dtype=torch.float64)
        >>> equivariance_error(blur, Symmetry.of_fields(dihedral(4), "p"), x).relative < 1e-12
        True
    """
    check_call(model, symmetry)
    return _measured(model, symmetry, inputs, _elements(symmetry, elements, seed))[0]


def _measured(
    model: Callable[..., Any], symmetry: Symmetry, inputs: tuple[Any, ...], chosen: Tensor
) -> tuple[Equivariance, float]:
    """The error, and the coarsest rounding among the outputs."""
    found = defect(model, symmetry, inputs, chosen)
    element, output = found.place
    name = symmetry.group.describe(chosen[element])
    if math.isnan(found.worst):  # NaN compares with nothing
        raise ArgumentError("inputs", expected="finite outputs", got=f"NaN for g = {name}")
    return Equivariance(name, float(found.absolute[element, output]), found.worst, len(chosen)), found.eps


def assert_equivariant(
    model: Callable[..., Any],
    symmetry: Symmetry,
    *inputs: Any,
    tolerance: float | int | None = None,
    elements: Tensor | int | None = None,
    seed: Seed = 0,
) -> None:
    """Raise unless f(g x) = g f(x), every output relative to its largest value.

    Args:
        model: Any module or callable.
        symmetry: How the group acts on its inputs and outputs.
        inputs: One batch of real-looking inputs; random ones in float64 are best.
        tolerance: Largest relative error; by default 1e-10 in float64, 1e-4 in float32, 1e-1 in half precision, the
            coarsest of inputs and outputs; complex numbers as their real parts.
        elements: Which group elements are tried, see `equivariance_error`.
        seed: Seed of the random elements.

    Raises:
        NotEquivariantError: Naming the worst element and the error.
        ArgumentError: If the tolerance is negative or no number; or if no element moves these inputs, though it moves
            others (zeros, constant fields): that f(g x) = f(x) then says nothing of f.

    Example:
        >>> from haar.groups import dihedral
        >>> symmetry = Symmetry.of_fields(dihedral(4), "p")
        >>> x = torch.randn(1, 1, 8, 8, dtype=torch.float64)
        >>> assert_equivariant(torch.sin, symmetry, x)
        >>> assert_equivariant(lambda u: u.cumsum(-1), symmetry, x)
        Traceback (most recent call last):
        ...
        haar.errors.NotEquivariantError: f(g x) differs from g f(x) for g = ...
    """
    check_call(model, symmetry)
    check_rate("tolerance", tolerance, zero=True)
    chosen = _elements(symmetry, elements, seed)
    found, eps = _measured(model, symmetry, inputs, chosen)
    allowed = tolerance_of(max(eps, coarsest(tensors_of(inputs)))) if tolerance is None else tolerance
    if found.relative > allowed:
        raise NotEquivariantError(
            f"f(g x) differs from g f(x) for g = {found.element} of {symmetry.group.name} by {found.absolute:.3g}, "
            f"relative {found.relative:.3g} (allowed {allowed:.1g}, {found.elements} elements); "
            "haar.audit says where it breaks"
        )
    if not _any_moves(symmetry, inputs, chosen) and _any_moves(symmetry, drawn_like(inputs), chosen):
        raise ArgumentError(
            "inputs",
            expected="some that the group moves: f(g x) = f(x) of others says nothing of f",
            got=f"a batch that {len(chosen)} elements leave as it is",
            way_out="give random numbers, such as torch.randn",
        )


def _elements(symmetry: Symmetry, elements: Tensor | int | None, seed: Seed) -> Tensor:
    group = symmetry.group
    if isinstance(elements, Tensor):
        return Given(elements).weighted(group).elements
    if elements is None:
        return some_elements(group, seed=seed)
    if elements == 0:
        raise ArgumentError("elements", expected="at least one", got=elements)
    check_count("elements", elements)
    return some_elements(group, every=0, drawn=elements, seed=seed)


def _any_moves(symmetry: Symmetry, inputs: tuple[Any, ...], elements: Tensor) -> bool:
    """Whether some element changes some number of a batch."""
    given = tensors_of(inputs)
    moved = (tensors_of(symmetry.act_inputs(g, inputs)) for g in elements)
    return any(x.shape != y.shape or not torch.equal(x, y) for one in moved for x, y in zip(one, given, strict=True))
