"""Prune, then project: against the projector written out, and against masks on orbits where the two are one."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from haar.actions import AxisSign, Regular, Symmetry, Vector
from haar.compress import HiddenUnits, LowRank, Magnitude, NofM, Noise, Projected, Quantise, Random, Wanda, sweep
from haar.compress.batch import batches_of
from haar.compress.bench import Bench
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic, dihedral, reflections
from haar.nn import Conv, Linear
from haar.testing import equivariance_error

F64 = torch.float64
D3 = dihedral(3)
REGULAR = 2 * Regular(D3)
X = torch.randn(7, 12, dtype=F64, generator=torch.Generator().manual_seed(3))


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def reynolds(rep_in, rep_out, weight):
    """The mean of rho_out(g) W rho_in(g)^-1 over the group, by a loop."""
    terms = [rep_out.matrix(g) @ weight @ rep_in.matrix(g).mT for g in torch.arange(rep_in.group.order)]
    return torch.stack(terms).mean(0)


def equivariant():
    one = Linear(REGULAR, REGULAR, generator=drawn(), dtype=F64)
    other = Linear(REGULAR, Regular(D3), generator=drawn(1), dtype=F64)
    return nn.Sequential(one, nn.Tanh(), other).eval()


def compressed(model, one, level, data=X, **more):
    bench = Bench(model, layers=["*"], calibration=batches_of([data]), example=batches_of([data])[0], **more)
    one.apply(bench, float(level), 5)
    return bench.model


@pytest.mark.parametrize(
    ("inner", "level"),
    [(Random(), 0.6), (Magnitude(), 0.5), (Magnitude("row"), 0.4), (Noise(), 0.3), (Quantise(), 3), (LowRank(), 0.5),
     (NofM("2:4"), 0.5), (Wanda(), 0.5)],
)  # fmt: skip
def test_it_is_the_projector_after_the_perturbation(inner, level):
    """Against the same perturbation of the exported network, whose first weight is averaged by a loop over D3."""
    model = equivariant()
    plain = nn.Sequential(model[0].export(), nn.Tanh(), model[2].export()).eval()
    found = compressed(model, Projected(inner), level)
    torch.testing.assert_close(
        found[0].matrix(), reynolds(REGULAR, REGULAR, compressed(plain, inner, level)[0].weight), rtol=0, atol=1e-12
    )
    symmetry = Symmetry(D3, Vector(REGULAR), Vector(Regular(D3)))
    assert equivariance_error(found, symmetry, X).relative < 1e-12
    assert not torch.allclose(found(X), model(X))


@pytest.mark.parametrize(("inner", "level"), [(Random(), 0.6), (Wanda(), 0.5)])
def test_plain_layers_by_their_representations(inner, level):
    model = equivariant()
    plain = nn.Sequential(model[0].export(), nn.Tanh(), model[2].export()).eval()
    given = {"0": (REGULAR, REGULAR), "2": (REGULAR, Regular(D3))}
    before = copy.deepcopy(plain.state_dict())
    ours = compressed(plain, Projected(inner, given), level)
    theirs = compressed(model, Projected(inner), level)
    for k in (0, 2):
        torch.testing.assert_close(ours[k].weight, theirs[k].matrix(), rtol=0, atol=1e-12)
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in before.items())


def test_with_equal_sizes_kept_together_it_is_a_mask_on_orbits():
    """Entries of an orbit have one size: whole orbits are dropped, and projecting changes nothing."""
    rep = Regular(cyclic(8))
    layer = Linear(2 * rep, 2 * rep, generator=drawn(), dtype=F64)
    for level in (0.25, 0.5, 0.75):
        inner = Magnitude(ties="together")
        found = compressed(nn.Sequential(layer).eval(), Projected(inner), level)[0].matrix()
        plain = compressed(nn.Sequential(layer.export()), inner, level)[0].weight
        torch.testing.assert_close(found, plain.detach(), rtol=0, atol=1e-12)
        assert float((found.abs() < 1e-12).double().mean()) == pytest.approx(level)


def test_an_orbit_of_which_one_entry_is_kept_is_not_zero():
    model = nn.Sequential(equivariant()[0]).eval()
    found = compressed(model, Projected(Random()), 0.5)[0].matrix()
    assert float((found.abs() < 1e-12).double().mean()) < 0.1
    ratio = float((found * model[0].matrix()).sum() / model[0].matrix().square().sum())
    assert 0.3 < ratio < 0.7  # weights dropped by chance and projected: the same map, smaller


@pytest.mark.parametrize("kind", ["haar", "plain"])
def test_kernels(kind):
    """Points of a kernel and channels are turned together: against the layer's own nearest kernel."""
    group = cyclic(4)
    rep = Regular(group)
    layer = Conv(rep, rep, 3, generator=drawn(), dtype=F64).eval()
    model = nn.Sequential(layer) if kind == "haar" else nn.Sequential(layer.export())
    x = torch.randn(2, rep.dim, 5, 5, dtype=F64, generator=drawn(4))
    one = Projected(Random()) if kind == "haar" else Projected(Random(), {"0": (rep, rep)})
    found = compressed(model, one, 0.5, x)
    made = found[0].kernel() if kind == "haar" else found[0].weight.detach()
    pruned = compressed(nn.Sequential(layer.export()), Random(), 0.5, x)[0].weight.detach()
    nearest = Conv(rep, rep, 3, generator=drawn(), dtype=F64)
    nearest.set_kernel(pruned)
    torch.testing.assert_close(made, nearest.kernel().detach(), rtol=0, atol=1e-12)


