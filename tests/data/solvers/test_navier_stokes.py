from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch

from haar.data.solvers import NavierStokes, PeriodicGrid, curl, velocity_of
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from conftest import Element

TAU = 2 * math.pi
GRID = PeriodicGrid((32, 32), (TAU, TAU))


def random_flow(grid: PeriodicGrid = GRID, runs: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A band-limited velocity of speed about 1 with a mean wind, and a tracer."""
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn(2, runs, *grid.shape, generator=draw, dtype=torch.float64)
    smooth = grid.inverse(grid.forward(noise) * torch.exp(grid.laplacian / 16) * grid.dealias)
    w = smooth[0] - smooth[0].mean((1, 2), keepdim=True)
    u = velocity_of(grid, w)
    u = u / u.square().sum(-1).mean().sqrt() + torch.tensor([0.3, -0.2], dtype=torch.float64)
    return u, smooth[1] / smooth[1].std() + 0.5


def solver_of(grid: PeriodicGrid = GRID, **options: float) -> NavierStokes:
    return NavierStokes(grid, **({"viscosity": 5e-3, "diffusivity": 2e-3, "time_step": 0.02} | options))


@pytest.mark.parametrize("order", [2, 4])
def test_the_flow_commutes_with_the_square(element: Element, order: int) -> None:
    solver = solver_of(order=order)
    u, s = random_flow()
    later_u, later_s = solver.evolve(u, s, 50)
    moved_u, moved_s = solver.evolve(element.vector(u), element.scalar(s), 50)
    torch.testing.assert_close(moved_u, element.vector(later_u), rtol=0, atol=1e-11)
    torch.testing.assert_close(moved_s, element.scalar(later_s), rtol=0, atol=1e-11)
    torch.testing.assert_close(curl(GRID, moved_u), element.pseudoscalar(curl(GRID, later_u)), rtol=0, atol=1e-10)
    assert (later_u - u).abs().max() > 0.1


def test_the_flow_commutes_with_the_symmetries_of_a_rectangle(rectangle_element: Element) -> None:
    grid = PeriodicGrid((16, 30), (TAU, 2 * TAU))
    solver = solver_of(grid)
    u, s = random_flow(grid)
    later_u, later_s = solver.evolve(u, s, 30)
    moved_u, moved_s = solver.evolve(rectangle_element.vector(u), rectangle_element.scalar(s), 30)
    torch.testing.assert_close(moved_u, rectangle_element.vector(later_u), rtol=0, atol=1e-11)
    torch.testing.assert_close(moved_s, rectangle_element.scalar(later_s), rtol=0, atol=1e-11)


def test_the_tracer_is_passive_and_linear() -> None:
    solver = solver_of()
    u, s = random_flow()
    later_u, later_s = solver.evolve(u, s, 20)
    other_u, other_s = solver.evolve(u, -3 * s + 1, 20)
    torch.testing.assert_close(other_u, later_u, rtol=0, atol=0)
    torch.testing.assert_close(other_s, -3 * later_s + 1, rtol=0, atol=1e-12)


def test_taylor_green_vortices_decay_and_drift_exactly() -> None:
    """``u = wind + e^{-2 nu t} TG(x - wind t)``: an exact solution, with its vorticity as a tracer of D = nu."""
    nu, wind, time = 0.05, torch.tensor([0.4, -0.7], dtype=torch.float64), 2.0
    x, y = torch.meshgrid(*GRID.coordinates, indexing="ij")

    def exact(t: float) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = x - wind[0] * t, y - wind[1] * t
        decay = math.exp(-2 * nu * t)
        u = torch.stack((-torch.cos(a) * torch.sin(b), torch.sin(a) * torch.cos(b)), dim=-1)
        return (wind + decay * u)[None], (2 * decay * torch.cos(a) * torch.cos(b))[None]

    solver = NavierStokes(GRID, viscosity=nu, diffusivity=nu, time_step=0.02, order=4)
    u, w = solver.evolve(*exact(0.0), 100)
    expected_u, expected_w = exact(time)
    torch.testing.assert_close(u, expected_u, rtol=0, atol=1e-8)
    torch.testing.assert_close(w, expected_w, rtol=0, atol=1e-8)


def test_the_vorticity_is_transported_as_a_tracer_of_the_same_diffusivity() -> None:
    """The two-product form of the transport of vorticity against the plain flux form of the tracer."""
    solver = solver_of(diffusivity=5e-3, order=4)
    u, _ = random_flow()
    later_u, later_w = solver.evolve(u, curl(GRID, u), 50)
    torch.testing.assert_close(later_w, curl(GRID, later_u), rtol=0, atol=1e-11)


def test_without_viscosity_energy_enstrophy_and_variance_are_kept() -> None:
    """Kept by the space discretisation; ETDRK4 loses some of them at the order of its error."""
    u, s = random_flow()

    def budget(u: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return torch.stack([f.square().mean() for f in (u, curl(GRID, u), s)])

    drifts = []
    for steps in (25, 50):
        solver = solver_of(viscosity=0.0, diffusivity=0.0, time_step=0.5 / steps, order=4)
        drifts.append((budget(*solver.evolve(u, s, steps)) / budget(u, s) - 1).abs())
    assert (drifts[1] < 1e-7).all()
    assert (drifts[1] < drifts[0] / 12).all()


def test_energy_falls_by_viscosity_times_enstrophy() -> None:
    step = 1e-3
    solver = solver_of(time_step=step, order=4)
    before = random_flow()
    now = solver.evolve(*before, 1)
    after = solver.evolve(*now, 1)
    kx, ky = GRID.wavenumbers
    modes = GRID.forward(now[1])
    slopes = sum(GRID.inverse(1j * k * modes).square() for k in (kx, ky))
    for k, loss in ((0, 5e-3 * curl(GRID, now[0]).square().sum()), (1, 2e-3 * slopes.sum())):
        rate = (after[k].square().sum() - before[k].square().sum()) / (2 * step)
        assert rate.item() == pytest.approx(-2 * loss.item(), rel=1e-5)


@pytest.mark.parametrize(("order", "ratio"), [(2, 4.0), (4, 16.0)])
def test_order_of_convergence(order: int, ratio: float) -> None:
    start = random_flow()

    def end(steps: int, order: int = order) -> torch.Tensor:
        u, s = solver_of(time_step=0.5 / steps, order=order).evolve(*start, steps)
        return torch.cat((u, s[..., None]), dim=-1)

    exact = end(200, 4)
    errors = [(end(steps) - exact).norm().item() for steps in (10, 20, 40)]
    assert errors[0] / errors[1] == pytest.approx(ratio, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(ratio, rel=0.1)


def test_only_the_divergence_free_part_counts() -> None:
    solver = solver_of()
    u, s = random_flow()
    potential = torch.stack([GRID.derivative(s, axis) for axis in (0, 1)], dim=-1)
    for found, expected in zip(solver.evolve(u + potential, s, 5), solver.evolve(u, s, 5), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(solver.evolve(u + potential, s, 0)[0], u, rtol=0, atol=1e-12)


def test_single_precision_stays_near_double() -> None:
    grid = PeriodicGrid(GRID.shape, GRID.lengths, torch.float32)
    u, s = random_flow()
    found = solver_of(grid).evolve(u.float(), s.float(), 20)
    for single, double in zip(found, solver_of().evolve(u, s, 20), strict=True):
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-4)


def test_a_run_that_blows_up_is_refused() -> None:
    u, s = random_flow()
    with pytest.raises(ArgumentError, match=r"time_step: expected a step short enough .*, got 5\.0"):
        solver_of(time_step=5.0, viscosity=0.0).evolve(10 * u, s, 60)


@pytest.mark.parametrize("name", ["viscosity", "diffusivity"])
def test_negative_diffusion_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name}: expected a number that is not negative, got -0.1"):
        solver_of(**{name: -0.1})


def resolved_flow() -> tuple[torch.Tensor, torch.Tensor]:
    """A flow so smooth that two choices of de-aliasing mask agree, and its vorticity."""
    noise = torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u = velocity_of(GRID, GRID.inverse(GRID.forward(noise) * torch.exp(GRID.laplacian / 2) * GRID.dealias))
    u = u / u.square().sum(-1).mean().sqrt()
    return u, curl(GRID, u)


@pytest.mark.referee
def test_agrees_with_torch_cfd() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the referee's own deprecations
        from torch_cfd.grids import Grid
        from torch_cfd.spectral import NavierStokes2DSpectral, RK4CrankNicolsonStepper

        box = Grid((32, 32), domain=((0, TAU), (0, TAU)))
        referee = NavierStokes2DSpectral(viscosity=0.05, grid=box, step_fn=RK4CrankNicolsonStepper()).double()
    u, w = resolved_flow()
    expected = torch.fft.irfft2(referee(torch.fft.rfft2(w), 0.005, steps=100)[0])
    found = curl(GRID, solver_of(viscosity=0.05, time_step=0.005, order=4).evolve(u, w, 100)[0])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert (found - w).abs().max() > 0.1


@pytest.mark.referee
def test_agrees_with_exponax_whose_vorticity_has_the_other_sign(exponax_run: Callable[..., torch.Tensor]) -> None:
    u, w = resolved_flow()
    options = {"diffusivity": 0.05, "vorticity_convection_scale": -1.0}
    expected = exponax_run("NavierStokesVorticity", 2, TAU, 32, 0.01, state=w, steps=50, **options)
    found = curl(GRID, solver_of(viscosity=0.05, time_step=0.01).evolve(u, w, 50)[0])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert (found - w).abs().max() > 0.1
