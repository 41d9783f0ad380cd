"""Random periodic fields whose law does not change under the shifts, rotations and reflections of the grid."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.solvers.grid import PeriodicGrid


def random_field(
    grid: PeriodicGrid,
    amplitude: Callable[[Float[Tensor, "x ky"]], Float[Tensor, "x ky"]],
    random: torch.Generator,
) -> Float[Tensor, "x y"]:
    """White noise on the nodes, filtered by an isotropic amplitude; band-limited, zero mean, root mean square 1.

    The noise is drawn in float64 on the CPU whatever the grid's dtype and device.

    Args:
        grid: The periodic grid.
        amplitude: Amplitude of a mode as a function of its wave number ``|k|``.
        random: Source of the noise.

    Returns:
        One field.

    Example:
        >>> grid = PeriodicGrid((16, 16), (1.0, 1.0))
        >>> field = random_field(grid, lambda k: 1 / (1 + k), torch.Generator().manual_seed(0))
        >>> round(field.square().mean().item(), 12)
        1.0
    """
    noise = torch.randn(grid.shape, generator=random, dtype=torch.float64).to(grid.device, grid.dtype)
    kept = grid.dealias & (grid.laplacian != 0)
    field = grid.inverse(grid.forward(noise) * torch.where(kept, amplitude((-grid.laplacian).sqrt()), 0.0))
    return field / field.square().mean().sqrt()
