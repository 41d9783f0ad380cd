"""Fits of functions: errors and CPU seconds along the way, the network that shares its blocks, and what meters see."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from haar.dynamics import BatchSignal, GeometricComplexity, geometric_complexity
from haar.systems.kkan.networks import kkan, made, optimizer_of, perceptron, shared
from haar.systems.kkan.options import Fit, Options
from haar.systems.kkan.targets import grid, relative, target
from haar.training import Plan, Run, draw, seed_of
from haar.watch import Unwatched, Watch

Json = dict[str, Any]
#: Errors are read so many times in the steps of the plan.
_LOOKS = 8
#: At these shares of all steps meters are read, more often at first.
_SHARES = (0, 1 / 80, 1 / 32, 1 / 16, 3 / 32, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)
#: Parts of a measurement of signal to noise, points of each, and measurements at every reading.
_PARTS, _PART, _MEASUREMENTS = 8, 250, 5


def decay(step: int, steps: int) -> float:
    """The rate falls by a tenth every 500 steps.

    Example:
        >>> decay(500, 0)
        0.9
    """
    del steps
    return float(0.9 ** (step / 500))


def drawn(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network whose initial weights a seed decides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, 0))
        return make()


def points_of(count: int, seed: int) -> Tensor:
    """Uniform points of the square."""
    generator = torch.Generator().manual_seed(seed_of(seed, 1))
    return 2 * torch.rand(count, 2, generator=generator) - 1


def run_of(model: nn.Module, name: str, how: Fit, seed: int, *, steps: int | None = None) -> Run:
    """The run that fits a function of a name."""
    x = points_of(how.points, seed)
    y = target(name)(x)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(len(x), how.batch_size, generator)
        found: Tensor = (model(x[rows]) - y[rows]).square().mean()
        return found

    plan = Plan(steps=steps or how.steps, schedule=decay, optimizer=optimizer_of(model))
    return Run(model.parameters(), loss, plan, seed=seed)


def regression(options: Options, name: str, seed: int, watch: Watch = Unwatched()) -> Json:
    """All networks on one function.

    Args:
        options: The preset.
        name: Of the function.
        seed: Of points, weights and batches.
        watch: Told of the networks.
    """
    test = grid(options.grid)
    wanted = target(name)(test)
    found: Json = {"constant": relative(wanted.mean().expand_as(wanted), wanted), "networks": {}}
    networks, longer = made(options.sizes, options.width), options.longer
    if options.frequencies_alone and name == "two frequencies":
        networks = {key: make for key, make in networks.items() if key.startswith(("KKAN", "Fourier"))}
        longer = 1
    with watch.stage(name, len(networks)) as advance:
        for network, make in networks.items():
            times = longer if network.startswith(("Fourier", "SIREN")) else 1
            found["networks"][network] = curve(drawn(make, seed), name, options, seed, times=times)
            advance()
    return found


def curve(model: nn.Module, name: str, options: Options, seed: int, *, times: int = 1) -> Json:
    """Errors and CPU seconds of a network as it is fitted.

    Args:
        model: The network.
        name: Of the function.
        options: The preset.
        seed: Of points and batches.
        times: How many times the steps of the plan are taken.
    """
    test = grid(options.grid)
    wanted = target(name)(test)
    how = options.regression
    every = max(1, how.steps // _LOOKS)
    steps, errors, seconds = [], [], []
    spent, start = 0.0, time.process_time()
    for step in run_of(model, name, how, seed, steps=times * how.steps):
        if (step + 1) % every == 0 or step + 1 in (how.steps, times * how.steps):
            spent += time.process_time() - start
            with torch.no_grad():
                errors.append(relative(model(test), wanted))
            steps.append(step + 1)
            seconds.append(spent)
            start = time.process_time()
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "planned": how.steps,
        "steps": steps,
        "errors": errors,
        "seconds": seconds,
    }


def sharing(options: Options, seed: int) -> Json:
    """The network with one block for both coordinates, and the one with two.

    Args:
        options: The preset.
        seed: Of points, weights and batches.
    """
    test = grid(options.grid)
    wanted = target("oscillatory")(test)
    found: Json = {}
    for name, make in {"unshared": kkan, "shared": shared}.items():
        model = drawn(lambda make=make: make(options.sizes), seed)  # type: ignore[misc]
        run_of(model, "oscillatory", options.sharing, seed).train()
        double = model.double()
        x = test[: options.grid].double()
        with torch.no_grad():
            moved = float((double(x.flip(1)) - double(x)).abs().max())
            error = relative(double(test.double()).float(), wanted)
        found[name] = {"error": error, "moved": moved, "parameters": sum(p.numel() for p in model.parameters())}
    return found


def dynamics(options: Options, seed: int) -> Json:
    """What meters see of a fit that comes to its end, and of one that does not.

    Args:
        options: The preset.
        seed: Of points, weights and batches.
    """
    test = grid(options.grid)
    goal = target("oscillatory")
    wanted = goal(test)
    uniform = points_of(_PARTS * _PART, seed + 1)
    side = 4 * options.grid
    middles = (1 - 1 / side) * grid(side).double()  # of equal squares
    found: Json = {"target": geometric_complexity(goal, middles)}
    networks = {"KKAN": lambda: kkan(options.sizes), "perceptron": lambda: perceptron(options.width)}
    for name, make in networks.items():
        model = drawn(make, seed)
        signal, complexity = BatchSignal(model, nn.functional.mse_loss, parts=_PARTS), GeometricComplexity(model)
        kept: Json = {"steps": [], "signal": [], "complexity": [], "error": []}

        def read(step: int) -> None:
            drawn_sets = [points_of(_PARTS * _PART, seed_of(seed, 10 + k)) for k in range(_MEASUREMENTS)]
            several = [signal.update(x, goal(x))["signal to noise"] for x in drawn_sets]  # noqa: B023 (called here)
            with torch.no_grad():
                error = relative(model(test), wanted)  # noqa: B023
            row = step, statistics.mean(several), complexity.update(uniform)["geometric complexity"], error  # noqa: B023
            for key, value in zip(kept, row, strict=True):  # noqa: B023
                kept[key].append(value)  # noqa: B023

        total = options.dynamics.steps
        due = {round(share * total) for share in _SHARES}
        read(0)
        for step in run_of(model, "oscillatory", options.dynamics, seed):
            if step + 1 in due:
                read(step + 1)
        found[name] = kept
    return found
