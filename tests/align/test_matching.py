"""The best element of one site: against brute force, against random elements, and in what it may be."""

from __future__ import annotations

import itertools

import pytest
import torch

from haar.align.assignment import assigned, assigned_in_groups, match_experts, match_units
from haar.align.grams import cross_grams, gain
from haar.align.matching import match_weights
from haar.align.procrustes import match_heads, match_rotation, nearest_orthogonal
from haar.errors import ArgumentError
from haar.weights import Experts, Heads, ParameterAction, Rotation, Units
from haar.weights.sites import order_of_groups


def _gram(size, seed):
    return torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
def test_assignments_are_the_best_of_all_orders(n):
    scores = _gram(n, n)
    best = max(sum(float(scores[i, j]) for i, j in enumerate(order)) for order in itertools.permutations(range(n)))
    assert float(scores[torch.arange(n), assigned(scores)].sum()) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize(("groups", "size"), [(1, 4), (2, 3), (3, 2), (4, 1)])
def test_orders_of_groups_are_the_best_of_all(groups, size):
    scores = _gram(groups * size, groups)
    all_inner = list(itertools.product(itertools.permutations(range(size)), repeat=groups))
    orders = [
        order_of_groups(torch.tensor(outer), torch.tensor(inner))
        for outer in itertools.permutations(range(groups))
        for inner in all_inner
    ]
    rows = torch.arange(groups * size)
    best = max(float(scores[rows, order].sum()) for order in orders)
    order = assigned_in_groups(scores, groups)
    assert float(scores[rows, order].sum()) == pytest.approx(best, abs=1e-12)
    assert any(torch.equal(order, one) for one in orders)
    site = Units(groups * size, groups=groups)
    drawn = site.random(torch.Generator().manual_seed(0))[""].order
    assert any(torch.equal(drawn, one) for one in orders)
    assert gain(match_units(site, {"order": scores}), {"order": scores}) == pytest.approx(best, abs=1e-12)


def test_units_with_signs_against_brute_force():
    grams = {"": _gram(4, 1), "order": _gram(4, 2)}
    found = gain(match_units(Units(4, "any"), grams), grams)
    best = -float("inf")
    for order in itertools.permutations(range(4)):
        for signs in itertools.product((-1.0, 1.0), repeat=4):
            element = Units(4, "any").element(torch.tensor(order), torch.tensor(signs, dtype=torch.float64))
            best = max(best, gain(element, grams))
    assert found == pytest.approx(best, abs=1e-12)
    assert gain(match_units(Units(4), grams), grams) < best


def test_units_that_have_nothing_in_common_stay_as_they_are():
    found = match_units(Units(3, "signs"), {"": torch.zeros(3, 3, dtype=torch.float64)})
    assert found[""].matrix().abs().sum(0).tolist() == [1.0, 1.0, 1.0]


def test_experts_against_brute_force():
    site = Experts(3, 2)
    grams = {"": _gram(3, 1), "units": _gram(6, 2), "order": _gram(6, 3)}
    best = -float("inf")
    for order in itertools.permutations(range(3)):
        for inner in itertools.product(itertools.permutations(range(2)), repeat=3):
            best = max(best, gain(site.element(torch.tensor(order), torch.tensor(inner)), grams))
    assert gain(match_experts(site, grams), grams) == pytest.approx(best, abs=1e-12)


def test_experts_with_signs_against_brute_force():
    site = Experts(2, 2, "signs")
    grams = {"": _gram(2, 1), "units": _gram(4, 2), "order": _gram(4, 3)}
    best = -float("inf")
    for order in itertools.permutations(range(2)):
        for inner in itertools.product(itertools.permutations(range(2)), repeat=2):
            for signs in itertools.product((-1.0, 1.0), repeat=4):
                scale = torch.tensor(signs, dtype=torch.float64).reshape(2, 2)
                best = max(best, gain(site.element(torch.tensor(order), torch.tensor(inner), scale), grams))
    assert gain(match_experts(site, grams), grams) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("scales", ["none", "signs"])
def test_experts_of_whose_units_nothing_is_known_change_places_alone(scales):
    site = Experts(3, 2, scales)
    found = match_experts(site, {"": torch.eye(3, dtype=torch.float64)[[2, 0, 1]]})
    order = torch.tensor([2, 0, 1]).argsort().argsort()
    expected = site.element(order, torch.arange(2).expand(3, 2))
    for port in site.ports:
        torch.testing.assert_close(found[port].matrix(), expected[port].matrix(), check_dtype=False)


@pytest.mark.parametrize("fixes_ones", [False, True])
def test_rotations_are_better_than_a_thousand_random_ones(fixes_ones):
    site, grams = Rotation(6, fixes_ones=fixes_ones), {"": _gram(6, 4)}
    element = match_rotation(site, grams)
    matrix = element[""].matrix()
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-12)
    generator = torch.Generator().manual_seed(0)
    found = gain(element, grams)
    assert all(gain(site.random(generator), grams) < found for _ in range(1000))
    assert gain({"": site.element(nearest_orthogonal(grams[""]))[""]}, grams) >= found


