"""Representations cut into neighbours and put together again."""

from __future__ import annotations

from collections.abc import Sequence

from haar.actions.representation import DirectSum, Representation, TensorProduct, Trivial, direct_sum
from haar.nn.parts import part_runs
from haar.nn.representations import same_representation


def split(rep: Representation, widths: Sequence[int]) -> list[Representation] | None:
    """A direct sum cut into neighbouring sums of some widths; None where a cut would go through a part."""
    if isinstance(rep, TensorProduct):
        return _split_product(rep, widths)
    leaves = [run.rep for run in part_runs(rep) for _ in range(run.copies)]
    pieces: list[Representation] = []
    place = 0
    for width in widths:
        piece: list[Representation] = []
        while sum(leaf.dim for leaf in piece) < width and place < len(leaves):
            piece.append(leaves[place])
            place += 1
        if not piece or sum(leaf.dim for leaf in piece) != width:
            return None
        pieces.append(piece[0] if len(piece) == 1 else DirectSum(piece))
    return pieces if place == len(leaves) else None


def equal_pieces(rep: Representation, count: int) -> Representation | None:
    """What stands `count` times in a representation; None if it is not made of equal pieces."""
    pieces = split(rep, [rep.dim // count] * count) if rep.dim % count == 0 else None
    if pieces is None or not all(same_representation(pieces[0], piece) for piece in pieces[1:]):
        return None
    return pieces[0]


def copies(rep: Representation, count: int) -> Representation:
    """`count` copies, one after the other."""
    return direct_sum([rep] * count)


def product(left: Representation, right: Representation) -> Representation:
    """The tensor product, the right one running fastest; copies where the left one is trivial."""
    return copies(right, left.dim) if isinstance(left, Trivial) else TensorProduct(left, right)


def factors(rep: Representation) -> list[Representation]:
    """All that stand to the left or right in a tensor product, at any depth."""
    if not isinstance(rep, TensorProduct):
        return []
    return [part for side in (rep.left, rep.right) for part in (side, *factors(side))]


def _split_product(rep: TensorProduct, widths: Sequence[int]) -> list[Representation] | None:
    """Between copies of the factor that runs fastest."""
    size = rep.right.dim
    if any(width % size for width in widths):
        return None
    pieces = split(rep.left, [width // size for width in widths])
    return None if pieces is None else [product(piece, rep.right) for piece in pieces]
