from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.data.solvers import PeriodicGrid
from haar.errors import ArgumentError, ShapeError

TAU = 2 * math.pi
sides = st.sampled_from([4, 6, 7, 9, 12, 16])


def noise(grid: PeriodicGrid, seed: int) -> torch.Tensor:
    return torch.randn(grid.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(sides, sides, st.floats(0.3, 5.0), st.floats(0.3, 5.0), st.integers(0, 10**6))
def test_derivatives_of_a_wave_are_exact(nx: int, ny: int, lx: float, ly: float, seed: int) -> None:
    grid = PeriodicGrid((nx, ny), (lx, ly))
    draw = torch.Generator().manual_seed(seed)
    k = int(torch.randint(0, (nx + 1) // 2, (), generator=draw)) * TAU / lx
    q = int(torch.randint(0, (ny + 1) // 2, (), generator=draw)) * TAU / ly
    x, y = torch.meshgrid(*grid.coordinates, indexing="ij")
    wave = torch.sin(k * x + q * y + 0.3)
    slope = torch.cos(k * x + q * y + 0.3)
    scale = 1 + k + q
    torch.testing.assert_close(grid.derivative(wave, 0), k * slope, rtol=0, atol=1e-12 * scale)
    torch.testing.assert_close(grid.derivative(wave, 1), q * slope, rtol=0, atol=1e-12 * scale)
    curvature = grid.inverse(grid.laplacian * grid.forward(wave))
    torch.testing.assert_close(curvature, -(k**2 + q**2) * wave, rtol=0, atol=1e-12 * scale**2)


def test_nyquist_mode_has_no_derivative_but_a_laplacian() -> None:
    grid = PeriodicGrid((8, 8), (TAU, TAU))
    zigzag = (-1.0) ** torch.arange(8, dtype=torch.float64)[:, None].expand(8, 8)
    for field, axis in ((zigzag, 0), (zigzag.T, 1)):
        assert grid.derivative(field, axis).abs().max() < 1e-14
        torch.testing.assert_close(grid.inverse(grid.laplacian * grid.forward(field)), -16 * field)


@given(sides, sides, st.integers(0, 10**6))
def test_products_of_band_limited_fields_are_free_of_aliasing(nx: int, ny: int, seed: int) -> None:
    """The masked modes of a product on the grid are those of the product on a grid twice as fine."""
    coarse, fine = PeriodicGrid((nx, ny), (1.0, 1.0)), PeriodicGrid((2 * nx, 2 * ny), (1.0, 1.0))
    first, second = (coarse.band_limit(noise(coarse, seed + i)) for i in (0, 1))

    def refined(field: torch.Tensor) -> torch.Tensor:
        modes = coarse.forward(field)
        padded = torch.zeros(2 * nx, ny + 1, dtype=modes.dtype)
        half = nx // 3
        padded[: half + 1, : ny // 2 + 1] = modes[: half + 1]
        if half:
            padded[-half:, : ny // 2 + 1] = modes[-half:]
        return 4 * fine.inverse(padded)

    exact = fine.forward(refined(first) * refined(second)) / 4
    found = coarse.forward(first * second)
    for row in range(nx):
        mode = row if 2 * row <= nx else row - nx
        kept = coarse.dealias[row]
        torch.testing.assert_close(found[row][kept], exact[mode][: ny // 2 + 1][kept], rtol=0, atol=1e-11)


@given(sides, st.integers(0, 10**6))
def test_band_limit_is_a_projection_that_commutes_with_the_square(n: int, seed: int) -> None:
    grid = PeriodicGrid((n, n), (1.0, 1.0))
    field = noise(grid, seed)
    limited = grid.band_limit(field)
    torch.testing.assert_close(grid.band_limit(limited), limited, rtol=0, atol=1e-13)
    for move in (
        lambda f: torch.rot90(f, 1, (0, 1)),
        lambda f: f.T,
        lambda f: f.flip(0),
        lambda f: f.roll((1, 2), (0, 1)),
    ):
        torch.testing.assert_close(grid.band_limit(move(field)), move(limited), rtol=0, atol=1e-13)


def test_mask_is_strict_when_three_divides_the_side() -> None:
    kept = PeriodicGrid((12, 12), (1.0, 1.0)).dealias[:, 0]
    assert kept.nonzero().flatten().tolist() == [0, 1, 2, 3, 9, 10, 11]  # 4 = 12/3 would alias with itself


def test_inverse_laplacian_undoes_the_laplacian_but_for_the_mean() -> None:
    grid = PeriodicGrid((9, 8), (1.0, 3.0))
    field = noise(grid, 0)
    twice = grid.inverse(grid.inverse_laplacian * grid.laplacian * grid.forward(field))
    torch.testing.assert_close(twice, field - field.mean())


def test_grid_is_node_centred_and_single_precision_on_request() -> None:
    grid = PeriodicGrid((4, 8), (1.0, 2.0), torch.float32)
    assert grid.spacing == (0.25, 0.25)
    assert grid.coordinates[0].tolist() == [0.0, 0.25, 0.5, 0.75]
    assert grid.coordinates[1].dtype == grid.laplacian.dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3, 8), (1.0, 1.0)), r"shape: expected two sides of at least 4 nodes, got \(3, 8\)"),
        (((8, 8), (1.0, 0.0)), r"lengths: expected two positive periods, got \(1.0, 0.0\)"),
        (((8, 8), (1.0, math.inf)), "lengths: expected two positive periods"),
        (((8, 8), (1.0, 1.0), torch.complex64), "dtype: expected torch.float32 or torch.float64, got torch.complex64"),
    ],
)
def test_refusals(arguments: tuple, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        PeriodicGrid(*arguments)


def test_field_of_another_grid_is_refused() -> None:
    grid = PeriodicGrid((8, 8), (1.0, 1.0))
    with pytest.raises(ShapeError, match=r"field: expected last axes \(8, 8\), got \(2, 8, 9\)"):
        grid.forward(torch.zeros(2, 8, 9))
