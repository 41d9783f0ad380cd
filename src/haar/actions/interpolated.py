"""Rotations of fields by any angle, by interpolation: approximate, and said to be so."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from haar.actions.action import Move
from haar.actions.cubic_convolution import cubic_convolution
from haar.actions.gradient import gradient
from haar.actions.on_grid import OnGrid
from haar.actions.representation import Representation
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError
from haar.groups import LieGroup, Subgroup

_MODES = ("linear", "cubic", "nearest")
_PADDINGS = ("border", "zeros", "reflection")
_GRADIENTS = ("difference", "spectral")


class InterpolatedField(OnGrid):
    """A field on a grid under rotations by any angle about its middle: (g x)(p) = R(g) x(g^-1 p), interpolated.

    Elements act only up to the interpolation error, which for smooth fields falls with the square of the spacing
    (linear) or its cube (cubic), except near the edge, where values come from outside the grid: `round_trip_error`
    measures it. Quarter turns and mirrors of a square grid are exact to rounding. The tangent is given by the formula
    R'(X) x - (X p) . grad x, so that Lie derivatives need no derivative of the interpolation.

    Args:
        rep: Representation on the channels, such as ``Defining(SO(2))`` for vectors.
        mode: ``"linear"``, ``"cubic"`` (slower, more accurate) or ``"nearest"`` (masks, labels).
        padding: What stands outside the grid: ``"border"`` (the nearest value), ``"zeros"`` or ``"reflection"``.
        channels: ``"first"``, ``"last"`` or None, as for `Field`.
        spacing: Distance of neighbours along every axis; equal if not given.
        gradient: How `tangent` differentiates: by ``"difference"`` (fourth order) or ``"spectral"`` (fields that
            vanish towards the edges, or are periodic).
        dim: Number of space axes, 2 or 3; by default that of the group's matrices.

    Attributes:
        layout: The fields behind the channels, where they are known (`Symmetry.of_fields`).

    Raises:
        ArgumentError: If the group has no matrices of 2 or 3 dimensions, or an option is unknown.

    Example:
        >>> import torch
        >>> from haar.actions import Defining
        >>> from haar.groups import SO
        >>> velocity = InterpolatedField(Defining(SO(2)))
        >>> eighth = SO(2).exp(torch.tensor([torch.pi / 4]))
        >>> velocity.act(eighth, torch.ones(1, 2, 9, 9)).mean((0, 2, 3)).square().round().tolist()
        [0.0, 2.0]
    """

    approximate = True

    def __init__(
        self,
        rep: Representation,
        *,
        mode: str = "linear",
        padding: str = "border",
        channels: str | None = "first",
        spacing: Sequence[float] | None = None,
        gradient: str = "difference",
        dim: int | None = None,
    ) -> None:
        check_representation("rep", rep)
        size = rep.group.defining_dim
        if size not in (2, 3) or dim not in (None, size):
            raise ArgumentError(
                "rep",
                expected=f"a group with matrices of the space's {dim or '2 or 3'} dimensions",
                got=f"{rep.group.name} with {size}",
                way_out="use Field for groups that move grids",
            )
        for name, value, known in (("mode", mode, _MODES), ("padding", padding, _PADDINGS)):
            if value not in known:
                raise ArgumentError(name, expected=f"one of {', '.join(known)}", got=repr(value))
        if gradient not in _GRADIENTS:
            raise ArgumentError("gradient", expected=f"one of {', '.join(_GRADIENTS)}", got=repr(gradient))
        super().__init__(rep, int(size), channels)
        self.mode, self.padding, self.gradient = mode, padding, gradient
        self.spacing = (1.0,) * self.dim if spacing is None else tuple(float(h) for h in spacing)
        if len(self.spacing) != self.dim or min(self.spacing) <= 0:
            raise ArgumentError("spacing", expected=f"{self.dim} positive distances", got=self.spacing)

    def check(self, x: Tensor, argument: str = "x") -> None:
        """Axes and channels must be there; integers and booleans need ``mode="nearest"``, and no matrix on them."""
        self.axes.check(x, argument, self.rep.dim, self._channel_names)
        if not (x.is_floating_point() or x.is_complex()) and self.mode != "nearest":
            raise ArgumentError(
                argument,
                expected="a floating dtype to interpolate",
                got=str(x.dtype).removeprefix("torch."),
                way_out='use mode="nearest" for masks and labels; convert numbers first, as by x.double()',
            )
        self.rep.check_dtype(x, argument)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Sample at g^-1 p, then turn the channels."""
        self.check(x)
        many = self.is_batch(g, x)
        if many:
            self.axes.check_batch(x)
        return self._moved(g, many=many).to(x.device).forward(x)

    def move(self, g: Tensor) -> Move:
        """One sampling grid, made when the tensor comes, and one matrix on the channels."""
        return self._moved(self.one(g), many=False)

    def tangent(self, direction: Float[Tensor, " k"], x: Tensor) -> Tensor:
        """R'(X) x - (X p) . grad x, with p from the middle of the grid."""
        if not isinstance(self.group, LieGroup):
            return super().tangent(direction, x)
        self.check(x)
        fields = self.axes.channels_first(x)
        weights = direction.to(torch.float64)
        turn = torch.einsum("a,aij->ij", weights, self.group.algebra).tolist()
        inner = torch.einsum("a,aij->ij", weights, self.rep.algebra()).to(x)
        change = (fields.movedim(-1 - self.dim, -1) @ inner.T).movedim(-1, -1 - self.dim)
        places = self._places(fields.shape[-self.dim :], x)
        for axis, h in enumerate(self.spacing):
            speed = torch.zeros((), dtype=x.dtype, device=x.device)
            for other, place in enumerate(places):
                speed = speed + turn[axis][other] * place
            slope = gradient(fields, axis - self.dim, spectral=self.gradient == "spectral") / h
            change = change - speed * slope
        return self.axes.restored(change)

    def restrict(self, subgroup: Subgroup) -> InterpolatedField:
        """The same for the elements of a subgroup."""
        restricted = InterpolatedField(
            self.rep.restrict(subgroup),
            mode=self.mode,
            padding=self.padding,
            channels=self.channels,
            spacing=self.spacing,
            gradient=self.gradient,
        )
        restricted.layout = self.layout
        return restricted

    def inside(self, shape: Sequence[int]) -> Bool[Tensor, "*space"]:
        """Points of the largest ball that the grid holds: all rotations map it to itself.

        Args:
            shape: Lengths of the space axes.
        """
        places = self._places(shape, torch.zeros((), dtype=torch.float64))
        radius = min((n - 1) / 2 * h for n, h in zip(shape, self.spacing, strict=True))
        square = torch.zeros((), dtype=torch.float64)
        for place in places:
            square = square + place**2
        return square <= radius**2 * (1 + 1e-12)

    def round_trip_error(self, g: Tensor, x: Tensor) -> float:
        """How far g^-1 (g x) is from x inside the largest ball, relative in the root mean square.

        Args:
            g: The group element that moves there and back.
            x: A field on this grid, ``(batch, channels, *space)``.

        Example:
            >>> import torch
            >>> from haar.actions import Trivial
            >>> from haar.groups import SO
            >>> blurred = InterpolatedField(Trivial(SO(2)))
            >>> noise = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
            >>> blurred.round_trip_error(SO(2).exp(torch.tensor([0.5])), noise) > 0.1  # noise does not survive
            True
        """
        back = self.act(self.group.inverse(self.one(g)), self.act(g, x))
        inside = self.inside(self.axes.check(x, "x", self.rep.dim, self._channel_names))
        kept, first = (self.axes.channels_first(y)[..., inside.to(x.device)] for y in (back, x))
        return float((kept - first).norm() / first.norm().clamp(min=torch.finfo(first.dtype).tiny))

    def _moved(self, g: Tensor, *, many: bool) -> _Rotation:
        g = g.cpu() if many else g.cpu().unsqueeze(0)
        inverse = self.group.defining_matrix(self.group.inverse(g))
        return _Rotation(self, inverse, self.rep.matrix(g), many=many)

    def _places(self, shape: Sequence[int], like: Tensor) -> list[Tensor]:
        """Coordinates from the middle of the grid, one broadcastable tensor for each axis."""
        places = []
        for axis, (n, h) in enumerate(zip(shape, self.spacing, strict=True)):
            line = ((torch.arange(n, dtype=torch.float64, device=like.device) - (n - 1) / 2) * h).to(like.dtype)
            places.append(line.reshape(-1, *([1] * (self.dim - 1 - axis))))
        return places


