"""Stabilisers: elements that leave an input as it is share one run of the model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor


def distinct_rows(joined: Sequence[Tensor], copies: int) -> tuple[Int[Tensor, " rows"], Int[Tensor, "copies batch"]]:
    """Which moved samples are different, bit for bit, over all inputs together.

    If h x = x then phi(g h) x = phi(g) x: the model need run once for every left coset of the stabiliser of x.

    Args:
        joined: One tensor for every input, ``(copies * batch, ...)``, copy after copy.
        copies: Number of copies.

    Returns:
        The rows to run, and for copy k of sample b the place of its output among them.
    """
    batch = joined[0].shape[0] // copies
    print_ = sum(_fingerprint(x) for x in joined)
    prints = torch.as_tensor(print_).reshape(copies, batch)
    flat = [x.reshape(copies, batch, -1) for x in joined]
    first = torch.arange(copies, device=prints.device)[:, None].repeat(1, batch)
    for k in range(1, copies):
        for j in range(k):
            # NaN fingerprints are equal to nothing: samples with NaN are never shared.
            candidates = (prints[j] == prints[k]) & (first[k] == k) & (first[j] == j)
            if not bool(candidates.any()):
                continue
            equal = torch.stack([(x[j] == x[k]).all(-1) for x in flat]).all(0)
            first[k] = torch.where(candidates & equal, torch.full_like(first[k], j), first[k])
    own = torch.arange(copies, device=prints.device)[:, None] == first
    rows = own.reshape(-1).nonzero().squeeze(1)
    number = own.reshape(-1).cumsum(0).reshape(copies, batch) - 1
    return rows, number.gather(0, first)


def _fingerprint(x: Tensor) -> Tensor:
    """One number a row: equal for equal rows (up to the order of summation, which is the same for all of them)."""
    flat = x.reshape(len(x), -1)
    flat = torch.view_as_real(flat).flatten(1) if flat.is_complex() else flat
    weights = torch.rand(flat.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (flat.to(torch.float64) * weights.to(flat.device)).sum(1)
