"""Rollouts: a one-step model run many steps, averaged every step, over whole trajectories, or one element at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Field, Layout, Symmetry
from haar.actions.trees import action_leaves
from haar.average.average import named
from haar.average.engine import Averaged
from haar.average.mover import Mover
from haar.average.weighted import Given, How
from haar.errors import ArgumentError, ShapeError, check_count, known_keywords
from haar.probing.manners import check_call

MODES = ("plain", "step", "trajectory", "stochastic", "cyclic")


class Rollout(nn.Module):
    """A surrogate model run many steps: its prediction is appended to the history, constants stay.

    Modes: ``"plain"`` runs the model alone; ``"step"`` averages every step over the group, so that the rollout is
        exactly
    equivariant; ``"trajectory"`` averages whole trajectories, one for each element (equivariant too; it lowers squared
    errors also by blurring runs that diverged: look at the variance); ``"stochastic"`` uses a fresh random element in
    every step and ``"cyclic"`` one after the other, both at the cost of the plain rollout.

    Args:
        model: ``(batch, history * fields + constants, *space) -> (batch, fields, *space)``; it is wrapped, never
            changed.
        symmetry: How the group acts on the input and on the next *state*, as `Symmetry.of_fields` makes it.
        mode: One of the above.
        how: What to average over, or to draw from.
        per_step: Elements per step in the modes ``"stochastic"`` and ``"cyclic"``.
        delta: Whether the model returns the next state minus the last one.
        layout: The channels of the input; by default what the symmetry knows.
        seed: Seed of the draws; every rollout begins anew.
        micro_batch: Elements per forward pass, or ``"auto"``.

    Raises:
        ArgumentError: If an option is unknown, or the model is not one that maps fields to fields.

    Example:
        >>> from haar.groups import dihedral
        >>> symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector", history=2)
        >>> model = nn.Conv2d(6, 3, 3, padding=1)
        >>> Rollout(model, symmetry, mode="stochastic")(torch.randn(1, 6, 8, 8), 5).shape
        torch.Size([1, 5, 3, 8, 8])

    Source: group averaging of emulators, arXiv 2511.09573.
    """

    @known_keywords
    def __init__(
        self,
        model: Callable[..., Any],
        symmetry: Symmetry,
        *,
        mode: str = "step",
        how: str | How = "orbit",
        per_step: int = 1,
        delta: bool = False,
        layout: Layout | None = None,
        seed: int = 0,
        micro_batch: int | str = "auto",
    ) -> None:
        super().__init__()
        check_call(model, symmetry)
        if mode not in MODES:
            raise ArgumentError("mode", expected=f"one of {', '.join(MODES)}", got=repr(mode))
        check_count("per_step", per_step)
        source, target = _field(symmetry.inputs, "inputs"), _field(symmetry.outputs, "outputs")
        known = layout if layout is not None else source.layout
        if known is None:
            raise ArgumentError(
                "layout", expected="the channels of the model's input", got="none", way_out="give layout="
            )
        self.history, self.channels = known.history, known.output().channels
        self.axes, self.axis = source.dim + 1, -1 if source.channels == "last" else -1 - source.dim
        given = (source.rep.dim, target.rep.dim, target.channels)
        if given != (known.channels, self.channels, source.channels):
            raise ArgumentError(
                "layout",
                expected=f"{given[0]} channels in, {target.rep.dim} out, both {source.channels}",
                got=f"{known.channels} in, {self.channels} out, {target.channels}",
            )
        self.mode, self.per_step, self.delta, self.seed = mode, per_step, delta, seed
        # A difference of states moves by the linear part of an affine action.
        moving = symmetry.linear() if delta else symmetry
        strategy = Given(symmetry.group.identity()[None]) if mode == "plain" else named(how)
        self.averaged = Averaged(model, moving, strategy, micro_batch=micro_batch)
        if self.averaged.elements is None:
            raise ArgumentError("how", expected="a fixed weighted set for a rollout", got="a frame")
        self.weights = self.averaged.elements.weights
        self.state_movers = self.averaged.movers
        if delta and mode == "trajectory":
            self.state_movers = nn.ModuleList(Mover(symmetry, g) for g in self.averaged.elements.elements)
        self.training = self.averaged.training

    def forward(self, x: Float[Tensor, "batch *shape"], steps: int) -> Float[Tensor, "batch step *other"]:
        """Run `steps` steps.

        Args:
            x: The input of the first step, history and constants.
            steps: Number of steps.

        Returns:
            The predicted states, with the steps on axis 1.

        Raises:
            ArgumentError: If there is no step.
        """
        return torch.stack(list(self.states(x, steps)), 1)

    def states(self, x: Float[Tensor, "batch *shape"], steps: int) -> Iterator[Tensor]:
        """Yield the predicted states one by one, for rollouts that do not fit into memory.

        Args:
            x: The input of the first step.
            steps: Number of steps.

        Raises:
            ArgumentError: If there is no step.
            ShapeError: If the input has no batch axis or another shape than the symmetry says.
        """
        check_count("steps", steps)
        self.averaged.symmetry.check_inputs((x,))
        if x.ndim < 1 + self.axes:
            raise ShapeError("x", expected=f"a batch axis before {self.axes} others", got=tuple(x.shape))
        return self._trajectories(x, steps) if self.mode == "trajectory" else self._steps(x, steps)

    def extra_repr(self) -> str:
        """The mode."""
        return f"mode {self.mode!r}" + (", differences" if self.delta else "")

    def _steps(self, x: Tensor, steps: int) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        for k in range(steps):
            state = self._next(x, self._predict(x, k, generator))
            x = self._advance(x, state)
            yield state

    def _predict(self, x: Tensor, k: int, generator: torch.Generator) -> Tensor:
        """One step of the model, averaged over all or over the elements whose turn it is."""
        n = len(self.weights)
        if self.mode in ("plain", "step"):
            return self.averaged(x)  # type: ignore[no-any-return]
        if self.mode == "cyclic":
            places = [(k * self.per_step + j) % n for j in range(self.per_step)]
            weights = self.weights[places] / self.weights[places].sum()
        else:
            equal = bool((self.weights == self.weights[0]).all()) and self.per_step <= n
            places = torch.multinomial(self.weights, self.per_step, not equal, generator=generator).tolist()
            weights = torch.full((self.per_step,), 1 / self.per_step)
        terms = self.averaged.predictions((x,), places)
        return torch.stack([w * y for w, y in zip(weights.tolist(), terms, strict=True)]).sum(0)

    def _trajectories(self, x: Tensor, steps: int) -> Iterator[Tensor]:
        """All copies side by side, each in its own frame; averaged in the frame of x."""
        movers: list[Mover] = list(self.state_movers)  # type: ignore[arg-type]
        size = self.averaged.plan(x).elements
        answer = self.averaged.answer
        copies = [mover.moved_input(0, x) for mover in movers]
        for _ in range(steps):
            state: Tensor | None = None
            for start in range(0, len(copies), size):
                some = copies[start : start + size]
                predicted = answer(torch.cat(some)).chunk(len(some))
                for j, y in enumerate(predicted, start):
                    next_ = self._next(copies[j], y)
                    copies[j] = self._advance(copies[j], next_)
                    back = movers[j].moved_back([next_])[0] * self.weights[j].item()
                    state = back if state is None else state + back
            if state is not None:
                yield state

    def _next(self, x: Tensor, y: Tensor) -> Tensor:
        """The next state from a prediction."""
        if not self.delta:
            return y
        start = (self.history - 1) * self.channels
        return x.narrow(self.axis, start, self.channels) + y

    def _advance(self, x: Tensor, state: Tensor) -> Tensor:
        """The next input: the oldest state leaves the history, the newest joins it, constants stay."""
        kept = x.narrow(self.axis, self.channels, (self.history - 1) * self.channels)
        constant = self.history * self.channels
        constants = x.narrow(self.axis, constant, x.shape[self.axis] - constant)
        return torch.cat([kept, state.to(x.dtype), constants], self.axis)


def _field(tree: Any, name: str) -> Field:
    """The one action of a side, which must be a field with channels.

    Raises:
        ArgumentError: If there are several, or it is no field.
    """
    leaves = action_leaves(tree)
    if len(leaves) != 1 or not isinstance(leaves[0], Field) or leaves[0].channels is None:
        raise ArgumentError(
            name, expected="one field with channels", got=", ".join(type(leaf).__name__ for leaf in leaves)
        )
    return leaves[0]
