"""Samples alone: laws with and without a rotation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.discover import law
from haar.discover.gates import largest_angle
from haar.groups import SO

_FRAMES = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)


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
        frames = torch.einsum("bij,kj->bki", turns, _FRAMES)
        length = torch.where(torch.rand(count, generator=generator) < 0.5, 0.4, 1.6).to(torch.float64)
        return torch.cat([length[:, None] * frames[:, 0], frames[:, 1]], 1)  # or the two could be mixed as well
    if name == "exponential":
        return torch.empty(count, 6, dtype=torch.float64).exponential_(generator=generator)
    normal = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    if name == "gaussian":
        return normal
    centres = 2 * torch.randn(4, 6, generator=generator, dtype=torch.float64)
    spreads = 0.4 + torch.rand(4, 6, generator=generator, dtype=torch.float64)
    which = torch.randint(4, (count,), generator=generator)
    return centres[which] + spreads[which] * normal
