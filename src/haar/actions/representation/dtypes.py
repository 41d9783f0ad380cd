"""Which numbers a matrix or a change of sign leaves what they are: the one rule for all actions."""

from __future__ import annotations

from torch import Tensor

from haar.errors import ArgumentError


def require_floating(x: Tensor, argument: str, what: str) -> None:
    """Refuse integers and booleans, which cannot hold what a matrix makes of them.

    Args:
        x: The tensor that is to be moved.
        argument: Its name, for the message.
        what: What acts on it, for the message.

    Raises:
        ArgumentError: If the dtype is neither floating nor complex.

    Example:
        >>> import torch
        >>> require_floating(torch.tensor([3, 4]), "x", "the matrices of defining")
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: x: expected a floating dtype for the matrices of defining, got int64; convert it \
first, as by x.double()
    """
    if not (x.is_floating_point() or x.is_complex()):
        raise ArgumentError(
            argument,
            expected=f"a floating dtype for {what}",
            got=str(x.dtype).removeprefix("torch."),
            way_out="convert it first, as by x.double()",
        )


def require_signed(x: Tensor, argument: str, why: str) -> None:
    """Refuse booleans and unsigned integers, which have no negative.

    Args:
        x: The tensor that is to be moved.
        argument: Its name, for the message.
        why: What changes signs, for the message.

    Raises:
        ArgumentError: If the dtype has no sign.
    """
    if not x.dtype.is_signed:
        raise ArgumentError(argument, expected=f"a signed dtype, as {why}", got=str(x.dtype).removeprefix("torch."))
