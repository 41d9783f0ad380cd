"""What is read off populations: velocity, energy, vorticity, momentum, spectra."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.systems.lattice_boltzmann.stencil import Stencil


def velocity(f: Float[Tensor, "batch q *space"], stencil: Stencil) -> Float[Tensor, "batch dim *space"]:
    """At every node.

    Args:
        f: Populations.
        stencil: Their velocities.
    """
    return stencil.moments(f.movedim(1, -1))[1].movedim(-1, 1)


def energy(f: Float[Tensor, "batch q *space"], stencil: Stencil) -> Float[Tensor, " batch"]:
    """The mean kinetic energy of unit mass."""
    return velocity(f, stencil).square().sum(1).flatten(1).mean(1) / 2


def momentum(f: Float[Tensor, "batch q *space"], stencil: Stencil) -> Float[Tensor, "batch dim"]:
    """The mean momentum of a node."""
    return f.flatten(2).mean(2) @ stencil.velocities.to(f)


def vorticity(u: Float[Tensor, "batch dim x y"], ended: Sequence[int] = ()) -> Float[Tensor, "batch x y"]:
    """Of a flow in the plane, by central differences.

    Args:
        u: Velocity.
        ended: Axes that end, at walls or open ends, where differences are to one side; all others are periodic.

    Example:
        >>> vorticity(torch.zeros(1, 2, 4, 4)).abs().max().item()
        0.0
    """
    return _slope(u[:, 1], 0, ended) - _slope(u[:, 0], 1, ended)


def spectrum(u: Float[Tensor, "batch dim *space"]) -> Float[Tensor, "batch waves"]:
    """The kinetic energy in shells of wave numbers 0, 1, 2, ...; their sum is the mean energy.

    Args:
        u: Velocity on a periodic grid.
    """
    axes = tuple(range(2, u.ndim))
    sites = u[0, 0].numel()
    power = (torch.fft.fftn(u, dim=axes).abs() / sites).square().sum(1) / 2
    shell = _shells(tuple(u.shape[2:])).flatten()
    out = torch.zeros(len(u), int(shell.max()) + 1, dtype=power.dtype)
    return out.index_add(1, shell, power.flatten(1))


def _slope(u: Float[Tensor, "batch x y"], axis: int, ended: Sequence[int]) -> Float[Tensor, "batch x y"]:
    place = axis + 1
    if axis in ended:
        (found,) = torch.gradient(u, dim=place)
        return found
    return (u.roll(-1, place) - u.roll(1, place)) / 2


def relative_difference(u: Tensor, reference: Tensor) -> float:
    """The norm of the difference over that of the reference."""
    return float((u - reference).norm() / reference.norm())


def _shells(shape: tuple[int, ...]) -> Int[Tensor, "*space"]:
    waves = torch.meshgrid(*[torch.fft.fftfreq(n, 1 / n, dtype=torch.float64) for n in shape], indexing="ij")
    return torch.stack(waves).square().sum(0).sqrt().round().to(torch.int64)
