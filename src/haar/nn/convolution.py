"""Group convolutions on grids in 1, 2 and 3 dimensions, with any channel representation of a point group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import skip_init

from haar.actions.representation import Representation, TensorProduct
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError, ShapeError
from haar.groups import Subgroup
from haar.intertwiners import Intertwiners, OrbitIntertwiners, intertwiners, invariants
from haar.nn.computed_weights import check_own, current, effective, take_over
from haar.nn.folding import Dense, FoldCache
from haar.nn.grid_axes import reversed_axes, space_dim
from haar.nn.initial import draw_weights
from haar.nn.kernel_points import KernelPoints
from haar.nn.module import Channels, EquivariantModule
from haar.nn.parts import PartRun, part_runs
from haar.nn.precision import check_number, check_numbers, check_precision
from haar.nn.representations import check_same_group, restricted
from haar.tracing.windows import check_window, exact_padding

_PLAIN = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_RUN: dict[int, Callable[..., Tensor]] = {1: nn.functional.conv1d, 2: nn.functional.conv2d, 3: nn.functional.conv3d}


@dataclass(frozen=True)
class _Pair:
    """Kernels from one run of equal parts to another: a small basis, times copies."""

    source: PartRun
    target: PartRun
    space: Intertwiners
    start: int

    def __deepcopy__(self, memo: dict[int, object]) -> _Pair:
        return self  # nothing of it ever changes

    @property
    def size(self) -> int:
        return self.space.dim * self.target.copies * self.source.copies


class Conv(EquivariantModule):
    """A convolution whose kernel commutes with a point group: K(R d) = R_out K(d) R_in^-1.

    From trivial to regular channels it is the lifting convolution, from regular to regular the group convolution,
    between any others a steerable one. Kernels are combinations of a basis of Hom_G(V_in x kernel points, V_out),
    solved once for each pair of distinct parts.

    Args:
        rep_in: Representation on the input's channels, of a group that moves grids.
        rep_out: Representation on the output's channels.
        kernel_size: Points along an axis.
        stride: Step of the output grid. A stride above 1 is exact only on grids on which the last window ends at the
            border: other sizes are refused at the call.
        padding: Points added at both ends, or ``"same"`` (odd kernels).
        padding_mode: ``"zeros"`` or ``"circular"`` (periodic grids).
        dilation: Distance of kernel points.
        bias: Whether to add an invariant bias.
        gain: Factor on the scale of initial weights, see `Linear.reset_parameters`.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters; by default torch's default.

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
        padding: int | str = 0,
        padding_mode: str = "zeros",
        dilation: int = 1,
        bias: bool = True,
        gain: float = 1.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_representation("rep_in", rep_in)
        dim = space_dim(rep_in.group)
        check_same_group(rep_in, rep_out)
        self.rep_in, self.rep_out, self.dim = rep_in, rep_out, dim
        self.kernel_size, self.stride, self.dilation = kernel_size, stride, dilation
        self.padding, self.padding_mode = exact_padding(kernel_size, stride, padding, dilation), padding_mode
        self.gain = check_number("gain", gain)
        if padding_mode not in ("zeros", "circular"):
            raise ArgumentError("padding_mode", expected="'zeros' or 'circular'", got=repr(padding_mode))
        self._pairs = _pairs(rep_in, rep_out, (kernel_size,) * dim)
        fixed = invariants(rep_out) if bias else torch.zeros(rep_out.dim, 0, dtype=torch.float64)
        self.weight = nn.Parameter(torch.empty(sum(pair.size for pair in self._pairs), dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(fixed.shape[1], dtype=dtype)) if bias else None
        self.register_constant("fixed", fixed, self.weight.dtype)
        self.fixed: Tensor
        self._reversed = reversed_axes(rep_in.group)
        self._fold = FoldCache()
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights so that white inputs of unit variance give outputs of variance ``gain ** 2``; zero the bias."""
        if self.weight.is_meta:
            return
        check_own(self)
        with torch.no_grad():
            for pair in self._pairs:
                reaching = sum(p.source.copies for p in self._pairs if p.target is pair.target and p.space.dim)
                copies = pair.target.copies * pair.source.copies
                drawn = draw_weights(pair.space, generator, gain=self.gain, sources=reaching, count=copies)
                self.weight[pair.start : pair.start + pair.size] = drawn.flatten().to(self.weight)
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
        dense = self._folded(*current(self))
        try:
            return _RUN[self.dim](x, *dense, self.stride, padding, self.dilation)
        except RuntimeError:  # asked afterwards, since autocast mixes precisions
            check_precision(x, dense[0])
            raise

    def kernel(self) -> Float[Tensor, "n_out n_in *size"]:
        """The dense kernel; in eval without gradients made once and kept until the parameters change."""
        return self._folded(*effective(self))[0]

    def offset(self) -> Float[Tensor, " n_out"] | None:
        """The dense bias, or None."""
        return self._shift(effective(self)[1])

    def train(self, mode: bool = True) -> Conv:  # noqa: FBT001, FBT002 (torch's signature)
        """As torch's; the kept kernel is forgotten."""
        self._fold.clear()
        return super().train(mode)

    def restrict(self, subgroup: Subgroup) -> Conv:
        """The same layer with the freedom of a subgroup: its kernel starts as it was.

        Raises:
            ArgumentError: If it is no subgroup of the layer's group object.
        """
        weight, bias = effective(self)
        looser = Conv(
            restricted(self.rep_in, subgroup),
            restricted(self.rep_out, subgroup),
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            padding_mode=self.padding_mode,
            dilation=self.dilation,
            bias=self.bias is not None,
            gain=self.gain,
            dtype=weight.dtype,
            generator=torch.Generator(),  # these weights are replaced: nothing is drawn from torch's own
        ).to(weight.device)
        if not weight.is_meta:
            with torch.no_grad():
                looser.set_kernel(self._made(weight).detach())
                offset = self._shift(bias)
                if looser.bias is not None and offset is not None:
                    looser.bias.copy_(looser.constant_as("fixed", torch.float64).T @ offset.double())
        take_over(self, looser)
        return looser.train(self.training)

    def set_kernel(self, kernel: Float[Tensor, "n_out n_in *size"]) -> None:
        """Take the nearest equivariant kernel to any dense one as the weights.

        Raises:
            ArgumentError: If the weights are computed from something else, as by a parametrisation.
        """
        check_own(self)
        points = self.kernel_size**self.dim
        with torch.no_grad():
            for pair in self._pairs:
                target, source = pair.target, pair.source
                block = target.of(source.of(kernel.double(), 1), 0)
                # (copies_out, n_out, copies_in, n_in, *size) -> (copies_out, copies_in, n_out, n_in * points)
                matrix = block.transpose(1, 2).reshape(
                    target.copies, source.copies, target.rep.dim, source.rep.dim * points
                )
                self.weight[pair.start : pair.start + pair.size] = pair.space.parameters_of(matrix).flatten()

    def orbit_sizes(self) -> Int[Tensor, " dim"] | None:
        """Entries of the dense kernel in which each weight stands, if every entry has one alone; else None."""
        sizes = []
        for pair in self._pairs:
            if not isinstance(pair.space, OrbitIntertwiners):
                return None
            sizes.append(pair.space.structure.sizes.repeat(pair.target.copies * pair.source.copies))
        return torch.cat(sizes) if sizes else torch.zeros(0, dtype=torch.int64)

    def export(self) -> nn.Module:
        """A plain `torch.nn.Conv1d/2d/3d` with equal outputs (and no check of the stride)."""
        weight, bias = effective(self)
        plain: nn.Conv1d | nn.Conv2d | nn.Conv3d = skip_init(  # which draws no numbers
            _PLAIN[self.dim],
            self.rep_in.dim,
            self.rep_out.dim,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            padding_mode=self.padding_mode,
            dilation=self.dilation,
            bias=bias is not None,
            dtype=weight.dtype,
            device=weight.device,
        )
        with torch.no_grad():
            plain.weight.copy_(self._made(weight))
            offset = self._shift(bias)
            if offset is not None and plain.bias is not None:
                plain.bias.copy_(offset)
        take_over(self, plain)
        return plain.train(self.training)

    def extra_repr(self) -> str:
        """Representations and geometry."""
        return (
            f"{self.rep_in.name} -> {self.rep_out.name} of {self.rep_in.group.name}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, padding_mode={self.padding_mode}"
        )

    def _folded(self, weight: Tensor, bias: Tensor | None) -> Dense:
        return self._fold.get(self, lambda: (self._made(weight), self._shift(bias)), (weight, bias))

    def _shift(self, bias: Tensor | None) -> Tensor | None:
        return None if bias is None else self.constant_as("fixed", bias.dtype) @ bias

    def _made(self, weight: Tensor) -> Tensor:
        size = (self.kernel_size,) * self.dim
        rows: dict[int, list[Tensor]] = {}
        for pair in self._pairs:
            target, source = pair.target, pair.source
            p = weight[pair.start : pair.start + pair.size].reshape(target.copies, source.copies, pair.space.dim)
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
        check_numbers(x)
        if self.stride > 1:
            check_window(
                x.shape[2:],
                self._reversed,
                kernel=self.kernel_size,
                stride=self.stride,
                padding=self.padding,
                dilation=self.dilation,
            )


def _pairs(rep_in: Representation, rep_out: Representation, size: tuple[int, ...]) -> tuple[_Pair, ...]:
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
