"""From a trained model to a program of steps, by torch.fx, and both run side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn

from haar.errors import ArgumentError, HaarError
from haar.moments.affine_calls import AFFINE_MODULES, BATCH_NORMS, DROPOUTS, in_precision
from haar.moments.beside import compared, independent
from haar.moments.joint import InputLaw
from haar.moments.model_run import ModelRun
from haar.moments.program import Opaque, Program
from haar.moments.registry import KNOWN_ACTIVATIONS, Registered
from haar.moments.side_effects import without_side_effects
from haar.moments.step_builder import first_line
from haar.moments.tracer import Tracer, is_plain
from haar.moments.walker import Given, Walker
from haar.probing import left_alone


def trace(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
    law: InputLaw | None = None,
) -> Program:
    """Follow a model once, write it down as affine maps and activations, and run both side by side.

    The model is not changed; training mode is respected (dropout then counts as noise, batch normalisation is refused).
    Parameters are read in float64 and stay differentiable. What the output does not need is left out. Writing in place
    is followed to every name of the memory, or refused.

    Args:
        model: Any module that torch.fx can trace: Sequential, residual sums, shared modules, own forward methods.
        input_shape: Shape of one input, without the batch axis.
        activations: Additional activations: module class or function to `Activation`, or to a function of the module.
        affine: Additional module classes that are affine in their first argument.
        constants: Values for further inputs of `forward`, by name (an adjacency, edge indices, a mask).
        on_unsupported: What to do with a part that has no closed form: ``"raise"`` names it; ``"linearise"`` at the
            mean and ``"sample"`` go on and mark the step. ``"sample"`` also takes a model that cannot be traced, or
            whose trace is not the model, as one such part.
        law: Law of the input: its draws are among those on which the program and the model must agree.

    Raises:
        UnsupportedModuleError: If a part has no closed form and no opt-in was given, or the program is not the model.
        ArgumentError: If the model cannot be traced, or its inputs do not fit.

    Example:
        >>> program = trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), (2,))
        >>> [step.kind for step in program.steps]
        ['Linear', 'relu']
    """
    if on_unsupported not in ("raise", "linearise", "sample"):
        raise ArgumentError("on_unsupported", expected="'raise', 'linearise' or 'sample'", got=repr(on_unsupported))
    extra = dict(activations or {})
    known = (*AFFINE_MODULES, *BATCH_NORMS, *DROPOUTS, *KNOWN_ACTIVATIONS)
    tracer = Tracer((*(k for k in extra if isinstance(k, type)), *affine), known)
    given = Given(model, tuple(input_shape), extra, tuple(affine), dict(constants or {}), on_unsupported)
    try:
        with left_alone(model):
            return _followed(given, tracer, law)
    except HaarError as error:
        if on_unsupported != "sample":
            raise
        with left_alone(model):
            return _as_a_whole(given, law, error)


def _followed(given: Given, tracer: Tracer, law: InputLaw | None) -> Program:
    """The model step by step."""
    model = given.model
    # Hooks of the outermost module are not among what its forward method does; inside another module they are.
    alone = tracer.is_leaf_module(model, "") or not (is_plain(model) or given.constants)
    root = nn.Sequential(model) if alone else model
    try:
        graph = tracer.trace(root)
    except Exception as error:  # torch.fx raises many kinds; each means the same here
        raise ArgumentError(
            "model",
            expected="a module that torch.fx can trace",
            got=f"{type(model).__name__} ({first_line(error)})",
            way_out="put the part with data-dependent control flow into a module of its own and register it, "
            "or pass on_unsupported='sample', which takes any module",
        ) from error
    run, names = _model_run(given, [node for node in graph.nodes if node.op == "placeholder"])
    rows = torch.randn(2, *given.input_shape, generator=torch.Generator().manual_seed(0))
    constants = in_precision(given.constants, run.own)
    without_side_effects(graph, root, {**constants, names: rows.to(run.device, run.own)})
    builder = Walker(root, given, tracer)
    try:
        program = builder.run(graph, strip=alone)
        program.output = builder.found
        compared(program, run, law)
    except HaarError:
        raise
    except Exception as error:  # a step that runs on the model's own numbers may not run on others
        raise ArgumentError(
            "model",
            expected="steps that can be run one by one in float64",
            got=f"{type(model).__name__} ({first_line(error)})",
            way_out="pass on_unsupported='sample', which runs the model as a whole",
        ) from error
    return program


def _model_run(given: Given, inputs: Sequence[fx.Node]) -> tuple[ModelRun, str]:
    """The model itself, and the name of its random input."""
    names = [str(node.target) for node in inputs]
    random = next((name for name in names if name not in given.constants), names[0] if names else "")
    before = names[: names.index(random)] if random in names else []
    named = {name: value for name, value in given.constants.items() if name not in before}
    return ModelRun(given.model, given.input_shape, [given.constants[name] for name in before], named), random


def _as_a_whole(given: Given, law: InputLaw | None, error: HaarError) -> Program:
    """The model as one part that is sampled; where it cannot be run at all, the first error stands."""
    run = ModelRun(given.model, given.input_shape, (), given.constants)
    rows = torch.randn(2, *given.input_shape, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            made = run(rows)
    except HaarError:
        raise error from None
    independent(run, law)
    kind = type(given.model).__name__
    step = Opaque(kind, kind, (0,), 1, lambda events: run.alone(events[0]), "sample")
    return Program(shapes={0: given.input_shape, 1: tuple(made.shape[1:])}, steps=[step], output=1)
