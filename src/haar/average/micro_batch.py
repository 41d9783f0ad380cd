"""How many copies to run in one forward pass: chosen by a one-off timing under a memory bound."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

#: A plan must beat the plain loop by this factor to be preferred: ties go to the smaller memory.
_GAIN = 0.97
#: Passes longer than this are timed once, shorter ones several times.
_LONG = 0.25


@dataclass(frozen=True)
class Plan:
    """How to run an orbit: elements per forward pass, and whether grids are laid out channels last."""

    elements: int
    channels_last: bool = False


def choose_plan(
    model: Callable[..., Any],
    run: Callable[[Plan], object],
    n_elements: int,
    leaves: Sequence[Tensor],
    memory_limit: int | None,
) -> Plan:
    """Time a few micro-batches once and keep the fastest per element.

    Args:
        model: The model, looked at for its layers.
        run: Runs one forward pass of a plan.
        n_elements: Size of the weighted set.
        leaves: The input tensors.
        memory_limit: Bytes for the activations of one pass; by default a quarter of the free memory.

    Returns:
        The plan with the least time per element; the plain loop unless another is clearly faster.
    """
    loop = Plan(1)
    if n_elements == 1:
        return loop
    most = _most_elements(run, n_elements, leaves, memory_limit)
    start = time.perf_counter()
    _timed(run, loop)
    repeats = 1 if time.perf_counter() - start > _LONG else 3
    best, best_seconds = loop, _seconds(run, loop, repeats)
    for channels_last in layouts(model, leaves):
        worse = 0
        for size in _sizes(most):
            plan = Plan(size, channels_last)
            if plan == loop:
                continue
            seconds = _seconds(run, plan, repeats)
            if seconds < best_seconds:
                best, best_seconds, worse = plan, seconds, 0
            else:
                worse += 1
            if worse == 2 or (worse and repeats == 1):
                break
    return best if best == loop or _wins(run, best, loop, rounds=2 * repeats + 1) else loop


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


def _seconds(run: Callable[[Plan], object], plan: Plan, repeats: int) -> float:
    """Least seconds per element."""
    if repeats > 1:
        _timed(run, plan)
    return min(_timed(run, plan) for _ in range(repeats)) / plan.elements


def _wins(run: Callable[[Plan], object], plan: Plan, loop: Plan, rounds: int) -> bool:
    """Whether a plan is clearly faster than the loop, in turns so that a busy machine slows both."""
    ratios = []
    for _ in range(rounds):
        ours = _timed(run, plan) / plan.elements
        ratios.append(ours / max(_timed(run, loop), 1e-9))
    return sorted(ratios)[len(ratios) // 2] < _GAIN


def _timed(run: Callable[[Plan], object], plan: Plan) -> float:
    _wait()
    start = time.perf_counter()
    run(plan)
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _most_elements(
    run: Callable[[Plan], object], n_elements: int, leaves: Sequence[Tensor], memory_limit: int | None
) -> int:
    """How many copies fit, from the bytes that one copy makes."""
    limit = memory_limit if memory_limit is not None else _free_bytes(leaves) // 4
    with _Bytes() as made:
        run(Plan(1))
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
