"""What is exact: curvature of known spaces, averages that are isometric, motions that are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Bilinear, Defining, Symmetry, Vector
from haar.average import average
from haar.geometry import (
    LogAveraged,
    MetricNet,
    Pullback,
    geodesic,
    geodesic_between,
    isometry_defect,
    killing_fields,
    scalar_curvature,
)
from haar.geometry.derivatives import Field
from haar.geometry.spaces import flat, half_plane, poincare_disc, sphere
from haar.groups import Group, cyclic, dihedral, sign

GROUPS: dict[str, Callable[[], Group]] = {"C4": lambda: cyclic(4), "D3": lambda: dihedral(3), "signs": lambda: sign(2)}
#: Known spaces: metric, scalar curvature, number of affine motions that are isometric.
SPACES: dict[str, tuple[Field, float, int]] = {
    "plane": (flat, 0.0, 3),
    "sphere": (sphere, 2.0, 1),
    "half plane": (half_plane, -2.0, 2),
    "disc": (poincare_disc, -2.0, 1),
}
_LAST_SCALE = 60.0
_POINTS = 64
#: Where the geodesics that are drawn begin and end.
_DRAWN = [[0.45, -1.3], [0.6, -1.2], [2.6, -1.0]], [[0.5, 1.3], [2.2, 1.2], [2.5, 1.1]]


def globe(z: Tensor) -> Tensor:
    """A decoder of two angles: the unit sphere in space."""
    theta, phi = z.unbind(-1)
    return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], -1)


def spaces(seed: int) -> dict[str, Any]:
    """Errors of curvature on known spaces, and motions found in them."""
    generator = torch.Generator().manual_seed(seed)
    z = 0.2 + 0.5 * torch.rand(_POINTS, 2, generator=generator, dtype=torch.float64)
    found: dict[str, Any] = {}
    for name, (metric, expected, motions) in SPACES.items():
        killing = killing_fields(metric, z)
        found[name] = {
            "error": float((scalar_curvature(metric, z) - expected).abs().max()),
            "motions": killing.number,
            "known": motions,
            "rates": killing.rates.tolist(),
        }
    found["decoder of a sphere"] = {"error": float((scalar_curvature(Pullback(globe), z) - 2).abs().max())}
    return found


def great_circle() -> list[float]:
    """Distance to the great circle after a length of 2, in 50, 100 and 200 steps."""
    start = torch.tensor([[torch.pi / 2, 0.0]], dtype=torch.float64)
    velocity = torch.tensor([[1.0, 1.0]], dtype=torch.float64) * 2**0.5
    tangent, length = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64) / 2**0.5, torch.tensor(2.0).double()
    expected = length.cos() * globe(start)[0] + length.sin() * tangent
    ends = [geodesic(sphere, start, velocity, steps=steps).points[:, -1] for steps in (50, 100, 200)]
    return [float((globe(end)[0] - expected).norm()) for end in ends]


def decoder(seed: int) -> dict[str, Any]:
    """Geodesics of a decoder's latent space, beside straight lines and beside the truth."""
    generator = torch.Generator().manual_seed(seed)
    pair = torch.rand(2, 8, 2, generator=generator, dtype=torch.float64)
    a, b = torch.stack([0.5 + 2 * pair[..., 0], 2 * pair[..., 1] - 1], -1)
    metric = Pullback(globe)
    found = geodesic_between(metric, a, b)
    with torch.no_grad():
        angles = (globe(a) * globe(b)).sum(-1).acos()
        steps = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None, None]
        straight = globe((a + (b - a) * steps).flatten(0, 1)).unflatten(0, (201, 8)).diff(dim=0).norm(dim=-1).sum(0)
    drawn = geodesic_between(metric, *(torch.tensor(ends, dtype=torch.float64) for ends in _DRAWN), steps=40)
    return {
        "paths": drawn.points[:, ::2].tolist(),
        "error": float((found.lengths - angles).abs().max()),
        "shorter": (found.lengths / straight).tolist(),
        "turned": isometry_defect(metric, lambda z: z + torch.tensor([0.0, 0.3]).to(z), a).total,
    }


def averaged(count: int, seed: int) -> list[dict[str, Any]]:
    """Random metrics under finite groups: defects before and after, curvature along orbits."""
    found = []
    for name, make in GROUPS.items():
        rep = Defining(make())
        symmetry = Symmetry(rep.group, Vector(rep), Bilinear(rep))
        for k in range(count):
            metric, generator = _strong(seed * 100 + k), torch.Generator().manual_seed(seed * 100 + k)
            z = 2 * torch.rand(16, 2, generator=generator, dtype=torch.float64) - 1
            row: dict[str, Any] = {"group": name, "raw": isometry_defect(metric, rep, z).total}
            for how, made in (("mean", average(metric, symmetry)), ("log", LogAveraged(metric, rep))):
                row[how] = isometry_defect(made, rep, z).total
                row[f"{how} curvature"] = _curvature_defect(made, rep.matrix(rep.group.elements()), z)
            found.append(row)
    return found


def _strong(seed: int) -> MetricNet:
    """A random metric that is far from constant."""
    metric = MetricNet(2, (32,), seed=seed, dtype=torch.float64)
    last = metric.net[-1]
    if isinstance(last, nn.Linear):
        with torch.no_grad():
            last.weight.mul_(_LAST_SCALE)
    return metric


def _curvature_defect(metric: Field, matrices: Tensor, z: Tensor) -> float:
    """Greatest change of the scalar curvature along orbits."""
    with torch.no_grad():
        here = scalar_curvature(metric, z)
        moved = torch.stack([scalar_curvature(metric, z @ matrix.to(z).mT) for matrix in matrices])
    return float((moved - here).abs().max() / here.abs().max())
