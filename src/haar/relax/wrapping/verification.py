"""Is it true? The homotopy at 0 and 1 measured on random inputs, and the first step that breaks it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from haar.actions import Action, Field, Symmetry, Vector
from haar.actions.trees import value_leaves
from haar.containers import tensors_of
from haar.errors import ArgumentError, NotEquivariantError
from haar.probing import ForwardOnly, defect, some_elements, undisturbed
from haar.probing.disturbed import disturb
from haar.relax.wrapping.bare_parameters import HomotopyParameters
from haar.relax.wrapping.elements import Elements
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.relax.wrapping.precision import DOUBLE, Precision, as_dtype, doubled, dtype_of
from haar.relax.wrapping.step import Typed
from haar.relax.wrapping.whole_module import WholeModule
from haar.tracing import Followed, Steps

if TYPE_CHECKING:
    from haar.relax.wrapping.walk import Walk

#: Largest relative difference between the homotopy at gamma = 1 and the user's model, in its own precision.
SAME = 1e-6


def verify(
    homotopy: Homotopy,
    plain: nn.Module,
    inputs: Sequence[Any],
    *,
    walk: Walk | None = None,
    outputs: Any = None,
    precision: Precision = DOUBLE,
) -> float:
    """Check the homotopy at both ends.

    Args:
        homotopy: The homotopy, in any mode; it is not changed.
        plain: The user's module.
        inputs: One batch to compare on.
        walk: What its tensors carry, to name the step that breaks the symmetry.
        outputs: What the user's module returns on them, if it was found to be the same from call to call.
        precision: The precision to measure in.

    Returns:
        The relative equivariance error at gamma = 0, with disturbed parameters.

    Raises:
        NotEquivariantError: Naming the first step that breaks the symmetry at gamma = 0.
        ArgumentError: If the homotopy at gamma = 1 is not the user's model.
    """
    symmetry = homotopy.symmetry
    given = as_dtype(dtype_of(plain), inputs)
    first = repeated_outputs(plain, given) if outputs is None else outputs
    if all(layer.mode != "branches" for layer in homotopy.layers.values()):
        mine = copy.deepcopy(homotopy).eval()
        with undisturbed(), mine.at(1.0):
            error = _difference(ForwardOnly(mine)(*as_dtype(None, given)), first)
        if not error <= SAME:
            raise ArgumentError(
                "model", expected="the same outputs at gamma = 1", got=f"a relative difference of {error:.1e}"
            )
    tried: Homotopy = disturb(precision.of(homotopy), fixed=("gamma",))  # type: ignore[assignment]
    given = precision.inputs(inputs)
    elements = some_elements(symmetry.group, every=0, drawn=2)
    with undisturbed(), tried.at(0.0):
        found = defect(tried, symmetry, given, elements)
        worst = found.worst
        if not worst <= precision.exact:
            element = elements[found.place[0]]
            begin = (
                f"at gamma = 0 the model is not equivariant under {symmetry.group.describe(element)} of "
                f"{symmetry.group.name}: relative error {worst:.1e}"
            )
            if all(isinstance(layer, WholeModule) for layer in tried.layers.values()):
                message = f"{begin}; see whether it returns finite numbers, the same for the same input in every batch"
                raise NotEquivariantError(message)
            where = first_break(tried, symmetry, element, given, walk)
            message = f'{begin}, first broken by {where}; use mode="function", which takes any module'
            raise NotEquivariantError(message)
    return worst


def repeated_outputs(plain: nn.Module, inputs: Sequence[Any]) -> Any:
    """What a model returns in evaluation, the same from call to call.

    Raises:
        ArgumentError: If it does not return the same, or returns something that is not finite.
    """
    theirs = ForwardOnly(copy.deepcopy(plain).eval())
    with undisturbed():
        first, again = theirs(*as_dtype(None, inputs)), theirs(*as_dtype(None, inputs))
    _check_outputs_finite(first)
    own_error = _difference(again, first)
    if not own_error <= SAME:
        raise ArgumentError(
            "model",
            expected="outputs that stay the same from call to call in evaluation",
            got=f"a relative difference of {own_error:.1e}",
            way_out="give functional dropout training=self.training, and keep no state between calls",
        )
    return first


def measured_error(homotopy: Homotopy, inputs: Sequence[Any], precision: Precision = DOUBLE) -> float:
    """The relative equivariance error at gamma = 0, root mean square over random elements."""
    tried: Homotopy = precision.of(homotopy)  # type: ignore[assignment]
    given = precision.inputs(inputs)
    drawn = homotopy.symmetry.group.sample(16, torch.Generator().manual_seed(1))
    with undisturbed(), tried.at(0.0):
        _check_outputs_finite(_moving(homotopy.symmetry.outputs, ForwardOnly(tried)(*as_dtype(None, given))))
        return defect(tried, homotopy.symmetry, given, drawn, norm="squares").mean


def first_break(model: Homotopy, symmetry: Symmetry, g: Tensor, inputs: Sequence[Any], walk: Walk | None = None) -> str:
    """The first step whose output does not move as it should, in words."""
    moved = symmetry.act_inputs(g, as_dtype(None, inputs))
    if walk is not None:
        one = Elements(symmetry.group, g[None])
        graph = replace(walk.followed, model=model.model)
        here, there = (_Recorder(graph).of(x) for x in (as_dtype(None, inputs), moved))
        for node, value in here.items():
            kind = walk.types.get(node)
            if node.op == "placeholder" or not isinstance(kind, Typed) or not value.is_floating_point():
                continue
            expected = value if kind.feature is None else kind.feature.act(one, 0, value)
            if _difference(there[node], expected) > 100 * DOUBLE.exact:
                target = str(node.target)
                if node.op != "call_module" or not target:
                    return repr(node.name)
                return f"{target!r} ({type(model.model.get_submodule(target)).__name__})"
        return "the output"
    outputs, after = _outputs(model, inputs), _outputs(model, moved)
    for name, value in outputs.items():
        layer: Any = model.layers[name]
        action: Action = (
            Field(layer.out_representation) if "Conv" in type(layer).__name__ else Vector(layer.out_representation)
        )
        try:
            expected = action.act(g, value)
        except ArgumentError:
            return f"{name!r}, whose output is not moved by {layer.out_representation.name}"
        if _difference(after[name], expected) > 100 * DOUBLE.exact:
            return f"{name!r} ({type(layer).__name__}), or what stands before it"
    return "what follows the last layer"


class _Recorder(Steps):
    """Runs a graph and keeps a copy of every value, before anything is changed in place."""

    def __init__(self, followed: Followed) -> None:
        super().__init__(followed)
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
            if isinstance(output, Tensor):
                kept.setdefault(name, output.clone())

        if isinstance(layer, HomotopyLayer) and not isinstance(layer, HomotopyParameters):
            handles.append(layer.register_forward_hook(keep))
    try:
        model(*as_dtype(None, inputs))
    finally:
        for handle in handles:
            handle.remove()
    return kept


def _difference(one: Any, other: Any) -> float:
    """Largest difference of all tensors in two nests, relative to the largest entry."""
    pairs = list(zip(tensors_of(one), tensors_of(other), strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    wide = [(doubled(a.detach()), doubled(b.detach())) for a, b in pairs if a.numel()]
    errors = [float((a - b).abs().max()) / (float(b.abs().max()) or 1.0) for a, b in wide]
    return max([0.0, *errors]) if all(e == e for e in errors) else float("nan")  # noqa: PLR0124 (not a number)


def _moving(actions: Any, outputs: Any) -> list[Tensor]:
    """The tensors on which the group acts."""
    return [leaf for leaf in value_leaves(actions, outputs) if isinstance(leaf, Tensor)]


def _check_outputs_finite(outputs: Any) -> None:
    if not all(bool(y.isfinite().all()) for y in tensors_of(outputs)):
        raise ArgumentError(
            "model",
            expected="finite outputs of the model as it was given",
            got="NaN or infinity",
            way_out="give example=(input, ...), one batch of the data, or look at the parameters",
        )
