"""Killing fields: which motions of a given list leave a metric alone, found by one linear solve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_rate
from haar.geometry.curvature import check_points
from haar.geometry.definite import check_metric, inverse
from haar.geometry.derivatives import Field, first_jet
from haar.geometry.embedded import metric_jet
from haar.geometry.smooth import check_settled

Motions = Literal["affine", "linear", "rotations", "translations"]
#: Fields whose mean square is below this share of the largest say nothing at these points.
_VACUOUS = 1e-10
#: Points that differ by less, over their size, are one point: that is rounding.
_SAME_PLACE = 1e-12
#: Coefficients that differ by less are told as equal.
_EQUAL = 1e-3


@dataclass(frozen=True)
class KillingFields:
    """The spectrum of a list of motions: how fast each combination changes the metric.

    Attributes:
        rates: Singular values, ascending: root mean square of the Lie derivative of the metric along a combination, for
            a motion by the size of the cloud of points; 0 for a Killing field. No unit.
        combinations: Coefficients of each, ``(fields, motions)``, in that order.
        motions: Names of the motions that are combined.
        tolerance: Rate up to which a combination is called a Killing field.
    """

    rates: Float[Tensor, " fields"]
    combinations: Float[Tensor, "fields motions"]
    motions: tuple[str, ...]
    tolerance: float

    @property
    def number(self) -> int:
        """How many Killing fields there are."""
        return int((self.rates <= self.tolerance).sum())

    @property
    def gap(self) -> float:
        """The rate of the first that is none over that of the last that is one; infinite where nothing is compared."""
        if not 0 < self.number < len(self.rates):
            return float("inf")
        return float(self.rates[self.number] / self.rates[self.number - 1].clamp(min=torch.finfo(self.rates.dtype).eps))

    @property
    def basis(self) -> Float[Tensor, "number motions"]:
        """The Killing fields in the basis with the fewest words: each begins with a motion that no other has."""
        return _echelon(self.combinations[: self.number])

    def told(self, k: int) -> str:
        """A combination in words, the largest coefficients first; of the Killing fields, a row of `basis`."""
        row = self.basis[k] if k < self.number else self.combinations[k]
        row = row / row.abs().max()
        row = row * row[int((row.abs() > 1 - _EQUAL).nonzero()[0, 0])].sign()
        order = row.abs().mul(1 / _EQUAL).round().argsort(descending=True, stable=True).tolist()
        parts = [f"{float(row[i]):+.3g} {self.motions[i]}" for i in order if abs(float(row[i])) > 1e-3]
        return " ".join(parts)

    def __str__(self) -> str:
        """In a few lines."""
        count = len(self.rates)
        lines = [f"{self.number} of {count} combinations are Killing fields (rates up to {self.tolerance:.0e})"]
        lines += [f"  {float(self.rates[k]):.2e}  {self.told(k)}" for k in range(min(self.number + 1, count))]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, with a schema number."""
        return {
            "schema": 1,
            "number": self.number,
            "rates": self.rates.tolist(),
            "combinations": self.combinations.tolist(),
            "motions": list(self.motions),
            "tolerance": self.tolerance,
        }


def lie_derivative_of_metric(
    metric: Field, motion: Callable[[Tensor], Tensor], z: Float[Tensor, "n d"]
) -> Float[Tensor, "n d d"]:
    r"""The Lie derivative of a metric along a vector field; zero where and only where the motion is isometric.

    .. math:: (L_X g)_{ij} = X^k \partial_k g_{ij} + g_{kj} \partial_i X^k + g_{ik} \partial_j X^k

    Args:
        metric: As for `christoffel`.
        motion: A vector field, points to velocities, each of its own point alone.
        z: Points.

    Example:
        >>> from haar.geometry.spaces import sphere
        >>> z = torch.tensor([[1.0, 0.0]])
        >>> lie_derivative_of_metric(sphere, lambda z: torch.tensor([[0.0, 1.0]]).expand_as(z), z).abs().max().item()
        0.0
    """
    g, field = first_jet(metric, check_points(z)), first_jet(motion, z)
    return _lie(g.value, g.first, field.value, field.first)


def killing_fields(
    metric: Field,
    z: Float[Tensor, "n d"],
    motions: Motions | Mapping[str, Callable[[Tensor], Tensor]] | Sequence[Tensor] = "affine",
    *,
    tolerance: float = 1e-6,
) -> KillingFields:
    r"""Which combinations of motions leave a metric alone.

    The Lie derivative is linear in the motion, so that all combinations are found at once, in an eigenproblem of the
    size of the list: the quadratic form :math:`E_z \|L_X g\|_g^2` against :math:`E_z |X|_g^2` over the size of the
    cloud. Lengths are those of the metric itself, so that the answer does not depend on coordinates or units.
    Combinations that do not move the points are left out.

    Args:
        metric: As for `christoffel`; it may be a `Pullback`.
        z: Points, of which there should be several a motion.
        motions: ``"affine"`` (all x -> A x + b), ``"linear"``, ``"rotations"``, ``"translations"``; matrices A; or
            vector fields by name.
        tolerance: Rate up to which a combination is called a Killing field.

    Raises:
        ArgumentError: If motions are none of these, the metric is none at a point, or all points are one.

    Example:
        >>> from haar.geometry.spaces import half_plane
        >>> z = torch.rand(50, 2, dtype=torch.float64) + 0.5
        >>> found = killing_fields(half_plane, z)
        >>> found.number  # along the line, and away from it
        2
    """
    check_rate("tolerance", tolerance)
    points = check_points(z)
    check_settled(metric)
    with torch.no_grad():
        jet = metric_jet(metric, points)
        check_metric(jet.value, points)
        fields = _fields(motions, points)
        values = torch.stack([value for value, _ in fields.values()])
        changes = torch.stack([_lie(jet.value, jet.first, value, slope) for value, slope in fields.values()])
    rates, combinations = _solved(jet.value, points, values, changes)
    return KillingFields(rates, combinations, tuple(fields), float(tolerance))


