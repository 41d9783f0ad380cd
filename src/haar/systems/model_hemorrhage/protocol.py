"""What one seed measures: language models, networks with a symmetry, and the gauge, all under compression."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from haar.systems.experiment import Parts, Work, options
from haar.systems.model_hemorrhage.characters import audited, in_every_gauge, measured
from haar.systems.model_hemorrhage.options import Options
from haar.systems.model_hemorrhage.published import read
from haar.systems.model_hemorrhage.symmetric import perceptron, surrogate
from haar.systems.model_hemorrhage.text import CONTEXT, topics
from haar.training import seed_of
from haar.watch import Watch
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama

_DIM = 48


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished parts are kept.
        watch: Told of the progress.
    """
    preset = options(Options, config)
    parts = Parts(folder, watch)
    planned: dict[tuple[str, str], Work] = {
        ("characters", "rectified"): partial(measured, preset.characters, seed, watch),
        ("symmetric", "perceptron"): partial(perceptron, preset.perceptron, seed, watch),
        ("symmetric", "surrogate"): partial(surrogate, preset.surrogate, seed, watch),
        ("gauge", "llama"): lambda: audited(_random(seed, "llama"), preset.gauge_texts, seed, watch),
        ("gauge", "gpt2"): lambda: audited(_random(seed, "gpt2"), preset.gauge_texts, seed, watch),
        ("published", "tables"): read,
    }
    if preset.gated.steps:
        planned["characters", "gated"] = partial(in_every_gauge, preset.gated, seed, watch)
    return parts.keep_all("networks", planned)


def _random(seed: int, name: str) -> Any:
    """A network as its first weights are, moved a little so that no two are equal or 0."""
    count = topics().characters
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, 3))
        if name == "llama":
            model: Any = SmallLlama(LlamaSizes(count, layers=2, dim=_DIM, heads=4, groups=2, hidden=96))
        else:
            model = SmallGPT2(count, CONTEXT, layers=2, dim=_DIM, heads=4, activation="relu")
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.double().eval()
