"""Which representation a hidden layer carries when nobody says: as much of the regular one as fits."""

from __future__ import annotations

from collections.abc import Callable

from haar.actions.representation import Defining, Quotient, Regular, Representation, Trivial, direct_sum
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Group
from haar.nn.pointwise import is_permutation

#: Subgroups of larger groups are not looked for.
_LISTED = 1024


def hidden_representation(group: Group) -> Callable[[int], Representation]:
    """Representations by width: floor(n / |G|) copies of the regular representation and n mod |G| trivial channels.

    Where the regular representation is too wide, or its group is not listed, copies of the defining representation
    take its place if that only permutes.

    Args:
        group: The group that is represented.

    Example:
        >>> from haar.groups import cyclic
        >>> hidden_representation(cyclic(4))(10)
        <2 regular + 2 trivial of C4, dimension 10>
    """
    parts: list[Representation] = [Regular(group)] if isinstance(group, FiniteGroup) else []
    if group.is_finite and group.defining_dim is not None and is_permutation(Defining(group)):
        parts.append(Defining(group))
    memory: dict[int, Representation] = {}

    def of_width(width: int) -> Representation:
        if width not in memory:
            memory[width] = _filled(group, parts, width)
        return memory[width]

    return of_width


def narrow_representation(group: Group) -> Callable[[int], Representation]:
    """Representations by width for pieces that are narrower than the group: cosets of ever larger subgroups.

    Args:
        group: The group that is represented.

    Example:
        >>> from haar.groups import dihedral
        >>> [narrow_representation(dihedral(4))(width).dim for width in (2, 4, 12)]
        [2, 4, 12]
    """
    of_width = hidden_representation(group)
    if not isinstance(group, FiniteGroup) or group.order > _LISTED:
        return of_width
    parts: list[Representation] = []

    def narrow(width: int) -> Representation:
        if width >= group.order:
            return of_width(width)
        if not parts:
            parts.extend(Quotient(subgroup) for subgroup in group.subgroup_chain()[1:-1])
            parts.sort(key=lambda part: -part.dim)
        return _filled(group, parts, width) if parts else Trivial(group, width)

    return narrow


def _filled(group: Group, parts: list[Representation], width: int) -> Representation:
    if not parts:
        raise ArgumentError(
            "hidden",
            expected=f"representations for hidden layers: pointwise functions keep only trivial ones of {group.name}",
            got=f"'auto' for a layer of width {width}",
            way_out="give layers or hidden, with haar.nn.Gated or haar.nn.NormNonlinearity between them, "
            'or use mode="function"',
        )
    part = next((one for one in parts if one.dim <= width), None)
    if part is None:
        return Trivial(group, width)
    copies, rest = divmod(width, part.dim)
    return direct_sum([part] * copies + ([Trivial(group, rest)] if rest else []))
