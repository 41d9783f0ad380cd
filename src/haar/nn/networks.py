"""Whole networks: restricted to a subgroup, or exported to plain torch, wherever equivariant modules stand in them."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import nn

from haar.actions.representation import Representation
from haar.errors import ArgumentError, formerly
from haar.groups import Subgroup
from haar.nn.module import EquivariantModule
from haar.nn.representations import restricted

M = TypeVar("M", bound=nn.Module)


@formerly(network="model")
def restrict(model: M, subgroup: Subgroup) -> M:
    """A trained network loosened to a subgroup: the same function, with the subgroup's freedom to learn further.

    Every equivariant module in it is restricted, everything else is copied; representations that modules hold are
    replaced, and equal ones stay one object, so that layers still fit together. The network is not changed.

    Args:
        model: An equivariant module, or any module with equivariant ones inside.
        subgroup: A subgroup of the modules' group object, from ``group.subgroup(...)``.

    Returns:
        A deep copy with more parameters.

    Raises:
        ArgumentError: If there is no equivariant module, or it is no subgroup of their group object.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> from haar.nn import Linear
        >>> D4 = dihedral(4)
        >>> network = torch.nn.Sequential(Linear(Regular(D4), Regular(D4)), torch.nn.ReLU())
        >>> looser = restrict(network, D4.subgroup([1], "C4"))
        >>> x = torch.randn(5, 8)
        >>> torch.allclose(network(x), looser(x), atol=1e-6), network[0].weight.numel(), looser[0].weight.numel()
        (True, 8, 16)
    """
    memo: dict[int, Any] = {}
    for layer in _outermost(model):
        memo[id(layer)] = layer.restrict(subgroup)
    for module in model.modules():
        for value in module.__dict__.values():
            if isinstance(value, Representation) and value.group == subgroup.parent:
                memo.setdefault(id(value), restricted(value, subgroup))
    return _copied(model, memo)


@formerly(network="model")
def export(model: M) -> M | nn.Module:
    """The same network in plain torch: every equivariant module becomes its `export`, everything else is copied.

    Args:
        model: An equivariant module, or any module with equivariant ones inside. It is not changed.

    Raises:
        ArgumentError: If there is no equivariant module in it.

    Example:
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> from haar.nn import Linear
        >>> regular = Regular(dihedral(4))
        >>> export(Linear(regular, regular))
        Linear(in_features=8, out_features=8, bias=True)
    """
    memo: dict[int, Any] = {}
    for module in _outermost(model):
        memo[id(module)] = module.export()
    return _copied(model, memo)


def _copied(network: M, memo: dict[int, Any]) -> M:
    copied: M = copy.deepcopy(network, memo)
    return copied


def _outermost(model: nn.Module) -> list[EquivariantModule]:
    """Equivariant modules that do not stand inside another one."""
    if isinstance(model, EquivariantModule):
        return [model]
    inside: set[int] = set()
    found: list[EquivariantModule] = []
    for module in model.modules():  # parents before their children
        if isinstance(module, EquivariantModule) and id(module) not in inside:
            found.append(module)
            inside.update(id(child) for child in module.modules())
    if not found:
        raise ArgumentError(
            "model",
            expected="a network with equivariant modules of haar.nn",
            got=type(model).__name__,
            way_out="build it from haar.nn",
        )
    return found
