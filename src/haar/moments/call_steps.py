"""Which step a call of a function, a method or an ATen operator becomes."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.closed_forms import Polynomial
from haar.moments.double_precision import wide
from haar.moments.module_steps import ModuleSteps
from haar.moments.program import Opaque
from haar.moments.registry import activation_of_call
from haar.moments.step_builder import first_line
from haar.moments.values import BatchSize, Call, Pending, Value, needs_rows, per_batch, random_arguments
from haar.tracing import Operator, operator_of, plain_name


class CallSteps(ModuleSteps):
    """Steps of functions and methods, by their row in the table of operators."""

    def function(self, call: Call, target: Any) -> Any:
        """The step of a function's call.

        Raises:
            UnsupportedModuleError: If it has no closed form, and no other way was allowed.
        """
        if target is torch.ops.aten.sym_size.int:
            return BatchSize()
        if not call.inputs:
            return constant(call)
        name = plain_name(call.arguments[1]) if target is getattr else plain_name(target)
        row = operator_of(call.arguments[1] if target is getattr else target)
        if row is not None and row.kind == "same" and not isinstance(call.arguments[0], (Value, Pending)):
            return call.arguments[0]  # a constant in the type of a random value
        made = self._of_first(call, target, row) if call.only_first else None
        if made is not None:
            return made
        first = isinstance(call.arguments[0], (Value, Pending)) if call.arguments else False
        if row is not None and row.is_affine_in(len(random_arguments(call.arguments, call.keywords)), first=first):
            return self.affine_from_whole(call.name, name, call.inputs, call.whole)
        return self.unsupported(call.name, name, call.inputs, call.whole, "")

    def _of_first(self, call: Call, target: Any, row: Operator | None) -> Any:
        """The step of a function whose first argument alone is random; None where it is no step of its own kind."""
        first, name = call.arguments[0], call.name
        if len(call.arguments) == 2 and isinstance(call.arguments[1], Value):  # the same value twice
            square = Polynomial((0.0, 0.0, 1.0), name="power 2")
            return self.pointwise(name, square, first) if row is not None and row.name == "mul" else None
        activation = activation_of_call(target, call.arguments[1:], call.keywords, self.given.extra)
        if activation is not None:
            return self.pointwise(name, activation, first)
        return None if row is None else self._of_row(call, row, first)

    def _of_row(self, call: Call, row: Operator, first: Any) -> Any:
        """The step of a change of type, a dropout or a normalisation in evaluation mode; None for anything else."""
        if row.kind == "same" and _keeps_numbers(call):
            rounded = isinstance(first, Value) and self._is_opaque(first)
            return self.affine_from_whole(call.name, row.name, call.inputs, call.whole) if rounded else first
        if row.kind == "noise" and isinstance(first, Value):
            return self.dropped(call.name, row.name, first, _probability(call))
        if row.name == "batch_norm" and not _option(call, 5, "training", default=False):
            return self.affine_from_whole(call.name, row.name, call.inputs, call.whole)
        return None

    def _is_opaque(self, value: Value) -> bool:
        """Whether a step made it that may have left whole numbers or truth values."""
        return any(isinstance(step, Opaque) and step.output == value.number for step in self.program.steps)


def constant(call: Call) -> Any:
    """A call without random arguments; it waits where it asks for the batch size.

    Raises:
        ArgumentError: If it cannot be run.
    """

    def function(*arguments: Any, **keywords: Any) -> Any:
        return wide(call.function(*arguments, **keywords))

    if needs_rows((call.arguments, call.keywords)):
        return per_batch(function, call.arguments, call.keywords)
    try:
        return function(*call.arguments, **call.keywords)
    except Exception as error:
        raise ArgumentError(
            "model", expected="constant parts that can be run in float64", got=first_line(error)
        ) from error


def assigned(x: Tensor, index: Any, value: Any) -> Tensor:
    """The result of x[index] = value, written into a copy.

    Example:
        >>> assigned(torch.zeros(2), 0, 1.0).tolist()
        [1.0, 0.0]
    """
    made = x.clone()
    made[index] = value
    return made


def called(target: Any) -> Any:
    """A target of a graph as a function: a method by its name, an assignment into a copy, a view of any memory.

    Example:
        >>> called("sum")(torch.ones(3)).item()
        3.0
    """
    if target == "view":  # what lies how in memory is not kept
        return lambda first, *rest: first.view(*rest) if isinstance(rest[0], torch.dtype) else first.reshape(*rest)
    if isinstance(target, str):
        return lambda first, *rest, **named: getattr(first, target)(*rest, **named)
    return assigned if target is operator.setitem else target


def _option(call: Call, place: int, name: str, *, default: Any) -> Any:
    return call.arguments[place] if len(call.arguments) > place else call.keywords.get(name, default)


def _probability(call: Call) -> float:
    training = _option(call, 2, "training", default=call.keywords.get("train", True))
    return float(_option(call, 1, "p", default=0.5)) if training else 0.0


def _keeps_numbers(call: Call) -> bool:
    """Whether a change of type leaves numbers with fractions."""
    given = [x for x in (*call.arguments[1:], *call.keywords.values()) if isinstance(x, torch.dtype)]
    return all(x.is_floating_point for x in given)
