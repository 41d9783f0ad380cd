"""Copies of units: a narrow network as a wide one of the same function, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.weights.action import ParameterAction
from haar.weights.entries import Entry
from haar.weights.sites import Units

State = Mapping[str, Tensor]
#: How far from 1 the shares of a unit's copies may add up.
_WHOLE = 1e-6


@dataclass(frozen=True)
class Copies:
    """A semi-permutation: every new unit is a copy of an old one, and has a share of what the old one writes.

    Args:
        source: For each new unit the old one that it copies; every old one has a copy.
        shares: Of the outgoing weights; those of the copies of one unit add up to 1. Equal ones by default.

    Raises:
        ArgumentError: If an old unit has no copy, or shares do not add up to 1.

    Example:
        >>> Copies(torch.tensor([0, 1, 1])).shares
        tensor([1.0000, 0.5000, 0.5000], dtype=torch.float64)
    """

    source: Int[Tensor, " wide"]
    shares: Float[Tensor, " wide"] | None = None

    def __post_init__(self) -> None:
        count = torch.bincount(self.source)
        if bool((count == 0).any()):
            missing = int((count == 0).nonzero()[0])
            raise ArgumentError("source", expected="a copy of every unit", got=f"none of unit {missing}")
        if self.shares is None:
            object.__setattr__(self, "shares", 1 / count[self.source].double())
        elif self.shares.shape != self.source.shape:
            raise ShapeError("shares", expected=str(tuple(self.source.shape)), got=tuple(self.shares.shape))
        else:
            total = torch.zeros(len(count), dtype=torch.float64).index_add(0, self.source, self.shares.double())
            if bool(((total - 1).abs() > _WHOLE).any()):
                raise ArgumentError("shares", expected="shares that add up to 1 for each unit", got=total.tolist())
            object.__setattr__(self, "shares", self.shares.double() / total[self.source])

    @property
    def count(self) -> int:
        """Number of old units."""
        return int(self.source.max()) + 1


def widened(
    action: ParameterAction, state: State, copies: Mapping[str, Copies]
) -> tuple[ParameterAction, dict[str, Tensor]]:
    """A network of the same function with more units at some sites, each of them a copy.

    Args:
        action: The table.
        state: Parameters by name.
        copies: For each site that grows which units are copied.

    Returns:
        The table of the wider network, and its parameters.

    Raises:
        ArgumentError: If a site is none of units, or has another number of them, or a norm goes over all of its units
            and one is copied more often than another, which the norm would see.

    Source: Theus et al., arXiv 2506.22712, section 3 (semi-permutations).

    Example:
        >>> action = ParameterAction({"h": Units(1)}, {"w": ("h",), "v": ("h*",)})
        >>> _, wide = widened(action, {"w": torch.ones(1), "v": torch.ones(1)}, {"h": Copies(torch.tensor([0, 0]))})
        >>> wide["w"], wide["v"]
        (tensor([1., 1.]), tensor([0.5000, 0.5000]))
    """
    _check(action, copies)
    found = dict(state)
    for entry in action.entries.values():
        if entry.sites & copies.keys():
            found.update(entry.write(_along(entry, entry.read(state), copies, back=False), state))
    sites = {
        name: replace(site, count=len(copies[name].source)) if isinstance(site, Units) and name in copies else site
        for name, site in action.sites.items()
    }
    return ParameterAction(sites, action.tensors, action.norms, action.ignored), found


def without_copies(action: ParameterAction, state: State, copies: Mapping[str, Copies]) -> dict[str, Tensor]:
    """What `widened` began with: of the copies of a unit the first is kept, with what all of them write.

    Args:
        action: The table of the narrow network.
        state: Parameters of the wide one.
        copies: As for `widened`.

    Raises:
        ArgumentError: As for `widened`.
    """
    _check(action, copies)
    found = dict(state)
    for entry in action.entries.values():
        if entry.sites & copies.keys():
            found.update(entry.write(_along(entry, entry.read(state), copies, back=True), state))
    return found


def _check(action: ParameterAction, copies: Mapping[str, Copies]) -> None:
    for name, one in copies.items():
        site = action.sites.get(name)
        if not isinstance(site, Units):
            got = "no site" if site is None else type(site).__name__
            raise ArgumentError(f"copies: {name}", expected="a site of units", got=got)
        if one.count != site.count:
            raise ArgumentError(f"copies: {name}", expected=f"copies of {site.count} units", got=one.count)
        if site.groups > 1:
            expected = "a site whose units change places one by one"
            raise ArgumentError(
                f"copies: {name}", expected=expected, got=f"one of {site.groups} groups that stay together"
            )
        times = torch.bincount(one.source)
        if site.normed and int(times.min()) != int(times.max()):
            raise ArgumentError(
                f"copies: {name}",
                expected="equally many copies of every unit, for a norm goes over all of them",
                got=f"{int(times.min())} to {int(times.max())}",
            )


def _along(entry: Entry, tensor: Tensor, copies: Mapping[str, Copies], *, back: bool) -> Tensor:
    for axis, legs in enumerate(entry.axes):
        leg = legs[0]
        if leg.site not in copies or len(legs) > 1:
            continue
        one = copies[leg.site]
        front = tensor.movedim(axis, 0)
        size = len(one.source) if back else one.count
        units = front.reshape(size, -1)
        shares = torch.ones(()) if one.shares is None else one.shares.to(tensor.dtype)[:, None]
        if not back:
            moved = units[one.source] * shares if leg.dual else units[one.source]
        elif leg.dual:
            moved = torch.zeros(one.count, units.shape[1], dtype=tensor.dtype).index_add(0, one.source, units)
        else:
            places = torch.arange(size).flip(0)
            first = torch.zeros(one.count, dtype=torch.long).scatter(0, one.source.flip(0), places)
            moved = units[first]
        copied = front.shape[0] // size
        tensor = moved.reshape(len(moved) * copied, *front.shape[1:]).movedim(0, axis)
    return tensor
