"""Relaxed group convolution: equivariant filter banks whose weights may depend on the group element."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from haar.actions.representation import Regular
from haar.errors import ArgumentError
from haar.nn.parts import part_runs
from haar.relax.rule import Rule
from haar.relax.weight_law import WeightLaw, install, space
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.seeding import Seed, generator_of


class RelaxedConvolution(Rule):
    """sum_h f(h) psi(g^-1 h) becomes sum_h f(h) sum_l w_l(h) psi_l(g^-1 h), in layers that read regular channels.

    The filter banks psi_l stay equivariant, W = sum_l kappa P(Psi_l) diag(w_l), and all w_l(h) start equal: the model
    starts equivariant. On data that are closed under the group the gradient by w_l(h) is the same for every h, so that
    it stays so; where data break the symmetry the w_l(h) part, and `readout` says how.

    Args:
        model: A wrapped model with regular representations inside.
        banks: Number of filter banks, 1 to 3 in the source.
        seed: Seed of the banks after the first.

    Raises:
        ArgumentError: If no layer reads regular channels, or `banks` is below 1.

    Source: Wang, Walters and Yu, arXiv 2201.11969; Wang et al., arXiv 2310.02299.
    """

    name: ClassVar[str] = "relaxed convolution"
    in_parts: ClassVar[bool] = True

    def __init__(self, model: Any, *, banks: int = 1, seed: Seed = 0) -> None:
        super().__init__(model)
        if banks < 1:
            raise ArgumentError("banks", expected="at least 1", got=banks)
        generator = generator_of(seed)
        self.fix(0.0)
        self.laws = install(model, lambda layer: _law(layer, banks, generator))
        if not self.laws:
            raise ArgumentError(
                "model",
                expected="a layer whose input is made of regular representations",
                got="none",
                way_out="wrap a module with hidden layers of a finite group",
            )

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss."""
        return loss

    def readout(self) -> dict[str, Tensor]:
        """w_l(h) of every relaxed layer: ``(banks, order)``; equal columns mean that the data kept the symmetry."""
        return {name: law.relaxed.detach().clone() for name, law in self.laws.items()}  # type: ignore[union-attr, operator]


class FilterBanks(WeightLaw):
    """sum_l kappa P(Psi_l) diag(w_l(h))."""

    def __init__(self, layer: HomotopyLayer, place: Tensor, banks: int, generator: torch.Generator) -> None:
        super().__init__()
        weight: Tensor = layer.get_parameter("weight")
        order = int(layer.group.order or 0)
        scale = banks**-0.5
        self.relaxed = nn.Parameter(torch.full((banks, order), scale).to(weight))
        bound = float(weight.detach().abs().max())
        drawn = torch.rand(banks - 1, *weight.shape, generator=generator, dtype=torch.float64) * 2 - 1
        self.more = nn.Parameter((drawn * bound).to(weight)) if banks > 1 else None
        self.register_constant("place", place)
        self.place: Tensor

    def forward(self, layer: HomotopyLayer, name: str) -> Tensor:
        """The banks, each column weighted by its element's own number."""
        value: Tensor = layer.held(name)
        if name != "weight":
            return space(layer, name)(value)
        banks = [value] if self.more is None else [value, *self.more]
        one = self.relaxed.new_ones(())
        total = []
        for bank, weights in zip(banks, self.relaxed, strict=True):
            padded = torch.cat([weights, one.reshape(1)])
            column = padded[self.place].reshape(-1, *[1] * (bank.ndim - 2))
            total.append(space(layer, name)(bank) * layer.kappa * column)
        return torch.stack(total).sum(0)


def _law(layer: HomotopyLayer, banks: int, generator: torch.Generator) -> FilterBanks | None:
    """For a layer with a weight that reads regular channels; elsewhere the layer's own law at gamma = 0."""
    weight = layer.held("weight")
    order = layer.group.order
    if weight is None or weight.ndim < 2 or order is None or weight.shape[1] != layer.in_representation.dim:
        return None
    place = torch.full((layer.in_representation.dim,), order, dtype=torch.int64)  # the last number: always one
    for run in part_runs(layer.in_representation):
        if isinstance(run.rep, Regular):
            elements = torch.arange(order).repeat(run.copies)
            place[run.start : run.start + run.copies * order] = elements
    return FilterBanks(layer, place, banks, generator) if bool((place < order).any()) else None
