"""Named groups: cyclic, dihedral, reflections, octahedral, sign and symmetric groups."""

from __future__ import annotations

import itertools
import math
from typing import SupportsIndex

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.generated import from_matrices, from_permutations
from haar.groups.group import Group
from haar.groups.implicit import SignGroup, SymmetricGroup
from haar.groups.lie import design, quaternion_matrix
from haar.groups.listed_symmetric import ListedSymmetric
from haar.groups.permutation import PermutationGroup
from haar.groups.table import TableGroup
from haar.host import on_the_host

#: Up to this n the symmetric group is enumerated; beyond, its elements are permutation rows.
ENUMERATED_SYMMETRIC = 6
#: Up to this k the sign group is enumerated; beyond, its elements are rows of signs.
ENUMERATED_SIGN = 10


@on_the_host
def trivial(space_dim: int | None = None) -> TableGroup:
    """The group of one element.

    Args:
        space_dim: Dimension of the grid on which it stands still, if any.
    """
    size = space_dim or 1
    eye = torch.eye(size, dtype=torch.float64)[None]
    return TableGroup(
        "1", torch.zeros(1, 1, dtype=torch.int64), [], element_names=["e"], defining=eye, space_dim=space_dim
    )


@on_the_host
def cyclic(n: int) -> TableGroup:
    """C_n: rotations of the plane by multiples of 360/n degrees. C_1, C_2 and C_4 move square grids.

    Args:
        n: Order, at least 1.

    Example:
        >>> cyclic(4).order
        4
    """
    _at_least(n, 1)
    k = torch.arange(n)
    return TableGroup(
        f"C{n}",
        (k[:, None] + k[None, :]) % n,
        [1] if n > 1 else [],
        element_names=[_rotation_name(n, j) for j in range(n)],
        defining=_rotations(n),
        space_dim=2 if n in (1, 2, 4) else None,
    )


@on_the_host
def dihedral(n: int) -> TableGroup:
    """D_n, order 2n: rotations by multiples of 360/n degrees, and reflections. D_1, D_2 and D_4 move grids.

    Elements ``0 .. n - 1`` are rotations r^k; element n + k is r^k m_y, where m_y reverses the second axis.

    Args:
        n: Number of rotations, at least 1.

    Example:
        >>> [dihedral(4).describe(g) for g in range(8)]
        ['e', 'r90', 'r180', 'r270', 'my', 'd', 'mx', "d'"]
    """
    _at_least(n, 1)
    k = torch.arange(2 * n)
    rotation, flipped = k % n, k // n
    sign = 1 - 2 * flipped
    # r^a m^s r^b m^t = r^(a + (-1)^s b) m^(s + t)
    turned = (rotation[:, None] + sign[:, None] * rotation[None, :]) % n
    table = turned + n * ((flipped[:, None] + flipped[None, :]) % 2)
    turns = _rotations(n)
    mirror = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    matrices = torch.cat([turns, turns @ mirror])
    names = [_rotation_name(n, j) for j in range(n)] + [_mirror_name(n, j) for j in range(n)]
    gens = [1, n] if n > 1 else [1]
    return TableGroup(
        f"D{n}", table, gens, element_names=names, defining=matrices + 0.0, space_dim=2 if n in (1, 2, 4) else None
    )


@on_the_host
def reflections(dim: int = 2) -> TableGroup:
    """All reversals of the axes of a grid of dimension 1, 2 or 3: order 2^dim. In the plane it is D2.

    Raises:
        ArgumentError: If `dim` is not 1, 2 or 3.

    Example:
        >>> reflections(2).describe(3)
        'mxmy'
    """
    if dim not in (1, 2, 3):
        raise ArgumentError("dim", expected="1, 2 or 3", got=dim, way_out="use sign(dim) for signs of coordinates")
    signs = torch.tensor(list(itertools.product((1, -1), repeat=dim)), dtype=torch.int64)
    return _signed_axes(f"reflections{dim}", torch.arange(dim).expand(len(signs), dim), signs)


@on_the_host
def inversion(dim: int = 3) -> TableGroup:
    """The identity and the inversion through a point, x -> -x: order 2. In space it is called C_i.

    Args:
        dim: 1, 2 or 3.

    Raises:
        ArgumentError: If `dim` is not 1, 2 or 3.

    Example:
        >>> inversion().describe(1)
        'mxmymz'
    """
    if dim not in (1, 2, 3):
        raise ArgumentError("dim", expected="1, 2 or 3", got=dim)
    signs = torch.tensor([[1] * dim, [-1] * dim])
    return _signed_axes("Ci" if dim == 3 else f"inversion{dim}", torch.arange(dim).expand(2, dim), signs)


