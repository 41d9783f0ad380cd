"""Layers made on the meta device and filled later are those that are made at once."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from haar import nn as hnn
from haar.actions.representation import Defining, Induced, Regular, Trivial
from haar.groups import SO, dihedral, symmetric
from haar.nn import spectral
from haar.nn.frames import GramMap, PCAFrame

D4 = dihedral(4)
REGULAR = 2 * Regular(D4)


def network():
    group = dihedral(3)
    hidden = 2 * Regular(group) + Induced(Defining(group.subgroup([1])))
    return hnn.Sequential(
        hnn.Linear(Regular(group), hidden), hnn.NormNonlinearity(hidden), hnn.Linear(hidden, Trivial(group, 2))
    )


MADE = {
    "Linear": (lambda: hnn.Linear(REGULAR, REGULAR), (3, 16)),
    "blocks": (lambda: hnn.Linear(REGULAR, REGULAR, form="blocks"), (3, 16)),
    "Conv": (lambda: hnn.Conv(REGULAR, REGULAR, 3), (1, 16, 5, 5)),
    "Bilinear": (lambda: hnn.TensorSquare(REGULAR, REGULAR), (3, 16)),
    "LayerNorm": (lambda: hnn.LayerNorm(REGULAR), (3, 16)),
    "GroupNorm": (lambda: hnn.GroupNorm(2, REGULAR), (3, 16)),
    "BatchNorm": (lambda: hnn.BatchNorm(REGULAR), (3, 16)),
    "NormNonlinearity": (lambda: hnn.NormNonlinearity(REGULAR), (3, 16)),
    "Gated": (lambda: hnn.Gated(4 * Defining(SO(3))), (3, 16)),
    "Invariants": (lambda: hnn.Invariants(2 * Defining(symmetric(5))), (3, 10)),
    "SelfAttention": (lambda: hnn.SelfAttention(Regular(D4), 4), (3, 8, 4)),
    "network": (network, (3, 6)),
    "SignDeepSets": (lambda: spectral.SignDeepSets(4), (3, 5, 4)),
    "SignCharacters": (
        lambda: spectral.SignCharacters(spectral.column_characters(3), spectral.pseudovector_characters(3)),
        (6, 3),
    ),
    "SignAttention": (lambda: spectral.SignAttention(4), (2, 5, 4)),
    "SignMessagePassing": (lambda: spectral.SignMessagePassing(4), (2, 5, 4)),
    "SignProduct": (lambda: spectral.SignProduct(5, 3, 2), (5, 3)),
    "SignNet": (lambda: spectral.SignNet(3, 4, on="set"), (9, 3)),
    "GraphConvolution": (lambda: spectral.SignNet(3, 4), None),
    "Perceptron": (lambda: spectral.Perceptron((3, 4, 2), activation=nn.PReLU), (2, 3)),
    "GramMap": (lambda: GramMap(1), (4, 5, 3)),
    "PCAFrame": (lambda: PCAFrame(spectral.SignDeepSets(3)), (4, 9, 3)),
}


def direct(name):
    torch.manual_seed(0)
    return MADE[name][0]()


def deferred(name):
    with torch.device("meta"):
        return MADE[name][0]()


@pytest.mark.parametrize("name", MADE)
def test_numbers_that_are_loaded(name):
    module, shape = direct(name), MADE[name][1]
    state = copy.deepcopy(module.state_dict())
    before = torch.get_rng_state()
    empty = deferred(name)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(t.is_meta for t in [*empty.parameters(), *empty.buffers()])
    assigned = copy.deepcopy(empty)
    empty.to_empty(device="cpu")
    empty.load_state_dict(state)
    assigned.load_state_dict(state, assign=True)
    if shape is None:
        return
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    expected = module(x)
    assert torch.equal(empty(x), expected)
    assert torch.equal(assigned(x), expected)


@pytest.mark.parametrize("name", MADE)
def test_numbers_that_are_drawn_later(name):
    expected = direct(name).state_dict()
    module = deferred(name).to_empty(device="cpu")
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.fill_(7)
    torch.manual_seed(0)
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    for key, value in module.state_dict().items():
        torch.testing.assert_close(value, expected[key], rtol=1e-6, atol=1e-6)


def test_a_generator_is_left_alone_and_reproduces():
    make = {
        "linear": lambda source: hnn.Linear(REGULAR, REGULAR, generator=source),
        "bilinear": lambda source: hnn.Bilinear(REGULAR, REGULAR, REGULAR, generator=source),
        "square": lambda source: hnn.TensorSquare(REGULAR, REGULAR, generator=source),
        "attention": lambda source: hnn.SelfAttention(Regular(D4), 4, generator=source),
        "graph": lambda source: spectral.GraphConvolution(2, 3, generator=source),
    }
    for layer in make.values():
        state = torch.get_rng_state()
        one, other = (layer(torch.Generator().manual_seed(3)).state_dict() for _ in range(2))
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_restricted_empty_layer_is_empty():
    with torch.device("meta"):
        layer = hnn.Linear(REGULAR, REGULAR)
        looser = layer.restrict(D4.subgroup([1]))
    assert looser.weight.is_meta
    assert looser.weight.numel() > layer.weight.numel()
