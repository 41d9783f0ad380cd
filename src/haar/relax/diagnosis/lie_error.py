"""The Lie-derivative error (LEE) of a wrapped model, and the part of it that every layer brings in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.autograd.forward_ad as forward_mode
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from haar.actions import Symmetry
from haar.constants import TINY
from haar.errors import ArgumentError, known_keywords
from haar.groups import LieGroup
from haar.probing import undisturbed
from haar.relax.baselines.scheduled import commutators
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.relax.wrapping.precision import doubled


@dataclass(frozen=True)
class LieError:
    """LEE of one generator X: the mean over samples of |L_X f|^2 / d_out, with L_X f = Df[X x] - X f.

    Attributes:
        generator: Number of X in the algebra's basis.
        error: The mean square of L_X f over samples and output entries.
        relative: Its root over the root mean square of the outputs.
        layers: The mean product of every layer's term with the whole, over the whole: shares that add up to 1 with
            `rest`. A negative one cancels others.
        rest: What is between the wrapped layers (an activation that does not commute with its representation).
    """

    generator: int
    error: float
    relative: float
    layers: dict[str, float]
    rest: float

    def __str__(self) -> str:
        """In a line."""
        shares = ", ".join(f"{name or 'the layer'} {share:.1%}" for name, share in self.layers.items())
        return (
            f"generator {self.generator}: mean square of the Lie derivative {self.error:.4g}, {self.relative:.3g} "
            f"relative; {shares}, between the layers {self.rest:.1%}"
        )


@known_keywords
def lie_errors(model: Any, inputs: Any, *, symmetry: Symmetry | None = None) -> list[LieError]:
    """LEE along every generator, split over layers by the chain rule, by forward-mode differentiation.

    Layer i contributes D f_(>i) [(W_i X_in - X_out W_i) z - X_out b_i], its own failure to commute pushed through what
    follows; the terms add up to L_X f where everything between the layers is equivariant.

    Args:
        model: A wrapped model of dense layers; it is run in eval mode and left as it was.
        inputs: A tensor, or a tuple of the model's arguments (tensors, or containers of them), real or complex.
        symmetry: By default the model's own.

    Raises:
        ArgumentError: If the group is finite, a wrapped layer is not dense, or the model has several outputs.

    Source: Gruver et al., arXiv 2210.02984 (LEE and its layerwise split).
    """
    symmetry = model.symmetry if symmetry is None else symmetry
    group = symmetry.group
    if not isinstance(group, LieGroup):
        raise ArgumentError(
            "symmetry", expected="a Lie group", got=group.name, way_out="use score_test or loss_share for a finite one"
        )
    layers: dict[str, HomotopyLayer] = dict(getattr(model, "layers", {}))
    for name, layer in layers.items():
        if not isinstance(layer, nn.Linear):
            raise ArgumentError("model", expected="dense layers", got=f"{type(layer).__name__} {name!r}")
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    with _quiet(), torch.no_grad(), undisturbed(model):
        return [_of_generator(model, symmetry, layers, arguments, k) for k in range(len(group.algebra))]


def _of_generator(
    model: Any, symmetry: Symmetry, layers: dict[str, HomotopyLayer], arguments: tuple[Any, ...], k: int
) -> LieError:
    group = symmetry.group
    direction = torch.zeros(len(group.algebra), dtype=torch.float64)  # type: ignore[attr-defined]
    direction[k] = 1
    tangents = symmetry.map_inputs(lambda action, x: action.tangent(direction, x), arguments)
    y, pushed = _push(model, arguments, tangents)
    whole = pushed - symmetry.map_outputs(lambda action, value: action.tangent(direction, value), y)
    size = _mean_product(whole, whole)
    shares, total = {}, torch.zeros_like(whole)
    for name, layer in layers.items():
        with _injected(layer, k):
            _, part = _push(model, arguments, None)
        total = total + part
        shares[name] = float(_mean_product(part, whole) / size.clamp(min=TINY))
    rest = float(_mean_product(whole - total, whole) / size.clamp(min=TINY))
    magnitude = _mean_product(y, y).clamp(min=TINY)
    return LieError(k, float(size), float((size / magnitude).sqrt()), shares, rest)


def _mean_product(a: Tensor, b: Tensor) -> Tensor:
    """The mean of a times b over entries, in double precision; of complex numbers both parts count."""
    return (doubled(a).conj() * doubled(b)).real.mean()


def _push(model: Any, arguments: tuple[Any, ...], tangents: Any) -> tuple[Tensor, Tensor]:
    """Outputs and their tangents."""
    with forward_mode.dual_level():
        if tangents is not None:
            flat, spec = pytree.tree_flatten(arguments)
            turned = [_dual(x, t) for x, t in zip(flat, pytree.tree_leaves(tangents), strict=True)]
            arguments = pytree.tree_unflatten(turned, spec)
        out = model(*arguments)
        if not isinstance(out, Tensor):
            raise ArgumentError(
                "model",
                expected="one tensor as its output",
                got=type(out).__name__,
                way_out="use haar.audit for several: it tells the Lie derivative of each",
            )
        y, pushed = forward_mode.unpack_dual(out)
        return y, torch.zeros_like(y) if pushed is None else pushed


def _dual(x: Any, tangent: Any) -> Any:
    """An input with its tangent; whole numbers have none."""
    moves = isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex())
    return forward_mode.make_dual(x, tangent.to(x)) if moves else x


@contextmanager
def _injected(layer: HomotopyLayer, k: int) -> Iterator[None]:
    """Inside, the layer adds its own failure to commute with generator k as a tangent of its output."""
    commutator = commutators(layer, layer.effective_weight())[k]
    bias = layer._effective("bias") if layer.bias is not None else None  # noqa: SLF001 (a room of the same house)
    turned = None if bias is None else layer.out_representation.algebra()[k].to(bias) @ bias

    def add(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        z = forward_mode.unpack_dual(inputs[0]).primal
        # commutators gives X_out W - W X_in
        own = -nn.functional.linear(z, commutator)
        primal, before = forward_mode.unpack_dual(output)
        added = own if turned is None else own - turned
        dual: Tensor = forward_mode.make_dual(primal, added if before is None else added + before)
        return dual

    handle = layer.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # torch compiles its forward-mode rules with torch.jit.script on first use, and warns of itself.
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=DeprecationWarning)
        yield
