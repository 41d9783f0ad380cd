"""What the reproduction measures for one seed: many networks of every architecture, on the same footing.

A seed of the recipe stands for a batch of networks, each with an initialisation and training data of its own. Every
part is kept in a file as soon as it is finished, so that a killed run goes on from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import MissingExtraError
from haar.moments import propagate
from haar.moments.joint import Independent
from haar.report import plain, write_json
from haar.systems.renormalisation.block import one_shot
from haar.systems.renormalisation.breaking import breaking_distance, hidden_units, unit_clusters
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
from haar.systems.renormalisation.prediction import predict_error
from haar.systems.renormalisation.restoration import SCENARIOS, run_scenario
from haar.systems.renormalisation.size_sweep import cell_name, sweep_cells
from haar.systems.renormalisation.spectrum import MIRRORED_LAWS, learned_spectrum
from haar.systems.renormalisation.training import PROTOCOL, fit
from haar.watch import Watch

Config = Mapping[str, Any]
Json = dict[str, Any]

ROUNDING = 1e-24
"""Normalised errors below this are rounding: two of them count as equal."""

_DATA = 7_000_003


def measure(config: Config, seed: int, folder: Path, watch: Watch) -> Json:
    """Run all parts of the experiment for one seed.

    Args:
        config: A preset of the recipe.
        seed: Everything random derives from it.
        folder: Where finished parts are kept.
        watch: Told of the progress.

    Returns:
        Plain JSON: ``zoo``, ``graphs``, ``steps``, ``sweep``, ``breaking``, ``closure``.
    """
    seeds = [seed * config["networks"] + k for k in range(config["networks"])]
    parts: list[tuple[str, str, Callable[[], Json]]] = []
    for activation, family, depth in config["perceptrons"]:
        parts.append(("zoo", f"{activation} {family} {depth}", _perceptron(config, activation, family, depth, seeds)))
    for graph, sharing, activation, depth in config["graphs"]:
        name = f"gnn {graph} {sharing} {activation} {depth}"
        parts.append(("graphs", name, _graph(config, (graph, sharing, activation, depth), seeds)))
    for activation, family in config["steps_of_two"]:
        parts.append(("steps", f"{activation} {family}", _step_of_two(config, activation, family, seeds)))
    for activation, family, sizes in sweep_cells(config):
        parts.append(("sweep", cell_name(activation, family, sizes), _sized(config, activation, family, sizes, seeds)))
    parts += [("breaking", name, _scenario(config, name, seeds)) for name in SCENARIOS]
    parts += [("closure", name, _closure(config, name, seed)) for name in ("xor", "digits")]
    found: Json = {"seeds": seeds}
    with watch.stage(f"renormalisation, networks {seeds[0]} to {seeds[-1]}", len(parts)) as advance:
        for group, name, work in parts:
            found.setdefault(group, {})[name] = _kept(folder, f"{group} {name}", work)
            advance()
    return found


def _kept(folder: Path, name: str, work: Callable[[], Json]) -> Json:
    path = folder / "parts" / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".json")
    if path.is_file():
        kept: Json = json.loads(path.read_text(encoding="utf-8"))
        return kept
    made: Json = plain(work())
    write_json(path, made)
    return made


def training_data(law: str, count: int, inputs: int, seeds: Sequence[int]) -> Tensor:
    """A training set for every network: (networks, count, inputs).

    Example:
        >>> training_data("gauss", 5, 2, [0, 1]).shape
        torch.Size([2, 5, 2])
    """
    chosen = find_law(law)
    draws = [chosen.sample((count, inputs), torch.Generator().manual_seed(_DATA + seed)) for seed in seeds]
    return torch.stack(draws)


def _trained(nets: Ensemble, config: Config, seeds: Sequence[int], *, samples: int, steps: int) -> Tensor:
    x = training_data(config["train_law"], samples, nets.inputs, seeds)
    return fit(nets, x, one_shot(x), plan=replace(PROTOCOL, steps=steps))


def _described(nets: Ensemble, losses: Tensor, config: Config) -> Json:
    errors = evaluate(nets, train_law=config["train_law"], samples=config["test"], seed=1)
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


def _perceptron(config: Config, activation: str, family: str, depth: int, seeds: Sequence[int]) -> Callable[[], Json]:
    def work() -> Json:
        nets = PerceptronEnsemble(family, activation, Sizes(config["inputs"], config["width"], depth), seeds=seeds)
        losses = _trained(nets, config, seeds, samples=config["samples"], steps=config["steps"])
        found = {"family": family, "depth": depth, **_described(nets, losses, config)}
        if activation in ("quadratic", "linear") and depth == 1:
            predicted = torch.stack([predict_error(nets, law) for law in LAWS.values()], -1)
            gap = (predicted - found["nmse"]).abs()
            found["predicted"] = predicted
            found["z"] = torch.where(gap < ROUNDING, 0.0, gap / found["standard_error"])
        return found

    return work


def _sized(
    config: Config, activation: str, family: str, sizes: Mapping[str, int], seeds: Sequence[int]
) -> Callable[[], Json]:
    """One cell of the size sweep: one hidden layer, trained as in the zoo."""

    def work() -> Json:
        nets = PerceptronEnsemble(family, activation, Sizes(sizes["inputs"], sizes["width"], 1), seeds=seeds)
        losses = _trained(nets, config, seeds, samples=sizes["samples"], steps=config["steps"])
        centre = {axis: config[axis] for axis in sizes}
        return {"family": family, "sizes": dict(sizes), "centre": centre, **_described(nets, losses, config)}

    return work


def _graph(config: Config, cell: tuple[str, str, str, int], seeds: Sequence[int]) -> Callable[[], Json]:
    graph, sharing, activation, depth = cell

    def work() -> Json:
        sizes = Sizes(config["inputs"], config["width"], depth)
        nets = GraphEnsemble(graph, sharing, activation, sizes, seeds=seeds)
        losses = _trained(nets, config, seeds, samples=config["graph_samples"], steps=config["graph_steps"])
        found = {"family": f"{graph} {sharing}", "depth": depth, **_described(nets, losses, config)}
        if depth == 1:
            found["propagation"] = {law: propagation_gaps(nets, law, config["propagation_samples"]) for law in _PUSHED}
        return found

    return work


_PUSHED = ("gauss", "exponential")


@torch.no_grad()
def propagation_gaps(nets: Ensemble, law: str, samples: int) -> Json:
    """Propagated against sampled mean and standard deviation of every network, in units of the sampled one.

    Args:
        nets: Trained networks.
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


