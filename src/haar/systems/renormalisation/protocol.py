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
from haar.systems.experiment import Json, Parts, Work, options
from haar.systems.renormalisation.baselines import least_squares, mean_of_targets
from haar.systems.renormalisation.breaking import hidden_units
from haar.systems.renormalisation.closure import (
    Classes,
    closure_losses,
    digit_classes,
    linear_loss,
    trained_classifier,
    xor_classes,
)
from haar.systems.renormalisation.ensemble import Ensemble, PerceptronEnsemble
from haar.systems.renormalisation.evaluation import LAWS, evaluate, find_law
from haar.systems.renormalisation.families import Sizes
from haar.systems.renormalisation.flow import learned_flow
from haar.systems.renormalisation.graph_ensemble import GraphEnsemble
from haar.systems.renormalisation.options import Options
from haar.systems.renormalisation.orders import graph_gaps, random_network_errors
from haar.systems.renormalisation.prediction import predict_error
from haar.systems.renormalisation.restoration import SCENARIOS, run_scenario
from haar.systems.renormalisation.size_sweep import cell_name, sweep_cells
from haar.systems.renormalisation.spectrum import spectrum_and_mirrored
from haar.systems.renormalisation.step_ensemble import StepEnsemble
from haar.systems.renormalisation.training import PROTOCOL, fit
from haar.watch import Watch
from haar.weights import breaking_distance, unit_clusters

ROUNDING = 1e-24
"""Normalised errors below this are rounding: two of them count as equal."""

_DATA = 7_000_003
_XOR_WIDTHS: tuple[tuple[int, ...], ...] = ((16, 16),)
_PUSHED = ("gauss", "exponential")
_BASELINES = ("mean of the targets", "least squares", "untrained, relu free")


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Json:
    """Run all parts of the experiment for one seed.

    Args:
        config: A preset of the recipe, see `Options`.
        seed: Everything random derives from it.
        folder: Where finished parts are kept.
        watch: Told of the progress.

    Returns:
        Plain JSON: ``baselines``, ``zoo``, ``graphs``, ``whole_steps``, ``steps``, ``sweep``, ``orders``,
        ``breaking``, ``closure``.
    """
    preset = options(Options, config)
    seeds = _networks(preset.networks, seed)
    planned: dict[tuple[str, str], Work] = {
        ("baselines", name): partial(_baseline, preset, name, seed) for name in _BASELINES
    }
    for activation, family, depth in preset.perceptrons:
        name = f"{activation} {family} {depth}"
        planned["zoo", name] = partial(_perceptron, preset, activation, family, depth, seed)
    for graph, sharing, activation, depth in preset.graphs:
        name = f"gnn {graph} {sharing} {activation} {depth}"
        planned["graphs", name] = partial(_graph, preset, (graph, sharing, activation, depth), seed)
    for activation, family in preset.whole_steps:
        planned["whole_steps", f"{activation} {family}"] = partial(_whole, preset, activation, family, seed)
    for activation, family in preset.steps_of_two:
        planned["steps", f"{activation} {family}"] = partial(_step_of_two, preset, activation, family, seed)
    for activation, family, sizes in sweep_cells(preset):
        name = cell_name(activation, family, sizes)
        planned["sweep", name] = partial(_sized, preset, activation, family, sizes, seed)
    for width, hidden, count in preset.random_networks:
        planned["orders", f"{width} wide, {hidden} hidden"] = partial(_orders, preset, width, hidden, count, seed)
    planned |= {("breaking", name): partial(_scenario, preset, name, seed) for name in SCENARIOS}
    planned |= {("closure", name): partial(_closure, preset, name, seed) for name in ("xor", "digits")}
    title = f"renormalisation, networks {seeds[0]} to {seeds[-1]}"
    return {"seeds": seeds, **Parts(folder, watch).keep_all(title, planned)}


