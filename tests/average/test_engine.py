"""The engine: exactness over groups and layouts, plans, and strategies by name."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_loop import DOUBLE, loop, vector_symmetry
from torch import nn

from haar.actions import Defining, Field, Symmetry, Trivial, Vector
from haar.average import Averaged, Cosets, Given, Orbit, Sampled, average
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, cyclic, dihedral, grid_group, reflections, shifts


@settings(max_examples=3)
@given(seed=st.integers(0, 10_000), batch=st.integers(1, 4), micro_batch=st.sampled_from([1, 2, 3, 8, "auto"]))
def test_the_average_is_equivariant_and_equals_a_plain_loop(case, name, seed, batch, micro_batch):
    model, symmetry, args = case(name, batch=batch, seed=seed)
    averaged = average(model, symmetry, micro_batch=micro_batch)
    y = averaged(*args)
    torch.testing.assert_close(y, loop(model, symmetry, args), rtol=1e-12, atol=1e-12)
    g = symmetry.group.sample(1, torch.Generator().manual_seed(seed))[0]
    moved = averaged(*symmetry.act_inputs(g, args))
    torch.testing.assert_close(moved, symmetry.act_outputs(g, y), rtol=1e-12, atol=1e-12)


def test_averaging_twice_changes_nothing(case, name):
    model, symmetry, args = case(name)
    once = average(model, symmetry, micro_batch=4)
    twice = average(once, symmetry, micro_batch=4)
    torch.testing.assert_close(twice(*args), once(*args), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gradients", [True, False])  # copy by copy, and by tables
def test_an_output_that_changes_its_shape_later_is_refused(gradients):
    wide = [True]
    averaged = average(lambda x: x if wide[0] else x[:, :1], vector_symmetry(dihedral(4)), micro_batch=1)
    with torch.set_grad_enabled(gradients):
        averaged(torch.ones(3, 2))
        wide[0] = False
        with pytest.raises(ShapeError, match="output: expected"):
            averaged(torch.ones(3, 2))


def test_an_equivariant_model_is_left_as_it_is():
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    isotropic = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=DOUBLE)
    a, b, c = torch.randn(3, dtype=DOUBLE)
    with torch.no_grad():
        isotropic.weight.copy_(torch.stack([a, b, a, b, c, b, a, b, a]).reshape(1, 1, 3, 3))
    x = torch.randn(2, 1, 7, 7, dtype=DOUBLE)
    torch.testing.assert_close(average(isotropic, symmetry)(x), isotropic(x), rtol=1e-12, atol=1e-12)


def test_a_chain_of_subgroups_averages_step_by_step():
    D4 = dihedral(4)
    symmetry = Symmetry.of_fields(D4, "p, u:vector")
    small = symmetry.restrict(D4.subgroup([1], "C4"))
    model = nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(2, 3, 5, 5, dtype=DOUBLE)
    big = average(model, symmetry)(x)
    torch.testing.assert_close(average(average(model, small), symmetry)(x), big, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(average(average(model, symmetry), small)(x), big, rtol=1e-12, atol=1e-12)


def test_affine_actions_average_exactly():
    group = reflections(1)
    offset = torch.zeros(2, 1, 6, dtype=DOUBLE)
    offset[1] = 2.0  # b -> 2 - b under the reflection: an involution with the sign -1
    action = Field(Defining(group), offset=offset)
    model = nn.Conv1d(1, 1, 3, padding=1, dtype=DOUBLE)
    averaged = average(model, Symmetry(group, action, action))
    x = torch.randn(2, 1, 6, dtype=DOUBLE)
    g = torch.tensor(1)
    torch.testing.assert_close(averaged(action.act(g, x)), action.act(g, averaged(x)), rtol=1e-12, atol=1e-12)


def test_terms_and_stacked_are_the_orbit_of_predictions(case, name):
    model, symmetry, args = case(name)
    averaged = average(model, symmetry, micro_batch=3)
    terms = list(averaged.terms(*args))
    assert len(terms) == symmetry.group.order
    total = sum(weight * y for weight, y in terms)
    torch.testing.assert_close(total, averaged(*args), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(averaged.stacked(*args), torch.stack([y for _, y in terms]), rtol=0, atol=0)


def test_the_memory_bound_limits_the_micro_batch(case):
    model, symmetry, args = case("D4 with shifts")
    tight = average(model, symmetry, memory_limit=1)
    tight(*args)
    assert [plan.elements for plan in tight._planner.plans] == [1]
    free = average(model, symmetry, memory_limit=2**40)
    torch.testing.assert_close(free(*args), tight(*args), rtol=1e-12, atol=1e-12)


def test_plans_are_made_once_for_a_shape(case):
    model, symmetry, args = case("D3 on vectors")
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    averaged = average(model, symmetry)
    averaged(*args)
    first = len(calls)
    averaged(*args)
    plan = averaged._planner.plans[0]
    assert len(calls) - first == -(-6 // plan.elements) < first
    averaged(args[0][:1])
    assert len(averaged._planner.plans) == 2


@pytest.mark.parametrize("micro_batch", [0, -1, "fast", True])
def test_micro_batch_must_be_a_number_or_auto(micro_batch):
    with pytest.raises(ArgumentError, match="micro_batch: expected 'auto' or a positive number of elements"):
        average(nn.Linear(2, 2), vector_symmetry(cyclic(3)), micro_batch=micro_batch)


def test_unknown_strategies_and_keywords_are_refused():
    with pytest.raises(ArgumentError, match="how: expected one of orbit, sampled, quadrature, quasirandom"):
        average(nn.Linear(2, 2), vector_symmetry(cyclic(3)), "everything")
    with pytest.raises(TypeError, match="unexpected keyword argument 'microbatch'"):
        average(nn.Linear(2, 2), vector_symmetry(cyclic(3)), microbatch=2)


@pytest.mark.parametrize("group", [SO(3), shifts((64, 64))])
def test_groups_too_large_for_a_full_orbit_are_refused(group):
    action = Vector(Defining(group)) if group.order is None else Field(Trivial(group))
    with pytest.raises(ArgumentError, match="how: expected a finite group of at most 1024 elements for a full orbit"):
        average(nn.Identity(), Symmetry(group, action, action))


def test_the_representation_says_what_is_known():
    D4 = dihedral(4)
    symmetry = Symmetry.of_fields(D4, "p")
    assert "D4, 8 elements: exact" in repr(average(nn.Identity(), symmetry))
    assert "sampled" in average(nn.Identity(), symmetry, Sampled(3)).error
    assert "exact if the model is C2-equivariant" in repr(
        average(nn.Identity(), symmetry, Cosets(D4.subgroup([2], "C2")))
    )


def test_known_equivariance_needs_fewer_elements():
    G = grid_group(dihedral(4), (6, 6), step=3)
    symmetry = Symmetry.of_fields(G, "p, u:vector")
    conv = nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular", dtype=DOUBLE)
    shift_group = G.subgroup([int(G.element(0, (3, 0))), int(G.element(0, (0, 3)))])
    few = average(conv, symmetry, Cosets(shift_group))
    assert len(few.elements) == 8
    x = torch.randn(2, 3, 6, 6, dtype=DOUBLE)
    torch.testing.assert_close(few(x), average(conv, symmetry)(x), rtol=1e-12, atol=1e-12)


@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_the_pointwise_identity_of_orbits_holds(seed):
    """mean_g |f(gx) - gy|^2 = |Qf(x) - y|^2 + mean_g |f_g(x) - Qf(x)|^2, on any pair (x, y)."""
    generator = torch.Generator().manual_seed(seed)
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    conv = nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(1, 3, 4, 4, generator=generator, dtype=DOUBLE)
    y = torch.randn(1, 3, 4, 4, generator=generator, dtype=DOUBLE)
    averaged = average(conv, symmetry, micro_batch=8)
    mean, orbit = averaged(x), averaged.stacked(x)
    left = [
        (conv(symmetry.inputs[0].act(g, x)) - symmetry.outputs.act(g, y)).square().sum()
        for g in symmetry.group.elements()
    ]
    right = (mean - y).square().sum() + (orbit - mean).square().sum() / 8
    torch.testing.assert_close(sum(left) / 8, right, rtol=1e-12, atol=1e-12)


def test_the_engine_takes_a_given_set_and_an_orbit_alike():
    symmetry = vector_symmetry(cyclic(4))
    model = nn.Linear(2, 2, dtype=DOUBLE)
    x = torch.randn(3, 2, dtype=DOUBLE)
    whole = Averaged(model, symmetry, Orbit())(x)
    torch.testing.assert_close(Averaged(model, symmetry, Given([0, 1, 2, 3]))(x), whole, rtol=0, atol=0)


def test_warnings_are_not_given(case):
    model, symmetry, args = case("O on a cube")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        average(model, symmetry)(*args)
