"""Training on few samples: an equivariant network, plain ones, each at the best of the same rates, and no network."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.probing import defect, in_double_precision, undisturbed
from haar.systems.intertwiners.tasks import EQUAL_WIDTH, TASKS
from haar.training import Plan, Run, draw

EQUIVARIANT, AUGMENTED = "equivariant", "plain, equal width, augmented"
#: What is fitted in closed form: the mean of the targets, and the linear map of least squares.
MEAN, LINEAR = "the mean", "linear"
#: Strengths of the ridge that the linear map may try, over the mean square of the inputs.
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def learn(task: str, samples: int, seed: int, *, rates: Sequence[float], steps: int, test: int) -> dict[str, Any]:
    """Train all networks on the same samples.

    Every network is trained at every rate, and the one with the least error on validation samples, as many as there
    are training samples, is the one that counts. The linear map may try ridges in the place of rates.

    Args:
        task: One of `TASKS`.
        samples: Number of training samples.
        seed: Seed of samples and weights.
        rates: Learning rates that every network may try.
        steps: Steps of Adam with a cosine schedule.
        test: Held-out samples.

    Returns:
        For each network its ``error`` (mean square over the targets' variance), the ``squares`` of every held-out
        sample that it is the mean of, its ``rate`` (0 for the mean), its ``parameters``, and the relative ``defect``
        under random elements.
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

    def broken(model: nn.Module) -> float:
        return defect(in_double_precision(model), symmetry, moved, [elements], norm="squares").mean

    found = {}
    for name in (MEAN, LINEAR):
        trials = [(Affine(*training, ridge), ridge) for ridge in (_RIDGES if name == LINEAR else (math.inf,))]
        best, rate = min(trials, key=lambda one: error(one[0], *validation))
        found[name] = _told(best, 0.0 if name == MEAN else rate, held_out, broken)
    for name, start in networks.items():
        tried = []
        for rate in rates:
            model = copy.deepcopy(start)
            plan = Plan(steps=steps, learning_rate=rate, batch_size=chosen.batch_size, schedule="cosine")
            _fit(model, training, plan, symmetry if name == AUGMENTED else None)
            tried.append((error(model, *validation), rate, model))
        _, rate, chosen_network = min(tried, key=lambda one: one[0])
        found[name] = _told(chosen_network, rate, held_out, broken)
    return found


class Affine(nn.Module):
    """The affine map of least squares with a ridge, from samples; with an infinite one the mean of the targets.

    Args:
        x: Inputs.
        y: Targets.
        ridge: Over the mean square of the centred inputs.
    """

    def __init__(self, x: Tensor, y: Tensor, ridge: float) -> None:
        super().__init__()
        inputs, targets = x.flatten(1).double(), y.flatten(1).double()
        centre, middle = inputs.mean(0), targets.mean(0)
        weight = torch.zeros(targets.shape[1], inputs.shape[1], dtype=torch.float64)
        if math.isfinite(ridge):
            centred = inputs - centre
            gram = centred @ centred.T
            added = ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
            weight = (centred.T @ torch.linalg.solve(gram + added, targets - middle)).T
        self.shape = y.shape[1:]
        self.weight = nn.Parameter(weight.to(y.dtype)) if math.isfinite(ridge) else None
        self.bias = nn.Parameter((middle - weight @ centre).to(y.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Targets."""
        flat = x.flatten(1)
        out: Tensor = self.bias.expand(len(flat), -1) if self.weight is None else flat @ self.weight.T + self.bias
        shaped: Tensor = out.unflatten(1, self.shape)
        return shaped


def _told(
    model: nn.Module, rate: float, held_out: tuple[Tensor, Tensor], broken: Callable[[nn.Module], float]
) -> dict[str, Any]:
    squares = squared(model, *held_out)
    return {
        "error": float(squares.mean()),
        "squares": [float(f"{one:.5g}") for one in squares.tolist()],
        "rate": rate,
        "parameters": sum(p.numel() for p in model.parameters()),
        "defect": broken(model),
    }


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


def squared(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Squared error of every sample over the variance of the targets."""
    with torch.no_grad():
        away: Tensor = model(x) - y
        return away.square().flatten(1).mean(1) / (y - y.mean(0)).square().mean()


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Mean squared error over the variance of the targets; 1 is predicting their mean."""
    return float(squared(model, x, y).mean())
