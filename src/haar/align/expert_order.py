"""The order of experts by what can be told without their units: gates, Gram matrices; or by their units themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.align.assignment import ExpertPairs, assigned
from haar.align.grams import cross_grams
from haar.errors import ArgumentError
from haar.weights import Experts, ParameterAction
from haar.weights.sites import SiteElement

State = Mapping[str, Tensor]
Way = Literal["gate", "gram", "inner"]
WAYS: tuple[str, ...] = get_args(Way)


def expert_costs(action: ParameterAction, a: State, b: State, site: str, way: str) -> Float[Tensor, "experts experts"]:
    """What it costs to put an expert of B in the place of one of A.

    ``"gate"``: the distance of their rows of the router, centred over the experts, for a softmax sees no mean.
    ``"gram"``: the distance of the Gram matrices of what goes into their units, and of what comes out of them, which no
    order of the units changes. ``"inner"``: minus the inner product of the two with the best order of units.

    Args:
        action: The table.
        a: Parameters of the first network.
        b: Parameters of the second, with other sites matched.
        site: Name of the experts' site.
        way: One of the three.

    Raises:
        ArgumentError: If the way is unknown or the site is none of experts.

    Source: Tran et al., arXiv 2509.11348, algorithm 1 (``"gate"`` and ``"gram"``); ``"inner"`` is our own.
    """
    experts = _experts(action, site)
    if way not in WAYS:
        raise ArgumentError("way", expected=f"one of {', '.join(WAYS)}", got=repr(way))
    if way == "inner":
        grams = cross_grams(action, a, _read(action, b, site), site, action.touching(site))
        pairs, own = ExpertPairs(experts, grams), grams.get("")
        each = range(experts.count)
        worths = torch.tensor([[pairs.matched(i, j) for j in each] for i in each], dtype=torch.float64)
        return -worths - own if isinstance(own, Tensor) else -worths
    squared = torch.zeros(experts.count, experts.count, dtype=torch.float64)
    rows = {"a": _rows(action, a, site), "b": _rows(action, b, site)}
    if way == "gate":
        mine, other = (torch.cat([x for port, x in rows[k] if not port], -1) for k in "ab")
        mine, other = (x - x.mean(0) for x in (mine, other))
        return torch.cdist(mine, other)
    for dual in (False, True):  # what goes in, what comes out
        mine, other = (_features(rows[k], experts, dual=dual) for k in "ab")
        here, there = (torch.einsum("euf,eug->efg", x, x).flatten(1) for x in (mine, other))
        squared = squared + torch.cdist(here, there).square()
    return squared.sqrt()


def ordered_experts(
    action: ParameterAction, a: State, b: State, site: str, *, order: Int[Tensor, " experts"]
) -> SiteElement:
    """A given order of experts, with the best order of units inside each.

    Args:
        action: The table.
        a: Parameters of the first network.
        b: Parameters of the second.
        site: Name of the experts' site.
        order: Where each expert comes from.
    """
    experts = _experts(action, site)
    grams = cross_grams(action, a, _read(action, b, site), site, action.touching(site))
    return ExpertPairs(experts, grams).element(order)


def best_order(costs: Float[Tensor, "experts experts"]) -> Int[Tensor, " experts"]:
    """The order of least cost.

    Args:
        costs: See `expert_costs`.

    Example:
        >>> best_order(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1, 0])
    """
    return assigned(-costs)


def _experts(action: ParameterAction, site: str) -> Experts:
    found = action.sites.get(site)
    if not isinstance(found, Experts):
        raise ArgumentError("site", expected="the name of a site of experts", got=repr(site))
    return found


def _read(action: ParameterAction, state: State, site: str) -> dict[str, Tensor]:
    return {row: action.entries[row].read(state) for row in action.touching(site)}


def _rows(action: ParameterAction, state: State, site: str) -> list[tuple[str, Tensor]]:
    """What the site moves, by its ports and whether by the dual, as rows in float64; gates without a mark of dual."""
    found = []
    for name in action.touching(site):
        entry = action.entries[name]
        for leg, rows in entry.rows(entry.read(state)):
            if leg.site == site and (leg.port or leg.mark):
                found.append((f"{leg.port}{'*' * leg.dual}", rows.double()))
    return found


def _features(rows: list[tuple[str, Tensor]], experts: Experts, *, dual: bool) -> Tensor:
    """(experts, units, features) of what goes into the units, or of what comes out of them."""
    parts = [x.reshape(experts.count, experts.units, -1) for port, x in rows if port and port.endswith("*") == dual]
    return torch.cat(parts, -1) if parts else torch.zeros(experts.count, experts.units, 1, dtype=torch.float64)
