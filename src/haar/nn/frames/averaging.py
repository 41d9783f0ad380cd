"""Averages over frames: which signs or rotations, how many, and how many at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.groups import O
from haar.nn.frames.back_rotation import map_kinds
from haar.nn.frames.clouds import Clouds

#: 2^d frames are evaluated up to this dimension, unless it is asked for.
MOST_AXES = 12


@dataclass(frozen=True)
class Averaging:
    """How a model is averaged over frames.

    Args:
        draws: Random rotations inside the eigenspaces of a frame that cannot be trusted.
        most_axes: Largest dimension for an average over 2^d signs.
        batch_size: Clouds in one pass of the model.
        generator: Source of random signs and rotations; by default torch's.

    Raises:
        ArgumentError: If a number is not positive.

    Example:
        >>> Averaging(draws=4).rotations(torch.tensor([[0, 0, 1]])).shape
        torch.Size([1, 4, 3, 3])
    """

    draws: int = 64
    most_axes: int = MOST_AXES
    batch_size: int = 1024
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        for name, value in {"draws": self.draws, "most_axes": self.most_axes, "batch_size": self.batch_size}.items():
            check_count(name, value)
        if self.generator is not None and not isinstance(self.generator, torch.Generator):
            raise ArgumentError("generator", expected="a torch.Generator", got=repr(self.generator))

    def random_signs(self, frames: Float[Tensor, "batch d d"]) -> Float[Tensor, "batch 1 d d"]:
        """One choice of signs for every frame."""
        drawn = torch.randint(2, (len(frames), 1, frames.shape[-1]), generator=self.generator)
        return torch.diag_embed((1 - 2 * drawn).to(frames))

    def all_signs(self, frames: Float[Tensor, "batch d d"]) -> Float[Tensor, "batch m d d"]:
        """All 2^d choices of signs.

        Raises:
            ArgumentError: If there are too many.
        """
        d = frames.shape[-1]
        if d > self.most_axes:
            raise ArgumentError(
                "x",
                expected=f"at most {self.most_axes} dimensions to average over 2^d frames",
                got=f"{d}, which is {2**d} passes",
                way_out="use mode='sign' with a sign-equivariant model, or set most_axes",
            )
        patterns = torch.cartesian_prod(*[torch.tensor([1, -1])] * d).reshape(-1, d).to(frames)
        return torch.diag_embed(patterns.expand(len(frames), *patterns.shape))

    def rotations(self, spaces: Int[Tensor, "batch d"]) -> Float[Tensor, "batch draws d d"]:
        """Random elements of O(m) for every eigenspace, signs included.

        Args:
            spaces: Number of the eigenspace of each axis.
        """
        return torch.stack([self._rotations(row) for row in spaces])

    def mean(
        self,
        clouds: Clouds,
        model: Callable[..., Any],
        outputs: Any,
        inputs: list[Tensor],
        *,
        turns: Float[Tensor, "batch m d d"],
        frames: Float[Tensor, "batch d d"],
        centre: Float[Tensor, "batch 1 d"],
    ) -> Any:
        """The mean over orthogonal matrices of the model in the frames turned by them, turned back.

        Args:
            clouds: What else the model is called with.
            model: The model that is averaged.
            outputs: Kinds of its outputs.
            inputs: In the coordinates of the frames.
            turns: Orthogonal matrices that turn the frames.
            frames: Frame of every cloud.
            centre: Centroids, for positions.
        """
        total: Any = None
        m = turns.shape[1]
        step = max(1, self.batch_size // max(1, len(frames)))
        for start in range(0, m, step):
            some = turns[:, start : start + step]
            weights = some.new_full(some.shape[:2], 1 / m)
            back = frames.unsqueeze(1) @ some
            part = clouds.averaged(model, outputs, inputs, frames=some, weights=weights, centre=centre, back=back)
            total = part if total is None else map_kinds(lambda _, a, b: a + b, outputs, total, part)
        return total

    def _rotations(self, spaces: Tensor) -> Float[Tensor, "draws d d"]:
        turns = torch.zeros(self.draws, len(spaces), len(spaces), dtype=torch.float64)
        for space in spaces.unique().tolist():
            where = torch.nonzero(spaces == space).flatten().cpu()
            if len(where) == 1:
                block = (1 - 2 * torch.randint(2, (self.draws, 1, 1), generator=self.generator)).to(turns)
            else:
                block = O(len(where)).sample(self.draws, self.generator)
            turns[:, where[:, None], where] = block
        return turns
