"""The real irreducible representations of a finite group, and multiplicities of irreducibles."""

from __future__ import annotations

import torch
from torch import Tensor

from haar.actions.representation import Given, Regular, Representation
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, real_irreducibles
from haar.groups.character_table import character_table
from haar.groups.characters import multiplicity
from haar.groups.door import check_enumerated
from haar.host import on_the_host
from haar.intertwiners.decomposition import decompose

#: Largest order whose regular representation is decomposed.
LARGEST_ORDER = 1500
#: Entries this close to whole numbers are meant to be whole.
_WHOLE = 1e-11


@on_the_host
def irreducibles(group: FiniteGroup) -> list[Given]:
    """Representations irreducible over the real numbers, in the order and with the names of their characters.

    Found in the regular representation, which contains each of them. Those whose matrices are signed permutations, such
    as all of dimension one, act as such.

    Args:
        group: An enumerated group of at most `LARGEST_ORDER` elements.

    Raises:
        ArgumentError: If the group is larger.

    Example:
        >>> from haar.groups import dihedral
        >>> irreducibles(dihedral(4))
        [<A1 of D4, dimension 1>, <A2 of D4, dimension 1>, <B1 of D4, dimension 1>, <B2 of D4, dimension 1>, <E of D4,
        dimension 2>]
    """
    check_enumerated("group", group)
    if group.order > LARGEST_ORDER:
        raise ArgumentError(
            "group",
            expected=f"at most {LARGEST_ORDER} elements",
            got=f"{group.name} with {group.order}",
            way_out="decompose a smaller representation that contains what you need",
        )
    found = decompose(Regular(group))
    basis = found.runs[0].basis
    elements = group.elements()
    tables = []
    start = 0
    for c in found.classes:
        one = basis[:, start : start + c.dim]
        # R(g) moves row h of the basis to row g h
        table = torch.stack([one[group.compose(group.inverse(g), elements)].T @ one for g in elements])
        tables.append(_tidy(table.transpose(-1, -2)))
        start += c.multiplicity * c.dim
    characters = [table.diagonal(dim1=-2, dim2=-1).sum(-1) for table in tables]
    out = []
    for wanted in real_irreducibles(group):
        error = [float((character - wanted.character).abs().max()) for character in characters]
        out.append(Given(group, tables[min(range(len(error)), key=error.__getitem__)], wanted.name))
    return out


@on_the_host
def irreducible(group: FiniteGroup, name: str) -> Given:
    """One real irreducible representation by its name.

    Raises:
        ArgumentError: If there is none of that name; the message lists the names.

    Example:
        >>> from haar.groups import octahedral
        >>> irreducible(octahedral(), "T2")
        <T2 of O, dimension 3>
    """
    found = {rep.name: rep for rep in irreducibles(group)}
    if name not in found:
        raise ArgumentError("name", expected=f"one of {', '.join(found)}", got=repr(name))
    return found[name]


@on_the_host
def multiplicities(rep: Representation) -> dict[str, int]:
    """How often each real irreducible representation of a finite group is contained, by characters; zeros left out.

    Args:
        rep: A representation of an enumerated group.

    Raises:
        ArgumentError: If the group is not enumerated.

    Example:
        >>> from haar.actions.representation import Defining, tensor_power
        >>> from haar.groups import dihedral
        >>> multiplicities(tensor_power(Defining(dihedral(4)), 2))
        {'A1': 1, 'A2': 1, 'B1': 1, 'B2': 1}
    """
    check_representation("rep", rep)
    group = rep.group
    if not isinstance(group, FiniteGroup):
        raise ArgumentError(
            "rep", expected="a representation of an enumerated group", got=group.name, way_out="use decompose(rep)"
        )
    table = character_table(group)
    character = rep.character(table.representatives)[table.class_of]
    counts = {r.name: multiplicity(r, character) for r in real_irreducibles(group)}
    return {name: count for name, count in counts.items() if count}


def _tidy(table: Tensor) -> Tensor:
    near = table.round()
    return near + 0.0 if float((table - near).abs().max()) < _WHOLE else table
