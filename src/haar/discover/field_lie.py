"""Continuous symmetry among a dictionary of vector fields: the same gates, with brackets and flows of functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.audit.forward_mode import push_forward
from haar.discover.dictionaries import Dictionary, VectorField
from haar.discover.evaluated import FlatModel
from haar.discover.field_problem import FieldProblem, FieldSample, bracket, independent, pushed
from haar.discover.flows import Finite, judge
from haar.discover.gates import closest, floor_of, gates
from haar.discover.grid_fields import GridFields
from haar.discover.lie import Continuous, Generated, Sought
from haar.discover.reading import sparsest
from haar.discover.rows import Pair
from haar.discover.spectrum import spectrum
from haar.discover.trivial import Trivial
from haar.errors import ArgumentError, DataError
from haar.groups.algebra import LieAlgebra
from haar.probing.undisturbed import undisturbed

#: A model whose outputs differ from its inputs by less than this is near the identity.
_NEAR_IDENTITY = 0.2
#: Parameters of flows, in spreads of the data.
_REACH = (0.25, 0.5)
#: Samples on which brackets are compared.
_BRACKETS = 24
#: Largest number of steps of a flow.
_STEPS = 120
#: Inputs of so many numbers have a Jacobian that is formed.
_SMALL = 128
#: Numbers that go through the model at once.
_NUMBERS = 2_000_000


def field_sample(
    flat: FlatModel,
    x: Float[Tensor, "b *shape"],
    units: Int[Tensor, " b"],
    dictionary: Dictionary,
    kind: str,
) -> tuple[FieldProblem, FieldSample, list[Trivial]]:
    """Evaluate a dictionary at samples; what is dependent there is dropped and counted.

    Raises:
        ArgumentError: If outputs are to move and have another shape than inputs, or no field is left.
        DataError: If outputs are not finite.
    """
    if kind == "any":
        raise ArgumentError(
            "outputs",
            expected='"same" or "invariant", for a dictionary of fields',
            got='"any"',
            way_out="wrap the model so that its outputs are like its inputs, or scalars",
        )
    model, dtype = flat.model, flat.dtype
    named = dictionary.fields(tuple(x.shape[1:]), x)
    mask = torch.ones(x.shape[1:], dtype=torch.float64)
    if isinstance(dictionary, GridFields) and dictionary.mask is not None:
        mask = mask * dictionary.mask
    with undisturbed(model):
        with torch.no_grad():
            f = model(x.to(dtype)).to(torch.float64)
        _check(f)
        near = kind == "same" and float((f - x).norm()) < _NEAR_IDENTITY * float((x - x.mean(0)).norm())
        f = f - x if near else f
        names, fields = [name for name, _ in named], [one for _, one in named]
        scale, spread = _spread(x), _spread(f)
        problem = FieldProblem(
            names, fields, torch.eye(len(fields), dtype=torch.float64), kind, near, scale, mask, spread
        )
        sample = _evaluated(flat, problem, x, f, units)
    frame = independent(sample.inputs, sample.outputs)
    if not frame.shape[1]:
        raise ArgumentError("dictionary", expected="a field that does not vanish on the data", got="none")
    trivial = []
    if frame.shape[1] < len(fields):
        count = len(fields) - frame.shape[1]
        trivial.append(Trivial("dependent", count, f"{count} combinations of the dictionary vanish on the data"))
    return replace(problem, frame=frame), sample, trivial


def _evaluated(flat: FlatModel, problem: FieldProblem, x: Tensor, f: Tensor, units: Tensor) -> FieldSample:
    velocities = [one(x) for one in problem.fields]
    pushes = _pushed_all(flat, x, velocities, problem.said)
    moved, outputs, inputs = [], [], []
    whole = f + x if problem.increments else f
    out_mask = problem.mask if problem.kind == "same" else torch.ones(f.shape[1:], dtype=torch.float64)
    for one, velocity, push in zip(problem.fields, velocities, pushes, strict=True):
        after = torch.zeros_like(f)
        if problem.kind == "same":
            after = one(whole) - velocity if problem.increments else one(whole)
        inputs.append(problem.flat(velocity))
        change = push - velocity if problem.increments else push
        moved.append((change / problem.output_scale * out_mask).reshape(len(x), -1))
        outputs.append((after / problem.output_scale * out_mask).reshape(len(x), -1))
    return FieldSample(torch.stack(moved, -1), torch.stack(outputs, -1), torch.stack(inputs, -1), units, x, f)


def _pushed_all(flat: FlatModel, x: Tensor, velocities: list[Tensor], said: list[str]) -> list[Tensor]:
    """J(x) v for every field: by the Jacobian of small inputs, else by forward passes of many fields at a time."""
    n = x[0].numel()
    if n <= _SMALL:
        jacobian = flat.jacobian(x.flatten(1))
        return [
            torch.einsum("bmn,bn->bm", jacobian, v.flatten(1)).reshape(len(x), *flat.output_shape) for v in velocities
        ]
    step = max(1, _NUMBERS // x.numel())
    pushes: list[Tensor] = []
    for start in range(0, len(velocities), step):
        some = torch.cat(velocities[start : start + step]).to(flat.dtype)
        again = x.to(flat.dtype).repeat(len(some) // len(x), *([1] * (x.ndim - 1)))
        pushes += list(pushed(flat.model, again, some, said).to(torch.float64).split(len(x)))
    return pushes


def field_continuous(
    model: Callable[[Tensor], Tensor],
    problem: FieldProblem,
    first: FieldSample,
    second: FieldSample,
    sought: Sought,
    *,
    trivial: list[Trivial],
    dtype: torch.dtype,
) -> Continuous:
    """Find and judge continuous symmetry among the fields of a dictionary."""
    eps = float(torch.finfo(dtype).eps)
    stopped = [one for one in trivial if one.stops]
    if stopped:
        return Continuous(None, None, [], trivial, float("nan"))
    floor = floor_of(problem.count, eps, 1.0)
    found = spectrum(problem, first, second, floor)
    judged = FieldJudge(model, problem, second, sought, dtype)
    told = gates(found, judged.closure, judged.finite, tolerance=sought.tolerance, always=0)
    steps = []
    for gate in told:
        if gate.accepted:
            vectors = found.vectors[:, : gate.count]
            algebra = judged.algebra(vectors, gate.defect)
            read = judged.reading(vectors)
            note = f"generators are fields: {judged.named(read)}"
            steps.append(Generated(gate, algebra, Pair(read.T[:, :, None], read.T[:, :0, None]), note, None))
    best = closest(told)
    if stopped_by_closure(told):
        trivial = [
            *trivial,
            Trivial("open", 0, "brackets leave the span: it may close over functions, on energy shells"),
        ]
    return Continuous(problem, found, told, trivial, float("nan"), steps, best, "", floor)


def stopped_by_closure(told: list) -> bool:  # type: ignore[type-arg]
    """Whether something passed the gap and is closed only over functions."""
    return any(gate.failed == "closed" for gate in told) and not any(gate.accepted for gate in told)


class FieldJudge:
    """Closure and finite elements, as functions on the data."""

    def __init__(
        self,
        model: Callable[[Tensor], Tensor],
        problem: FieldProblem,
        sample: FieldSample,
        sought: Sought,
        dtype: torch.dtype,
    ) -> None:
        self.model, self.problem, self.sample, self.sought, self.dtype = model, problem, sample, sought, dtype
        white = (sample.f / problem.output_scale).reshape(len(sample.f), -1)
        self.variance = float((white - white.mean(0)).square().sum() / max(len(white) - 1, 1))

    def _brackets(self, vectors: Float[Tensor, "p k"]) -> tuple[Tensor, Tensor]:
        """Fields and their brackets on some samples, fields orthonormal there: ``(k, w)`` and ``(k, k, w)``."""
        x = self.sample.x[:_BRACKETS]
        fields = [self.problem.combined(v) for v in vectors.T]
        flat = torch.stack([self.problem.flat(one(x)).flatten() for one in fields])
        left, values, _ = torch.linalg.svd(flat, full_matrices=False)
        turn = (left / values).T
        mixed = [self.problem.combined(v) for v in (vectors @ turn.T).T]
        own = torch.stack([self.problem.flat(one(x)).flatten() for one in mixed])
        k = len(mixed)
        brackets = torch.zeros(k, k, own.shape[1], dtype=torch.float64)
        for a in range(k):
            for b in range(a + 1, k):
                brackets[a, b] = self.problem.flat(bracket(mixed[a], mixed[b], x)).flatten()
                brackets[b, a] = -brackets[a, b]
        return own, brackets * len(x) ** 0.5

    def algebra(self, vectors: Float[Tensor, "p k"], defect: float) -> LieAlgebra:
        """By structure constants of functions on the data."""
        own, brackets = self._brackets(vectors)
        constants = torch.einsum("abw,ew->abe", brackets, own)
        return LieAlgebra.of_constants(constants, self._away(own, brackets), tolerance=max(defect, 1e-4))

    def closure(self, vectors: Float[Tensor, "p k"]) -> float:
        """How far brackets leave the span."""
        return self._away(*self._brackets(vectors))

    def _away(self, own: Tensor, brackets: Tensor) -> float:
        rest = brackets - torch.einsum("abw,ew->abe", brackets, own) @ own
        scale = max(float(brackets.norm(dim=-1).max()), 1.0)
        return float(rest.norm(dim=-1).max()) / scale if len(own) > 1 else 0.0

    def reading(self, vectors: Float[Tensor, "p k"]) -> Float[Tensor, "d k"]:
        """Coefficients of the dictionary, sparse, with a largest entry of 1."""
        given = self.problem.frame @ vectors
        size = torch.linalg.qr(given).Q.T
        rows = sparsest(size) @ size
        found: Tensor = (rows / rows.abs().amax(1, keepdim=True).clamp_min(1e-300)).T
        return found

    def named(self, read: Float[Tensor, "d k"]) -> str:
        """Generators in words."""
        return "; ".join(self._word(column) for column in read.T)

    def _word(self, column: Tensor) -> str:
        parts = [(float(v), name) for v, name in zip(column, self.problem.names, strict=True) if abs(float(v)) > 0.02]
        return " ".join(f"{v:+.3g} {name}" if abs(v - 1) > 5e-3 else f"+ {name}" for v, name in parts[:12])

    def finite(self, vectors: Float[Tensor, "p k"], defect: float) -> Finite:
        """Flows of generators in a sparse basis, by Runge and Kutta."""
        del defect
        read = self.reading(vectors)
        squares = []
        for column in read.T:
            velocity = self._velocity(column)
            rate = float(self.problem.flat(velocity(self.sample.x)).norm())
            size = float(((self.sample.x - self.sample.x.mean(0)) / self.problem.scale * self.problem.mask).norm())
            for reach in _REACH:
                t = reach * size / max(rate, 1e-300)
                steps = self.steps(velocity, t)
                squares.append(self._squared(velocity, t, steps))
        return judge(squares, self.sample.units, tolerance=self.sought.tolerance, significance=self.sought.significance)

    def _velocity(self, column: Tensor) -> VectorField:
        weights = torch.where(column.abs() > 1e-7 * float(column.abs().max()), column, 0.0).tolist()

        def velocity(u: Tensor) -> Tensor:
            total = torch.zeros_like(u)
            for weight, one in zip(weights, self.problem.fields, strict=True):
                if weight:
                    total = total + weight * one(u)
            return total

        return velocity

    def steps(self, velocity: VectorField, t: float) -> int:
        """Enough steps for the fastest that the field does to small differences."""
        x = self.sample.x[:2]
        v = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        rate = 0.0
        for _ in range(6):
            v = v / v.norm()
            v = push_forward(velocity, [x], [v])[1]
            rate = max(rate, float(v.norm()))
            if rate == 0:
                return 4
        return min(max(math.ceil(rate * t / 2), 6), _STEPS)

    def _squared(self, velocity: VectorField, t: float, steps: int) -> Float[Tensor, " b"]:
        problem, x = self.problem, self.sample.x
        f = self.sample.f + x if problem.increments else self.sample.f
        with undisturbed(self.model), torch.no_grad():
            moved = _flow(velocity, x, t, steps)
            after = self.model(moved.to(self.dtype)).to(torch.float64)
        wanted = _flow(velocity, f, t, steps) if problem.kind == "same" else f
        mask = problem.mask if problem.kind == "same" else torch.ones(f.shape[1:], dtype=torch.float64)
        wrong = (after - wanted) / problem.output_scale * mask
        return wrong.reshape(len(wrong), -1).square().sum(1) / (2 * self.variance)


def _flow(velocity: VectorField, x: Tensor, t: float, steps: int) -> Tensor:
    h = t / steps
    for _ in range(steps):
        one = velocity(x)
        two = velocity(x + h / 2 * one)
        three = velocity(x + h / 2 * two)
        four = velocity(x + h * three)
        x = x + h / 6 * (one + 2 * two + 2 * three + four)
    return x


def _spread(x: Tensor) -> Tensor:
    """Of every coordinate; of a field on a grid, of every channel."""
    if x.ndim <= 2:
        spread = (x - x.mean(0)).square().mean(0).sqrt()
    else:
        middle = (x - x.mean()).transpose(0, 1).flatten(1)
        spread = (middle - middle.mean(1, keepdim=True)).square().mean(1).sqrt()
        spread = spread.reshape(-1, *([1] * (x.ndim - 2))).expand(x.shape[1:])
    return torch.where(spread > 1e-12 * max(float(spread.max()), 1e-300), spread, torch.ones_like(spread))


def _check(f: Tensor) -> None:
    bad = torch.nonzero(~f.reshape(len(f), -1).isfinite().all(1)).flatten()
    if len(bad):
        raise DataError(f"model: its output is not finite at sample {int(bad[0])}; leave it out")
