"""Divergence, curl, strain and gradient commute with the action; every wrong action is caught by them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Determinant, Field, Layout, Space, Trivial, Vector, tensor_power
from haar.actions.gradient import gradient
from haar.groups import dihedral, grid_group, octahedral, reflections

GROUPS = {
    "D4": dihedral(4),
    "D2": reflections(2),
    "D4 and shifts": grid_group(dihedral(4), (6, 6)),
    "Oh": octahedral(full=True),
    "Oh and shifts": grid_group(octahedral(full=True), (4, 4, 4), step=2),
}
SHAPES = {"D4": (6, 6), "D2": (5, 8), "D4 and shifts": (6, 6), "Oh": (5, 5, 5), "Oh and shifts": (4, 4, 4)}


def slopes(f: torch.Tensor, dim: int) -> torch.Tensor:
    """All derivatives of (batch, channel, *space), with a new last axis; the grid spacing is 1."""
    return torch.stack([gradient(f, axis - dim, spectral=True) for axis in range(dim)], -1)


def divergence(u: torch.Tensor) -> torch.Tensor:
    rates = slopes(u, u.shape[1])
    return sum(rates[:, k : k + 1, ..., k] for k in range(u.shape[1]))


def curl(u: torch.Tensor) -> torch.Tensor:
    d = slopes(u, u.shape[1])
    if u.shape[1] == 2:
        return (d[:, 1, ..., 0] - d[:, 0, ..., 1]).unsqueeze(1)
    return torch.stack([d[:, (k + 2) % 3, ..., (k + 1) % 3] - d[:, (k + 1) % 3, ..., (k + 2) % 3] for k in range(3)], 1)


def strain(u: torch.Tensor) -> torch.Tensor:
    dim = u.shape[1]
    d = slopes(u, dim).movedim(-1, 2)
    return ((d + d.transpose(1, 2)) / 2).flatten(1, 2)


def carried(u: torch.Tensor) -> torch.Tensor:
    """(u . grad) u, not linear."""
    return (u.unsqueeze(1) * slopes(u, u.shape[1]).movedim(-1, 2)).sum(2)


def pseudo(rep):
    group = rep.group
    return Determinant(Space(group)) if rep.dim == 1 else rep @ Determinant(Space(group))


OPERATORS = {
    "divergence": (divergence, Trivial),
    "curl": (curl, lambda group: pseudo(Trivial(group) if group.space_dim == 2 else Space(group))),
    "strain": (strain, lambda group: tensor_power(Space(group), 2)),
    "advection": (carried, Space),
}


def data(name: str, channels: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, channels, *SHAPES[name], generator=generator, dtype=torch.float64)


def defect(operator, act_in, act_out, x) -> float:
    """|f(g x) - g f(x)| / |f(x)|."""
    y = operator(x)
    return float((operator(act_in(x)) - act_out(y)).norm() / y.norm())


@given(
    st.sampled_from(sorted(GROUPS)),
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(("cell", "node")),
    st.integers(0, 99),
)
def test_derivatives_commute_with_the_action(name, operator, centring, seed):
    group = GROUPS[name]
    function, rep_out = OPERATORS[operator]
    before, after = Field(Space(group), centring=centring), Field(rep_out(group), centring=centring)
    g = group.sample(3, torch.Generator().manual_seed(seed))
    x = data(name, group.space_dim, seed)
    assert defect(function, lambda u: before.act(g, u), lambda y: after.act(g, y), x) < 1e-12


QUARTER, MIRROR = torch.tensor(1), torch.tensor(4)


@pytest.mark.parametrize("g", [QUARTER, MIRROR], ids=["quarter turn", "mirror"])
def test_components_treated_as_scalars_are_caught(g):
    group = GROUPS["D4"]
    x = data("D4", 2, 0)
    wrong = Field(Trivial(group, 2))
    assert defect(divergence, lambda u: wrong.act(g, u), lambda y: Field(Trivial(group)).act(g, y), x) > 0.5
    assert defect(carried, lambda u: wrong.act(g, u), lambda y: wrong.act(g, y), x) > 0.5


def test_a_forgotten_parity_is_caught():
    group = GROUPS["D4"]
    velocity, right, wrong = Field(Space(group)), Field(Determinant(Space(group))), Field(Trivial(group))
    x = data("D4", 2, 0)
    assert defect(curl, lambda u: velocity.act(MIRROR, u), lambda y: right.act(MIRROR, y), x) < 1e-12
    assert defect(curl, lambda u: velocity.act(MIRROR, u), lambda y: wrong.act(MIRROR, y), x) > 1
    turned = defect(curl, lambda u: velocity.act(QUARTER, u), lambda y: wrong.act(QUARTER, y), x)
    assert turned < 1e-12  # rotations alone cannot tell


def test_a_wrong_sense_of_rotation_is_caught():
    group = GROUPS["D4"]
    points, channels = Field(Trivial(group, 2)), Vector(Space(group), axis=-3)
    back = group.inverse(QUARTER)
    x = data("D4", 2, 0)
    scalar = Field(Trivial(group))

    def right(u):
        return channels.act(QUARTER, points.act(QUARTER, u))

    def wrong(u):
        return channels.act(back, points.act(QUARTER, u))

    assert defect(divergence, right, lambda y: scalar.act(QUARTER, y), x) < 1e-12
    assert defect(divergence, wrong, lambda y: scalar.act(QUARTER, y), x) > 1
    assert defect(divergence, right, lambda y: scalar.act(back, y), x) > 0.5


def test_normalising_each_component_by_its_own_deviation_is_caught():
    group = GROUPS["D4"]
    velocity, scalar = Field(Space(group)), Field(Trivial(group))
    std = torch.tensor([0.402, 0.104], dtype=torch.float64).reshape(2, 1, 1)
    x = data("D4", 2, 0) * std

    def model(normalised):
        return divergence(normalised * std)

    def in_physical_units(u):
        return velocity.act(QUARTER, u * std) / std

    assert defect(model, in_physical_units, lambda y: scalar.act(QUARTER, y), x / std) < 1e-12
    assert defect(model, lambda u: velocity.act(QUARTER, u), lambda y: scalar.act(QUARTER, y), x / std) > 0.5


def test_a_wrong_order_of_time_and_components_is_caught():
    group = GROUPS["D4"]
    right = Field.of_layout(Layout.parse("u:vector", history=2), group)
    wrong = Field(Space(group) @ Trivial(group, 2))  # components slowest, time fastest
    out = Field(Space(group))
    x = data("D4", 4, 0)

    def extrapolated(u):
        return 2 * u[:, 2:] - u[:, :2] + carried(u[:, 2:])

    assert defect(extrapolated, lambda u: right.act(QUARTER, u), lambda y: out.act(QUARTER, y), x) < 1e-12
    assert defect(extrapolated, lambda u: wrong.act(QUARTER, u), lambda y: out.act(QUARTER, y), x) > 0.5


@pytest.mark.parametrize("group", [GROUPS["D4"], GROUPS["D2"]], ids=lambda g: g.name)
def test_a_plain_flip_of_nodes_is_caught_where_coordinates_matter(group):
    n = 6
    places = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    well = places.cos()[:, None] * places.cos()  # even about node 0 along both axes
    nodes, cells = (Field(Trivial(group), centring=centring) for centring in ("node", "cell"))
    x = torch.randn(2, 1, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mirror = torch.tensor(next(g for g in range(group.order) if group.describe(torch.tensor(g)) == "mx"))

    def trapped(u):
        return u**2 + well * u

    assert defect(trapped, lambda u: nodes.act(mirror, u), lambda y: nodes.act(mirror, y), x) < 1e-12
    assert defect(trapped, lambda u: cells.act(mirror, u), lambda y: cells.act(mirror, y), x) > 0.1

    def free(u):
        return u**2 + u.roll(1, 2) + u.roll(-1, 2)

    # Without coordinates a shift is a symmetry too, and the difference of both reversals is one.
    assert defect(free, lambda u: cells.act(mirror, u), lambda y: cells.act(mirror, y), x) < 1e-12
