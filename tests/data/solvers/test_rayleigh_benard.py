from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from haar.data.solvers import RayleighBenard
from haar.data.solvers.staggered import to_faces
from haar.errors import ArgumentError, ShapeError

State = tuple[torch.Tensor, torch.Tensor]
LX, LY = 2.0, 1.0
SHAPE = (24, 10)
Y = (torch.arange(10, dtype=torch.float64) + 0.5) * LY / 10


def solver_of(
    shape: tuple[int, int] = SHAPE, lengths: tuple[float, float] = (LX, LY), **options: float
) -> RayleighBenard:
    return RayleighBenard(shape, lengths, **({"rayleigh": 2e4, "prandtl": 0.7, "time_step": 0.02} | options))


def random_state(solver: RayleighBenard, runs: int = 2, seed: int = 0) -> State:
    """A divergence-free velocity of speed about 1, and a buoyancy that is far from conduction."""
    draw = torch.Generator().manual_seed(seed)
    b = solver.conduction + 0.3 * torch.randn(runs, *solver.shape, generator=draw, dtype=torch.float64)
    u = torch.randn(runs, *solver.shape, 2, generator=draw, dtype=torch.float64)
    b, u = solver.evolve(b, u, 0)
    return b, u / u.square().sum(-1).mean().sqrt()


def flux_form_divergence(u: torch.Tensor) -> torch.Tensor:
    """Divergence in the cells: Fourier along x, differences of the recovered faces along y."""
    n = u.shape[1]
    k = 2j * math.pi / LX * torch.fft.rfftfreq(n, 1 / n).double()[:, None]
    along_x = torch.fft.irfft(k * torch.fft.rfft(u[..., 0], dim=1), n=n, dim=1)
    return along_x + to_faces(u[..., 1], 2).diff(dim=2) / (LY / u.shape[2])


def upside_down(b: torch.Tensor, u: torch.Tensor) -> State:
    return LY - b.flip(2), u.flip(2) * torch.tensor([1.0, -1.0])


MOVES: dict[str, Callable[[torch.Tensor, torch.Tensor], State]] = {
    "shift": lambda b, u: (b.roll(5, 1), u.roll(5, 1)),
    "reflection": lambda b, u: (b.flip(1), u.flip(1) * torch.tensor([-1.0, 1.0])),
    "reflection about node 0": lambda b, u: (
        b.flip(1).roll(1, 1),
        u.flip(1).roll(1, 1) * torch.tensor([-1.0, 1.0]),
    ),
    "upside down": upside_down,
}


