"""How many copies to run in one forward pass: chosen by a one-off timing under a memory bound."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

#: A larger micro-batch must win by this factor: ties go to the smaller memory.
_GAIN = 0.97


@dataclass(frozen=True)
class Plan:
    """How to run an orbit: elements per forward pass, and whether images are laid out channels last."""

    elements: int
    channels_last: bool


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
        The plan with the least time per element.
    """
    if n_elements == 1:
        return Plan(1, channels_last=False)
    layouts = [False]
    if isinstance(model, nn.Module) and any(isinstance(m, nn.Conv2d) for m in model.modules()):
        layouts = [False, True] if any(x.ndim == 4 for x in leaves) else [False]
    with torch.no_grad():
        most = _most_elements(model, run, n_elements, leaves, memory_limit)
        sizes = sorted({min(2**k, most) for k in range(most.bit_length() + 1)})
        best, best_time = Plan(1, channels_last=False), float("inf")
        for channels_last in layouts:
            worse = 0
            for size in sizes:
                plan = Plan(size, channels_last)
                seconds = _time(run, plan) / size
                if seconds < best_time * _GAIN:
                    best, best_time, worse = plan, seconds, 0
                else:
                    worse += 1
                if worse == 2:
                    break
    return best


def _time(run: Callable[[Plan], object], plan: Plan) -> float:
    run(plan)
    spent = []
    for _ in range(2):
        _wait()
        start = time.perf_counter()
        run(plan)
        _wait()
        spent.append(time.perf_counter() - start)
    return min(spent)


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _most_elements(
    model: Callable[..., Any],
    run: Callable[[Plan], object],
    n_elements: int,
    leaves: Sequence[Tensor],
    memory_limit: int | None,
) -> int:
    """How many copies fit, from the bytes of all layer outputs of one copy (an upper bound without gradients)."""
    limit = memory_limit if memory_limit is not None else _free_bytes(leaves) // 4
    total = sum(x.numel() * x.element_size() for x in leaves)
    handles = []

    def count(_module: nn.Module, _args: Any, output: Any) -> None:
        nonlocal total
        for x in output if isinstance(output, (tuple, list)) else [output]:
            if isinstance(x, Tensor):
                total += x.numel() * x.element_size()

    if isinstance(model, nn.Module):
        handles = [m.register_forward_hook(count) for m in model.modules() if not list(m.children())]
    try:
        run(Plan(1, channels_last=False))
    finally:
        for handle in handles:
            handle.remove()
    return max(1, min(n_elements, limit // max(total, 1)))


def _free_bytes(leaves: Sequence[Tensor]) -> int:
    if leaves and leaves[0].is_cuda:
        return int(torch.cuda.mem_get_info(leaves[0].device)[0])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
