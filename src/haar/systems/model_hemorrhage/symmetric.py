"""Networks for data with a symmetry, under compression: what is left of the symmetry, and what averaging repairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Given
from haar.average import average
from haar.compress import Magnitude, Quantise, sweep
from haar.compress.found import Sweep
from haar.data.generators import GrayScottGenerator
from haar.groups import cyclic, dihedral
from haar.systems.model_hemorrhage.options import Symmetric
from haar.training import Plan, Run, seed_of
from haar.watch import Watch

Json = dict[str, Any]
_SHARES = (0.2, 0.4, 0.6, 0.8, 0.9)
_BITS = (8, 5, 4, 3)
_WIDTH, _CHANNELS, _GRID = 64, 16, 32
_DRAWS = 0


def invariant_function(points: Float[Tensor, "n 2"]) -> Float[Tensor, "n 1"]:
    """A function of the plane that a quarter turn leaves alone."""
    x, y = points.unbind(-1)
    return (torch.cos(4 * x) * torch.cos(4 * y) + torch.cos(2 * (x**2 + y**2)) / 2)[:, None]


def quarter_turns() -> Symmetry:
    """C4 on the plane, and on a number."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    group = cyclic(4)
    matrices = torch.stack([torch.linalg.matrix_power(turn, k) for k in range(4)])
    return Symmetry(group, (Vector(Given(group, matrices)),), Invariant(group))


def fitted(
    model: nn.Module, pairs: tuple[Tensor, Tensor], steps: int, *, batch_size: int, seed: int, watch: Watch
) -> nn.Module:
    """A network that has learned pairs by squares, in double precision."""
    x, y = (part.float() for part in pairs)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = torch.randint(len(x), (batch_size,), generator=generator)
        value: Tensor = (model(x[rows]) - y[rows]).square().mean()
        return value

    Run(model.parameters(), loss, Plan(steps=steps, learning_rate=2e-3, schedule="cosine"), seed=seed).train(watch)
    return model.eval().double()


def made(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, 0))
        return build()


def perceptron(how: Symmetric, seed: int, watch: Watch) -> Json:
    """A perceptron that learns an invariant function of the plane.

    Args:
        how: The preset.
        seed: Of everything random.
        watch: Told of the progress.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, 1))

    def points() -> tuple[Tensor, Tensor]:
        x = torch.randn(how.samples, 2, generator=generator, dtype=torch.float64)
        return x, invariant_function(x)

    (x, y), (held, wanted) = points(), points()
    scale = float(wanted.var(correction=0))
    build = lambda: nn.Sequential(  # noqa: E731
        nn.Linear(2, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, 1)
    )
    model = fitted(made(build, seed), (x, y), how.steps, batch_size=128, seed=seed, watch=watch)
    symmetry = quarter_turns()
    found = sweep(
        model, (Magnitude(levels=_SHARES), Quantise(levels=_BITS)), ["loss"], [(held, wanted)],
        symmetry=symmetry, layers=["*"], draws=_DRAWS,
    )  # fmt: skip
    averaged = average(model, symmetry)
    turned = symmetry.act_inputs(symmetry.group.elements()[1], (held,))[0]
    with torch.no_grad():
        moved = float((averaged(turned) - averaged(held)).abs().max() / averaged(held).abs().max())
    return {"variance": scale, "mean": 1.0, "invariant": moved, **_told(found, scale)}


def surrogate(how: Symmetric, seed: int, watch: Watch) -> Json:
    """A convolutional network that learns a step of reaction and diffusion, whose law is that of the square.

    Args:
        how: The preset.
        seed: Of everything random.
        watch: Told of the progress.
    """
    data = GrayScottGenerator(
        resolution=(_GRID, _GRID), n_trajectories=2 * how.samples, n_steps=5, seed=seed, burn_in=20
    )
    runs = torch.cat(
        [torch.stack([batch["A"], batch["B"]], 2) for batch in data.batches(how.samples)]
    ).double()  # runs, times, fields, x, y
    change = runs[:, 1:] - runs[:, :-1]
    size = change[: how.samples].std(dim=(0, 1, 3, 4), keepdim=True)
    before, after = (part.flatten(0, 1) for part in (runs[:, :-1], change / size))
    half = len(before) // 2
    model = fitted(
        made(_convolutions, seed), (before[:half], after[:half]), how.steps, batch_size=16, seed=seed, watch=watch
    )
    held = [(x, y) for x, y in zip(before[half:].split(20), after[half:].split(20), strict=True)]
    persistence = float(after[half:].square().mean())
    symmetry = Symmetry.of_fields(dihedral(4), "A, B")
    found = sweep(
        model, (Magnitude(levels=_SHARES), Quantise(levels=_BITS)), ["loss"], held, symmetry=symmetry, draws=_DRAWS,
        watch=watch,
    )  # fmt: skip
    return {"variance": persistence, "mean": 1.0, **_told(found, persistence)}


def _convolutions() -> nn.Module:
    def layer(into: int, out: int) -> nn.Module:
        return nn.Conv2d(into, out, 3, padding=1, padding_mode="circular")

    return nn.Sequential(
        layer(2, _CHANNELS), nn.GELU(), layer(_CHANNELS, _CHANNELS), nn.GELU(), layer(_CHANNELS, _CHANNELS), nn.GELU(),
        layer(_CHANNELS, 2),
    )  # fmt: skip


def _told(found: Sweep, scale: float) -> Json:
    """For each perturbation and level: the loss, on the orbit, of the average, the spread, and the defects."""
    told: Json = {}
    for name in found.perturbations:
        curves = {
            short: found.curve(name, metric)
            for short, metric in {
                "loss": "loss",
                "orbit": "loss on the orbit",
                "average": "loss of the average",
                "spread": "orbit spread",
                "defect": "group defect",
                "of variance": "group defect (of the variance)",
            }.items()
        }
        rows: Json = {}
        for place, level in enumerate([None, *curves["loss"].levels]):
            row = {}
            for short, curve in curves.items():
                value = curve.baseline.value if level is None else curve.points[place - 1].value
                row[short] = value / scale if short in ("loss", "orbit", "average", "spread") else value
            row["identity"] = abs(row["orbit"] - row["average"] - row["spread"]) / row["orbit"]
            rows["dense" if level is None else f"{level:g}"] = row
        told[name] = rows
    return told
