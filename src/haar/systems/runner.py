"""Run a recipe: finished seeds are kept and skipped, everything is written whole, the result is judged at the end."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from haar.errors import ArgumentError, HaarError
from haar.files import atomic_path
from haar.folders import claimed
from haar.report import plain, write_json
from haar.report.page import png
from haar.sweeps import Part, Row, Workers, sweep
from haar.systems.claim import filled, judge
from haar.systems.measuring_code import code_hash
from haar.systems.recipe import Measure, Measures, Recipe, Result
from haar.watch import Unwatched, Watch


def reproduce(
    recipe: Recipe,
    *,
    out: Path,
    preset: str = "quick",
    seeds: int | None = None,
    first_seed: int = 0,
    data: Path | None = None,
    watch: Watch = Unwatched(),
    workers: Workers | None = None,
    told: Callable[[Sequence[Row]], None] | None = None,
) -> Result:
    """Run a recipe over seeds and write ``result.json``, ``report.html`` and ``figures/``.

    Each seed has a folder ``runs/<hash>`` named after its configuration, the versions and the measuring code. A
    finished one is skipped; an unfinished one is entered again, and the recipe goes on from the checkpoints it finds
    there.

    Args:
        recipe: What to run.
        out: Folder for all of it.
        preset: Name of one of the recipe's presets.
        seeds: Number of seeds; by default the preset's own.
        first_seed: The first of them.
        data: Published files, for presets that read them (those with ``needs_data``).
        watch: Told of the progress.
        workers: Who measures seeds, several at a time; by default this process, one after the other.
        told: Called with the state of every seed, where there are workers.

    Returns:
        The result that was written.

    Raises:
        ArgumentError: If the preset is unknown, there is no seed, or data are missing or not asked for.
        HaarError: If workers failed on some seeds; the others are kept.
    """
    planned = plan(recipe, out=out, preset=preset, seeds=seeds, first_seed=first_seed, data=data)
    if workers is not None:
        sweep([one.part() for one in planned], workers, out / "jobs", told=told)
    return judged(recipe, [one.measures(watch) for one in planned], planned, preset=preset, out=out)


def plan(
    recipe: Recipe,
    *,
    out: Path,
    preset: str = "quick",
    seeds: int | None = None,
    first_seed: int = 0,
    data: Path | None = None,
) -> list[PlannedSeed]:
    """The seeds of a recipe, each with its folder.

    Args:
        recipe: As for `reproduce`.
        out: Likewise.
        preset: Likewise.
        seeds: Likewise.
        first_seed: Likewise.
        data: Likewise.

    Raises:
        ArgumentError: If the preset is unknown, there is no seed, or data are missing or not asked for.
    """
    if preset not in recipe.presets:
        raise ArgumentError("preset", expected=f"one of {', '.join(recipe.presets)}", got=repr(preset))
    count = recipe.default_seeds[preset] if seeds is None else seeds
    if count < 1:
        raise ArgumentError("seeds", expected="at least 1", got=count)
    if first_seed < 0:
        raise ArgumentError("first_seed", expected="a number that is not negative", got=first_seed)
    config = _with_data(recipe.presets[preset], preset, data)
    code = code_hash(recipe.measure)
    return [
        PlannedSeed(recipe.name, recipe.measure, config, seed, code, out)
        for seed in range(first_seed, first_seed + count)
    ]


def judged(
    recipe: Recipe, measures: Sequence[Measures], planned: Sequence[PlannedSeed], *, preset: str, out: Path
) -> Result:
    """Judge what all seeds measured, and write the result.

    Args:
        recipe: What was run.
        measures: Of every seed.
        planned: The seeds.
        preset: Name of the preset.
        out: Folder for the result.
    """
    result = Result(
        system=recipe.name,
        title=recipe.title,
        paper=recipe.paper,
        preset=preset,
        seeds=tuple(one.seed for one in planned),
        versions=versions(),
        claims=tuple(judge(recipe.claims, measures)),
        details=tuple(recipe.sections(filled(measures, math.nan))),
    )
    write_result(result, out)
    return result


def write_result(result: Result, out: Path) -> None:
    """Write ``figures/``, ``result.json`` and ``report.html``."""
    for number, section in enumerate(result.sections()):
        if section.figure is not None:
            words = re.sub(r"[^a-z0-9]+", "-", (section.title or section.caption).lower()).strip("-")[:40]
            with atomic_path(out / "figures" / f"{number:02d}-{words}.png") as part:
                part.write_bytes(png(section.figure))
    result.save_json(out / "result.json")
    result.save_html(out / "report.html")


def versions() -> dict[str, str]:
    """What the numbers depend on besides the configuration."""
    return {
        "haar": version("haar"),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }


def content_hash(configuration: Mapping[str, Any]) -> str:
    """Twelve characters that change when anything in a configuration does.

    Example:
        >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
        True
    """
    text = json.dumps(plain(configuration), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _with_data(config: Mapping[str, Any], preset: str, data: Path | None) -> Mapping[str, Any]:
    if not config.get("needs_data"):
        if data is not None:
            raise ArgumentError("data", expected=f"nothing: preset {preset!r} makes its own data", got=str(data))
        return config
    if data is None:
        raise ArgumentError("data", expected=f"the published files that preset {preset!r} reads", got="nothing")
    if not data.exists():
        raise ArgumentError("data", expected="a file or folder that exists", got=str(data))
    return {**config, "data": str(data.resolve())}


@dataclass(frozen=True)
class PlannedSeed:
    """One seed of a recipe, before or after it was measured; a worker gets it as it is.

    Args:
        system: Name of the system.
        measure: Measures it.
        config: The preset.
        seed: The seed.
        code: Hash of the code that measures.
        out: Folder of the whole run.
    """

    system: str
    measure: Measure
    config: Mapping[str, Any]
    seed: int
    code: str
    out: Path

    @property
    def configuration(self) -> dict[str, Any]:
        """What its folder is named after."""
        return {
            "system": self.system,
            "config": self.config,
            "seed": self.seed,
            "versions": versions(),
            "code": self.code,
        }

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.out / "runs" / content_hash(self.configuration)

    @property
    def finished(self) -> Path:
        """What is there when it was measured."""
        return self.folder / "measures.json"

    def part(self) -> Part:
        """It as a part of a sweep."""
        return Part(
            f"{self.system} seed {self.seed}", self.finished.resolve(), partial(measure_in_worker, self, versions())
        )

    def measures(self, watch: Watch = Unwatched()) -> Measures:
        """What it measured; measured now, if that is not kept.

        Args:
            watch: Told of the progress.
        """
        if self.finished.is_file():
            kept: Measures = json.loads(self.finished.read_text(encoding="utf-8"))["measures"]
            return kept
        configuration, finished = self.configuration, self.finished
        with claimed(self.folder, "out"):
            write_json(self.folder / "configuration.json", configuration)
            measures: Measures = plain(self.measure(self.config, self.seed, self.folder, watch))
            write_json(finished, {"configuration": configuration, "measures": measures})
        return measures


def measure_in_worker(planned: PlannedSeed, there: Mapping[str, str], watch: Watch) -> None:
    """Measure a seed in a worker.

    Args:
        planned: The seed.
        there: Versions where it was planned.
        watch: Told of the progress.

    Raises:
        HaarError: If this machine has other versions or other code.
    """
    here = versions()
    other = next((name for name in there if there[name] != here[name]), None)
    if other is not None:
        message = f"worker: expected {other} {there[other]}, as where the sweep was started, got {here[other]}"
        raise HaarError(message)
    if code_hash(planned.measure) != planned.code:
        message = f"worker: the code that measures {planned.system} is not that of where the sweep was started"
        raise HaarError(message)
    planned.measures(watch)
