"""Group convolutions on grids in 1, 2 and 3 dimensions, with any channel representation of a point group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation, TensorProduct
from haar.errors import ArgumentError, ShapeError
from haar.groups import Subgroup
from haar.intertwiners import Intertwiners, intertwiners, invariants
from haar.nn.folding import FoldCache
from haar.nn.kernel_points import KernelPoints
from haar.nn.linear import weight_scale
from haar.nn.module import Channels, EquivariantModule
from haar.nn.parts import PartRun, part_runs

_PLAIN = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_RUN: dict[int, Callable[..., Tensor]] = {1: nn.functional.conv1d, 2: nn.functional.conv2d, 3: nn.functional.conv3d}


@dataclass(frozen=True)
class _Pair:
    """Kernels from one run of equal parts to another: a small basis, times copies."""

    source: PartRun
    target: PartRun
    space: Intertwiners
    start: int

    @property
    def size(self) -> int:
        return self.space.dim * self.target.copies * self.source.copies


class Conv(EquivariantModule):
    """A convolution whose kernel commutes with a point group: K(R d) = R_out K(d) R_in^-1.

    From trivial to regular channels it is the lifting convolution, from regular to regular the group convolution, between any
    others a steerable one. Kernels are combinations of a basis of Hom_G(V_in x kernel points, V_out), solved once for each pair
    of distinct parts.

    Args:
        rep_in: Representation on the input's channels, of a group that moves grids.
        rep_out: Representation on the output's channels.
        kernel_size: Points along an axis.
        stride: Step of the output grid. A stride above 1 is exact only on grids on which the last window ends at the border: other
            sizes are refused at the call.
        padding: Points added at both ends, or ``"same"`` (odd kernels).
        padding_mode: ``"zeros"`` or ``"circular"`` (periodic grids).
        dilation: Distance of kernel points.
        bias: Whether to add an invariant bias.
        generator: Of the initial weights; by default torch's.
        dtype: Of the parameters; by default torch's default.

    Raises:
        ArgumentError: If an option is impossible, or an even kernel is to be padded to the same size.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular, Trivial
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> lift = Conv(Trivial(D4), 2 * Regular(D4), 3, padding="same")
        >>> lift(torch.randn(1, 1, 16, 16)).shape
        torch.Size([1, 16, 16, 16])
    """

    channels: Channels = "first"

    def __init__(
        self,
        rep_in: Representation,
        rep_out: Representation,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | Literal["same"] = 0,
        padding_mode: Literal["zeros", "circular"] = "zeros",
        dilation: int = 1,
        bias: bool = True,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        dim = rep_in.group.space_dim
        if dim is None or dim not in _RUN:
            raise ArgumentError("rep_in", expected="a group that moves grids of 1, 2 or 3 axes", got=rep_in.group.name)
        self.rep_in, self.rep_out, self.dim = rep_in, rep_out, dim
        self.kernel_size, self.stride, self.dilation = kernel_size, stride, dilation
        self.padding, self.padding_mode = _padding(kernel_size, stride, padding, dilation), padding_mode
        if padding_mode not in ("zeros", "circular"):
            raise ArgumentError("padding_mode", expected="'zeros' or 'circular'", got=repr(padding_mode))
        self._pairs = _pairs(rep_in, rep_out, (kernel_size,) * dim)
        fixed = invariants(rep_out) if bias else torch.zeros(rep_out.dim, 0, dtype=torch.float64)
        self.weight = nn.Parameter(torch.empty(sum(pair.size for pair in self._pairs), dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(fixed.shape[1], dtype=dtype)) if bias else None
        self.register_buffer("fixed", fixed.to(self.weight.dtype), persistent=False)
        self.fixed: Tensor
        moves = rep_in.group.motion(rep_in.group.generators())
        self._reverses = bool((moves.sign < 0).any()) or bool((moves.index != torch.arange(dim)).any())
        self._fold = FoldCache()
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights so that unit-variance inputs give unit-variance outputs; zero the bias."""
        with torch.no_grad():
            shares = [sum(p.target is pair.target for p in self._pairs) for pair in self._pairs]
            for pair, share in zip(self._pairs, shares, strict=True):
                scale = weight_scale(pair.space).to(torch.float64) / (pair.source.copies * share) ** 0.5
                noise = torch.randn(
                    pair.target.copies, pair.source.copies, pair.space.dim, generator=generator, dtype=torch.float64
                )
                self.weight[pair.start : pair.start + pair.size] = (noise * scale).flatten().to(self.weight)
            if self.bias is not None:
                self.bias.zero_()

    def forward(self, x: Float[Tensor, "batch n_in *space"]) -> Float[Tensor, "batch n_out *out_space"]:
        """Convolve.

        Raises:
            ShapeError: If channels or axes do not fit, or the stride would break the symmetry on this grid.
        """
        self._check(x)
        padding = self.padding
        if self.padding_mode == "circular" and padding:
            x = nn.functional.pad(x, (padding, padding) * self.dim, mode="circular")
            padding = 0
        return _RUN[self.dim](x, self.kernel(), self.offset(), self.stride, padding, self.dilation)

    def kernel(self) -> Float[Tensor, "n_out n_in *size"]:
        """The dense kernel; in eval without gradients made once and kept until the parameters change."""
        return self._fold.get(self, (self.weight,), self._made)

    def offset(self) -> Float[Tensor, " n_out"] | None:
        """The dense bias, or None."""
        return None if self.bias is None else self.fixed @ self.bias

    def restrict(self, subgroup: Subgroup) -> Conv:
        """The same layer with the freedom of a subgroup: its kernel starts as it was."""
        looser = Conv(
            self.rep_in.restrict(subgroup),
            self.rep_out.restrict(subgroup),
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            padding_mode=self.padding_mode,  # type: ignore[arg-type]
            dilation=self.dilation,
            bias=self.bias is not None,
            dtype=self.weight.dtype,
        ).to(self.weight.device)
        with torch.no_grad():
            looser.set_kernel(self._made())
            offset = self.offset()
            if looser.bias is not None and offset is not None:
                looser.bias.copy_(looser.fixed.T @ offset)
        return looser.train(self.training)

    def set_kernel(self, kernel: Float[Tensor, "n_out n_in *size"]) -> None:
        """Take the nearest equivariant kernel to any dense one as the weights."""
        points = self.kernel_size**self.dim
        with torch.no_grad():
            for pair in self._pairs:
                target, source = pair.target, pair.source
                block = target.of(source.of(kernel.to(self.weight), 1), 0)
                # (copies_out, n_out, copies_in, n_in, *size) -> (copies_out, copies_in, n_out, n_in * points)
                matrix = block.transpose(1, 2).reshape(
                    target.copies, source.copies, target.rep.dim, source.rep.dim * points
                )
                self.weight[pair.start : pair.start + pair.size] = pair.space.parameters_of(matrix).flatten()

    def export(self) -> nn.Module:
        """A plain `torch.nn.Conv1d/2d/3d` with equal outputs (and no check of the stride)."""
        plain = _PLAIN[self.dim](
            self.rep_in.dim,
            self.rep_out.dim,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            padding_mode=self.padding_mode,
            dilation=self.dilation,
            bias=self.bias is not None,
            dtype=self.weight.dtype,
        )
        with torch.no_grad():
            plain.weight.copy_(self._made())
            offset = self.offset()
            if offset is not None and plain.bias is not None:
                plain.bias.copy_(offset)
        return plain.to(self.weight.device).train(self.training)

    def extra_repr(self) -> str:
        """Representations and geometry."""
        return (
            f"{self.rep_in.name} -> {self.rep_out.name} of {self.rep_in.group.name}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, padding_mode={self.padding_mode}"
        )

    def _made(self) -> Tensor:
        size = (self.kernel_size,) * self.dim
        rows: dict[int, list[Tensor]] = {}
        for pair in self._pairs:
            target, source = pair.target, pair.source
            p = self.weight[pair.start : pair.start + pair.size].reshape(target.copies, source.copies, pair.space.dim)
            block = pair.space.from_parameters(p)  # (copies_out, copies_in, n_out, n_in * points)
            block = block.transpose(1, 2).reshape(target.copies * target.rep.dim, source.copies * source.rep.dim, *size)
            rows.setdefault(target.start, []).append(block)
        return torch.cat([torch.cat(rows[start], 1) for start in sorted(rows)])

    def _check(self, x: Tensor) -> None:
        if x.ndim != self.dim + 2 or x.shape[1] != self.rep_in.dim:
            raise ShapeError(
                "x",
                expected=f"(batch, {self.rep_in.dim}, {self.dim} space axes) for {self.rep_in.name}",
                got=tuple(x.shape),
            )
        if self.stride > 1 and self._reverses:
            check_stride(
                x.shape[2:], kernel=self.kernel_size, stride=self.stride, padding=self.padding, dilation=self.dilation
            )


