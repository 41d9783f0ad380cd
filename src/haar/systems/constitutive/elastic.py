"""Elastic constants of every class: counted, in matrices, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from haar.actions.representation import mandel_rotation
from haar.groups import Group
from haar.groups.crystal import POINT_GROUPS
from haar.intertwiners import intertwiners, invariants
from haar.report import Section, Table
from haar.report.drawing import new_figure
from haar.report.table import Cell
from haar.systems.constitutive.notation import mandel_to_stiffness, named_notation
from haar.systems.constitutive.polynomials import invariant_coefficients
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry
from haar.systems.constitutive.tensor_network import major_symmetric_basis

#: Second- and third-order elastic constants in the textbooks, by class (Nye, table 9; Brugger 1965).
TEXTBOOK: Mapping[str, tuple[int, int]] = {
    "1": (21, 56), "-1": (21, 56), "2": (13, 32), "m": (13, 32), "2/m": (13, 32), "222": (9, 20), "mm2": (9, 20),
    "mmm": (9, 20), "4": (7, 16), "-4": (7, 16), "4/m": (7, 16), "422": (6, 12), "4mm": (6, 12), "-42m": (6, 12),
    "4/mmm": (6, 12), "3": (7, 20), "-3": (7, 20), "32": (6, 14), "3m": (6, 14), "-3m": (6, 14), "6": (5, 12),
    "-6": (5, 12), "6/m": (5, 12), "622": (5, 10), "6mm": (5, 10), "-6m2": (5, 10), "6/mmm": (5, 10), "23": (3, 8),
    "m-3": (3, 8), "432": (3, 6), "-43m": (3, 6), "m-3m": (3, 6),
}  # fmt: skip


def elastic_constants(group: str | MaterialSymmetry | Group) -> tuple[int, int]:
    """How many elastic constants of second and third order a material has.

    Args:
        group: The material's, see `material_symmetry`.

    Example:
        >>> elastic_constants("cubic"), elastic_constants("isotropic")
        ((3, 6), (2, 3))
    """
    material = material_symmetry(group)
    return len(invariant_coefficients(material, 2)), len(invariant_coefficients(material, 3))


def classes() -> Table:
    """One row a class: names, order, maps that commute, constants of second and third order, fixed strains."""
    rows: list[tuple[Cell, ...]] = []
    for point in POINT_GROUPS:
        material = material_symmetry(point.international)
        S = material.tensors
        counts = elastic_constants(material)
        fixed = invariants(S).shape[1]
        rows.append(
            (point.international, point.schoenflies, point.system, point.order, intertwiners(S, S).dim, *counts, fixed)
        )
    for name in ("inf", "inf/mm", "isotropic"):
        material = material_symmetry(name)
        S = material.tensors
        counts = elastic_constants(material)
        rows.append((name, "-", "limit class", None, intertwiners(S, S).dim, *counts, invariants(S).shape[1]))
    columns = ("class", "Schoenflies", "system", "order", "maps", "2nd-order", "3rd-order", "fixed strains")
    return Table("Crystal classes", columns, rows, "maps: from strain to stress, without major symmetry")


@dataclass(frozen=True)
class ElasticConstant:
    """An independent entry of a stiffness.

    Attributes:
        name: In Voigt's numbers, such as C11; in the plane 6 is the shear.
        value: In the data's units of stress.
        interval: Of 95 %.
    """

    name: str
    value: float
    interval: tuple[float, float]


def independent_constants(material: MaterialSymmetry) -> list[tuple[int, int]]:
    """Rows and columns of Voigt's matrix whose entries decide a class's stiffness, the first ones that do.

    Example:
        >>> independent_constants(material_symmetry("cubic"))
        [(0, 0), (0, 1), (3, 3)]
    """
    basis = mandel_to_stiffness(major_symmetric_basis(material.tensors), named_notation("voigt"))
    n = basis.shape[-1]
    kept: list[tuple[int, int]] = []
    for place in ((i, j) for i in range(n) for j in range(i, n)):
        tried = torch.stack([basis[:, i, j] for i, j in (*kept, place)])
        if float(torch.linalg.svdvals(tried)[-1]) > 1e-6:
            kept.append(place)
        if len(kept) == len(basis):
            break
    return kept


def constants_of(
    material: MaterialSymmetry, C: Float[Tensor, "n n"], drawn: Float[Tensor, "draws n n"]
) -> tuple[ElasticConstant, ...]:
    """The independent constants of a class's stiffness, with the intervals of stiffnesses that were drawn.

    Args:
        material: The class.
        C: Its stiffness, in Mandel's coordinates and the material's axes.
        drawn: Stiffnesses of the bootstrap's samples.
    """
    found, again = (mandel_to_stiffness(one, named_notation("voigt")) for one in (C, drawn))
    return tuple(
        ElasticConstant(constant_name(material.dim, i, j), float(found[i, j]), ends_of(again[:, i, j].tolist()))
        for i, j in independent_constants(material)
    )


def constant_name(dim: int, i: int, j: int) -> str:
    """Such as C11 of row and column 0.

    Example:
        >>> constant_name(3, 0, 3), constant_name(2, 2, 2)
        ('C14', 'C66')
    """
    row, column = (6 if dim == 2 and k == 2 else k + 1 for k in (i, j))
    return f"C{row}{column}"


def ends_of(drawn: Sequence[float]) -> tuple[float, float]:
    """Between which 95 % of what was drawn lie."""
    ordered = sorted(drawn)
    return ordered[int(0.025 * len(ordered))], ordered[min(int(0.975 * len(ordered)), len(ordered) - 1)]


def constants_section(constants: Sequence[ElasticConstant], told: str) -> Section:
    """Of a report: one row a constant."""
    rows = [(one.name, one.value, *one.interval) for one in constants]
    return Section("Elastic constants", told, Table("", ("constant", "value", "from", "to"), rows))


def stiffness(material: MaterialSymmetry, constants: Float[Tensor, " k"] | None = None) -> Float[Tensor, "6 6"]:
    """A stiffness in Voigt's matrix, of given coordinates in the basis of the class, or of ones.

    Args:
        material: In space.
        constants: As many as `elastic_constants` says.
    """
    basis = major_symmetric_basis(material.tensors)
    given = torch.ones(len(basis), dtype=torch.float64) if constants is None else constants.to(torch.float64)
    return mandel_to_stiffness(torch.einsum("k,kij->ij", given, basis), named_notation("voigt"))


def youngs_modulus(C: Float[Tensor, "6 6"], directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    """Young's modulus along directions, of a stiffness in Mandel's coordinates.

    Args:
        C: Positive definite.
        directions: Unit vectors.
    """
    n = directions
    projector = torch.stack(
        [
            n[..., 0] ** 2,
            n[..., 1] ** 2,
            n[..., 2] ** 2,
            *(2**0.5 * n[..., i] * n[..., j] for i, j in ((1, 2), (0, 2), (0, 1))),
        ],
        -1,
    )
    made: Tensor = 1 / (projector @ torch.linalg.inv(C) * projector).sum(-1)
    return made


def project_stiffness(C: Float[Tensor, "6 6"], material: MaterialSymmetry) -> Float[Tensor, "6 6"]:
    """The stiffness of a class nearest to a given one, in Mandel's coordinates."""
    basis = major_symmetric_basis(material.tensors)
    return torch.einsum("k,kij->ij", torch.einsum("kij,ij->k", basis, C), basis)


