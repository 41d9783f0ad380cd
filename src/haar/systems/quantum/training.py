"""Two phases: energies alone, then energies and forces; Adam with a cosine schedule, best validation weights kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.data.molecules import Molecules
from haar.errors import ArgumentError
from haar.nn.circuits.forces import energy_and_forces
from haar.systems.quantum.potential import Potential


@dataclass(frozen=True)
class Plan:
    """How to train.

    Args:
        steps: Steps of the first phase, on energies.
        force_steps: Steps of the second phase, on energies and forces.
        rate: Learning rate; it falls as a cosine to a fiftieth, once in each phase.
        force_weight: Weight of the mean squared force error in the second phase.
        batch: Samples a step; all of them if there are fewer.
        every: Steps between looks at the validation set.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> Plan(steps=300, force_steps=75).rate
        0.03
    """

    steps: int = 400
    force_steps: int = 100
    rate: float | int = 0.03
    force_weight: float | int = 0.1
    batch: int = 64
    every: int = 25

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.every) < 1 or self.force_steps < 0:
            raise ArgumentError(
                "steps, batch, every",
                expected="at least 1 (force_steps: 0)",
                got=f"{self.steps}, {self.batch}, {self.every}, {self.force_steps}",
            )
        if not 0 < self.rate < math.inf or not 0 <= self.force_weight < math.inf:
            raise ArgumentError(
                "rate, force_weight", expected="rate > 0 and force_weight >= 0", got=f"{self.rate}, {self.force_weight}"
            )


def fit(
    potential: Potential,
    data: Molecules,
    *,
    plan: Plan | None = None,
    validation: Molecules | None = None,
    seed: int = 0,
    advance: Callable[[], None] | None = None,
) -> list[float]:
    """Train a potential in place.

    The scale is taken from `data`, never from the validation or test set; forces are divided by the same number as
    energies.

    Args:
        potential: What to train.
        data: Training set.
        plan: How.
        validation: If given, the weights with the least energy error on it are kept.
        seed: Of the batches.
        advance: Called after every step.

    Returns:
        The loss of every step.

    Raises:
        ArgumentError: If the molecules are of another species, or the loss does not stay finite.

    Example:
        >>> lih = Molecules.shipped("lih")
        >>> losses = fit(Potential("graph", lih.species, layers=2), lih[::10], plan=Plan(steps=5, force_steps=1))
        >>> len(losses)
        6
    """
    plan = plan or Plan()
    for name, given in (("data", data), ("validation", validation)):
        if given is not None and given.species != potential.species:
            raise ArgumentError(
                name, expected=f"molecules {', '.join(potential.species)}", got=", ".join(given.species)
            )
    potential.fit_scale(data.energy, data.active)
    x, energy = data.active, (data.energy - potential.middle) / potential.scale
    forces = data.active_forces / potential.scale
    source = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    best, kept = math.inf, copy.deepcopy(potential.state_dict())

    def look() -> None:
        nonlocal best, kept
        if validation is None:
            return
        with torch.no_grad():
            error = float((potential(validation.active) - validation.energy).square().mean())
        if error < best:
            best, kept = error, copy.deepcopy(potential.state_dict())

    for steps, with_forces in ((plan.steps, False), (plan.force_steps, True)):
        if not steps:
            continue
        optimiser = torch.optim.Adam(potential.model.parameters(), lr=float(plan.rate))
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=plan.rate / 50)
        for step in range(steps):
            at = slice(None) if len(x) <= plan.batch else torch.randperm(len(x), generator=source)[: plan.batch]
            optimiser.zero_grad(set_to_none=True)
            loss = _loss(potential, x[at], energy[at], forces[at] if with_forces else None, plan)
            if not bool(loss.isfinite()):
                raise ArgumentError(
                    "plan",
                    expected="a rate at which the loss stays finite",
                    got=f"a loss of {float(loss.detach())} at step {len(losses) + 1} with rate {plan.rate}",
                    way_out="lower the rate",
                )
            loss.backward()
            optimiser.step()
            cosine.step()
            losses.append(float(loss.detach()))
            if (step + 1) % plan.every == 0 or step + 1 == steps:
                look()
            if advance is not None:
                advance()
    if validation is not None:
        potential.load_state_dict(kept)
    return losses


def _loss(potential: Potential, x: Tensor, energy: Tensor, forces: Tensor | None, plan: Plan) -> Tensor:
    if forces is None:
        loss: Tensor = (potential.model(x) - energy).square().mean()
        return loss
    found, push = energy_and_forces(potential.model, x, create_graph=True)
    return (found - energy).square().mean() + plan.force_weight * (push - forces).square().mean()
