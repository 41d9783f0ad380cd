"""One call for what commutes: chooses the route."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import DirectSum, Representation, Trivial
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError
from haar.host import on_the_host
from haar.intertwiners.homomorphism import require_same_group
from haar.intertwiners.isotypic_maps import IsotypicIntertwiners
from haar.intertwiners.orbit_maps import OrbitIntertwiners
from haar.intertwiners.orbits import applies
from haar.intertwiners.space import Intertwiners


@on_the_host
def intertwiners(rep_in: Representation, rep_out: Representation, *, route: str = "auto") -> Intertwiners:
    """The space of linear maps that commute with a symmetry, Hom_G(V_in, V_out).

    Args:
        rep_in: Representation on the input.
        rep_out: Representation on the output, of the same group object.
        route: ``"orbits"`` for signed permutations of finite groups (no linear algebra), ``"isotypic"`` for any
            representation, ``"auto"`` for the first that applies.

    Raises:
        ArgumentError: If the groups differ, one of the two is no orthogonal homomorphism, or orbits are asked for where
            they do not apply.

    Example:
        >>> from haar.actions.representation import Defining, tensor_power
        >>> from haar.groups import symmetric
        >>> matrices = tensor_power(Defining(symmetric(8)), 2)
        >>> intertwiners(matrices, matrices)
        <OrbitIntertwiners of S8, 64 -> 64, dimension 15>
    """
    require_same_group(rep_in, rep_out)
    if route not in ("auto", "orbits", "isotypic"):
        raise ArgumentError("route", expected="'auto', 'orbits' or 'isotypic'", got=repr(route))
    orbits = applies(rep_in, rep_out)
    if route == "orbits" and not orbits:
        raise ArgumentError(
            "route",
            expected="'isotypic' unless both are signed permutations of a finite group",
            got=f"'orbits' for {rep_in.name} and {rep_out.name} of {rep_in.group.name}",
        )
    if route == "isotypic" or not orbits:
        return IsotypicIntertwiners(rep_in, rep_out)
    return OrbitIntertwiners(rep_in, rep_out)


@on_the_host
def invariants(rep: Representation) -> Float[Tensor, "n m"]:
    """An orthonormal basis of the vectors that do not move, as columns, float64.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import symmetric
        >>> invariants(Defining(symmetric(4))).shape
        torch.Size([4, 1])
    """
    check_representation("rep", rep)
    if type(rep) is DirectSum and applies(rep, rep):  # orbits do not leave a part
        once = {part: intertwiners(Trivial(rep.group), part).basis().squeeze(-1).T for part in dict.fromkeys(rep.parts)}
        whole: Tensor = torch.block_diag(*[once[part] for part in rep.parts])
        return whole
    return intertwiners(Trivial(rep.group), rep).basis().squeeze(-1).T
