"""Dimensions by characters: multiplicities and dim Hom without a basis."""

from __future__ import annotations

from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.host import on_the_host
from haar.intertwiners.homomorphism import require_same_group


@on_the_host
def hom_dimension(rep_in: Representation, rep_out: Representation) -> int:
    """The mean over the group of chi_out chi_in, which is dim Hom_G(V_in, V_out).

    Args:
        rep_in: Representation on the inputs.
        rep_out: Another of the same group object.

    Raises:
        ArgumentError: If the groups differ, or no exact rule for class functions of the group is known.

    Example:
        >>> from haar.actions.representation import Defining, tensor_power
        >>> from haar.groups import SO
        >>> tensors = tensor_power(Defining(SO(3)), 3)
        >>> hom_dimension(tensors, tensors)
        15
    """
    require_same_group(rep_in, rep_out)
    found = hom_dimension_or_none(rep_in, rep_out)
    if found is None:
        raise ArgumentError(
            "rep_in",
            expected="a group with an exact rule for class functions",
            got=rep_in.group.name,
            way_out="use intertwiners(rep_in, rep_out).dim",
        )
    return found


@on_the_host
def hom_dimension_or_none(rep_in: Representation, rep_out: Representation) -> int | None:
    """As `hom_dimension`; None where no exact rule is known."""
    degrees = rep_in.degree, rep_out.degree
    if degrees[0] is None or degrees[1] is None:
        return None
    rule = rep_in.group.class_rule(degrees[0] + degrees[1])
    if rule is None:
        return None
    elements, weights = rule
    mean = float((weights * rep_in.character(elements) * rep_out.character(elements)).sum())
    if abs(mean - round(mean)) > 1e-6:
        raise ArgumentError(
            "rep_in",
            expected="characters of orthogonal representations",
            got=f"a mean product of {mean:.6f}",
            way_out="run check() on both representations",
        )
    return round(mean)
