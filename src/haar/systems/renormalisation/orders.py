"""How near cumulants come that are followed through networks: trained graph networks, and random ones beside peers.

The rules of peers are ours to compute, formula by formula; what needs a package of its own is in
``benchmarks/cumulants.py``.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.moments import Gaussian, controlled_moments, propagate
from haar.moments.joint import Independent, InputLaw
from haar.moments.normal import cdf, pdf
from haar.systems.experiment import Json
from haar.systems.renormalisation.ensemble import Ensemble
from haar.systems.renormalisation.evaluation import find_law
from haar.systems.renormalisation.nonlinearity import CLOSED_FORMS

ORDERS: dict[str, tuple[int | str, str | None]] = {
    "order 2": (2, None),
    "order 2+": ("2+", None),
    "order 3": (3, None),
    "order 3, factors": (3, "factored"),
}
"""Names in tables, and what `haar.moments.propagate` is asked for."""

FUSED_DRAWS = 8192
FEW_DRAWS = 2000
"""Plain draws that cost about as much as order 2, in networks of width 32 to 512."""
_SAMPLES = 9_000_011
_CHUNK = 8192

Moments = tuple[Float[Tensor, "outputs"], Float[Tensor, "outputs outputs"]]


@torch.no_grad()
def graph_gaps(nets: Ensemble, law: str, samples: int, seed: int = 0) -> Json:
    """Gaps between propagated and sampled moments of every network.

    Args:
        nets: Networks with one output.
        law: Law of a coordinate.
        samples: Number of Monte Carlo samples.
        seed: Seed of these.

    Returns:
        For every order and every network the gap of the mean over the sampled standard deviation, and that of the
        variance over the sampled variance; ``fused`` is order 3 in factors with controlled draws.

    Example:
        >>> from haar.systems.renormalisation import GraphEnsemble, Sizes
        >>> nets = GraphEnsemble("ring", "shared", "linear", Sizes(4, 2, 1), seeds=[0])
        >>> max(graph_gaps(nets, "gauss", 4000)["order 2"][0]) < 0.1
        True
    """
    chosen = find_law(law)
    joint = Independent.same(chosen, nets.inputs)
    x = chosen.sample((samples, nets.inputs), torch.Generator().manual_seed(_SAMPLES + seed))
    found: Json = {name: [] for name in (*ORDERS, "fused", "sampled")}
    for index in range(nets.networks):
        member = nets.member(index)
        y = torch.cat([member(part)[:, 0] for part in x.split(_CHUNK)])
        mean, variance = float(y.mean()), float(y.var())
        found["sampled"].append([mean, variance])
        results = {
            name: propagate(member, joint, order=order, backend=backend, activations=CLOSED_FORMS)
            for name, (order, backend) in ORDERS.items()
        }
        draws = torch.Generator().manual_seed(2 * _SAMPLES + seed + index)
        drawn = controlled_moments(member, joint, FUSED_DRAWS, generator=draws)
        ends = {name: (result.mean, result.cov) for name, result in results.items()}
        fused = drawn.fused_with(results["order 3, factors"])
        for name, (level, cov) in {**ends, "fused": (fused.mean, fused.cov)}.items():
            gaps = abs(float(level[0]) - mean) / variance**0.5, abs(float(cov[0, 0]) - variance) / variance
            found[name].append(gaps)
    return found


@torch.no_grad()
def random_network_errors(width: int, hidden: int, *, seed: int, draws: int) -> Json:
    """Errors of every order, and of the rules of peers, on a ReLU network with random weights, input N(0, I).

    Args:
        width: Units of every layer, and inputs and outputs.
        hidden: Number of hidden layers.
        seed: Seed of the weights N(0, 2/fan_in) and of the draws.
        draws: Number of draws that stand for the truth.

    Returns:
        For every rule the mean over outputs of |error of the mean| / sd, and the relative Frobenius error of the
        covariance; ``truth`` is that of the sample itself.

    Example:
        >>> found = random_network_errors(4, 1, seed=0, draws=20_000)
        >>> found["order 2"][0] < found["linearised"][0]
        True
    """
    source = torch.Generator().manual_seed(seed)
    model = he_network(width, hidden, source)
    law = Gaussian(torch.zeros(width), 1.0)
    truth, again = (sampled_moments(model, width, draws // 2, source) for _ in range(2))
    middle = (truth[0] + again[0]) / 2, (truth[1] + again[1]) / 2
    rules: dict[str, Moments] = {"linearised": _propagated(model, law, 1, None)}
    start = torch.zeros(width, dtype=torch.float64), torch.eye(width, dtype=torch.float64)
    rules |= {name: layer_by_layer(model, *start, rule) for name, rule in PEER_RULES.items()}
    rules |= {name: _propagated(model, law, order, backend) for name, (order, backend) in ORDERS.items()}
    rules[f"{FEW_DRAWS} draws"] = sampled_moments(model, width, FEW_DRAWS, source)
    own = [error / 2.0 for error in _errors(again, truth)]  # of the mean of two halves
    return {**{name: _errors(found, middle) for name, found in rules.items()}, "truth": own}


def he_network(width: int, hidden: int, source: torch.Generator) -> nn.Sequential:
    """A ReLU network of equal widths, weights N(0, 2/fan_in), no biases, float64.

    Example:
        >>> len(he_network(4, 2, torch.Generator()))
        5
    """
    parts: list[nn.Module] = []
    for fan_in, out in itertools.pairwise([width] * (hidden + 2)):
        linear = nn.Linear(fan_in, out, bias=False, dtype=torch.float64)
        start = torch.randn(out, fan_in, dtype=torch.float64, generator=source)
        linear.weight = nn.Parameter(math.sqrt(2.0 / fan_in) * start)
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def sampled_moments(model: nn.Module, inputs: int, draws: int, source: torch.Generator) -> Moments:
    """Mean and covariance of the outputs on N(0, I), run in float32 and added up in float64.

    Example:
        >>> sampled_moments(nn.Linear(2, 3), 2, 100, torch.Generator())[1].shape
        torch.Size([3, 3])
    """
    run = copy.deepcopy(model).float()
    total, square = torch.zeros(1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    for start in range(0, draws, _CHUNK):
        y = run(torch.randn(min(_CHUNK, draws - start), inputs, generator=source)).double()
        total, square = total + y.sum(0), square + y.mT @ y
    mean = total / draws
    return mean, (square - draws * torch.outer(mean, mean)) / (draws - 1)


def _propagated(model: nn.Module, law: InputLaw, order: int | str, backend: str | None) -> Moments:
    found = propagate(model, law, order=order, backend=backend)
    return found.mean, found.cov


def _errors(found: Moments, truth: Moments) -> list[float]:
    sd = truth[1].diagonal().sqrt()
    gap = torch.linalg.matrix_norm(found[1] - truth[1]) / torch.linalg.matrix_norm(truth[1])
    return [float(((found[0] - truth[0]).abs() / sd).mean()), float(gap)]


Rule = Callable[[Tensor, Tensor], Moments]


def layer_by_layer(
    model: nn.Sequential, mean: Float[Tensor, "units"], cov: Float[Tensor, "units units"], rule: Rule
) -> Moments:
    """Mean and covariance when every ReLU is followed by a rule of its own.

    Args:
        model: Linear layers with ReLUs between.
        mean: Means of the input.
        cov: Covariance of the input.
        rule: From mean and covariance before a ReLU to those after it.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2, dtype=torch.float64))
        >>> layer_by_layer(model, torch.zeros(2).double(), torch.eye(2).double(), zero_mean_pairs)[1].shape
        torch.Size([2, 2])
    """
    for part in model:
        if isinstance(part, nn.Linear):
            mean, cov = mean @ part.weight.mT, part.weight @ cov @ part.weight.mT
            mean = mean if part.bias is None else mean + part.bias
        else:
            mean, cov = rule(mean, cov)
    return mean, cov


def zero_mean_pairs(mean: Float[Tensor, "units"], cov: Float[Tensor, "units units"]) -> Moments:
    """The rule of network_moments (Bibi et al., CVPR 2018): exact means and variances, pairs as if of mean zero.

    Example:
        >>> zero_mean_pairs(torch.zeros(2), torch.eye(2))[1][0, 1].item()
        0.0
    """
    level, variance = _alone(mean, cov)
    sd = cov.diagonal().clamp(min=0.0).sqrt()
    scale = torch.outer(sd, sd)
    r = (cov / scale.clamp(min=torch.finfo(cov.dtype).tiny)).clamp(-1.0, 1.0)
    pairs = scale * ((1.0 - r.square()).sqrt() + r * (math.pi - torch.arccos(r)) - 1.0) / (2.0 * math.pi)
    return level, pairs - torch.diag(pairs.diagonal()) + torch.diag(variance)


def first_order_pairs(mean: Float[Tensor, "units"], cov: Float[Tensor, "units units"]) -> Moments:
    """The rule of torch-adf with full covariances: exact means, the covariance of slopes Phi_i Phi_j S_ij.

    Example:
        >>> first_order_pairs(torch.zeros(2), torch.eye(2))[1][0, 0].item()
        0.25
    """
    level, _ = _alone(mean, cov)
    slope = cdf(mean / cov.diagonal().clamp(min=0.0).sqrt())
    return level, torch.outer(slope, slope) * cov


PEER_RULES: dict[str, Rule] = {"torch-adf's rule": first_order_pairs, "network_moments' rule": zero_mean_pairs}
"""Rules of peers that follow means and covariances."""


def _alone(mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
    """Exact mean and variance of every ReLU of a normal variable."""
    sd = cov.diagonal().clamp(min=0.0).sqrt()
    a = mean / sd
    level = mean * cdf(a) + sd * pdf(a)
    return level, (mean.square() + sd.square()) * cdf(a) + mean * sd * pdf(a) - level.square()
