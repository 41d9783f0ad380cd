"""What the channels of a hidden tensor carry: representations, some of them not yet chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from haar.actions.representation import DirectSum, Representation, TensorProduct, Trivial, direct_sum
from haar.groups import Group
from haar.nn.parts import part_runs
from haar.nn.representations import same_representation, stands_still


class Channels:
    """The representation of some channels: known, a variable, or made of others.

    Variables that meet in a sum of two tensors become one (union-find); what is known takes their place.

    Args:
        width: Number of channels.
        rep: The representation, if it is known.
        parts: Channels side by side of which these are made.
        points: A representation on the positions, if these are channels times positions (parts: the channels).
        outer: Whether positions run slowest, instead of fastest.
    """

    def __init__(
        self,
        width: int,
        rep: Representation | None = None,
        *,
        parts: Sequence[Channels] = (),
        points: Representation | None = None,
        outer: bool = False,
    ) -> None:
        self.width, self.rep, self.parts, self.points, self.outer = width, rep, tuple(parts), points, outer
        self.sources: list[Channels] = []
        self.moved = False  # by moving points, whatever the sources are
        self.link: Channels | None = None

    @classmethod
    def known(cls, rep: Representation) -> Channels:
        """Channels of a known representation."""
        return cls(rep.dim, rep)

    @classmethod
    def side_by_side(cls, parts: Sequence[Channels]) -> Channels:
        """Several after one another."""
        return parts[0] if len(parts) == 1 else cls(sum(part.width for part in parts), parts=parts)

    def at(self, points: Representation, *, outer: bool = False) -> Channels:
        """These channels at every position, positions running fastest (or slowest: `outer`)."""
        if points.dim == 1:
            return self
        return Channels(self.width * points.dim, parts=[self], points=points, outer=outer)

    def found(self) -> Channels:
        """The channels that stand for these."""
        here = self
        while here.link is not None:
            here = here.link
        return here

    @property
    def is_variable(self) -> bool:
        """Whether nothing is known yet."""
        here = self.found()
        return here.rep is None and not here.parts

    def representation(self) -> Representation:
        """The representation, once all variables are chosen."""
        here = self.found()
        if here.rep is None:
            made = [part.representation() for part in here.parts]
            if here.points is not None:
                factors = (here.points, made[0]) if here.outer else (made[0], here.points)
                here.rep = TensorProduct(*factors)
            else:
                here.rep = direct_sum(made)
        return here.rep

    def variables(self) -> list[Channels]:
        """The variables of which these are made."""
        here = self.found()
        if here.is_variable:
            return [here]
        return [one for part in here.parts for one in part.variables()] if here.rep is None else []


def join(one: Channels, other: Channels) -> bool:
    """Make two equal where that is possible now; whether it is certain."""
    one, other = one.found(), other.found()
    if one is other:
        return True
    if one.width != other.width:
        return False
    if other.is_variable:
        one, other = other, one
    if one.is_variable:
        if other is not one and one not in other.variables():
            other.sources = other.sources + one.sources
            other.moved = other.moved or one.moved
            one.link = other
        return True
    if len(one.parts) != len(other.parts) and one.parts:
        one, other = other, one
    if one.rep is not None and other.parts and other.points is None and not other.rep:
        pieces = split(one.rep, [part.width for part in other.parts])
        if pieces is not None:
            joined = [join(Channels.known(rep), part) for rep, part in zip(pieces, other.parts, strict=True)]
            return all(joined)  # every pair is joined, whatever becomes of the first
    if one.parts and [p.width for p in one.parts] == [p.width for p in other.parts] and one.points is other.points:
        joined = [join(a, b) for a, b in zip(one.parts, other.parts, strict=True)]
        return all(joined)
    return False


def split(rep: Representation, widths: Sequence[int]) -> list[Representation] | None:
    """A direct sum cut into neighbouring sums of some widths; None where a cut would go through a part."""
    leaves = [run.rep for run in part_runs(rep) for _ in range(run.copies)]
    pieces: list[Representation] = []
    place = 0
    for width in widths:
        piece: list[Representation] = []
        while sum(leaf.dim for leaf in piece) < width and place < len(leaves):
            piece.append(leaves[place])
            place += 1
        if sum(leaf.dim for leaf in piece) != width:
            return None
        pieces.append(piece[0] if len(piece) == 1 else DirectSum(piece))
    return pieces if place == len(leaves) else None


def choose(channels: Sequence[Channels], hidden: Callable[[int], Representation], group: Group) -> None:
    """Choose all variables: trivial where only unmoved channels lead to them, else as `hidden` says for the width."""
    every = closure(channels)
    moved: set[int] = set()
    before = -1
    while before != len(moved):
        before = len(moved)
        moved |= {id(here) for here in every if _moves(here, moved)}
    for here in every:
        if here.is_variable:
            here.rep = hidden(here.width) if id(here) in moved else Trivial(group, here.width)


def closure(channels: Sequence[Channels]) -> list[Channels]:
    """All channels that these are made of or come from."""
    found: dict[int, Channels] = {}
    stack = list(channels)
    while stack:
        here = stack.pop().found()
        if id(here) not in found:
            found[id(here)] = here
            stack += [*here.parts, *here.sources]
    return list(found.values())


def _moves(here: Channels, moved: set[int]) -> bool:
    if here.rep is not None:
        return not stands_still(here.rep)
    if here.moved:
        return True
    still = here.points is None or stands_still(here.points)
    return not still or any(id(one.found()) in moved for one in (*here.parts, *here.sources))


def agree(one: Channels, other: Channels) -> bool:
    """Whether two are the same representation, once all variables are chosen."""
    return one.found() is other.found() or same_representation(one.representation(), other.representation())
