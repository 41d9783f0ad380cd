"""What one seed measures: what is exact, then games on a line, in the plane, on wages and on a chain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haar.systems.experiment import Parts, options
from haar.systems.structural_equations.exactness import bilinear, chain, equations, linear_games
from haar.systems.structural_equations.line import learn as on_a_line
from haar.systems.structural_equations.options import Options
from haar.systems.structural_equations.plane import learn as in_the_plane
from haar.systems.structural_equations.tickets import learn as sell
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished parts are kept.
        watch: Told of the progress.
    """
    preset, parts = options(Options, config), Parts(folder, watch)
    found: dict[str, Any] = {}
    with parts.stage("closed forms and small games", 4):
        found["linear"] = parts.keep("linear", lambda: linear_games(seed))
        found["bilinear"] = parts.keep("bilinear", lambda: bilinear(0.1, 300))
        found["chain"] = parts.keep("chain", lambda: chain(preset.transitions, preset.chain_steps, seed))
        found["wages"] = parts.keep("wages", lambda: equations(preset.wage_steps))
    with parts.stage("games of networks", len(preset.functions) + len(preset.sine) + len(preset.plane)):
        found["functions"] = {
            name: parts.keep(f"function {name}", lambda name=name: on_a_line(name, preset.line, seed))  # type: ignore[misc]
            for name in preset.functions
        }
        found["sine"] = {
            f"width {games.width}, {games.start}": parts.keep(
                f"sine {games.width} {games.start}",
                lambda games=games: on_a_line("sin", games, seed, rivals=False),  # type: ignore[misc]
            )
            for games in preset.sine
        }
        found["plane"] = {
            f"{games.rows} rows": parts.keep(f"plane {games.rows}", lambda games=games: in_the_plane(games, seed))  # type: ignore[misc]
            for games in preset.plane
        }
    with parts.stage("demand", sum(len(games.correlations) for games in preset.demand)):
        found["demand"] = {
            f"{games.rows} rows, correlation {correlation:g}": parts.keep(
                f"demand {games.rows} {correlation:g}",
                lambda games=games, correlation=correlation: sell(games, correlation, seed),  # type: ignore[misc]
            )
            for games in preset.demand
            for correlation in games.correlations
        }
    return found
