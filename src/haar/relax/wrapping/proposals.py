"""What else the layers before a step could make, where the step has no place in a symmetric network as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions.representation import Representation, TensorProduct, Trivial, direct_sum
from haar.errors import HaarError
from haar.groups import Group
from haar.nn.kernel_points import KernelPoints
from haar.nn.parts import part_count
from haar.nn.representations import same_representation
from haar.relax.wrapping.feature import Leg
from haar.relax.wrapping.step import Step
from haar.relax.wrapping.sums import copies

Proposal = Mapping[Leg, Representation]
Hidden = Callable[[int], Representation]


def proposals(step: Step, hidden: Hidden) -> Iterator[tuple[Proposal, Proposal]]:
    """Other representations for some legs of what goes into a step, the likeliest first.

    The first of a pair is what the step asks for; the second what others may still change: where layers meet that are
    both free, and what other axes of parameters take.

    Args:
        step: The step whose inputs may carry something else.
        hidden: Representation of a hidden layer by its width.
    """
    for legs, soft in (*_in_line(step), *((legs, {}) for legs in _pairs(step))):
        rest = {
            leg: hidden(leg.rep.dim)
            for leg in step.legs
            if leg.own and leg not in legs and leg not in soft and step.elements.still(leg.rep) and leg.rep.dim > 1
        }
        if rest:  # a parameter's other axes are those of a hidden layer
            yield legs, {**soft, **rest}
        yield legs, soft
    for leg in step.legs:
        if leg.ask is not None:
            for rep in other_forms(leg.rep.dim, _sizes(step), hidden, leg.rep, _cuts(step)):
                yield {leg: rep}, {}


def other_forms(
    width: int, sizes: list[list[int]], hidden: Hidden, now: Representation, cuts: Collection[int] = ()
) -> Iterator[Representation]:
    """Representations of a width that can be cut into pieces, or are permuted piece by piece.

    Args:
        width: Dimension of the representations.
        sizes: Shapes of what comes out.
        hidden: Representation of a hidden layer by its width.
        now: The representation that it is now.
        cuts: Sizes of pieces that may be cut off at one end.
    """
    made = [*_tiled(width, sizes, hidden, now.group), *_unequal(width, sizes, hidden)]
    for part in sorted(cuts):
        if 0 < part < width and now.group.order:
            made += [direct_sum([hidden(part), hidden(width - part)]), direct_sum([hidden(width - part), hidden(part)])]
    still = Trivial(now.group, width)
    for rep in sorted(made, key=_pieces):  # the larger the pieces that move together, the more there is to choose
        if not same_representation(rep, still) and not same_representation(rep, now):
            yield rep


def _tiled(width: int, sizes: list[list[int]], hidden: Hidden, group: Group) -> Iterator[Representation]:
    """Equal pieces in a row, or moved as wholes: of channels, or of the points of a small grid."""
    every = {n for shape in sizes for n in shape}
    for inner in sorted(n for n in range(2, width) if width % n == 0 and (n in every or width // n in every)):
        outer = width // inner
        yield copies(hidden(inner), outer)
        yield TensorProduct(hidden(outer), Trivial(group, inner))
        points = _points(group, inner)
        if points is not None:
            yield TensorProduct(hidden(outer), points)
            yield TensorProduct(points, hidden(outer))


def _points(group: Group, count: int) -> Representation | None:
    """The points of a square or cubic grid, if there are so many."""
    dim = group.space_dim
    side = round(count ** (1 / dim)) if dim is not None else 0
    if dim is None or side**dim != count:
        return None
    try:
        return KernelPoints(group, (side,) * dim)
    except HaarError:
        return None


def _unequal(width: int, sizes: list[list[int]], hidden: Hidden) -> Iterator[Representation]:
    """Pieces of different sizes, as they come out."""
    for widths in zip(*sizes, strict=False):  # axes that all have
        if len(widths) > 1 and sum(widths) == width and len(set(widths)) > 1:
            yield direct_sum([hidden(n) for n in widths])


def _pieces(rep: Representation) -> int:
    return _pieces(rep.left) * _pieces(rep.right) if isinstance(rep, TensorProduct) else part_count(rep)


def _cuts(step: Step) -> set[int]:
    """Sizes that come out and do not go in."""
    return {n for shape in _sizes(step) for n in shape} - {n for x in step.inputs for n in x.value.shape}


def _sizes(step: Step) -> list[list[int]]:
    return [list(leaf.shape) for leaf in pytree.tree_leaves(step.result) if isinstance(leaf, Tensor)]


def _in_line(step: Step) -> Iterator[tuple[Proposal, Proposal]]:
    """Where legs meet on the axes of one number, all as the one that nobody can choose, or that moves."""
    asked: dict[Leg, Representation] = {}
    chosen: dict[Leg, Representation] = {}
    for legs in _meeting(step):
        fixed = [leg for leg in legs if leg.ask is None]  # an axis on which nothing moves is one, too
        moving = [leg for leg in legs if not step.elements.still(leg.rep)]
        (asked if fixed else chosen).update(_as_one((fixed or moving or legs)[0].rep, legs))
    if asked or chosen:
        yield asked, chosen
    if len(asked) + len(chosen) > 1:
        yield from (({one: rep}, {}) for one, rep in asked.items())
        yield from (({}, {one: rep}) for one, rep in chosen.items())


def _as_one(target: Representation, legs: Sequence[Leg]) -> Iterator[tuple[Leg, Representation]]:
    """Those of the legs that can be asked to carry what they do not carry."""
    return ((leg, target) for leg in legs if leg.ask is not None and not same_representation(leg.rep, target))


def _meeting(step: Step) -> list[list[Leg]]:
    """The legs on every axis counted from the end, by width; one that stands still where some input has none."""
    there: dict[tuple[int, int], list[Leg | None]] = defaultdict(list)
    for x in step.inputs:
        if x.feature is not None:
            for axis, (leg, size) in enumerate(zip(x.feature.legs, x.value.shape, strict=True)):
                if size > 1 and axis not in x.feature.space:
                    there[x.value.ndim - axis, size].append(leg)
    found = []
    for (_, width), legs in sorted(there.items()):
        if len(legs) > 1 and any(legs):
            still = Leg(Trivial(step.elements.group, width))
            found.append([leg or still for leg in legs])
    return found


def _pairs(step: Step) -> Iterator[Proposal]:
    """One leg as another of its width."""
    moving = [leg for leg in step.legs if not step.elements.still(leg.rep)]
    for target in moving or step.legs:
        for leg in step.legs:
            fits = leg.ask is not None and leg.rep.dim == target.rep.dim
            if fits and not same_representation(leg.rep, target.rep):
                yield {leg: target.rep}
