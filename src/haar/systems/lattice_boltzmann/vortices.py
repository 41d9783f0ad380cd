"""The Taylor-Green vortices under every collision: what is learned, what becomes of the flow, and what drifts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.systems.lattice_boltzmann.collision import Collision, linearised
from haar.systems.lattice_boltzmann.contenders import LeastSquares, at_test_time, contender, persistence
from haar.systems.lattice_boltzmann.fitting import Lesson, fit, validated
from haar.systems.lattice_boltzmann.flows import taylor_green
from haar.systems.lattice_boltzmann.frozen import freeze
from haar.systems.lattice_boltzmann.host import simulate
from haar.systems.lattice_boltzmann.observables import momentum, relative_difference, velocity, vorticity
from haar.systems.lattice_boltzmann.options import Learning
from haar.systems.lattice_boltzmann.pairs import Pairs, draw_pairs
from haar.systems.lattice_boltzmann.relaxation import BGK
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.viscosity import viscosities, waves
from haar.watch import Watch

SIZE, SPEED = 32, 0.01
"""Nodes and speed of the vortices (NN-LBM)."""
#: The vortices of networks that are averaged without training: a box of half the size, a quarter of the steps.
SMALL = 16
_DRAWN = 512


def learned(name: str, learning: Learning, seed: int, watch: Watch) -> tuple[nn.Module, Pairs]:
    """A collision after its training, and the pairs that it has not seen.

    Args:
        name: Of the collision, see `contender`.
        learning: How it learns.
        seed: Of pairs and weights.
        watch: Told of the training.
    """
    stencil = Stencil.named("D2Q9")
    training, held_out = _pairs(learning, seed)
    viscosity = (learning.tau - 0.5) * stencil.sound
    model = contender(name, stencil, viscosity=viscosity, scale=learning.scale, seed=seed)
    lesson = Lesson(learning.epochs, learning_rate=learning.learning_rate)
    fit(model, training, lesson, seed=seed, watch=watch)
    return model, held_out


def _pairs(learning: Learning, seed: int) -> tuple[Pairs, Pairs]:
    stencil = Stencil.named("D2Q9")
    drawn = draw_pairs(
        stencil, learning.samples, tau=learning.tau, speed=learning.speed, noise=learning.noise, seed=seed
    )
    return drawn.split()


def vortices(name: str, learning: Learning, seed: int, watch: Watch) -> dict[str, Any]:
    """One learned collision: a priori, exactness, and a posteriori.

    Args:
        name: Of the collision.
        learning: How it learns.
        seed: Of everything random.
        watch: Told of the training.
    """
    stencil = Stencil.named("D2Q9")
    model, held_out = learned(name, learning, seed, watch)
    runner = freeze(model)
    found = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "error": validated(runner, held_out),
        **exactness(model, stencil, seed),
        **linear(model, stencil, (learning.tau - 0.5) * stencil.sound),
        **run(runner, learning, picture=True),
    }
    if name in ("naive", "cons"):
        mean = freeze(at_test_time(model, stencil))
        alone = run(runner, learning, size=SMALL)["flow_error"]
        both = {"error": validated(mean, held_out), "flow_error": run(mean, learning, size=SMALL)["flow_error"]}
        found["averaged"] = {**both, "alone": alone}
    return found


def references(learning: Learning, seed: int) -> dict[str, Any]:
    """What needs no network: the exact collision, none at all, and polynomials fitted by least squares.

    Args:
        learning: The pairs.
        seed: Of the pairs.
    """
    stencil = Stencil.named("D2Q9")
    training, held_out = _pairs(learning, seed)
    others: Mapping[str, Collision] = {
        "exact": BGK(stencil, learning.tau),
        "persistence": persistence,
        "linear": LeastSquares(training, 1),
        "quadratic": LeastSquares(training, 2),
    }
    found: dict[str, Any] = {}
    for name, one in others.items():
        before, after = held_out.normalised
        with torch.no_grad():
            relative = ((one(before) - after) / after).square().mean(1).sqrt().mean()
        found[name] = {"error": float(relative), **run(one, learning)}
    found["exact"]["alone"] = run(others["exact"], learning, size=SMALL)["flow_error"]
    return found


def exactness(collision: Collision, stencil: Stencil, seed: int) -> dict[str, float]:
    """Largest defects over all elements and drawn populations, near equilibrium and far from it.

    Args:
        collision: On the last axis.
        stencil: With its group.
        seed: Of the populations.
    """
    near = draw_pairs(stencil, _DRAWN, seed=seed).before
    far = torch.rand(_DRAWN, stencil.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    f = torch.cat([near, far / far.sum(1, keepdim=True)])
    with torch.no_grad():
        after = collision(f)
        moved = [float((collision(f @ B.T) - after @ B.T).abs().max()) for B in stencil.element_matrices()]
    change = (after - f) @ stencil.conserved
    return {
        "equivariance": max(moved),
        "mass": float(change[:, 0].abs().max()),
        "momentum": float(change[:, 1:].abs().max()),
        "negative": float((after[:_DRAWN] < 0).any(1).double().mean()),
    }


def linear(collision: Collision, stencil: Stencil, viscosity: float) -> dict[str, Any]:
    """Both viscosities over the one that is wanted, and the largest growth of a wave.

    Args:
        collision: On the last axis.
        stencil: With its group.
        viscosity: That is wanted.
    """
    J = linearised(collision, stencil)
    both = viscosities(J, stencil)
    growth = float(waves(J, stencil, 12).growth.max()) - 1
    return {"viscosity": {name: value / viscosity for name, value in both.items()}, "growth": growth}


def run(collision: Collision, learning: Learning, *, size: int = SIZE, picture: bool = False) -> dict[str, Any]:
    """The vortices, and how far they are from the analytic solution.

    Args:
        collision: On the last axis.
        learning: For the viscosity and the number of steps.
        size: Nodes along both axes.
        picture: Whether the vorticity is kept, at half the resolution.
    """
    stencil = Stencil.named("D2Q9")
    viscosity = (learning.tau - 0.5) * stencil.sound
    steps = learning.steps * size**2 // SIZE**2  # smaller vortices decay sooner
    start = taylor_green(stencil, size, SPEED).populations
    first, rate = velocity(start, stencil), 2 * viscosity * (2 * math.pi / size) ** 2

    def error(f: Tensor) -> float:
        u = velocity(f, stencil)
        if not bool(u.isfinite().all()):
            return math.nan
        return float((u.flatten() @ first.flatten()) / first.square().sum())

    every = max(steps // 12, 1)
    observers = {"amplitude": error, "momentum": lambda f: momentum(f, stencil).norm()}
    ran = simulate(start, collision, steps, stencil=stencil, observers=observers, every=every, stop=True)
    u = velocity(ran.state, stencil)
    exact = simulate(start, BGK(stencil, learning.tau), ran.steps, stencil=stencil).state
    found: dict[str, Any] = {
        "from_exact": relative_difference(u, velocity(exact, stencil)),
        "flow_error": relative_difference(u, first * math.exp(-rate * ran.steps)),
        "steps": ran.steps,
        "times": ran.times.tolist(),
        "amplitude": [float(x) for x in ran.records["amplitude"]],
        "drift": float(ran.records["momentum"][-1]) / SPEED,
        "pattern": pattern_defect(u),
    }
    if picture:
        found["vorticity"] = [[float(f"{x:.3g}") for x in row] for row in (vorticity(u)[0, ::2, ::2] / SPEED).tolist()]
    return found


def pattern_defect(u: Float[Tensor, "1 dim x y"]) -> float:
    """How far the vortices are from their own symmetry: mirrors, and a quarter turn with half a box.

    Args:
        u: Velocity.
    """
    mirrored = torch.stack([-u[:, 0], u[:, 1]], 1).flip(2).roll(1, 2)
    turned = u.transpose(2, 3).flip(2).roll(1, 2)  # x, y -> -y, x about node 0
    turned = torch.stack([-turned[:, 1], turned[:, 0]], 1).roll(u.shape[2] // 2, 2)
    return max(relative_difference(mirrored, u), relative_difference(turned, u))
