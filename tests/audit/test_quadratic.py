"""Quadratic forms on orbit sums against the averages written out."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.audit import quadratic
from haar.groups import cyclic, dihedral, octahedral, product, sign, symmetric
from haar.groups.characters import isotypic_projector_coefficients, real_irreducibles

GROUPS = [cyclic(1), cyclic(5), dihedral(4), dihedral(3), symmetric(4), octahedral(), product(dihedral(4), sign(1))]


def orbit_of(group, seed, entries=7):
    generator = torch.Generator().manual_seed(seed)
    predictions = torch.randn(group.order, entries, generator=generator, dtype=torch.float64)
    d = predictions - predictions[0]
    return predictions, (d @ d.T / entries)[None]


@given(st.sampled_from(GROUPS), st.integers(0, 10_000))
def test_averaging_over_a_subgroup_removes_the_distance_to_the_subgroup_mean(group, seed):
    predictions, deviations = orbit_of(group, seed)
    for subgroup in group.subgroups()[:20]:
        mean = predictions[subgroup.embedding].mean(0)
        expected = (predictions[0] - mean).square().mean()
        removed = quadratic.removed_by(deviations, quadratic.subgroup_weights(group, subgroup))
        torch.testing.assert_close(removed[0], expected, atol=1e-12, rtol=1e-12)


@given(st.sampled_from(GROUPS), st.integers(0, 10_000))
def test_the_share_of_a_subgroup_is_what_it_removes_at_all_moved_copies(group, seed):
    predictions, deviations = orbit_of(group, seed)
    whole = (predictions - predictions.mean(0)).square().sum()
    for subgroup in group.subgroups()[:20]:
        removed = 0.0
        for k in range(group.order):
            copies = [int(group.compose(h, torch.tensor(k))) for h in subgroup.embedding]
            removed += float((predictions[k] - predictions[copies].mean(0)).square().sum())
        expected = removed / float(whole) if group.order > 1 else 0.0
        assert abs(quadratic.subgroup_share(deviations[0], group, subgroup) - expected) < 1e-12


@given(st.sampled_from(GROUPS), st.integers(0, 10_000))
def test_orbit_variance_is_the_mean_distance_to_the_orbit_mean(group, seed):
    predictions, deviations = orbit_of(group, seed)
    expected = (predictions - predictions.mean(0)).square().mean()
    torch.testing.assert_close(quadratic.orbit_variance(deviations)[0], expected, atol=1e-12, rtol=1e-12)


@given(st.sampled_from(GROUPS), st.integers(0, 10_000))
def test_irreducible_components_are_projections_and_add_up_to_the_orbit_variance(group, seed):
    predictions, deviations = orbit_of(group, seed)
    elements = group.elements()
    total = torch.zeros(1, dtype=torch.float64)
    for irreducible in real_irreducibles(group):
        c = isotypic_projector_coefficients(irreducible)
        # (F * c)(g) = sum_h F(g h^-1) c(h), written out as an independent reference
        projected = torch.stack(
            [(c[:, None] * predictions[group.compose(g, group.inverse(elements))]).sum(0) for g in elements]
        )
        energy = projected.square().mean()
        if bool((irreducible.character - 1).abs().max() < 1e-6):
            torch.testing.assert_close(energy, predictions.mean(0).square().mean(), atol=1e-12, rtol=1e-10)
            continue
        ours = quadratic.irreducible_energies(deviations, group, c)
        torch.testing.assert_close(ours[0], energy, atol=1e-11, rtol=1e-9)
        total += ours
    torch.testing.assert_close(total, quadratic.orbit_variance(deviations), atol=1e-11, rtol=1e-9)


def test_the_estimate_from_random_elements_is_unbiased():
    group = dihedral(4)
    predictions, deviations = orbit_of(group, 3)
    exact = quadratic.removed_by(deviations, quadratic.uniform(8))
    # All ordered pairs of independent uniform elements, the identity included, enumerate the estimator's expectation.
    estimates = []
    for a in range(8):
        for b in range(8):
            d = predictions[[0, a, b]] - predictions[0]
            estimates.append(quadratic.removed_by_unlisted((d @ d.T / d.shape[1])[None]))
    torch.testing.assert_close(torch.stack(estimates).mean(0), exact, atol=1e-12, rtol=1e-12)
