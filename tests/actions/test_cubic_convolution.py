"""Cubic convolution: parabolas exact, third order, what stands outside the grid, derivatives."""

from __future__ import annotations

import pytest
import torch

from haar.actions.cubic_convolution import cubic_convolution


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_parabolas_are_reproduced_exactly(dim, generator):
    lines = torch.meshgrid(*[torch.arange(6, dtype=torch.float64)] * dim, indexing="ij")
    places = 1 + 3 * torch.rand(2, 7, dim, generator=generator, dtype=torch.float64)

    def parabola(*p):
        return sum((k + 1.5) * q**2 - k * q for k, q in enumerate(p)) + p[0] * p[-1]

    x = parabola(*lines).expand(2, 3, *[6] * dim)
    expected = parabola(*places.unbind(-1)).unsqueeze(1).expand(2, 3, 7)
    assert torch.allclose(cubic_convolution(x, places, "border"), expected, atol=1e-12, rtol=0)
    assert torch.allclose(cubic_convolution(x, places[:1], "border")[1], expected[0], atol=1e-12, rtol=0)


def test_errors_are_of_third_order():
    errors = []
    for n in (20, 40):
        x = (torch.arange(n + 1, dtype=torch.float64) / n).mul(3).sin()[None, None]
        places = torch.linspace(2, n - 2, 301, dtype=torch.float64)
        found = cubic_convolution(x, places[None, :, None], "border")[0, 0]
        errors.append(float((found - (places * 3 / n).sin()).abs().max()))
    assert 6.5 < errors[0] / errors[1] < 9.5


def test_what_stands_outside():
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    places = torch.tensor([[[-1.0], [-3.0], [4.0], [7.0]]])
    assert cubic_convolution(x, places, "border").tolist() == [[[1, 1, 3, 3]]]
    assert cubic_convolution(x, places, "zeros").tolist() == [[[0, 0, 0, 0]]]
    assert cubic_convolution(x, places, "reflection").tolist() == [[[1, 3, 2, 2]]]


# The first use of forward mode makes torch script decompositions of its own.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_derivatives_go_through(generator):
    x = torch.randn(1, 1, 4, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    places = (3 * torch.rand(1, 2, 2, generator=generator, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: cubic_convolution(a, b, "border"), (x, places), check_forward_ad=True)
