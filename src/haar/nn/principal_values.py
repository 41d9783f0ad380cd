"""Principal values and axes of symmetric tensors, many at a time, in closed form and exact at ties.

A batched decomposition by LAPACK takes some microseconds a tensor, one after the other. Here the numbers of all tensors
stand in rows, one row a component, and a fixed number of elementwise operations does them together: the value that
stands farthest from the others comes from the cubic, whose root is well conditioned there, and its axis from the
cofactors; what is left is a matrix of the plane, turned by the one rotation of Jacobi, which is exact for equal values
too. Values and axes are right to a few units in the last place of the largest component, whatever the gaps.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

_HALF = math.sqrt(0.5)


def principal_values(x: Float[Tensor, "n *batch"]) -> tuple[Float[Tensor, "d *batch"], Float[Tensor, "d d *batch"]]:
    """Values, and axes as columns, of tensors whose Mandel coordinates stand on the first axis.

    Args:
        x: 3 or 6 coordinates (of the plane, or of space), then anything.

    Returns:
        The values in no order, and an orthonormal matrix for every tensor.

    Example:
        >>> values, axes = principal_values(torch.tensor([[3.0], [1.0], [2.0], [0.0], [0.0], [0.0]]))
        >>> values.flatten().sort().values.tolist()
        [1.0, 2.0, 3.0]

    Source: the order of steps of Eberly, "A robust eigensolver for 3x3 symmetric matrices" (2014); the basis beside an
    axis of Duff et al., "Building an orthonormal basis, revisited" (2017).
    """
    return _of_plane(x) if len(x) == 3 else _of_space(x)


def _of_plane(x: Tensor) -> tuple[Tensor, Tensor]:
    off = x[2] * _HALF
    cosine, sine, moved = _turn(x[0], x[1], off, torch.hypot(x[1] - x[0], 2 * off))
    values = torch.stack([x[0] - moved, x[1] + moved])
    return values, torch.stack([torch.stack([cosine, sine]), torch.stack([-sine, cosine])])


def _of_space(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = (x[0] + x[1] + x[2]) / 3
    on, off = x[:3] - mean, x[3:] * _HALF
    size = torch.maximum(on.abs().amax(0), off.abs().amax(0))
    # the deviator, 11 22 33 and 23 13 12, two rows of each once more: then the others' rows of a row are slices
    B = torch.cat([on, on[:2], off, off[:2]]) / size.clamp(min=torch.finfo(x.dtype).tiny)
    # scaled to values whose sum is 0 and sum of squares 6; zero stays zero
    square = torch.addcmul(B[:3].square(), B[5:8], B[5:8], value=2).sum(0)
    spread = (square / 6).clamp(min=0.1).sqrt()
    B = B * spread.reciprocal()
    d, o = B[:5], B[5:]
    far, v = _farthest(d, o)
    u, w = _beside(v)
    one, other, turned = _block(d[:3], o, far, u, w)
    size = size * spread
    values = torch.stack([torch.addcmul(mean, size, each) for each in (far, one, other)])
    return values, torch.stack([v, *turned], 1)


def _farthest(d: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
    """The value farthest from the others, 3^(1/2) to 2 in size, and its axis from the largest column of cofactors."""
    half = 0.5 * _determinant(d, o)
    far = torch.copysign(2 * torch.cos(torch.acos(half.abs().clamp(max=1.0)) / 3), half)
    e = d - far
    on = torch.addcmul(e[1:4] * e[2:5], o[:3], o[:3], value=-1)
    off = torch.addcmul(o[1:4] * o[2:5], e[:3], o[:3], value=-1)
    on0, on1, on2 = on.unbind()
    off0, off1, off2 = off.unbind()
    # weights 0 and 1, which lerp takes exactly: conditions are slow on vector units
    first, second = _not_below(on0, torch.maximum(on1, on2)), _not_below(on1, on2)
    columns = torch.stack([on0, off2, off1, off2, on1, off0, off1, off0, on2]).unflatten(0, (3, 3))
    v = torch.lerp(torch.lerp(columns[2], columns[1], second), columns[0], first)
    return far, v * v.square().sum(0).rsqrt()


def _not_below(a: Tensor, b: Tensor) -> Tensor:
    return 0.5 + 0.5 * torch.copysign(torch.ones_like(a), a - b)


def _determinant(d: Tensor, o: Tensor) -> Tensor:
    (d0, d1, d2), (o0, o1, o2) = d[:3].unbind(), o[:3].unbind()
    whole = d0 * torch.addcmul(d1 * d2, o0, o0, value=-1)
    whole = torch.addcmul(whole, o2, torch.addcmul(o2 * d2, o0, o1, value=-1), value=-1)
    return torch.addcmul(whole, o1, torch.addcmul(o2 * o0, d1, o1, value=-1))


def _beside(v: Tensor) -> tuple[Tensor, Tensor]:
    """Two axes that make an orthonormal frame with a given one."""
    x, y, z = v.unbind()
    sign = torch.copysign(torch.ones_like(z), z)
    a = -1 / (sign + z)
    b = x * y * a
    sx = sign * x
    u = torch.stack([1 + sx * x * a, sign * b, -sx])
    w = torch.stack([b, torch.addcmul(sign, y.square(), a), -y])
    return u, w


def _block(d: Tensor, o: Tensor, far: Tensor, u: Tensor, w: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Values and axes of what a deviator is in the plane of two axes; its trace there is the third value's opposite."""
    u5 = torch.cat([u, u[:2]])
    moved = torch.addcmul(torch.addcmul(d * u, o[2:5], u5[1:4]), o[1:4], u5[2:5])
    uu, uw = (u * moved).sum(0), (w * moved).sum(0)
    ww = -far - uu
    # numbers near 1, whose squares do not overflow; where they vanish both axes serve
    cosine, sine, shift = _turn(uu, ww, uw, torch.addcmul((ww - uu).square(), uw, uw, value=4).sqrt())
    return uu - shift, ww + shift, (cosine * u - sine * w, sine * u + cosine * w)


def _turn(uu: Tensor, ww: Tensor, uw: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cosine and sine of the rotation that makes a matrix of the plane diagonal, and by how much its values move."""
    gap = ww - uu
    tangent = 2 * uw / (gap + torch.copysign(length.clamp(min=torch.finfo(gap.dtype).tiny), gap))
    cosine = torch.addcmul(torch.ones_like(tangent), tangent, tangent).rsqrt()
    return cosine, tangent * cosine, tangent * uw