@on_the_host
def hyperoctahedral(dim: int) -> TableGroup:
    """All signed permutations of the axes of a grid: order 2^dim dim!. D4 in the plane, O_h in space.

    Args:
        dim: 1, 2 or 3; 4 as a group of matrices that moves no grid.

    Raises:
        ArgumentError: If `dim` is not 1 to 4.
    """
    if not 1 <= dim <= 4:
        raise ArgumentError("dim", expected="1, 2, 3 or 4", got=dim, way_out="use wreath(sign(1), symmetric(dim))")
    pairs = list(itertools.product(itertools.permutations(range(dim)), itertools.product((1, -1), repeat=dim)))
    index = torch.tensor([p for p, _ in pairs])
    sign = torch.tensor([s for _, s in pairs])
    return _signed_axes({1: "reflections1", 2: "D4", 3: "Oh"}.get(dim, f"B{dim}"), index, sign)


@on_the_host
def octahedral(*, full: bool = False) -> TableGroup:
    """Rotations of the cube, O (order 24), or with reflections, O_h (order 48, `full`). They move cubic volumes.

    Example:
        >>> octahedral().order, octahedral(full=True).order
        (24, 48)
    """
    everything = hyperoctahedral(3)
    if full:
        return everything
    determinant = torch.linalg.det(everything.defining_matrix(everything.elements()))
    index, sign = everything.defining_signed_permutation(torch.nonzero(determinant > 0).squeeze(1))  # type: ignore[misc]
    return _signed_axes("O", index, sign)


@on_the_host
def axial(axis: int = 2, *, full: bool = True) -> TableGroup:
    """C4v (or C4) about one axis of a volume: the symmetry of a cube with a preferred direction, order 8 (4).

    Args:
        axis: The special axis, 0, 1 or 2.
        full: Whether reflections that keep the axis belong to it.
    """
    everything = hyperoctahedral(3) if full else octahedral()
    index, sign = everything.defining_signed_permutation(everything.elements())  # type: ignore[misc]
    keep = (index[:, axis] == axis) & (sign[:, axis] == 1)
    return _signed_axes(("C4v" if full else "C4") + "_" + "xyz"[axis], index[keep], sign[keep])


@on_the_host
def symmetric(n: int) -> Group:
    """S_n, permutations of n things. Enumerated up to n = 6; beyond, elements are rows (implicit, never listed).

    Example:
        >>> symmetric(3).order, symmetric(40).element_shape
        (6, (40,))
    """
    _at_least(n, 1)
    if n > ENUMERATED_SYMMETRIC:
        return SymmetricGroup(n)
    if n == 1:
        return trivial()
    return ListedSymmetric(n)


@on_the_host
def alternating(n: int) -> Group:
    """A_n, even permutations of n things. Enumerated up to n = 7; beyond, elements are rows (implicit, never listed).

    Example:
        >>> alternating(5).order
        60
    """
    _at_least(n, 1)
    if n < 3:
        return trivial()
    first = [1, 2, 0, *range(3, n)]
    # the cycle of all points is even for odd n; for even n the cycle of all but the first
    second = [*range(1, n), 0] if n % 2 else [0, *range(2, n), 1]
    if n > ENUMERATED_SYMMETRIC + 1:
        return PermutationGroup([first, second], f"A{n}")
    return from_permutations([first, second] if n > 3 else [first], f"A{n}", limit=math.factorial(n))


@on_the_host
def dicyclic(n: int) -> TableGroup:
    """Dic_n, order 4n: unit quaternions generated by a = exp(i pi / n) and j, acting on R^4 from the left.

    Elements ``0 .. 2n - 1`` are a^k; element 2n + k is a^k j.

    Args:
        n: At least 1.

    Example:
        >>> dicyclic(3).order
        12
    """
    _at_least(n, 1)
    k = torch.arange(4 * n)
    turn, flipped = k % (2 * n), k // (2 * n)
    # a^k j^s a^l j^t = a^(k + (-1)^s l) j^(s + t), and j^2 = a^n
    turned = turn[:, None] + (1 - 2 * flipped)[:, None] * turn[None, :] + n * (flipped[:, None] & flipped[None, :])
    table = turned % (2 * n) + 2 * n * (flipped[:, None] ^ flipped[None, :])
    angle = torch.pi * turn.to(torch.float64) / n
    zero = torch.zeros(4 * n, dtype=torch.float64)
    cosine, sine = _tidy(angle.cos()), _tidy(angle.sin())
    plain = torch.stack([cosine, sine, zero, zero], -1)
    times_j = torch.stack([zero, zero, cosine, sine], -1)  # (c + i s) j = c j + s k
    matrices = quaternion_matrix(torch.where(flipped[:, None] == 1, times_j, plain)) + 0.0
    names = [("e" if j == 0 else f"a{j}") for j in range(2 * n)] + [f"a{j}j" if j else "j" for j in range(2 * n)]
    return TableGroup(f"Dic{n}", table, [1, 2 * n], element_names=names, defining=matrices)


