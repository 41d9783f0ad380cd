from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.data.solvers import Acoustics
from haar.data.solvers.staggered import to_faces
from haar.errors import ArgumentError

State = tuple[torch.Tensor, torch.Tensor]


def random_medium(runs: int = 2, shape: tuple[int, int] = (12, 20), seed: int = 0) -> State:
    draw = torch.Generator().manual_seed(seed)
    logs = 0.4 * torch.randn(2, runs, *shape, generator=draw, dtype=torch.float64)
    return logs[0].exp(), logs[1].clamp(-0.7, 0.7).exp()


def random_state(runs: int = 2, shape: tuple[int, int] = (12, 20), seed: int = 1) -> State:
    draw = torch.Generator().manual_seed(seed)
    pressure = torch.randn(runs, *shape, generator=draw, dtype=torch.float64)
    return pressure, torch.randn(runs, *shape, 2, generator=draw, dtype=torch.float64)


def solver_of(density: torch.Tensor, speed: torch.Tensor, **options: float) -> Acoustics:
    return Acoustics(density, speed, **({"spacing": (0.1, 0.12), "time_step": 0.015, "sponge": 5} | options))


@pytest.mark.parametrize("axis", [0, 1])
def test_the_flow_commutes_with_a_reflection_of_an_axis_and_its_medium(axis: int) -> None:
    medium, (p, u) = random_medium(), random_state()
    signs = torch.ones(2).double()
    signs[axis] = -1

    def reflect(field: torch.Tensor) -> torch.Tensor:
        return field.flip(axis + 1)

    later_p, later_u = solver_of(*medium).evolve(p, u, 60)
    found_p, found_u = solver_of(*map(reflect, medium)).evolve(reflect(p), signs * reflect(u), 60)
    torch.testing.assert_close(found_p, reflect(later_p), rtol=0, atol=1e-11)
    torch.testing.assert_close(found_u, signs * reflect(later_u), rtol=0, atol=1e-11)
    wrong, _ = solver_of(*medium).evolve(reflect(p), signs * reflect(u), 60)
    assert (wrong - reflect(later_p)).abs().max() > 0.1  # the medium must go along


def test_exchanging_the_axes_is_not_a_symmetry() -> None:
    """Walls are no sponge: what `D2` has and `D4` would add."""
    (p, u), medium = random_state(shape=(12, 12)), random_medium(shape=(12, 12))
    options = {"spacing": (0.1, 0.1), "time_step": 0.01, "sponge": 4}
    solver = Acoustics(*medium, **options)
    turned = Acoustics(*(field.transpose(1, 2) for field in medium), **options)
    later, _ = solver.evolve(p, u, 60)
    found, _ = turned.evolve(p.transpose(1, 2), u.transpose(1, 2).flip(-1), 60)
    assert (found - later.transpose(1, 2)).abs().max() > 0.1


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_the_flow_is_linear(a: float, b: float) -> None:
    solver = solver_of(*random_medium())
    first, second = random_state(seed=1), random_state(seed=2)
    mixed = solver.evolve(*(a * f + b * s for f, s in zip(first, second, strict=True)), 20)
    parts = zip(solver.evolve(*first, 20), solver.evolve(*second, 20), strict=True)
    for found, (f, s) in zip(mixed, parts, strict=True):
        torch.testing.assert_close(found, a * f + b * s, rtol=0, atol=1e-11)


@pytest.mark.parametrize("axis", [0, 1])
def test_standing_waves_have_the_frequency_of_the_scheme(axis: int) -> None:
    """``sin(w h / 2) = (c h / d) sin(k d / 2)`` between rigid ends, to rounding; velocity lags a quarter period."""
    n, step, c, rho, h = 16, 0.1, 1.3, 2.0, 0.05
    medium = torch.ones(1, n, n, dtype=torch.float64)
    solver = Acoustics(rho * medium, c * medium, spacing=(step, step), time_step=h)
    at = (torch.arange(n).double() + 0.5) * step
    k = 3 * math.pi / (n * step)
    w = 2 / h * math.asin(c * h / step * math.sin(k * step / 2))
    wave, slope = torch.cos(k * at), torch.sin(k * at)
    p = wave[:, None].expand(n, n) if axis == 0 else wave.expand(n, n)
    later, velocity = solver.evolve(p[None], torch.zeros(1, n, n, 2).double(), 37)
    torch.testing.assert_close(later[0], p * math.cos(37 * h * w), rtol=0, atol=1e-12)
    # the velocity: amplitude from the kick, means over two faces
    swing = 2 * math.sin(k * step / 2) / (rho * step) * h / 2 * math.sin(37 * h * w) / math.tan(w * h / 2)
    u = (slope[:, None].expand(n, n) if axis == 0 else slope.expand(n, n)) * math.cos(k * step / 2) * swing
    torch.testing.assert_close(velocity[0, ..., axis], u, rtol=0, atol=1e-12)
    assert velocity[0, ..., 1 - axis].abs().max() < 1e-14


