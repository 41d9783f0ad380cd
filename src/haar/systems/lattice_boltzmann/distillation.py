"""Any collision as an equivariant one of constant cost: learned from what it does, with its own viscosity locked."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import torch

from haar.errors import check_count
from haar.systems.lattice_boltzmann.collision import Collision, check_collision, linearised, relaxation_time
from haar.systems.lattice_boltzmann.collision_file import Design
from haar.systems.lattice_boltzmann.fitting import Lesson, fit, validated
from haar.systems.lattice_boltzmann.frozen import freeze
from haar.systems.lattice_boltzmann.learned import LearnedCollision
from haar.systems.lattice_boltzmann.pairs import draw_pairs
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.viscosity import viscosities
from haar.watch import Unwatched, Watch

#: How a collision is learned where nothing else is said.
LESSON = Lesson()


@dataclass(frozen=True)
class Distilled:
    """What was learned from another collision.

    Attributes:
        collision: A locked, equivariant one; `freeze` makes its inference form.
        design: What it is made of, for `write_collision`.
        error: Mean relative difference from what it was learned from, on populations that were not learned from.
    """

    collision: LearnedCollision
    design: Design
    error: float


def distil(
    collision: Collision,
    stencil: Stencil,
    *,
    channels: int = 8,
    viscosity: float | None = None,
    samples: int = 43000,
    speed: float = 0.05,
    noise: float = 1e-3,
    lesson: Lesson = LESSON,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Distilled:
    """Learn an equivariant collision from any other, such as a group average, a user's network or a function.

    What is learned commutes with the lattice's group, conserves mass and momentum and has one shear viscosity, whether
    or not the other does; it costs three small matrix products a cell.

    Args:
        collision: Any callable on populations, on the last axis.
        stencil: One of the named ones.
        channels: Copies of the populations in hidden layers.
        viscosity: To be locked, in lattice units; by default the mean of the other's own along an axis and a diagonal.
        samples: Populations near equilibrium, of which 70 % are learned from.
        speed: Their largest speed; choose it above that of the flows to come.
        noise: What is added to their equilibria, at most.
        lesson: How it is learned.
        seed: Of the populations, weights and order.
        watch: Told of every step.

    Raises:
        ArgumentError: If the collision is none of this stencil, or its viscosity is negative.

    Example:
        >>> from haar.systems.lattice_boltzmann.relaxation import BGK
        >>> stencil = Stencil.named("D2Q9")
        >>> small = distil(BGK(stencil, 0.8), stencil, channels=2, samples=400, lesson=Lesson(epochs=1))
        >>> round(small.design.viscosity, 9)
        0.1
    """
    check_count("samples", samples, least=10)
    check_collision(collision, stencil)
    Stencil.named(stencil.name)
    if viscosity is None:
        viscosity = fmean(viscosities(linearised(collision, stencil), stencil).values())
    relaxation_time(stencil, viscosity)
    pairs = draw_pairs(stencil, samples, collision, speed=speed, noise=noise, seed=seed)
    before, _ = pairs.normalised
    scale = float((before / stencil.weights - 1).std())
    learned_from, held_out = pairs.split()
    design = Design("locked", stencil.name, viscosity, scale, channels, learned_from.speed(stencil))
    model = design.build(seed)
    fit(model, learned_from, lesson, seed=seed, watch=watch)
    if not isinstance(model, LearnedCollision):  # what a locked design is
        raise TypeError(type(model).__name__)
    with torch.no_grad():
        return Distilled(model, design, validated(freeze(model), held_out))
