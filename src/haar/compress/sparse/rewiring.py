"""One update of one mask: the smallest active units are dropped, inactive ones grow until the budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Rewired:
    """A mask after its update.

    Attributes:
        active: The units that are active now.
        dropped: Those that were taken away (perhaps to come back at 0).
        grown: Those that came in.
    """

    active: Bool[Tensor, " units"]
    dropped: Bool[Tensor, " units"]
    grown: Bool[Tensor, " units"]


def filled(
    scores: Float[Tensor, " units"],
    among: Bool[Tensor, " units"],
    amount: int,
    sizes: Int[Tensor, " units"] | None = None,
) -> Bool[Tensor, " units"]:
    """The units with the largest scores that together count an amount, more by at most a part of the last one.

    Args:
        scores: Of every unit.
        among: The units that may be taken.
        amount: What they are to count.
        sizes: What every unit counts; None for one each.

    Example:
        >>> filled(torch.tensor([3.0, 1.0, 2.0]), torch.tensor([True, True, True]), 2).tolist()
        [True, False, True]
    """
    chosen = torch.zeros_like(among)
    if amount <= 0:
        return chosen
    places = among.nonzero().flatten()
    if sizes is None:
        number = min(amount, len(places))
        best = scores.index_select(0, places).topk(number, sorted=False).indices
    else:
        order = scores.index_select(0, places).argsort(descending=True, stable=True)
        counted = sizes.to(places.device).index_select(0, places.index_select(0, order)).cumsum(0)
        best = order[: int((counted < amount).sum()) + 1]
    chosen[places.index_select(0, best)] = True
    return chosen


def rewired(
    active: Bool[Tensor, " units"],
    weights: Float[Tensor, " units"],
    growth: Float[Tensor, " units"] | None,
    *,
    drop: int,
    budget: int,
    sizes: Int[Tensor, " units"] | None = None,
    returns: bool = False,
) -> Rewired:
    """A mask after one update.

    Args:
        active: The units that are active.
        weights: How large each unit is; the smallest active ones are dropped.
        growth: Those that grow are the largest here; None if none grow, and the largest active ones are left.
        drop: What the dropped ones count, where others grow.
        budget: What the active ones count in the end; more by at most a part of one unit.
        sizes: What every unit counts; None for one each.
        returns: Whether a unit that was just dropped may grow.

    Example:
        >>> active = torch.tensor([True, True, False, False])
        >>> rewired(active, torch.tensor([1., 2., 0., 0.]), torch.tensor([0., 0., 5., 7.]), drop=1, budget=2).active
        tensor([False,  True, False,  True])
    """
    counted = _counter(sizes)
    inactive = ~active
    if growth is None:  # the largest stay, so that no less is left than the budget
        left = filled(weights, active, budget, sizes)
        return Rewired(left, active & ~left, torch.zeros_like(active))
    if not returns:  # as much must be there to grow as is dropped
        slack = 0 if sizes is None else int(sizes.max()) - 1
        drop = min(drop, max(counted(inactive) - slack, 0))
    dropped = filled(-weights, active, drop, sizes)
    left = active & ~dropped
    grown = filled(growth, ~left if returns else inactive, budget - counted(left), sizes)
    return Rewired(left | grown, dropped, grown)


def _counter(sizes: Tensor | None) -> Callable[[Tensor], int]:
    def counted(chosen: Tensor) -> int:
        return int(chosen.sum()) if sizes is None else int(sizes.to(chosen.device)[chosen].sum())

    return counted
