"""Gray-Scott reaction and diffusion of two species on a periodic box.

``A' = D_A lap A - A B^2 + F (1 - A)``, ``B' = D_B lap B + A B^2 - (F + K) B``. Sources: Gray & Scott 1983; Pearson,
Science 261 (1993) 189; set-up of The Well (arXiv 2412.00568).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.solvers.exponential import ExponentialRungeKutta
from haar.data.solvers.finite import check_finite
from haar.data.solvers.grid import PeriodicGrid
from haar.errors import ArgumentError


class GrayScott:
    """Batched pseudo-spectral Gray-Scott solver: diffusion and decay exactly, ``A B^2`` explicitly and de-aliased.

    Its discrete flow commutes exactly with every rotation and reflection that keeps the grid, and with every shift
    by nodes.

    Args:
        grid: The periodic grid.
        feed: Feed rate F: a number, or one for every run of the batch.
        kill: Kill rate K: the same.
        diffusion: Diffusivities of A and of B, in squared lengths per time.
        time_step: Time step of the integrator.
        order: 2 for ETDRK2, 4 for ETDRK4.

    Raises:
        ArgumentError: If a diffusivity is negative, or the time step or order is not possible.

    Example:
        >>> grid = PeriodicGrid((16, 16), (0.25, 0.25))
        >>> solver = GrayScott(grid, feed=0.03, kill=0.062)
        >>> state = torch.zeros(1, 2, 16, 16, dtype=torch.float64)
        >>> solver.evolve(state, steps=100)[0, 0].mean() > 0.9  # without B, A is fed up to 1
        tensor(True)
    """

    def __init__(
        self,
        grid: PeriodicGrid,
        *,
        feed: float | Float[Tensor, " run"],
        kill: float | Float[Tensor, " run"],
        diffusion: tuple[float, float] = (2e-5, 1e-5),
        time_step: float = 1.0,
        order: int = 2,
    ) -> None:
        if len(diffusion) != 2 or not all(0 <= number < math.inf for number in diffusion):
            raise ArgumentError("diffusion", expected="two numbers that are not negative", got=diffusion)
        self.grid = grid
        rates = (torch.as_tensor(rate, dtype=grid.dtype, device=grid.device).reshape(-1, 1, 1) for rate in (feed, kill))
        feeds, kills = rates
        self._feed = feeds[:, 0, 0] * (grid.shape[0] * grid.shape[1])  # the mode of a constant is its sum
        species = (
            diffusivity * grid.laplacian - decay
            for diffusivity, decay in zip(diffusion, (feeds, feeds + kills), strict=True)
        )
        symbol = torch.stack(torch.broadcast_tensors(*species), dim=1)
        self._scheme = ExponentialRungeKutta(symbol, time_step, order=order)
        self._mask = grid.dealias.to(grid.dtype)

    def evolve(self, state: Float[Tensor, "run 2 x y"], steps: int) -> Float[Tensor, "run 2 x y"]:
        """Advance by a number of time steps.

        Args:
            state: Concentrations A and B.
            steps: Number of time steps.

        Returns:
            The concentrations at the later time.

        Raises:
            ArgumentError: If the result is not finite: the time step is too long.
        """
        modes = self.grid.forward(state)
        for _ in range(steps):
            modes = self._scheme.step(modes, self._reaction)
        return check_finite(self.grid.inverse(modes), self._scheme.time_step)

    def _reaction(self, modes: Tensor) -> Tensor:
        a, b = self.grid.inverse(modes).unbind(1)
        gain = torch.fft.rfft2(a.mul_(b).mul_(b)).mul_(self._mask)
        rate = torch.stack((-gain, gain), dim=1)
        rate[:, 0, 0, 0] += self._feed
        return rate
