"""Orders of experts: costs that do not see what they must not, planted orders, and brute force."""

from __future__ import annotations

import itertools

import pytest
import torch

from haar.align.expert_order import WAYS, best_order, expert_costs, ordered_experts
from haar.align.grams import cross_grams, gain
from haar.align.matching import best_element
from haar.errors import ArgumentError
from haar.weights import Gauge, balancing
from haar.weights.small import SmallMixture


def _state(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SmallMixture(5, 3, dim=4, experts=3, units=6).double()
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.3 * torch.randn_like(p))
    return model.action, {name: value.detach() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("way", WAYS)
def test_planted_orders_are_found(way):
    action, state = _state(0)
    gauge = action.random(3, state=state)
    moved = action.act(gauge, state)
    moved = action.act(balancing(action, moved), moved)
    state = action.act(balancing(action, state), state)
    order = best_order(expert_costs(action, state, moved, "experts", way))
    assert torch.equal(gauge.sites["experts"][""].order[order], torch.arange(3))
    element = ordered_experts(action, state, moved, "experts", order=order)
    back = action.act(Gauge({"experts": element}), moved)
    assert max(float((back[name] - state[name]).abs().max()) for name in state) < 1e-12


def test_gram_costs_do_not_see_units_and_gate_costs_no_translations():
    action, a = _state(0)
    _, b = _state(1)
    site = action.sites["experts"]
    inner = torch.stack([torch.randperm(6) for _ in range(3)])
    mixed = action.act(Gauge({"experts": site.element(torch.arange(3), inner)}), b)
    for way in ("gram", "inner"):
        before, after = (expert_costs(action, a, each, "experts", way) for each in (b, mixed))
        torch.testing.assert_close(after, before, rtol=0, atol=1e-10)
    shifted = {**b, "gate.weight": b["gate.weight"] + torch.randn(4), "gate.bias": b["gate.bias"] + 7}
    before, after = (expert_costs(action, a, each, "experts", "gate") for each in (b, shifted))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)


def test_costs_by_hand():
    action, a = _state(0)
    _, b = _state(1)
    gate = expert_costs(action, a, b, "experts", "gate")
    rows = [torch.cat([s["gate.weight"], s["gate.bias"][:, None]], 1) for s in (a, b)]
    rows = [x - x.mean(0) for x in rows]
    assert float(gate[1, 2]) == pytest.approx(float((rows[0][1] - rows[1][2]).norm()))
    gram = expert_costs(action, a, b, "experts", "gram")
    into = [torch.cat([s["up"], s["up_bias"][..., None]], -1) for s in (a, b)]
    first = into[0][1].T @ into[0][1] - into[1][2].T @ into[1][2]
    second = a["down"][1] @ a["down"][1].T - b["down"][2] @ b["down"][2].T
    assert float(gram[1, 2]) == pytest.approx(float((first.square().sum() + second.square().sum()).sqrt()))


def test_inner_costs_are_those_that_the_best_element_has():
    action, a = _state(0)
    _, b = _state(1)
    costs = expert_costs(action, a, b, "experts", "inner")
    rows = action.touching("experts")
    grams = cross_grams(action, a, {row: action.entries[row].read(b) for row in rows}, "experts", rows)
    best = gain(best_element(action, "experts", grams), grams)
    worth = {order: -sum(float(costs[i, j]) for i, j in enumerate(order)) for order in itertools.permutations(range(3))}
    assert max(worth.values()) == pytest.approx(best, abs=1e-9)
    for order, value in worth.items():
        element = ordered_experts(action, a, b, "experts", order=torch.tensor(order))
        assert gain(element, grams) == pytest.approx(value, abs=1e-9)
        assert element[""].order.tolist() == list(order)


@pytest.mark.parametrize(
    ("site", "way", "message"),
    [
        ("experts", "name", r"way: expected one of gate, gram, inner, got 'name'"),
        ("heads", "gate", r"site: expected the name of a site of experts, got 'heads'"),
    ],
)
def test_what_is_refused(site, way, message):
    action, a = _state(0)
    with pytest.raises(ArgumentError, match=message):
        expert_costs(action, a, a, site, way)


def test_more_experts_than_there_are_cannot_be_chosen():
    with pytest.raises(ArgumentError, match=r"chosen: expected 1 .. 2, got 3"):
        SmallMixture(4, 2, dim=3, experts=2, units=5, chosen=3)
