"""Representations written in other libraries' terms: e3nn's irreps, escnn's field types."""

from __future__ import annotations

import re
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Given, Harmonic, Representation, Trivial, direct_sum
from haar.constants import SAME_ENTRY
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Group, LieGroup, TableGroup

_TERM = re.compile(r"(?:(\d+)x)?(\d+)([eo])?")


def from_irreps(irreps: object, group: Group) -> Representation:
    """The representation that e3nn calls ``"8x0e + 2x1o"``, in e3nn's bases: degree 1 is (x, y, z).

    Args:
        irreps: A string, or an ``e3nn.o3.Irreps`` (its text is read).
        group: ``SO(3)`` or ``O(3)``. Under SO(3) the letter may be left out, and parity means nothing.

    Raises:
        ArgumentError: If the group is another, a term cannot be read, or parity is missing for O(3).

    Example:
        >>> from haar.groups import O
        >>> from_irreps("8x0e + 2x1o", O(3)).dim
        14
    """
    if not isinstance(group, LieGroup) or group.name not in ("SO(3)", "O(3)"):
        raise ArgumentError("group", expected="SO(3) or O(3)", got=group.name)
    made: dict[tuple[int, int | None], Representation] = {}
    parts: list[Representation] = []
    for term in str(irreps).replace(" ", "").split("+"):
        found = _TERM.fullmatch(term)
        if found is None or (group.name == "O(3)" and found[3] is None):
            letter = "e or o" if group.name == "O(3)" else "e, o or nothing"
            raise ArgumentError(
                "irreps", expected=f"terms like 8x0e or 1o: copies, x, degree, {letter}", got=repr(term)
            )
        l, parity = int(found[2]), {"e": 1, "o": -1}.get(found[3] or "")
        key = (l, parity if group.name == "O(3)" else None)
        if key not in made:
            made[key] = Trivial(group) if l == 0 and key[1] in (None, 1) else _Irrep(group, l, parity=key[1])
        parts += [made[key]] * (1 if found[1] is None else int(found[1]))
    if not parts:
        raise ArgumentError("irreps", expected="at least one copy of one irrep", got=repr(str(irreps)))
    return direct_sum(parts)


def from_field_type(field_type: Any, group: FiniteGroup | None = None) -> Representation:
    """The representation of an ``escnn.nn.FieldType``, read from its matrices (escnn itself is not needed).

    What is read: ``field_type.gspace.fibergroup.elements``, their products ``a @ b``,
    ``field_type.gspace.basespace_action`` and each of ``field_type.representations``, called on elements.

    Args:
        field_type: An object with these attributes, of a finite group.
        group: A group of ours whose defining matrices are those of the base space's action; by default a new one is
            made from the elements, which moves grids if these matrices are signed permutations.

    Raises:
        ArgumentError: If the object has no such attributes, or the matrices of `group` are others.
    """
    try:
        space = field_type.gspace
        elements = list(space.fibergroup.elements)
        representations = list(field_type.representations)
        base = torch.stack([_matrix(space.basespace_action(g)) for g in elements])
    except (AttributeError, TypeError) as error:
        raise ArgumentError(
            "field_type",
            expected="an escnn FieldType of a finite group",
            got=f"{type(field_type).__name__}: {error}",
        ) from error
    if group is None:
        group = _group_of(space.fibergroup, elements, base)
        order = list(range(len(elements)))
    else:
        order = _order(group, base)
    made: dict[int, Representation] = {}
    for rep in representations:
        if id(rep) not in made:
            matrices = torch.stack([_matrix(rep(elements[k])) for k in order])
            still = bool((matrices == torch.eye(matrices.shape[-1], dtype=matrices.dtype)).all())
            made[id(rep)] = Trivial(group, matrices.shape[-1]) if still else Given(group, matrices, str(rep.name))
    return direct_sum([made[id(rep)] for rep in representations])


class _Irrep(Harmonic):
    """e3nn's basis of degree l: harmonics whose axis is y, so that degree 1 is (x, y, z)."""

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Those of harmonics in coordinates (z, x, y)."""
        turn = torch.tensor([2, 0, 1])
        return super().matrix(g[..., turn, :][..., turn])


def _matrix(values: Any) -> Float[Tensor, "n n"]:
    """As float64, with exact zeros and ones where they are meant."""
    matrix = torch.as_tensor(values, dtype=torch.float64)
    near = matrix.round()
    return torch.where((matrix - near).abs() < SAME_ENTRY, near, matrix) + 0.0


def _group_of(fibergroup: Any, elements: list[Any], base: Tensor) -> TableGroup:
    places = [[elements.index(a @ b) for b in elements] for a in elements]
    identity = next(k for k, row in enumerate(places) if row == list(range(len(elements))))
    if identity != 0:
        raise ArgumentError("field_type", expected="a group whose first element is the identity", got=str(fibergroup))
    dim = base.shape[-1]
    grid = dim if dim <= 3 and bool((base.abs().sum(-1) == 1).all()) else None
    gens = [elements.index(g) for g in fibergroup.generators]
    name = str(getattr(fibergroup, "name", "G"))
    return TableGroup(name, torch.tensor(places), gens, defining=base, space_dim=grid)


def _order(group: FiniteGroup, base: Tensor) -> list[int]:
    """For every element of `group`, the number of the foreign element with the same matrix."""
    ours = group.defining_matrix(group.elements())
    if ours.shape == base.shape:
        distance = (ours[:, None] - base[None]).abs().amax((-1, -2))
        if bool((distance.min(1).values < 1e-6).all()) and bool((distance.min(0).values < 1e-6).all()):
            return [int(k) for k in distance.argmin(1)]
    raise ArgumentError(
        "group",
        expected=f"a group with the {len(base)} matrices of the field type's base space",
        got=f"{group.name}, order {group.order}",
        way_out="leave it out: a group is made from the field type",
    )
