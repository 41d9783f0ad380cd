"""Lie derivatives: how fast a model leaves equivariance along each generator, by one forward-mode pass.

Where a model has no forward-mode derivative, central differences along the one-parameter subgroups stand for it, said
with their step and the error that half the step shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        step: The step of central differences; None where the derivative is exact.
        error: Their error, relative to the outputs, as the same with half the step shows it.
    """

    generator: int
    defect: float
    relative: float
    step: float | None = None
    error: float = 0.0

    def __str__(self) -> str:
        """In a line."""
        told = f"generator {self.generator}: Lie derivative {self.defect:.4g}, {self.relative:.3g} relative"
        if self.step is None:
            return told
        return f"{told}, by differences of {self.step:.1g}, to about {self.error:.1g}"


class NoForwardModeError(HaarError):
    """A model with an operation that has no forward-mode derivative.

    Args:
        why: What torch, or we, say of it.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"model: an operation has no forward-mode derivative ({why}); take central differences, "
            "lie_defects(..., differences=True), or audit finite elements instead"
        )


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
        NoForwardModeError: If an operation of the model has no forward-mode derivative.

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
    model: Callable[..., Any],
    symmetry: Symmetry,
    data: Any,
    *,
    batch_size: int = 8,
    max_samples: int | None = None,
    differences: bool = False,
) -> list[LieDefect]:
    """Lie-derivative defects along every generator of the algebra.

    Args:
        model: The model; evaluated in eval mode and left as it was.
        symmetry: A symmetry of a Lie group.
        data: Inputs, as for `haar.audit`.
        batch_size: Rows per batch, when data are tensors.
        max_samples: Stop after so many rows.
        differences: Whether to take central differences, in place of one pass in forward mode: for models that are
            not written in torch, or have operations without such a derivative. Four evaluations, and an error that is
            told.

    Raises:
        ArgumentError: If the group is finite.
        NoForwardModeError: If an operation of the model has no forward-mode derivative, and none was asked to do
            without.
    """
    basis = _algebra_size(symmetry)
    outputs = len(action_leaves(symmetry.outputs))
    wrong, size, entries, unsure = (torch.zeros(basis, outputs, dtype=torch.float64) for _ in range(4))
    step: float | None = None
    with torch.no_grad(), undisturbed(model):
        for batch in batches(data, batch_size=batch_size, max_samples=max_samples, symmetry=symmetry):
            for k in range(basis):
                direction = torch.zeros(basis, dtype=torch.float64)
                direction[k] = 1
                halved: Sequence[Any] = ()
                if differences:
                    step = _step(batch.inputs)
                    change, values, halved = _differences(model, symmetry, batch.inputs, direction, step)
                else:
                    change, values, _ = _both_sides(model, symmetry, batch.inputs, direction)
                for leaf, (wrong_leaf, value) in enumerate(zip(change, values, strict=True)):
                    if isinstance(value, Tensor):
                        wrong[k, leaf] += _square(wrong_leaf)
                        size[k, leaf] += _square(value)
                        entries[k, leaf] += value.numel()
                        unsure[k, leaf] += _square(halved[leaf] - wrong_leaf) if halved else 0.0
    measured = entries[0] > 0
    shares, unsure = ((one / size.clamp(min=TINY))[:, measured].mean(1).sqrt() for one in (wrong, unsure))
    absolute = (wrong / entries)[:, measured].mean(1).sqrt() if int(measured.sum()) == 1 else shares
    return [LieDefect(k, float(absolute[k]), float(shares[k]), step, float(unsure[k])) for k in range(basis)]


def lie_defects_anyway(
    model: Callable[..., Any], symmetry: Symmetry, inputs: tuple[Any, ...]
) -> tuple[list[LieDefect], str]:
    """Of one batch, and in words what stands in for derivatives that the model has not; "" where it has them.

    Args:
        model: The model.
        symmetry: A symmetry of a Lie group.
        inputs: Its inputs.
    """
    try:
        return lie_defects(model, symmetry, [(inputs, None)]), ""
    except NoForwardModeError as error:
        found = lie_defects(model, symmetry, [(inputs, None)], differences=True)
        words = (
            f"Lie derivatives are central differences with a step of {found[0].step or 0:.1g}, right to about "
            f"{max(one.error for one in found):.1g} of the outputs: the model has no forward-mode derivative "
            f"({error.why})."
        )
        return found, words


def _step(inputs: Sequence[Any]) -> float:
    """The cube root of rounding: there it and the third derivative spoil a central difference alike."""
    tensors = [x for x in pytree.tree_leaves(inputs) if isinstance(x, Tensor) and _has_slope(x)]
    kinds = [torch.finfo(x.dtype).eps for x in tensors]
    return float(max(kinds, default=torch.finfo(torch.float64).eps) ** (1 / 3))


def _differences(
    model: Callable[..., Any], symmetry: Symmetry, inputs: tuple[Any, ...], direction: Tensor, step: float
) -> tuple[list[Any], list[Any], list[Any]]:
    """Central differences of g^-1 f(g x) along exp(t X), the values, and the same with half the step."""
    group: LieGroup = symmetry.group  # type: ignore[assignment]
    run = ForwardOnly(model)
    actions = symmetry.outputs

    def back(t: float) -> list[Any]:
        g = group.exp(t * direction)
        return value_leaves(actions, symmetry.act_outputs(group.inverse(g), run(*symmetry.act_inputs(g, inputs))))

    def slope(t: float) -> list[Any]:
        return [_quotient(a, b, 2 * t) for a, b in zip(back(t), back(-t), strict=True)]

    y = run(*inputs)
    symmetry.check_outputs(y)
    return slope(step), value_leaves(actions, y), slope(step / 2)


def _quotient(a: Any, b: Any, by: float) -> Any:
    """Of two leaves; whole numbers have no derivative."""
    if not isinstance(a, Tensor):
        return a
    return (a - b) / by if _has_slope(a) else torch.zeros_like(a)


def _has_slope(x: Tensor) -> bool:
    return x.is_floating_point() or x.is_complex()


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
    places = [k for k, x in enumerate(flat) if isinstance(x, Tensor) and _has_slope(x)]
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
        raise NoForwardModeError(str(error).splitlines()[0][:120]) from error
    actions = action_leaves(symmetry.outputs)
    change = [
        moved - action.tangent(direction, value) if isinstance(value, Tensor) else value
        for action, value, moved in zip(actions, y, pushed, strict=True)
    ]
    return change, list(y), forms[-1]


def _square(x: Tensor) -> float:
    return float(x.detach().abs().to(torch.float64).square().sum())  # of complex numbers both parts
