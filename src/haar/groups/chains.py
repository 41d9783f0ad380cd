"""Averages over a group as a few short averages, along a chain of subgroups, without listing the group."""

from __future__ import annotations

from functools import singledispatch

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.finite import FiniteGroup
from haar.groups.grid import GridGroup
from haar.groups.group import Group
from haar.groups.implicit import SignGroup, SymmetricGroup
from haar.groups.lie import LieGroup
from haar.groups.permutation import PermutationGroup
from haar.groups.products import FiniteProduct, MixedProduct
from haar.groups.semidirect import SemidirectProduct
from haar.groups.wreath import FiniteWreath, RowWreath
from haar.host import on_the_host

#: Elements by which a subgroup may grow that are compared at each step.
_CANDIDATES = 24

#: Elements ``(m, *element_shape)`` and weights ``(m,)`` that sum to one.
Step = tuple[Shaped[Tensor, "..."], Float[Tensor, "_"]]


@singledispatch
def averaging_chain(group: Group, degree: int = 0) -> list[Step]:
    """Short averages whose composition, first to last, is the average over the whole group.

    With A_j f = sum of weight f(g .) over step j, the mean over G is A_k ... A_2 A_1. For a finite group the steps are
    coset representatives of G_j / G_(j-1) along a chain 1 = G_0 < G_1 < ... < G: their lengths add up where the group's
    order is their product. For SO(3) and SU(2) they are the three Euler angles.

    Args:
        group: The group that is averaged over.
        degree: For Lie groups, the largest degree of what is averaged as a polynomial of the group's matrices.

    Raises:
        ArgumentError: If no chain is known.

    Example:
        >>> from haar.groups import symmetric
        >>> sum(len(weights) for _, weights in averaging_chain(symmetric(8)))
        35
    """
    del degree
    raise ArgumentError(
        "group",
        expected="a finite group, SO(2), O(2), SO(3), O(3), SU(2) or a product of these",
        got=group.name,
        way_out="project with haar.intertwiners.intertwiners(rep_in, rep_out).project",
    )


def _even(elements: Tensor) -> Step:
    return elements, torch.full((len(elements),), 1 / len(elements), dtype=torch.float64)


@averaging_chain.register(FiniteGroup)
@on_the_host
def _(group: FiniteGroup, degree: int = 0) -> list[Step]:
    """Cyclic subgroups of generators and of their powers, each joined to what is there."""
    del degree
    steps: list[Step] = []
    powers = _small_powers(group)
    here = torch.zeros(1, dtype=torch.int64)
    while len(here) < group.order:
        inside = set(here.tolist())
        candidates = [p for p in powers if p not in inside][:_CANDIDATES]
        larger = min((group.closure(torch.cat([here, torch.tensor([p])])) for p in candidates), key=len)
        place = torch.full((group.order,), -1, dtype=torch.int64)
        representatives: list[int] = []
        for g in larger.tolist():
            if place[g] < 0:
                place[group.compose(torch.tensor(g), here)] = len(representatives)
                representatives.append(g)
        steps.append(_even(torch.tensor(representatives)))
        here = larger
    return steps


def _small_powers(group: FiniteGroup) -> list[int]:
    """Powers g^(o/d) of generators of order o for every divisor d > 1: the elements of smallest order first."""
    found: dict[int, int] = {}
    for g in group.generators().tolist():
        powers = [0]
        while True:
            power = int(group.compose(torch.tensor(powers[-1]), torch.tensor(g)))
            if power == 0:
                break
            powers.append(power)
        o = len(powers)
        for d in range(2, o + 1):
            if o % d == 0:
                found.setdefault(powers[o // d], d)
    return sorted(found, key=found.__getitem__)


@averaging_chain.register(SymmetricGroup)
@on_the_host
def _(group: SymmetricGroup, degree: int = 0) -> list[Step]:
    """Transpositions (i j), i <= j, for j = 1, 2, ...: n (n + 1) / 2 - 1 elements."""
    del degree
    steps = []
    for j in range(1, group.n):
        rows = torch.arange(group.n).repeat(j + 1, 1)
        i = torch.arange(j + 1)
        rows[i, i], rows[i, j] = j, i
        steps.append(_even(rows))
    return steps


@averaging_chain.register(SignGroup)
@on_the_host
def _(group: SignGroup, degree: int = 0) -> list[Step]:
    """One sign after the other."""
    del degree
    return [_even(torch.stack([group.identity(), flip])) for flip in group.generators()]


@averaging_chain.register(PermutationGroup)
@on_the_host
def _(group: PermutationGroup, degree: int = 0) -> list[Step]:
    """The transversals of the stabiliser chain, deepest first."""
    del degree
    return [_even(part) for part in reversed(group.transversals()) if len(part) > 1]


@averaging_chain.register(GridGroup)
@on_the_host
def _(group: GridGroup, degree: int = 0) -> list[Step]:
    """Shifts axis by axis, then the point group."""
    steps = []
    for axis, count in enumerate(group.counts):
        if count > 1:
            cells = torch.zeros(count, len(group.shape), dtype=torch.int64)
            cells[:, axis] = torch.arange(count) * group.step[axis]
            steps.append(_even(group.element(0, cells)))
    still = torch.zeros(len(group.shape), dtype=torch.int64)
    return steps + [(group.element(p, still), w) for p, w in averaging_chain(group.point, degree)]


@averaging_chain.register(FiniteProduct)
@averaging_chain.register(MixedProduct)
@on_the_host
def _(group: FiniteProduct | MixedProduct, degree: int = 0) -> list[Step]:
    """Factor by factor."""
    steps = []
    for k, factor in enumerate(group.factors):
        for elements, weights in averaging_chain(factor, degree):
            parts = [f.identity().expand(len(weights), *f.element_shape) for f in group.factors]
            parts[k] = elements
            steps.append((group.join(parts), weights))
    return steps


@averaging_chain.register(SemidirectProduct)
@on_the_host
def _(group: SemidirectProduct, degree: int = 0) -> list[Step]:
    """The normal factor, then the other."""
    normal = [(group.element(n), w) for n, w in averaging_chain(group.normal, degree)]
    return normal + [(group.element(0, h), w) for h, w in averaging_chain(group.complement, degree)]


@averaging_chain.register(FiniteWreath)
@averaging_chain.register(RowWreath)
@on_the_host
def _(group: FiniteWreath | RowWreath, degree: int = 0) -> list[Step]:
    """The base group at every point, then the top group."""
    steps = []
    for point in range(group.n):
        for elements, weights in averaging_chain(group.base, degree):
            bases = torch.zeros(len(weights), group.n, dtype=torch.int64)
            bases[:, point] = elements
            still = group.top.identity().expand(len(weights), *group.top.element_shape)
            steps.append((group.join(bases, still), weights))
    for elements, weights in averaging_chain(group.top, degree):
        steps.append((group.join(torch.zeros(len(weights), group.n, dtype=torch.int64), elements), weights))
    return steps


@averaging_chain.register(LieGroup)
@on_the_host
def _(group: LieGroup, degree: int = 0) -> list[Step]:
    """One angle after the other (Euler's for rotations of space), then one element of every other component."""
    steps = group.euler_steps(degree)
    if len(group.components):
        steps.append(_even(torch.cat([group.identity()[None], group.components])))
    return steps
