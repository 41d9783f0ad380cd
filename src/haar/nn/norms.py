"""Normalisation of activations: statistics and parameters shared along parts, only invariant components centred."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.errors import ArgumentError, check_count
from haar.intertwiners import invariants
from haar.nn.module import EquivariantModule, check_channels
from haar.nn.parts import part_count, part_runs
from haar.nn.precision import check_number, widened

#: Squared lengths of invariant directions below this are rounding: the smallest that occurs is 1.
_NO_DIRECTION = 1e-12


class Normalisation(EquivariantModule):
    """What the norms share: parts, the invariant direction of every part, and parameters, one a part.

    The invariant direction of a part is the projection of (1, ..., 1) onto its invariants: all ones where channels are
    permuted, nothing where the part has no invariants. Means are taken along it.

    Args:
        rep: Any representation; its parts are those of the direct sum.
        affine: Whether to learn a factor for every part, and a shift along every invariant direction.
        eps: Added to the variance.
        channels: ``"last"`` or ``"first"``.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If an option is impossible.
    """

    centred = True

    def __init__(
        self,
        rep: Representation,
        *,
        affine: bool = True,
        eps: float = 1e-5,
        channels: str = "last",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.eps = check_channels(channels), check_number("eps", eps)
        self.runs = part_runs(rep)
        self.rep_in = self.rep_out = rep
        self.parts = part_count(rep)
        self.weight = nn.Parameter(torch.ones(self.parts, dtype=dtype)) if affine else None
        shifted = affine and self.centred
        self.bias = nn.Parameter(torch.zeros(self.parts, dtype=dtype)) if shifted else None
        kept = torch.get_default_dtype() if dtype is None else dtype
        directions = {id(run.rep): invariant_direction(run.rep) for run in self.runs}
        self.register_constant(
            "direction", torch.cat([directions[id(run.rep)].repeat(run.copies) for run in self.runs]), kept
        )
        self.direction: Tensor
        numbers = [torch.arange(run.first, run.first + run.copies).repeat_interleave(run.rep.dim) for run in self.runs]
        self.register_constant("part_of", torch.cat(numbers), torch.int64)
        self.part_of: Tensor
        self._length = [float(directions[id(run.rep)].square().sum()) for run in self.runs]

    def reset_parameters(self) -> None:
        """Factors 1, shifts 0."""
        with torch.no_grad():
            if self.weight is not None:
                self.weight.fill_(1)
            if self.bias is not None:
                self.bias.zero_()

    def extra_repr(self) -> str:
        """Representation, and whether there are parameters."""
        return f"{super().extra_repr()}, affine={self.weight is not None}, eps={self.eps}"

    def _affine(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Factors and shifts, one a part; the result in the precision of what was normalised and of the factors."""
        if self.weight is None:
            return x.to(dtype)
        dtype = torch.promote_types(dtype, self.weight.dtype)
        x = x * self._on_channels(self.weight[self.part_of], x)
        if self.bias is not None:
            x = x + self._on_channels(self.bias[self.part_of] * self.constant_as("direction", x.dtype), x)
        return x.to(dtype)

    def _scale(self, var: Tensor) -> Tensor:
        """What divides by the root of a variance, also where that is 0 and so is `eps` in its precision."""
        return (var + max(self.eps, torch.finfo(var.dtype).tiny)).rsqrt()

    def _on_channels(self, values: Float[Tensor, " n"], x: Tensor) -> Tensor:
        return values if self.channels == "last" else values.reshape(-1, *[1] * (x.ndim - 2))


class LayerNorm(Normalisation):
    """Zero mean along the invariant direction, unit variance over all channels, of every vector or point by itself.

    On permutation representations it is `torch.nn.LayerNorm` with parameters shared along parts; vectors are not
    centred, only scaled.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> y = LayerNorm(4 * Regular(dihedral(4)))(torch.randn(2, 32) + 3)
        >>> bool(y.mean(-1).abs().max() < 1e-6)
        True
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Normalise.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        axis, wide = self._axis, widened(x)
        direction = self._on_channels(self.constant_as("direction", wide.dtype), wide)
        total = sum(length * run.copies for length, run in zip(self._length, self.runs, strict=True))
        if total > 0:
            wide = wide - direction * ((wide * direction).sum(axis, keepdim=True) / total)
        wide = wide * self._scale(wide.square().mean(axis, keepdim=True))
        return self._affine(wide, x.dtype)


class RMSNorm(Normalisation):
    """Unit mean square over all channels of every vector or point by itself; nothing is centred.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> y = RMSNorm(4 * Defining(SO(3)))(5 * torch.randn(2, 12))
        >>> bool((y.square().mean(-1) - 1).abs().max() < 1e-4)
        True
    """

    centred = False

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Normalise.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        wide = widened(x)
        return self._affine(wide * self._scale(wide.square().mean(self._axis, keepdim=True)), x.dtype)


class GroupNorm(Normalisation):
    """Zero mean and unit variance over groups of equal parts (and over space, for fields), of every sample by itself.

    Args:
        groups: Into how many groups the copies of every part are split.
        rep: Representation on the channels.
        affine: Whether to learn factors and shifts.
        eps: Added to the variance.
        channels: ``"last"`` or ``"first"``.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If the copies of some part do not split into so many groups.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> GroupNorm(2, 4 * Regular(dihedral(4)), channels="first")(torch.randn(2, 32, 8, 8)).shape
        torch.Size([2, 32, 8, 8])
    """

    def __init__(
        self,
        groups: int,
        rep: Representation,
        *,
        affine: bool = True,
        eps: float = 1e-5,
        channels: str = "last",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, affine=affine, eps=eps, channels=channels, dtype=dtype)
        check_count("groups", groups)
        for run in self.runs:
            if run.copies % groups:
                raise ArgumentError(
                    "groups",
                    expected=f"a divisor of the {run.copies} copies of {run.rep.name}",
                    got=groups,
                    way_out="use 1 or another number of copies",
                )
        self.groups = groups

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Normalise.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        axis, wide = self._axis % x.ndim, widened(x)
        direction = self.constant_as("direction", wide.dtype)
        pieces = []
        for run, length in zip(self.runs, self._length, strict=True):
            split = (self.groups, run.copies // self.groups, run.rep.dim)
            v = run.of(wide, axis).unflatten(axis, split[:2])
            over = tuple(range(axis + 1, v.ndim))  # parts of the group, components, and space for fields
            if length > 0:
                u = _shaped(direction[run.start : run.start + run.rep.dim], v, axis + 2)
                mean = (v * u).sum(axis + 2, keepdim=True).mean(over, keepdim=True)
                v = v - u * (mean / length)
            v = v * self._scale(v.square().mean(over, keepdim=True))
            pieces.append(v.flatten(axis, axis + 2))
        return self._affine(torch.cat(pieces, axis), x.dtype)


def invariant_direction(rep: Representation) -> Float[Tensor, " n"]:
    """The projection of (1, ..., 1) onto the invariants of a representation; zero if it has none.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import dihedral, symmetric
        >>> [round(v, 6) for v in invariant_direction(Defining(symmetric(3))).tolist()]
        [1.0, 1.0, 1.0]
        >>> invariant_direction(Defining(dihedral(4))).tolist()
        [0.0, 0.0]
    """
    basis = invariants(rep)
    direction = basis @ basis.sum(0)
    return direction if float(direction.square().sum()) > _NO_DIRECTION else torch.zeros_like(direction)


def _shaped(values: Tensor, x: Tensor, axis: int) -> Tensor:
    shape: Sequence[int] = [len(values) if k == axis else 1 for k in range(x.ndim)]
    return values.reshape(shape)
