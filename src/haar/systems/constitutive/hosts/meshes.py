"""Meshes of the two specimens: a quarter of a plate with a hole, half of a bar with round notches."""

from __future__ import annotations

from typing import Any

import numpy as np

from haar.errors import ArgumentError, check_count, require


def plate_with_hole(*, radius: float = 0.3, cells: int = 6) -> Any:
    """A quarter of a square plate of half width 1 with a round hole in the middle, of quadrilaterals.

    Args:
        radius: Of the hole, below 1.
        cells: Elements along every edge of its two blocks.

    Raises:
        ArgumentError: If the hole does not fit.
    """
    check_count("cells", cells)
    if not 0 < radius < 1:
        raise ArgumentError("radius", expected="a hole between 0 and 1, the plate's half width", got=radius)
    fem = require("skfem", "materials")
    s = np.linspace(0, 1, cells + 1)
    blocks = []
    for half in (0, 1):
        angle = (np.pi / 4) * (s + half)
        inner = radius * np.stack([np.cos(angle), np.sin(angle)])
        edge = np.stack([np.ones_like(s), s]) if half == 0 else np.stack([1 - s, np.ones_like(s)])
        # thinner towards the hole
        t = (s**1.3)[:, None]
        points = (1 - t) * inner[:, None, :] + t * edge[:, None, :]
        blocks.append(points.reshape(2, -1))
    n = cells + 1
    i, j = np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij")
    corner = (i * n + j).ravel()
    quads = np.stack([corner, corner + n, corner + n + 1, corner + 1])
    return _merged(fem, np.hstack(blocks), np.hstack([quads, quads + n * n]))


def notched_bar(*, radius: float = 0.25, length: float = 2.0, cells: int = 6) -> Any:
    """A quarter of a flat bar of half width 1 with round notches on both sides, of quadrilaterals.

    Args:
        radius: Of the notch, below the half width.
        length: Half the bar's length.
        cells: Elements over half the width.

    Raises:
        ArgumentError: If the notch does not fit.
    """
    check_count("cells", cells)
    if not 0 < radius < min(1, length):
        raise ArgumentError("radius", expected="a notch between 0 and the bar's half width", got=radius)
    fem = require("skfem", "materials")
    across = np.linspace(0, 1, cells + 1)
    # nodes are closer together where the notch is
    first = radius * (1 - np.cos(np.linspace(0, np.pi / 2, cells + 1)))
    along = np.concatenate([first, np.linspace(radius, length, 2 * cells + 1)[1:]])
    depth = np.where(along < radius, np.sqrt(np.clip(radius**2 - along**2, 0, None)), 0.0)
    x = np.repeat(along[:, None], len(across), 1)
    y = across[None, :] * (1 - depth)[:, None]
    points = np.stack([x.ravel(), y.ravel()])
    n = cells + 1
    i, j = np.meshgrid(np.arange(len(along) - 1), np.arange(cells), indexing="ij")
    corner = (i * n + j).ravel()
    return _merged(fem, points, np.stack([corner, corner + n, corner + n + 1, corner + 1]))


def _merged(fem: Any, points: np.ndarray, quads: np.ndarray) -> Any:
    """A mesh in which points at one place are one."""
    _, first, place = np.unique(points.round(10), axis=1, return_index=True, return_inverse=True)
    return fem.MeshQuad(np.ascontiguousarray(points[:, first]), np.ascontiguousarray(place.ravel()[quads]))
