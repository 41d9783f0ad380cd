"""Finite symmetries of a model of fields: shifts, point groups of the grid with what they do to channels, and both."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.actions import Action, Field, Invariant, Symmetry
from haar.actions.representation import PullBack, Representation, Trivial, representation_from_generators
from haar.discover.finite.evaluation import Evaluation
from haar.discover.finite.grid_points import Turn, Turns
from haar.discover.finite.symmetry_judge import SymmetryJudge
from haar.discover.step import Step
from haar.errors import ArgumentError
from haar.groups import (
    FiniteGroup,
    Group,
    Subgroup,
    TableGroup,
    dihedral,
    grid_group,
    octahedral,
    reflections,
    trivial,
)
from haar.statistics import FEWEST, Estimate, holm

#: Choices of turns for all generators of a point group that are tried together.
_CHOICES = 64
#: What is outside must be so many times worse than what is inside.
_GAP = 2.0
#: Random elements that a group is judged by beside its generators.
_WORDS = 12


@dataclass(frozen=True)
class _Found:
    name: str
    symmetry: Symmetry
    inside: Estimate
    p: float
    outside: float | None

    @property
    def stands_out(self) -> bool:
        """Whether what does not belong to it is clearly worse."""
        return self.outside is None or self.outside >= _GAP * self.inside.value


class GridSearch:
    """The search on one grid.

    Args:
        evaluation: The model.
        searching: Samples ``(rows, channels, *grid)`` to search with, and their units.
        judging: Samples to judge with, and theirs.
        tolerance: The largest defect that is called a symmetry.
        significance: Level of the claims.
        centring: ``"cell"`` or ``"node"``.
        periodic: Whether the grid is periodic: without that nothing is shifted.
        seed: Of random elements.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        searching: tuple[Tensor, Tensor | None],
        judging: tuple[Tensor, Tensor | None],
        *,
        tolerance: float,
        significance: float,
        centring: str = "cell",
        periodic: bool = True,
        seed: int = 0,
    ) -> None:
        self._x, self.space = searching[0], tuple(searching[0].shape[2:])
        self._evaluation, self._tolerance, self._significance = evaluation, tolerance, significance
        self._seeing, self._judging = SymmetryJudge(evaluation, *searching), SymmetryJudge(evaluation, *judging)
        self._out = tuple(self._seeing.outputs.shape[1:])
        self._fields_out = len(self._out) == len(self.space) + 1 and self._out[1:] == self.space
        self._centring, self._periodic, self._seed = centring, periodic, seed

    def run(self, said: list[str]) -> list[Step]:
        """Shifts, point groups and both: the exact ones, then those within the tolerance.

        Args:
            said: Remarks are added to it.
        """
        if self._seeing.constant or self._judging.constant:
            said.append("the model is constant on these data: every group is a symmetry of a constant")
            return []
        if not self._fields_out and len(self._out) > 1:
            said.append(f"outputs of shape {self._out} are no fields on the grid {self.space}: not searched")
            return []
        shifts = self._shift_defects()
        whole = _point_group(self.space)
        turns = self._turns(whole)
        found: list[_Found] = []
        for level in (self._seeing.rounding, self._tolerance):
            found += self._at_level(level, shifts, whole, turns)
        return self._kept(found, said)

    def _at_level(
        self, level: float, shifts: list[dict[int, float]], whole: FiniteGroup, turns: list[list[Turn]]
    ) -> list[_Found]:
        """The shifts whose defects are below a level, and the largest point group with them."""
        steps = [_stride(defects, n, level) for defects, n in zip(shifts, self.space, strict=True)]
        found = []
        beyond = _beyond(shifts, steps)
        if any(s < n for s, n in zip(steps, self.space, strict=True)):
            still = trivial(len(self.space))
            plain = [torch.eye(size, dtype=torch.float64)[None] for size in (self._x.shape[1], self._out[0])]
            symmetry = self._symmetry(still, [p[:0] for p in plain], steps)
            found.append(self._judged(_shift_name(steps, self.space), symmetry, beyond))
        largest = self._largest_point_group(level, steps, whole, turns)
        if largest is not None:
            subgroup, symmetry = largest
            inside = set(subgroup.embedding.tolist())
            others = [turns[g][0][2] for g in range(1, whole.order) if g not in inside]
            name = _point_name(subgroup, whole)
            if symmetry.group.order and symmetry.group.order > subgroup.order:
                name = f"{name} x {_shift_name(steps, self.space)}"
            found.append(self._judged(name, symmetry, beyond + others))
        return found

    def _largest_point_group(
        self, level: float, steps: list[int], whole: FiniteGroup, turns: list[list[Turn]]
    ) -> tuple[Subgroup, Symmetry] | None:
        """The largest subgroup whose elements hold one by one and together; None if there is none."""
        for subgroup in sorted(whole.subgroups(), key=lambda h: -h.order):
            inside = set(subgroup.embedding.tolist())
            if subgroup.order == 1 or any(turns[g][0][2] > level for g in inside - {0}):
                continue
            symmetry = self._joined(subgroup, turns, steps, level)
            if symmetry is not None:
                return subgroup, symmetry
        return None

    def _shift_defects(self) -> list[dict[int, float]]:
        """For each axis the defect of shifts by every divisor of its length but itself."""
        if not self._periodic:
            return [{} for _ in self.space]
        group = grid_group(trivial(len(self.space)), self.space)
        sides = (Trivial(group, self._x.shape[1]), Trivial(group, self._out[0]))
        symmetry = Symmetry(group, *(self._action(rep, side) for side, rep in enumerate(sides)))
        axes = torch.eye(len(self.space), dtype=torch.int64)
        return [
            {s: self._seeing.defect(symmetry, group.element(0, s * axes[k])) for s in range(1, n) if n % s == 0}
            for k, n in enumerate(self.space)
        ]

    def _turns(self, whole: FiniteGroup) -> list[list[Turn]]:
        """For every element of the point group what it may do to channels."""
        moving = Field(Trivial(whole, self._x.shape[1]), centring=self._centring, periodic=self._periodic)
        turns = Turns(
            self._evaluation,
            self._x,
            self._seeing.outputs,
            spread=self._seeing.spread,
            moving=moving,
            fields_out=self._fields_out,
        )
        return [[]] + [turns.of(g, self._tolerance) for g in range(1, whole.order)]

    def _joined(self, subgroup: Subgroup, turns: list[list[Turn]], steps: list[int], level: float) -> Symmetry | None:
        """Turns of the generators that are a representation together, and under which every element holds."""
        gens = subgroup.include(subgroup.generators()).tolist()
        good = [[turn for turn in turns[g] if turn[2] <= level] for g in gens]
        for choice in itertools.islice(itertools.product(*good), _CHOICES):
            try:
                symmetry = self._symmetry(
                    subgroup, [torch.stack([turn[side] for turn in choice]) for side in (0, 1)], steps
                )
            except ArgumentError:  # the turns break a relation of the group, or the shifts do not fit it
                continue
            elements = symmetry.group.generators()
            if all(self._seeing.defect(symmetry, g) <= level for g in elements):
                return symmetry
        return None

    def _symmetry(self, point: FiniteGroup, turns: Sequence[Tensor], steps: Sequence[int]) -> Symmetry:
        """A point group with shifts, acting on channels by the matrices of its generators."""
        alone = _listed(point) if point.order > 1 else trivial(len(self.space))
        if all(s == n for s, n in zip(steps, self.space, strict=True)):
            group: Group = alone
        else:
            group = grid_group(alone, self.space, step=list(steps))
        sides = []
        for side, matrices in enumerate(turns):
            size = self._x.shape[1] if side == 0 else self._out[0]
            rep: Representation = Trivial(group, size)
            if alone.order > 1 and (side == 0 or self._fields_out):
                own = representation_from_generators(alone, matrices)
                rep = own if group is alone else PullBack(own, group, group.point_of)  # type: ignore[attr-defined]
            sides.append(self._action(rep, side))
        return Symmetry(group, *sides)

    def _action(self, rep: Representation, side: int) -> Action:
        if side == 1 and not self._fields_out:
            return Invariant(rep.group)
        return Field(rep, centring=self._centring, periodic=self._periodic)

    def _judged(self, name: str, symmetry: Symmetry, outside: list[float]) -> _Found:
        """On the samples held out: generators and random elements."""
        group = symmetry.group
        words = group.sample(_WORDS, torch.Generator().manual_seed(self._seed))
        elements = [*group.generators(), *words]
        told = [
            self._judging.estimate(symmetry, g, tolerance=self._tolerance, significance=self._significance)
            for g in elements
            if int(g) != 0
        ]
        inside = max((estimate for estimate, _ in told), key=lambda estimate: estimate.value)
        return _Found(name, symmetry, inside, max(p for _, p in told), min(outside, default=None))

    def _kept(self, found: list[_Found], said: list[str]) -> list[Step]:
        """What is exact, and what is claimed to be below the tolerance and stands out."""
        rounding = self._judging.rounding
        unlike = [f for f in found if f.inside.value > rounding]
        claims = dict(zip(map(id, unlike), holm([f.p for f in unlike]), strict=True))
        steps: list[Step] = []
        for f in found:
            exact = f.inside.value <= rounding
            if not exact and not (claims[id(f)] <= self._significance and f.stands_out):
                beyond = "" if f.outside is None else f", against {f.outside:.2g} outside it"
                said.append(f"not established: {f.name}, defect {f.inside:.2g}{beyond}")
                continue
            if any(step.order == f.symmetry.group.order and step.name == f.name for step in steps):
                continue
            steps.append(
                Step(
                    name=f.name,
                    symmetry=f.symmetry,
                    defect=f.inside,
                    order=f.symmetry.group.order,
                    outside=f.outside,
                    grade="exact" if exact else "approximate",
                    kind="grid",
                )
            )
        if unlike and self._judging.independent < FEWEST:
            units = self._judging.independent
            said.append(f"{units} held-out units: at least {FEWEST} are needed to claim what is not exact")
        return sorted(steps, key=lambda step: step.order or 0)


