"""The Fourier neural operator: weights on the lowest modes of a spectrum.

Written by hand as neuraloperator has it: the package would bring a tracker of experiments along.
Source: Li et al., arXiv 2010.08895.
"""

from __future__ import annotations

import pytest
import torch
from promises import is_averaged, is_followed, is_relaxed_as_a_whole, made
from torch import nn
from torch.nn import functional

from haar.actions import Field, Space, Symmetry, Trivial
from haar.errors import ShapeError
from haar.groups import dihedral
from haar.relax import homotopise

D4 = dihedral(4)
FLOW = Symmetry(D4, Field(Trivial(D4) + Space(D4)), Field(Trivial(D4) + Space(D4)))


class SpectralConvolution(nn.Module):
    """Mixes the channels of the lowest modes, of positive and of negative frequency along the first axis."""

    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        drawn = torch.randn(2, width, width, modes, modes, dtype=torch.complex128)
        self.weight = nn.Parameter(drawn / width)

    def forward(self, x):
        low = self.modes
        spectrum = torch.fft.rfft2(x)
        kept = torch.zeros_like(spectrum)
        for rows, weight in ((slice(low), self.weight[0]), (slice(-low, None), self.weight[1])):
            kept[:, :, rows, :low] = torch.einsum("bixy,ioxy->boxy", spectrum[:, :, rows, :low], weight)
        return torch.fft.irfft2(kept, s=x.shape[-2:])


class FourierOperator(nn.Module):
    def __init__(self, width=6, modes=3):
        super().__init__()
        self.lift, self.project = nn.Conv2d(3, width, 1), nn.Conv2d(width, 3, 1)
        self.spectral = nn.ModuleList(SpectralConvolution(width, modes) for _ in range(2))
        self.skips = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(2))

    def forward(self, x):
        x = self.lift(x)
        for spectral, skip in zip(self.spectral, self.skips, strict=True):
            x = functional.gelu(spectral(x) + skip(x))
        return self.project(x)


def test_weights_on_modes():
    model, x = made(FourierOperator, 2, 3, 8, 8)
    is_averaged(model, FLOW, x)
    is_relaxed_as_a_whole(model, FLOW, x)
    with pytest.raises(ShapeError, match=r"in fft_rfft2 .*use mode=\"function\", which takes any module"):
        homotopise(model, FLOW, example=x)
    is_followed(model, x)