def _networks(count: int, seed: int) -> list[int]:
    """Seeds of the networks of one seed of the recipe."""
    return [seed * count + k for k in range(count)]


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
    return fit(nets, x, nets.target(x), plan=replace(PROTOCOL, steps=steps))


def _errors(nets: Ensemble, preset: Options, seed: int) -> Json:
    """On test vectors of the seed's own: the same for all of its networks, others for those of another seed."""
    errors = evaluate(nets, train_law=preset.train_law, samples=preset.test, seed=seed)
    return {
        "name": nets.name,
        "activation": nets.activation.name,
        "parameters": nets.parameter_count,
        "laws": errors.laws,
        "nmse": errors.nmse,
        "standard_error": errors.standard_error,
        "dead": errors.dead,
    }


def _described(nets: Ensemble, losses: Tensor, preset: Options, seed: int) -> Json:
    units = hidden_units(nets)
    told = {"train_loss": losses[-1], "breaking": breaking_distance(units), "clusters": unit_clusters(units)}
    return {**_errors(nets, preset, seed), **told}


def _baseline(preset: Options, name: str, seed: int) -> Json:
    seeds = _networks(preset.networks, seed)
    x = training_data(preset.train_law, preset.samples, preset.inputs, seeds)
    nets = PerceptronEnsemble("free", "relu", Sizes(preset.inputs, preset.width, 1), seeds=seeds)
    count = nets.parameter_count
    if name == "mean of the targets":
        nets, count = mean_of_targets(x), 1
    elif name == "least squares":
        nets, count = least_squares(x), preset.inputs + 1
    return {**_errors(nets, preset, seed), "name": name, "parameters": count}


def _perceptron(preset: Options, activation: str, family: str, depth: int, seed: int) -> Json:
    seeds = _networks(preset.networks, seed)
    nets = PerceptronEnsemble(family, activation, Sizes(preset.inputs, preset.width, depth), seeds=seeds)
    losses = _trained(nets, preset, seeds, samples=preset.samples, steps=preset.steps)
    found = {"family": family, "depth": depth, **_described(nets, losses, preset, seed)}
    if activation in ("quadratic", "linear") and depth == 1:
        predicted = torch.stack([predict_error(nets, law) for law in LAWS.values()], -1)
        gap = (predicted - found["nmse"]).abs()
        found["predicted"] = predicted
        found["z"] = torch.where(gap < ROUNDING, 0.0, gap / found["standard_error"])
    return found


def _sized(preset: Options, activation: str, family: str, sizes: Mapping[str, int], seed: int) -> Json:
    """One cell of the size sweep: one hidden layer, trained as in the zoo."""
    seeds = _networks(preset.networks, seed)
    nets = PerceptronEnsemble(family, activation, Sizes(sizes["inputs"], sizes["width"], 1), seeds=seeds)
    losses = _trained(nets, preset, seeds, samples=sizes["samples"], steps=preset.steps)
    centre = {axis: getattr(preset, axis) for axis in sizes}
    return {"family": family, "sizes": dict(sizes), "centre": centre, **_described(nets, losses, preset, seed)}


def _graph(preset: Options, cell: tuple[str, str, str, int], seed: int) -> Json:
    graph, sharing, activation, depth = cell
    seeds = _networks(preset.graph_networks, seed)
    nets = GraphEnsemble(graph, sharing, activation, Sizes(preset.inputs, preset.width, depth), seeds=seeds)
    losses = _trained(nets, preset, seeds, samples=preset.graph_samples, steps=preset.graph_steps)
    found = {"family": f"{graph} {sharing}", "depth": depth, **_described(nets, losses, preset, seed)}
    if depth == 1:
        found["propagation"] = {law: graph_gaps(nets, law, preset.propagation_samples, seed) for law in _PUSHED}
    return found


