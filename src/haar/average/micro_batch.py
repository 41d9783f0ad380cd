"""How many copies to run in one forward pass: chosen by a one-off timing under a memory bound."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from haar.average.orbit_table import OrbitTables

#: Seconds: what no clock tells from zero, as a divisor.
_SHORTEST = 1e-9

#: A plan must beat the plain loop by this factor to be preferred: ties go to the smaller memory.
_GAIN = 0.97
#: So many of the fastest plans are compared with the loop over all elements.
_FINALISTS = 3
#: Passes longer than this are timed once, shorter ones several times.
_LONG = 0.25
#: Seconds that a plan is timed for, where that takes more than three passes.
_ENOUGH = 0.03


@dataclass(frozen=True)
class Plan:
    """How to run an orbit.

    Attributes:
        elements: Elements per forward pass.
        channels_last: The layout of grids.
        tables: Where all elements move at once.
        independent: Whether samples of one batch leave each other alone, as far as it was asked.
        differentiates: Whether the model takes derivatives inside forward where gradients are off.
    """

    elements: int
    channels_last: bool = False
    tables: OrbitTables | None = field(default=None, compare=False, repr=False)
    independent: bool = field(default=False, compare=False, repr=False)
    differentiates: bool = field(default=False, compare=False, repr=False)


def choose_plan(
    model: Callable[..., Any],
    run: Callable[[Plan, int], object],
    n_elements: int,
    leaves: Sequence[Tensor],
    memory_limit: int | None,
) -> Plan:
    """Time a few micro-batches once and keep the fastest per element.

    Args:
        model: The model, looked at for its layers.
        run: Runs one forward pass of a plan, from some element on.
        n_elements: Size of the weighted set.
        leaves: The input tensors.
        memory_limit: Bytes for the activations of one pass; by default a quarter of the free memory.

    Returns:
        The plan with the least time per element; the plain loop unless another is clearly faster.
    """
    loop = Plan(1)
    if n_elements == 1:
        return loop
    most = most_elements(run, n_elements, leaves, memory_limit)
    first = _timed(run, loop)
    repeats = 1 if first > _LONG else min(12, max(3, round(_ENOUGH / first)))
    found = {loop: _seconds(run, loop, repeats)}
    for channels_last in layouts(model, leaves):
        worse, best_here = 0, found[loop] if not channels_last else float("inf")
        for size in _sizes(most):
            plan = Plan(size, channels_last)
            if plan == loop:
                continue
            seconds = found[plan] = _seconds(run, plan, repeats)
            worse, best_here = (0, seconds) if seconds < best_here else (worse + 1, best_here)
            if worse == 2 or (worse and repeats == 1):
                break
    faster = sorted((plan for plan in found if found[plan] < _GAIN * found[loop]), key=found.__getitem__)
    return _winner(run, faster[: 1 if repeats == 1 else _FINALISTS], loop, n_elements, rounds=1 if repeats == 1 else 5)


def layouts(model: Callable[..., Any], leaves: Sequence[Tensor]) -> list[bool]:
    """Whether channels last is worth a try: for convolutions over two or three axes."""
    axes = {m.weight.ndim for m in model.modules() if _is_convolution(m)} if isinstance(model, nn.Module) else set()
    return [False, True] if any(x.ndim in axes for x in leaves if x.ndim in (4, 5)) else [False]


def _is_convolution(module: nn.Module) -> bool:
    return isinstance(module, (nn.Conv2d, nn.Conv3d))


def _sizes(most: int) -> list[int]:
    """Numbers of elements per pass that leave no small rest: the most, halved again and again."""
    sizes = {most}
    while min(sizes) > 1:
        sizes.add(-(-min(sizes) // 2))
    return sorted(sizes)


def _seconds(run: Callable[[Plan, int], object], plan: Plan, repeats: int) -> float:
    """Least seconds per element."""
    if repeats > 1:  # the first passes of a size also pay for memory that later ones find ready
        _timed(run, plan)
        _timed(run, plan)
    return min(_timed(run, plan) for _ in range(repeats)) / plan.elements


def _winner(
    run: Callable[[Plan, int], object], plans: Sequence[Plan], loop: Plan, n_elements: int, *, rounds: int
) -> Plan:
    """The plan with the least time for all elements, in turns so that a busy machine slows all; or the loop."""
    ratios: dict[Plan, list[float]] = {plan: [] for plan in plans}
    for _ in range(rounds if plans else 0):
        slow = max(sum(_timed(run, loop, start) for start in range(n_elements)), _SHORTEST)
        for plan, seen in ratios.items():
            seen.append(sum(_timed(run, plan, start) for start in range(0, n_elements, plan.elements)) / slow)
    middle = {plan: sorted(seen)[len(seen) // 2] for plan, seen in ratios.items()}
    best = min(middle, key=middle.__getitem__, default=loop)
    return best if best != loop and middle[best] < _GAIN else loop


def _timed(run: Callable[[Plan, int], object], plan: Plan, first: int = 0) -> float:
    _wait()
    start = clock()
    run(plan, first)
    _wait()
    return clock() - start


def clock() -> float:
    """Seconds; on one thread of a CPU those of this process alone, which other work on the machine does not disturb."""
    alone = torch.get_num_threads() == 1 and not (torch.cuda.is_available() and torch.cuda.is_initialized())
    return time.process_time() if alone else time.perf_counter()


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def most_elements(
    run: Callable[[Plan, int], object], n_elements: int, leaves: Sequence[Tensor], memory_limit: int | None
) -> int:
    """How many copies fit, from the bytes that one copy makes."""
    limit = memory_limit if memory_limit is not None else _free_bytes(leaves) // 4
    with _Bytes() as made:
        run(Plan(1), 0)
    return int(max(1, min(n_elements, limit // max(made.total, 1))))


class _Bytes(TorchDispatchMode):
    """Counts the bytes of every new tensor: what one pass needs at most, whatever is freed on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        known = {_address(x) for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        out = func(*args, **(kwargs or {}))
        for x in pytree.tree_leaves(out):
            if isinstance(x, Tensor) and _address(x) not in known:
                self.total += x.numel() * x.element_size()
        return out


def _address(x: Tensor) -> int:
    return x.untyped_storage().data_ptr()


def _free_bytes(leaves: Sequence[Tensor]) -> int:
    if leaves and leaves[0].is_cuda:
        return int(torch.cuda.mem_get_info(leaves[0].device)[0])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
