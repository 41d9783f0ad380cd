"""What the reproduction measures for one seed: many networks of every architecture, on the same footing.

A seed of the recipe stands for a batch of networks, each with an initialisation and training data of its own. Every
part is kept in a file as soon as it is finished, so that a killed run goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import MissingExtraError
from haar.moments import propagate
from haar.moments.joint import Independent
from haar.systems.experiment import Json, Parts, Work, options
from haar.systems.renormalisation.block import one_shot
from haar.systems.renormalisation.breaking import hidden_units
from haar.systems.renormalisation.closure import (
    Classes,
    closure_losses,
    digit_classes,
    trained_classifier,
    xor_classes,
)
from haar.systems.renormalisation.ensemble import Ensemble, PerceptronEnsemble
from haar.systems.renormalisation.evaluation import LAWS, evaluate, find_law
from haar.systems.renormalisation.families import Sizes
from haar.systems.renormalisation.flow import learned_flow
from haar.systems.renormalisation.graph_ensemble import GraphEnsemble
from haar.systems.renormalisation.nonlinearity import CLOSED_FORMS
from haar.systems.renormalisation.options import Options
from haar.systems.renormalisation.prediction import predict_error
from haar.systems.renormalisation.restoration import SCENARIOS, run_scenario
from haar.systems.renormalisation.size_sweep import cell_name, sweep_cells
from haar.systems.renormalisation.spectrum import MIRRORED_LAWS, learned_spectrum
from haar.systems.renormalisation.training import PROTOCOL, fit
from haar.watch import Watch
from haar.weights import breaking_distance, unit_clusters

ROUNDING = 1e-24
"""Normalised errors below this are rounding: two of them count as equal."""

_DATA = 7_000_003


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Json:
    """Run all parts of the experiment for one seed.

    Args:
        config: A preset of the recipe, see `Options`.
        seed: Everything random derives from it.
        folder: Where finished parts are kept.
        watch: Told of the progress.

    Returns:
        Plain JSON: ``zoo``, ``graphs``, ``steps``, ``sweep``, ``breaking``, ``closure``.
    """
    preset = options(Options, config)
    seeds = [seed * preset.networks + k for k in range(preset.networks)]
    planned: dict[tuple[str, str], Work] = {}
    for activation, family, depth in preset.perceptrons:
        name = f"{activation} {family} {depth}"
        planned["zoo", name] = partial(_perceptron, preset, activation, family, depth, seeds)
    for graph, sharing, activation, depth in preset.graphs:
        name = f"gnn {graph} {sharing} {activation} {depth}"
        planned["graphs", name] = partial(_graph, preset, (graph, sharing, activation, depth), seeds)
    for activation, family in preset.steps_of_two:
        planned["steps", f"{activation} {family}"] = partial(_step_of_two, preset, activation, family, seeds)
    for activation, family, sizes in sweep_cells(preset):
        name = cell_name(activation, family, sizes)
        planned["sweep", name] = partial(_sized, preset, activation, family, sizes, seeds)
    planned |= {("breaking", name): partial(_scenario, preset, name, seeds) for name in SCENARIOS}
    planned |= {("closure", name): partial(_closure, preset, name, seed) for name in ("xor", "digits")}
    title = f"renormalisation, networks {seeds[0]} to {seeds[-1]}"
    return {"seeds": seeds, **Parts(folder, watch).keep_all(title, planned)}


def training_data(law: str, count: int, inputs: int, seeds: Sequence[int]) -> Tensor:
    """A training set for every network: (networks, count, inputs).

    Example:
        >>> training_data("gauss", 5, 2, [0, 1]).shape
        torch.Size([2, 5, 2])
    """
    chosen = find_law(law)
    draws = [chosen.sample((count, inputs), torch.Generator().manual_seed(_DATA + seed)) for seed in seeds]
    return torch.stack(draws)


def _trained(nets: Ensemble, preset: Options, seeds: Sequence[int], *, samples: int, steps: int) -> Tensor:
    x = training_data(preset.train_law, samples, nets.inputs, seeds)
    return fit(nets, x, one_shot(x), plan=replace(PROTOCOL, steps=steps))


def _described(nets: Ensemble, losses: Tensor, preset: Options) -> Json:
    errors = evaluate(nets, train_law=preset.train_law, samples=preset.test, seed=1)
    units = hidden_units(nets)
    return {
        "name": nets.name,
        "activation": nets.activation.name,
        "parameters": nets.parameter_count,
        "train_loss": losses[-1],
        "laws": errors.laws,
        "nmse": errors.nmse,
        "standard_error": errors.standard_error,
        "dead": errors.dead,
        "breaking": breaking_distance(units),
        "clusters": unit_clusters(units),
    }


def _perceptron(preset: Options, activation: str, family: str, depth: int, seeds: Sequence[int]) -> Json:
    nets = PerceptronEnsemble(family, activation, Sizes(preset.inputs, preset.width, depth), seeds=seeds)
    losses = _trained(nets, preset, seeds, samples=preset.samples, steps=preset.steps)
    found = {"family": family, "depth": depth, **_described(nets, losses, preset)}
    if activation in ("quadratic", "linear") and depth == 1:
        predicted = torch.stack([predict_error(nets, law) for law in LAWS.values()], -1)
        gap = (predicted - found["nmse"]).abs()
        found["predicted"] = predicted
        found["z"] = torch.where(gap < ROUNDING, 0.0, gap / found["standard_error"])
    return found


def _sized(preset: Options, activation: str, family: str, sizes: Mapping[str, int], seeds: Sequence[int]) -> Json:
    """One cell of the size sweep: one hidden layer, trained as in the zoo."""
    nets = PerceptronEnsemble(family, activation, Sizes(sizes["inputs"], sizes["width"], 1), seeds=seeds)
    losses = _trained(nets, preset, seeds, samples=sizes["samples"], steps=preset.steps)
    centre = {axis: getattr(preset, axis) for axis in sizes}
    return {"family": family, "sizes": dict(sizes), "centre": centre, **_described(nets, losses, preset)}


def _graph(preset: Options, cell: tuple[str, str, str, int], seeds: Sequence[int]) -> Json:
    graph, sharing, activation, depth = cell

    sizes = Sizes(preset.inputs, preset.width, depth)
    nets = GraphEnsemble(graph, sharing, activation, sizes, seeds=seeds)
    losses = _trained(nets, preset, seeds, samples=preset.graph_samples, steps=preset.graph_steps)
    found = {"family": f"{graph} {sharing}", "depth": depth, **_described(nets, losses, preset)}
    if depth == 1:
        found["propagation"] = {law: propagation_gaps(nets, law, preset.propagation_samples) for law in _PUSHED}
    return found


_PUSHED = ("gauss", "exponential")


@torch.no_grad()
def propagation_gaps(nets: Ensemble, law: str, samples: int) -> Json:
    """Propagated against sampled mean and standard deviation of every network, in units of the sampled one.

    Args:
        nets: The trained networks.
        law: Name of the law of a coordinate.
        samples: Monte Carlo samples.

    Returns:
        ``sampled`` (mean, sd, third cumulant over sd^3) and, for orders 2 and 3, ``gaps`` of mean and sd.

    Example:
        >>> nets = GraphEnsemble("ring", "shared", "linear", Sizes(4, 2, 1), seeds=[0])
        >>> max(propagation_gaps(nets, "gauss", 4000)["order2"][0]) < 0.1
        True
    """
    chosen = find_law(law)
    joint = Independent.same(chosen, nets.inputs)
    x = chosen.sample((samples, nets.inputs), torch.Generator().manual_seed(_DATA))
    found: Json = {"order2": [], "order3": [], "sampled": []}
    for index in range(nets.networks):
        member = nets.member(index)
        y = torch.cat([member(part)[:, 0] for part in x.split(8192)])
        mean, sd = float(y.mean()), float(y.std())
        found["sampled"].append([mean, sd, float(((y - mean) / sd).pow(3).mean())])
        for order in (2, 3):
            result = propagate(member, joint, order=order, activations=CLOSED_FORMS)
            gaps = (abs(float(result.mean[0]) - mean) / sd, abs(float(result.sd[0]) - sd) / sd)
            found[f"order{order}"].append(gaps)
    return found


def _step_of_two(preset: Options, activation: str, family: str, seeds: Sequence[int]) -> Json:
    """Networks R^2 -> R: their spectrum, and the flow of their own output."""
    nets = PerceptronEnsemble(family, activation, Sizes(2, preset.step_width, 1), seeds=seeds)
    _trained(nets, preset, seeds, samples=preset.samples, steps=preset.steps)
    spectrum = learned_spectrum(nets, 2, samples=preset.spectrum_samples, seed=1)
    mirrored = learned_spectrum(nets, 2, laws=MIRRORED_LAWS, samples=preset.spectrum_samples, seed=1)
    flows = {}
    for law in preset.flow_laws:
        flow = learned_flow(nets, find_law(law), steps=preset.flow_steps, blocks=preset.flow_blocks, seed=1)
        flows[law] = {"learned": flow.learned, "sampled": flow.sampled, "exact": flow.exact}
    return {
        "activation": activation,
        "family": family,
        "spectrum": {"learned": spectrum.learned, "sampled": spectrum.sampled, "exact": spectrum.exact},
        "relative_error": spectrum.relative_error,
        "mirrored_error": mirrored.relative_error,
        "flow": flows,
    }


def _scenario(preset: Options, name: str, seeds: Sequence[int]) -> Json:
    x = training_data("gauss", preset.samples, preset.inputs, seeds)
    steps = preset.breaking_steps
    log = run_scenario(SCENARIOS[name], x, seeds, width=preset.width, steps=steps, every=max(steps // 50, 1))
    columns = {"distance": log.distance, "closest": log.closest, "clusters": log.clusters, "losses": log.losses}
    return {"title": SCENARIOS[name].title, "steps": log.steps, **{k: torch.stack(v) for k, v in columns.items()}}


def _closure(preset: Options, name: str, seed: int) -> Json:
    if name == "xor":
        source = torch.Generator().manual_seed(_DATA + seed)
        data, steps = xor_classes(500, generator=source), preset.xor_steps
        return {"available": True, "rows": _closed(data, [(16, 16)], steps, seed, preset.closure_repeats)}
    try:
        data, _ = digit_classes()
    except MissingExtraError:
        return {"available": False, "rows": []}
    rows = _closed(data, preset.digit_widths, preset.digit_steps, seed, preset.closure_repeats)
    return {"available": True, "rows": rows}


def _closed(data: Classes, widths: Sequence[tuple[int, ...]], steps: int, seed: int, repeats: int) -> list[Json]:
    rows = []
    for hidden in widths:
        for he in (False, True):
            found = []
            for repeat in range(repeats):
                start = seed * repeats + repeat
                model: nn.Sequential = trained_classifier(data, hidden, steps=steps, seed=start, he=he)
                found.append({"loss": data.loss(model), "closures": closure_losses(model, data)})
            rows.append({"hidden": hidden, "start": "N(0, 2/fan_in)" if he else "U(+-1/sqrt fan_in)", "runs": found})
    return rows
