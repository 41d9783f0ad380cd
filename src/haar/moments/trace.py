"""From a trained model to a program of steps, and both run side by side where the model is more than torch's layers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from haar.errors import ArgumentError, HaarError
from haar.moments.beside import compared, independent, stateful
from haar.moments.double_precision import in_precision, wide
from haar.moments.graph_layers import is_graph_layer
from haar.moments.joint import InputLaw
from haar.moments.model_run import ModelRun
from haar.moments.program import Elementwise, Opaque, Program
from haar.moments.registry import Registered
from haar.moments.side_effects import without_side_effects
from haar.moments.step_builder import Given, first_line, refuse_complex
from haar.moments.walker import Walker
from haar.probing import left_alone
from haar.tracing import Followed, Leaves, NotFollowedError, chain, follow, leaves_of

#: Two ways to compute an activation differ by no more, relative to what it is given.
_ROUNDED = 1e-8


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

    A chain of torch's own dense layers and activations is what their classes say: it is written down without a run. The
    model is not changed; training mode is respected (dropout then counts as noise, batch normalisation is refused).
    Parameters are read in float64 and stay differentiable. What the output does not need is left out. Writing in place
    is followed to every name of the memory, or refused.

    Args:
        model: Any module whose run is a graph of torch's calls, see `haar.tracing`.
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
        ArgumentError: If the model cannot be traced, its inputs do not fit, or a weight is not finite.

    Example:
        >>> program = trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), (2,))
        >>> [step.kind for step in program.steps]
        ['Linear', 'relu']
    """
    if on_unsupported not in ("raise", "linearise", "sample"):
        raise ArgumentError("on_unsupported", expected="'raise', 'linearise' or 'sample'", got=repr(on_unsupported))
    given = Given(
        model, tuple(input_shape), dict(activations or {}), tuple(affine), dict(constants or {}), on_unsupported
    )
    _check_constants(given)
    _check_finite(model)
    try:
        with left_alone(model):
            return _followed(given, law)
    except HaarError as error:
        if on_unsupported != "sample":
            raise
        with left_alone(model):
            return _as_a_whole(given, law, error)


def _followed(given: Given, law: InputLaw | None) -> Program:
    """The model step by step."""
    leaves = _leaves(given)
    known = _known(given, leaves)
    if known is not None:
        return known
    run = ModelRun(given.model, given.input_shape, given.constants)
    followed = _graph(given, run, leaves)
    try:
        program = Walker(followed, given, leaves).run()
        compared(program, run, law)
    except HaarError:
        raise
    except Exception as error:  # a step that runs on the model's own numbers may not run on others
        raise ArgumentError(
            "model",
            expected="steps that can be run one by one in float64",
            got=f"{type(given.model).__name__} ({first_line(error)})",
            way_out="pass on_unsupported='sample', which runs the model as a whole",
        ) from error
    return program


def _known(given: Given, leaves: Leaves) -> Program | None:
    """The program of a chain of torch's own layers; None for what has to be run, or has settings that do not fit."""
    if given.extra or given.affine or given.constants:
        return None
    followed = chain(given.model, given.input_shape)
    if followed is None:
        return None
    try:
        program = Walker(followed, given, leaves).run()
        return program if _says_what_it_does(followed, program) else None
    except Exception:  # noqa: BLE001 (of a setting that torch refuses as well: a run says which)
        return None


def _says_what_it_does(followed: Followed, program: Program) -> bool:
    """Whether the activations of a chain are those of their names with the settings that they have.

    Softplus with a low threshold is none, for example: a run then says so.
    """
    z = torch.linspace(-40.0, 40.0, 321, dtype=torch.float64)
    layers = [followed.module(node) for node in followed.graph.nodes if node.op == "call_module"]
    layers = [layer for layer in layers if not isinstance(layer, (nn.Linear, nn.Identity))]
    steps = [step for step in program.steps if isinstance(step, Elementwise)]
    with torch.no_grad():
        return len(layers) == len(steps) and all(
            bool(((step.activation(z) - layer(z)).abs() <= _ROUNDED * (1.0 + z.abs())).all())
            for step, layer in zip(steps, layers, strict=True)
        )


