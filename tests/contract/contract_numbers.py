"""Modules and verbs with other options than the default ones, whose numbers are recorded too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from contract_modules import D4, EDGES, F64, REGULAR, S3, SPACE, VECTORS, WIDE, Example
from contract_verbs import averaged, mse, plain, regular, relaxed
from torch import Tensor, nn

import haar.average
import haar.intertwiners
import haar.moments
import haar.nn
import haar.nn.basis
import haar.nn.circuits
import haar.nn.principal
import haar.nn.spectral
import haar.relax
import haar.saddle
import haar.weights
from haar.actions import Defining, Mandel, Regular, Symmetry, Trivial, Vector
from haar.groups import SO, octahedral
from haar.moments import laws
from haar.relax import baselines
from haar.weights import small

ON_CHANNELS, ON_GRID = ((5, 16),), ((2, 16, 4, 4),)
CLOUDS, COLUMNS, ATOMS = ((2, 6, 3),), ((2, 5, 3),), ((3, 3, 3),)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _frame(**options: Any) -> nn.Module:
    return haar.nn.PCAFrame(haar.nn.SignDeepSets(3, hidden=8), **options)


def _pca(**options: Any) -> nn.Module:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([4.0, 2.0, 0.5])
    return haar.nn.PCALayer(2, **options).fit(x)


OPTIONS = {
    "BatchNorm, of fields": Example(
        lambda: haar.nn.BatchNorm(REGULAR, eps=0.1, momentum=0.3, channels="first"), ON_GRID
    ),
    "Conv, strided": Example(
        lambda: haar.nn.Conv(REGULAR, REGULAR, 3, stride=2, padding=1, dilation=1, gain=0.5), ((2, 16, 5, 5),)
    ),
    "Conv, circular": Example(
        lambda: haar.nn.Conv(REGULAR, REGULAR, 3, padding=1, padding_mode="circular", bias=False), ON_GRID
    ),
    "Gated, with another gate": Example(
        lambda: haar.nn.Gated(Trivial(SPACE.group, 2) + SPACE, function=torch.tanh, gate=torch.tanh), ((5, 6),)
    ),
    "GlobalPool, of the largest": Example(lambda: haar.nn.GlobalPool(REGULAR, how="max"), ON_GRID),
    "GroupNorm, with a large eps": Example(lambda: haar.nn.GroupNorm(1, REGULAR, eps=0.5, affine=False), ON_CHANNELS),
    "Invariants, with products": Example(lambda: haar.nn.Invariants(2 * SPACE, products=True), ((5, 6),)),
    "LayerNorm, with a large eps": Example(lambda: haar.nn.LayerNorm(2 * SPACE, eps=0.5), ((5, 6),)),
    "Linear, in blocks": Example(lambda: haar.nn.Linear(2 * SPACE, 3 * SPACE, form="blocks", gain=2.0), ((5, 6),)),
    "Linear, folded": Example(lambda: haar.nn.Linear(REGULAR, 3 * Regular(D4), form="folded", bias=False), ON_CHANNELS),
    "NormNonlinearity, without bias": Example(
        lambda: haar.nn.NormNonlinearity(2 * SPACE, torch.tanh, bias=False), ((5, 6),)
    ),
    "OrbitPool, of the mean": Example(lambda: haar.nn.OrbitPool(REGULAR, how="mean"), ON_CHANNELS),
    "Pool, of the largest": Example(lambda: haar.nn.Pool(REGULAR, 3, how="max", stride=2, padding=1), ((2, 16, 5, 5),)),
    "RMSNorm, with a large eps": Example(lambda: haar.nn.RMSNorm(2 * SPACE, eps=0.5), ((5, 6),)),
    "SelfAttention, with two heads": Example(
        lambda: haar.nn.SelfAttention(Defining(S3), 4, heads=2, orbit_bias=False), ((2, 3, 4),)
    ),
    "TensorFunction, softly positive": Example(lambda: haar.nn.TensorFunction(Mandel(SPACE), "softplus"), ((5, 6),)),
    "KKAN, of Chebyshev polynomials": Example(
        lambda: haar.nn.KKAN(WIDE, 2, basis="chebyshev", degree=4, inner=(8, 2), mixing=4, enhanced=True), ((5, 2),)
    ),
    "OuterBlock, odd": Example(lambda: haar.nn.basis.OuterBlock(4, 2, "legendre", 5, parity="odd"), ((4, 5),)),
    "ResidualAttention, capped": Example(
        lambda: haar.nn.ResidualAttention(5, eta=0.5, gamma=0.9, cap=(1.0, 2.0), every=1, raises=1),
        ((3,),),
        (torch.tensor([0, 2, 4]),),
    ),
    "PCAFrame, averaged": Example(lambda: _frame(mode="average"), CLOUDS),
    "PCAFrame, drawn": Example(
        lambda: _frame(mode="sample", averaging=haar.nn.frames.Averaging(4, generator=_seeded())),
        CLOUDS,
    ),
    "PCAFrame, differentiated": Example(lambda: _frame(differentiable=True), CLOUDS),
    "PCALayer, whitened": Example(lambda: _pca(whiten=True, momentum=0.3), ((40, 3),)),
    "PCALayer, projecting": Example(lambda: _pca(output="projection"), ((40, 3),)),
    "SoftPCALayer, exact": Example(
        lambda: haar.nn.SoftPCALayer(3, 2, exact=True, orthogonality=0.5, momentum=0.3), ((5, 3),)
    ),
    "SignMLP, residual": Example(lambda: haar.nn.SignMLP(3, hidden=8, layers=2, residual=True), ((5, 3),)),
    "SignAttention, of channels": Example(
        lambda: haar.nn.SignAttention(3, hidden=8, channels=2, heads=4), ((2, 5, 3, 2),)
    ),
    "GraphConvolution, of two": Example(lambda: haar.nn.spectral.GraphConvolution(2, 1), ((2, 3, 2),), (EDGES,)),
    "Homotopy, half free": Example(lambda: _half(haar.relax.homotopise(plain(), VECTORS)), ((5, 2),)),
    "Homotopy, of functions": Example(
        lambda: _half(haar.relax.homotopise(plain(), VECTORS, mode="function")), ((5, 2),)
    ),
    "Anytime, with a tolerance": Example(
        lambda: haar.average.anytime(plain(), VECTORS, tolerance=0.05, micro_batch=1), ((5, 2),)
    ),
    "RotationCircuit": Example(lambda: haar.nn.circuits.RotationCircuit(3, layers=1), ATOMS),
    "RotationCircuit, without parity": Example(
        lambda: haar.nn.circuits.RotationCircuit(3, layers=1, parity="average", seed=1), ATOMS
    ),
    "GraphCircuit": Example(lambda: haar.nn.circuits.GraphCircuit(3, layers=2), ATOMS),
    "PairCircuit": Example(lambda: haar.nn.circuits.PairCircuit(3, blocks=2), ATOMS),
    "WeightedGraphCircuit": Example(lambda: haar.nn.circuits.WeightedGraphCircuit(3, layers=2), ((2, 3, 3),)),
}


def _half(model: Any) -> nn.Module:
    with torch.no_grad():
        for gamma in model.gammas().values():
            gamma.fill_(0.5)
    return model  # type: ignore[no-any-return]


def _trained(rule: Any, x: Tensor) -> Any:
    """Three batches by a rule: what it holds, and what its model holds."""
    generator = torch.Generator().manual_seed(0)
    y = x.flip(-1)
    optimizer = torch.optim.SGD(rule.weights(), lr=0.05)
    losses = []
    for _ in range(3):
        inputs, target = rule.batch(x, y, generator)
        optimizer.zero_grad()
        rule.model.train()
        loss = rule.lagrangian(mse(rule.model(inputs), target))
        loss.backward()
        optimizer.step()
        rule.step()
        losses.append(float(loss.detach()))
    with rule.deployed():
        deployed = rule.model.eval()(x)
    return {"losses": losses, "rule": rule.state_dict(), "model": rule.model, "deployed": deployed}


RULES: dict[str, Callable[[Any], Any]] = {
    "Strict": baselines.Strict,
    "Free": baselines.Free,
    "Augmentation": baselines.Augmentation,
    "FixedRidge": lambda model: baselines.FixedRidge(model, steps=30),
    "ResidualPathway": baselines.ResidualPathway,
    "Scheduled": lambda model: baselines.Scheduled(model, steps=4),
    "Scheduled, with a price": lambda model: baselines.Scheduled(model, steps=4, scale_price=True, seed=1),
    "ProjectionRegulariser": lambda model: baselines.ProjectionRegulariser(model, equivariant_weight=0.1),
    "Soft": baselines.Soft,
    "RelaxedConvolution": lambda model: baselines.RelaxedConvolution(model, banks=2),
    "EquivariancePenalty": lambda model: baselines.EquivariancePenalty(model, mse),
    "EquivariancePenalty, adapted": lambda model: baselines.EquivariancePenalty(
        model, mse, adapt=True, against="output"
    ),
}


def _fitted(model: Any, x: Tensor) -> Any:
    duals = haar.relax.Duals(model, "resilient", steps=30)
    found = haar.relax.fit(duals, mse, (x, x.flip(-1)), steps=30, validation=(x, x.flip(-1)), every=10)
    return {"losses": found.losses, "deployed": found.deployed_loss, "dashboard": found.dashboard, "model": model}


def _small(name: str) -> tuple[Any, Tensor]:
    """A transformer whose parameters are away from their first values, and inputs."""
    source = torch.Generator().manual_seed(0)
    tokens = torch.randint(11, (3, 7), generator=source)
    images = torch.randn(3, 3, 4, 4, generator=source, dtype=F64)
    made: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
        "gpt2": (lambda: small.SmallGPT2(11, 8, layers=1, dim=12, heads=3, hidden=10), tokens),
        "llama": (
            lambda: small.SmallLlama(small.LlamaSizes(11, layers=1, dim=16, heads=4, groups=2, hidden=10)),
            tokens,
        ),
        "mixture": (
            lambda: small.SmallLlama(small.LlamaSizes(11, layers=1, dim=8, heads=2, groups=1, hidden=6, experts=3)),
            tokens,
        ),
        "vit": (lambda: small.SmallViT(4, 2, 10, layers=1, dim=12, heads=3, hidden=10), images),
    }
    make, inputs = made[name]
    model = make().double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=source, dtype=F64))
    return model, inputs


def _weighed(name: str, residual: str, *_: Any) -> Any:
    """What is told of a transformer's parameters, and what they become."""
    model, inputs = _small(name)
    state = dict(model.state_dict())
    action = haar.weights.adapted(state, model.config, residual=residual)
    flat = dict(haar.weights.folded(action, state))
    element = action.random(torch.Generator().manual_seed(0))
    return {
        "first": _drawn(model),
        "output": model(inputs),
        "sites": action.sites,
        "acted": action.act(element, flat),
        "folded": flat,
        "balanced": action.act(haar.weights.balancing(action, state), state),
        "projected": dict(haar.weights.projected(action, flat)),
        "asymmetry": haar.weights.asymmetry(action, flat),
        "expanded": haar.weights.expanded(action, flat, 24)[1] if residual == "orthogonal" else None,
        "faults": haar.weights.verify(model, action, (inputs,)),
    }


