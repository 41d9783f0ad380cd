"""A player: its parameters, the optimiser that moves them, and where they must stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from haar.errors import ArgumentError
from haar.saddle.multipliers import Multipliers
from haar.saddle.projection import Projection


class Player:
    """One side of a game.

    Args:
        name: ``"primal"``, which goes down, or ``"dual"``, which goes up.
        module: What it plays with; of one wrapped for several processes, what is in it.
        optimizer: Steps downhill on the gradients that it is given.
        projection: Where its parameters stay.
        clip: Largest norm of its gradient.

    Raises:
        ArgumentError: If it has nothing to train, or the optimiser maximises by itself or holds other parameters.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        projection: Projection | None = None,
        clip: float | int | None = None,
    ) -> None:
        self.name, self.module, self.optimizer = name, module, optimizer
        self.parameters = trainable(name, module)
        self.norm = 0.0  # of its last gradient
        self.clip = None if clip is None else float(clip)
        self.projection = None if projection is None else projection.begin(self.parameters)
        self._tensors: list[Tensor] = list(self.parameters)
        self._before: list[Tensor] = []
        self._last_step: list[Tensor] = []
        self.began = self.size()  # what later sizes are compared with
        self.left: tuple[int, float] | None = None  # at which step it was seen to be far larger, and its rank then
        self.grown = 1.0  # how much at the last step that is a multiple of twenty
        self._sign = -1.0 if name == "dual" else 1.0
        _check_optimizer(name, optimizer, module)

    @torch.no_grad()
    def size(self) -> float:
        """Its largest parameter."""
        entries = torch._foreach_norm([p for p in self.parameters if p.numel()], math.inf)  # noqa: SLF001 (one kernel for all)
        sizes = [entry.item() for entry in entries]
        return math.nan if any(map(math.isnan, sizes)) else max(sizes, default=0.0)

    def growth(self) -> float:
        """How many times as large it is as when it began, or as 1."""
        return self.size() / max(self.began, 1.0)

    def forget(self) -> None:
        """Let go of the last gradient, before there is memory for the next."""
        for parameter in self.parameters:
            parameter.grad = None

    def give(self, gradients: Sequence[Tensor | None], norm: float) -> None:
        """Hand the optimiser the gradient of the objective, which the dual climbs."""
        factor = self._sign if self.clip is None or norm <= self.clip else self._sign * self.clip / norm
        if factor != 1.0:  # never in place: gradients may share memory with each other, or be views of one number
            there = [gradient for gradient in gradients if gradient is not None]
            scaled = torch._foreach_neg(there) if factor == -1.0 else torch._foreach_mul(there, factor)  # noqa: SLF001
            if len(there) == len(gradients):
                gradients = scaled
            else:
                left = iter(scaled)
                gradients = [None if gradient is None else next(left) for gradient in gradients]
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.norm = norm

    def step(self) -> None:
        """A step of the optimiser, back into the set."""
        self.optimizer.step()
        self.project()

    @torch.no_grad()
    def optimistic_step(self) -> None:
        """Twice the optimiser's step, less its step before: z - 2 a F(z_t) + a F(z_(t-1)) for plain gradients."""
        before = [p.clone() for p in self.parameters]
        self.optimizer.step()
        step = list(torch._foreach_sub(self._tensors, before))  # noqa: SLF001 (one call for all, here and below)
        if self._last_step:  # the first step is a plain one
            torch._foreach_add_(self._tensors, step)
            torch._foreach_sub_(self._tensors, self._last_step)
        self._last_step = step
        self.project()

    @torch.no_grad()
    def look_ahead(self) -> None:
        """A step that will be taken back."""
        self._before = [p.clone() for p in self.parameters]
        self.step()

    @torch.no_grad()
    def step_from_before(self) -> None:
        """A step with the gradients of the point looked ahead to, from where the player stood."""
        torch._foreach_copy_(self._tensors, self._before)
        self._before = []
        self.step()

    def project(self) -> None:
        """Back into the set."""
        if isinstance(self.module, Multipliers):
            self.module.project()
        if self.projection is not None:
            self.projection.apply(self.parameters)

    def state_dict(self) -> dict[str, Any]:
        """Parameters, optimiser, the set, and the step before."""
        return {
            "module": {key: value.clone() for key, value in self.module.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "began": self.began,
            "grown": self.grown,
            "left": None if self.left is None else list(self.left),
            "projection": None if self.projection is None else self.projection.state_dict(),
            "last_step": [step.clone() for step in self._last_step],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.began = state.get("began", self.began)
        self.grown, left = float(state.get("grown", 1.0)), state.get("left")
        self.left = None if left is None else (int(left[0]), float(left[1]))
        if self.projection is not None:
            self.projection.load_state_dict(state["projection"])
        self._last_step = (
            [step.to(p).clone() for step, p in zip(state["last_step"], self.parameters, strict=True)]
            if state["last_step"]
            else []
        )


def unwrapped(name: str, module: Any) -> nn.Module:
    """A player's module; of one wrapped for several processes, what is in it.

    Raises:
        ArgumentError: If it is none.
    """
    if isinstance(module, DistributedDataParallel):
        module = module.module
    if not isinstance(module, nn.Module):
        way_out = "" if name == "primal" else "for multipliers give haar.saddle.Multipliers(count)"
        raise ArgumentError(name, expected="a torch.nn.Module", got=type(module).__name__, way_out=way_out)
    return module


def trainable(name: str, module: nn.Module) -> list[nn.Parameter]:
    """The parameters that a player moves.

    Raises:
        ArgumentError: If there are none.
    """
    found = [p for p in module.parameters() if p.requires_grad]
    if not found:
        raise ArgumentError(name, expected="a module with trainable parameters", got="none")
    return found


def _check_optimizer(name: str, optimizer: torch.optim.Optimizer, module: nn.Module) -> None:
    label = f"optimizers ({name})"
    if any(group.get("maximize") for group in optimizer.param_groups):
        way_out = "leave maximize out: the game turns the dual's gradient round by itself"
        raise ArgumentError(label, expected="one that minimises", got="maximize=True", way_out=way_out)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    missing = len({id(p) for p in trainable(name, module)} - held)
    foreign = len(held - {id(p) for p in module.parameters()})
    if missing or foreign:
        got = f"{missing} of them missing" if missing else f"{foreign} of another module"
        way_out = f"make it with {name}.parameters()"
        raise ArgumentError(label, expected=f"an optimiser of the {name}'s parameters", got=got, way_out=way_out)