@pytest.mark.parametrize("shape", [(24, 10), (15, 7)])
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_the_flow_commutes_with_its_symmetries(move: Callable[..., State], shape: tuple[int, int]) -> None:
    solver = solver_of(shape)
    start = random_state(solver)
    later = solver.evolve(*start, 40)
    for found, expected in zip(solver.evolve(*move(*start), 40), move(*later), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    assert (later[1] - start[1]).abs().max() > 0.1


def test_pressure_turns_over_affinely() -> None:
    """``p -> p + L_y y - L_y^2 / 2``, and stays of zero mean."""
    for length in (1.0, 1.6):
        solver = solver_of(lengths=(LX, length))
        b, u = random_state(solver)
        p = solver.pressure(b, u)
        y = Y * length
        found = solver.pressure(length - b.flip(2), u.flip(2) * torch.tensor([1.0, -1.0]))
        torch.testing.assert_close(found, p.flip(2) + length * y - length**2 / 2, rtol=0, atol=1e-11)
        assert p.mean((1, 2)).abs().max() < 1e-13


def test_a_flip_of_y_alone_is_not_a_symmetry() -> None:
    solver = solver_of()
    b, u = random_state(solver)
    later, _ = solver.evolve(b, u, 40)
    found, _ = solver.evolve(b.flip(2), u.flip(2) * torch.tensor([1.0, -1.0]), 40)
    assert (found - later.flip(2)).abs().max() > 0.1


def test_velocity_is_divergence_free_and_the_state_is_stored_without_loss() -> None:
    solver = solver_of()
    start = random_state(solver)
    later = solver.evolve(*start, 20)
    assert flux_form_divergence(later[1]).abs().max() < 1e-11
    for found, expected in zip(solver.evolve(*later, 0), later, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for found, expected in zip(solver.evolve(*later, 20), solver.evolve(*start, 40), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_pressure_balances_the_buoyancy_of_a_layer_at_rest() -> None:
    solver = solver_of()
    b = solver.conduction.expand(1, *SHAPE)
    p = solver.pressure(b, torch.zeros(1, *SHAPE, 2).double())
    torch.testing.assert_close(p.diff(dim=2) / 0.1, (b[..., 1:] + b[..., :-1]) / 2, rtol=0, atol=1e-12)


def test_energy_and_variance_change_by_work_and_diffusion_alone() -> None:
    """Semi-discrete budgets: transport and pressure drop out of both to rounding.

    Energy: ``d<u^2>/2 = <u_y theta> - nu <|grad u|^2>``; variance of the buoyancy beyond conduction:
    ``d<theta^2>/2 = <u_y theta> - kappa <|grad theta|^2>``, gradients at the faces (half a cell at the plates).
    """
    h, dy = 1e-4, 0.1
    solver = solver_of(time_step=h)
    before = random_state(solver)
    now = solver.evolve(*before, 1)
    after = solver.evolve(*now, 1)

    def parts(b: torch.Tensor, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return u[..., 0], to_faces(u[..., 1], 2), b - solver.conduction

    def halves(state: State) -> np.ndarray:
        x, y, s = parts(*state)
        return np.array([(x.square().sum() + y.square().sum()).item() / 2, s.square().sum().item() / 2])

    def roughness(f: torch.Tensor, *, centred: bool) -> torch.Tensor:
        n = f.shape[1]
        k = 2j * math.pi / LX * torch.fft.rfftfreq(n, 1 / n).double()[:, None]
        total = torch.fft.irfft(k * torch.fft.rfft(f, dim=1), n=n, dim=1).square().sum()
        total = total + (f.diff(dim=2) / dy).square().sum()
        if centred:  # the value at the plate is zero, half a cell away
            total = total + 2 * (f[..., [0, -1]] / dy).square().sum()
        return total

    x, y, s = parts(*now)
    work = (y[..., 1:-1] * (s[..., 1:] + s[..., :-1]) / 2).sum()
    loss_u = solver.viscosity * (roughness(x, centred=True) + roughness(y, centred=False))
    loss_s = solver.diffusivity * roughness(s, centred=True)
    expected = [(work - loss_u).item(), (work - loss_s).item()]
    assert (halves(after) - halves(before)) / (2 * h) == pytest.approx(expected, rel=1e-5)


def test_without_motion_the_buoyancy_diffuses_mode_by_mode() -> None:
    """A disturbance of y alone: eigenvalues ``-kappa (2 sin(pi q / 2N) / dy)^2`` of the second difference."""
    solver = solver_of(rayleigh=1e3)
    mode = torch.sin(3 * math.pi * Y)
    start = (solver.conduction + 0.1 * mode).expand(1, *SHAPE)
    later, velocity = solver.evolve(start, torch.zeros(1, *SHAPE, 2).double(), 100)
    rate = solver.diffusivity * (2 * math.sin(3 * math.pi / 20) / 0.1) ** 2
    expected = (solver.conduction + 0.1 * math.exp(-2 * rate) * mode).expand(1, *SHAPE)
    torch.testing.assert_close(later, expected, rtol=0, atol=1e-7)
    assert velocity.abs().max() < 1e-12


def test_the_onset_of_convection() -> None:
    """The critical Rayleigh number 1707.762 at wave number 3.11632 (Chandrasekhar 1961), by Richardson extrapolation.

    The growth rate is an eigenvalue of one time step, linearised about rest and restricted to one wave along x.
    """
    k = 3.11632

    def growth(rayleigh: float, ny: int) -> float:
        nx = 4
        h = 0.2 * math.sqrt(rayleigh) / (4 * ny**2)
        solver = RayleighBenard((nx, ny), (2 * math.pi / k, 1.0), rayleigh=rayleigh, prandtl=1.0, time_step=h)
        x = torch.arange(nx).double() * (math.pi / 2)
        wave, slope, tiny = torch.cos(x)[:, None], torch.sin(x)[:, None], 1e-6
        states = torch.eye(2 * ny - 1, dtype=torch.float64)
        theta, faces = states[:, :ny], torch.nn.functional.pad(states[:, ny:], (1, 1))
        along = -faces.diff(dim=1) * ny / k  # div u = 0
        up = (faces[:, 1:] + faces[:, :-1]) / 2
        velocity = torch.stack((along[:, None] * slope, up[:, None] * wave), dim=-1)
        b, u = solver.evolve(solver.conduction + tiny * theta[:, None] * wave, tiny * velocity, 1)
        matrix = torch.cat(((b - solver.conduction)[:, 0], to_faces(u[..., 1], 2)[:, 0, 1:-1]), dim=1) / tiny
        return math.log(torch.linalg.eigvals(matrix).real.max().item()) / h

    coarse, fine = (brentq(lambda ra, ny=ny: growth(ra, ny), 1400, 2100, xtol=0.01) for ny in (16, 32))
    assert abs(fine - 1707.762) < abs(coarse - 1707.762) / 3.5
    assert (4 * fine - coarse) / 3 == pytest.approx(1707.762, rel=5e-4)


def test_below_the_onset_disturbances_die_and_above_they_carry_heat() -> None:
    """Far above it, the Nusselt number exceeds 1 and is the same at both plates once the flow is steady."""
    nusselt = {}
    for rayleigh in (1e3, 1e4):
        solver = solver_of((16, 16), rayleigh=rayleigh, prandtl=1.0, time_step=0.15 if rayleigh > 5e3 else 0.06)
        x = torch.arange(16).double() * (2 * math.pi / 16)
        y = (torch.arange(16).double() + 0.5) / 16
        kick = 0.1 * torch.cos(x)[:, None] * torch.sin(math.pi * y) + 0.03 * torch.sin(2 * math.pi * y)
        b, u = solver.evolve((solver.conduction + kick)[None], torch.zeros(1, 16, 16, 2).double(), 350)
        lower = ((1 - b[..., 0]) / (0.5 / 16)).mean().item()
        upper = (b[..., -1] / (0.5 / 16)).mean().item()
        assert lower == pytest.approx(upper, rel=1e-3)
        nusselt[rayleigh] = lower
        assert (u.abs().max() < 1e-3) == (rayleigh < 1707)
    assert nusselt[1e3] == pytest.approx(1.0, abs=1e-3)
    assert 2.2 < nusselt[1e4] < 3.0  # about 2.66 for such rolls at Pr 0.71 (Clever & Busse 1974)


def test_halving_the_step_divides_the_error_by_sixteen() -> None:
    start = random_state(solver_of())

    def end(steps: int) -> torch.Tensor:
        b, u = solver_of(time_step=0.4 / steps).evolve(*start, steps)
        return torch.cat((u, b[..., None]), dim=-1)

    exact = end(160)
    errors = [(end(steps) - exact).norm().item() for steps in (10, 20, 40)]
    assert errors[0] / errors[1] == pytest.approx(16.0, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(16.0, rel=0.1)


def test_single_precision_stays_near_double() -> None:
    start = random_state(solver_of())
    single = RayleighBenard(SHAPE, (LX, LY), rayleigh=2e4, prandtl=0.7, time_step=0.02, dtype=torch.float32)
    found = single.evolve(*(values.float() for values in start), 20)
    for value, exact in zip(found, solver_of().evolve(*start, 20), strict=True):
        assert value.dtype == torch.float32
        torch.testing.assert_close(value.double(), exact, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rayleigh": -1.0}, "rayleigh: expected a positive number, got -1.0"),
        ({"prandtl": 0.0}, "prandtl: expected a positive number, got 0.0"),
        ({"time_step": math.nan}, "time_step: expected a positive number, got nan"),
        ({"lengths": (1.0, 0.0)}, "lengths: expected two positive numbers, got"),
        ({"lengths": (1.0, math.nan)}, "lengths: expected two positive numbers, got"),
        ({"shape": (3, 8)}, r"shape: expected at least 4 points along x and y, got \(3, 8\)"),
        ({"rayleigh": 10.0}, r"time_step: expected below 0\.00\d+, the limit of diffusion, got 0\.02"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        solver_of(**options)


def test_fields_of_another_grid_are_refused() -> None:
    solver = solver_of()
    for shape in ((24, 9), (23, 10)):
        b = torch.zeros(1, *shape, dtype=torch.float64)
        u = torch.zeros(1, *shape, 2, dtype=torch.float64)
        for call in (lambda b, u: solver.evolve(b, u, 1), solver.pressure):
            with pytest.raises(
                ShapeError, match=r"buoyancy, velocity: expected \(run, \(24, 10\)\) and a vector there"
            ):
                call(b, u)


def test_a_run_that_blows_up_is_refused() -> None:
    solver = solver_of(time_step=0.05)
    b, u = random_state(solver)
    with pytest.raises(ArgumentError, match="time_step: expected a step short enough for a finite solution"):
        solver.evolve(b, 50 * u, 50)