def test_signs():
    group = reflections(2)
    rep = AxisSign(group, 0) + AxisSign(group, 1)
    weight = torch.randn(2, 2, dtype=F64, generator=drawn())
    model = nn.Sequential(nn.Linear(2, 2, dtype=F64))
    with torch.no_grad():
        model[0].weight.copy_(weight)
    found = compressed(model, Projected(Noise(), {"0": (rep, rep)}), 1e-12, torch.ones(2, 2, dtype=F64))
    torch.testing.assert_close(found[0].weight.detach(), torch.diag(weight.diagonal()), rtol=0, atol=1e-10)


def test_level_0_changes_nothing():
    model = equivariant()
    found = compressed(model, Projected(Magnitude()), 0)
    assert all(torch.equal(a, b) for a, b in zip(found.state_dict().values(), model.state_dict().values(), strict=True))


def test_by_name_in_a_sweep():
    model = equivariant()
    symmetry = Symmetry(D3, Vector(REGULAR), Vector(Regular(D3)))
    found = sweep(model, ["random", "projected random"], ["drift"], [X], levels=[0.5], layers=["0"], symmetry=symmetry)
    assert found.perturbations == ("random", "projected random")
    for name in found.perturbations:
        assert found.curve(name, "group defect").points[0].value < 1e-12
        assert found.curve(name, "drift").points[0].value > 0.01


PLAIN = nn.Sequential(nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 6)).double()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Projected(HiddenUnits()), "inner: expected a perturbation of matrices, .*, got units"),
        (lambda: compressed(PLAIN, Projected(Random()), 0.5), "symmetry: expected layers of haar.nn, or the repres"),
        (
            lambda: compressed(PLAIN, Projected(Random(), {"1": (REGULAR, REGULAR)}), 0.5),
            "symmetry: expected names among 0, 2, got '1'",
        ),
        (
            lambda: compressed(PLAIN, Projected(Random(), {"2": (REGULAR, REGULAR)}), 0.5),
            "symmetry: 2: expected representations of 12 inputs and 6 outputs, got 12 and 12",
        ),
        (
            lambda: compressed(
                nn.Sequential(nn.ConvTranspose2d(2, 2, 3)).double(), Projected(Random(), {"0": (REGULAR, REGULAR)}), 0.5
            ),
            "symmetry: expected linear layers and convolutions of one group, got 0, ConvTranspose2d",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(made, message):
    with pytest.raises((ArgumentError, ShapeError), match=message):
        made()
