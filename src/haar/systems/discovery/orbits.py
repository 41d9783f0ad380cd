"""Bodies that attract each other: Kepler's flow map, and two bodies with their centre of mass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from haar.discover import Fields, Linear, discover
from haar.discover.gates import largest_angle
from haar.systems.discovery.controls import plain_null_space
from haar.systems.discovery.networks import relative_error, train

#: The turn of position and velocity.
_QUARTER = torch.tensor([[0.0, -1], [1, 0]], dtype=torch.float64)
ROTATION = torch.block_diag(_QUARTER, _QUARTER)[None]
#: Weights of Yoshida's fourth-order composition.
_OUTER = 1 / (2 - 2 ** (1 / 3))
_YOSHIDA = (_OUTER, 1 - 2 * _OUTER, _OUTER)


def ellipses(count: int, seed: int) -> Tensor:
    """Positions and velocities on bound orbits, eccentricity up to .3."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(4, count, generator=generator, dtype=torch.float64)
    eccentricity, axis = 0.3 * draw[0], 0.8 + 0.6 * draw[1]
    anomaly, turn = 2 * math.pi * draw[2], 2 * math.pi * draw[3]
    p = axis * (1 - eccentricity.square())
    r = p / (1 + eccentricity * anomaly.cos())
    q = torch.stack([r * anomaly.cos(), r * anomaly.sin()], 1)
    v = torch.stack([-anomaly.sin(), eccentricity + anomaly.cos()], 1) / p.sqrt()[:, None]
    matrix = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], -1).unflatten(-1, (2, 2))
    return torch.cat([torch.einsum("bij,bj->bi", matrix, side) for side in (q, v)], 1)


def kepler(z: Tensor, time: float = 1.2, steps: int = 60) -> Tensor:
    """Position and velocity after a while."""
    q, v = z[:, :2], z[:, 2:]
    h = time / steps

    def force(q: Tensor) -> Tensor:
        return -q / q.square().sum(-1, keepdim=True) ** 1.5

    for _ in range(steps):
        for weight in _YOSHIDA:
            v = v + weight * h / 2 * force(q)
            q = q + weight * h * v
            v = v + weight * h / 2 * force(q)
    return torch.cat([q, v], 1)


def two_bodies(dim: int, time: float = 1.0, steps: int = 16) -> Callable[[Tensor], Tensor]:
    """The flow map of two equal bodies in the plane or in space, positions then velocities."""
    h = time / steps

    def flow(z: Tensor) -> Tensor:
        q, v = (part.unflatten(-1, (2, dim)) for part in z.split(2 * dim, 1))

        def force(q: Tensor) -> Tensor:
            apart = q[:, 0] - q[:, 1]
            pull = -apart / (apart.square().sum(-1, keepdim=True) + 0.5) ** 1.5
            return torch.stack([pull, -pull], 1)

        for _ in range(steps):
            v = v + h / 2 * force(q)
            q = q + h * v
            v = v + h / 2 * force(q)
        return torch.cat([q.flatten(1), v.flatten(1)], 1)

    return flow


def counts(samples: int, seed: int, *, space: bool) -> dict[str, Any]:
    """How many generators two bodies have: the commutant of a free centre of mass, its shifts, and relative turns."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for dim, expected in ((2, 11), (3, 24)) if space else ((2, 11),):
        z = torch.randn(samples, 4 * dim, generator=generator, dtype=torch.float64)
        one = discover(two_bodies(dim), z, kinds="lie", seed=seed)
        spectrum, leading = one.spectrum, one.continuous.leading if one.continuous else None
        if spectrum is None:
            continue
        found[f"dimension {dim}"] = {
            "expected": expected,
            "count": 0 if leading is None else leading.gate.count,
            "defect": float(spectrum.held_out[:expected].max()),
            "next": float(spectrum.held_out[expected:].min()),
        }
    return found


def kepler_counts(samples: int, seed: int) -> dict[str, Any]:
    """Linear generators, with forces, and with the cubic dictionary."""
    z = ellipses(samples, seed)
    found: dict[str, Any] = {}
    for name, dictionary, expected in (
        ("linear", Linear(), 1),
        ("with forces", Fields(_forces()), 2),
        ("cubic", Fields(_forces() + _cubic()), 4),
    ):
        one = discover(kepler, z, kinds="lie", outputs="same", dictionary=dictionary, seed=seed)
        values = one.spectrum.held_out if one.spectrum is not None else torch.full((8,), math.nan)
        cut = [g for g in one.continuous.gates if g.count == expected] if one.continuous else []
        found[name] = {
            "expected": expected,
            "count": int((values < 1e-5).sum()),
            "defect": float(values[:expected].max()),
            "next": float(values[expected:].min()),
            "closure": cut[0].closure if cut and not math.isnan(cut[0].closure) else 0.0,
            "failed": cut[0].failed if cut else "",
        }
    return found


def learned(samples: int, steps: int, seed: int) -> dict[str, Any]:
    """A network trained on Kepler's flow map."""
    z, test = ellipses(samples, seed), ellipses(1200, seed + 1)
    after, truth = kepler(z), kepler(test)
    model = train(z, after, steps=steps, seed=seed, residual=True)
    one = discover(model, test, kinds="lie", dictionary=Linear(), seed=seed)
    spectrum, leading = one.spectrum, one.continuous.leading if one.continuous else None
    if spectrum is None or one.continuous is None:
        return {"count": 0}
    problem = one.continuous.problem
    first = problem.inputs.matrix(problem.matrices(spectrum.vectors[:, :1]).a[:, :-1, :-1])  # type: ignore[union-attr]
    plain = plain_null_space(model, test, 1, same=True)
    return {
        "error": relative_error(model, test, truth),
        "kind": one.settings.kind,
        "count": 0 if leading is None else leading.gate.count,
        "name": "" if leading is None else leading.name,
        "angle": largest_angle(first, ROTATION),
        "gap": float(spectrum.held_out[1:].min() / spectrum.held_out[0]),
        "plain_angle": largest_angle(plain["matrices"], ROTATION),
    }


def _unit(i: int, value: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda z: one_hot(torch.tensor(i), 4).to(z) * value(z)[:, None]


def _radius(z: Tensor) -> Tensor:
    return z[:, :2].square().sum(1).sqrt()


def _entry(j: int, power: int) -> Callable[[Tensor], Tensor]:
    """x_j / r^power."""
    return lambda z: z[:, j] / _radius(z) ** power


def _product(j: int, k: int, power: int) -> Callable[[Tensor], Tensor]:
    """x_j x_k / r^power."""
    return lambda z: z[:, j] * z[:, k] / _radius(z) ** power


def _forces() -> list[Any]:
    fields: list[Any] = [(f"x{j} d{i}", _unit(i, _entry(j, 0))) for i in range(4) for j in range(4)]
    return fields + [(f"q{j}/r3 d{i}", _unit(i, _entry(j, 3))) for i in range(4) for j in range(2)]


def _cubic() -> list[Any]:
    pairs = [(j, k) for j in range(4) for k in range(j + 1)]
    fields: list[Any] = [(f"x{j}x{k} d{i}", _unit(i, _product(j, k, 0))) for i in range(4) for j, k in pairs]
    for i in range(4):
        fields += [(f"q{j}/r d{i}", _unit(i, _entry(j, 1))) for j in range(2)]
        fields += [(f"q{j}q{k}/r3 d{i}", _unit(i, _product(j, k, 3))) for j in range(2) for k in range(j + 1)]
        fields.append((f"1/r d{i}", _unit(i, lambda z: 1 / _radius(z))))
    return fields
