"""What a collision costs a site at inference: multiplications, and time side by side on one thread."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from haar.systems.lattice_boltzmann.contenders import contender
from haar.systems.lattice_boltzmann.frozen import FrozenCollision, freeze
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.vortices import exactness

#: Sites of a call, and calls of every collision, which take turns.
_SITES, _ROUNDS = 256, 9


def costs(name: str, channels: int, seed: int) -> dict[str, Any]:
    """Of a perceptron, its average over the group, and equivariant networks, on one stencil.

    Args:
        name: Of the stencil.
        channels: Copies of the populations in the equivariant network.
        seed: Of weights and populations.
    """
    stencil = Stencil.named(name)
    models = {
        key: contender(key, stencil, viscosity=1 / 30, channels=channels, seed=seed)
        for key in ("naive", "gavg", "lenn", "locked")
    }
    frozen = {key: freeze(model) for key, model in models.items()}
    f = torch.rand(_SITES, stencil.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5
    times = _timed(frozen, f)
    found: dict[str, Any] = {}
    for key, model in models.items():
        found[key] = {"time": times[key], "multiplications": multiplications(frozen[key])}
        if key != "naive":
            found[key] |= exactness(frozen[key] if key == "gavg" else model, stencil, seed)
    return found


def multiplications(frozen: nn.Module) -> int:
    """Of the matrices that a frozen collision applies to a site.

    Args:
        frozen: As `freeze` makes it.
    """
    if not isinstance(frozen, FrozenCollision):
        return 0
    weights = [frozen.get_buffer(f"weight{place}").numel() for place in range(frozen.depth)]
    inner = weights[0] + frozen.copies * sum(weights[1:])  # the first layer holds its copies already
    return inner + frozen.forward_part.numel() + frozen.kept_part.numel()


def _timed(frozen: dict[str, nn.Module], f: torch.Tensor) -> dict[str, float]:
    """Least seconds a site; the collisions take turns, so that what else goes on hits all alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken: dict[str, list[float]] = {key: [] for key in frozen}
        with torch.no_grad():
            for turn in range(_ROUNDS + 1):
                for key, collision in frozen.items():
                    begun = time.perf_counter()
                    collision(f)
                    if turn:  # the first one warms up
                        taken[key].append((time.perf_counter() - begun) / len(f))
    finally:
        torch.set_num_threads(threads)
    return {key: min(values) for key, values in taken.items()}
