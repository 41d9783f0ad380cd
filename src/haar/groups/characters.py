"""Characters of the representations of an enumerated group that are irreducible over the real numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.character_names import conventional_names, natural_key
from haar.groups.character_table import character_table, sort_key
from haar.groups.finite import FiniteGroup
from haar.host import on_the_host

#: Inner products of characters are whole numbers; rounding of the sums stays below this.
_WHOLE = 1e-6

Type = Literal["real", "complex", "quaternionic"]


@dataclass(frozen=True)
class RealIrreducible:
    """The character of one representation that is irreducible over the real numbers.

    Attributes:
        name: Conventional where there is a convention (A1, B2, E, T1u, ...), else dimension and letter (``3a``).
        dim: Dimension over the real numbers.
        type: What commutes with it: ``"real"`` numbers, ``"complex"`` numbers (a complex-conjugate pair taken together)
            or ``"quaternionic"`` (a complex irreducible representation taken twice).
        class_character: Its character on every conjugacy class, float64.
        class_of: Class of every element.
    """

    name: str
    dim: int
    type: Type
    class_character: Float[Tensor, " classes"] = field(repr=False, compare=False)
    class_of: Int[Tensor, " order"] = field(repr=False, compare=False)

    @property
    def end(self) -> int:
        """Dimension of the algebra that commutes with it: 1, 2 or 4."""
        return {"real": 1, "complex": 2, "quaternionic": 4}[self.type]

    @property
    def character(self) -> Float[Tensor, " order"]:
        """Its character on every element, float64."""
        return self.class_character[self.class_of]


@on_the_host
def real_irreducibles(group: FiniteGroup) -> list[RealIrreducible]:
    """Characters of the representations that are irreducible over the real numbers: trivial first, then by dimension.

    Args:
        group: An enumerated group of order up to a few thousand.

    Raises:
        ArgumentError: If the group is too large for a character table.

    Example:
        >>> from haar.groups import cyclic, dihedral
        >>> [(r.name, r.dim, r.type) for r in real_irreducibles(cyclic(4))]
        [('A', 1, 'real'), ('B', 1, 'real'), ('E', 2, 'complex')]
        >>> [r.name for r in real_irreducibles(dihedral(4))]
        ['A1', 'A2', 'B1', 'B2', 'E']
    """
    table = character_table(group)
    characters: list[Tensor] = []
    types: list[Type] = []
    done: set[int] = set()
    for k, indicator in enumerate(table.indicators.tolist()):
        if k in done:
            continue
        value = table.values[k]
        if indicator == 0:
            partner = int((table.values - value.conj()).abs().amax(1).argmin())
            done.add(partner)
        characters.append(value.real * (1 if indicator == 1 else 2))
        types.append("real" if indicator == 1 else "complex" if indicator == 0 else "quaternionic")
    order = sorted(range(len(characters)), key=lambda k: sort_key(characters[k]))
    names = conventional_names(group, [characters[k] for k in order])
    found = [
        RealIrreducible(name, round(float(characters[k][0])), types[k], characters[k], table.class_of)
        for name, k in zip(names, order, strict=True)
    ]
    return sorted(found, key=lambda r: (r.dim, natural_key(r.name)))


@on_the_host
def isotypic_projector_coefficients(irreducible: RealIrreducible) -> Float[Tensor, " order"]:
    """The class function c with sum over h of c(h) R(h) = the projector onto the isotypic component, for every R.

    c(h) = dim chi(h) / (end |G|) for a real irreducible character chi (Serre, Linear Representations of Finite Groups,
    2.6, with the conjugate pair or the two copies put together).

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> group = dihedral(4)
        >>> c = isotypic_projector_coefficients(real_irreducibles(group)[4])
        >>> P = (c[:, None, None] * Regular(group).matrix(group.elements())).sum(0)
        >>> round(float(P.trace())), bool(torch.allclose(P @ P, P))
        (4, True)
    """
    scale = irreducible.dim / (irreducible.end * len(irreducible.class_of))
    return irreducible.character * scale


def multiplicity(irreducible: RealIrreducible, character: Float[Tensor, " order"]) -> int:
    """How often a real irreducible character is contained in a character given on all elements.

    Raises:
        ArgumentError: If the inner product is no whole number: then it is no character of a real representation.
    """
    inner = float((irreducible.character * character).mean()) / irreducible.end
    if abs(inner - round(inner)) > _WHOLE:
        raise ArgumentError(
            "character", expected="the character of a real representation", got=f"multiplicity {inner:.6f}"
        )
    return round(inner)
