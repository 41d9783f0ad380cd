"""Calls of rooms that have no verb, and of verbs with other options: their numbers are recorded too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from contract_data import DATA, seeded, tried, whole
from contract_verbs import F64, ROTATED, TURNED, Marked, mse, plain
from torch import Tensor, nn

import haar.align
import haar.audit
import haar.data.graphs
import haar.data.metrics
import haar.data.molecules
import haar.data.particles
import haar.data.spectra
import haar.dynamics
import haar.geometry
import haar.saddle
import haar.sweeps
import haar.tracing
import haar.training
from haar.geometry.spaces import half_plane, sphere
from haar.sweeps.sweep import FAILED, FINISHED, KEPT, RUNNING, WAITING
from haar.tracing.operators import OPERATORS
from haar.tracing.windows import left_over
from haar.weights import traced
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallViT

TOKENS = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(5))
IMAGES = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(5), dtype=F64)
SMALL: dict[str, Callable[[], nn.Module]] = {
    "gpt2": lambda: SmallGPT2(11, 8, layers=1, dim=12, heads=3, hidden=10),
    "llama": lambda: SmallLlama(LlamaSizes(11, layers=1, dim=8, heads=2, groups=1, hidden=6)),
    "mixture": lambda: SmallLlama(LlamaSizes(11, layers=1, dim=8, heads=2, groups=1, hidden=6, experts=3)),
    "vit": lambda: SmallViT(4, 2, 10, layers=1, dim=12, heads=3, hidden=10),
    "perceptron": lambda: nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)),
}


#: Widths of perceptrons: units and inputs that are few, many, or in many layers, where not all is drawn.
WIDTHS = {
    "of two units": (2, 2, 2),
    "of one unit": (2, 3, 1, 2),
    "of one input": (1, 3, 3, 2),
    "of many units": (50, 18, 2),
    "of many layers": (2, 3, 4, 5, 3, 2),
}


def _dense(widths: tuple[int, ...]) -> nn.Module:
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.Tanh())]
    return nn.Sequential(*layers[:-1])


SMALL |= {f"perceptron {name}": functools.partial(_dense, widths) for name, widths in WIDTHS.items()}
#: Those in which more is matched than units.
BLOCKS = ("gpt2", "llama", "mixture", "vit", "perceptron")


def two(name: str) -> tuple[nn.Module, nn.Module]:
    """Two networks of one architecture that are near to each other, away from their first values."""
    made = []
    for seed in (0, 1):
        torch.manual_seed(0)
        model = SMALL[name]().double().eval()
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.2 * torch.randn(p.shape, generator=source, dtype=F64))
        made.append(model)
    return made[0], made[1]


def _inputs(name: str, x: Tensor) -> Tensor:
    if name.startswith("perceptron of"):
        count = WIDTHS[name.removeprefix("perceptron ")][0]
        return torch.arange(4.0 * count, dtype=F64).reshape(4, count).sin()
    return {"perceptron": x, "vit": IMAGES}.get(name, TOKENS)


def _aligned(name: str, pair: Any, x: Tensor, **options: Any) -> Any:
    example = _inputs(name, x)
    found = haar.align.align(*pair, example=example, **options)
    return [whole(found), dict(found.b), dict(found.merged(0.3))]


def _merged(name: str, pair: Any, x: Tensor, **options: Any) -> Any:
    models = [*pair, two(name)[0].double()]
    found = haar.align.merging(models, example=_inputs(name, x), **options)
    return [found.distances, found.lost, dict(found.state)]


def _learned(pair: Any, x: Tensor, sides: str) -> Any:
    learning = haar.align.Learning(steps=3, learning_rate=0.01, permutations=0.1)
    found = haar.align.align(
        *pair, how="learned", loss=nn.MSELoss(), data=[(x, x.flip(-1))], learning=learning, sides=sides
    )
    return [found.to_dict(), dict(found.a), dict(found.b)]


def metric(dim: int) -> nn.Module:
    made = haar.geometry.MetricNet(dim, (6,), dtype=F64)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.5 * torch.randn(p.shape, generator=seeded(), dtype=F64))
    return made


def surface(z: Tensor) -> Tensor:
    """A bowl with a wave."""
    return torch.stack([z[:, 0], z[:, 1] * 1.3, z[:, 0].square() - 0.4 * (2 * z[:, 1]).sin()], 1)


METRICS: dict[str, Any] = {
    "of a network": metric(2),
    "of a surface": haar.geometry.Pullback(surface),
    "of a surface in a metric": haar.geometry.Pullback(surface, metric(3)),
    "of half a plane": half_plane,
    "of a sphere": sphere,
    "of categories": haar.geometry.Fisher(lambda z: torch.cat([z, z * z], -1), "categorical"),
    "of coins": haar.geometry.Fisher(lambda z: z * z, "bernoulli"),
}


def _curved(field: Any, _: Any, x: Tensor) -> Any:
    z = 0.5 + x.sigmoid()
    found = haar.geometry.geodesic(field, z[:3], 0.1 * x[3:6].tanh(), steps=8, keep=True)
    chart = haar.geometry.CouplingChart(2, blocks=2, hidden=4).double()
    return {
        "christoffel": haar.geometry.christoffel(field, z),
        "riemann": haar.geometry.riemann(field, z),
        "ricci": haar.geometry.ricci(field, z),
        "scalar": haar.geometry.scalar_curvature(field, z),
        "volume": haar.geometry.volume(field, z),
        "geodesic": found,
        "killing": haar.geometry.killing_fields(field, z, tolerance=0.3).rates.sort().values,
        "penalty": haar.geometry.geometric_penalty(field, z, chart=chart, volume=0.5),
        "spread": haar.geometry.log_volume_spread(field, z),
        "isometry": haar.geometry.isometry_defect(field, lambda z: z + 0.1 * z.sin(), z),
        "natural": haar.geometry.natural_gradient(lambda z: z.square().sum(-1), z, field),
    }


def _between(by: str, _: Any, x: Tensor) -> Any:
    z, field = 0.5 + x.sigmoid(), METRICS["of a surface"]
    return haar.geometry.geodesic_between(field, z[:2], z[2:4], steps=8, keep=True, by=by)


def _natural(model: Any, x: Tensor) -> Any:
    loss = mse(model(x), x.flip(-1))
    names = [name for name, _ in model.named_parameters()]
    slopes = dict(zip(names, torch.autograd.grad(loss, list(model.parameters())), strict=True))
    return haar.geometry.natural_direction(model, x, slopes, damping=0.1, iterations=5)


def _portrait(_: Any, x: Tensor) -> Any:
    z = 0.5 + x.sigmoid()
    return whole(haar.geometry.portrait(METRICS["of a surface"], z, pairs=(z[:2], z[2:4])))


def _metered(model: Any, x: Tensor) -> Any:
    y = x.flip(-1)
    meters = {
        "batch": (haar.dynamics.BatchSignal(model, mse, parts=4), x, y),
        "part": (haar.dynamics.BatchSignal(model, mse, parts=4, symmetry=TURNED, elements=3), x, y),
        "slope": (haar.dynamics.GeometricComplexity(model), x),
        "units": (haar.dynamics.Plasticity(model, tau=0.4), x),
        "asymmetry": (haar.dynamics.ParameterAsymmetry(model, traced(model, x)),),
        "gradients": (haar.dynamics.GradientSignal(model.parameters(), window=3),),
    }
    found = {}
    for step in range(3):
        model.zero_grad()
        mse(model(x + step), y).backward()
        for name, (meter, *given) in meters.items():
            found[f"{step} {name}"] = meter.update(*given)
    return found


def _spectra(_: Any, x: Tensor) -> Any:
    return {
        "dormant": haar.dynamics.dormant_ratio(x, tau=0.9),
        "stable": haar.dynamics.stable_rank(x),
        "effective": [haar.dynamics.effective_rank(x, share=share) for share in (0.3, 0.9)],
        "signal": haar.dynamics.signal_to_noise(x),
    }


def _players() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(3)
    f, u = (nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double() for _ in range(2))
    return f, u


def _residual(f: Any, u: Any, batch: Any) -> Tensor:
    x, y = batch
    return ((f(x) - y) * u(x) - u(x).square() / 2).mean()


def _played(mode: str, _: Any, x: Tensor, **options: Any) -> Any:
    f, u = _players()
    made = [torch.optim.Adam(one.parameters(), lr=rate) for one, rate in ((f, 0.05), (u, 0.1))]
    averaging = haar.saddle.Averaging(every=1, share=0.5)
    game = haar.saddle.Saddle(f, u, _residual, mode, optimizers=made, averaging=averaging, **options)
    batches = [(x[k : k + 8], x[k : k + 8].sin().sum(1, keepdim=True)) for k in (0, 8, 16)]
    turns = [game.step(batches[k % 3]) for k in range(6)]
    return {
        "turns": turns,
        "averaged": game.averaged(x),
        "gap": game.gap(batches, steps=3),
        "distilled": game.distil(x, plan=haar.training.Plan(steps=3, batch_size=4, every=1)),
        "players": [f, u],
    }


def _trained(settings: Any, model: Any, x: Tensor) -> Any:
    plan = haar.training.Plan(steps=6, learning_rate=0.05, batch_size=5, every=2, **settings)
    rows = haar.training.Epochs(24, 5, seed=1)

    def loss(step: int, _: Any) -> Tensor:
        chosen = x[rows.rows(step)]
        return mse(model(chosen), chosen.flip(-1))

    run = haar.training.Run(model.parameters(), loss, plan)
    return [run.train(), model, plan.facts(), [plan.factor(k) for k in range(6)], [plan.due(k) for k in range(6)]]


class _Branching(nn.Module):
    """A network of many operators, with sizes read off the input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv1d(2, 4, 3, stride=2, padding=1, dtype=F64), nn.MaxPool1d(2)
        self.out = nn.Linear(4, 3, dtype=F64)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        rows, width = x.shape[0], x.size(-1)
        y = self.pool(self.conv(x).relu()).mean(-1)
        z = torch.cat([self.out(y), self.out(y.flip(-1)) * 2 - 1], 1).reshape(rows, 2, 3)
        return {"one": z.softmax(-1) / width, "two": z[:, 0].clamp(min=0.1) @ z[0].mT}


