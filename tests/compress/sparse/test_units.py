"""What units count, how they are scored, and how orbits of different sizes compete."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions.representation import Regular, Trivial
from haar.compress import Gradual, Static, coordinates, entries, orbits, sparsify
from haar.groups import cyclic, dihedral
from haar.nn import Conv, Linear


def test_entries():
    units = entries((2, 3))
    assert (units.kind, units.count, units.entries) == ("entries", 6, 6)
    value = torch.tensor([[1.0, -2.0, 3.0], [0.0, 5.0, -6.0]])
    assert units.score(value).tolist() == [1, 2, 3, 0, 5, 6]
    assert units.score(value, "orbit").tolist() == [1, 2, 3, 0, 5, 6]


def test_the_two_scores_of_coordinates():
    units = coordinates((5, 2), torch.tensor([1, 9]))
    assert (units.kind, units.entries) == ("coordinates", 10)
    p = torch.tensor([2.0, -3.0])  # entries of size 2 and 1
    assert units.score(p).tolist() == [2.0, 1.0]
    assert units.score(p, "orbit").tolist() == [2.0, 3.0]


def test_the_two_scores_of_orbits():
    D4 = dihedral(4)
    units = orbits(Trivial(D4), Trivial(D4), (1, 1, 3, 3))  # corners, edges, the middle
    kernel = torch.tensor([2.0, -1.0, 2.0, -1.0, 3.0, -1.0, 2.0, -1.0, 2.0]).view(1, 1, 3, 3)
    assert units.score(kernel).tolist() == [2.0, 1.0, 3.0]
    assert units.score(kernel, "orbit").tolist() == [4.0, 2.0, 3.0]
    chosen = torch.tensor([True, False, True])
    assert units.counted(chosen) == 5
    assert units.spread(chosen).view(3, 3).tolist() == [[True, False, True], [False, True, False], [True, False, True]]


def test_the_score_decides_which_orbits_stay():
    D4 = dihedral(4)
    kept = {}
    for score in ("entry", "orbit"):
        layer = nn.Conv2d(1, 1, 3, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([2.0, 1.0, 2.0, 1.0, 3.0, 1.0, 2.0, 1.0, 2.0]).view(1, 1, 3, 3))
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.0)
        regime = Gradual(0.9, every=1, until=0.5)
        sparse = sparsify(layer, regime, optimizer, steps=2, symmetry={"": (Trivial(D4), Trivial(D4))}, score=score)
        for _ in range(2):
            layer.weight.grad = torch.zeros_like(layer.weight)
            optimizer.step()
        kept[score] = sparse.masks()["weight"].sum().item()
    assert kept == {"entry": 1, "orbit": 4}  # the middle; the corners


def test_what_is_not_zero_is_told_of_the_dense_weight():
    C8 = cyclic(8)
    blocks = Linear(4 * Regular(C8), 4 * Regular(C8))
    (told,) = sparsify(blocks, Static(0.8), steps=10).report().layers
    assert told.active / told.entries == pytest.approx(0.2, abs=0.01)
    assert told.nonzero > 0.5  # coordinates of isotypic blocks are no entries
    kernel = Conv(2 * Regular(dihedral(4)), 2 * Regular(dihedral(4)), 3)
    (told,) = sparsify(kernel, Static(0.8), steps=10).report().layers
    assert told.nonzero == pytest.approx(told.active / told.entries)


def test_the_same_density_everywhere():
    model = nn.Sequential(nn.Linear(10, 100), nn.Linear(100, 100))
    sparse = sparsify(model, Static(0.7), steps=10, densities="uniform")
    assert [layer.active / layer.entries for layer in sparse.report().layers] == [0.3, 0.3]


def test_a_model_whose_weights_were_loaded_goes_on_with_its_masks():
    def training():
        torch.manual_seed(0)
        model = nn.Linear(8, 8)
        return model, torch.optim.SGD(model.parameters(), lr=0.1)

    model, optimizer = training()
    sparse = sparsify(model, Static(0.5), optimizer, steps=10, seed=5)
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    again, other = training()
    again.load_state_dict(model.state_dict())
    resumed = sparsify(again, Static(0.5), other, steps=10, seed=5, state=sparse.state_dict())
    assert torch.equal(again.weight, model.weight)
    assert resumed.layers[0].step == 1
