"""Affine actions x -> A_g x + b_g: the offsets b must follow the group's products, b_gh = b_g + A_g b_h (a cocycle)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup

#: Offsets may differ from the cocycle rule by this much of their largest entry.
_TOLERANCE = 1e-9


def check_cocycle(group: FiniteGroup, offset: Tensor, linear_orbit: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Raise unless b_gh = b_g + A_g b_h for all g and all generators h, which proves it for all pairs.

    Args:
        group: The group that acts.
        offset: b, ``(order, channel, *space)``.
        linear_orbit: From elements ``(m,)`` and one offset to that offset moved by each, ``(m, channel, *space)``.

    Raises:
        ArgumentError: Naming the first pair of elements where it fails.
    """
    elements = group.elements()
    scale = float(offset.abs().max()) or 1.0
    if float(offset[0].abs().max()) > _TOLERANCE * scale:
        raise ArgumentError("offset", expected="zero for the identity", got=f"{float(offset[0].abs().max()):.3g}")
    for h in group.generators():
        error = offset[group.compose(elements, h)] - offset - linear_orbit(elements, offset[h])
        worst = error.abs().flatten(1).amax(1)
        bad = torch.nonzero(worst > _TOLERANCE * scale).flatten()
        if len(bad):
            g = elements[bad[0]]
            raise ArgumentError(
                "offset",
                expected="a cocycle, offset[gh] = offset[g] + g offset[h]",
                got=f"off by {float(worst[bad[0]]):.3g} at g = {group.describe(g)}, h = {group.describe(h)}",
                way_out="give the generators' offsets alone: Field.affine",
            )


def extend_cocycle(
    group: FiniteGroup, of_generators: Tensor, linear_orbit: Callable[[Tensor, Tensor], Tensor]
) -> Float[Tensor, "order channel *space"]:
    """Offsets of all elements from those of the generators, by b_gh = b_g + A_g b_h along words of generators.

    Args:
        group: The group that acts.
        of_generators: One offset ``(channel, *space)`` for each of ``group.generators()``.
        linear_orbit: As for `check_cocycle`.

    Returns:
        One offset for each element. Words of one element agree if `check_cocycle` passes.

    Raises:
        ShapeError: If there is not one offset for each generator.
    """
    generators = group.generators()
    if len(of_generators) != len(generators):
        raise ShapeError(
            "offsets",
            expected=f"one for each of the {len(generators)} generators of {group.name}",
            got=tuple(of_generators.shape),
        )
    offset = of_generators.new_zeros(group.order, *of_generators.shape[1:])
    known = torch.zeros(group.order, dtype=torch.bool)
    known[0] = True
    frontier = torch.zeros(1, dtype=torch.int64)
    while len(frontier):
        reached = []
        for h, b in zip(generators, of_generators, strict=True):
            places = group.compose(frontier, h)
            fresh = ~known[places]
            if bool(fresh.any()):
                g = frontier[fresh]
                offset[places[fresh]] = offset[g] + linear_orbit(g, b)
                known[places[fresh]] = True
                reached.append(places[fresh])
        frontier = torch.cat(reached) if reached else frontier[:0]
    return offset
