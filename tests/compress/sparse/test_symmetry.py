"""Masks on weight orbits: exact at every step of training, whatever the regime and the optimiser."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Field, Symmetry, Vector
from haar.actions.representation import Defining, Determinant, Harmonic, Regular, Trivial
from haar.compress import Gradual, Growing, Rigl, Set, Static, coordinates, orbits, sparsify
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, cyclic, dihedral
from haar.intertwiners import intertwiners
from haar.nn import Conv, Linear
from haar.relax import homotopise
from haar.testing import equivariance_error

C8 = cyclic(8)
WIDE = 4 * Regular(C8)
BETWEEN_WIDE = Symmetry(C8, Vector(WIDE), Vector(WIDE))
REGIMES = [
    Static(0.8),
    Set(0.8, every=5),
    Rigl(0.8, every=5),
    Rigl(0.8, every=5, regrow="allow"),
    Gradual(0.8, every=5),
    Growing(0.8, every=5),
]
OPTIMIZERS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1),
    "rprop": lambda p: torch.optim.Rprop(p, lr=1e-2),
}


def worst(model, symmetry, regime, make=OPTIMIZERS["adamw"], *, shape, layers=None):
    """The greatest equivariance error after a step, of a training in double precision; and the masks."""
    source, greatest = torch.Generator().manual_seed(0), 0.0
    optimizer = make(list(model.parameters()))
    sparse = sparsify(model, regime, optimizer, steps=20, symmetry=layers)
    for _ in range(20):
        x = torch.randn(*shape, dtype=torch.float64, generator=source)
        y = model(x)
        optimizer.zero_grad()
        (y - torch.randn(y.shape, dtype=torch.float64, generator=source)).square().mean().backward()
        optimizer.step()
        greatest = max(greatest, equivariance_error(model, symmetry, x).relative)
    return greatest, sparse


def plain():
    """Circulant blocks by hand, in torch's own layers."""
    model = nn.Sequential(nn.Linear(32, 32), nn.ELU(), nn.Linear(32, 32)).double()
    space = intertwiners(WIDE, WIDE)
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.copy_(space.project(layer.weight))
            layer.bias.copy_(layer.bias.view(4, 8).mean(1).repeat_interleave(8))
    return model


@pytest.mark.parametrize("regime", REGIMES, ids=repr)
def test_layers_of_the_library_stay_equivariant(regime):
    torch.manual_seed(0)
    model = nn.Sequential(Linear(WIDE, WIDE, dtype=torch.float64), nn.ELU(), Linear(WIDE, WIDE, dtype=torch.float64))
    error, sparse = worst(model, BETWEEN_WIDE, regime, shape=(16, 32))
    assert error < 1e-10
    density = 1.0 if isinstance(regime, Growing) else 0.2
    assert sparse.report().sparsity == pytest.approx(1 - density, abs=1e-2)


@pytest.mark.parametrize("regime", REGIMES, ids=repr)
def test_convolutions_stay_equivariant(regime):
    torch.manual_seed(0)
    D4 = dihedral(4)
    lift, back = 2 * Regular(D4), Trivial(D4)
    model = nn.Sequential(
        Conv(back, lift, 3, padding="same", dtype=torch.float64),
        nn.ReLU(),
        Conv(lift, back, 3, padding="same", dtype=torch.float64),
    )
    symmetry = Symmetry(D4, Field(back), Field(back))
    error, sparse = worst(model, symmetry, regime, shape=(2, 1, 6, 6))
    assert error < 1e-10
    assert {layer.units for layer in sparse.report().layers} == {"coordinates"}
    assert [layer.entries for layer in sparse.report().layers] == [16 * 9, 16 * 9]


@pytest.mark.parametrize("regime", REGIMES, ids=repr)
def test_tied_layers_stay_equivariant(regime):
    torch.manual_seed(0)
    layers = {"0": (WIDE, WIDE), "2": (WIDE, WIDE)}
    error, sparse = worst(plain(), BETWEEN_WIDE, regime, shape=(16, 32), layers=layers)
    assert error < 1e-10
    for layer in sparse.layers:  # circulant blocks: one value of the mask in each orbit
        mask = layer.mask().view(4, 8, 4, 8)
        turned = mask.roll((1, 1), (1, 3))
        assert torch.equal(mask, turned)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_whatever_the_optimiser(make):
    torch.manual_seed(0)
    layers = {"0": (WIDE, WIDE), "2": (WIDE, WIDE)}
    assert worst(plain(), BETWEEN_WIDE, Rigl(0.8, every=5), make, shape=(16, 32), layers=layers)[0] < 1e-10


