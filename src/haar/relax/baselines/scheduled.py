"""Scheduled relaxation: a free side weight that is switched on and off again along a triangle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count, check_rate
from haar.groups import LieGroup
from haar.relax.rule import Rule
from haar.relax.weight_law import WeightLaw, install, layers_of, projected
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.seeding import Seed, generator_of

_START = 1e-4
#: More generators than this are not all used.
_MOST = 8


class Scheduled(Rule):
    """W = kappa P(W) + s(t) S with s from 0 up to 1 at half time and back to 0, and a price on what S breaks.

    The price is w (root of sum |(S A_in - A_out S) x|^2 + root of sum |S x|^2) with A the Lie algebra's generators and
    x the layer's inputs, held constant; for a finite group h S h^-1 - S for its generators h takes the place of the
    commutator. S starts at N(0, 1e-8), and has no bias.

    Args:
        model: A wrapped model of dense or convolutional layers.
        steps: Optimiser steps of the whole training.
        weight: Weight w of the price.
        scale_price: Whether the price is multiplied by s(t) (the authors' point clouds).
        seed: Seed of the side weights S.

    Raises:
        ArgumentError: If a number is not positive, the model has no wrapped layers, or a layer is neither dense nor
            convolutional.

    Source: Pertigkiozoglou et al., arXiv 2408.13242; constants of the authors' code.
    """

    name: ClassVar[str] = "scheduled"

    def __init__(
        self, model: Any, *, steps: int, weight: float | int = 0.01, scale_price: bool = False, seed: Seed = 0
    ) -> None:
        super().__init__(model)
        check_count("steps", steps)
        check_rate("weight", weight, zero=True)
        self.steps, self.weight, self.scale_price = steps, float(weight), scale_price
        generator = generator_of(seed)
        self.fix(0.0)
        self.laws = install(model, lambda layer: SideWeight(layer, generator))
        self._inputs: dict[str, Tensor] = {}
        for name, layer in layers_of(model).items():
            layer.register_forward_pre_hook(self._recorder(name))
        self._set()

    def mixing(self) -> float:
        """S at the present step."""
        t = min(self.taken / self.steps, 1.0)
        return 2 * t if t <= 0.5 else 2 - 2 * t

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss plus the price of the side weights on the inputs of the last forward pass."""
        price = self.mixing() if self.scale_price else 1.0
        if self.weight * price == 0:
            return loss
        layers = layers_of(self.model)
        parts = []
        for name, law in self.laws.items():
            x, layer = self._inputs[name], layers[name]
            S: Tensor = law.side  # type: ignore[assignment]
            broken = torch.stack([apply(layer, D, x).square().sum() for D in commutators(layer, S)]).sum()
            parts += [_root(broken), _root(apply(layer, S, x).square().sum())]
        return loss + self.weight * price * torch.stack(parts).sum()

    def step(self, scaler: Any = None) -> None:
        """Go on along the triangle."""
        super().step(scaler)
        self._set()

    def deployed(self) -> AbstractContextManager[Any]:
        """S = 0."""
        return self._without()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        super().load_state_dict(state)
        self._set()

    @contextmanager
    def _without(self) -> Iterator[Any]:
        try:
            self._set(0.0)
            yield self.model
        finally:
            self._set()

    def _set(self, mixing: float | None = None) -> None:
        for law in self.laws.values():
            law.mixing = self.mixing() if mixing is None else mixing  # type: ignore[assignment]

    def _recorder(self, name: str) -> Any:
        def record(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if module.training and torch.is_grad_enabled():
                self._inputs[name] = inputs[0].detach()

        return record


class SideWeight(WeightLaw):
    """kappa P(W) + s S; biases are projected."""

    mixing: float

    def __init__(self, layer: HomotopyLayer, generator: torch.Generator) -> None:
        super().__init__()
        if not isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            raise ArgumentError("model", expected="dense and convolutional layers", got=type(layer).__name__)
        drawn = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64)
        self.side = nn.Parameter((_START * drawn).to(layer.weight))
        self.mixing = 0.0

    def forward(self, layer: HomotopyLayer, name: str) -> Tensor:
        """The sum of both."""
        equivariant = projected(layer, name)
        return equivariant + self.mixing * self.side if name == "weight" else equivariant


def apply(layer: HomotopyLayer, weight: Tensor, x: Tensor) -> Tensor:
    """What the layer would do with this weight and no bias."""
    if isinstance(layer, nn.Linear):
        return nn.functional.linear(x, weight)
    out: Tensor = layer._conv_forward(x, weight, None)  # type: ignore[operator]  # noqa: SLF001 (torch's own entry)
    return out


def commutators(layer: HomotopyLayer, S: Tensor) -> list[Tensor]:
    """How a weight fails to commute with every generator."""
    group = layer.group
    found = []
    if isinstance(group, LieGroup):
        if S.ndim != 2:
            raise ArgumentError("model", expected="dense layers for a Lie group", got=type(layer).__name__)
        turned_out, turned_in = (rep.algebra().to(S) for rep in (layer.out_representation, layer.in_representation))
        found += [A @ S - S @ B for A, B in zip(turned_out, turned_in, strict=True)]
    generators = group.generators()[:_MOST]
    if len(generators):
        found += list(layer.move(generators, S.expand(len(generators), *S.shape)) - S)
    return found


def _root(square: Tensor) -> Tensor:
    """The root, with a finite slope at zero."""
    return (square + 1e-30).sqrt()
