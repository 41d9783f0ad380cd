"""What else the layers before a step could make, where the step has no place in a symmetric network as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions.representation import Representation, TensorProduct, Trivial, direct_sum
from haar.errors import HaarError
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
        step: The step.
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
        width: Their dimension.
        sizes: Shapes of what comes out.
        hidden: Representation of a hidden layer by its width.
        now: What it is.
        cuts: Sizes of pieces that may be cut off at one end.
    """
    made: list[Representation] = []
    every = {n for shape in sizes for n in shape}
    for inner in sorted(n for n in range(2, width) if width % n == 0 and (n in every or width // n in every)):
        outer = width // inner
        made += [copies(hidden(inner), outer), TensorProduct(hidden(outer), Trivial(now.group, inner))]
        side = round(inner ** (1 / (now.group.space_dim or 1)))
        if now.group.space_dim is not None and side**now.group.space_dim == inner:
            try:
                points = KernelPoints(now.group, (side,) * now.group.space_dim)
            except HaarError:
                continue
            made += [TensorProduct(hidden(outer), points), TensorProduct(points, hidden(outer))]
    for axis in range(min((len(shape) for shape in sizes), default=0)):
        widths = [shape[axis] for shape in sizes]
        if len(widths) > 1 and sum(widths) == width and len(set(widths)) > 1:
            made.append(direct_sum([hidden(n) for n in widths]))
    for part in sorted(cuts):
        if 0 < part < width and now.group.order:
            made += [direct_sum([hidden(part), hidden(width - part)]), direct_sum([hidden(width - part), hidden(part)])]
    still = Trivial(now.group, width)
    for rep in sorted(made, key=_pieces):  # the larger the pieces that move together, the more there is to choose
        if not same_representation(rep, still) and not same_representation(rep, now):
            yield rep


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
        target = (fixed or moving or legs)[0].rep
        found = {leg: target for leg in legs if leg.ask is not None and not same_representation(leg.rep, target)}
        (asked if fixed else chosen).update(found)
    if asked or chosen:
        yield asked, chosen
    if len(asked) + len(chosen) > 1:
        for one, rep in asked.items():
            yield {one: rep}, {}
        for one, rep in chosen.items():
            yield {}, {one: rep}


def _meeting(step: Step) -> list[list[Leg]]:
    """The legs on every axis counted from the end."""
    inputs = [(x.feature, x.value.shape) for x in step.inputs if x.feature is not None]
    found = []
    for axis in range(1, max((len(shape) for _, shape in inputs), default=0) + 1):
        there = [
            (f.legs[-axis], shape[-axis], len(shape) - axis in f.space) for f, shape in inputs if len(shape) >= axis
        ]
        for width in {size for _, size, _ in there if size > 1}:
            still = Leg(Trivial(step.elements.group, width))
            legs = [leg or still for leg, size, in_space in there if size == width and not in_space]
            if len(legs) > 1 and any(leg is not still for leg in legs):
                found.append(legs)
    return found


def _pairs(step: Step) -> Iterator[Proposal]:
    """One leg as another of its width."""
    moving = [leg for leg in step.legs if not step.elements.still(leg.rep)]
    for target in moving or step.legs:
        for leg in step.legs:
            fits = leg.ask is not None and leg.rep.dim == target.rep.dim
            if fits and not same_representation(leg.rep, target.rep):
                yield {leg: target.rep}
