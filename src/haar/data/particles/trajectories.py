"""Trajectories of charged particles, wherever they come from."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError


@dataclass(frozen=True)
class ParticleTrajectories:
    """Trajectories of charged particles.

    Attributes:
        positions: In the simulation's unit of length.
        velocities: In that unit per unit of time.
        charges: One a particle.
    """

    positions: Float[Tensor, "sample frame particle d"]
    velocities: Float[Tensor, "sample frame particle d"]
    charges: Float[Tensor, "sample particle"]

    def __len__(self) -> int:
        return len(self.positions)

    def pairs(
        self, start: int = 30, stop: int = 40
    ) -> tuple[
        Float[Tensor, "sample particle d"],
        Float[Tensor, "sample particle d"],
        Float[Tensor, "sample particle"],
        Float[Tensor, "sample particle d"],
    ]:
        """The usual task: positions and velocities at one frame, positions at a later one.

        Args:
            start: Frame that is given.
            stop: Frame to be predicted.

        Returns:
            Positions, velocities and charges at `start`; positions at `stop`.

        Raises:
            ArgumentError: If a frame is not there.
        """
        frames = self.positions.shape[1]
        for name, frame in (("start", start), ("stop", stop)):
            if not 0 <= frame < frames:
                raise ArgumentError(name, expected=f"a frame from 0 to {frames - 1}", got=frame)
        return self.positions[:, start], self.velocities[:, start], self.charges, self.positions[:, stop]
