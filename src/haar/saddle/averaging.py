"""Averages of functions: a bank of snapshots, the mean of their predictions, and one network that has learned it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from haar.constants import TINY_SINGLE
from haar.errors import ArgumentError, check_count
from haar.training import Plan, Run, draw
from haar.watch import Unwatched, Watch


@dataclass(frozen=True)
class Averaging:
    """Which snapshots of the primal are kept: one in `every` steps, of the last `share` of the steps taken so far.

    Args:
        every: Steps between two.
        share: Of the steps, whose snapshots are kept; 1 for all, as in the theory.

    Raises:
        ArgumentError: If a number is out of range.
    """

    every: int = 20
    share: float | int = 0.5

    def __post_init__(self) -> None:
        check_count("every", self.every)
        if not 0 < self.share <= 1:
            raise ArgumentError("share", expected="above 0 and at most 1", got=self.share)


class Bank:
    """Snapshots of a module.

    Args:
        averaging: Which are kept.
    """

    def __init__(self, averaging: Averaging) -> None:
        self.averaging = averaging
        self._kept: list[tuple[int, dict[str, Tensor]]] = []

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def steps(self) -> list[int]:
        """After which steps those were taken that are kept."""
        return [step for step, _ in self._kept]

    def see(self, step: int, module: nn.Module) -> None:
        """After a step (from 1): take a snapshot if it is due, and let go what is too old."""
        if step % self.averaging.every:
            return
        self._kept.append((step, {key: value.detach().clone() for key, value in module.state_dict().items()}))
        oldest = step * (1 - self.averaging.share)
        self._kept = [one for one in self._kept if one[0] > oldest]

    def mean(self, module: nn.Module) -> FunctionAverage:
        """The average of the functions.

        Raises:
            ArgumentError: If there is no snapshot.
        """
        if not self._kept:
            expected = f"at least {self.averaging.every} steps before an average"
            raise ArgumentError("game", expected=expected, got="no snapshot", way_out="take more steps, or lower every")
        return FunctionAverage(module, [state for _, state in self._kept])

    def state_dict(self) -> dict[str, Any]:
        """All snapshots."""
        return {"steps": self.steps, "states": [dict(state) for _, state in self._kept]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Those instead."""
        self._kept = list(zip(state["steps"], map(dict, state["states"]), strict=True))


class FunctionAverage(nn.Module):
    """The mean of what one module answers with several states, which is not its answer with the mean state.

    Args:
        module: The module; it is copied.
        states: Its states.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> states = [{"weight": torch.full((1, 1), w), "bias": torch.zeros(1)} for w in (1.0, 3.0)]
        >>> FunctionAverage(layer, states)(torch.ones(1, 1)).item()
        2.0
    """

    def __init__(self, module: nn.Module, states: Sequence[Mapping[str, Tensor]]) -> None:
        super().__init__()
        if not states:
            raise ArgumentError("states", expected="at least one", got="none")
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.size, self._names = len(states), list(states[0])
        for place, name in enumerate(self._names):
            self.register_buffer(f"stack_{place}", torch.stack([state[name] for state in states]))

    def train(self, mode: bool = True) -> FunctionAverage:  # noqa: FBT001, FBT002 (torch's signature)
        """As torch's; what is averaged stays in eval mode, in which its states are not written to."""
        super().train(mode)
        self.module.eval()
        return self

    def forward(self, *inputs: Any) -> Any:
        """The mean; of every tensor, where the module answers with several."""
        stacks = [self.get_buffer(f"stack_{place}") for place in range(len(self._names))]
        answers = []
        for k in range(self.size):
            state = {name: stack[k] for name, stack in zip(self._names, stacks, strict=True)}
            answers.append(torch.func.functional_call(self.module, state, inputs))
        return pytree.tree_map(lambda *several: torch.stack(several).mean(0), *answers)


@dataclass(frozen=True)
class Distillation:
    """One network in place of many.

    Attributes:
        student: The network, in eval mode.
        error: Root mean square of its difference from the average, over that of the average about its mean; on inputs
            that it did not learn from.
    """

    student: nn.Module
    error: float


def distilled(
    average: FunctionAverage,
    inputs: Tensor,
    *,
    student: nn.Module | None = None,
    plan: Plan = Plan(steps=1000, learning_rate=1e-3, batch_size=256, schedule="cosine"),  # noqa: B008 (frozen)
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Distillation:
    """One network that has learned an average of functions, and how near it comes.

    Args:
        average: The average.
        inputs: Inputs of one argument, samples on axis 0; a fifth of them is held out.
        student: Where it begins, by default at the last snapshot; it is copied.
        plan: How it is trained.
        seed: Of the split and the batches.
        watch: Told of every step.

    Raises:
        ArgumentError: If there are fewer than ten inputs, or the average answers with several tensors.
    """
    if len(inputs) < 10:
        raise ArgumentError("inputs", expected="at least 10, of which a fifth is held out", got=len(inputs))
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
    held, used = inputs[order[: len(inputs) // 5]], inputs[order[len(inputs) // 5 :]]
    with torch.no_grad():
        answers, held_answers = average(used), average(held)
    if not isinstance(answers, Tensor):
        raise ArgumentError("average", expected="one tensor as its answer", got=type(answers).__name__)
    if student is None:
        student = copy.deepcopy(average.module)
        last = {name: average.get_buffer(f"stack_{k}")[-1] for k, name in enumerate(average._names)}  # noqa: SLF001 (its own file)
        student.load_state_dict(last)
    made = copy.deepcopy(student).requires_grad_(True).train()
    scale = answers.var(correction=0).clamp(min=TINY_SINGLE)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(len(used), plan.batch_size or len(used), generator).to(used.device)
        lost: Tensor = (made(used[rows]) - answers[rows]).abs().square().mean() / scale
        return lost

    Run(made.parameters(), loss, plan, seed=seed).train(watch, "distilling")
    made.eval()
    with torch.no_grad():
        scale = held_answers.var(correction=0).clamp(min=TINY_SINGLE)
        error = (made(held) - held_answers).abs().square().mean() / scale
    return Distillation(made, float(error.sqrt()))
