"""The surrogate models by name, at two sizes: one that trains on a CPU in minutes, and the benchmark's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from haar.errors import ArgumentError
from haar.systems.group_averaging.surrogates.convnext_unet import ConvNeXtUNet
from haar.systems.group_averaging.surrogates.fno import FNO
from haar.systems.group_averaging.surrogates.spatial import Padding
from haar.systems.group_averaging.surrogates.surrogate import Surrogate
from haar.systems.group_averaging.surrogates.unet import UNet

Size = Literal["cpu", "benchmark"]


def fno(
    in_channels: int,
    out_channels: int,
    *,
    size: Size = "cpu",
    width: int | None = None,
    modes: int | None = None,
    layers: int = 4,
    rank: float | None = None,
    dim: int = 2,
    delta: bool = False,
    constants: int = 0,
    seed: int = 0,
) -> Surrogate:
    """A Fourier neural operator, exactly equivariant to integer shifts of a periodic grid.

    At size ``"cpu"``: width 20 and the wave numbers -12..11 (0..11 along the last axis), 0.93 M parameters in 2-D. At
    size ``"benchmark"``: 128 channels and 16 x 16 modes, -8..7 (0..8 along the last axis), 19.0 M.

    Args:
        in_channels: Channels of the input fields.
        out_channels: Channels of the predicted fields.
        size: Where the sizes not given come from.
        width: Channels of the hidden fields; lift and project are twice as wide.
        modes: Retained frequencies of both signs along every axis.
        layers: Number of spectral layers.
        rank: Share of the spectral weights that their Tucker factorisation keeps; None for whole weights.
        dim: Number of space dimensions.
        delta: Whether to predict next minus last state.
        constants: Number of constant input channels, after the last state.
        seed: Seed of the initial weights.

    Raises:
        ArgumentError: If the size is unknown, or a number is out of range.

    Example:
        >>> import torch
        >>> fno(4, 2, width=8, modes=8)(torch.zeros(1, 4, 16, 16)).shape
        torch.Size([1, 2, 16, 16])

    Source: Li et al., arXiv 2010.08895; Ohana et al., arXiv 2412.00568.
    """
    width = _choose(size, width, cpu=20, benchmark=128)
    if modes is None:
        # Counted one-sidedly, 12 modes are the 24 wave numbers -12..11, and 0..11 on the half spectrum of the last
        # axis.
        per_axis = _choose(size, None, cpu=24, benchmark=16)
        last = _choose(size, None, cpu=22, benchmark=16)
    else:
        per_axis = last = modes
    net = FNO(
        in_channels,
        out_channels,
        width=width,
        modes=(*[per_axis] * (dim - 1), last),
        layers=layers,
        dim=dim,
        rank=rank,
        seed=seed,
    )
    return _physical(net, delta=delta, constants=constants)


def tfno(
    in_channels: int,
    out_channels: int,
    *,
    size: Size = "cpu",
    width: int | None = None,
    modes: int | None = None,
    layers: int = 4,
    rank: float = 0.5,
    dim: int = 2,
    delta: bool = False,
    constants: int = 0,
    seed: int = 0,
) -> Surrogate:
    """A Fourier neural operator with Tucker-factorised weights, exactly equivariant to integer shifts as well.

    Args:
        in_channels: Channels of the input fields.
        out_channels: Channels of the predicted fields.
        size: Where the sizes not given come from, see `fno`.
        width: Channels of the hidden fields; lift and project are twice as wide.
        modes: Retained frequencies of both signs along every axis.
        layers: Number of spectral layers.
        rank: Share of the spectral weights' numbers that the cores of the factorisation have.
        dim: Number of space dimensions.
        delta: Whether to predict next minus last state.
        constants: Number of constant input channels, after the last state.
        seed: Seed of the initial weights.

    Raises:
        ArgumentError: If the size is unknown, or a number is out of range.

    Example:
        >>> import torch
        >>> tfno(4, 2, width=8, modes=8)(torch.zeros(1, 4, 16, 16)).shape
        torch.Size([1, 2, 16, 16])

    Source: Kossaifi et al., arXiv 2310.00120; Ohana et al., arXiv 2412.00568.
    """
    return fno(
        in_channels,
        out_channels,
        size=size,
        width=width,
        modes=modes,
        layers=layers,
        rank=rank,
        dim=dim,
        delta=delta,
        constants=constants,
        seed=seed,
    )


def unet(
    in_channels: int,
    out_channels: int,
    *,
    size: Size = "cpu",
    width: int | None = None,
    levels: int | None = None,
    padding: Padding = "zeros",
    dim: int = 2,
    delta: bool = False,
    constants: int = 0,
    seed: int = 0,
) -> Surrogate:
    """The classic U-Net; padded with zeros it has no exact symmetry.

    At size ``"cpu"``: width 12 and 3 levels, 0.27 M parameters in 2-D. At size ``"benchmark"``: width 48 and 4 levels,
    17.5 M.

    Args:
        in_channels: Channels of the input fields.
        out_channels: Channels of the predicted fields.
        size: Where the sizes not given come from.
        width: Channels of the finest level.
        levels: Number of poolings.
        padding: ``"zeros"`` or ``"circular"``.
        dim: Number of space dimensions.
        delta: Whether to predict next minus last state.
        constants: Number of constant input channels, after the last state.
        seed: Seed of the initial weights.

    Raises:
        ArgumentError: If the size is unknown, or a number is out of range.

    Example:
        >>> import torch
        >>> unet(4, 2, width=4)(torch.zeros(2, 4, 16, 16)).shape
        torch.Size([2, 2, 16, 16])

    Source: Ronneberger et al., arXiv 1505.04597; Ohana et al., arXiv 2412.00568.
    """
    net = UNet(
        in_channels,
        out_channels,
        width=_choose(size, width, cpu=12, benchmark=48),
        levels=_choose(size, levels, cpu=3, benchmark=4),
        padding=padding,
        dim=dim,
        seed=seed,
    )
    return _physical(net, delta=delta, constants=constants)


def convnext_unet(
    in_channels: int,
    out_channels: int,
    *,
    size: Size = "cpu",
    width: int | None = None,
    stages: int | None = None,
    blocks: int | None = None,
    padding: Padding = "zeros",
    dim: int = 2,
    delta: bool = False,
    constants: int = 0,
    seed: int = 0,
) -> Surrogate:
    """A U-Net of ConvNeXt blocks; padded with zeros it has no exact symmetry.

    At size ``"cpu"``: width 12, 3 stages of 1 block, 0.27 M parameters in 2-D. At size ``"benchmark"``: width 42, 4
    stages of 2 blocks, 18.6 M.

    Args:
        in_channels: Channels of the input fields.
        out_channels: Channels of the predicted fields.
        size: Where the sizes not given come from.
        width: Channels of the finest stage.
        stages: Number of resamplings.
        blocks: ConvNeXt blocks a stage.
        padding: ``"zeros"`` or ``"circular"``.
        dim: Number of space dimensions.
        delta: Whether to predict next minus last state.
        constants: Number of constant input channels, after the last state.
        seed: Seed of the initial weights.

    Raises:
        ArgumentError: If the size is unknown, or a number is out of range.

    Example:
        >>> import torch
        >>> convnext_unet(4, 2, width=4)(torch.zeros(1, 4, 16, 16)).shape
        torch.Size([1, 2, 16, 16])

    Source: Liu et al., arXiv 2201.03545; Ohana et al., arXiv 2412.00568.
    """
    net = ConvNeXtUNet(
        in_channels,
        out_channels,
        width=_choose(size, width, cpu=12, benchmark=42),
        stages=_choose(size, stages, cpu=3, benchmark=4),
        blocks=_choose(size, blocks, cpu=1, benchmark=2),
        padding=padding,
        dim=dim,
        seed=seed,
    )
    return _physical(net, delta=delta, constants=constants)


CATALOGUE: dict[str, Callable[..., Surrogate]] = {
    "fno": fno,
    "tfno": tfno,
    "unet": unet,
    "convnext_unet": convnext_unet,
}
"""The factories by the name the command line and the recipe use."""

NETWORKS: dict[str, type[FNO | UNet | ConvNeXtUNet]] = {"fno": FNO, "unet": UNet, "convnext_unet": ConvNeXtUNet}
"""The bare networks by the name that a saved model carries."""


def _choose(size: str, given: int | None, *, cpu: int, benchmark: int) -> int:
    if size not in ("cpu", "benchmark"):
        raise ArgumentError("size", expected="'cpu' or 'benchmark'", got=repr(size))
    if given is not None:
        return given
    return cpu if size == "cpu" else benchmark


def _physical(net: FNO | UNet | ConvNeXtUNet, *, delta: bool, constants: int) -> Surrogate:
    return Surrogate(
        net,
        in_channels=net.in_channels,
        out_channels=net.out_channels,
        dim=net.dim,
        delta=delta,
        constants=constants,
    )
