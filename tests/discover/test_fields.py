"""Dictionaries of fields against plain loops: what they do, failures and sizes, brackets, flows, motions of grids."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from haar.discover import Discovery, Fields, GridFields, Monomials, discover
from haar.discover.evaluated import FlatModel
from haar.discover.field_lie import FieldJudge, field_sample
from haar.discover.field_problem import FieldProblem, bracket, independent, pushed
from haar.discover.flows import judge
from haar.discover.lie import Sought
from haar.discover.rows import Sums
from haar.errors import ArgumentError

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def turn(x):
    return torch.stack([-x[:, 1], x[:, 0]], 1)


def stretch(x):
    return x


X = drawn(12, 2) * torch.tensor([2.0, 0.5]) + 1
NAMED = Fields([("turn", turn), ("stretch", stretch), ("shift", torch.ones_like)])


def far(x):
    return torch.stack([(x[:, 0] * x[:, 1]).sin() + 3, x[:, 1] ** 2], 1)


def near(x):
    return x + 0.05 * turn(x) * x[:, :1]


def scalar(x):
    return x.square().sum(1, keepdim=True).sin()


@pytest.mark.parametrize(("model", "kind"), [(far, "same"), (near, "same"), (scalar, "invariant")])
def test_what_fields_do_is_judged_as_a_loop_judges_it(model, kind):
    flat = FlatModel(model, (2,), F64)
    problem, sample, trivial = field_sample(flat, X, torch.arange(12), NAMED, kind)
    assert trivial == []
    assert problem.increments is (model is near)
    f = model(X) - X if model is near else model(X)
    scale, spread = X.std(0, correction=0), f.std(0, correction=0)
    torch.testing.assert_close(problem.scale, scale)
    torch.testing.assert_close(problem.output_scale, spread)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda p: model(p[None])[0]))(X)
    vectors = drawn(3, 2, seed=1)
    failures, sizes = problem.judged(sample, vectors)
    weights = problem.frame @ vectors
    for row in range(12):
        x, y = X[row : row + 1], model(X[row : row + 1])
        moved, outputs, inputs = [], [], []
        for one in (turn, stretch, torch.ones_like):
            v = one(x)[0]
            after = one(y)[0] if kind == "same" else torch.zeros(1, dtype=F64)
            change = jacobian[row] @ v
            if model is near:
                change, after = change - v, after - v
            moved.append(change / spread)
            outputs.append(after / spread)
            inputs.append(v / scale)
        moved, outputs, inputs = (torch.stack(side, 1) for side in (moved, outputs, inputs))
        gain = (moved @ problem.frame).square().sum() / (inputs @ problem.frame).square().sum()
        for k in range(2):
            failure = ((moved - outputs) @ weights[:, k]).square().sum()
            size = gain * (inputs @ weights[:, k]).square().sum() + (outputs @ weights[:, k]).square().sum()
            assert float(failures[row, k]) == pytest.approx(float(failure), rel=1e-9)
            assert float(sizes[row, k]) == pytest.approx(float(size), rel=1e-9)
    sums = problem.sums(sample)
    assert sums.samples == 12
    small = problem.scaled(sums.triangle, sums)
    root = problem.unscaled(torch.eye(3, dtype=F64), sums)
    torch.testing.assert_close(small, sums.triangle @ root)
    torch.testing.assert_close(root.T @ (sums.blocks[0] / 12) @ root, torch.eye(3, dtype=F64), rtol=0, atol=1e-9)
    torch.testing.assert_close(sums.blocks[0].trace(), problem.judged(sample, torch.eye(3, dtype=F64))[1].sum())


def test_samples_of_fields_are_taken_apart_and_joined():
    flat = FlatModel(far, (2,), F64)
    _, sample, _ = field_sample(flat, X, torch.arange(12), NAMED, "same")
    again = sample.part(torch.arange(5)).joined(sample.part(torch.arange(5, 12)))
    assert len(again) == 12
    for name in ("moved", "outputs", "inputs", "units", "x", "f"):
        assert torch.equal(getattr(again, name), getattr(sample, name))


def test_independent_fields_are_orthonormal_on_the_data():
    inputs, outputs = drawn(20, 3, 4), drawn(20, 2, 4, seed=1)
    inputs[..., 3], outputs[..., 3] = 1e3 * inputs[..., 0] - inputs[..., 1], 1e3 * outputs[..., 0] - outputs[..., 1]
    frame = independent(inputs, outputs)
    assert frame.shape == (4, 3)
    rows = torch.cat([inputs.flatten(0, 1), outputs.flatten(0, 1)]) @ frame
    torch.testing.assert_close(rows.T @ rows, torch.eye(3, dtype=F64), rtol=0, atol=1e-9)
    inputs[..., 2], outputs[..., 2] = 0, 0
    assert independent(inputs, outputs).shape == (4, 2)
    assert independent(inputs, outputs)[2].tolist() == [0, 0]


@pytest.mark.parametrize(("share", "known"), [(0.9, 2), (1.1, 3)])
def test_fields_of_next_to_no_size_and_combinations_that_nearly_vanish_are_no_fields(share, known):
    nothing = torch.zeros(3, 1, 3, dtype=F64)
    small = torch.diag(torch.tensor([1.0, 3.0, 3e-12 * share], dtype=F64))  # beside the largest
    assert independent(small[:, None], nothing).shape == (3, known)
    near = torch.eye(3, dtype=F64)
    near[:, 1] = torch.tensor(
        [1.0, 2e-8 * share, 0]
    )  # singular values of two such directions: 2^(1/2) and this / 2^(1/2)
    assert independent(near[:, None], nothing).shape == (3, known)
    assert independent(nothing, nothing).shape == (3, 0)
    assert independent(torch.zeros(4, 2, 0, dtype=F64), torch.zeros(4, 1, 0, dtype=F64)).shape == (0, 0)


def test_sizes_next_to_nothing_beside_the_largest_are_raised():
    one = torch.ones(2, dtype=F64)
    problem = FieldProblem(
        ["a", "b", "c"], [turn, stretch, turn], torch.eye(3, dtype=F64), "same", False, one, one, one
    )
    sums = Sums(torch.eye(3, dtype=F64), (2 * torch.diag(torch.tensor([1e-30, 1e-4, 4.0], dtype=F64)),), 2)
    expected = torch.diag(torch.tensor([5e6, 1e2, 0.5], dtype=F64))  # 4e-14, 1e-4, 4
    torch.testing.assert_close(problem.scaled(sums.triangle, sums), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(problem.unscaled(torch.eye(3, dtype=F64), sums), expected, rtol=1e-9, atol=1e-9)


class Squares(torch.autograd.Function):
    """Without a derivative forwards."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]


