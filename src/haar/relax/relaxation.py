"""The verb: a homotopy model and the multipliers that decide how much symmetry it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from haar.actions import Symmetry
from haar.relax.wrapping.homotopise import homotopise
from haar.relax.wrapping.homotopy import Homotopy

if TYPE_CHECKING:
    from haar.relax.duals.duals import Duals


@dataclass
class Relaxation:
    """What `relax` gives: train `model` with the loss ``duals.lagrangian(loss)``, and call ``duals.step()``.

    Attributes:
        model: The homotopy model.
        duals: Its multipliers.
    """

    model: Homotopy
    duals: Duals


def relax(
    model: nn.Module,
    symmetry: Symmetry,
    *,
    problem: str = "equality",
    solver: str = "damped",
    steps: int,
    mode: str = "weight",
    **options: Any,
) -> Relaxation:
    """A homotopy between a model and an equivariant one, and the multipliers that pull it there as the data allow.

    Args:
        model: The user's module; it is copied, not changed.
        symmetry: A symmetry that the data may have.
        problem: ``"equality"`` (the symmetry is believed) or ``"resilient"`` (it may be partial).
        solver: How the multipliers move, see `Duals`.
        steps: Number of optimiser steps that training will take.
        mode: See `homotopise`.
        options: Further arguments of `homotopise`.
    """
    from haar.relax.duals.duals import Duals

    homotopy = homotopise(model, symmetry, mode=mode, **options)
    return Relaxation(homotopy, Duals(homotopy, problem=problem, solver=solver, steps=steps))