class _Rotation(Move):
    """One element, or one for each sample, on one field layout."""

    inverse: Tensor
    matrix: Tensor | None

    def __init__(self, field: InterpolatedField, inverse: Tensor, matrix: Tensor, *, many: bool) -> None:
        super().__init__()
        self.axes, self.mode, self.padding, self.many = field.axes, field.mode, field.padding, many
        still = bool((matrix == torch.eye(field.rep.dim, dtype=torch.float64)).all())
        spacing = torch.tensor(field.spacing, dtype=torch.float64)
        self.hold(inverse=inverse * spacing / spacing[:, None], matrix=None if still else matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Sample, then turn the channels."""
        dtype = x.dtype
        if dtype.is_complex:
            return torch.complex(self.forward(x.real), self.forward(x.imag))
        if dtype == torch.int64:  # more digits than float64 has: the upper and the lower half by themselves
            upper, lower = (self.forward(half.to(torch.float64)) for half in (x >> 32, x & 0xFFFFFFFF))
            return (upper.to(torch.int64) << 32) + lower.to(torch.int64)
        if dtype not in (torch.float32, torch.float64):
            # Places on the grid need more digits than half precision has; label numbers need all of theirs.
            x = x.to(torch.float32 if dtype.itemsize <= 2 else torch.float64)
        fields = self.axes.channels_first(x)
        dim = self.axes.dim
        count = len(self.inverse)
        # All other axes ride along as channels of the sampler.
        flat = fields.reshape(count, -1, *fields.shape[-dim:])
        places = self._places(flat)
        if self.mode == "cubic":
            lengths = torch.tensor(flat.shape[2:], dtype=places.dtype, device=places.device)
            sampled = cubic_convolution(flat, ((places.flip(-1) + 1) * lengths - 1) / 2, self.padding)
        else:
            mode = "bilinear" if self.mode == "linear" else "nearest"
            sampled = functional.grid_sample(
                flat, places.to(flat.dtype), mode=mode, padding_mode=self.padding, align_corners=False
            )
        sampled = sampled.reshape(fields.shape)
        if self.matrix is not None:
            turned = self.matrix.to(x.dtype)
            turned = (
                turned.reshape(count, *([1] * (fields.ndim - dim - 2)), *turned.shape[1:]) if self.many else turned[0]
            )
            sampled = (turned @ sampled.flatten(-dim)).reshape(fields.shape)
        if not dtype.is_floating_point:
            sampled = sampled.round()
        return self.axes.restored(sampled).to(dtype)

    def _places(self, flat: Tensor) -> Tensor:
        """Where to read: the sampler counts from -1 to 1 between the outer edges, its axes in reverse order."""
        lengths = torch.tensor(flat.shape[2:], dtype=torch.float64, device=flat.device)
        linear = (self.inverse.to(torch.float64) * lengths / lengths[:, None]).flip(-1, -2)
        affine = torch.cat([linear, torch.zeros_like(linear[..., :1])], -1)
        return functional.affine_grid(affine, list(flat.shape), align_corners=False)
