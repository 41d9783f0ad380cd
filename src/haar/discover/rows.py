"""The linear problem: rows that a generator must annihilate, the size form, and their factors, for linear actions.

A pair (A, B) is a generator if J(x) A x = B f(x) at every x. In whitened coordinates every sample gives one row of
numbers an output, linear in the entries of A and B. What the left side would be if A x pointed at random, plus what B f
is, is a quadratic form of the same entries: singular values of the rows relative to that form have no units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.discover.evaluated import Evaluated
from haar.discover.whitening import Whitening

#: Numbers that rows of a chunk may have together.
_CHUNK = 6_000_000


class Pair(NamedTuple):
    """Generators on both sides, in homogeneous coordinates: the last column moves the origin, the last row is 0."""

    a: Float[Tensor, "k n1 n1"]
    b: Float[Tensor, "k m1 m1"]

    def joined(self) -> Float[Tensor, "k s s"]:
        """Block-diagonal matrices."""
        return torch.stack([torch.block_diag(x, y) for x, y in zip(self.a, self.b, strict=True)])

    def combined(self, coefficients: Float[Tensor, "j k"]) -> Pair:
        """Combinations."""
        return Pair(*(torch.einsum("jk,kab->jab", coefficients, side) for side in self))


@dataclass(frozen=True)
class LinearProblem:
    """What is sought, and in which coordinates.

    Attributes:
        inputs: Whitening of the inputs; of one point, with `points`.
        outputs: Whitening of the outputs; that of the inputs for ``"same"``.
        kind: ``"any"``, ``"same"`` or ``"invariant"``.
        affine: Whether the origin may move.
        points: Number of points on which one matrix acts, or None.
        relative: Whether every sample counts the same, whatever its size.
        increments: Whether f is f - x, which no shift moves.
    """

    inputs: Whitening
    outputs: Whitening
    kind: str
    affine: bool
    points: int | None = None
    relative: bool = False
    increments: bool = False

    @property
    def count(self) -> int:
        """Number of unknowns."""
        r, q, one = self.inputs.rank, self.outputs.rank, int(self.affine)
        return r * (r + one) + (q * (q + one) if self.kind == "any" else 0)

    @property
    def rows_a_sample(self) -> int:
        """Equations that one sample gives."""
        return self.outputs.rank * (self.points or 1 if self.kind == "same" else 1)

    def coordinates(self, sample: Evaluated) -> tuple[Tensor, Tensor, Tensor]:
        """Whitened inputs ``(b, K, r)``, outputs ``(b, L, q)`` and derivatives ``(b, L, q, K, r)``."""
        k = self.points or 1
        l = k if self.kind == "same" else 1
        b = len(sample)
        x = self.inputs(sample.x.unflatten(-1, (k, -1)))
        f = sample.f.unflatten(-1, (l, -1))
        f = f @ self.outputs.inwards.T if self.increments else self.outputs(f)
        jacobian = sample.jacobian.reshape(b, l, self.outputs.size, k, self.inputs.size)
        white = torch.einsum("qm,blmkn,nr->blqkr", self.outputs.inwards, jacobian, self.inputs.outwards)
        return x, f, white if sample.along is None else torch.einsum("blqkr,brs->blqks", white, sample.along)

    def _across(self, along: Float[Tensor, "b r r"], x: Tensor) -> Float[Tensor, "b r p"]:
        """Rows that say how far A x points out of the set on which samples lie, over the size of x."""
        r, one = self.inputs.rank, int(self.affine)
        out = torch.eye(r, dtype=torch.float64) - along
        size = x.flatten(1).norm(dim=1).clamp_min(1e-300)
        rows = torch.einsum("bij,bk->bijk", out, self._extended(x)[:, 0] / size[:, None]).flatten(2)
        return torch.nn.functional.pad(rows, (0, self.count - r * (r + one)))

    def _extended(self, x: Tensor, one: float = 1.0) -> Tensor:
        return torch.cat([x, torch.full_like(x[..., :1], one)], -1) if self.affine else x

    def _extended_output(self, f: Tensor) -> Tensor:
        return self._extended(f, 0.0 if self.increments else 1.0)

    def _weights(self, x: Tensor, f: Tensor, jacobian: Tensor) -> Tensor:
        if not self.relative:
            return torch.ones(len(x), dtype=torch.float64)
        gain = jacobian.flatten(1).square().sum(1) / (x.shape[1] * x.shape[2])
        size = gain * x.flatten(1).square().sum(1) + f.flatten(1).square().sum(1)
        return size.clamp_min(1e-300).rsqrt()

    def chunks(self, sample: Evaluated) -> Iterator[Float[Tensor, "b q p"]]:
        """Rows of the samples, a chunk at a time."""
        step = max(1, _CHUNK // max(1, self.rows_a_sample * self.count))
        for index in torch.arange(len(sample)).split(step):
            yield self._rows(sample.part(index))

    def _rows(self, sample: Evaluated) -> Float[Tensor, "b q p"]:
        x, f, jacobian = self.coordinates(sample)
        weight = self._weights(x, f, jacobian)
        b, lines = len(x), f.shape[1] * f.shape[2]
        moved = torch.einsum("blqki,bkj->blqij", jacobian, self._extended(x))
        if self.kind == "invariant":
            rows = moved.reshape(b, lines, -1)
        else:
            q = f.shape[2]
            eye = torch.eye(q, dtype=torch.float64)
            out = torch.einsum("qi,blj->blqij", eye, self._extended_output(f))
            if self.kind == "same":
                rows = (moved - out).reshape(b, lines, -1)
            else:
                rows = torch.cat([moved.reshape(b, lines, -1), -out.reshape(b, lines, -1)], -1)
        rows = rows * weight[:, None, None]
        return rows if sample.along is None else torch.cat([rows, self._across(sample.along, x)], 1)

    def _size_blocks(self, sample: Evaluated) -> list[Tensor]:
        """For every sample the matrices C with size(v) = sum_i A_i C A_i' (+ the same for B)."""
        x, f, jacobian = self.coordinates(sample)
        square = self._weights(x, f, jacobian).square()
        x, g = self._extended(x), self._extended_output(f)
        gain = jacobian.flatten(1).square().sum(1) / (x.shape[1] * self.inputs.rank)
        inside = torch.einsum("b,bki,bkj->bij", gain * square, x, x)
        outside = torch.einsum("b,bli,blj->bij", square, g, g)
        if self.kind == "invariant":
            return [inside]
        return [inside + outside] if self.kind == "same" else [inside, outside]

    def sums(self, sample: Evaluated) -> Sums:
        """Everything the spectrum needs of the samples."""
        triangle = torch.zeros(0, self.count, dtype=torch.float64)
        for rows in self.chunks(sample):
            triangle = reduced(triangle, rows.flatten(0, 1))
        blocks = [torch.zeros(())] if not len(sample) else [c.sum(0) for c in self._size_blocks(sample)]
        return Sums(triangle, tuple(blocks), len(sample))

    def judged(self, sample: Evaluated, vectors: Float[Tensor, "p k"]) -> tuple[Tensor, Tensor]:
        """Squared failure and squared size of every vector at every sample, ``(b, k)`` each."""
        failures = torch.cat([(rows @ vectors).square().sum(1) for rows in self.chunks(sample)])
        r, one = self.inputs.rank, int(self.affine)
        cut = r * (r + one)
        sizes = torch.zeros_like(failures)
        blocks = self._size_blocks(sample)
        for block, part in zip(blocks, (vectors[:cut], vectors[cut:]), strict=False):
            side = part.T.unflatten(-1, (-1, block.shape[-1]))
            sizes = sizes + torch.einsum("kij,bjl,kil->bk", side, block, side)
        return failures, sizes

    def scaled(self, triangle: Tensor, sums: Sums) -> Tensor:
        """Columns of the triangle in units of the size form: R N^(-1/2)."""
        return self._by_size(triangle, sums, -0.5)

    def unscaled(self, vectors: Float[Tensor, "p k"], sums: Sums) -> Tensor:
        """Vectors v = N^(-1/2) w."""
        return self._by_size(vectors.T, sums, -0.5).T

    def _by_size(self, rows: Tensor, sums: Sums, power: float) -> Tensor:
        r, one = self.inputs.rank, int(self.affine)
        cut = r * (r + one)
        parts = []
        for block, part in zip(sums.blocks, (rows[:, :cut], rows[:, cut:]), strict=False):
            values, vectors = torch.linalg.eigh(block / sums.samples)
            root = vectors * values.clamp_min(1e-300).pow(power) @ vectors.T
            width = block.shape[-1]
            parts.append((part.unflatten(-1, (part.shape[-1] // width, width)) @ root).flatten(1))
        return torch.cat(parts, -1)

    def matrices(self, vectors: Float[Tensor, "p k"]) -> Pair:
        """Generators in whitened homogeneous coordinates of every point."""
        r, q, one = self.inputs.rank, self.outputs.rank, int(self.affine)
        cut = r * (r + one)
        a = _homogeneous(vectors[:cut].T.unflatten(-1, (r, r + one)))
        if self.kind == "any":
            b = _homogeneous(vectors[cut:].T.unflatten(-1, (q, q + one)))
        elif self.kind == "same":
            b = a
        else:
            b = torch.zeros(len(a), q + 1, q + 1, dtype=torch.float64)
        return Pair(a, b)


class Sums(NamedTuple):
    """Sums over samples: the triangular factor of all rows, blocks of the size form, and their number."""

    triangle: Float[Tensor, "t p"]
    blocks: tuple[Tensor, ...]
    samples: int

    def merged(self, other: Sums) -> Sums:
        """Of both sets of samples."""
        blocks = tuple(x + y for x, y in zip(self.blocks, other.blocks, strict=True))
        return Sums(reduced(self.triangle, other.triangle), blocks, self.samples + other.samples)


def reduced(triangle: Float[Tensor, "t p"], rows: Float[Tensor, "s p"]) -> Float[Tensor, "u p"]:
    """The triangular factor of rows below a triangular factor: it has their singular values, with no squares taken."""
    both = torch.cat([triangle, rows])
    if len(both) <= both.shape[1]:
        return both
    factor: Tensor = torch.linalg.qr(both, mode="r").R
    return factor


def unit_sums(values: Float[Tensor, "b k"], units: Int[Tensor, " b"]) -> Float[Tensor, "u k"]:
    """Sums over the samples of every unit."""
    _, place = units.unique(return_inverse=True)
    total = torch.zeros(int(place.max()) + 1, values.shape[1], dtype=torch.float64)
    return total.index_add_(0, place, values)


def _homogeneous(part: Float[Tensor, "k n w"]) -> Float[Tensor, "k n1 n1"]:
    k, n, width = part.shape
    full = torch.zeros(k, n + 1, n + 1, dtype=torch.float64)
    full[:, :n, :width] = part
    return full
