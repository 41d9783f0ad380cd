"""``haar moments``: mean, covariance and skewness of a model's output for an uncertain input, without sampling."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haar.cli.command import told_by
from haar.cli.options import (
    FactoryArg,
    Model,
    Weights,
    count_option,
    folder_option,
    seed_option,
    whole_numbers,
)
from haar.limits import MOST_SAMPLES

if TYPE_CHECKING:
    from haar.cli.model_file import LoadedModel
    from haar.moments import NodeOrbits


@dataclass(frozen=True)
class MomentsOptions:
    """What the command is told."""

    model: Model
    law: Annotated[
        str,
        typer.Option(
            help="Law of the input: gauss, uniform, laplace, exponential, gamma(2), rademacher, mixture, t(5), "
            "poisson(3), moved as in '2 * laplace + 1'; one for all components or 'one; for; each'; or a file of "
            "samples (.csv, .npy, .safetensors)."
        ),
    ] = "gauss"
    mean: Annotated[str | None, typer.Option(help="Added to the means: numbers, '0.1, 2', or a file.")] = None
    scale: Annotated[str | None, typer.Option(help="Multiplies the spread: a number, one each, or a file.")] = None
    cov: Annotated[str | None, typer.Option(help="For --law gauss: a file of the covariance matrix.")] = None
    order: Annotated[
        str,
        typer.Option(
            help="Highest cumulant carried: 1 (linearises), 2, 2+ (third and fourth of one activation at a time, in "
            "factors), 3 or 4."
        ),
    ] = "2"
    check: Annotated[int, count_option("Compare with so many Monte Carlo samples.", least=0, most=10**9)] = 0
    shape: Annotated[str | None, typer.Option(help="Shape of one input, such as 8 or 1,28,28.")] = None
    backend: Annotated[
        str | None,
        typer.Option(
            help="dense (as a rule); factored (for order 2+, and order 3 at n^3); diagonal (variances alone); or orbit "
            "(graph networks, --shape nodes,features)."
        ),
    ] = None
    node_symmetry: Annotated[
        str,
        typer.Option(
            help="For --backend orbit: which permutations of the nodes leave law and network alone: auto (found in "
            "them), complete, ring, or a file with a permutation on every row."
        ),
    ] = "auto"
    on_unsupported: Annotated[str, typer.Option(help="Parts without a closed form: raise, linearise or sample.")] = (
        "raise"
    )
    seed: Annotated[int, seed_option("Of the samples.")] = 0
    weights: Weights = None
    factory_arg: FactoryArg = None
    out: Annotated[Path | None, folder_option("Folder for moments.json and report.html.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False


@told_by(MomentsOptions)
def moments(told: MomentsOptions) -> None:
    """Mean, standard deviation and skewness of MODEL's output when its input is a law, and how far to trust them.

    With --check the same by Monte Carlo beside it: standard errors, z-scores, and what the propagation's time would
    have paid for.
    """
    import torch

    from haar.cli.delivery import deliver
    from haar.cli.law_name import parse_law
    from haar.cli.model_file import Program, load_model
    from haar.cli.screen import warn_bare
    from haar.errors import ArgumentError
    from haar.moments import Backend, Comparison, Dense, Orbit, Propagation, compare, propagate

    _check(told)
    loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or (), fields=False)
    if isinstance(loaded.module, Program) and loaded.module.sizes.fixed:
        raise ArgumentError("MODEL", expected="a program with a free batch size", got=f"{told.model}, which fixes it")
    module = loaded.module.graph if isinstance(loaded.module, Program) else loaded.module
    event = _event(loaded, told.shape)
    given = parse_law(told.law, torch.Size(event).numel(), mean=told.mean, scale=told.scale, cov=told.cov)
    source = torch.Generator().manual_seed(told.seed)
    order = _order(told.order)
    engine: str | Backend | None = told.backend
    if told.backend == "orbit":
        engine = Orbit(_orbits(told.node_symmetry, event))
    elif told.backend == "dense" or (told.backend is None and order != "2+"):
        engine = Dense(generator=source)
    options: dict[str, Any] = {
        "order": order,
        "backend": engine,
        "input_shape": event,
        "on_unsupported": told.on_unsupported,
    }
    with torch.no_grad():
        if told.check:
            report: Comparison | Propagation = compare(module, given, told.check, generator=source, **options)
        else:
            report = propagate(module, given, **options)
    deliver(report, told.out, "moments.json", report.trust, as_json=told.as_json, answers=1)
    warn_bare(loaded, told.model)


def _order(name: str) -> int | str:
    from haar.errors import ArgumentError

    if name not in ("1", "2", "2+", "3", "4"):
        raise ArgumentError("--order", expected="1, 2, 2+, 3 or 4", got=name)
    return name if name == "2+" else int(name)


def _check(told: MomentsOptions) -> None:
    """Refuse options that do not go together."""
    from haar.errors import ArgumentError

    if 0 < told.check < 100:
        raise ArgumentError("--check", expected="at least 100 samples, or 0 for none", got=told.check)
    if told.check and told.backend == "diagonal":
        raise ArgumentError("--check", expected="--backend dense or orbit", got=f"--backend {told.backend}")
    if told.node_symmetry != "auto" and told.backend != "orbit":
        raise ArgumentError(
            "--node-symmetry", expected="--backend orbit beside it", got=f"--backend {told.backend or 'dense'}"
        )


def _orbits(name: str, event: tuple[int, ...]) -> NodeOrbits | None:
    """Orbits of the nodes under a named group or the permutations of a file; None where they are to be found."""
    from haar.cli.number_file import read_numbers
    from haar.errors import ArgumentError
    from haar.moments import NodeOrbits

    if len(event) != 2:
        raise ArgumentError("--shape", expected="nodes,features for --backend orbit", got=event)
    if name == "auto":
        return None
    named = {"complete": NodeOrbits.complete, "ring": NodeOrbits.ring}
    if name in named:
        return named[name](event[0])
    if not Path(name).suffix:
        raise ArgumentError("--node-symmetry", expected="auto, complete, ring or a file", got=repr(name))
    table = read_numbers(Path(name))
    if table.ndim != 2 or table.shape[1] != event[0] or bool((table != table.round()).any()):
        expected = f"rows of {event[0]} whole numbers, one permutation of the nodes each"
        raise ArgumentError("--node-symmetry", expected=expected, got=f"{tuple(table.shape)} numbers in {name}")
    return NodeOrbits(table.long())


def _event(loaded: LoadedModel, shape: str | None) -> tuple[int, ...]:
    """Shape of one input: what the user says, what the file fixes, or what a first linear layer takes."""
    import torch
    from torch import nn

    from haar.errors import ArgumentError

    if shape is not None:
        expected = "whole numbers >= 1, such as 8 or 1,28,28"
        event = whole_numbers("--shape", shape, expected=expected, divided=",x")
        if torch.Size(event).numel() > MOST_SAMPLES:
            raise ArgumentError("--shape", expected=f"at most {MOST_SAMPLES} numbers in all", got=repr(shape))
        return event
    if loaded.event is not None:
        return loaded.event
    first = next((part for part in loaded.module.modules() if not list(part.children())), None)
    if isinstance(first, nn.Linear):
        return (first.in_features,)
    raise ArgumentError("--shape", expected="the shape of one input, such as 8 or 1,28,28", got="none")
