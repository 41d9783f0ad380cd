"""The Reynolds operator on matrices: an exact average over the group, without listing the group."""

from __future__ import annotations

from jaxtyping import Inexact
from torch import Tensor

from haar.actions.representation import Representation
from haar.actions.representation.dtypes import require_floating
from haar.errors import ArgumentError, ShapeError
from haar.groups import averaging_chain
from haar.host import on_the_host
from haar.intertwiners.homomorphism import require_same_group


@on_the_host
def reynolds(
    rep_in: Representation, rep_out: Representation, W: Inexact[Tensor, "out in"]
) -> Inexact[Tensor, "out in"]:
    """The mean of R_out(g) W R_in(g)^-1 over the group, which is the nearest matrix that commutes with it.

    The mean factors along a chain of subgroups (`haar.groups.averaging_chain`): for S_8 it takes 35 terms instead of
    40,320. It uses neither orbits nor a decomposition, and so checks them; `Intertwiners.project` is faster when used
    more than once.

    Args:
        rep_in: Representation on the columns.
        rep_out: Representation on the rows, of the same group object.
        W: Any matrix ``(n_out, n_in)``.

    Raises:
        ShapeError: If W has another shape.
        ArgumentError: If the groups differ, no chain is known, or a Lie group's representation does not know its
            degree.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import symmetric
        >>> points = Defining(symmetric(8))
        >>> W = torch.zeros(8, 8, dtype=torch.float64)
        >>> W[0, 0] = 8
        >>> torch.allclose(reynolds(points, points, W), torch.eye(8, dtype=torch.float64))
        True
    """
    require_same_group(rep_in, rep_out)
    require_floating(W, "W", "averages")
    if W.shape != (rep_out.dim, rep_in.dim):
        raise ShapeError("W", expected=f"({rep_out.dim}, {rep_in.dim}) (out, in)", got=tuple(W.shape))
    if rep_in.degree is None or rep_out.degree is None:
        raise ArgumentError(
            "rep_in",
            expected="representations that know their degree",
            got=f"{rep_in.name} and {rep_out.name} of {rep_in.group.name}",
            way_out="project with intertwiners(rep_in, rep_out).project",
        )
    for elements, weights in averaging_chain(rep_in.group, rep_in.degree + rep_out.degree):
        total = W.new_zeros(W.shape)
        for g, weight in zip(elements, weights, strict=True):
            moved = rep_out.act(g, W.T).T  # rows turned
            total += weight.to(W) * rep_in.act(g, moved)  # W R(g)^T acts on every row
        W = total
    return W
