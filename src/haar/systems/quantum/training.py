"""Two phases: energies alone, then energies and forces; Adam with a cosine schedule, best validation weights kept."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from haar.data.molecules import Molecules
from haar.errors import ArgumentError, check_count, check_rate
from haar.nn.circuits.forces import energy_and_forces
from haar.systems.quantum.potential import Potential
from haar.training import Plan, Run, Schedule, cosine
from haar.watch import Unwatched, Watch


def _to_a_fiftieth(step: int, steps: int) -> float:
    return cosine(step, steps, end=1 / 50)


@dataclass(frozen=True)
class PotentialPlan(Plan):
    """How to train a potential.

    Args:
        steps: Steps of the first phase, on energies.
        learning_rate: It falls along the schedule once in each phase.
        batch_size: Samples a step; all of them if there are fewer.
        schedule: By default a cosine to a fiftieth.
        every: Steps between looks at the validation set.
        force_steps: Steps of the second phase, on energies and forces.
        force_weight: Weight of the mean squared force error in the second phase.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> PotentialPlan(steps=300, force_steps=75).learning_rate
        0.03
    """

    steps: int = 400
    learning_rate: float | int = 0.03
    batch_size: int | None = 64
    schedule: str | Schedule = _to_a_fiftieth
    every: int = 25
    force_steps: int = 100
    force_weight: float | int = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("force_steps", self.force_steps, least=0)
        check_rate("force_weight", self.force_weight, zero=True)


def fit(
    potential: Potential,
    data: Molecules,
    *,
    plan: PotentialPlan | None = None,
    validation: Molecules | None = None,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> list[float]:
    """Train a potential in place.

    The scale is taken from `data`, never from the validation or test set; forces are divided by the same number as
    energies.

    Args:
        potential: What to train.
        data: Molecules to learn from.
        plan: Steps, learning rate and weight of the forces.
        validation: If given, the weights with the least energy error on it are kept.
        seed: Seed of the batches.
        watch: Told of every step.

    Returns:
        The loss of every step.

    Raises:
        ArgumentError: If the molecules are of another species.
        DivergedError: If the loss does not stay finite.

    Example:
        >>> lih = Molecules.shipped("lih")
        >>> plan = PotentialPlan(steps=5, force_steps=1)
        >>> losses = fit(Potential("graph", lih.species, layers=2), lih[::10], plan=plan)
        >>> len(losses)
        6
    """
    plan = plan or PotentialPlan()
    for name, given in (("data", data), ("validation", validation)):
        if given is not None and given.species != potential.species:
            raise ArgumentError(
                name, expected=f"molecules {', '.join(potential.species)}", got=", ".join(given.species)
            )
    potential.fit_scale(data.energy, data.active)
    x, energy = data.active, (data.energy - potential.middle) / potential.scale
    forces = data.active_forces / potential.scale
    losses: list[float] = []
    best, kept = math.inf, copy.deepcopy(potential.state_dict())

    for with_forces, title in ((False, "energies"), (True, "energies and forces")):
        steps = plan.force_steps if with_forces else plan.steps
        if not steps:
            continue
        phase = replace(plan, steps=steps)

        def loss(_: int, generator: torch.Generator, pushes: Tensor | None = forces if with_forces else None) -> Tensor:
            at = _batch(len(x), plan.batch_size, generator)
            return _loss(potential, x[at], energy[at], None if pushes is None else pushes[at], plan)

        run = Run(potential.model.parameters(), loss, phase, seed=2 * seed + with_forces)
        for step in run.steps(watch, title):
            if validation is not None and phase.due(step):
                with torch.no_grad():
                    error = float((potential(validation.active) - validation.energy).square().mean())
                if error < best:
                    best, kept = error, copy.deepcopy(potential.state_dict())
        losses += run.losses.tolist()
    if validation is not None:
        potential.load_state_dict(kept)
    return losses


def _batch(samples: int, batch_size: int | None, generator: torch.Generator) -> Tensor | slice:
    """Samples without replacement; all of them if there are no more."""
    if batch_size is None or samples <= batch_size:
        return slice(None)
    return torch.randperm(samples, generator=generator, device="cpu")[:batch_size]


def _loss(potential: Potential, x: Tensor, energy: Tensor, forces: Tensor | None, plan: PotentialPlan) -> Tensor:
    if forces is None:
        loss: Tensor = (potential.model(x) - energy).square().mean()
        return loss
    found, push = energy_and_forces(potential.model, x, create_graph=True)
    return (found - energy).square().mean() + plan.force_weight * (push - forces).square().mean()
