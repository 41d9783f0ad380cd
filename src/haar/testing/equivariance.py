"""The assertion that every project in the field writes by hand: f(g x) = g f(x)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.actions.trees import value_leaves
from haar.average.probing import check_call
from haar.average.weighted import Given
from haar.containers import tensors_of
from haar.errors import ArgumentError, NotEquivariantError, check_count
from haar.groups import FiniteGroup
from haar.probing import ForwardOnly, undisturbed

#: Groups of at most this order are tested on every element.
_EVERY = 64


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


def equivariance_error(
    model: Callable[..., Any], symmetry: Symmetry, *inputs: Any, elements: Tensor | int | None = None, seed: int = 0
) -> Equivariance:
    """Measure f(g x) - g f(x): on every element of a small group, else on the generators and on random ones.

    Args:
        model: Any module or callable; a module is evaluated in eval mode and left as it was, buffers and the random
            state of the process too.
        symmetry: How the group acts on its inputs and outputs.
        inputs: One batch.
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
    symmetry.check_inputs(inputs)
    with undisturbed(model), torch.no_grad():
        return _worst(ForwardOnly(model), symmetry, inputs, _elements(symmetry, elements, seed))


def assert_equivariant(
    model: Callable[..., Any],
    symmetry: Symmetry,
    *inputs: Any,
    tolerance: float | None = None,
    elements: Tensor | int | None = None,
    seed: int = 0,
) -> None:
    """Raise unless f(g x) = g f(x), every output relative to its largest value.

    Args:
        model: Any module or callable.
        symmetry: How the group acts on its inputs and outputs.
        inputs: One batch of real-looking inputs; random ones in float64 are best.
        tolerance: Largest relative error; by default 1e-10 in float64, 1e-4 in float32, 1e-1 in half precision;
            complex numbers as their real parts.
        elements: See `equivariance_error`.
        seed: Seed of the random elements.

    Raises:
        NotEquivariantError: Naming the worst element and the error.

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
    allowed = _default_tolerance(inputs) if tolerance is None else tolerance
    found = equivariance_error(model, symmetry, *inputs, elements=elements, seed=seed)
    if found.relative > allowed:
        raise NotEquivariantError(
            f"f(g x) differs from g f(x) for g = {found.element} of {symmetry.group.name} by {found.absolute:.3g}, "
            f"relative {found.relative:.3g} (allowed {allowed:.1g}, {found.elements} elements); "
            "haar.audit says where it breaks"
        )


def _elements(symmetry: Symmetry, elements: Tensor | int | None, seed: int) -> Tensor:
    group = symmetry.group
    generator = torch.Generator().manual_seed(seed)
    if isinstance(elements, Tensor):
        return Given(elements).weighted(group).elements
    if elements is None and isinstance(group, FiniteGroup) and group.order <= _EVERY:
        return group.elements()
    count = 16 if elements is None else elements
    if count == 0:
        raise ArgumentError("elements", expected="at least one", got=count)
    check_count("elements", count)
    return torch.cat([group.generators(), group.sample(count, generator)])


def _worst(model: Callable[..., Any], symmetry: Symmetry, inputs: tuple[Any, ...], elements: Tensor) -> Equivariance:
    y = model(*inputs)
    symmetry.check_outputs(y)
    outputs = _floats(symmetry, y)
    if not any(leaf.numel() for leaf in outputs):
        raise ArgumentError("inputs", expected="a batch that gives some output", got="outputs without numbers")
    sizes = _sizes(outputs)
    worst, where, largest = 0.0, symmetry.group.describe(elements[0]), 0.0
    for g in elements:
        name = symmetry.group.describe(g)
        moved_first = _floats(symmetry, model(*symmetry.act_inputs(g, inputs)))
        moved_last = _floats(symmetry, symmetry.act_outputs(g, y))
        for a, b, size in zip(moved_first, moved_last, sizes, strict=True):
            if a.shape != b.shape:
                raise NotEquivariantError(f"f(g x) has shape {tuple(a.shape)}, g f(x) {tuple(b.shape)} for g = {name}")
            difference = float((a - b).abs().max()) if a.numel() else 0.0
            if math.isnan(difference):  # NaN compares with nothing
                raise ArgumentError("inputs", expected="finite outputs", got=f"NaN for g = {name}")
            relative = difference / size if size > 0 else difference
            if relative > worst:
                worst, where, largest = relative, name, difference
    return Equivariance(where, largest, worst, len(elements))


def _sizes(outputs: list[Tensor]) -> list[float]:
    """What the error of each output is relative to: its largest value, if that is more than rounding of the rest."""
    own = [float(leaf.abs().max()) if leaf.numel() else 0.0 for leaf in outputs]
    largest = max(own, default=0.0)
    return [max(size, largest * _noticed(leaf.dtype)) for size, leaf in zip(own, outputs, strict=True)]


def _noticed(dtype: torch.dtype) -> float:
    """From this part of the largest output on an output is seen apart from what rounding leaves of a zero."""
    return min(1.0, 10 * torch.finfo(dtype).eps / _tolerance(torch.finfo(dtype).eps))


def _floats(symmetry: Symmetry, tree: Any) -> list[Tensor]:
    """The tensors of an output, in the order of the actions: dicts may come in any."""
    leaves = [leaf for leaf in value_leaves(symmetry.outputs, tree) if isinstance(leaf, Tensor)]
    return [leaf if leaf.is_floating_point() or leaf.is_complex() else leaf.to(torch.float64) for leaf in leaves]


def _default_tolerance(inputs: tuple[Any, ...]) -> float:
    kinds = [leaf.dtype for leaf in tensors_of(inputs) if leaf.is_floating_point() or leaf.is_complex()]
    return _tolerance(max((torch.finfo(kind).eps for kind in kinds), default=0.0))


def _tolerance(eps: float) -> float:
    return 1e-10 if eps < 1e-12 else 1e-4 if eps < 1e-4 else 1e-1
