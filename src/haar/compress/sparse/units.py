"""Units: what a mask turns on and off of a parameter; an entry, a coordinate, or a whole orbit of entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from haar.actions.representation import Representation, TensorProduct
from haar.errors import ArgumentError, ShapeError
from haar.intertwiners.orbits import applies, pair_orbits
from haar.nn.kernel_points import KernelPoints

SCORES = ("entry", "orbit")


@dataclass(frozen=True, eq=False)
class Units:
    """What a mask turns on and off of one parameter, and what each unit counts.

    Attributes:
        shape: Of the parameter.
        dense: Of the dense weight that it stands for, from which its density is told: the parameter's own, or that of
            the matrix that is made of its coordinates.
        sizes: Entries of the dense weight in every unit; None where all units are as large.
        label: Unit of every entry of the parameter, flat; -1 where no unit is, which is never active. None where every
            entry is a unit of its own.
        sign: Sign of every entry relative to its unit, flat; None where all are 1.
        tied: Whether gradients and weights are held to the signed means of their units.
    """

    shape: tuple[int, ...]
    dense: tuple[int, ...]
    sizes: Int[Tensor, " units"] | None = None
    label: Int[Tensor, " n"] | None = None
    sign: Int[Tensor, " n"] | None = None
    tied: bool = False
    _held: dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor | None, Tensor]] = field(
        default_factory=dict, repr=False
    )

    @property
    def kind(self) -> str:
        """What the units are, in a word."""
        if self.label is not None:
            return "orbits"
        return "entries" if self.shape == self.dense else "coordinates"

    @property
    def count(self) -> int:
        """Number of units."""
        return prod(self.shape) if self.sizes is None else len(self.sizes)

    @property
    def entries(self) -> int:
        """What all units count together."""
        return self.count if self.sizes is None else int(self.sizes.sum())

    def counted(self, chosen: Bool[Tensor, " units"]) -> int:
        """What some units count together."""
        return int(chosen.sum()) if self.sizes is None else int(self.sizes.to(chosen.device)[chosen].sum())

    def score(self, value: Tensor, by: str = "entry") -> Tensor:
        """How large each unit of a tensor of the parameter's shape is.

        Args:
            value: The parameter, or its gradient.
            by: ``"entry"``: the root mean square of its entries of the dense weight; ``"orbit"``: the root of their
                sum of squares.
        """
        flat = value.detach().reshape(-1)
        if self.sizes is None:
            return flat.abs()
        sizes = self.sizes.to(flat.device).to(flat.dtype)
        if self.label is None:  # a coordinate stands in an orthonormal basis
            return flat.abs() if by == "orbit" else flat.abs() / sizes.sqrt()
        places, _, _ = self._on(flat)
        total = flat.new_zeros(self.count + 1).index_add_(0, places, flat.square())[:-1]
        return total.sqrt() if by == "orbit" else (total / sizes).sqrt()

    def spread(self, chosen: Bool[Tensor, " units"]) -> Bool[Tensor, "*shape"]:
        """Which entries of the parameter belong to some units."""
        if self.label is None:
            return chosen.reshape(self.shape)
        places, _, _ = self._on(chosen)
        return torch.cat([chosen, chosen.new_zeros(1)]).index_select(0, places).reshape(self.shape)

    def mean(self, value: Tensor) -> Tensor:
        """Every entry becomes the signed mean of its unit."""
        if self.label is None:
            return value
        flat = value.reshape(-1)
        places, sign, sizes = self._on(flat)
        signed = flat if sign is None else flat * sign
        total = flat.new_zeros(self.count + 1).index_add(0, places, signed) / sizes
        total = torch.cat([total[:-1], total.new_zeros(1)])
        spread = total.index_select(0, places)
        return (spread if sign is None else spread * sign).reshape(self.shape)

    def _on(self, like: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Places, signs and sizes on a tensor's device, in its dtype; the last place is that of no unit."""
        key = like.device, like.dtype
        if key not in self._held and self.label is not None and self.sizes is not None:
            places = torch.where(self.label < 0, self.count, self.label).to(like.device, torch.int64)
            sizes = torch.cat([self.sizes, self.sizes.new_ones(1)]).to(like)
            self._held[key] = places, None if self.sign is None else self.sign.to(like), sizes
        return self._held[key]


def entries(shape: Sequence[int]) -> Units:
    """Every entry is a unit of its own.

    Args:
        shape: Of the parameter.

    Example:
        >>> entries((3, 4)).count
        12
    """
    return Units(tuple(shape), tuple(shape))


def coordinates(dense: Sequence[int], sizes: Int[Tensor, " units"]) -> Units:
    """Every coordinate of a vector is a unit: the parameter of a layer whose weight is a combination of a basis.

    Args:
        dense: Shape of the weight that is made of the coordinates.
        sizes: Entries of that weight in which each coordinate stands.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> coordinates((8, 8), torch.full((8,), 8)).entries  # a circulant matrix from its first column
        64
    """
    if bool((sizes < 1).any()):
        raise ArgumentError("sizes", expected="at least one entry for each coordinate", got=int(sizes.min()))
    return Units((len(sizes),), tuple(dense), sizes.to(torch.int64))


def orbits(rep_in: Representation, rep_out: Representation, shape: Sequence[int], *, tied: bool = False) -> Units:
    """The orbits of a dense weight's entries under a symmetry of its layer.

    Args:
        rep_in: Representation on the layer's input, a signed permutation.
        rep_out: Representation on its output.
        shape: Of the weight: ``(n_out, n_in)``, or ``(n_out, n_in, *size)`` of a kernel, whose points the group moves.
        tied: Whether gradients and weights are held to their orbits' means.

    Raises:
        ArgumentError: If entries have no orbits, since a representation is no signed permutation of a finite group.
        ShapeError: If the shape is not that of a map between them.

    Example:
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import cyclic
        >>> regular = Regular(cyclic(4))
        >>> orbits(regular, regular, (4, 4)).count  # circulant matrices
        4
    """
    shape = tuple(shape)
    if shape[:2] != (rep_out.dim, rep_in.dim):
        raise ShapeError("weight", expected=f"first axes {(rep_out.dim, rep_in.dim)} (out, in)", got=shape)
    if not applies(rep_in, rep_out):
        raise ArgumentError(
            "symmetry",
            expected="signed permutations of a finite group, whose entries have orbits",
            got=f"{rep_in.name} -> {rep_out.name} of {rep_in.group.name}",
            way_out="use haar.nn.Linear or haar.nn.Conv, whose coordinates are masked",
        )
    side = rep_in if len(shape) == 2 else TensorProduct(rep_in, KernelPoints(rep_in.group, shape[2:]))
    found = pair_orbits(side, rep_out)
    sign = found.sign.reshape(-1)
    signed = bool((sign < 0).any())
    return Units(shape, shape, found.sizes, found.label.reshape(-1).to(torch.int64), sign if signed else None, tied)
