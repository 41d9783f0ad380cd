"""Symmetry of a law from samples alone: the weak form, without a density.

A law is invariant under the flow of x -> A x if E[grad h(x) . A x] = 0 for every test function h. That is linear in A;
its Gram matrix over many h has an unbiased estimate, whose eigenvalues are compared with what is typical.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.discover.snapping import snap
from haar.discover.step import Step
from haar.discover.whitening import whitening
from haar.errors import ArgumentError, DataError, known_keywords
from haar.groups.algebra import LieAlgebra
from haar.report import Report, Section, Table
from haar.statistics import Estimate

#: Standard deviations at which coordinates are cut: test functions grow as their fourth power.
CLIP = 6.0
#: The largest relative eigenvalue, at its upper bound, of what is called a symmetry.
EQUIVALENT = 0.05
#: The next eigenvalue must be so many times larger.
GAP = 2.0
#: Blocks of the jackknife.
BLOCKS = 20
#: Fewer samples than this say nothing.
FEWEST = 200
_TWO_SIDED, _ONE_SIDED = 1.959963984540054, 1.6448536269514722
_CHUNK = 512


@dataclass(frozen=True)
class WeakSpectrum:
    """Relative eigenvalues of the weak form: 0 symmetric, 1 typical.

    Attributes:
        values: On the half that judges, for directions of the other half.
        errors: Their jackknife standard errors.
        trace: The whole, on the half that judges: how far the law is from a Gaussian.
        trace_error: Its standard error.
        vectors: Directions, as antisymmetric matrices of whitened coordinates.
        strength: Squared distance from a Gaussian in the test functions, and its standard error.
    """

    values: Float[Tensor, " d"]
    errors: Float[Tensor, " d"]
    trace: float
    trace_error: float
    vectors: Float[Tensor, "d n n"]
    strength: tuple[float, float]

    @property
    def is_flat(self) -> bool:
        """Whether no direction changes the law as far as these samples tell."""
        return self.trace <= 2 * self.trace_error

    @property
    def is_spherical(self) -> bool:
        """Whether every rotation is a symmetry, of a law that is no Gaussian beyond doubt."""
        size, error = self.strength
        bound = (self.trace + _ONE_SIDED * self.trace_error) / max(len(self.values), 1)
        return size > 4 * error and bound < EQUIVALENT * size

    def upper(self) -> Float[Tensor, " d"]:
        """One-sided 95 % bounds."""
        return self.values + _ONE_SIDED * self.errors

    @property
    def accepted(self) -> int:
        """The largest number of directions that are all small beyond doubt, with a gap behind them."""
        upper = self.upper()
        small = upper < EQUIVALENT
        count = 0
        for k in range(1, len(small) + 1):
            if not bool(small[:k].all()):
                break
            rest = float(self.values[k]) if k < len(small) else 1.0
            if rest >= GAP * max(float(upper[:k].max()), 1e-12):
                count = k
        return count


class LawDiscovery(Report):
    """Which rotations of its whitened coordinates leave a law alone.

    Attributes:
        spectrum: Relative eigenvalues.
        space: The whitening.
        accepted: Number of generators.
        gaussian: Whether the samples are indistinguishable from a Gaussian's.
        spherical: Whether every rotation leaves the law alone, which is no Gaussian.
        algebra: What was accepted, or None.
    """

    kind = "discovery of a law"
    title = "Which symmetry does the law of the data have?"

    def __init__(self, samples: Float[Tensor, "N n"], *, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(samples), generator=generator)
        first, second = samples[order[: len(order) // 2]], samples[order[len(order) // 2 :]]
        self.samples = (len(first), len(second))
        self.space = whitening(first, centred=True, rank_tolerance=1e-8)
        if self.space.rank < 2:
            raise DataError("samples: they vary in fewer than two dimensions, of which no rotation can be told")
        self.size = samples.shape[1]
        white = [self.space(half) for half in (first, second)]
        self.clipped = float((torch.cat(white).abs() > CLIP).to(torch.float64).mean())
        self.spectrum = weak_spectrum(*(half.clamp(-CLIP, CLIP) for half in white))
        self.spherical = self.spectrum.is_spherical
        self.gaussian = self.spectrum.is_flat and not self.spherical
        whole = len(self.spectrum.values)
        self.accepted = whole if self.spherical else 0 if self.gaussian else self.spectrum.accepted
        self.algebra = self._algebra()
        self._snapped = self._snap()

    def _algebra(self) -> LieAlgebra | None:
        if not self.accepted:
            return None
        defect = 0.0 if self.spherical else float(self.spectrum.values[: self.accepted].clamp_min(0).max().sqrt())
        return LieAlgebra(self.spectrum.vectors[: self.accepted], tolerance=max(defect, 1e-3))

    def _snap(self) -> Any:
        if self.algebra is None:
            return None
        zero = torch.zeros(self.algebra.dim, 1, 1, dtype=torch.float64)
        found = snap(self.algebra, self.algebra.basis, zero, orthogonal=True)
        return None if isinstance(found, str) else found

    def generators(self) -> Float[Tensor, "k n n"]:
        """What was accepted, in the coordinates as given."""
        return self.space.matrix(self.spectrum.vectors[: self.accepted])

    @property
    def symmetry(self) -> Any:
        """How the group acts on whitened samples, `space`; None if nothing was established."""
        from haar.actions import Invariant, Symmetry, Vector

        if self._snapped is None:
            return None
        group = self._snapped.group
        return Symmetry(group, Vector(self._snapped.inputs.rep), Invariant(group))

    @property
    def staircase(self) -> list[Step]:
        """What was established."""
        if self.algebra is None:
            return []
        spectrum, k = self.spectrum, self.accepted
        worst = int(spectrum.values[:k].argmax())
        value, error = float(spectrum.values[worst]), float(spectrum.errors[worst])
        if self.spherical:
            unit = len(spectrum.values) * spectrum.strength[0]
            value, error = spectrum.trace / unit, spectrum.trace_error / unit
        beyond = float(spectrum.values[k]) if k < len(spectrum.values) else None
        closed = self.algebra.closure_defect < 0.5
        return [
            Step(
                name=self.algebra.name if closed else f"{k} generators of rotations",
                symmetry=self.symmetry,
                defect=Estimate(value, value - _TWO_SIDED * error, value + _TWO_SIDED * error),
                dimension=k,
                outside=beyond,
                kind="lie",
            )
        ]

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        if self.gaussian:
            return (
                "These data cannot tell: they are indistinguishable from a Gaussian, of which every rotation of its "
                "whitened coordinates is a symmetry."
            )
        spectrum = self.spectrum
        if not self.accepted:
            power = float(_ONE_SIDED * spectrum.errors.median())
            return (
                f"No rotation of the whitened coordinates is established as a symmetry of the law (smallest relative "
                f"eigenvalue {float(spectrum.values.min()):.2g}; below {power:.2g} these samples could not tell)."
            )
        if self.spherical:
            return (
                f"Every rotation of the {self.space.rank} whitened coordinates leaves the law alone, which is no "
                f"Gaussian: it is spherical there, on {self.samples[1]} held-out samples."
            )
        step = self.staircase[0]
        beyond = "" if step.outside is None else f"; the next direction has {step.outside:.2g}"
        return (
            f"{step.name} turns the whitened coordinates and leaves the law alone: relative eigenvalue "
            f"{step.defect.value:.2g}, below {float(spectrum.upper()[: self.accepted].max()):.2g} at 95 %, on "
            f"{self.samples[1]} held-out samples{beyond}. Other than rotations cannot be told from samples alone."
        )

    def contents(self) -> dict[str, Any]:
        """Numbers."""
        spectrum = self.spectrum
        return {
            "sentence": self.summary,
            "samples": list(self.samples),
            "gaussian": self.gaussian,
            "clipped": self.clipped,
            "trace": spectrum.trace,
            "trace_error": spectrum.trace_error,
            "values": spectrum.values,
            "errors": spectrum.errors,
            "accepted": self.accepted,
            "generators": self.generators(),
            "staircase": [one.to_dict() for one in self.staircase],
        }

    def sections(self) -> Sequence[Section]:
        """The spectrum."""
        spectrum = self.spectrum
        rows = [
            (k + 1, float(value), float(error), float(bound), k < self.accepted)
            for k, (value, error, bound) in enumerate(
                zip(spectrum.values[:12], spectrum.errors[:12], spectrum.upper()[:12], strict=True)
            )
        ]
        note = (
            f"{self.clipped:.1%} of the coordinates beyond {CLIP:g} standard deviations were cut."
            if self.clipped
            else ""
        )
        table = Table("Weak form", ("direction", "eigenvalue", "error", "95 % bound", "symmetry"), rows, note=note)
        return [Section("What was found", text=self.summary, table=table)]

    def save(self, path: Any) -> Any:
        """Write the symmetry, of whitened samples, as JSON.

        Raises:
            ArgumentError: If there is none.
        """
        from haar.actions import symmetry_to_dict
        from haar.report.json_file import write_json

        if self.symmetry is None:
            raise ArgumentError("found", expected="a discovery with a symmetry to save", got=self.summary)
        return write_json(path, symmetry_to_dict(self.symmetry) | {"found": self.summary, "coordinates": None})


@known_keywords
def law(samples: Any, *, seed: int = 0) -> LawDiscovery:
    """Find the rotations, in whitened coordinates, that leave a law alone, from samples and nothing else.

    What it cannot see is said: of a Gaussian every rotation of the whitened coordinates is a symmetry; of heavy tails
    what lies beyond six standard deviations is cut; actions that are not compact leave no law alone.

    Source: Stein-type weak forms of invariance; tests for a group given in advance are those of Chiu and Bloem-Reddy,
        arXiv 2307.15834.

    Args:
        samples: ``(N, n)``, independent.
        seed: Of the halves.

    Raises:
        DataError: If samples are not finite, too few, or all equal.
        ArgumentError: If they are no table of numbers.

    Example:
        >>> import torch
        >>> direction = torch.randn(4000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> ring = direction / direction.norm(dim=1, keepdim=True)
        >>> law(ring).accepted
        1
    """
    table = torch.as_tensor(samples) if isinstance(samples, (Tensor, np.ndarray)) else None
    if table is None or table.ndim != 2 or table.shape[1] < 2 or table.is_complex():
        got = type(samples).__name__ if table is None else tuple(table.shape)
        raise ArgumentError("samples", expected="a table (N, n) of real numbers, n at least 2", got=got)
    table = table.detach().to(torch.float64)
    bad = torch.nonzero(~table.isfinite().all(1)).flatten()
    if len(bad):
        raise DataError(f"samples: row {int(bad[0])} is not finite; leave it out")
    if len(table) < FEWEST:
        raise DataError(f"samples: {len(table)}, and fewer than {FEWEST} say nothing of a law's symmetry")
    return LawDiscovery(table, seed=seed)


def weak_spectrum(first: Float[Tensor, "N n"], second: Float[Tensor, "M n"]) -> WeakSpectrum:
    """Eigenvalues of the weak form's Gram matrix: directions of the first half, judged on the second."""
    n = first.shape[1]
    found = _gram(_blocks(first))
    vectors = torch.linalg.eigh(found).eigenvectors
    blocks = _blocks(second)
    d = n * (n - 1) // 2
    whole = _judged(_total(blocks), vectors)
    parts = torch.stack([_judged(_total([b for j, b in enumerate(blocks) if j != k]), vectors) for k in range(BLOCKS)])
    errors = ((BLOCKS - 1) / BLOCKS * (parts - parts.mean(0)).square().sum(0)).sqrt()
    scale = float(whole[-1]) / d
    relative = parts[:, :-1] / (parts[:, -1:] / d)
    spread = ((BLOCKS - 1) / BLOCKS * (relative - relative.mean(0)).square().sum(0)).sqrt()
    i, j = torch.triu_indices(n, n, 1)
    matrices = torch.zeros(d, n, n, dtype=torch.float64)
    matrices[:, i, j], matrices[:, j, i] = vectors.T, -vectors.T
    order = (whole[:-1] / scale).argsort() if scale > 0 else torch.arange(d)
    strengths = torch.tensor(
        [_strength([b for j, b in enumerate(blocks) if j != k]) for k in range(BLOCKS)], dtype=torch.float64
    )
    away = float(((BLOCKS - 1) / BLOCKS * (strengths - strengths.mean()).square().sum()).sqrt())
    values = (whole[:-1] / scale)[order]
    return WeakSpectrum(
        values, spread[order], float(whole[-1]), float(errors[-1]), matrices[order], (_strength(blocks), away)
    )


class _Sums(NamedTuple):
    """Sums of rows, of their squares, of test functions, of their squares, and the number of samples."""

    rows: Float[Tensor, "K d"]
    squares: Float[Tensor, "d d"]
    functions: Float[Tensor, " K"]
    function_squares: Float[Tensor, ""]
    samples: int


def _strength(blocks: Sequence[_Sums]) -> float:
    """Unbiased sum of squared means of the test functions, all 0 for a Gaussian."""
    sums = _total(blocks)
    mean, n = sums.functions / sums.samples, sums.samples
    return float((n * mean.square().sum() - sums.function_squares / n) / (n - 1))


def _judged(sums: _Sums, vectors: Tensor) -> Tensor:
    gram = _gram([sums])
    return torch.cat([torch.einsum("pk,pq,qk->k", vectors, gram, vectors), gram.trace()[None]])


def _total(blocks: Sequence[_Sums]) -> _Sums:
    return _Sums(*(sum(parts[1:], parts[0]) for parts in zip(*blocks, strict=True)))


def _gram(blocks: Sequence[_Sums]) -> Float[Tensor, "d d"]:
    """The unbiased estimate of M'M, M the mean of all rows: samples' own squares are taken off."""
    sums = _total(blocks)
    mean, count = sums.rows / sums.samples, sums.samples
    return (count * mean.T @ mean - sums.squares / count) / (count - 1)


def _blocks(x: Float[Tensor, "N n"]) -> list[_Sums]:
    return [_sums(part) for part in x.tensor_split(BLOCKS)]


def _sums(x: Float[Tensor, "N n"]) -> _Sums:
    n = x.shape[1]
    i, j = torch.triu_indices(n, n, 1)
    found = []
    for part in x.split(_CHUNK):
        values, gradient = _hermite(part)
        each = gradient[..., i] * part[:, None, j] - gradient[..., j] * part[:, None, i]
        squares = torch.einsum("bkp,bkq->pq", each, each)
        found.append(_Sums(each.sum(0), squares, values.sum(0), values.square().sum(), len(part)))
    return _total(found)


def _hermite(x: Float[Tensor, "b n"]) -> tuple[Float[Tensor, "b K"], Float[Tensor, "b K n"]]:
    """Values and gradients of all products of orthonormal Hermite polynomials of total degree 3 and 4."""
    one = torch.ones_like(x)
    values = [one, x, (x.square() - 1) / 2**0.5, (x**3 - 3 * x) / 6**0.5, (x**4 - 6 * x.square() + 3) / 24**0.5]
    slopes = [torch.zeros_like(x), *(k**0.5 * values[k - 1] for k in range(1, 5))]
    n = x.shape[1]
    found, products = [], []
    for degree in (3, 4):
        for word in itertools.combinations_with_replacement(range(n), degree):
            powers = {a: word.count(a) for a in set(word)}
            row = torch.zeros_like(x)
            for a, power in powers.items():
                value = slopes[power][:, a]
                for other, q in powers.items():
                    if other != a:
                        value = value * values[q][:, other]
                row[:, a] = value
            found.append(row)
            product = torch.ones_like(x[:, 0])
            for a, power in powers.items():
                product = product * values[power][:, a]
            products.append(product)
    return torch.stack(products, 1), torch.stack(found, 1)
