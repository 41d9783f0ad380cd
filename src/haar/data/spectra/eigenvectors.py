"""Eigenvectors of graph Laplacians with their eigenvalues, eigenspaces and a record of their health."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from haar.actions import Spectral, eigenspaces
from haar.data.spectra.graph_input import NORMALIZATIONS, adjacency, laplacian
from haar.data.spectra.refinement import refined
from haar.data.spectra.spectral_health import SpectralHealth, spectral_health
from haar.errors import ArgumentError, HaarWarning, check_count, formerly

DROPS = ("trivial", "null", "none")

#: Columns further from orthonormal eigenvectors than this are a failure of the solver, and no answer.
WORST_RESIDUAL = 1e-8


@dataclass(frozen=True)
class LaplacianSpectrum:
    """Columns of eigenvectors.

    Attributes:
        eigenvalues: Rising; 0 in padded columns.
        vectors: Orthonormal columns, times sqrt(n) where they were scaled; 0 in padded columns.
        columns: Which columns hold an eigenvector.
        spaces: Number of the eigenspace of each column: what `spaces=` of the networks takes.
        health: What is known of the spectrum's accuracy and multiplicities.
    """

    eigenvalues: Float[Tensor, " k"]
    vectors: Float[Tensor, "n k"]
    columns: Bool[Tensor, " k"]
    spaces: Int[Tensor, " k"]
    health: SpectralHealth

    @property
    def action(self) -> Spectral:
        """What the eigensolver left open: signs, and O(m) of every eigenspace (padded columns: signs)."""
        counts = torch.unique_consecutive(self.spaces, return_counts=True)[1]
        return Spectral(tuple(counts.tolist()))


@formerly(tol="tolerance")
def laplacian_eigs(
    graph: Any,
    k: int,
    *,
    nodes: int | None = None,
    normalization: str = "symmetric",
    drop: str = "trivial",
    scale: str = "sqrt_n",
    tolerance: float = 1e-8,
    unhealthy: str = "warn",
) -> LaplacianSpectrum:
    """The lowest eigenvectors of a graph's Laplacian, always by a symmetric solver in float64.

    Eigenspaces are found by gaps, among more columns than are returned, so that one that is cut off at column k is
    seen. Where eigenvalues are near one another but not equal, eigenvectors are refined: what a symmetry of the graph
    exchanges is equal up to signs to rounding. In a disconnected graph the first null vector is the trivial one,
    sqrt(degree) or constant, and the others are orthogonal to it. Null vectors are made without the solver, so that
    parts of a graph that are joined by ever so small a weight do not blur the trivial vector into the next.

    Args:
        graph: A matrix of weights, edges ``(2, e)``, a SciPy sparse matrix, or PyTorch Geometric's ``Data``.
        k: Number of columns; padded if the graph has fewer eigenvectors.
        nodes: Number of nodes, for a list of edges.
        normalization: ``"symmetric"`` or ``"none"``.
        drop: ``"trivial"`` null vector, all of the ``"null"`` space (one mode for each component), or ``"none"``.
        scale: ``"sqrt_n"``: columns have length sqrt(n) and entries of order 1, as networks want them; ``"unit"``.
        tolerance: Largest relative gap inside an eigenspace.
        unhealthy: ``"warn"``, ``"raise"`` or ``"quiet"`` when the record has warnings.

    Raises:
        ArgumentError: If an option is unknown, the graph is directed, the record has warnings and `unhealthy` is
            ``"raise"``, or, whatever `unhealthy` is, the columns turn out to be no orthonormal eigenvectors to 1e-8.
        ShapeError: If the graph's matrix is not square.

    Example:
        >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])
        >>> spectrum = laplacian_eigs(path, 2)
        >>> spectrum.eigenvalues.round(decimals=9).tolist(), spectrum.health.warnings
        ([0.5, 1.5], {})
    """
    check_options(k, normalization=normalization, drop=drop, scale=scale, unhealthy=unhealthy)
    if not isinstance(tolerance, float | int) or not tolerance >= 0:
        raise ArgumentError("tolerance", expected="0 or more", got=repr(tolerance))
    weights = adjacency(graph, nodes=nodes)
    matrix = laplacian(weights, normalization)
    values, vectors, components = _spectrum(matrix, weights, normalization)
    size = max(float(values.max()), torch.finfo(torch.float64).tiny)
    # The null space is known exactly; what is merely close to it is none of it.
    other = eigenspaces(values[components:], tolerance=tolerance, scale=values.new_tensor(size))
    all_spaces = torch.cat([torch.zeros(components, dtype=torch.int64), 1 + other])
    first = {"trivial": 1, "null": components, "none": 0}[drop]
    last = min(first + k, len(values))
    chosen, spaces = vectors[:, first:last].clone(), all_spaces[first:last]
    known = max(0, components - first)  # null vectors among the columns, made without the solver
    if known < last - first:
        begin = first + known - components
        chosen[:, known:] = refined(
            matrix, values[components:], vectors[:, components:], other, slice(begin, last - components)
        )
    off = _residual(matrix, chosen, values[first:last], size)
    health = spectral_health(
        values[first:last],
        spaces,
        beyond=values,
        beyond_spaces=all_spaces,
        first=first,
        asked=k,
        components=components,
        scale=size,
        residual=off,
    )
    _speak(health, unhealthy)
    found, missing = last - first, k - (last - first)
    number = spaces - spaces[0] if found else spaces
    ahead = int(number[-1]) + 1 if found else 0
    padding = torch.arange(ahead, ahead + missing)
    length = float(len(values)) ** 0.5 if scale == "sqrt_n" else 1.0
    return LaplacianSpectrum(
        eigenvalues=torch.cat([values[first:last], values.new_zeros(missing)]),
        vectors=torch.cat([length * chosen, chosen.new_zeros(len(values), missing)], 1),
        columns=torch.arange(k) < found,
        spaces=torch.cat([number, padding]),
        health=health,
    )


def check_options(k: object, *, normalization: object, drop: object, scale: object, unhealthy: object) -> None:
    """Refuse what `laplacian_eigs` does not know, before there is a graph.

    Raises:
        ArgumentError: If the number of columns is none, or an option is unknown.
    """
    check_count("k", k)
    for name, value, known in (
        ("normalization", normalization, NORMALIZATIONS),
        ("drop", drop, DROPS),
        ("scale", scale, ("sqrt_n", "unit")),
        ("unhealthy", unhealthy, ("warn", "raise", "quiet")),
    ):
        if value not in known:
            raise ArgumentError(name, expected=f"one of {', '.join(known)}", got=repr(value))


def _residual(matrix: Tensor, vectors: Tensor, values: Tensor, size: float) -> float:
    """How far columns are from orthonormal eigenvectors; they are not handed out where that is much.

    Raises:
        ArgumentError: If it is more than `WORST_RESIDUAL`.
    """
    wrong = (matrix @ vectors - vectors * values) / size
    gram = vectors.T @ vectors - torch.eye(len(values), dtype=torch.float64)
    # What is no number is as far off as can be.
    off = max(
        float(part.nan_to_num(torch.inf, torch.inf, torch.inf).abs().max()) if part.numel() else 0.0
        for part in (wrong, gram)
    )
    if off > WORST_RESIDUAL:
        raise ArgumentError(
            "graph",
            expected=f"weights for which the solver finds eigenvectors to {WORST_RESIDUAL:.0e}",
            got=f"a residual of {off:.1e}",
            way_out="bring the weights to sizes nearer to one another",
        )
    return off


def _spectrum(matrix: Tensor, weights: Tensor, normalization: str) -> tuple[Tensor, Tensor, int]:
    """Eigenvalues, rising, and eigenvectors, the trivial one first; and how many of them span the null space.

    Every component has one null vector, sqrt(degree) or constant, which needs no solver. Moved to the other end
    of the spectrum they mix with nothing, however weakly parts of the graph are joined.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    components, labels = connected_components(csr_matrix(weights.numpy()), directed=False)
    degree = weights.sum(1)
    entries = torch.where(degree > 0, degree, 1).sqrt() if normalization == "symmetric" else torch.ones_like(degree)
    members = torch.nn.functional.one_hot(torch.from_numpy(labels).to(torch.int64), components).to(torch.float64)
    null = members * entries.unsqueeze(1)
    null = null / null.norm(dim=0)
    # As large as the spectrum: much larger, and small weights would drown in its rounding.
    beyond = 4 * float(matrix.diagonal().max()) or 1.0
    values, vectors = torch.linalg.eigh(matrix + beyond * (null @ null.T))
    kept = len(values) - components
    trivial = degree.sqrt() if normalization == "symmetric" else torch.ones_like(degree)
    if float(trivial.norm()) == 0:
        trivial = torch.ones_like(degree)
    basis = _beginning_with(null, null.T @ trivial)
    values = torch.cat([values.new_zeros(components), values[:kept].clamp(min=0)])
    return values, torch.cat([basis, vectors[:, :kept]], 1), int(components)


def _beginning_with(columns: Tensor, coefficients: Tensor) -> Tensor:
    """An orthonormal basis of the span of orthonormal columns that begins with a combination with no negative share.

    One reflection turns the first column into that combination. A factorisation of the combination and the columns
    would meet dependent columns, and may leave the span there.
    """
    first = coefficients / coefficients.norm()
    normal = first.clone()
    normal[0] += 1.0  # what is added to it is not negative: no digits are lost
    basis: Tensor = columns - torch.outer(columns @ normal, 2 * normal / normal.square().sum())
    basis[:, 0] = columns @ first
    return basis


def _speak(health: SpectralHealth, policy: str) -> None:
    if not health.warnings or policy == "quiet":
        return
    text = "; ".join(f"{code} {words}" for code, words in health.warnings.items())
    if policy == "raise":
        raise ArgumentError(
            "graph",
            expected="a simple spectrum",
            got=text,
            way_out="networks of haar.nn.spectral take spaces=, EigenvalueFilters needs nothing",
        )
    warnings.warn(f"laplacian_eigs: {text}", HaarWarning, stacklevel=3)
