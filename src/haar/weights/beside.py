"""A table that was found, tried beside its model before anyone uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.probing import undisturbed
from haar.weights.action import ParameterAction


def check_beside(model: nn.Module, inputs: Sequence[Any], action: ParameterAction) -> None:
    """Refuse a table under which one run of the model changes, when all its sites move at once.

    The run is in the model's own precision, so only what is wrong by more than rounding is seen: `verify` sees the
    rest. Nothing is said of models that draw numbers, or whose parameters no element may move (half precision, NaN).

    Args:
        model: The model; it is left as it was.
        inputs: Its inputs.
        action: The table.

    Raises:
        ArgumentError: If an output changes.
    """
    state = {name: value.detach() for name, value in model.state_dict().items()}
    dtypes = {value.dtype for value in state.values() if value.is_floating_point()}
    dtype = torch.float64 if dtypes == {torch.float64} else torch.float32
    try:
        moved = action.act(action.random(0, dtype=dtype), state)
    except ArgumentError:  # said again, by the name that the caller gave them, where the parameters are used
        return
    draws, here = _run(model, state, inputs)
    if draws:
        return
    _, there = _run(model, moved, inputs)
    size = max((float(x.abs().max()) for x in here if x.numel()), default=0.0)
    gap = max((float((x - y).abs().max()) for x, y in zip(here, there, strict=True) if x.numel()), default=0.0)
    if gap > torch.finfo(dtype).eps ** 0.5 * size:
        raise ArgumentError(
            "model",
            expected="a model of which one run says which units may change places",
            got=f"{type(model).__name__}, whose outputs change by {gap / size:.2g} of their size when they do",
            way_out="write the table by hand: haar.weights.ParameterAction says how",
        )


def _run(model: nn.Module, state: Mapping[str, Tensor], inputs: Sequence[Any]) -> tuple[bool, list[Tensor]]:
    """Whether a run draws random numbers, and what it gives that is floating point."""
    with torch.no_grad(), undisturbed(model):
        before = torch.get_rng_state()
        found = torch.func.functional_call(model, dict(state), tuple(inputs), tie_weights=False)
        draws = not torch.equal(before, torch.get_rng_state())
    return draws, [x.double() for x in _tensors(found) if x.is_floating_point()]


def _tensors(found: Any) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, Mapping):
        for value in found.values():
            yield from _tensors(value)
    elif isinstance(found, (tuple, list)):
        for value in found:
            yield from _tensors(value)
