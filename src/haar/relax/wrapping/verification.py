"""Is it true? The homotopy at 0 and 1 measured on random inputs, and the first step that breaks it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from haar.actions import Action, Field, Symmetry, Vector
from haar.errors import ArgumentError, NotEquivariantError
from haar.groups import Group
from haar.relax.wrapping.feature import Feature
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.homotopy_layer import HomotopyLayer

#: Largest relative difference between f(g x) and g f(x) at gamma = 0, in float64.
EXACT = 1e-10
#: Largest relative difference between the homotopy at gamma = 1 and the user's model, in its own precision.
SAME = 1e-6


def some_elements(group: Group, seed: int = 0) -> Tensor:
    """Generators, and random elements."""
    drawn = group.sample(2, torch.Generator().manual_seed(seed))
    gens = group.generators()
    return torch.cat([gens, drawn]) if len(gens) else drawn


def verify(
    homotopy: Homotopy,
    plain: nn.Module,
    inputs: Sequence[Any],
    *,
    graph: fx.Graph | None = None,
    types: dict[fx.Node, Any] | None = None,
) -> float:
    """Check the homotopy at both ends.

    Args:
        homotopy: The homotopy, in any mode; it is not changed.
        plain: The user's module.
        inputs: One batch, float64.
        graph: The traced graph, to name the step that breaks the symmetry.
        types: Features of its nodes.

    Returns:
        The relative equivariance error at gamma = 0, float64, with disturbed parameters.

    Raises:
        NotEquivariantError: Naming the first step that breaks the symmetry at gamma = 0.
        ArgumentError: If the homotopy at gamma = 1 is not the user's model.
    """
    symmetry = homotopy.symmetry
    own = _dtype(plain)
    if all(layer.mode != "branches" for layer in homotopy.layers.values()):
        mine, theirs = copy.deepcopy(homotopy).eval(), copy.deepcopy(plain).eval()
        with torch.no_grad(), mine.at(1.0):
            error = _difference(mine(*as_dtype(own, inputs)), theirs(*as_dtype(own, inputs)))
        if error > SAME:
            with torch.no_grad():
                own_error = _difference(theirs(*as_dtype(own, inputs)), theirs(*as_dtype(own, inputs)))
            if own_error > SAME:
                raise ArgumentError(
                    "module",
                    expected="outputs that stay the same from call to call in evaluation",
                    got=f"a relative difference of {own_error:.1e}",
                    way_out="give functional dropout training=self.training",
                )
            raise ArgumentError(
                "module", expected="the same outputs at gamma = 1", got=f"a relative difference of {error:.1e}"
            )
    tried = disturbed(homotopy).double().eval()
    with torch.no_grad(), tried.at(0.0):
        worst, element = 0.0, None
        for g in some_elements(symmetry.group):
            error = moved_difference(tried, symmetry, g, as_dtype(torch.float64, inputs))
            if not error <= worst:
                worst, element = error, g
        if element is not None and not worst <= EXACT:
            where = first_break(tried, symmetry, element, as_dtype(torch.float64, inputs), graph, types)
            raise NotEquivariantError(
                f"at gamma = 0 the model is not equivariant under {symmetry.group.describe(element)} of "
                f"{symmetry.group.name}: relative error {worst:.1e}, first broken by {where}; "
                'use mode="function", which takes any module'
            )
    return worst


def measured_error(homotopy: Homotopy, inputs: Sequence[Any]) -> float:
    """The relative equivariance error at gamma = 0, float64, root mean square over random elements."""
    tried = copy.deepcopy(homotopy).double().eval()
    group = homotopy.symmetry.group
    drawn = group.sample(16, torch.Generator().manual_seed(1))
    with torch.no_grad(), tried.at(0.0):
        y = _tensors(tried(*as_dtype(torch.float64, inputs)))
        total = 0.0
        for g in drawn:
            there = _tensors(tried(*homotopy.symmetry.act_inputs(g, as_dtype(torch.float64, inputs))))
            here = _tensors(homotopy.symmetry.act_outputs(g, tried(*as_dtype(torch.float64, inputs))))
            total += sum(float((a - b).square().sum()) for a, b in zip(there, here, strict=True)) / len(drawn)
    size = sum(float(part.square().sum()) for part in y)
    return float((total / size) ** 0.5) if size > 0 else 0.0


def disturbed(homotopy: Homotopy, seed: int = 0) -> Homotopy:
    """A copy with random changes of all parameters and statistics, so that zeros and ones hide nothing."""
    generator = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(homotopy)
    with torch.no_grad():
        for layer in other.modules():
            for name, value in layer.named_parameters(recurse=False):
                if value.is_floating_point() and name != "gamma":
                    noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
                    size = value.double().square().mean().sqrt() if value.numel() else 1.0
                    value.add_((0.3 * noise * (size if size > 0 else 0.3)).to(value))
            for name in ("running_mean", "running_var"):
                held = getattr(layer, name, None)
                if isinstance(layer, HomotopyLayer) and isinstance(held, Tensor):
                    noise = torch.randn(held.shape, generator=generator, dtype=torch.float64).to(held)
                    held.copy_(held * (0.3 * noise).exp() + (0.3 * noise if name == "running_mean" else 0))
    return other


def moved_difference(model: nn.Module, symmetry: Symmetry, g: Tensor, inputs: Sequence[Any]) -> float:
    """Largest difference between f(g x) and g f(x), relative to the largest entry."""
    there = model(*symmetry.act_inputs(g, as_dtype(torch.float64, inputs)))
    here = symmetry.act_outputs(g, model(*as_dtype(torch.float64, inputs)))
    return _difference(there, here)


def first_break(  # noqa: PLR0917 (of one family)
    model: Homotopy,
    symmetry: Symmetry,
    g: Tensor,
    inputs: Sequence[Any],
    graph: fx.Graph | None,
    types: dict[fx.Node, Any] | None,
) -> str:
    """The first step whose output does not move as it should, in words."""
    moved = symmetry.act_inputs(g, as_dtype(torch.float64, inputs))
    if graph is not None and types is not None:
        here, there = (_Recorder(model.model, graph).of(x) for x in (as_dtype(torch.float64, inputs), moved))
        for node, value in here.items():
            kind = types.get(node)
            if node.op == "placeholder" or not isinstance(value, Tensor) or not value.is_floating_point():
                continue
            expected = kind.action().act(g, value) if isinstance(kind, Feature) else value
            if _difference(there[node], expected) > 100 * EXACT:
                target = str(node.target)
                if node.op != "call_module" or not target:
                    return repr(node.name)
                return f"{target!r} ({type(model.model.get_submodule(target)).__name__})"
        return "the output"
    outputs, after = _outputs(model, inputs), _outputs(model, moved)
    for name, value in outputs.items():
        layer = model.layers[name]
        action: Action = (
            Field(layer.out_representation) if "Conv" in type(layer).__name__ else Vector(layer.out_representation)
        )
        try:
            expected = action.act(g, value)
        except ArgumentError:
            return f"{name!r}, whose output is not moved by {layer.out_representation.name}"
        if _difference(after[name], expected) > 100 * EXACT:
            return f"{name!r} ({type(layer).__name__}), or what stands before it"
    return "what follows the last layer"


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps a copy of every value, before anything is changed in place."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, garbage_collect_values=False, graph=graph)
        self.kept: dict[fx.Node, Any] = {}

    def of(self, inputs: Sequence[Any]) -> dict[fx.Node, Any]:
        """The values of all nodes."""
        self.run(*inputs)
        return self.kept

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        self.kept[n] = value.clone() if isinstance(value, Tensor) else value
        return value


def _outputs(model: Homotopy, inputs: Sequence[Any]) -> dict[str, Tensor]:
    kept: dict[str, Tensor] = {}
    handles = []
    for name, layer in model.layers.items():

        def keep(_: nn.Module, __: Any, output: Tensor, name: str = name) -> None:
            kept.setdefault(name, output.clone())

        handles.append(layer.register_forward_hook(keep))
    try:
        model(*as_dtype(torch.float64, inputs))
    finally:
        for handle in handles:
            handle.remove()
    return kept


def _difference(one: Any, other: Any) -> float:
    """Largest difference of all tensors in two nests, relative to the largest entry."""
    pairs = list(zip(_tensors(one), _tensors(other), strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    errors = [
        float((a.double() - b.double()).abs().max()) / (float(b.double().abs().max()) or 1.0)
        for a, b in pairs
        if a.numel()
    ]
    return max([0.0, *errors]) if all(e == e for e in errors) else float("nan")  # noqa: PLR0124 (not a number)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [one for part in value.values() for one in _tensors(part)]
    return [one for part in value for one in _tensors(part)] if isinstance(value, (tuple, list)) else []


def as_dtype(dtype: torch.dtype, inputs: Any) -> Any:
    """Copies in another precision; integers stay what they are."""
    if isinstance(inputs, Tensor):
        return inputs.to(dtype, copy=True) if inputs.is_floating_point() else inputs.clone()
    if isinstance(inputs, dict):
        return {key: as_dtype(dtype, part) for key, part in inputs.items()}
    return type(inputs)(as_dtype(dtype, part) for part in inputs) if isinstance(inputs, (tuple, list)) else inputs


def _dtype(module: nn.Module) -> torch.dtype:
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.get_default_dtype())
