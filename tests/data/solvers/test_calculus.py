from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.data.solvers import PeriodicGrid, calculus

if TYPE_CHECKING:
    from conftest import Element

TAU = 2 * math.pi
SQUARE = PeriodicGrid((12, 12), (TAU, TAU))


def random_vector(grid: PeriodicGrid = SQUARE, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, *grid.shape, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_derivatives_turn_with_the_field(element: Element) -> None:
    """Even the noise of a full spectrum, Nyquist modes included."""
    u, grid = random_vector(), SQUARE
    for operator, answer in (
        (calculus.divergence, element.scalar),
        (calculus.curl, element.pseudoscalar),
        (calculus.strain_rate, element.tensor),
        (calculus.pressure, element.scalar),
    ):
        torch.testing.assert_close(operator(grid, element.vector(u)), answer(operator(grid, u)), rtol=0, atol=1e-11)
    s = u[..., 0]
    torch.testing.assert_close(
        calculus.gradient(grid, element.scalar(s)), element.vector(calculus.gradient(grid, s)), rtol=0, atol=1e-11
    )
    w = grid.band_limit(s)
    torch.testing.assert_close(
        calculus.velocity_of(grid, element.pseudoscalar(w)),
        element.vector(calculus.velocity_of(grid, w)),
        rtol=0,
        atol=1e-11,
    )


def test_wrong_actions_are_found_out() -> None:
    """Components taken for scalars, the other sense of rotation, a curl without its sign: none would pass above."""
    u, grid = random_vector(), SQUARE
    turned = torch.rot90(u, 1, (1, 2))
    other_sense = torch.stack((turned[..., 1], -turned[..., 0]), dim=-1)
    expected = torch.rot90(calculus.divergence(grid, u), 1, (1, 2))
    for wrong in (turned, other_sense):
        assert (calculus.divergence(grid, wrong) - expected).abs().max() > 1
    mirrored = torch.stack((-u[..., 0], u[..., 1]), dim=-1).flip(1)
    assert (calculus.curl(grid, mirrored) - calculus.curl(grid, u).flip(1)).abs().max() > 1


@given(st.sampled_from([(8, 8), (9, 12), (12, 7)]), st.floats(0.5, 4.0), st.floats(0.5, 4.0), st.integers(0, 10**6))
def test_velocity_of_a_vorticity(shape: tuple[int, int], lx: float, ly: float, seed: int) -> None:
    grid = PeriodicGrid(shape, (lx, ly))
    w = torch.randn(3, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    w = grid.band_limit(w)
    w = w - w.mean((-2, -1), keepdim=True)
    mean = torch.randn(3, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    u = calculus.velocity_of(grid, w, mean)
    torch.testing.assert_close(calculus.curl(grid, u), w, rtol=0, atol=1e-11)
    assert calculus.divergence(grid, u).abs().max() < 1e-11
    torch.testing.assert_close(u.mean((1, 2)), mean, rtol=0, atol=1e-12)


def test_solid_turning_has_positive_curl_and_strain_has_none() -> None:
    """At the centre of a Taylor-Green vortex that turns counter-clockwise; at its corner the flow is pure strain."""
    x, y = torch.meshgrid(*SQUARE.coordinates, indexing="ij")
    u = torch.stack((torch.cos(x) * torch.sin(-y), torch.sin(x) * torch.cos(y)), dim=-1)  # near 0: (-y, x)
    torch.testing.assert_close(calculus.curl(SQUARE, u), 2 * torch.cos(x) * torch.cos(y), rtol=0, atol=1e-13)
    strain = calculus.strain_rate(SQUARE, u)
    assert strain[0, 0].abs().max() < 1e-13
    torch.testing.assert_close(strain[..., 0, 0], torch.sin(x) * torch.sin(y), rtol=0, atol=1e-13)
    torch.testing.assert_close(strain, strain.transpose(-1, -2))


def test_pressure_of_a_taylor_green_vortex() -> None:
    """``p = -(cos 2x + cos 2y) / 4``, low in the eye, for ``u = (-cos x sin y, sin x cos y)``, in any wind."""
    x, y = torch.meshgrid(*SQUARE.coordinates, indexing="ij")
    u = torch.stack((-torch.cos(x) * torch.sin(y), torch.sin(x) * torch.cos(y)), dim=-1)
    exact = -(torch.cos(2 * x) + torch.cos(2 * y)) / 4
    torch.testing.assert_close(calculus.pressure(SQUARE, u), exact, rtol=0, atol=1e-13)
    wind = torch.tensor([0.7, -1.1], dtype=torch.float64)
    torch.testing.assert_close(calculus.pressure(SQUARE, u + wind), exact, rtol=0, atol=1e-12)


@given(st.integers(0, 10**6))
def test_pressure_makes_the_acceleration_divergence_free(seed: int) -> None:
    grid = PeriodicGrid((16, 12), (2.0, 3.0))
    w = torch.randn(16, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    u = calculus.velocity_of(grid, grid.band_limit(w))
    flux = []
    for i in (0, 1):
        products = [grid.band_limit(u[..., i] * u[..., j]) for j in (0, 1)]
        flux.append(calculus.divergence(grid, torch.stack(products, dim=-1)))
    flux = torch.stack(flux, dim=-1)
    residual = calculus.divergence(grid, flux + calculus.gradient(grid, calculus.pressure(grid, u)))
    assert residual.abs().max() < 1e-10 * calculus.divergence(grid, flux).abs().max()
