"""The dense matrix of an equivariant map, made from its parameters by one small product for each pair of runs.

Equal parts that stand next to one another share their basis, so the matrix is a grid of small tiles: the coordinates of
a tile in the basis of maps between two parts, times that basis. For regular representations of a group of order k this
takes k multiplications an entry, where applying the matrix takes one for every sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import ConstantsModule
from haar.intertwiners import Isotypic, IsotypicIntertwiners, MapBlock, right_multiplication


@dataclass(frozen=True)
class _Tile:
    """The rows and columns between two runs of equal parts."""

    out_copies: int
    in_copies: int
    out_dim: int
    in_dim: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.out_copies * self.out_dim, self.in_copies * self.in_dim


def basis_entries(space: IsotypicIntertwiners) -> int:
    """Numbers in the bases that a `FoldedForm` holds."""
    ins, outs = space.isotypic_in, space.isotypic_out
    return sum(
        block.end * _place(outs, o, block.out_class)[0] * _place(ins, i, block.in_class)[0] * left.dim * right.dim
        for block in space.structure
        for o, left in enumerate(outs.runs)
        for i, right in enumerate(ins.runs)
    )


class FoldedForm(ConstantsModule):
    """The dense matrix W in Hom_G from its parameters, differentiable.

    Args:
        space: The maps, in isotypic form.
        dtype: Precision of the bases; by default torch's default.
    """

    def __init__(self, space: IsotypicIntertwiners, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = torch.get_default_dtype() if dtype is None else dtype
        ins, outs = space.isotypic_in, space.isotypic_out
        self._tiles = tuple(tuple(_Tile(o.copies, i.copies, o.dim, i.dim) for i in ins.runs) for o in outs.runs)
        for o in range(len(outs.runs)):
            for i in range(len(ins.runs)):
                places = [_places(space, block, o, i) for block in space.structure]
                bases = [_basis(ins, outs, block, o, i) for block in space.structure]
                order = [p.flatten(2) for p in places]  # (out_copies, in_copies, maps) each
                basis = [b.flatten(0, 2).flatten(1) for b in bases]
                entries = outs.runs[o].dim * ins.runs[i].dim
                held = torch.cat(order, 2).flatten() if order else torch.zeros(0, dtype=torch.int64)
                self.register_constant(f"order_{o}_{i}", held, torch.int64)
                none = torch.zeros(0, entries, dtype=torch.float64)
                self.register_constant(f"basis_{o}_{i}", torch.cat(basis) if basis else none, dtype)

    def forward(self, p: Float[Tensor, " dim"]) -> Float[Tensor, "n_out n_in"]:
        """The matrix with parameters p."""
        rows = []
        for o, row in enumerate(self._tiles):
            tiles = [self._made(p, o, i, tile) for i, tile in enumerate(row)]
            rows.append(tiles[0] if len(tiles) == 1 else torch.cat(tiles, 1))
        return rows[0] if len(rows) == 1 else torch.cat(rows)

    def _made(self, p: Tensor, o: int, i: int, tile: _Tile) -> Tensor:
        basis: Tensor = self.get_buffer(f"basis_{o}_{i}")
        numbers = p.index_select(0, self.get_buffer(f"order_{o}_{i}")).view(
            tile.out_copies * tile.in_copies, len(basis)
        )
        blocks = (numbers @ basis).view(tile.out_copies, tile.in_copies, tile.out_dim, tile.in_dim)
        return blocks.transpose(1, 2).reshape(tile.shape)


def _place(side: Isotypic, k: int, number: int) -> tuple[int, int, int]:
    """Of a class in a run: multiplicity in one part, first index in the whole, first column; all 0 if absent."""
    column = 0
    for place, mu, first in side.runs[k].places:
        if place == number:
            return mu, first, column
        column += mu * side.classes[place].dim
    return 0, 0, 0


def _places(space: IsotypicIntertwiners, block: MapBlock, o: int, i: int) -> Tensor:
    """Where a block's parameters between two runs stand: ``(out_copies, in_copies, end, mu_out, mu_in)``."""
    mu_out, first_out, _ = _place(space.isotypic_out, o, block.out_class)
    mu_in, first_in, _ = _place(space.isotypic_in, i, block.in_class)
    out_copies, in_copies = space.isotypic_out.runs[o].copies, space.isotypic_in.runs[i].copies
    place = block.start + torch.arange(block.size).reshape(block.end, block.m_out, block.m_in)
    place = place[:, first_out : first_out + out_copies * mu_out, first_in : first_in + in_copies * mu_in]
    place = place.reshape(block.end, mu_out, out_copies, mu_in, in_copies)
    return place.permute(2, 4, 0, 1, 3)


def _basis(ins: Isotypic, outs: Isotypic, block: MapBlock, o: int, i: int) -> Float[Tensor, "end mu_out mu_in out in"]:
    """Orthonormal maps of a class between one part of each run."""
    left, right = _columns(outs, o, block.out_class), _columns(ins, i, block.in_class)
    units = right_multiplication(block.end)
    turned = torch.einsum("xarg,egf->xaref", left, units)
    basis: Tensor = torch.einsum("xaref,ybrf->eabxy", turned, right) / block.dim**0.5
    return basis


def _columns(side: Isotypic, k: int, number: int) -> Float[Tensor, "n mu rows end"]:
    mu, _, column = _place(side, k, number)
    run, c = side.runs[k], side.classes[number]
    return run.basis[:, column : column + mu * c.dim].reshape(run.dim, mu, c.dim // c.end, c.end)
