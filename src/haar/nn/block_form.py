"""The blocks form of an equivariant map: leave for the isotypic basis, mix copies, come back; a few large products.

Layout: copies of one part share their orthogonal basis Q, so ``Q^T X^T`` with X of shape (batch x copies, n) gives rows
that belong to classes and components, and columns (batch, copies). A class of dimension d over an algebra of dimension
e is then a matrix product with d / e rows for every sample, and classes of equal shape go through one batched product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.intertwiners import Isotypic, IsotypicIntertwiners, MapBlock, right_multiplication
from haar.nn.constants import ConstantsModule


@dataclass(frozen=True)
class _Piece:
    """What one run of equal parts has of a stack: `mu` copies of each class in a part, the run's `place`-th rows."""

    run: int
    mu: int
    first: int
    place: int


@dataclass(frozen=True)
class _Stack:
    """Classes of equal shape: their parameters, and where they stand in the runs of both sides."""

    blocks: tuple[MapBlock, ...]
    sources: tuple[_Piece, ...]
    targets: tuple[_Piece, ...]

    @property
    def end(self) -> int:
        return self.blocks[0].end

    @property
    def rows(self) -> int:
        return self.blocks[0].dim // self.blocks[0].end

    @property
    def size(self) -> int:
        return sum(block.size for block in self.blocks)


