"""Rows that are read a part at a time give what whole ones do."""

from __future__ import annotations

import copy

import pytest
import torch

from haar.align import align, pieces
from haar.weights import Moved, adapted, folded
from haar.weights.small import SmallGPT2


def _pair():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [SmallGPT2(37, 9, layers=1, dim=8, heads=2, hidden=6).double().eval() for _ in range(2)]


def test_small_parts_find_what_whole_rows_do(monkeypatch):
    one, other = _pair()
    whole = align(one, other)
    monkeypatch.setattr(pieces, "_NUMBERS", 80)
    found = align(one, other)
    assert found.history == pytest.approx(whole.history, rel=1e-12)
    for which in ("before", "canonical", "after", "weight"):
        assert getattr(found.distances, which) == pytest.approx(getattr(whole.distances, which), rel=1e-10, abs=1e-12)
    for name, value in whole.b.items():
        torch.testing.assert_close(found.b[name], value, rtol=0, atol=1e-10)


def test_parts_of_what_is_moved_and_folded_are_parts_of_the_whole(monkeypatch):
    one, _ = _pair()
    action = adapted(one.state_dict(), one.config)
    state = Moved(action, action.random(0), folded(action, copy.deepcopy(one.state_dict())))
    monkeypatch.setattr(pieces, "_NUMBERS", 80)
    for row in ("transformer.wte.weight", "lm_head.weight"):
        parts = [part[row] for (part,) in pieces.pieces_of(action, row, state)]
        assert [len(part) for part in parts] == [10, 10, 10, 7]
        torch.testing.assert_close(torch.cat(parts), state[row], rtol=0, atol=1e-14)
    assert list(pieces.pieces_of(action, "transformer.h.0.mlp.c_fc.weight", state)) == [(state,)]
