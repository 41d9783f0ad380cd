"""What the reproduction measures for one seed: every rule on every data set, and the score test of the strict models.

A seed of the recipe stands for several networks, each with data, initialisation and batches of its own. Training saves
itself now and then, finished parts are kept in files: a killed run goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from haar.relax.diagnosis.score_test import score_test
from haar.relax.diagnosis.tension import tension
from haar.report import plain, write_json
from haar.systems.adaptive_constrained_equivariance.arms import make_arms
from haar.systems.adaptive_constrained_equivariance.tasks import make_task
from haar.systems.adaptive_constrained_equivariance.trial import (
    Arm,
    Configuration,
    Json,
    TrialPlan,
    evaluate,
    train_together,
)
from haar.watch import Watch

Config = Mapping[str, Any]


def measure(config: Config, seed: int, folder: Path, watch: Watch) -> Json:
    """Run all parts of the experiment for one seed.

    Args:
        config: A preset of the recipe.
        seed: Everything random derives from it.
        folder: Where checkpoints and finished parts are kept.
        watch: Told of the progress.

    Returns:
        Plain JSON: for every part its cells, and in each for every rule a list with what its networks are worth.
    """
    return {part["name"]: _part(config, part, seed, folder, watch) for part in config["parts"]}


def _part(config: Config, part: Config, seed: int, folder: Path, watch: Watch) -> Json:
    kept = folder / f"{part['name']}.json"
    if kept.is_file():
        done: Json = json.loads(kept.read_text(encoding="utf-8"))
        return done
    plan = TrialPlan(**part["plan"])
    networks = part.get("networks", config["networks"])
    options = {**part["options"], **({part["files"]: config["data"]} if "files" in part else {})}
    cells = [(n, beta) for n in part["samples"] for beta in part["betas"]]
    configurations = [
        Configuration(make_task(part["task"], options, beta), n, seed * networks + k)
        for n, beta in cells
        for k in range(networks)
    ]
    arms = make_arms(part["arms"], configurations, plan, tried=part["tried"], mode=part["mode"])
    title, kept_at = f"{part['name']}, {len(arms)} x {len(configurations)} networks", folder / f"{part['name']}.pt"
    train_together(arms, configurations, plan, checkpoint=kept_at, watch=watch, title=title)
    chosen = _choose([(arm, evaluate(arm, configurations, plan)) for arm in arms])
    found: Json = {"cells": {}}
    for place, (n, beta) in enumerate(cells):
        rows = slice(place * networks, (place + 1) * networks)
        found["cells"][f"{n}, {beta:g}"] = {
            "samples": n,
            "beta": beta,
            "rules": {name: values[rows] for name, values in chosen.items()},
        }
    strict = next((arm for arm in arms if arm.name == "strict"), None)
    if strict is not None and part["draws"]:
        found["scores"] = _scores(strict, configurations, part["draws"], watch)
    made: Json = plain(found)
    write_json(kept, made)
    (folder / f"{part['name']}.pt").unlink(missing_ok=True)
    return made


def _choose(tried: Sequence[tuple[Arm, Sequence[Json]]]) -> dict[str, list[Json]]:
    """For every rule and network the value of its setting with the least validation error, and how many were tried."""
    families: dict[str, list[tuple[float | None, Sequence[Json]]]] = {}
    for arm, values in tried:
        families.setdefault(arm.name, []).append((arm.setting, values))

    def error(value: Json) -> float:
        return float("inf") if value["validation"] is None else float(value["validation"])

    out: dict[str, list[Json]] = {}
    for name, settings in families.items():
        out[name] = []
        for k in range(len(settings[0][1])):
            setting, value = min(((s, values[k]) for s, values in settings), key=lambda pair: error(pair[1]))
            out[name].append({**value, "setting": setting, "tries": len(settings)})
    return out


def _scores(arm: Arm, configurations: Sequence[Configuration], draws: int, watch: Watch) -> list[Json]:
    """Symmetry score test and tension of every strict model's last layer on its own training data."""
    last = list(arm.ensemble.layers)[-1]
    found = []
    with watch.stage("score tests", len(configurations)) as advance:
        for k, c in enumerate(configurations):
            x, y = c.task.sample("train", c.samples, c.generator(1))
            model = arm.ensemble.member(k)
            test = score_test(model, _squared, x, y, layers=[last], draws=draws, seed=c.seed)
            found.append(
                {
                    "samples": c.samples,
                    "beta": c.task.beta,
                    "p": {score.name: score.p for score in test.scores},
                    "largest": test.largest,
                    "tension": tension(model, _squared, x, y)[last],
                }
            )
            advance()
    return found


def _squared(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (prediction - target).square().mean()
