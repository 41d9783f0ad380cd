"""A chain of torch's own layers is written down as a run would write it, and whatever else is left to the run."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from haar.tracing import SHAPE, chain, follow


def written(graph):
    """What a graph says, without the number of rows that nobody reads."""
    return [
        (node.op, str(node.target), [str(x) for x in node.args], node.meta[SHAPE])
        for node in graph.nodes
        if node.name != "size"
    ]


ACTIVATION = nn.Tanh()
CHAINS = {
    "a layer": nn.Linear(3, 2),
    "layers": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False)),
    "nested": nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.GELU()), nn.Sequential(), nn.Linear(4, 2)),
    "an activation twice": nn.Sequential(nn.Linear(3, 3), ACTIVATION, nn.Linear(3, 3), ACTIVATION),
    "nothing": nn.Sequential(),
    "in double precision": nn.Sequential(nn.Linear(3, 3), nn.SiLU()).double(),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("shape", [(3,), (5, 3)])
def test_it_is_what_a_run_writes(name, shape):
    model = CHAINS[name]
    dtype = next(iter(model.parameters()), torch.zeros(())).dtype
    rows = [torch.zeros(count, *shape, dtype=dtype) for count in (2, 3)]
    found, expected = chain(model, shape), follow(model, rows[:1], again=rows[1:])
    assert written(found.graph) == written(expected.graph)
    assert torch.equal(found.run(rows[1] + 1), model(rows[1] + 1))


def one_more(module, inputs, output):
    """A hook."""
    del module, inputs
    return output + 1


class Own(nn.Linear):
    """A layer that says something else."""

    def forward(self, x):
        return 2 * super().forward(x)


def hooked():
    layer = nn.Linear(3, 3)
    layer.register_forward_hook(one_more)
    return layer


def replaced():
    layer = nn.ReLU()
    layer.forward = torch.sin
    return layer


def parametrised():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", nn.Tanh())
    return layer


def shadowed():
    layer = nn.Linear(3, 3)
    del layer.weight
    layer.weight = torch.zeros(3, 3)
    return layer


def buffered():
    layer = nn.Linear(3, 3)
    layer.register_buffer("calls", torch.zeros(1))
    return layer


LEFT = {
    "a class of one's own": lambda: Own(3, 3),
    "a hook": hooked,
    "a forward method of its own": replaced,
    "a parametrised weight": parametrised,
    "a weight that is no parameter": shadowed,
    "writing in place": lambda: nn.ReLU(inplace=True),
    "noise": lambda: nn.Dropout(0.5),
    "statistics": lambda: nn.BatchNorm1d(3),
    "two precisions": lambda: nn.Linear(3, 3).double(),
    "complex numbers": lambda: nn.Linear(3, 3, dtype=torch.complex64),
    "no numbers": lambda: nn.Linear(3, 3, device="meta"),
    "another size": lambda: nn.Linear(4, 3),
    "a buffer": buffered,
}


@pytest.mark.parametrize("name", LEFT)
def test_whatever_else_is_left_to_a_run(name):
    """Each of them in the place of a layer that would be known."""
    known = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    assert chain(known, (3,)) is not None
    known[1] = LEFT[name]()
    assert chain(known, (3,)) is None


def test_a_class_that_was_changed_is_left_to_a_run(monkeypatch):
    monkeypatch.setattr(nn.ReLU, "forward", nn.Tanh.forward)
    assert chain(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), (3,)) is None


def test_hooks_on_all_modules_are_left_to_a_run():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    handle = nn.modules.module.register_module_forward_hook(one_more)
    try:
        assert chain(model, (3,)) is None
    finally:
        handle.remove()
    assert chain(model, (3,)) is not None


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_inputs_without_numbers_are_left_to_a_run(shape):
    assert chain(nn.Sequential(nn.Tanh()), shape) is None
