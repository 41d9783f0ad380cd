"""Wrappers of processes and compilers: models and parameters inside them are those without."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import haar
from haar.compress import canonical, gauge, optimised, sweep
from haar.errors import ArgumentError
from haar.weights import Checkpoint, traced, verify, write_weights
from haar.weights.bare import Unwrapped, bare, wrapped_in
from haar.weights.small import SmallGPT2

X = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randint(11, (2, 5), generator=torch.Generator().manual_seed(0))
PREFIXES = ("module.", "_orig_mod.", "module._orig_mod.")


def net(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)).eval()


def gpt2(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SmallGPT2(11, 6, layers=1, dim=8, heads=2, hidden=6).eval()


class Compiled(nn.Module):
    """What torch.compile returns, without compiling."""

    def __init__(self, model):
        super().__init__()
        self._orig_mod = model

    def forward(self, *args):
        return self._orig_mod(*args)


WRAPPED = {"data parallel": nn.DataParallel, "compiled": Compiled, "both": lambda m: nn.DataParallel(Compiled(m))}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torch_keeps_a_compiled_model_where_it_is_looked_for():
    model = net(0)
    assert bare(torch.compile(model)) is model


@pytest.mark.parametrize("kind", WRAPPED)
def test_models(kind):
    wrap = WRAPPED[kind]
    a, b = net(0), net(1)
    assert bare(wrap(a)) is a
    plain = haar.align(a, b, example=X)
    for one, other in ((wrap(a), wrap(b)), (wrap(a), b), (a, wrap(b))):
        found = haar.align(one, other, example=X)
        assert all(torch.equal(value, plain.b[name]) for name, value in found.b.items())
        assert list(found.a) == list(a.state_dict())
        assert torch.equal(found.model(X), plain.model(X))
    assert haar.align.difference(wrap(a), a, example=X).same
    merged = haar.align.merge([wrap(a), wrap(b)], example=X)
    assert torch.equal(merged(X), haar.align.merge([a, b], example=X)(X))
    grown = haar.align.as_wide_as(wrap(a), wrap(net(2)), example=X)
    torch.testing.assert_close(grown(X), net(2)(X))
    loss = lambda model, x: model(x).square().mean()  # noqa: E731
    heights = [haar.align.barrier(one, b, loss, [X], points=3).losses for one in (a, wrap(a))]
    assert heights[0] == heights[1]
    assert verify(wrap(a), traced(wrap(a), X), X).preserved
    assert traced(wrap(a), X).tensors == traced(a, X).tensors


@pytest.mark.parametrize("kind", WRAPPED)
def test_compression(kind):
    wrap = WRAPPED[kind]
    a = net(0)
    before = copy.deepcopy(a.state_dict())
    told = [sweep(model, ["magnitude"], ["drift"], [X], levels=[0.5], draws=0) for model in (a, wrap(a))]
    assert told[0].curves[0].points == told[1].curves[0].points
    assert told[1].layers == ("0.weight", "2.weight")
    audits = [gauge(model, ["magnitude"], None, [X]).to_dict()["rows"] for model in (a, wrap(a))]
    assert audits[0] == audits[1]
    assert torch.equal(canonical(wrap(a), X)(X), canonical(a, X)(X))
    assert torch.equal(optimised(wrap(a), "spread", X, steps=2).model(X), optimised(a, "spread", X, steps=2).model(X))
    assert all(torch.equal(value, before[name]) for name, value in a.state_dict().items())


@pytest.mark.parametrize("prefix", PREFIXES)
def test_checkpoints_of_published_architectures(prefix, tmp_path):
    a, b = gpt2(0), gpt2(1)
    plain = haar.align(a.state_dict(), b.state_dict(), config=a.config)
    named = {prefix + name: value for name, value in b.state_dict().items()}
    assert wrapped_in(named) == prefix
    path = write_weights(tmp_path / "b.safetensors", named)
    for other in (named, Checkpoint(path)):
        found = haar.align(a.state_dict(), other, config=a.config)
        assert set(found.b) == set(plain.b)
        assert all(torch.equal(found.b[name], value) for name, value in plain.b.items())


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_table_by_hand_says_what_is_in_front(prefix):
    a = net(0)
    table = traced(a, X)
    named = {prefix + name: value for name, value in a.state_dict().items()}
    message = f"b: expected a tensor '0.weight', got '{prefix}0.weight', as a wrapper calls it; take '{prefix}' off: "
    with pytest.raises(ArgumentError) as error:
        haar.align(a.state_dict(), named, symmetry=table)
    assert str(error.value).startswith(message)
    off = {name.removeprefix(prefix): value for name, value in named.items()}
    assert haar.align(a.state_dict(), off, symmetry=table).same


def test_a_part_of_the_names_is_no_wrapper():
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert wrapped_in(state) == wrapped_in({}) == ""
    with pytest.raises(ArgumentError, match=r"a: expected a tensor 'a', got none of that name$"):
        haar.align(state, state, symmetry=haar.weights.ParameterAction({}, {"a": (None,)}))


def test_a_model_whose_own_part_is_called_so():
    """Its names are its own: the table has them too."""

    class Own(nn.Module):
        def __init__(self, seed):
            super().__init__()
            self.module = net(seed)

        def forward(self, x):
            return self.module(x)

    a, b = Own(0), Own(1)
    found = haar.align(a, b, example=X)
    assert list(found.b) == list(b.state_dict())
    again = haar.align(a.state_dict(), b.state_dict(), symmetry=found.action)
    assert all(torch.equal(again.b[name], value) for name, value in found.b.items())


def test_parameters_seen_without_their_prefix():
    found = Unwrapped({"module.a": torch.ones(2)}, "module.")
    assert (list(found), len(found), "a" in found, "module.a" in found, 3 in found) == (["a"], 1, True, False, False)
    assert torch.equal(found["a"], torch.ones(2))
