from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from haar.data.solvers import GrayScott, PeriodicGrid
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from conftest import Element

GRID = PeriodicGrid((24, 24), (24 / 64, 24 / 64))
FEED, KILL = torch.tensor([0.029, 0.018], dtype=torch.float64), torch.tensor([0.057, 0.051], dtype=torch.float64)


def blobs(grid: PeriodicGrid = GRID, runs: int = 2, seed: int = 0) -> torch.Tensor:
    """Smooth random concentrations between 0 and 1, band-limited."""
    noise = torch.randn(runs, *grid.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    smooth = grid.inverse(grid.forward(noise) * torch.exp(grid.laplacian * (2 * grid.spacing[0]) ** 2 / 2))
    b = grid.band_limit(0.4 * torch.sigmoid(6 * smooth / smooth.std()))
    return torch.stack((1 - b, b), dim=1)


@pytest.mark.parametrize("order", [2, 4])
def test_the_flow_commutes_with_the_square(element: Element, order: int) -> None:
    solver = GrayScott(GRID, feed=FEED, kill=KILL, order=order)
    noise = torch.randn(2, 2, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    state = blobs() + 0.01 * noise  # modes beyond the mask too

    def move(field: torch.Tensor) -> torch.Tensor:
        return torch.stack([element.scalar(field[:, i]) for i in (0, 1)], dim=1)

    evolved = solver.evolve(state, 100)
    torch.testing.assert_close(solver.evolve(move(state), 100), move(evolved), rtol=0, atol=1e-12)
    assert (evolved - state).abs().max() > 0.1  # something happened


def test_the_flow_commutes_with_the_symmetries_of_a_rectangle(rectangle_element: Element) -> None:
    grid = PeriodicGrid((16, 30), (0.25, 0.5))
    solver = GrayScott(grid, feed=0.03, kill=0.06)
    state = blobs(grid)

    def move(field: torch.Tensor) -> torch.Tensor:
        return torch.stack([rectangle_element.scalar(field[:, i]) for i in (0, 1)], dim=1)

    torch.testing.assert_close(solver.evolve(move(state), 50), move(solver.evolve(state, 50)), rtol=0, atol=1e-12)


def test_without_b_a_diffuses_as_the_heat_kernel_and_is_fed() -> None:
    """``1 - A`` decays by ``exp(-(F + D_A k^2) t)`` mode by mode, whatever the time step."""
    grid = PeriodicGrid((32, 16), (0.5, 0.25))
    x, y = torch.meshgrid(*grid.coordinates, indexing="ij")
    k, q = 2 * math.pi / 0.5 * 3, 2 * math.pi / 0.25 * 2
    wave = torch.cos(k * x + 0.4) * torch.sin(q * y)
    state = torch.stack((0.7 + 0.2 * wave, torch.zeros_like(wave)))[None]
    for step, steps in ((1.0, 40), (20.0, 2)):
        later = GrayScott(grid, feed=0.03, kill=0.06, time_step=step).evolve(state, steps)
        a = 1 - math.exp(-0.03 * 40) * (0.3 - 0.2 * math.exp(-2e-5 * (k**2 + q**2) * 40) * wave)
        torch.testing.assert_close(later[0, 0], a, rtol=0, atol=1e-13)
        assert later[0, 1].abs().max() == 0


def test_uniform_concentrations_follow_the_rate_equations() -> None:
    feed, kill = 0.03, 0.05

    def rates(_: float, c: np.ndarray) -> list[float]:
        gain = c[0] * c[1] ** 2
        return [-gain + feed * (1 - c[0]), gain - (feed + kill) * c[1]]

    exact = solve_ivp(rates, (0, 60), [0.6, 0.5], rtol=1e-12, atol=1e-14).y[:, -1]
    state = torch.tensor([0.6, 0.5], dtype=torch.float64)[None, :, None, None].expand(1, 2, 8, 8)
    solver = GrayScott(PeriodicGrid((8, 8), (0.1, 0.1)), feed=feed, kill=kill, time_step=0.1, order=4)
    later = solver.evolve(state, 600)
    expected = torch.from_numpy(exact)[None, :, None, None].expand_as(later)
    torch.testing.assert_close(later, expected, rtol=0, atol=1e-8)


def test_mass_changes_by_feeding_and_removal_alone() -> None:
    """``mean(A + B)`` changes at the rate ``F (1 - mean A) - (F + K) mean B``: reaction and diffusion conserve."""
    step = 1e-3
    solver = GrayScott(GRID, feed=FEED, kill=KILL, time_step=step, order=4)
    before = blobs()
    now = solver.evolve(before, 1)
    after = solver.evolve(now, 1)
    slope = (after - before).sum(1).mean((1, 2)) / (2 * step)
    a, b = now.mean((2, 3)).unbind(1)
    torch.testing.assert_close(slope, FEED * (1 - a) - (FEED + KILL) * b, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("order", "ratio"), [(2, 4.0), (4, 16.0)])
def test_order_of_convergence(order: int, ratio: float) -> None:
    def end(steps: int, order: int = order) -> torch.Tensor:
        return GrayScott(GRID, feed=FEED, kill=KILL, time_step=16 / steps, order=order).evolve(blobs(), steps)

    exact = end(512, 4)
    errors = [(end(steps) - exact).norm().item() for steps in (32, 64, 128)]
    assert errors[0] / errors[1] == pytest.approx(ratio, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(ratio, rel=0.1)


def test_runs_of_a_batch_do_not_see_each_other() -> None:
    state = blobs()
    both = GrayScott(GRID, feed=FEED, kill=KILL).evolve(state, 30)
    for i in (0, 1):
        alone = GrayScott(GRID, feed=float(FEED[i]), kill=float(KILL[i])).evolve(state[i : i + 1], 30)
        torch.testing.assert_close(both[i : i + 1], alone, rtol=0, atol=1e-13)


def test_single_precision_stays_near_double() -> None:
    grid = PeriodicGrid(GRID.shape, GRID.lengths, torch.float32)
    later = GrayScott(grid, feed=0.03, kill=0.06).evolve(blobs().float(), 50)
    assert later.dtype == torch.float32
    exact = GrayScott(GRID, feed=0.03, kill=0.06).evolve(blobs(), 50)
    torch.testing.assert_close(later.double(), exact, rtol=0, atol=1e-5)


def test_a_run_that_blows_up_is_refused() -> None:
    solver = GrayScott(GRID, feed=0.03, kill=0.06, time_step=10.0)
    with pytest.raises(ArgumentError, match=r"time_step: expected a step short enough .* got 10.0; halve it"):
        solver.evolve(20 * blobs(), 200)


def test_negative_diffusion_is_refused() -> None:
    with pytest.raises(ArgumentError, match="diffusion: expected two numbers that are not negative, got"):
        GrayScott(GRID, feed=0.03, kill=0.06, diffusion=(2e-5, -1e-5))
    with pytest.raises(ArgumentError, match="diffusion: expected two numbers that are not negative, got"):
        GrayScott(GRID, feed=0.03, kill=0.06, diffusion=(2e-5, float("nan")))


@pytest.mark.referee
def test_agrees_with_exponax(exponax_run: Callable[..., torch.Tensor]) -> None:
    """The same scheme with the linear reactions on the explicit side: the difference falls as the step squared."""
    state = blobs(runs=1)
    apart = []
    for step, steps in ((1.0, 20), (0.5, 40)):
        options = {"feed_rate": 0.03, "kill_rate": 0.06, "dealiasing_fraction": 2 / 3}
        grid = (2, GRID.lengths[0], 24, step)
        expected = exponax_run("reaction.GrayScott", *grid, state=state[0], steps=steps, **options)
        found = GrayScott(GRID, feed=0.03, kill=0.06, time_step=step).evolve(state, steps)[0]
        apart.append((found - expected).abs().max().item())
    assert apart[1] < 2e-3
    assert apart[0] / apart[1] == pytest.approx(4.0, rel=0.2)
