"""The model between equivariant and free: the user's own module with homotopy layers in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError
from haar.probing import transformed
from haar.relax.wrapping.gamma import Gamma
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.relax.wrapping.sharing import SharedWeight, send_back

M = TypeVar("M", bound=nn.Module)

#: Name of a layer that is the whole model.
ROOT = "model"


class Homotopy(nn.Module):
    """A model with a number gamma in every layer: at 1 it is the user's model, at 0 it is equivariant.

    Made by `homotopise`. It is called as the user's model is.

    Args:
        model: The user's module in which layers are homotopy layers.
        symmetry: The symmetry that it has at gamma = 0.

    Attributes:
        model: The module that runs.
        symmetry: The symmetry that gamma = 0 has.
        error: Relative equivariance error at gamma = 0, measured when it was made (float64); rounding, unless
            `approximate`.
        known_sizes: Sizes of grids on which equivariance at gamma = 0 was measured.
        check_size: Measures it on grids of other sizes when they first come; None if there are no grids.
    """

    error: float = 0.0

    def __init__(self, model: nn.Module, symmetry: Symmetry) -> None:
        super().__init__()
        self.model, self.symmetry = model, symmetry
        self.training = model.training
        self.known_sizes: set[tuple[tuple[int, ...], ...]] = set()
        self.check_size: Callable[[Homotopy, tuple[Any, ...]], None] | None = None

    @property
    def layers(self) -> Mapping[str, Gamma]:
        """What has a gamma, by the user's own names, in the order of the module; ``"model"`` if it is the whole."""
        named = self.model.named_modules()
        return MappingProxyType({name or ROOT: layer for name, layer in named if isinstance(layer, Gamma)})

    @property
    def approximate(self) -> bool:
        """Whether gamma = 0 is equivariant only approximately, by `error`: averages over samples of a group."""
        return any(getattr(layer, "approximate", False) for layer in self.layers.values())

    def gammas(self) -> dict[str, nn.Parameter]:
        """Every layer's gamma, by the layer's name."""
        return {name: layer.gamma for name, layer in self.layers.items()}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model at the gammas in force.

        Raises:
            NotEquivariantError: On a grid of a new size, if a stride or a pool breaks the symmetry there.
        """
        if self.check_size is not None and not transformed():
            self.check_size(self, args)
        return self.model(*args, **kwargs)

    @contextmanager
    def at(self, gamma: float | Tensor | Mapping[str, Any] | None) -> Iterator[Homotopy]:
        """Run at fixed gammas inside a ``with`` block; what is trained stays untouched.

        Args:
            gamma: One number for all layers, one for each name (the others keep theirs), or None for the learned ones.

        Raises:
            ArgumentError: If a name is no layer, or a value is not finite or does not fit the layer's gamma.
        """
        layers = self.layers
        wanted = {name: _fitting(name, value, layers[name]) for name, value in _by_name(gamma, layers).items()}
        before = {name: layers[name].fix(value) for name, value in wanted.items()}
        try:
            yield self
        finally:
            for name, value in before.items():
                layers[name].fix(value)

    @contextmanager
    def shared(self) -> Iterator[Homotopy]:
        """Make every linear layer's effective weight once for all forwards inside a ``with`` block.

        For steps with several forward passes: accumulated batches, losses of x and of g x, networks that run a layer
        many times. Backward passes belong into the block; gradients reach the parameters as it is left, and the
        optimiser steps after it. Asking `torch.autograd.grad` for parameters within the block finds them unused, and
        so does DistributedDataParallel, which waits for gradients in every backward pass.

        Raises:
            ArgumentError: If a parameter is written within the block.

        Example:
            >>> from haar.actions import Regular, Symmetry, Vector
            >>> from haar.groups import cyclic
            >>> from haar.relax import homotopise
            >>> rep = Regular(cyclic(4))
            >>> model = homotopise(nn.Linear(4, 4), Symmetry(rep.group, Vector(rep), Vector(rep)))
            >>> with model.shared():
            ...     for x in torch.randn(3, 8, 4):
            ...         model(x).square().mean().backward()
            >>> next(model.parameters()).grad is not None
            True
        """
        layers = [layer for layer in self.layers.values() if isinstance(layer, HomotopyLayer)]
        shared = [SharedWeight(list(layer.parameters())) for layer in layers]
        before = [layer.share_weight(each) for layer, each in zip(layers, shared, strict=True)]
        try:
            yield self
        finally:
            for layer, held in zip(layers, before, strict=True):
                layer.share_weight(held)
        send_back(shared)

    def export(self, gamma: float | Tensor | Mapping[str, Any] | None = 0.0) -> nn.Module:
        """The user's module with plain layers, at fixed gammas; outputs equal those of the homotopy up to rounding.

        Args:
            gamma: As for `at`; None exports the learned gammas.
        """
        with self.at(gamma):
            whole = copy.deepcopy(self.model)
        made: dict[Gamma, nn.Module] = {}
        for owner in reversed(list(whole.modules())):  # inner ones first
            for name, child in list(owner._modules.items()):  # noqa: SLF001 (named_children leaves second names out)
                if isinstance(child, Gamma):
                    if child not in made:
                        made[child] = child.export()
                    setattr(owner, name, made[child])
        return whole.export() if isinstance(whole, Gamma) else whole

    def __deepcopy__(self, memo: dict[int, Any]) -> Homotopy:
        return copied(self, memo)


def copied(module: M, memo: dict[int, Any]) -> M:
    """A deep copy that keeps its symmetry: elements and subgroups belong to that one object."""
    new = module.__class__.__new__(module.__class__)
    memo[id(module)] = new
    for name, value in module.__dict__.items():
        new.__dict__[name] = value if isinstance(value, Symmetry) else copy.deepcopy(value, memo)
    return new


def _by_name(gamma: float | Tensor | Mapping[str, Any] | None, layers: Mapping[str, Gamma]) -> dict[str, Any]:
    if not isinstance(gamma, Mapping):
        return dict.fromkeys(layers, gamma)
    for name in gamma:
        if name not in layers:
            raise ArgumentError("gamma", expected=f"layers among {', '.join(layers)}", got=repr(name))
    return dict(gamma)


def _fitting(name: str, value: Any, layer: Gamma) -> Tensor | None:
    if value is None:
        return None
    given = torch.as_tensor(value, dtype=layer.gamma.dtype, device=layer.gamma.device)
    if given.ndim and given.shape != layer.gamma.shape:
        raise ArgumentError(
            "gamma", expected=f"a number or shape {tuple(layer.gamma.shape)} for {name}", got=tuple(given.shape)
        )
    if not bool(given.isfinite().all()):
        raise ArgumentError("gamma", expected=f"finite numbers for {name}", got=given.tolist())
    return given.detach()
