r"""Symmetries of one whole step R^N -> R^(N/b): which matrices of a network with one hidden layer commute with them.

The step sums blocks of b neighbours. It commutes with every permutation within the blocks and with every exchange of
whole blocks (the wreath product S_b wr S_(N/b)), and so with the turns of the ring by whole blocks. A network has
channels; each of them stands on the sites (or, without a symmetry, once), and its matrices are combinations of a basis
of the matrices that commute with the group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError

Basis = Callable[[int, int], tuple[Tensor, Tensor, Tensor]]
"""From sites and block size: bases of the first matrix (elements, hidden, sites), of the second (elements, blocks,
hidden) and of the output's bias (elements, blocks); `hidden` is on how many places a channel stands."""


@dataclass(frozen=True)
class StepFamily:
    """A constraint on the weights of a network R^N -> R^(N/b) with one hidden layer.

    Args:
        name: What tables call it.
        meaning: The constraint in words.
        basis: The matrices that it allows.
        tied: Whether all channels are equal: the parameters are symmetric under their exchange.
        odd: Whether channels come in pairs (w, b), (-w, b) with outputs (v, -v), and no output bias.
    """

    name: str
    meaning: str
    basis: Basis
    tied: bool = False
    odd: bool = False


def free_basis(sites: int, b: int) -> tuple[Tensor, Tensor, Tensor]:
    """Every matrix; a channel stands once.

    Example:
        >>> [part.shape[0] for part in free_basis(8, 2)]
        [8, 4, 4]
    """
    rows, columns = _eye(sites), _eye(sites // b)
    return rows[:, None, :], columns[:, :, None], columns


def equivariant_basis(sites: int, b: int) -> tuple[Tensor, Tensor, Tensor]:
    """What commutes with S_b wr S_(N/b): lambda I + gamma (1 1^T within blocks) + delta 1 1^T, and so for the readout.

    Example:
        >>> [part.shape[0] for part in equivariant_basis(8, 2)]
        [3, 2, 1]
    """
    blocks = sites // b
    within = _eye(blocks).repeat_interleave(b, 1)  # blocks, sites
    first = torch.stack([_eye(sites), within.mT @ within, torch.ones(sites, sites, dtype=torch.float64)])
    return first, torch.stack([within, torch.ones_like(within)]), torch.ones(1, blocks, dtype=torch.float64)


def circulant_basis(sites: int, b: int) -> tuple[Tensor, Tensor, Tensor]:
    """What commutes with turns of the ring: circulant matrices, and every b-th row of such for the readout.

    Example:
        >>> [part.shape[0] for part in circulant_basis(8, 2)]
        [8, 8, 1]
    """
    turns = torch.stack([_eye(sites).roll(shift, 1) for shift in range(sites)])
    return turns, turns[:, ::b], torch.ones(1, sites // b, dtype=torch.float64)


def sum_basis(sites: int, b: int) -> tuple[Tensor, Tensor, Tensor]:
    """What commutes with all permutations of the sites, which the step does not: the total is seen, the blocks are not.

    Example:
        >>> [part.shape[0] for part in sum_basis(8, 2)]
        [1, 1, 1]
    """
    blocks = sites // b
    ones = torch.ones(1, 1, max(sites, blocks), dtype=torch.float64)
    return ones[..., :sites], ones[..., :blocks].mT, ones[0, :, :blocks]


STEP_FAMILIES: Mapping[str, StepFamily] = {
    one.name: one
    for one in (
        StepFamily("free", "no constraint", free_basis),
        StepFamily("circulant", "commutes with turns of the ring by whole blocks", circulant_basis),
        StepFamily("equivariant", "commutes with S_b wr S_(N/b), the step's own symmetry", equivariant_basis),
        StepFamily("odd", "equivariant, and f(-x) = -f(x)", equivariant_basis, odd=True),
        StepFamily("tied", "equivariant, and all channels equal", equivariant_basis, tied=True),
        StepFamily("sum", "invariant under all permutations: more than the step is", sum_basis),
    )
}
"""By name, from the least symmetry to too much."""


def find_step_family(name: str) -> StepFamily:
    """The symmetry of a name.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> find_step_family("circulant").meaning
        'commutes with turns of the ring by whole blocks'
    """
    if name not in STEP_FAMILIES:
        raise ArgumentError("family", expected=f"one of {', '.join(STEP_FAMILIES)}", got=repr(name))
    return STEP_FAMILIES[name]


def _eye(size: int) -> Float[Tensor, "size size"]:
    return torch.eye(size, dtype=torch.float64)
