"""What alignments say and show, as it was when somebody last looked at it: numbers, tables, figures, words."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from haar.align import Barrier, Difference, align
from haar.align.checkpoints import AlignedPair
from haar.weights import adapted, folded
from haar.weights.models import with_state
from haar.weights.small import SmallGPT2


def pair():
    """A network, and the same one moved by its symmetry, with every parameter a little off."""
    generator = torch.Generator().manual_seed(0)
    model = SmallGPT2(11, 8, layers=1, dim=8, heads=2, hidden=6).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    action = adapted(model.state_dict(), model.config)
    plain = dict(folded(action, model.state_dict()))
    moved = action.act(action.random(1, dtype=torch.float64, state=plain), plain)
    near = {name: x + 0.02 * torch.randn(x.shape, generator=generator, dtype=x.dtype) for name, x in moved.items()}
    return model, with_state(model, near)


def of_alignment():
    return align(*pair())


def of_difference():
    return Difference(align(*pair()), 1e-6, 1e-4)


def of_both():
    losses = {"as they came": (1.0, 3.0, 2.0), "canonical": (1.0, 1.5, 2.0), "permutation": (1.0, 1.25, 2.0)}
    return AlignedPair(align(*pair()), Barrier((0.0, 0.5, 1.0), losses))


@pytest.mark.parametrize("made", [of_alignment, of_difference, of_both])
def test_all_that_is_said_and_shown(report_as_recorded, made):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        report_as_recorded(made(), Path(__file__).parent / f"told_{made.__name__}.json")


def test_strangers_come_as_near_as_they_did(as_recorded):
    """Layers are matched one after another by what is settled, whose order the way of the distance shows."""
    generator = torch.Generator().manual_seed(1)
    sizes, made = [3, 8, 7, 6, 2], []
    for _ in range(2):
        layers = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m, dtype=torch.float64), nn.ReLU())]
        made.append(nn.Sequential(*layers[:-1]))
        with torch.no_grad():
            for p in made[-1].parameters():
                p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    found = align(*made, example=torch.ones(2, 3, dtype=torch.float64)).contents()
    told = {name: found[name] for name in ("history", "distance", "moved")}
    as_recorded(told, Path(__file__).parent / "strangers.json", relative=1e-5)
