"""Factors of units: those for which the parameters have the least norm, over all sites together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.weights.action import ParameterAction
from haar.weights.entries import Entry
from haar.weights.sites import SiteElement, Units

#: Kinds of factors that are not compact.
SCALED = ("positive", "any")
#: Most sweeps, and the change of a factor's logarithm below which there are no more.
_SWEEPS, _SETTLED = 500, 1e-14


@dataclass(frozen=True)
class _Squares:
    """Squares of a tensor's numbers, summed over all axes but those of scaled units.

    Attributes:
        legs: For each axis that is left its site, and 1 if it is moved by the factors, -1 if by their inverses.
        values: The sums.
    """

    legs: tuple[tuple[str, int], ...]
    values: Tensor

    def along(self, site: str, logs: Mapping[str, Tensor]) -> Tensor:
        """Sums for each unit of a site, with the other sites' factors."""
        total = self.values
        at = next(axis for axis, leg in enumerate(self.legs) if leg[0] == site)
        for axis, (other, power) in enumerate(self.legs):
            if axis != at:
                total = total * (2 * power * logs[other]).exp().reshape(
                    [-1 if k == axis else 1 for k in range(total.ndim)]
                )
        return total.movedim(at, 0).reshape(total.shape[at], -1).sum(1)


def balanced_units(action: ParameterAction, state: Mapping[str, Tensor]) -> dict[str, SiteElement]:
    """For each site of scaled units the factors of least norm; the sum of squares is convex in their logarithms.

    Where layers follow one another, the factors of one decide those of the next: sites are gone through until nothing
    changes. A unit that nothing writes to, or nothing reads, keeps its factor.

    Args:
        action: The table.
        state: Parameters by name.

    Example:
        >>> action = ParameterAction({"h": Units(1, "positive")}, {"w": ("h",), "v": ("h*",)})
        >>> balanced_units(action, {"w": torch.tensor([8.0]), "v": torch.tensor([2.0])})["h"][""].blocks.flatten()
        tensor([0.5000], dtype=torch.float64)
    """
    scaled = {name: site for name, site in action.sites.items() if isinstance(site, Units) and site.scales in SCALED}
    if not scaled:
        return {}
    logs = {name: torch.zeros(site.count, dtype=torch.float64) for name, site in scaled.items()}
    found = [_squares(entry, state, frozenset(scaled)) for entry in action.entries.values()]
    by_site = {name: [one for one in found if name in _sites_of(one)] for name in scaled}
    coupled = any(len(_sites_of(one)) > 1 for one in found)
    for _ in range(_SWEEPS if coupled else 1):
        if _sweep(by_site, logs) <= _SETTLED:
            break
    return {name: site.element(torch.arange(site.count), logs[name].exp()) for name, site in scaled.items()}


def _sites_of(one: _Squares) -> set[str]:
    return {site for site, _ in one.legs}


def _sweep(by_site: Mapping[str, list[_Squares]], logs: dict[str, Tensor]) -> float:
    """Every site once, with the others' factors as they are by then; the largest change of a logarithm."""
    change = 0.0
    for name, squares in by_site.items():
        step = _step(name, squares, logs)
        logs[name] = logs[name] + step
        change = max(change, float(step.abs().max()))
    return change


def _step(name: str, squares: list[_Squares], logs: Mapping[str, Tensor]) -> Tensor:
    """What is to be added to the logarithms of one site's factors."""
    zero = torch.zeros_like(logs[name])
    into, out = zero, zero
    for one in squares:
        powers = [power for leg, power in one.legs if leg == name]
        if len(powers) == 1:  # with both an axis and its dual, as in a layer that is used again, factors cancel in part
            sums = one.along(name, logs)
            into, out = (into + sums, out) if powers[0] > 0 else (into, out + sums)
    into, out = into * (2 * logs[name]).exp(), out * (-2 * logs[name]).exp()
    both = (into > 0) & (out > 0)
    return torch.where(both, (torch.where(both, out, 1) / torch.where(both, into, 1)).log() / 4, zero)


def _squares(entry: Entry, state: Mapping[str, Tensor], scaled: frozenset[str]) -> _Squares:
    """The squares of a row, if a scaled site moves it."""
    if not entry.sites & scaled:
        return _Squares((), torch.zeros(()))
    tensor = entry.read(state)
    legs: list[tuple[str, int]] = []
    gone: list[int] = []
    shape: list[int] = []
    for axis, parts in enumerate(entry.axes):
        leg = parts[0]
        if leg.site in scaled and not leg.port and len(parts) == 1:
            legs.append((leg.site, -1 if leg.dual else 1))
            count = entry.site_of[leg.site].ports[""]
            shape += [count, tensor.shape[axis] // count]  # each unit and its copies
            gone.append(len(shape) - 1)
        else:
            shape.append(tensor.shape[axis])
            gone.append(len(shape) - 1)
    values = tensor.square().reshape(shape).sum(gone, dtype=torch.float64) if gone else tensor.double().square()
    return _Squares(tuple(legs), values)
