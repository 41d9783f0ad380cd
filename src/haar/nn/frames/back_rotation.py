"""What a model says in a frame, said in the coordinates of space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError

KINDS = ("vector", "position", "scalar", "pseudovector")


def check_kinds(outputs: Any) -> Any:
    """Return it if it is a kind, or a tuple of kinds.

    Raises:
        ArgumentError: Else.
    """
    kinds = outputs if isinstance(outputs, tuple) else (outputs,)
    if not kinds or any(kind not in KINDS for kind in kinds):
        raise ArgumentError("outputs", expected=f"{', '.join(KINDS)}, or a tuple of these", got=repr(outputs))
    return outputs


def check_model(model: Any) -> None:
    """Refuse what cannot be called.

    Raises:
        ArgumentError: If it cannot.
    """
    if not callable(model):
        raise ArgumentError("model", expected="a module or a function", got=repr(model))


def map_kinds(function: Callable[..., Tensor], kinds: Any, *trees: Any) -> Any:
    """Apply a function of (kind, *tensors) to every output.

    Raises:
        ShapeError: If there is not one output for every kind.
    """
    if not isinstance(kinds, tuple):
        return function(kinds, *trees)
    for tree in trees:
        if not isinstance(tree, tuple) or len(tree) != len(kinds):
            got = f"{len(tree)}" if isinstance(tree, tuple) else type(tree).__name__
            raise ShapeError("output", expected=f"a tuple of {len(kinds)} tensors from the model", got=got)
    return tuple(function(kind, *leaves) for kind, *leaves in zip(kinds, *trees, strict=True))


def turned_back(kind: str, y: Tensor, frame: Float[Tensor, "batch d d"], centre: Float[Tensor, "batch 1 d"]) -> Tensor:
    """One output of the model, ``(batch, ..., d)`` unless it is a scalar, in the coordinates of space.

    In the precision of the model or of the frame, whichever is the finer.

    Raises:
        ShapeError: If its last axis is not the dimension of space.
    """
    batch, d = frame.shape[0], frame.shape[-1]
    shape = f"({batch}, ...)" if kind == "scalar" else f"({batch}, ..., {d})"
    if not isinstance(y, Tensor):
        raise ShapeError("output", expected=f"a {kind} {shape} from the model", got=type(y).__name__)
    if y.ndim < 1 or y.shape[0] != batch or (kind != "scalar" and (y.ndim < 2 or y.shape[-1] != d)):
        raise ShapeError("output", expected=f"a {kind} {shape}", got=tuple(y.shape))
    if kind == "scalar":
        return y
    if torch.is_autocast_enabled(y.device.type):
        # A model may say its numbers coarsely; where they are is known better than that.
        with torch.autocast(y.device.type, enabled=False):
            return turned_back(kind, y, frame, centre)
    dtype = torch.promote_types(y.dtype, frame.dtype)
    rows = (y.flatten(1, -2) if y.ndim > 2 else y.unsqueeze(1)).to(dtype)
    back = rows @ frame.transpose(-1, -2).to(dtype)
    if kind == "position":
        back = back + centre.to(dtype)
    if kind == "pseudovector":
        back = back * torch.linalg.det(frame).sign().to(dtype)[:, None, None]
    return back.reshape(y.shape)
