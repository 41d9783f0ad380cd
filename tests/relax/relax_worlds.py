"""The small task of the tests: three vectors in, one out, C4, exactly symmetric or broken; and models for it."""

from __future__ import annotations

import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.groups import cyclic
from haar.relax import homotopise

C4 = cyclic(4)
VECTOR = Defining(C4)
SYMMETRY = Symmetry(C4, Vector(3 * VECTOR), Vector(VECTOR))
mse = nn.functional.mse_loss


def data(n, beta=0.0, seed=0, dtype=torch.float64):
    """Inputs (n, 6) and targets (n, 2); beta breaks the symmetry through the third vector."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, 2, generator=generator, dtype=torch.float64)
    lengths = x.norm(dim=-1, keepdim=True)
    y = (0.7 * (lengths - 1) * x).sum(1) + 0.5 * (x[:, 0] * x[:, 1]).sum(-1, keepdim=True) * x[:, 2]
    y = y + beta * torch.stack([(1.5 * x[:, 2, 1]).cos() - 0.3, x[:, 2, 0].sin()], -1)
    y = y / 1.6 + 0.05 * torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return x.flatten(1).to(dtype), y.to(dtype)


def wrapped(seed=0, *, width=8, bias=True, dtype=torch.float64, **options):
    """A small network between free and equivariant."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        plain = nn.Sequential(
            nn.Linear(6, width, bias=bias),
            nn.SiLU(),
            nn.Linear(width, width, bias=bias),
            nn.SiLU(),
            nn.Linear(width, 2, bias=bias),
        ).to(dtype)
    return homotopise(plain, SYMMETRY, **options)


def orbits(x, y):
    """The whole orbit of every sample, with its target."""
    moved = [SYMMETRY.act_inputs(g, (x,))[0] for g in C4.elements()]
    return torch.cat(moved), torch.cat([SYMMETRY.act_outputs(g, y) for g in C4.elements()])
