"""The linear problem and its flows against plain loops: failures, sizes, weights, singular values, moved points."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import eigh, expm

from haar.discover import Linear, discover
from haar.discover.evaluated import Evaluated
from haar.discover.flows import Flows
from haar.discover.gates import largest_angle
from haar.discover.rows import LinearProblem, Pair, unit_sums
from haar.discover.spectrum import spectrum
from haar.discover.trivial import ignored, linearity, of_spans
from haar.discover.whitening import whitening
from haar.errors import ArgumentError

F64 = torch.float64
SAMPLES = 9


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def posed(kind, *, affine=True, points=None, relative=False, increments=False, along=False, samples=SAMPLES):
    """A problem of two coordinates a point, and samples whose numbers have nothing to do with one another."""
    k = points or 1
    outputs = k if kind == "same" else 1
    m = 2 * outputs if kind == "same" else 3
    x, f = drawn(samples, 2 * k) * 3 + 1, drawn(samples, m, seed=1) + 2
    jacobian = drawn(samples, m, 2 * k, seed=2)
    mixing = torch.tensor([[2.0, 0.3], [0.0, 0.5]], dtype=F64)
    inputs = whitening(drawn(50, 2, seed=3) @ mixing + 1, centred=affine)
    own = inputs if kind == "same" else whitening(drawn(50, 3, seed=4) + 2, centred=affine)
    directions = torch.nn.functional.normalize(drawn(samples, 2, seed=5), dim=1)
    projectors = directions[:, :, None] * directions[:, None, :] if along else None
    sample = Evaluated(x, f, jacobian, torch.arange(samples), projectors)
    return LinearProblem(inputs, own, kind, affine, points, relative, increments), sample


CASES = {
    "any": {"kind": "any"},
    "any, linear": {"kind": "any", "affine": False},
    "any, points": {"kind": "any", "points": 3},
    "any, relative": {"kind": "any", "relative": True},
    "invariant": {"kind": "invariant"},
    "invariant, points, relative": {"kind": "invariant", "points": 3, "relative": True},
    "same": {"kind": "same"},
    "same, points, relative": {"kind": "same", "points": 3, "relative": True},
    "same, increments": {"kind": "same", "points": 2, "increments": True},
    "any, along a curve": {"kind": "any", "along": True},
    "invariant, linear, along a curve": {"kind": "invariant", "affine": False, "along": True},
}


def by_hand(problem, sample, a, b):
    """Squared failure and squared size of one pair of generators at every sample, point by point."""
    k = problem.points or 1
    outputs = k if problem.kind == "same" else 1
    inwards, outwards = problem.inputs.inwards.numpy(), problem.inputs.outwards.numpy()
    failures, sizes = [], []
    for row in range(len(sample)):
        x = [(p - problem.inputs.centre.numpy()) @ inwards.T for p in sample.x[row].numpy().reshape(k, -1)]
        centre = 0 if problem.increments else problem.outputs.centre.numpy()
        own = problem.outputs.inwards.numpy()
        f = [(p - centre) @ own.T for p in sample.f[row].numpy().reshape(outputs, -1)]
        d, m = problem.inputs.size, problem.outputs.size
        slopes = {
            (l, p): own @ sample.jacobian[row, l * m : (l + 1) * m, p * d : (p + 1) * d].numpy() @ outwards
            for l in range(outputs)
            for p in range(k)
        }
        across = np.eye(2)
        if sample.along is not None:
            across = across - sample.along[row].numpy()
            slopes = {place: slope @ sample.along[row].numpy() for place, slope in slopes.items()}
        gain = sum((slope**2).sum() for slope in slopes.values()) / (k * 2)
        square = 1 / (gain * sum(p @ p for p in x) + sum(p @ p for p in f)) if problem.relative else 1.0
        steps = [a[:-1, :-1] @ p + a[:-1, -1] for p in x]
        still = 0.0 if problem.increments else 1.0
        moves = [b[:-1, :-1] @ p + still * b[:-1, -1] for p in f]
        failure = 0.0
        for l in range(outputs):
            failure += ((sum(slopes[l, p] @ steps[p] for p in range(k)) - moves[l]) ** 2).sum()
        failure *= square
        if sample.along is not None:
            failure += ((across @ steps[0]) ** 2).sum() / (x[0] @ x[0])
        failures.append(failure)
        sizes.append(square * (gain * sum(s @ s for s in steps) + sum(s @ s for s in moves)))
    return np.array(failures), np.array(sizes)


@pytest.mark.parametrize("case", CASES)
def test_failures_and_sizes_are_those_of_a_loop(case):
    problem, sample = posed(**CASES[case])
    vectors = drawn(problem.count, 2, seed=6)
    pair = problem.matrices(vectors)
    failures, sizes = problem.judged(sample, vectors)
    for j in range(2):
        expected = by_hand(problem, sample, pair.a[j].numpy(), pair.b[j].numpy())
        np.testing.assert_allclose(failures[:, j], expected[0], rtol=1e-9)
        np.testing.assert_allclose(sizes[:, j], expected[1], rtol=1e-9)
    assert pair.a[:, -1].abs().max() == pair.b[:, -1].abs().max() == 0


@pytest.mark.parametrize(
    ("case", "count", "rows"),
    [
        ("any", 6 + 12, 3), ("any, linear", 4 + 9, 3), ("any, points", 18, 3), ("invariant", 6, 3),
        ("same, points, relative", 6, 6), ("same", 6, 2),
    ],
)  # fmt: skip
def test_unknowns_and_equations_are_counted(case, count, rows):
    problem, sample = posed(**CASES[case])
    assert (problem.count, problem.rows_a_sample) == (count, rows)
    assert sum(part.shape[0] * part.shape[1] for part in problem.chunks(sample)) == rows * SAMPLES


@pytest.mark.parametrize("case", ["any", "same, points, relative", "invariant, linear, along a curve"])
def test_the_spectrum_is_that_of_failures_in_units_of_sizes(case):
    problem, sample = posed(**CASES[case], samples=30)
    first, second = sample.part(torch.arange(20)), sample.part(torch.arange(20, 30))
    found = spectrum(problem, first, second, 1e-9)
    basis = torch.eye(problem.count, dtype=F64)
    both = (basis[:, :, None] + basis[:, None, :]).flatten(1)  # quadratic forms by their values on sums of two
    forms = []
    for alone, together in zip(problem.judged(first, basis), problem.judged(first, both), strict=True):
        plain = alone.sum(0)
        sums = together.sum(0).unflatten(0, (problem.count, -1))
        forms.append(((sums - plain[:, None] - plain) / 40).numpy())
    np.testing.assert_allclose(found.solved**2, eigh(*forms, eigvals_only=True), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose((found.vectors.T @ torch.from_numpy(forms[1]) @ found.vectors).diagonal(), 1, rtol=1e-8)
    failures, sizes = problem.judged(second, found.vectors)
    torch.testing.assert_close(found.held_out, (failures.sum(0) / sizes.sum(0)).sqrt())
    merged = problem.sums(first.part(torch.arange(7))).merged(problem.sums(first.part(torch.arange(7, 20))))
    whole = problem.sums(first)
    assert merged.samples == whole.samples == 20
    torch.testing.assert_close(merged.triangle.T @ merged.triangle, whole.triangle.T @ whole.triangle)
    for one, other in zip(merged.blocks, whole.blocks, strict=True):
        torch.testing.assert_close(one, other)


def test_samples_of_a_unit_are_added():
    values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], dtype=F64)
    assert unit_sums(values, torch.tensor([7, 3, 7])).tolist() == [[2.0, 20.0], [5.0, 50.0]]


TURN = torch.tensor([[0.0, -2.0], [2.0, 0.0]], dtype=F64)


def flows(a, b, *, points=1, output_points=1, variance=3.0):
    def homogeneous(m, shift):
        full = torch.zeros(1, 3, 3, dtype=F64)
        full[0, :2, :2], full[0, :2, 2] = m, torch.tensor(shift, dtype=F64)
        return full

    problem, _ = posed("same")
    pair = Pair(homogeneous(a, [0.5, 0.0]), homogeneous(b, [0.0, 0.25]))
    return Flows(pair, problem.inputs, problem.outputs, variance, points, output_points)


def test_points_and_outputs_are_moved_by_exponentials():
    flow = flows(TURN, -TURN, points=2, output_points=1)
    x, f = drawn(4, 4), drawn(4, 2, seed=1)
    space = flow.inputs
    for side, given, found in (
        (flow.pair.a, x, flow.moved(0, 0.3, x)),
        (flow.pair.b, f, flow.moved_outputs(0, 0.3, f)),
    ):
        element = expm(0.3 * side[0].numpy())
        for row in range(4):
            for place in range(0, given.shape[1], 2):
                white = space.inwards.numpy() @ (given[row, place : place + 2] - space.centre).numpy()
                moved = element[:2, :2] @ white + element[:2, 2]
                expected = space.centre.numpy() + space.outwards.numpy() @ moved
                np.testing.assert_allclose(found[row, place : place + 2], expected, rtol=1e-9)
    torch.testing.assert_close(flow.squared(f), (f @ flow.outputs.inwards.T).square().sum(1) / 6, rtol=1e-12, atol=0)
    both = Flows(flow.pair, space, flow.outputs, 3.0, 2, 2)
    torch.testing.assert_close(both.squared(x), both.squared(x.flip(0)).flip(0))
    moved, expected = both.element(x, x)
    torch.testing.assert_close(moved, flows(TURN, -TURN, points=2).element(x, f)[0])
    assert not torch.allclose(moved, expected)


def test_turns_are_tried_at_angles_of_the_fastest_and_others_within_the_data():
    x = drawn(200, 2) + 1
    assert flows(TURN, 0.5 * TURN).times(0, x) == pytest.approx([t / 2 for t in (0.25, 1.0, math.pi)])
    assert flows(0.5 * TURN, TURN).times(0, x) == pytest.approx([t / 2 for t in (0.25, 1.0, math.pi)])
    spiral = flows(TURN + 0.7 * torch.eye(2), TURN)  # a real part of a third of the size
    grown = spiral.times(0, x)
    limit = 1.05 * spiral.inputs(x).abs().amax(0)
    for t, angle in zip(grown, (0.25, 1.0, math.pi), strict=True):
        start = angle / math.hypot(2, 0.7)
        shares = []
        for step in (t, 2 * t):
            inside = (spiral.inputs(spiral.moved(0, step, x)).abs() <= limit).all(1).double().mean()
            shares.append(float(inside))
        halvings = math.log2(start / t)
        assert halvings == pytest.approx(round(halvings), abs=1e-6)
        assert shares[0] >= 0.9
        assert round(halvings) == 0 or shares[1] < 0.9
    shift = flows(0 * TURN, 0 * TURN)
    assert max(shift.times(0, x)) <= math.pi  # nothing turns: the parameter is its own unit
    assert [math.log2(angle / t) % 1 for t, angle in zip(shift.times(0, x), (0.25, 1, math.pi), strict=True)] == [
        0,
        0,
        0,
    ]


@pytest.mark.parametrize("kind", ["any", "same", "invariant"])
def test_generators_that_a_linear_model_has_for_nothing_are_counted(kind):
    m = drawn(2, 2, seed=7)
    x = drawn(40, 2)
    sample = Evaluated(x, x @ m.T, m.expand(40, 2, 2), torch.arange(40))
    space = whitening(torch.cat([x, sample.f]) if kind == "same" else x, centred=False)
    own = space if kind == "same" else whitening(sample.f, centred=False)
    problem = LinearProblem(space, own, kind, affine=False)
    share, told = linearity(problem, sample)
    assert share == pytest.approx(1.0)
    assert (told.kind, told.stops) == ("linear", True)
    assert told.count == {"any": 4, "same": 2, "invariant": 0}[kind]  # M A = B M, M A = A M, M A = 0
    few = sample.part(torch.arange(6))
    assert math.isnan(linearity(problem, few)[0])
    assert linearity(problem, sample.part(torch.arange(7)))[1] is not None


@pytest.mark.parametrize(("bend", "linear"), [(0.9e-4, True), (1.1e-4, False)])
def test_a_model_is_linear_to_a_hundred_millionth_of_its_variance(bend, linear):
    t = torch.tensor([-1.0, -1 / 3, 1 / 3, 1.0] * 10, dtype=F64)
    rest = torch.tensor([-1.0, 3.0, -3.0, 1.0] * 10, dtype=F64)  # no affine part of it
    f = t / t.std(correction=0) + bend * rest / rest.std(correction=0)
    x = torch.stack([t, t.square()], 1)[:, :1]
    sample = Evaluated(x, f[:, None], torch.ones(40, 1, 1, dtype=F64), torch.arange(40))
    problem = LinearProblem(whitening(x, centred=True), whitening(sample.f, centred=True), "invariant", affine=True)
    share, told = linearity(problem, sample)
    assert 1 - share == pytest.approx(bend**2, rel=1e-3)
    assert (told is not None) is linear


@pytest.mark.parametrize(("size", "gone"), [(0.9e-8, 1), (1.1e-8, 0)])
def test_directions_of_small_slopes_are_ignored(size, gone):
    x = drawn(30, 2)
    space = whitening(x, centred=True)
    white = torch.tensor([[[1.0, 0.0]], [[0.0, size]]], dtype=F64).repeat(15, 1, 1)
    jacobian = white @ space.inwards
    sample = Evaluated(x, (x @ space.inwards.T)[:, :1].sin(), jacobian, torch.arange(30))
    own = whitening(sample.f, centred=True)
    problem = LinearProblem(space, own, "invariant", affine=True)
    quotient, told = ignored(problem, sample, 1e-10)  # a hundred times the floor
    assert (0 if told is None else told.count) == 2 * gone
    assert quotient.inputs.rank == 2 - gone
    assert ignored(replace(problem, points=1), sample, 1e-10)[1] is None


def test_spaces_of_fewer_dimensions_are_counted():
    x, f = drawn(30, 2) @ drawn(2, 5), drawn(30, 1, seed=1) @ drawn(1, 3)
    problem = LinearProblem(whitening(x, centred=True), whitening(f, centred=True), "any", affine=True)
    assert [(one.kind, one.count) for one in of_spans(problem)] == [("subspace", 15), ("leaving", 6), ("outputs", 6)]
    assert [one.kind for one in of_spans(replace(problem, kind="invariant"))] == ["subspace", "leaving"]


def pushed(x):
    """Points that are drawn to their middle, by more the farther they are apart."""
    middle = x.mean(1, keepdim=True)
    return middle + (x - middle) * torch.tanh((x - middle).square().sum((1, 2), keepdim=True) / 6)


def test_one_matrix_moves_the_points_of_inputs_and_outputs():
    x = drawn(160, 3, 2)
    found = discover(pushed, x, kinds="lie", dictionary=Linear())
    problem = found.continuous.problem
    assert (problem.points, problem.kind, problem.inputs.size) == (3, "same", 2)
    every = torch.cat([x, pushed(x)]).flatten(0, 1)
    torch.testing.assert_close(
        problem.inputs.outwards @ problem.inputs.outwards.T, every.T @ every / len(every), rtol=1e-6, atol=1e-6
    )
    turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=F64)
    assert largest_angle(found.generators().a[:, :2, :2], turn) < 1e-6


@pytest.mark.parametrize(("share", "increments"), [(0.195, True), (0.205, False)])
def test_a_model_near_the_identity_is_looked_at_by_its_increments(share, increments):
    x = drawn(160, 2)
    step = share * float(x.norm() / torch.tanh(5 * x).norm())
    found = discover(lambda x: x + step * torch.tanh(5 * x), x, kinds="lie", dictionary=Linear())
    assert found.continuous.problem.increments is increments


@pytest.mark.parametrize(("samples", "enough"), [(48, True), (46, False)])
def test_samples_are_twice_the_unknowns_in_each_half(samples, enough):
    x = drawn(samples, 3)

    def model(x):
        return x.square().sum(1, keepdim=True).sin()

    if enough:
        assert discover(model, x, kinds="lie").continuous.problem.count == 12
    else:
        with pytest.raises(ArgumentError, match="data: expected at least 48 samples, for 12 unknowns, got 46"):
            discover(model, x, kinds="lie")
