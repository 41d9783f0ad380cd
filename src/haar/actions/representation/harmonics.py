"""Irreducible representations of SO(2), O(2), SO(3) and O(3): circular and real spherical harmonics."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation.representation import Representation
from haar.errors import ArgumentError
from haar.groups import LieGroup


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
        ArgumentError: If the group is another, l negative, or `parity` is given where there is no choice.

    Example:
        >>> from haar.groups import O
        >>> space = O(3)
        >>> Harmonic(space, 2), Harmonic(space, 1, parity=1)
        (<l=2e of O(3), dimension 5>, <l=1e of O(3), dimension 3>)
    """

    group: LieGroup

    def __init__(self, group: LieGroup, l: int, *, parity: int | None = None) -> None:
        if group.name not in ("SO(2)", "O(2)", "SO(3)", "O(3)"):
            raise ArgumentError(
                "group", expected="SO(2), O(2), SO(3) or O(3)", got=group.name, way_out="use Spin for SU(2)"
            )
        if l < 0:
            raise ArgumentError("l", expected="0 or more", got=l)
        mirrors = len(group.components) > 0
        free = mirrors and (group.n == 3 or l == 0)
        if parity not in (None, 1, -1) or (parity is not None and not free):
            raise ArgumentError("parity", expected="+1 or -1, for O(3), or for O(2) with l = 0", got=parity)
        self.group, self.l = group, l
        self._space = group.n == 3
        self.dim = 2 * l + 1 if self._space else (2 if l else 1)
        natural = (-1) ** l if self._space else 1
        self.parity = natural if parity is None else parity
        self._twist = self.parity != natural
        letter = ("e" if self.parity == 1 else "o") if free else ""
        self.name = f"l={l}{letter}"

    @property
    def degree(self) -> int:
        """The degree l (a sign that differs between components costs none)."""
        return self.l

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Exact integrals of Y(g x) Y(x)^T over the sphere or the circle, by a quadrature of degree 2 l."""
        points, weights = _rule(self._space, self.l)
        moved = _harmonics(points @ g.transpose(-1, -2).to(torch.float64), self._space, self.l)
        still = _harmonics(points, self._space, self.l) * weights[:, None]
        matrix = moved.transpose(-1, -2) @ still
        if self._twist:
            matrix = matrix * torch.linalg.det(g).sign()[..., None, None]
        return matrix


def _rule(space: bool, l: int) -> tuple[Float[Tensor, "q d"], Float[Tensor, " q"]]:  # noqa: FBT001
    """Points and weights that integrate products of two harmonics of degree l exactly; the weights sum to one."""
    count = 2 * l + 1
    angle = 2 * math.pi * torch.arange(count, dtype=torch.float64) / count
    circle = torch.stack([angle.cos(), angle.sin()], -1)
    if not space:
        return circle, torch.full((count,), 1 / count, dtype=torch.float64)
    nodes, weights = np.polynomial.legendre.leggauss(l + 1)
    z, w = torch.from_numpy(nodes), torch.from_numpy(weights / 2)
    ring = (1 - z**2).sqrt()
    flat = (ring[:, None, None] * circle).reshape(-1, 2)
    points = torch.cat([flat, z.repeat_interleave(count)[:, None]], -1)
    return points, w.repeat_interleave(count) / count


def _harmonics(x: Float[Tensor, "*batch q d"], space: bool, l: int) -> Float[Tensor, "*batch q n"]:  # noqa: FBT001
    """Harmonics of degree l with mean square one on the unit sphere or circle, as polynomials of the coordinates.

    With (x + i y)^m = A_m + i B_m and Q_l^m(z) the associated Legendre functions without their factor (1 - z^2)^(m/2):
    Q_m^m = (2m - 1)!!, (l - m) Q_l^m = (2l - 1) z Q_{l-1}^m - (l + m - 1) Q_{l-2}^m.
    """
    cosine, sine = [torch.ones_like(x[..., 0])], [torch.zeros_like(x[..., 0])]
    for _ in range(l):
        a, b = cosine[-1], sine[-1]
        cosine.append(a * x[..., 0] - b * x[..., 1])
        sine.append(a * x[..., 1] + b * x[..., 0])
    if not space:
        return torch.stack([cosine[l], sine[l]], -1) * math.sqrt(2) if l else cosine[0].unsqueeze(-1)
    z = x[..., 2]
    below, above = [], []
    for m in range(l + 1):
        before, now = torch.zeros_like(z), torch.full_like(z, math.prod(range(1, 2 * m, 2)))
        for k in range(m + 1, l + 1):
            before, now = now, ((2 * k - 1) * z * now - (k + m - 1) * before) / (k - m)
        norm = math.sqrt((2 * l + 1) * math.factorial(l - m) / math.factorial(l + m) * (2 if m else 1))
        above.append(norm * now * cosine[m])
        if m:
            below.append(norm * now * sine[m])
    return torch.stack(below[::-1] + above, -1)