def _solved(g: Tensor, z: Tensor, values: Tensor, changes: Tensor) -> tuple[Tensor, Tensor]:
    """Rates, ascending, and combinations."""
    g, z, values, changes = (one.double() for one in (g, z, values, changes))
    raised = inverse(g)
    from_middle = z - z.mean(0)
    size = torch.einsum("nij,ni,nj->n", g, from_middle, from_middle).mean()
    if float(from_middle.abs().max()) <= _SAME_PLACE * float(z.abs().max()):
        raise ArgumentError(
            "z", expected="points that differ: rates are told by the size of their cloud", got=f"{len(z)} alike"
        )
    lengths = torch.einsum("nij,ani,bnj->ab", g, values, values) / (len(z) * size)
    basis = _spanning(lengths)
    flat = torch.einsum("anij,ac->cnij", changes, basis)
    half = torch.linalg.cholesky(raised)  # |h|_g^2 = |half^T h half|_F^2
    measured = (half.mT @ flat @ half).flatten(1) / len(z) ** 0.5
    _, rates, right = torch.linalg.svd(measured.mT, full_matrices=False)
    found = (basis @ right.mT).mT
    return rates.flip(0), found.flip(0)


def _echelon(rows: Tensor) -> Tensor:
    """The same space by rows of which each has a one where all others have zeros.

    Where these stand is asked of the space and not of the rows, which are any basis of it: the column of which most is
    in the space, then the one of which most is left; of equal ones the first.
    """
    left, ones = torch.linalg.qr(rows.mT).Q, list[int]()
    for _ in rows:
        sizes = left.norm(dim=1)
        ones.append(int((sizes >= (1 - _EQUAL) * sizes.max()).nonzero()[0, 0]))
        along = left[ones[-1]] / sizes[ones[-1]]
        left = left - (left @ along)[:, None] * along
    found: Tensor = torch.linalg.solve(rows[:, ones], rows)
    found[:, ones] = torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    return found


def _spanning(lengths: Tensor) -> Tensor:
    """Combinations of unit size, without those that do not move the points: ``(motions, combinations)``."""
    scale = lengths.diagonal().clamp(min=torch.finfo(lengths.dtype).tiny).rsqrt()
    values, vectors = torch.linalg.eigh(scale[:, None] * lengths * scale)
    kept = values > _VACUOUS * values[-1]
    found: Tensor = scale[:, None] * vectors[:, kept] * values[kept].rsqrt()
    return found


def _lie(g: Tensor, slopes: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """From g, d_k g_ij (axes i, j, k), X^k and d_i X^k (axes k, i)."""
    along = (slopes @ value[:, None, :, None])[..., 0]
    turned = g @ slope  # g_jk d_i X^k, axes j, i
    return along + turned + turned.mT


def _fields(motions: object, z: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Values and slopes of the motions at points."""
    if isinstance(motions, Mapping):
        found = {}
        for name, motion in motions.items():
            jet = first_jet(motion, z)
            if jet.value.shape != z.shape:
                raise ShapeError(
                    f"motions[{name!r}]", expected=f"velocities {tuple(z.shape)}", got=tuple(jet.value.shape)
                )
            found[str(name)] = (jet.value, jet.first)
        if found:
            return found
    if isinstance(motions, str):
        return _named(motions, z)
    if isinstance(motions, Sequence) and motions and all(isinstance(one, Tensor) for one in motions):
        size = z.shape[-1]
        for one in motions:
            if one.shape != (size, size):
                raise ShapeError("motions", expected=f"matrices {(size, size)}", got=tuple(one.shape))
            if one.is_complex():
                raise ArgumentError("motions", expected="real matrices", got=str(one.dtype))
        return {f"A{k}": _linear(one.to(z), z) for k, one in enumerate(motions)}
    raise ArgumentError(
        "motions",
        expected="'affine', 'linear', 'rotations', 'translations', matrices, or vector fields by name",
        got=repr(motions)[:80],
    )


def _linear(matrix: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    return z @ matrix.mT, matrix.expand(len(z), *matrix.shape)


def _named(kind: str, z: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    size = z.shape[-1]
    unit = torch.eye(size, dtype=z.dtype, device=z.device)
    found: dict[str, tuple[Tensor, Tensor]] = {}
    if kind in ("affine", "translations"):
        for i in range(size):
            found[f"d{i}"] = (unit[i].expand_as(z), torch.zeros(len(z), size, size, dtype=z.dtype, device=z.device))
    if kind in ("affine", "linear"):
        for i in range(size):
            for j in range(size):
                found[f"x{j} d{i}"] = _linear(torch.outer(unit[i], unit[j]), z)
    if kind == "rotations":
        for i in range(size):
            for j in range(i):
                turned = torch.outer(unit[i], unit[j]) - torch.outer(unit[j], unit[i])
                found[f"x{j} d{i} - x{i} d{j}"] = _linear(turned, z)
    if not found:
        raise ArgumentError(
            "motions",
            expected="'affine', 'linear', 'rotations' or 'translations'",
            got=f"{kind!r} in {size} dimensions",
        )
    return found
