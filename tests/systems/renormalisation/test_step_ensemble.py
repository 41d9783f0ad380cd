"""Networks of whole steps commute with what their family says, for any values of the free parameters."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, ShapeError
from haar.systems.renormalisation import STEP_FAMILIES, Plan, StepEnsemble, block_step, evaluate, fit

families = st.sampled_from(sorted(STEP_FAMILIES))
activations = st.sampled_from(["relu", "quadratic", "tanh"])
seeds = st.integers(0, 2**31)
SITES, BLOCK = 6, 2


def networks(family, activation="relu", seeds=(0, 1), units=24):
    return StepEnsemble(family, activation, sites=SITES, block=BLOCK, units=units, seeds=seeds)


def chains(seed, count=7):
    return torch.randn(count, SITES, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def wreath(blocks, within):
    """A permutation of the sites that exchanges blocks and then the sites of each."""
    return [BLOCK * block + site for block, order in zip(blocks, within, strict=True) for site in order]


def dimension(maps_in, maps_out):
    """Number of matrices M with out M = M in for all generators, by the rank of the equations."""
    rows = [
        torch.kron(out, torch.eye(len(into)).double()) - torch.kron(torch.eye(len(out)).double(), into.mT.contiguous())
        for into, out in zip(maps_in, maps_out, strict=True)
    ]
    whole = torch.cat(rows)
    return whole.shape[1] - int(torch.linalg.matrix_rank(whole))


def matrix(order):
    return torch.eye(len(order), dtype=torch.float64)[list(order)]


GENERATORS = {
    "free": [(range(6), range(3))],
    "circulant": [([1, 2, 3, 4, 5, 0], None), ([2, 3, 4, 5, 0, 1], [1, 2, 0])],
    "equivariant": [([1, 0, 2, 3, 4, 5], [0, 1, 2]), ([2, 3, 0, 1, 4, 5], [1, 0, 2]), ([2, 3, 4, 5, 0, 1], [1, 2, 0])],
}


@given(seeds, st.sampled_from(["equivariant", "odd", "tied"]), activations, st.permutations(range(3)), st.data())
def test_equivariant_families_commute_with_the_whole_wreath_product(seed, family, activation, blocks, data):
    within = [data.draw(st.permutations(range(BLOCK))) for _ in blocks]
    nets, x = networks(family, activation, [seed]), chains(seed)
    torch.testing.assert_close(nets(x[:, wreath(blocks, within)]), nets(x)[..., list(blocks)], rtol=1e-11, atol=1e-11)


@given(seeds, activations, st.integers(0, 2))
def test_circulant_networks_commute_with_turns_by_whole_blocks_alone(seed, activation, turn):
    nets, x = networks("circulant", activation, [seed]), chains(seed)
    turned = nets(x.roll(BLOCK * turn, -1))
    torch.testing.assert_close(turned, nets(x).roll(turn, -1), rtol=1e-11, atol=1e-11)
    assert not torch.allclose(nets(x.flip(-1)), nets(x).flip(-1))


@given(seeds, activations)
def test_odd_networks_are_odd_and_the_others_are_not(seed, activation):
    x = chains(seed)
    nets = networks("odd", activation, [seed])
    torch.testing.assert_close(nets(-x), -nets(x), rtol=1e-11, atol=1e-11)
    assert not torch.allclose(networks("equivariant", activation, [seed])(-x), -nets(x))


@given(seeds, activations, st.permutations(range(SITES)))
def test_sum_networks_see_the_total_alone(seed, activation, order):
    nets, x = networks("sum", activation, [seed]), chains(seed)
    torch.testing.assert_close(nets(x[:, order]), nets(x), rtol=1e-11, atol=1e-11)
    assert float((nets(x) - nets(x)[..., :1]).detach().abs().max()) < 1e-12


@pytest.mark.parametrize("family", ["circulant", "equivariant"])
def test_a_basis_has_all_matrices_that_commute_with_the_group(family):
    first, second, level = STEP_FAMILIES[family].basis(SITES, BLOCK)
    sites = [(matrix(order), matrix(blocks)) for order, blocks in GENERATORS[family] if blocks is not None]
    turns = [matrix(order) for order, _ in GENERATORS[family]]
    inner = turns[:1] if family == "circulant" else [on_sites for on_sites, _ in sites]
    assert len(first) == torch.linalg.matrix_rank(first.flatten(1)) == dimension(inner, inner)
    onto = [on_blocks for _, on_blocks in sites]
    commuting = dimension([on_sites for on_sites, _ in sites], onto)
    # a circulant readout is every b-th row of a circulant matrix; all that commute with turns by blocks are as many
    assert len(second) == torch.linalg.matrix_rank(second.flatten(1)) == commuting
    for (on_sites, on_blocks), element in itertools.product(sites, second):
        torch.testing.assert_close(on_blocks @ element, element @ on_sites)
    assert torch.equal(level, torch.ones(1, SITES // BLOCK, dtype=torch.float64))


def test_free_networks_are_dense():
    nets = networks("free")
    hidden, out = nets.layers()
    assert torch.equal(hidden.weight, nets.free["weight"])
    torch.testing.assert_close(out.weight, nets.free["out_weight"].mT)
    assert nets.parameter_count == 24 * 6 + 24 + 24 * 3 + 3
    assert networks("odd").parameter_count == 2 * (3 + 1 + 2)
    assert networks("tied").parameter_count == 3 + 1 + 2 + 1


@given(families, seeds)
def test_dense_weights_are_the_network(family, seed):
    nets, x = networks(family, "tanh", [seed, seed + 1]), chains(seed)
    for index in range(2):
        torch.testing.assert_close(nets.member(index)(x), nets(x)[index], rtol=1e-12, atol=1e-12)


def exact():
    """relu(s) - relu(-s) = s for the block sum s, once on each of its sites."""
    nets = networks("odd", units=12)
    with torch.no_grad():
        for name, numbers in {"weight": [0.0, 1.0, 0.0], "bias": [0.0], "out_weight": [2**-1.5, 0.0]}.items():
            nets.free[name].copy_(torch.tensor(numbers, dtype=torch.float64).expand_as(nets.free[name]))
    return nets


def test_two_channels_of_opposite_sign_are_the_exact_step():
    nets, x = exact(), chains(3)
    torch.testing.assert_close(nets(x)[0], block_step(x, BLOCK), rtol=1e-12, atol=1e-12)
    assert float(evaluate(nets, samples=100).nmse.max()) < 1e-24


def test_too_much_symmetry_cannot_learn_the_step():
    """Of the block sum the total tells b/N: 1 - b/N of the variance is lost."""
    nets, x = networks("sum", "linear"), chains(5, 4000)
    fit(nets, x, nets.target(x), plan=Plan(steps=400, learning_rate=1e-2, schedule="cosine"))
    found = evaluate(nets, samples=20_000)
    assert found.column("laplace").tolist() == pytest.approx([1 - BLOCK / SITES] * 2, rel=0.02)
    assert not found.dead.any()
    free = networks("free", "linear")
    fit(free, x, free.target(x), plan=Plan(steps=400, learning_rate=1e-2, schedule="cosine"))
    assert float(evaluate(free, samples=2000).column("laplace").max()) < 1e-4


def test_batches_take_their_own_targets(generator):
    x = torch.randn(2, 50, SITES, dtype=torch.float64, generator=generator)
    plan = Plan(steps=1, learning_rate=1e-2, batch_size=8)
    for inputs in (x, x[0]):
        nets = exact()
        assert float(fit(nets, inputs, nets.target(inputs), plan=plan).max()) < 1e-24
        assert float(fit(nets, inputs, nets.target(inputs).roll(1, -2), plan=plan).min()) > 0.1


def test_refusals():
    expected = "family: expected one of free, circulant, equivariant, odd, tied, sum, got 'even'"
    with pytest.raises(ArgumentError, match=expected):
        networks("even")
    with pytest.raises(ArgumentError, match="sites: expected a multiple of the block size 4, got 6"):
        StepEnsemble("free", "relu", sites=6, block=4, units=4, seeds=[0])
    with pytest.raises(ArgumentError, match="units: expected a multiple of 6 for the family tied, got 8"):
        networks("tied", units=8)
    with pytest.raises(ArgumentError, match="units: expected a multiple of 12 for the family odd, got 6"):
        networks("odd", units=6)
    nets, x = networks("free"), chains(0)
    with pytest.raises(ShapeError, match=r"y: expected one target a sample, \(7, 3\), got \(7,\)"):
        fit(nets, x, torch.zeros(7, dtype=torch.float64))
