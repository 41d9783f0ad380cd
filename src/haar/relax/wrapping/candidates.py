"""What a step's result may carry, the likeliest first: the legs of what goes in, whole, cut and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from itertools import product as combinations
from math import prod

from haar.actions import Field
from haar.actions.representation import Representation, Trivial, direct_sum
from haar.nn.representations import same_representation
from haar.relax.wrapping.elements import Elements
from haar.relax.wrapping.feature import Ask, Feature, GridPoints, Leg, Notes, agree, merged, scalar_field
from haar.relax.wrapping.sums import copies, equal_pieces, factors, product, split

#: Candidates that are tried at most for one tensor.
MOST = 2000

Shape = tuple[int, ...]
#: Tensors that go into a step: what they carry and their shapes.
Inputs = Sequence[tuple[Feature | None, Shape]]
#: Where the places of a result lie in an axis of an input, given how many it shows: the first one, or None.
Start = Callable[[int, int, int], int | None]


class Candidates:
    """Features for one tensor that a step returns.

    Args:
        elements: Of the group.
        inputs: Tensors that go into the step.
        start: Given an input, an axis and a count, the first of its places, if the result shows so many neighbours.
    """

    def __init__(self, elements: Elements, inputs: Inputs, start: Start) -> None:
        self._elements, self._start = elements, start
        self._inputs = [(feature, shape) for feature, shape in inputs if feature is not None]
        self._all = inputs
        self._options: dict[tuple[int, int], list[Leg]] = {}

    def of(self, shape: Shape) -> Iterator[Feature]:
        """Candidates for a tensor of this shape."""
        yield from self._aligned(shape)
        yield from islice(self._any(shape), MOST)

    def _aligned(self, shape: Shape) -> Iterator[Feature]:
        """Every axis carries what the same axes of the inputs carry, counted from the end or from the front."""
        for from_end in (True, False):
            found: list[list[Leg]] = [[] for _ in shape]
            space: tuple[int, ...] = ()
            field: Field | None = None
            for feature, size in self._inputs:
                offset = len(shape) - len(size) if from_end else 0
                for axis, leg in enumerate(feature.legs):
                    there = axis + offset
                    if leg is not None and 0 <= there < len(shape) and size[axis] == shape[there]:
                        found[there].append(leg)
                moved = tuple(axis + offset for axis in feature.space)
                if feature.field is not None and all(0 <= axis < len(shape) for axis in moved):
                    space, field = moved, feature.field
            legs = [None if axis in space or not legs else _joined(legs) for axis, legs in enumerate(found)]
            if field is not None or any(leg is not None for leg in legs):
                yield Feature(tuple(legs), space, field)

    def _any(self, shape: Shape) -> Iterator[Feature]:
        for space, field in self._places(shape):
            options = [
                [None] if axis in space else [*self._legs(size, axis - len(shape)), None]
                for axis, size in enumerate(shape)
            ]
            for legs in combinations(*options):
                if field is not None or any(leg is not None for leg in legs):
                    yield Feature(legs, space, field)

    def _places(self, shape: Shape) -> list[tuple[tuple[int, ...], Field | None]]:
        """Where the axes of a grid may stand, and how they move."""
        found: list[tuple[tuple[int, ...], Field | None]] = []
        fields = {id(feature.field): feature for feature, _ in self._inputs if feature.field is not None}
        for feature in fields.values():
            field: Field = feature.field  # type: ignore[assignment]
            runs = [tuple(range(at, at + field.dim)) for at in range(len(shape) - field.dim + 1)]
            found += [(run, field) for run in sorted(runs, key=lambda run: run != feature.space)]
            if any(field.periodic):
                other = "node" if "cell" in field.centring else "cell"
                found += [(run, scalar_field(field, centring=other)) for run in runs]
        for feature, _ in self._inputs:
            for leg in feature.legs:
                for part in [] if leg is None else [leg.rep, *factors(leg.rep)]:
                    if isinstance(part, GridPoints):
                        size = len(part.shape)
                        for at in range(len(shape) - size + 1):
                            if shape[at : at + size] == part.shape:
                                found.append((tuple(range(at, at + size)), part.field))
        return [*found, ((), None)]

    def _legs(self, size: int, axis: int) -> list[Leg]:
        """What an axis of this size may carry."""
        key = size, axis
        if key not in self._options:
            found: list[Leg] = []
            sources = [
                (leg, number, place)
                for number, (feature, _) in enumerate(self._all)
                if feature is not None
                for place, leg in enumerate(feature.legs)
                if leg is not None
            ]
            # an axis at the same place from the end is likelier than others
            sources.sort(key=lambda s: (self._elements.still(s[0].rep), s[2] - len(self._all[s[1]][1]) != axis))
            found += [leg for leg, _, _ in sources if leg.rep.dim == size]
            if size > 1:
                found += self._products(size)
                found += self._sums(size)
                for leg, number, place in sources:
                    found += self._parts(leg, size, number, place)
            self._options[key] = _distinct(found)
        return self._options[key]

    def _parts(self, leg: Leg, size: int, number: int, place: int) -> list[Leg]:
        """Pieces and factors of a leg, and copies of it."""
        rep, found = leg.rep, []
        if size % rep.dim == 0 and size > rep.dim:
            found.append(Leg(copies(rep, size // rep.dim)))
        if size >= rep.dim:
            return found
        found += [Leg(part) for part in factors(rep) if part.dim == size]
        start = self._start(number, place, size)
        if start is not None:
            widths = [start, size, rep.dim - start - size]
            pieces = split(rep, [width for width in widths if width])
            if pieces is not None:
                middle = pieces[1 if start else 0]
                around = pieces[: 1 if start else 0], pieces[(2 if start else 1) :]
                found.append(Leg(middle, _asked(leg, partial(_between, *around))))
        if rep.dim % size == 0:
            count = rep.dim // size
            piece = equal_pieces(rep, count)
            if piece is not None:
                found.append(Leg(piece, _asked(leg, partial(_times, count))))
        return found

    def _products(self, size: int) -> list[Leg]:
        """Neighbouring axes as one."""
        found = []
        for feature, shape in self._inputs:
            for first in range(len(shape)):
                for last in range(first + 1, len(shape)):
                    inside = [axis for axis in feature.space if first <= axis <= last]
                    if prod(shape[first : last + 1]) == size and len(inside) in (0, len(feature.space)):
                        leg = self._product(feature, shape, first, last)
                        found += [leg] if leg is not None else []
        return found

    def _product(self, feature: Feature, shape: Shape, first: int, last: int) -> Leg | None:
        group = self._elements.group
        reps: list[Representation] = []
        for axis in range(first, last + 1):
            leg = feature.legs[axis]
            if axis in feature.space:
                if axis == feature.space[0] and feature.field is not None:
                    points = tuple(shape[k] for k in feature.space)
                    reps += [GridPoints(feature.field, points)] if prod(points) > 1 else []
            elif shape[axis] > 1 or leg is not None:
                reps.append(Trivial(group, shape[axis]) if leg is None else leg.rep)
        if not reps:
            return None
        rep = reps[-1]
        for left in reversed(reps[:-1]):
            rep = product(left, rep)
        legs = [leg for leg in feature.legs[first : last + 1] if leg is not None]
        if len(reps) == 2 and len(legs) == 1 and feature.legs[last] is legs[0]:
            count, inner = reps[0].dim, legs[0]

            def ask(wanted: Representation) -> Notes | None:
                piece = equal_pieces(wanted, count)
                return None if piece is None or inner.ask is None else inner.ask(piece)

            return Leg(rep, ask if isinstance(reps[0], Trivial) else None)
        return Leg(rep, legs[0].ask if len(legs) == len(reps) == 1 else None)

    def _sums(self, size: int) -> list[Leg]:
        """Axes of several tensors after one another."""
        shapes = [shape for _, shape in self._all]
        if len(shapes) < 2 or len({len(shape) for shape in shapes}) > 1:
            return []
        found = []
        for axis in range(len(shapes[0])):
            if sum(shape[axis] for shape in shapes) == size:
                group = self._elements.group
                legs = [
                    (feature.legs[axis] if feature is not None else None) or Leg(Trivial(group, shape[axis]))
                    for feature, shape in self._all
                ]
                found.append(Leg(direct_sum([leg.rep for leg in legs]), _summed(legs)))
        return found


def _between(before: list[Representation], after: list[Representation], rep: Representation) -> Representation:
    return direct_sum([*before, rep, *after])


def _times(count: int, rep: Representation) -> Representation:
    return copies(rep, count)


def _joined(legs: Sequence[Leg]) -> Leg:
    same = [leg for leg in legs if agree(leg, legs[0])]
    return merged(same)


def _distinct(legs: Sequence[Leg]) -> list[Leg]:
    """One of each representation, the first; one that can be asked if there is one."""
    found: list[Leg] = []
    for leg in legs:
        if not any(one.rep is leg.rep or same_representation(one.rep, leg.rep) for one in found):
            found.append(leg)
    return found


def _asked(leg: Leg, whole: Callable[[Representation], Representation]) -> Ask | None:
    ask = leg.ask
    return None if ask is None else lambda rep: ask(whole(rep))


def _summed(legs: Sequence[Leg]) -> Ask:
    def ask(rep: Representation) -> Notes | None:
        pieces = split(rep, [leg.rep.dim for leg in legs])
        if pieces is None:
            return None
        notes: dict[tuple[str, int], Representation] = {}
        for leg, piece in zip(legs, pieces, strict=True):
            if same_representation(leg.rep, piece):
                continue
            found = leg.ask(piece) if leg.ask is not None else None
            if found is None:
                return None
            notes.update(found)
        return notes

    return ask
