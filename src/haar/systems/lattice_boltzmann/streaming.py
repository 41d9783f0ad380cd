"""Streaming: every population moves by its velocity, on a periodic grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from haar.systems.lattice_boltzmann.stencil import Stencil

Pieces = tuple[tuple[tuple[slice, ...], tuple[slice, ...]], ...]


def stream(f: Float[Tensor, "batch q *space"], stencil: Stencil) -> Float[Tensor, "batch q *space"]:
    """Move populations, differentiably.

    Args:
        f: Populations on axis 1.
        stencil: Their velocities.

    Example:
        >>> f = torch.zeros(1, 9, 3, 3)
        >>> f[0, 1, 2, 1] = 1.0  # velocity (1, 0)
        >>> stream(f, Stencil.named("D2Q9"))[0, 1, 0, 1].item()
        1.0
    """
    axes = tuple(range(1, 1 + stencil.dim))
    moved = [torch.roll(f[:, i], shift, axes) for i, shift in enumerate(stencil.shifts)]
    return torch.stack(moved, 1)


def stream_into(f: Float[Tensor, "batch q *space"], out: Float[Tensor, "batch q *space"], stencil: Stencil) -> None:
    """The same into memory that is there already.

    Args:
        f: Populations on axis 1.
        out: Where to, not the same memory.
        stencil: Their velocities.
    """
    shape = tuple(f.shape[2:])
    for i, shift in enumerate(stencil.shifts):
        source, target = f[:, i], out[:, i]
        for there, here in _pieces(shape, shift):
            target[(slice(None), *there)] = source[(slice(None), *here)]


@lru_cache(maxsize=256)
def _pieces(shape: tuple[int, ...], shift: Sequence[int]) -> Pieces:
    """Where parts of a shifted array come to lie, and where from."""
    parts: Pieces = (((), ()),)
    for size, far in zip(shape, shift, strict=True):
        by = far % size
        cuts = [(slice(by, size), slice(0, size - by))]
        if by:
            cuts.append((slice(0, by), slice(size - by, size)))
        parts = tuple(((*to, a), (*fro, b)) for to, fro in parts for a, b in cuts)
    return parts
