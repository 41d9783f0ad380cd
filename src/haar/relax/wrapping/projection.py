"""The Reynolds projection of one parameter of a layer onto what commutes with the group, and its orbits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from haar.actions.representation import Representation, TensorProduct, Trivial
from haar.errors import ArgumentError
from haar.intertwiners import Intertwiners, intertwiners
from haar.nn.parts import PartRun, part_runs
from haar.relax.wrapping.orbit_mean import OrbitMean, orbit_mean


class Projection(ABC):
    """P: the mean of a parameter moved by all elements of a group; linear, orthogonal, P P = P.

    Attributes:
        shape: Shape of the parameter.
    """

    shape: tuple[int, ...]
    #: The projection as means over orbits of entries, where it is of that form.
    orbits: OrbitMean | None = None

    @abstractmethod
    def __call__(self, value: Tensor) -> Tensor:
        """The projection of a parameter of `shape`; differentiable."""

    @abstractmethod
    def move(self, elements: Tensor, values: Tensor) -> Tensor:
        """Parameters ``(n, *shape)``, each moved by its own element of the group."""

    def __deepcopy__(self, memo: dict[int, object]) -> Projection:
        return self  # nothing of it ever changes


class TensorProjection(Projection):
    """P for a parameter whose axes carry representations: rho_1(g) x rho_2(g) x ... on axis 1, 2, ....

    A matrix ``(out, in)`` carries rho_out and rho_in; a kernel ``(out, in, *size)`` the kernel's points too; a bias
    rho_out alone. Since representations are orthogonal, P W = mean of rho_out(g) W rho_in(g)^-1 is the projection onto
    Hom_G(rho_in, rho_out).

    Args:
        representations: One for every axis, the last one for all remaining axes together.
        shape: Shape of the parameter.
    """

    def __init__(self, representations: Sequence[Representation], shape: Sequence[int]) -> None:
        self.representations, self.shape = tuple(representations), tuple(shape)
        sizes = tuple(rep.dim for rep in self.representations)
        lead = len(sizes) - 1
        if sizes != (*self.shape[:lead], prod(self.shape[lead:])):
            raise ArgumentError("representations", expected=f"dimensions that fit {self.shape}", got=sizes)
        self._sizes = sizes
        group = self.representations[0].group
        if all(rep.is_signed_permutation for rep in self.representations) and group.is_finite:
            rows, columns = self.representations[0], _product(self.representations[1:])
            self.orbits = orbit_mean(rows, columns, self.shape)
            self._blocks = None
        else:
            self.orbits = None
            self._blocks = _Blocks(self.representations)

    def __call__(self, value: Tensor) -> Tensor:
        """The projection."""
        if self.orbits is not None:
            return self.orbits(value)
        with torch.autocast(value.device.type, enabled=False):
            return self._blocks(value.reshape(self._sizes)).reshape(self.shape)  # type: ignore[misc]

    def move(self, elements: Tensor, values: Tensor) -> Tensor:
        """rho_1(g_n) x rho_2(g_n) x ... on every value."""
        group = self.representations[0].group
        moved = values.reshape(len(values), *self._sizes)
        for axis, rep in enumerate(self.representations):
            g = elements.reshape(len(elements), *[1] * (len(self._sizes) - 1), *group.element_shape)
            moved = rep.act(g, moved.movedim(axis + 1, -1)).movedim(-1, axis + 1)
        return moved.reshape(values.shape)


class _Blocks:
    """P between runs of equal parts: a small orthonormal basis of Hom for every pair of distinct parts."""

    def __init__(self, representations: Sequence[Representation]) -> None:
        rows, rest = representations[0], representations[1:]
        columns = part_runs(rest[0]) if rest else (PartRun(Trivial(rows.group), 0, 1, 0),)
        self._rows, self._columns = part_runs(rows), columns
        self._behind = _product(rest[1:]) if len(rest) > 1 else None
        solved: dict[tuple[int, int], Tensor] = {}
        self._bases: list[list[Tensor]] = []
        for target in self._rows:
            line = []
            for source in columns:
                key = (id(target.rep), id(source.rep))
                if key not in solved:
                    side = source.rep if self._behind is None else TensorProduct(source.rep, self._behind)
                    space: Intertwiners = intertwiners(side, target.rep)
                    solved[key] = space.basis().flatten(1)
                line.append(solved[key])
            self._bases.append(line)

    def __call__(self, value: Tensor) -> Tensor:
        matrix = value if value.ndim > 1 else value.unsqueeze(-1)
        points = 1 if self._behind is None else self._behind.dim
        rows = []
        for target, line in zip(self._rows, self._bases, strict=True):
            row = []
            for source, basis in zip(self._columns, line, strict=True):
                block = source.of(target.of(matrix, 0), 2)  # (copies_out, n_out, copies_in, n_in, *points)
                B = basis.to(value)
                flat = block.transpose(1, 2).reshape(target.copies * source.copies, -1)
                mean = (flat @ B.T) @ B
                mean = mean.reshape(target.copies, source.copies, target.rep.dim, source.rep.dim * points)
                row.append(mean.transpose(1, 2).reshape(target.copies * target.rep.dim, -1, *matrix.shape[2:]))
            rows.append(torch.cat(row, 1))
        return torch.cat(rows).reshape(value.shape)


def _product(representations: Sequence[Representation]) -> Representation | None:
    """The tensor product of all, the last running fastest; None of none."""
    out: Representation | None = None
    for rep in representations:
        out = rep if out is None else TensorProduct(out, rep)
    return out
