"""The best order: assignments, with signs where units may change theirs, and inside experts."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment  # type: ignore[attr-defined]  # its stubs
from torch import Tensor

from haar.align.grams import Grams, blocks_of
from haar.weights import Experts, Units
from haar.weights.sites import SiteElement


def assigned(scores: Float[Tensor, "n n"]) -> Int[Tensor, " n"]:
    """The permutation with the greatest sum of scores[i, order(i)] (the Hungarian method).

    Args:
        scores: What it is worth to put j in the place of i.

    Example:
        >>> assigned(torch.tensor([[1.0, 2.0], [4.0, 3.0]]))
        tensor([1, 0])
    """
    _, columns = linear_sum_assignment(scores.detach().cpu().numpy(), maximize=True)
    return torch.from_numpy(columns).long()


def match_units(site: Units, grams: Grams) -> SiteElement:
    """The order of units, and their signs where these are free, that brings B nearest to A.

    Args:
        site: The site.
        grams: Inner products by port, of balanced networks.
    """
    free = site.scales in ("signs", "any")
    order, signs = _signed(grams.get(""), grams.get("order"), free=free)
    return site.element(order, signs)


def _signed(moved: Tensor | None, plain: Tensor | None, *, free: bool) -> tuple[Tensor, Tensor | None]:
    """The best order and signs by what is moved with a sign and what is moved without."""
    signed = free and moved is not None
    worth = [] if moved is None else [moved.abs() if free else moved]
    scores = torch.stack([*worth, *([] if plain is None else [plain])]).sum(0)
    order = assigned(scores)
    if not signed or moved is None:
        return order, None
    found = moved[torch.arange(len(order)), order].sign()
    return order, torch.where(found == 0, 1.0, found)


def match_experts(site: Experts, grams: Grams) -> SiteElement:
    """The order of experts and of the units inside each that brings B nearest to A.

    The order of units is found for every pair of experts; what is then won is what a pair of experts is worth. So the
    two orders are the best ones together.

    Args:
        site: The site.
        grams: Inner products by port, of balanced networks.
    """
    free = site.scales in ("signs", "any")
    moved, plain = (None if port not in grams else blocks_of(grams[port], site.count) for port in ("units", "order"))
    scores = torch.zeros(site.count, site.count, dtype=torch.float64) + grams.get("", torch.zeros(()))
    inner = torch.arange(site.units).repeat(site.count, site.count, 1)
    signs = torch.ones(site.count, site.count, site.units, dtype=torch.float64)
    for i in range(site.count):
        for j in range(site.count):
            pair = (None if moved is None else moved[i, j], None if plain is None else plain[i, j])
            if pair == (None, None):
                continue
            inner[i, j], found = _signed(*pair, free=free)
            places = torch.arange(site.units), inner[i, j]
            if found is not None:
                signs[i, j] = found
            factors = (signs[i, j], torch.ones_like(signs[i, j]))
            for gram, factor in zip(pair, factors, strict=True):
                if gram is not None:
                    scores[i, j] += (gram[places] * factor).sum()
    order = assigned(scores)
    places = torch.arange(site.count), order
    return site.element(order, inner[places], signs[places] if free else None)
