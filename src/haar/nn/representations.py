"""Representations inside networks: when two are the same, and one restricted object for each."""

from __future__ import annotations

import torch

from haar.actions.representation import DirectSum, Representation, Trivial
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError
from haar.groups import Subgroup


def same_representation(left: Representation, right: Representation) -> bool:
    """Whether two representations of one group object have equal matrices (on generators and two random elements).

    Example:
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import cyclic
        >>> group = cyclic(4)
        >>> same_representation(2 * Regular(group), Regular(group) + Regular(group))
        True
    """
    if left is right:
        return True
    if left.group != right.group or left.dim != right.dim:
        return False
    if isinstance(left, DirectSum) and isinstance(right, DirectSum) and len(left.parts) == len(right.parts):
        pairs = {(id(a), id(b)): (a, b) for a, b in zip(left.parts, right.parts, strict=True)}
        if all(a.dim == b.dim for a, b in pairs.values()):
            return all(same_representation(a, b) for a, b in pairs.values())
    group = left.group
    some = torch.cat([group.generators(), group.sample(2, torch.Generator().manual_seed(0))])
    if left.is_signed_permutation and right.is_signed_permutation:
        one, other = left.signed_permutation(some), right.signed_permutation(some)
        return all(bool((a == b).all()) for a, b in zip(one, other, strict=True))
    return bool((left.matrix(some) - right.matrix(some)).abs().max() < 1e-9)


def check_same_group(rep_in: Representation, rep_out: Representation, argument: str = "rep_out") -> None:
    """Raise unless both are representations of one group object.

    Raises:
        ArgumentError: Naming what is no representation, or both groups.
    """
    check_representation("rep_in", rep_in)
    check_representation(argument, rep_out)
    if rep_in.group != rep_out.group:
        raise ArgumentError(
            argument,
            expected=f"a representation of the same group object as the other, {rep_in.group.name}",
            got=f"{rep_out.name} of {rep_out.group.name}",
            way_out="make the group once and pass the same object",
        )


def restricted(rep: Representation, subgroup: Subgroup) -> Representation:
    """The restriction, part by part; equal parts stay one object, for every call with the same subgroup object.

    Layers compare and count parts by object: a network restricted layer by layer still fits together.

    Raises:
        ArgumentError: If it is no subgroup of the representation's group object.

    Example:
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> C4 = D4.subgroup([1], "C4")
        >>> regular = Regular(D4)
        >>> restricted(2 * regular, C4).parts[0] is restricted(regular, C4)
        True
    """
    return rep.restrict(subgroup)


def stands_still(rep: Representation) -> bool:
    """Whether no element moves anything.

    Example:
        >>> from haar.actions.representation import Regular, Trivial
        >>> from haar.groups import cyclic
        >>> group = cyclic(4)
        >>> stands_still(Trivial(group, 3)), stands_still(Regular(group))
        (True, False)
    """
    return same_representation(rep, Trivial(rep.group, rep.dim))
