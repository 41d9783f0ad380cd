"""Homotopy twins of the layers that are linear: dense, convolutional, embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from haar.nn.folding import PLAIN, watched
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.relax.wrapping.mixing import mixed_linear
from haar.relax.wrapping.orbit_mean import OrbitMean


class HomotopyLinear(HomotopyLayer, nn.Linear):
    """`torch.nn.Linear` between equivariant and free."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply x W^T + b with the effective weight and bias."""
        weight, bias = self.weight, self.bias
        values = (weight,) if bias is None else (weight, bias)
        means = self._trained_alone(x, values)
        if means is None:
            return nn.functional.linear(x, *self._folded())
        kappas = (self.kappa, None)[: len(values)]
        return mixed_linear(x, values, means, self._gamma(), kappas, kept=self._mixture)

    def _trained_alone(self, x: Tensor, values: tuple[Tensor, ...]) -> tuple[OrbitMean, ...] | None:
        """The projections of weight and bias where mixing and layer are one step of a training run, else None."""
        if not torch.is_grad_enabled() or self._sharing is not None or self.mode != "weight" or "law" in self._modules:
            return None  # without gradients what is kept is used
        gamma = self.gamma
        if gamma.ndim or not (gamma.requires_grad or any(p.requires_grad for p in values)):
            return None
        if not _numbers_alone((x, *values)):
            return None
        spaces = self._symmetry.spaces
        means = tuple(spaces[name][0].orbits for name in ("weight", "bias")[: len(values)])
        return None if None in means else means  # type: ignore[return-value]


def _numbers_alone(tensors: tuple[Tensor, ...]) -> bool:
    """Whether tensors are numbers and nothing else, computed with as they are: weights are mixed at full precision."""
    device = tensors[0].device.type
    if device == "meta" or watched() or not all(type(p) in PLAIN for p in tensors):
        return False
    return not torch.is_autocast_enabled(device)


class _Convolution(HomotopyLayer):
    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the effective kernel and bias."""
        return self._conv_forward(x, *self._folded())  # type: ignore[no-any-return, operator]


class HomotopyConv1d(_Convolution, nn.Conv1d):
    """`torch.nn.Conv1d` between equivariant and free."""


class HomotopyConv2d(_Convolution, nn.Conv2d):
    """`torch.nn.Conv2d` between equivariant and free."""


class HomotopyConv3d(_Convolution, nn.Conv3d):
    """`torch.nn.Conv3d` between equivariant and free."""


class _TransposedConvolution(HomotopyLayer):
    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve with the effective kernel and bias, transposed."""
        own: Any = self
        dim = len(own.kernel_size)
        added = own._output_padding(  # noqa: SLF001 (torch's own)
            x, output_size, own.stride, own.padding, own.kernel_size, dim, own.dilation
        )
        run = (nn.functional.conv_transpose1d, nn.functional.conv_transpose2d, nn.functional.conv_transpose3d)[dim - 1]
        weight, bias = self._folded()
        return run(x, weight, bias, own.stride, own.padding, added, own.groups, own.dilation)


class HomotopyConvTranspose1d(_TransposedConvolution, nn.ConvTranspose1d):
    """`torch.nn.ConvTranspose1d` between equivariant and free."""


class HomotopyConvTranspose2d(_TransposedConvolution, nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` between equivariant and free."""


class HomotopyConvTranspose3d(_TransposedConvolution, nn.ConvTranspose3d):
    """`torch.nn.ConvTranspose3d` between equivariant and free."""


class HomotopyEmbedding(HomotopyLayer, nn.Embedding):
    """`torch.nn.Embedding` between equivariant and free: a linear layer on one-hot vectors."""

    def forward(self, x: Tensor) -> Tensor:
        """Rows of the effective table."""
        return nn.functional.embedding(x, self._effective("weight"), self.padding_idx)
