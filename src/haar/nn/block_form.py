"""The blocks form of an equivariant map: leave for the isotypic basis, mix copies, come back; a few large products.

Layout: copies of one part share their orthogonal basis Q. A sample's copies of it, X of shape (copies, n), become
``Q^T X^T``, whose rows belong to classes and components and whose columns are the copies. Ordered class, row, copy
within a part, unit, the rows of a class lie next to one another, so that all samples' shares of one row of a class are
a matrix (batch, copies) inside the whole: every class is a matrix product for each of its rows, and nothing is copied
before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.intertwiners import Isotypic, IsotypicIntertwiners, MapBlock, right_multiplication
from haar.nn.constants import ConstantsModule

#: With fewer equal parts than this their basis is changed for all samples at once, not for each (measured).
_FEW = 12
_NOTHING = torch.zeros(0, 0, dtype=torch.float64)


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
        self._in_plain = tuple(map(_is_identity, in_columns))
        self._out_plain = tuple(map(_is_identity, out_columns))
        self._straight = tuple(self._hold_order(number, in_columns, dtype) for number in range(len(stacks)))
        for side, bases in (("in", in_columns), ("out", out_columns)):
            for k, parts in enumerate(bases):
                self.hold(f"{side}_{k}", torch.cat(parts, 1) if parts else _NOTHING, dtype)

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

    def forward(
        self, p: Float[Tensor, " dim"], x: Float[Tensor, "*batch n_in"], offset: Float[Tensor, " n_out"] | None = None
    ) -> Float[Tensor, "*batch n_out"]:
        """Apply the map with parameters p to the last axis of x, and add an offset if there is one."""
        flat = x if x.ndim == 2 else x.reshape(x.shape[:-1].numel(), self.n_in)
        inside = [self._enter(flat, k) for k in range(len(self._in_runs))]
        found: list[list[Tensor]] = [[] for _ in self._out_runs]
        shares = self._split(p)
        for number, (stack, share) in enumerate(zip(self._stacks, shares, strict=True)):
            mixed = torch.bmm(self._gathered(stack, inside), self._weight(number, share))
            for piece, y in zip(stack.targets, self._scattered(stack, mixed), strict=True):
                found[piece.run].append(y)
        pieces = [self._leave(rows, k, flat) for k, rows in enumerate(found)]
        y = pieces[0] if len(pieces) == 1 else torch.cat(pieces, -1)
        if offset is not None:
            y = y.add_(offset) if y._base is None else y + offset  # noqa: SLF001 (what is no view is nobody else's)
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], self.n_out)

    def _hold_order(self, number: int, in_columns: list[list[Tensor]], dtype: torch.dtype | None) -> bool:
        """Scale a stack, and keep where its mixing matrices have their entries from; True if these are the parameters.

        A basis of maps has norm 1 if every class is scaled by d^(-1/2): bases of inputs are, where there are any.
        """
        stack = self._stacks[number]
        first = stack.blocks[0]
        scale = first.dim**-0.5
        if scale != 1 and not any(self._in_plain[piece.run] for piece in stack.sources):
            for piece in stack.sources:
                in_columns[piece.run][piece.place] *= scale
            scale = 1.0
        i, f = _order(stack.sources, [copies for _, copies, _ in self._in_runs], stack.end)
        o, g = _order(stack.targets, [copies for _, copies, _ in self._out_runs], stack.end)
        if stack.end == 1 and scale == 1 and bool((i.diff() == 1).all()) and bool((o.diff() == 1).all()):
            return True
        units = right_multiplication(stack.end)  # (unit of the parameter, out, in): one of them, with its sign
        which, sign = units.abs().argmax(0), units.sum(0)
        order = (which[g][:, f] * first.m_out + o[:, None]) * first.m_in + i
        ahead = torch.arange(len(stack.blocks))[:, None] * first.size
        self.hold(f"order_{number}", (ahead + order.t().flatten()).flatten(), torch.int64)
        height = (sign[g][:, f] * scale).t().flatten().repeat(len(stack.blocks))
        self.hold(f"height_{number}", _NOTHING if bool((height == 1).all()) else height, dtype)
        return False

    def _enter(self, flat: Tensor, k: int) -> Sequence[Tensor]:
        """A run in its isotypic basis: for each stack ``(batch, columns, copies)``."""
        start, copies, dim = self._in_runs[k]
        if not self._in_rows[k]:
            return []
        batch = flat.shape[0]
        whole = copies * dim == self.n_in
        x = (flat if whole else flat.narrow(1, start, copies * dim)).reshape(batch, copies, dim)
        basis = self._kept(f"in_{k}")
        if self._in_plain[k]:
            turned = x.transpose(1, 2).contiguous()
        elif copies < _FEW:
            turned = (x.reshape(batch * copies, dim) @ basis).view(batch, copies, basis.shape[1])
            turned = turned.transpose(1, 2).contiguous()
        else:
            turned = torch.bmm(basis.t().expand(batch, -1, -1), x.transpose(1, 2))
        return (turned,) if len(self._in_rows[k]) == 1 else turned.split(self._in_rows[k], 1)

    def _gathered(self, stack: _Stack, inside: list[Sequence[Tensor]]) -> Tensor:
        """The stack's input ``(classes * rows, batch, m_in * end)``."""
        count = len(stack.blocks) * stack.rows
        parts = [inside[piece.run][piece.place] for piece in stack.sources]
        parts = [z.reshape(z.shape[0], count, z.shape[1] // count * z.shape[2]) for z in parts]
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        return joined.transpose(0, 1)

    def _scattered(self, stack: _Stack, mixed: Tensor) -> list[Tensor]:
        """For each target its run's share of a stack's output: ``(batch, columns, copies)``."""
        count, batch = mixed.shape[:2]
        copies = [self._out_runs[piece.run][1] for piece in stack.targets]
        widths = [piece.mu * stack.end for piece in stack.targets]
        apart = mixed.transpose(0, 1)
        shares: Sequence[Tensor] = [apart]
        if len(copies) > 1:
            shares = apart.split([c * width for c, width in zip(copies, widths, strict=True)], -1)
        return [y.reshape(batch, count * w, c) for y, w, c in zip(shares, widths, copies, strict=True)]

    def _leave(self, rows: list[Tensor], k: int, flat: Tensor) -> Tensor:
        """From a run's isotypic basis: ``(batch, copies * n)``."""
        _, copies, dim = self._out_runs[k]
        batch = flat.shape[0]
        if not rows:
            return flat.new_zeros(batch, copies * dim)
        z = rows[0] if len(rows) == 1 else torch.cat(rows, 1)
        basis = self._kept(f"out_{k}")
        if self._out_plain[k]:
            y = z.transpose(1, 2)
        elif copies < _FEW:
            y = z.transpose(1, 2).reshape(batch * copies, z.shape[1]) @ basis.t()
        else:
            y = torch.bmm(basis.expand(batch, -1, -1), z).transpose(1, 2)
        return y.reshape(batch, copies * dim)

    def _kept(self, name: str) -> Tensor:
        """A constant, in the least time."""
        return self._buffers[name]  # type: ignore[return-value]

    def _split(self, p: Tensor) -> Sequence[Tensor]:
        """Every stack's parameters; views where the stacks follow the order of the parameters."""
        if self._in_order:
            shares: Sequence[Tensor] = p.split([stack.size for stack in self._stacks])
            return shares
        return [torch.cat([p[b.start : b.start + b.size] for b in stack.blocks]) for stack in self._stacks]

    def _weight(self, number: int, share: Tensor) -> Tensor:
        """A stack's mixing matrices ``(classes * rows, m_in * end, m_out * end)``."""
        stack = self._stacks[number]
        first, classes = stack.blocks[0], len(stack.blocks)
        if self._straight[number]:
            W = share.view(classes, first.m_out, first.m_in).transpose(1, 2)
        else:
            W = share.index_select(0, self._kept(f"order_{number}"))
            height = self._kept(f"height_{number}")
            W = (W * height if height.numel() else W).view(classes, first.m_in * first.end, first.m_out * first.end)
        if stack.rows == 1:
            return W
        if classes == 1:
            return W.expand(stack.rows, -1, -1)
        return W.unsqueeze(1).expand(-1, stack.rows, -1, -1).flatten(0, 1)


def _is_identity(columns: list[Tensor]) -> bool:
    """Whether a run's basis changes nothing."""
    basis = torch.cat(columns, 1) if columns else _NOTHING
    return basis.shape[0] == basis.shape[1] and torch.equal(basis, torch.eye(len(basis), dtype=basis.dtype))


def _presence(side: Isotypic, number: int) -> tuple[tuple[int, int, int], ...]:
    """In which runs a class occurs, with what multiplicity, and from which copy on."""
    return tuple(
        (k, mu, first) for k, run in enumerate(side.runs) for place, mu, first in run.places if place == number
    )


def _order(pieces: tuple[_Piece, ...], copies: list[int], end: int) -> tuple[Tensor, Tensor]:
    """The columns of a stack's input or output: which copy of the class each is of, and which unit."""
    columns = [
        (piece.first + place * copies[piece.run] + part, unit)
        for piece in pieces
        for place in range(piece.mu)
        for unit in range(end)
        for part in range(copies[piece.run])
    ]
    copy, unit = torch.tensor(columns).unbind(1)
    return copy, unit


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