def _drawn(model: Any) -> dict[str, Any]:
    return {name: p.detach() for name, p in model.named_parameters()}


def _traced(model: Any, x: Tensor, **options: Any) -> Any:
    action = haar.weights.traced(model, x, **options)
    state = dict(model.state_dict())
    element = action.random(torch.Generator().manual_seed(0))
    return {
        "sites": action.sites,
        "acted": action.act(element, state),
        "balanced": haar.weights.balancing(action, state),
    }


def _units(_: Any, x: Tensor) -> Any:
    return {
        "breaking": haar.weights.breaking_distance(x[:6]),
        "closest": haar.weights.closest_pair(x[:6]),
        "pairs": haar.weights.pair_distances(x[:6]),
        "clusters": haar.weights.unit_clusters(x, tolerance=0.3),
    }


EYE = torch.eye(5, dtype=F64)


def _read(model: Any, x: Tensor) -> Any:
    """A network of spectral coordinates of points, by every kind of neighbours that it can be told."""
    points = x.reshape(2, -1)[:, :15].reshape(2, 5, 3)
    mask = torch.ones(2, 5, dtype=torch.bool)
    mask[1, 3:] = False
    return {
        "adjacency": model(points, adjacency=(EYE.roll(1, 0) + 0.3 * EYE.roll(2, 0)).expand(2, 5, 5)),
        "masked": model(points, mask=mask),
    }