def _leaves(given: Given) -> Leaves:
    """Torch's own modules, the caller's, and message passing."""
    known = leaves_of(*(kind for kind in given.extra if isinstance(kind, type)), *given.affine)
    return lambda module, path: known(module, path) or is_graph_layer(module)


def _graph(given: Given, run: ModelRun, leaves: Leaves) -> Followed:
    """The model run on two batches and written down, without side effects.

    Raises:
        ArgumentError: If it cannot be run, or its run is no graph.
    """
    generator, model = torch.Generator().manual_seed(0), given.model
    drawn = [torch.randn(rows, *given.input_shape, generator=generator).to(run.device) for rows in (2, 3)]
    try:
        with left_alone(model):
            followed, inputs = _run_twice(given, run, drawn, leaves)
    except NotFollowedError as error:
        if not run.steady(drawn[0]):
            raise stateful(run) from error
        raise NotFollowedError(
            "model",
            expected=error.expected,
            got=error.got,
            way_out="put that part into a module of its own and register it, or pass on_unsupported='sample', "
            "which takes any module",
        ) from error
    except Exception as error:  # whatever the model raises
        for name, module in model.named_modules():
            refuse_complex(name or type(model).__name__, module.parameters(recurse=False))
        raise ArgumentError(
            "input_shape",
            expected=f"an input that {type(model).__name__} accepts",
            got=f"shapes {given.input_shape} ({first_line(error)})",
            way_out="pass input_shape= without the batch axis, and do not fix the batch size in the model",
        ) from error
    without_side_effects(followed, inputs)
    return followed


def _run_twice(given: Given, run: ModelRun, drawn: list[Tensor], leaves: Leaves) -> tuple[Followed, list[Any]]:
    """The graph in the model's own precision, or in double where its parts do not agree on one; and its inputs."""
    problem: Exception | None = None
    for dtype, state in ((run.own, None), (torch.float64, _state(given.model))):
        rows, constants = [x.to(dtype) for x in drawn], in_precision(given.constants, dtype)
        first, again = rows[0].clone(), rows[1].clone()  # they may be written
        try:
            followed = follow(given.model, [first], again=[again], constants=constants, leaves=leaves, state=state)
        except NotFollowedError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever the model raises)
            problem = problem or error
            continue
        placeholders = [str(node.target) for node in followed.graph.nodes if node.op == "placeholder"]
        return followed, [constants.get(name, rows[0]) for name in placeholders]
    raise problem or RuntimeError


def _state(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers in double precision."""
    wider: dict[str, Tensor] = wide({**dict(model.named_parameters()), **dict(model.named_buffers())})
    return wider


def _check_constants(given: Given) -> None:
    """Every further input of the model has a value or a default."""
    try:
        parameters = inspect.signature(given.model.forward).parameters.values()
    except (TypeError, ValueError):
        return
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    open_ones = [p for p in named if p.name not in given.constants]
    for p in open_ones[1:]:
        if p.default is p.empty:
            raise ArgumentError(
                "constants",
                expected=f"a value for the model's input {p.name!r}",
                got=f"{sorted(given.constants) or 'nothing'}",
                way_out=f"pass constants={{{p.name!r}: ...}}; only the first input is random",
            )


def _check_finite(model: nn.Module) -> None:
    """Refuse weights and statistics that are no numbers: every moment would be none."""
    for name, parameter in model.named_parameters():
        plain = parameter.layout is torch.strided and not (parameter.is_meta or is_lazy(parameter))
        if plain and not bool(parameter.isfinite().all()):
            raise ArgumentError("model", expected="finite weights", got=f"NaN or infinity in {name!r}")
    for place, norm in model.named_modules():  # buffers of the user's own may be read nowhere
        if isinstance(norm, nn.modules.batchnorm._NormBase):  # noqa: SLF001 (all of torch's that keep statistics)
            for name, buffer in norm.named_buffers(prefix=place, recurse=False):
                if not (buffer.is_meta or is_lazy(buffer)) and bool(buffer.isnan().any()):
                    raise ArgumentError("model", expected="statistics that are numbers", got=f"NaN in {name!r}")


def _as_a_whole(given: Given, law: InputLaw | None, error: HaarError) -> Program:
    """The model as one part that is sampled; where it cannot be run at all, the first error stands."""
    run = ModelRun(given.model, given.input_shape, given.constants)
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
