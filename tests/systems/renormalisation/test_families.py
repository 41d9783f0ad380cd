"""Weight symmetries hold by construction, for any values of the free parameters."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.moments import Independent, propagate
from haar.systems.renormalisation import (
    CLOSED_FORMS,
    FAMILIES,
    LAWS,
    NONLINEARITIES,
    PerceptronEnsemble,
    Sizes,
    hidden_units,
)
from haar.systems.renormalisation.families import Start, drawn, find_family
from haar.systems.renormalisation.nonlinearity import find_nonlinearity
from haar.weights import breaking_distance

activations = st.sampled_from(sorted(NONLINEARITIES))
depths = st.integers(1, 3)
seeds = st.integers(0, 2**31)


def blocks(seed, count=9, inputs=4):
    return torch.randn(count, inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(seeds, activations, depths)
def test_sum_networks_see_the_sum_alone(seed, activation, depth):
    nets = PerceptronEnsemble("sum", activation, Sizes(4, 6, depth), seeds=[seed, seed + 1])
    x = blocks(seed)
    level = x.mean(-1, keepdim=True).expand_as(x)
    for other in (x[:, torch.randperm(4, generator=torch.Generator().manual_seed(seed))], level):
        torch.testing.assert_close(nets(other), nets(x), rtol=1e-12, atol=1e-12)


@given(seeds, activations, depths)
def test_odd_networks_are_odd(seed, activation, depth):
    nets = PerceptronEnsemble("odd", activation, Sizes(4, 6, depth), seeds=[seed])
    x = blocks(seed)
    torch.testing.assert_close(nets(-x), -nets(x), rtol=1e-12, atol=1e-12)


@given(seeds, activations, depths, st.sampled_from(["tied", "full"]))
def test_tied_networks_are_one_unit_a_layer(seed, activation, depth, family):
    h = 5
    nets = PerceptronEnsemble(family, activation, Sizes(4, h, depth), seeds=[seed])
    free = {name: value.detach()[0] for name, value in nets.free.items()}
    function = find_nonlinearity(activation)
    x = blocks(seed)
    unit = function((x * free["weight0"]).sum(-1) + free["bias0"])
    for k in range(1, depth):
        unit = function(h * free[f"weight{k}"][0] * unit + free[f"bias{k}"])
    expected = h * free["out_weight"][0] * unit + free["out_bias"]
    torch.testing.assert_close(nets(x)[0].detach(), expected, rtol=1e-12, atol=1e-12)
    assert float(breaking_distance(hidden_units(nets)).max()) < 1e-28


@given(seeds, activations)
def test_full_networks_are_tied_and_see_the_sum_alone(seed, activation):
    nets = PerceptronEnsemble("full", activation, Sizes(4, 3, 2), seeds=[seed])
    x = blocks(seed)
    torch.testing.assert_close(nets(x.flip(-1)), nets(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("law", ["uniform", "laplace", "rademacher"])
@pytest.mark.parametrize("activation", ["relu", "quadratic"])
def test_odd_cumulants_of_an_odd_network_vanish_for_symmetric_laws(law, activation):
    nets = PerceptronEnsemble("odd", activation, Sizes(3, 4, 1), seeds=[3])
    found = propagate(nets.member(0), Independent.same(LAWS[law], 3), order=3, activations=CLOSED_FORMS)
    assert abs(found.mean[0].detach().item()) < 1e-12
    assert abs(found.third[0, 0, 0].detach().item()) < 1e-12
    assert found.variance[0].detach().item() > 1e-3


def test_an_odd_quadratic_network_of_one_layer_is_linear():
    nets = PerceptronEnsemble("odd", "quadratic", Sizes(4, 8, 1), seeds=range(4))
    x, y = blocks(0), blocks(1)
    torch.testing.assert_close(nets(2.0 * x - 3.0 * y), 2.0 * nets(x) - 3.0 * nets(y), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("family", "depth", "count"),
    [
        ("free", 1, 97),
        ("sum", 1, 49),
        ("odd", 1, 48),
        ("tied", 1, 7),
        ("full", 1, 4),
        ("free", 2, 369),
        ("sum", 2, 321),
    ],
)
def test_parameter_counts_of_the_protocol(family, depth, count):
    sizes = Sizes(4, 16, depth)
    assert FAMILIES[family].count(sizes) == count
    assert PerceptronEnsemble(family, "relu", sizes, seeds=range(3)).parameter_count == count


def test_starts_have_the_protocol_s_variances():
    nets = PerceptronEnsemble("free", "relu", Sizes(4, 64, 2), seeds=range(20))
    for name, variance in (("weight0", 1 / 4), ("weight1", 1 / 64), ("bias0", 1 / 4), ("out_weight", 1 / 64)):
        assert nets.free[name].detach().var().item() == pytest.approx(variance, rel=0.15)


def test_a_network_s_start_depends_on_its_seed_alone():
    starts = {"a": Start((2, 3), 1.0), "b": Start((1,), 0.5)}
    both = drawn(starts, [torch.Generator().manual_seed(k) for k in (5, 6)])
    alone = drawn(starts, [torch.Generator().manual_seed(6)])
    assert torch.equal(both["a"][1:], alone["a"])
    assert torch.equal(both["b"][1:], alone["b"])


def test_refusals():
    with pytest.raises(ArgumentError, match="family: expected one of free, sum, tied, full, odd, got 'even'"):
        find_family("even")
    with pytest.raises(ArgumentError, match="activation: expected one of linear, relu"):
        find_nonlinearity("swish")
    with pytest.raises(ArgumentError, match="width: expected an even number of units for the family odd, got 3"):
        PerceptronEnsemble("odd", "relu", Sizes(4, 3, 1), seeds=[0])
    with pytest.raises(ArgumentError, match="depth: expected at least 1, got 0"):
        Sizes(4, 4, 0)
