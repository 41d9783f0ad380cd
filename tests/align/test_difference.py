"""difference: a network moved by its symmetry is told from another, whatever stands or is missing in it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.align import difference
from haar.align.difference import Difference
from haar.weights import adapted, folded, traced
from haar.weights.models import with_state
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama

ROWS = torch.randn(9, 4, dtype=torch.float64)


def _normed():
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 3)
    )


def _plain():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10), nn.ReLU(), nn.Linear(10, 3))


class _Again(nn.Module):
    """A layer that is used three times: its weights are moved on both axes by one site."""

    def __init__(self):
        super().__init__()
        self.into, self.again, self.out = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.into(x).tanh()
        for _ in range(3):
            h = self.again(h).tanh()
        return self.out(h)


def _unwritten(model):
    """Units that nothing writes to, and units that nothing reads."""
    model[0].weight.data[:2], model[0].bias.data[:2] = 0, 0
    model[2].weight.data[:, 5] = 0


def _pruned(model):
    for value in model.parameters():
        if value.ndim > 1:
            value.data[value.abs() < value.abs().quantile(0.8)] = 0


def _unread_head(model):
    for name, value in model.named_parameters():
        if name.endswith("attn.c_proj.weight"):
            value.data[:4] = 0
        elif name.endswith("self_attn.o_proj.weight"):
            value.data[:, :4] = 0


def _narrow_head(model):
    """Two coordinates of a head's values are one."""
    for name, value in model.named_parameters():
        if name.endswith("c_attn.weight"):
            value.data[:, -1] = value[:, -2].detach()
        elif name.endswith("v_proj.weight"):
            value.data[1] = value[0].detach()


MADE = {
    "batch norms": (_normed, None),
    "a layer that is used again": (_Again, None),
    "units that are not written to, or not read": (_plain, _unwritten),
    "pruned": (_plain, _pruned),
    "a head that nothing reads": (lambda: SmallGPT2(7, 5, layers=2, dim=8, heads=2, hidden=6), _unread_head),
    "a head of less than its size": (lambda: SmallGPT2(7, 5, layers=2, dim=8, heads=2, hidden=6), _narrow_head),
    "a group of heads that nothing reads": (
        lambda: SmallLlama(LlamaSizes(7, layers=2, dim=8, heads=2, groups=1, hidden=6)), _unread_head,
    ),
    "a group of heads of less than its size": (
        lambda: SmallLlama(LlamaSizes(7, layers=2, dim=8, heads=2, groups=2, hidden=6)), _narrow_head,
    ),
}  # fmt: skip


def _made(make, change, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make()
        for value in model.parameters():
            value.data += 0.3 * torch.randn_like(value)
    if change is not None:
        change(model)
    return model.double().eval()


@pytest.mark.parametrize("name", MADE)
def test_planted_pairs_are_told_from_others(name):
    make, change = MADE[name]
    model, other = (_made(make, change, seed) for seed in (0, 1))
    config = getattr(model, "config", None)
    state = model.state_dict()
    action = traced(model, ROWS) if config is None else adapted(state, config)
    plain = dict(folded(action, state))
    twin = with_state(model, action.act(action.random(3, state=plain), plain))
    kwargs = {"example": ROWS} if config is None else {}
    found = difference(model, twin, **kwargs)
    assert found.same
    assert found.floor < 1e-7
    apart = difference(model, other, **kwargs)
    assert not apart.same
    assert apart.threshold <= 0.01 < apart.distance


def test_no_verdict_is_given_where_a_network_is_not_found_from_itself():
    found = difference(_made(_plain, None, 0), _made(_plain, None, 1), example=ROWS)
    assert found.summary.startswith("The two are **really different**")
    lost = Difference(found.alignment, 0.02, 0.01)
    assert lost.summary.startswith("**No verdict**: matching finds the first network at 0.02 from itself")
