"""Duals: the multipliers of the constraint "no asymmetry", for a training loop of the user's own."""

from __future__ import annotations

import math
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor

from haar.constants import TINY_SINGLE
from haar.errors import ArgumentError, HaarWarning, check_count, check_rate
from haar.relax.duals.cooper_solver import Cooper
from haar.relax.duals.damped import Damped
from haar.relax.duals.paper import Paper
from haar.relax.duals.ridge import Ridge
from haar.relax.duals.solver import PROBLEMS, Solver, Variables, vector
from haar.relax.rule import Rule, at, check_optimizer

SOLVERS: dict[str, type[Solver]] = {solver.name: solver for solver in (Damped, Paper, Ridge, Cooper)}
#: Memory of the running mean of |J|: about so many steps.
_MEMORY = 100
#: Whether something else moves the gammas is looked at in so many first steps, and then once in as many.
_WATCHED = 50
#: Effective asymmetry above which an equality run has not arrived.
ARRIVED = 0.05


class Duals(Rule):
    """Gammas, slacks and multipliers, moved by a primal-dual method beside the user's own optimiser of the weights.

    ``"equality"`` drives every gamma to zero: train free, end symmetric, at the pace the data decide.
    ``"resilient"`` lets every layer keep as much asymmetry u as pays for its price rho/2 u^2.

    The gradient of the loss by the gammas is taken aside during the backward pass: other code sees zeros in
    ``gamma.grad``, so that clipping, weight decay and an optimiser that was given all parameters leave the gammas
    alone (the last one is refused). Multipliers enter once a `step`, however many batches were accumulated.
    With `torch.distributed`, gradients and violations are averaged over processes before the step.

    A gamma whose gradient is not finite (one bad batch) stays where it is for that step, with its multiplier and its
    slack; `skipped` counts the steps in which none could move, and the first is warned of.

    Under FSDP2 give the gammas as ``fully_shard(model, ignored_params=set(model.gammas().values()))``: every process
    keeps all of them, as multipliers need.

    Args:
        model: A wrapped model, or a dict of gammas.
        problem: ``"equality"`` or ``"resilient"``.
        solver: ``"damped"``, ``"paper"``, ``"ridge"``, ``"cooper"``, or a solver with its own options.
        steps: Optimiser steps of the whole training: the solver is tuned for them.
        rho: Price of slack, for ``"resilient"``.
        scale_loss: Divide the loss's gradient by a running mean of |J|: for losses far from 1.
        optimizer: The user's optimiser, to check that it does not hold the gammas.

    Attributes:
        taken: Steps that moved the gammas.
        skipped: Steps that moved none: no gradient was finite, or the scaler found an overflow.

    Raises:
        ArgumentError: If an option is unknown or does not fit another, or the optimiser holds a gamma.

    Example:
        >>> gamma = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        >>> duals = Duals({"layer": gamma}, steps=150)
        >>> for _ in range(150):
        ...     duals.lagrangian((0.1 * gamma - 0.7) ** 2).backward()
        ...     duals.step()
        >>> abs(gamma.item()) < 1e-4, round(duals.multipliers["layer"].item(), 3)  # the multiplier is -dJ/dgamma at 0
        (True, 0.14)

    Source: arXiv 2505.13631 (the method); the damping and its tuning are derived in `Damped`.
    """

    name: ClassVar[str] = "duals"
    in_parts: ClassVar[bool] = True

    def __init__(
        self,
        model: Any,
        problem: str = "equality",
        solver: str | Solver = "damped",
        *,
        steps: int,
        rho: float | int = 1.0,
        scale_loss: bool = False,
        optimizer: torch.optim.Optimizer | None = None,
    ) -> None:
        super().__init__(model)
        if problem not in PROBLEMS:
            raise ArgumentError("problem", expected="'equality' or 'resilient'", got=repr(problem))
        if isinstance(solver, str):
            if solver not in SOLVERS:
                raise ArgumentError("solver", expected=f"one of {', '.join(SOLVERS)}", got=repr(solver))
            solver = SOLVERS[solver]()
        if problem not in solver.problems:
            way_out = "give problem='resilient'"
            raise ArgumentError(
                "problem", expected=f"'resilient' for the {solver.name} solver", got=repr(problem), way_out=way_out
            )
        check_count("steps", steps)
        check_rate("rho", rho)
        if optimizer is not None:
            check_optimizer(optimizer, self.gammas)
        self.problem, self.steps, self.scale_loss = problem, steps, scale_loss
        start = vector(list(self.gammas.values()))
        self._variables = Variables(problem, float(rho), start, torch.zeros_like(start), torch.zeros_like(start))
        self.solver = solver.tuned(steps, self._variables)
        self.skipped = 0
        self._gradients: dict[str, Tensor] = {}
        self._hooks: dict[str, Any] = {}
        self._taking = False  # between `lagrangian` and `step`
        self._loss: Tensor | None = None
        self._warned = False  # of gradients that are not finite
        self._scale, self._weight = 0.0, 0.0

    @property
    def rho(self) -> float:
        """The price of slack."""
        return self._variables.rho

    @property
    def multipliers(self) -> dict[str, Tensor]:
        """Lambda of every gamma, by the layer's name."""
        return self._named(self._variables.multiplier)

    @property
    def slacks(self) -> dict[str, Tensor]:
        """u of every gamma, by the layer's name (zeros for equality)."""
        return self._named(self._variables.slack)

    def check(self, optimizer: torch.optim.Optimizer) -> None:
        """Refuse an optimiser that holds gammas.

        Raises:
            ArgumentError: Naming the first one.
        """
        check_optimizer(optimizer, self.gammas)

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss plus the value of the constraints, to be differentiated.

        The constraints' own gradient by the gammas is added in `step`, once; with accumulated batches give the loss of
        each divided by their number.

        Args:
            loss: The scalar loss of a batch, of order 1 (standardise targets, or use `scale_loss`).

        Raises:
            ArgumentError: If it is no scalar.
        """
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
            raise ArgumentError("loss", expected="one number in a tensor", got=got)
        if not self._taking:
            self._take_gradients_aside()
        seen = loss.detach().reshape(())
        self._loss = seen if self._loss is None else self._loss + seen
        return loss + self.solver.value(self._variables).to(loss)

    def step(self, scaler: Any = None) -> None:
        """Move gammas, slacks and multipliers; once after every step of the optimiser.

        Args:
            scaler: The `torch.amp.GradScaler` of the run, if there is one; call this before ``scaler.update()``. A step
                that it skips for an overflow is skipped here too.

        Raises:
            ArgumentError: If no gradient has arrived since the last step, or something else has moved a gamma.
        """
        self._taking = False
        if not self._gradients:
            raise ArgumentError(
                "duals.step",
                expected="a backward pass since the last step",
                got="none",
                way_out="call duals.lagrangian(loss).backward() first",
            )
        self._check_untouched()
        gradient, loss, sound = self._everywhere(self._gradient(), scaler)
        self._gradients, self._loss = {}, None
        for parameter in self.gammas.values():
            parameter.grad = None
        with torch.no_grad():
            if sound and self._advance(gradient / self._running(loss)):
                self._write()
                self.taken += 1
            else:
                self.skipped += 1
        if self.taken + self.skipped == self.steps:
            self._judge()

    def deployed(self) -> AbstractContextManager[Any]:
        """All gammas at zero for equality; the learned gammas for resilient."""
        return at(self.model, 0.0) if self.problem == "equality" else nullcontext(self.model)

    def asymmetry(self) -> dict[str, float]:
        """|gamma| ||W_free|| / ||W_eq|| of every layer; |gamma| where the layer is not known."""
        layers = getattr(self.model, "layers", {})
        found = {}
        for name, parameter in self.gammas.items():
            with torch.no_grad():
                size = layers[name].effective_size() if name in layers else parameter.abs()
            found[name] = float(torch.as_tensor(size).max())
        return found

    def arrival(self) -> str:
        """What is to be said of an equality problem whose gammas are not small; empty if they are."""
        sizes = self.asymmetry() if self.problem == "equality" else {"": 0.0}
        name = max(sizes, key=sizes.__getitem__)
        if sizes[name] <= ARRIVED:
            return ""
        return (
            f"training ended with an asymmetry of {sizes[name]:.3f} in {name!r} (above {ARRIVED}): evaluating at "
            f"gamma = 0 is not what was trained; train longer, or use problem='resilient' if the symmetry is broken"
        )

    def state_dict(self) -> dict[str, Any]:
        """Multipliers, slacks, gammas, the solver's memory and the count of steps: tensors and numbers only."""
        v = self._variables
        return {
            "run": self._identity(),
            "taken": self.taken,
            "skipped": self.skipped,
            "gamma": v.gamma.clone(),
            "multiplier": v.multiplier.clone(),
            "slack": v.slack.clone(),
            "scale": [self._scale, self._weight],
            "solver": self.solver.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, bit for bit.

        Raises:
            ArgumentError: If it belongs to another problem, solver, number of steps or set of gammas.
        """
        if state["run"] != self._identity():
            different = sorted(key for key, value in self._identity().items() if state["run"].get(key) != value)
            raise ArgumentError("state", expected="duals of the same run", got=f"another {', '.join(different)}")
        v = self._variables
        for name in ("gamma", "multiplier", "slack"):
            setattr(v, name, state[name].to(v.gamma).clone())
        self.taken, self.skipped = int(state["taken"]), int(state["skipped"])
        self._scale, self._weight = (float(value) for value in state["scale"])
        self.solver.load_state_dict(state["solver"])
        self._write()

    def _identity(self) -> dict[str, Any]:
        shapes = {name: list(p.shape) for name, p in self.gammas.items()}
        return {"problem": self.problem, "solver": repr(self.solver), "steps": self.steps, "rho": self.rho, **shapes}

    def _named(self, values: Tensor) -> dict[str, Tensor]:
        parts = values.split([p.numel() for p in self.gammas.values()])
        return {name: part.reshape(p.shape) for (name, p), part in zip(self.gammas.items(), parts, strict=True)}

    def _take_gradients_aside(self) -> None:
        v = self._variables
        v.gamma = vector(list(self.gammas.values()))
        if v.multiplier.device != v.gamma.device or v.multiplier.dtype != v.gamma.dtype:  # the model was moved
            v.multiplier, v.slack = v.multiplier.to(v.gamma), v.slack.to(v.gamma)

        def taker(name: str) -> Any:
            def take(gradient: Tensor) -> Tensor | None:
                if not self._taking:
                    return None
                held = self._gradients.get(name)
                self._gradients[name] = gradient.detach() if held is None else held + gradient.detach()
                return torch.zeros_like(gradient)

            return take

        for name, parameter in self.gammas.items():
            if name not in self._hooks and parameter.requires_grad:
                self._hooks[name] = parameter.register_hook(taker(name))
        self._taking = True

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_hooks": {}, "_taking": False}  # a copy's gammas have none

    def _check_untouched(self) -> None:
        if self.taken >= _WATCHED and self.taken % _WATCHED:
            return
        for (name, parameter), before in zip(
            self.gammas.items(), self._named(self._variables.gamma).values(), strict=True
        ):
            if not torch.equal(parameter.detach(), before):
                if not bool(parameter.detach().isfinite().all()):
                    raise ArgumentError(
                        "model",
                        expected="finite gammas",
                        got=f"a gamma of {name!r} that is {parameter.detach().flatten()[0].item()}",
                        way_out="something else than the duals has written it, as an optimiser does after a NaN loss",
                    )
                raise ArgumentError(
                    "optimizer",
                    expected="one that leaves the gammas alone",
                    got=f"a gamma of {name!r} that it has moved",
                    way_out="make it with duals.weights() in place of model.parameters()",
                )

    def _gradient(self) -> Tensor:
        held = self._gradients
        parts = [held[name] if name in held else torch.zeros_like(p) for name, p in self.gammas.items()]
        return vector(parts).to(self._variables.gamma)

    def _everywhere(self, gradient: Tensor, scaler: Any) -> tuple[Tensor, float, bool]:
        """Gradient and loss as means over processes, and whether every process's numbers are finite."""
        spread = dist.is_available() and dist.is_initialized()
        if not spread and scaler is None and not self.scale_loss:
            return gradient, 1.0, True  # nothing to be agreed on
        found = torch.zeros((), dtype=gradient.dtype, device=gradient.device)
        if scaler is not None and scaler.is_enabled():
            gradient = gradient / scaler.get_scale()
            for weight in self.weights():
                if weight.grad is not None:
                    found = found + (~weight.grad.isfinite().all()).to(found)
            found = found + (~gradient.isfinite().all()).to(found)
            gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        loss = torch.zeros_like(found) if self._loss is None else self._loss.to(found)
        row = torch.cat([gradient, loss[None], found[None]])
        if spread:
            dist.all_reduce(row)
            row = row / dist.get_world_size()
        return row[:-2], float(row[-2]), float(row[-1]) == 0

    def _advance(self, gradient: Tensor) -> bool:
        """One step of the solver, in which entries without a finite gradient stay as they are; whether any moved."""
        finite, v = gradient.isfinite(), self._variables
        number = int(finite.sum())
        if number == len(finite):
            self.solver.advance(v, gradient)
            return True
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"the gradient of {len(finite) - number} of {len(finite)} gammas is not finite after {self.taken} "
                "steps: they stay where they are, now and when it happens again (`skipped` counts the steps in which "
                "none moves); look for NaN in the data, or lower the learning rate",
                HaarWarning,
                stacklevel=2,
            )
        if not number:
            return False
        before = (v.gamma, v.multiplier, v.slack)
        self.solver.advance(v, gradient.where(finite, 0.0))
        v.gamma, v.multiplier, v.slack = (
            new.where(finite, old) for new, old in zip((v.gamma, v.multiplier, v.slack), before, strict=True)
        )
        return True

    def _running(self, loss: float) -> float:
        """The running mean of |J| (without the bias of its start), or 1."""
        if not self.scale_loss:
            return 1.0
        if not math.isfinite(loss):  # the step moves nothing; the mean must outlive it
            return max(self._scale / self._weight, TINY_SINGLE) if self._weight else 1.0
        keep = 1 - 1 / _MEMORY
        self._scale = keep * self._scale + abs(loss) / _MEMORY
        self._weight = keep * self._weight + 1 / _MEMORY
        return max(self._scale / self._weight, TINY_SINGLE)

    def _write(self) -> None:
        with torch.no_grad():
            parameters: list[Tensor] = list(self.gammas.values())
            torch._foreach_copy_(parameters, list(self._named(self._variables.gamma).values()))

    def _judge(self) -> None:
        """At the end of a run."""
        message = self.arrival()
        if message:
            warnings.warn(message, HaarWarning, stacklevel=3)
