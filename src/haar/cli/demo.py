"""``haar demo``: the whole story on data from a solver, in about three minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from haar.cli.options import folder_option, seed_option


def demo(
    *,
    out: Annotated[Path, folder_option("Folder for data, models and report.html.")] = Path("haar-demo"),
    seed: Annotated[int, seed_option("Seed of data and training.")] = 0,
) -> None:
    """Generate data, train a small surrogate, audit it, average it, and write report.html."""
    from haar.cli.screen import ProgressBars, console
    from haar.cli.tables import print_table
    from haar.systems.group_averaging.demo import run_demo

    with ProgressBars() as bars:
        report = run_demo(out, seed=seed, watch=bars)
    screen = console()
    for table in report.tables():
        print_table(screen, table)
    screen.print(report.summary.replace("**", ""), style="bold")
    screen.print(f"report: {out / 'report.html'}")
