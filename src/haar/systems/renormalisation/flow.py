"""The learned flow: a trained network applied to its own output, block by block, beside the exact flow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.kstatistics import kstats
from haar.moments.laws import Law
from haar.systems.renormalisation.block import block_step, cumulant_flow
from haar.systems.renormalisation.ensemble import Ensemble
from haar.systems.renormalisation.evaluation import outputs


@dataclass(frozen=True)
class Flow:
    """Cumulants of orders 1 to 4 after every step.

    Args:
        learned: k-statistics of every network's output.
        errors: Their standard errors.
        sampled: The exact map on the same chain.
        exact: The truth; NaN where a cumulant does not exist.
    """

    learned: Float[Tensor, "networks levels 4"]
    errors: Float[Tensor, "networks levels 4"]
    sampled: Float[Tensor, "levels 4"]
    exact: Float[Tensor, "levels 4"]


@torch.no_grad()
def learned_flow(ensemble: Ensemble, law: Law, *, steps: int = 5, blocks: int = 4096, seed: int = 0) -> Flow:
    """Coarse-grain one long chain of independent variables with the network instead of the exact map.

    The chain has blocks * b^steps sites, so the variables are independent at every level and nothing is drawn twice.

    Args:
        ensemble: Networks with b inputs.
        law: Law of a site.
        steps: How often the map is applied.
        blocks: Sites that are left in the end.
        seed: Seed of the chain.

    Raises:
        ArgumentError: If there is no step or fewer than four sites are left.

    Example:
        >>> from haar.moments.laws import Laplace
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes
        >>> nets = PerceptronEnsemble("odd", "quadratic", Sizes(2, 4, 1), seeds=[0])
        >>> learned_flow(nets, Laplace(), steps=2, blocks=50).learned.shape
        torch.Size([1, 3, 4])
    """
    if steps < 1 or blocks < 4:
        raise ArgumentError("steps, blocks", expected="at least 1 step and 4 blocks", got=f"{steps}, {blocks}")
    b = ensemble.inputs
    sites = law.sample(blocks * b**steps, torch.Generator().manual_seed(seed))
    truth, learned = sites, sites.expand(ensemble.networks, -1)
    first = kstats(learned.mT)
    values, errors, sampled = [first.values.mT], [first.errors.mT], [first.values[:, 0]]
    for _ in range(steps):
        truth = block_step(truth, b)
        learned = outputs(ensemble, learned.unflatten(-1, (-1, b)))
        found = kstats(learned.mT)
        values.append(found.values.mT)
        errors.append(found.errors.mT)
        sampled.append(kstats(truth).values)
    exact = [[float("nan") if k is None else float(k) for k in row] for row in cumulant_flow(law, steps, b)]
    return Flow(
        torch.stack(values, 1), torch.stack(errors, 1), torch.stack(sampled), torch.tensor(exact, dtype=torch.float64)
    )
