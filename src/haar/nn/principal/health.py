"""How far a principal-axes frame can be trusted: gaps, multiplicities, the error that they predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from haar.nn.principal.axes import TRUSTED_GAP, PrincipalAxes

if TYPE_CHECKING:
    from haar.report import Table

#: Solvers leave equal eigenvalues this many units apart.
_SOLVER = 4
#: From this predicted relative error on, a frame is as good as drawn at random.
UNDEFINED = 0.1


@dataclass(frozen=True)
class FrameHealth:
    """The record of every cloud in a batch.

    Where two eigenvalues differ by a relative gap, rounding turns the frame in their plane by an angle of about
    2u / gap, u the unit round-off of the inputs, times the distance of the centroid from the origin in radii of
    the cloud where that is more than 1. What turns is what lies in that plane: nothing, for positions along
    axes on which all coordinates vanish, so that flat and straight clouds are harmless, unless velocities stick out.

    Attributes:
        eigenvalues: Falling, ``(batch, d)``.
        gaps: Between neighbours, relative to the largest eigenvalue, ``(batch, d - 1)``.
        reach: Largest share of any input's length along each axis, ``(batch, d)``.
        rank: Number of axes with any reach.
        spaces: Number of the eigenspace of each axis: gaps of at most `tolerance`, times that distance, are none.
        predicted: Predicted relative error of the equivariance.
        tolerance: Smallest gap that is trusted.
        threshold: Largest predicted error that is trusted, 2u / tolerance.

    Source: perturbation theory of symmetric matrices, applied to arXiv 2312.02339; impossibility of continuous frames
        arXiv 2402.16077.
    """

    eigenvalues: Float[Tensor, "batch d"]
    gaps: Float[Tensor, "batch d_less_1"]
    reach: Float[Tensor, "batch d"]
    rank: Int[Tensor, " batch"]
    spaces: Int[Tensor, "batch d"]
    predicted: Float[Tensor, " batch"]
    tolerance: float
    threshold: float

    @property
    def unhealthy(self) -> Bool[Tensor, " batch"]:
        """Which frames are not trusted."""
        return self.predicted > self.threshold

    @property
    def smallest_gap(self) -> Float[Tensor, " batch"]:
        """Smallest relative gap next to an axis with reach; infinite where there is none."""
        seen = self.reach > _NOTHING
        beside = seen[:, 1:] | seen[:, :-1]
        gaps = torch.where(beside, self.gaps, torch.inf)
        return gaps.amin(-1) if gaps.shape[-1] else gaps.new_full((len(gaps),), torch.inf)

    @property
    def verdicts(self) -> list[str]:
        """EXACT (to rounding), ILL-CONDITIONED or UNDEFINED for every cloud."""
        found = []
        for error in self.predicted.tolist():
            if error >= UNDEFINED:
                found.append("UNDEFINED")
            else:
                found.append("ILL-CONDITIONED" if error > self.threshold else "EXACT")
        return found

    def multiplicities(self, cloud: int) -> tuple[int, ...]:
        """How many axes each eigenvalue of one cloud has, from the largest eigenvalue down."""
        counts = torch.unique_consecutive(self.spaces[cloud], return_counts=True)[1]
        return tuple(counts.tolist())

    def __str__(self) -> str:
        """The table of the worst clouds, as text."""
        return str(self.table())

    def table(self, *, most: int = 20) -> Table:
        """One row a cloud, the worst first."""
        from haar.report import Table  # brings the plotting library in

        order = self.predicted.argsort(descending=True)[:most].tolist()
        rows = []
        for cloud in order:
            gap = float(self.smallest_gap[cloud])
            counts = " + ".join(map(str, self.multiplicities(cloud)))
            row = (
                cloud,
                int(self.rank[cloud]),
                counts,
                gap if gap < torch.inf else None,
                float(self.predicted[cloud]),
                self.verdicts[cloud],
            )
            rows.append(row)
        columns = ("cloud", "rank", "multiplicities", "smallest gap", "predicted error", "verdict")
        return Table("Principal axes", columns, rows)


def frame_health(axes: PrincipalAxes, dtype: torch.dtype, *, tolerance: float | None = None) -> FrameHealth:
    """The record of some frames.

    Args:
        axes: Principal axes of every cloud.
        dtype: Precision of the inputs, before they were raised to float64.
        tolerance: Smallest relative gap that is trusted; by default 1e-6 in float64 and 1e-3 in float32.
    """
    gap = TRUSTED_GAP[dtype] if tolerance is None else tolerance
    step = torch.finfo(dtype).eps  # 2u
    with torch.no_grad():
        values = axes.eigenvalues.detach()
        largest = values[:, :1].clamp(min=torch.finfo(torch.float64).tiny)
        reach = torch.zeros_like(values)
        for x in axes.coordinates:
            lengths = x.detach().square().sum(-2)
            share = lengths / lengths.sum(-1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
            reach = torch.maximum(reach, share.sqrt())
        relative = values / largest
        rounding = step * axes.distance[:, None, None]
        apart = (relative.unsqueeze(-1) - relative.unsqueeze(-2)).abs()
        # Equal eigenvalues come out a few units in the last place apart, how many hangs on the machine: that is no gap.
        angle = (rounding / torch.maximum(apart - _SOLVER * rounding, rounding)).triu(1)
        seen = torch.maximum(reach.unsqueeze(-1), reach.unsqueeze(-2))
        predicted = (angle * seen).flatten(1).amax(-1)
        return FrameHealth(
            eigenvalues=values,
            gaps=relative[:, :-1] - relative[:, 1:],
            reach=reach,
            rank=(reach > _NOTHING).sum(-1),
            spaces=frame_spaces(axes, gap),
            predicted=predicted,
            tolerance=gap,
            threshold=step / gap,
        )


def frame_spaces(axes: PrincipalAxes, tolerance: float) -> Int[Tensor, "batch d"]:
    """Number of the eigenspace of each axis, see `FrameHealth`; nothing is looked at, so that it can be exported."""
    values = axes.eigenvalues.detach()
    apart = values[:, :-1] - values[:, 1:] > (tolerance * values[:, 0] * axes.distance).unsqueeze(-1)
    return torch.cat([torch.zeros_like(values[:, :1], dtype=torch.int64), apart.cumsum(-1)], -1)


_NOTHING = 1e-12
