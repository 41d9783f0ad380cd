"""Training on few samples: an equivariant network and plain ones, each at the best of the same learning rates."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.probing import defect, in_double_precision, undisturbed
from haar.systems.intertwiners.tasks import EQUAL_WIDTH, TASKS
from haar.training import Plan, Run, draw

EQUIVARIANT, AUGMENTED = "equivariant", "plain, equal width, augmented"


def learn(task: str, samples: int, seed: int, *, rates: Sequence[float], steps: int, test: int) -> dict[str, Any]:
    """Train all networks on the same samples.

    Every network is trained at every rate, and the one with the least error on validation samples, as many as there
    are training samples, is the one that counts.

    Args:
        task: One of `TASKS`.
        samples: Number of training samples.
        seed: Seed of samples and weights.
        rates: Learning rates that every network may try.
        steps: Steps of Adam with a cosine schedule.
        test: Held-out samples.

    Returns:
        For each network its ``error`` (mean square over the targets' variance), its ``rate``, its ``parameters``, and
        the relative ``defect`` under random elements.
    """
    chosen = TASKS[task]
    generator = torch.Generator().manual_seed(1000 + seed)
    held_out = chosen.samples(test, generator)
    x, y = chosen.samples(2 * samples, generator)
    training, validation = (x[:samples], y[:samples]), (x[samples:], y[samples:])
    equivariant = chosen.equivariant(torch.Generator().manual_seed(seed))
    symmetry = equivariant.symmetry
    networks: dict[str, nn.Module] = {EQUIVARIANT: equivariant}
    with undisturbed():
        for number, (name, make) in enumerate(chosen.plain.items()):
            torch.manual_seed(10 * seed + number)
            networks[name] = make()
    networks[AUGMENTED] = copy.deepcopy(networks[EQUAL_WIDTH])
    moved = (held_out[0][:32].double(),)
    elements = symmetry.group.sample(len(moved[0]), torch.Generator().manual_seed(seed))
    found = {}
    for name, start in networks.items():
        tried = []
        for rate in rates:
            model = copy.deepcopy(start)
            plan = Plan(steps=steps, learning_rate=rate, batch_size=chosen.batch_size, schedule="cosine")
            _fit(model, training, plan, symmetry if name == AUGMENTED else None)
            tried.append((error(model, *validation), rate, model))
        _, rate, best = min(tried, key=lambda one: one[0])
        found[name] = {
            "error": error(best, *held_out),
            "rate": rate,
            "parameters": sum(p.numel() for p in best.parameters()),
            "defect": defect(in_double_precision(best), symmetry, moved, [elements], norm="squares").mean,
        }
    return found


def _fit(model: nn.Module, data: tuple[Tensor, Tensor], plan: Plan, augment: Symmetry | None) -> None:
    """Train on the mean squared error, the samples moved by random elements if there is a symmetry to augment with."""

    def loss(_: int, generator: torch.Generator) -> Tensor:
        rows = draw(len(data[0]), plan.batch_size or len(data[0]), generator)
        x, y = data[0][rows], data[1][rows]
        if augment is not None:
            g = augment.group.sample(len(rows), generator)
            (x,), y = augment.act_inputs(g, (x,)), augment.act_outputs(g, y)
        return nn.functional.mse_loss(model(x), y)

    Run(model.parameters(), loss, plan).train()


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Mean squared error over the variance of the targets; 1 is predicting their mean."""
    with torch.no_grad():
        return float((model(x) - y).square().mean() / (y - y.mean(0)).square().mean())
