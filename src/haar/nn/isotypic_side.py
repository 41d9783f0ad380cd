"""One side of an equivariant map in its isotypic basis: samples go in and come back, a few large products each way.

Layout: copies of one part share their orthogonal basis Q. All copies of all samples, X of shape (batch * copies, n),
become ``Q^T X^T``: one product whose rows belong to classes and components and whose columns are samples and copies.
Ordered copy within a part, unit, class, row, the rows of a class lie next to one another, and so do all samples' shares
of it: a matrix (rows * batch, copies) for every class, and one such block for every copy within a part and unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import ConstantsModule
from haar.intertwiners import Isotypic

_NOTHING = torch.zeros(0, 0, dtype=torch.float64)


@dataclass(frozen=True)
class Kind:
    """Classes of equal shape that stand in the same runs: `rows` components each, `end` units."""

    classes: tuple[int, ...]
    rows: int
    end: int
    scale: float = 1.0


@dataclass(frozen=True)
class Share:
    """What one run of equal parts has of a kind: `mu` copies of each class in a part, in `width` rows from `at` on."""

    run: int
    mu: int
    first: int
    at: int
    width: int


class IsotypicSide(ConstantsModule):
    """A representation on the last axis, and its classes, kind by kind.

    Args:
        rep: The representation as copies of irreducibles.
        kinds: Classes to take part; a kind's scale is a factor on its columns, where they are not left as they are.
        dtype: Precision of the bases; by default torch's default.

    Attributes:
        shares: For each kind what the runs have of it.
        scaled: For each kind whether its columns have its scale.
        widths: For each kind the numbers of columns that its copies within a part and units have in `enter`'s matrices.
    """

    def __init__(self, rep: Isotypic, kinds: Sequence[Kind], dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = torch.get_default_dtype() if dtype is None else dtype
        self.dim, self.kinds = rep.dim, tuple(kinds)
        self.runs = tuple((run.start, run.copies, run.dim) for run in rep.runs)
        columns: list[list[Tensor]] = [[] for _ in rep.runs]
        self.shares = tuple(_shares(rep, kind, columns) for kind in kinds)
        bases = [torch.cat(parts, 1) if parts else _NOTHING for parts in columns]
        self.plain = tuple(map(_is_identity, bases))
        self._widths = tuple([part.shape[1] for part in parts] for parts in columns)
        self._places = self._numbered()
        self.widths = tuple(
            [self.runs[share.run][1] for share in shares for _ in range(share.mu * kind.end)]
            for kind, shares in zip(kinds, self.shares, strict=True)
        )
        self.scaled = tuple(not any(self.plain[share.run] for share in shares) for shares in self.shares)
        self._scale(bases)
        for k, basis in enumerate(bases):
            self.register_constant(f"basis_{k}", basis.T.contiguous(), dtype)

    @property
    def turning(self) -> int:
        """Multiplications that a change of basis takes for one row."""
        return sum(copies * dim**2 for (_, copies, dim), plain in zip(self.runs, self.plain, strict=True) if not plain)

    def _scale(self, bases: list[Tensor]) -> None:
        for kind, shares, scaled in zip(self.kinds, self.shares, self.scaled, strict=True):
            for share in shares if scaled else ():
                bases[share.run][:, share.at : share.at + share.width] *= kind.scale

    def _numbered(self) -> tuple[tuple[int, ...], ...]:
        """For each kind's shares their numbers among all runs' shares, run by run."""
        order = sorted((share.run, share.at) for shares in self.shares for share in shares)
        return tuple(tuple(order.index((share.run, share.at)) for share in shares) for shares in self.shares)

    def enter(self, x: Float[Tensor, "batch n"]) -> list[Tensor]:
        """For each kind ``(classes, rows * batch, copies * end)``."""
        batch = x.shape[0]
        turned: list[Tensor] = []
        for k, (start, copies, dim) in enumerate(self.runs):
            if not self._widths[k]:
                continue
            own = x if copies * dim == self.dim else x.narrow(1, start, copies * dim)
            if self.plain[k]:
                z = own.reshape(batch, copies, dim).permute(2, 0, 1).reshape(dim, batch * copies)
            else:
                z = torch.mm(self._kept(k), own.reshape(batch * copies, dim).t())
            turned += (z,) if len(self._widths[k]) == 1 else z.split(self._widths[k])
        return [self._gathered(number, turned, batch) for number in range(len(self.kinds))]

    def leave(
        self, mixed: Sequence[Sequence[Tensor]], x: Float[Tensor, "batch _"], *, in_place: bool
    ) -> Float[Tensor, "batch n"]:
        """Back from the kinds' classes.

        Args:
            mixed: For each kind what `enter` gives, in pieces of `widths` columns.
            x: What entered on the other side.
            in_place: Whether the runs may be written into one new tensor, which leaves no trace for gradients.
        """
        batch = x.shape[0]
        rows: list[list[Tensor]] = [[] for _ in self.runs]
        for kind, shares, pieces in zip(self.kinds, self.shares, mixed, strict=True):
            units = [share for share in shares for _ in range(share.mu * kind.end)]
            for share, piece in zip(units, pieces, strict=True):
                height = len(kind.classes) * kind.rows
                rows[share.run].append(piece.reshape(height, batch * self.runs[share.run][1]))
        like = mixed[0][0] if mixed else x
        if in_place:
            y = like.new_empty(batch, self.dim)
            for k, (start, copies, dim) in enumerate(self.runs):
                own = y if copies * dim == self.dim else y.narrow(1, start, copies * dim)
                own.view(batch, copies, dim).copy_(self._returned(rows[k], k, batch, like))
            return y
        flat = [
            self._returned(rows[k], k, batch, like).reshape(batch, copies * dim)
            for k, (_, copies, dim) in enumerate(self.runs)
        ]
        return flat[0] if len(flat) == 1 else torch.cat(flat, -1)

    def _gathered(self, number: int, turned: list[Tensor], batch: Any) -> Tensor:
        kind = self.kinds[number]
        classes, rows, end = len(kind.classes), kind.rows, kind.end
        parts: list[Tensor] = []
        for share, at in zip(self.shares[number], self._places[number], strict=True):
            copies, units = self.runs[share.run][1], share.mu * end
            if units == 1:
                parts.append(turned[at].view(classes, rows * batch, copies))
            else:
                parts += turned[at].view(units, classes, rows * batch, copies).unbind(0)
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    def _returned(self, rows: list[Tensor], k: int, batch: Any, like: Tensor) -> Tensor:
        """A run from its isotypic basis: a view ``(batch, copies, n)``."""
        _, copies, dim = self.runs[k]
        if not rows:
            return like.new_zeros(batch, copies, dim)
        z = rows[0] if len(rows) == 1 else torch.cat(rows)
        if not self.plain[k]:
            z = torch.mm(self._kept(k).t(), z)
        return z.view(dim, batch, copies).permute(1, 2, 0)

    def _kept(self, k: int) -> Tensor:
        """A run's basis, its columns as rows, in the least time."""
        return self._buffers[f"basis_{k}"]  # type: ignore[return-value]


