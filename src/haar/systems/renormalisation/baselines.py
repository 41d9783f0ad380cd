"""What needs no nonlinear network: the mean of the targets, least squares, and a network that was not trained."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.statistics import least_squares as fitted
from haar.systems.renormalisation.block import one_shot
from haar.systems.renormalisation.ensemble import PerceptronEnsemble
from haar.systems.renormalisation.families import Sizes


@torch.no_grad()
def mean_of_targets(x: Float[Tensor, "networks samples inputs"]) -> PerceptronEnsemble:
    """The mean of the training targets, whatever comes in.

    Example:
        >>> x = torch.ones(1, 3, 4, dtype=torch.float64)
        >>> mean_of_targets(x)(torch.zeros(2, 4).double()).tolist()
        [[2.0, 2.0]]
    """
    return _affine(torch.zeros_like(x[:, 0]), one_shot(x).mean(-1))


@torch.no_grad()
def least_squares(x: Float[Tensor, "networks samples inputs"]) -> PerceptronEnsemble:
    """The linear model with an intercept that fits the training targets best, to twelve decimals.

    What is beyond them is rounding, which differs from one processor to the next.

    Example:
        >>> x = torch.randn(1, 9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> bool(torch.allclose(least_squares(x)(x), one_shot(x)))
        True
    """
    design = torch.cat([x, torch.ones_like(x[..., :1])], -1)
    solved = fitted(design, one_shot(x)[..., None])[..., 0].round(decimals=12)
    return _affine(solved[:, :-1], solved[:, -1])


def _affine(slope: Float[Tensor, "networks inputs"], level: Float[Tensor, " networks"]) -> PerceptronEnsemble:
    nets = PerceptronEnsemble("free", "linear", Sizes(slope.shape[-1], 1, 1), seeds=range(len(slope)))
    nets.free["weight0"].copy_(slope[:, None])
    nets.free["bias0"].zero_()
    nets.free["out_weight"].fill_(1.0)
    nets.free["out_bias"].copy_(level[:, None])
    return nets
