"""Which parameters of a model are masked, under which rule, and in what units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from haar.actions.representation import Representation
from haar.compress.sparse.regimes import Regime
from haar.compress.sparse.units import Units, coordinates, entries, orbits
from haar.errors import ArgumentError, ShapeError
from haar.intertwiners import Intertwiners, OrbitIntertwiners, invariants
from haar.nn import Conv, Linear
from haar.nn.computed_weights import computes_weights
from haar.nn.module import EquivariantModule

Rules = Mapping[str, Regime | None]
Symmetry = Mapping[str, tuple[Representation, Representation] | Units]
#: Modules whose parameters of two and more axes are no maps between layers.
_NO_MAPS = (
    nn.Embedding,
    nn.EmbeddingBag,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,  # noqa: SLF001 (torch names the base of its norms nowhere else)
)
#: How far a weight may be from commuting, relative to its norm: rounding of the precision that it was made in.
_COMMUTES = {torch.float64: 1e-10, torch.float32: 1e-5}


@dataclass(frozen=True, eq=False)
class Place:
    """A parameter that is masked.

    Attributes:
        name: Its name in the model.
        module: The module that holds it.
        own: Its name there.
        units: What is turned on and off.
        rule: Number of the rule that it is under.
        shift: Of a tied layer the invariant directions of its bias, one a column.
    """

    name: str
    module: nn.Module
    own: str
    units: Units
    rule: int
    shift: Tensor | None = None

    @property
    def parameter(self) -> nn.Parameter:
        """The parameter as it is now."""
        return self.module._parameters[self.own]  # type: ignore[return-value]  # noqa: SLF001 (the quickest way)

    @property
    def bias(self) -> nn.Parameter | None:
        """The bias beside it."""
        return self.module._parameters.get("bias")  # noqa: SLF001 (as above)


def named(model: object) -> dict[str, nn.Module]:
    """Every module once, by its name; wrappers of processes and compilers are taken off.

    Args:
        model: A module, or several by name.

    Raises:
        ArgumentError: If it is neither.
    """
    parts = model if isinstance(model, Mapping) else {"": model}
    if not parts or not all(isinstance(part, nn.Module) for part in parts.values()):
        got = type(model).__name__ if not isinstance(model, Mapping) else f"{len(parts)} of other kinds"
        raise ArgumentError("model", expected="a torch module, or a mapping of names to modules", got=got)
    found: dict[str, nn.Module] = {}
    seen: set[nn.Module] = set()
    for first, part in parts.items():
        inner: Any = part
        while isinstance(inner, nn.parallel.DistributedDataParallel) or hasattr(inner, "_orig_mod"):
            inner = inner.module if isinstance(inner, nn.parallel.DistributedDataParallel) else inner._orig_mod  # noqa: SLF001 (torch's own name)
        for name, module in inner.named_modules():
            if module not in seen:
                seen.add(module)
                found[".".join(filter(None, [first, name]))] = module
    return found


def placed(model: object, rules: Rules, symmetry: Symmetry) -> tuple[list[Place], list[str]]:
    """The parameters that are masked, and the names of the weights that stay dense.

    Args:
        model: A module, or several by name.
        rules: Patterns of names, the first that fits decides; None for what stays dense.
        symmetry: Representations of layers, or units of parameters, by name.

    Raises:
        ArgumentError: If nothing is masked, a name or pattern fits nothing, or a parameter cannot be masked.
    """
    modules = named(model)
    known = {name for name in symmetry if not _known(name, modules)}
    if known:
        raise ArgumentError("symmetry", expected="names of layers or parameters of the model", got=", ".join(known))
    found: list[Place] = []
    dense: list[str] = []
    used: set[int] = set()
    for name, module, own, given in _weights(modules, symmetry):
        rule = _rule(name, list(rules))
        if rule is None or list(rules.values())[rule] is None:
            dense.append(name)
            used |= set() if rule is None else {rule}
            continue
        used.add(rule)
        found.append(_place(name, module, own, rule, given))
    _check_rules(found, dense, [pattern for number, pattern in enumerate(rules) if number not in used])
    _check_alone(found, modules)
    return found, dense


def _check_rules(found: list[Place], dense: list[str], idle: list[str]) -> None:
    """Refuse a model without weights, a pattern that fits none, and rules that mask none."""
    if not found and not dense:
        way_out = "layers with a weight of two axes and more are: linear, convolutional, and those of haar.nn"
        raise ArgumentError("model", expected="a model with weights that can be masked", got="none", way_out=way_out)
    if idle:
        known_names = ", ".join([place.name for place in found] + dense)
        raise ArgumentError(
            "regimes",
            expected=f"patterns that fit weights of the model ({known_names})",
            got=", ".join(map(repr, idle)),
        )
    if not found:
        raise ArgumentError("regimes", expected="at least one regime", got="only None", way_out="train it as it is")


def _known(name: str, modules: Mapping[str, nn.Module]) -> bool:
    layer, _, own = name.rpartition(".")
    return name in modules or (layer in modules and own in modules[layer]._parameters)  # noqa: SLF001 (by name)


def _weights(
    modules: Mapping[str, nn.Module], symmetry: Symmetry
) -> Iterator[tuple[str, nn.Module, str, tuple[Representation, Representation] | Units | None]]:
    """Every parameter that can be masked: its name, module, own name, and what was said of it."""
    for layer, module in modules.items():
        for own, parameter in module.named_parameters(recurse=False):
            name = ".".join(filter(None, [layer, own]))
            given = symmetry.get(name)
            if given is None and own == "weight":
                given = symmetry.get(layer)
            coordinates_of = isinstance(module, (Linear, Conv)) and own == "weight"
            matrix = parameter.ndim > 1 and not isinstance(module, _NO_MAPS)
            if given is not None or coordinates_of or matrix:
                yield name, module, own, given


def _rule(name: str, patterns: list[str]) -> int | None:
    """The first pattern that a parameter's name, or that of a module that holds it, fits."""
    for number, pattern in enumerate(patterns):
        if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*"):
            return number
    return None


