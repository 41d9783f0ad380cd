"""What is measured besides errors: work of closed cycles, dissipation, axes found, and a plate in finite elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.systems.constitutive.comparisons import samples
from haar.systems.constitutive.convex import ConvexLaw
from haar.systems.constitutive.fitting import fit_law
from haar.systems.constitutive.generators.elastic import CubicCrystal, random_strains
from haar.systems.constitutive.generators.truss import LatticeCell, strain_paths
from haar.systems.constitutive.history import SlidingElements, StandardMaterial
from haar.systems.constitutive.hosts.meshes import plate_with_hole
from haar.systems.constitutive.hosts.skfem import Body
from haar.systems.constitutive.hyperelastic import Hyperelastic
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.networks import LearnedAxes, Perceptron, Scaled
from haar.systems.constitutive.options import Options, Trial
from haar.systems.constitutive.tensor_network import TensorNetwork
from haar.systems.constitutive.trial import Contender, exact, one_cycle, squares, trained
from haar.training import Plan, Run

#: Points of a cycle: of smooth periodic functions the sum of so many is exact to rounding.
_POINTS = 400
_HARMONICS = 3


def closed_cycles(
    count: int, size: float, generator: torch.Generator, *, dim: int = 3
) -> Float[Tensor, "count points n"]:
    """Smooth closed strain paths, of few harmonics."""
    n = dim * (dim + 1) // 2
    t = 2 * math.pi * torch.arange(_POINTS, dtype=torch.float64) / _POINTS
    k = torch.arange(1, _HARMONICS + 1, dtype=torch.float64)
    waves = torch.cat([(k[:, None] * t).cos(), (k[:, None] * t).sin()])
    weights = torch.randn(count, n, len(waves), dtype=torch.float64, generator=generator)
    return size * (weights @ waves).mT / math.sqrt(len(waves))


def cycle_work(law: Callable[[Tensor], Tensor], cycles: Float[Tensor, "count points n"]) -> Float[Tensor, " count"]:
    """Work of every closed cycle over what goes in and out along it: 0 for a law with an energy."""
    spectrum = torch.fft.rfft(cycles, dim=1)
    k = torch.arange(spectrum.shape[1], dtype=torch.float64)
    rate = torch.fft.irfft(1j * k[:, None] * spectrum, n=cycles.shape[1], dim=1)
    with torch.no_grad():
        power = (law(cycles) * rate).sum(-1)
    made: Tensor = power.sum(-1).abs() / power.abs().sum(-1).clamp(min=1e-300)
    return made


def cycles(trial: Trial, seed: int) -> dict[str, Any]:
    """Energy that a cycle gains or loses, over the energy that goes through it: with an energy, and without."""
    law = CubicCrystal()
    train, _, _ = samples(law, lambda n, g: random_strains(n, 0.1, g), trial, trial.samples[0], seed)
    paths = closed_cycles(8, 0.04, torch.Generator().manual_seed(31 + seed))
    rate = trial.rates[-1]

    def work(make: Any, *, fitted: bool = False) -> list[float]:
        return cycle_work(trained(Contender(make, fitted=fitted), train, trial, rate, seed), paths).tolist()

    return {
        "invariant energy": work(lambda g, _: Hyperelastic("m-3m", width=16, generator=g)),
        "convex energy": work(lambda g, _: ConvexLaw("m-3m", units=8, generator=g)),
        "tensor network": work(lambda g, _: TensorNetwork("m-3m", width=8, function="silu", generator=g)),
        "plain": work(lambda g, _: Perceptron(6, 32, g)),
    }


def dissipation(seed: int, increments: int) -> dict[str, float]:
    """The least dissipation of an increment over random paths, of laws that were never trained."""
    source = torch.Generator().manual_seed(41 + seed)
    paths = strain_paths(50, increments, 0.02, source)
    with torch.no_grad():
        return {
            "standard material": float(StandardMaterial("plane D4", generator=seed).dissipated(paths).min()),
            "sliding elements": float(SlidingElements("plane D4", generator=seed).dissipated(paths).min()),
        }


def averaged_on_orbits(trial: Trial, seed: int) -> dict[str, float]:
    """Mean squared error on a test set with the lattice's symmetry, of a plain network and of its average."""
    law = LatticeCell()
    material = law.material
    train, _, (x, _) = samples(law, lambda n, g: random_strains(n, 0.2, g, dim=2), trial, trial.samples[0], seed)
    plain = trained(Contender(lambda g, _: Perceptron(3, 32, g)), train, trial, trial.rates[0], seed)
    elements = material.group.elements()
    orbit = torch.cat([material.tensors.act(g, x) for g in elements])
    data = (orbit, law(orbit))
    after = exact(plain, material.laws)
    return {"plain": float(squares(plain, data).mean()), "averaged": float(squares(after, data).mean())}


def learned_axes(options: Options, seed: int) -> dict[str, Any]:
    """The lattice turned by an angle, and the angle that a network with learned axes finds, modulo 45 degrees."""
    source = torch.Generator().manual_seed(53 + seed)
    angle = float(torch.rand((), generator=source, dtype=torch.float64)) * math.pi / 4
    law = LatticeCell(turned=angle)
    x = random_strains(200, 0.2, source, dim=2)
    y = law(x)
    size = y.square().mean()
    tried = []
    for start in range(options.axes_starts):
        generator = torch.Generator().manual_seed(100 * seed + start)
        network = TensorNetwork("plane D4", width=8, function="silu", generator=generator)
        turning = LearnedAxes(network, 2, generator)
        model = Scaled(turning, x, y)
        plan = Plan(steps=options.axes_steps, learning_rate=1e-2, schedule=one_cycle, optimizer="adamw", clip=1.0)
        losses = Run(model.parameters(), lambda *_, m=model: (m(x) - y).square().mean() / size, plan).train()
        tried.append((float(losses[-1]), float(turning.axes.detach())))
    error, found = min(tried)
    away = (found - angle) % (math.pi / 4)
    return {
        "angle": math.degrees(angle),
        "degrees": math.degrees(min(away, math.pi / 4 - away)),
        "error": error,
        "starts": [one for one, _ in tried],
    }


def plate(options: Options, seed: int) -> dict[str, Any]:
    """A plate with a hole of a cubic crystal: a law learned from data, beside the crystal's own."""
    law: Law = CubicCrystal()
    source = torch.Generator().manual_seed(61 + seed)
    x = random_strains(200, 0.12, source)
    learned = Hyperelastic("m-3m", width=16, generator=seed)
    fit = fit_law(learned, x, law(x), Plan(steps=300, learning_rate=3e-3, schedule="cosine"), seed=seed)
    found: dict[str, Any] = {"training error": fit.error}
    for name, one in (("own law", law), ("learned law", learned)):
        body = Body(plate_with_hole(cells=options.cells), one)
        solution = body.pull(lambda p: p[0] < 1e-9, lambda p: p[0] > 1 - 1e-9, 0.06, sides={1: lambda p: p[1] < 1e-9})
        found[name] = {
            "reaction": solution.reaction[-1],
            "steps": solution.steps,
            "residuals": solution.residuals,
            "order": min(solution.orders()),
        }
        found.setdefault("displacement", []).append(solution.displacement)
    own, other = found.pop("displacement")
    found["displacement error"] = float(abs(own - other).max() / abs(own).max())
    return found