def draw_patterns(names: tuple[str, ...] = tuple(TEXTBOOK)) -> Figure:
    """Voigt's matrices of classes: equal colours are equal constants, or opposite ones (a ring), white is zero."""
    rows = -(-len(names) // 8)
    figure = new_figure(11, 1.45 * rows)
    panels = figure.subplots(rows, min(8, len(names)), squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for name, axes in zip(names, panels.flat, strict=False):
        labels, signs = _pattern(material_symmetry(name))
        shown = np.where(labels < 0, np.nan, labels % 20)
        axes.imshow(shown, cmap="tab20", vmin=0, vmax=19)
        for i, j in zip(*np.nonzero(signs < 0), strict=True):
            axes.plot(j, i, "o", color="white", markersize=2.5)
        axes.set_title(name, fontsize=8, pad=2)
        axes.set_axis_on()
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def _pattern(material: MaterialSymmetry) -> tuple[np.ndarray, np.ndarray]:
    """Labels of entries that are one number up to sign in every stiffness of a class (-1: zero), and signs."""
    basis = major_symmetric_basis(material.tensors)
    voigt = mandel_to_stiffness(basis, named_notation("voigt")).numpy()
    labels, signs = np.full((6, 6), -1), np.ones((6, 6))
    kinds: list[np.ndarray] = []
    for i in range(6):
        for j in range(6):
            vector = voigt[:, i, j]
            if np.linalg.norm(vector) < 1e-9:
                continue
            for k, one in enumerate(kinds):
                for sign in (1, -1):
                    if labels[i, j] < 0 and np.allclose(vector, sign * one, atol=1e-9):
                        labels[i, j], signs[i, j] = k, sign
            if labels[i, j] < 0:
                labels[i, j] = len(kinds)
                kinds.append(vector)
    return labels, signs


def rotated_stiffness(C: Float[Tensor, "6 6"], frame: Float[Tensor, "3 3"]) -> Float[Tensor, "6 6"]:
    """A stiffness in Mandel's coordinates whose material axes are the columns of a rotation."""
    R = mandel_rotation(frame.to(torch.float64))
    return R @ C @ R.mT
