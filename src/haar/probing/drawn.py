"""Inputs of our own making: what is decided by trying is tried on numbers that say something."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.containers import mapped


def drawn_like(inputs: Any, generator: torch.Generator | None = None) -> Any:
    """Random inputs in the place of given ones: the same containers, shapes, dtypes and devices.

    Real and complex tensors become normal numbers with the spread of the given ones around their mean (spread 1 where
    the given ones are constant or not finite), independent in every entry. Whole numbers and booleans are indices,
    masks or classes of which nothing but the given values is known to be allowed: they stay.

    Args:
        inputs: A tree of tensors and other things, which stay.
        generator: Source of the numbers, on the CPU; by default one of seed 0.

    Example:
        >>> drawn_like((torch.zeros(2, 3), torch.tensor([1, 2])))[1]
        tensor([1, 2])
    """
    source = torch.Generator().manual_seed(0) if generator is None else generator
    return mapped(lambda x: _drawn(x, source), inputs)


def _drawn(x: Tensor, generator: torch.Generator) -> Tensor:
    if x.is_meta or not (x.is_floating_point() or x.is_complex()) or x.numel() == 0:
        return x
    kind = torch.complex128 if x.is_complex() else torch.float64
    given = x.detach().to(kind)
    mean, spread = given.mean(), given.std(correction=0)
    if not (bool(mean.isfinite()) and bool(spread.isfinite()) and float(spread) > 0):
        mean, spread = torch.zeros_like(mean), torch.ones_like(spread)
    noise = torch.randn(x.shape, generator=generator, dtype=kind).to(x.device)
    return (mean + spread * noise).to(x.dtype)
