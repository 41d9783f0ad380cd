"""Shifts by any distance: exact on band-limited data, a group law on all data, whole cells as `torch.roll`."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import ContinuousShift, Symmetry
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, Torus

LENGTHS = st.lists(st.integers(2, 7), min_size=1, max_size=3)


def wave(places: torch.Tensor) -> torch.Tensor:
    """A function of period 2 pi with modes up to 2."""
    return 0.3 + places.sin() - 0.7 * (2 * places).cos() + 0.2 * (2 * places).sin()


@pytest.mark.parametrize("n", [5, 6, 9])
@pytest.mark.parametrize("angle", [0.3, -2.0])
def test_band_limited_functions_are_shifted_exactly(n, angle):
    action = ContinuousShift(Torus(1), channels=None)
    places = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    moved = action.act(action.group.element(torch.tensor([angle])), wave(places)[None])
    assert torch.allclose(moved[0], wave(places - angle), atol=1e-7)
    exact = action.act(action.group.element(torch.tensor([angle], dtype=torch.float64)), wave(places)[None])
    assert torch.allclose(exact[0], wave(places - angle), atol=1e-13)
    slope = action.tangent(torch.ones(1, dtype=torch.float64), wave(places)[None])[0]
    expected = -(places.cos() + 1.4 * (2 * places).sin() + 0.4 * (2 * places).cos())
    assert torch.allclose(slope, expected, atol=1e-13)


@given(LENGTHS, st.sampled_from(("first", "last", None)), st.booleans(), st.integers(0, 999))
def test_it_is_an_orthogonal_action_on_any_data(lengths, channels, wide, seed):
    generator = torch.Generator().manual_seed(seed)
    group = Torus(len(lengths))
    action = ContinuousShift(group, channels=channels)
    dtype = torch.complex128 if wide else torch.float64
    x = action.axes.restored(torch.randn(4, 1 if channels is None else 3, *lengths, generator=generator, dtype=dtype))
    a, b = group.sample(4, generator), group.sample(4, generator)
    moved = action.act(a, x)
    assert moved.dtype == dtype
    assert torch.allclose(action.act(b, moved), action.act(group.compose(b, a), x), atol=1e-12)
    assert math.isclose(float(moved.abs().square().sum()), float(x.abs().square().sum()), rel_tol=1e-12)
    assert torch.allclose(torch.stack([action.move(g)(y) for g, y in zip(a, x, strict=True)]), moved, atol=1e-12)
    assert torch.allclose(action.orbit(a, x)[range(4), range(4)], moved, atol=1e-12)
    direction = torch.randn(len(lengths), generator=generator, dtype=torch.float64)
    ahead, behind = (action.act(group.exp(h * direction), x) for h in (1e-5, -1e-5))
    assert torch.allclose(action.tangent(direction, x), (ahead - behind) / 2e-5, atol=1e-7)
    for copied in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        assert torch.equal(copied.act(a, x), moved)


@given(st.integers(0, 999))
def test_whole_cells_are_rolls_where_there_is_no_highest_mode(seed):
    generator = torch.Generator().manual_seed(seed)
    group = Torus(2)
    x = torch.randn(1, 2, 5, 6, generator=generator, dtype=torch.float64)
    x = x - (x * (-1.0) ** torch.arange(6)).mean(-1, keepdim=True) * (-1.0) ** torch.arange(6)
    cells = torch.randint(0, 5, (2,), generator=generator)
    angles = 2 * math.pi * cells.double() / torch.tensor([5, 6], dtype=torch.float64)
    moved = ContinuousShift(group).act(group.element(angles), x)
    assert torch.allclose(moved, x.roll(cells.tolist(), (2, 3)), atol=1e-12)


def test_single_axes_and_low_precision():
    action = ContinuousShift(Torus(1), axes=[1], space_dim=3, channels="last")
    half_turn = action.group.element(torch.tensor([math.pi], dtype=torch.float64))
    x = torch.randn(2, 3, 5, 4, 2, dtype=torch.float64)
    moved = action.act(half_turn, x)
    expected = ContinuousShift(Torus(1), channels=None).act(half_turn, x.movedim(2, -1)).movedim(-1, 2)
    assert torch.allclose(moved, expected, atol=1e-13)
    for dtype, tolerance in ((torch.bfloat16, 0.03), (torch.float16, 0.004), (torch.float32, 1e-6)):
        low = action.act(half_turn, x.to(dtype))
        assert low.dtype == dtype
        assert torch.allclose(low.double(), action.act(half_turn, x.to(dtype).double()), atol=tolerance)


def test_a_spectral_derivative_is_equivariant_and_lie_derivatives_see_it(generator):
    group = Torus(2)
    symmetry = Symmetry(group, ContinuousShift(group), ContinuousShift(group))
    assert not symmetry.approximate
    x = torch.randn(2, 1, 6, 6, generator=generator, dtype=torch.float64)
    direction = torch.tensor([1.0, -0.5], dtype=torch.float64)

    def squared(u: torch.Tensor) -> torch.Tensor:
        return ContinuousShift(group).tangent(torch.tensor([0.0, 1.0]), u)

    pushed = squared(symmetry.inputs[0].tangent(direction, x))
    assert torch.allclose(pushed, symmetry.outputs.tangent(direction, squared(x)), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ContinuousShift(Torus(2), axes=[0]), "axes: expected 2 different axes of 0..1, one for each circle"),
        (lambda: ContinuousShift(Torus(2), axes=[1, 1]), "axes: expected 2 different axes"),
        (lambda: ContinuousShift(Torus(1), axes=[2], space_dim=2), "axes: expected 1 different axes of 0..1"),
        (lambda: ContinuousShift(Torus(1), channels="middle"), "channels: expected 'first', 'last' or None"),
        (
            lambda: ContinuousShift(Torus(1)).check(torch.zeros(3)),
            "x: expected .batch, channel, .space. with 1 space axes",
        ),
        (
            lambda: ContinuousShift(Torus(1)).check(torch.zeros(1, 1, 4, dtype=torch.int64)),
            "x: expected a floating or complex dtype, got int64; shift masks and labels by whole cells",
        ),
        (
            lambda: ContinuousShift(Torus(1)).act(Torus(1).sample(2), torch.zeros(2, 4)),
            "x: expected a batch axis, for one element a sample",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_a_group_that_is_no_torus_has_no_shifts():
    with pytest.raises(Exception, match="Torus"):
        ContinuousShift(SO(2))
    with pytest.raises(ShapeError, match="g: expected one element"):
        ContinuousShift(Torus(2)).act(torch.eye(2, dtype=torch.float64), torch.zeros(1, 1, 4, 4))
