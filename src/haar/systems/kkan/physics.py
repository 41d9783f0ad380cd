"""Equations solved by networks: KKAN, plain and tuned perceptrons, each with attention to residuals and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from haar.actions import Symmetry, Vector
from haar.actions.representation import Defining, representation_from_generators
from haar.groups import sign
from haar.nn import KKAN, ResidualAttention
from haar.nn.basis import fit_residual
from haar.systems.kkan.equations import EQUATIONS, Equation
from haar.systems.kkan.fits import decay, drawn
from haar.systems.kkan.networks import kkan, on_features, optimizer_of, perceptron
from haar.systems.kkan.options import Options
from haar.systems.kkan.targets import grid, relative
from haar.training import Plan, seed_of
from haar.watch import Unwatched, Watch

Json = dict[str, Any]
#: The width of frequencies with which the tuned perceptron is given.
_FREQUENCY = 2.0


def odd(sizes: tuple[int, int, int]) -> KKAN:
    """One that is odd in each of two coordinates."""
    group = sign(2)
    flips = torch.full((len(group.generators()), 1, 1), -1.0, dtype=torch.float64)
    signs = representation_from_generators(group, flips)  # type: ignore[arg-type]  # two signs have a table
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(signs))
    return KKAN.for_symmetry(symmetry, inner=sizes[:2], mixing=sizes[2])


def networks_of(equation: Equation, options: Options) -> dict[str, Callable[[], nn.Module]]:
    """The networks that solve an equation."""
    count = equation.coordinates
    found: dict[str, Callable[[], nn.Module]] = {
        "KKAN": lambda: kkan(options.sizes, count),
        "perceptron": lambda: perceptron(options.width, count),
        "tuned perceptron": lambda: on_features(options.width, _FREQUENCY, count),
    }
    if count == 2:
        found["odd KKAN"] = lambda: odd(options.sizes)
    return found


def physics(options: Options, name: str, seed: int, watch: Watch = Unwatched()) -> Json:
    """All networks on one equation.

    Args:
        options: The preset.
        name: Of the equation.
        seed: Of points, weights and batches.
        watch: Told of the networks.

    """
    equation, how = EQUATIONS[name](), options.physics
    generator = torch.Generator().manual_seed(seed_of(seed, 2))
    points = 2 * torch.rand(how.points, equation.coordinates, generator=generator) - 1
    test = grid(options.grid) if equation.coordinates == 2 else torch.linspace(-1, 1, 1001)[:, None]
    found: Json = {}
    networks = networks_of(equation, options)
    with watch.stage(name, len(networks)) as advance:
        for network, make in networks.items():
            found[network] = {}
            for kind in ("plain", "attention"):
                model = drawn(make, seed)
                plan = Plan(steps=how.steps, batch_size=how.batch_size, schedule=decay, optimizer=optimizer_of(model))
                attention = ResidualAttention(how.points) if kind == "attention" else None
                fit_residual(
                    model, equation.residual, points, form=equation.form, plan=plan, attention=attention, seed=seed
                )
                with torch.no_grad():
                    solved = equation.form(test, model(test))
                found[network][kind] = relative(solved, equation.solution(test))  # type: ignore[misc]
                if network == "odd KKAN":
                    found[network]["moved"] = oddness(model)
            advance()
    return found


def oddness(model: nn.Module) -> float:
    """How far a network of two coordinates is from odd in each."""
    double = model.double()
    x = torch.rand(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        moved = [double(x * torch.tensor(flip)) + double(x) for flip in ([-1.0, 1.0], [1.0, -1.0])]
    return float(torch.stack(moved).abs().max())