def _followed(*_: Any) -> Any:
    found = {}
    x = torch.arange(48, dtype=F64).reshape(3, 2, 8).sin()
    torch.manual_seed(0)
    model = _Branching()
    for name, followed in (
        ("branching", haar.tracing.follow(model, [x], again=[x[:2]])),
        ("dense", haar.tracing.follow(plain(), [x[0].mT])),
        ("chain", haar.tracing.chain(plain(), (2,))),
    ):
        found[name] = [
            (node.op, getattr(node.target, "__name__", str(node.target)), str(node.args), node.meta.get("shape"))
            for node in followed.graph.nodes
        ]
    found["run"] = haar.tracing.follow(model, [x], again=[x[:2]]).run(x[:1])
    return found


def _operators(*_: Any) -> Any:
    return [[one.name, one.kind, one.linear, one.odd, one.settings, len(one.modules), one.also] for one in OPERATORS]


def _windows(*_: Any) -> Any:
    sizes = (5, 6, 7, 8, 9)
    return [
        [left_over(n, kernel, stride, padding, dilation) for n in sizes]
        for kernel, stride, padding, dilation in ((3, 2, 1, 1), (2, 2, 0, 1), (3, 3, 0, 2), (5, 4, 2, 1))
    ]


def _swept(*_: Any) -> Any:
    states = (KEPT, FINISHED, RUNNING, WAITING, FAILED)
    rows = [haar.sweeps.Row(f"seed {k}", state, float(k), "training 4/9", "log") for k, state in enumerate(states)]
    words = ("local:4", "slurm:long,minutes=90", "slurm:long,cpus=3,gb=5,at_once=6", "local:0", "local:2,gb=1",
             "slurm:", "slurm:long,gb=0", "slurm:long,gb", "slurm:long,watts=1", "elsewhere:1")  # fmt: skip
    table = haar.sweeps.sweep_table([*rows, *rows[1:3]])
    return [table.markdown(), table.title, table.rows, [tried(haar.sweeps.Workers.parse, one) for one in words]]