def test_energy_is_kept_between_rigid_ends() -> None:
    """The quadratic form that leapfrog keeps exactly: energy minus ``h^2/8`` times the squared acceleration."""
    (rho, c), (p, u) = random_medium(), random_state()
    dx, dy, h = 0.1, 0.12, 0.015
    solver = solver_of(rho, c, sponge=0)

    def energy(p: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        total = (p.square() / (rho * c.square())).sum((1, 2)) / 2
        for axis, step in ((1, dx), (2, dy)):
            n = p.shape[axis]
            face = (rho.narrow(axis, 0, n - 1) + rho.narrow(axis, 1, n - 1)) / 2
            speed = to_faces(u[..., axis - 1], axis).narrow(axis, 1, n - 1)
            kick = p.diff(dim=axis) / step
            total = total + (face * speed.square() - h**2 / 4 * kick.square() / face).sum((1, 2)) / 2
        return total

    p, u = solver.evolve(p, u, 1)  # project the random velocity onto what faces can have
    start = energy(p, u)
    torch.testing.assert_close(energy(*solver.evolve(p, u, 300)), start, rtol=1e-10, atol=0)
    assert (energy(*solver_of(rho, c).evolve(p, u, 300)) < 0.75 * start).all()  # the sponge takes it


def test_a_pulse_meets_a_change_of_medium() -> None:
    """Reflection ``(Z2 - Z1)/(Z2 + Z1)`` and transmission ``2 Z2/(Z2 + Z1)`` of the impedances ``Z = rho c``."""
    n, step = 512, 1 / 512
    far = (torch.arange(n) >= n // 2).double()
    rho, c = 1 + 2 * far, 1 + 0.5 * far
    lift = torch.ones(1, n, 4).double()
    solver = Acoustics(lift * rho[:, None], lift * c[:, None], spacing=(step, step), time_step=0.4 * step)
    at = (torch.arange(n).double() + 0.5) * step
    pulse = lift * torch.exp(-(((at - 0.25) / 0.03) ** 2))[:, None]
    velocity = torch.stack((pulse, 0 * pulse), dim=-1)  # runs to the right where rho = c = 1
    later, _ = solver.evolve(pulse, velocity, round(0.4 / (0.4 * step)))
    z1, z2 = 1.0, 4.5
    reflected, transmitted = later[0, : n // 2, 0].max(), later[0, n // 2 :, 0].max()
    assert reflected.item() == pytest.approx((z2 - z1) / (z2 + z1), rel=0.01)
    assert transmitted.item() == pytest.approx(2 * z2 / (z2 + z1), rel=0.01)


def test_the_error_falls_as_the_square_of_the_step() -> None:
    def error(n: int) -> float:
        step = 1 / n
        medium = torch.ones(1, n, n, dtype=torch.float64)
        x = (torch.arange(n).double() + 0.5) * step
        p = torch.cos(2 * math.pi * x)[:, None] * torch.cos(3 * math.pi * x)
        solver = Acoustics(medium, medium, spacing=(step, step), time_step=0.5 * step)
        later, _ = solver.evolve(p[None], torch.zeros(1, n, n, 2).double(), n)
        return (later[0] - math.cos(math.sqrt(13) * math.pi * 0.5) * p).abs().max().item()

    assert error(16) / error(32) == pytest.approx(4.0, rel=0.1)
    assert error(32) / error(64) == pytest.approx(4.0, rel=0.05)


def test_the_sponge_swallows_a_normal_wave() -> None:
    n, step = 128, 1 / 64
    medium = torch.ones(1, 4, n, dtype=torch.float64)
    y = (torch.arange(n).double() + 0.5) * step
    pulse = torch.exp(-(((y - 1) / 0.1) ** 2)).expand(1, 4, n)
    solver = Acoustics(medium, medium, spacing=(step, step), time_step=0.5 * step, sponge=16)
    later, velocity = solver.evolve(pulse, torch.zeros(1, 4, n, 2).double(), 4 * n)
    assert later.abs().max() < 5e-3
    assert velocity.abs().max() < 5e-3
    rigid, _ = Acoustics(medium, medium, spacing=(step, step), time_step=0.5 * step).evolve(
        pulse, torch.zeros(1, 4, n, 2).double(), 4 * n
    )
    assert rigid.abs().max() > 0.5


def test_the_sponge_damps_by_what_it_says() -> None:
    """A pulse goes through the sponge, is thrown back by the end behind it, and returns that much lower."""
    n, step = 256, 1 / 64
    medium = torch.ones(1, 4, n, dtype=torch.float64)
    y = (torch.arange(n).double() + 0.5) * step
    pulse = torch.exp(-(((y - 2) / 0.15) ** 2)).expand(1, 4, n)
    velocity = torch.stack((0 * pulse, pulse), dim=-1)  # towards greater y
    options = {"spacing": (step, step), "time_step": 0.5 * step, "sponge": 32, "absorption": 0.3}
    later, _ = Acoustics(medium, medium, **options).evolve(pulse, velocity, 2 * n)  # a way of 4: two there, two back
    assert later.max().item() == pytest.approx(0.3, rel=0.02)
    assert abs(y[later[0, 0].argmax()].item() - 2) < 0.05


def test_stepping_in_pieces_is_stepping_at_once() -> None:
    solver = solver_of(*random_medium())
    p, u = random_state()
    p, u = solver.evolve(p, u, 1)
    for found, expected in zip(solver.evolve(*solver.evolve(p, u, 10), 15), solver.evolve(p, u, 25), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_the_limit_of_stability_is_where_it_is_said_to_be() -> None:
    medium = torch.ones(1, 16, 16, dtype=torch.float64)
    limit = 0.1 / math.sqrt(2)
    options = {"spacing": (0.1, 0.1), "sponge": 0}
    p, u = random_state(1, (16, 16))
    later, _ = Acoustics(medium, medium, time_step=0.999 * limit, **options).evolve(p, u, 2000)
    assert later.abs().max() < 100
    with pytest.raises(ArgumentError, match=r"time_step: expected below 0.0707, the limit of stability, got 0.07"):
        Acoustics(medium, medium, time_step=1.001 * limit, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sponge": 11}, "sponge: expected 0 to 10 cells at each end, got 11"),
        ({"sponge": -1}, "sponge: expected 0 to 10 cells at each end, got -1"),
        ({"absorption": 1.0}, "absorption: expected a factor between 0 and 1, got 1.0"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        solver_of(*random_medium(), **options)


def test_a_medium_must_be_positive() -> None:
    density, speed = random_medium()
    for broken in (-1.0, 0.0, math.nan):
        density[0, 0, 0] = broken
        with pytest.raises(ArgumentError, match="density, speed_of_sound: expected positive everywhere"):
            solver_of(density, speed)


def test_a_medium_without_end_and_time_that_runs_back_are_refused() -> None:
    density, speed = random_medium()
    with pytest.raises(ArgumentError, match=r"time_step: expected a positive number, got -0\.01"):
        Acoustics(density, speed, spacing=(0.1, 0.1), time_step=-0.01)
    density[0, 0, 0] = math.inf
    with pytest.raises(ArgumentError, match="density: expected finite values"):
        solver_of(density, speed)


@pytest.mark.parametrize("which", [0, 1])
def test_a_state_that_is_not_finite_is_refused(which: int) -> None:
    p, u = random_state()
    (p, u)[which][0, 0, 0] = math.nan
    with pytest.raises(ArgumentError, match="expected a step short enough for a finite solution"):
        solver_of(*random_medium()).evolve(p, u, 1)
