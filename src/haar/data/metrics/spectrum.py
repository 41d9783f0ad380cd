"""Where the energy of a field sits: its spectrum over shells of wave numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float64, Real
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def energy_spectrum(
    x: Real[Tensor, "*shape"], *, dim: int, lengths: Sequence[float] | None = None
) -> tuple[Float64[Tensor, " shell"], Float64[Tensor, "..."]]:
    """E(k) of a periodic field: half the mean square that the wave numbers of each shell carry.

    Shell j holds the wave vectors with j - 1/2 <= |k| / k_1 < j + 1/2, where k_1 = 2 pi / (longest side). All wave
    vectors of the grid are in a shell, those of the corners too, so the sum over shells is exactly half the mean
    square of the field (Parseval), shell 0 being half the squared mean. Sum over the components of a vector for its
    kinetic energy.

    Args:
        x: Real fields, ``(..., *space)``.
        dim: Number of space axes.
        lengths: Side lengths of the domain; None takes equal spacing along all axes and 1 for the longest.

    Returns:
        The wave numbers j k_1, shape (shell,), and E, shape (..., shell), both float64.

    Raises:
        ShapeError: If there are fewer than `dim` axes.
        ArgumentError: If `dim` is not 1, 2 or 3, `x` is complex, or `lengths` are not `dim` positive numbers.

    Example:
        >>> x = torch.cos(2 * torch.pi * 3 * torch.arange(16) / 16)
        >>> k, energy = energy_spectrum(x, dim=1, lengths=[1.0])
        >>> int(energy.argmax()), round(float(energy.sum()), 6), round(float(k[1] / (2 * torch.pi)), 6)
        (3, 0.25, 1.0)
    """
    if dim not in (1, 2, 3):
        raise ArgumentError("dim", expected="1, 2 or 3 space dimensions", got=dim)
    if x.ndim < dim:
        raise ShapeError("x", expected=f"at least {dim} space axes", got=tuple(x.shape))
    if x.is_complex():
        raise ArgumentError("x", expected="real values", got=str(x.dtype), way_out="add the spectra of both parts")
    space = tuple(x.shape[x.ndim - dim :])
    sides = [n / max(space) for n in space] if lengths is None else [float(side) for side in lengths]
    if len(sides) != dim or not all(side > 0.0 and math.isfinite(side) for side in sides):
        raise ArgumentError("lengths", expected=f"{dim} positive numbers", got=lengths)
    longest = max(sides)
    # |k| in units of the smallest wave number that the domain carries.
    axes = [
        torch.fft.fftfreq(n, d=1.0 / n, dtype=torch.float64, device=x.device) * (longest / side)
        for n, side in zip(space, sides, strict=True)
    ]
    radius = sum(k.square() for k in torch.meshgrid(*axes, indexing="ij"))
    shell = (torch.as_tensor(radius).sqrt() + 0.5).floor().long().flatten()
    count = int(shell.max()) + 1
    points = math.prod(space)
    power = torch.fft.fftn(x.double(), dim=tuple(range(-dim, 0))).abs().square().flatten(-dim) / (2.0 * points**2)
    energy = torch.zeros(*x.shape[: x.ndim - dim], count, dtype=torch.float64, device=x.device)
    energy.index_add_(-1, shell, power)
    wave = torch.arange(count, dtype=torch.float64, device=x.device) * (2.0 * torch.pi / longest)
    return wave, energy
