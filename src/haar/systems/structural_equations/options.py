"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Games:
    """Games on made data.

    Attributes:
        rows: Of every data set.
        sets: Independent data sets of a seed.
        steps: Turns of each game, and steps of each regression.
        batch_size: Rows a turn.
        width: Of both hidden layers of both networks.
        start: Of the weights: ``"default"`` or ``"He"``.
    """

    rows: int
    sets: int
    steps: int
    batch_size: int
    width: int
    start: str


@dataclass(frozen=True)
class Tickets:
    """Games on the demand design.

    Attributes:
        rows: Of every data set.
        correlations: Of the errors of price and sales, a data set each.
        steps: Turns of each game, and steps of each regression.
        batch_size: Rows a turn.
        width: Of both hidden layers of both networks.
    """

    rows: int
    correlations: tuple[float, ...]
    steps: int
    batch_size: int
    width: int


@dataclass(frozen=True)
class Options:
    """Games whose answers are known, on made and on real data.

    Attributes:
        functions: Structural functions of one regressor.
        line: Games on them.
        sine: More games on the sine, whose outcome depends on width and first weights.
        plane: Games on functions that rotations leave alone.
        transitions: Of the chain.
        chain_steps: Turns of the chain's game.
        wage_steps: Turns of the linear games on wages.
        demand: Games on the demand design, for every number of rows.
    """

    functions: tuple[str, ...]
    line: Games
    sine: tuple[Games, ...]
    plane: tuple[Games, ...]
    transitions: int
    chain_steps: int
    wage_steps: int
    demand: tuple[Tickets, ...] = ()
