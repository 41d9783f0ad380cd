"""A row of the table: one parameter, the legs of its axes, and how it is moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.weights.bare import wrapped_in
from haar.weights.gauge import Gauge
from haar.weights.labels import Label, Leg, legs_of
from haar.weights.sites import Rotation, Site

State = Mapping[str, Tensor]
#: How unequal gains may be that a rotation is to leave alone, relative to their size: none at all but for rounding.
_EQUAL = 1e-6


@dataclass(frozen=True)
class Part:
    """A part of an axis: where it begins and ends, and what moves it."""

    start: int
    length: int
    leg: Leg


@dataclass(frozen=True)
class Entry:
    """A parameter of the table, or numbered ones that are stacked in front.

    Args:
        name: The name in the table.
        axes: For each axis its legs.
        site_of: The sites of the whole table.
    """

    name: str
    axes: tuple[tuple[Leg, ...], ...]
    site_of: Mapping[str, Site]

    @cached_property
    def sites(self) -> frozenset[str]:
        """Names of the sites that move it."""
        return frozenset(leg.site for legs in self.axes for leg in legs if leg.site)

    def names(self, state: State, argument: str = "state") -> tuple[str, ...]:
        """The names that it has in a state: its own, or one for each number that stands at the star."""
        if "*" in self.name:
            first = self.axes[0][0]
            names = tuple(self.name.replace("*", str(k)) for k in range(self.site_of[first.site].ports[first.port]))
        else:
            names = (self.name,)
        for name in names:
            if name not in state:
                raise _missing(argument, name, state)
        return names

    def read(self, state: State) -> Tensor:
        """The parameter, stacked where it is several."""
        names = self.names(state)
        return torch.stack([state[name] for name in names]) if "*" in self.name else state[names[0]]

    def write(self, tensor: Tensor, state: State) -> dict[str, Tensor]:
        """The parameter by the names that it has in a state."""
        names = self.names(state)
        return dict(zip(names, tensor.unbind(0) if "*" in self.name else (tensor,), strict=True))

    def parts(self, axis: int, length: int) -> list[Part]:
        """The parts of an axis of a length."""
        legs = self.axes[axis]
        if len(legs) == 1:
            return [Part(0, length, legs[0])]
        found, start = [], 0
        for leg in legs:
            size = self._size(leg)
            found.append(Part(start, size, leg))
            start += size
        return found

    def move(self, gauge: Gauge, tensor: Tensor) -> Tensor:
        """The tensor moved by an element, shifts included.

        Raises:
            ArgumentError: If a rotation is to leave gains alone that are not equal.
        """
        leg = self.axes[-1][0] if self.axes else Leg("")
        if leg.port == "order" and isinstance(self.site_of[leg.site], Rotation):
            _check_gains(self.name, tensor, turned=not gauge.sites[leg.site][""].is_identity)
        for axis, legs in enumerate(self.axes):
            elements = [gauge.sites[leg.site][leg.port] if leg.site else None for leg in legs]
            if all(element is None or element.is_identity for element in elements):
                continue
            if len(legs) == 1:
                tensor = self._along(gauge, tensor, axis, legs[0])
            else:
                pieces = [
                    self._along(gauge, tensor.narrow(axis, part.start, part.length), axis, part.leg)
                    for part in self.parts(axis, tensor.shape[axis])
                ]
                tensor = torch.cat(pieces, axis)
        shift = gauge.shifts.get(self.name)
        return tensor if shift is None else tensor + shift.to(tensor.dtype)

    def rows(self, tensor: Tensor, site: str | None = None) -> Iterator[tuple[Leg, Tensor]]:
        """For each leg with a site the coordinates that it moves, as rows, with all other axes flattened behind them.

        The experts of a tensor that holds their units are no rows of their own: they are moved with their units.

        Args:
            tensor: The parameter.
            site: The only site whose legs are asked for; by default all.
        """
        inner = {
            leg.site for legs in self.axes for leg in legs if leg.site and leg.port in self.site_of[leg.site].nested
        }
        for axis in range(len(self.axes)):
            for part in self.parts(axis, tensor.shape[axis]):
                leg = part.leg
                if not leg.site or (leg.site in inner and leg.port not in self.site_of[leg.site].nested):
                    continue
                if site is not None and leg.site != site:
                    continue
                piece = tensor.narrow(axis, part.start, part.length)
                if leg.site in inner:
                    pairs = piece.movedim((self._outer(leg), axis), (0, 1))
                    yield leg, pairs.reshape(self.site_of[leg.site].ports[leg.port], -1)
                else:
                    yield leg, piece.movedim(axis, 0).reshape(self.site_of[leg.site].ports[leg.port], -1)

    def axis_of(self, site: str, *, dual: bool) -> int:
        """The axis that a site moves, or moves by its dual.

        Raises:
            ArgumentError: If there is none.
        """
        for axis, legs in enumerate(self.axes):
            if any(leg.site == site and leg.dual == dual and not leg.port for leg in legs):
                return axis
        raise ArgumentError(f"tensors: {self.name}", expected=f"an axis {site}{'*' * dual}", got="none")

    @property
    def sizeless(self) -> bool:
        """Whether the size of some units' numbers is not seen."""
        return any(leg.mark == "^" for legs in self.axes for leg in legs)

    def compared(self, tensor: Tensor) -> Tensor:
        """The tensor as it is compared with another: units whose size is not seen have one of 1."""
        for axis, legs in enumerate(self.axes):
            if legs[0].mark == "^":
                size = tensor.movedim(axis, 0).flatten(1).norm(dim=1)
                shape = [-1 if k == axis else 1 for k in range(tensor.ndim)]
                tensor = tensor / torch.where(size > 0, size, 1).reshape(shape)
        return tensor

    def random_shift(self, tensor: Tensor, generator: torch.Generator) -> Tensor | None:
        """Random numbers that the function does not see, or None where every number is seen."""
        shift = None
        for axis in range(len(self.axes)):
            for part in self.parts(axis, tensor.shape[axis]):
                if not part.leg.shifts:
                    continue
                if shift is None:
                    shift = torch.zeros_like(tensor)
                piece = shift.narrow(axis, part.start, part.length)
                shape = [1 if part.leg.mark == "+" and k == axis else n for k, n in enumerate(piece.shape)]
                piece += torch.randn(shape, generator=generator, dtype=torch.float64).to(tensor.dtype)
        return shift

    def check(self, state: State, argument: str) -> None:
        """Refuse a tensor that the row does not fit."""
        for name in self.names(state, argument):
            _check_numbers(f"{argument}: {name}", state[name])
        tensor = self.read(state)
        if tensor.ndim != len(self.axes):
            got = f"{tensor.ndim} ({tuple(tensor.shape)})"
            raise ShapeError(f"{argument}: {self.name}", expected=f"{len(self.axes)} axes", got=got)
        for axis, legs in enumerate(self.axes):
            length, wanted = tensor.shape[axis], sum(map(self._size, legs))
            fits = not wanted or (length % wanted == 0 if len(legs) == 1 else length == wanted)
            if not fits:
                raise ShapeError(
                    f"{argument}: {self.name}, axis {axis}",
                    expected=f"{wanted} for {'|'.join(map(str, legs))}",
                    got=length,
                )

    def _size(self, leg: Leg) -> int:
        if not leg.site:
            return 0
        site = self.site_of[leg.site]
        return site.ports[leg.port] // (site.ports[""] if leg.port in site.nested else 1)

    def _along(self, gauge: Gauge, tensor: Tensor, axis: int, leg: Leg) -> Tensor:
        if not leg.site:
            return tensor
        site, element = self.site_of[leg.site], gauge.sites[leg.site][leg.port]
        element = element.dual() if leg.dual else element
        if leg.port in site.nested:
            outer = self._outer(leg)
            pairs = tensor.movedim((outer, axis), (0, 1))
            moved = element.apply(pairs.reshape(-1, *pairs.shape[2:]), 0)
            return moved.reshape(pairs.shape).movedim((0, 1), (outer, axis))
        if site.nested and any(one.site == leg.site and one.port in site.nested for legs in self.axes for one in legs):
            return tensor  # moved together with the units on another axis
        return element.apply(tensor, axis)

    def _outer(self, inner: Leg) -> int:
        """The axis of the experts that hold some units."""
        return next(
            axis for axis, legs in enumerate(self.axes) if any(one.site == inner.site and not one.port for one in legs)
        )


