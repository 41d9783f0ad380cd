"""The isotypic decomposition of an orthogonal representation: equivalent copies carry identical matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Inexact
from numpy.typing import NDArray
from torch import Tensor

from haar.actions.representation import DirectSum, Representation, Trivial
from haar.actions.representation.dtypes import require_floating
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError
from haar.groups import Group
from haar.host import on_the_host
from haar.intertwiners.group_algebra import draw, images, probes
from haar.intertwiners.homomorphism import require_homomorphism, require_same_group
from haar.intertwiners.primitive import Block, primitive_blocks

#: Draws of the group algebra tried before a representation is given up.
DRAWS = 6
#: Largest difference between the matrices of equivalent copies.
_TOLERANCE = 1e-9
#: Entries of matrices held at once.
_CHUNK = 4_000_000
#: Matrices closer than this belong to the same class.
_SAME = 1e-6


@dataclass(frozen=True)
class IsotypicClass:
    """All copies of one real irreducible representation inside a representation.

    Attributes:
        dim: Dimension d of the irreducible.
        end: Dimension of its commuting algebra: 1 real, 2 complex, 4 quaternionic.
        multiplicity: Number m of copies.
        matrices: Its matrices ``(k, d, d)`` on the group's probe elements (`haar.intertwiners.group_algebra.probes`),
            the same for every representation of the group that was decomposed with the same draw.
    """

    dim: int
    end: int
    multiplicity: int
    matrices: Float[Tensor, "k d d"] = field(repr=False, compare=False)

    @property
    def type(self) -> str:
        """``"real"``, ``"complex"`` or ``"quaternionic"``."""
        return {1: "real", 2: "complex", 4: "quaternionic"}[self.end]

    @property
    def is_trivial(self) -> bool:
        """Whether nothing moves."""
        return self.dim == 1 and bool((self.matrices - 1).abs().max() < _SAME)

    def same_as(self, other: IsotypicClass) -> bool:
        """Whether the irreducibles are equivalent; in canonical bases they are then equal."""
        if (self.dim, self.end) != (other.dim, other.end):
            return False
        return bool((self.matrices - other.matrices).abs().max() < _SAME)


@dataclass(frozen=True)
class Run:
    """Copies of one representation that stand next to one another in a direct sum.

    Attributes:
        start: First index of the run.
        copies: Number of copies in the run.
        dim: Dimension of one copy.
        basis: Orthogonal Q ``(dim, dim)`` of one copy: columns ordered by class, copy within the class, component.
        places: For each class of the run's representation, in the order of Q's columns: the number of the class in the
            whole, the multiplicity m in one copy, and the first multiplicity index in the whole, from which on the run
            has m times `copies` of them: for each of the m all copies.
    """

    start: int
    copies: int
    dim: int
    basis: Float[Tensor, "n n"] = field(repr=False, compare=False)
    places: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Isotypic:
    """A representation written as copies of irreducibles: V = sum over classes of R^m tensor V_class.

    With x of shape ``(*batch, n)``, `to_blocks` gives for each class a tensor ``(*batch, m, d)`` on which every element
    g acts by the class's matrix on the last axis alone. What commutes with that acts on m, and for complex and
    quaternionic type on the last factor `end` of d = (d / end) x end by multiplication from the right.

    Attributes:
        group: The group that is represented.
        dim: Dimension n of the representation.
        classes: The classes, smallest dimension first.
        runs: The direct sum's pieces; a representation that is no direct sum has one run of one copy.
        drawn: Number of the draw that fixed the canonical bases; matching representations need equal draws.
    """

    group: Group
    dim: int
    classes: tuple[IsotypicClass, ...]
    runs: tuple[Run, ...]
    drawn: int

    @property
    def commutant_dim(self) -> int:
        """Dimension of the space of maps that commute: sum of end m^2."""
        return sum(c.end * c.multiplicity**2 for c in self.classes)

    @property
    def basis(self) -> Float[Tensor, "n n"]:
        """The whole orthogonal Q, columns ordered class, copy, component: ``x @ Q`` are the blocks side by side."""
        eye = torch.eye(self.dim, dtype=torch.float64)
        return torch.cat([block.flatten(-2) for block in self.to_blocks(eye)], -1)

    def to_blocks(self, x: Inexact[Tensor, "*batch n"]) -> list[Tensor]:
        """Components in the classes' bases: a list of ``(*batch, m, d)``."""
        require_floating(x, "x", "changes of basis")
        batch = x.shape[:-1]
        out: list[list[Tensor]] = [[] for _ in self.classes]
        for run in self.runs:
            piece = x[..., run.start : run.start + run.copies * run.dim].reshape(*batch, run.copies, run.dim)
            turned = piece @ run.basis.to(x)
            column = 0
            for number, m, _ in run.places:
                d = self.classes[number].dim
                block = turned[..., column : column + m * d]
                apart = block.reshape(*batch, run.copies, m, d).transpose(-3, -2)
                out[number].append(apart.reshape(*batch, m * run.copies, d))
                column += m * d
        return [parts[0] if len(parts) == 1 else torch.cat(parts, -2) for parts in out]

    def from_blocks(self, blocks: Sequence[Tensor]) -> Tensor:
        """The inverse of `to_blocks`: ``(*batch, n)`` from a list of ``(*batch, m, d)``."""
        batch = blocks[0].shape[:-2]
        pieces = []
        for run in self.runs:
            columns = []
            for number, m, first in run.places:
                block = blocks[number][..., first : first + run.copies * m, :].unflatten(-2, (m, run.copies))
                columns.append(block.transpose(-3, -2).reshape(*batch, run.copies, m * self.classes[number].dim))
            turned = columns[0] if len(columns) == 1 else torch.cat(columns, -1)
            pieces.append((turned @ run.basis.to(turned).T).reshape(*batch, run.copies * run.dim))
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, -1)

    def table(self) -> str:
        """One line for each class: dimension, type, multiplicity."""
        lines = [f"{c.multiplicity} x dimension {c.dim}, {c.type} type" for c in self.classes]
        return "\n".join(lines)


