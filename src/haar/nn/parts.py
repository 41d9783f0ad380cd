"""A representation as runs of equal parts: what norms, gates and dropout are shared along."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from haar.actions.representation import DirectSum, Representation, Trivial
from haar.actions.representation.representation import check_representation


@dataclass(frozen=True)
class PartRun:
    """Equal parts that stand next to one another.

    Attributes:
        rep: Representation of one part.
        start: First channel of the run.
        copies: Number of parts in the run.
        first: Number of the first part among all parts.
    """

    rep: Representation
    start: int
    copies: int
    first: int

    def __deepcopy__(self, memo: dict[int, object]) -> PartRun:
        return self  # nothing of it ever changes

    def of(self, x: Tensor, axis: int) -> Tensor:
        """The run's channels with the channel axis split in two: copies, then components."""
        axis %= x.ndim
        parts: Tensor = x.narrow(axis, self.start, self.copies * self.rep.dim).unflatten(
            axis, (self.copies, self.rep.dim)
        )
        return parts


def part_runs(rep: Representation) -> tuple[PartRun, ...]:
    """The runs of equal parts of a direct sum; a representation that is none is one part.

    Of a trivial representation every channel is a part.

    Example:
        >>> from haar.actions.representation import Regular, Trivial
        >>> from haar.groups import cyclic
        >>> group = cyclic(4)
        >>> [(run.copies, run.start) for run in part_runs(3 * Regular(group) + 2 * Trivial(group))]
        [(3, 0), (2, 12)]
        >>> [run.copies for run in part_runs(Trivial(group, 5))]
        [5]
    """
    check_representation("rep", rep)
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
    if isinstance(rep, DirectSum):
        return [leaf for part in rep.parts for leaf in _leaves(part)]
    if isinstance(rep, Trivial) and rep.dim > 1:
        return [_one_trivial(rep)] * rep.dim
    return [rep]


def _one_trivial(rep: Trivial) -> Representation:
    """The same object at every call, so that parts are seen to be equal."""
    one: Representation = rep.__dict__.setdefault("_one", Trivial(rep.group))
    return one
