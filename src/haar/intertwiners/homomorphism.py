"""A quick test that a representation is one, on a random vector; made once for each representation object."""

from __future__ import annotations

import torch
from torch.linalg import vector_norm

from haar.actions.representation import Defining, DirectSum, Quotient, Regular, Representation, TensorProduct, Trivial
from haar.actions.representation.representation import check_representation
from haar.constants import TINY
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, LieGroup, ListedSymmetric, PermutationGroup, SignGroup, SymmetricGroup
from haar.groups.door import check_compact
from haar.intertwiners.group_algebra import probes

#: Largest relative difference between R(a) R(b) x and R(ab) x.
_TOLERANCE = 1e-7
#: Up to so many elements every pair of them is tried.
_EVERY_PAIR = 12
#: Groups whose elements are the matrices, or rows that act as they are composed.
_LAWFUL = (LieGroup, ListedSymmetric, PermutationGroup, SignGroup, SymmetricGroup)


def require_homomorphism(rep: Representation, argument: str) -> None:
    """Refuse what is no orthogonal homomorphism: on every pair of few elements, on generators and random ones of many.

    Matrices with the right traces need not be a representation; this costs a few products with one vector. Sums and
    products are tested part by part, and what a group's own law makes a representation is not tested.

    Args:
        rep: The representation to be tried.
        argument: Its name in the caller's signature.

    Raises:
        ArgumentError: Naming two elements for which R(a) R(b) = R(ab) fails, or one that changes lengths; or if the
            group is not compact.
    """
    if rep.__dict__.get("_is_homomorphism"):
        return
    check_compact(argument, rep.group)
    for part in _untested(rep):
        if part is rep:
            _test(rep, argument)
        else:
            require_homomorphism(part, argument)
    rep.__dict__["_is_homomorphism"] = True


def require_same_group(rep_in: Representation, rep_out: Representation) -> None:
    """Refuse what are no representations, or such of different group objects.

    Raises:
        ArgumentError: Naming the argument.
    """
    check_representation("rep_in", rep_in)
    check_representation("rep_out", rep_out)
    if rep_in.group != rep_out.group:
        raise ArgumentError(
            "rep_out",
            expected=f"a representation of the same group object as rep_in, {rep_in.group.name}",
            got=f"{rep_out.name} of {rep_out.group.name}",
            way_out="make the group once, or restrict to a common subgroup",
        )


def _untested(rep: Representation) -> tuple[Representation, ...]:
    """What has to be one for `rep` to be one; subclasses, which may do otherwise, are tested themselves."""
    kind = type(rep)
    if kind is DirectSum:
        return tuple(dict.fromkeys(rep.parts))  # type: ignore[attr-defined]
    if kind is TensorProduct:
        return rep.left, rep.right  # type: ignore[attr-defined]
    if kind in (Trivial, Regular, Quotient):
        return ()
    if kind is Defining and isinstance(rep.group, _LAWFUL):
        return ()
    return (rep,)


def _test(rep: Representation, argument: str) -> None:
    group = rep.group
    if isinstance(group, FiniteGroup) and group.order <= _EVERY_PAIR:
        every = group.elements()
        a, b = every.repeat_interleave(group.order, 0), torch.cat([every] * group.order)
    else:
        a = probes(group)
        b = a.flip(0)
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(rep.dim, generator=generator, dtype=torch.float64)
    one, other = rep.act(a, rep.act(b, x)), rep.act(group.compose(a, b), x)
    # not Tensor.norm, whose first call imports a symbolic algebra package
    size = vector_norm(x).clamp(min=TINY)
    error = vector_norm(one - other, dim=-1) / size
    length = (vector_norm(other, dim=-1) / size - 1).abs()
    for wrong, expected in ((error, "a homomorphism, R(a) R(b) = R(ab)"), (length, "orthogonal matrices")):
        if rep.dim and float(wrong.max()) > _TOLERANCE:
            k = int(wrong.argmax())
            raise ArgumentError(
                argument,
                expected=expected,
                got=f"{rep.name}: off by {float(wrong[k]):.1e} at {group.describe(a[k])}, {group.describe(b[k])}",
                way_out="give the matrices of the generators: representation_from_generators",
            )
