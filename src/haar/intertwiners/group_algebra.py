"""Random elements of a group's algebra, the same for every representation of the group."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from haar.actions.representation import Representation
from haar.groups import FiniteGroup, Group

#: Groups of at most this order lend all their elements.
_ALL = 64
#: Random elements taken from larger groups.
_SAMPLED = 32
#: Unsymmetric elements of the algebra in one draw.
CONNECTORS = 3
#: Random elements on which classes are compared, beside the generators.
_PROBES = 8
#: Entries of matrices held at once.
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Draw:
    """Weights over group elements: one Hermitian element a of the group algebra and a few that are not.

    Attributes:
        elements: Group elements ``(k, *element_shape)``.
        weights: ``(1 + CONNECTORS, k)``; row 0 makes a = sum of w (g + g^-1), the others b = sum of w g.
    """

    elements: Shaped[Tensor, "k *element"]
    weights: Float[Tensor, "rows k"]


def draw(group: Group, number: int) -> Draw:
    """The draw with this number; it depends on the group alone, so that its representations see the same elements."""
    generator = torch.Generator().manual_seed(1729 + number)
    if isinstance(group, FiniteGroup) and group.order <= _ALL:
        elements = group.elements()
    else:
        elements = group.sample(_SAMPLED * (1 + number), generator)
    weights = torch.randn(1 + CONNECTORS, len(elements), generator=generator, dtype=torch.float64)
    return Draw(elements, weights / len(elements) ** 0.5)


def probes(group: Group) -> Shaped[Tensor, "k *element"]:
    """The generators and a few random elements: two subspaces are isomorphic when their matrices agree on these."""
    generator = torch.Generator().manual_seed(4104)
    return torch.cat([group.generators(), group.sample(_PROBES, generator)])


def images(rep: Representation, drawn: Draw) -> Float[Tensor, "rows n n"]:
    """Matrices of a draw's elements of the algebra in a representation; the first is symmetric."""
    n, rows = rep.dim, len(drawn.weights)
    out = torch.zeros(rows, n, n, dtype=torch.float64)
    if rep.is_signed_permutation:
        index, sign = rep.signed_permutation(drawn.elements)
        place = (torch.arange(n) * n + index).reshape(-1)
        for row, weight in zip(out, drawn.weights, strict=True):
            row.view(-1).index_add_(0, place, (weight[:, None] * sign).reshape(-1))
    else:
        step = max(1, _CHUNK // n**2)
        for k in range(0, len(drawn.elements), step):
            matrices = rep.matrix(drawn.elements[k : k + step])
            out.view(rows, n * n).addmm_(drawn.weights[:, k : k + step], matrices.reshape(-1, n * n))
    out[0] = out[0] + out[0].T.clone()
    return out
