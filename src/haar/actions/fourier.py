"""Fourier multipliers along one periodic axis."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def multiply_modes(x: Tensor, axis: int, factor: Callable[[Tensor], Tensor], highest: float) -> Tensor:
    """Multiply the modes exp(2 pi i k n / N) of one axis by a factor of k.

    Args:
        x: Values, floating or complex, with N along the axis; half precisions are computed in float32.
        axis: The axis, negative.
        factor: From integers k to complex factors, ``(modes,)`` or ``(batch, modes)`` with one row for each entry of
            axis 0; for real values ``factor(-k)`` must be the conjugate of ``factor(k)``.
        highest: Real factor of the mode k = N/2 of an even axis, whose partner -N/2 is itself.

    Returns:
        Values like x.
    """
    n = x.shape[axis]
    dtype = x.dtype
    real = not dtype.is_complex
    if real and dtype not in (torch.float32, torch.float64):
        x = x.float()
    wide = torch.complex128 if x.dtype in (torch.float64, torch.complex128) else torch.complex64
    modes = torch.arange(n // 2 + 1, device=x.device) if real else torch.fft.fftfreq(n, 1 / n, device=x.device).round()
    factors = factor(modes.to(torch.float64))
    if n % 2 == 0:
        factors = torch.where(modes.abs() == n // 2, torch.full_like(factors, highest), factors)
    factors = factors.to(wide)
    batch, trailing = factors.shape[:-1], -axis - 1
    middle = x.ndim - len(batch) - 1 - trailing
    factors = factors.reshape(*batch, *([1] * middle), -1, *([1] * trailing))
    turned: Tensor
    if real:
        turned = torch.fft.irfft(torch.fft.rfft(x, dim=axis) * factors, n=n, dim=axis).to(dtype)
    else:
        turned = torch.fft.ifft(torch.fft.fft(x, dim=axis) * factors, dim=axis)
    return turned
