"""Samples alone: laws with and without a rotation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.discover import law
from haar.discover.gates import largest_angle
from haar.groups import SO

_FRAMES = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0]], dtype=torch.float64)


def laws(samples: int, seed: int) -> dict[str, Any]:
    """Rotated frames, exponential, clusters and Gaussian, each in mixed coordinates."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    found = {}
    for name in ("frames", "exponential", "clusters", "gaussian"):
        one = law(_drawn(name, samples, generator) @ mixing.T, seed=seed)
        own: dict[str, Any] = {"accepted": one.accepted, "gaussian": one.gaussian}
        if name == "frames":
            back = torch.linalg.inv(mixing)
            directions = back @ one.space.matrix(one.spectrum.vectors[:3]) @ mixing
            planted = torch.stack([torch.block_diag(g, g) for g in SO(3).algebra])
            own["angle"] = largest_angle(directions, planted)
        found[name] = own
    return found


def _drawn(name: str, count: int, generator: torch.Generator) -> Tensor:
    if name == "frames":
        turns = SO(3).sample(count, generator)
        return torch.einsum("bij,kj->bki", turns, _FRAMES).flatten(1)
    if name == "exponential":
        return torch.empty(count, 6, dtype=torch.float64).exponential_(generator=generator)
    normal = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    if name == "gaussian":
        return normal
    centres = 2 * torch.randn(4, 6, generator=generator, dtype=torch.float64)
    spreads = 0.4 + torch.rand(4, 6, generator=generator, dtype=torch.float64)
    which = torch.randint(4, (count,), generator=generator)
    return centres[which] + spreads[which] * normal
