"""Irreducible blocks from primitive idempotents of the group algebra, in bases that depend on the group alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

#: Largest error of an isometry, or of a unit that squares to -1, which one Newton step makes exact.
_ISOMETRY = 1e-5

# Small arrays are numpy's here: its calls cost a fraction of torch's. Products and eigenvectors of size n are torch's,
# which keeps to the number of threads that the user set.
Array = NDArray[np.float64]

#: Eigenvalues closer than this (times the largest) are equal; more than rounding, less than the gaps of a good draw.
_EQUAL = 1e-10
#: A draw with a gap below this (times the largest eigenvalue) is rejected: its eigenvectors are not sharp enough.
_SHARP = 1e-8
#: Blocks of rounding error are smaller than this, blocks that connect equivalent spaces larger.
_ZERO = 1e-7
#: Classes after which the connecting elements are brought into the eigenbasis as a whole.
_MANY = 16
#: Imaginary parts smaller than this are not used to define a unit.
_SMALL = 1e-4


@dataclass(frozen=True)
class Block:
    """One isotypic class: copies of an irreducible in a canonical basis.

    Attributes:
        basis: Orthonormal columns ``(n, copies, dim)``.
        end: Dimension of the commuting algebra.
    """

    basis: Float[np.ndarray, "n copies dim"]
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
    spectrum, frame = torch.linalg.eigh(algebra[0])
    frame = frame.flip(1)  # largest eigenvalue first
    values, vectors = spectrum.flip(0).numpy(), frame.numpy()
    scale = float(np.abs(values).max(initial=0.0)) or 1.0
    gaps = (values[:-1] - values[1:]) / scale
    if ((gaps > _EQUAL) & (gaps < _SHARP)).any():
        return [], "two eigenvalues of a random element are too close"
    edges = [0, *(np.flatnonzero(gaps > _EQUAL) + 1).tolist(), len(values)]
    spaces = [vectors[:, i:j] for i, j in itertools.pairwise(edges)]
    free = np.ones(len(spaces), dtype=bool)
    blocks: list[Block] = []
    turned: Array | None = None
    for top in range(len(spaces)):
        if not free[top]:
            continue
        # b sends the top eigenspace to the other eigenspaces of the same irreducible, and nowhere else.
        start, stop = edges[top], edges[top + 1]
        if len(blocks) == _MANY:
            turned = _turned(algebra[1:], frame, frame)
        parts = _turned(algebra[1:], frame, frame[:, start:stop]) if turned is None else turned[:, :, start:stop]
        norms = np.sqrt(np.add.reduceat((parts**2).sum(-1), edges[:-1], axis=-1))
        members = np.flatnonzero((norms.max(0) > _ZERO * scale) & free).tolist()
        members = [top, *[k for k in members if k != top]]
        block, reason = _canonical([spaces[k] for k in members], [parts[:, edges[k] : edges[k + 1]] for k in members])
        if block is None:
            return [], reason
        blocks.append(block)
        free[members] = False
    return blocks, ""


def _turned(connectors: Tensor, frame: Tensor, columns: Tensor) -> Array:
    """Connecting elements from some columns to the eigenbasis; one large product is quicker than many thin ones."""
    out: Array = (frame.T @ (connectors @ columns)).numpy()
    return out


def _canonical(spaces: list[Array], parts: list[Array]) -> tuple[Block | None, str]:
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
    turned = np.stack(parts[1:]) @ frame if parts[1:] else np.empty((0, len(parts[0]), k, k))
    best = turned[np.arange(len(turned)), (turned**2).sum((-1, -2)).argmax(1)]  # (eigenspace, k, k)
    isometry = best / np.sqrt((best**2).sum((-1, -2), keepdims=True) / k)
    square = isometry.transpose(0, 2, 1) @ isometry
    if np.abs(square - np.eye(k)).max(initial=0.0) > _ISOMETRY:
        return None, "two inequivalent eigenspaces share an eigenvalue"
    # one Newton step to the polar factor: the error is squared, below rounding
    isometry = isometry @ (1.5 * np.eye(k) - 0.5 * square)
    columns = np.stack(spaces) @ np.concatenate([frame[None], isometry])
    stacked = columns.reshape(len(columns), -1, k // end, end).transpose(1, 2, 0, 3)  # n, copy, eigenspace, unit
    return Block(stacked.reshape(len(spaces[0]), k // end, -1), end), ""


def _division_units(compressed: Array) -> tuple[Array | None, str]:
    """The units 1; 1, I; or 1, I, J, IJ of the algebra that the compressed elements span, as ``(end, k, k)``."""
    k = compressed.shape[-1]
    eye = np.eye(k)
    scale = float(np.abs(compressed).max()) or 1.0
    even = (compressed + compressed.transpose(0, 2, 1)) / 2
    trace = even.trace(axis1=-2, axis2=-1) / k
    if np.abs(even - trace[:, None, None] * eye).max() > _ZERO * scale:
        return None, "an eigenspace holds inequivalent spaces"
    units = [eye]
    for odd in (compressed - compressed.transpose(0, 2, 1)) / 2:
        rest = odd
        for unit in units[1:]:
            rest = rest - (unit * odd).sum() / k * unit
        size = float(np.sqrt((rest**2).sum() / k))
        if size < _SMALL * scale:
            if size > _ZERO * scale:
                return None, "an imaginary unit is too small to be read"
            continue
        unit = rest / size
        if np.abs(unit @ unit + eye).max() > _ISOMETRY:
            return None, "an eigenspace holds inequivalent spaces"
        units.append(unit)
    if len(units) > 2:
        units = [eye, units[1], units[2], units[1] @ units[2]]
    return np.stack(units), ""


def _frame(units: Array) -> Array:
    """Orthonormal columns u_1, I u_1, ..., u_2, I u_2, ...: a basis of R^k over the division algebra."""
    end, k = units.shape[0], units.shape[1]
    if end == 1:
        return np.eye(k)
    frame = np.zeros((k, 0))
    while frame.shape[1] < k:
        rest = np.eye(k) - frame @ frame.T
        vector = rest[:, int(rest.diagonal().argmax())]
        vector = vector - frame @ (frame.T @ vector)
        vector = vector / np.linalg.norm(vector)
        frame = np.concatenate([frame, (units @ vector).T], 1)
    return frame