@on_the_host
def decompose(rep: Representation, *, drawn: int = 0) -> Isotypic:
    """Decompose a representation into isotypic classes; remembered on the representation object.

    Irreducible blocks are found from one eigendecomposition of a random symmetric element of the group algebra, in
    bases that depend on the group alone (see the README of `haar.intertwiners`), and verified on generators and random
    elements. A direct sum is decomposed part by part, each distinct part once.

    Args:
        rep: An orthogonal representation of a finite or compact Lie group.
        drawn: Smallest draw of the group algebra to use.

    Raises:
        ArgumentError: If no draw passes the verification, which means that `rep` is no orthogonal homomorphism.

    Example:
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> [(c.dim, c.multiplicity) for c in decompose(Regular(dihedral(4))).classes]
        [(1, 1), (1, 1), (1, 1), (1, 1), (2, 2)]
    """
    check_representation("rep", rep)
    memory: dict[int, Isotypic] = rep.__dict__.setdefault("_isotypic", {})
    if drawn not in memory:
        memory[drawn] = _sum(rep, drawn) if isinstance(rep, DirectSum) else _single(rep, drawn)
    return memory[drawn]


def _single(rep: Representation, drawn: int) -> Isotypic:
    if isinstance(rep, Trivial):
        k = len(probes(rep.group))
        only = IsotypicClass(1, 1, rep.dim, torch.ones(k, 1, 1, dtype=torch.float64))
        eye = torch.eye(rep.dim, dtype=torch.float64)
        return Isotypic(rep.group, rep.dim, (only,), (Run(0, 1, rep.dim, eye, ((0, rep.dim, 0),)),), drawn)
    require_homomorphism(rep, "rep")
    reason = "no draw was tried"
    for number in range(drawn, DRAWS):
        blocks, reason = primitive_blocks(images(rep, draw(rep.group, number)))
        if not blocks:
            continue
        classes, basis, reason = _verified(rep, blocks)
        if classes:
            places = tuple((k, c.multiplicity, 0) for k, c in enumerate(classes))
            return Isotypic(rep.group, rep.dim, classes, (Run(0, 1, rep.dim, basis, places),), number)
    raise ArgumentError(
        "rep",
        expected="an orthogonal representation that decomposes into irreducible ones",
        got=f"{rep.name} of {rep.group.name}, dimension {rep.dim}: {reason}",
        way_out="run rep.check()",
    )


