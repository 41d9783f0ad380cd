"""Initial weights: unit variance in, unit variance out, in every isotypic class of the output.

For independent parameters of unit variance M = E[W W^T] commutes with the group and is a number on every isotypic class
of the output (Schur). W' = M^(-1/2) W is equivariant too, and E[W' W'^T] projects onto the classes that can be reached.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.intertwiners import Intertwiners, IsotypicIntertwiners, OrbitIntertwiners

#: Eigenvalues of the metric below this, relative to the largest, belong to what no map reaches.
_UNREACHED = 1e-10

#: Parameters of orbit spaces above this are scaled orbit by orbit: equal shares of variance for the orbits in a row.
_WHITENED = 1024
#: Output dimensions up to this are scaled by the root of their own matrix, if it is smaller than that of parameters.
_SMALL_OUTPUT = 256


def draw_weights(
    space: Intertwiners,
    generator: torch.Generator | None = None,
    *,
    gain: float = 1.0,
    sources: int = 1,
    count: int = 1,
) -> Float[Tensor, "*one dim"]:
    """Gaussian parameters, float64, for which white input of unit variance gives output of variance ``gain ** 2``.

    Args:
        space: Maps to draw from.
        generator: Source of the random numbers; by default torch's.
        gain: Factor on the output's standard deviation.
        sources: Number of such maps are added up.
        count: How many to draw; one has no leading axis.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import symmetric
        >>> from haar.intertwiners import intertwiners
        >>> points = Defining(symmetric(50))
        >>> draw_weights(intertwiners(points, points), torch.Generator().manual_seed(0)).shape
        torch.Size([2])
    """
    noise = torch.randn(space.dim, count, generator=generator, dtype=torch.float64)
    if not space.dim:  # nothing but a bias
        return noise[:, 0] if count == 1 else noise.T
    drawn = (initial_root(space) @ noise).T * (gain * sources**-0.5)
    chosen: Tensor = drawn[0] if count == 1 else drawn
    return chosen


class _Root:
    """The symmetric matrix A with p = A noise: diagonal or full."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __matmul__(self, noise: Tensor) -> Tensor:
        return self.values[:, None] * noise if self.values.ndim == 1 else self.values @ noise

    def dense(self) -> Float[Tensor, "dim dim"]:
        """As a full matrix."""
        return torch.diag(self.values) if self.values.ndim == 1 else self.values


class _OutputRoot:
    """The same as an equivariant matrix M^(-1/2) on the output's side."""

    def __init__(self, space: Intertwiners, values: Float[Tensor, "out out"]) -> None:
        self.space, self.values = space, values

    def __matmul__(self, noise: Tensor) -> Tensor:
        if noise.shape[1] > self.space.dim:
            return self.dense() @ noise
        return self.space.parameters_of(self.values @ self.space.from_parameters(noise.T)).T

    def dense(self) -> Float[Tensor, "dim dim"]:
        """As a full matrix."""
        return self @ torch.eye(self.space.dim, dtype=torch.float64)


def initial_root(space: Intertwiners) -> _Root | _OutputRoot:
    """The root of the covariance of initial parameters, in the coordinates of `space`.

    Isotypic: the component of a copy is a sum over ``end m_in`` terms p / sqrt(d), hence variance d / (end m_in).
    Orbits: M^(-1/2) with M = sum_k B_k B_k^T on the output; or, where there are fewer orbits than outputs, p = L^(-1/2)
    noise with L_jk = <B_j, M B_k>, from the rows of M at the first pair of every orbit.
    """
    if isinstance(space, IsotypicIntertwiners):
        scale = torch.empty(space.dim, dtype=torch.float64)
        for block in space.structure:
            scale[block.start : block.start + block.size] = (block.dim / (block.end * block.m_in)) ** 0.5
        return _Root(scale)
    if not isinstance(space, OrbitIntertwiners):
        raise ArgumentError("space", expected="maps by orbits or isotypic classes", got=type(space).__name__)
    label = space.structure.label.to(torch.int64).numpy()
    height = np.append(space.structure.sizes.to(torch.float64).numpy(), np.inf) ** -0.5
    signed = space.structure.sign.to(torch.float64).numpy() * height[label]  # label -1 reads the zero at the end
    if len(label) <= min(space.dim, _SMALL_OUTPUT):
        return _OutputRoot(space, _output_root(label, signed))
    if space.dim > _WHITENED:
        return _Root(_row_shares(label, signed, space.dim))
    return _Root(_whitening(label, signed, space.dim))


def _output_root(label: np.ndarray, signed: np.ndarray) -> Float[Tensor, "out out"]:
    """M^(-1/2), zero on what no map reaches."""
    M = np.stack([((label == row) * signed) @ own for row, own in zip(label, signed, strict=True)])
    values, vectors = np.linalg.eigh((M + M.T) / 2)
    reached = values > _UNREACHED * values[-1]
    return torch.from_numpy((vectors[:, reached] * values[reached] ** -0.5) @ vectors[:, reached].T)


def _whitening(label: np.ndarray, signed: np.ndarray, dim: int) -> Float[Tensor, "dim dim"]:
    from scipy.sparse import csr_array  # takes longer to load than all layers do

    n_out, n_in = label.shape
    names, place = np.unique(label, return_index=True)
    firsts = place[names >= 0]
    rows, columns = firsts // n_in, firsts % n_in
    # B as one sparse matrix (row o; column (k, i)), so that M is a product of it with itself
    o, i = np.nonzero(label >= 0)
    wide = csr_array((signed[o, i], (o, label[o, i] * n_in + i)), shape=(n_out, dim * n_in))
    kept = np.unique(rows)
    moment = (wide[kept] @ wide.T).toarray()[np.searchsorted(kept, rows)]  # (dim, n_out): M at the first pairs' rows
    at = label[:, columns]  # (n_out, dim): which B_k meets the first pairs' columns
    terms = moment.T * signed[:, columns]
    L = np.zeros((dim + 1, dim))
    np.add.at(L, (at, np.arange(dim)[None, :].repeat(n_out, 0)), terms)
    L = L[:dim] / signed[rows, columns]  # (M B_k) at a first pair is <B_j, M B_k> times the height of B_j
    values, vectors = np.linalg.eigh((L + L.T) / 2)
    return torch.from_numpy(vectors * values**-0.5 @ vectors.T)


def _row_shares(label: np.ndarray, signed: np.ndarray, dim: int) -> Float[Tensor, " dim"]:
    """An orbit's rows are one orbit of rows; each of the orbits that meet a row gives it an equal share of variance."""
    share = np.zeros(dim)
    for row, heights in zip(label, signed, strict=True):
        met = np.unique(row[heights != 0])
        share[met] += 1 / max(len(met), 1)
    return torch.from_numpy(share**0.5)