def entry_of(name: str, labels: Sequence[Label], sites: Mapping[str, Site]) -> Entry:
    """A row of the table, read and tried.

    Args:
        name: Name of the parameter.
        labels: Of its axes.
        sites: The sites by name.

    Raises:
        ArgumentError: If a label names a site or a port that there is not, or units of experts without the experts.
    """
    axes = tuple(legs_of(name, axis, label) for axis, label in enumerate(labels))
    whole = {leg.site for legs in axes for leg in legs if not leg.port}
    for axis, legs in enumerate(axes):
        for leg in legs:
            _check_leg(f"tensors: {name}, axis {axis}", leg, sites, whole)
    if "*" in name and (not axes or not axes[0][0].site):
        raise ArgumentError(f"tensors: {name}", expected="a site on axis 0 that the star numbers", got="none")
    return Entry(name, axes, sites)


def _check_leg(where: str, leg: Leg, sites: Mapping[str, Site], whole: set[str]) -> None:
    """Refuse a site or a port that there is not, and units of experts without the experts."""
    if not leg.site:
        return
    if leg.site not in sites:
        raise ArgumentError(where, expected=f"a site among {', '.join(sites)}", got=repr(leg.site))
    site = sites[leg.site]
    if leg.port not in site.ports:
        ports = ", ".join(repr(port) for port in site.ports)
        raise ArgumentError(where, expected=f"a port of {leg.site} among {ports}", got=repr(leg.port))
    if leg.port in site.nested and leg.site not in whole:
        raise ArgumentError(where, expected=f"another axis labelled {leg.site!r}", got="none")


