from __future__ import annotations

import torch
from torch import nn

from haar.probing import in_double_precision


class Spectral(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(5, 5, dtype=torch.cfloat))
        self.register_buffer("index", torch.arange(3))

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x) @ self.w, n=8)


def test_complex_parameters_are_doubled_whole_numbers_are_not_and_the_given_one_stays():
    model = nn.Sequential(Spectral(), nn.Linear(8, 2))
    double = in_double_precision(model)
    assert double[0].w.dtype == torch.complex128
    assert double[0].index.dtype == torch.int64
    x = torch.randn(3, 8)
    assert double(x.double()).dtype == torch.float64
    assert torch.allclose(double(x.double()).float(), model(x), atol=1e-5)
    assert model[0].w.dtype == torch.complex64
    assert model[1].weight.dtype == torch.float32
