"""Turn a user's module into a homotopy between itself and an equivariant model."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from haar.actions import Symmetry, Vector
from haar.actions.representation import Regular, Representation, Trivial, direct_sum
from haar.errors import ArgumentError
from haar.groups import Group
from haar.relax.homotopy import Homotopy
from haar.relax.homotopy_layer import LayerSymmetry
from haar.relax.linear_layers import HomotopyLinear
from haar.relax.projection import TensorProjection


def homotopise(
    module: nn.Module,
    symmetry: Symmetry,
    *,
    mode: str = "weight",
    hidden: str = "auto",
    layers: Mapping[str, tuple[Representation, Representation]] | None = None,
    kappa: bool = True,
    generator: torch.Generator | None = None,
) -> Homotopy:
    """A model that is the user's at gamma = 1 and equivariant at gamma = 0."""
    del hidden
    if not isinstance(module, nn.Module):
        raise ArgumentError("module", expected="a torch.nn.Module", got=type(module).__name__)
    model = copy.deepcopy(module)
    reps = {} if layers is None else dict(layers)
    if not reps:
        reps = _of_sequential(model, symmetry)
    for name, (rep_in, rep_out) in reps.items():
        plain = model.get_submodule(name)
        spaces: dict[str, Any] = {"weight": [TensorProjection([rep_out, rep_in], tuple(plain.weight.shape))]}
        if plain.bias is not None:
            spaces["bias"] = [TensorProjection([rep_out], tuple(plain.bias.shape))]
        twin = HomotopyLinear.of(
            plain, LayerSymmetry(rep_in, rep_out, spaces), mode=mode, kappa=kappa, generator=generator
        )
        if not name:
            return Homotopy(twin, symmetry)
        model.set_submodule(name, twin)
    return Homotopy(model, symmetry)


def _of_sequential(model: nn.Module, symmetry: Symmetry) -> dict[str, tuple[Representation, Representation]]:
    (source,), target = symmetry.inputs, symmetry.outputs
    if not isinstance(source, Vector) or not isinstance(target, Vector):
        raise ArgumentError("symmetry", expected="vectors in and out", got=repr(symmetry))
    names = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    here, found = source.rep, {}
    for name in names:
        rep_out = target.rep if name == names[-1] else _auto(symmetry.group, model.get_submodule(name).out_features)
        found[name] = (here, rep_out)
        here = rep_out
    return found


def _auto(group: Group, width: int) -> Representation:
    copies, rest = divmod(width, group.order or 1)
    parts: list[Representation] = [Regular(group)] * copies
    return direct_sum(parts + ([Trivial(group, rest)] if rest else []))
