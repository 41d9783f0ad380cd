"""Representative volumes on periodic grids: laminates, fibre arrays, polycrystals; a stiffness at every cell."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions.representation import mandel_rotation
from haar.errors import ArgumentError, check_count

Phases = Int[Tensor, "x y z"]


def isotropic_stiffness(bulk: float, shear: float) -> Float[Tensor, "6 6"]:
    """An isotropic stiffness in Mandel's coordinates: 3 K on the mean strain, 2 G on the rest.

    Raises:
        ArgumentError: If a modulus is not positive.

    Example:
        >>> isotropic_stiffness(1.0, 0.5).diagonal()[3:].tolist()
        [1.0, 1.0, 1.0]
    """
    for name, value in (("bulk", bulk), ("shear", shear)):
        if not value > 0:
            raise ArgumentError(name, expected="a modulus above 0", got=value)
    J = torch.zeros(6, 6, dtype=torch.float64)
    J[:3, :3] = 1 / 3
    return 3 * bulk * J + 2 * shear * (torch.eye(6, dtype=torch.float64) - J)


def cubic_stiffness(c11: float, c12: float, c44: float) -> Float[Tensor, "6 6"]:
    """A cubic stiffness in Mandel's coordinates."""
    C = torch.diag(torch.tensor([c11 - c12] * 3 + [2 * c44] * 3, dtype=torch.float64))
    C[:3, :3] += c12
    return C


def laminate(cells: int, share: float = 0.5) -> Phases:
    """Two layers across the third axis: phase 1 in a share of the cell.

    Args:
        cells: Of the grid, along the third axis; two along the others.
        share: Of phase 1, from 0 to 1, a whole number of cells.

    Raises:
        ArgumentError: If the share is no whole number of cells.
    """
    check_count("cells", cells, least=2)
    thick = share * cells
    if not 0 <= share <= 1 or abs(thick - round(thick)) > 1e-9:
        raise ArgumentError("share", expected=f"a whole number of {cells} cells", got=share)
    layer = (torch.arange(cells) < round(thick)).long()
    return layer.expand(2, 2, cells).contiguous()


def fibres(cells: int, share: float = 0.3, *, array: str = "square") -> Phases:
    """Round fibres along the third axis, phase 1, in a square array or a hexagonal one (on a cell of 1 by root 3).

    Args:
        cells: Of the grid along the first axis; one along the fibres.
        share: Of fibres.
        array: ``"square"`` or ``"hexagonal"``.

    Raises:
        ArgumentError: If fibres would touch, or the array is unknown.
    """
    check_count("cells", cells, least=4)
    if array not in ("square", "hexagonal"):
        raise ArgumentError("array", expected="square or hexagonal", got=repr(array))
    height = 1.0 if array == "square" else math.sqrt(3)
    count = 1 if array == "square" else 2
    radius = math.sqrt(share * height / (math.pi * count))
    if not 0 < radius < 0.5:
        raise ArgumentError(
            "share", expected="fibres that do not touch", got=f"{share}, radius {radius:.2f} of the spacing"
        )
    rows = round(cells * height)
    x = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells - 0.5
    y = ((torch.arange(rows, dtype=torch.float64) + 0.5) / rows - 0.5) * height
    inside = x[:, None].square() + y[None, :].square() < radius**2
    if count == 2:
        a, b = 0.5 - x.abs(), 0.5 * height - y.abs()
        inside |= a[:, None].square() + b[None, :].square() < radius**2
    return inside.long().unsqueeze(-1)


def polycrystal(cells: int, grains: int, generator: torch.Generator) -> tuple[Phases, Float[Tensor, "grains 3 3"]]:
    """Voronoi grains on a periodic cube, and an orientation of each, uniform over all rotations.

    Args:
        cells: Along every axis.
        grains: How many.
        generator: Source.
    """
    check_count("cells", cells, least=2)
    check_count("grains", grains)
    seeds = torch.rand(grains, 3, dtype=torch.float64, generator=generator)
    axis = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)
    away = points.unsqueeze(-2) - seeds
    away = away - away.round()
    phases = away.square().sum(-1).argmin(-1)
    Q = torch.linalg.qr(torch.randn(grains, 3, 3, dtype=torch.float64, generator=generator))
    R = Q.Q * Q.R.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    return phases, R * torch.linalg.det(R)[:, None, None]


def turned_stiffness(C: Float[Tensor, "6 6"], frames: Float[Tensor, "grains 3 3"]) -> Float[Tensor, "grains 6 6"]:
    """One stiffness along the axes of every grain."""
    R = mandel_rotation(frames)
    return R @ C @ R.mT
