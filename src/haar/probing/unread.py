"""Parts of a graph that a model does not read, such as positions beside a model of edges alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from haar.containers import parts_of, tensors_of
from haar.probing.drawn import drawn_like
from haar.probing.undisturbed import undisturbed


def without_unread(graph: Any, named: set[Any], model: Callable[..., Any]) -> Any:
    """A graph without the numbers that have no action and that the model does not read; itself where it reads them.

    Tried by running the model with them, without them, and with others in their place.

    Args:
        graph: As PyTorch Geometric has it.
        named: The parts that have an action.
        model: Takes the graph.
    """
    parts = parts_of(graph) or {}
    extra = [
        key
        for key, part in parts.items()
        if key not in named and key != "y" and isinstance(part, Tensor) and part.is_floating_point()
    ]
    if not extra:
        return graph
    bare, other = copy.copy(graph), copy.copy(graph)
    for key in extra:
        del bare[key]
        other[key] = drawn_like(parts[key])
    answers = [_answer(model, given) for given in (graph, bare, other)]
    if any(answer is None for answer in answers):
        return graph
    first, *rest = [tensors_of(answer) for answer in answers]
    return bare if all(_same(first, ys) for ys in rest) else graph


def _same(first: list[Tensor], second: list[Tensor]) -> bool:
    return len(first) == len(second) and all(
        a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(first, second, strict=True)
    )


def _answer(model: Callable[..., Any], graph: Any) -> Any:
    """What it gives; None where it cannot be run so."""
    with undisturbed(model), torch.no_grad():
        try:
            return model(graph)
        except Exception:  # noqa: BLE001 (a model fails in any way it likes; who needs it runs it again)
            return None
