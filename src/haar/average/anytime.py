"""Anytime averaging: along a chain of subgroups, so that every stage is exactly symmetric and tells what it gained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.actions.trees import map_values, value_leaves
from haar.average.engine import Averaged
from haar.average.weighted import ORBIT_LIMIT, Given
from haar.errors import ArgumentError, known_keywords
from haar.groups import FiniteGroup, Group, Subgroup
from haar.probing import transformed
from haar.probing.manners import by_position, check_call


class Stage(NamedTuple):
    """What is known after the elements of one subgroup.

    Attributes:
        subgroup: The subgroup H that the output is exactly equivariant under.
        output: The average over H.
        increment: Mean square of the change from the stage before, over all numbers of the output: on data that the
            group preserves, the mean squared error that this stage removed, seen without labels. 0 for the first stage.
        evaluations: Elements evaluated so far.
    """

    subgroup: Subgroup
    output: Any
    increment: float
    evaluations: int


class Anytime(nn.Module):
    """The average over the last subgroup of a chain that is worth its cost.

    For 1 = H_0 < H_1 < ... and an equivariant target, ||f - f*||^2 = ||Q_k f - f*||^2 + sum_i ||Q_i-1 f - Q_i f||^2 on
    data that the group preserves: the increments are gains, and once they are small the rest can be left out.

    Args:
        model: Any module or callable; it is wrapped, never changed.
        symmetry: How an enumerated group acts.
        chain: Subgroups, each in the next; by default `FiniteGroup.subgroup_chain`.
        tolerance: Stop after a stage that changed the output by less than this part of its root mean square; 0 runs
            all.
        micro_batch: Elements per forward pass, or ``"auto"``.

    Attributes:
        averaged: The average over the whole chain.

    Raises:
        ArgumentError: If the group is not enumerated or the chain is none.

    Example:
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> symmetric = anytime(nn.Conv2d(1, 1, 3, padding=1), Symmetry.of_fields(D4, "p"))
        >>> [stage.evaluations for stage in symmetric.stages(torch.randn(1, 1, 8, 8))]
        [1, 2, 4, 8]
    """

    def __init__(
        self,
        model: Callable[..., Any],
        symmetry: Symmetry,
        *,
        chain: Sequence[Subgroup] | None = None,
        tolerance: float = 0.0,
        micro_batch: int | str = "auto",
    ) -> None:
        super().__init__()
        check_call(model, symmetry)
        if tolerance < 0:
            raise ArgumentError("tolerance", expected="0 or more", got=tolerance)
        self.tolerance = tolerance
        self.chain = checked_chain(symmetry.group, chain)
        places = [new_elements(small, big) for small, big in zip([None, *self.chain], self.chain, strict=False)]
        self.averaged = Averaged(model, symmetry, Given(torch.cat(places)), micro_batch=micro_batch)
        self.training = self.averaged.training

    @property
    def symmetry(self) -> Symmetry:
        """How the group acts."""
        return self.averaged.symmetry

    def stages(self, *args: Any) -> Iterator[Stage]:
        """Yield the average over every subgroup of the chain, smallest first; the model runs as far as you listen.

        Args:
            args: The model's inputs.
        """
        tree = self.averaged.symmetry.outputs
        total: Any = None
        before: Any = None
        for start, subgroup in zip([0, *(h.order for h in self.chain)], self.chain, strict=False):
            for y in self.averaged.predictions(args, range(start, subgroup.order)):
                total = y if total is None else map_values(torch.add, tree, total, y)
            mean = map_values(lambda t, n=subgroup.order: t / n, tree, total)
            change = 0.0 if before is None else _mean_square(tree, map_values(torch.sub, tree, mean, before))
            yield Stage(subgroup, mean, change, subgroup.order)
            before = mean

    def forward(self, *args: Any, **named: Any) -> Any:
        """The average over the chain, stopped where a stage changes little.

        Args:
            args: The model's inputs.
            named: Arguments of the model that are given by name.
        """
        args = by_position(self.averaged.model, args, named)
        output: Any = None
        for stage in self.stages(*args):
            output = stage.output
            if stage.evaluations > 1 and self.tolerance > 0:
                size = _mean_square(self.averaged.symmetry.outputs, output)
                if stage.increment <= self.tolerance**2 * size:
                    break
        return output

    def extra_repr(self) -> str:
        """The chain's orders."""
        return " < ".join(str(h.order) for h in self.chain) + f", tolerance {self.tolerance:g}"


@known_keywords
def anytime(
    model: Callable[..., Any],
    symmetry: Symmetry,
    *,
    chain: Sequence[Subgroup] | None = None,
    tolerance: float = 0.0,
    micro_batch: int | str = "auto",
) -> Anytime:
    """Average along a chain of subgroups; listen with ``.stages(x)``, or call it with a tolerance. See `Anytime`."""
    return Anytime(model, symmetry, chain=chain, tolerance=tolerance, micro_batch=micro_batch)


def checked_chain(group: Group, chain: Sequence[Subgroup] | None) -> list[Subgroup]:
    """A chain of subgroups that begins with the trivial one.

    Raises:
        ArgumentError: If the group is not enumerated or too large, or the subgroups are not each in the next.
    """
    if not isinstance(group, FiniteGroup) or (chain is None and group.order > ORBIT_LIMIT):
        raise ArgumentError(
            "symmetry",
            expected=f"a finite group of at most {ORBIT_LIMIT} elements",
            got=group.name,
            way_out="give a chain",
        )
    links = list(group.subgroup_chain() if chain is None else chain)
    if not links or links[0].order > 1:
        links.insert(0, group.subgroup([]))
    for small, big in pairwise(links):
        inside = bool(torch.isin(small.embedding, big.embedding).all()) and small.order < big.order
        if not inside:
            raise ArgumentError("chain", expected="subgroups each in the next", got=f"{small.name}, {big.name}")
    if any(link.parent != group for link in links):
        raise ArgumentError("chain", expected=f"subgroups of {group.name}", got=", ".join(h.name for h in links))
    return links


def new_elements(small: Subgroup | None, big: Subgroup) -> Tensor:
    """Elements of a subgroup that are not in a smaller one."""
    if small is None:
        return big.embedding
    return big.embedding[~torch.isin(big.embedding, small.embedding)]


def _mean_square(tree: Any, values: Any) -> float:
    """Mean square over all numbers of all outputs, in float64; unknown while a graph is recorded."""
    if transformed():
        return float("nan")
    leaves = [leaf.detach() for leaf in value_leaves(tree, values) if isinstance(leaf, Tensor)]
    total = sum(float(leaf.abs().to(torch.float64).square().sum()) for leaf in leaves)
    return total / max(1, sum(leaf.numel() for leaf in leaves))
