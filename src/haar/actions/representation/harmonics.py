"""Irreducible representations of SO(2), O(2), SO(3) and O(3): circular and real spherical harmonics."""

from __future__ import annotations

import functools
import math
import operator

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation.representation import Representation, check_degree
from haar.errors import ArgumentError
from haar.groups import Group, LieGroup, RotationGroup


class Harmonic(Representation):
    """The irreducible representation of degree l of SO(2), O(2), SO(3) or O(3), real.

    In the plane: cos(l a), sin(l a), dimension 2 (1 for l = 0). In space: real spherical harmonics of degree l in the
    order m = -l .. l (sine type below 0, cosine type above; l = 1 is y, z, x), dimension 2 l + 1; Y(g x) = R(g) Y(x).

    Args:
        group: ``SO(2)``, ``O(2)``, ``SO(3)`` or ``O(3)``.
        l: Degree, at least 0.
        parity: What the inversion -1 of O(3) does, +1 or -1; by default (-1)^l, as for functions on the sphere. For
            O(2) and l = 0: what mirrors do.

    Raises:
        ArgumentError: If the group is another, l no whole number of at least 0, or `parity` is given where there is no
            choice.

    Example:
        >>> from haar.groups import O
        >>> space = O(3)
        >>> Harmonic(space, 2), Harmonic(space, 1, parity=1)
        (<l=2e of O(3), dimension 5>, <l=1e of O(3), dimension 3>)
    """

    group: RotationGroup

    def __init__(self, group: LieGroup, l: int, *, parity: int | None = None) -> None:
        if not isinstance(group, RotationGroup) or group.n > 3:
            raise ArgumentError(
                "group",
                expected="SO(2), O(2), SO(3) or O(3)",
                got=group.name if isinstance(group, Group) else repr(group),
                way_out="use Spin for SU(2)",
            )
        check_degree("l", l)
        l = operator.index(l)
        self.group, self.l, self._space = group, l, group.n == 3
        free = len(group.components) > 0 and (self._space or l == 0)
        if parity is not None and (not free or isinstance(parity, bool) or parity not in (1, -1)):
            raise ArgumentError("parity", expected="+1 or -1, for O(3), or for O(2) with l = 0", got=parity)
        self.dim = 2 * l + 1 if self._space else min(l, 1) + 1
        usual = (-1) ** l if self._space else 1
        self.parity = usual if parity is None else int(parity)
        self.name = f"l={l}" + ({1: "e", -1: "o"}[self.parity] if free else "")

    @property
    def degree(self) -> int:
        """The degree l (a sign that differs between components costs none)."""
        return self.l

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """By the angles of every element, exact to rounding for every degree."""
        g = g.to(torch.float64)
        sign = torch.linalg.det(g).sign() if len(self.group.components) else g.new_ones(g.shape[:-2])
        if not self._space:
            return _circular(g, sign, self.l, self.parity)
        turned = _spherical(g * sign[..., None, None], self.l)
        return turned * torch.where(sign < 0, self.parity, 1)[..., None, None]


def _circular(g: Tensor, sign: Tensor, l: int, parity: int) -> Float[Tensor, "*batch n n"]:
    """A turn by a goes to one by l a; a mirror of the second axis first reverses the sine."""
    if l == 0:
        return torch.where(sign < 0, parity, 1).to(torch.float64)[..., None, None]
    angle = l * torch.atan2(g[..., 1, 0], g[..., 0, 0])
    cosine, sine = angle.cos(), angle.sin()
    matrix: Tensor = torch.stack([cosine, -sine * sign, sine, cosine * sign], -1).unflatten(-1, (2, 2))
    return matrix


def _spherical(g: Float[Tensor, "*batch 3 3"], l: int) -> Float[Tensor, "*batch n n"]:
    """D(z, a) D(y, b) D(z, c) for g = Z(a) Y(b) Z(c), where D(y, b) is D(z, b) in a turned frame."""
    first = torch.atan2(g[..., 1, 2], g[..., 0, 2])
    cosine, sine = first.cos(), first.sin()
    # rows of Z(-a) g = Y(b) Z(c), from which b and c are read together: one angle is enough where b = 0
    zero = cosine[..., None] * g[..., 0, :] + sine[..., None] * g[..., 1, :]
    one = cosine[..., None] * g[..., 1, :] - sine[..., None] * g[..., 0, :]
    second = torch.atan2(zero[..., 2], g[..., 2, 2])
    third = torch.atan2(one[..., 0], one[..., 1])
    frame = _turned_frame(l)
    inner = frame @ _about_z(second, l) @ frame.T
    matrix: Tensor = _about_z(first, l) @ inner @ _about_z(third, l)
    return matrix


def _about_z(angle: Float[Tensor, "*batch"], l: int) -> Float[Tensor, "*batch n n"]:
    """A turn about z: sine and cosine type of order m turn by m times the angle."""
    m = torch.arange(-l, l + 1, dtype=torch.float64)
    turned = angle.unsqueeze(-1) * m
    matrix = torch.diag_embed(turned.cos())
    # at row m, column -m: sin of |m| a from cosine to sine type, and the negative back
    place = torch.arange(2 * l + 1)
    matrix[..., place, 2 * l - place] -= turned.sin()
    return matrix


@functools.lru_cache(maxsize=64)
def _turned_frame(l: int) -> Float[Tensor, "n n"]:
    """Columns in which a turn about y looks like one about z: from the eigenvectors of its generator.

    The turn about y sends x to z and z to -x. On harmonics C_m, S_m of cosine and sine type it is the ladder
    C_m -> a_m C_(m-1) - a_(m+1) C_(m+1) with a_m = sqrt((l + m)(l - m + 1)) / 2, times sqrt(2) for m = 1, and the same
    on S_m; its eigenvalues are i k for k = -l .. l, once each.
    """
    with torch.device("cpu"):
        m = torch.arange(1, l + 1, dtype=torch.float64)
        ladder = ((l + m) * (l - m + 1)).sqrt() / 2
        ladder[:1] *= math.sqrt(2)
        generator = torch.zeros(2 * l + 1, 2 * l + 1, dtype=torch.float64)
        up = torch.arange(l + 1, 2 * l + 1)
        generator[up, up - 1], generator[up - 1, up] = ladder, -ladder
        down = l - torch.arange(1, max(l, 1))
        generator[down - 1, down], generator[down, down - 1] = ladder[1:], -ladder[1:]
        frame = torch.zeros_like(generator)
        vectors = torch.linalg.eigh(-1j * generator).eigenvectors  # eigenvalues -l .. l
        still = vectors[:, l]
        largest = still[still.abs().argmax()]
        frame[:, l] = (still * largest.conj() / largest.abs()).real
        turning = math.sqrt(2) * vectors[:, l + 1 :]
        frame[:, :l], frame[:, l + 1 :] = turning.real.flip(1), turning.imag
    return frame
