"""Averages of a potential over O(3) as ASE calculators, beside metatomic's SymmetrizedCalculator, at equal quadrature.

One potential of pairs that depends on the frame, in plain torch and in metatomic's format, over the same orientations.
Energies, forces and stresses are compared first. Three of ours: of the torch model with all orientations in one
evaluation and one neighbour list, of the same one by one, and around metatomic's own calculator.

    python benchmarks/force_fields.py [--quick] [--docs]

With --docs the table is written into docs/force_fields.md, between its markers.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from peers import Peer, Worker, compare, machine, serve, served, write_docs
from sides.force_fields import SIZES, batched, one_by_one, symmetrized, wrapped

METATOMIC = Peer(
    "metatomic",
    [
        "metatomic-torch==0.1.19",
        "metatomic-ase==0.1.4",
        "ase==3.29.0",
        *("scipy", "h5py", "safetensors", "matplotlib", "rich", "typer", "jaxtyping", "pyyaml"),  # of ours, around it
    ],
)
OURS = {"one evaluation": None, "one by one": None, "around metatomic's": METATOMIC}
CASES = dict(zip((*OURS, "metatomic"), (batched, one_by_one, wrapped, symmetrized), strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the molecule only")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/force_fields.md")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(machine(1))
    found = {}
    with Worker(__file__, "metatomic", METATOMIC) as peer:
        for name, where in OURS.items():
            with Worker(__file__, name, where) as us:
                most = 1 if options.quick else None if name == "one evaluation" else 2  # the largest takes long there
                for what in list(SIZES)[:most]:
                    found[what, name] = one = compare(us, peer, {"what": what}, rounds=options.rounds)
                    print(f"{what:8s} {name:20s} {one}   largest difference {difference(one):.1e}", flush=True)
    worst = max(map(difference, found.values()))
    least = min(one.ratio for (_, name), one in found.items() if name == "one evaluation")
    print(f"all agree to {worst:.1e}; in one evaluation at least {least:.2f} times as fast")
    if options.docs:
        write_docs("force_fields", "force_fields", table(found, worst))
    return 0 if worst < 1e-9 and least >= 1 else 1


def difference(one) -> float:
    """Of energies, forces and stresses on both sides."""
    return max(abs(a - b) for a, b in zip(*one.values, strict=True))


def table(found: dict, worst: float) -> str:
    """One line a structure."""
    versions = next(one.versions[1] for one in found.values())
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    about = (
        f"{machine(1)}, {packages}; medians of turns, milliseconds for energy, forces and stress averaged over 84 "
        f"orientations, and how many times as fast as metatomic's `SymmetrizedCalculator`. All agree to {worst:.0e}."
    )
    lines = [
        about,
        "",
        "| structure | metatomic | " + " | ".join(f"ours, {name} | ratio" for name in OURS) + " |",
        "|---" * (2 + 2 * len(OURS)) + "|",
    ]
    for what in dict.fromkeys(what for what, _ in found):
        theirs = statistics.median(found[what, "one evaluation"].peer)
        cells = [f"{1e3 * theirs:.3g}"]
        for name in OURS:
            one = found.get((what, name))
            cells += ["", ""] if one is None else [f"{1e3 * statistics.median(one.ours):.3g}", f"{one.ratio:.2f}"]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    if (name := served(sys.argv)) is not None:
        serve(CASES[name], packages=("torch", "ase", "metatomic-torch", "metatomic-ase"))
    else:
        sys.exit(main())
