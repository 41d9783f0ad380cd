"""The plain null space of a model's derivatives, as LieGG and LieSD take it: no whitening, no size form, no gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from haar.discover.evaluated import FlatModel


def plain_null_space(model: Callable[[Tensor], Tensor], x: Tensor, count: int, *, same: bool = False) -> dict[str, Any]:
    """Right singular vectors of the rows [J (x) x', -1 (x) f'] (LieSD), or J (x) x' - 1 (x) f' for outputs as inputs.

    Args:
        model: From inputs to outputs.
        x: Samples.
        count: How many generators to take: it has to be told.
        same: Whether outputs move as inputs do.

    Source: LieGG, arXiv 2210.04345 (polarisation matrix); LieSD, arXiv 2410.09841 (the same with outputs).
    """
    flat = FlatModel(model, tuple(x.shape[1:]), x.dtype)
    x = x.flatten(1).to(torch.float64)
    f, jacobian = flat(x), flat.jacobian(x)
    n, m = x.shape[1], f.shape[1]
    moved = torch.einsum("bki,bj->bkij", jacobian, x).flatten(2)
    outputs = torch.einsum("ki,bj->bkij", torch.eye(m, dtype=torch.float64), f).flatten(2)
    rows = moved - outputs if same else torch.cat([moved, -outputs], -1)
    _, values, vectors = torch.linalg.svd(rows.flatten(0, 1), full_matrices=False)
    chosen, values = vectors.flip(0)[:count, : n * n], values.flip(0)
    return {
        "matrices": chosen.unflatten(-1, (n, n)),
        "gap": float(values[count] / values[count - 1].clamp_min(1e-300)),
    }
