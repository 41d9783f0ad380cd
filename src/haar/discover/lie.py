"""Continuous symmetry of a model: what is trivial, the solve, the gates, the algebra and the group in it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.discover.compact_action import CompactAction, compact_action
from haar.discover.components import Component, components
from haar.discover.evaluated import Evaluated, FlatModel
from haar.discover.field_problem import FieldProblem
from haar.discover.flows import Finite, Flows, try_flows
from haar.discover.flows import judge as judged_by
from haar.discover.gates import Gate, closest, floor_of, gates
from haar.discover.given import FewSamplesError
from haar.discover.reading import reading_basis
from haar.discover.rows import LinearProblem, Pair
from haar.discover.spectrum import Spectrum, spectrum
from haar.discover.support import tangents
from haar.discover.trivial import Trivial, constant, ignored, linearity, of_spans
from haar.discover.whitening import Whitening, whitening
from haar.errors import ArgumentError
from haar.groups.algebra import LieAlgebra
from haar.statistics import least_squares

#: Largest number of unknowns that one solve takes.
LARGEST_PROBLEM = 4096
#: A model whose outputs differ from its inputs by less than this is near the identity.
_NEAR_IDENTITY = 0.2
#: How far from a multiple of the identity a scaling may be.
_SCALING = 0.15


@dataclass(frozen=True)
class Sought:
    """What is sought, and how it is judged.

    Attributes:
        kind: ``"any"``, ``"same"`` or ``"invariant"``.
        affine: Whether the origin may move.
        points: Number of points on which one matrix acts, or None.
        tolerance: The largest defect of a symmetry.
        significance: Level of the tests.
        relative: Whether every sample counts the same.
        tangent: Whether derivatives are taken along the set on which data lie.
    """

    kind: str
    affine: bool
    points: int | None
    tolerance: float
    significance: float
    relative: bool = False
    tangent: bool = False


@dataclass(frozen=True)
class Scaling:
    """A generator near the identity: f(s x) = s^degree f(x)."""

    degree: float


@dataclass(frozen=True)
class Generated:
    """An algebra that passed the gates.

    Attributes:
        gate: How it passed.
        algebra: In whitened homogeneous coordinates.
        pair: Generators in a basis to be read, whitened.
        action: The compact group in it, or why there is none.
        scaling: The scaling among the generators.
        components: Reversals outside a rotation group of odd dimension, each with its defect.
    """

    gate: Gate
    algebra: LieAlgebra
    pair: Pair
    action: CompactAction | str
    scaling: Scaling | None
    components: tuple[Component, ...] = ()

    @property
    def name(self) -> str:
        """The name of the algebra; a scaling alone by its degree."""
        if self.scaling is not None and self.algebra.dim == 1:
            return f"scaling, degree {self.scaling.degree:.2g}"
        return self.algebra.name


@dataclass(frozen=True)
class Continuous:
    """What was found of continuous symmetry.

    Attributes:
        problem: In which coordinates it was sought; None if nothing was.
        spectrum: Relative defects of all directions.
        gates: How every number of generators fared.
        trivial: What says nothing.
        linear_share: Share of the outputs' variance that an affine map gives.
        steps: What passed, smallest algebra first.
        closest: The best that did not pass, and which gate failed.
        closest_name: The name of its algebra.
        exact_below: Defects below this are rounding.
    """

    problem: LinearProblem | FieldProblem | None
    spectrum: Spectrum | None
    gates: list[Gate]
    trivial: list[Trivial]
    linear_share: float
    steps: list[Generated] = field(default_factory=list)
    closest: Gate | None = None
    closest_name: str = ""
    exact_below: float = 0.0

    @property
    def leading(self) -> Generated | None:
        """The algebra that stands out: of those that passed, the one beyond which the next direction is worst."""
        return max(self.steps, key=lambda step: step.gate.gap, default=None)


def continuous(model: FlatModel, first: Evaluated, second: Evaluated, sought: Sought) -> Continuous:
    """Find and judge continuous symmetry.

    Args:
        model: For finite elements.
        first: Samples that find.
        second: Samples that judge: other independent units.
        sought: What is sought.

    Raises:
        ArgumentError: If the problem is too large, samples are too few, or the model is piecewise constant.
    """
    both = first.joined(second)
    stopped = constant(both, model.eps)
    if stopped is not None:
        return Continuous(None, None, [], [stopped], float("nan"))
    _check_varies(both)
    spaces = _spaces(both, sought)
    problem = LinearProblem(*spaces, sought.kind, sought.affine, sought.points, sought.relative)
    if sought.kind == "same" and _near_identity(problem, both):
        problem = replace(problem, increments=True)
        first, second, both = (part.with_increments() for part in (first, second, both))
    _check_size(problem, first, len(both))
    trivial = of_spans(problem)
    if sought.tangent:
        first, second, told_of = _along(problem, first, second)
        both, trivial = first.joined(second), [*trivial, Trivial("curved", 0, told_of)]
    floor = max(model.derivative_floor, model.eps)
    share, linear = linearity(problem, both)
    if linear is not None:
        return Continuous(problem, None, [], [*trivial, linear], share)
    whole, (problem, unused) = problem, ignored(problem, both, floor)
    trivial += [unused] if unused else []
    if sought.tangent and problem is not whole:
        raise ArgumentError("support", expected='"ambient" where the model ignores inputs', got='"tangent"')
    exact_below = floor_of(problem.count, floor, _condition(problem, both))
    found = spectrum(problem, first, second, exact_below)
    judge = _Judge(model, problem, second, sought)
    told = gates(found, judge.closure, judge.finite, tolerance=sought.tolerance)
    quotient = unused is not None and sought.kind != "same"
    shapes = (model.shape, model.output_shape)
    steps = [_generated(judge, found, gate, shapes, quotient=quotient) for gate in told if gate.accepted]
    best = closest(told)
    name = "" if best is None else _likeness(judge.algebra(found.vectors[:, : best.count], best.defect)[0])
    return Continuous(problem, found, told, trivial, share, steps, best, name, exact_below)


def _along(problem: LinearProblem, first: Evaluated, second: Evaluated) -> tuple[Evaluated, Evaluated, str]:
    """Both halves with the directions along the set on which all their samples lie."""
    if problem.points is not None:
        raise ArgumentError(
            "support",
            expected='"ambient" where one matrix acts on every point',
            got='"tangent"',
            way_out="shared=False, or inputs made flat",
        )
    along, told = tangents(problem.inputs(torch.cat([first.x, second.x])))
    return replace(first, along=along[: len(first)]), replace(second, along=along[len(first) :]), told


def _likeness(algebra: LieAlgebra) -> str:
    return algebra.name if algebra.ideals and algebra.is_named else ""


class _Judge:
    """Closure and finite elements of directions, on the half that judges."""

    def __init__(self, model: FlatModel, problem: LinearProblem, sample: Evaluated, sought: Sought) -> None:
        self.problem, self.sample, self.sought, self.model = problem, sample, sought, model
        points = problem.points or 1
        self.points = (points, points if problem.kind == "same" else 1)
        white = problem.coordinates(sample)[1]
        self.variance = float((white - white.mean(0)).square().sum() / max(len(sample) - 1, 1))

    def algebra(self, vectors: Tensor, defect: float) -> tuple[LieAlgebra, Pair]:
        """The algebra that directions span, and the images of its orthonormal basis."""
        algebra = LieAlgebra(self.problem.matrices(vectors).joined(), tolerance=defect)
        cut = self.problem.inputs.rank + 1
        return algebra, Pair(algebra.basis[:, :cut, :cut], algebra.basis[:, cut:, cut:])

    def closure(self, vectors: Tensor) -> float:
        """How far brackets leave the span."""
        return self.algebra(vectors, 0.0)[0].closure_defect

    def finite(self, vectors: Tensor, defect: float) -> Finite:
        """Defects of finite elements of generators in a basis to be read."""
        algebra, pair = self.algebra(vectors, defect)
        return self.of_pair(pair.combined(self.reading(algebra, pair)))

    def reading(self, algebra: LieAlgebra, pair: Pair) -> Tensor:
        """Coefficients of a basis that is sparse in the given coordinates."""
        spaces = (self.problem.inputs, self.problem.outputs)
        shown = [space.matrix(side[:, :-1, :-1]) for space, side in zip(spaces, pair, strict=True)]
        sizes = [max(float(side.norm()), 1e-300) for side in shown]
        shifts = [side[:, :-1, -1] for side in pair]
        joined = [side.flatten(1) / size for side, size in zip(shown, sizes, strict=True)]
        rows = torch.cat([*joined, *shifts], 1)
        return reading_basis(algebra, rows[:, None, :])

    def of_pair(self, pair: Pair) -> Finite:
        """Defects of finite elements of given generators."""
        model, flows = self._flows(pair)
        sample, sought = self.sample, self.sought
        return try_flows(
            model,
            flows,
            sample.x,
            sample.f,
            sample.units,
            tolerance=sought.tolerance,
            significance=sought.significance,
        )

    def of_element(self, element: Pair) -> Finite:
        """Defect of one element that no generator gives."""
        model, flows = self._flows(element)
        sample, sought = self.sample, self.sought
        moved, expected = flows.element(sample.x, sample.f)
        squares = [flows.squared(model(moved) - expected)]
        return judged_by(squares, sample.units, tolerance=sought.tolerance, significance=sought.significance)

    def _flows(self, pair: Pair) -> tuple[FlatModel | _Increment, Flows]:
        outputs = self.problem.outputs
        model: FlatModel | _Increment = self.model
        if self.problem.increments:
            outputs = Whitening(torch.zeros_like(outputs.centre), outputs.inwards, outputs.outwards)
            shiftless = pair.b.clone()
            shiftless[:, :-1, -1] = 0
            pair, model = Pair(pair.a, shiftless), _Increment(self.model)
        return model, Flows(pair, self.problem.inputs, outputs, self.variance, *self.points)


class _Increment:
    """f(x) - x."""

    def __init__(self, model: FlatModel) -> None:
        self.model = model

    def __call__(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        return self.model(x) - x


def _generated(
    judge: _Judge,
    found: Spectrum,
    gate: Gate,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    *,
    quotient: bool,
) -> Generated:
    algebra, pair = judge.algebra(found.vectors[:, : gate.count], gate.defect)
    action = compact_action(judge.problem, pair, algebra, judge.of_pair, shapes=shapes, quotient=quotient)
    read = pair.combined(judge.reading(algebra, pair))
    beside: list[Component] = []
    if not isinstance(action, str) and _turns_odd(action):
        beside = components(action.pair, judge.of_element)
    return Generated(gate, algebra, read, action, _scaling(pair), tuple(beside))


def _turns_odd(action: CompactAction) -> bool:
    """Whether it is a rotation group of odd dimension, which has no reversal of its own."""
    found = re.fullmatch(r"SO\((\d+)\)", action.symmetry.group.name)
    return found is not None and int(found[1]) % 2 == 1


def _scaling(pair: Pair) -> Scaling | None:
    """A combination of generators within 15 % of x -> x, f -> p f."""
    a, b = pair.a[:, :-1, :-1], pair.b[:, :-1, :-1]
    (n, m), eye = (a.shape[-1], b.shape[-1]), torch.eye(a.shape[-1], dtype=torch.float64)
    coefficients = least_squares(a.flatten(1).T, eye.flatten()[:, None])[:, 0]
    near = torch.einsum("k,kij->ij", coefficients, a)
    if float((near - eye).norm()) / n**0.5 > _SCALING:
        return None
    other = torch.einsum("k,kij->ij", coefficients, b)
    degree = float(other.trace()) / m
    away = float((other - degree * torch.eye(m, dtype=torch.float64)).norm()) / m**0.5
    return Scaling(degree) if away <= _SCALING * max(1.0, abs(degree)) else None


def generators(found: Continuous, step: Generated) -> Pair:
    """Generators in the coordinates as given, homogeneous, of one point where one matrix acts on every point."""
    problem = found.problem
    if not isinstance(problem, LinearProblem):
        return step.pair
    return Pair(_given(problem.inputs, step.pair.a), _given(problem.outputs, step.pair.b))


def _given(space: Whitening, side: Float[Tensor, "k r1 r1"]) -> Float[Tensor, "k n1 n1"]:
    n = space.size
    full = torch.zeros(len(side), n + 1, n + 1, dtype=torch.float64)
    linear = space.matrix(side[:, :-1, :-1])
    full[:, :n, :n] = linear
    full[:, :n, n] = side[:, :-1, -1] @ space.outwards.T - linear @ space.centre
    return full


def _spaces(sample: Evaluated, sought: Sought) -> tuple[Whitening, Whitening]:
    points = sought.points or 1
    x = sample.x.unflatten(-1, (points, -1)).flatten(0, 1)
    if sought.kind == "same":
        f = sample.f.unflatten(-1, (points, -1)).flatten(0, 1)
        one = whitening(torch.cat([x, f]), centred=sought.affine)
        return one, one
    return whitening(x, centred=sought.affine), whitening(sample.f, centred=sought.affine)


def _near_identity(problem: LinearProblem, sample: Evaluated) -> bool:
    white = problem.inputs(sample.x.unflatten(-1, (problem.points or 1, -1)))
    step = (sample.f - sample.x).unflatten(-1, (problem.points or 1, -1)) @ problem.inputs.inwards.T
    return float(step.norm()) < _NEAR_IDENTITY * float(white.norm())


def _check_varies(sample: Evaluated) -> None:
    if float(sample.jacobian.abs().max()) == 0:
        raise ArgumentError(
            "model",
            expected="a model whose outputs change smoothly with its inputs, for continuous symmetries",
            got="derivatives of 0 at every sample: it is piecewise constant, as trees are",
            way_out='look for finite symmetries, kinds="finite"',
        )


def _check_size(problem: LinearProblem, first: Evaluated, given: int) -> None:
    if problem.count > LARGEST_PROBLEM:
        raise ArgumentError(
            "model",
            expected=f"at most {LARGEST_PROBLEM} unknowns",
            got=f"{problem.count}, for {problem.inputs.rank} inputs and {problem.outputs.rank} outputs",
            way_out="let one matrix act on every point (shared=True), or give a dictionary of fields",
        )
    equations = len(first) * problem.rows_a_sample
    if equations < 2 * problem.count:
        need = 2 * -(-2 * problem.count // problem.rows_a_sample)
        few = FewSamplesError(
            "data",
            expected=f"at least {need} samples, for {problem.count} unknowns",
            got=given,
            way_out="give more samples, shared=True, or dictionary=haar.discover.Linear()",
        )
        few.needed = need
        raise few


def _condition(problem: LinearProblem, sample: Evaluated) -> float:
    """By how much rounding grows: spreads of the coordinates against one another, and against the outputs' size."""
    spread = (sample.f - sample.f.mean(0)).norm(dim=0)
    known = spread > 0
    conditions = [max(1.0, float((sample.f.norm(dim=0)[known] / spread[known]).max()))]
    for space in (problem.inputs, problem.outputs):
        scale = space.outwards.norm(dim=1, keepdim=True).clamp_min(1e-300)
        values = torch.linalg.svdvals(space.outwards / scale)
        conditions.append(float(values[0] / values[-1].clamp_min(1e-300)))
    return math.prod(conditions)


def halves(units: Int[Tensor, " b"], generator: torch.Generator) -> tuple[Int[Tensor, " i"], Int[Tensor, " j"]]:
    """Samples of one half of the units, drawn, and of the other.

    Raises:
        ArgumentError: If there is only one unit.
    """
    known = units.unique()
    if len(known) < 2:
        raise ArgumentError(
            "data",
            expected="at least two independent units, one half to find and one to judge",
            got="one trajectory",
            way_out="give more trajectories, or say which rows are independent by data=(inputs, labels, clusters)",
        )
    drawn = known[torch.randperm(len(known), generator=generator)]
    chosen = torch.isin(units, drawn[: (len(drawn) + 1) // 2])
    return torch.nonzero(chosen).flatten(), torch.nonzero(~chosen).flatten()
