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
#: The same in units of the parameters' precision, where that is more.
_ROUNDED = 0.01


@dataclass(frozen=True)
class _Squares:
    """Squares of a tensor's numbers, summed over all axes but those of scaled units, and of units without a size.

    Attributes:
        legs: For each axis that is left its site, and 1 if it is moved by the factors, -1 if by their inverses; 0 for
            units whose size is not seen.
        values: The sums.
    """

    legs: tuple[tuple[str, int], ...]
    values: Tensor

    def along(self, site: str, logs: Mapping[str, Tensor]) -> Tensor:
        """Sums for each unit of a site, with the other sites' factors; what has no size counts by its direction."""
        at = next(axis for axis, leg in enumerate(self.legs) if leg[0] == site and leg[1])
        sizeless = tuple(axis for axis, (_, power) in enumerate(self.legs) if not power)
        total, own = self.values, self._factors(at, logs)
        for axis, (_, power) in enumerate(self.legs):
            if axis != at and power:
                total = total * self._factors(axis, logs)
        if sizeless:
            size = (total * own).sum([axis for axis in range(total.ndim) if axis not in sizeless], keepdim=True)
            total = total / torch.where(size > 0, size, 1)
        return total.movedim(at, 0).reshape(total.shape[at], -1).sum(1)

    def _factors(self, axis: int, logs: Mapping[str, Tensor]) -> Tensor:
        """The squares of a site's factors, to be multiplied along an axis."""
        site, power = self.legs[axis]
        return (2 * power * logs[site]).exp().reshape([-1 if k == axis else 1 for k in range(self.values.ndim)])


def balanced_units(action: ParameterAction, state: Mapping[str, Tensor]) -> dict[str, SiteElement]:
    """For each site of scaled units the factors of least norm; the sum of squares is convex in their logarithms.

    Where layers follow one another, the factors of one decide those of the next: sites are gone through until nothing
    changes. Of a unit that nothing writes to, or nothing reads, what is left gets norm 1. What has no size (``"^"`` at
    `ParameterAction`) counts as if each unit had one of 1 in the form that is reached, so that form is one for all
    parameters that the factors join.

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
    coupled = any(len(one.legs) > 1 for one in found)
    settled = _settled(action, state)
    for _ in range(_SWEEPS if coupled else 1):
        if _sweep(by_site, logs) <= settled:
            break
    return {name: site.element(torch.arange(site.count), logs[name].exp()) for name, site in scaled.items()}


def _settled(action: ParameterAction, state: Mapping[str, Tensor]) -> float:
    """The change of a logarithm below which there are no more sweeps."""
    dtype = next(iter(action.entries.values())).read(state).dtype
    return max(_SETTLED, _ROUNDED * torch.finfo(dtype).eps)


def _sites_of(one: _Squares) -> set[str]:
    return {site for site, power in one.legs if power}


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
        powers = [power for leg, power in one.legs if leg == name and power]
        if len(powers) == 1:  # with both an axis and its dual, as in a layer that is used again, factors cancel in part
            sums = one.along(name, logs)
            into, out = (into + sums, out) if powers[0] > 0 else (into, out + sums)
    into, out = into * (2 * logs[name]).exp(), out * (-2 * logs[name]).exp()
    return balancing_factors(into, out).log()


def balancing_factors(into: Tensor, out: Tensor) -> Tensor:
    """Factors that give what is written to each unit and what reads it one norm.

    Args:
        into: For each unit the square of the norm of what is written to it.
        out: For each unit the square of the norm of what reads it.

    Returns:
        The fourth root of out / into. Where one of the two is 0 the other gets norm 1, for then no factor is least; 1
        where both are.

    Example:
        >>> balancing_factors(torch.tensor([1.0, 4.0, 0.0]), torch.tensor([16.0, 0.0, 9.0]))
        tensor([2.0000, 0.5000, 3.0000])
    """
    first, second = (torch.where(one > 0, one, 1) for one in (into, out))
    both = (into > 0) & (out > 0)
    return torch.where(both, (second / first) ** 0.25, (second / first).sqrt())


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
        elif leg.mark == "^":
            legs.append((leg.site, 0))
            shape.append(tensor.shape[axis])
        else:
            shape.append(tensor.shape[axis])
            gone.append(len(shape) - 1)
    values = tensor.square().reshape(shape).sum(gone, dtype=torch.float64) if gone else tensor.double().square()
    return _Squares(tuple(legs), values)
