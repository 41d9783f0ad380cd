"""Maps between representations through their isotypic classes: a matrix over a division algebra for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Inexact
from torch import Tensor

from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.intertwiners.count import hom_dimension_or_none
from haar.intertwiners.decomposition import matched
from haar.intertwiners.division import right_multiplication
from haar.intertwiners.space import Intertwiners


@dataclass(frozen=True)
class MapBlock:
    """The free numbers between the copies of one class in two representations.

    Attributes:
        in_class: Number of the class in the input's decomposition.
        out_class: Number of the class in the output's decomposition.
        dim: Dimension d of the irreducible.
        end: Dimension of its commuting algebra: 1, 2 or 4.
        m_in: Copies in the input.
        m_out: Copies in the output.
        start: Place of the first of its parameters, which are ``(end, m_out, m_in)`` in row-major order.
    """

    in_class: int
    out_class: int
    dim: int
    end: int
    m_in: int
    m_out: int
    start: int

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.end * self.m_out * self.m_in

    def of(self, p: Inexact[Tensor, "*batch dim"]) -> Inexact[Tensor, "*batch end m_out m_in"]:
        """This block's share of a vector of parameters, ``(end, m_out, m_in)``."""
        return p[..., self.start : self.start + self.size].reshape(*p.shape[:-1], self.end, self.m_out, self.m_in)


class IsotypicIntertwiners(Intertwiners):
    """Hom through isotypic classes (Schur's lemma): between equivalent copies, numbers of the class's division algebra.

    Args:
        rep_in: Representation on the inputs.
        rep_out: Another of the same group object.

    Raises:
        ArgumentError: If the groups differ, or the dimension disagrees with the count by characters.
    """

    def __init__(self, rep_in: Representation, rep_out: Representation) -> None:
        self.rep_in, self.rep_out = rep_in, rep_out
        self.isotypic_in, self.isotypic_out, pairs = matched(rep_in, rep_out)
        blocks = []
        start = 0
        for i, o in pairs:
            one, other = self.isotypic_in.classes[i], self.isotypic_out.classes[o]
            blocks.append(MapBlock(i, o, one.dim, one.end, one.multiplicity, other.multiplicity, start))
            start += blocks[-1].size
        self._blocks, self.dim = tuple(blocks), start
        counted = hom_dimension_or_none(rep_in, rep_out)
        if counted is not None and counted != self.dim:
            raise ArgumentError(
                "rep_in",
                expected=f"dimension {counted} by characters",
                got=f"{self.dim} by decomposition of {rep_in.name} and {rep_out.name}",
                way_out="run check() on both representations",
            )

    @property
    def structure(self) -> tuple[MapBlock, ...]:
        """The blocks between shared classes, in the order of the parameters."""
        return self._blocks

    def from_parameters(self, p: Inexact[Tensor, "*batch dim"]) -> Inexact[Tensor, "*batch out in"]:
        """Q_out (blocks) Q_in^T, made class by class."""
        self._check_parameters(p)
        eye = torch.eye(self.rep_in.dim, dtype=p.dtype, device=p.device)
        batch = p.shape[:-1]
        columns = self.isotypic_in.to_blocks(eye)
        spread = [c.expand(*batch, *c.shape) for c in columns]
        return self._mixed(p.unsqueeze(-2), spread, (*batch, self.rep_in.dim)).transpose(-1, -2)

    def apply(self, p: Inexact[Tensor, " dim"], x: Inexact[Tensor, "*batch in"]) -> Inexact[Tensor, "*batch out"]:
        """W x without W: change of basis, mixing of copies in every class, change of basis back."""
        self._check_parameters(p)
        return self._mixed(p, self.isotypic_in.to_blocks(x), x.shape[:-1])

    def parameters_of(self, W: Inexact[Tensor, "*batch out in"]) -> Inexact[Tensor, "*batch dim"]:
        """Traces of Q_out^T W Q_in against the units of every block."""
        self._check_matrix(W)
        parts = []
        rows = self.isotypic_out.to_blocks(W.transpose(-1, -2))  # (*batch, in, m_out, d)
        for block in self._blocks:
            turned = rows[block.out_class].movedim(-3, -1)  # (*batch, m_out, d, in)
            both = self.isotypic_in.to_blocks(turned)[block.in_class]  # (*batch, m_out, d, m_in, d)
            split = (block.dim // block.end, block.end)
            both = both.unflatten(-1, split).unflatten(-4, split)
            units = right_multiplication(block.end).to(W)
            p = torch.einsum("...ojgijf,egf->...eoi", both, units) / block.dim**0.5
            parts.append(p.flatten(-3))
        return torch.cat(parts, -1) if parts else W.new_zeros(*W.shape[:-2], 0)

    def _mixed(self, p: Tensor, columns: Sequence[Tensor], batch: Sequence[int]) -> Tensor:
        """Mix copies class by class and leave the isotypic basis; classes that are not shared get zeros."""
        out = [p.new_zeros(*batch, c.multiplicity, c.dim) for c in self.isotypic_out.classes]
        for block in self._blocks:
            out[block.out_class] = mix(block.of(p) / block.dim**0.5, columns[block.in_class])
        return self.isotypic_out.from_blocks(out)


def mix(
    weight: Inexact[Tensor, "*b end m_out m_in"], x: Inexact[Tensor, "*batch m_in d"]
) -> Inexact[Tensor, "*batch m_out d"]:
    """Combine copies of one class by a matrix over its division algebra, which multiplies from the right.

    Args:
        weight: Coefficients of the units 1 (, i (, j, k)), leading axes broadcasting against those of x.
        x: Components, in the basis of `Isotypic.to_blocks`.
    """
    end = weight.shape[-3]
    if end == 1:
        return weight.squeeze(-3) @ x
    m_out, m_in, d = weight.shape[-2], weight.shape[-1], x.shape[-1]
    matrix = torch.einsum("...eoi,egf->...ogif", weight, right_multiplication(end).to(weight))
    folded = matrix.reshape(*weight.shape[:-3], m_out * end, m_in * end)
    grouped = x.unflatten(-1, (d // end, end)).transpose(-3, -2).flatten(-2)  # (*batch, d / end, m_in end)
    mixed = grouped @ folded.transpose(-1, -2)
    apart: Tensor = mixed.unflatten(-1, (m_out, end)).transpose(-3, -2).flatten(-2)
    return apart
