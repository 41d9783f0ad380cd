"""Samples of one batch told apart: axis 0 of every output counts them, and copies joined on it come apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def check_samples(leaves: Sequence[Any], samples: int, name: str = "output") -> None:
    """Refuse outputs whose axis 0 does not count the samples of the inputs, where samples are told apart.

    Args:
        leaves: Tensors among the outputs.
        samples: Number of samples went in.
        name: Name of the outputs, for messages.

    Raises:
        ShapeError: Naming the first such output.
    """
    for k, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor) and (leaf.ndim == 0 or leaf.shape[0] != samples):
            raise ShapeError(
                name if len(leaves) == 1 else f"{name}[{k}]",
                expected=f"{samples} samples on axis 0, one for each of the inputs",
                got=tuple(leaf.shape),
                way_out="leave out what belongs to the whole batch",
            )


def separate(leaf: Any, copies: int, name: str = "output") -> list[Any]:
    """The parts of one joined output that belong to each copy. None and names pass as they are.

    Raises:
        ArgumentError: If it is no floating-point or complex tensor.
        ShapeError: If its batch axis does not hold that many copies.
    """
    if leaf is None or isinstance(leaf, str):
        return [leaf] * copies
    if not isinstance(leaf, Tensor) or not (leaf.is_floating_point() or leaf.is_complex()):
        scores = "let the model return scores and decide after the average, or leave this output out"
        raise ArgumentError(
            name,
            expected="a floating-point tensor, which can be averaged",
            got=leaf.dtype if isinstance(leaf, Tensor) else type(leaf).__name__,
            way_out="torch.as_tensor makes one of an array" if isinstance(leaf, np.ndarray) else scores,
        )
    if copies == 1:
        return [leaf]
    if leaf.ndim == 0 or leaf.shape[0] % copies:
        raise ShapeError(
            name,
            expected=f"a batch axis divisible by {copies} copies",
            got=tuple(leaf.shape),
            way_out="declare an output without batch axis as Invariant(group, batched=False), or use micro_batch=1",
        )
    return list(leaf.unflatten(0, (copies, leaf.shape[0] // copies)).unbind(0))
