"""The complex irreducible characters of an enumerated group, from the algebra of its conjugacy classes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Complex, Int
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.finite import FiniteGroup
from haar.host import on_the_host

#: Largest number of products (order x classes) computed for a character table.
WORK_LIMIT = 200_000_000
#: Draws of the class algebra whose eigenvectors are refined against one another.
_DRAWS = 3
#: Characters are refused when their orthogonality relations fail by more than this.
_TOLERANCE = 1e-9


class CharacterTable:
    """The complex irreducible characters of an enumerated group.

    A random class function f with f(g^-1) = conj f(g) acts on the class sums by multiplication; in the basis of
    normalised class sums this is a Hermitian matrix, and its eigenvectors are the characters (Burnside; Dixon, Numer.
    Math. 10 (1967) 446, there over a finite field). Eigenvectors of one draw are refined to rounding error against
    other draws.

    Args:
        group: An enumerated group.

    Attributes:
        class_of: Class of every element ``(order,)``.
        sizes: Elements of every class.
        representatives: The smallest element of every class.
        values: Characters ``(classes, classes)``, complex128, one a row: trivial first, then by dimension.
        indicators: Frobenius-Schur indicators: 1 real, 0 complex, -1 quaternionic.

    Raises:
        ArgumentError: If order times number of classes exceeds `WORK_LIMIT`.

    Example:
        >>> from haar.groups import dihedral
        >>> CharacterTable(dihedral(4)).values.real.round().int().tolist()
        [[1, 1, 1, 1, 1], [1, 1, 1, -1, -1], [1, -1, 1, 1, -1], [1, -1, 1, -1, 1], [2, 0, -2, 0, 0]]
    """

    class_of: Int[Tensor, " order"]
    sizes: Int[Tensor, " classes"]
    representatives: Int[Tensor, " classes"]
    values: Complex[Tensor, "classes classes"]
    indicators: Int[Tensor, " classes"]

    def __init__(self, group: FiniteGroup) -> None:
        self.class_of = group.class_of
        self.sizes = torch.bincount(self.class_of)
        count = len(self.sizes)
        if group.order * count > WORK_LIMIT:
            raise ArgumentError(
                "group",
                expected=f"order times number of conjugacy classes at most {WORK_LIMIT}",
                got=f"{group.name} with {group.order} x {count}",
                way_out="decompose the representation itself: haar.intertwiners.decompose",
            )
        self.representatives = self.class_of.argsort(stable=True)[self.sizes.cumsum(0) - self.sizes]
        vectors = _common_eigenvectors(_class_algebra(group, self.class_of, self.sizes, self.representatives))
        weight = (group.order / self.sizes.to(torch.float64)).sqrt()
        values = (vectors * weight[:, None].to(torch.complex128)).T
        degrees = values[:, :1]
        values = values * (degrees.abs() / degrees)
        self.values = values[_canonical_order(values)]
        self._verify(group)
        squares = self.class_of[group.compose(self.representatives, self.representatives)]
        indicator = (self.values[:, squares] * self.sizes).sum(1).real / group.order
        self.indicators = indicator.round().to(torch.int64)

    def _verify(self, group: FiniteGroup) -> None:
        gram = (self.values * self.sizes) @ self.values.conj().T / group.order
        error = float((gram - torch.eye(len(gram))).abs().max())
        whole = float((self.degrees - self.values[:, 0].real).abs().max())
        if max(error, whole) > _TOLERANCE or int((self.degrees**2).sum()) != group.order:
            raise ArgumentError(
                "group",
                expected="characters that satisfy their orthogonality relations",
                got=f"{group.name}: off by {max(error, whole):.1e}",
                way_out="report this group: its class algebra is too ill-conditioned for float64",
            )

    @property
    def degrees(self) -> Int[Tensor, " classes"]:
        """Dimensions of the complex irreducible representations."""
        return self.values[:, 0].real.round().to(torch.int64)


@on_the_host
def character_table(group: FiniteGroup) -> CharacterTable:
    """The complex irreducible characters, computed once for a group object.

    Raises:
        ArgumentError: If order times number of classes exceeds `WORK_LIMIT`.

    Example:
        >>> from haar.groups import dihedral
        >>> character_table(dihedral(4)).degrees.tolist()
        [1, 1, 1, 1, 2]
    """
    memory = group.__dict__
    if "_character_table" not in memory:
        memory["_character_table"] = CharacterTable(group)
    table: CharacterTable = memory["_character_table"]
    return table


def _class_algebra(
    group: FiniteGroup, label: Tensor, sizes: Tensor, representatives: Tensor
) -> Complex[Tensor, "m r r"]:
    """Hermitian matrices of a few random class functions acting on the normalised class sums."""
    count = len(sizes)
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(_DRAWS, count, dtype=torch.complex128, generator=generator)
    inverse_class = label[group.inverse(representatives)]
    draw = (draw + draw[:, inverse_class].conj()) / sizes.to(torch.float64).sqrt()
    elements = group.elements()
    inverses = group.inverse(elements)
    out = torch.zeros(_DRAWS, count, count, dtype=torch.complex128)
    step = max(1, 4_000_000 // group.order)
    for start in range(0, count, step):
        z = representatives[start : start + step]
        # (F K_j) at z_k is the sum over y in class j of f(z_k y^-1)
        place = label[group.compose(z[:, None], inverses[None, :])]
        for m in range(_DRAWS):
            column = torch.zeros(len(z), count, dtype=torch.complex128)
            out[m, :, start : start + step] = column.index_add_(1, label, draw[m][place]).T
    root = sizes.to(torch.float64).sqrt()
    normalised: Tensor = out * (root[None, :] / root[:, None])
    return normalised


def _common_eigenvectors(matrices: Complex[Tensor, "m r r"]) -> Complex[Tensor, "r r"]:
    """Orthonormal common eigenvectors of commuting Hermitian matrices: eigh of the first, refined against all."""
    vectors: Tensor = torch.linalg.eigh(matrices[0]).eigenvectors
    for _ in range(4):
        rotated = vectors.conj().T @ matrices @ vectors
        value = rotated.diagonal(dim1=-2, dim2=-1).real
        gap = value[:, None, :] - value[:, :, None]
        # To first order the error's component (i, j) is S_ij / (s_j - s_i), best read from the draw with the largest
        # gap.
        best = gap.abs().argmax(0, keepdim=True)
        numerator, denominator = rotated.gather(0, best)[0], gap.gather(0, best)[0]
        step = torch.where(denominator.abs() > 0, numerator / denominator.where(denominator.abs() > 0, 1), 0)
        step.fill_diagonal_(0)
        vectors = torch.linalg.qr(vectors + vectors @ step).Q
        if float(step.abs().max()) < 1e-13:
            break
    return vectors


def sort_key(character: Tensor) -> tuple[float, ...]:
    """Dimension first, then larger values first; rounded, so that equal numbers compare equal."""
    parts = torch.view_as_real(character).reshape(-1) if character.is_complex() else character
    return (float(round(float(parts[0]))), *(round(-x, 6) + 0.0 for x in parts.tolist()))


def _canonical_order(values: Tensor) -> list[int]:
    keys: list[tuple[float, ...]] = [sort_key(row) for row in values]
    by_key: Callable[[int], tuple[float, ...]] = keys.__getitem__
    return sorted(range(len(keys)), key=by_key)
