"""One update of one mask, worked out by hand and as a property."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.compress.sparse.rewiring import filled, rewired

seeds = st.integers(0, 2**31 - 1)


def drawn(seed, units=40):
    source = torch.Generator().manual_seed(seed)
    active = torch.rand(units, generator=source) < 0.4
    weights = torch.rand(units, generator=source, dtype=torch.float64) * active
    return active, weights, torch.rand(units, generator=source, dtype=torch.float64), source


def test_by_hand():
    active = torch.tensor([True, True, True, False, False, False])
    weights = torch.tensor([0.5, 0.1, 0.9, 0.0, 0.0, 0.0])
    growth = torch.tensor([9.0, 8.0, 9.0, 1.0, 3.0, 2.0])
    found = rewired(active, weights, growth, drop=1, budget=3)
    assert found.dropped.tolist() == [False, True, False, False, False, False]
    assert found.grown.tolist() == [False, False, False, False, True, False]
    assert found.active.tolist() == [True, False, True, False, True, False]
    back = rewired(active, weights, growth, drop=1, budget=3, returns=True)
    assert back.dropped.tolist() == back.grown.tolist() == [False, True, False, False, False, False]


def test_pruning_drops_what_is_above_the_budget():
    active = torch.tensor([True, True, True, False])
    found = rewired(active, torch.tensor([0.3, 0.1, 0.2, 0.0]), None, drop=0, budget=1)
    assert found.active.tolist() == [True, False, False, False]
    assert not bool(found.grown.any())


@given(seeds, st.integers(0, 40))
def test_the_number_of_active_units_stays(seed, drop):
    active, weights, growth, _ = drawn(seed)
    found = rewired(active, weights, growth, drop=drop, budget=int(active.sum()))
    assert int(found.active.sum()) == int(active.sum())
    assert int(found.dropped.sum()) == min(drop, int(active.sum()), int((~active).sum()))
    assert not bool((found.grown & active).any())  # what was just dropped does not come back
    assert torch.equal(found.active, (active & ~found.dropped) | found.grown)


@given(seeds, st.integers(0, 20))
def test_updates_commute_with_the_order_of_units(seed, drop):
    active, weights, growth, source = drawn(seed)
    order = torch.randperm(len(active), generator=source)
    budget = int(active.sum())
    after = rewired(active, weights, growth, drop=drop, budget=budget).active[order]
    before = rewired(active[order], weights[order], growth[order], drop=drop, budget=budget).active
    assert torch.equal(after, before)


@given(seeds, st.integers(0, 60))
def test_unequal_units_overshoot_by_less_than_one(seed, drop):
    active, weights, growth, source = drawn(seed)
    sizes = torch.randint(1, 6, active.shape, generator=source)
    budget = int(sizes[active].sum())
    found = rewired(active, weights, growth, drop=drop, budget=budget, sizes=sizes)
    assert budget <= int(sizes[found.active].sum()) < budget + int(sizes.max())


def test_a_budget_of_nothing_takes_nothing():
    assert not bool(filled(torch.ones(3), torch.ones(3, dtype=torch.bool), 0).any())


def test_unequal_units_by_hand():
    sizes = torch.tensor([1, 4, 2, 8])
    everything = torch.ones(4, dtype=torch.bool)
    scores = torch.tensor([1.0, 3.0, 2.0, 0.0])
    assert filled(scores, everything, 4, sizes).tolist() == [False, True, False, False]
    assert filled(scores, everything, 5, sizes).tolist() == [False, True, True, False]
