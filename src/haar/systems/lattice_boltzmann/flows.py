"""Flows: populations to start from, and what stands around them.

All lengths are in nodes, all times in steps. Axes of arrays are x, y and z.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_count
from haar.seeding import Seed, generator_of
from haar.systems.lattice_boltzmann.populations import field_of
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.walls import Boundary, Inflow, Obstacle, Outflow, Wall


@dataclass(frozen=True, eq=False)
class Flow:
    """Where a simulation begins.

    Attributes:
        populations: ``[batch, Q, *space]``, float64.
        boundaries: Walls, obstacles and open ends.
        force: Momentum that every cell is given in a step, if any.
    """

    populations: Float[Tensor, "batch q *space"]
    boundaries: tuple[Boundary, ...] = ()
    force: Tensor | None = None


def at_equilibrium(
    stencil: Stencil, velocity: Float[Tensor, "*space dim"], density: Float[Tensor, "*space"] | None = None
) -> Float[Tensor, "1 q *space"]:
    """Populations at equilibrium with a velocity, as a batch of one.

    Args:
        stencil: Velocities and weights.
        velocity: At every node, on the last axis.
        density: At every node; by default 1.
    """
    velocity = velocity.double()
    fastest, sound = float(velocity.norm(dim=-1).max()), stencil.sound**0.5
    if not fastest < sound:
        way_out = "choose it far below, such as 0.05: a lattice knows slow flows alone"
        expected = f"one below that of sound, {sound:.4g} nodes a step"
        raise ArgumentError("speed", expected=expected, got=f"{fastest:.4g}", way_out=way_out)
    ones = torch.ones(velocity.shape[:-1], dtype=torch.float64)
    return field_of(stencil.equilibrium(ones if density is None else density.double(), velocity)[None])


def taylor_green(stencil: Stencil, size: int = 32, speed: float = 0.01) -> Flow:
    """The Taylor-Green vortices: in the plane they keep their form and decay as ``exp(-2 nu (2 pi / size)^2 t)``.

    Args:
        stencil: Of a square or cubic lattice.
        size: Nodes along every axis.
        speed: The largest.

    Example:
        >>> taylor_green(Stencil.named("D2Q9"), 8).populations.shape
        torch.Size([1, 9, 8, 8])
    """
    _square(stencil)
    check_count("size", size, least=2)
    angle = 2 * math.pi * torch.arange(size, dtype=torch.float64) / size
    grids = torch.meshgrid(*[angle] * stencil.dim, indexing="ij")
    x, y = grids[0], grids[1]
    along = grids[2].cos() if stencil.dim == 3 else torch.ones_like(x)
    u = [speed * x.sin() * y.cos() * along, -speed * x.cos() * y.sin() * along]
    return Flow(at_equilibrium(stencil, torch.stack([*u, *[torch.zeros_like(x)] * (stencil.dim - 2)], -1)))


def shear_wave(stencil: Stencil, size: int, direction: Sequence[int | float], speed: float = 0.01) -> Flow:
    """A transverse wave, which decays as ``exp(-nu k^2 t)`` with the viscosity of its direction.

    Args:
        stencil: Of a square or cubic lattice.
        size: Nodes along every axis.
        direction: Waves in the box along every axis, such as ``(1, 0)`` or ``(1, 1)``.
        speed: The largest.
    """
    _square(stencil)
    check_count("size", size, least=2)
    k = torch.tensor(direction, dtype=torch.float64)
    if len(k) != stencil.dim or not bool(k.any()) or bool((k != k.round()).any()):
        raise ArgumentError("direction", expected=f"{stencil.dim} whole numbers, not all 0", got=direction)
    grids = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * stencil.dim, indexing="ij")
    phase = 2 * math.pi / size * sum((a * x for a, x in zip(direction, grids, strict=True)), torch.zeros(()))
    across = torch.zeros(stencil.dim, dtype=torch.float64)
    across[0], across[1] = (-k[1], k[0]) if bool(k[:2].any()) else (1.0, 0.0)
    return Flow(at_equilibrium(stencil, speed * phase.sin().unsqueeze(-1) * across / across.norm()))


def double_shear_layer(stencil: Stencil, size: int = 64, speed: float = 0.04, thickness: float = 80.0) -> Flow:
    """Two shear layers with a small wave across them, which rolls up (Minion and Brown 1997).

    Args:
        stencil: Of a square lattice.
        size: Nodes along every axis.
        speed: Of the streams.
        thickness: Of the layers; the larger, the thinner.
    """
    _square(stencil, dim=2)
    check_count("size", size, least=2)
    x = torch.arange(size, dtype=torch.float64) / size
    upper, lower = torch.tanh(thickness * (x - 0.25)), torch.tanh(thickness * (0.75 - x))
    u = torch.where(x <= 0.5, upper, lower).expand(size, size)
    v = 0.05 * (2 * math.pi * (x + 0.25)).sin()[:, None].expand(size, size)
    return Flow(at_equilibrium(stencil, speed * torch.stack([u, v], -1)))


def decaying(stencil: Stencil, size: int = 48, speed: float = 0.05, modes: int = 4, seed: Seed = 0) -> Flow:
    """A random flow without divergence or mean, of all waves up to a number.

    Args:
        stencil: Of a square or cubic lattice.
        size: Nodes along every axis.
        speed: The largest.
        modes: Greatest number of waves in the box.
        seed: Seed or generator.
    """
    _square(stencil)
    check_count("size", size, least=3)
    check_count("modes", modes)
    generator = generator_of(seed)
    freq = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64)
    k = torch.stack(torch.meshgrid(*[freq] * stencil.dim, indexing="ij"), -1)
    square = k.square().sum(-1)
    noise = torch.fft.fftn(
        torch.randn(stencil.dim, *square.shape, generator=generator, dtype=torch.float64),
        dim=tuple(range(1, 1 + stencil.dim)),
    )
    noise = noise.movedim(0, -1) * ((square > 0) & (square <= modes**2)).unsqueeze(-1)
    noise = noise - k * (k * noise).sum(-1, keepdim=True) / square.clamp(min=1).unsqueeze(-1)
    u = torch.fft.ifftn(noise, dim=tuple(range(stencil.dim))).real
    return Flow(at_equilibrium(stencil, speed * u / u.norm(dim=-1).max()))


def cavity(stencil: Stencil, size: int = 64, speed: float = 0.1) -> Flow:
    """A closed box whose lid, at the high end of y, moves along x.

    Args:
        stencil: Of a square lattice.
        size: Nodes along every axis.
        speed: Of the lid; the Reynolds number is ``speed * size / viscosity``.
    """
    _square(stencil, dim=2)
    check_count("size", size, least=2)
    walls = (Wall(0, "low"), Wall(0, "high"), Wall(1, "low"), Wall(1, "high", (speed, 0.0)))
    return Flow(at_equilibrium(stencil, torch.zeros(size, size, 2)), walls)


def cylinder(stencil: Stencil, size: tuple[int, int] = (160, 64), diameter: int = 12, speed: float = 0.06) -> Flow:
    """A cylinder in a stream along x: its wake, and beyond a Reynolds number of about 47 its vortex street.

    Args:
        stencil: Of a square lattice.
        size: Nodes along x and y.
        diameter: Of the cylinder; the Reynolds number is ``speed * diameter / viscosity``.
        speed: Of the stream.
    """
    _square(stencil, dim=2)
    x, y = torch.meshgrid(*[torch.arange(n, dtype=torch.float64) for n in size], indexing="ij")
    mask = (x - size[0] / 4).square() + (y - size[1] / 2 - 0.5).square() <= (diameter / 2) ** 2
    u = torch.zeros(*size, 2, dtype=torch.float64)
    u[..., 0] = speed
    u[..., 1] = 0.05 * speed * torch.exp(-((x - size[0] / 2) / diameter).square())  # what sets it swinging
    boundaries = (Obstacle(mask), Inflow(0, "low", (speed, 0.0)), Outflow(0, "high"))
    return Flow(at_equilibrium(stencil, u), boundaries)


def kolmogorov_force(size: int, amplitude: float = 5e-6, dim: int = 2) -> Float[Tensor, "dim *space"]:
    """The force of an ABC flow: in the plane ``(sin ky, sin kx)``.

    Args:
        size: Nodes along every axis.
        amplitude: Momentum a step.
        dim: 2 or 3.
    """
    angle = 2 * math.pi * torch.arange(size, dtype=torch.float64) / size
    grids = torch.meshgrid(*[angle] * dim, indexing="ij")
    if dim == 2:
        return amplitude * torch.stack([grids[1].sin(), grids[0].sin()])
    x, y, z = grids
    return amplitude * torch.stack([z.sin() + y.cos(), x.sin() + z.cos(), y.sin() + x.cos()])


@dataclass(frozen=True)
class Usual:
    """What shows a flow as it is known, where nothing else is said.

    Attributes:
        size: Nodes along the shortest axis.
        speed: The largest at the start.
        steps: How long it runs.
        tau: Relaxation time of D2Q9 and others with its speed of sound.
    """

    size: int
    speed: float
    steps: int
    tau: float


USUAL = {
    "taylor-green": Usual(32, 0.01, 600, 0.6),
    "shear-wave": Usual(32, 0.01, 600, 0.6),
    "double-shear-layer": Usual(128, 0.04, 3200, 0.51),
    "decaying": Usual(64, 0.05, 1500, 0.53),
    "cavity": Usual(64, 0.1, 12000, 0.692),  # Reynolds number 100
    "cylinder": Usual(64, 0.06, 12000, 0.5216),  # Reynolds number 100: a vortex street
}
FLOWS = tuple(USUAL)


def usual_of(name: str) -> Usual:
    """What shows a flow as it is known.

    Args:
        name: One of `FLOWS`.

    Raises:
        ArgumentError: If there is none of that name.
    """
    if name not in USUAL:
        raise ArgumentError("flow", expected=f"one of {', '.join(FLOWS)}", got=repr(name))
    return USUAL[name]


def flow_named(name: str, stencil: Stencil, size: int, speed: float, seed: Seed = 0) -> Flow:
    """A flow by its name, with the sizes that need no thought.

    Args:
        name: One of `FLOWS`.
        stencil: Velocities and weights.
        size: Nodes along the shortest axis.
        speed: The largest at the start.
        seed: For what is drawn.

    Raises:
        ArgumentError: If there is none of that name.
    """
    made = {
        "taylor-green": lambda: taylor_green(stencil, size, speed),
        "shear-wave": lambda: shear_wave(stencil, size, (1,) + (0,) * (stencil.dim - 1), speed),
        "double-shear-layer": lambda: double_shear_layer(stencil, size, speed),
        "decaying": lambda: decaying(stencil, size, speed, seed=seed),
        "cavity": lambda: cavity(stencil, size, speed),
        "cylinder": lambda: cylinder(stencil, (5 * size // 2, size), max(size // 5, 4), speed),
    }
    usual_of(name)
    return made[name]()


def _square(stencil: Stencil, dim: int | None = None) -> None:
    if stencil.lattice.tolist() != torch.eye(stencil.dim).tolist():
        raise ArgumentError("stencil", expected="one of a square or cubic lattice", got=stencil.name)
    if dim is not None and stencil.dim != dim:
        raise ShapeError("stencil", expected=f"{dim} dimensions", got=stencil.name)
