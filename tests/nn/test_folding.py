"""A kept weight is never a stale one: function transforms keep nothing."""

from __future__ import annotations

import torch

from haar import nn as hnn
from haar.actions.representation import Regular
from haar.groups import cyclic


def test_layers_run_under_vmap_in_eval_and_leave_nothing_behind():
    rep = Regular(cyclic(4))
    layers = [hnn.Linear(rep, rep, generator=torch.Generator().manual_seed(seed)).eval() for seed in range(3)]
    held, buffers = torch.func.stack_module_state(layers)
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([layer(one) for layer, one in zip(layers, x, strict=True)]).detach()

    def run(held, buffers, x):
        return torch.func.functional_call(layers[0], (held, buffers), (x,))

    for _ in range(2):
        with torch.no_grad():
            torch.testing.assert_close(torch.vmap(run)(held, buffers, x), expected)
            torch.testing.assert_close(layers[0](x[0]), expected[0])
