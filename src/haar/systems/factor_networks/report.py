"""How far principal components have drifted from a frame, and what they leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.nn.principal import align_frame, sampled_spaces
from haar.nn.principal.gauge import is_degenerate_cut
from haar.report import Report, Section, Table


@dataclass(frozen=True, eq=False)
class GaugeReport(Report):
    """The gauge of some rows' principal components, beside a frame that is held.

    Attributes:
        rows: How many rows there were.
        eigenvalues: Of their covariance, falling; one more than there are components, if there is one.
        spaces: How many components each eigenspace has, where neighbours within the sampling error are one.
        flipped: Components whose direction, as the solver returned it, is on the other side of the held one's.
        raw: Distance of the solver's frame from the held one, Frobenius norm.
        aligned: The same after orthogonal Procrustes: what has really moved.
        degenerate: Whether the last kept eigenvalue and the first dropped one are one to the rows.
    """

    kind: ClassVar[str] = "gauge"

    rows: int
    eigenvalues: tuple[float, ...]
    spaces: tuple[int, ...]
    flipped: tuple[int, ...]
    raw: float
    aligned: float
    degenerate: bool
    title: str = "The gauge of principal components"

    @property
    def summary(self) -> str:
        """What has moved, and what is undetermined."""
        said = f"The frame has moved by {self.aligned:.2g} ({self.raw:.2g} in the solver's gauge)."
        blocks = [m for m in self.spaces if m > 1]
        if blocks:
            words = ", ".join(f"{m} together" for m in blocks)
            said += f" Within the sampling error of {self.rows} rows eigenvalues are equal ({words}): turned by O(m)."
        if self.degenerate:
            k = sum(self.spaces)
            last, first = self.eigenvalues[k - 1 : k + 1]
            said += (
                f" The kept space itself is undetermined: eigenvalue {k} is {last:.3g}, eigenvalue {k + 1} {first:.3g}."
            )
        return said

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "title"}

    def sections(self) -> Sequence[Section]:
        """One row a component."""
        space = [number for number, m in enumerate(self.spaces, 1) for _ in range(m)]
        rows = [
            (place, self.eigenvalues[place - 1], number, "flipped" if place in self.flipped else "kept")
            for place, number in enumerate(space, 1)
        ]
        return [Section("Components", self.summary, Table("", ("component", "eigenvalue", "eigenspace", "sign"), rows))]


def gauge_report(x: Float[Tensor, "b p"], held: Float[Tensor, "p k"]) -> GaugeReport:
    """Compare the principal components of some rows with a held frame.

    Args:
        x: Rows.
        held: Orthonormal columns.

    Example:
        >>> x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([4.0, 2, 1, 1])
        >>> gauge_report(x, torch.eye(4)[:, :2]).aligned < 0.2
        True
    """
    k = held.shape[1]
    centred = (x - x.mean(0)).to(torch.float64)
    _, sizes, vh = torch.linalg.svd(centred, full_matrices=False)
    eigenvalues, frame = sizes.square() / len(x), vh[:k].mT
    held = held.to(torch.float64)
    cut = len(eigenvalues) > k and is_degenerate_cut(float(eigenvalues[k - 1]), float(eigenvalues[k]), len(x))
    return GaugeReport(
        rows=len(x),
        eigenvalues=tuple(eigenvalues[: k + 1].tolist()),
        spaces=sampled_spaces(eigenvalues[:k], len(x)),
        flipped=tuple((torch.nonzero((frame * held).sum(0) < 0).flatten() + 1).tolist()),
        raw=float((frame - held).norm()),
        aligned=float((align_frame(frame, held) - held).norm()),
        degenerate=cut,
    )