def _place(
    name: str, module: nn.Module, own: str, rule: int, given: tuple[Representation, Representation] | Units | None
) -> Place:
    parameter = module._parameters[own]  # noqa: SLF001 (by name)
    if isinstance(module, parametrize.ParametrizationList) or any(
        computes_weights(hook)
        for hook in module._forward_pre_hooks.values()  # noqa: SLF001 (torch tells it nowhere else)
    ):
        raise ArgumentError(
            "model",
            expected="weights that are parameters of their layers",
            got=f"{name!r}, from which a weight is computed",
            way_out="make it permanent first (remove_parametrizations, prune.remove), or leave the layer dense",
        )
    if parameter is None or hasattr(parameter, "full_tensor"):
        way_out = "mask before fully_shard, or use DistributedDataParallel"
        raise ArgumentError(
            "model", expected="whole parameters", got=f"{name!r}, spread over processes", way_out=way_out
        )
    units = _units(module, parameter, own, given, name)
    if units.shape != tuple(parameter.shape):
        raise ShapeError(name, expected=f"the shape of its units, {units.shape}", got=tuple(parameter.shape))
    shift = None
    if units.tied:
        rep_out = given[1]  # type: ignore[index]  # only layers with representations are tied
        shift = invariants(rep_out)
        _check_commutes(name, parameter, units)
    return Place(name, module, own, units, rule, shift)


def _units(
    module: nn.Module,
    parameter: Tensor,
    own: str,
    given: tuple[Representation, Representation] | Units | None,
    name: str,
) -> Units:
    if isinstance(given, Units):
        return given
    shape = tuple(parameter.shape)
    if given is not None:
        try:
            return orbits(*given, shape, tied=True)
        except ArgumentError as error:
            error.in_call(error.argument, f"of layer {name!r}")
            raise
    if isinstance(module, Linear) and own == "weight":
        dense = module.rep_out.dim, module.rep_in.dim
        return _of_space(module.space, dense)
    if isinstance(module, Conv) and own == "weight":
        return _of_kernel(module)
    moved = getattr(module, "in_representation", None), getattr(module, "out_representation", None)
    if not isinstance(module, EquivariantModule) and all(isinstance(rep, Representation) for rep in moved):
        try:
            return orbits(*moved, shape)  # type: ignore[arg-type]  # both are representations
        except ArgumentError as error:
            error.in_call(error.argument, f"of layer {name!r}")
            raise
    return entries(shape)


def _of_space(space: Intertwiners, dense: tuple[int, ...]) -> Units:
    """Coordinates in orbits count their orbits' entries; in isotypic blocks every one counts as much."""
    if isinstance(space, OrbitIntertwiners):
        return coordinates(dense, space.structure.sizes)
    return Units((space.dim,), dense)


def _of_kernel(layer: Conv) -> Units:
    dense = (layer.rep_out.dim, layer.rep_in.dim, *(layer.kernel_size,) * layer.dim)
    sizes = layer.orbit_sizes()
    return Units((layer.weight.numel(),), dense) if sizes is None else coordinates(dense, sizes)


def _check_commutes(name: str, parameter: Tensor, units: Units) -> None:
    value = parameter.detach().double()
    away = float((value - units.mean(value)).norm() / value.norm().clamp(min=torch.finfo(torch.float64).tiny))
    if away > _COMMUTES.get(parameter.dtype, 1e-2):
        raise ArgumentError(
            "symmetry",
            expected=f"a weight {name!r} that commutes with it",
            got=f"one that is {away:.2g} of its norm away",
            way_out="project it first: weight.copy_(haar.intertwiners.intertwiners(rep_in, rep_out).project(weight))",
        )


def _check_alone(found: list[Place], modules: Mapping[str, nn.Module]) -> None:
    """Refuse a parameter that other modules hold too: its mask would be theirs."""
    holders: dict[int, list[str]] = {}
    for layer, module in modules.items():
        for own, parameter in module._parameters.items():  # noqa: SLF001 (without removing what is there twice)
            if parameter is not None:
                holders.setdefault(id(parameter), []).append(".".join(filter(None, [layer, own])))
    for place in found:
        names = holders[id(place.parameter)]
        if len(names) > 1:
            raise ArgumentError(
                "model",
                expected="weights of one layer each under a mask",
                got=f"one tensor that is both {' and '.join(map(repr, names))}",
                way_out="give their pattern the regime None, or untie them",
            )