def _deep(_: Any, x: Tensor) -> Any:
    model = haar.nn.SignDeepSets(3, hidden=8, layers=2, extra=2, dtype=F64)
    points = x.reshape(-1)[:15].reshape(5, 3)
    clouds = torch.tensor([0, 0, 0, 1, 1])
    return {
        "edges": model(points, edges=EDGES, extra=x[:5]),
        "clouds": model(points, cloud=clouds, extra=x[:5]),
        "spaces": model(points, spaces=torch.tensor([0, 0, 1]), extra=x[:5]),
    }


SKEW = haar.moments.Independent.same(laws.Exponential(), 2)
LAW = haar.moments.Gaussian(torch.tensor([0.3, -0.2], dtype=F64), torch.tensor([[1.0, 0.4], [0.4, 0.6]], dtype=F64))
LAWS = {
    "Gamma": laws.Gamma(3, 2),
    "Laplace": laws.Laplace(),
    "Normal": laws.Normal(1, 2),
    "Poisson": laws.Poisson(2),
    "Rademacher": laws.Rademacher(),
    "StudentT": laws.StudentT(9),
    "TwoBump": laws.TwoBump(),
    "Uniform": laws.Uniform(),
    "Discrete": laws.Discrete((-1, 0, 3), (0.5, 0.3, 0.2)),
}
ACTIVATED: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU, "GELU": nn.GELU, "Tanh": nn.Tanh, "Sigmoid": nn.Sigmoid, "SiLU": nn.SiLU, "ELU": nn.ELU,
    "LeakyReLU": nn.LeakyReLU, "Softplus": nn.Softplus, "Hardtanh": nn.Hardtanh, "SELU": nn.SELU,
}  # fmt: skip


