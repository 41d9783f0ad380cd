"""One layer by its matrices: moves, chains of groups, sizes and kept weights, with groups that do not commute."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, Regular, Symmetry, Trivial, Vector
from haar.errors import ArgumentError
from haar.groups import dihedral, symmetric
from haar.nn import KernelPoints
from haar.relax import TensorProjection, homotopise
from haar.relax.wrapping.twins import GroupedProjection

DOUBLE = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@pytest.mark.parametrize("group", [dihedral(3), dihedral(4), symmetric(3)], ids=lambda g: g.name)
def test_every_sample_is_moved_by_its_own_element(group):
    """rho_out(g) W rho_in(g)^-1, element by element: a group that does not commute tells g from its inverse."""
    rep_in, rep_out = Defining(group) + Trivial(group), Regular(group)
    P = TensorProjection([rep_out, rep_in], (rep_out.dim, rep_in.dim))
    g = group.elements()
    W = normal(len(g), rep_out.dim, rep_in.dim)
    moved = P.move(g, W)
    for k in range(len(g)):
        assert torch.allclose(moved[k], rep_out.matrix(g[k]) @ W[k] @ rep_in.matrix(g[k]).T, rtol=0, atol=1e-12)


def test_kernels_are_moved_with_their_points():
    group = dihedral(4)
    rep_in, rep_out, points = Trivial(group) + Defining(group), Regular(group), KernelPoints(group, (3, 3))
    P = TensorProjection([rep_out, rep_in, points], (8, 3, 3, 3))
    grouped = GroupedProjection(rep_out, rep_out, points, (8, 1, 3, 3), where="'conv'")
    g = group.elements()
    W, V = normal(8, 8, 3, 3, 3), normal(8, 8, 1, 3, 3, seed=1)
    moved, alone = P.move(g, W), grouped.move(g, V)
    for k in range(8):
        out, into, there = (rep.matrix(g[k]) for rep in (rep_out, rep_in, points))
        expected = torch.einsum("oO,iI,pP,OIP->oip", out, into, there, W[k].flatten(2)).reshape(8, 3, 3, 3)
        assert torch.allclose(moved[k], expected, rtol=0, atol=1e-12)
        diagonal = torch.einsum("oO,pP,OP->op", out, there, V[k].flatten(1)).reshape(8, 1, 3, 3)
        assert torch.allclose(alone[k], diagonal, rtol=0, atol=1e-12)


@pytest.fixture(params=["weight", "branches"])
def chained(request):
    """A layer along D4 > C4 > C2 > 1, with three gammas."""
    group = dihedral(4)
    rep_in, rep_out = Regular(group), Defining(group) + Trivial(group)
    quarter = next(h for h in group.subgroups() if h.order == 4 and len(h.generators()) == 1)
    half = next(
        h for h in group.subgroups() if h.order == 2 and set(h.embedding.tolist()) < set(quarter.embedding.tolist())
    )
    layer = nn.Linear(8, 3).double()
    with torch.no_grad():
        layer.weight.copy_(normal(3, 8))
        layer.bias.copy_(normal(3, seed=1))
    symmetry = Symmetry(group, Vector(rep_in), Vector(rep_out))
    model = homotopise(layer, symmetry, chain=[quarter, half], mode=request.param)
    members = [group.elements(), quarter.embedding, half.embedding]

    def mean(value, elements):
        turns = zip(rep_out.matrix(elements), rep_in.matrix(elements), strict=True)
        return torch.stack([a @ value @ b.T if value.ndim > 1 else a @ value for a, b in turns]).mean(0)

    return model, [lambda v, m=m: mean(v, m) for m in members]


def test_increments_along_a_chain_are_those_of_the_means(chained):
    model, means = chained
    layer = model.layers["model"]
    steps = torch.tensor([0.9, 0.5, 0.2], dtype=DOUBLE)
    with torch.no_grad():
        layer.gamma.copy_(steps)
        W, b = layer.weight.clone(), layer.bias.clone()
        nested = [mean(W) for mean in means] + [W]
        free = W if layer.mode == "weight" else None
        if free is not None:
            rises = [larger - smaller for smaller, larger in pairwise(nested)]
            share = torch.stack([rise.square().sum() for rise in rises])
            kappa = 1 + (layer.kappa - 1) * (1 - (share / share.sum() * steps).sum())
            own = kappa * nested[0]
        else:
            beside = layer.free - means[0](layer.free)
            scaled = beside * (layer.kappa * nested[0].norm() / beside.norm())
            levels = [mean(scaled) for mean in means] + [scaled]
            rises = [larger - smaller for smaller, larger in pairwise(levels)]
            own = nested[0]
        expected = own + sum(g * rise for g, rise in zip(steps, rises, strict=True))
        assert torch.allclose(layer.effective_weight(), expected, rtol=0, atol=1e-12)
        kept = layer.kappa if layer.mode == "weight" else 1.0
        sizes = torch.stack([g.abs() * rise.norm() for g, rise in zip(steps, rises, strict=True)])
        assert torch.allclose(layer.effective_size(), sizes / (kept * nested[0].norm()), rtol=1e-10, atol=0)
        assert torch.allclose(layer.equivariant_weight(), kept * nested[0], rtol=0, atol=1e-12)
        levels = [mean(b) for mean in means] + [b]
        shift = levels[0] + sum(g * (c - a) for g, (a, c) in zip(steps, pairwise(levels), strict=True))
        x = normal(2, 8, seed=5)
        assert torch.allclose(model(x), x @ expected.T + shift, rtol=0, atol=1e-12)


def test_the_start_keeps_norms():
    """kappa_0 = |W| / |P W|, at most the root of the order; in branches the equivariant weight itself is scaled."""
    group = dihedral(4)
    rep = Regular(group)
    symmetry = Symmetry(group, Vector(rep), Vector(rep))
    layer = nn.Linear(8, 8).double()
    with torch.no_grad():
        layer.weight.copy_(normal(8, 8))
    model = homotopise(layer, symmetry)
    own = model.layers["model"]
    with torch.no_grad():
        ratio = float(layer.weight.norm() / own.project(layer.weight).norm())
        assert 1 < ratio < 8**0.5
        assert float(own.kappa) == pytest.approx(ratio, rel=1e-12)
        assert float(own.equivariant_weight().norm()) == pytest.approx(float(layer.weight.norm()), rel=1e-12)
        assert float(homotopise(layer, symmetry, kappa=False).layers["model"].kappa) == 1.0
        branches = homotopise(layer, symmetry, mode="branches").layers["model"]
        assert torch.allclose(branches.weight, ratio * layer.weight, rtol=1e-12, atol=0)
        assert float(branches.free.abs().max()) <= float(layer.weight.abs().max())
        assert float(branches.free.min()) < 0 < float(branches.free.max())
        narrow = homotopise(layer, symmetry, mode="branches", kappa=False).layers["model"]
        assert torch.equal(narrow.weight, layer.weight)
        leaning = layer.weight - 0.97 * own.project(layer.weight)
        layer.weight.copy_(leaning)
        assert float(homotopise(layer, symmetry).layers["model"].kappa) == pytest.approx(8**0.5, rel=1e-12)


def test_free_branches_belong_to_their_generator():
    group = dihedral(4)
    rep = Regular(group)
    symmetry = Symmetry(group, Vector(rep), Vector(rep))
    layer = nn.Linear(8, 8).double()
    default, zero, one = (
        homotopise(layer, symmetry, mode="branches", **options).layers["model"].free
        for options in ({}, *({"generator": torch.Generator().manual_seed(seed)} for seed in (0, 1)))
    )
    assert torch.equal(default, zero)
    assert not torch.equal(default, one)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_whatever_changes_changes_the_kept_weight(kind):
    """In evaluation the effective weight is kept: parameters, gammas, modes, states and devices must reach it."""
    group = dihedral(4)
    rep = Regular(group)
    if kind == "linear":
        layer, symmetry, x = nn.Linear(8, 8), Symmetry(group, Vector(rep), Vector(rep)), normal(2, 8)
    else:
        layer = nn.Conv2d(8, 8, 3, padding=1)
        symmetry, x = Symmetry(group, Field(rep), Field(rep)), normal(2, 8, 5, 5)
    model = homotopise(layer.double(), symmetry).eval()
    own = model.layers["model"]
    other = {name: value + 0.1 if value.is_floating_point() else value for name, value in model.state_dict().items()}

    def changes(act):
        before = model(x)
        assert torch.equal(before, model(x))
        act()
        assert not torch.allclose(before, model(x), rtol=0, atol=1e-6)

    with torch.no_grad():
        changes(lambda: own.gamma.fill_(0.5))
        changes(lambda: own.gamma.data.fill_(0.25))
        changes(lambda: own.weight.mul_(2))
        changes(lambda: own.bias.add_(1))
        changes(lambda: own.kappa.mul_(1.5))
        changes(lambda: own.register_parameter("weight", nn.Parameter(3 * own.weight)))
        changes(lambda: own.fix(torch.tensor(0.75, dtype=DOUBLE)))
        changes(lambda: own.fix(None))
        changes(lambda: model.load_state_dict(other))
    with pytest.raises(ArgumentError, match=r"gamma: expected a number or shape \(\) for model, got \(2,\)"):
        model.at(torch.ones(2)).__enter__()
    with pytest.raises(ArgumentError, match="gamma: expected finite numbers for model, got nan"):
        model.export(float("nan"))
    with pytest.raises(ArgumentError, match="gamma: expected layers among model, got 'other'"):
        model.at({"other": 0.0}).__enter__()


def test_every_subgroup_has_its_share_of_the_weight_and_an_equal_one_of_nothing():
    group = dihedral(4)
    layer = nn.Linear(8, 8, bias=False, dtype=DOUBLE)
    symmetry = Symmetry(group, Vector(Regular(group)), Vector(Regular(group)))
    (share,) = (value for name, value in homotopise(layer, symmetry, chain="auto").named_buffers() if "share" in name)
    torch.testing.assert_close(share.sum(), torch.ones((), dtype=DOUBLE))
    with torch.no_grad():
        layer.weight.zero_()
    (share,) = (value for name, value in homotopise(layer, symmetry, chain="auto").named_buffers() if "share" in name)
    assert len(share) > 1
    torch.testing.assert_close(share, torch.full_like(share, 1 / len(share)))
