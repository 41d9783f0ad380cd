"""Constitutive laws: stress and tangent beside a plain network's, and a plate in finite elements beside a closed law.

    python benchmarks/constitutive.py                 # both tables
    python benchmarks/constitutive.py --points 20000  # fewer points
    python benchmarks/constitutive.py --docs          # and into docs/constitutive.md

Stress and tangent of a batch of points, float64, one thread: a law of this library against a plain network with two
hidden layers of the same width whose tangent is by automatic differentiation, one backward pass a component. The plate
(a quarter of a square plate with a hole, quadratic quadrilaterals, plane strain, 5 %) is the same code with a learned
law and with the crystal's own closed form; both use consistent tangents. Medians of ratios of turns taken one after the
other. The second table needs scikit-fem (pip install "haar[materials]"). All times are CPU time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from peers import machine, write_docs

from haar.systems.constitutive import ConvexLaw, Hyperelastic, TensorNetwork, fit_law
from haar.systems.constitutive.generators import CubicCrystal, random_strains
from haar.systems.constitutive.law import automatic_response
from haar.systems.constitutive.networks import Perceptron
from haar.training import Plan

WIDTH, TURNS = 32, 7


def seconds(call: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def ratio(ours: Callable[[], object], other: Callable[[], object], turns: int = TURNS) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratios, in turns."""
    ours(), other()
    pairs = [(seconds(ours), seconds(other)) for _ in range(turns)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def points_table(points: int, width: int = WIDTH, turns: int = TURNS) -> list[str]:
    """Stress and tangent of many points."""
    source = torch.Generator().manual_seed(0)
    strain = random_strains(points, 0.1, source)
    plain = Perceptron(6, width, source)
    for p in plain.parameters():
        p.requires_grad_(False)
    laws = {
        f"Hyperelastic, {width} units, degree 4": Hyperelastic("m-3m", width=width),
        f"Hyperelastic, {width} units, degree 3": Hyperelastic("m-3m", width=width, degree=3),
        "ConvexLaw, 5 tensors": ConvexLaw("m-3m", units=5),
        "TensorNetwork, 5 tensors, 2 layers": TensorNetwork("m-3m", width=5),
    }
    rows = ["| law | ms | plain network, ms | ratio |", "|---|---|---|---|"]
    for name, law in laws.items():
        for p in law.parameters():
            p.requires_grad_(False)

        def ours(law: torch.nn.Module = law) -> object:
            with torch.no_grad():
                return law.response(strain)  # type: ignore[operator]

        def other() -> object:
            with torch.no_grad():
                return automatic_response(plain, strain)

        a, b, r = ratio(ours, other, turns)
        rows.append(f"| {name} | {1e3 * a:.0f} | {1e3 * b:.0f} | {r:.2f} |")
    return rows


def plate_table(cells: int = 8, turns: int = TURNS) -> list[str]:
    """The plate with a learned law and with the crystal's own."""
    from haar.systems.constitutive.hosts import Body, plate_with_hole

    own = CubicCrystal()
    strain = random_strains(200, 0.12, torch.Generator().manual_seed(0))
    learned = Hyperelastic("m-3m", width=16)
    fit_law(learned, strain, own(strain), Plan(steps=300, learning_rate=3e-3, schedule="cosine"))
    mesh = plate_with_hole(cells=cells)
    found = {}

    def run(name: str, law: torch.nn.Module) -> Callable[[], object]:
        body = Body(mesh, law)  # type: ignore[arg-type]

        def call() -> None:
            found[name] = body.pull(
                lambda p: p[0] < 1e-9, lambda p: p[0] > 1 - 1e-9, 0.05, sides={1: lambda p: p[1] < 1e-9}
            )

        return call

    a, b, r = ratio(run("learned", learned), run("own", own), turns)
    steps = {name: solution.steps for name, solution in found.items()}
    return [
        "| plate, elements | learned law, s | own law, s | ratio | Newton's steps |",
        "|---|---|---|---|---|",
        f"| {2 * cells * cells} | {a:.2f} | {b:.2f} | {r:.2f} | {steps['learned']} and {steps['own']} |",
    ]


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--docs", action="store_true")
    told = parser.parse_args()
    torch.set_num_threads(1)
    rows = [f"{machine(1)}; {told.points} points, {WIDTH} units, float64, one thread.", ""]
    rows += [*points_table(told.points, turns=told.turns), "", *plate_table(turns=told.turns)]
    print("\n".join(rows))
    if told.docs:
        write_docs("constitutive", "constitutive", "\n".join(rows))


if __name__ == "__main__":
    main()
