"""Third and fourth cumulants in factors on orbits: the matrices are invariant, one block per orbit of pairs.

Invariant block matrices are closed under products and under entrywise products (a coherent configuration), so that all
of `haar.moments.generations` runs on blocks as it runs on dense matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from haar.errors import ArgumentError, NotEquivariantError
from haar.moments.dense import DenseState
from haar.moments.entries import Entries
from haar.moments.factored import SCHEMES, FactoredCumulants, Units, largest_correlation, series_length, through
from haar.moments.factored_run import FactoredRun, law_factors
from haar.moments.factors import Edge, Factors, Pairing, Path, Power, Quadruple, Repeat, Star, Triple
from haar.moments.fourth_order import power_coefficients
from haar.moments.joint import InputLaw
from haar.moments.mehler import mehler
from haar.moments.orbit_backend import OrbitRun, OrbitState
from haar.moments.orbits import NodeOrbits
from haar.moments.program import Elementwise, Noise, Program
from haar.moments.vector import VectorCumulants, clip_to_positive

_EQUAL = 1e-9
_LOOKED_AT = 1024  # components of which all eigenvalues are found


class OrbitEntries(Entries):
    """Matrices between units as blocks (orbits of pairs, rows, columns), vectors as (orbits of nodes, features).

    Args:
        orbits: Orbits of nodes and pairs.

    Example:
        >>> e = OrbitEntries(NodeOrbits.complete(3))
        >>> e.diagonal(e.identity(torch.zeros(1, 2))).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, orbits: NodeOrbits) -> None:
        self.orbits = orbits
        self.left, self.right = orbits.node_label[orbits.rows], orbits.node_label[orbits.columns]
        self.own = orbits.label.diagonal()[orbits.node_representatives]

    def rows(self, vector: Tensor) -> Tensor:
        """The vector at the first node of each orbit of pairs."""
        return vector[self.left][..., :, None]

    def columns(self, vector: Tensor) -> Tensor:
        """The vector at the second node."""
        return vector[self.right][..., None, :]

    def transpose(self, matrix: Tensor) -> Tensor:
        """The transposed block matrix."""
        return self.orbits.transpose(matrix)

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """The product of two invariant block matrices."""
        return self.orbits.product(left, right)

    def diagonal(self, matrix: Tensor) -> Tensor:
        """The diagonals of the blocks of one node with itself."""
        return matrix[self.own].diagonal(dim1=-2, dim2=-1)

    def with_diagonal(self, matrix: Tensor, vector: Tensor) -> Tensor:
        """Another diagonal of these blocks."""
        blocks = torch.diagonal_scatter(matrix[self.own], vector, dim1=-2, dim2=-1)
        return matrix.index_copy(0, self.own, blocks)

    def identity(self, like: Tensor) -> Tensor:
        """The unit matrix."""
        size = like.shape[-1]
        return self.with_diagonal(like.new_zeros(self.orbits.pair_count, size, size), torch.ones_like(like))


