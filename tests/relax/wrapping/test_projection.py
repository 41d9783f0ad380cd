"""The Reynolds projection of a layer's parameters: the identities of a projection, against dense averages."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar import ArgumentError
from haar.actions.representation import Defining, Regular, Space, Trivial, representation_from_generators
from haar.groups import SO, cyclic, dihedral, octahedral, reflections, symmetric
from haar.intertwiners import hom_dimension, reynolds
from haar.nn import KernelPoints
from haar.relax import HomotopyLayer, TensorProjection, homotopise
from haar.relax.wrapping.scales import MixedScales, Unsigned
from haar.relax.wrapping.twins import GroupedProjection

GROUPS = [cyclic(3), cyclic(4), dihedral(3), dihedral(4), octahedral(), symmetric(3)]


def _mean(space, group, W):
    g = group.elements()
    return space.move(g, W.expand(len(g), *W.shape)).mean(0)


def _turns(group):
    """A representation that is no signed permutation: rotations by 120 degrees in another basis."""
    if group.name != "C3":
        return Regular(group) if group.order and group.order < 9 else Trivial(group, 2)
    c, s = -0.5, 0.75**0.5
    return representation_from_generators(group, [torch.tensor([[c, -s], [s, c]], dtype=torch.float64)])


@st.composite
def pairs(draw):
    group = draw(st.sampled_from(GROUPS[:5]))
    kinds = [Trivial(group, 2), Regular(group), Defining(group), _turns(group)]
    reps = [draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2)) for _ in range(2)]
    sums = [parts[0] if len(parts) == 1 else parts[0] + parts[1] for parts in reps]
    return (*sums, draw(st.integers(0, 2**20)))


@settings(max_examples=15, deadline=None)
@given(pairs())
def test_it_is_the_orthogonal_projection_onto_what_commutes(pair):
    rep_in, rep_out, seed = pair
    group = rep_in.group
    P = TensorProjection([rep_out, rep_in], (rep_out.dim, rep_in.dim))
    W = torch.randn(rep_out.dim, rep_in.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    g = group.elements()
    moved = P.move(g, W.expand(len(g), *W.shape))
    assert torch.allclose(P(W), moved.mean(0), atol=1e-12)
    assert torch.allclose(P(W), reynolds(rep_in, rep_out, W), atol=1e-12)
    assert torch.allclose(P(P(W)), P(W), atol=1e-12)
    assert abs(float((P(W) * (W - P(W))).sum())) < 1e-10
    # mean_g |g W - W|^2 = 2 |W - P W|^2, and |W - P W| <= max_g |g W - W| <= 2 |W - P W|
    change = (moved - W).flatten(1).square().sum(1)
    free = (W - P(W)).square().sum()
    assert float(change.mean()) == pytest.approx(2 * float(free), abs=1e-10)
    assert free.sqrt() <= change.max().sqrt() + 1e-12 <= 2 * free.sqrt() + 2e-12


@pytest.mark.parametrize("group", GROUPS[:4] + GROUPS[5:], ids=lambda g: g.name)
def test_its_rank_is_the_dimension_by_characters(group):
    rep_in, rep_out = Defining(group) + Trivial(group), Defining(group) + Defining(group)
    P = TensorProjection([rep_out, rep_in], (rep_out.dim, rep_in.dim))
    units = torch.eye(rep_out.dim * rep_in.dim, dtype=torch.float64).reshape(-1, rep_out.dim, rep_in.dim)
    matrix = torch.stack([P(unit).flatten() for unit in units])
    trace = float(matrix.trace())
    assert trace == pytest.approx(hom_dimension(rep_in, rep_out), abs=1e-10)
    # the null space of what the generators alone demand has the same dimension
    rows = []
    for h in group.generators():
        A, B = rep_out.matrix(h), rep_in.matrix(h)
        eye_in, eye_out = (torch.eye(n, dtype=torch.float64) for n in (rep_in.dim, rep_out.dim))
        rows.append(torch.kron(A.contiguous(), eye_in) - torch.kron(eye_out, B.T.contiguous()))
    values = torch.linalg.svdvals(torch.cat(rows))
    assert int((values < 1e-8).sum()) == round(trace)


@pytest.mark.parametrize("group", [dihedral(4), reflections(2), octahedral()], ids=lambda g: g.name)
def test_kernels_and_biases(group):
    rep_in, rep_out = Trivial(group) + Space(group), Space(group)
    size = (3,) * group.space_dim
    P = TensorProjection([rep_out, rep_in, KernelPoints(group, size)], (rep_out.dim, rep_in.dim, *size))
    W = torch.randn(P.shape, dtype=torch.float64)
    assert torch.allclose(P(W), _mean(P, group, W), atol=1e-12)
    bias = TensorProjection([rep_in], (rep_in.dim,))
    b = torch.randn(rep_in.dim, dtype=torch.float64)
    assert torch.allclose(bias(b), _mean(bias, group, b), atol=1e-12)


def test_lie_groups_are_exact_too():
    group = SO(3)
    rep = Defining(group)
    P = TensorProjection([2 * rep, 3 * rep], (6, 9))
    W = torch.randn(6, 9, dtype=torch.float64)
    g = group.sample(5, torch.Generator().manual_seed(0))
    assert torch.allclose(P.move(g, P(W).expand(5, 6, 9)), P(W).expand(5, 6, 9), atol=1e-10)
    # Schur: every block is a multiple of the identity, a third of its trace
    blocks = W.reshape(2, 3, 3, 3).diagonal(dim1=1, dim2=3).mean(-1)
    assert torch.allclose(P(W), torch.kron(blocks, torch.eye(3, dtype=torch.float64)), atol=1e-10)


def test_factors_are_shared_along_orbits():
    group, turns = dihedral(4), SO(3)
    P = TensorProjection([Unsigned(Trivial(group) + Space(group))], (3,))
    assert torch.allclose(P(torch.tensor([1.0, 2.0, 4.0])), torch.tensor([1.0, 3.0, 3.0]))
    mixed = MixedScales(Trivial(turns) + Defining(turns), (4,))
    assert torch.allclose(mixed(torch.tensor([1.0, 2.0, 4.0, 6.0])), torch.tensor([1.0, 4.0, 4.0, 4.0]))
    with pytest.raises(ArgumentError, match="which mixes them"):
        mixed.move(torch.eye(3)[None], torch.ones(1, 4))


def test_grouped_kernels_are_dense_ones_that_are_zero_between_groups():
    group = dihedral(4)
    rep, points = Regular(group) + Regular(group), KernelPoints(group, (3, 3))
    grouped = GroupedProjection(rep, rep, points, (16, 1, 3, 3), where="'conv'")
    W = torch.randn(16, 1, 3, 3, dtype=torch.float64)
    dense = torch.zeros(16, 16, 3, 3, dtype=torch.float64)
    dense[range(16), range(16)] = W[:, 0]
    expected = TensorProjection([rep, rep, points], (16, 16, 3, 3))(dense)
    assert torch.allclose(grouped(W)[:, 0], expected[range(16), range(16)], atol=1e-12)
    assert torch.allclose(grouped(W), _mean(grouped, group, W), atol=1e-12)
    with pytest.raises(ArgumentError, match=r"'conv' from .*; use groups=1"):  # r takes one of two neighbours away
        GroupedProjection(Regular(group), Regular(group), points, (8, 2, 3, 3), where="'conv'")


@pytest.mark.parametrize("mode", ["weight", "branches"])
def test_gradients_are_those_of_the_formulas(mode):
    from haar.actions import Symmetry, Vector

    group = dihedral(3)
    rep = Regular(group) + Trivial(group, 2)
    model = homotopise(torch.nn.Linear(8, 8).double(), Symmetry(group, Vector(rep), Vector(rep)), mode=mode)
    layer = model.layers["model"]
    assert isinstance(layer, HomotopyLayer)
    with torch.no_grad():
        layer.gamma.fill_(0.3)
    D = torch.randn(8, 8, dtype=torch.float64)
    (layer.effective_weight() * D).sum().backward()
    W, P = layer.weight.detach(), layer.project
    if mode == "weight":
        kappa = 1 + (float(layer.kappa) - 1) * 0.7
        assert torch.allclose(layer.weight.grad, kappa * P(D) + 0.3 * (D - P(D)), atol=1e-12)
        assert float(layer.gamma.grad) == pytest.approx(float((D * (W - P(W))).sum()), abs=1e-12)
    else:
        free = layer.free_weight().detach()
        assert float(free.norm()) == pytest.approx(float(P(W).norm()), rel=1e-12)
        assert float(P(free).norm()) < 1e-12
        assert torch.allclose(layer.weight.grad, P(D), atol=1e-12)
        assert float(layer.gamma.grad) == pytest.approx(float((D * free).sum()), abs=1e-12)
        # the free branch, by differences
        step = torch.randn(8, 8, dtype=torch.float64)
        before = layer.free.detach().clone()

        def value(h):
            with torch.no_grad():
                layer.free.copy_(before + h * step)
                return float((layer.effective_weight() * D).sum())

        assert (value(1e-6) - value(-1e-6)) / 2e-6 == pytest.approx(float((layer.free.grad * step).sum()), rel=1e-6)


@pytest.mark.parametrize("mode", ["weight", "branches"])
def test_second_derivatives_and_transforms_agree_with_the_fast_gradients(mode):
    from haar.actions import Symmetry, Vector

    group = cyclic(4)
    rep = Regular(group) + Trivial(group)
    net = torch.nn.Linear(5, 5).double()
    model = homotopise(net, Symmetry(group, Vector(rep), Vector(rep)), mode=mode)
    layer = model.layers["model"]
    D = torch.randn(5, 5, dtype=torch.float64)
    with torch.no_grad():
        layer.gamma.fill_(0.4)
    names = ["gamma", "weight"] + (["free"] if mode == "branches" else [])
    values = [getattr(layer, name) for name in names]

    def loss(*given):
        with torch.nn.utils.stateless._reparametrize_module(layer, dict(zip(names, given, strict=True))):
            return (layer.effective_weight().square() * D).sum()

    fast = torch.autograd.grad(loss(*values), values)
    transformed = torch.func.grad(loss, tuple(range(len(values))))(*values)
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(fast, transformed, strict=True))
    first = torch.autograd.grad(loss(*values), values, create_graph=True)
    along = [torch.randn_like(v) for v in values]
    second = torch.autograd.grad(sum((f * a).sum() for f, a in zip(first, along, strict=True)), values)
    expected = torch.func.vjp(torch.func.grad(loss, tuple(range(len(values)))), *values)[1](tuple(along))
    # transposed products on both sides: what is held constant makes the matrix of second derivatives unsymmetric
    assert all(torch.allclose(s, e, atol=1e-10) for s, e in zip(second, expected, strict=True))


def test_representations_that_do_not_fit_a_tensor_are_refused():
    rep = Defining(dihedral(4))
    TensorProjection([rep, rep], (2, 2))
    for shape in ((2, 3), (3, 2), (2,)):
        with pytest.raises(ArgumentError, match=r"representations: expected dimensions that fit \(.*, got \(2, 2\)"):
            TensorProjection([rep, rep], shape)
