"""Steps with gradients that keep no graph: they are taken again on the way back.

torch's own checkpoints build the graph on the way there and empty it of tensors; its nodes alone, a hundred a step, are
then as large as the tensors of a small grid. Here the way there has no graph at all. What a step depends on beside the
state, the weights of a collision and whatever else requires gradients, is read off the graph of a single step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from haar.errors import HaarError

Step = Callable[[Tensor], Tensor]


def recomputed(step: Step, f: Tensor, lengths: Sequence[int]) -> Tensor:
    """Segments of steps, of which the first states are kept.

    Args:
        step: One step, with gradients.
        f: The state at the start.
        lengths: Steps of every segment.

    Raises:
        HaarError: On the way back, if a step depends on other tensors than the first one did.
    """
    if not torch.is_grad_enabled() or not lengths:
        return _several(step, f, sum(lengths))
    with _drawing(f, None):
        start = f.detach().requires_grad_()
        leaves = [leaf for leaf in _leaves(step(start)) if leaf is not start]
    for count in lengths:
        f = _Segment.apply(step, count, f, *leaves)  # type: ignore[no-untyped-call]
    return f


def _several(step: Step, f: Tensor, count: int) -> Tensor:
    for _ in range(count):
        f = step(f)
    return f


class _Segment(torch.autograd.Function):
    """A few steps."""

    @staticmethod
    def forward(ctx: Any, step: Step, count: int, f: Tensor, *leaves: Tensor) -> Tensor:
        kind = f.device.type
        ctx.step, ctx.count, ctx.drawn = step, count, _drawn(f)
        ctx.autocast = {"enabled": torch.is_autocast_enabled(kind), "dtype": torch.get_autocast_dtype(kind)}
        ctx.save_for_backward(f, *leaves)
        with torch.no_grad():
            return _several(step, f, count)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        f, *leaves = ctx.saved_tensors
        with torch.enable_grad(), _drawing(f, ctx.drawn):
            start = f.detach().requires_grad_()
            with torch.autocast(f.device.type, **ctx.autocast):
                end = _several(ctx.step, start, ctx.count)
            known = {id(leaf) for leaf in (start, *leaves)}
            if any(id(leaf) not in known for leaf in _leaves(end)):
                raise HaarError(
                    "rollout: expected steps that depend on the same weights throughout, got one that depends on "
                    "others than the first; take the steps with host.step"
                )
            # what lies before the steps, such as a rate that a network gave, is passed by every segment anew
            found = torch.autograd.grad(end, [start, *leaves], gradient, retain_graph=bool(leaves), allow_unused=True)
        return (None, None, *found)


def _drawn(f: Tensor) -> tuple[Tensor, Tensor | None]:
    """The state of torch's random numbers, on the machine and where f is."""
    return torch.get_rng_state(), torch.cuda.get_rng_state(f.device) if f.is_cuda else None


@contextmanager
def _drawing(f: Tensor, state: tuple[Tensor, Tensor | None] | None) -> Iterator[None]:
    """Random numbers as they were, and afterwards as if none had been drawn."""
    with torch.random.fork_rng([f.device.index] if f.is_cuda else []):
        if state is not None:
            here, there = state
            torch.set_rng_state(here)
            if there is not None:
                torch.cuda.set_rng_state(there, f.device)
        yield


def _leaves(end: Tensor) -> list[Tensor]:
    """All tensors that something was computed from and that want gradients, but the state that came first."""
    seen, ahead, found = set(), [end.grad_fn], []
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        ahead += [before for before, _ in node.next_functions]
    return found
