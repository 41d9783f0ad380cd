"""Means of circuits: against products written out, exact where the size allows it, with what is lost told."""

from __future__ import annotations

import pytest
import torch

import haar
from haar.align import merging
from haar.align.circuits import mean_circuits
from haar.errors import ArgumentError
from haar.weights import Heads, ParameterAction
from haar.weights.small import SmallGPT2

ROWS = {"q": ("heads.q", None), "k": ("heads.k", None), "v": ("heads.v", None), "o": (None, "heads.o")}


def _state(seed, rank=2):
    source = torch.Generator().manual_seed(seed)
    shapes = {"q": (4, 5), "k": (4, 5), "v": (4, 5), "o": (5, 4)}
    state = {name: torch.randn(shape, generator=source, dtype=torch.float64) for name, shape in shapes.items()}
    if rank == 1:  # the second coordinate of each head is silent
        for name in "qv":
            state[name][1::2] = 0
    return state


def _products(state, head):
    rows = slice(2 * head, 2 * head + 2)
    return state["q"][rows].mT @ state["k"][rows], state["o"][:, rows] @ state["v"][rows]


def test_products_of_half_the_rank_have_their_mean_exactly():
    action = ParameterAction({"heads": Heads(2, 2)}, ROWS)
    one, other = _state(0, rank=1), _state(1, rank=1)
    found, lost = mean_circuits(action, [one, other], [0.25, 0.75])
    for head in range(2):
        pairs = zip(_products(one, head), _products(other, head), _products(found, head), strict=True)
        for a, b, mean in pairs:
            torch.testing.assert_close(mean, 0.25 * a + 0.75 * b, rtol=0, atol=1e-12)
    assert lost == {"heads: scores": 0.0, "heads: values": 0.0}


def test_what_is_lost_is_what_the_singular_values_say():
    action = ParameterAction({"heads": Heads(2, 2)}, ROWS)
    one, other = _state(0), _state(1)
    _, lost = mean_circuits(action, [one, other], [0.5, 0.5])
    for k, name in enumerate(("heads: scores", "heads: values")):
        values = torch.stack(
            [torch.linalg.svdvals((_products(one, h)[k] + _products(other, h)[k]) / 2).square() for h in range(2)]
        )
        assert lost[name] == pytest.approx(float(values[:, 2:].sum() / values.sum()), rel=1e-10)
        assert lost[name] > 0.01


def test_query_heads_of_a_group_share_its_values():
    action = ParameterAction(
        {"heads": Heads(1, 2, queries=2, scores="rotary")},
        {"q": ("heads.q", None), "k": ("heads.k", None), "v": ("heads.v", None), "o": (None, "heads.o")},
    )
    source = torch.Generator().manual_seed(0)
    shapes = {"q": (4, 5), "k": (2, 5), "v": (2, 5), "o": (5, 4)}
    state = {name: torch.randn(shape, generator=source, dtype=torch.float64) for name, shape in shapes.items()}
    found, lost = mean_circuits(action, [state, state], [0.5, 0.5])
    assert list(lost) == ["heads: values"]
    assert torch.equal(found["q"], state["q"])
    for rows in (slice(0, 2), slice(2, 4)):
        torch.testing.assert_close(found["o"][:, rows] @ found["v"], state["o"][:, rows] @ state["v"])


def test_a_network_merged_with_itself_computes_what_it_did():
    model = SmallGPT2(11, 8, layers=2, dim=12, heads=3, hidden=10).double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(1)))
    tokens = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(5))
    found = merging([model, model], heads="circuits")
    torch.testing.assert_close(found.model(tokens), model(tokens), rtol=0, atol=1e-9)
    assert max(found.lost.values()) < 1e-12
    assert max(found.distances[0]) < 1e-12
    assert "The mean of 2 networks" in found.summary
    assert "lose at most 0.00% of their energy" in found.summary


def test_another_word_is_refused():
    model = SmallGPT2(11, 8, layers=1, dim=4, heads=2)
    with pytest.raises(ArgumentError, match="heads: expected one of factors, circuits, got 'products'"):
        haar.align.merge([model, model], heads="products")
