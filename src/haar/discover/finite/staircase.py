"""Which groups are told: those whose words stay small on held-out data, and whose outside does not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from haar.discover.finite.exact import Candidate
from haar.discover.finite.exchange import Exchange, Row
from haar.discover.finite.judge import Judge
from haar.discover.finite.ladder import same_group
from haar.discover.finite.naming import name_of
from haar.discover.finite.symmetries import listed, symmetry_of
from haar.discover.step import Step
from haar.groups import FiniteGroup, PermutationGroup
from haar.statistics import Estimate, holm

#: Random elements that a group is judged by beside its generators, and others beside it.
_WORDS, _OTHERS = 60, 40
#: What is outside must be so many times worse than what is inside.
_GAP = 2.0
#: An element must be so many times better than moving the same entries at random, in units of the tolerance.
_SUPPORT = 2.0
#: Groups up to this order are searched for subgroups with smaller defects.
_LATTICE = 64


@dataclass(frozen=True)
class Judged:
    """A group with its defects on held-out data.

    Attributes:
        candidate: The group.
        inside: The largest defect among generators and random elements.
        outside: The smallest defect among what does not belong to it; None if everything does.
        p: P-value of "some of its elements has a defect of at least the tolerance".
        share: The largest defect over that of replacing the moved entries by another sample's.
    """

    candidate: Candidate
    inside: Estimate
    outside: float | None
    p: float
    share: float


class Court:
    """Judges candidates on held-out data.

    Args:
        exchange: What the nodes are.
        judge: Asks the model on held-out data.
        tolerance: The largest defect that is called a symmetry.
        significance: Level of the claims, all together.
        seed: Of random elements.
    """

    def __init__(self, exchange: Exchange, judge: Judge, *, tolerance: float, significance: float, seed: int) -> None:
        self._exchange, self._judge = exchange, judge
        self._tolerance, self._significance, self._seed = tolerance, significance, seed

    def steps(self, exact: Candidate | None, others: list[Candidate]) -> tuple[list[Step], list[Judged]]:
        """The staircase, smallest group first, and what was refused.

        Args:
            exact: What the exact search found.
            others: Approximate groups that came up.
        """
        kept = self._exact(exact)
        known = [judged.candidate for judged, _ in kept]
        fresh = [c for c in self._with_subgroups(others) if not any(_within(c, other) for other in known)]
        rated = [self.judged(candidate) for candidate in fresh]
        levels = holm([judged.p for judged in rated]) if rated else []
        refused = []
        for judged, p in sorted(zip(rated, levels, strict=True), key=lambda pair: pair[0].inside.value):
            if p <= self._significance and self._stands_out(judged):
                if all(_nested(judged, other) for other, _ in kept):
                    kept.append((judged, False))
            else:
                refused.append(judged)
        kept.sort(key=lambda pair: pair[0].candidate.group.order)
        return [self._step(judged, exact=is_exact) for judged, is_exact in kept], refused

    def _exact(self, exact: Candidate | None) -> list[tuple[Judged, bool]]:
        """The exact group, if it is exact on held-out data too."""
        if exact is None or exact.group.order == 1:
            return []
        judged = self.judged(exact)
        return [(judged, True)] if judged.inside.value <= self._judge.rounding else []

    def judged(self, candidate: Candidate) -> Judged:
        """One group's defects inside and outside."""
        generator = torch.Generator().manual_seed(self._seed)
        inside = _rows(candidate.group.generators()) + _rows(candidate.group.sample(_WORDS, generator))
        inside = [row for row in inside if (row != self._exchange.identity()).any()]
        defects = self._judge.defects(inside)
        worst = inside[int(np.argmax(defects))] if inside else self._exchange.identity()
        shares = [d / max(self._judge.support_defect(row), 1e-300) for row, d in zip(inside, defects, strict=True)]
        outside = self._judge.defects(self._outside(candidate.group, generator))
        return Judged(
            candidate,
            self._judge.estimate(worst, self._significance),
            min(outside, default=None),
            max((self._judge.p_below(row, self._tolerance) for row in inside), default=1.0),
            max(shares, default=0.0),
        )

    def _stands_out(self, judged: Judged) -> bool:
        apart = judged.outside is None or judged.outside >= _GAP * judged.inside.value
        return apart and judged.share <= _SUPPORT * self._tolerance

    def _outside(self, group: PermutationGroup, generator: torch.Generator) -> list[Row]:
        """Swaps, changes of sign, random exchanges, and members times swaps, without the members."""
        near = self._swaps()
        some = [self._random(generator) for _ in range(_OTHERS)]
        members = _rows(group.sample(_OTHERS, generator)) if near else []
        mixed = [near[k % len(near)][row] for k, row in enumerate(members)]
        rows = [self._judge.output_motion(row[: self._exchange.nodes]) for row in (*near, *some, *mixed)]
        if not rows:
            return []
        member = group.contains(torch.from_numpy(np.stack(rows)))
        return [row for row, inside in zip(rows, member.tolist(), strict=True) if not inside]

    def _swaps(self) -> list[Row]:
        made = []
        for block in self._exchange.members:
            for i, j in itertools.combinations(block, 2):
                places = np.arange(self._exchange.count)
                places[[i, j]] = j, i
                made.append(self._exchange.of_entries(places))
            for i in block if self._exchange.signed else ():
                signs = np.ones(self._exchange.count, dtype=np.int64)
                signs[i] = -1
                made.append(self._exchange.of_entries(np.arange(self._exchange.count), signs))
        return made

    def _random(self, generator: torch.Generator) -> Row:
        places = np.arange(self._exchange.count)
        signs = np.ones(self._exchange.count, dtype=np.int64)
        for block in self._exchange.members:
            places[block] = np.asarray(block)[torch.randperm(len(block), generator=generator).numpy()]
            if self._exchange.signed:
                signs[block] = 1 - 2 * torch.randint(2, (len(block),), generator=generator).numpy()
        return self._exchange.of_entries(places, signs)

    def _with_subgroups(self, candidates: list[Candidate]) -> list[Candidate]:
        """Small groups, and those of their subgroups whose elements all do clearly better."""
        found: list[Candidate] = []
        for candidate in candidates:
            found.append(candidate)
            if candidate.group.order > _LATTICE:
                continue
            group = listed(candidate.group, "G")
            if not isinstance(group, FiniteGroup):
                continue
            rows = [np.asarray(row) for row in group.defining_matrix(group.elements()).argmax(-2).tolist()]
            defects = np.array(self._judge.defects(rows))
            for members in apart(group, defects, self._judge.rounding):
                gens = [rows[int(k)].tolist() for k in members]
                smaller = Candidate(PermutationGroup(gens), candidate.complete, 0)
                if not any(same_group(smaller, other) for other in (*found, *candidates)):
                    found.append(smaller)
        return found

    def _step(self, judged: Judged, *, exact: bool) -> Step:
        group = judged.candidate.group
        name = name_of(group, self._exchange)
        return Step(
            name=name,
            symmetry=symmetry_of(group, self._exchange, name),
            defect=judged.inside,
            order=group.order,
            outside=judged.outside,
            grade="exact" if exact else "approximate",
            complete=judged.candidate.complete or not exact,
        )