def test_a_layer_without_a_forward_derivative_is_moved_a_little_and_said_once():
    x, v, said = drawn(5, 3), drawn(5, 3, seed=1), []
    torch.testing.assert_close(pushed(torch.sin, x, v, said), x.cos() * v)
    assert said == []
    for _ in range(2):
        torch.testing.assert_close(pushed(Squares.apply, x, v, said), 2 * x * v, rtol=1e-8, atol=1e-8)
    assert len(said) == 1
    assert said[0].startswith("a layer has no forward derivative: central differences")


@pytest.mark.parametrize(
    ("x", "v", "step"),
    [([3.0, 4.0], [2.0, 2.0], 12.5**0.5 / 2), ([0.0, 0.0], [2.0, 2.0], 0.5), ([3.0, 4.0], [0.0, 0.0], 12.5**0.5)],
)
def test_what_is_moved_a_little_is_moved_by_the_cube_root_of_rounding(x, v, step):
    x, v = (torch.tensor([side], dtype=F64) for side in (x, v))
    asked = []

    def model(x):
        asked.append(x.detach())
        return Squares.apply(x)

    pushed(model, x, v, [])
    h = step * 2.0 ** (-52 / 3)
    for one, sign in zip(asked[-2:], (1, -1), strict=True):
        torch.testing.assert_close(one - x, sign * h * v, rtol=1e-8, atol=1e-15)


def judged(model, kind="invariant", fields=NAMED, x=X):
    flat = FlatModel(model, (x.shape[1],), F64)
    problem, sample, _ = field_sample(flat, x, torch.arange(len(x)), fields, kind)
    sought = Sought(kind, affine=True, points=None, tolerance=0.2, significance=0.05)
    return problem, sample, FieldJudge(model, problem, sample, sought, F64)


def coefficients(problem, *names):
    wanted = torch.eye(len(problem.names), dtype=F64)[[problem.names.index(name) for name in names]].T
    return torch.linalg.lstsq(problem.frame, wanted).solution


def rotated(x, angle):
    c, s = math.cos(angle), math.sin(angle)
    return x @ torch.tensor([[c, s], [-s, c]], dtype=F64)


