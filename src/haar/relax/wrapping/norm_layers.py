"""Homotopy twins of normalisation layers, and of other layers with one number a channel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from haar.relax.wrapping.homotopy_layer import HomotopyLayer


class _PerChannel(HomotopyLayer):
    scaled = ()


class HomotopyLayerNorm(_PerChannel, nn.LayerNorm):
    """`torch.nn.LayerNorm` whose factors and shifts are shared along orbits at gamma = 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return nn.functional.layer_norm(x, self.normalized_shape, *self._scale_and_shift(), self.eps)


class HomotopyRMSNorm(_PerChannel, nn.RMSNorm):
    """`torch.nn.RMSNorm` whose factors are shared along orbits at gamma = 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return nn.functional.rms_norm(x, self.normalized_shape, self._effective("weight"), self.eps)


class HomotopyGroupNorm(_PerChannel, nn.GroupNorm):
    """`torch.nn.GroupNorm` whose factors and shifts are shared along orbits at gamma = 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return nn.functional.group_norm(x, self.num_groups, *self._scale_and_shift(), self.eps)


class _InstanceNorm(_PerChannel):
    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        self._check_input_dim(x)  # type: ignore[operator]
        weight, bias = self._scale_and_shift()
        return nn.functional.instance_norm(x, None, None, weight, bias, True, 0.0, self.eps)  # type: ignore[arg-type]


class HomotopyInstanceNorm1d(_InstanceNorm, nn.InstanceNorm1d):
    """`torch.nn.InstanceNorm1d` whose factors and shifts are shared along orbits at gamma = 0."""


class HomotopyInstanceNorm2d(_InstanceNorm, nn.InstanceNorm2d):
    """`torch.nn.InstanceNorm2d` whose factors and shifts are shared along orbits at gamma = 0."""


class HomotopyInstanceNorm3d(_InstanceNorm, nn.InstanceNorm3d):
    """`torch.nn.InstanceNorm3d` whose factors and shifts are shared along orbits at gamma = 0."""


class HomotopyPReLU(_PerChannel, nn.PReLU):
    """`torch.nn.PReLU` whose slopes are shared along orbits at gamma = 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Bend."""
        return nn.functional.prelu(x, self._effective("weight"))


class _BatchNorm(_PerChannel):
    """Statistics are shared along orbits as parameters are.

    The mean in force is m = P(mean) + gamma (mean - P(mean)), the variance that of the values about m, shared along
    orbits: at gamma = 0 mean and variance over all channels of an orbit. What is remembered are the plain statistics of
    every channel, so that state and function at gamma = 1 are torch's.
    """

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    momentum: float | None
    eps: float

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, and gather statistics in training."""
        self._check_input_dim(x)  # type: ignore[operator]
        if self.training:
            wide = x.to(self.running_mean.dtype)
            axes = [axis for axis in range(x.ndim) if axis != 1]
            var, mean = torch.var_mean(wide, axes, correction=0)
            self._remember(mean.detach(), var.detach(), x.numel() // x.shape[1])
        else:
            mean, var = self.running_mean, self.running_var
        mean, var = self._shared(mean, var)
        weight, bias = self._scale_and_shift()
        if not self.training and not (torch.is_grad_enabled() and self.gamma.requires_grad):
            return nn.functional.batch_norm(x, mean, var, weight, bias, False, 0.0, self.eps)
        scale = (var + self.eps).rsqrt()
        scale = scale if weight is None else scale * weight
        shift = -mean * scale if bias is None else bias - mean * scale
        shape = (-1, *[1] * (x.ndim - 2))
        return torch.addcmul(shift.reshape(shape), x, scale.reshape(shape)).to(x.dtype)

    def _shared(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        centre = self.mix("running_mean", mean)
        about = var + (mean - centre).square()
        # between 0 and 1 a mixture of variances is one; gammas outside must not turn it negative
        return centre, torch.maximum(self.mix("running_var", about), 0.1 * about.detach().amin())

    def _remember(self, mean: Tensor, var: Tensor, samples: int) -> None:
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            rate = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
            self.running_mean.add_((mean - self.running_mean) * rate)
            self.running_var.add_((var * (samples / max(samples - 1, 1)) - self.running_var) * rate)

    def _plain_values(self) -> dict[str, Tensor]:
        mean, var = self._shared(self.running_mean, self.running_var)
        values = {name: self._effective(name) for name in ("weight", "bias") if getattr(self, name) is not None}
        return values | {"running_mean": mean, "running_var": var}


class HomotopyBatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` whose parameters and statistics are shared along orbits at gamma = 0."""


class HomotopyBatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` whose parameters and statistics are shared along orbits at gamma = 0."""


class HomotopyBatchNorm3d(_BatchNorm, nn.BatchNorm3d):
    """`torch.nn.BatchNorm3d` whose parameters and statistics are shared along orbits at gamma = 0."""