@pytest.mark.parametrize("regime", REGIMES, ids=repr)
@pytest.mark.parametrize("mode", ["weight", "branches"])
def test_homotopy_models_stay_exact_at_gamma_0(regime, mode):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32)).double()
    model = homotopise(network, BETWEEN_WIDE, mode=mode)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    sparse = sparsify(model, regime, optimizer, steps=20)
    assert {layer.units for layer in sparse.report().layers} == {"orbits"}
    source = torch.Generator().manual_seed(0)
    for _ in range(20):  # half way between: the weights are not tied
        x = torch.randn(16, 32, dtype=torch.float64, generator=source)
        optimizer.zero_grad()
        (model(x) - x.square()).square().mean().backward()
        optimizer.step()
        with model.at(0.0):
            assert equivariance_error(model, BETWEEN_WIDE, x).relative < 1e-10
            for name, layer in model.layers.items():
                masks = [mask for key, mask in sparse.masks().items() if f"{name}.weight" in key]
                inactive = ~masks[0]
                if mode == "weight":
                    assert bool((layer.effective_weight()[inactive] == 0).all())


def test_entrywise_masks_break_what_orbits_keep():
    torch.manual_seed(0)
    model = plain()
    sparsify(model, Static(0.8), steps=10)  # without a word of its symmetry
    x = torch.randn(16, 32, dtype=torch.float64)
    assert equivariance_error(model, BETWEEN_WIDE, x).relative > 0.1


def test_orbits_that_must_vanish_are_never_active():
    D4 = dihedral(4)
    rep = 2 * Trivial(D4) + 2 * Determinant(Defining(D4))  # no map goes from one kind to the other
    layer = nn.Linear(4, 4, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(intertwiners(rep, rep).project(layer.weight))
    optimizer = torch.optim.AdamW([layer.weight], lr=1e-2, weight_decay=0.1)
    sparse = sparsify(layer, Growing(0.5, every=2, until=0.5), optimizer, steps=20, symmetry={"": (rep, rep)})
    assert sparse.report().layers[0].entries == 8
    allowed = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)).bool()
    for _ in range(20):
        optimizer.zero_grad()
        (layer(torch.randn(8, 4, dtype=torch.float64)) - 1).square().mean().backward()
        optimizer.step()
        assert not bool(sparse.masks()["weight"][~allowed].any())
        assert bool((layer.weight[~allowed] == 0).all())
    assert torch.equal(sparse.masks()["weight"], allowed)


def test_coordinates_of_the_users_own_tying():
    class Circulant(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = nn.Parameter(torch.randn(8, dtype=torch.float64))
            self.register_buffer("place", (torch.arange(8)[:, None] - torch.arange(8)) % 8)

        def forward(self, x):
            return x @ self.kernel[self.place].T

    torch.manual_seed(0)
    model, rep = Circulant(), Regular(C8)
    units = {"kernel": coordinates((8, 8), torch.full((8,), 8))}
    error, sparse = worst(
        model, Symmetry(C8, Vector(rep), Vector(rep)), Rigl(0.75, every=5), shape=(16, 8), layers=units
    )
    assert error < 1e-10
    assert (sparse.report().layers[0].active, sparse.report().layers[0].entries) == (16, 64)


def test_a_layer_without_orbits_is_refused_by_name():
    group = SO(3)
    rep = Harmonic(group, 1)
    model = homotopise(nn.Linear(3, 3), Symmetry(group, Vector(rep), Vector(rep)))
    with pytest.raises(ArgumentError, match=r"symmetry: expected signed permutations .*layer .*weight"):
        sparsify(model, Static(0.5), steps=10)


def test_a_weight_that_does_not_commute_is_refused():
    with pytest.raises(ArgumentError, match=r"a weight '0.weight' that commutes .*project it first"):
        sparsify(nn.Sequential(nn.Linear(32, 32)), Static(0.5), steps=10, symmetry={"0": (WIDE, WIDE)})


def test_representations_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"weight: expected first axes \(32, 32\) \(out, in\), got \(32, 16\)"):
        sparsify(nn.Sequential(nn.Linear(16, 32)), Static(0.5), steps=10, symmetry={"0": (WIDE, WIDE)})


def test_units_of_another_shape_are_refused():
    units = {"0.bias": coordinates((8, 8), torch.full((8,), 8))}
    with pytest.raises(ShapeError, match=r"0.bias: expected the shape of its units, \(8,\), got \(32,\)"):
        sparsify(nn.Sequential(nn.Linear(16, 32)), Static(0.5), steps=10, symmetry=units)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match=r"symmetry: expected names of layers .*got first"):
        sparsify(nn.Sequential(nn.Linear(32, 32)), Static(0.5), steps=10, symmetry={"first": (WIDE, WIDE)})


def test_orbits_of_kernels_and_their_sizes():
    D4 = dihedral(4)
    units = orbits(Trivial(D4), Trivial(D4), (1, 1, 3, 3))
    assert sorted(units.sizes.tolist()) == [1, 4, 4]  # the middle, edges, corners
    assert units.entries == 9
    value = torch.tensor([1.0, 2.0, 1.0, 3.0, 7.0, 3.0, 1.0, 2.0, 1.0]).view(1, 1, 3, 3)
    expected = torch.tensor([1.0, 2.5, 1.0, 2.5, 7.0, 2.5, 1.0, 2.5, 1.0]).view(1, 1, 3, 3)
    assert torch.equal(units.mean(value), expected)
