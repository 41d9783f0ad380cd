"""A representation as runs of equal parts: what norms, gates and dropout are shared along."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from haar.actions.representation import DirectSum, Representation


@dataclass(frozen=True)
class PartRun:
    """Equal parts that stand next to one another.

    Attributes:
        rep: The part.
        start: First channel.
        copies: How many parts.
        first: Number of the first part among all parts.
    """

    rep: Representation
    start: int
    copies: int
    first: int

    def of(self, x: Tensor, axis: int) -> Tensor:
        """The run's channels with the channel axis split in two: copies, then components."""
        axis %= x.ndim
        return x.narrow(axis, self.start, self.copies * self.rep.dim).unflatten(axis, (self.copies, self.rep.dim))


def part_runs(rep: Representation) -> tuple[PartRun, ...]:
    """The runs of equal parts of a direct sum; a representation that is none is one part.

    Example:
        >>> from haar.actions.representation import Regular, Trivial
        >>> from haar.groups import cyclic
        >>> group = cyclic(4)
        >>> [(run.copies, run.start) for run in part_runs(3 * Regular(group) + 2 * Trivial(group))]
        [(3, 0), (2, 12)]
    """
    leaves = _leaves(rep)
    runs: list[PartRun] = []
    start = 0
    for number, leaf in enumerate(leaves):
        if runs and runs[-1].rep is leaf:
            last = runs[-1]
            runs[-1] = PartRun(leaf, last.start, last.copies + 1, last.first)
        else:
            runs.append(PartRun(leaf, start, 1, number))
        start += leaf.dim
    return tuple(runs)


def part_count(rep: Representation) -> int:
    """Number of parts."""
    return len(_leaves(rep))


def _leaves(rep: Representation) -> list[Representation]:
    if not isinstance(rep, DirectSum):
        return [rep]
    return [leaf for part in rep.parts for leaf in _leaves(part)]
