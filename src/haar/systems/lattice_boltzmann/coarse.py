"""A coarse collision that is learned from a fine run: the use that learned collisions are wanted for.

One coarse node stands for ``factor`` fine ones along every axis and one coarse step for as many fine steps, so that
speeds are the same and the viscosity is divided by the factor. Relaxation rates are learned by unrolling the coarse
solver on short pieces of a fine run of another seed; the baseline is BGK on the coarse grid.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.systems.lattice_boltzmann.collision import Collision
from haar.systems.lattice_boltzmann.flows import at_equilibrium, decaying
from haar.systems.lattice_boltzmann.host import Host, rollout, simulate
from haar.systems.lattice_boltzmann.nco import NCO
from haar.systems.lattice_boltzmann.observables import relative_difference, spectrum, velocity
from haar.systems.lattice_boltzmann.options import Coarse
from haar.systems.lattice_boltzmann.relaxation import BGK, MRT, TRT
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.training import Plan, Run
from haar.watch import Unwatched, Watch

#: Greatest number of waves in the box at the start of a fine run.
_MODES = 6


def coarse(options: Coarse, seed: int, watch: Watch) -> dict[str, Any]:
    """Learn from one fine run, and judge on another.

    Args:
        options: Sizes.
        seed: Of everything random.
        watch: Told of the progress.
    """
    stencil = Stencil.named("D2Q9")
    seen, unseen = (fine_run(options, 2 * seed + k) for k in (0, 1))
    tau = 0.5 + (options.tau - 0.5) / options.factor
    viscosity = (tau - 0.5) * stencil.sound
    learned = NCO(stencil, viscosity, bounded="time", bulk=True, generator=torch.Generator().manual_seed(seed))
    untrained = copy.deepcopy(learned)
    fit_rollout(learned, stencil, seen, unroll=options.unroll, steps=options.learning, seed=seed, watch=watch)
    others: dict[str, Collision] = {
        "bgk": BGK(stencil, tau),
        "trt": TRT(stencil, tau),
        "regularised": MRT(stencil, tau),
        "untrained": untrained,
        "learned": learned,
    }
    found: dict[str, Any] = {"fine_spectrum": _told(spectrum(unseen[-1:])[0])}
    start = _populations(unseen[:1], stencil)
    found["persistence"] = {"flow_error": relative_difference(unseen[:1], unseen[-1:])}
    for name, collision in others.items():
        ran = simulate(start, collision, options.steps, stencil=stencil, stop=True)
        u = velocity(ran.state, stencil)
        error = relative_difference(u, unseen[-1:]) if ran.steps == options.steps else None
        found[name] = {"flow_error": error, "steps": ran.steps, "spectrum": _told(spectrum(u)[0])}
    return found


def fine_run(options: Coarse, seed: int) -> Float[Tensor, "times dim x y"]:
    """Velocities of a fine run, averaged over the blocks of coarse nodes, once a coarse step.

    Args:
        options: Sizes.
        seed: Of the flow.
    """
    stencil = Stencil.named("D2Q9")
    start = decaying(stencil, options.size, options.speed, _MODES, seed).populations

    def blocks(f: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(velocity(f, stencil), options.factor)[0]

    fine, steps = BGK(stencil, options.tau), options.steps * options.factor
    ran = simulate(start, fine, steps, stencil=stencil, observers={"u": blocks}, every=options.factor)
    return ran.records["u"]


def fit_rollout(
    model: nn.Module,
    stencil: Stencil,
    velocities: Float[Tensor, "times dim *space"],
    *,
    unroll: int = 8,
    steps: int = 100,
    batch_size: int = 4,
    learning_rate: float = 1e-2,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Float[Tensor, " steps"]:
    """Train a collision a posteriori: short runs must end where a reference does.

    Args:
        model: A collision on the last axis; it is changed.
        stencil: Velocities.
        velocities: The reference, once a step.
        unroll: Steps of a run.
        steps: Steps of the optimiser.
        batch_size: Runs a step.
        learning_rate: The greatest.
        seed: Of the runs that are drawn.
        watch: Told of every step.

    Returns:
        The loss before every step.
    """
    host = Host(stencil, model, velocities.shape[2:])
    scale = velocities.square().mean()

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        starts = torch.randint(len(velocities) - 2 * unroll, (batch_size,), generator=generator)
        f = _populations(velocities[starts], stencil)
        middle = rollout(f, host, unroll)
        ended = rollout(middle, host, unroll)
        wanted = velocities[starts + unroll], velocities[starts + 2 * unroll]
        pieces = [(velocity(g, stencil) - w).square().mean() for g, w in zip((middle, ended), wanted, strict=True)]
        return (pieces[0] + pieces[1]) / scale

    plan = Plan(steps=steps, learning_rate=learning_rate, batch_size=batch_size, schedule="cosine")
    return Run(model.parameters(), loss, plan, seed=seed).train(watch, "learning from a run")


def _populations(u: Float[Tensor, "batch dim *space"], stencil: Stencil) -> Float[Tensor, "batch q *space"]:
    """Equilibria: what is known of a coarse state."""
    return torch.cat([at_equilibrium(stencil, one.movedim(0, -1)) for one in u])


def _told(values: Tensor) -> list[float]:
    return [float(f"{x:.4g}") for x in values.tolist()]
