"""Charged particles that repel and attract: the generator behind N-body comparisons of equivariant networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.particles.trajectories import ParticleTrajectories
from haar.errors import ArgumentError, ShapeError, check_count
from haar.seeding import Seed, generator_of

CLIPS = ("norm", "component", "none")


@dataclass(frozen=True)
class ChargedParticles(ParticleTrajectories):
    """Trajectories that were simulated: float64, velocities before the kick of their own frame, charges +1 or -1.

    Attributes:
        clipped: Whether a force was clipped on the way to each frame from the one before, by sample and frame.
    """

    clipped: Tensor


def charged_particles(
    samples: int,
    *,
    particles: int = 5,
    dim: int = 3,
    frames: int = 49,
    save_every: int = 100,
    dt: float = 1e-3,
    speed: float = 0.5,
    clip: str = "norm",
    limit: float | int = 100.0,
    start: bool = False,
    seed: Seed = 0,
) -> ChargedParticles:
    """Draw initial states and run them.

    Positions are standard normal, velocities of one speed in uniform directions, charges +1 or -1 with equal
    probability. Frame j is the state after ``(j + 1) * save_every`` steps. With ``clip="component"`` this is the
    widely used data set, whose forces do not turn with the particles; ``clip="norm"`` shortens forces instead.

    Source: Kipf et al. arXiv 1802.04687 (the simulator), Satorras et al. arXiv 2102.09844 (three dimensions).

    Args:
        samples: Number of trajectories.
        particles: Particles of each.
        dim: Dimension of space.
        frames: Number of frames that are stored.
        save_every: Steps between two stored frames.
        dt: Time step of the integrator.
        speed: Of all particles at the start.
        clip: How large forces are cut off, see `simulate`.
        limit: Size at which forces are cut off, see `simulate`.
        start: Whether the initial state is stored as a frame before the others.
        seed: Seed of the initial states.

    Raises:
        ArgumentError: If a number is not positive or `clip` is unknown.

    Example:
        >>> data = charged_particles(4, frames=2, save_every=10)
        >>> data.positions.shape
        torch.Size([4, 2, 5, 3])
    """
    for name, value in {"samples": samples, "particles": particles, "dim": dim, "frames": frames}.items():
        check_count(name, value)
    _check_positive(speed=speed)
    positions, velocities, charges = initial_state(samples, particles=particles, dim=dim, speed=speed, seed=seed)
    return simulate(
        positions,
        velocities,
        charges,
        frames=frames,
        save_every=save_every,
        dt=dt,
        clip=clip,
        limit=limit,
        start=start,
    )


def initial_state(
    samples: int, *, particles: int = 5, dim: int = 3, speed: float = 0.5, seed: Seed = 0
) -> tuple[Float[Tensor, "sample particle d"], Float[Tensor, "sample particle d"], Float[Tensor, "sample particle"]]:
    """Positions, velocities and charges at the start.

    Example:
        >>> bool(((initial_state(2)[1].norm(dim=-1) - 0.5).abs() < 1e-12).all())
        True
    """
    generator = generator_of(seed)
    shape = (samples, particles, dim)
    positions = torch.randn(shape, generator=generator, dtype=torch.float64)
    directions = torch.randn(shape, generator=generator, dtype=torch.float64)
    velocities = speed * directions / directions.norm(dim=-1, keepdim=True)
    charges = 1.0 - 2 * torch.randint(2, shape[:2], generator=generator).to(torch.float64)
    return positions, velocities, charges


def simulate(
    positions: Float[Tensor, "sample particle d"],
    velocities: Float[Tensor, "..."],
    charges: Float[Tensor, "..."],
    *,
    frames: int,
    save_every: int = 100,
    dt: float = 1e-3,
    clip: str = "norm",
    limit: float | int = 100.0,
    start: bool = False,
) -> ChargedParticles:
    """Run states forward: kick, then drift, step by step; all samples side by side, in float64.

    The force on i is sum_j q_i q_j (x_i - x_j) / |x_i - x_j|^3. A stored velocity lacks the kick of its own frame, so
    that a run can be taken up again from any stored frame.

    Args:
        positions: At the start.
        velocities: At the start.
        charges: Charge of every particle.
        frames: Number of frames that are stored.
        save_every: Steps between two of them.
        dt: Time step of the integrator.
        clip: ``"norm"``: forces longer than `limit` are shortened to it, which turns with the particles;
            ``"component"``: every component is cut off at +-limit, which does not; ``"none"``.
        limit: Size at which forces are cut off.
        start: Whether the initial state is stored as a frame before the others.

    Raises:
        ArgumentError: If `clip` is unknown, a number is not positive or not finite, or two particles coincide.
        ShapeError: If shapes do not fit.

    Example:
        >>> x = torch.tensor([[[0.0], [1.0]]], dtype=torch.float64)
        >>> run = simulate(x, 0 * x, torch.ones(1, 2, dtype=torch.float64), frames=1, save_every=1, dt=0.1)
        >>> run.positions.flatten().round(decimals=9).tolist()
        [-0.01, 1.01]
    """
    check_clip(clip)
    check_count("frames", frames)
    check_count("save_every", save_every)
    _check_positive(dt=dt, limit=limit)
    x, v, q = _checked_state(positions, velocities, charges)
    own = torch.eye(x.shape[1], dtype=torch.float64)
    products = q.unsqueeze(-1) * q.unsqueeze(-2) * (1 - own)
    stored: list[tuple[Tensor, Tensor, Tensor]] = []
    hit = torch.zeros(len(x), dtype=torch.bool)
    if start:
        stored.append((x.clone(), v.clone(), hit))
    for step in range(1, frames * save_every + 1):
        between = x.unsqueeze(2) - x.unsqueeze(1)
        square = between.square().sum(-1).add_(own)  # 1 from a particle to itself, where the product is 0
        pull = products / (square * square.sqrt())
        force = (pull.unsqueeze(-2) @ between).squeeze(-2)
        if clip != "none":
            hit = hit | _clip(force, clip, limit)
        v.add_(force, alpha=dt)
        x.add_(v, alpha=dt)
        if step % save_every == 0:
            stored.append((x.clone(), v.clone(), hit))
            hit = torch.zeros_like(hit)
    places, speeds, hits = (torch.stack(parts, 1) for parts in zip(*stored, strict=True))
    return ChargedParticles(places, speeds, charges.to(torch.float64), hits)


def _checked_state(positions: Tensor, velocities: Tensor, charges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Copies of a state in float64."""
    if not isinstance(positions, Tensor) or positions.ndim != 3:
        got = tuple(positions.shape) if isinstance(positions, Tensor) else type(positions).__name__
        raise ShapeError("positions", expected="(sample, particle, d)", got=got)
    if velocities.shape != positions.shape or charges.shape != positions.shape[:-1]:
        raise ShapeError("velocities, charges", expected=f"as positions {tuple(positions.shape)}", got="others")
    x, v, q = (value.to(torch.float64).clone() for value in (positions, velocities, charges))
    if not bool(torch.isfinite(x).all() and torch.isfinite(v).all() and torch.isfinite(q).all()):
        raise ArgumentError("positions, velocities, charges", expected="finite numbers", got="NaN or infinity")
    own = torch.eye(x.shape[1], dtype=torch.float64)
    if bool(((x.unsqueeze(2) - x.unsqueeze(1)).square().sum(-1).add(own) == 0).any()):
        raise ArgumentError("positions", expected="particles at different places", got="two at one place")
    return x, v, q


def _clip(force: Tensor, clip: str, limit: float | int) -> Tensor:
    """Clip a force in place, and say for every sample whether that changed it."""
    if clip == "component":
        hit = (force.abs() > limit).flatten(1).any(1)
        force.clamp_(-limit, limit)
    else:
        length = force.norm(dim=-1, keepdim=True)
        hit = (length > limit).flatten(1).any(1)
        force *= limit / length.clamp(min=limit)
    return hit


def _check_positive(**numbers: object) -> None:
    for name, value in numbers.items():
        if not isinstance(value, float | int) or not 0 < value < math.inf:
            raise ArgumentError(name, expected="a positive number", got=repr(value))


def check_clip(clip: str) -> None:
    """Refuse a law that there is not.

    Raises:
        ArgumentError: If it is none of norm, component and none.
    """
    if clip not in CLIPS:
        raise ArgumentError("clip", expected=f"one of {', '.join(CLIPS)}", got=repr(clip))
