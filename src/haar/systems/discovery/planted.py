"""Functions with a known symmetry, and the controls beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from haar.discover import Linear, discover
from haar.discover.gates import largest_angle
from haar.groups import SO
from haar.systems.discovery.controls import plain_null_space

Function = Callable[[Tensor], Tensor]


def turned(points: int) -> Tensor:
    """so(3) on so many vectors at once."""
    return torch.stack([torch.block_diag(*[g] * points) for g in SO(3).algebra])


def vector_function(points: int, seed: int, breaking: float = 0.0) -> Function:
    """Several vectors to one: sums of the vectors with invariant weights and a cross product.

    Args:
        points: Number of vectors.
        seed: Of the weights.
        breaking: Size of a term that follows the axes, relative to the outputs.
    """
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(points, points, generator=generator, dtype=torch.float64) / 2
    offsets = torch.randn(points, generator=generator, dtype=torch.float64) / 2

    def function(x: Tensor) -> Tensor:
        v = x.unflatten(-1, (points, 3))
        gram = torch.einsum("bij,bkj->bik", v, v)
        weights = torch.tanh(torch.einsum("bij,jk->bik", gram, mixing.to(x))).sum(1) + offsets.to(x)
        y = (weights[..., None] * v).sum(1) + 0.5 * torch.linalg.cross(v[:, 0], v[:, 1])
        if breaking:
            term = torch.stack([x[:, 0] * x[:, 4], x[:, 1].square(), x[:, 2] * x[:, 5].tanh()], 1)
            y = y + breaking * term
        found: Tensor = y
        return found

    return function


def planted(points: int, samples: int, seed: int) -> dict[str, Any]:
    """Exact, single precision, and broken a little and ten times as much."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 3 * points, generator=generator, dtype=torch.float64)
    found: dict[str, Any] = {}
    for name, breaking, inputs in (
        ("exact", 0.0, x),
        ("float32", 0.0, x.float()),
        ("broken .01", 0.01, x),
        ("broken .1", 0.1, x),
    ):
        function = vector_function(points, seed, breaking)
        start = time.perf_counter()
        one = discover(function, inputs, outputs="any", kinds="lie", dictionary=Linear(), seed=seed)
        found[name] = told(one, turned(points)) | {"seconds": time.perf_counter() - start}
    return found


def told(found: Any, algebra: Tensor) -> dict[str, Any]:
    """What of a discovery is compared with a planted algebra on its inputs."""
    k, spectrum = len(algebra), found.spectrum
    if spectrum is None:
        return {"name": "", "count": 0}
    problem = found.continuous.problem
    directions = problem.inputs.matrix(problem.matrices(spectrum.vectors[:, :k]).a[:, :-1, :-1])
    leading = found.continuous.leading
    action = None if leading is None or isinstance(leading.action, str) else leading.action
    n = algebra.shape[-1]
    snapped = {}
    if action is not None and len(action.pair.a) == k:
        snapped["snapped_angle"] = largest_angle(problem.inputs.matrix(action.pair.a[:, :-1, :-1]), algebra)
    return {
        "name": "" if leading is None else leading.name,
        "count": 0 if leading is None else leading.gate.count,
        "content": [] if action is None else list(action.content),
        "angle": largest_angle(directions[:, :n, :n], algebra),
        "defect": float(spectrum.held_out[:k].max()),
        "next": float(spectrum.held_out[k:].min()),
        "gap": float(spectrum.held_out[k:].min() / spectrum.held_out[:k].max().clamp_min(1e-300)),
        "failed": found.failed_gate,
    } | snapped


def units(samples: int, seed: int, breaking: float) -> dict[str, Any]:
    """One nearly symmetric function in three coordinates: as given, in units of 1 : 100, and mixed."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 6, generator=generator, dtype=torch.float64)
    function = vector_function(2, seed, breaking)
    left, right = (torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64)).Q for _ in range(2))
    changes: Mapping[str, Tensor] = {
        "as given": torch.eye(6, dtype=torch.float64),
        "units 1 : 100": torch.diag(torch.tensor([1.0, 100.0] * 3, dtype=torch.float64)),
        "mixed, condition 30": left @ torch.diag(torch.logspace(0, 1.4771, 6, dtype=torch.float64)) @ right,
    }
    found = {}
    for name, change in changes.items():
        back = torch.linalg.inv(change)

        def moved(y: Tensor, back: Tensor = back) -> Tensor:
            return function(y @ back.T)

        algebra = change @ turned(2) @ back
        given = x @ change.T
        one = discover(moved, given, outputs="any", kinds="lie", dictionary=Linear(), seed=seed)
        ours = told(one, algebra)
        directions = one.continuous.problem.inputs.matrix(  # type: ignore[union-attr]
            one.continuous.problem.matrices(one.spectrum.vectors[:, :3]).a[:, :-1, :-1]  # type: ignore[union-attr]
        )
        ours["angle"] = largest_angle(back @ directions @ change, turned(2))  # in one and the same coordinates
        plain = plain_null_space(moved, given, 3)
        plain["angle"] = largest_angle(back @ plain.pop("matrices") @ change, turned(2))
        found[name] = {"ours": ours, "plain": plain}
    return found
