"""Energy of a field by wavenumber: what tells a sharp prediction from a blurred one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def energy_spectrum(fields: Float[Tensor, "*batch channel nx ny"]) -> Float[Tensor, "*batch k"]:
    """Energy in shells of wavenumber 1, 2, ... up to half the grid, summed over channels.

    Args:
        fields: Of a periodic plane.

    Example:
        >>> wave = torch.cos(2 * torch.pi * 3 * torch.arange(16) / 16).expand(1, 16, 16)
        >>> energy_spectrum(wave).argmax().item()  # wavenumbers begin with 1
        2
    """
    shape = fields.shape[-2:]
    k = [torch.fft.fftfreq(n, dtype=torch.float64) * n for n in shape]
    shell = (k[0].unsqueeze(-1).square() + k[1].square()).sqrt().round().long().flatten()
    energy = torch.fft.fft2(fields.double(), norm="forward").abs().square().sum(-3).flatten(-2)
    most = min(shape) // 2
    found: Tensor = energy.new_zeros(*energy.shape[:-1], int(shell.max()) + 1).index_add_(-1, shell, energy)
    return found[..., 1 : most + 1]


def kept_energy(made: Float[Tensor, "*batch channel nx ny"], truth: Float[Tensor, "*batch channel nx ny"]) -> Tensor:
    """Energy over that of the truth, at wavenumbers from a quarter to half of the largest.

    Args:
        made: Predictions.
        truth: What they are of.

    Example:
        >>> x = torch.randn(1, 16, 16)
        >>> kept_energy(2 * x, x).item()
        4.0
    """
    ours, theirs = energy_spectrum(made), energy_spectrum(truth)
    most = ours.shape[-1]
    band = slice(most // 4, most // 2)
    return ours[..., band].sum(-1) / theirs[..., band].sum(-1)
