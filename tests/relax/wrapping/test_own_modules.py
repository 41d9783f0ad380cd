"""Modules that are equivariant by construction stand between plain layers, and say how the features there move."""

from __future__ import annotations

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data
from torch import nn

import haar.nn
from haar.actions import Invariant, Regular, Symmetry, Trivial
from haar.errors import HaarError
from haar.probing import defect
from haar.relax import homotopise

REGULAR = 2 * Regular(C4)
FIELDS = Symmetry.of_fields(C4, "p")
X, _ = data(8)
GRIDS = torch.randn(3, 1, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def wrapped(symmetry, *layers, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(*[layer() for layer in layers]).double().eval()
    return homotopise(model, symmetry, **options)


def broken(model, symmetry, x):
    return defect(model, symmetry, (x,), symmetry.group.elements(), norm="squares").mean


def conv(n, m):
    return lambda: nn.Conv2d(n, m, 3, padding=1, bias=False)


@pytest.mark.parametrize(
    "own",
    [
        lambda: haar.nn.Pointwise(REGULAR),
        lambda: haar.nn.LayerNorm(REGULAR),
        lambda: haar.nn.Linear(REGULAR, REGULAR),
        lambda: haar.nn.Sequential(haar.nn.Linear(REGULAR, REGULAR), haar.nn.Pointwise(REGULAR)),
    ],
    ids=["pointwise", "norm", "linear", "sequential"],
)
def test_between_layers_of_vectors(own):
    model = wrapped(SYMMETRY, lambda: nn.Linear(6, 8), own, nn.Tanh, lambda: nn.Linear(8, 2))
    assert broken(model, SYMMETRY, X) > 1e-4
    with model.at(0.0):
        assert broken(model, SYMMETRY, X) < 1e-12
        assert float(model(X).detach().std()) > 1e-3


@pytest.mark.parametrize(
    "own",
    [
        lambda: haar.nn.BatchNorm(REGULAR, channels="first"),
        lambda: haar.nn.Pointwise(REGULAR, channels="first"),
        lambda: haar.nn.Conv(REGULAR, REGULAR, 3, padding=1),
    ],
    ids=["norm", "pointwise", "convolution"],
)
def test_between_layers_of_fields(own):
    model = wrapped(FIELDS, conv(1, 8), own, nn.Tanh, conv(8, 1))
    assert broken(model, FIELDS, GRIDS) > 1e-4
    with model.at(0.0):
        assert broken(model, FIELDS, GRIDS) < 1e-12
        assert float(model(GRIDS).detach().std()) > 1e-3


def test_a_pool_takes_fields_to_vectors():
    symmetry = Symmetry(C4, FIELDS.inputs, Invariant(C4))
    layers = conv(1, 8), lambda: haar.nn.GlobalPool(REGULAR), lambda: nn.Linear(8, 2)
    model = wrapped(symmetry, *layers)
    assert broken(model, symmetry, GRIDS) > 1e-4
    with model.at(0.0):
        assert broken(model, symmetry, GRIDS) < 1e-12
        assert float(model(GRIDS).detach().std()) > 1e-3


def test_one_of_another_group_object_or_of_what_does_not_move_is_refused():
    from haar.groups import dihedral

    other = Regular(dihedral(4))
    with pytest.raises(HaarError, match="it belongs to another group object, D4"):
        wrapped(SYMMETRY, lambda: nn.Linear(6, 8), lambda: haar.nn.Pointwise(other), lambda: nn.Linear(8, 2))
    symmetry = Symmetry(C4, Invariant(C4), Invariant(C4))
    with pytest.raises(HaarError):
        wrapped(symmetry, lambda: haar.nn.Pointwise(6 * Trivial(C4)), lambda: nn.Linear(6, 2))
