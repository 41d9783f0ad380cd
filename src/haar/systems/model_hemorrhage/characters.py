"""Language models under compression: curves, a badly scaled copy, skipped blocks, and damage on damage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.compress import (
    HiddenUnits,
    LowRank,
    Magnitude,
    NofM,
    Noise,
    Perturbation,
    Quantise,
    Random,
    Stacked,
    Wanda,
    WandaNofM,
    canonical,
    gauge,
    sweep,
)
from haar.compress.found import Sweep
from haar.systems.model_hemorrhage.options import Characters
from haar.systems.model_hemorrhage.text import CONTEXT, topics, trained, unigram
from haar.watch import Watch
from haar.weights import ParameterAction, Units, adapted
from haar.weights.models import with_state
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama

Json = dict[str, Any]
_DIM, _HEADS = 64, 4
_BATCH = 32
#: log of the factors of units in the badly scaled copy: standard deviation.
_BADLY = 1.0
_ON_COPY = {"shares": (0.3, 0.5, 0.7), "bits": (8, 4, 3), "noise": (0.1, 0.2, 0.4)}
#: Levels at which the canonical gauge is tried, and by what.
CANONICAL_AT = (0.5, 0.7)
PRUNING = ("magnitude", "magnitude (row)", "wanda", "obs", "taylor")
_GRID_SHARES, _GRID_BITS = (0.2, 0.4, 0.5, 0.6), (8, 5, 4, 3)
TOLERANCE = 0.5


def rectified(how: Characters) -> SmallGPT2:
    """A decoder with ReLU in its MLPs, so that units may be scaled."""
    count = topics().characters
    return SmallGPT2(count, CONTEXT, layers=how.layers, dim=_DIM, heads=_HEADS, activation="relu")


def gated(how: Characters) -> SmallLlama:
    """A decoder with gated MLPs, RMSNorm and rotary positions."""
    sizes = LlamaSizes(topics().characters, layers=how.layers, dim=_DIM, heads=_HEADS, groups=_HEADS, hidden=160)
    return SmallLlama(sizes)


def table(model: Any) -> ParameterAction:
    """The table of one of them."""
    return adapted(model.state_dict(), model.config)


def badly_scaled(model: nn.Module, seed: int) -> nn.Module:
    """The same function, with units in another order and scaled far from one another."""
    action = table(model)
    generator = torch.Generator().manual_seed(seed)
    elements = {name: site.identity() for name, site in action.sites.items()}
    for name, site in action.sites.items():
        if isinstance(site, Units) and site.scales != "none":
            order = torch.randperm(site.count, generator=generator)
            scale = (_BADLY * torch.randn(site.count, generator=generator, dtype=torch.float64)).exp()
            elements[name] = site.element(order, scale)
    from haar.weights import Gauge

    return with_state(model, action.act(Gauge(elements), model.state_dict()))


def batches(texts: Tensor) -> list[Tensor]:
    """Texts in batches."""
    return list(texts.split(_BATCH))


def measured(how: Characters, seed: int, watch: Watch) -> Json:
    """Train, compress in every way, and compress the badly scaled copy.

    Args:
        how: The preset.
        seed: Of everything random.
        watch: Told of the progress.
    """
    model = trained(rectified(how), how, seed, watch)
    data = batches(topics().drawn(how.texts, seed))
    near = batches(topics().drawn(how.calibration, seed + 1))
    whole = sweep(model, _METHODS, ["perplexity"], data, calibration=near, draws=200, seed=seed, watch=watch)
    copy = badly_scaled(model, seed)
    moved = sweep(copy, _COPIED, ["perplexity"], data, calibration=near, draws=0, seed=seed, watch=watch)
    skips = {str(k): _skipped(model, (k,), data) for k in range(how.layers)}
    if how.layers > 2:
        skips["1+2"] = _skipped(model, (1, 2), data)
    dense = whole.curve("magnitude").baseline.value
    return {
        "unigram": unigram(),
        "dense": dense,
        "dense_copy": moved.curve("magnitude").baseline.value,
        "curves": _told(whole),
        "copy": _told(moved),
        "skips": skips,
        "crossings": _crossings(whole),
        "laws": _laws(whole),
        "stacked": _stacked(model, data, dense, whole),
    }


_METHODS: Sequence[Perturbation] = (
    Random(),
    Magnitude(),
    Magnitude("row"),
    Wanda(),
    HiddenUnits(),
    NofM("2:4"),
    NofM("4:8"),
    WandaNofM("2:4"),
    WandaNofM("4:8"),
    Quantise(),
    Noise(),
    LowRank(),
)
_COPIED: Sequence[Perturbation] = (
    Magnitude(levels=_ON_COPY["shares"]),
    Magnitude("row", levels=_ON_COPY["shares"]),
    Wanda(levels=_ON_COPY["shares"]),
    HiddenUnits(levels=_ON_COPY["shares"]),
    Quantise(levels=_ON_COPY["bits"]),
    Noise(levels=_ON_COPY["noise"]),
)


def _told(found: Sweep) -> Json:
    return {
        curve.perturbation.name: {f"{level:g}": value for level, value in zip(curve.levels, curve.values, strict=True)}
        for curve in found.curves
    }


def _crossings(found: Sweep) -> Json:
    """By method; one without a crossing is left out, for a number that is not finite would be one that was lost."""
    return {
        threshold.curve.perturbation.name: {"value": threshold.crossing.level.value}
        for threshold in found.thresholds(TOLERANCE)
        if threshold.crossing.found
    }


def _laws(found: Sweep) -> Json:
    laws = {curve.perturbation.name: curve.law() for curve in found.curves}
    return {name: {**vars(law), "transition": law.transition} for name, law in laws.items() if law is not None}


def _skipped(model: nn.Module, blocks: tuple[int, ...], data: Sequence[Tensor]) -> float:
    from haar.compress import Depth

    one = Depth(blocks, levels=(len(blocks),))
    return sweep(model, one, ["perplexity"], data, draws=0).curves[0].values[-1]


def _stacked(model: nn.Module, data: Sequence[Tensor], dense: float, whole: Sweep) -> Json:
    """log L(p, q) - log L(p, 0) - log L(0, q) + log L(0, 0), on a grid of shares and bits."""
    pruned, rounded = whole.curve("magnitude"), whole.curve("quantise")
    found: dict[str, dict[str, float]] = {}
    for share in _GRID_SHARES:
        both = Stacked(Magnitude(levels=(share,)), Quantise(levels=_GRID_BITS))
        curve = sweep(model, both, ["perplexity"], data, draws=0).curves[0]
        for bits, value in zip(curve.levels, curve.values, strict=True):
            apart = math.log(pruned.at(share).value) + math.log(rounded.at(bits).value) - math.log(dense)
            found.setdefault(f"{share:g}", {})[f"{bits:g}"] = math.log(value) - apart
    return found


def audited(model: Any, texts: int, seed: int, watch: Watch) -> Json:
    """Who sees the gauge, on a network: gaps by factor, and what is left of them in canonical gauge.

    Args:
        model: The network.
        texts: Number of texts.
        seed: Of the elements.
        watch: Told of the progress.
    """
    drawn = topics().drawn(2 * texts, seed)
    found = gauge(
        model, _AUDITED, ["drift"], [drawn[:texts]], calibration=[drawn[texts:]], action=table(model), seed=seed,
        watch=watch,
    )  # fmt: skip
    return {
        "gaps": {row.perturbation: dict(row.gaps) for row in found.rows},
        "canonical": {row.perturbation: row.canonical for row in found.rows},
        "moved": found.moved,
        "undetermined": list(found.undetermined),
    }


_AUDITED = (
    "magnitude",
    "magnitude (row)",
    "magnitude (global)",
    "wanda",
    "taylor",
    "obs",
    "obs (damped 0.01)",
    "sparsegpt",
    "ria",
    "2:4",
    "2:4 (wanda)",
    "quantise",
    Quantise(16),
    "low rank",
    "low rank (data)",
    "units",
    "heads",
)


def in_every_gauge(how: Characters, seed: int, watch: Watch) -> Json:
    """What pruning costs in the gauge that training left, in canonical ones, and in random ones.

    Args:
        how: The preset.
        seed: Of everything random.
        watch: Told of the progress.
    """
    model = trained(gated(how), how, seed, watch)
    action = table(model)
    state = model.state_dict()
    data = batches(topics().drawn(how.texts, seed))
    near = batches(topics().drawn(how.calibration, seed + 1))
    copies: Mapping[str, nn.Module] = {
        "raw": model,
        "canonical, own basis": canonical(model, action=action, residual="none"),
        "canonical": canonical(model, action=action),
        "random units": badly_scaled(model, seed),
        "stream rotated": _rotated(model, action, state, seed),
    }
    found: Json = {"unigram": unigram()}
    for name, copy in copies.items():
        curves = sweep(
            copy, PRUNING, ["perplexity"], data, levels=CANONICAL_AT, calibration=near, action=action, draws=0,
            seed=seed, watch=watch,
        )  # fmt: skip
        found[name] = {"dense": curves.curves[0].baseline.value, **_told(curves)}
    return found


def _rotated(model: nn.Module, action: ParameterAction, state: Mapping[str, Tensor], seed: int) -> nn.Module:
    from haar.weights import folded

    plain = dict(folded(action, state))
    return with_state(model, action.act(action.random(seed, sites=["residual"]), plain))
