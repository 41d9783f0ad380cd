"""Overhead of wrapped networks: a training step of a homotopy with its duals against the plain network's, in turns.

    python benchmarks/relax.py            # print
    python benchmarks/relax.py --write    # and write the table of docs/relax.md

A training step is forward, backward, Adam, and with a homotopy the duals' step too. Hidden channels are regular
representations of D4, so that the group has eight elements. Ensembles: so many networks of the kind that the
experiment of the page trains, in one batch against one after the other. Forward: one pass of 64 rows and no more,
after all parameters changed (which is not timed), or after none did.
Passes: a step of several forward and backward passes on batches of 64, wrapped as it is, and with its weights shared by
all of them. Every line is the median over rounds of the ratio of two timings (CPU time of one thread) taken one after
the other; the spread is that between the quarters.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from peers import machine
from torch import nn

from haar.actions import Defining, Field, Regular, Symmetry, Vector
from haar.groups import Group, cyclic, dihedral
from haar.relax import Duals, homotopise
from haar.relax.ensemble import Ensemble

PAGE = Path(__file__).parents[1] / "docs" / "relax.md"
BEGIN, END = "<!-- overhead: written by benchmarks/relax.py -->\n", "<!-- end of overhead -->"
D4 = dihedral(4)
#: A timing shorter than this is repeated within one turn.
LEAST_SECONDS = 0.1


def perceptron(width: int, batch: int, group: Group = D4):
    """Regular representations of a group of eight elements in and out, two hidden layers."""
    rep = (width // 8) * Regular(group)
    net = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
    return net, Symmetry(group, Vector(rep), Vector(rep)), torch.randn(batch, width), torch.randn(batch, width)


def convolutions(width: int, batch: int, size: int):
    """Two convolutions on a grid between regular representations of D4."""
    rep = (width // 8) * Regular(D4)
    net = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))
    x, y = (torch.randn(batch, width, size, size) for _ in range(2))
    return net, Symmetry(D4, Field(rep), Field(rep)), x, y


CASES: dict[str, Callable[[], tuple[nn.Module, Symmetry, torch.Tensor, torch.Tensor]]] = {
    "three dense layers, width 256, batch 64": lambda: perceptron(256, 64),
    "three dense layers, width 256, batch 256": lambda: perceptron(256, 256),
    "three dense layers, width 256, batch 1024": lambda: perceptron(256, 1024),
    "two 3 x 3 convolutions, 256 channels, batch 8 of 8 x 8": lambda: convolutions(256, 8, 8),
    "two 3 x 3 convolutions, 256 channels, batch 8 of 16 x 16": lambda: convolutions(256, 8, 16),
}


def stepper(model: nn.Module, x: torch.Tensor, y: torch.Tensor, duals: Duals | None) -> Callable[[], None]:
    """One training step."""
    weights = list(model.parameters()) if duals is None else duals.weights()
    optimizer = torch.optim.Adam(weights, lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        (loss if duals is None else duals.lagrangian(loss)).backward()
        optimizer.step()
        if duals is not None:
            duals.step()

    return step


def ratios(
    one: Callable[[], Any],
    other: Callable[[], Any],
    rounds: int,
    timed: Callable[[Callable[[], Any], int], float] | None = None,
) -> list[tuple[float, float]]:
    """Seconds of both, turn by turn."""
    timed = timed or _timed
    repeats = []
    for call in (one, other):
        call()
        start = time.process_time()
        call()
        repeats.append(max(1, round(LEAST_SECONDS / max(time.process_time() - start, 1e-6))))
    return [tuple(timed(call, count) for call, count in zip((one, other), repeats, strict=True)) for _ in range(rounds)]


def _timed(call: Callable[[], object], count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


def _timed_apart(call: Callable[[], float], count: int) -> float:
    """The mean of what calls say that they took."""
    return sum(call() for _ in range(count)) / count


def overhead(rounds: int, only: str) -> list[tuple[str, str, str, str]]:
    """Wrapped over plain."""
    rows = []
    for name, make in CASES.items():
        if only not in name:
            continue
        for mode in ("weight", "branches"):
            torch.manual_seed(0)
            net, symmetry, x, y = make()
            model = homotopise(net, symmetry, mode=mode, example=x[:2])
            duals = Duals(model, steps=10**6)
            found = ratios(stepper(net, x, y, None), stepper(model, x, y, duals), rounds)
            rows.append(_row(name, mode, [b / a for a, b in found], [a for a, _ in found]))
    return rows


def forwards(rounds: int, only: str) -> list[tuple[str, str, str, str]]:
    """One forward pass of C8 on 64 rows, wrapped over plain: with gradients (new weights or the same) or without."""
    rows = []
    for words, wanted, new in (
        ("with gradients, new weights at every pass", True, True),
        ("with gradients, weights as they were", True, False),
        ("without gradients", False, False),
    ):
        name = f"three dense layers, width 256, batch 64, C8, forward alone, {words}"
        if only not in name:
            continue
        torch.manual_seed(0)
        net, symmetry, x, _ = perceptron(256, 64, cyclic(8))
        model = homotopise(net, symmetry, example=x[:2])
        calls = [_again(each, x) if new else (lambda each=each, x=x: each(x)) for each in (net, model)]
        with torch.set_grad_enabled(wanted):
            found = ratios(*calls, rounds, _timed_apart if new else _timed)
        rows.append(_row(name, "weight", [b / a for a, b in found], [a for a, _ in found]))
    return rows


def _again(model: nn.Module, x: torch.Tensor) -> Callable[[], float]:
    """Changes every parameter as an optimiser does, and gives the seconds of the forward pass after it."""
    parameters = list(model.parameters())

    def run() -> float:
        with torch.no_grad():
            torch._foreach_mul_(parameters, 1 + 1e-6)  # as torch's optimisers do
        start = time.process_time()
        model(x)
        return time.process_time() - start

    return run


def passes(rounds: int, only: str) -> list[tuple[str, str, str, str]]:
    """Steps of several passes, wrapped over plain, without and with shared weights."""
    rows = []
    for count in (2, 4, 8):
        for shared in (False, True):
            name = f"three dense layers, width 256, batch 64, {count} passes a step{', shared' if shared else ''}"
            if only not in name:
                continue
            torch.manual_seed(0)
            net, symmetry, x, y = perceptron(256, 64)
            model = homotopise(net, symmetry, example=x[:2])
            duals = Duals(model, steps=10**6)
            plain = repeated(net, x, y, count, None, nullcontext)
            wrapped = repeated(model, x, y, count, duals, model.shared if shared else nullcontext)
            found = ratios(plain, wrapped, rounds)
            rows.append(_row(name, "weight", [b / a for a, b in found], [a for a, _ in found]))
    return rows


def repeated(
    model: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    count: int,
    duals: Duals | None,
    block: Callable[[], AbstractContextManager[object]],
) -> Callable[[], None]:
    """One training step of several passes."""
    optimizer = torch.optim.Adam(list(model.parameters()) if duals is None else duals.weights(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        with block():
            for _ in range(count):
                loss = nn.functional.mse_loss(model(x), y) / count
                (loss if duals is None else duals.lagrangian(loss)).backward()
        optimizer.step()
        if duals is not None:
            duals.step()

    return step


def together(rounds: int, only: str) -> list[tuple[str, str, str, str]]:
    """A loop over models, over the same models in one batch."""
    rows = []
    vector = Defining(cyclic(4))
    symmetry = Symmetry(vector.group, Vector(3 * vector), Vector(vector))
    for count in (8, 64):
        name = f"{count} networks of width 32 in one batch"
        if only not in name:
            continue
        torch.manual_seed(0)
        models = [
            homotopise(
                nn.Sequential(nn.Linear(6, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 2)), symmetry
            )
            for _ in range(count)
        ]
        x, y = torch.randn(count, 64, 6), torch.randn(count, 64, 2)
        steps = [stepper(m, a, b, Duals(m, steps=10**6)) for m, a, b in zip(models, x, y, strict=True)]
        batched = Ensemble(models)
        duals = Duals(batched, steps=10**6)
        optimizer = torch.optim.Adam(duals.weights(), lr=1e-4)

        def all_at_once(batched=batched, duals=duals, optimizer=optimizer, x=x, y=y) -> None:
            optimizer.zero_grad()
            duals.lagrangian((batched(x) - y).square().mean((1, 2)).sum()).backward()
            optimizer.step()
            duals.step()

        def one_by_one(steps=steps) -> None:
            for step in steps:
                step()

        found = ratios(one_by_one, all_at_once, rounds)
        rows.append(_row(name, "weight", [b / a for a, b in found], [a for a, _ in found]))
    return rows


def _row(name: str, mode: str, found: list[float], plain: list[float]) -> tuple[str, str, str, str]:
    low, middle, high = statistics.quantiles(found, n=4)
    row = name, mode, f"{1000 * statistics.median(plain):.3g}", f"{middle:.2f} ({low:.2f} to {high:.2f})"
    print("  ".join(row), flush=True)
    return row


def table(rows: list[tuple[str, str, str, str]], where: str) -> str:
    """The page's table."""
    head = "| network | mode | plain step, ms | wrapped / plain |\n|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows) + f"\n{where}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--write", action="store_true", help="write the table of docs/relax.md")
    options = parser.parse_args()
    where = machine(1)
    print(where)
    torch.set_num_threads(1)
    rows = overhead(options.rounds, options.only) + forwards(options.rounds, options.only)
    rows += passes(options.rounds, options.only) + together(options.rounds, options.only)
    if options.write:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(before + BEGIN + "\n" + table(rows, where) + "\n" + END + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