class BlockForm(ConstantsModule):
    """W x for W in Hom_G from its parameters, without W.

    Args:
        space: The maps, in isotypic form.
        dtype: Of the bases; by default torch's default.
    """

    def __init__(self, space: IsotypicIntertwiners, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        ins, outs = space.isotypic_in, space.isotypic_out
        groups: dict[tuple[object, ...], list[MapBlock]] = {}
        for block in space.structure:
            key = (block.dim, block.end, _presence(ins, block.in_class), _presence(outs, block.out_class))
            groups.setdefault(key, []).append(block)
        self.n_in, self.n_out = ins.dim, outs.dim
        self._in_runs = tuple((run.start, run.copies, run.dim) for run in ins.runs)
        self._out_runs = tuple((run.start, run.copies, run.dim) for run in outs.runs)
        in_columns: list[list[Tensor]] = [[] for _ in ins.runs]
        out_columns: list[list[Tensor]] = [[] for _ in outs.runs]
        stacks = []
        for blocks in groups.values():
            sources = _pieces(ins, [b.in_class for b in blocks], in_columns)
            targets = _pieces(outs, [b.out_class for b in blocks], out_columns)
            stacks.append(_Stack(tuple(blocks), sources, targets))
        self._stacks = tuple(stacks)
        self._in_rows = tuple([part.shape[1] for part in parts] for parts in in_columns)
        order = [block.start for stack in stacks for block in stack.blocks]
        self._in_order = order == sorted(order)
        self._in_plain = self._hold_bases("in", in_columns, dtype)
        self._out_plain = self._hold_bases("out", out_columns, dtype)
        for end in {stack.end for stack in stacks} - {1}:
            self.hold(f"units_{end}", right_multiplication(end), dtype)

    @property
    def multiplications(self) -> int:
        """How many one row takes, where a dense matrix takes n_in n_out."""
        mixing = sum(b.dim * b.end * b.m_in * b.m_out for stack in self._stacks for b in stack.blocks)
        sides = ((self._in_runs, self._in_plain), (self._out_runs, self._out_plain))
        turning = sum(
            copies * dim**2
            for runs, plain in sides
            for (_, copies, dim), still in zip(runs, plain, strict=True)
            if not still
        )
        return mixing + turning

    def forward(self, p: Float[Tensor, " dim"], x: Float[Tensor, "*batch n_in"]) -> Float[Tensor, "*batch n_out"]:
        """Apply the map with parameters p to the last axis of x."""
        batch = x.shape[:-1]
        flat = x.reshape(-1, self.n_in)
        inside = [self._enter(flat, k) for k in range(len(self._in_runs))]
        found: list[list[Tensor]] = [[] for _ in self._out_runs]
        shares = self._split(p)
        for stack, share in zip(self._stacks, shares, strict=True):
            mixed = torch.bmm(self._gathered(stack, inside), self._weight(stack, share))
            for piece in stack.targets:
                found[piece.run].append(self._scattered(stack, piece, mixed))
        pieces = [self._leave(rows, k, flat) for k, rows in enumerate(found)]
        y = pieces[0] if len(pieces) == 1 else torch.cat(pieces, -1)
        return y.reshape(*batch, self.n_out)

    def _hold_bases(self, side: str, columns: list[list[Tensor]], dtype: torch.dtype | None) -> tuple[bool, ...]:
        """Keep the bases of every run; a run whose basis is the identity needs none."""
        plain = []
        for k, parts in enumerate(columns):
            basis = torch.cat(parts, 1) if parts else torch.zeros(0, 0, dtype=torch.float64)
            square = basis.shape[0] == basis.shape[1]
            plain.append(square and torch.equal(basis, torch.eye(len(basis), dtype=basis.dtype)))
            self.hold(f"{side}_{k}", basis, dtype)
        return tuple(plain)

    def _enter(self, flat: Tensor, k: int) -> Sequence[Tensor]:
        """A run in its isotypic basis: for each stack ``(columns, batch, copies)``."""
        start, copies, dim = self._in_runs[k]
        x = flat[:, start : start + copies * dim]
        basis: Tensor = self.get_buffer(f"in_{k}")
        if not basis.numel():
            return []
        if copies == 1:
            turned = (x if self._in_plain[k] else x @ basis).t()
        else:
            columns = x.reshape(-1, dim).t()
            turned = columns if self._in_plain[k] else basis.t() @ columns
        rows: Sequence[Tensor] = turned.reshape(turned.shape[0], flat.shape[0], copies).split(self._in_rows[k])
        return rows

    def _gathered(self, stack: _Stack, inside: list[Sequence[Tensor]]) -> Tensor:
        """The stack's input ``(classes, rows * batch, m_in * end)``."""
        parts = []
        for piece in stack.sources:
            z = inside[piece.run][piece.place]
            z = z.reshape(len(stack.blocks), stack.rows, piece.mu, stack.end, *z.shape[1:])
            parts.append(z.permute(0, 1, 4, 5, 2, 3).flatten(3))
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        return joined.flatten(1, 2)

    def _scattered(self, stack: _Stack, piece: _Piece, mixed: Tensor) -> Tensor:
        """One run's share of a stack's output, as rows in the run's isotypic basis: ``(columns, batch, copies)``."""
        copies, batch = self._out_runs[piece.run][1], mixed.shape[1] // stack.rows
        y = mixed.reshape(len(stack.blocks), stack.rows, batch, stack.blocks[0].m_out, stack.end)
        y = y[:, :, :, piece.first : piece.first + copies * piece.mu]
        y = y.reshape(len(stack.blocks), stack.rows, batch, copies, piece.mu, stack.end)
        columns = len(stack.blocks) * stack.rows * piece.mu * stack.end
        return y.permute(0, 1, 4, 5, 2, 3).reshape(columns, batch, copies)

    def _leave(self, rows: list[Tensor], k: int, flat: Tensor) -> Tensor:
        """From a run's isotypic basis: ``(batch, copies * n)``."""
        _, copies, dim = self._out_runs[k]
        if not rows:
            return flat.new_zeros(flat.shape[0], copies * dim)
        z = (rows[0] if len(rows) == 1 else torch.cat(rows)).flatten(1)
        y = z if self._out_plain[k] else self.get_buffer(f"out_{k}") @ z
        return y.t().reshape(flat.shape[0], copies * dim)

    def _split(self, p: Tensor) -> Sequence[Tensor]:
        """Every stack's parameters; views where the stacks follow the order of the parameters."""
        if self._in_order:
            shares: Sequence[Tensor] = p.split([stack.size for stack in self._stacks])
            return shares
        return [torch.cat([p[b.start : b.start + b.size] for b in stack.blocks]) for stack in self._stacks]

    def _weight(self, stack: _Stack, share: Tensor) -> Tensor:
        """Mixing matrices ``(classes, m_in * end, m_out * end)``."""
        first = stack.blocks[0]
        share = share if first.dim == 1 else share * first.dim**-0.5
        if first.end == 1:
            plain: Tensor = share.reshape(-1, first.m_out, first.m_in).transpose(1, 2)
            return plain
        units = self.get_buffer(f"units_{first.end}")
        numbers = share.reshape(-1, first.end, first.m_out, first.m_in)
        return torch.einsum("ceoi,egf->cifog", numbers, units).reshape(
            len(stack.blocks), first.m_in * first.end, first.m_out * first.end
        )


def _presence(side: Isotypic, number: int) -> tuple[tuple[int, int, int], ...]:
    """In which runs a class occurs, with what multiplicity, and from which copy on."""
    return tuple(
        (k, mu, first) for k, run in enumerate(side.runs) for place, mu, first in run.places if place == number
    )


def _pieces(side: Isotypic, classes: list[int], columns: list[list[Tensor]]) -> tuple[_Piece, ...]:
    """Add the columns of these classes to the runs' bases, ordered class, row, copy, unit; say where they went."""
    found = []
    for k, mu, first in _presence(side, classes[0]):
        found.append(_Piece(k, mu, first, len(columns[k])))
        columns[k].append(torch.cat([_class_columns(side, k, number) for number in classes], 1))
    return tuple(found)


def _class_columns(side: Isotypic, k: int, number: int) -> Float[Tensor, "n m"]:
    """Columns of a run's basis that span one class, from order (copy, row, unit) to (row, copy, unit)."""
    start = 0
    for place, mu, _ in side.runs[k].places:
        d, end = side.classes[place].dim, side.classes[place].end
        if place == number:
            block = side.runs[k].basis[:, start : start + mu * d].reshape(-1, mu, d // end, end)
            return block.transpose(1, 2).flatten(1)
        start += mu * d
    return side.runs[k].basis[:, :0]
