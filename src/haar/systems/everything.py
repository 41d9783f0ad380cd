"""Every system's experiment, one after the other or by workers, and the page of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from haar.errors import HaarError, one_line
from haar.sweeps import Row, Workers, sweep
from haar.systems.catalogue import SYSTEMS, System
from haar.systems.combined import AllResults, SystemResult
from haar.systems.recipe import Recipe, load_recipe
from haar.systems.runner import PlannedSeed, judged, plan
from haar.watch import Unwatched, Watch


def reproduce_all(
    *,
    out: Path,
    preset: str = "quick",
    seeds: int | None = None,
    first_seed: int = 0,
    watch: Watch = Unwatched(),
    workers: Workers | None = None,
    told: Callable[[Sequence[Row]], None] | None = None,
) -> AllResults:
    """Run every recipe that is built, each in ``out/NAME``, and write ``out/report.html`` and ``out/result.json``.

    A system that cannot be run, as where an optional package is missing, is listed with the reason; the others go on.

    Args:
        out: Folder for all of it.
        preset: Name of a preset that every recipe has.
        seeds: Number of seeds of each; by default the preset's own.
        first_seed: The first of them.
        watch: Told of the progress.
        workers: Who measures, seeds of all systems together; by default this process.
        told: Called with the state of every seed, where there are workers.
    """
    planned: list[tuple[System, Recipe | None, list[PlannedSeed], str]] = []
    for system in SYSTEMS:
        if not system.built:
            continue
        try:
            loaded = load_recipe(system.name)
            seeds_of = plan(loaded, out=out / system.name, preset=preset, seeds=seeds, first_seed=first_seed)
            planned.append((system, loaded, seeds_of, ""))
        except HaarError as error:
            planned.append((system, None, [], one_line(str(error))))
    if workers is not None:
        parts = [one.part() for _, _, seeds_of, _ in planned for one in seeds_of]
        sweep(parts, workers, out / "jobs", told=told, keep_going=True)
    found = []
    for system, recipe, seeds_of, fault in planned:
        if recipe is None:
            found.append(SystemResult(system, None, fault))
            continue
        missing = [str(one.seed) for one in seeds_of if workers is not None and not one.finished.is_file()]
        if missing:
            found.append(SystemResult(system, None, f"seeds {', '.join(missing)} failed: see jobs/sweep.json"))
            continue
        try:
            measures = [one.measures(watch) for one in seeds_of]
            result = judged(recipe, measures, seeds_of, preset=preset, out=out / system.name)
            found.append(SystemResult(system, result))
        except HaarError as error:
            found.append(SystemResult(system, None, one_line(str(error))))
    made = AllResults(preset, found)
    made.save_json(out / "result.json")
    made.save_html(out / "report.html")
    return made
