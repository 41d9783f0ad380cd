"""Two players and an objective: the game that a loop of the user's own plays, a turn for every batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count, check_rate
from haar.saddle.averaging import Averaging, Bank, Distillation, FunctionAverage, distilled
from haar.saddle.divergence import check_sizes, diverged, sizes_due
from haar.saddle.gap import Gap, best_response_gap
from haar.saddle.gradients import player_gradients, read, scalar
from haar.saddle.modes import check_mode, take_turn
from haar.saddle.player import Player, trainable, unwrapped
from haar.saddle.processes import check_alike, mean_over_processes
from haar.saddle.projection import Projection

Objective = Callable[[Any, Any, Any], Tensor]
"""From (primal, dual, batch) to the number that the primal lowers and the dual raises."""
Projections = Projection | tuple[Projection | None, Projection | None] | None
#: Rates of Adam for the primal and the dual, where no optimisers are given.
RATES = (1e-3, 5e-3)


class Turn(NamedTuple):
    """What the players moved with in a turn.

    Attributes:
        step: Its number, from 1.
        objective: The value of the objective, where it was last looked at (in mode ``"extragradient"``, a step ahead).
        primal_gradient: Norm of its gradient by the primal's parameters, before clipping, there.
        dual_gradient: The same of the dual's.
    """

    step: int
    objective: float
    primal_gradient: float
    dual_gradient: float


class Saddle:
    """A game of two players over one objective, which `primal` lowers and `dual` raises.

    ``step(batch)`` is a turn. Modes:

    - ``"simultaneous"``: both move from one point, with one pass forwards and one backwards;
    - ``"alternating"``: the dual moves first, and the primal answers the *new* dual;
    - ``"extragradient"``: both look a step ahead, and move with the gradients found there (two passes);
    - ``"optimistic"``: twice the optimiser's step less its step before (one pass).

    With several dual steps a turn, all but the last (in mode ``"alternating"``, all) are taken by the dual alone,
    before the primal moves. On the bilinear game the first spirals outwards, the second circles, and the last two
    contract.

    With `torch.distributed` gradients are averaged over processes before every step; a player may be wrapped in
    `DistributedDataParallel`, of which only what is in it is used. Gradients stay in ``.grad`` (those of the dual with
    the sign of descent) until the next turn.

    Args:
        primal: Goes down.
        dual: Goes up; for multipliers, `haar.saddle.Multipliers`.
        objective: ``objective(primal, dual, batch)`` gives a number in a tensor.
        mode: One of `MODES`.
        optimizers: Of the primal and the dual; by default Adam with rates 1e-3 and 5e-3.
        dual_steps: Steps of the dual in every turn.
        project: Where the players stay: one projection for each, or a pair of which either may be None.
        clip: Largest norm of each player's gradient.
        averaging: Which snapshots of the primal are kept for `averaged`; None for none.

    Attributes:
        taken: Turns taken so far.

    Raises:
        ArgumentError: If a player has nothing to train, both share a parameter, or an option does not fit.

    Example:
        >>> class Number(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.value = nn.Parameter(torch.ones((), dtype=torch.float64))
        >>> x, y = Number(), Number()
        >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.3) for player in (x, y)]
        >>> game = Saddle(x, y, lambda x, y, batch: x.value * y.value, mode="optimistic", optimizers=sgd)
        >>> for _ in range(300):
        ...     turn = game.step(None)
        >>> max(abs(x.value.item()), abs(y.value.item())) < 1e-5
        True

    Source: arXiv 2007.01290 (networks as players, function averages); Korpelevich 1976 (extragradient); Daskalakis et
        al., arXiv 1711.00141 (optimism).
    """

    def __init__(
        self,
        primal: Any,
        dual: Any,
        objective: Objective,
        mode: str = "simultaneous",
        *,
        optimizers: Sequence[torch.optim.Optimizer] | None = None,
        dual_steps: int = 1,
        project: Projections = None,
        clip: float | int | None = None,
        averaging: Averaging | None = Averaging(),  # noqa: B008 (frozen)
    ) -> None:
        check_mode(mode)
        check_count("dual_steps", dual_steps)
        check_rate("clip", clip)
        modules = unwrapped("primal", primal), unwrapped("dual", dual)
        shared = {id(p) for p in trainable("primal", modules[0])} & {id(p) for p in trainable("dual", modules[1])}
        if shared:
            raise ArgumentError("dual", expected="parameters of its own", got=f"{len(shared)} of the primal's")
        self.mode, self.objective, self.dual_steps = mode, objective, dual_steps
        made = _optimizers(modules, optimizers)
        sets = project if isinstance(project, tuple) else (project, project)
        first, second = (
            Player(name, module, optimizer, projection=each, clip=clip)
            for name, module, optimizer, each in zip(("primal", "dual"), modules, made, sets, strict=True)
        )
        self.players = first, second
        self.bank = None if averaging is None else Bank(averaging)
        self.taken = 0
        self._value = math.nan  # of the objective, where it was last looked at
        self._start = 0.0  # norm of the gradients where all began
        self._rows: list[tuple[float, float, float]] = []
        self._gaps: list[tuple[int, float]] = []

    @property
    def primal(self) -> nn.Module:
        """Who goes down; as the last turn left it."""
        return self.players[0].module

    @property
    def dual(self) -> nn.Module:
        """Who goes up."""
        return self.players[1].module

    @property
    def last(self) -> nn.Module:
        """The primal as the last turn left it."""
        return self.primal

    @property
    def history(self) -> list[Turn]:
        """What the players moved with in every turn."""
        return [Turn(step, *row) for step, row in enumerate(self._rows, 1)]

    @property
    def gaps(self) -> list[tuple[int, float]]:
        """After which turn a gap was measured, and its value."""
        return list(self._gaps)

    def step(self, batch: Any) -> Turn:
        """Take a turn.

        Args:
            batch: What the objective is given.

        Returns:
            The objective and the norms of the gradients with which the players last moved.

        Raises:
            DivergedError: If the objective or a gradient is not finite; it names the player. Neither has moved with it.
                Or if a player has run away without that, which is looked for now and then.
            ArgumentError: If the objective gives no number, or does not depend on a player.
        """
        if self.taken == 0:
            check_alike(self.players)
        take_turn(self.mode, *self.players, self.dual_steps, partial(self._look, batch))
        if sizes_due(self.taken + 1):
            players, in_turn = self._movers()
            check_sizes(self.taken + 1, players, self._seen, self._start, in_turn=in_turn)
        self.taken += 1
        row = self._value, self.players[0].norm, self.players[1].norm
        self._rows.append(row)
        if self.bank is not None:
            self.bank.see(self.taken, self.primal)
        return Turn(self.taken, *row)

    @contextmanager
    def stepping(self, optimizers: Sequence[Any]) -> Iterator[None]:
        """Within it, steps are taken by what wraps the optimisers, such as Lightning's, which count them.

        Args:
            optimizers: Wrappers of the primal's and the dual's.
        """
        own = [player.optimizer for player in self.players]
        for player, wrapper in zip(self.players, optimizers, strict=True):
            player.optimizer = wrapper
        try:
            yield
        finally:
            for player, optimizer in zip(self.players, own, strict=True):
                player.optimizer = optimizer

    def averaged(self, *inputs: Any) -> Any:
        """The mean of what the kept snapshots of the primal answer, without gradients.

        Raises:
            ArgumentError: If there is none.
        """
        with torch.no_grad():
            return self.average()(*inputs)

    def average(self) -> FunctionAverage:
        """The average of the primal's snapshots as a module of its own.

        Raises:
            ArgumentError: If there is none.
        """
        if self.bank is None:
            raise ArgumentError("averaging", expected="Averaging(...) when the game was made", got="None")
        return self.bank.mean(self.primal)

    def distil(self, inputs: Tensor, **options: Any) -> Distillation:
        """One network that has learned the average; see `haar.saddle.distilled`."""
        return distilled(self.average(), inputs, **options)

    def gap(self, batches: Iterable[Any], *, steps: int = 50) -> Gap:
        """What each player could still win by itself, on batches that were held out; kept in `gaps`.

        Copies of the players take so many steps of their optimisers on the mean over all batches, each against the
        other as it stands: max over u' of Phi(f, u') minus min over f' of Phi(f', u). It is an estimate from below.

        Args:
            batches: All are used in every step.
            steps: Of each player.

        Raises:
            ArgumentError: If there is no batch.
        """
        found = best_response_gap(self.players, self.objective, list(batches), steps=steps)
        self._gaps.append((self.taken, found.value))
        return found

    def state_dict(self) -> dict[str, Any]:
        """Both players with their optimisers, the bank and the history: tensors and plain values."""
        return {
            "run": self._identity(),
            "taken": self.taken,
            "players": [player.state_dict() for player in self.players],
            "bank": None if self.bank is None else self.bank.state_dict(),
            "history": torch.tensor(self._rows, dtype=torch.float64).reshape(-1, 3),
            "gaps": [[step, value] for step, value in self._gaps],
            "start": self._start,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there, bit for bit.

        Raises:
            ArgumentError: If it is of another game.
        """
        known = self._identity()
        if state["run"] != known:
            different = sorted(key for key in known if state["run"].get(key) != known[key])
            raise ArgumentError("state", expected="the state of a game like this one", got=f"another {different[0]}")
        self.taken = int(state["taken"])
        for player, kept in zip(self.players, state["players"], strict=True):
            player.load_state_dict(kept)
        if self.bank is not None:
            self.bank.load_state_dict(state["bank"])
        rows: list[list[float]] = state["history"].tolist()
        self._rows = [(row[0], row[1], row[2]) for row in rows]
        self._gaps = [(int(step), float(value)) for step, value in state["gaps"]]
        self._start = float(state.get("start", 0.0))

    def _identity(self) -> dict[str, Any]:
        averaging = None if self.bank is None else [self.bank.averaging.every, float(self.bank.averaging.share)]
        shapes = [[list(p.shape) for p in player.parameters] for player in self.players]
        kinds = [type(player.optimizer).__name__ for player in self.players]
        return {
            "mode": self.mode,
            "dual_steps": self.dual_steps,
            "averaging": averaging,
            "optimizers": kinds,
            "shapes": shapes,
        }

    def _movers(self) -> tuple[Sequence[Player], bool]:
        """The players in the order of their moves, and whether each answers the move before."""
        in_turn = self.mode == "alternating"
        return (self.players[::-1] if in_turn else self.players), in_turn

    def _seen(self) -> dict[str, list[float]]:
        """Norms of each player's gradients, by its name."""
        return {player.name: [row[k] for row in self._rows] for k, player in enumerate(self.players, 1)}

    def _look(self, batch: Any, who: Sequence[Player]) -> None:
        """Hand players their gradients where all stand now, and keep the objective's value."""
        first, second = self.players
        for player in who:
            player.forget()
        with torch.enable_grad():
            value = scalar(self.objective(first.module, second.module, batch))
            gradients = player_gradients(value, who)
        gradients, value = mean_over_processes(gradients, value.detach())
        found, norms = read(value, gradients)
        if not math.isfinite(found + sum(norms)):
            players, in_turn = self._movers()
            raise diverged(
                self.taken + 1,
                found,
                norms,
                looked=who,
                players=players,
                seen=self._seen(),
                batch=batch,
                in_turn=in_turn,
            )
        if not self._start:
            self._start = math.hypot(*norms)
        for player, each, norm in zip(who, gradients, norms, strict=True):
            player.give(each, norm)
        self._value = found


def _optimizers(
    modules: Sequence[nn.Module], given: Sequence[torch.optim.Optimizer] | None
) -> Sequence[torch.optim.Optimizer]:
    if given is None:
        pairs = zip(("primal", "dual"), modules, RATES, strict=True)
        return [torch.optim.Adam(trainable(name, module), lr=rate) for name, module, rate in pairs]
    if len(given) != 2:
        raise ArgumentError("optimizers", expected="two, of the primal and of the dual", got=len(given))
    return given