def _scalar(model: Any) -> nn.Module:
    return nn.Sequential(*model[:2], nn.Linear(5, 2, dtype=F64), model[1], nn.Linear(2, 1, dtype=F64))


def _law(law: Any, *_: Any) -> Any:
    sample = law.sample((50,), torch.Generator().manual_seed(0))
    return {"cumulants": [float(law.cumulant(n)) for n in (1, 2, 3, 4)], "drawn": sample}


def _activated(activation: Callable[[], nn.Module], model: Any, _: Tensor) -> Any:
    model[1] = activation()
    return [haar.moments.propagate(model, law, order=3).to_dense() for law in (LAW, SKEW)]


def _spaces(rep_in: Any, rep_out: Any, *_: Any) -> Any:
    space = haar.intertwiners.intertwiners(rep_in, rep_out)
    drawn = torch.randn(rep_out.dim, rep_in.dim, generator=torch.Generator().manual_seed(0), dtype=F64)
    return {
        "dimension": space.dim,
        "counted": haar.intertwiners.hom_dimension(rep_in, rep_out),
        "projected": space.project(drawn),
        "contains": space.contains(drawn),
        "averaged": haar.intertwiners.reynolds(rep_in, rep_out, drawn),
    }


CUBE = octahedral()
CALLS: dict[str, tuple[Callable[[], Any], Callable[[Any, Tensor], Any]]] = {
    **{f"rule {name}": (relaxed, lambda f, x, rule=rule: _trained(rule(f), x)) for name, rule in RULES.items()},
    **{
        f"duals {solver}, {problem}": (
            relaxed,
            lambda f, x, solver=solver, problem=problem: _trained(haar.relax.Duals(f, problem, solver, steps=30), x),
        )
        for problem, solvers in (("equality", ("damped", "paper", "cooper")), ("resilient", ("damped", "ridge")))
        for solver in solvers
    },
    "fit": (relaxed, _fitted),
    "path": (
        relaxed,
        lambda f, x: haar.relax.path(
            f, mse, (x, x.flip(-1)), (x, x.flip(-1)), weights=(0.1, 10.0), steps=3, batch_size=8
        ),
    ),
    "estimate_statistics": (
        lambda: haar.relax.homotopise(
            nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double(), VECTORS
        ),
        lambda f, x: [haar.relax.estimate_statistics(f, [(x, x)], gamma=0.5), f],
    ),
    **{
        f"average {name}": (plain, lambda f, x, how=how: haar.average.average(f, VECTORS, how)(x))
        for name, how in {
            "cosets": haar.average.Cosets(VECTORS.group.subgroup([2])),
            "sampled": haar.average.Sampled(2),
        }.items()
    },
    **{
        f"average over the space {name}": (
            lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3)).double(),
            lambda f, x, how=how: haar.average.average(f, Symmetry(SO(3), Vector(SPACE), Vector(SPACE)), how)(
                x.reshape(16, 3)
            ),
        )
        for name, how in {
            "quadrature": haar.average.Quadrature(3),
            "design": haar.average.Design(2),
            "drawn": haar.average.Sampled(4, draw="iid"),
            "quasi-random": haar.average.QuasiRandom(4),
        }.items()
    },
    "distil to a student": (
        averaged,
        lambda f, x: haar.average.distil(f, x, student=plain(), steps=3, batch_size=4, every=1),
    ),
    "expected_excess": (plain, lambda _, x: haar.average.expected_excess(float(x.square().mean()), 3, 8)),
    **{
        f"propagate {name}": (plain, functools.partial(_activated, activation))
        for name, activation in ACTIVATED.items()
    },
    **{f"law {name}": (plain, functools.partial(_law, law)) for name, law in LAWS.items()},
    "propagate on the diagonal": (
        plain,
        lambda f, _: haar.moments.propagate(f, LAW, backend=haar.moments.Diagonal(), on_unsupported="linearise"),
    ),
    "propagate in factors": (
        plain,
        lambda f, _: haar.moments.propagate(
            f, LAW, order=3, backend=haar.moments.Factored(), on_unsupported="linearise"
        ),
    ),
    "kstats": (plain, lambda _, x: haar.moments.kstats(x)),
    "density": (plain, lambda _, x: haar.moments.density(x[:, 0], 0.1, 1.2, 0.3, 0.2)),
    "cornish_fisher": (plain, lambda _, x: haar.moments.cornish_fisher(x[:, 0].sigmoid(), 0.1, 1.2, 0.3, 0.2)),
    "train_on_moments": (
        plain,
        lambda f, _: haar.moments.train_on_moments(
            _scalar(f),
            [LAW, SKEW],
            [0.5, -1.0],
            steps=3,
            on_unsupported="linearise",
        ),
    ),
    **{
        f"weights of {name}, {residual}": (plain, functools.partial(_weighed, name, residual))
        for name in ("gpt2", "llama", "mixture", "vit")
        for residual in ("orthogonal", "permutation")
    },
    "SignDeepSets, with more": (plain, _deep),
    "SignDeepSets, of neighbours": (lambda: haar.nn.SignDeepSets(3, hidden=8, layers=2, dtype=F64), _read),
    "traced": (plain, _traced),
    "traced with signs": (plain, lambda f, x: _traced(f, x, signs=True, scales=False)),
    "units": (plain, _units),
    "intertwiners of the square": (plain, functools.partial(_spaces, REGULAR, REGULAR)),
    "intertwiners of the cube": (plain, functools.partial(_spaces, 2 * Defining(CUBE), Regular(CUBE))),
    "intertwiners of space": (
        plain,
        functools.partial(_spaces, 2 * SPACE + Mandel(SPACE), SPACE + 2 * Mandel(SPACE)),
    ),
    "intertwiners of the plane": (plain, functools.partial(_spaces, 2 * Defining(SO(2)), Defining(SO(2)))),
    "export of sums": (regular, lambda f, x: haar.nn.export(f)(x[:12].reshape(6, 4))),
}
