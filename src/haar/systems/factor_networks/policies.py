"""What a policy for signs and rotations is worth: a principal layer whose frame is computed anew in every batch."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import HaarWarning
from haar.nn.principal import PCALayer
from haar.nn.spectral import flip_signs
from haar.statistics import least_squares
from haar.systems.factor_networks.heads import perceptron
from haar.systems.factor_networks.options import GaugeOptions
from haar.systems.factor_networks.worlds import Rows
from haar.training import Epochs, Plan, Run

#: Policies of the layer; ``"raw"`` is none, its signs drawn at random as a solver may return them.
POLICIES = ("fixed", "align", "canonical", "invariant", "raw")
_SCALES = (1.6, 1.2, 0.9)
_NOISE = 0.1


def compare_policies(preset: GaugeOptions, seed: int) -> dict[str, Any]:
    """Test errors of the policies, over the variance of the answers, and those of two who need no frame.

    Args:
        preset: Sizes.
        seed: Of everything random.
    """
    generator = torch.Generator().manual_seed(seed)
    k = len(_SCALES)
    loadings = (torch.rand(k, preset.columns, generator=generator) * 2 - 1) * math.sqrt(3)
    loadings = loadings * torch.tensor(_SCALES)[:, None]
    train, test = (_drawn(loadings, rows, generator) for rows in (preset.rows, preset.test))
    noisy = train.y + _NOISE * torch.randn(preset.rows, generator=generator)
    variance = float(test.y.var())
    train = Rows(train.factors, train.x, noisy)
    found = {policy: _trained(policy, preset, (train, test), seed) / variance for policy in POLICIES}
    found["linear"] = _linear(train, test) / variance
    found["mean"] = float((test.y - noisy.mean()).square().mean()) / variance
    return {"errors": found}


def _drawn(loadings: Float[Tensor, "k p"], rows: int, generator: torch.Generator) -> Rows:
    k, columns = loadings.shape
    f = torch.rand(rows, k, generator=generator) * 2 - 1
    x = f @ loadings + torch.rand(rows, columns, generator=generator) * 2 - 1
    return Rows(f, x, f[:, 0].sin() + (math.pi * f[:, 1]).cos() + f[:, 2].sigmoid())


def _trained(policy: str, preset: GaugeOptions, both: tuple[Rows, Rows], seed: int) -> float:
    train, test = both
    k, scale = len(_SCALES), preset.columns**-0.5
    layer = PCALayer(k, preset.columns, gauge="none" if policy == "raw" else policy)
    if policy == "fixed":
        layer.fit(train.x)
    head: nn.Module = perceptron((k, 64, 64, 64, 1), torch.Generator().manual_seed(seed))
    epochs = Epochs(len(train.x), preset.batch_size, seed=seed)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        rows = epochs.rows(step)
        scores = layer(train.x[rows])
        if policy == "raw":
            scores = flip_signs(scores, generator=generator)
        return (head(scores * scale).squeeze(-1) - train.y[rows]).square().mean()  # type: ignore[no-any-return]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # that signs are raw is what is tried here
        Run(head.parameters(), loss, Plan(steps=preset.epochs * epochs.batches), seed=seed).train()
    layer.eval()
    with torch.no_grad():
        return float((head(layer(test.x) * scale).squeeze(-1) - test.y).square().mean())


def _linear(train: Rows, test: Rows) -> float:
    """Least squares on the principal components of the training rows."""
    layer = PCALayer(len(_SCALES)).fit(train.x).eval()
    ones = [torch.cat([layer(rows), torch.ones(len(rows), 1)], -1) for rows in (train.x, test.x)]
    found = least_squares(ones[0], train.y[:, None])
    return float(((ones[1] @ found).squeeze(-1) - test.y).square().mean())
