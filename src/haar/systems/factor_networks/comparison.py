"""Networks on drawn tables, equally trained: factors of several kinds, plain ones, and what needs no network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.nn.principal import DegenerateCutWarning, PCALayer
from haar.systems.factor_networks.heads import perceptron
from haar.systems.factor_networks.networks import (
    FactorNetwork,
    FixedFactors,
    SparseThroughput,
    head_of,
    soft_encoder,
)
from haar.systems.factor_networks.options import ComparisonOptions, World
from haar.systems.factor_networks.training import Training, train_network
from haar.systems.factor_networks.worlds import DrawnWorld, Rows
from haar.watch import Watch

#: Weight decays that a network's best one is chosen from, on the validation rows.
DECAYS = (0.0, 0.1, 1.0)


@dataclass(frozen=True)
class Trial:
    """What networks are made from.

    Attributes:
        x: Training columns.
        kept: Factors that are taken.
        width: Hidden units of a layer.
        generator: Source of the first weights.
    """

    x: Tensor
    kept: int
    width: int
    generator: torch.Generator

    @property
    def hidden(self) -> tuple[int, ...]:
        """Hidden units of the layers of a head."""
        return (self.width,) * 3


Maker = Callable[[Trial], nn.Module]


def _far(trial: Trial) -> nn.Module:
    factors = FixedFactors(PCALayer(trial.kept).fit(trial.x))
    return FactorNetwork(factors, perceptron((trial.kept, *trial.hidden, 1), trial.generator))


def _fast(trial: Trial) -> nn.Module:
    factors = FixedFactors(PCALayer(trial.kept).fit(trial.x))
    part = SparseThroughput(factors, trial.x, trial.kept, trial.generator)
    return FactorNetwork(part, perceptron((2 * trial.kept, *trial.hidden, 1), trial.generator))


def _soft(before: int, head: str = "mlp", **weights: float) -> Maker:
    """A soft layer after so many hidden layers, with these weights of its penalty."""

    def made(trial: Trial) -> nn.Module:
        hidden = trial.hidden[before:]
        encoder = soft_encoder(
            trial.x.shape[1], trial.kept, trial.hidden[:before], generator=trial.generator, **weights
        )
        return FactorNetwork(encoder, head_of(head, trial.kept, hidden, trial.generator))

    return made


def _plain(trial: Trial) -> nn.Module:
    return FactorNetwork(nn.Identity(), perceptron((trial.x.shape[1], *trial.hidden, 1), trial.generator))


#: How each network is made, and the weight decays that it is tried with.
NETWORKS: Mapping[str, tuple[Maker, Sequence[float]]] = {
    "FAR": (_far, (0.0,)),
    "FAST": (_fast, (0.0,)),
    "soft": (_soft(0), (0.0,)),
    "bottleneck": (_soft(0, orthogonality=0.0, variance=0.0), (0.0,)),
    "GFANN": (_soft(1), (0.0,)),
    "GFANN, no penalties": (_soft(1, orthogonality=0.0, variance=0.0), (0.0,)),
    "GFANN, strong variance": (_soft(1, variance=1.0), (0.0,)),
    "GFANN, no penalties, decay": (_soft(1, orthogonality=0.0, variance=0.0), (1.0,)),
    "GFADNN": (_soft(1, "additive"), (0.0,)),
    "NN": (_plain, (0.0,)),
    "NN, decay": (_plain, DECAYS),
    "oracle": (_plain, (0.0,)),
}


def compare(preset: ComparisonOptions, world: World, seed: int, watch: Watch) -> dict[str, Any]:
    """Test errors over the variance of the answers.

    Args:
        preset: Sizes and networks.
        world: How columns follow from factors.
        seed: Of everything random.
        watch: Told of every network.
    """
    drawn = DrawnWorld(world.kind, world.columns, world.factors, torch.Generator().manual_seed(seed))
    train, kept = drawn.draw(world.rows), drawn.draw(preset.validation)
    test = drawn.draw(preset.test, noise=0.0)
    variance = float(test.y.var())
    found: dict[str, float] = {}
    decays: dict[str, float] = {}
    done: dict[tuple[str, float], tuple[float, float]] = {}
    with watch.stage(f"networks on {world.kind} columns", len(preset.networks)) as tell, warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateCutWarning)  # twice as many factors as there are, on purpose
        for name in preset.networks:
            maker, tried = NETWORKS[name]
            of = "NN" if maker is _plain and name != "oracle" else name
            for decay in tried:
                if (of, decay) not in done:
                    done[of, decay] = _errors(maker, decay, (train, kept, test), preset, seed, oracle=name == "oracle")
            decays[name] = min(tried, key=lambda decay: done[of, decay][0])
            found[name] = done[of, decays[name]][1] / variance
            tell()
        others = _without_networks(train, test, preset.kept)
    found |= {name: error / variance for name, error in others.items()}
    return {"errors": found, "decays": decays}


def _errors(
    maker: Maker, decay: float, rows: tuple[Rows, Rows, Rows], preset: ComparisonOptions, seed: int, *, oracle: bool
) -> tuple[float, float]:
    """Of the best epoch, on the validation rows and on the test rows; answers and columns in their own units."""
    train, kept, test = rows
    tables = [each.factors if oracle else each.x for each in rows]
    centre, scale = tables[0].mean(0), tables[0].var(0).mean().sqrt()
    tables = [(table - centre) / scale for table in tables]
    mean, spread = train.y.mean(), train.y.std()
    network = maker(Trial(tables[0], preset.kept, preset.width, torch.Generator().manual_seed(seed)))
    training = Training(epochs=preset.epochs, weight_decay=decay, patience=None)
    history = train_network(
        network,  # type: ignore[arg-type]
        (tables[0], (train.y - mean) / spread),
        (tables[1], (kept.y - mean) / spread),
        training,
        seed=seed,
    )
    with torch.no_grad():
        error = float((network(tables[2]) * spread + mean - test.y).square().mean())
    return history.loss, error


def _without_networks(train: Rows, test: Rows, k: int) -> dict[str, float]:
    """The mean, and least squares on principal components and on all columns (a little ridge, for there are many)."""
    found = {"mean": float((test.y - train.y.mean()).square().mean())}
    layer = PCALayer(k).fit(train.x).eval()
    for name, of in (("linear on factors", layer), ("linear on columns", nn.Identity())):
        columns, others = (torch.cat([of(rows.x), torch.ones(len(rows.x), 1)], -1) for rows in (train, test))
        square = columns.mT @ columns
        ridge = 0.01 * square.diagonal().mean() * torch.eye(len(square))
        weights = torch.linalg.solve(square + ridge, columns.mT @ train.y)
        found[name] = float((others @ weights - test.y).square().mean())
    return found
