"""Symmetry breaking and restoration in training: when hidden units stay equal, part, or become equal again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.systems.renormalisation.block import one_shot
from haar.systems.renormalisation.breaking import BreakingLog
from haar.systems.renormalisation.ensemble import PerceptronEnsemble
from haar.systems.renormalisation.families import Sizes
from haar.systems.renormalisation.training import fit
from haar.training import Plan
from haar.weights import StaticBias


@dataclass(frozen=True)
class Scenario:
    """How a training starts and what pulls on it.

    Args:
        title: What figures call it.
        equal: Whether all units start equal.
        noise: Standard deviation of what is added to the free parameters at the start.
        decay: L2 penalty, decay/2 |theta|^2.
        bias: Standard deviation of a static bias; 0 for none.
    """

    title: str
    equal: bool = True
    noise: float = 0.0
    decay: float = 0.0
    bias: float = 0.0


SCENARIOS: Mapping[str, Scenario] = {
    "symmetric": Scenario("equal units"),
    "perturbed": Scenario("equal units + 1e-3", noise=1e-3),
    "decayed": Scenario("equal units + 1e-3, decay", noise=1e-3, decay=1e-2),
    "biased": Scenario("equal units + 1e-3, decay, static bias", noise=1e-3, decay=1e-2, bias=0.3),
    "generic": Scenario("random units", equal=False),
}
"""Five starts, from exactly symmetric to generic."""


@torch.no_grad()
def equalise_units(ensemble: PerceptronEnsemble) -> None:
    """Give all units of a free network with one hidden layer the parameters of the first one, in place.

    Raises:
        ArgumentError: If the networks are not free or are deeper.

    Example:
        >>> from haar.systems.renormalisation import hidden_units
        >>> from haar.weights import breaking_distance
        >>> nets = PerceptronEnsemble("free", "relu", Sizes(), seeds=[0])
        >>> equalise_units(nets)
        >>> breaking_distance(hidden_units(nets)).item() < 1e-30
        True
    """
    if ensemble.family.name != "free" or ensemble.sizes.depth != 1:
        raise ArgumentError("ensemble", expected="free networks with one hidden layer", got=ensemble.name)
    for name in ("weight0", "bias0"):
        ensemble.free[name].copy_(ensemble.free[name][:, :1].expand_as(ensemble.free[name]).clone())
    out = ensemble.free["out_weight"]
    out.copy_(out[:, :, :1].expand_as(out).clone())


def run_scenario(
    scenario: Scenario,
    x: Float[Tensor, "*networks samples inputs"],
    seeds: Sequence[int],
    *,
    activation: str = "quadratic",
    width: int = 16,
    steps: int = 2000,
    every: int = 20,
) -> BreakingLog:
    """Train free networks with one hidden layer on the exact map and log the breaking of the symmetry of their units.

    Args:
        scenario: Start and pull.
        x: Inputs of the training set.
        seeds: One a network.
        activation: Activation of the hidden units.
        width: Number of hidden units.
        steps: Adam steps at 1e-2, all of them: a rate that falls to 0 would end a restoration before it is done.
        every: Steps between entries of the log.

    Example:
        >>> x = torch.randn(32, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> log = run_scenario(SCENARIOS["symmetric"], x, [0], width=4, steps=20)
        >>> log.distance[-1].item() < 1e-12
        True
    """
    nets = PerceptronEnsemble("free", activation, Sizes(x.shape[-1], width, 1), seeds=seeds)
    if scenario.equal:
        equalise_units(nets)
    with torch.no_grad():
        for row, seed in enumerate(seeds):
            source = torch.Generator().manual_seed(1_000_003 + seed)
            for value in nets.free.values():
                value[row] += scenario.noise * torch.randn(value[row].shape, dtype=torch.float64, generator=source)
    log = BreakingLog(every=every)
    y, plan = one_shot(x), Plan(steps=steps, learning_rate=1e-2)
    model: nn.Module = nets
    if scenario.bias > 0:
        biased = StaticBias(nets, scale=scenario.bias, seed=seeds[0], weighted=True)
        fit(
            biased,
            x,
            y,
            plan=plan,
            penalty=lambda: biased.decay(scenario.decay),
            observer=log,
        )
        model = biased
    else:
        fit(nets, x, y, plan=replace(plan, weight_decay=scenario.decay), observer=log)
    with torch.no_grad():
        log(steps if steps % every == 0 else every * (steps // every + 1), model, (model(x) - y).square().mean(-1))
    return log