def _verified(rep: Representation, blocks: list[Block]) -> tuple[tuple[IsotypicClass, ...], Tensor, str]:
    """Classes in canonical order and the basis, after checking that every copy carries the same matrices."""
    n = rep.dim
    basis = np.concatenate([block.basis.reshape(n, -1) for block in blocks], 1)
    tests = probes(rep.group)
    matrices: list[list[NDArray[np.float64]]] = [[] for _ in blocks]
    step = max(1, _CHUNK // n**2)
    for k in range(0, len(tests), step):
        moved = _apply(rep, tests[k : k + step], basis)
        start = 0
        for found, block in zip(matrices, blocks, strict=True):
            d, m = block.dim, block.copies
            turned = moved[:, :, start : start + m * d].reshape(-1, n, m, d)
            found.append(_product(block.basis[:, 0].T, turned[:, :, 0]))
            error = np.abs(turned.reshape(-1, n * m, d) - _product(block.basis.reshape(n * m, d), found[-1])).max()
            if error > _TOLERANCE:
                return (), torch.from_numpy(basis), f"a block of dimension {d} is not invariant (off by {error:.1e})"
            start += m * d
    made = [
        (IsotypicClass(b.dim, b.end, b.copies, torch.from_numpy(np.concatenate(found))), b.basis.reshape(n, -1))
        for b, found in zip(blocks, matrices, strict=True)
    ]
    made.sort(key=lambda pair: _class_key(pair[0]))
    ordered = np.concatenate([columns for _, columns in made], 1)
    return tuple(c for c, _ in made), torch.from_numpy(ordered), ""


def _apply(rep: Representation, g: Tensor, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """R(g) on columns, for a batch of elements."""
    if rep.is_signed_permutation:
        index, sign = rep.signed_permutation(g)
        moved: NDArray[np.float64] = columns[index.numpy()] * sign.numpy()[..., None]
        return moved
    turned: NDArray[np.float64] = (rep.matrix(g) @ torch.from_numpy(columns)).numpy()
    return turned


def _product(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix product that keeps to torch's number of threads."""
    out: NDArray[np.float64] = (torch.from_numpy(left) @ torch.from_numpy(right)).numpy()
    return out


def _class_key(c: IsotypicClass) -> tuple[int | float, ...]:
    """Dimension, type, then characters on the probes, larger first."""
    characters = c.matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
    return (c.dim, c.end, *[round(-x, 5) + 0.0 for x in characters.tolist()])


def _sum(rep: DirectSum, drawn: int) -> Isotypic:
    """Decompose each distinct part once, raise all parts to the same draw, and merge equal classes."""
    leaves = _leaves(rep)
    while True:
        found = [decompose(leaf, drawn=drawn) for leaf in leaves]
        highest = max(part.drawn for part in found)
        if highest == min(part.drawn for part in found):
            break
        drawn = highest
    pool: list[IsotypicClass] = []
    numbers: dict[int, list[int]] = {}
    for part in found:
        if id(part) not in numbers:
            numbers[id(part)] = [_place(c, pool) for c in part.classes]
    order = sorted(range(len(pool)), key=lambda k: _class_key(pool[k]))
    rank = {old: new for new, old in enumerate(order)}
    counts = [0] * len(pool)
    runs: list[Run] = []
    start = k = 0
    while k < len(leaves):
        part = found[k]
        copies = 1
        while k + copies < len(leaves) and found[k + copies] is part:
            copies += 1
        places = []
        for number, c in zip(numbers[id(part)], part.classes, strict=True):
            places.append((rank[number], c.multiplicity, counts[number]))
            counts[number] += copies * c.multiplicity
        runs.append(Run(start, copies, part.dim, part.runs[0].basis, tuple(places)))
        start += copies * part.dim
        k += copies
    classes = tuple(IsotypicClass(pool[o].dim, pool[o].end, counts[o], pool[o].matrices) for o in order)
    return Isotypic(rep.group, rep.dim, classes, tuple(runs), found[0].drawn)


def _leaves(rep: Representation) -> list[Representation]:
    if not isinstance(rep, DirectSum):
        return [rep]
    return [leaf for part in rep.parts for leaf in _leaves(part)]


def _place(c: IsotypicClass, pool: list[IsotypicClass]) -> int:
    for k, other in enumerate(pool):
        if c.same_as(other):
            return k
    pool.append(c)
    return len(pool) - 1


@on_the_host
def matched(left: Representation, right: Representation) -> tuple[Isotypic, Isotypic, list[tuple[int, int]]]:
    """Decompose two representations with the same draw and pair their equivalent classes.

    Args:
        left: The first representation.
        right: A representation of the same group object.

    Returns:
        Both decompositions, and pairs of class numbers (in the left one, in the right one).

    Raises:
        ArgumentError: If the groups differ.

    Example:
        >>> from haar.actions.representation import Defining, Regular
        >>> from haar.groups import dihedral
        >>> group = dihedral(4)
        >>> matched(Defining(group), Regular(group))[2]
        [(0, 4)]
    """
    require_same_group(left, right)
    drawn = 0
    while True:
        a, b = decompose(left, drawn=drawn), decompose(right, drawn=drawn)
        if a.drawn == b.drawn:
            break
        drawn = max(a.drawn, b.drawn)
    pairs = [(i, j) for i, c in enumerate(a.classes) for j, e in enumerate(b.classes) if c.same_as(e)]
    return a, b, pairs
