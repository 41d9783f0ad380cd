"""Weight matching: one site after the other, each the exact best of its part, until nothing gets nearer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.align.assignment import match_experts, match_units
from haar.align.grams import UNCOUNTED, Grams, PairGrams, add_grams, apart, gain
from haar.align.pieces import pieces_of
from haar.align.procrustes import match_heads, match_rotation
from haar.watch import Unwatched, Watch
from haar.weights import Experts, Gauge, Heads, ParameterAction, Rotation, Units
from haar.weights.sites import SiteElement

State = Mapping[str, Tensor]
_MATCH: Mapping[type[Any], Callable[[Any, Grams], SiteElement]] = {
    Units: match_units,
    Rotation: match_rotation,
    Heads: match_heads,
    Experts: match_experts,
}
#: A sweep that brings the two nearer by less than this share of their squared distance is the last.
_STALLED = 1e-7
#: In units of the precision: what is as near as rounding lets it be is not brought nearer.
_ROUNDING = 32
#: The same for each coordinate of what is turned, where that is more: a sum of n products is off by n units at most.
#: In single precision planted transformers are found at 0.044 units a coordinate.
_ROUNDING_EACH = 1 / 8


@dataclass(frozen=True)
class Matched:
    """What weight matching found.

    Attributes:
        gauge: The element that brings B nearest to A.
        distances: |A - g B| before the first sweep, after it, and so on. The first sweep begins with what other sites
            do not move and may end farther than it began; no later one does.
    """

    gauge: Gauge
    distances: tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """Two networks, one of which is moved; both are read row by row, as often as needed.

    Args:
        action: The table.
        a: Parameters that stay.
        b: Parameters that are moved.
    """

    action: ParameterAction
    a: State
    b: State

    def moved(self, gauge: Gauge, row: str) -> Tensor:
        """A row of B, moved."""
        entry = self.action.entries[row]
        return entry.move(gauge, entry.read(self.b))

    def kept(self, row: str) -> Tensor:
        """A row of A."""
        return self.action.entries[row].read(self.a)

    def row_distances(self, gauge: Gauge, rows: Iterable[str] | None = None) -> dict[str, float]:
        """|A - g B| for each row of the table, or for some; what is counted in training is no distance.

        Args:
            gauge: An element.
            rows: Names of rows; all by default.
        """
        found = {}
        for row in self.action.entries if rows is None else rows:
            found[row] = 0.0
            if not row.endswith(UNCOUNTED):
                parts = self._cut(pieces_of(self.action, row, self.a, self.b))
                found[row] = math.hypot(*(apart(part.moved(gauge, row), part.kept(row)) for part in parts))
        return found

    def _cut(self, parts: Iterable[tuple[State, ...]]) -> Iterator[Pair]:
        return (Pair(self.action, a, b) for a, b in parts)

    def distance(self, gauge: Gauge, rows: Iterable[str] | None = None) -> float:
        """|A - g B| over all rows of the table, or over some.

        Args:
            gauge: An element.
            rows: Names of rows; all by default.
        """
        return math.sqrt(sum(one**2 for one in self.row_distances(gauge, rows).values()))

    def grams(self, gauge: Gauge, site: str, rows: Iterable[str]) -> Grams:
        """Inner products of what a site moves.

        Args:
            gauge: The element that B was moved by so far.
            site: The site.
            rows: Names of the rows that count.
        """
        found: dict[str, Tensor | PairGrams] = {}
        for row in rows:
            if row.endswith(UNCOUNTED):
                continue
            for part in self._cut(pieces_of(self.action, row, self.a, self.b)):
                moved = part.moved(gauge, row)
                add_grams(found, self.action, site, row, (part.kept(row), moved))
        if isinstance(self.action.sites[site], Rotation):
            found.pop("order", None)  # gains, which stay
        return found


class _Apart:
    """|A - g B|, of which only the rows are read again whose sites were moved since.

    Args:
        pair: The two networks.
        gauge: The element to begin with.
    """

    def __init__(self, pair: Pair, gauge: Gauge) -> None:
        self._pair, self._sites = pair, gauge.sites
        self._rows = pair.row_distances(gauge)

    def total(self, gauge: Gauge) -> float:
        """The distance for an element."""
        moved = {site for site, element in gauge.sites.items() if element is not self._sites[site]}
        self._sites = gauge.sites
        stale = [row for row, entry in self._pair.action.entries.items() if entry.sites & moved]
        self._rows.update(self._pair.row_distances(gauge, stale))
        return math.sqrt(sum(one**2 for one in self._rows.values()))


def match_weights(
    action: ParameterAction, a: State, b: State, *, sweeps: int = 15, watch: Watch = Unwatched()
) -> Matched:
    """The element that brings B nearest to A, one site at a time.

    In the first sweep a site is matched by the weights that no site moves which is not matched yet, where there are
    any: a residual stream by embeddings and head, then what reads it.

    Args:
        action: The table; its non-compact gauges are taken to be balanced in both networks.
        a: Parameters that stay.
        b: Parameters that are moved.
        sweeps: Most sweeps.
        watch: Told of every site.
    """
    pair, gauge, order, settled = Pair(action, a, b), action.identity(), _order(action, a), set[str]()
    apart_by = _Apart(pair, gauge)
    distances = [apart_by.total(gauge)]
    precision = torch.finfo(next(iter(action.entries.values())).read(a).dtype).eps
    turned = max((site.count for site in action.sites.values() if isinstance(site, Rotation)), default=0)
    beside, todo = {site: _beside(action, site) for site in order}, set(order)
    rounding = precision * max(_ROUNDING, _ROUNDING_EACH * turned)
    with watch.stage("matching", sweeps * len(order)) as advance:
        for sweep in range(sweeps):
            for site in order:
                if not sweep:
                    gauge = _first_step(pair, gauge, site, settled)
                    settled.add(site)
                elif site in todo:
                    before, gauge = gauge, _step(pair, gauge, site)
                    todo.discard(site)
                    if gauge is not before:
                        todo |= beside[site]
                advance()
            distances.append(apart_by.total(gauge))
            if sweep and distances[-2] ** 2 - distances[-1] ** 2 <= _STALLED * distances[-2] ** 2:
                break
            if distances[-1] <= rounding * distances[0]:
                break
    return Matched(gauge, tuple(distances))


def best_element(action: ParameterAction, site: str, grams: Grams) -> SiteElement:
    """The element of a site that brings B nearest to A, by inner products.

    Args:
        action: The table.
        site: The site.
        grams: Inner products by port.
    """
    one = action.sites[site]
    return _MATCH[type(one)](one, grams)


def _order(action: ParameterAction, a: State) -> list[str]:
    """The site that most weights are moved by alone comes first."""
    alone = dict.fromkeys(action.sites, 0)
    for entry in action.entries.values():
        if len(entry.sites) == 1:
            alone[next(iter(entry.sites))] += entry.read(a).numel()
    first = max(alone, key=lambda site: alone[site], default=None)
    return [] if first is None else [first, *(site for site in alone if site != first)]


def _first_step(pair: Pair, gauge: Gauge, site: str, settled: set[str]) -> Gauge:
    """A site matched by what no site moves that is not matched yet; by everything where that is biases alone.

    What a site moves on two axes, as a layer that is used again, says nothing of it before it is matched.
    """
    action, rows = pair.action, pair.action.touching(site)
    sure = tuple(row for row in rows if action.entries[row].sites - {site} <= settled)
    once = tuple(row for row in sure if not _couples(action, site, row))
    telling = next((some for some in (once, sure) if any(len(action.entries[row].axes) > 1 for row in some)), rows)
    grams = pair.grams(gauge, site, telling)
    return action.with_site(gauge, site, best_element(action, site, grams)) if grams else gauge


def _couples(action: ParameterAction, site: str, row: str) -> bool:
    """Whether a site moves two axes of a row, each by itself; experts and their units are moved together."""
    return _times(action, row, site) > 1 and not action.sites[site].nested


def _beside(action: ParameterAction, site: str) -> set[str]:
    """The sites whose best element may be another once a site was moved; itself, where one step may not be its best."""
    rows = action.touching(site)
    found = {other for row in rows for other in action.entries[row].sites} - {site}
    one = action.sites[site]
    turns = isinstance(one, Heads) and one.queries > 1
    return found | ({site} if turns or any(_times(action, row, site) > 1 for row in rows) else set())


def _step(pair: Pair, gauge: Gauge, site: str) -> Gauge:
    """A site matched by everything, if that brings the two nearer."""
    action, rows = pair.action, pair.action.touching(site)
    if any(_times(action, row, site) > 1 for row in rows):  # the distance is no linear function of the element then
        grams = pair.grams(gauge, site, rows)
        further = action.with_site(gauge, site, best_element(action, site, grams)) if grams else gauge
        return further if pair.distance(further, rows) < pair.distance(gauge, rows) else gauge
    grams = pair.grams(_with(gauge, site, action.sites[site].identity()), site, rows)
    if not grams:
        return gauge
    element = best_element(action, site, grams)
    return _with(gauge, site, element) if gain(element, grams) > gain(gauge.sites[site], grams) else gauge


def _with(gauge: Gauge, site: str, element: SiteElement) -> Gauge:
    """The same at all other sites."""
    return Gauge({**gauge.sites, site: element}, gauge.shifts)


def _times(action: ParameterAction, row: str, site: str) -> int:
    """On how many axes of a row a site is."""
    return sum(any(leg.site == site for leg in legs) for legs in action.entries[row].axes)
