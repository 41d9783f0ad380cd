"""Motion capture: the pickled skeleton trials that graph networks for human motion are compared on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.data.published.arrays import checked
from haar.data.published.safe_pickle import read_numbers
from haar.errors import ArgumentError, DataError

# Trials of each part, by subject (CMU subject 35 walks, subject 9 runs), as the published comparisons divide them.
MOTION_SPLITS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "walk": {
        "train": (20, 1, 17, 13, 14, 9, 4, 2, 7, 5, 16),
        "valid": (3, 8, 11, 12, 15, 18),
        "test": (6, 19, 21, 0, 22, 10),
    },
    "run": {"train": (1, 2, 5, 6, 10), "valid": (0, 4, 9), "test": (3, 7, 8)},
}


@dataclass(frozen=True)
class MotionSamples:
    """Windows of motion.

    Attributes:
        positions: Of the joints at the start.
        velocities: The way to the next frame, at the start.
        futures: Positions at the frames to be predicted.
        origins: The trial and the frame that each starts at.
    """

    positions: Float[Tensor, "sample joint 3"]
    velocities: Float[Tensor, "sample joint 3"]
    futures: Float[Tensor, "sample horizon joint 3"]
    origins: Int[Tensor, "sample 2"]

    def __len__(self) -> int:
        return len(self.positions)

    def scalars(self) -> Float[Tensor, "sample joint 2"]:
        """The usual node scalars: speed, and a tenth of the second coordinate.

        The second is a height: with it, a network that is equivariant by construction still sees the vertical, and the
        true symmetry is rotation about it.
        """
        return torch.stack([self.velocities.norm(dim=-1), self.positions[..., 1] / 10], dim=-1)


@dataclass(frozen=True)
class MotionTrials:
    """Trials of one motion by one skeleton.

    Attributes:
        bones: Pairs (child, parent) of joints.
        trials: Positions of the joints, one tensor a trial.
    """

    bones: Int[Tensor, "bone 2"]
    trials: Sequence[Float[Tensor, "_ joint 3"]]

    @property
    def joints(self) -> int:
        """Number of joints."""
        return self.trials[0].shape[1]

    def graph(self) -> tuple[Int[Tensor, "2 edge"], Int[Tensor, " edge"]]:
        """Edges between joints one and two bones apart, in both directions.

        Returns:
            The edges, and for each the number of bones between its ends: 1 or 2.
        """
        near = np.zeros((self.joints, self.joints), dtype=np.int64)
        child, parent = self.bones.numpy().T
        near[child, parent] = near[parent, child] = 1
        apart = np.where(near > 0, 1, np.where(near @ near > 0, 2, 0))
        np.fill_diagonal(apart, 0)
        edges = np.argwhere(apart > 0)
        return torch.as_tensor(edges.T.copy()), torch.as_tensor(apart[edges[:, 0], edges[:, 1]])

    def samples(
        self, trials: Sequence[int], count: int, *, horizon: Sequence[int] = (26, 27, 28, 29, 30)
    ) -> MotionSamples:
        """Windows spread evenly over trials.

        Each trial gets its share of `count` (the first ones one more if it does not divide), with starts spaced evenly
        over the frames that have a whole window after them; a trial too short for its share gives all it has.

        Args:
            trials: Numbers of the trials to take windows of.
            count: How many windows in all, at most.
            horizon: Frames after the start that are to be predicted.

        Raises:
            ArgumentError: If a trial is not there, or none is long enough.
        """
        for trial in trials:
            if not 0 <= trial < len(self.trials):
                raise ArgumentError("trials", expected=f"trials from 0 to {len(self.trials) - 1}", got=trial)
        if count < 1 or not trials or not horizon or min(horizon) < 1:
            raise ArgumentError(
                "count", expected="at least one window, trial and frame to predict", got=(count, trials, horizon)
            )
        origins = []
        for place, trial in enumerate(trials):
            possible = len(self.trials[trial]) - max(horizon)
            share = min(count // len(trials) + (place < count % len(trials)), max(possible, 0))
            origins += [(trial, int(start)) for start in np.linspace(0, possible - 1, share).round()] if share else []
        if not origins:
            raise ArgumentError("trials", expected=f"a trial of more than {max(horizon)} frames", got="shorter ones")
        steps = torch.as_tensor(list(horizon))
        return MotionSamples(
            positions=torch.stack([self.trials[trial][start] for trial, start in origins]),
            velocities=torch.stack([self.trials[t][start + 1] - self.trials[t][start] for t, start in origins]),
            futures=torch.stack([self.trials[trial][start + steps] for trial, start in origins]),
            origins=torch.as_tensor(origins),
        )


def read_motion(path: str | os.PathLike[str], *, dtype: torch.dtype = torch.float32) -> MotionTrials:
    """Read a motion file: a pickled pair of the skeleton's bones and the trials' arrays (frame, joint, 3).

    The file is a pickle, and pickles can run code: only numbers are taken from it (`read_numbers`).

    Args:
        path: The file (``motion.pkl``, ``motion_run.pkl``).
        dtype: Precision of the positions.

    Raises:
        DataError: If it is missing, holds anything but numbers, or does not have that form.

    Source:
        CMU Graphics Lab motion capture data base; the file's form: Huang et al., GMN (ICLR 2022), and Xu et al., EGNO.
    """
    held = read_numbers(path)
    if not (isinstance(held, (tuple, list)) and len(held) == 2):
        raise DataError(f"{path}: expected a pair (bones, trials), got {type(held).__name__}")
    bones = checked(held[0], (None, 2), what=f"{path}: bones", dtype=torch.int64)
    if not len(held[1]):
        raise DataError(f"{path}: expected at least one trial, got none")
    trials = [checked(a, (None, None, 3), what=f"{path}: trial {n}", dtype=dtype) for n, a in enumerate(held[1])]
    joints = {trial.shape[1] for trial in trials}
    if len(joints) > 1 or int(bones.min()) < 0 or int(bones.max()) >= min(joints):
        raise DataError(
            f"{path}: the trials have {sorted(joints)} joints and the bones name {int(bones.max())} of them"
        )
    return MotionTrials(bones, trials)