def _audited(symmetry: Any, options: Any, model: Any, x: Tensor) -> Any:
    return whole(haar.audit.audit(model, symmetry, (x, x.flip(-1)), **options))


ROOMS: dict[str, tuple[Callable[[], Any], Callable[[Any, Tensor], Any]]] = {
    **DATA,
    **{
        f"align {name}, {how}": (
            functools.partial(two, name),
            functools.partial(_aligned, name, how=how),
        )
        for name in SMALL
        for how in (("weights", "activations") if name in BLOCKS else ("weights",))
    },
    **{
        f"align perceptron, learned on {sides}": (
            functools.partial(two, "perceptron"),
            lambda f, x, sides=sides: _learned(f, x, sides),
        )
        for sides in ("one", "both")
    },
    **{f"merge {name}": (functools.partial(two, name), functools.partial(_merged, name)) for name in BLOCKS},
    "merge gpt2, circuits": (
        functools.partial(two, "gpt2"),
        functools.partial(_merged, "gpt2", heads="circuits", shares=[1.0, 2.0, 3.0]),
    ),
    "barrier": (
        functools.partial(two, "perceptron"),
        lambda f, x: whole(haar.align.barrier(*f, nn.MSELoss(), [(x, x.flip(-1))], points=5)),
    ),
    "networks apart": (
        functools.partial(two, "perceptron"),
        lambda f, x: whole(haar.align.difference(*f, example=x)),
    ),
    **{f"geometry {name}": (plain, functools.partial(_curved, field)) for name, field in METRICS.items()},
    **{f"geodesic by {by}": (plain, functools.partial(_between, by)) for by in ("shooting", "relaxation")},
    "natural_direction": (plain, _natural),
    "portrait": (plain, _portrait),
    "meters": (plain, _metered),
    "spectra of features": (plain, _spectra),
    **{
        f"game, {mode}": (plain, functools.partial(_played, mode))
        for mode in ("simultaneous", "optimistic", "extragradient", "alternating")
    },
    "game, in a ball": (
        plain,
        functools.partial(_played, "simultaneous", project=(None, haar.saddle.Ball(0.5)), clip=0.5, dual_steps=2),
    ),
    **{
        f"training, {schedule} {optimizer}": (
            plain,
            functools.partial(_trained, {"schedule": schedule, "optimizer": optimizer, "clip": clip}),
        )
        for schedule, optimizer, clip in (("constant", "adam", None), ("cosine", "adamw", 0.1))
    },
    "networks, followed": (plain, _followed),
    "operators": (plain, _operators),
    "windows": (plain, _windows),
    "parts of a sweep": (plain, _swept),
    "audit of turns": (lambda: Marked(frozen=False).eval(), functools.partial(_audited, ROTATED, {})),
}