def apart(group: FiniteGroup, defects: NDArray[np.float64], rounding: float) -> list[NDArray[np.int64]]:
    """Generators of the proper subgroups all of whose elements do clearly better than all others.

    Such a subgroup is what lies below a gap among the sorted defects: there is one candidate a gap, however many
    subgroups the group has.

    Args:
        group: The group.
        defects: One an element.
        rounding: Defects up to here are no worse than none.

    Example:
        >>> from haar.groups import cyclic
        >>> [g.tolist() for g in apart(cyclic(4), np.array([0.0, 0.5, 0.01, 0.5]), 1e-9)]
        [[2]]
    """
    order = np.argsort(defects, kind="stable")
    sorted_ = defects[order]
    found = []
    for size in range(2, group.order):
        if group.order % size == 0 and sorted_[size] >= max(_GAP * sorted_[size - 1], rounding):
            subgroup = group.subgroup(torch.from_numpy(np.sort(order[:size])))
            if subgroup.order == size:
                found.append(subgroup.include(subgroup.generators()).numpy())
    return found


def _rows(elements: torch.Tensor) -> list[Row]:
    return list(elements.numpy())


def _within(one: Candidate, other: Candidate) -> bool:
    return bool(other.group.contains(one.group.generators()).all())


def _nested(one: Judged, other: Judged) -> bool:
    small, large = sorted((one.candidate.group, other.candidate.group), key=lambda group: group.order)
    return bool(large.contains(small.generators()).all())