def _whole(preset: Options, activation: str, family: str, seed: int) -> Json:
    """Networks R^N -> R^(N/b) that learn a whole step."""
    seeds = _networks(preset.networks, seed)
    nets = StepEnsemble(family, activation, sites=preset.sites, block=preset.block, units=preset.units, seeds=seeds)
    losses = _trained(nets, preset, seeds, samples=preset.samples, steps=preset.steps)
    return {"family": family, "train_loss": losses[-1], **_errors(nets, preset, seed)}


def _step_of_two(preset: Options, activation: str, family: str, seed: int) -> Json:
    """Networks R^2 -> R: their spectrum, and the flow of their own output."""
    seeds, sizes = _networks(preset.networks, seed), Sizes(2, preset.step_width, 1)
    nets: Ensemble = (
        GraphEnsemble("complete", "distinct", activation, sizes, seeds=seeds)
        if family == "graph"
        else PerceptronEnsemble(family, activation, sizes, seeds=seeds)
    )
    _trained(nets, preset, seeds, samples=preset.samples, steps=preset.steps)
    spectrum, mirrored = spectrum_and_mirrored(nets, 2, samples=preset.spectrum_samples, seed=seed)
    flows = {}
    for law in preset.flow_laws:
        flow = learned_flow(nets, find_law(law), steps=preset.flow_steps, blocks=preset.flow_blocks, seed=seed)
        flows[law] = {"learned": flow.learned, "sampled": flow.sampled, "exact": flow.exact}
    return {
        "activation": activation,
        "family": family,
        "spectrum": {"learned": spectrum.learned, "sampled": spectrum.sampled, "exact": spectrum.exact},
        "relative_error": spectrum.relative_error,
        "mirrored_error": mirrored.relative_error,
        "flow": flows,
    }


def _orders(preset: Options, width: int, hidden: int, count: int, seed: int) -> Json:
    """How near every order comes on networks with random weights: one entry a network for every rule."""
    found = [
        random_network_errors(width, hidden, seed=one, draws=preset.random_draws) for one in _networks(count, seed)
    ]
    return {rule: [one[rule] for one in found] for rule in found[0]}


def _scenario(preset: Options, name: str, seed: int) -> Json:
    seeds = _networks(preset.breaking_networks, seed)
    x = training_data("gauss", preset.samples, preset.inputs, seeds)
    steps = preset.breaking_steps
    log = run_scenario(SCENARIOS[name], x, seeds, width=preset.width, steps=steps, every=max(steps // 50, 1))
    columns = {"distance": log.distance, "closest": log.closest, "clusters": log.clusters, "losses": log.losses}
    return {"title": SCENARIOS[name].title, "steps": log.steps, **{k: torch.stack(v) for k, v in columns.items()}}


def _closure(preset: Options, name: str, seed: int) -> Json:
    if name == "xor":
        source = torch.Generator().manual_seed(_DATA + seed)
        train, test = (xor_classes(500, generator=source) for _ in range(2))
        steps, widths = preset.xor_steps, _XOR_WIDTHS
    else:
        try:
            train, test = digit_classes()
        except MissingExtraError:
            return {"available": False, "rows": []}
        steps, widths = preset.digit_steps, preset.digit_widths
    rows = _closed(train, test, widths, steps, _networks(preset.closure_repeats, seed))
    return {"available": True, "linear": linear_loss(train, test), "rows": rows}


def _closed(
    train: Classes, test: Classes, widths: Sequence[tuple[int, ...]], steps: int, seeds: Sequence[int]
) -> list[Json]:
    """Trained on one half of the data; losses and closures are of the other."""
    rows = []
    for hidden in widths:
        for he in (False, True):
            found = []
            for start in seeds:
                model: nn.Sequential = trained_classifier(train, hidden, steps=steps, seed=start, he=he)
                losses = {"train_loss": train.loss(model), "loss": test.loss(model)}
                found.append({**losses, "closures": closure_losses(model, test)})
            rows.append({"hidden": hidden, "start": "N(0, 2/fan_in)" if he else "U(+-1/sqrt fan_in)", "runs": found})
    return rows
