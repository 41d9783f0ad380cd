"""Does f(g x) equal g f(x)? One meter in two norms; every output in its own units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry
from haar.actions.trees import value_leaves
from haar.containers import mapped
from haar.errors import ArgumentError, NotEquivariantError
from haar.groups import FiniteGroup, Group
from haar.probing.forward_only import ForwardOnly
from haar.probing.undisturbed import undisturbed
from haar.seeding import Seed, generator_of

#: How large a tensor is: its largest entry, or the root of the sum of its squares.
Norm = Literal["largest", "squares"]


@dataclass(frozen=True)
class Defect:
    """|f(g x) - g f(x)| for some elements g, output by output.

    Attributes:
        relative: Over |f(x)| of the same output, or over what is more than rounding of the largest output; where all
            outputs are zero it is the absolute difference. NaN where either side has one.
        absolute: In the units of each output.
        eps: The coarsest rounding among outputs, 0 of whole numbers.
    """

    relative: Float[Tensor, "elements outputs"]
    absolute: Float[Tensor, "elements outputs"]
    eps: float = 0.0

    def __str__(self) -> str:
        """In a line."""
        elements, outputs = self.relative.shape
        return (
            f"|f(g x) - g f(x)| over {elements} elements and {outputs} outputs: relative, at most {self.worst:.3g}, "
            f"root mean square {self.mean:.3g}"
        )

    @property
    def place(self) -> tuple[int, int]:
        """The element and the output with the largest relative difference, or with NaN."""
        found = int(self.relative.argmax())
        return found // self.relative.shape[1], found % self.relative.shape[1]

    @property
    def worst(self) -> float:
        """The largest relative difference: is the symmetry exact? 0 without elements; NaN if there is one."""
        return float(self.relative.max()) if self.relative.numel() else 0.0

    @property
    def mean(self) -> float:
        """The root mean square of the relative differences: how much is broken on average?"""
        return float(self.relative.square().mean().sqrt()) if self.relative.numel() else 0.0


def defect(
    model: Callable[..., Any],
    symmetry: Symmetry,
    inputs: Sequence[Any],
    elements: Iterable[Tensor],
    *,
    norm: Norm = "largest",
) -> Defect:
    """Measure f(g x) - g f(x), element by element, in double precision.

    Args:
        model: Any module or callable; a module is run in eval mode and left as it was. It is given copies.
        symmetry: How the group acts on its inputs and outputs.
        inputs: The model's arguments: one batch.
        elements: Elements; each may be one for every sample, ``(batch, *element_shape)``.
        norm: ``"largest"`` or ``"squares"``.

    Raises:
        ShapeError: If inputs or outputs do not fit the symmetry.
        NotEquivariantError: If f(g x) and g f(x) have different shapes.
        ArgumentError: If no output has a number in it, for nothing differs from nothing.

    Example:
        >>> from haar.groups import dihedral
        >>> symmetry = Symmetry.of_fields(dihedral(4), "p")
        >>> x = torch.randn(1, 1, 8, 8, dtype=torch.float64)
        >>> defect(torch.sin, symmetry, (x,), symmetry.group.elements()).worst
        0.0
    """
    symmetry.check_inputs(inputs)
    run = ForwardOnly(model)
    rows: list[list[float]] = []
    with undisturbed(model), torch.no_grad():
        y = run(*_copied(inputs))
        symmetry.check_outputs(y)
        outputs = _tensors(symmetry, y)
        if not any(leaf.numel() for leaf in outputs):
            raise ArgumentError("inputs", expected="a batch that gives some output", got="outputs without numbers")
        sizes = _sizes(outputs, norm)
        for g in elements:
            there = _tensors(symmetry, run(*symmetry.act_inputs(g, _copied(inputs))))
            here = _tensors(symmetry, symmetry.act_outputs(g, y))
            for a, b in zip(there, here, strict=True):
                if a.shape != b.shape:
                    name = (
                        f" for g = {symmetry.group.describe(g)}" if g.ndim == len(symmetry.group.element_shape) else ""
                    )
                    raise NotEquivariantError(f"f(g x) has shape {tuple(a.shape)}, g f(x) {tuple(b.shape)}{name}")
            rows.append([_size(_wide(a) - _wide(b), norm) for a, b in zip(there, here, strict=True)])
    absolute = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(sizes))
    size = torch.tensor(sizes, dtype=torch.float64)
    return Defect(absolute / torch.where(size > 0, size, 1.0), absolute, coarsest(outputs))


def some_elements(group: Group, *, every: int = 64, drawn: int = 16, seed: Seed = 0) -> Tensor:
    """Elements that show whether a symmetry is exact: all of a small group, else the generators and random ones.

    Args:
        group: The group to choose from.
        every: Order up to which all elements are taken.
        drawn: Number of random ones.
        seed: Seed of the random elements.

    Example:
        >>> from haar.groups import dihedral
        >>> len(some_elements(dihedral(4))), len(some_elements(dihedral(4), every=0, drawn=3))
        (8, 5)
    """
    if isinstance(group, FiniteGroup) and group.order <= every:
        return group.elements()
    return torch.cat([group.generators(), group.sample(drawn, generator_of(seed))])


def all_or_drawn(group: Group, most: int, *, seed: Seed = 0) -> Tensor:
    """Elements whose mean stands for that of the group: all of a small group, else so many random ones.

    Args:
        group: The group to choose from.
        most: Largest number of elements.
        seed: Seed of the random ones.
    """
    if isinstance(group, FiniteGroup) and group.order <= most:
        return group.elements()
    return group.sample(most, generator_of(seed))


def coarsest(tensors: Iterable[Tensor]) -> float:
    """The rounding unit of the coarsest tensor; 0 where all hold whole numbers.

    Example:
        >>> coarsest([torch.zeros(1), torch.zeros(1, dtype=torch.float64)]) == torch.finfo(torch.float32).eps
        True
    """
    kinds = {x.dtype for x in tensors if x.is_floating_point() or x.is_complex()}
    return max((torch.finfo(kind).eps for kind in kinds), default=0.0)


def tolerance_of(eps: float) -> float:
    """The largest relative difference that is rounding in a precision: double, single, half.

    Example:
        >>> [tolerance_of(torch.finfo(kind).eps) for kind in (torch.float64, torch.float32, torch.bfloat16)]
        [1e-10, 0.0001, 0.1]
    """
    return 1e-10 if eps < 1e-12 else 1e-4 if eps < 1e-4 else 1e-1


def _sizes(outputs: Sequence[Tensor], norm: Norm) -> list[float]:
    """What each output's difference is relative to: its own size, if that is more than rounding of the largest."""
    own = [_size(_wide(leaf), norm) for leaf in outputs]
    largest = max((_size(_wide(leaf), "largest") for leaf in outputs), default=0.0)
    floors = [largest * _noticed(leaf) * (leaf.numel() ** 0.5 if norm == "squares" else 1.0) for leaf in outputs]
    return [max(size, floor) for size, floor in zip(own, floors, strict=True)]


def _noticed(x: Tensor) -> float:
    """From this part of the largest output on an output is seen apart from what rounding leaves of a zero."""
    eps = torch.finfo(x.dtype if x.is_floating_point() or x.is_complex() else torch.float64).eps
    return min(1.0, 10 * eps / tolerance_of(eps))


def _size(x: Tensor, norm: Norm) -> float:
    if not x.numel():
        return 0.0
    return float(x.abs().max() if norm == "largest" else torch.linalg.vector_norm(x))


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.complex128 if x.is_complex() else torch.float64)


def _tensors(symmetry: Symmetry, tree: Any) -> list[Tensor]:
    """The tensors of an output, in the order of the actions: dicts may come in any."""
    return [leaf for leaf in value_leaves(symmetry.outputs, tree) if isinstance(leaf, Tensor)]


def _copied(inputs: Sequence[Any]) -> Any:
    """Inputs that a model may write into."""
    return tuple(mapped(Tensor.clone, inputs))
