"""Gradient, divergence, curl, strain rate and pressure of gridded fields by spectral derivatives, components last.

Conventions: arrays are indexed ``[x, y]``; ``curl u = d_x u_y - d_y u_x``, positive for a counter-clockwise turn; under
an orthogonal map R the velocity turns as a vector, its divergence is a scalar, its curl a pseudo-scalar (factor det R)
and its strain rate a tensor.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.solvers.grid import PeriodicGrid


def gradient(grid: PeriodicGrid, scalar: Float[Tensor, "*batch x y"]) -> Float[Tensor, "*batch x y 2"]:
    """``(d_x f, d_y f)``.

    Example:
        >>> grid = PeriodicGrid((8, 8), (1.0, 1.0))
        >>> gradient(grid, torch.ones(8, 8, dtype=torch.float64)).abs().max().item()
        0.0
    """
    modes = grid.forward(scalar)
    return torch.stack([grid.inverse(1j * k * modes) for k in grid.wavenumbers], dim=-1)


def divergence(grid: PeriodicGrid, vector: Float[Tensor, "*batch x y 2"]) -> Float[Tensor, "*batch x y"]:
    """``d_x u_x + d_y u_y``."""
    return grid.derivative(vector[..., 0], 0) + grid.derivative(vector[..., 1], 1)


def curl(grid: PeriodicGrid, vector: Float[Tensor, "*batch x y 2"]) -> Float[Tensor, "*batch x y"]:
    """``d_x u_y - d_y u_x``, a pseudo-scalar.

    Example:
        >>> grid = PeriodicGrid((8, 8), (1.0, 1.0))
        >>> shear = torch.zeros(8, 8, 2, dtype=torch.float64)
        >>> shear[..., 0] = torch.cos(2 * torch.pi * grid.coordinates[1])
        >>> curl(grid, shear)[0, 2].item()  # minus the derivative of the cosine, a quarter period on
        6.283...
    """
    return grid.derivative(vector[..., 1], 0) - grid.derivative(vector[..., 0], 1)


def strain_rate(grid: PeriodicGrid, vector: Float[Tensor, "*batch x y 2"]) -> Float[Tensor, "*batch x y 2 2"]:
    """``(d_i u_j + d_j u_i) / 2``, symmetric, stored full."""
    jacobian = torch.stack([gradient(grid, vector[..., j]) for j in (0, 1)], dim=-1)
    return (jacobian + jacobian.transpose(-1, -2)) / 2


def velocity_of(
    grid: PeriodicGrid, vorticity: Float[Tensor, "*batch x y"], mean: Float[Tensor, "*batch 2"] | None = None
) -> Float[Tensor, "*batch x y 2"]:
    """The divergence-free velocity with the given curl and mean (zero by default).

    The vorticity should have no mean and no Nyquist modes (a band-limited curl has neither).
    """
    stream = -grid.inverse_laplacian * grid.forward(vorticity)
    kx, ky = grid.wavenumbers
    velocity = torch.stack((grid.inverse(1j * ky * stream), grid.inverse(-1j * kx * stream)), dim=-1)
    return velocity if mean is None else velocity + mean[..., None, None, :]


def pressure(grid: PeriodicGrid, velocity: Float[Tensor, "*batch x y 2"]) -> Float[Tensor, "*batch x y"]:
    """The pressure of an incompressible flow of unit density: ``lap p = -d_i d_j (u_i u_j)``, zero mean.

    The products are de-aliased, as in the solver.

    Example:
        >>> grid = PeriodicGrid((8, 8), (1.0, 1.0))
        >>> uniform = torch.ones(8, 8, 2, dtype=torch.float64)
        >>> pressure(grid, uniform).abs().max().item() < 1e-14
        True
    """
    u, v = velocity.unbind(-1)
    kx, ky = grid.wavenumbers
    source = kx.square() * grid.forward(u * u) + ky.square() * grid.forward(v * v)
    source = (source + 2 * kx * ky * grid.forward(u * v)) * grid.dealias
    return grid.inverse(source * grid.inverse_laplacian)