@pytest.mark.parametrize(("model", "kind"), [(scalar, "invariant"), (far, "same"), (near, "same")])
def test_flows_of_fields_are_exact_motions(model, kind):
    def leaning(x):
        return model(x) + 0.1 * x[:, :1]

    problem, sample, found = judged(leaning, kind)
    vectors = coefficients(problem, "turn")
    rate = (turn(X) / problem.scale).norm()
    size = ((X - X.mean(0)) / problem.scale).norm()
    white = sample.f / problem.output_scale
    variance = (white - white.mean(0)).square().sum() / 11
    squares = []
    for reach in (0.25, 0.5):
        angle = float(reach * size / rate)
        wanted = rotated(leaning(X), angle) if kind == "same" else leaning(X)
        wrong = (leaning(rotated(X, angle)) - wanted) / problem.output_scale
        squares.append(wrong.square().sum(1) / (2 * variance))
    expected = judge(squares, torch.arange(12), tolerance=0.2, significance=0.05)
    for one, other in zip(found.finite(vectors, 0.0), expected, strict=True):
        assert float(one) == pytest.approx(float(other), rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(
    ("speed", "t", "steps"), [(0.0, 1.0, 4), (1.0, 1.0, 6), (50.0, 0.5, 13), (50.0, 1.0, 25), (50.0, 9.0, 120)]
)
def test_flows_take_a_step_for_every_two_turns_of_the_fastest(speed, t, steps):
    _, _, court = judged(scalar)
    assert court.steps(lambda x: speed * turn(x), 0.999 * t) == steps


def test_brackets_are_those_of_matrices_and_leave_what_they_leave():
    a, b = drawn(2, 2), drawn(2, 2, seed=1)
    found = bracket(lambda x: x @ a.T, lambda x: x @ b.T, X)
    torch.testing.assert_close(found, X @ (b @ a - a @ b).T)
    problem, _, court = judged(scalar)
    assert court.closure(coefficients(problem, "turn", "stretch")) < 1e-12
    assert court.closure(coefficients(problem, "turn")) == 0.0
    open_fields = Fields(
        [
            ("d0", lambda x: torch.ones_like(x) * torch.tensor([1.0, 0])),
            ("bend", lambda x: torch.stack([0 * x[:, 0], x[:, 0] ** 2], 1)),
        ]
    )
    problem, _, court = judged(scalar, fields=open_fields)
    vectors = coefficients(problem, "d0", "bend")
    size = [math.sqrt(float((one(X) / problem.scale).square().sum())) for one in problem.fields]
    left = torch.stack([0 * X[:, 0], 2 * X[:, 0]], 1) / problem.scale / (size[0] * size[1]) * 12**0.5
    own = torch.stack([one(X) / problem.scale / s for one, s in zip(problem.fields, size, strict=True)]).flatten(1)
    rest = left.flatten() - own.T @ (own @ left.flatten())
    assert court.closure(vectors) == pytest.approx(float(rest.norm() / max(float(left.norm()), 1.0)), rel=1e-9)


def test_fields_of_space_have_the_algebra_of_rotations_and_are_told_in_few_words():
    x = drawn(40, 3)
    fields = Monomials(1)
    problem, _, court = judged(lambda x: x.square().sum(1, keepdim=True).sin(), fields=fields, x=x)
    assert problem.names[3:6] == ["x0 d0", "x0 d1", "x0 d2"]
    turns = torch.zeros(12, 3, dtype=F64)
    for k, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        turns[problem.names.index(f"x{i} d{j}"), k], turns[problem.names.index(f"x{j} d{i}"), k] = 1.0, -1.0
    vectors = torch.linalg.lstsq(problem.frame, turns).solution
    algebra = court.algebra(vectors, 1e-9)
    assert (algebra.name, algebra.dim) == ("so(3)", 3)
    read = court.reading(vectors @ torch.linalg.qr(drawn(3, 3, seed=2)).Q)
    assert read.abs().amax(0).tolist() == pytest.approx([1.0] * 3)
    assert (read.abs() > 1e-6).sum(0).tolist() == [2, 2, 2]
    assert court.named(torch.tensor([[0.0] * 4 + [1.0] + [0.0] * 2 + [-1.0] + [0.01] + [0.0] * 3], dtype=F64).T) == (
        "+ x0 d1 -1 x1 d1"
    )


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({0: 1.0, 1: 0.021}, "+ 1 d0 +0.021 1 d1"),
        ({0: 1.0, 1: 0.019}, "+ 1 d0"),
        ({0: 1.0049, 1: 0.9949}, "+ 1 d0 +0.995 1 d1"),
        ({0: 1.0051}, "+1.01 1 d0"),
        ({0: -1.0, 2: -0.5}, "-1 1 d0 -0.5 x0 d0"),
    ],
)
def test_what_is_small_is_not_told_and_what_is_nearly_one_is_told_as_one(weights, words):
    problem, _, court = judged(scalar, fields=Monomials(1))
    assert problem.names[:3] == ["1 d0", "1 d1", "x0 d0"]
    column = torch.zeros(len(problem.names), 1, dtype=F64)
    for place, weight in weights.items():
        column[place] = weight
    assert court.named(column) == words


def test_twelve_terms_of_a_generator_are_told():
    problem, _, court = judged(scalar, fields=Monomials(3))
    assert len(problem.names) > 13
    told = court.named(torch.full((len(problem.names), 1), 2.0, dtype=F64))
    assert told == " ".join(f"+2 {name}" for name in problem.names[:12])


