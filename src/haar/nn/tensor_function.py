"""Isotropic tensor functions: a function of a symmetric tensor's eigenvalues, with exact derivatives everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import DirectSum, Mandel, Representation
from haar.errors import ArgumentError
from haar.nn.module import EquivariantModule, check_channels
from haar.nn.parts import part_count
from haar.nn.principal_values import principal_values

Function = Callable[[Tensor], Tensor]
#: Slope of the leaky ReLU below 0.
_SLOPE = 0.01
#: Eigenvalues nearer than this, over one and the largest, are taken for equal: quotients of differences would lose
#: more digits to rounding than the derivative at their middle does to its error, both near 1e-10.
_NEAR = 1e-5


def _tanh_slope(x: Tensor) -> Tensor:
    return 1 - torch.tanh(x).square()


def _silu_slope(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


#: Functions by name, with their derivatives.
FUNCTIONS: Mapping[str, tuple[Function, Function]] = {
    "identity": (lambda x: x, torch.ones_like),
    "leaky_relu": (
        lambda x: nn.functional.leaky_relu(x, _SLOPE),
        lambda x: x.sign().clamp(min=_SLOPE),
    ),
    "sigmoid": (torch.sigmoid, lambda x: torch.sigmoid(x) * (1 - torch.sigmoid(x))),
    "silu": (nn.functional.silu, _silu_slope),
    "softplus": (nn.functional.softplus, torch.sigmoid),
    "square": (torch.square, lambda x: 2 * x),
    "tanh": (torch.tanh, _tanh_slope),
}


class TensorFunction(EquivariantModule):
    """Every tensor A = U diag(l) U^T becomes U diag(phi(l)) U^T: equivariant under all rotations.

    Its derivative is the formula of Daleckii and Krein, finite at equal eigenvalues, where differentiating an
    eigendecomposition gives NaN: zero and hydrostatic strain are the first states that a finite-element code asks for.
    In the plane a closed form takes the place of the decomposition. It can be differentiated once in space, any number
    of times in the plane (away from equal eigenvalues).

    Args:
        rep: Copies of `Mandel`: tensors of the plane or of space.
        function: phi, one of identity, leaky_relu, sigmoid, silu, softplus, square and tanh.
        channels: ``"last"``, the only place of tensors.

    Raises:
        ArgumentError: If a part of `rep` is no symmetric tensor, or the function is unknown.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> layer = TensorFunction(2 * Mandel(Defining(SO(3))))
        >>> layer(torch.zeros(5, 12)).shape
        torch.Size([5, 12])

    Source: Daleckii and Krein, 1965; Garanger, Kraus and Rimoli, arXiv 2312.13511, section 3.
    """

    def __init__(self, rep: Representation, function: str = "tanh", *, channels: str = "last") -> None:
        super().__init__()
        self.channels = check_channels(channels)
        parts = rep.parts if isinstance(rep, DirectSum) else [rep]
        if self.channels != "last" or not all(isinstance(part, Mandel) for part in parts):
            raise ArgumentError("rep", expected="copies of Mandel, on the last axis", got=rep.name)
        if function not in FUNCTIONS:
            raise ArgumentError("function", expected=f"one of {', '.join(FUNCTIONS)}", got=repr(function))
        self.rep_in = self.rep_out = rep
        self.function, self.copies = function, part_count(rep)

    def forward(self, x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Apply the function to every tensor.

        Raises:
            ShapeError: If the last axis does not fit.
        """
        self.check_input(x)
        tensors = x.unflatten(-1, (self.copies, -1))
        return tensor_function(tensors, self.function).flatten(-2)

    def extra_repr(self) -> str:
        """Representation, group and function."""
        return f"{super().extra_repr()}, {self.function}"


def tensor_function(x: Float[Tensor, "*batch n"], function: str) -> Float[Tensor, "*batch n"]:
    """A function of the eigenvalues of symmetric tensors in Mandel's coordinates.

    Args:
        x: Tensors of the plane (3 numbers) or of space (6).
        function: A name in `FUNCTIONS`.

    Example:
        >>> from haar.actions.representation import from_mandel, to_mandel
        >>> A = torch.tensor([[1.0, 2.0], [2.0, 0.0]], dtype=torch.float64)
        >>> bool(torch.allclose(from_mandel(tensor_function(to_mandel(A), "square")), A @ A))
        True
    """
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    made = _of_plane(wide, function) if x.shape[-1] == 3 else _OfSpace.apply(wide, function)[0]
    return made.to(x.dtype)


