from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.probing import ForwardOnly


class Forces(nn.Module):
    """Energies, and forces by autograd, as a force field has them."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 1)

    def forward(self, x):
        x.requires_grad_()
        energy = self.net(x).square().sum((1, 2))
        return {"energy": energy, "forces": -torch.autograd.grad(energy.sum(), x)[0]}


def test_a_model_that_differentiates_gives_its_values_without_a_graph():
    model, x = Forces(), torch.randn(2, 4, 3)
    run = ForwardOnly(model)
    for _ in range(2):
        found = run(x)
        assert not any(y.requires_grad for y in found.values())
        assert not x.requires_grad
    wanted = model(x.clone())
    assert torch.equal(found["forces"], wanted["forces"])
    assert torch.equal(found["energy"], wanted["energy"])


def test_under_inference_mode():
    with torch.inference_mode():
        assert ForwardOnly(nn.Linear(3, 2))(torch.zeros(1, 3)).shape == (1, 2)
    with torch.inference_mode():
        made = torch.ones(2, 4, 3)
    assert ForwardOnly(Forces())(made)["forces"].shape == (2, 4, 3)


def test_other_models_keep_no_graph_and_their_errors_are_their_own():
    seen = []
    assert not ForwardOnly(lambda x: (seen.append(torch.is_grad_enabled()), x)[1])(torch.ones(1)).requires_grad
    assert seen == [False]

    def broken(x):
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        ForwardOnly(broken)(torch.ones(1))


def test_writes_into_the_inputs_are_counted_on_the_callers_tensors():
    x = torch.ones(2)
    writes = x._version
    ForwardOnly(lambda y: y.mul_(2))(x)
    assert x._version > writes