def check_site(name: str) -> None:
    """Refuse a site's name that no label could hold."""
    if not name.isidentifier():
        raise ArgumentError("sites", expected="names of letters, digits and _", got=repr(name))


def _missing(argument: str, name: str, state: State) -> ArgumentError:
    """What is said of a tensor that there is not; of one whose name has something in front, what that is."""
    prefix = wrapped_in(state)
    if prefix + name not in state or not prefix:
        return ArgumentError(argument, expected=f"a tensor {name!r}", got="none of that name")
    return ArgumentError(
        argument,
        expected=f"a tensor {name!r}",
        got=f"{prefix + name!r}, as a wrapper calls it",
        way_out=f"take {prefix!r} off: {{name.removeprefix({prefix!r}): value for name, value in state.items()}}",
    )


def _check_numbers(argument: str, tensor: Tensor) -> None:
    if tensor.is_quantized or tensor.dtype not in (torch.float32, torch.float64):
        raise ArgumentError(
            argument,
            expected="a float32 or float64 tensor",
            got=str(tensor.dtype).removeprefix("torch."),
            way_out="convert the checkpoint first, with .float() for half precision",
        )
    if not bool(tensor.isfinite().all()):
        raise ArgumentError(argument, expected="finite numbers", got="NaN or infinity")


def _check_gains(name: str, gains: Tensor, *, turned: bool) -> None:
    if turned and float(gains.max() - gains.min()) > _EQUAL * float(gains.abs().max()):
        raise ArgumentError(
            f"state: {name}",
            expected="equal gains, which a rotation leaves alone",
            got=f"gains from {float(gains.min()):.3g} to {float(gains.max()):.3g}",
            way_out="fold them into the weights that read them: haar.weights.folded(action, state)",
        )
