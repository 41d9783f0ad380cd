from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad

from haar.probing import transformed


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use, inside jvp
def test_every_way_in_which_values_are_out_of_sight():
    x, seen = torch.ones(2), []

    def note(y):
        seen.append(transformed())
        return y.sum()

    torch.func.vmap(note)(x)
    torch.func.grad(note)(x)
    torch.func.jvp(note, (x,), (x,))
    with forward_ad.dual_level():
        note(x)
    assert seen == [True] * 4
    note(x.requires_grad_()).backward()
    with torch.inference_mode():
        note(x)
    assert seen[4:] == [False, False]


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_trace_and_an_export_see_operations_only():
    seen = []

    class Note(torch.nn.Module):
        def forward(self, y):
            seen.append(transformed())
            return y + 1

    torch.jit.trace(Note(), torch.ones(2), check_trace=False)
    torch.export.export(Note(), (torch.ones(2),), strict=False)
    assert seen
    assert all(seen)
