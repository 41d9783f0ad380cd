"""Pooling and upsampling of fields that commute with the group, strides checked."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError, check_count
from haar.nn.grid_axes import reversed_axes, space_dim
from haar.nn.module import Channels, EquivariantModule
from haar.nn.pointwise import check_permutation
from haar.tracing.windows import check_window, exact_padding

_AVERAGE: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.avg_pool1d,
    2: nn.functional.avg_pool2d,
    3: nn.functional.avg_pool3d,
}
_MAXIMUM: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.max_pool1d,
    2: nn.functional.max_pool2d,
    3: nn.functional.max_pool3d,
}


class Pool(EquivariantModule):
    """Average or maximum over windows of a grid.

    Args:
        rep: Representation on the channels; for a maximum of permutation type.
        kernel_size: Points of a window along an axis.
        how: ``"mean"`` or ``"max"``.
        stride: Step of the windows; by default the kernel's size.
        padding: Points added at both ends (zeros, which count, for a mean).

    Raises:
        ArgumentError: If an option is impossible, or a maximum is asked for of channels that change signs or mix.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Space
        >>> from haar.groups import dihedral
        >>> Pool(Space(dihedral(4)), 2)(torch.randn(1, 2, 8, 8)).shape
        torch.Size([1, 2, 4, 4])
    """

    channels: Channels = "first"

    def __init__(
        self,
        rep: Representation,
        kernel_size: int,
        *,
        how: str = "mean",
        stride: int | None = None,
        padding: int = 0,
    ) -> None:
        super().__init__()
        _check_how(how)
        check_representation("rep", rep)
        self.dim = space_dim(rep.group, "rep")
        if how == "max":
            check_permutation(rep, "a maximum")
        self.rep_in = self.rep_out = rep
        self.kernel_size, self.how = kernel_size, how
        self.stride = kernel_size if stride is None else stride
        self.padding = exact_padding(kernel_size, self.stride, padding)
        if 2 * self.padding > kernel_size:
            raise ArgumentError("padding", expected=f"at most half the window, {kernel_size // 2}", got=padding)
        self._reversed = reversed_axes(rep.group)

    def forward(self, x: Float[Tensor, "batch n *space"]) -> Float[Tensor, "batch n *out_space"]:
        """Pool.

        Raises:
            ShapeError: If the channels do not fit, or windows would leave points over on one side of a reversed axis.
        """
        self.check_input(x)
        check_window(x.shape[2:], self._reversed, kernel=self.kernel_size, stride=self.stride, padding=self.padding)
        run = (_AVERAGE if self.how == "mean" else _MAXIMUM)[self.dim]
        return run(x, self.kernel_size, self.stride, self.padding)


class GlobalPool(EquivariantModule):
    """Mean or maximum over all points: a field ``(batch, n, *space)`` becomes vectors ``(batch, n)``.

    Args:
        rep: Representation on the channels; for a maximum of permutation type.
        how: ``"mean"`` or ``"max"``.

    Raises:
        ArgumentError: If `how` is unknown, or a maximum is asked for of channels that change signs or mix.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> GlobalPool(Regular(dihedral(4)))(torch.randn(3, 8, 5, 5)).shape
        torch.Size([3, 8])
    """

    channels: Channels = "first"

    def __init__(self, rep: Representation, *, how: str = "mean") -> None:
        super().__init__()
        _check_how(how)
        check_representation("rep", rep)
        space_dim(rep.group, "rep")
        if how == "max":
            check_permutation(rep, "a maximum")
        self.rep_in = self.rep_out = rep
        self.how = how

    @property
    def channels_out(self) -> Channels:
        """Vectors."""
        return "last"

    def forward(self, x: Float[Tensor, "batch n *space"]) -> Float[Tensor, "batch n"]:
        """Pool.

        Raises:
            ShapeError: If the channels do not fit.
        """
        self.check_input(x)
        flat = x.flatten(2)
        return flat.mean(-1) if self.how == "mean" else flat.amax(-1)


class Upsample(EquivariantModule):
    """Every point becomes a block of equal points (nearest neighbour), which commutes with reversals and exchanges.

    Args:
        rep: Representation on the channels.
        factor: Points of a block along every axis.

    Raises:
        ArgumentError: If the factor is below 1, or the group moves no grid.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Space
        >>> from haar.groups import dihedral
        >>> Upsample(Space(dihedral(4)), 2)(torch.randn(1, 2, 8, 8)).shape
        torch.Size([1, 2, 16, 16])
    """

    channels: Channels = "first"

    def __init__(self, rep: Representation, factor: int) -> None:
        super().__init__()
        check_representation("rep", rep)
        self.dim = space_dim(rep.group, "rep")
        check_count("factor", factor)
        self.rep_in = self.rep_out = rep
        self.factor = factor

    def forward(self, x: Float[Tensor, "batch n *space"]) -> Float[Tensor, "batch n *out_space"]:
        """Repeat every point.

        Raises:
            ShapeError: If the channels do not fit.
        """
        self.check_input(x)
        for axis in range(2, 2 + self.dim):
            x = x.repeat_interleave(self.factor, axis)
        return x


def _check_how(how: str) -> None:
    if how not in ("mean", "max"):
        raise ArgumentError("how", expected="'mean' or 'max'", got=repr(how))
