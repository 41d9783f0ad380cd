"""Activation matching: units that do the same on the same inputs are the same units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.align.grams import UNCOUNTED, PairGrams
from haar.align.matching import best_element
from haar.align.states import called
from haar.errors import ArgumentError
from haar.probing import undisturbed
from haar.weights import Gauge, ParameterAction
from haar.weights.entries import Entry
from haar.weights.labels import Leg
from haar.weights.models import State


def match_activations(
    action: ParameterAction, models: tuple[nn.Module, nn.Module], states: tuple[State, State], example: Any
) -> Gauge:
    """The element for which the two networks' activations are nearest, on given inputs.

    What a layer returns stands for the axis of its weight that is written to, what it is given for the axis that
    reads. One pass is enough, for a site's activations are moved by the site alone. Before a batch norm, correlations
    count: mean and size of what a unit does are not seen there.

    Args:
        action: The table.
        models: The two models; they are left as they were.
        states: Their parameters in canonical form.
        example: Inputs, or a tuple of them.

    Raises:
        ArgumentError: If there are no inputs, activations on them are not finite, or a site has none that could be read
            off a layer.
    """
    if example is None:
        raise ArgumentError("example", expected="inputs to compute activations on", got="None")
    inputs = tuple(example) if isinstance(example, (tuple, list)) else (example,)
    seen = [_activations(action, model, state, inputs) for model, state in zip(models, states, strict=True)]
    grams: dict[str, dict[str, Tensor | PairGrams]] = {name: {} for name in action.sites}
    for (row, axis), mine in seen[0].items():
        entry = action.entries[row]
        if (row, axis) not in seen[1]:
            continue
        other = seen[1][row, axis]
        for part in entry.parts(axis, mine.shape[0]):
            leg = part.leg
            if leg.site and leg.port not in action.sites[leg.site].nested:
                here, there = (_seen(one.narrow(0, part.start, part.length), leg) for one in (mine, other))
                size = action.sites[leg.site].ports[leg.port]
                gram = (here.reshape(size, -1) @ there.reshape(size, -1).mT).double()
                found = grams[leg.site]
                total = found.get(leg.port)
                found[leg.port] = total + gram if isinstance(total, Tensor) else gram
    for name, found in grams.items():
        if not found:
            raise ArgumentError(
                "how",
                expected="layers whose activations tell a site's units apart",
                got=f"none for {name!r}",
                way_out="how='weights' needs none",
            )
    return Gauge({name: best_element(action, name, grams[name]) for name in action.sites})


def _seen(activations: Float[Tensor, "units samples"], leg: Leg) -> Float[Tensor, "units samples"]:
    """What of activations is seen: before a norm over samples (``"^"``) neither their mean nor their size."""
    if leg.mark != "^":
        return activations
    centred = activations - activations.mean(1, keepdim=True)
    size = centred.norm(dim=1, keepdim=True)
    return centred / torch.where(size > 0, size, 1)


def _activations(
    action: ParameterAction, model: nn.Module, state: State, inputs: tuple[Any, ...]
) -> dict[tuple[str, int], Tensor]:
    """For each row that is a layer's weight, and each of its first two axes, units x (samples and places)."""
    found: dict[tuple[str, int], Tensor] = {}
    with torch.no_grad(), undisturbed(model), _watching(action, model, found):
        called(model, state)(*inputs)
    for (row, _), seen in found.items():
        if not seen.isfinite().all():
            raise ArgumentError("example", expected="inputs on which activations are finite", got=f"others at {row!r}")
    return found


@contextmanager
def _watching(action: ParameterAction, model: nn.Module, found: dict[tuple[str, int], Tensor]) -> Iterator[None]:
    handles = []
    modules: Mapping[str, nn.Module] = dict(model.named_modules())
    for row, entry in action.entries.items():
        path, _, attribute = row.rpartition(".")
        if attribute == "weight" and len(entry.axes) >= 2 and not row.endswith(UNCOUNTED) and path in modules:
            module = modules[path]
            if isinstance(module, nn.Embedding):
                continue
            handles.append(module.register_forward_hook(_reader(row, entry, found)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _summed(value: Tensor) -> torch.dtype:
    """The precision in which activations are multiplied: their own, or single where that is less."""
    return torch.promote_types(value.dtype, torch.float32)


def _reader(row: str, entry: Entry, found: dict[tuple[str, int], Tensor]) -> Any:
    def read(module: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
        weight = module.weight
        if not isinstance(weight, Tensor) or not isinstance(returned, Tensor) or not given:
            return
        at = 1 if weight.ndim > 2 else -1  # channels of a convolution, or the last axis
        for axis in range(2):
            dual = any(leg.dual or leg.port == "o" for leg in entry.axes[axis])
            value = given[0] if dual else returned
            if isinstance(value, Tensor) and value.shape[at] == weight.shape[axis]:
                # in the model's own precision, and half the memory of double: sums of many products follow in double
                found[row, axis] = value.movedim(at, 0).reshape(weight.shape[axis], -1).to(_summed(value))

    return read
