"""Networks trained on the same samples, each at the best of the same rates, and what they are measured by."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.average import average
from haar.probing import defect
from haar.systems.constitutive.networks import Scaled
from haar.systems.constitutive.options import Trial
from haar.training import Plan, Run, draw

Data = tuple[Tensor, Tensor]
#: Where the rate of a one-cycle schedule is greatest, and what it begins with, over the greatest.
_PEAK, _START = 0.3, 1 / 3


@dataclass(frozen=True)
class Contender:
    """A network of a comparison.

    Attributes:
        make: Makes it; called once a rate with a generator of the same seed.
        augment: Moves samples at random in training.
        average: In training and after; exactly symmetric.
        average_after: Averaged after training only.
        fitted: It is fitted in closed form: nothing is trained.
    """

    make: Callable[[torch.Generator, Data], nn.Module]
    augment: Symmetry | None = None
    average: Symmetry | None = None
    average_after: Symmetry | None = None
    fitted: bool = False


def one_cycle(step: int, steps: int) -> float:
    """A factor that rises along a cosine from a third to 1 within three tenths of the steps, then falls to 0.

    Example:
        >>> round(one_cycle(0, 10), 3), one_cycle(3, 10)
        (0.333, 1.0)
    """
    place = step / steps
    if place < _PEAK:
        return _START + (1 - _START) * 0.5 * (1 - math.cos(math.pi * place / _PEAK))
    return 0.5 * (1 + math.cos(math.pi * (place - _PEAK) / (1 - _PEAK)))


def compete(
    contenders: Mapping[str, Contender],
    parts: tuple[Data, Data, Data],
    symmetry: Symmetry,
    trial: Trial,
    seed: int,
) -> dict[str, Any]:
    """Train all contenders on the same samples.

    Args:
        contenders: By name.
        parts: Training, validation and test samples.
        symmetry: The material's.
        trial: How they are trained.
        seed: Of weights and batches.

    Returns:
        For each its ``error`` (squared, over the stress's mean square), the ``squares`` of every test sample that it is
        the mean of, its ``rate``, ``parameters`` and relative ``defect`` under the material's group.
    """
    train, validation, test = parts
    found: dict[str, Any] = {}
    for name, contender in contenders.items():
        tried = []
        for rate in trial.rates if not contender.fitted else trial.rates[:1]:
            model = trained(contender, train, trial, rate, seed)
            tried.append((float(squares(model, validation).mean()), rate, model))
        finite = [one for one in tried if math.isfinite(one[0])] or tried
        _, rate, best = min(finite, key=lambda one: one[0])
        found[name] = told(best, test, symmetry, seed) | {"rate": rate}
        if contender.average_after is not None:
            after = exact(best, contender.average_after)
            found[f"{name}, averaged at test time"] = told(after, test, symmetry, seed) | {"rate": rate}
    return found


def exact(model: nn.Module, symmetry: Symmetry) -> nn.Module:
    """The average over a finite group, in one pass."""
    return average(model, symmetry, micro_batch=symmetry.group.order or 1, check=False)


def trained(contender: Contender, train: Data, trial: Trial, rate: float, seed: int) -> nn.Module:
    """One contender at one rate."""
    source = torch.Generator().manual_seed(1000 + seed)
    body = contender.make(source, train)
    model: nn.Module = body if contender.fitted else Scaled(body, *train)
    if contender.average is not None:
        model = exact(model, contender.average)
    if contender.fitted:
        return model
    plan = Plan(
        steps=trial.steps,
        learning_rate=rate,
        batch_size=trial.batch_size or None,
        schedule=one_cycle,
        optimizer="adamw",
        clip=1.0,
    )
    x, y = train
    size = y.square().mean()

    def loss(_: int, generator: torch.Generator) -> Tensor:
        rows = draw(len(x), plan.batch_size, generator) if plan.batch_size else torch.arange(len(x))
        strain, stress = x[rows], y[rows]
        if contender.augment is not None:
            g = contender.augment.group.sample(len(rows), generator)
            (strain,), stress = contender.augment.act_inputs(g, (strain,)), contender.augment.act_outputs(g, stress)
        made: Tensor = (model(strain) - stress).square().mean() / size
        return made

    Run(model.parameters(), loss, plan, seed=seed, not_finite="stop").train()
    return model


def squares(model: nn.Module, data: Data) -> Tensor:
    """Squared error of every sample over the mean square of the stresses."""
    with torch.no_grad():
        away: Tensor = model(data[0]) - data[1]
        return away.square().flatten(1).mean(1) / data[1].square().mean()


def told(model: nn.Module, test: Data, symmetry: Symmetry, seed: int) -> dict[str, Any]:
    """What a trained network is told by."""
    each = squares(model, test)
    moved = (test[0][:16],)
    elements = symmetry.group.sample(len(moved[0]), torch.Generator().manual_seed(seed))
    found = defect(copy.deepcopy(model), symmetry, moved, [elements], norm="squares").mean
    return {
        "error": float(each.mean()),
        "squares": [float(f"{one:.5g}") for one in each.tolist()],
        "parameters": sum(p.numel() for p in model.parameters()),
        "defect": float(found),
    }
