"""What principal components leave open: which eigenvalues are one to the data, and the symmetry that heads face."""

from __future__ import annotations

import math
import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Action, Invariant, Symmetry, Vector
from haar.actions.eigenspaces import eigenspaces, multiplicities
from haar.actions.spectral import Spectral
from haar.errors import ArgumentError, HaarWarning


class DegenerateCutWarning(HaarWarning):
    """The last eigenvalue that is kept and the first that is dropped are one to the data."""


def sampling_error(rows: int) -> float:
    """The relative error of an eigenvalue of a covariance, two standard deviations: 2 / sqrt(rows).

    Args:
        rows: Number of independent samples.

    Source: Anderson, Asymptotic theory for principal component analysis, Ann. Math. Statist. 34 (1963): an eigenvalue's
        variance is 2 lambda^2 / rows for normal data; North et al., Mon. Wea. Rev. 110 (1982), for the rule of thumb.

    Example:
        >>> sampling_error(100)
        0.2
    """
    return 2 / math.sqrt(rows)


def sampled_spaces(eigenvalues: Float[Tensor, " k"], rows: int) -> tuple[int, ...]:
    """How many columns each eigenspace has, where neighbours within the sampling error of the larger count as one.

    Args:
        eigenvalues: Falling, not negative.
        rows: Number of samples that the covariance is of.

    Example:
        >>> sampled_spaces(torch.tensor([4.0, 1.05, 1.0, 0.2]), rows=100)
        (1, 2, 1)
    """
    error = sampling_error(rows)
    if error >= 1:
        return (len(eigenvalues),)
    least = torch.finfo(eigenvalues.dtype).tiny
    logs = eigenvalues.detach().clamp(min=least).log()
    return multiplicities(eigenspaces(logs, tolerance=-math.log1p(-error), scale=torch.ones_like(logs[0])))


def is_degenerate_cut(last: float, first: float, rows: int) -> bool:
    """Whether the last kept eigenvalue and the first dropped one are one to the data.

    Example:
        >>> is_degenerate_cut(1.0, 0.9, rows=100), is_degenerate_cut(1.0, 0.9, rows=10_000)
        (True, False)
    """
    return last - first <= sampling_error(rows) * last


def warn_of_cut(last: float, first: float, k: int, rows: int) -> None:
    """Say that the kept space is undetermined, with both eigenvalues and what else could be kept."""
    other = f"keep {k - 1} or {k + 1}" if k > 1 else f"keep {k + 1}"
    warnings.warn(
        f"the kept space is undetermined: eigenvalue {k} is {last:.4g} and eigenvalue {k + 1}, which is dropped, "
        f"{first:.4g}, one within the sampling error of {rows} rows; {other}",
        DegenerateCutWarning,
        stacklevel=3,
    )


def gauge_symmetry(spaces: tuple[int, ...], outputs: str | Action = "invariant") -> Symmetry:
    """The symmetry under which a head of principal components is audited: signs, and O(m) where m eigenvalues are one.

    Args:
        spaces: How many components each eigenspace has: ``(1,) * k`` for signs alone, ``(k,)`` for all of O(k).
        outputs: What becomes of the head's output: ``"invariant"``, ``"equivariant"`` (it has the same gauge), or an
            action of the same group.

    Raises:
        ArgumentError: If `outputs` is no such word, or spaces are not positive.

    Example:
        >>> import haar
        >>> scores = torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        >>> report = haar.audit(torch.square, gauge_symmetry((1, 1)), scores)
        >>> report.findings.worst.relative.value < 1e-12
        True
    """
    spectral = Spectral(spaces)
    scores = Vector(spectral.rep)  # rows of scores are samples, where rows of eigenvectors are the nodes of one graph
    if isinstance(outputs, Action):
        return Symmetry(spectral.group, scores, outputs)
    kinds: dict[str, Action] = {"invariant": Invariant(spectral.group), "equivariant": scores}
    if outputs not in kinds:
        raise ArgumentError("outputs", expected="'invariant', 'equivariant' or an action", got=repr(outputs))
    return Symmetry(spectral.group, scores, kinds[outputs])