@on_the_host
def quaternion() -> TableGroup:
    """Q_8 = {+-1, +-i, +-j, +-k}, the smallest group with an irreducible representation of quaternionic type.

    Example:
        >>> quaternion().order
        8
    """
    group = dicyclic(2)
    names = ["1", "i", "-1", "-i", "j", "k", "-j", "-k"]
    return TableGroup("Q8", group.table, [1, 4], element_names=names, defining=group.defining_matrix(group.elements()))


@on_the_host
def icosahedral(*, full: bool = False) -> TableGroup:
    """Rotations of the icosahedron, I (order 60), or with reflections, I_h (order 120, `full`).

    Its twofold axes include the coordinate axes; a fivefold axis is (0, 1, golden ratio).

    Example:
        >>> icosahedral().order, icosahedral(full=True).order
        (60, 120)
    """
    matrices = design(5)
    fivefold, threefold = matrices[12], matrices[4]
    gens = [fivefold, threefold] + ([-torch.eye(3, dtype=torch.float64)] if full else [])
    return from_matrices(gens, "Ih" if full else "I")


@on_the_host
def sign(k: int = 1) -> Group:
    """{+1, -1}^k. Enumerated up to k = 10 (bit j of the integer is coordinate j); beyond, elements are rows of signs.

    Example:
        >>> sign(3).order, sign(100).element_shape
        (8, (100,))
    """
    _at_least(k, 1)
    if k > ENUMERATED_SIGN:
        return SignGroup(k)
    n = torch.arange(2**k)
    bits = (n[:, None] >> torch.arange(k)) & 1
    signs = (1 - 2 * bits).to(torch.float64)
    names = ["".join("+-"[int(b)] for b in row) for row in bits]
    return TableGroup(
        f"{{+-1}}^{k}",
        n[:, None] ^ n[None, :],
        [2**j for j in range(k)],
        element_names=names,
        defining=torch.diag_embed(signs),
    )


def _signed_axes(name: str, index: Tensor, sign: Tensor) -> TableGroup:
    """A point group of a grid from its list of signed permutations, the identity first."""
    dim = index.shape[1]
    code = {(*i, *s): k for k, (i, s) in enumerate(zip(index.tolist(), sign.tolist(), strict=True))}
    # (R1 R2 v)_i = s1_i (R2 v)_p1(i) = s1_i s2_p1(i) v_p2(p1(i))
    index12 = index[:, None].expand(-1, len(index), -1)
    product_index = index[None].expand(len(index), -1, -1).gather(2, index12)
    product_sign = sign[:, None] * sign[None].expand(len(index), -1, -1).gather(2, index12)
    rows = torch.cat([product_index, product_sign], -1).reshape(-1, 2 * dim).tolist()
    table = torch.tensor([code[tuple(row)] for row in rows]).reshape(len(index), len(index))
    matrices = torch.zeros(len(index), dim, dim, dtype=torch.float64)
    matrices.scatter_(-1, index[..., None], sign[..., None].to(torch.float64))
    names = [_axes_name(i, s) for i, s in zip(index.tolist(), sign.tolist(), strict=True)]
    moves = dim if dim <= 3 else None
    return TableGroup(name, table, _greedy_generators(table), element_names=names, defining=matrices, space_dim=moves)


def _greedy_generators(table: Tensor) -> list[int]:
    """Elements taken in order, each outside the subgroup that those before it generate."""
    found = torch.zeros(len(table), dtype=torch.bool)
    found[0] = True
    gens: list[int] = []
    for g in range(len(table)):
        if not found[g]:
            gens.append(g)
            count = 0
            while count < int(found.sum()):
                count = int(found.sum())
                found[table[torch.tensor(gens)][:, found].flatten()] = True
    return gens


def _axes_name(index: list[int], sign: list[int]) -> str:
    axes = "xyzw"
    if index == list(range(len(index))):
        return "".join(f"m{axes[i]}" for i, s in enumerate(sign) if s < 0) or "e"
    return "(" + ",".join(("-" if s < 0 else "") + axes[i] for i, s in zip(index, sign, strict=True)) + ")"


def _rotations(n: int) -> Tensor:
    k = torch.arange(n, dtype=torch.float64)
    angle = 2 * torch.pi * k / n
    matrices = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).reshape(n, 2, 2)
    return _tidy(matrices)


def _tidy(values: Tensor) -> Tensor:
    """Exact zeros and ones where they are meant, so that quarter turns are signed permutations."""
    near = values.round()
    return torch.where((values - near).abs() < 1e-12, near, values) + 0.0


def _rotation_name(n: int, j: int) -> str:
    return "e" if j == 0 else f"r{360 * j / n:g}"


def _mirror_name(n: int, j: int) -> str:
    if n == 4:
        return ("my", "d", "mx", "d'")[j]
    if n in (1, 2):
        return ("my", "mx")[j]
    return f"m{180 * j / n:g}"


def _at_least(n: int, least: int) -> None:
    if isinstance(n, bool) or not isinstance(n, SupportsIndex) or n < least:
        raise ArgumentError("n", expected=f"an integer of at least {least}", got=repr(n))
