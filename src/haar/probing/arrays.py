"""Arrays in what a caller gives, as tensors of a model's own precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from haar.containers import parts_of, refilled

#: Kinds of arrays that become tensors: real, complex, whole numbers, true and false.
NUMBERS = "fciub"


def own_precision(model: Any) -> torch.dtype | None:
    """That of a model's real parameters; None for a function, and for a model without any.

    Args:
        model: Whatever is called.

    Example:
        >>> own_precision(nn.Linear(1, 1).double()), own_precision(torch.sin)
        (torch.float64, None)
    """
    parameters = model.parameters() if isinstance(model, nn.Module) else ()
    return next((p.dtype for p in parameters if p.is_floating_point()), None)


def tensor_of(array: np.ndarray, precision: torch.dtype | None) -> Tensor:
    """A copy of an array, that may be written; real numbers take a precision.

    Args:
        array: Numbers of any byte order.
        precision: Of real numbers; None for their own.
    """
    native = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    made = torch.from_numpy(native)
    return made.to(precision) if made.is_floating_point() and precision is not None else made


def with_tensors(tree: Any, precision: torch.dtype | None) -> Any:
    """Containers with tensors in place of arrays; what holds no arrays is returned as it is.

    Args:
        tree: Tuples, lists, dictionaries and the like; arrays that hold no numbers are left in them.
        precision: As for `tensor_of`.

    Example:
        >>> with_tensors({"x": np.ones(2)}, torch.float32)
        {'x': tensor([1., 1.])}
    """
    if isinstance(tree, np.ndarray):  # what holds no numbers is refused by its own name where it is used
        return tensor_of(tree, precision) if tree.dtype.kind in NUMBERS else tree
    parts = None if isinstance(tree, Tensor) else parts_of(tree)
    if parts is None:
        return tree
    made = {key: with_tensors(part, precision) for key, part in parts.items()}
    return tree if all(made[key] is part for key, part in parts.items()) else refilled(tree, made)
