"""Certificates against independent references: Fourier transforms of abelian groups, listed orbits, known rules."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.actions import Defining, Regular, Symmetry, Vector
from haar.average import Given, Orbit, Quadrature, average, certificate, difference
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, shifts

DOUBLE = torch.float64


@given(data=st.data(), n=st.integers(2, 12))
def test_on_a_circle_it_is_the_largest_fourier_coefficient(data, n):
    elements = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n))
    weights = torch.tensor(data.draw(st.lists(st.floats(0.1, 1), min_size=len(elements), max_size=len(elements))))
    signal = torch.zeros(n, dtype=DOUBLE).index_add(
        0, torch.tensor(elements), weights.double() / weights.double().sum()
    )
    expected = float(torch.fft.fft(signal)[1:].abs().max())
    assert certificate(Given(elements, weights), cyclic(n)) == pytest.approx(expected, abs=1e-10)


def test_large_groups_go_without_a_matrix():
    group = shifts((32, 32))
    elements = torch.randperm(group.order, generator=torch.Generator().manual_seed(0))[:20]
    signal = torch.zeros(32 * 32, dtype=DOUBLE)
    signal[elements] = 1 / 20
    spectrum = torch.fft.fft2(signal.reshape(32, 32)).abs().flatten()[1:]
    assert certificate(Given(elements), group) == pytest.approx(float(spectrum.max()), rel=1e-8)
    assert certificate(Orbit(), group) == 0


def test_an_orbit_is_perfect_and_a_subgroup_gives_no_guarantee():
    for group in (cyclic(6), dihedral(4)):
        assert certificate(Orbit(), group) == pytest.approx(0, abs=1e-12)
        for subgroup in group.subgroups()[:-1]:
            assert certificate(Given(subgroup.embedding), group) == pytest.approx(1, abs=1e-12)


@settings(max_examples=8)
@given(seed=st.integers(0, 1000), m=st.integers(1, 7))
def test_the_bound_holds_on_data_that_the_group_preserves(seed, m):
    generator = torch.Generator().manual_seed(seed)
    group = dihedral(4)
    action = Vector(Regular(group))
    symmetry = Symmetry(group, action, action)
    weight = torch.randn(8, 8, generator=generator, dtype=DOUBLE)
    x = action.orbit(group.elements(), torch.randn(3, 8, generator=generator, dtype=DOUBLE)).flatten(0, 1)
    how = Given(torch.randperm(8, generator=generator)[:m], torch.rand(m, generator=generator) + 0.1)

    def model(x):
        return torch.tanh(x @ weight)

    exact, few = average(model, symmetry)(x), average(model, symmetry, how)(x)
    bound = certificate(how, group) * float((model(x) - exact).norm())
    assert float((few - exact).norm()) <= bound * (1 + 1e-12)


def test_the_bound_is_reached():
    """A model that lives in the worst direction: the largest non-trivial harmonic of the circle."""
    group = cyclic(5)
    action = Vector(Regular(group))
    symmetry = Symmetry(group, action, action)
    how = Given([0, 2])
    x = torch.eye(5, dtype=DOUBLE)
    angle = 2 * torch.pi * torch.arange(5, dtype=DOUBLE) / 5

    def model(x):
        return torch.cos(2 * angle[x.argmax(-1)])[:, None].expand(-1, 5)

    exact, few = average(model, symmetry)(x), average(model, symmetry, how)(x)
    reached = float((few - exact).norm()) / float((model(x) - exact).norm())
    assert reached == pytest.approx(certificate(how, group), rel=1e-10)


def test_two_rules_are_compared():
    group = SO(2)
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    x = torch.tensor([[0.4, 0.9]], dtype=DOUBLE)
    n, twice, more = (average(torch.exp, symmetry, Quadrature(k)) for k in (3, 7, 15))
    first, second = difference(n, twice, x), difference(twice, more, x)
    assert second < first / 100
    exact = average(torch.exp, symmetry, Quadrature(40))(x)
    assert difference(n, twice, x) == pytest.approx(float((n(x) - exact).norm() / exact.norm()), rel=1e-2)


def test_complex_outputs_are_compared_too():
    group = cyclic(2)
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    x = torch.tensor([[1.0, 2.0]], dtype=DOUBLE)

    def model(x):
        return torch.complex(x.exp(), x)

    averaged = average(model, symmetry)
    torch.testing.assert_close(averaged(x), (model(x) - model(-x)) / 2, rtol=1e-12, atol=1e-12)
    assert difference(averaged, averaged, x) == 0


def test_what_cannot_be_certified_is_refused():
    with pytest.raises(ArgumentError, match=r"group: expected an enumerated group, got SO\(2\)"):
        certificate(Quadrature(3), SO(2))
    group = cyclic(2)
    vector = Vector(Defining(group))
    one = average(torch.exp, Symmetry(group, vector, vector))
    two = average(lambda x: (x, x), Symmetry(group, vector, (vector, vector)))
    with pytest.raises(ArgumentError, match="fine: expected an average of the same model, got another output"):
        difference(one, two, torch.ones(1, 2))
