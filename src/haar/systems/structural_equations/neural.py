"""Instrumental variables by a game of two networks, in scikit-learn's manners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count, check_rate
from haar.saddle import Averaging, Bank, FunctionAverage, Gap, Saddle, play
from haar.systems.structural_equations.estimator import Estimator
from haar.systems.structural_equations.objective import ConditionalMoment
from haar.systems.structural_equations.players import brought, player
from haar.systems.structural_equations.tables import Problem, problem
from haar.training import Plan, Run, draw
from haar.watch import Unwatched, Watch

#: Adam's memory: short, as games want it.
BETAS = (0.5, 0.9)


@dataclass(frozen=True)
class Training:
    """How a game of networks is played.

    Args:
        steps: Number of turns.
        batch_size: Rows a turn, drawn with replacement.
        learning_rate: Adam's rate of the structural function.
        dual_learning_rate: ... and of the instrument player.
        mode: One of `haar.saddle.MODES`.
        every: Steps between snapshots; those of the last half are averaged.

    Raises:
        ArgumentError: If a number is out of range.
    """

    steps: int = 2000
    batch_size: int = 256
    learning_rate: float | int = 1e-3
    dual_learning_rate: float | int = 5e-3
    mode: str = "optimistic"
    every: int = 20

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "every"):
            check_count(name, getattr(self, name))
        for name in ("learning_rate", "dual_learning_rate"):
            check_rate(name, getattr(self, name))

    def game(self, primal: nn.Module, dual: nn.Module, objective: Callable[[Any, Any, Any], Tensor]) -> Saddle:
        """The game of two networks."""
        rates = self.learning_rate, self.dual_learning_rate
        optimizers = [_adam(each.parameters(), rate) for each, rate in zip((primal, dual), rates, strict=True)]
        return Saddle(primal, dual, objective, self.mode, optimizers=optimizers, averaging=self.averaging())

    def averaging(self) -> Averaging:
        """Which snapshots are averaged."""
        return Averaging(every=min(self.every, self.steps))

    def regression(
        self,
        network: nn.Module,
        loss: Callable[[int, torch.Generator], Tensor],
        seed: int,
        watch: Watch = Unwatched(),
    ) -> FunctionAverage:
        """A network that is trained by a loss with as many steps, and averaged, as the game's primal is.

        Args:
            network: What is trained.
            loss: Of a step and its generator.
            seed: Of the batches.
            watch: Told of every step.
        """
        plan = Plan(steps=self.steps, optimizer=lambda held: _adam(held, self.learning_rate))
        bank = Bank(self.averaging())
        for step in Run(network.parameters(), loss, plan, seed=seed).steps(watch, "regression"):
            bank.see(step + 1, network)
        return bank.mean(network)


def _adam(held: Iterable[Any], rate: float | int) -> torch.optim.Optimizer:
    return torch.optim.Adam(held, lr=float(rate), betas=BETAS)


class NeuralIV(Estimator):
    """A structural function E[Y - f(X) | Z] = 0, found by a game of two networks.

    f lowers and u raises E[(f(X) - Y) u(Z) - u(Z)^2 / 2] + ridge / 2 E[f(X)^2]; what is kept is the average of the
    functions that f was in the last half of the game. It pays on functions with kinks and jumps; on smooth ones
    `TwoStageLeastSquares` with powers is better. Columns and outcome are standardised inside; predictions are in the
    user's units. It has no standard errors: see `haar.systems.structural_equations.bootstrap`.

    Args:
        hidden: Widths of the hidden layers of both networks.
        exogenous: Names or places of the columns of X that are their own instruments.
        symmetry: How a finite group moves the columns of X: f is then exactly invariant. A pair adds how it moves the
            instruments (exogenous columns, then Z), for u.
        players: Networks of your own in place of both, such as equivariant ones from `haar.nn`; they see the columns
            as they are, in single precision, and f answers in standard deviations of y from its mean. Copied, never
            changed.
        ridge: The price of E[f^2].
        training: How the game is played.
        seed: Of first weights and batches.
        watch: Told of every turn.

    Attributes:
        average_: The average of functions, a module.
        game_: The game as it ended: ``game_.history``, ``game_.last``.
        first_stage_: What the instruments say of every endogenous column.

    Raises:
        ArgumentError: On fitting, as `Estimator.fit`.
        DivergedError: If a player diverges.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> z, e = generator.normal(size=(2, 500))
        >>> x = z + e
        >>> fitted = NeuralIV(hidden=(16,), training=Training(steps=100)).fit(x, abs(x) + e, z)
        >>> fitted.predict(np.array([-1.0, 0.0, 1.0])).shape
        (3,)

    Source: arXiv 2007.01290, with optimistic steps.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (100, 100),
        *,
        exogenous: Sequence[str | int] = (),
        symmetry: Any = None,
        players: tuple[nn.Module, nn.Module] | None = None,
        ridge: float | int = 1e-3,
        training: Training | None = None,
        seed: int = 0,
        watch: Watch = Unwatched(),
    ) -> None:
        self.hidden, self.exogenous, self.symmetry, self.players = hidden, exogenous, symmetry, players
        self.ridge, self.training, self.seed, self.watch = ridge, training, seed, watch

    def _fit(self, made: Problem) -> None:
        how = self._how()
        self._mean, self._scale = float(made.y.mean()), float(made.y.std())
        primal, dual = self._players(made)
        self.game_ = how.game(primal, dual, ConditionalMoment(self.ridge))
        x, y, z = self._tensors(made)

        def batch(step: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
            del step
            rows = draw(len(x), how.batch_size, generator)
            return x[rows], y[rows], z[rows]

        play(self.game_, batch, how.steps, seed=self.seed, watch=self.watch)
        self.average_ = self.game_.average()

    def _how(self) -> Training:
        """How it is trained, checked: options are kept as they are given until then."""
        if self.training is not None and not isinstance(self.training, Training):
            raise ArgumentError("training", expected="a Training, or None", got=repr(self.training))
        if isinstance(self.hidden, str) or not isinstance(self.hidden, (Sequence, np.ndarray)):
            raise ArgumentError("hidden", expected="a list of widths", got=repr(self.hidden))
        for width in self.hidden:
            check_count("hidden", width)
        return self.training or Training()

    def _tensors(self, made: Problem) -> tuple[Tensor, Tensor, Tensor]:
        outcome = (made.y[:, None] - self._mean) / self._scale
        x, y, z = (
            torch.tensor(table, dtype=torch.float32) for table in (made.x.values, outcome, made.instruments.values)
        )
        return x, y, z

    def _players(self, made: Problem) -> tuple[nn.Module, nn.Module]:
        if self.players is not None:
            if self.symmetry is not None:
                raise ArgumentError(
                    "symmetry", expected="none beside players", got="one", way_out="average them before"
                )
            return brought(self.players, (made.x.values, made.instruments.values))
        pair = self.symmetry if isinstance(self.symmetry, tuple) else (self.symmetry, None)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            primal = player(made.x.values, self.hidden, pair[0], "symmetry")
            dual = player(made.instruments.values, self.hidden, pair[1], "symmetry[1]")
        return primal, dual

    def _predict(self, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        return self._answered(self.average_, values)

    def predict_last(self, X: Any) -> Float[np.ndarray, " rows"]:
        """What f was in the last turn, to be compared: without averaging it is several times worse.

        Args:
            X: Regressors.
        """
        self._check_fitted("predict_last")
        return self._answered(self.game_.last, self._known(X).values)

    def _answered(self, network: nn.Module, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        with torch.no_grad():
            answer = network(torch.tensor(values, dtype=torch.float32)).reshape(-1)
        found: np.ndarray = answer.double().numpy() * self._scale + self._mean
        return found

    def gap(self, X: Any, y: Any, Z: Any, *, steps: int = 50) -> Gap:
        """What each player could still win by itself, on held-out rows, in variances of y.

        Args:
            X: Regressors.
            y: The outcome.
            Z: The excluded instruments.
            steps: Of each player.
        """
        self._check_fitted("gap")
        return self.game_.gap([self._tensors(problem(X, y, Z, self.exogenous))], steps=steps)