def _step_of_two(config: Config, activation: str, family: str, seeds: Sequence[int]) -> Callable[[], Json]:
    """Networks R^2 -> R: their spectrum, and the flow of their own output."""

    def work() -> Json:
        nets = PerceptronEnsemble(family, activation, Sizes(2, config["step_width"], 1), seeds=seeds)
        _trained(nets, config, seeds, samples=config["samples"], steps=config["steps"])
        spectrum = learned_spectrum(nets, 2, samples=config["spectrum_samples"], seed=1)
        mirrored = learned_spectrum(nets, 2, laws=MIRRORED_LAWS, samples=config["spectrum_samples"], seed=1)
        flows = {}
        for law in config["flow_laws"]:
            flow = learned_flow(nets, find_law(law), steps=config["flow_steps"], blocks=config["flow_blocks"], seed=1)
            flows[law] = {"learned": flow.learned, "sampled": flow.sampled, "exact": flow.exact}
        return {
            "activation": activation,
            "family": family,
            "spectrum": {"learned": spectrum.learned, "sampled": spectrum.sampled, "exact": spectrum.exact},
            "relative_error": spectrum.relative_error,
            "mirrored_error": mirrored.relative_error,
            "flow": flows,
        }

    return work


def _scenario(config: Config, name: str, seeds: Sequence[int]) -> Callable[[], Json]:
    def work() -> Json:
        x = training_data("gauss", config["samples"], config["inputs"], seeds)
        steps = config["breaking_steps"]
        log = run_scenario(SCENARIOS[name], x, seeds, width=config["width"], steps=steps, every=max(steps // 50, 1))
        columns = {"distance": log.distance, "closest": log.closest, "clusters": log.clusters, "losses": log.losses}
        return {"title": SCENARIOS[name].title, "steps": log.steps, **{k: torch.stack(v) for k, v in columns.items()}}

    return work


def _closure(config: Config, name: str, seed: int) -> Callable[[], Json]:
    def work() -> Json:
        if name == "xor":
            source = torch.Generator().manual_seed(_DATA + seed)
            data, steps = xor_classes(500, generator=source), config["xor_steps"]
            return {"available": True, "rows": _closed(data, [(16, 16)], steps, seed, config["closure_repeats"])}
        try:
            data, _ = digit_classes()
        except MissingExtraError:
            return {"available": False, "rows": []}
        widths: list[tuple[int, ...]] = [tuple(hidden) for hidden in config["digit_widths"]]
        rows = _closed(data, widths, config["digit_steps"], seed, config["closure_repeats"])
        return {"available": True, "rows": rows}

    return work


def _closed(data: Classes, widths: list[tuple[int, ...]], steps: int, seed: int, repeats: int) -> list[Json]:
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
