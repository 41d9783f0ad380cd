"""Stress and tangent of laws of tensor features at many points, without gradients: what finite elements ask for.

The derivative of a tensor function is M diag(q) M^T, M the rotation of the tensor's own axes. Coordinates stand on the
first axes and samples on the last, some thousand at a time, so that every product of the small matrices is a sweep over
all samples; where one factor is a constant of the law it is one product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.nn.tensor_function import axis_modes, tensor_function_spectrum

#: Tensors whose axes are found together, and fewest samples worth a call of torch.
_TENSORS, _FEWEST = 16384, 256
Kernel = Callable[[Tensor], tuple[Tensor, Tensor]]


def in_parts(kernel: Kernel, x: Float[Tensor, "*batch n"], tensors: int) -> tuple[Tensor, Tensor]:
    """Values and slopes of samples, some thousand of them at a time.

    Args:
        kernel: Of samples on the last axis; values (m, samples) and slopes (m, n, samples).
        x: The samples.
        tensors: How many the law takes apart at every sample.
    """
    rows = x.flatten(0, -2) if x.ndim > 1 else x[None]
    # a program is traced for any number of samples, which are not counted then
    counted = isinstance(rows.shape[0], int)
    some = rows.split(max(_TENSORS // tensors, _FEWEST)) if counted else [rows]
    parts = [kernel(part.mT.contiguous()) for part in some]
    values, slopes = (torch.cat([one.movedim(-1, 0) for one in each]) for each in zip(*parts, strict=True))
    batch = x.shape[:-1]
    return values.reshape(*batch, *values.shape[1:]), slopes.reshape(*batch, *slopes.shape[1:])


def _spectra(y: Tensor, n: int, function: str) -> tuple[Tensor, Tensor, Tensor]:
    """Of tensors in channels: applied values, axes and quotients, all with the channel before the samples."""
    return tensor_function_spectrum(y.unflatten(0, (-1, n)).transpose(0, 1), function)


def _contracted(A: Tensor, B: Tensor, into: Tensor) -> Tensor:
    """sum_k A[:, k] B[k] at every sample, in the place given."""
    torch.mul(A[:, 0, None], B[0, None], out=into)
    return _added(A[:, 1:], B[1:], into)


def _added(A: Tensor, B: Tensor, into: Tensor) -> Tensor:
    """The same, added to what is there."""
    for k in range(len(B)):
        into.addcmul_(A[:, k, None], B[k, None])
    return into


def potential_response(
    L: Float[Tensor, "cn m"], square: Float[Tensor, "m m"], strength: Float[Tensor, " c"], x: Float[Tensor, "*batch m"]
) -> tuple[Tensor, Tensor]:
    """L^T (k tanh(L x)) + Q^T Q x and its derivative.

    Args:
        L: To hidden tensors.
        square: Q^T Q.
        strength: k, of every hidden tensor.
        x: Samples.
    """
    n = len(L) // len(strength)
    blocks = L.unflatten(0, (-1, n))

    def kernel(rows: Tensor) -> tuple[Tensor, Tensor]:
        applied, axes, q = _spectra(L @ rows, n, "tanh")
        value, slope = square @ rows, (square[..., None] * torch.ones_like(rows[0])).contiguous()
        for c, block in enumerate(blocks):
            M = axis_modes(axes[:, :, c])
            k, turned = strength[c], (block.mT @ M.flatten(1)).unflatten(1, (n, -1))
            own = turned[:, : len(applied)] * applied[:, c]
            value = value + k * own.sum(1)
            _added(turned * (k * q[:, c]), turned.transpose(0, 1), slope)
        return value, slope

    return in_parts(kernel, x, len(strength))


def network_response(
    layers: Sequence[tuple[Tensor, Tensor]], function: str, n: int, x: Float[Tensor, "*batch n"]
) -> tuple[Tensor, Tensor]:
    """Of dense maps with a tensor function between each two.

    Args:
        layers: Matrix and bias of each.
        function: Its name.
        n: Coordinates of a tensor.
        x: Samples.
    """
    (first, offset), *others = layers

    def kernel(rows: Tensor) -> tuple[Tensor, Tensor]:
        y, slope, count = first @ rows + offset[:, None], None, rows.shape[-1]
        for k, (K, b) in enumerate(others):
            applied, axes, q = _spectra(y, n, function)
            last = k == len(others) - 1
            value = torch.empty_like(y)
            moved = y.new_zeros(n, n, count) if last else y.new_empty(len(y), n, count)
            for c in range(len(y) // n):
                channel, M = slice(c * n, c * n + n), axis_modes(axes[:, :, c])
                torch.sum(M[:, : len(applied)] * applied[:, c], 1, out=value[channel])
                if slope is None:  # the first map's matrix is the same for all samples
                    inner = (first[channel].mT @ M.flatten(1)).unflatten(1, (n, count)).transpose(0, 1)
                else:
                    inner = _contracted(M.transpose(0, 1), slope[channel], torch.empty_like(M))
                inner = inner * q[:, c, None]
                if last:
                    _added((K[:, channel] @ M.flatten(1)).unflatten(1, (n, count)), inner, moved)
                else:
                    _contracted(M, inner, moved[channel])
            y = torch.addmm(b[:, None], K, value)
            slope = moved if last else (K @ moved.flatten(1)).unflatten(1, (n, count))
        return y, slope  # type: ignore[return-value]

    return in_parts(kernel, x, max(len(K[0]) // n for K, _ in others))
