"""Run a recipe: finished seeds are kept and skipped, everything is written whole, the result is judged at the end."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from haar.errors import ArgumentError
from haar.files import atomic_path
from haar.folders import claimed
from haar.report import plain, write_json
from haar.report.page import png
from haar.systems.claim import filled, judge
from haar.systems.measuring_code import code_hash
from haar.systems.recipe import Recipe, Result
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

    Returns:
        The result that was written.

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
    chosen = tuple(range(first_seed, first_seed + count))
    code = code_hash(recipe.measure)
    measures = [_measured(recipe, config, seed, code, out=out, watch=watch) for seed in chosen]
    result = Result(
        system=recipe.name,
        title=recipe.title,
        paper=recipe.paper,
        preset=preset,
        seeds=chosen,
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


def _measured(
    recipe: Recipe, config: Mapping[str, Any], seed: int, code: str, *, out: Path, watch: Watch
) -> Mapping[str, Any]:
    configuration = {
        "system": recipe.name,
        "config": config,
        "seed": seed,
        "versions": versions(),
        "code": code,
    }
    folder = out / "runs" / content_hash(configuration)
    finished = folder / "measures.json"
    if finished.is_file():
        kept: Mapping[str, Any] = json.loads(finished.read_text(encoding="utf-8"))["measures"]
        return kept
    with claimed(folder, "out"):
        write_json(folder / "configuration.json", configuration)
        measures: Mapping[str, Any] = plain(recipe.measure(config, seed, folder, watch))
        write_json(finished, {"configuration": configuration, "measures": measures})
    return measures
