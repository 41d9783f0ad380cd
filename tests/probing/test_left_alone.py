from __future__ import annotations

import pytest
import torch
from torch import fx, nn

from haar.probing import left_alone


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("count", torch.zeros(()))
        self.kept = "given"

    def forward(self, x):
        self.count += 1
        self.kept = self.last = self.layer(x) + torch.rand(2)
        self.register_buffer("late", torch.zeros(1))
        return self.last * torch.tensor([1.0, 2.0])


def test_what_running_or_tracing_sets_is_gone_afterwards():
    model = Remembers()
    names, buffers, state = set(vars(model)), model._buffers, torch.get_rng_state()
    with left_alone(model):
        model(torch.zeros(1, 2))
        assert isinstance(model.kept, torch.Tensor)
        fx.Tracer().trace(model)
        assert hasattr(model, "_tensor_constant0")
        model.layer.extra = nn.ReLU()
    assert set(vars(model)) == names
    assert (model.kept, model.count.item()) == ("given", 0.0)
    assert model._buffers is buffers
    assert list(buffers) == ["count"]
    assert list(model.layer._modules) == []
    assert torch.equal(torch.get_rng_state(), state)


def test_it_is_put_back_after_an_error_too():
    model = Remembers()
    with pytest.raises(RuntimeError), left_alone(model):
        model(torch.zeros(1, 3))
    assert (model.kept, model.count.item()) == ("given", 0.0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_scripted_modules_are_run_and_left():
    scripted = torch.jit.trace(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), torch.randn(4, 2))
    model = nn.Sequential(scripted)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with left_alone(model):
        model(torch.randn(8, 2))
        assert not torch.equal(model.state_dict()["0.1.running_mean"], before["0.1.running_mean"])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