@pytest.mark.parametrize("scores", ["linear", "rotary", "fixed"])
def test_heads_are_better_than_random_compact_elements(scores):
    site = Heads(2, 4, queries=2, scores=scores)
    grams = {port: _gram(size, k) for k, (port, size) in enumerate(site.ports.items())}
    found = gain(match_heads(site, grams), grams)
    generator = torch.Generator().manual_seed(0)
    orthogonal = [nearest_orthogonal(_gram(4, 100 + k)) for k in range(400)]
    best = -float("inf")
    for k in range(200):
        order = torch.randperm(2, generator=generator)
        inner = torch.stack([torch.randperm(2, generator=generator) for _ in range(2)])
        turned = site.random(generator)["q"].blocks
        unit = None
        if scores == "rotary":
            unit = turned[::2] / turned[::2].square().sum(-1, keepdim=True).sqrt()
        elif scores == "linear":
            unit = torch.stack(orthogonal[k : k + 2])
        best = max(best, gain(site.element(order, inner, unit, torch.stack(orthogonal[k + 1 : k + 3])), grams))
    assert found > best


@pytest.mark.parametrize("scores", ["linear", "fixed"])
def test_heads_of_one_query_against_all_orders(scores):
    site = Heads(3, 2, queries=1, scores=scores)
    grams = {port: _gram(size, k) for k, (port, size) in enumerate(site.ports.items(), 20)}

    def worth(i, j):
        q, k, v, o = (grams[port][2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for port in "qkvo")
        turned = torch.linalg.svdvals(q + k).sum() if scores == "linear" else (q + k).trace()
        return float(turned + torch.linalg.svdvals(v + o).sum())

    best = max(sum(worth(i, j) for i, j in enumerate(order)) for order in itertools.permutations(range(3)))
    assert gain(match_heads(site, grams), grams) == pytest.approx(best, abs=1e-10)


@pytest.mark.parametrize("scores", ["linear", "rotary", "fixed"])
def test_planted_orders_of_grouped_queries_are_found(scores):
    site = Heads(3, 4, queries=4, scores=scores)
    ports = {name: torch.randn(size, 9, dtype=torch.float64) for name, size in site.ports.items()}
    order = torch.tensor([2, 0, 1])
    inner = torch.stack([torch.randperm(4) for _ in range(3)])
    values = torch.stack([nearest_orthogonal(_gram(4, k)) for k in range(3)])
    turned = site.random(torch.Generator().manual_seed(0))["q"].blocks[::4] if scores == "rotary" else None
    if turned is not None:  # of one size
        turned = turned / turned.square().sum(-1, keepdim=True).sqrt()
    planted = site.element(order, inner, values if scores == "linear" else turned, values)
    grams = {name: planted[name].apply(x, 0) @ x.mT for name, x in ports.items()}
    found = match_heads(site, grams)
    for name in ports:
        torch.testing.assert_close(found[name].matrix(), planted[name].matrix(), rtol=0, atol=1e-10)


def test_inner_products_of_what_a_site_moves():
    action = ParameterAction({"h": Units(3)}, {"w": ("h", None), "v": (None, "h*")})
    a, b = ({"w": torch.randn(3, 2).double(), "v": torch.randn(4, 3).double()} for _ in range(2))
    found = cross_grams(action, a, b, "h", ["w", "v"])
    expected = a["w"] @ b["w"].T + a["v"].T @ b["v"]
    torch.testing.assert_close(found[""], expected)
    identity, swap = Units(3).identity(), Units(3).element(torch.tensor([1, 0, 2]))
    assert gain(identity, found) == pytest.approx(float(expected.trace()))
    assert gain(swap, found) == pytest.approx(float(expected[0, 1] + expected[1, 0] + expected[2, 2]))


def test_more_units_than_fit_into_memory_are_refused():
    action = ParameterAction({"h": Units(16385)}, {"w": ("h",)})
    state = {"w": torch.zeros(16385)}
    with pytest.raises(ArgumentError, match=r"w: expected at most 16384 units at h, .*, got 16385; give a table"):
        cross_grams(action, state, state, "h", ["w"])


def test_a_wide_planted_rotation_in_single_precision_takes_one_sweep():
    width, generator = 1024, torch.Generator().manual_seed(0)
    action = ParameterAction({"stream": Rotation(width)}, {"read": (None, "stream"), "written": ("stream*", None)})
    shapes = {"read": (20, width), "written": (width, width)}
    a = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    found = match_weights(action, a, action.act(action.random(1, dtype=torch.float32), a))
    assert len(found.distances) == 2
    assert 1e-9 < found.distances[1] / found.distances[0] < 1e-5  # what is left is rounding, more than of few sums
