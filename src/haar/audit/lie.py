"""Lie derivatives: how fast a model leaves equivariance along each generator, by one forward-mode pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions import Symmetry
from haar.actions.trees import action_leaves, rebuild, value_leaves
from haar.audit.batches import batches
from haar.audit.forward_mode import push_forward
from haar.constants import TINY
from haar.errors import ArgumentError, HaarError
from haar.groups import LieGroup, MixedProduct
from haar.probing import ForwardOnly, undisturbed


@dataclass(frozen=True)
class LieDefect:
    """The Lie derivative of a model along one generator X: L f(x) = Df(x)[X x] - X f(x).

    Attributes:
        generator: Number of the generator in the algebra's basis.
        defect: Root mean square of L f over samples and output entries; of several outputs the same as `relative`.
        relative: The same over the root mean square of the outputs: relative change per unit of the generator. Several
            outputs are each taken over their own, and count alike.
    """

    generator: int
    defect: float
    relative: float

    def __str__(self) -> str:
        """In a line."""
        return f"generator {self.generator}: Lie derivative {self.defect:.4g}, {self.relative:.3g} relative"


def lie_derivative(model: Callable[..., Any], symmetry: Symmetry, inputs: Any, direction: Tensor) -> Any:
    """L f(x) = Df(x)[X x] - X f(x) for one batch: zero exactly where f is equivariant along X.

    The tangent of the inputs is analytic, and one forward-mode pass pushes it through the model.

    Args:
        model: Any module or callable.
        symmetry: A symmetry of a Lie group.
        inputs: A tensor, or a tuple of tensors.
        direction: Coefficients of X in the algebra's basis.

    Returns:
        The derivative, with the structure of the outputs.

    Raises:
        HaarError: If an operation of the model has no forward-mode derivative.

    Example:
        >>> import torch
        >>> from haar.actions import Defining, Symmetry, Vector
        >>> from haar.groups import SO
        >>> G = SO(3)
        >>> symmetry = Symmetry(G, Vector(Defining(G)), Vector(Defining(G)))
        >>> x = torch.randn(5, 3, dtype=torch.float64)
        >>> stretch = lambda v: v * v.square().sum(-1, keepdim=True)
        >>> bool(lie_derivative(stretch, symmetry, x, torch.tensor([1.0, 0.0, 0.0])).abs().max() < 1e-12)
        True
    """
    change, _, form = _both_sides(model, symmetry, inputs if isinstance(inputs, tuple) else (inputs,), direction)
    return rebuild(symmetry.outputs, form, change)


def lie_defects(
    model: Callable[..., Any], symmetry: Symmetry, data: Any, *, batch_size: int = 8, max_samples: int | None = None
) -> list[LieDefect]:
    """Lie-derivative defects along every generator of the algebra.

    Args:
        model: The model; evaluated in eval mode and left as it was.
        symmetry: A symmetry of a Lie group.
        data: Inputs, as for `haar.audit`.
        batch_size: Rows per batch, when data are tensors.
        max_samples: Stop after so many rows.

    Raises:
        ArgumentError: If the group is finite.
    """
    basis = _algebra_size(symmetry)
    outputs = len(action_leaves(symmetry.outputs))
    wrong, size, entries = (torch.zeros(basis, outputs, dtype=torch.float64) for _ in range(3))
    with torch.no_grad(), undisturbed(model):
        for batch in batches(data, batch_size=batch_size, max_samples=max_samples, symmetry=symmetry):
            for k in range(basis):
                direction = torch.zeros(basis, dtype=torch.float64)
                direction[k] = 1
                change, values, _ = _both_sides(model, symmetry, batch.inputs, direction)
                for leaf, (wrong_leaf, value) in enumerate(zip(change, values, strict=True)):
                    if isinstance(value, Tensor):
                        wrong[k, leaf] += _square(wrong_leaf)
                        size[k, leaf] += _square(value)
                        entries[k, leaf] += value.numel()
    measured = entries[0] > 0
    shares = (wrong / size.clamp(min=TINY))[:, measured]
    relative = shares.mean(1).sqrt()
    absolute = (wrong / entries)[:, measured].mean(1).sqrt() if int(measured.sum()) == 1 else relative
    return [LieDefect(k, float(absolute[k]), float(relative[k])) for k in range(basis)]


def _algebra_size(symmetry: Symmetry) -> int:
    group = symmetry.group
    if isinstance(group, LieGroup):
        return len(group.algebra)
    way_out = (
        "make the symmetry of the Lie factor alone"
        if isinstance(group, MixedProduct)
        else "use haar.audit for finite groups"
    )
    raise ArgumentError("symmetry", expected="a Lie group for Lie derivatives", got=group.name, way_out=way_out)


def _both_sides(
    model: Callable[..., Any], symmetry: Symmetry, inputs: tuple[Any, ...], direction: Tensor
) -> tuple[list[Any], list[Any], Any]:
    """The Lie derivative and the value of every output, in the order of the actions, and the model's containers."""
    symmetry.check_inputs(inputs)
    tangents = symmetry.map_inputs(lambda action, x: action.tangent(direction, x), inputs)
    flat, spec = pytree.tree_flatten(inputs)
    places = [k for k, x in enumerate(flat) if isinstance(x, Tensor) and x.is_floating_point()]
    flat_tangents = pytree.tree_leaves(tangents)
    forms: list[Any] = []

    def of_tensors(*tensors: Tensor) -> list[Any]:
        values = list(flat)
        for place, tensor in zip(places, tensors, strict=True):
            values[place] = tensor
        y = model(*pytree.tree_unflatten(values, spec))
        symmetry.check_outputs(y)
        forms.append(y)
        return value_leaves(symmetry.outputs, y)

    directions = [flat_tangents[k].to(flat[k]) for k in places]

    def push(*primals: Tensor) -> Any:
        return push_forward(of_tensors, primals, directions)

    # A model that differentiates inside forward is differentiated again, forward over reverse, and needs gradients.
    run = push if torch.is_grad_enabled() else ForwardOnly(push)
    try:
        y, pushed = run(*(flat[k] for k in places))
    except NotImplementedError as error:
        why = str(error).splitlines()[0][:120]
        message = f"model: an operation has no forward-mode derivative ({why}); audit finite elements instead"
        raise HaarError(message) from error
    actions = action_leaves(symmetry.outputs)
    change = [
        moved - action.tangent(direction, value) if isinstance(value, Tensor) else value
        for action, value, moved in zip(actions, y, pushed, strict=True)
    ]
    return change, list(y), forms[-1]


def _square(x: Tensor) -> float:
    return float(x.detach().to(torch.float64).square().sum())
