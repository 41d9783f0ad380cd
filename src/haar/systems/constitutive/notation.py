"""How files write symmetric tensors: the order of components, and what stands for a shear; to and from Mandel's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError

Pair = tuple[int, int]
_11, _22, _33, _23, _13, _12 = (0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)

#: The usual orders of the components of space, by who uses them.
ORDERS: Mapping[str, tuple[Pair, ...]] = {
    "voigt": (_11, _22, _33, _23, _13, _12),
    "abaqus": (_11, _22, _33, _12, _13, _23),
    "ansys": (_11, _22, _33, _12, _23, _13),
    "lexicographic": (_11, _12, _13, _22, _23, _33),
}
_IN_THE_PLANE: Mapping[str, tuple[Pair, ...]] = {
    "voigt": (_11, _22, _12),
    "abaqus": (_11, _22, _12),
    "ansys": (_11, _22, _12),
    "lexicographic": (_11, _12, _22),
}
#: What stands for a shear strain: over E_ij.
SHEARS: Mapping[str, float] = {"tensor": 1.0, "engineering": 2.0, "mandel": math.sqrt(2)}
_MANDEL = {3: ORDERS["voigt"], 2: _IN_THE_PLANE["voigt"]}


@dataclass(frozen=True)
class Notation:
    """How components are written.

    Args:
        order: ``"voigt"`` (11 22 33 23 13 12), ``"abaqus"`` (... 12 13 23), ``"ansys"`` (... 12 23 13, also VUMAT and
            LS-DYNA) or ``"lexicographic"`` (11 12 13 22 23 33).
        shear: What stands for a shear: ``"tensor"`` (E_ij), ``"engineering"`` (2 E_ij, of strain alone) or
            ``"mandel"`` (sqrt 2 E_ij).

    Raises:
        ArgumentError: If a word is unknown.

    Example:
        >>> str(Notation("abaqus", "engineering"))
        '11 22 33 12 13 23, engineering shear'
    """

    order: str = "voigt"
    shear: str = "tensor"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ArgumentError("order", expected=f"one of {', '.join(ORDERS)}", got=repr(self.order))
        if self.shear not in SHEARS:
            raise ArgumentError("shear", expected=f"one of {', '.join(SHEARS)}", got=repr(self.shear))

    def pairs(self, dim: int = 3) -> tuple[Pair, ...]:
        """Rows and columns of the components."""
        return (ORDERS if dim == 3 else _IN_THE_PLANE)[self.order]

    def __str__(self) -> str:
        names = " ".join(f"{i + 1}{j + 1}" for i, j in self.pairs())
        return f"{names}, {self.shear} shear"


MANDEL = Notation("voigt", "mandel")


@dataclass(frozen=True)
class FileNotation:
    """The notations of strain and stress in a file.

    Args:
        strain: Of strains.
        stress: Of stresses; there is no engineering shear stress.

    Raises:
        ArgumentError: If stress is to have engineering shear.
    """

    strain: Notation
    stress: Notation

    def __post_init__(self) -> None:
        if self.stress.shear == "engineering":
            raise ArgumentError(
                "stress", expected="tensor or mandel shear: stresses are never doubled", got="engineering"
            )

    def __str__(self) -> str:
        if self.strain.order == self.stress.order:
            order = " ".join(f"{i + 1}{j + 1}" for i, j in self.strain.pairs())
            return f"{order}, {self.strain.shear} shear strain, {self.stress.shear} shear stress"
        return f"strain {self.strain}; stress {self.stress}"


def named_notation(name: str) -> FileNotation:
    """The notation that a name means.

    Args:
        name: ``"mandel"``; an order (``"voigt"``, ``"abaqus"``, ``"ansys"``, ``"lexicographic"``) with engineering
            shear strain, or with what follows a dash: ``"abaqus-tensor"``, ``"lexicographic-mandel"``; or two of them
            for strain and stress, ``"voigt-engineering/abaqus-tensor"``.

    Raises:
        ArgumentError: If it means none.

    Example:
        >>> str(named_notation("voigt"))
        '11 22 33 23 13 12, engineering shear strain, tensor shear stress'
    """
    words = name.strip().lower().split("/")
    if len(words) > 2 or not all(words):
        raise _unknown(name)
    first, last = _one(words[0], name), _one(words[-1], name)
    shear = "mandel" if last.shear == "mandel" else "tensor"
    if len(words) == 2 and last.shear == "engineering" and "-engineering" in words[1]:
        return FileNotation(first, last)  # which refuses it
    return FileNotation(first, Notation(last.order, shear))


def _one(word: str, name: str) -> Notation:
    if word == "mandel":
        return MANDEL
    order, _, shear = word.partition("-")
    if order not in ORDERS or (shear or "engineering") not in SHEARS:
        raise _unknown(name)
    return Notation(order, shear or "engineering")


def _unknown(name: str) -> ArgumentError:
    expected = f"mandel, or one of {', '.join(ORDERS)}, alone (engineering shear) or with -tensor or -mandel"
    return ArgumentError("notation", expected=expected, got=repr(name))


def every_notation(dim: int = 3) -> list[FileNotation]:
    """All of them: four orders and three shears of strain, four and two of stress; in the plane two orders of each."""
    orders = list(ORDERS) if dim == 3 else ["voigt", "lexicographic"]
    strains = [Notation(order, shear) for order, shear in itertools.product(orders, SHEARS)]
    stresses = [Notation(order, shear) for order, shear in itertools.product(orders, ("tensor", "mandel"))]
    return [FileNotation(one, other) for one, other in itertools.product(strains, stresses)]


def components_to_mandel(values: Float[Tensor, "*batch n"], notation: Notation) -> Float[Tensor, "*batch n"]:
    """Mandel's coordinates of components as they are written.

    Raises:
        ShapeError: If there are neither 3 nor 6.

    Example:
        >>> components_to_mandel(torch.tensor([0.0, 0, 0, 2, 0, 0]), Notation("voigt", "engineering"))[3].item()
        1.4142135381698608
    """
    matrix = _matrix(values, notation)
    x: Tensor = values @ matrix.to(values).mT
    return x


def mandel_to_components(x: Float[Tensor, "*batch n"], notation: Notation) -> Float[Tensor, "*batch n"]:
    """Components as a notation writes them.

    Raises:
        ShapeError: If there are neither 3 nor 6 coordinates.
    """
    matrix = torch.linalg.inv(_matrix(x, notation))
    values: Tensor = x @ matrix.to(x).mT
    return values


def stiffness_to_mandel(C: Float[Tensor, "*batch n n"], notation: FileNotation) -> Float[Tensor, "*batch n n"]:
    """The matrix dS/dE in Mandel's coordinates, from one between components as they are written.

    Example:
        >>> C = torch.diag(torch.tensor([1.0, 1, 1, 5, 5, 5]))
        >>> stiffness_to_mandel(C, named_notation("voigt"))[3, 3].item()
        10.0
    """
    strain, stress = (_matrix(C, one) for one in (notation.strain, notation.stress))
    made: Tensor = stress.to(C) @ C @ torch.linalg.inv(strain).to(C)
    return made


def mandel_to_stiffness(C: Float[Tensor, "*batch n n"], notation: FileNotation) -> Float[Tensor, "*batch n n"]:
    """The matrix between components as a notation writes them."""
    strain, stress = (_matrix(C, one) for one in (notation.strain, notation.stress))
    made: Tensor = torch.linalg.inv(stress).to(C) @ C @ strain.to(C)
    return made


def _matrix(values: Tensor, notation: Notation) -> Float[Tensor, "n n"]:
    """From components to Mandel's coordinates."""
    dim = {3: 2, 6: 3}.get(values.shape[-1] if values.ndim else 0)
    if dim is None:
        raise ShapeError("values", expected="3 or 6 components on the last axis", got=tuple(values.shape))
    matrix = torch.zeros(values.shape[-1], values.shape[-1], dtype=torch.float64)
    for column, (i, j) in enumerate(notation.pairs(dim)):
        matrix[_MANDEL[dim].index((i, j)), column] = 1.0 if i == j else math.sqrt(2) / SHEARS[notation.shear]
    return matrix
