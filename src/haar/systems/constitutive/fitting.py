"""Fitting laws to strains and stresses, through the one loop of `haar.training`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError, DataError, ShapeError
from haar.systems.constitutive.history import HistoryLaw
from haar.systems.constitutive.hyperelastic import Hyperelastic
from haar.systems.constitutive.units import InUnits
from haar.training import Checkpoint, Plan, Run, draw
from haar.watch import Unwatched, Watch


@dataclass(frozen=True)
class Fit:
    """What came of a fit.

    Attributes:
        law: The law, trained in place.
        losses: Mean squared error over the stress's mean square, step by step.
        error: Of the whole training set in the end.
    """

    law: nn.Module
    losses: Float[Tensor, " steps"]
    error: float


def relative_error(law: nn.Module, strain: Tensor, stress: Tensor) -> float:
    """Squared error of stress over its mean square, over all samples."""
    with torch.no_grad():
        return float((law(strain) - stress).square().sum() / stress.square().sum())


def fit_law(
    law: nn.Module,
    strain: Float[Tensor, "batch *steps n"],
    stress: Float[Tensor, "..."],
    plan: Plan,
    *,
    augment: Symmetry | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    watch: Watch = Unwatched(),
) -> Fit:
    """Train a law on the squared error of its stress.

    Args:
        law: Takes strains (or paths of them) in Mandel's coordinates; trained in place. It takes the
            data's units; a `Hyperelastic` law begins with its polynomial part fitted.
        strain: Strains, or paths of them.
        stress: Their stresses.
        plan: How to train.
        augment: Moves every sample of a batch by a random element of this symmetry.
        seed: Of the batches.
        checkpoint: A file where the run is kept.
        watch: Told of the steps.

    Raises:
        ShapeError: If strains and stresses do not match.
        DataError: If a number is not finite, or there are fewer than two samples.
        ArgumentError: If all stresses are zero.
    """
    strain, stress = torch.as_tensor(strain), torch.as_tensor(stress)
    if isinstance(law, HistoryLaw) and strain.ndim != 3:
        raise ShapeError(
            "strain", expected="paths [paths, steps, components], for a law with history", got=tuple(strain.shape)
        )
    if strain.shape != stress.shape:
        raise ShapeError("stress", expected=f"one for each strain, {tuple(strain.shape)}", got=tuple(stress.shape))
    if len(strain) < 2:
        raise DataError(f"strain: expected at least two samples, got {len(strain)}")
    for name, values in (("strain", strain), ("stress", stress)):
        bad = ~values.isfinite().flatten(1).all(1)
        if bool(bad.any()):
            raise DataError(f"{name}: sample {int(bad.nonzero()[0])} holds NaN or infinity ({int(bad.sum())} do)")
    size = stress.square().mean()
    if not bool(size > 0):
        raise ArgumentError("stress", expected="data that are not all zero", got="zeros")
    if isinstance(law, Hyperelastic):
        law.begin(strain, stress)
    elif isinstance(law, InUnits):
        law.set_units(strain, stress)

    def loss(_: int, generator: torch.Generator) -> Tensor:
        x, y = strain, stress
        if plan.batch_size is not None:
            rows = draw(len(strain), plan.batch_size, generator)
            x, y = strain[rows], stress[rows]
        if augment is not None:
            g = augment.group.sample(len(x), generator)
            (x,), y = augment.act_inputs(g, (x,)), augment.act_outputs(g, y)
        relative: Tensor = (law(x) - y).square().mean() / size
        return relative

    kept = None if checkpoint is None else Checkpoint(checkpoint, {"law": law})
    losses = Run(law.parameters(), loss, plan, seed=seed, checkpoint=kept).train(watch, "fitting")
    return Fit(law, losses, relative_error(law, strain, stress))
