"""Charged particles in space: where they are ten frames later (at any size)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Defining, Symmetry, Vector, direct_sum
from haar.actions.representation import Trivial
from haar.data.particles import charged_particles
from haar.data.published import read_particles
from haar.errors import ArgumentError
from haar.groups import O
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.side_branch import with_side_branches
from haar.systems.adaptive_constrained_equivariance.particle_network import ParticleNetwork, everyone
from haar.systems.adaptive_constrained_equivariance.steerable_network import SteerableNetwork
from haar.systems.adaptive_constrained_equivariance.task import PARTS, Task

_SPACE = O(3)
_VECTOR = Defining(_SPACE)
_ROW = direct_sum([_VECTOR, _VECTOR, Trivial(_SPACE)])
#: What published files call the parts.
_PUBLISHED = {"train": "train", "validation": "valid", "test": "test"}
#: Message-passing networks with branches, by name.
NETWORKS = ("steerable", "messages")
Pairs = tuple[Float[Tensor, "sample particle 7"], Float[Tensor, "sample particle 3"]]


@dataclass(frozen=True)
class ChargedTask(Task):
    """Positions, velocities and charges at one frame to positions at a later one.

    Args:
        particles: Number of charged particles.
        start: Frame that is given.
        stop: Frame to be predicted.
        network: ``"steerable"`` (SEGNN, the source's) or ``"messages"`` (EGNN).
        hidden: Width of the network; of a steerable one the dimension of its scalars and vectors together.
        layers: Its number of layers.
        pool: Trajectories generated for each part, from which samples are drawn.
        files: Folder of the published files, instead of generated data.

    Raises:
        ArgumentError: If the frames are not in order, or there is no such network.
    """

    particles: int = 5
    start: int = 30
    stop: int = 40
    network: str = "steerable"
    hidden: int = 32
    layers: int = 3
    pool: int = 1000
    files: str = ""
    beta: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ArgumentError("stop", expected=f"a frame after start = {self.start}", got=self.stop)
        if self.network not in NETWORKS:
            raise ArgumentError("network", expected=f"one of {', '.join(NETWORKS)}", got=repr(self.network))

    @property
    def symmetry(self) -> Symmetry:
        """Rotations and reflections of space; every particle's row turns alike."""
        return Symmetry(_SPACE, Vector(_ROW), Vector(_VECTOR))

    def sample(self, part: str, count: int, generator: torch.Generator) -> Pairs:
        """Trajectories of one part, without replacement; at most as many as there are."""
        x, y = self._pairs(part)
        chosen = torch.randperm(len(x), generator=generator)[:count]
        return x[chosen], y[chosen]

    def model(
        self, generator: torch.Generator, branches: torch.Generator, *, mode: str = "weight", kappa: bool = True
    ) -> Homotopy:
        """`SteerableNetwork` or `ParticleNetwork`, their side branches being what breaks the symmetry."""
        del branches, mode, kappa
        network: nn.Module
        if self.network == "steerable":
            network = SteerableNetwork(max(1, self.hidden // 4), layers=self.layers, generator=generator)
        else:
            near = everyone(self.particles)
            network = ParticleNetwork(
                1, near, pair_scalars=1, hidden=self.hidden, layers=self.layers, generator=generator
            )
        example = torch.randn(2, self.particles, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return with_side_branches(network, self.symmetry, example=example)

    def moving(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Places and velocities, as every row has them."""
        return x[..., :3], x[..., 3:6]

    def _pairs(self, part: str) -> Pairs:
        if self.files:
            return _published(self.files, _PUBLISHED[part], self.start, self.stop)
        return _generated(self.pool, self.particles, self.start, self.stop, PARTS.index(part))


@lru_cache(maxsize=3)
def _generated(pool: int, particles: int, start: int, stop: int, part: int) -> Pairs:
    data = charged_particles(pool, particles=particles, frames=stop + 1, seed=97 + part)
    return _rows(*data.pairs(start, stop))


@lru_cache(maxsize=3)
def _published(folder: str, part: str, start: int, stop: int) -> Pairs:
    return _rows(*read_particles(Path(folder), part).pairs(start, stop))


def _rows(x: Tensor, v: Tensor, q: Tensor, y: Tensor) -> Pairs:
    return torch.cat([x, v, q.unsqueeze(-1)], -1).float(), y.float()
