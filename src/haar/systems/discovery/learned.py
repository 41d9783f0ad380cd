"""Trained networks: of so(3) data, of structureless targets, and of finite groups; and random ones as controls."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.discover import Linear, discover
from haar.discover.finite.elements import elements
from haar.systems.discovery.networks import network, relative_error, train
from haar.systems.discovery.planted import told, turned, vector_function

#: Random networks: sizes and activations, as the controls go through them.
_TANH = ((6, 32, 3), (6, 32, 1), (3, 32, 3), (12, 32, 3))
_MIXED = ((6, 32, 3), (4, 32, 1), (8, 32, 2))
_ACTIVATIONS = ("tanh", "sin", "silu", "relu")


def rotations(samples: int, steps: int, count: int, seed: int) -> list[dict[str, Any]]:
    """Networks trained on a function of two vectors that so(3) turns."""
    found = []
    for k in range(count):
        own = 1000 * seed + k
        function = vector_function(2, own)
        x, test = _normal(samples, 6, own), _normal(1000, 6, own + 500)
        model = train(x, function(x), steps=steps, seed=own)
        one = discover(model, test, outputs="any", kinds="lie", dictionary=Linear(), seed=own)
        found.append(told(one, turned(2)) | {"error": relative_error(model, test, function(test))})
    return found


def false_positives(random: int, trained: int, finite: int, steps: int, seed: int) -> dict[str, Any]:
    """How many networks without a symmetry are said to have one; scalings of ReLU networks apart."""
    lie, scalings, signed = [], 0, []
    for k in range(random):
        own = 1000 * seed + k
        mixed = k % 2 == 1
        sizes = _MIXED[k // 2 % len(_MIXED)] if mixed else _TANH[k // 2 % len(_TANH)]
        activation = _ACTIVATIONS[k // 2 % len(_ACTIVATIONS)] if mixed else "tanh"
        model = network(sizes, activation, own)
        one = discover(model, _normal(600, sizes[0], own), kinds="lie", outputs="any", dictionary=Linear(), seed=own)
        steps_found = [] if one.continuous is None else one.continuous.steps
        named = [s for s in steps_found if s.scaling is not None and s.algebra.dim == 1]
        scalings += bool(named)
        lie.append(len(steps_found) > len(named))
    for k in range(trained):
        own = 1000 * seed + 700 + k
        target = network((6, 24, 3), "sin", own)
        x = _normal(1500, 6, own)
        with torch.no_grad():
            y = target(x)
        model = train(x, y, steps=steps, seed=own)
        one = discover(model, _normal(600, 6, own + 1), kinds="lie", outputs="any", dictionary=Linear(), seed=own)
        lie.append(bool(one.staircase))
    for k in range(finite):
        own = 1000 * seed + 800 + k
        model = network((4, 24, 1), "tanh", own)
        signed.append(bool(elements(model, _normal(200, 4, own), outputs="invariant", signed=True, seed=own).steps))
    return {"lie": lie, "finite": signed, "scalings": scalings}


def exchanges(samples: int, steps: int, names: list[str], seed: int) -> dict[str, Any]:
    """Networks of eight inputs trained on functions that a group of exchanges leaves alone."""
    found = {}
    for name in names:
        x, test = _normal(samples, 8, seed), _normal(400, 8, seed + 1)
        y, truth = _exchanged(name, x, seed), _exchanged(name, test, seed)
        model = train(x, y, steps=steps, seed=seed)
        scan = elements(model, test, outputs="invariant", signed=False, seed=seed)
        found[name] = {
            "error": relative_error(model, test, truth),
            "steps": [step.name for step in scan.steps],
            "orders": [step.order for step in scan.steps],
            "defects": [step.defect.value for step in scan.steps],
        }
    return found


def _exchanged(name: str, x: Tensor, seed: int) -> Tensor:
    """A function of eight numbers with the named symmetry."""
    if name == "S8":
        return torch.tanh(x).sum(1, keepdim=True) + x.square().mean(1, keepdim=True)
    if name == "S4 x S4":
        left, right = x[:, :4], x[:, 4:]
        return torch.tanh(left).sum(1, keepdim=True) + right.square().mean(1, keepdim=True)
    if name == "C8":
        following = x.roll(-1, 1)
        return (x.square() * following.sin() + 0.5 * torch.tanh(x)).sum(1, keepdim=True)
    with torch.no_grad():
        found: Tensor = network((8, 24, 1), "sin", seed)(x)
        return found


def _normal(count: int, size: int, seed: int) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
