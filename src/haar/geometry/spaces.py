"""Spaces of constant curvature in their usual charts: what to try things on."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def flat(z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
    """The Euclidean metric.

    Example:
        >>> flat(torch.zeros(1, 2)).tolist()
        [[[1.0, 0.0], [0.0, 1.0]]]
    """
    return torch.diag_embed(torch.ones_like(z))


def sphere(z: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2 2"]:
    """The unit sphere in angles (theta from the pole, phi); scalar curvature 2.

    Example:
        >>> sphere(torch.tensor([[torch.pi / 2, 0.0]])).tolist()
        [[[1.0, 0.0], [0.0, 1.0]]]
    """
    return torch.diag_embed(torch.stack([torch.ones_like(z[:, 0]), z[:, 0].sin() ** 2], -1))


def half_plane(z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
    """Hyperbolic space above the plane where the last coordinate is zero; scalar curvature -d (d - 1).

    Example:
        >>> half_plane(torch.tensor([[0.0, 2.0]])).tolist()
        [[[0.25, 0.0], [0.0, 0.25]]]
    """
    return torch.diag_embed((1 / z[:, -1:] ** 2).expand_as(z))


def poincare_disc(z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
    """Hyperbolic space in the unit ball; scalar curvature -d (d - 1).

    Example:
        >>> poincare_disc(torch.zeros(1, 2)).tolist()
        [[[4.0, 0.0], [0.0, 4.0]]]
    """
    scale = 4 / (1 - z.square().sum(-1, keepdim=True)) ** 2
    return torch.diag_embed(scale.expand_as(z))
