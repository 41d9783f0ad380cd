"""Other connected components: whether reversing some of the blocks that a found group turns is a symmetry too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.discover.flows import Finite
from haar.discover.rows import Pair

#: Blocks of one side that are reversed in all ways; further ones only together.
_BLOCKS = 3
#: Casimir eigenvalues that differ by less than this of the largest are one block's.
_SAME = 0.05


@dataclass(frozen=True)
class Component:
    """A reversal that lies outside a rotation group, and how far it is from a symmetry.

    Attributes:
        inputs: 1 or -1 for every isotypic block of the inputs that moves, the highest spin first.
        outputs: Likewise of the outputs.
        finite: Its held-out defect.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    finite: Finite

    @property
    def plain(self) -> bool:
        """Whether all that moves is reversed, as by the negative identity of O(n)."""
        return set(self.inputs + self.outputs) == {-1}

    @property
    def told(self) -> str:
        """In words."""
        sides = (("inputs", self.inputs), ("outputs", self.outputs))
        return ", ".join(f"{' '.join(map(str, signs))} on the {name}" for name, signs in sides if signs)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"inputs": list(self.inputs), "outputs": list(self.outputs), "defect": self.finite._asdict()}


def components(pair: Pair, judged: Callable[[Pair], Finite]) -> list[Component]:
    """Reversals of the isotypic blocks of a rotation group of odd dimension, all of which lie outside it, each judged.

    Args:
        pair: Exact generators of SO(n), n odd, in whitened homogeneous coordinates.
        judged: From elements on both sides to their held-out defect.

    Example:
        >>> turn = torch.zeros(3, 4, 4, dtype=torch.float64)
        >>> for k, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        ...     turn[k, i, j], turn[k, j, i] = 1.0, -1.0
        >>> good = Finite(0.0, 0.0, 0.0, 0.0, 0.0, True)
        >>> [(one.inputs, one.outputs) for one in components(Pair(turn, turn), lambda _: good)]
        [((1,), (-1,)), ((-1,), (1,)), ((-1,), (-1,))]
    """
    blocks = [_blocks(side) for side in pair]
    found = []
    for inputs, outputs in product(*(_choices(len(side)) for side in blocks)):
        if -1 in (*inputs, *outputs):
            sides = zip(pair, blocks, (inputs, outputs), strict=True)
            element = Pair(*(_element(side, own, signs)[None] for side, own, signs in sides))
            found.append(Component(inputs, outputs, judged(element)))
    return found


def _choices(count: int) -> list[tuple[int, ...]]:
    if count > _BLOCKS:
        return [(1,) * count, (-1,) * count]
    return list(product((1, -1), repeat=count))


def _blocks(side: Float[Tensor, "k n n"]) -> list[Float[Tensor, "n n"]]:
    """Projectors on the isotypic blocks that move, by falling Casimir eigenvalue."""
    values, vectors = torch.linalg.eig(-torch.einsum("kij,kjl->il", side, side))
    largest = float(values.abs().max())
    inverse = torch.linalg.inv(vectors)
    made, left = [], values.real > _SAME * largest if largest else torch.zeros(len(values), dtype=torch.bool)
    while bool(left.any()):
        own = left & (values.real >= float(values.real[left].max()) - _SAME * largest)
        left = left & ~own
        made.append((vectors[:, own] @ inverse[own]).real)
    return made


def _element(side: Tensor, blocks: list[Tensor], signs: tuple[int, ...]) -> Float[Tensor, "n n"]:
    element = torch.eye(side.shape[-1], dtype=torch.float64)
    for block, sign in zip(blocks, signs, strict=True):
        element = element + (sign - 1) * block
    return element
