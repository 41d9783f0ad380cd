"""The loop: step k is a function of the state and of (seed, k), so that a killed run ends with the same bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, HaarError
from haar.training.checkpoint import Checkpoint
from haar.training.plan import Plan, seed_of
from haar.watch import Unwatched, Watch

_NOT_FINITE = ("raise", "stop", "keep")


class DivergedError(HaarError):
    """The loss of a step is not finite; the weights are those before it."""


class Run:
    """A training run.

    Iterate over it to train: every turn comes after a step of the optimiser, with that step's number. What a step needs
    besides (multipliers, a look at validation data) stands in the body of the loop, where ``break`` stops early::

        run = Run(model.parameters(), loss, plan)
        for step in run:
            duals.step()
            if plan.due(step):
                dashboard.read()

    Or call `train` where nothing else is to be done. All random numbers of a step come from the generator that `loss`
    is given, or, for layers such as dropout, from torch's global one: both are seeded with (seed, k) in step k, and the
    global one is put back in the end. With a checkpoint a run that was killed goes on where it was saved and ends with
    the same bits.

    Args:
        parameters: What the optimiser moves: parameters, or groups of them.
        loss: Of the step's number and its generator (on the CPU); a tensor of any shape, whose values are recorded. Or
            an iterator of tensors, parts of a batch whose sum is the loss: each is differentiated before the next is
            made, so that only one is in memory.
        plan: Number of steps, optimiser and learning rate.
        seed: Seed of every draw.
        checkpoint: Where the run is kept.
        objective: From the value of `loss` to the number to be differentiated; by default the value itself.
        shorten: Called between the backward pass and the optimiser, to clip what `Plan.clip` does not.
        not_finite: What becomes of a run at a loss that is not finite: ``"raise"`` an error, ``"stop"`` (`dead` is
            true then), or ``"keep"`` going, for many models trained at once.
        share: Called right after the backward pass, where several processes average their gradients.

    Attributes:
        done: Number of steps taken so far.
        dead: Whether it stopped at a loss that was not finite.
        optimizer: The optimiser that moves the parameters.

    Raises:
        ArgumentError: If there is nothing to train, a word is unknown, or the checkpoint is another run's.
        DivergedError: If a loss is not finite.
        DataError: If the checkpoint cannot be read.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> x = torch.linspace(-1, 1, 50)[:, None]
        >>> def loss(step, generator):
        ...     rows = torch.randint(50, (8,), generator=generator)
        ...     return (model(x[rows]) - 3 * x[rows]).square().mean()
        >>> losses = Run(model.parameters(), loss, Plan(steps=200, learning_rate=0.1)).train()
        >>> bool(losses[-1] < 1e-3)
        True
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        loss: Callable[[int, torch.Generator], Tensor | Iterator[Tensor]],
        plan: Plan,
        *,
        seed: int = 0,
        checkpoint: Checkpoint | None = None,
        objective: Callable[[Tensor], Tensor] | None = None,
        shorten: Callable[[], None] | None = None,
        not_finite: str = "raise",
        share: Callable[[], None] | None = None,
    ) -> None:
        if not_finite not in _NOT_FINITE:
            raise ArgumentError("not_finite", expected=f"one of {', '.join(_NOT_FINITE)}", got=repr(not_finite))
        held = list(parameters)
        if not held:
            raise ArgumentError("model", expected="a model with trainable parameters", got="none")
        self.loss, self.plan, self.seed, self.objective, self.shorten = loss, plan, seed, objective, shorten
        self.share = share
        self.checkpoint = checkpoint or Checkpoint(None, {})
        self.optimizer = plan.optimizer_of(held)
        self.done, self.dead = 0, False
        self._not_finite = not_finite
        self._losses: list[Tensor] = []
        self._rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self._parameters: list[nn.Parameter] = [p for group in self.optimizer.param_groups for p in group["params"]]
        self._generator = torch.Generator()
        # By what a checkpoint is known again: as things are before the first step.
        self._facts = {
            **plan.facts(),
            "seed": seed,
            "learning_rate": self._rates,
            "optimizer": [type(self.optimizer).__name__, *map(_options, self.optimizer.param_groups)],
            "shapes": [list(p.shape) for p in self._parameters],
        }

    @property
    def losses(self) -> Float[Tensor, "steps *loss"]:
        """What `loss` gave before every step; empty before the first."""
        if not self._losses:
            return torch.empty(0)
        place = self._losses[-1].device  # those of a file are on the CPU
        return torch.stack([value.to(place) for value in self._losses])

    def train(self, watch: Watch = Unwatched(), title: str = "training") -> Float[Tensor, "steps *loss"]:
        """Take all steps that are left; the losses.

        Args:
            watch: Told of every step.
            title: Title of the stage that `watch` is told of.
        """
        for _ in self.steps(watch, title):
            pass
        return self.losses

    def __iter__(self) -> Iterator[int]:
        return self.steps()

    def steps(self, watch: Watch = Unwatched(), title: str = "training") -> Iterator[int]:
        """Take the steps that are left, one a turn.

        Args:
            watch: Told of every step.
            title: Title of the stage that `watch` is told of.

        Yields:
            The number of the step just taken.
        """
        if not self.done:
            self._resume()
        left = range(self.done, self.plan.steps)
        if not left:
            return
        with _random_state_put_back(self._parameters) as layers, watch.stage(title, len(left)) as tell:
            for step in left:
                if not self._step(step, layers):
                    self.dead = True
                    return
                self.done = step + 1
                yield step
                if self.plan.due(step) and (self.done == self.plan.steps or not self.checkpoint.waits()):
                    self.checkpoint.save(self._facts, self._state())
                tell()

    def _step(self, step: int, layers: list[torch.Generator]) -> bool:
        """One step; whether it could be taken."""
        factor = self.plan.factor(step)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        for generator in (self._generator, *layers):
            generator.manual_seed(seed_of(self.seed, step))
        self.optimizer.zero_grad(set_to_none=True)
        value = self.loss(step, self._generator)
        seen: Tensor | None = None
        for part in (value,) if isinstance(value, Tensor) else value:
            one = part.detach().clone()
            seen = one if seen is None else seen + one
            if self._not_finite != "keep" and not _is_finite(one):
                if self._not_finite == "raise":
                    raise DivergedError(self._diverged(one, step))
                return False
            (part if self.objective is None else self.objective(part)).backward()  # type: ignore[no-untyped-call]
        if seen is None:
            raise ArgumentError("loss", expected="a tensor, or at least one part of a loss", got="none")
        self._losses.append(seen)
        if self.share is not None:
            self.share()
        if self.plan.clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, float(self.plan.clip))
        if self.shorten is not None:
            self.shorten()
        self.optimizer.step()
        return True

    def _diverged(self, value: Tensor, step: int) -> str:
        bad = value[~value.isfinite()].flatten()[0].item()
        rate = self.optimizer.param_groups[0]["lr"]
        return (
            f"loss: {bad} at step {step + 1} of {self.plan.steps}, which no step mends; lower learning_rate "
            f"(here {rate:.2g}), or see what the loss divides by"
        )

    def _state(self) -> dict[str, Any]:
        return {"step": self.done, "losses": self.losses, "optimizer": self.optimizer.state_dict()}

    def _resume(self) -> None:
        found = self.checkpoint.load(self._facts)
        if found is not None:
            self.optimizer.load_state_dict(found["optimizer"])
            self.done, self._losses = int(found["step"]), list(found["losses"])


def _options(group: dict[str, Any]) -> dict[str, Any]:
    """What an optimiser's group was made with, but for its parameters and its rate."""
    plain = (bool, int, float, str, tuple)
    return {k: v for k, v in group.items() if k not in ("lr", "initial_lr") and isinstance(v, plain)}


def _is_finite(value: Tensor) -> bool:
    return math.isfinite(value.item()) if value.ndim == 0 else bool(value.isfinite().all())


@contextmanager
def _random_state_put_back(parameters: Iterable[Tensor]) -> Iterator[list[torch.Generator]]:
    """The global generators from which layers draw on the devices of these parameters, put back at the end."""
    devices = {p.device for p in parameters if p.device.type in ("cuda", "xpu")}
    generators = [torch.default_generator, *(getattr(torch, d.type).default_generators[d.index] for d in devices)]
    states = [generator.get_state() for generator in generators]
    try:
        yield generators
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
