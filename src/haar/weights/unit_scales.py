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

Factors = Mapping[tuple[str, int], Tensor]
"""For each site the squares of its units' factors (1), and of their inverses (-1)."""


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

    def along(self, at: int, factors: Factors) -> Tensor:
        """Sums for each unit of an axis, with the other sites' factors; what has no size counts by its direction.

        Args:
            at: The axis.
            factors: The squares of all factors, and of their inverses.
        """
        total = self.values
        if total.ndim == 2:  # nearly all: products of a matrix with vectors
            total = total if at == 0 else total.mT
            (_, own), (site, power) = self.legs[at], self.legs[1 - at]
            if power:
                return total @ factors[site, power]
            size = total.mT @ factors[self.legs[at][0], own]
            return total @ torch.where(size > 0, size, 1).reciprocal()
        for axis, leg in enumerate(self.legs):
            if axis != at and leg[1]:
                total = total * self._shaped(axis, factors)
        sizeless = tuple(axis for axis, (_, power) in enumerate(self.legs) if not power)
        if sizeless:
            summed = [axis for axis in range(total.ndim) if axis not in sizeless]
            size = (total * self._shaped(at, factors)).sum(summed, keepdim=True)
            total = total / torch.where(size > 0, size, 1)
        return total.movedim(at, 0).reshape(total.shape[at], -1).sum(1)

    def _shaped(self, axis: int, factors: Factors) -> Tensor:
        """The squares of a site's factors, to be multiplied along an axis."""
        return factors[self.legs[axis]].reshape([-1 if k == axis else 1 for k in range(self.values.ndim)])


class _Units:
    """One site's units: what is written to them and what reads them.

    Args:
        squares: Those of all tensors.
        site: Name of the site.
        count: Number of its units.
    """

    def __init__(self, squares: list[_Squares], site: str, count: int) -> None:
        zero = torch.zeros(count, dtype=torch.float64)
        self.site, self._alone = site, {1: zero, -1: zero}
        self._beside: list[tuple[_Squares, int, int]] = []
        self._sizeless: list[tuple[_Squares, int, int]] = []
        for one in squares:
            places = [(axis, power) for axis, (name, power) in enumerate(one.legs) if name == site and power]
            if len(places) != 1:  # with both an axis and its dual, as in a layer used again, factors cancel in part
                continue
            ((axis, power),) = places
            if len(one.legs) == 1:
                self._alone[power] = self._alone[power] + one.values
            elif all(each for _, each in one.legs):
                self._beside.append((one, axis, power))
            else:
                self._sizeless.append((one, axis, power))

    def step(self, factors: Factors) -> Tensor:
        """What is to be added to the logarithms of the units' factors.

        What counts by its direction does not see that all of a site's units grow alike. So it is first found how much
        they are to grow together, and then what is left to each: the second alone takes half of the way at a time.
        """
        sums = dict(self._alone)
        for squares, axis, power in self._beside:
            sums[power] = sums[power] + squares.along(axis, factors)
        into, out = (sums[power] * factors[self.site, power] for power in (1, -1))
        if not self._sizeless:
            return balancing_factors(into, out).log()
        turned = {power: torch.zeros_like(into) for power in (1, -1)}
        for squares, axis, power in self._sizeless:
            turned[power] = turned[power] + squares.along(axis, factors) * factors[self.site, power]
        grown = _grown(into, out, turned[1], turned[-1])
        return balancing_factors(into * grown + turned[1], out / grown + turned[-1]).log() + grown.log() / 2


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
    units = [_Units(found, name, site.count) for name, site in scaled.items()]
    factors = {(name, power): torch.ones_like(one) for name, one in logs.items() for power in (1, -1)}
    coupled = any(len(one.legs) > 1 for one in found)
    settled = _settled(action, state)
    for _ in range(_SWEEPS if coupled else 1):
        if _sweep(units, logs, factors) <= settled:
            break
    return {name: site.element(torch.arange(site.count), logs[name].exp()) for name, site in scaled.items()}


def _settled(action: ParameterAction, state: Mapping[str, Tensor]) -> float:
    """The change of a logarithm below which there are no more sweeps."""
    dtype = next(iter(action.entries.values())).read(state).dtype
    return max(_SETTLED, _ROUNDED * torch.finfo(dtype).eps)


def _sweep(units: list[_Units], logs: dict[str, Tensor], factors: dict[tuple[str, int], Tensor]) -> float:
    """Every site once, with the others' factors as they are by then; the largest change of a logarithm."""
    changes = []
    for one in units:
        step = one.step(factors)
        logs[one.site] = logs[one.site] + step
        doubled = 2 * logs[one.site]
        factors[one.site, 1], factors[one.site, -1] = doubled.exp(), (-doubled).exp()
        changes.append(step.abs().max())
    return float(torch.stack(changes).max())


def _grown(into: Tensor, out: Tensor, turned_into: Tensor, turned_out: Tensor) -> Tensor:
    """The square z of the factor of all units with z sum(into) + sum(turned into) = sum(out) / z + sum(turned out).

    1 where a unit has nothing on one of its sides, for then it is not balanced with the others.
    """
    if not bool(((into + turned_into > 0) & (out + turned_out > 0)).all()):
        return torch.ones((), dtype=torch.float64)
    first, second, more = into.sum(), out.sum(), (turned_out - turned_into).sum()
    root = (more.square() + 4 * first * second).sqrt()
    # Of two equal forms the one that nothing cancels in.
    found = (more + root) / (2 * first) if float(more) > 0 else 2 * second / (root - more)
    return found if bool(found.isfinite()) and float(found) > 0 else torch.ones_like(found)


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
    both = (into > 0) & (out > 0)
    if bool(both.all()):
        return (out / into) ** 0.25
    first, second = (torch.where(one > 0, one, 1) for one in (into, out))
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
