"""Why a layer's geometry breaks a symmetry of the grid, in words with the way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from haar.tracing.windows import each, left_over, padding_of

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def reason_for(module: nn.Module, x: Any, *, nodes: Sequence[bool] = ()) -> str:
    """The first geometric reason that applies, or an honest "no known reason".

    Args:
        module: A layer on a grid.
        x: Its input ``(batch, channel, *space)``.
        nodes: For every space axis whether its values stand on the nodes of a periodic grid, and are reversed about
            one of them; otherwise they stand in cells.
    """
    if not isinstance(x, Tensor):
        return ""
    lengths = list(x.shape[2:])
    reason = _of_nodes(module, list(nodes), len(lengths))
    if reason:
        return reason
    if isinstance(module, (*_CONVOLUTIONS, *_POOLS)):
        reason = _of_window(module, lengths)
    elif isinstance(module, _TRANSPOSED):
        reason = _of_transposed(module, lengths)
    elif isinstance(module, nn.Upsample):
        border = f"upsampling mode {module.mode!r} treats the border specially"
        reason = border + "; use 'nearest' with a whole factor, or pad circularly first"
    return reason or "no known geometric reason"


def _of_nodes(module: nn.Module, nodes: Sequence[bool], count: int) -> str:
    """An even number of nodes has none in its middle: a reversal about a node moves the window to its other side."""
    if not any(nodes) or len(nodes) != count:
        return ""
    if isinstance(module, nn.Upsample):
        told = f"upsampling mode {module.mode!r} puts new points to one side of a node"
        return told + "; put zeros between the nodes and convolve, with an odd kernel and padding_mode='circular'"
    if not isinstance(module, (*_CONVOLUTIONS, *_POOLS, *_TRANSPOSED)):
        return ""
    kernel = each(module.kernel_size, count)
    even = next((k for k, about_a_node in zip(kernel, nodes, strict=True) if about_a_node and k % 2 == 0), None)
    if even is None:
        return ""
    told = f"an even kernel of {even} on a grid of nodes has no node in its middle, and reaches to one side"
    if isinstance(module, _TRANSPOSED):
        return told + "; put zeros between the nodes and convolve, with an odd kernel and padding_mode='circular'"
    return told + "; use an odd kernel with circular padding, or cells"


def _of_window(module: Any, lengths: list[int]) -> str:
    count = len(lengths)
    kernel, stride = each(module.kernel_size, count), each(module.stride, count)
    dilation = each(getattr(module, "dilation", 1), count)
    sizes = zip(kernel, dilation, strict=True)
    padding = [padding_of(module, k, d, axis, count) for axis, (k, d) in enumerate(sizes)]
    for n, k, s, p, d in zip(lengths, kernel, stride, padding, dilation, strict=True):
        if p is None:
            return f"an even kernel of {k} with padding 'same' pads one side more; use an odd kernel"
        left = left_over(n, k, s, p, d)
        if left:
            pads = f" + 2*{p}" if p else ""
            span = d * (k - 1) + 1
            return (
                f"stride {s} on {n} reaches one side only ({n}{pads} - {span} is not a multiple of {s}); "
                f"use {n - left + s} points or another kernel"
            )
    if any(padding) and getattr(module, "padding_mode", "zeros") == "zeros":
        return "zero padding on a periodic grid; use padding_mode='circular'"
    if max(stride) > 1:
        less = f"stride {max(stride)}: shifts by fewer cells than the stride change what is kept"
        return less + "; average over shifts below it"
    return ""


def _of_transposed(module: Any, lengths: list[int]) -> str:
    count = len(lengths)
    kernel, stride = each(module.kernel_size, count), each(module.stride, count)
    cut, extra = each(module.padding, count), each(module.output_padding, count)
    if any(extra):
        return f"output_padding {max(extra)} is added on one side only; choose kernel and padding so that it is 0"
    if kernel != stride or any(cut):
        overlap = "a transposed convolution whose kernel overlaps its stride cuts the border"
        return overlap + "; use kernel = stride, or upsample and convolve"
    return ""
