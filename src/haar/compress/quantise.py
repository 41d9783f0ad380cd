"""Perturbations by fewer bits: weights rounded to nearest, and the inputs of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError, check_count

if TYPE_CHECKING:
    from haar.compress.bench import Bench
    from haar.compress.layers import Layer

_PER = ("row", "tensor")


def rounded(rows: Float[Tensor, "*rows n"], bits: int, *, asymmetric: bool = False) -> Float[Tensor, "*rows n"]:
    """Numbers that share a scale along the last axis, rounded to one of at most 2^bits values.

    Symmetric: steps of max|w| / (2^(bits - 1) - 1). Asymmetric: 2^bits - 1 steps from the least to the greatest number,
    zero among the values.

    Args:
        rows: Numbers.
        bits: At least 2 if symmetric.
        asymmetric: Whether there is a zero point.

    Example:
        >>> rounded(torch.tensor([[1.0, -0.4, 0.1]]), 2)
        tensor([[1., -0., 0.]])
    """
    if asymmetric:
        most = 2**bits - 1
        low, high = rows.amin(-1, keepdim=True).clamp_max(0), rows.amax(-1, keepdim=True).clamp_min(0)
        step = (high - low) / most
        step = torch.where(step == 0, torch.ones_like(step), step)
        zero = (-low / step).round()
        return ((rows / step).round() + zero).clamp(0, most).sub(zero) * step
    most = 2 ** (bits - 1) - 1
    step = rows.abs().amax(-1, keepdim=True) / most
    step = torch.where(step == 0, torch.ones_like(step), step)
    return (rows / step).round().clamp(-most, most) * step


@dataclass(frozen=True)
class Quantise(Perturbation):
    """Weights rounded to nearest; the level is the number of bits.

    Args:
        per: What shares a scale: ``"row"`` (one output's weights), ``"tensor"``, or a number of consecutive inputs.
        asymmetric: Whether each has a zero point.

    Raises:
        ArgumentError: If `per` is neither.

    Example:
        >>> Quantise(16).name
        'quantise (16 inputs)'
    """

    per: str | int = "row"
    asymmetric: bool = False
    measure: ClassVar[str] = "bits"
    levels: tuple[float | int, ...] = (8, 6, 5, 4, 3, 2)
    within: ClassVar[tuple[float, float]] = (2, 32)
    rising: ClassVar[bool] = False
    identity: ClassVar[None] = None
    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.per, str) and self.per not in _PER:
            raise ArgumentError("per", expected="'row', 'tensor' or a number of inputs", got=repr(self.per))
        if not isinstance(self.per, str):
            check_count("per", self.per, least=2)

    @property
    def name(self) -> str:  # type: ignore[override]
        """With what shares a scale, unless that is the row."""
        told = {"row": "", "tensor": "tensor"}.get(str(self.per), f"{self.per} inputs")
        more = [part for part in (told, "asymmetric" if self.asymmetric else "") if part]
        return "quantise" + (f" ({', '.join(more)})" if more else "")

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Round every layer."""
        del seed
        for layer in bench.layers:
            layer.write(self.rounded(layer, layer.matrices(), int(level)))

    def rounded(self, layer: Layer, weight: Float[Tensor, "*rows into"], bits: int) -> Float[Tensor, "*rows into"]:
        """A layer's weights, rounded.

        Raises:
            ArgumentError: If the number of inputs that share a scale does not divide those of the layer.
        """
        if self.per == "tensor":
            return rounded(weight.reshape(1, -1), bits, asymmetric=self.asymmetric).reshape(weight.shape)
        if isinstance(self.per, str):
            return rounded(weight, bits, asymmetric=self.asymmetric)
        if weight.shape[-1] % self.per:
            raise ArgumentError(
                "per",
                expected=f"a divisor of the {weight.shape[-1]} inputs of {layer.name}",
                got=self.per,
                way_out="or leave the layer out: layers= takes patterns of names",
            )
        return rounded(weight.unflatten(-1, (-1, self.per)), bits, asymmetric=self.asymmetric).flatten(-2)


@dataclass(frozen=True)
class Activations(Perturbation):
    """What layers are given, rounded: every token (the last axis; of convolutions all channels of a sample) by itself.

    Example:
        >>> Activations().measure
        'bits'
    """

    name: ClassVar[str] = "activations"  # type: ignore[misc]
    measure: ClassVar[str] = "bits"
    levels: tuple[float | int, ...] = (8, 6, 5, 4, 3, 2)
    within: ClassVar[tuple[float, float]] = (2, 32)
    rising: ClassVar[bool] = False
    identity: ClassVar[None] = None
    whole: ClassVar[bool] = True

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Round what layers are given, until the bench is restored."""
        del seed
        for layer in bench.layers:
            if layer.form == "coordinates":
                raise ArgumentError(
                    "perturbations",
                    expected="linear or convolutional layers for 'activations'",
                    got=f"{layer.name}, an equivariant layer in coordinates",
                    way_out="leave it out: layers= takes patterns of names",
                )
            bench.undo(layer.module.register_forward_pre_hook(_rounding(int(level), layer.form)).remove)


def _rounding(bits: int, form: str) -> Any:
    def hook(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        del module
        return tuple(_token(x, bits, form) if isinstance(x, Tensor) and x.is_floating_point() else x for x in args)

    return hook


def _token(x: Tensor, bits: int, form: str) -> Tensor:
    if "convolution" in form:
        return rounded(x.flatten(1), bits).reshape(x.shape)
    return rounded(x, bits)
