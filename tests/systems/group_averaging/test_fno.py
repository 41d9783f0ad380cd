"""The spectral convolution against its definition, and the symmetries that the network has and has not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_surrogates import fields

from haar.errors import ArgumentError
from haar.systems.group_averaging.surrogates import FNO
from haar.systems.group_averaging.surrogates.fno import SpectralConvolution, TuckerConvolution


@given(dim=st.integers(1, 3), data=st.data())
def test_fno_commutes_with_every_integer_shift(dim, data):
    modes = data.draw(st.lists(st.integers(1, 7), min_size=dim, max_size=dim))
    space = [count + data.draw(st.integers(0, 4)) for count in modes]
    shift = data.draw(st.lists(st.integers(-9, 9), min_size=dim, max_size=dim))
    net = FNO(2, 3, width=4, modes=modes, layers=2, dim=dim).double()
    x = fields(2, 2, *space)
    axes = tuple(range(2, 2 + dim))
    torch.testing.assert_close(net(x.roll(shift, axes)), net(x).roll(shift, axes), rtol=0, atol=1e-12)


def test_fno_has_no_reflection_and_no_rotation_symmetry():
    net = FNO(2, 3, width=4, modes=(6, 6), layers=2).double()
    x = fields(1, 2, 8, 8)
    assert (net(x.flip(2)) - net(x).flip(2)).abs().max() > 1e-3
    assert (net(torch.rot90(x, 1, (2, 3))) - torch.rot90(net(x), 1, (2, 3))).abs().max() > 1e-3


@given(modes=st.tuples(st.integers(1, 8), st.integers(1, 8)), extra=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_spectral_convolution_is_a_product_for_every_retained_wave_vector(modes, extra):
    layer = SpectralConvolution(2, 3, modes).double()
    nx, ny = modes[0] + extra[0], modes[1] + extra[1]
    x = fields(2, 2, nx, ny)
    weight = layer.weight.detach().numpy()
    spectrum = np.fft.fft2(x.numpy())
    result = np.zeros((2, 3, nx, ny // 2 + 1), complex)
    for row in range(modes[0]):
        kx = row if row < modes[0] - modes[0] // 2 else row - modes[0]
        for ky in range(modes[1] // 2 + 1):
            matrix = weight[row, ky, :, :3] + 1j * weight[row, ky, :, 3:]
            result[:, :, kx, ky] = spectrum[:, :, kx, ky] @ matrix
    expected = np.fft.irfft2(result, s=(nx, ny))
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_spectral_convolution_does_not_depend_on_the_resolution():
    layer = SpectralConvolution(1, 1, (5, 5)).double()
    fine = torch.arange(24, dtype=torch.float64) * (2 * torch.pi / 24)
    x = (torch.sin(fine)[:, None] + torch.cos(2 * fine)[None, :] + 0.5)[None, None]
    torch.testing.assert_close(layer(x)[..., ::2, ::2], layer(x[..., ::2, ::2]), rtol=0, atol=1e-12)


def test_spectral_convolution_has_the_right_gradient():
    layer = SpectralConvolution(2, 1, (3, 2)).double()
    x = fields(2, 2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, w: torch.func.functional_call(layer, {"weight": w}, (x,)), (x, layer.weight)
    )


def test_a_tucker_weight_is_its_core_times_a_matrix_along_every_axis():
    layer = TuckerConvolution(3, 2, (5, 4), rank=0.4).double()
    factors = [factor.detach().numpy() for factor in layer.factors]
    expected = np.einsum("abcd,xa,yb,ic,od->xyio", layer.core.detach().numpy(), *factors)
    np.testing.assert_allclose(layer.whole_weight().detach().numpy(), expected, rtol=0, atol=1e-12)
    assert expected.shape == (5, 3, 3, 4)


def test_a_tucker_weight_starts_as_large_as_a_whole_one_and_has_its_share_of_numbers():
    torch.manual_seed(0)
    whole, part = SpectralConvolution(16, 16, (12, 12)), TuckerConvolution(16, 16, (12, 12), rank=0.5)
    assert 0.9 < float((part.whole_weight().square().mean() / whole.weight.square().mean()).detach()) < 1.1
    assert 0.4 < part.core.numel() / whole.weight.numel() < 0.6


def test_a_tucker_network_commutes_with_shifts():
    net = FNO(2, 3, width=4, modes=(6, 5), layers=2, rank=0.5).double()
    x = fields(2, 2, 8, 7)
    torch.testing.assert_close(net(x.roll((3, 2), (2, 3))), net(x).roll((3, 2), (2, 3)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("rank", [0, 1.01, -0.5])
def test_a_rank_that_is_no_share_is_refused(rank):
    with pytest.raises(ArgumentError, match=r"rank: expected a share above 0, at most 1, got"):
        TuckerConvolution(2, 2, (4, 4), rank=rank)
