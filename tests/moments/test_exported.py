"""A model and what torch.export made of it are followed alike."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.moments import Gaussian, UnsupportedModuleError, propagate
from haar.moments.trace import trace


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x):
        h = torch.relu(self.a(x))
        return self.c(h + F.gelu(self.b(h)))


class Shapes(nn.Module):
    def forward(self, x):
        parts = x.view(x.shape[0], 2, -1)
        z = parts[:, 0].square() + parts[:, 1].pow(3) + x.reshape(x.size(0), -1)[:, ::2]
        return torch.cat([z, F.pad(z, (1, 1))], 1).sum(-1, keepdim=True) / 3


def _convolutional():
    head = [nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Softplus(), nn.AvgPool2d(2), nn.Dropout(0.3), nn.Flatten()]
    return nn.Sequential(*head, nn.Linear(18, 4), nn.ELU(), nn.LeakyReLU(0.2), nn.Hardtanh(), nn.Linear(4, 2))


def _exported(model, shape):
    batch = torch.export.Dim("batch")
    return torch.export.export(model.eval(), (torch.randn(3, *shape),), dynamic_shapes=({0: batch},)).module()


@pytest.mark.parametrize(("make", "shape"), [(Residual, (4,)), (_convolutional, (1, 8, 8)), (Shapes, (8,))])
def test_an_exported_program_is_followed_like_its_module(make, shape):
    torch.manual_seed(0)
    model = make().eval()
    law = Gaussian(torch.linspace(-1, 1, torch.Size(shape).numel()), 0.5)
    plain, exported = (propagate(m, law, order=3, input_shape=shape) for m in (model, _exported(model, shape)))
    assert (plain.cov - exported.cov).abs().max() < 1e-10 * plain.cov.abs().max()
    assert (plain.third - exported.third).abs().max() < 1e-10 * plain.third.abs().max()
    assert plain.cov.abs().max() > 1e-6


def test_what_has_no_closed_form_is_named_in_an_exported_program():
    program = _exported(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), (4,))
    with pytest.raises(UnsupportedModuleError, match="got layer_norm"):
        propagate(program, Gaussian(torch.zeros(4)))
    assert [step.kind for step in trace(program, (4,), on_unsupported="sample").steps] == ["linear", "layer_norm"]
