"""Networks that move charged particles: with every way to make them turn with the cloud, and with none."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.nn.frames import Averaging, PCAFrame
from haar.nn.spectral import InvariantFeatures, Perceptron, SignMessagePassing

#: How each network is told of in tables.
LABELS = {
    "none": "no symmetry",
    "none_long": "no symmetry, longer",
    "augmented": "no symmetry, turned data",
    "naive": "principal axes, no signs",
    "sample": "one random frame in training",
    "average": "frame averaging, 2^d passes",
    "vectors": "O(d) vectors, no frame",
    "sign": "sign equivariant",
    "sign_long": "sign equivariant, longer",
}
MODES = ("naive", "sample", "average")


class PlainMessagePassing(nn.Module):
    """`SignMessagePassing` without its symmetry: signed entries go where absolute values went, and biases are free.

    Args:
        k: Dimension of the cloud.
        width: Features of every point.
        hidden: Hidden features of the networks.
        layers: Rounds of messages.
        generator: Source of the initial weights.
    """

    def __init__(self, k: int, *, width: int, hidden: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        self.enter = Perceptron((2 * k + 1, width), generator=generator)
        self.mix = nn.ModuleList(Perceptron((2 * width, width), generator=generator) for _ in range(layers))
        self.gate = nn.ModuleList(
            Perceptron((width + 2, hidden, hidden, width), generator=generator) for _ in range(layers)
        )
        self.stretch = nn.ModuleList(
            Perceptron((2 * width + 1, hidden, width), generator=generator) for _ in range(layers)
        )
        self.leave = Perceptron((width, k), generator=generator)

    def forward(
        self,
        x: Float[Tensor, "*batch n k"],
        v: Float[Tensor, "*batch n k"],
        *,
        nodes: Float[Tensor, "*batch n 1"],
        pairs: Float[Tensor, "*batch n n 1"],
    ) -> Float[Tensor, "*batch n k"]:
        """How far every particle moves."""
        n = x.shape[-2]
        square = (x.unsqueeze(-2) - x.unsqueeze(-3)).square().sum(-1, keepdim=True)
        others = (1 - torch.eye(n, dtype=x.dtype, device=x.device)).unsqueeze(-1) / max(1, n - 1)
        z = self.enter(torch.cat([x, v, nodes], -1))
        for mix, gate, stretch in zip(self.mix, self.gate, self.stretch, strict=True):
            both = torch.cat(
                [z.unsqueeze(-2).expand(*z.shape[:-1], n, -1), z.unsqueeze(-3).expand(*z.shape[:-2], n, n, -1)], -1
            )
            p = mix(both)
            message = (p * gate(torch.cat([p, square, pairs], -1)) * others).sum(-2)
            z = z + message + stretch(torch.cat([z, message, nodes], -1))
        y: Tensor = self.leave(z)
        return y


class Mover(nn.Module):
    """Positions, velocities and charges to later positions; translations are divided out in every kind.

    Args:
        kind: A key of `LABELS`.
        d: Dimension of space.
        seed: Seed of the initial weights, and of random frames.

    Raises:
        ArgumentError: If the kind is unknown.

    Example:
        >>> mover = Mover("sign", 4)
        >>> mover(torch.randn(2, 5, 4), torch.randn(2, 5, 4), torch.ones(2, 5)).shape
        torch.Size([2, 5, 4])
    """

    def __init__(self, kind: str, d: int, *, seed: int = 0) -> None:
        super().__init__()
        if kind not in LABELS:
            raise ArgumentError("kind", expected=f"one of {', '.join(LABELS)}", got=repr(kind))
        self.kind, self.d = kind, d
        generator = torch.Generator().manual_seed(seed)
        self.net: nn.Module
        if kind in ("sign", "sign_long", "vectors"):
            self.net = SignMessagePassing(
                d, inputs=2, invariants=InvariantFeatures(nodes=1, pairs=1), generator=generator
            )
        else:
            self.net = PlainMessagePassing(d, width=8 * d, hidden=64, layers=3, generator=generator)
        self.frame: PCAFrame | None = None
        if kind not in ("none", "none_long", "augmented", "vectors"):
            mode = kind if kind in MODES else "sign"
            # A frame of positions alone is not defined for few particles in many dimensions: velocities stick out.
            self.frame = PCAFrame(self.net, mode=mode, weights=(1.0, 1.0), averaging=Averaging(generator=generator))

    def forward(
        self, x: Float[Tensor, "batch n d"], v: Float[Tensor, "batch n d"], q: Float[Tensor, "batch n"]
    ) -> Float[Tensor, "batch n d"]:
        """Later positions."""
        known = {"nodes": q.unsqueeze(-1), "pairs": (q.unsqueeze(-1) * q.unsqueeze(-2)).unsqueeze(-1)}
        if self.frame is not None:
            moved: Tensor = x + self.frame(x, v, invariants=known)
            return moved
        centred = x - x.mean(-2, keepdim=True)
        spaces = {"spaces": torch.zeros(self.d, dtype=torch.int64)} if self.kind == "vectors" else {}
        shift: Tensor = self.net(centred, v, **known, **spaces)
        return x + shift
