"""Stress and tangent of laws of tensor features at many points, without gradients: what finite elements ask for.

Coordinates stand on the first axes and samples on the last, some thousand at a time, so that all is in the cache and
every product of small matrices is a sweep over all samples; where a factor is a constant of the law it is one product
of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.nn.axis_slope import along, axis_slope

#: Tensors whose axes are found together, and fewest samples worth a call of torch.
_TENSORS, _FEWEST = 8192, 256
Kernel = Callable[[Tensor], tuple[Tensor, Tensor]]


def _in_parts(kernel: Kernel, x: Float[Tensor, "*batch n"], tensors: int) -> tuple[Tensor, Tensor]:
    """Values and slopes of samples, some thousand of them at a time.

    Args:
        kernel: Of samples on the last axis; values (n, samples) and slopes (n, n, samples).
        x: The samples.
        tensors: How many the law takes apart at every sample.
    """
    rows = x.flatten(0, -2) if x.ndim > 1 else x[None]
    size = max(_TENSORS // tensors, _FEWEST)
    # a program is traced for any number of samples, which are not counted then
    if not isinstance(rows.shape[0], int) or rows.shape[0] <= size:
        value, slope = kernel(rows.mT.contiguous())
        value, slope = value.mT, slope.movedim(-1, 0)
    else:
        value, slope = torch.empty_like(rows), rows.new_empty(len(rows), rows.shape[1], rows.shape[1])
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            found = kernel(rows[part].mT.contiguous())
            value[part].copy_(found[0].mT)
            slope[part].flatten(1).copy_(found[1].flatten(0, 1).mT)
    batch = x.shape[:-1]
    return value.reshape(*batch, *value.shape[1:]), slope.reshape(*batch, *slope.shape[1:])


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
    inner = _first(L, n)
    back = (inner * strength[:, None]).flatten(0, 1).mT

    def kernel(rows: Tensor) -> tuple[Tensor, Tensor]:
        at = axis_slope((inner.flatten(0, 1) @ rows).unflatten(0, (n, -1)), "tanh")
        value = torch.addmm(square @ rows, back, at.value.flatten(0, 1))
        slope = (back @ along(at, inner[..., None]).flatten(0, 1).flatten(1)).view(*square.shape, -1)
        return value, slope.add_(square[..., None])

    return _in_parts(kernel, x, len(strength))


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
    (first, offset), *others = [(_first(K, n), _first(b[:, None], n)) for K, b in layers]
    maps = [(_first(K.flatten(0, 1).mT, n).flatten(0, 1).mT.contiguous(), b.flatten(0, 1)) for K, b in others]

    def kernel(rows: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.addmm(offset.flatten(0, 1), first.flatten(0, 1), rows)
        slope = first[..., None]
        for K, b in maps:
            at = axis_slope(y.unflatten(0, (n, -1)), function)
            y = torch.addmm(b, K, at.value.flatten(0, 1))
            slope = (K @ along(at, slope).flatten(0, 1).flatten(1)).view(n, len(K) // n, n, rows.shape[-1])
        return y, slope[:, 0]

    return _in_parts(kernel, x, max(K.shape[1] // n for K, _ in maps))


def _first(x: Float[Tensor, "cn columns"], n: int) -> Float[Tensor, "n c columns"]:
    """Rows of channels of tensors, the coordinate before the channel."""
    turned: Tensor = x.unflatten(0, (-1, n)).transpose(0, 1).contiguous()
    return turned