def _point_group(space: tuple[int, ...]) -> FiniteGroup:
    """The largest group of the axes that maps a grid to itself."""
    if len(set(space)) == 1 and len(space) == 2:
        return dihedral(4)
    if len(set(space)) == 1 and len(space) == 3:
        return octahedral(full=True)
    return reflections(len(space))


def _beyond(shifts: list[dict[int, float]], steps: list[int]) -> list[float]:
    """Defects of the shifts that are no multiples of the steps."""
    return [d for defects, s in zip(shifts, steps, strict=True) for t, d in defects.items() if t % s]


def _stride(defects: dict[int, float], length: int, level: float) -> int:
    """The smallest shift that holds with all its multiples; the axis' length if none does."""
    good = {s for s, defect in defects.items() if defect <= level}
    return next((s for s in sorted(good) if all(t in good for t in defects if t % s == 0)), length)


def _shift_name(steps: Sequence[int], space: Sequence[int]) -> str:
    """For example ``shifts``, ``shifts:2`` or ``shifts:2,1``; an axis that is not shifted is a dash."""
    told = ["-" if s == n else str(s) for s, n in zip(steps, space, strict=True)]
    if set(told) == {"1"}:
        return "shifts"
    return "shifts:" + (told[0] if len(set(told)) == 1 else ",".join(told))


def _listed(point: FiniteGroup) -> FiniteGroup:
    """A subgroup of a point group as a group of its own, its elements under their names."""
    if not isinstance(point, Subgroup):
        return point
    everything = point.elements()
    return TableGroup(
        _point_name(point, point.parent),
        point.compose(everything[:, None], everything[None, :]),
        point.generators().tolist(),
        element_names=[point.parent.describe(g) for g in point.embedding.tolist()],
        defining=point.defining_matrix(everything),
        space_dim=point.space_dim,
    )


def _point_name(subgroup: Subgroup, whole: FiniteGroup) -> str:
    """D4 and C4 by name; others by their elements."""
    if subgroup.order == whole.order:
        return whole.name
    members = [whole.describe(g) for g in subgroup.embedding.tolist() if g]
    turning = bool((torch.linalg.det(whole.defining_matrix(subgroup.embedding)) > 0).all())
    if turning and whole.space_dim == 2:
        return f"C{subgroup.order}"
    return f"<{', '.join(members)}>" if len(members) <= 3 else subgroup.name
