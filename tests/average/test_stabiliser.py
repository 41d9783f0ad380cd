"""Samples with a symmetry of their own share runs, and give the same."""

from __future__ import annotations

import pytest
import torch
from plain_loop import DOUBLE, vector_symmetry
from torch import nn

from haar.actions import Field, Invariant, Space, Symmetry
from haar.average import average
from haar.groups import dihedral, sign


@pytest.mark.parametrize("micro_batch", [3, "auto"])
def test_stabilisers_share_runs_and_give_the_same(micro_batch):
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    conv = nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)
    rows = []

    def model(x):
        rows.append(len(x))
        return conv(x)

    plain = torch.randn(1, 3, 6, 6, dtype=DOUBLE)
    half_turn = symmetry.inputs[0].act(torch.tensor(2), plain)
    x = torch.cat([plain, plain + half_turn, torch.zeros_like(plain)])
    shared = average(model, symmetry, micro_batch=micro_batch, share_stabilisers=True)
    shared(x)
    rows.clear()
    y = shared(x)
    assert sum(rows) == 8 + 4 + 1
    torch.testing.assert_close(y, average(conv, symmetry)(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(y[1], symmetry.outputs.act(torch.tensor(2), y[1:2])[0], rtol=1e-12, atol=1e-12)


def test_stabilisers_are_those_of_all_inputs_together():
    group = dihedral(4)
    field = Field(Space(group))
    symmetry = Symmetry(group, (field, field, Invariant(group)), field)
    calls = []

    def model(x, y, t):
        calls.append(len(x))
        return x * t.reshape(-1, 1, 1, 1) + y.sin()

    x = torch.zeros(2, 2, 4, 4, dtype=DOUBLE)
    y = torch.zeros(2, 2, 4, 4, dtype=DOUBLE)
    y[1] = torch.randn(2, 4, 4, dtype=DOUBLE)
    t = torch.rand(2, dtype=DOUBLE)
    shared = average(model, symmetry, share_stabilisers=True, micro_batch=8)
    shared(x, y, t)
    calls.clear()
    result = shared(x, y, t)
    assert sum(calls) == 1 + 8
    torch.testing.assert_close(result, average(model, symmetry, micro_batch=8)(x, y, t), rtol=1e-12, atol=1e-12)


def test_nan_is_passed_on_and_never_shared():
    symmetry = vector_symmetry(sign(1))
    x = torch.tensor([[float("nan")], [1.0]])
    y = average(nn.Identity(), symmetry, share_stabilisers=True)(x)
    assert torch.isnan(y[0]).all()
    assert float(y[1]) == 1.0


def test_what_is_drawn_to_tell_samples_apart_leaves_the_random_state():
    shared, x = average(nn.Identity(), vector_symmetry(sign(2)), share_stabilisers=True), torch.ones(2, 2, dtype=DOUBLE)
    shared(x)
    before = torch.get_rng_state()
    shared(x)
    assert torch.equal(torch.get_rng_state(), before)
