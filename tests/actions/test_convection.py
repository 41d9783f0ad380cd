"""Rayleigh-Benard: the equations keep their form under the affine up-down exchange."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Symmetry, rayleigh_benard
from haar.errors import ArgumentError
from haar.groups import axial, dihedral, grid_group, reflections, symmetric

THICKNESS = 1.5
HEIGHTS = THICKNESS * (1 - torch.cos(math.pi * (torch.arange(9, dtype=torch.float64) + 0.5) / 9)) / 2

WITH_SHIFTS = rayleigh_benard(grid_group(reflections(2), (16, 9), periodic=(True, False)), HEIGHTS, thickness=THICKNESS)


def chebyshev_slope(f: torch.Tensor) -> torch.Tensor:
    """Derivative along the last axis of the polynomial through all heights: exact for polynomials of degree 8."""
    powers = HEIGHTS[:, None] ** torch.arange(9)
    rates = torch.arange(9) * HEIGHTS[:, None] ** (torch.arange(9) - 1).clamp(min=0)
    return f @ (rates @ torch.linalg.inv(powers)).T


def periodic_slope(f: torch.Tensor) -> torch.Tensor:
    k = torch.fft.rfftfreq(f.shape[-2], 1 / f.shape[-2], dtype=torch.float64)
    return torch.fft.irfft(1j * k[:, None] * torch.fft.rfft(f, dim=-2), n=f.shape[-2], dim=-2)


def rates(x: torch.Tensor, viscosity: float = 0.1) -> torch.Tensor:
    """Time derivatives of b, u_x, u_z from the Boussinesq equations, and the divergence: (batch, 4, x, z)."""
    b, p, u, w = x.unbind(1)
    dx, dz = periodic_slope, chebyshev_slope

    def carried(f):
        return -u * dx(f) - w * dz(f) + viscosity * (dx(dx(f)) + dz(dz(f)))

    return torch.stack([carried(b), carried(u) - dx(p), carried(w) - dz(p) + b, dx(u) + dz(w)], 1)


def smooth(seed: int) -> torch.Tensor:
    """Random fields that the slopes differentiate exactly: few waves times low powers of the height."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(3, 4, 3, 3, generator=generator, dtype=torch.float64)
    places = 2 * math.pi * torch.arange(16, dtype=torch.float64) / 16
    waves = torch.stack([torch.ones(16, dtype=torch.float64), places.cos(), places.sin()])
    return torch.einsum("bcij,ix,jz->bcxz", weights, waves, torch.stack([HEIGHTS**0, HEIGHTS, HEIGHTS**2]))


@given(st.integers(0, 999))
def test_the_equations_keep_their_form(seed):
    symmetry, group = WITH_SHIFTS, WITH_SHIFTS.group
    x = smooth(seed)
    (g,) = group.sample(1, torch.Generator().manual_seed(seed))
    (moved,) = symmetry.act_inputs(g, (x,))
    mirrored, before = rates(moved), rates(x)
    # Rates move linearly: b with the sign of the vertical, u like a vector, the divergence like a scalar.
    arranged = torch.stack([before[:, 0], before[:, 3], before[:, 1], before[:, 2]], 1)
    expected = symmetry.linear().act_outputs(g, arranged)
    assert torch.allclose(mirrored[:, 0], expected[:, 0], atol=1e-9)
    assert torch.allclose(mirrored[:, 1:3], expected[:, 2:], atol=1e-9)
    assert torch.allclose(mirrored[:, 3], expected[:, 1], atol=1e-9)
    assert torch.allclose(symmetry.act_inputs(group.inverse(g), (moved,))[0], x, atol=1e-12)


def test_warm_floor_and_cold_lid_change_places_and_the_mean_pressure_stays():
    group = reflections(2)
    symmetry = rayleigh_benard(group, HEIGHTS, thickness=THICKNESS, history=2, channels="last")
    assert symmetry.inputs[0].rep.dim == 8
    upside_down = torch.tensor(1)
    assert group.describe(upside_down) == "my"
    x = torch.zeros(1, 4, 9, 8, dtype=torch.float64)
    x[..., 0] = x[..., 4] = THICKNESS - HEIGHTS  # b at both times: warm floor, cold lid
    (moved,) = symmetry.act_inputs(upside_down, (x,))
    assert torch.allclose(moved[..., [0, 4]], x[..., [0, 4]], atol=1e-14)
    assert abs(float(moved[..., 1].mean())) < 1e-14
    still = symmetry.act_inputs(torch.tensor(2), (x,))[0]
    assert torch.equal(still, x)


def test_volumes_have_it_too():
    group = reflections(3)
    symmetry = rayleigh_benard(group, HEIGHTS, thickness=THICKNESS)
    x = torch.randn(2, 5, 4, 3, 9, dtype=torch.float64)
    for g in group.elements():
        moved = symmetry.act_inputs(g, (x,))[0]
        assert torch.allclose(symmetry.act_inputs(g, (moved,))[0], x, atol=1e-13)
    assert isinstance(symmetry, Symmetry)


@pytest.mark.parametrize(
    ("group", "heights", "fields", "message"),
    [
        (dihedral(4), HEIGHTS, None, "axis: expected an axis that D4 exchanges with no other, got y"),
        (symmetric(3), HEIGHTS, None, "group: expected a group that moves a grid, got S3"),
        (reflections(2), HEIGHTS + 0.1, None, "heights: expected coordinates symmetric about 0.75, got"),
        (
            reflections(2),
            HEIGHTS,
            "pressure, velocity:vector",
            "field: expected one of pressure, velocity, got 'buoyancy'",
        ),
        (reflections(2), HEIGHTS, "buoyancy:vector, pressure", "fields: expected buoyancy as a scalar, got vector"),
    ],
)
def test_what_does_not_fit_is_refused(group, heights, fields, message):
    options = {} if fields is None else {"fields": fields}
    with pytest.raises(ArgumentError, match=message):
        rayleigh_benard(group, heights, thickness=THICKNESS, **options)


def test_a_volume_with_a_preferred_direction_cannot_be_turned_upside_down_but_keeps_its_symmetry():
    group = axial(2)
    symmetry = rayleigh_benard(group, HEIGHTS, thickness=THICKNESS)
    assert not bool(symmetry.outputs.offset.any())


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e2])
def test_heights_may_be_off_by_a_millionth_of_the_thickness(size):
    for off, accepted in ((0.9e-6, True), (1.1e-6, False)):
        heights = (torch.tensor([0.25, 0.75], dtype=torch.float64) + torch.tensor([0.0, off])) * size
        if accepted:
            added = rayleigh_benard(reflections(2), heights, thickness=size).outputs.offset[1, 1].flatten() / size
            assert added.tolist() == pytest.approx([-0.25 * size, 0.25 * size], abs=1e-6 * size)
        else:
            with pytest.raises(ArgumentError, match=f"heights: expected coordinates symmetric about {size / 2:g}, got"):
                rayleigh_benard(reflections(2), heights, thickness=size)


def test_channels_stand_last_on_both_sides():
    symmetry = rayleigh_benard(reflections(2), HEIGHTS, thickness=THICKNESS, history=2, channels="last")
    assert (symmetry.inputs[0].channels, symmetry.outputs.channels) == ("last", "last")
    assert symmetry.outputs.rep.dim == 4
    with pytest.raises(ArgumentError, match="fields: expected pressure as a scalar, got vector"):
        rayleigh_benard(reflections(2), HEIGHTS, thickness=THICKNESS, fields="buoyancy, pressure:vector")
