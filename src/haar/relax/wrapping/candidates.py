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
#: Places of some axes.
Axes = tuple[int, ...]
#: Tensors that go into a step: what they carry and their shapes.
Inputs = Sequence[tuple[Feature | None, Shape]]
#: Where the places of a result lie in an axis of an input, given how many it shows: the first one, or None.
Start = Callable[[int, int, int], int | None]


class Candidates:
    """Features for one tensor that a step returns.

    Args:
        elements: Elements of the group to try on.
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
            lines = [(feature, size, len(shape) - len(size) if from_end else 0) for feature, size in self._inputs]
            space, field = _grid_in_line(shape, lines)
            legs = [None if axis in space else _leg_in_line(shape, axis, lines) for axis in range(len(shape))]
            if field is not None or any(legs):
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

    def _places(self, shape: Shape) -> list[tuple[Axes, Field | None]]:
        """Where the axes of a grid may stand, and how they move."""
        found: list[tuple[Axes, Field | None]] = []
        fields = {id(feature.field): (feature.field, feature.space) for feature, _ in self._inputs}
        for field, space in fields.values():
            if field is not None:
                runs = _runs(len(shape), field.dim)
                found += [(run, field) for run in sorted(runs, key=lambda run: run != space)]
                if any(field.periodic):
                    other = "node" if "cell" in field.centring else "cell"
                    found += [(run, scalar_field(field, centring=other)) for run in runs]
        for points in self._flattened():
            sizes = points.shape
            found += [
                (run, points.field) for run in _runs(len(shape), len(sizes)) if shape[run[0] : run[-1] + 1] == sizes
            ]
        return [*found, ((), None)]

    def _flattened(self) -> list[GridPoints]:
        """Grids that stand as one axis, or as a factor of one."""
        legs = [leg for feature, _ in self._inputs for leg in feature.legs if leg is not None]
        return [part for leg in legs for part in (leg.rep, *factors(leg.rep)) if isinstance(part, GridPoints)]

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
        reps = [rep for axis in range(first, last + 1) if (rep := self._factor(feature, shape, axis)) is not None]
        if not reps:
            return None
        rep = reps[-1]
        for left in reversed(reps[:-1]):
            rep = product(left, rep)
        legs = [leg for leg in feature.legs[first : last + 1] if leg is not None]
        if len(legs) != 1:
            return Leg(rep)
        if len(reps) == 1:
            return Leg(rep, legs[0].ask)
        outer = reps[0]
        of_copies = len(reps) == 2 and isinstance(outer, Trivial) and feature.legs[last] is legs[0]
        return Leg(rep, partial(_each_asked, legs[0], outer.dim) if of_copies else None)

    def _factor(self, feature: Feature, shape: Shape, axis: int) -> Representation | None:
        """What an axis brings to a product; a grid's first axis brings all its points, and the others nothing."""
        leg, field = feature.legs[axis], feature.field
        if axis in feature.space:
            sizes = tuple(shape[k] for k in feature.space)
            first = axis == feature.space[0]
            return GridPoints(field, sizes) if first and field is not None and prod(sizes) > 1 else None
        if leg is not None:
            return leg.rep
        return Trivial(self._elements.group, shape[axis]) if shape[axis] > 1 else None

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


def _runs(ndim: int, dim: int) -> list[Axes]:
    """Neighbouring axes."""
    return [tuple(range(at, at + dim)) for at in range(ndim - dim + 1)]


def _grid_in_line(shape: Shape, lines: Sequence[tuple[Feature, Shape, int]]) -> tuple[Axes, Field | None]:
    """The grid of the last input whose axes the result has."""
    for feature, _, offset in reversed(lines):
        moved = tuple(axis + offset for axis in feature.space)
        if feature.field is not None and all(0 <= axis < len(shape) for axis in moved):
            return moved, feature.field
    return (), None


def _leg_in_line(shape: Shape, axis: int, lines: Sequence[tuple[Feature, Shape, int]]) -> Leg | None:
    """What the inputs carry on one axis, where they have as many numbers there."""
    found = []
    for feature, size, offset in lines:
        there = axis - offset
        leg = feature.legs[there] if 0 <= there < len(size) and size[there] == shape[axis] else None
        found += [leg] if leg is not None else []
    return _joined(found) if found else None


def _each_asked(leg: Leg, count: int, wanted: Representation) -> Notes | None:
    """The notes for copies of a leg."""
    piece = equal_pieces(wanted, count)
    return None if piece is None or leg.ask is None else leg.ask(piece)


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
