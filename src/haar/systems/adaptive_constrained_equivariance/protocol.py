"""What the reproduction measures for one seed: every rule on every data set, and the score test of the strict models.

A seed of the recipe stands for several networks, each with data, initialisation and batches of its own. Training saves
itself now and then, finished parts are kept in files: a killed run goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from haar.relax.diagnosis.score_test import score_test
from haar.relax.diagnosis.tension import tension
from haar.systems.adaptive_constrained_equivariance.arms import make_arms
from haar.systems.adaptive_constrained_equivariance.options import Options, Part
from haar.systems.adaptive_constrained_equivariance.tasks import make_task
from haar.systems.adaptive_constrained_equivariance.trial import Arm, Configuration, evaluate, train_together
from haar.systems.adaptive_constrained_equivariance.trivial import trivial
from haar.systems.experiment import Json, Parts, options
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Json:
    """Run all parts of the experiment for one seed.

    Args:
        config: A preset of the recipe, see `Options`.
        seed: Everything random derives from it.
        folder: Where checkpoints and finished parts are kept.
        watch: Told of the progress.

    Returns:
        Plain JSON: for every part its cells, and in each for every rule a list with what its networks are worth.
    """
    preset, parts, found = options(Options, config), Parts(folder, watch), {}
    for part in preset.parts:
        checkpoint = folder / f"{part.name}.pt"
        found[part.name] = parts.keep(part.name, partial(_measure_part, preset, part, seed, checkpoint, watch))
        checkpoint.unlink(missing_ok=True)
    return found


def _measure_part(preset: Options, part: Part, seed: int, checkpoint: Path, watch: Watch) -> Json:
    networks = preset.networks if part.networks is None else part.networks
    of_task = {**part.options, **({part.files: preset.data} if part.files else {})}
    cells = [(n, beta) for n in part.samples for beta in part.betas]
    configurations = [
        Configuration(make_task(part.task, of_task, beta), n, seed * networks + k)
        for n, beta in cells
        for k in range(networks)
    ]
    arms = make_arms(part.arms, configurations, part.plan, tried=part.tried, mode=part.mode)
    title = f"{part.name}, {len(arms)} x {len(configurations)} networks"
    train_together(arms, configurations, part.plan, checkpoint=checkpoint, watch=watch, title=title)
    worth = chosen_settings([(arm, evaluate(arm, configurations, part.plan)) for arm in arms])
    simple = [trivial(configuration, part.plan) for configuration in configurations]
    worth.update({name: [one[name] for one in simple] for name in simple[0]})
    found: Json = {"cells": _in_cells(worth, cells, networks)}
    strict = next((arm for arm in arms if arm.name == "strict"), None)
    if strict is not None and part.draws:
        found["scores"] = _scores(strict, configurations, part.draws, watch)
    return found


def _in_cells(worth: Mapping[str, list[Json]], cells: Sequence[tuple[int, float]], networks: int) -> Json:
    """What every rule's networks are worth, cell by cell."""
    return {
        f"{n}, {beta:g}": {
            "samples": n,
            "beta": beta,
            "rules": {name: values[place * networks : (place + 1) * networks] for name, values in worth.items()},
        }
        for place, (n, beta) in enumerate(cells)
    }


def chosen_settings(tried: Sequence[tuple[Arm, Sequence[Json]]]) -> dict[str, list[Json]]:
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
            out[name].append({**value, "tries": len(settings), **({} if setting is None else {"setting": setting})})
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
