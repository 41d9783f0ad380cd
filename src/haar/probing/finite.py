"""Numbers that are none: where in a tree of tensors the first NaN or infinity stands."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.errors import ArgumentError


def check_finite(argument: str, tree: Any) -> None:
    """Refuse data with a NaN or an infinity in them, and say where the first one is.

    Args:
        argument: Name of the argument as the caller wrote it.
        tree: Tensors in any containers; axis 0 counts samples.

    Raises:
        ArgumentError: If a real or complex number is not finite.

    Example:
        >>> check_finite("inputs", (torch.tensor([[0.0], [float("nan")]]),))
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: inputs: expected finite numbers, got nan in sample 1; leave such samples out
    """
    for leaf in pytree.tree_leaves(tree):
        if not isinstance(leaf, Tensor) or leaf.is_meta or not (leaf.is_floating_point() or leaf.is_complex()):
            continue
        values = leaf.detach()
        wrong = ~values.isfinite()
        if bool(wrong.any()):
            place = torch.nonzero(wrong)[0]
            where = f"in sample {int(place[0])}" if len(place) else "as a number for all samples"
            raise ArgumentError(
                argument,
                expected="finite numbers",
                got=f"{values[tuple(place)].item()} {where}",
                way_out="leave such samples out",
            )
