"""Normalisation over the batch: statistics shared along parts, gathered in training and used in eval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.errors import ArgumentError, ShapeError
from haar.nn.norms import Normalisation
from haar.nn.precision import wide_dtype, widened


class BatchNorm(Normalisation, nn.modules.batchnorm._BatchNorm):  # type: ignore[misc]  # noqa: SLF001 (torch's tools for batch norms ask for it)
    """Zero mean along the invariant direction and unit variance for every part, over the batch and space.

    Statistics are gathered in training and used in eval, as by `torch.nn.BatchNorm2d`: one mean and one variance for
    each part, in float32 at least. An empty batch leaves them alone. It is a batch norm to torch's tools, such as
    `torch.optim.swa_utils.update_bn`; only `torch.nn.SyncBatchNorm`, which knows channels and no parts, is refused.

    Args:
        rep: Representation on the channels.
        affine: Whether to learn factors and shifts.
        eps: Added to the variance.
        momentum: Weight of a new batch in the running statistics; None for the mean over all batches.
        channels: ``"last"`` or ``"first"``.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If the momentum is not between 0 and 1.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> norm = BatchNorm(4 * Regular(dihedral(4)), channels="first")
        >>> norm(torch.randn(2, 32, 8, 8)).shape, norm.running_var.shape
        (torch.Size([2, 32, 8, 8]), torch.Size([4]))
    """

    def __init__(
        self,
        rep: Representation,
        *,
        affine: bool = True,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        channels: str = "last",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, affine=affine, eps=eps, channels=channels, dtype=dtype)
        if momentum is not None and not (isinstance(momentum, int | float) and 0 <= momentum <= 1):
            raise ArgumentError("momentum", expected="a number from 0 to 1, or None", got=momentum)
        self.momentum, self.affine, self.track_running_stats = momentum, affine, True
        kept = wide_dtype(torch.get_default_dtype() if dtype is None else dtype)
        self.register_buffer("running_mean", torch.zeros(self.parts, dtype=kept))
        self.register_buffer("running_var", torch.ones(self.parts, dtype=kept))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.running_mean: Tensor | None
        self.running_var: Tensor | None

    @property
    def num_features(self) -> int:  # type: ignore[override]
        """What `torch.nn.SyncBatchNorm` asks for; not to be had.

        Raises:
            ArgumentError: Always.
        """
        raise ArgumentError(
            "module",
            expected="a batch norm of single channels, to be converted",
            got="haar.nn.BatchNorm, whose statistics are shared along parts",
            way_out="use haar.nn.GroupNorm or haar.nn.LayerNorm where processes see few samples each",
        )

    def reset_parameters(self) -> None:
        """Factors 1, shifts 0, and no statistics."""
        super().reset_parameters()
        self.reset_running_stats()

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Normalise, and gather statistics in training.

        Raises:
            ShapeError: If the channel axis does not fit, or a batch in training has one value a channel only.
        """
        self.check_input(x)
        kept = x.dtype if self.running_mean is None else self.running_mean.dtype
        wide = widened(x).to(torch.promote_types(wide_dtype(x.dtype), kept))
        axis = self._axis % x.ndim
        gathers = self.training or self.running_mean is None or self.running_var is None
        if gathers and x.numel() == 0:
            return self._affine(wide, x.dtype).to(x.dtype)  # of nothing there are no statistics
        if gathers and x.numel() == self.rep_in.dim:
            raise ShapeError(
                "x",
                expected="more than one value a channel in training",
                got=tuple(x.shape),
                way_out="use a larger batch, .eval(), or haar.nn.LayerNorm",
            )
        if gathers:
            mean = self._means(wide, axis)
        else:
            mean, var = self.running_mean.to(wide.dtype), self.running_var.to(wide.dtype)  # type: ignore[union-attr]
        wide = wide - self._on_channels(mean[self.part_of] * self.constant_as("direction", wide.dtype), wide)
        if gathers:
            var = self._variances(wide, axis)
            self._remember(mean.detach(), var.detach(), x.numel() // self.rep_in.dim)
        scaled = wide * self._on_channels(self._scale(var)[self.part_of], wide)
        return self._affine(scaled, x.dtype).to(x.dtype)

    def extra_repr(self) -> str:
        """Representation, and whether there are parameters."""
        return f"{super().extra_repr()}, momentum={self.momentum}"

    def _means(self, x: Tensor, axis: int) -> Float[Tensor, " parts"]:
        """Coordinates of the mean of every part along its invariant direction."""
        along = x.mean([k for k in range(x.ndim) if k != axis]) * self.constant_as("direction", x.dtype)
        means = []
        for run, length in zip(self.runs, self._length, strict=True):
            mean = run.of(along, 0).sum(1)
            means.append(mean / length if length > 0 else torch.zeros_like(mean))
        return torch.cat(means)

    def _variances(self, centred: Tensor, axis: int) -> Float[Tensor, " parts"]:
        """Mean square of every part, over its components too."""
        square = centred.square().mean([k for k in range(centred.ndim) if k != axis])
        return torch.cat([run.of(square, 0).mean(1) for run in self.runs])

    def _remember(self, mean: Tensor, var: Tensor, samples: int) -> None:
        """Move the running statistics; the variance without its bias, as torch's."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return
        counts = torch.cat([torch.full((run.copies,), samples * run.rep.dim) for run in self.runs]).to(var)
        with torch.no_grad():
            momentum = self.momentum
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
                momentum = 1 / float(self.num_batches_tracked) if momentum is None else momentum
            self.running_mean.lerp_(mean.to(self.running_mean), momentum)  # type: ignore[arg-type]
            self.running_var.lerp_((var * counts / (counts - 1).clamp(min=1)).to(self.running_var), momentum)  # type: ignore[arg-type]

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> BatchNorm:  # noqa: FBT001, FBT002 (torch's signature)
        """As torch's, but running statistics stay in float32 at least: variances of float16 are no float16."""
        before = {name: self._buffers[name] for name in ("running_mean", "running_var")}
        super()._apply(fn, recurse)
        for name, old in before.items():
            new = self._buffers[name]
            if old is not None and new is not None and new.dtype != wide_dtype(new.dtype):
                self._buffers[name] = old.to(dtype=wide_dtype(new.dtype), device=new.device)
        return self
