"""Irreducible blocks from primitive idempotents of the group algebra, in bases that depend on the group alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

#: Eigenvalues closer than this (times the largest) are equal; more than rounding, less than the gaps of a good draw.
_EQUAL = 1e-10
#: A draw with a gap below this (times the largest eigenvalue) is rejected: its eigenvectors are not sharp enough.
_SHARP = 1e-8
#: Blocks of rounding error are smaller than this, blocks that connect equivalent spaces larger.
_ZERO = 1e-7


@dataclass(frozen=True)
class Block:
    """One isotypic class: copies of an irreducible in a canonical basis.

    Attributes:
        basis: Orthonormal columns ``(n, copies, dim)``.
        end: Dimension of the commuting algebra.
    """

    basis: Float[Tensor, "n copies dim"]
    end: int

    @property
    def copies(self) -> int:
        """Multiplicity."""
        return int(self.basis.shape[1])

    @property
    def dim(self) -> int:
        """Dimension of the irreducible."""
        return int(self.basis.shape[2])


def primitive_blocks(algebra: Float[Tensor, "rows n n"]) -> tuple[list[Block], str]:
    """Split the space into isotypic classes and each class into identical irreducible copies.

    Args:
        algebra: Images of a symmetric element a of the group algebra and of a few elements b without symmetry.

    Returns:
        The blocks and ``""``, or no blocks and the reason why this draw does not serve.
    """
    values, vectors = torch.linalg.eigh(algebra[0])
    values, vectors = values.flip(0), vectors.flip(1)  # largest first
    scale = float(values.abs().max()) or 1.0
    gaps = (values[:-1] - values[1:]) / scale
    if bool(((gaps > _EQUAL) & (gaps < _SHARP)).any()):
        return [], "two eigenvalues of a random element are too close"
    edges = [0, *(torch.nonzero(gaps > _EQUAL).flatten() + 1).tolist(), len(values)]
    spaces = [vectors[:, i:j] for i, j in itertools.pairwise(edges)]
    starts = torch.tensor(edges[:-1])
    free = torch.ones(len(spaces), dtype=torch.bool)
    connectors = algebra[1:]
    blocks = []
    for top in range(len(spaces)):
        if not free[top]:
            continue
        # b sends the top eigenspace to the other eigenspaces of the same irreducible, and nowhere else.
        image = connectors @ spaces[top]
        parts = vectors.T @ image
        norms = _segment_norms(parts, starts)
        members = torch.nonzero((norms.amax(0) > _ZERO * scale) & free).flatten().tolist()
        members = [top, *[k for k in members if k != top]]
        block, reason = _canonical([spaces[k] for k in members], [parts[:, edges[k] : edges[k + 1]] for k in members])
        if block is None:
            return [], reason
        blocks.append(block)
        free[members] = False
    return blocks, ""


def _segment_norms(parts: Float[Tensor, "t n k"], starts: Tensor) -> Float[Tensor, "t s"]:
    square = (parts**2).sum(-1).cumsum(-1)
    square = torch.nn.functional.pad(square, (1, 0))
    stops = torch.cat([starts[1:], torch.tensor([parts.shape[1]])])
    return (square[:, stops] - square[:, starts]).clamp(min=0).sqrt()


def _canonical(spaces: list[Tensor], parts: list[Tensor]) -> tuple[Block | None, str]:
    """Align all eigenspaces of one class with the first.

    On the first eigenspace the compressed group algebra e A e is a division algebra: real numbers, complex numbers or
    quaternions. Its units times one vector of every copy are a basis there, and b carries that basis to the other
    eigenspaces.
    """
    k = spaces[0].shape[1]
    if any(space.shape[1] != k for space in spaces):
        return None, "eigenspaces of one class differ in dimension"
    units, reason = _division_units(parts[0])
    if units is None:
        return None, reason
    frame = _frame(units)  # (k, k): columns copy, unit
    end = len(units)
    columns = [spaces[0] @ frame]
    for space, part in zip(spaces[1:], parts[1:], strict=True):
        best = part[int((part**2).sum((-1, -2)).argmax())] @ frame
        size = float((best**2).sum() / k) ** 0.5
        isometry = best / size
        if float((isometry.T @ isometry - torch.eye(k, dtype=torch.float64)).abs().max()) > 1e-5:
            return None, "two inequivalent eigenspaces share an eigenvalue"
        left, _, right = torch.linalg.svd(isometry)
        columns.append(space @ (left @ right))
    stacked = torch.stack([c.unflatten(1, (k // end, end)) for c in columns], 2)  # n, copy, eigenspace, unit
    return Block(stacked.flatten(2), end), ""


def _division_units(compressed: Float[Tensor, "t k k"]) -> tuple[Tensor | None, str]:
    """The units 1; 1, I; or 1, I, J, IJ of the algebra that the compressed elements span, as ``(end, k, k)``."""
    k = compressed.shape[-1]
    eye = torch.eye(k, dtype=torch.float64)
    scale = float(compressed.abs().max()) or 1.0
    even = (compressed + compressed.transpose(-1, -2)) / 2
    trace = even.diagonal(dim1=-2, dim2=-1).mean(-1)
    if float((even - trace[:, None, None] * eye).abs().max()) > _ZERO * scale:
        return None, "an eigenspace holds inequivalent spaces"
    units = [eye]
    for odd in (compressed - compressed.transpose(-1, -2)) / 2:
        rest = odd
        for unit in units[1:]:
            rest = rest - (unit * odd).sum() / k * unit
        size = float((rest**2).sum() / k) ** 0.5
        if size < 1e-4 * scale:
            if size > _ZERO * scale:
                return None, "an imaginary unit is too small to be read"
            continue
        unit = rest / size
        if float((unit @ unit + eye).abs().max()) > 1e-5:
            return None, "an eigenspace holds inequivalent spaces"
        units.append(unit)
    if len(units) > 2:
        units = [eye, units[1], units[2], units[1] @ units[2]]
    return torch.stack(units), ""


def _frame(units: Float[Tensor, "end k k"]) -> Float[Tensor, "k k"]:
    """Orthonormal columns u_1, I u_1, ..., u_2, I u_2, ...: a basis of R^k over the division algebra."""
    end, k = units.shape[0], units.shape[1]
    if end == 1:
        return torch.eye(k, dtype=torch.float64)
    frame = torch.zeros(k, 0, dtype=torch.float64)
    while frame.shape[1] < k:
        rest = torch.eye(k, dtype=torch.float64) - frame @ frame.T
        vector = rest[:, int(rest.diagonal().argmax())]
        vector = vector - frame @ (frame.T @ vector)
        vector = vector / vector.norm()
        frame = torch.cat([frame, (units @ vector).T], 1)
    return frame
