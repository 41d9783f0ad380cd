"""A walking skeleton: where its joints are thirty frames later (generated or from published files)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions import Defining, Symmetry, Vector, direct_sum
from haar.actions.representation import Trivial
from haar.data.published import MOTION_SPLITS, MotionTrials, read_motion
from haar.groups import O
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.side_branch import with_side_branches
from haar.systems.adaptive_constrained_equivariance.particle_network import ParticleNetwork, listed
from haar.systems.adaptive_constrained_equivariance.task import PARTS, Task

_SPACE = O(3)
_VECTOR = Defining(_SPACE)
_JOINTS = 31
_FRAMES = 160
_TRIALS = 3
_HORIZON = 30
#: Windows of each part in the published protocol.
_WINDOWS = {"train": 200, "validation": 600, "test": 600}
_PUBLISHED = {"train": "train", "validation": "valid", "test": "test"}


@dataclass(frozen=True)
class WalkingTask(Task):
    """Positions and velocities of joints to their positions thirty frames later.

    The generated stand-in is a random tree of bones whose joints swing in three harmonics each while the whole walks
    ahead. Every trial is seen from its own direction of space: the task turns with O(3). With beta the body sags along
    the vertical as it goes, which no rotation but those about the vertical keeps.

    Args:
        beta: How much it sags.
        hidden: Width of the network.
        layers: Its number of layers.
        trials: Generated trials of each part.
        file: A published motion file, instead of generated data.
        motion: ``"walk"`` or ``"run"``: which of its trials are for training.
    """

    beta: float = 0.0
    hidden: int = 32
    layers: int = 2
    trials: int = 20
    file: str = ""
    motion: str = "walk"

    @property
    def symmetry(self) -> Symmetry:
        """Rotations and reflections of space; every joint's row turns alike."""
        row = direct_sum([_VECTOR, _VECTOR, Trivial(_SPACE)])
        return Symmetry(_SPACE, Vector(row), Vector(_VECTOR))

    def sample(
        self, part: str, count: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "sample joint 7"], Float[Tensor, "sample joint 3"]]:
        """Windows of one part, without replacement; at most as many as there are. The scalar is 1."""
        x, y = self._windows(part)
        chosen = torch.randperm(len(x), generator=generator)[:count]
        return x[chosen], y[chosen]

    def model(
        self, generator: torch.Generator, branches: torch.Generator, *, mode: str = "weight", kappa: bool = True
    ) -> Homotopy:
        """`ParticleNetwork` along bones, its side branches being what breaks the symmetry."""
        del branches, mode, kappa
        edges, apart = self._skeleton()
        joints = int(edges.max()) + 1
        neighbours = listed(edges, apart, joints)
        network = ParticleNetwork(1, neighbours, hidden=self.hidden, layers=self.layers, generator=generator)
        example = torch.randn(2, joints, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return with_side_branches(network, self.symmetry, example=example)

    def moving(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Places and velocities, as every row has them."""
        return x[..., :3], x[..., 3:6]

    def _skeleton(self) -> tuple[Int[Tensor, "2 edge"], Int[Tensor, " edge"]]:
        return (_read(self.file) if self.file else generated_walk(1, beta=0.0, seed=0)).graph()

    def _windows(self, part: str) -> tuple[Tensor, Tensor]:
        if self.file:
            trials, chosen = _read(self.file), MOTION_SPLITS[self.motion][_PUBLISHED[part]]
            return _rows(trials, chosen, _WINDOWS[part])
        return _generated(self.trials, self.beta, PARTS.index(part))


def generated_walk(trials: int, *, beta: float, seed: int, joints: int = _JOINTS) -> MotionTrials:
    """Trials of one random skeleton, each seen from its own direction; see `WalkingTask`.

    Args:
        trials: Number of trials to generate.
        beta: How much it sags along the second axis.
        seed: Seed of the trials; the skeleton and its gait are always the same.
        joints: Number of joints of the skeleton.
    """
    body = torch.Generator().manual_seed(5)
    parents = [int(torch.randint(max(0, k - 3), k, (1,), generator=body)) for k in range(1, joints)]
    offsets = 0.4 * torch.randn(joints, 3, generator=body, dtype=torch.float64)
    swing = 0.06 * torch.randn(3, joints, 3, generator=body, dtype=torch.float64)
    phase = 2 * math.pi * torch.rand(3, joints, 1, generator=body, dtype=torch.float64)
    draws = torch.Generator().manual_seed(1000 + seed)
    turned = _SPACE.sample(trials, draws).double()
    time = torch.arange(_FRAMES, dtype=torch.float64)[:, None, None]
    found = []
    for turn in turned:
        pace = 0.9 + 0.2 * float(torch.rand((), generator=draws))
        begin = 2 * math.pi * float(torch.rand((), generator=draws))
        angle = 2 * math.pi * pace * time / 120 + begin
        local = offsets + sum(swing[k] * torch.sin((k + 1) * angle + phase[k]) for k in range(3))
        place = torch.zeros(_FRAMES, joints, 3, dtype=torch.float64)
        place[:, 0] = local[:, 0]
        for child, parent in enumerate(parents, start=1):
            place[:, child] = place[:, parent] + local[:, child]
        place = place + pace * time / 40 * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
        seen = place @ turn.T
        # a body that swings upwards is heavier: the vertical part of every limb is pulled down, more as time goes on
        sag = 0.5 * beta * (time / 40) * (seen[..., 1:2] - seen[:, :1, 1:2]).tanh()
        seen = seen - sag.abs() * torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
        found.append(seen.float())
    bones = torch.tensor([[child, parent] for child, parent in enumerate(parents, start=1)])
    return MotionTrials(bones, found)


@lru_cache(maxsize=8)
def _generated(trials: int, beta: float, part: int) -> tuple[Tensor, Tensor]:
    made = generated_walk(trials, beta=beta, seed=part)
    return _rows(made, range(trials), 40 * trials)


@lru_cache(maxsize=2)
def _read(path: str) -> MotionTrials:
    return read_motion(Path(path))


def _rows(trials: MotionTrials, chosen: Sequence[int], windows: int) -> tuple[Tensor, Tensor]:
    found = trials.samples(tuple(chosen), windows, horizon=(_HORIZON,))
    ones = torch.ones(*found.positions.shape[:2], 1)
    # seen from the middle of the body: where in the room it walks tells nothing
    middle = found.positions.mean(1, keepdim=True)
    return torch.cat([found.positions - middle, found.velocities, ones], -1).float(), (
        found.futures[:, 0] - middle
    ).float()
