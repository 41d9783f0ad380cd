"""Incompressible flow in two dimensions with a passive tracer: vorticity form, pseudo-spectral, on a periodic box.

``w_t + u . grad w = nu lap w``, ``s_t + u . grad s = D lap s``, ``w = d_x u_y - d_y u_x``. The transport of vorticity
takes two products instead of three, ``u . grad w = (d_xx - d_yy)(u_x u_y) + d_x d_y (u_y^2 - u_x^2)`` (Basdevant, J.
Comput. Phys. 50 (1983) 209); without aliasing it conserves energy and enstrophy like every other form.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from haar.data.solvers.exponential import ExponentialRungeKutta
from haar.data.solvers.finite import check_finite
from haar.data.solvers.grid import PeriodicGrid
from haar.errors import ArgumentError


class NavierStokes:
    """Batched solver for velocity and tracer.

    Its discrete flow commutes exactly with the grid's rotations, reflections (velocity as a vector, vorticity as a
    pseudo-scalar) and shifts, and with changes of sign and scale of the tracer.

    Args:
        grid: The periodic grid.
        viscosity: Kinematic viscosity nu of the fluid.
        diffusivity: Diffusivity of the tracer.
        time_step: Time step of the integrator.
        order: 2 for ETDRK2, 4 for ETDRK4.

    Raises:
        ArgumentError: If viscosity or diffusivity is negative, or the time step or order is not possible.

    Example:
        >>> import math
        >>> grid = PeriodicGrid((16, 16), (2 * math.pi, 2 * math.pi))
        >>> solver = NavierStokes(grid, viscosity=0.1, diffusivity=0.1, time_step=0.1)
        >>> velocity, tracer = torch.zeros(1, 16, 16, 2).double(), torch.ones(1, 16, 16).double()
        >>> velocity[..., 0] = torch.sin(grid.coordinates[1])  # a shear flow decays as exp(-viscosity t)
        >>> later, _ = solver.evolve(velocity, tracer, steps=10)
        >>> bool((later - math.exp(-0.1) * velocity).abs().max() < 1e-12)
        True
    """

    def __init__(
        self, grid: PeriodicGrid, *, viscosity: float, diffusivity: float, time_step: float, order: int = 2
    ) -> None:
        for name, value in (("viscosity", viscosity), ("diffusivity", diffusivity)):
            if not 0 <= value < math.inf:
                raise ArgumentError(name, expected="a number that is not negative", got=value)
        self.grid, self.viscosity, self.diffusivity = grid, viscosity, diffusivity
        symbol = torch.stack((viscosity * grid.laplacian, diffusivity * grid.laplacian))
        self._scheme = ExponentialRungeKutta(symbol, time_step, order=order)
        kx, ky = grid.wavenumbers
        keep = grid.dealias.to(grid.dtype)
        # (u_x, u_y) = (d_y, -d_x) of the stream function -lap^-1 w
        self._biot_savart = torch.stack((-1j * ky * grid.inverse_laplacian, 1j * kx * grid.inverse_laplacian))
        self._difference = ((kx.square() - ky.square()) * keep).to(self._biot_savart.dtype)
        self._product = (kx * ky * keep).to(self._biot_savart.dtype)
        self._divergence = torch.stack((-1j * kx * keep, -1j * ky * keep))

    def evolve(
        self, velocity: Float[Tensor, "run x y 2"], tracer: Float[Tensor, "run x y"], steps: int
    ) -> tuple[Float[Tensor, "run x y 2"], Float[Tensor, "run x y"]]:
        """Advance by a number of time steps.

        Args:
            velocity: Velocity; only its curl and its mean count (the divergence-free part).
            tracer: Concentration of the tracer at the start.
            steps: Number of time steps.

        Returns:
            Velocity and tracer at the later time.

        Raises:
            ArgumentError: If the result is not finite: the time step is too long.
        """
        kx, ky = self.grid.wavenumbers
        flow = self.grid.forward(velocity.movedim(-1, 1))
        drift = flow[:, :, :1, :1].clone()  # the mean velocity never changes
        modes = torch.stack((1j * kx * flow[:, 1] - 1j * ky * flow[:, 0], self.grid.forward(tracer)), dim=1)
        for _ in range(steps):
            modes = self._scheme.step(modes, lambda state: self._transport(state, drift))
        flow = self._biot_savart * modes[:, :1]
        flow[:, :, :1, :1] = drift
        later = self.grid.inverse(torch.cat((flow, modes[:, 1:]), dim=1))
        check_finite(later, self._scheme.time_step)
        return later[:, :2].movedim(1, -1), later[:, 2]

    def _transport(self, modes: Complex[Tensor, "run 2 x ky"], drift: Complex[Tensor, "run 2 1 1"]) -> Tensor:
        """Minus the transport of vorticity and tracer: 3 inverse and 4 forward transforms."""
        flow = torch.empty((len(modes), 3, *modes.shape[2:]), dtype=modes.dtype, device=modes.device)
        torch.mul(self._biot_savart, modes[:, :1], out=flow[:, :2])
        flow[:, :2, :1, :1] = drift
        flow[:, 2] = modes[:, 1]
        u, v, s = self.grid.inverse(flow).unbind(1)
        products = torch.fft.rfft2(torch.stack((u * v, (v - u) * (v + u), u * s, v * s), dim=1))
        rate = torch.empty_like(modes)
        torch.mul(products[:, 0], self._difference, out=rate[:, 0]).addcmul_(products[:, 1], self._product)
        torch.mul(products[:, 2], self._divergence[0], out=rate[:, 1]).addcmul_(products[:, 3], self._divergence[1])
        return rate
