"""Rotations by interpolation: quarter turns exact, errors of the stated order, analytic tangents, refusals."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch

from haar.actions import Defining, Field, InterpolatedField, Layout, Space, Symmetry, Trivial, field_representation
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, O, dihedral, octahedral, symmetric


def places(shape, spacing=(1.0, 1.0, 1.0)):
    lines = [(torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * h for n, h in zip(shape, spacing, strict=False)]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"))


def bump(p, width):
    """A scalar and a vector field of a smooth, lopsided function of the place, which vanishes far away."""
    weight = torch.exp(-((p[0] - 0.2 * width) ** 2 + 1.5 * p[1] ** 2 + (p[2] ** 2 if len(p) == 3 else 0)) / width**2)
    return torch.stack([weight, *[weight * (1 + c / width) for c in p]])


def rotated(shape, R, width, spacing=(1.0, 1.0, 1.0)):
    """The rotated fields from the formula, without a grid."""
    p = places(shape, spacing)
    back = torch.einsum("ji,j...->i...", R, p)
    values = bump(back, width)
    return torch.cat([values[:1], torch.einsum("ij,j...->i...", R, values[1:])])


def fields_of(group, **options):
    rep = Trivial(group) + Defining(group)
    return InterpolatedField(rep, **options)


@pytest.mark.parametrize("point", [dihedral(4), octahedral(full=True)], ids=lambda g: g.name)
@pytest.mark.parametrize("n", [4, 5])
@pytest.mark.parametrize("mode", ["linear", "cubic", "nearest"])
def test_quarter_turns_and_mirrors_agree_with_the_exact_field(point, n, mode, generator):
    dim = point.space_dim
    exact = Field(Trivial(point) + Space(point))
    matrices = Space(point).matrix(point.elements())
    action = fields_of(O(dim), mode=mode)
    x = torch.randn(len(matrices), 1 + dim, *[n] * dim, generator=generator, dtype=torch.float64)
    assert torch.allclose(action.act(matrices, x), exact.act(point.elements(), x), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("mode", "order"), [("linear", 2), ("cubic", 3)])
def test_errors_fall_with_the_stated_order(mode, order):
    group = SO(2)
    g = group.exp(torch.tensor([0.7]))
    errors = []
    for n in (41, 81):
        x = bump(places((n, n)), n / 8)
        errors.append(float((fields_of(group, mode=mode).act(g, x[None])[0] - rotated((n, n), g, n / 8)).abs().max()))
    assert 0.8 * 2**order < errors[0] / errors[1] < 1.4 * 2**order
    assert errors[1] < 0.01


@pytest.mark.parametrize("group", [SO(2), SO(3)], ids=lambda g: g.name)
@pytest.mark.parametrize("stretched", [False, True])
def test_rotations_turn_in_the_sense_of_the_matrices_whatever_the_spacing(group, stretched, generator):
    shape = (31, 24, 27)[: group.n]
    spacing = (1.0, 1.3, 1.15)[: group.n] if stretched else (1.0,) * group.n
    action = fields_of(group, spacing=spacing, mode="cubic")
    x = bump(places(shape, spacing), 5.0).expand(2, *[-1] * (group.n + 1))
    g = group.sample(2, generator)
    expected = torch.stack([rotated(shape, R, 5.0, spacing) for R in g])
    assert float((action.act(g, x) - expected).abs().max()) < 0.02
    assert torch.equal(action.move(g[1])(x)[1], action.act(g, x)[1])
    wrong = torch.stack([rotated(shape, R.T, 5.0, spacing) for R in g])
    assert float((action.act(g, x) - wrong).abs().max()) > 0.2


@pytest.mark.parametrize("group", [SO(2), SO(3)], ids=lambda g: g.name)
@pytest.mark.parametrize("gradient", ["difference", "spectral"])
def test_tangents_are_derivatives_of_the_rotation_itself(group, gradient, generator):
    spacing = (1.0, 1.2, 0.9)[: group.n]
    shape = (40, 36, 44)[: group.n]
    action = fields_of(group, gradient=gradient, spacing=spacing)
    direction = torch.randn(len(group.algebra), generator=generator, dtype=torch.float64)
    direction /= direction.norm()
    ahead, behind = (rotated(shape, group.exp(h * direction), 5.0, spacing) for h in (1e-5, -1e-5))
    expected = (ahead - behind) / 2e-5
    found = action.tangent(direction, bump(places(shape, spacing), 5.0)[None])[0]
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) < (0.01 if gradient == "difference" else 1e-4) * scale


@pytest.mark.parametrize("channels", ["first", "last"])
def test_layouts_batches_and_copies_agree(channels, generator):
    group = SO(2)
    action = fields_of(group, channels=channels)
    first = fields_of(group)
    x = torch.randn(3, 2, 3, 6, 7, generator=generator, dtype=torch.float64)  # batch, time, channel, x, y
    laid = action.axes.restored(x)
    g = group.sample(3, generator)
    moved = action.act(g, laid)
    for k in range(3):
        single = first.act(g[k], x[k])
        assert torch.allclose(action.axes.channels_first(moved)[k], single, atol=1e-13)
    direction = torch.ones(1, dtype=torch.float64)
    assert torch.equal(action.axes.channels_first(action.tangent(direction, laid)), first.tangent(direction, x))
    for copied in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        assert torch.equal(copied.act(g, laid), moved)
    alone = InterpolatedField(Trivial(group), channels=None)
    one = InterpolatedField(Trivial(group))
    assert torch.equal(alone.act(g, x[:, 0, 0]), one.act(g, x[:, :1, 0])[:, 0])


def test_precision_and_labels(generator):
    group = SO(2)
    g = group.exp(torch.tensor([0.4]))
    x = torch.randn(2, 1, 8, 8, generator=generator, dtype=torch.float64)
    action = InterpolatedField(Trivial(group))
    for dtype, tolerance in ((torch.bfloat16, 0.02), (torch.float16, 0.002), (torch.float32, 1e-5)):
        moved = action.act(g, x.to(dtype))
        assert moved.dtype == dtype
        assert torch.allclose(moved.double(), action.act(g, x.to(dtype).double()), atol=tolerance)
    labels = torch.randint(0, 2**40, (1, 1, 8, 8), generator=generator)
    nearest = InterpolatedField(Trivial(group), mode="nearest")
    assert set(nearest.act(g, labels).flatten().tolist()) <= set(labels.flatten().tolist())
    assert nearest.act(g, labels > 2**39).dtype == torch.bool


def test_approximation_is_said_and_measured(generator):
    group = SO(2)
    action = InterpolatedField(Trivial(group))
    assert action.approximate
    assert Symmetry(group, action, action).approximate
    g = group.exp(torch.tensor([0.7]))
    smooth, rough = bump(places((41, 41)), 8.0)[:1], torch.randn(1, 41, 41, generator=generator, dtype=torch.float64)
    assert action.round_trip_error(g, smooth) < 0.01
    assert action.round_trip_error(g, rough) > 0.3
    assert action.round_trip_error(group.identity(), rough) < 1e-12
    inside = action.inside((41, 21))
    assert inside.shape == (41, 21)
    assert bool(inside[20, 0])
    assert not bool(inside[9, 10])
    assert bool(inside[10, 10])
    assert not bool(inside[11, 1])


def test_finite_groups_of_matrices_rotate_too(generator):
    whole, half = dihedral(8), None
    action = fields_of(whole)
    half = whole.subgroup([2], "C4")
    x = torch.randn(2, 3, 6, 6, generator=generator, dtype=torch.float64)
    for k, g in enumerate(half.embedding):
        assert torch.equal(action.restrict(half).act(torch.tensor(k), x), action.act(g, x))
    with pytest.raises(
        ArgumentError, match="expected an action of a Lie group for a Lie derivative, got InterpolatedField"
    ):
        action.tangent(torch.ones(1), x)


def test_surrogate_models_of_rotating_fields_in_one_line(generator):
    group = SO(2)
    symmetry = Symmetry.of_fields(group, "p, u:vector, w:pseudoscalar", history=2, interpolate="cubic")
    assert symmetry.inputs[0].rep.dim == 8
    layout = Layout.parse("p, u:vector, w:pseudoscalar", history=2)
    rep = field_representation(layout, group, space=Defining(group))
    x = torch.randn(2, 8, 6, 6, generator=generator, dtype=torch.float64)
    g = group.sample(1, generator)[0]
    assert torch.equal(symmetry.act_inputs(g, (x,))[0], InterpolatedField(rep, mode="cubic").act(g, x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: InterpolatedField(Defining(symmetric(5))),
            "rep: expected a group with matrices of the space's 2 or 3 dim",
        ),
        (
            lambda: InterpolatedField(Defining(SO(2)), dim=3),
            r"rep: expected .* space's 3 dimensions, got SO\(2\) with 2",
        ),
        (
            lambda: InterpolatedField(Defining(SO(2)), mode="bicubic"),
            "mode: expected one of linear, cubic, nearest, got 'bicubic'",
        ),
        (
            lambda: InterpolatedField(Defining(SO(2)), padding="wrap"),
            "padding: expected one of border, zeros, reflection",
        ),
        (lambda: InterpolatedField(Defining(SO(2)), gradient="best"), "gradient: expected one of difference, spectral"),
        (
            lambda: InterpolatedField(Defining(SO(2)), channels=None),
            "channels: expected 'first' or 'last' for more than one",
        ),
        (
            lambda: InterpolatedField(Defining(SO(2)), spacing=[1.0, -1.0]),
            "spacing: expected 2 positive distances, got",
        ),
        (
            lambda: InterpolatedField(Defining(SO(2))).check(torch.zeros(1, 2, 4, 4, dtype=torch.int64)),
            'x: expected a floating dtype to interpolate, got int64; use mode="nearest"',
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_wrong_shapes_are_refused():
    action = InterpolatedField(Defining(SO(2)))
    with pytest.raises(ShapeError, match=r"x: expected 2 channels \(defining\) on axis -3"):
        action.check(torch.zeros(1, 3, 4, 4))
    with pytest.raises(ShapeError, match="x: expected a batch axis, for one element a sample"):
        action.act(SO(2).sample(2), torch.zeros(2, 4, 4))
    assert math.isclose(float(action.inside((3, 3)).sum()), 5)


def test_what_is_restricted_keeps_every_setting(generator):
    group = dihedral(8)
    layout = Layout.parse("p", dim=2)
    for options in (
        {"mode": "cubic", "padding": "zeros"}, {"mode": "nearest", "padding": "reflection"},
        {"channels": "last", "spacing": (1.0, 2.0)}, {"padding": "zeros", "gradient": "spectral"},
    ):  # fmt: skip
        action = InterpolatedField(Trivial(group), **options)
        action.layout = layout
        half = action.restrict(group.subgroup([1]))
        settings = ("mode", "padding", "channels", "spacing", "gradient", "dim", "layout")
        assert [getattr(half, name) for name in settings] == [getattr(action, name) for name in settings]
        x = torch.randn(1, 1, 6, 6, generator=generator, dtype=torch.float64)
        x = x if half.channels == "first" else x.movedim(1, -1)
        assert torch.equal(half.act(torch.tensor(1), x), action.act(torch.tensor(1), x))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_what_stands_outside_the_grid(mode):
    """Ones, turned by an eighth: the corners come from outside."""
    eighth, x = SO(2).exp(torch.tensor([torch.pi / 4])), torch.ones(1, 1, 9, 9, dtype=torch.float64)
    corner = {
        padding: float(InterpolatedField(Trivial(SO(2)), mode=mode, padding=padding).act(eighth, x)[0, 0, 0, 0])
        for padding in ("border", "zeros", "reflection")
    }
    assert corner == {
        "border": pytest.approx(1.0),
        "zeros": pytest.approx(0.0, abs=0.05),
        "reflection": pytest.approx(1.0),
    }
    ramp = torch.arange(9.0, dtype=torch.float64).expand(1, 1, 9, 9)
    ends = [
        InterpolatedField(Trivial(SO(2)), mode=mode, padding=padding).act(eighth, ramp)[0, 0].flatten()
        for padding in ("border", "reflection")
    ]
    assert not torch.allclose(*ends, atol=0.1)


def test_the_largest_ball_is_that_of_the_shortest_side_with_its_boundary():
    action = InterpolatedField(Trivial(SO(2)), spacing=(1.0, 0.5))
    inside = action.inside((5, 9))
    assert inside[:, 4].tolist() == [True] * 5
    assert inside[2].tolist() == [True] * 9
    assert action.inside((5, 21))[2].nonzero().flatten().tolist() == list(range(6, 15))
    with pytest.raises(ArgumentError, match=r"spacing: expected 2 positive distances, got \(1.0, 0.0\)"):
        InterpolatedField(Trivial(SO(2)), spacing=(1.0, 0.0))


def test_of_zeros_nothing_is_lost_on_the_way_there_and_back():
    action = InterpolatedField(Trivial(SO(2)))
    assert action.round_trip_error(SO(2).exp(torch.tensor([0.3])), torch.zeros(1, 1, 5, 5)) == 0
