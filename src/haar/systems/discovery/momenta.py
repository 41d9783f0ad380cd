"""Momenta of particles: a Lorentz-invariant scalar, exact and learned."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from haar.discover import Linear, discover
from haar.discover.gates import largest_angle
from haar.systems.discovery.networks import relative_error, train

METRIC = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64))


def lorentz() -> Tensor:
    """so(1,3): matrices A with A' g + g A = 0."""
    found = []
    for i in range(4):
        for j in range(i):
            m = torch.zeros(4, 4, dtype=torch.float64)
            m[i, j], m[j, i] = 1.0, -1.0
            found.append(METRIC @ m)
    return torch.stack(found)


def momenta(count: int, points: int, mass: float, seed: int) -> Tensor:
    """Exponential transverse momentum, normal pseudo-rapidity, uniform angle; (E, x, y, z)."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, points)
    pt = torch.empty(shape, dtype=torch.float64).exponential_(generator=generator)
    rapidity = torch.randn(shape, generator=generator, dtype=torch.float64)
    angle = 2 * math.pi * torch.rand(shape, generator=generator, dtype=torch.float64)
    p = torch.stack([pt * angle.cos(), pt * angle.sin(), pt * rapidity.sinh()], -1)
    own = mass * torch.rand((*shape, 1), generator=generator, dtype=torch.float64)
    return torch.cat([(p.square().sum(-1, keepdim=True) + own.square()).sqrt(), p], -1)


def scalar(x: Tensor, *, massive: bool) -> Tensor:
    """A function of the Minkowski products of all pairs."""
    products = torch.einsum("bki,ij,blj->bkl", x, METRIC.to(x), x)
    i, j = torch.triu_indices(x.shape[1], x.shape[1], 0 if massive else 1)
    weights = torch.linspace(0.4, 0.8, len(i), dtype=x.dtype)
    return (torch.log1p(products[:, i, j].abs()) @ weights)[:, None]


def exact(samples: int, seed: int) -> dict[str, Any]:
    """Two and three momenta, massless and massive."""
    found = {}
    for points in (2, 3):
        for mass in (0.0, 1.0):
            x = momenta(samples, points, mass, seed)
            massive = mass > 0

            def model(x: Tensor, *, massive: bool = massive) -> Tensor:
                return scalar(x, massive=massive)

            one = discover(
                model, x, kinds="lie", dictionary=Linear(), weight="relative", max_samples=samples, seed=seed
            )
            found[f"{points} momenta, {'massive' if massive else 'massless'}"] = _told(one)
    return found


def learned(samples: int, steps: int, seed: int, width: int = 128) -> dict[str, Any]:
    """A network trained on two massless momenta.

    Squares of masses are small differences of large squares: of massive ones the same training leaves an error of .17,
    and six directions that are as near to so(1,3).
    """
    x, test = momenta(samples, 2, 0.0, seed), momenta(4000, 2, 0.0, seed + 1)
    y, truth = scalar(x, massive=False), scalar(test, massive=False)
    model = train(x, y, width=width, steps=steps, seed=seed, squash=True, learning_rate=1e-2)
    one = discover(model, test, kinds="lie", dictionary=Linear(), weight="relative", max_samples=4000, seed=seed)
    return _told(one) | {"error": relative_error(model, test, truth)}


def _told(found: Any) -> dict[str, Any]:
    problem, spectrum = found.continuous.problem, found.spectrum
    six = problem.inputs.matrix(problem.matrices(spectrum.vectors[:, :6]).a[:, :-1, :-1])
    leading = found.continuous.leading
    values = spectrum.held_out
    cosines = []
    rows = torch.stack([(a.T @ f + f @ a).flatten() for f in _symmetric() for a in six]).reshape(10, -1)
    form = torch.einsum("f,fij->ij", torch.linalg.svd(rows.T, full_matrices=True).Vh[-1], _symmetric())
    cosines.append(float((form * METRIC).sum().abs() / (form.norm() * METRIC.norm())))
    return {
        "name": "" if leading is None else leading.name,
        "count": 0 if leading is None else leading.gate.count,
        "signature": [] if leading is None else list(leading.algebra.signature),
        "angle": largest_angle(six, lorentz()),
        "metric": 1 - cosines[0],
        "defect": float(values[:6].max()),
        "gap": float(values[6:].min() / values[:6].max().clamp_min(1e-300)),
        "failed": found.failed_gate,
    }


def _symmetric() -> Tensor:
    found = []
    for i in range(4):
        for j in range(i + 1):
            m = torch.zeros(4, 4, dtype=torch.float64)
            m[i, j] = m[j, i] = 1.0 if i == j else 0.5**0.5
            found.append(m)
    return torch.stack(found)
