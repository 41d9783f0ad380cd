"""The best order: assignments, with signs where units may change theirs, and inside experts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment  # type: ignore[attr-defined]  # its stubs
from torch import Tensor

from haar.align.grams import Grams, PairGrams
from haar.weights import Experts, Units
from haar.weights.sites import SiteElement, order_of_groups


def assigned(scores: Float[Tensor, "n n"]) -> Int[Tensor, " n"]:
    """The permutation with the greatest sum of scores[i, order(i)] (the Hungarian method).

    Every row and column has the price of its best place taken off before, which is the same for all permutations: so
    the search begins nearer to its end, and takes up to half as long.

    Args:
        scores: What it is worth to put j in the place of i.

    Example:
        >>> assigned(torch.tensor([[1.0, 2.0], [4.0, 3.0]]))
        tensor([1, 0])
    """
    costs = -scores.detach().cpu().double().numpy()
    if costs.size:
        costs -= costs.min(1)[:, None]
        costs -= costs.min(0)
    _, columns = linear_sum_assignment(costs)
    return torch.from_numpy(columns).long()


def match_units(site: Units, grams: Grams) -> SiteElement:
    """The order of units, and their signs where these are free, that brings B nearest to A.

    Args:
        site: The site.
        grams: Inner products by port, of balanced networks.
    """
    moved, plain = (whole(grams, port) for port in ("", "order"))
    order, signs = _best(_Worth.of(moved, plain, free=site.scales in ("signs", "any")), site.groups)
    return site.element(order, signs)


def assigned_in_groups(scores: Float[Tensor, "n n"], groups: int) -> Int[Tensor, " n"]:
    """The permutation with the greatest sum of scores[i, order(i)] of those that keep groups of units together.

    A pair of groups is worth what the best order of units between the two brings; so orders of groups and of the units
    inside each are the best ones together.

    Args:
        scores: What it is worth to put j in the place of i.
        groups: As many groups of units in a row.

    Example:
        >>> scores = torch.tensor([[0.0, 0, 9, 1], [0, 0, 1, 1], [1, 5, 0, 0], [1, 1, 0, 8]])
        >>> assigned_in_groups(scores, 2), assigned_in_groups(scores, 1)
        (tensor([2, 3, 1, 0]), tensor([2, 0, 1, 3]))
    """
    if groups == 1:
        return assigned(scores)
    n = scores.shape[0] // groups
    blocks = scores.reshape(groups, n, groups, n).transpose(1, 2)
    inner = torch.stack([torch.stack([assigned(block) for block in row]) for row in blocks])
    outer = assigned(blocks.gather(3, inner[..., None])[..., 0].sum(2))
    return order_of_groups(outer, inner[torch.arange(groups), outer])


class _Worth(NamedTuple):
    """What it is worth to put unit j in the place of unit i, and the inner products that have a sign if signs are free.

    Where signs are free, a unit is worth the absolute value of what is moved with a sign.
    """

    scores: Tensor
    signed: Tensor | None

    @classmethod
    def of(cls, moved: Tensor | None, plain: Tensor | None, *, free: bool) -> _Worth:
        if moved is None:
            return cls(torch.zeros(0, 0, dtype=torch.float64) if plain is None else plain, None)
        scores = moved.abs() if free else moved
        return cls(scores if plain is None else scores + plain, moved if free else None)


def _best(worth: _Worth, groups: int = 1) -> tuple[Tensor, Tensor | None]:
    """The best order, and signs."""
    order = assigned_in_groups(worth.scores, groups)
    if worth.signed is None:
        return order, None
    found = worth.signed[torch.arange(len(order)), order].sign()
    return order, torch.where(found == 0, 1.0, found)


def match_experts(site: Experts, grams: Grams) -> SiteElement:
    """The order of experts and of the units inside each that brings B nearest to A.

    A pair of experts is worth what the best order of units between the two brings; so the two orders are the best ones
    together. Of most pairs a bound is enough, what each unit brings in the best place alone: the experts are assigned
    by bounds, the pairs that come out are worked out, and so on until all that come out are.

    Args:
        site: The site.
        grams: Inner products by port, of balanced networks.
    """
    pairs = ExpertPairs(site, grams)
    own = whole(grams, "")
    gates = torch.zeros(site.count, site.count, dtype=torch.float64) if own is None else own
    worths = pairs.bounds()
    while True:
        order = assigned(worths + gates)
        todo = [(i, j) for i, j in enumerate(order.tolist()) if (i, j) not in pairs.known]
        for i, j in todo:
            worths[i, j] = pairs.matched(i, j)
        if not todo:
            return pairs.element(order)


class ExpertPairs:
    """The best order of units between pairs of experts, worked out when it is asked for.

    Args:
        site: The site.
        grams: Inner products by port, of balanced networks.
    """

    def __init__(self, site: Experts, grams: Grams) -> None:
        self.site = site
        self.free = site.scales in ("signs", "any")
        self._grams = [_of_pairs(grams.get(port), site.count) for port in ("units", "order")]
        self.known: dict[tuple[int, int], tuple[Tensor, Tensor | None]] = {}

    def bounds(self) -> Float[Tensor, "experts experts"]:
        """More than any pair can be worth: every unit of one of the two in the place that is best for it alone."""
        n = self.site.count
        found = torch.zeros(n, n, dtype=torch.float64)
        for i in range(n):
            for j in range(n):
                scores = self._worth(i, j).scores
                if scores.numel():
                    found[i, j] = torch.minimum(scores.amax(0).sum(), scores.amax(1).sum())
        return found

    def matched(self, i: int, j: int) -> float:
        """What expert j of B is worth in the place of expert i of A, with the best order of its units."""
        worth = self._worth(i, j)
        if not worth.scores.numel():
            self.known[i, j] = torch.arange(self.site.units), None
            return 0.0
        self.known[i, j] = _best(worth)
        return float(worth.scores[torch.arange(self.site.units), self.known[i, j][0]].sum())

    def element(self, order: Int[Tensor, " experts"]) -> SiteElement:
        """An order of experts with the best order of units inside each."""
        pairs = list(enumerate(order.tolist()))
        for i, j in pairs:
            if (i, j) not in self.known:
                self.matched(i, j)
        inner = torch.stack([self.known[pair][0] for pair in pairs])
        if not self.free:
            return self.site.element(order, inner)
        ones = torch.ones(self.site.units, dtype=torch.float64)
        signs = [self.known[pair][1] for pair in pairs]
        return self.site.element(order, inner, torch.stack([ones if one is None else one for one in signs]))

    def _worth(self, i: int, j: int) -> _Worth:
        moved, plain = (None if grams is None else grams.block(i, j) for grams in self._grams)
        return _Worth.of(moved, plain, free=self.free)


def whole(grams: Grams, port: str) -> Tensor | None:
    """The inner products of a port that has them as one matrix."""
    found = grams.get(port)
    return found if isinstance(found, Tensor) else None


def _of_pairs(gram: Tensor | PairGrams | None, experts: int) -> PairGrams | None:
    return PairGrams.of(gram, experts) if isinstance(gram, Tensor) else gram
