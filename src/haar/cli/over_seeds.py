"""A command run over seeds by workers, each seed in a folder of its own, and one table of all."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from haar.errors import HaarError

if TYPE_CHECKING:
    from haar.watch import Watch

#: What is told of a finished seed: single numbers and words of its result.
_TOLD = (str, int, float, bool, type(None))
_UNTOLD = ("schema", "kind", "group")


def run_command(words: list[str], watch: Watch) -> None:
    """Run a command of haar in a process of its own, which a worker waits for.

    Args:
        words: What stands after ``haar``.
        watch: Told that it runs.

    Raises:
        HaarError: If it fails, with its last line.
    """
    with watch.stage(" ".join(words[:2]), None):
        command = [sys.executable, "-m", "haar", *words]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 (ours)
    sys.stderr.write(done.stderr)  # the worker's log
    if done.returncode:
        told = done.stderr.strip().splitlines()[-1:] or [f"ended with exit code {done.returncode}"]
        raise HaarError(told[0].removeprefix("haar: "))


def over_seeds(
    words: list[str],
    finished: str,
    out: Path,
    *,
    first: int,
    seeds: int | None,
    workers: str | None,
    as_json: bool,
) -> None:
    """Run a command for several seeds, skip those that are finished, and show one table.

    Args:
        words: The command without its seed and its folder.
        finished: The file of its folder that says that it is finished.
        out: Folder of the seeds' folders.
        first: The first seed.
        seeds: How many; 1 by default.
        workers: Who runs them; one local process by default.
        as_json: Whether to print one JSON object.
    """
    from haar.cli.screen import console
    from haar.cli.sweep_screen import SweepScreen
    from haar.report import Table
    from haar.report.json_file import dumps, write_json
    from haar.sweeps import Part, Workers, sweep

    parts = []
    for seed in range(first, first + (seeds or 1)):
        folder = (out / f"seed-{seed}").resolve()
        full = [*words, "--seed", str(seed), "--out", str(folder), "--quiet"]
        parts.append(Part(f"seed {seed}", folder / finished, partial(run_command, full)))
    with SweepScreen() as told:
        sweep(parts, Workers.parse(workers or "local:1"), out / "jobs", told=told)
    found: list[dict[str, Any]] = [json.loads(part.finished.read_text(encoding="utf-8")) for part in parts]
    write_json(out / "seeds.json", {part.name: one for part, one in zip(parts, found, strict=True)})
    if as_json:
        typer.echo(dumps({part.name: one for part, one in zip(parts, found, strict=True)}), nl=False)
        return
    names = [name for name, value in found[0].items() if isinstance(value, _TOLD) and name not in _UNTOLD]
    rows = [
        (part.name, *(one.get(name) for name in names), str(part.finished.parent.relative_to(out.resolve())))
        for part, one in zip(parts, found, strict=True)
    ]
    screen = console()
    screen.print(Table("seeds", ("seed", *names, "folder"), rows).rich())
    screen.print(f"all of them: {out / 'seeds.json'}")
