"""A model's manners, found out by running it: is it stochastic, and do copies in one batch leave each other alone?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError, KeywordError
from haar.probing.beside import all_agree, another_order


def check_call(model: Any, symmetry: Any) -> None:
    """Say in a line what is no model, or no symmetry.

    Raises:
        ArgumentError: If the model cannot be called, or is a class, or the symmetry is something else.
    """
    check_model(model)
    check_symmetry(symmetry)
    check_arguments(model, len(symmetry.inputs))


def check_symmetry(symmetry: Any) -> None:
    """Say in a line what is no symmetry.

    Raises:
        ArgumentError: If it is something else, such as a group or its name.
    """
    if not isinstance(symmetry, Symmetry):
        raise ArgumentError(
            "symmetry",
            expected="a haar.Symmetry: a group and how it acts",
            got=repr(symmetry),
            way_out='haar.Symmetry.of_fields(group, "density, velocity:vector")',
        )


def check_model(model: Any) -> None:
    """Say in a line what is no model.

    Raises:
        ArgumentError: If it cannot be called, or is a class of modules, which makes models.
    """
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise ArgumentError(
            "model",
            expected="a torch module or a function",
            got=f"the class {model.__name__}",
            way_out=f"make one: {model.__name__}(...)",
        )
    if not callable(model):
        estimator = hasattr(model, "predict")
        raise ArgumentError(
            "model",
            expected="a torch module or a function",
            got=type(model).__name__ if estimator else repr(model),
            way_out="lambda x: torch.as_tensor(estimator.predict(x.numpy()))"
            if estimator
            else "load it first, in eval mode",
        )


def check_weights(model: Any) -> None:
    """Say in a line that a model that is to be run has no weights, which shapes alone do without.

    Raises:
        ArgumentError: If some of its parameters are on the meta device.
    """
    if isinstance(model, nn.Module) and any(p.is_meta for p in model.parameters()):
        raise ArgumentError(
            "model",
            expected="weights that are there",
            got="parameters on the meta device",
            way_out="model.to_empty(device='cpu'), then load its weights",
        )


def check_arguments(model: Callable[..., Any], count: int, *, way_out: str = "") -> None:
    """Say in a line that a model takes another number of inputs than it will be given; where it does not tell, nothing.

    Args:
        model: The model.
        count: Inputs that it is to be called with, by position.
        way_out: What to do; by default how a symmetry has as many actions.

    Raises:
        ArgumentError: If it needs more of them, takes fewer, or needs some by name.
    """
    try:
        parameters = inspect.signature(model.forward if isinstance(model, nn.Module) else model).parameters.values()
    except (TypeError, ValueError):  # a function written in C
        return
    many = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    placed = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    bare = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if many or (len(bare) <= count <= len(placed) and {*bare} <= {*placed}):
        return
    told = f"one that needs {', '.join(bare) or 'none'}"
    if count > len(placed) > len(bare):
        told = f"one that takes {', '.join(placed)}"
    raise ArgumentError(
        "model",
        expected=f"a model of {count} input{'s' * (count != 1)}" + ", one for each action" * (not way_out),
        got=told,
        way_out=way_out
        or "Symmetry(group, (action, action, ...), outputs) has one for each; what nothing moves is "
        "Invariant(group), and lambda x: model(x, ...) fixes one",
    )


def by_position(model: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The inputs in the order in which the model takes them, which is that of the actions.

    Raises:
        KeywordError: If the model takes no such arguments.
        ArgumentError: If it takes one of them by its name alone.
    """
    if not named:
        return args
    try:
        bound = inspect.signature(model.forward if isinstance(model, nn.Module) else model).bind(*args, **named)
    except (TypeError, ValueError) as error:  # of a function written in C there is no signature
        raise KeywordError("args", expected="the model's own arguments", got=str(error).removeprefix("got ")) from error
    if bound.kwargs:
        name = next(iter(bound.kwargs))
        raise ArgumentError(
            name,
            expected="inputs that the model takes by position, in the order of the actions",
            got="one given by its name alone",
            way_out=f"average lambda x, {name}: model(x, {name}={name})",
        )
    return bound.args


