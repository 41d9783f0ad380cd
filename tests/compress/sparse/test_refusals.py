"""What cannot be masked is refused in one line; one bad thing at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from haar.compress import Rigl, Static, coordinates, sparsify
from haar.errors import ArgumentError, KeywordError


def model():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(4, 4)
        self.mix = nn.Linear(4, 4)
        self.head = nn.Linear(4, 4, bias=False)
        self.head.weight = self.words.weight


def pruned():
    made = model()
    prune.random_unstructured(made[0], "weight", amount=0.5)
    return made


def normed():
    made = model()
    parametrizations.weight_norm(made[0])
    return made


def spread():
    """A parameter that says of itself, as those of fully_shard do, that it is a part."""
    made = model()
    made[2].weight.full_tensor = made[2].weight.clone
    return made


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("given", "regimes", "message"),
    [
        (Tied(), Static(0.5), "expected weights of one layer each under a mask, got one tensor that is both 'words"),
        (pruned(), Static(0.5), "got '0.weight_orig', from which a weight is computed; make it permanent first"),
        (normed(), Static(0.5), "from which a weight is computed"),
        (nn.LayerNorm((3, 4)), Static(0.5), "model: expected a model with weights that can be masked, got none"),
        (model(), {"critic": Static(0.5), "*": None}, r"fit weights of the model \(0.weight, 2.weight\), got 'critic'"),
        (3, Static(0.5), "model: expected a torch module, or a mapping of names to modules, got int"),
        ({"actor": model(), "critic": 3}, Static(0.5), "names to modules, got 2 of other kinds"),
        ({}, Static(0.5), "names to modules, got 0 of other kinds"),
        (spread(), Static(0.5), "expected whole parameters, got '2.weight', spread over processes; mask before fully"),
        (model(), 0.5, "regimes: expected a regime, or a mapping of patterns to regimes or None, got float"),
        (model(), {"*": 0.5}, "regimes: expected a regime, or .*, got a mapping with something else"),
        (model(), {"*": None}, "regimes: expected at least one regime, got only None"),
    ],
)  # fmt: skip
def test_models_and_regimes(given, regimes, message):
    with pytest.raises(ArgumentError, match=message):
        sparsify(given, regimes, steps=10)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"densities": "pyramid"}, "densities: expected 'erdos-renyi' or 'uniform', got 'pyramid'"),
        ({"seed": True}, "seed: expected a whole number, which all processes know, got True"),
        ({"seed": torch.Generator()}, "seed: expected a whole number, which all processes know, got <torch"),
        ({"score": "norm"}, "score: expected 'entry' or 'orbit', got 'norm'"),
    ],
)
def test_options(change, message):
    with pytest.raises(ArgumentError, match=message):
        sparsify(model(), Static(0.5), **{"steps": 10, **change})


def test_a_misspelt_keyword():
    with pytest.raises(KeywordError, match="did you mean densities"):
        sparsify(model(), Static(0.5), steps=10, density="uniform")


def adafactor(parameters):
    return torch.optim.Adafactor(parameters)


class Own(torch.optim.Optimizer):
    def __init__(self, parameters):
        super().__init__(parameters, {})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (torch.optim.LBFGS, "got LBFGS, which calls a closure"),
        (adafactor, "got Adafactor, whose state is of rows and columns"),
        (torch.optim.SparseAdam, "got SparseAdam, which takes sparse gradients"),
        (Own, "got Own; use one of Adadelta"),
    ],
)
def test_optimisers(make, message):
    one = model()
    with pytest.raises(ArgumentError, match=f"optimizer: expected an optimiser of torch that keeps .* {message}"):
        sparsify(one, Static(0.5), make(list(one.parameters())), steps=10)


class RowMoments(torch.optim.SGD):
    """A user's own kind of SGD that keeps a number for every row."""

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["rows"] = torch.zeros(len(p))


def test_state_of_whole_tensors():
    one = model()
    optimizer = RowMoments(one.parameters(), lr=0.1)
    sparsify(one, Rigl(0.5, every=1), optimizer, steps=10)
    one(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    with pytest.raises(ArgumentError, match=r"state of every entry of '0.weight', shape \(4, 4\), got 'rows' of shape"):
        optimizer.step()


def test_closures():
    one = model()
    optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
    sparsify(one, Static(0.5), optimizer, steps=10)
    for given in ((lambda: 0.0,), ()):
        named = {} if given else {"closure": lambda: 0.0}
        with pytest.raises(ArgumentError, match="closure: expected a step whose gradients are there, got a closure"):
            optimizer.step(*given, **named)


def test_a_closure_that_masks_at_its_end():
    one = model()
    optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
    sparse = sparsify(one, Static(0.5), steps=10).attach(optimizer, before=False)

    def closure():
        optimizer.zero_grad()
        loss = one(torch.ones(2, 4)).sum()
        loss.backward()
        sparse.before_step(optimizer)
        return loss

    optimizer.step(closure)
    assert bool((one[0].weight[~sparse.masks()["0.weight"]] == 0).all())


def test_two_owners():
    one = model()
    first, second = (torch.optim.SGD(one.parameters(), lr=0.1) for _ in range(2))
    with pytest.raises(
        ArgumentError, match=r"optimizer: expected one owner of each masked tensor, got two of '0.weight'"
    ):
        sparsify(one, Static(0.5), [first, second], steps=10)


def test_an_optimiser_of_others():
    one = model()
    with pytest.raises(ArgumentError, match=r"expected one that owns masked parameters \(0.weight, 2.weight\)"):
        sparsify(one, Static(0.5), torch.optim.SGD(model().parameters(), lr=0.1), steps=10)


def test_a_parameter_without_an_optimiser():
    one = model()
    optimizer = torch.optim.SGD(one[0].parameters(), lr=0.1)
    sparse = sparsify(one, Static(0.5), optimizer, steps=10)
    with pytest.raises(
        ArgumentError, match=r"expected an optimiser for every masked parameter, got none of '2.weight'"
    ):
        sparse.before_step()


def test_sizes_of_coordinates():
    with pytest.raises(ArgumentError, match="sizes: expected at least one entry for each coordinate, got 0"):
        coordinates((2, 2), torch.tensor([4, 0]))


def test_an_optimiser_is_masked_once():
    one = model()
    optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
    first = sparsify(one, {"0": Static(0.5)}, optimizer, steps=10)
    sparsify(one, {"2": Static(0.5)}, optimizer, steps=10)  # masks of other parameters
    with pytest.raises(ArgumentError, match=r"got one that these are attached to; detach\(\) those first"):
        first.attach(optimizer)
    with pytest.raises(ArgumentError, match="optimizer: expected an optimiser without masks, got one that other masks"):
        sparsify(one, Static(0.5), optimizer, steps=10)
    first.detach()
    first.attach(optimizer)
