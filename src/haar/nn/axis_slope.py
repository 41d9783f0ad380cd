"""How a tensor function changes with its tensor, in closed form and without a matrix for every tensor.

In principal axes the derivative multiplies every shear and every stretch by a quotient of differences. What two of the
values share of it is a number times the direction; what is left belongs to the third axis n, and is
``n (G X n)^T + (G X n) n^T`` with one small symmetric matrix G. That is all for functions that are linear on either
side of 0, if n is the axis whose value lies alone on its side, and in the plane for every function; others have the
stretches of the two axes besides.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from haar.nn.principal_values import principal_values
from haar.nn.tensor_function import FUNCTIONS, Function, nearness

#: Functions that are a number times the value on either side of 0.
_SIDED = ("identity", "leaky_relu")
_ROOT = math.sqrt(2)
_HALF = math.sqrt(0.5)


class AxisSlope(NamedTuple):
    """A tensor function at many tensors: ``X -> shared X + n (G X n)^T + (G X n) n^T + sum of p N <N, X>``.

    Attributes:
        value: Of the function (n, ...).
        shared: What multiplies every direction (...).
        axis: n, with length 1 (d, ...).
        matrix: The rows of G, each a list of its entries (...).
        stretches: Pairs of N (n, ...) and p (...).
    """

    value: Tensor
    shared: Tensor
    axis: Tensor
    matrix: list[list[Tensor]]
    stretches: list[tuple[Tensor, Tensor]]


def axis_slope(x: Float[Tensor, "n *batch"], function: str) -> AxisSlope:
    """Value and derivative of a function of the eigenvalues of symmetric tensors.

    Args:
        x: Tensors of the plane or of space in Mandel's coordinates, which stand on the *first* axis.
        function: A name in `FUNCTIONS`.

    Example:
        >>> found = axis_slope(torch.eye(6), "identity")
        >>> torch.equal(along(found, torch.eye(6)[:, None, :, None].expand(6, 1, 6, 6))[:, 0, :, 0], torch.eye(6))
        True

    Source: Daleckii and Krein, 1965.
    """
    values, axes = principal_values(x)
    if function in _SIDED and len(values) == 3:
        return _of_sided(x, values, axes, FUNCTIONS[function][1])
    return _of_any(values, axes, *FUNCTIONS[function])


def _of_sided(x: Tensor, values: Tensor, axes: Tensor, slope: Function) -> AxisSlope:
    """Of a number times the value on either side of 0: n is the axis whose value lies alone."""
    slopes = slope(values)
    alone = _alone(values)
    own, n = (alone * values).sum(0), (alone * axes).sum(1)
    shared = torch.lerp(slopes[0], slopes[1], alone[0])
    rise = slope(own) - shared
    gap, within = own - values, nearness(x) * (1 + values.abs().amax(0))
    near = (within - gap.abs()).sign().clamp(min=0)
    # the quotient less what is shared; where values are near, the same of the derivative at their middle
    apart = rise * own / torch.addcmul(gap, near, within, value=2)
    factors = torch.addcmul(2 * torch.lerp(apart, slope(0.5 * (own + values)) - shared, near), alone, rise, value=-1)
    value = x * shared
    _add_projector(value, n, rise * own)
    return AxisSlope(value, shared, n, _matrix(axes, factors), [])


def _alone(values: Tensor) -> Tensor:
    """1 for the value that lies alone on its side of 0, and for the first where all lie on one side; 0 for others."""
    first, second, third = values.sign().clamp(min=0).unbind()
    differs, also = (second - first).abs(), (third - first).abs()
    both = differs * also
    last = torch.stack([differs - both, also - both])
    return torch.cat([1 - last.sum(0, keepdim=True), last])


def _of_any(values: Tensor, axes: Tensor, phi: Function, slope: Function) -> AxisSlope:
    """Of any function: n is the first axis."""
    applied, slopes = phi(values), slope(values)
    d, within = len(values), nearness(values) * (1 + values.abs().amax(0))
    pairs = [(0, 1)] if d == 2 else [(0, 1), (0, 2), (1, 2)]
    first, second = (torch.stack([values[pair[k]] for pair in pairs]) for k in range(2))
    rise = torch.stack([applied[i] - applied[j] for i, j in pairs])
    gap = first - second
    near = (within - gap.abs()).sign().clamp(min=0)
    q = torch.lerp(rise / torch.addcmul(gap, near, within, value=2), slope(0.5 * (first + second)), near)
    shared = slopes[1] if d == 2 else q[2]
    projectors = [projector(axis) for axis in axes.unbind(1)]
    value = projectors[0] * applied[0]
    for one, each in zip(projectors[1:], applied[1:], strict=True):
        value.addcmul_(one, each)
    others = zip(projectors[1:], slopes[1:], strict=True) if d == 3 else ()
    stretches = [(one, each - shared) for one, each in others]
    factors = torch.cat([(slopes[0] - shared)[None], 2 * (q[: d - 1] - shared)])
    return AxisSlope(value, shared, axes[:, 0], _matrix(axes, factors), stretches)


def along(
    at: AxisSlope, X: Float[Tensor, "n channels directions #count"]
) -> Float[Tensor, "n channels directions count"]:
    """The derivative of a tensor function along directions.

    Args:
        at: Of tensors (n, channels, count).
        X: Directions for every tensor, in Mandel's coordinates.
    """
    n, d = at.axis[:, :, None], len(at.axis)
    pairs, sheared = _pairs(d), _HALF * n
    shape = torch.broadcast_shapes(X.shape, (1, *at.shared[:, None].shape))
    u, w, out = n.new_empty(d, *shape[1:]), n.new_empty(d, *shape[1:]), n.new_empty(shape)
    for i in range(d):
        torch.mul(X[i], n[i], out=u[i])
    for k, (i, j) in enumerate(pairs, d):
        u[i].addcmul_(X[k], sheared[j])
        u[j].addcmul_(X[k], sheared[i])
    for row, into in zip(at.matrix, w.unbind(), strict=True):
        torch.mul(u[0], row[0][:, None], out=into)
        for entry, part in zip(row[1:], u[1:].unbind(), strict=True):
            into.addcmul_(part, entry[:, None])
    torch.mul(X, at.shared[:, None], out=out)
    for i in range(d):
        out[i].addcmul_(w[i], n[i])
    for k, (i, j) in enumerate(pairs, d):
        out[k].addcmul_(w[i], sheared[j]).addcmul_(w[j], sheared[i])
    for N, p in at.stretches:
        _add_stretch(out, X, N[:, :, None], p[:, None])
    return out


def tensor_function_response(x: Float[Tensor, "*batch n"], function: str) -> tuple[Tensor, Tensor]:
    """Value and derivative in closed form: a matrix (..., n, n) in Mandel's coordinates, symmetric to rounding.

    Example:
        >>> x = torch.zeros(1, 6, dtype=torch.float64)
        >>> torch.allclose(tensor_function_response(x, "tanh")[1], torch.eye(6, dtype=torch.float64))
        True
    """
    with torch.no_grad():
        rows = x.reshape(-1, x.shape[-1]).mT.contiguous()[:, None]
        at = axis_slope(rows, function)
        slope = along(at, torch.eye(len(rows), dtype=x.dtype, device=x.device)[:, None, :, None])
    return at.value[:, 0].mT.reshape(x.shape), slope[:, 0].movedim(-1, 0).reshape(*x.shape, -1)


def projector(axis: Float[Tensor, "d *batch"]) -> Float[Tensor, "n *batch"]:
    """Mandel's coordinates of n n^T.

    Example:
        >>> projector(torch.tensor([0.0, 1.0, 0.0])).tolist()
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """
    d = len(axis)
    made = axis.new_empty(d * (d + 1) // 2, *axis.shape[1:])
    torch.mul(axis, axis, out=made[:d])
    for k, (i, j) in enumerate(_pairs(d), d):
        torch.mul(axis[i], _ROOT * axis[j], out=made[k])
    return made


def _pairs(d: int) -> tuple[tuple[int, int], ...]:
    """The axes of every shear, in Mandel's order."""
    return ((0, 1),) if d == 2 else ((1, 2), (0, 2), (0, 1))


def _matrix(axes: Tensor, factors: Tensor) -> list[list[Tensor]]:
    """The sum of factor times a a^T over all axes a, entry by entry; those below the diagonal are those above."""
    d, scaled = len(axes), axes * factors
    found: dict[tuple[int, int], Tensor] = {}
    for i in range(d):
        for j in range(i, d):
            entry = scaled[i, 0] * axes[j, 0]
            for k in range(1, d):
                entry.addcmul_(scaled[i, k], axes[j, k])
            found[i, j] = found[j, i] = entry
    return [[found[i, j] for j in range(d)] for i in range(d)]


def _add_projector(value: Tensor, n: Tensor, factor: Tensor) -> None:
    d, scaled = len(n), factor * n
    value[:d].addcmul_(scaled, n)
    for k, (i, j) in enumerate(_pairs(d), d):
        value[k].addcmul_(scaled[i], n[j], value=_ROOT)


def _add_stretch(out: Tensor, X: Tensor, N: Tensor, factor: Tensor) -> None:
    """factor N <N, X>."""
    inner = X[0] * N[0]
    for k in range(1, len(N)):
        inner.addcmul_(X[k], N[k])
    inner *= factor
    for k in range(len(N)):
        out[k].addcmul_(inner, N[k])
