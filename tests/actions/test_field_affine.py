"""Fields with an offset: the group law still, and offsets that break it are refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.actions import AxisSign, Defining, Field, Layout, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, grid_group, reflections, shifts


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from(("first", "last")), st.booleans())
def test_affine_fields_keep_the_group_law(seed, channels, shifted):
    generator = torch.Generator().manual_seed(seed)
    group = grid_group(reflections(2), (4, 3), periodic=(True, False)) if shifted else reflections(2)
    layout = Layout.parse("b, u:vector", history=2)
    linear = Field.of_layout(
        layout, group, internal={"b": AxisSign(group, 1)}, periodic=(True, False), channels=channels
    )
    upside_down = AxisSign(group, 1).matrix(group.generators()).flatten() < 0
    one = torch.tensor([1.0, 0, 0, 1, 0, 0], dtype=torch.float64).reshape(6, 1, 1)
    field = linear.affine(torch.stack([one if turned else 0 * one for turned in upside_down]))
    x = linear.axes.restored(torch.randn(5, 6, 4, 3, generator=generator, dtype=torch.float64))
    a, b = group.sample(5, generator), group.sample(5, generator)
    together = field.act(group.compose(a, b), x)
    assert torch.allclose(field.act(a, field.act(b, x)), together, atol=1e-12, rtol=0)
    assert torch.allclose(torch.stack([field.move(g)(y) for g, y in zip(a, x, strict=True)]), field.act(a, x), atol=0)
    difference = field.act(a, x) - field.act(a, 0 * x)
    assert torch.allclose(difference, field.linear().act(a, x), atol=1e-12, rtol=0)
    assert linear.linear() is linear
    with_time = x.unsqueeze(1).expand(-1, 2, *x.shape[1:])
    assert torch.equal(field.act(a, with_time)[:, 1], field.act(a, x))
    half = group.subgroup(group.generators()[:1])
    for k, g in enumerate(half.embedding):
        assert torch.equal(field.restrict(half).act(torch.tensor(k), x), field.act(g, x))


def test_offsets_that_break_the_group_law_are_refused():
    group = reflections(1)
    with pytest.raises(
        ArgumentError, match=r"offset: expected a cocycle, .* off by 2 at g = mx, h = mx; give the generators"
    ):
        Field(Trivial(group), offset=torch.tensor([0.0, 1.0], dtype=torch.float64).reshape(2, 1, 1))
    with pytest.raises(ArgumentError, match="offset: expected zero for the identity, got 1"):
        Field(Trivial(group), offset=torch.tensor([1.0, 0.0], dtype=torch.float64).reshape(2, 1, 1))
    with pytest.raises(
        ShapeError, match=r"offset: expected \(order, channel, \*space\) = \(2, 1, \*1 axes\), got \(2, 2, 1\)"
    ):
        Field(Trivial(group), offset=torch.zeros(2, 2, 1, dtype=torch.float64))
    with pytest.raises(ArgumentError, match="offset: expected an enumerated group for an affine action, got SO"):
        Field(Defining(SO(2)), space_dim=1, offset=torch.zeros(1, 2, 1))
    with pytest.raises(ArgumentError, match="offsets: expected an enumerated group for an affine action, got SO"):
        Field(Defining(SO(2)), space_dim=1).affine(torch.zeros(1, 2, 1))
    with pytest.raises(ShapeError, match=r"offsets: expected .generator, 1 channels, .1 space axes."):
        Field(Trivial(group)).affine(torch.zeros(1, 2, 1))
    with pytest.raises(ShapeError, match="offsets: expected one for each of the 1 generators"):
        Field(Trivial(group)).affine(torch.zeros(2, 1, 1))
    sized = Field(AxisSign(group, 0)).affine(torch.ones(1, 1, 4, dtype=torch.float64))
    with pytest.raises(ShapeError, match="x: expected a grid that the offset's 4 fits, got 5"):
        sized.check(torch.zeros(1, 1, 5))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("off", "accepted"), [(0.9e-9, True), (1.1e-9, False)])
def test_offsets_may_be_off_by_a_billionth_of_the_largest(off, accepted, scale):
    group = reflections(1)
    rep = Trivial(group, 2)
    for identity, mirror in (([off, 0.0], [0.0, 0.0]), ([0.0, 0.0], [off / 2, 0.0])):
        offset = torch.tensor([identity, mirror], dtype=torch.float64) * scale
        offset = offset.reshape(2, 2, 1).repeat(1, 1, 4)
        offset[1, 1] = torch.tensor([1.0, 0, 0, -1.0]).double() * scale  # b_1 + b_1(mirrored) = 0
        if accepted:
            Field(rep, offset=offset)
        else:
            with pytest.raises(ArgumentError, match=r"offset: expected (zero for the identity|a cocycle)"):
                Field(rep, offset=offset)


def test_no_offset_at_all_is_one():
    assert (
        not Field(Trivial(reflections(1)), offset=torch.zeros(2, 1, 1)).act(torch.tensor(1), torch.zeros(1, 1, 3)).any()
    )


def test_an_offset_for_fewer_elements_than_the_group_has_is_refused():
    with pytest.raises(ShapeError, match=r"offset: expected .* = \(2, 1, \*1 axes\), got \(1, 1, 1\)"):
        Field(Trivial(reflections(1)), offset=torch.zeros(1, 1, 1, dtype=torch.float64))


def test_offsets_of_shifts_move_with_them():
    group = shifts((3,))
    base = torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64)
    plain = Field(Trivial(group))
    offset = torch.stack([base - plain.act(g, base[None])[0] for g in group.elements()])
    field, x = Field(Trivial(group), offset=offset), torch.tensor([[[1.0, 4.0, 9.0]]], dtype=torch.float64)
    for g in group.elements():  # what is left over after taking off the base moves plainly
        torch.testing.assert_close(field.act(g, x), base + plain.act(g, x - base), rtol=0, atol=1e-12)
