"""The verb: a homotopy model and the multipliers that decide how much symmetry it keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from haar.actions import Symmetry
from haar.actions.representation import Representation
from haar.errors import known_keywords
from haar.groups import Subgroup
from haar.relax.wrapping.homotopise import Layers, homotopise
from haar.relax.wrapping.homotopy import Homotopy
from haar.seeding import Seed

if TYPE_CHECKING:
    from haar.relax.duals.duals import Duals


@dataclass(frozen=True)
class Relaxation:
    """What `relax` gives: train `model` with the loss ``duals.lagrangian(loss)``, and call ``duals.step()``.

    Attributes:
        model: The homotopy model.
        duals: Multipliers that move its gammas.
    """

    model: Homotopy
    duals: Duals


@known_keywords
def relax(
    model: nn.Module,
    symmetry: Symmetry,
    *,
    problem: str = "equality",
    solver: str = "damped",
    steps: int,
    mode: str = "weight",
    hidden: str | Callable[[int], Representation] = "auto",
    layers: Layers | None = None,
    chain: str | Sequence[Subgroup] = (),
    example: Any = None,
    kappa: bool = True,
    shared_dropout: bool = False,
    samples: int = 16,
    generator: Seed | None = None,
) -> Relaxation:
    """A homotopy between a model and an equivariant one, and the multipliers that pull it there as the data allow.

    Args:
        model: The user's module; it is copied, not changed.
        symmetry: A symmetry that the data may have.
        problem: ``"equality"`` (the symmetry is believed) or ``"resilient"`` (it may be partial).
        solver: How the multipliers move, see `Duals`.
        steps: Number of optimiser steps that training will take.
        mode: How layers are relaxed, see `homotopise`.
        hidden: Representation of a hidden layer by its width, as for `homotopise`; so are all that follow.
        layers: (representation in, representation out) of some layers by name.
        chain: Subgroups between the group and 1, the largest first, each with a gamma of its own.
        example: One batch of inputs; by default random ones are made.
        kappa: Whether equivariant weights keep the norm of whole ones.
        shared_dropout: Whether dropout drops whole parts of representations.
        samples: For a Lie group in mode ``"function"``, the number of fixed random elements.
        generator: Source of free branches and of these elements, or its seed.

    Raises:
        ArgumentError: As `homotopise` and `Duals` do.
    """
    from haar.relax.duals.duals import Duals

    homotopy = homotopise(
        model,
        symmetry,
        mode=mode,
        hidden=hidden,
        layers=layers,
        chain=chain,
        example=example,
        kappa=kappa,
        shared_dropout=shared_dropout,
        samples=samples,
        generator=generator,
    )
    return Relaxation(homotopy, Duals(homotopy, problem=problem, solver=solver, steps=steps))