def grid(size=16):
    at = torch.arange(size, dtype=F64)
    return at, torch.sin(2 * math.pi * at / size)[None, None, :, None].expand(2, 1, size, 12).clone()


def named(fields, inputs):
    return dict(fields.fields(tuple(inputs.shape[1:]), inputs))


def test_periodic_slopes_are_spectral_and_open_ones_differences():
    at, u = grid()
    fields = GridFields(periodic=True, linear=False, mixing=False, constants=False)
    found = named(fields, u)
    assert list(found) == ["dx", "dy"]
    expected = -8 * 2 * math.pi / 16 * torch.cos(2 * math.pi * at / 16)
    torch.testing.assert_close(found["dx"](u)[0, 0, :, 3], expected, rtol=0, atol=1e-12)
    assert found["dy"](u).abs().max() < 1e-12
    wave = torch.cos(math.pi * at)[None, None, :, None].expand(1, 1, 16, 12)
    assert found["dx"](wave).abs().max() < 1e-12  # the highest frequency has no slope
    assert fields.mask.sum() == 16 * 12
    power = ((at - 3) / 8)[None, None, :, None].expand(1, 1, 16, 12) ** 4
    fields = GridFields(periodic=[False, True], mixing=False, constants=False)
    found = named(fields, power)
    inside = found["dx"](power)[0, 0, :, 0]
    torch.testing.assert_close(inside[2:-2], -4 * ((at - 3) / 8)[2:-2] ** 3, rtol=1e-9, atol=1e-12)
    assert inside[[0, 1, -2, -1]].tolist() == [0.0] * 4
    assert fields.mask.sum(1).tolist() == [0, 0, *[12] * 12, 0, 0]
    assert list(found) == ["dx", "dy", "x dx", "x dy"]  # the data reach the seam along y
    assert fields.said == ["the data reach the seam along y: motions y d are left out"]
    places = (at - 7.5) / 8
    torch.testing.assert_close(found["x dx"](power)[0, 0, :, 0], places * inside)


@pytest.mark.parametrize(("jump", "periodic"), [(2.9, True), (3.1, False)])
def test_ends_meet_if_they_differ_by_no_more_than_three_steps(jump, periodic):
    u = torch.tensor([0.0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0], dtype=F64)
    for _ in range(200):  # the last value enters the root mean square of the steps
        u[-1] = jump * u.diff().square().mean().sqrt()
    fields = GridFields()
    named(fields, u.reshape(1, 1, 12, 1).expand(1, 1, 12, 6))
    assert fields.said[0] == f"taken to be periodic along its axes, by its ends: {periodic}, True"


@pytest.mark.parametrize(("share", "kept"), [(0.9e-3, True), (1.1e-3, False)])
def test_motions_grow_where_the_data_keep_to_their_background(share, kept):
    u = torch.zeros(1, 1, 16, 16, dtype=F64)
    u[0, 0, 6:10, 6:10] = 1.0
    u[0, 0, 1, 7] = share
    found = named(GridFields(periodic=True, mixing=False, constants=False), u)
    assert ("x dy" in found) is kept
    assert "y dx" in found


def test_channels_are_mixed_up_to_four_and_constants_added():
    u = drawn(2, 4, 6, 6)
    found = named(GridFields(periodic=True, linear=False), u)
    assert len(found) == 2 + 16 + 4
    mixed = found["u1 into 3"](u)
    assert torch.equal(mixed[:, 3], u[:, 1])
    assert mixed[:, :3].abs().max() == 0
    assert found["1 into 2"](u).sum((0, 2, 3)).tolist() == [0, 0, 72, 0]
    assert len(named(GridFields(periodic=True, linear=False), drawn(2, 5, 6, 6))) == 2 + 5


def test_a_spread_of_a_grid_is_that_of_its_channels():
    u = drawn(3, 2, 8, 8) * torch.tensor([1.0, 5.0])[:, None, None]
    flat = FlatModel(lambda u: u.sin(), (2, 8, 8), F64)
    problem, sample, _ = field_sample(flat, u, torch.arange(3), GridFields(periodic=True, linear=False), "same")
    expected = torch.stack([u[:, c].std(correction=0) for c in range(2)])
    torch.testing.assert_close(problem.scale, expected[:, None, None].expand(2, 8, 8))
    push = (u.cos() * problem.fields[0](u)) / problem.output_scale
    np.testing.assert_allclose(sample.moved[..., 0], push.flatten(1), rtol=1e-9, atol=1e-12)


def test_fields_without_their_dictionary_are_refused():
    found = discover(turn, drawn(80, 2), kinds="lie", outputs="same", dictionary=Monomials(1))
    flat = FlatModel(turn, (2,), F64)
    with pytest.raises(ArgumentError, match="sample: expected a dictionary's problem beside its sample, got none"):
        Discovery(flat, found.sample, replace(found.settings, dictionary=None))