def presence(rep: Isotypic, number: int) -> tuple[tuple[int, int, int], ...]:
    """In which runs a class occurs, with what multiplicity, and from which copy on."""
    return tuple((k, mu, first) for k, run in enumerate(rep.runs) for place, mu, first in run.places if place == number)


def _shares(rep: Isotypic, kind: Kind, columns: list[list[Tensor]]) -> tuple[Share, ...]:
    """Add the kind's columns to the runs' bases; say where they went."""
    found = []
    for k, mu, first in presence(rep, kind.classes[0]):
        at = sum(part.shape[1] for part in columns[k])
        classes = torch.stack([_class_columns(rep, k, number) for number in kind.classes], 3)
        columns[k].append(classes.flatten(1))
        found.append(Share(k, mu, first, at, columns[k][-1].shape[1]))
    return tuple(found)


def _class_columns(rep: Isotypic, k: int, number: int) -> Float[Tensor, "n mu end rows"]:
    """Columns of a run's basis that span one class."""
    places = rep.runs[k].places
    at = [place for place, _, _ in places].index(number)
    start = sum(mu * rep.classes[place].dim for place, mu, _ in places[:at])
    mu, d, end = places[at][1], rep.classes[number].dim, rep.classes[number].end
    return rep.runs[k].basis[:, start : start + mu * d].reshape(-1, mu, d // end, end).transpose(2, 3)


def _is_identity(basis: Tensor) -> bool:
    """Whether a run's basis changes nothing."""
    return basis.shape[0] == basis.shape[1] and torch.equal(basis, torch.eye(len(basis), dtype=basis.dtype))