def mode_dependent_layers(model: Callable[..., Any]) -> tuple[tuple[str, nn.Module], ...]:
    """Layers that in train mode make copies of one input differ (dropout) or interact (batch norm), by name."""
    if not isinstance(model, nn.Module):
        return ()
    return tuple((name, module) for name, module in model.named_modules() if _depends_on_mode(module))


def refuse_train_mode(layers: Iterable[tuple[str, nn.Module]]) -> None:
    """Raise if one of the layers is in train mode.

    Raises:
        ArgumentError: Naming the first such layer.
    """
    for name, module in layers:
        if module.training:
            raise ArgumentError(
                "model",
                expected="eval mode",
                got=f"{type(module).__name__} {name!r} in train mode, where copies of one input interact or differ",
                way_out="call model.eval() first",
            )


def interacting_layer(model: Callable[..., Any]) -> str | None:
    """The name of a layer that says itself that samples of one batch influence each other, in eval mode too."""
    for name, module in model.named_modules() if isinstance(model, nn.Module) else ():
        norm = isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 (the base class of every batch norm)
        if norm and (module.running_mean is None or not module.track_running_stats):
            return f"{type(module).__name__} {name!r}, whose statistics are those of the batch"
    return None


def refuse_interacting(elements: int, layer: str | None = None) -> None:
    """Say that copies cannot be joined where several elements a pass were asked for.

    Raises:
        ArgumentError: Always.
    """
    raise ArgumentError(
        "micro_batch",
        expected="1 for a model in which the samples of a batch influence each other",
        got=f"{elements} and {layer}" if layer else elements,
        way_out='use micro_batch="auto"',
    )


def refuse_unsteady(
    run: Callable[[], Sequence[Tensor]], others: Callable[[], Sequence[Tensor]], fresh: Sequence[Tensor]
) -> None:
    """Run a model twice on one input, with others between, and raise if the outputs hang on more than the input.

    A difference of a few units in the last place (sums in another order on a GPU) is forgiven to a model that draws no
    random numbers of torch.

    Args:
        run: Runs the model on one input.
        others: Runs it on others, and gives what it returned for the first of them.
        fresh: What it returned for that one before.

    Raises:
        ArgumentError: If it draws random numbers that change its output, or remembers what it was given before.
    """
    before = _random_states()
    first, between, second = run(), others(), run()
    drew = any(not torch.equal(a, b) for a, b in zip(before, _random_states(), strict=True))
    if drew:
        steady = _equal(first, second) and _equal(fresh, between)
    else:
        steady = all(_equal(a, b) or all_agree(a, b, another_order) for a, b in ((first, second), (fresh, between)))
    if steady:
        return
    got = "a stochastic model: two runs differ" if drew else "one that remembers: two runs differ, and none is random"
    raise ArgumentError(
        "model",
        expected="the same output for the same input",
        got=got,
        way_out="fix its noise (a seed or a latent input), or pass check=False to average single draws"
        if drew
        else "hand its state over as an input and an output, or pass check=False to average what it says in turn",
    )


def _equal(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all(a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


@contextmanager
def unwritten(tensors: Iterable[Tensor]) -> Iterator[None]:
    """Refuse a model that writes into its inputs: moved copies may be views of one tensor.

    Raises:
        ArgumentError: If torch counts a write into one of the tensors.
    """
    counted = [x for x in tensors if not x.is_inference()]
    before = [x._version for x in counted]  # noqa: SLF001 (torch has no public name for it)
    yield
    if any(x._version != writes for x, writes in zip(counted, before, strict=True)):  # noqa: SLF001
        raise ArgumentError(
            "model",
            expected="a model that leaves its inputs as they are",
            got="one that writes into them (an operation in place, such as ReLU(inplace=True) at its beginning)",
            way_out="give lambda x: model(x.clone())",
        )


def _depends_on_mode(module: nn.Module) -> bool:
    if isinstance(module, nn.modules.dropout._DropoutNd):  # noqa: SLF001 (the base class of every dropout)
        return bool(module.p > 0)
    if isinstance(module, (nn.MultiheadAttention, nn.RNNBase)):
        return bool(module.dropout > 0)
    return isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.RReLU))  # noqa: SLF001 (the base class of every batch norm)


def _random_states() -> list[Tensor]:
    states = [torch.get_rng_state()]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states += torch.cuda.get_rng_state_all()
    return states
