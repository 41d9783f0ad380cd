"""Small games whose answers are known."""

from __future__ import annotations

import torch
from torch import nn

from haar.saddle import Averaging, Saddle

F64 = torch.float64
ALL = Averaging(every=1, share=1)


class Number(nn.Module):
    """A player of one number."""

    def __init__(self, value=1.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=F64))

    def forward(self):
        return self.value


def sgd(players, *rates):
    """Plain steps for each player."""
    return [torch.optim.SGD(p.parameters(), lr=rate) for p, rate in zip(players, rates, strict=True)]


def bilinear(mode, rate, start=(1.0, 0.5), **options):
    """min over x, max over y of x y."""
    players = Number(start[0]), Number(start[1])
    return Saddle(*players, lambda x, y, _: x() * y(), mode, optimizers=sgd(players, rate, rate), **options)


def point(game):
    """Where both stand, as one vector."""
    with torch.no_grad():
        return torch.stack([game.primal(), game.dual()])


def regression(mode="simultaneous", *, seed=0, optimizer=torch.optim.Adam, **options):
    """Two small networks and a residual that one of them weighs."""
    torch.manual_seed(seed)
    f, u = (nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double() for _ in range(2))
    made = [optimizer(net.parameters(), lr=rate) for net, rate in ((f, 0.01), (u, 0.03))]
    return Saddle(f, u, projected_residual, mode, optimizers=made, **options)


def projected_residual(f, u, batch):
    """E[(f(X) - Y) u(Z) - u(Z)^2 / 2]."""
    x, y, z = batch
    return ((f(x) - y) * u(z) - u(z).square() / 2).mean()


def batches(count, *, seed=1, rows=16):
    """Batches of (x, y, z)."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        x, z = torch.randn(2, rows, 2, dtype=F64, generator=generator)
        made.append((x, x.sum(1, keepdim=True).sin(), z))
    return made


def state(game):
    """All parameters of both players."""
    return [p.detach().clone() for module in (game.primal, game.dual) for p in module.parameters()]


def same(one, other):
    """Whether two lists of tensors are equal to the last bit."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
