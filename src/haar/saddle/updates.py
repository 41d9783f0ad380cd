"""How the second player moves: on what it saw of the first one, uphill, and inside its cone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError

#: Whether the second player answers what it saw before the first one's step, or after it.
ORDERS = ("simultaneous", "alternating")


def check_order(order: str) -> None:
    """Refuse an unknown order.

    Raises:
        ArgumentError: If it is none of `ORDERS`.
    """
    if order not in ORDERS:
        raise ArgumentError("order", expected=" or ".join(map(repr, ORDERS)), got=repr(order))


def second_sees(order: str, before: Tensor, after: Callable[[], Tensor]) -> Tensor:
    """The violation that the second player answers.

    On a bilinear game simultaneous steps without damping spiral outwards and alternating ones circle.

    Args:
        order: One of `ORDERS`.
        before: The violation before the first player's step.
        after: Computes the one after it.
    """
    return before if order == "simultaneous" else after()


def feasible(multiplier: Float[Tensor, " n"], *, equality: bool) -> Float[Tensor, " n"]:
    """A multiplier in its cone: of either sign for an equality, never negative for an inequality."""
    return multiplier if equality else multiplier.clamp(min=0)


def ascend(
    multiplier: Float[Tensor, " n"], violation: Float[Tensor, " n"], rate: float | int, *, equality: bool
) -> Float[Tensor, " n"]:
    """One step of gradient ascent on <multiplier, violation>, back into the cone.

    Example:
        >>> one, down = torch.ones(1), torch.tensor([-3.0])
        >>> ascend(one, down, 0.5, equality=True), ascend(one, down, 0.5, equality=False)
        (tensor([-0.5000]), tensor([0.]))
    """
    return feasible(torch.add(multiplier, violation, alpha=float(rate)), equality=equality)