class FactoredOrbitRun(OrbitRun):
    """Runs a fused program with third and fourth cumulants in factors besides.

    Args:
        program: The traced model, see `Program.fused`.
        orbits: Orbits of nodes and pairs.
        tolerance: Relative accuracy of Mehler's series.
        order: "2+" or 3.
    """

    def __init__(self, program: Program, orbits: NodeOrbits, tolerance: float, order: int | str) -> None:
        super().__init__(program, orbits, tolerance)
        self.order = order
        self.entries = OrbitEntries(orbits)

    def _continue(self, state: DenseState, start: int) -> DenseState:
        return FactoredRun(self.program, closure=self.order, tolerance=self.tolerance).resume(state, start)

    def _law_factors(self, law: InputLaw, features: int) -> Factors:
        factors = law_factors(law)
        if not factors.matrices:
            return factors
        own = law.diagonal_cumulants(4)
        if own is None:
            raise ArgumentError(
                "law",
                expected="a normal law or independent components with backend='orbit'",
                got=type(law).__name__,
                way_out="use backend='factored'",
            )
        third, fourth = (self._at_nodes(part, features) for part in own[1:])
        return Factors((None,), (Triple(0, 0, 0, third / 3),), (Power(0, fourth),))

    def _at_nodes(self, values: Tensor, features: int) -> Tensor:
        """One vector of features for every orbit of nodes."""
        table = values.reshape(self.orbits.nodes, features)
        first = table[self.orbits.node_representatives]
        if float((first[self.orbits.node_label] - table).detach().abs().max()) > _EQUAL * float(table.abs().max() + 1):
            raise NotEquivariantError(
                "the law's higher cumulants are not invariant under the node permutations; use backend='factored'"
            )
        return first

    def _follow(self, kernel: Tensor, state: OrbitState) -> None:
        def change(rows: Tensor | None) -> Tensor:
            return kernel if rows is None else self.orbits.product(kernel, rows)

        state.factors = state.factors.each(change)

    def _repeat(self, index: Tensor, state: OrbitState) -> None:
        state.factors = state.factors.filled(state.mean, self.entries).each(lambda rows: _rows(rows)[:, index])

    def _pointwise(self, step: Elementwise | Noise, state: OrbitState, live: dict[int, slice]) -> None:
        if isinstance(step, Noise):
            raise ArgumentError(
                "order",
                expected="2 with backend='orbit' for a model with dropout in training mode",
                got=f"{self.order!r}, with {step.kind} ({step.name!r})",
                way_out="call model.eval(), or use order 2",
            )
        super()._pointwise(step, state, live)

    def _activate(self, step: Elementwise, state: OrbitState, part: slice, own: Tensor) -> float:
        e, before = self.entries, VectorCumulants(state.mean, state.blocks[own])
        mean, sd, inverse = before.mean, before.sd(), before.inverse_sd()
        rho = (state.blocks * e.rows(inverse) * e.columns(inverse)).clamp(-1.0, 1.0)
        factors = state.factors.filled(mean, e)
        bound = super()._activate(step, state, part, own)
        length = series_length(step.activation, largest_correlation(rho.detach(), e))
        coefficients = power_coefficients(step.activation, mean, sd, part, length)
        f, square, cube, _ = coefficients
        normal = (
            state.blocks,
            mehler(rho, square[e.left], f[e.right]),
            mehler(rho, cube[e.left], f[e.right]),
            mehler(rho, square[e.left], square[e.right]),
        )
        units = Units(step.activation, part, rho, inverse, coefficients, normal)
        level, made, state.factors, state.damped = through(units, factors, SCHEMES[self.order], e)
        state.mean, state.blocks = level + made.shift, self._positive(made.cov, state)
        return bound

    def _positive(self, blocks: Tensor, state: OrbitState) -> Tensor:
        """The blocks with negative eigenvalues of the whole removed; a whole that is too large is not looked at."""
        if self.orbits.nodes * blocks.shape[-1] > _LOOKED_AT:
            return blocks
        whole, state.clipped = clip_to_positive(self.orbits.dense(blocks))
        if not state.clipped:
            return blocks
        table = whole.reshape(self.orbits.nodes, blocks.shape[1], self.orbits.nodes, blocks.shape[2])
        return table[self.orbits.rows, :, self.orbits.columns, :]

    def _read(self, joint: VectorCumulants, maps: Tensor, state: OrbitState) -> VectorCumulants:
        """Every node of an orbit gives the outputs an equal column: one is kept, and counted."""
        orbits, e = self.orbits, self.entries
        sizes = orbits.node_sizes.to(maps)
        share = orbits.sizes.to(maps) / sizes[e.right]

        def read(rows: Tensor | None) -> Tensor:
            if rows is None:
                return torch.cat(list(maps), -1)
            parts = share[:, None, None] * (maps[e.left] @ rows)
            blocks = parts.new_zeros(orbits.node_count, *parts.shape[1:]).index_add(0, e.right, parts)
            return torch.cat(list(blocks), -1)

        def counted(vector: Tensor) -> Tensor:
            return (sizes[:, None] * vector).reshape(-1)

        def total(blocks: Tensor) -> Tensor:
            weighted = orbits.sizes.to(maps)[:, None, None] * blocks
            table = blocks.new_zeros(orbits.node_count**2, *blocks.shape[1:])
            table = table.index_add(0, e.left * orbits.node_count + e.right, weighted)
            table = table.reshape(orbits.node_count, orbits.node_count, *blocks.shape[1:])
            return table.permute(0, 2, 1, 3).reshape(orbits.node_count * blocks.shape[1], -1)

        found = state.factors.each(read)
        ones = [sizes.new_ones(orbits.node_count, m.shape[-1] // orbits.node_count) for m in found.written]
        thirds = tuple(
            replace(form, weight=counted(ones[form.x] if form.weight is None else form.weight)) for form in found.thirds
        )
        fourths = tuple(_counted(form, ones, counted, total, e) for form in found.fourths)
        return FactoredCumulants(joint.mean, joint.cov, factors=replace(found, thirds=thirds, fourths=fourths))


def _rows(matrix: Tensor | None) -> Tensor:
    """A matrix that is written out."""
    return torch.as_tensor(matrix)


def _counted(
    form: Quadruple,
    ones: list[Tensor],
    counted: Callable[[Tensor], Tensor],
    total: Callable[[Tensor], Tensor],
    e: Entries,
) -> Quadruple:
    """The same sum over one column for all equal ones."""
    if isinstance(form, Star):
        return replace(form, weight=counted(ones[form.v] if form.weight is None else form.weight))
    if isinstance(form, (Edge, Power)):
        return replace(form, h=counted(form.h))
    if isinstance(form, Pairing):
        return Pairing(form.z, total(form.k), counted(e.diagonal(form.k) if form.own is None else form.own))
    if isinstance(form, (Path, Repeat)):
        return replace(form, k=total(form.k))
    raise ArgumentError("law", expected="a normal law or independent components", got=type(form).__name__)
