"""Layers of PyTorch Geometric, recognised by where their class lives: the package itself is never imported."""

from __future__ import annotations

import copy

from torch import nn

_HOME = "torch_geometric.nn.conv"


def is_graph_layer(module: nn.Module) -> bool:
    """Whether a module is a message-passing layer of PyTorch Geometric.

    Such a layer is called as it is; it counts as affine if it turns out to be (GCNConv, SAGEConv with mean or sum,
    GraphConv, ...), and is refused by name otherwise (attention, max aggregation).

    Example:
        >>> is_graph_layer(nn.Linear(1, 1))
        False
    """
    return any(kind.__module__.startswith(_HOME) for kind in type(module).__mro__)


def split_inner_network(module: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """A layer of the form nn(affine(x)), such as GINConv, as its affine part and its inner network.

    The affine part is a shallow copy that shares all parameters, with the inner network replaced by the identity.

    Example:
        >>> split_inner_network(nn.Linear(1, 1)) is None
        True
    """
    inner = module._modules.get("nn")  # noqa: SLF001 - the registry of submodules, to replace one in a copy
    if inner is None or not is_graph_layer(module):
        return None
    outer = copy.copy(module)
    outer.__dict__["_modules"] = {**module._modules, "nn": nn.Identity()}  # noqa: SLF001
    return outer, inner
