"""A random flow that decays at a small viscosity, under every collision, against the exact one."""

from __future__ import annotations

from typing import Any

import torch

from haar.systems.lattice_boltzmann.collision import Collision
from haar.systems.lattice_boltzmann.fitting import validated
from haar.systems.lattice_boltzmann.flows import decaying
from haar.systems.lattice_boltzmann.frozen import freeze
from haar.systems.lattice_boltzmann.host import simulate
from haar.systems.lattice_boltzmann.observables import (
    energy,
    momentum,
    relative_difference,
    spectrum,
    velocity,
    vorticity,
)
from haar.systems.lattice_boltzmann.options import Turbulence
from haar.systems.lattice_boltzmann.relaxation import BGK
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.vortices import learned
from haar.watch import Watch

#: A run has left its flow when its energy is above this many times that at the start.
_LEFT = 2.0
_FRAMES = 5


def turbulence(name: str, options: Turbulence, seed: int, watch: Watch) -> dict[str, Any]:
    """One learned collision.

    Args:
        name: Of the collision, or ``"exact"``.
        options: The flow and how it is learned.
        seed: Of everything random.
        watch: Told of the training.
    """
    stencil = Stencil.named("D2Q9")
    exact = BGK(stencil, options.learning.tau)
    reference = followed(exact, options, seed)
    if name == "exact":
        del reference["state"]
        return reference
    model, held_out = learned(name, options.learning, seed, watch)
    runner = freeze(model)
    mine = followed(runner, options, seed)
    same = mine["steps"] == reference["steps"]
    difference = relative_difference(mine.pop("state"), reference["state"]) if same else None
    ratio = mine["energy"][-1] / reference["energy"][-1]
    return {"error": validated(runner, held_out), "flow_error": difference, "energy_ratio": ratio, **mine}


def followed(collision: Collision, options: Turbulence, seed: int) -> dict[str, Any]:
    """A run, with its energies, its spectrum and a few pictures.

    Args:
        collision: On the last axis.
        options: The flow.
        seed: Of the flow.
    """
    stencil = Stencil.named("D2Q9")
    start = decaying(stencil, options.size, options.speed, seed=seed).populations
    every = max(options.steps // (_FRAMES - 1), 1)
    observers = {
        "energy": lambda f: energy(f, stencil)[0],
        "momentum": lambda f: momentum(f, stencil)[0],
        "vorticity": lambda f: vorticity(velocity(f, stencil))[0, ::2, ::2],
    }
    ran = simulate(start, collision, options.steps, stencil=stencil, observers=observers, every=every, stop=True)
    u = velocity(ran.state, stencil)
    energies = [float(x) for x in ran.records["energy"]]
    left = [time for time, value in zip(ran.times.tolist(), energies, strict=True) if value > _LEFT * energies[0]]
    drift = (ran.records["momentum"][-1] - ran.records["momentum"][0]).norm() / options.speed
    return {
        "state": u,
        "steps": ran.steps,
        "length": min([ran.steps, *left]),
        "times": ran.times.tolist(),
        "energy": energies,
        "drift": float(drift),
        "spectrum": [float(f"{x:.3g}") for x in spectrum(u)[0].tolist()],
        "frames": [
            [[float(f"{x:.2g}") for x in row] for row in frame.tolist()]
            for frame in torch.unbind(ran.records["vorticity"])
        ],
    }
