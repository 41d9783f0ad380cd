"""How far eigenvectors of a graph can be trusted: what is repeated, cut, missing or nearly so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

#: Relative gaps below this are near repetitions: eigenvectors are known to 1e-10 of their length only.
NEAR = 1e-6
#: A gap this many times larger than the eigenvalue before it ends a group of near-null modes.
CLUSTER_RATIO = 5.0

MEANINGS = {
    "W1": "repeated eigenvalue: its eigenvectors are defined up to O(m), not up to signs",
    "W2": "cut eigenspace: the last column's eigenvalue goes on beyond column k",
    "W3": "disconnected graph: several null modes",
    "W4": "fewer eigenvectors than asked for: the last columns are padding",
    "W5": "nearly repeated eigenvalue: eigenvectors are known to few digits",
    "W6": "near-null modes of weakly joined clusters: small changes of the graph turn them into one another",
}


@dataclass(frozen=True)
class SpectralHealth:
    """The record of one spectrum.

    Attributes:
        warnings: Codes with what was found; see `MEANINGS`.
        components: Connected components of the graph.
        multiplicities: Columns of every eigenspace, in order.
        smallest_gap: Between neighbouring eigenspaces, relative, the null space left out; infinite when there is one.
        predicted_error: Of single eigenvectors, relative: the unit round-off over the smallest gap.
        residual: Largest entry of (L V - V diag(lambda)) / largest eigenvalue, and of V^T V - I: never more than 1e-8.
    """

    warnings: dict[str, str]
    components: int
    multiplicities: tuple[int, ...]
    smallest_gap: float
    predicted_error: float
    residual: float

    @property
    def guarantee(self) -> str:
        """What a sign-equivariant network is on these columns."""
        if "W2" in self.warnings:
            return "not exact: an eigenspace is cut, and no network can know which part of it was kept"
        if {"W1", "W3"} & set(self.warnings):
            return "not exact under signs alone: give the network the eigenspaces"
        return "approximate" if {"W5"} & set(self.warnings) else "exact: the spectrum is simple"

    def __str__(self) -> str:
        """In a few lines: the guarantee, what it rests on, and every warning."""
        columns = ", ".join(map(str, self.multiplicities))
        first = (
            f"{self.guarantee}; {self.components} components, eigenspaces of {columns} columns, smallest gap "
            f"{self.smallest_gap:.3g}, predicted error {self.predicted_error:.3g}, residual "
            f"{self.residual:.3g}"
        )
        return "\n".join([first, *(f"{code}: {MEANINGS[code]} ({found})" for code, found in self.warnings.items())])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {**self.__dict__, "multiplicities": list(self.multiplicities), "guarantee": self.guarantee}


def spectral_health(
    eigenvalues: Tensor,
    spaces: Tensor,
    *,
    beyond: Tensor,
    beyond_spaces: Tensor,
    first: int,
    asked: int,
    components: int,
    scale: float,
    residual: float,
) -> SpectralHealth:
    """The record of the columns that were returned.

    Args:
        eigenvalues: Eigenvalues of the columns, rising.
        spaces: Numbers of their eigenspaces.
        beyond: The whole spectrum, or the part of it that is known.
        beyond_spaces: Numbers of its eigenspaces, of which `spaces` is a part.
        first: Which of them the first column is.
        asked: Columns that were asked for.
        components: Connected components of the graph.
        scale: Largest eigenvalue, which gaps are relative to.
        residual: Largest error of the eigenvectors.
    """
    found: dict[str, str] = {}
    counts = tuple(torch.unique_consecutive(spaces, return_counts=True)[1].tolist())
    null = torch.arange(len(eigenvalues)) < components - first
    repeated = [int(s) for s in spaces[~null].unique() if int((spaces == s).sum()) > 1]
    if repeated:
        values = ", ".join(f"{float(eigenvalues[spaces == s][0]):.6g} ({int((spaces == s).sum())})" for s in repeated)
        found["W1"] = f"{MEANINGS['W1']}: {values}"
    inside, whole = (int((part == spaces[-1:]).sum()) for part in (spaces, beyond_spaces[first:]))
    if whole > inside:
        fewer = len(spaces) - inside
        found["W2"] = (
            f"{MEANINGS['W2']}: {inside} of {whole} columns of {float(eigenvalues[-1]):.6g}; "
            f"k = {f'{fewer} or ' if fewer else ''}{fewer + whole} keeps it whole"
        )
    if components > 1:
        found["W3"] = f"{MEANINGS['W3']}: {components} components"
    if len(eigenvalues) < asked:
        found["W4"] = f"{MEANINGS['W4']}: {len(eigenvalues)} of {asked}"
    # Every column's gaps to both sides, the columns left out included; null vectors are known without a solver.
    others = beyond_spaces[components:]
    touched = torch.isin(others, spaces)
    apart = beyond[components:].diff().abs() / scale
    between = (others.diff() != 0) & (touched[1:] | touched[:-1])
    gap = float(apart[between].min()) if bool(between.any()) else float("inf")
    if gap < NEAR:
        found["W5"] = f"{MEANINGS['W5']}: relative gap {gap:.1e}"
    modes = _near_null_modes(beyond[components:], scale)
    if modes >= 2:
        found["W6"] = f"{MEANINGS['W6']}: {modes} modes, so about {modes + components} clusters"
    error = torch.finfo(torch.float64).eps / max(gap, torch.finfo(torch.float64).eps)
    return SpectralHealth(found, components, counts, gap, error, residual)


def _near_null_modes(values: Tensor, scale: float) -> int:
    """How many small eigenvalues stand before the first large jump; 0 if there is none."""
    for count in range(1, len(values)):
        if float(values[count - 1]) < 0.1 * scale and float(values[count]) > CLUSTER_RATIO * float(values[count - 1]):
            return count
    return 0