def check_stride(space: Sequence[int], *, kernel: int, stride: int, padding: int, dilation: int = 1) -> None:
    """Raise if strided windows reach one side of a grid only, so that a reversal would pick other points.

    Raises:
        ShapeError: Naming the size and a size that works.
    """
    span = dilation * (kernel - 1) + 1
    for n in space:
        left = (n + 2 * padding - span) % stride
        if left:
            good = next(m for m in range(n, n + stride) if (m + 2 * padding - span) % stride == 0)
            raise ShapeError(
                "x",
                expected=f"a grid on which stride {stride} with kernel {kernel} and padding {padding} is symmetric",
                got=f"{n} points, of which {left} are left over on one side",
                way_out=f"use {good} points, a kernel of another parity, or pool exactly",
            )


def _padding(kernel: int, stride: int, padding: int | str, dilation: int) -> int:
    for name, value in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if value < 1:
            raise ArgumentError(name, expected="at least 1", got=value)
    if padding == "same":
        if (dilation * (kernel - 1)) % 2:
            raise ArgumentError(
                "kernel_size",
                expected="an odd kernel for padding 'same'",
                got=kernel,
                way_out="an even one pads one side more",
            )
        return dilation * (kernel - 1) // 2
    if isinstance(padding, str) or padding < 0:
        raise ArgumentError("padding", expected="'same' or a number of points", got=repr(padding))
    return padding


def _pairs(rep_in: Representation, rep_out: Representation, size: tuple[int, ...]) -> tuple[_Pair, ...]:
    if rep_in.group is not rep_out.group:
        raise ArgumentError(
            "rep_out",
            expected=f"a representation of the same group object, {rep_in.group.name}",
            got=rep_out.group.name,
        )
    points = KernelPoints(rep_in.group, size)
    solved: dict[tuple[int, int], Intertwiners] = {}
    pairs: list[_Pair] = []
    start = 0
    for target in part_runs(rep_out):
        for source in part_runs(rep_in):
            key = (id(source.rep), id(target.rep))
            if key not in solved:
                solved[key] = intertwiners(TensorProduct(source.rep, points), target.rep)
            pairs.append(_Pair(source, target, solved[key], start))
            start += pairs[-1].size
    return tuple(pairs)