def nearness(x: Tensor) -> float:
    """How near values of this precision must be, over one and the largest, to count as equal."""
    return _NEAR if x.dtype == torch.float64 else math.sqrt(_NEAR)


def _of_plane(x: Tensor, function: str) -> Tensor:
    """(phi(m + r) + phi(m - r)) / 2 for the mean, and a quotient of differences for what is left."""
    phi, slope = FUNCTIONS[function]
    m, half = 0.5 * (x[..., 0] + x[..., 1]), 0.5 * (x[..., 0] - x[..., 1])
    square = half.square() + 0.5 * x[..., 2].square()
    apart = square > (nearness(x) * (1 + m.abs())).square()
    r = torch.where(apart, square, torch.ones_like(square)).sqrt()
    high, low = phi(m + r), phi(m - r)
    # to the second order in r, of which the square is known: exact first derivatives where r is 0
    middle = torch.where(apart, 0.5 * (high + low), phi(m))
    quotient = torch.where(apart, 0.5 * (high - low) / r, slope(m))
    return torch.stack([middle + quotient * half, middle - quotient * half, quotient * x[..., 2]], -1)


class _OfSpace(torch.autograd.Function):
    """Value, axes and the quotients of differences, as derivatives of every kind need them; tensors' numbers first."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, function: str) -> tuple[Tensor, Tensor, Tensor]:
        """By principal values in closed form."""
        values, axes = principal_values(x.movedim(-1, 0).contiguous())
        phi, slope = FUNCTIONS[function]
        applied = phi(values)
        return _joined(axes * applied, axes), axes, _quotients(values, applied, slope)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Axes and quotients are kept; the tensor too, on which the derivative depends."""
        _, axes, quotients = output
        ctx.mark_non_differentiable(axes, quotients)
        ctx.save_for_backward(inputs[0], axes, quotients)
        ctx.save_for_forward(axes, quotients)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor, None]:  # type: ignore[override]
        """The formula of Daleckii and Krein, which is its own transpose."""
        x, axes, quotients = ctx.saved_tensors
        return _Once.apply(grad, x, axes, quotients), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: Any) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """The same formula."""
        return _krein(tangent, *ctx.saved_tensors), None, None


class _Once(torch.autograd.Function):
    """The derivative's formula, linear in what it is given; its dependence on the tensor is refused, not forgotten."""

    generate_vmap_rule = True

    @staticmethod
    def forward(grad: Tensor, x: Tensor, vectors: Tensor, quotients: Tensor) -> Tensor:
        """As `_krein`."""
        del x
        return _krein(grad, vectors, quotients)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Nothing is kept."""
        del ctx, inputs, output

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        """Refused by name."""
        del ctx
        raise ArgumentError(
            "function",
            expected="one derivative of a tensor function in space",
            got="a second one",
            way_out="train stresses that are given in closed form (ConvexPotential, Hyperelastic), or in the plane",
        )


def _krein(direction: Tensor, axes: Tensor, quotients: Tensor) -> Tensor:
    """Along the axes, times the quotients, and back."""
    g = direction.movedim(-1, 0).contiguous()
    on, off = g[:3], g[3:] * math.sqrt(0.5)
    full = torch.stack([on[0], off[2], off[1], off[2], on[1], off[0], off[1], off[0], on[2]]).unflatten(0, (3, 3))
    inner = _product(axes.transpose(0, 1), _product(full, axes))
    return _joined(_product(axes, quotients * inner), axes)


def _product(A: Tensor, B: Tensor) -> Tensor:
    """Matrices on the first two axes, multiplied: elementwise sweeps, quickest for many small ones."""
    made = A[:, 0, None] * B[None, 0]
    for k in range(1, len(B)):
        made = torch.addcmul(made, A[:, k, None], B[None, k])
    return made


def _joined(A: Tensor, B: Tensor) -> Tensor:
    """Mandel's coordinates, last, of A B^T, which is symmetric."""
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    parts = [(A[i] * B[j]).sum(0) * (1.0 if i == j else math.sqrt(2)) for i, j in pairs]
    return torch.stack(parts, -1)


def _quotients(values: Tensor, applied: Tensor, slope: Function) -> Tensor:
    """(phi(l_i) - phi(l_j)) / (l_i - l_j); where they are near, the derivative at their middle."""
    gap = values[:, None] - values[None]
    near = gap.abs() < nearness(values) * (1 + values.abs().amax(0))
    middle = slope(0.5 * (values[:, None] + values[None]))
    quotient = (applied[:, None] - applied[None]) / torch.where(near, torch.ones_like(gap), gap)
    return torch.where(near, middle, quotient)
