"""Do optimistic or extragradient multipliers help a relaxation? Beside the damped solver, in whole fits.

A perceptron is wrapped for turns by 90 degrees and fitted to a vector field, which has the symmetry or a constant part
that breaks it. Told are the largest effective asymmetry that is left, which the constraint asks to be 0, and the
validation loss at gamma = 0. Both others are undamped, at equal rates for gammas and multipliers with the same time to
settle; extragradient steps look ahead with the gradient of the loss held fixed, so that they too take one pass.

    python benchmarks/solvers.py [--docs] [--steps 200] [--seeds 3]

With --docs the table is written into docs/relax.md, between its markers.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from peers import machine, write_docs

from haar.actions import Defining, Symmetry, Vector
from haar.groups import cyclic
from haar.relax import fit, homotopise
from haar.relax.duals.damped import Damped
from haar.relax.duals.duals import Duals
from haar.relax.duals.solver import Solver


@dataclass
class Optimistic(Solver):
    """Twice the step less the step before, for gammas and multipliers."""

    rate: float = 0.0
    name: ClassVar[str] = "optimistic"

    def tuned(self, steps, variables):
        """Plane waves settle as fast as the damped solver's: the square of the rate is its 15 / steps."""
        del variables
        return replace(self, rate=min(0.5, (15 / steps) ** 0.5))

    def advance(self, variables, gradient):
        """One step of both."""
        v, now = variables, (gradient + variables.multiplier, variables.gamma)
        last, self.last = getattr(self, "last", now), now
        v.gamma = v.gamma - self.rate * (2 * now[0] - last[0])
        v.multiplier = v.multiplier + self.rate * (2 * now[1] - last[1])


class Extragradient(Optimistic):
    """Both look a step ahead, and move from where they stood."""

    name: ClassVar[str] = "extragradient"

    def advance(self, variables, gradient):
        """One step of both."""
        v = variables
        ahead = v.gamma - self.rate * (gradient + v.multiplier), v.multiplier + self.rate * v.gamma
        v.gamma, v.multiplier = v.gamma - self.rate * (gradient + ahead[1]), v.multiplier + self.rate * ahead[0]


def field(rows, broken, seed):
    """Points and vectors, of variance about 1, with noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 2, generator=generator)
    y = torch.sin(2 * x.norm(dim=1, keepdim=True)) * x + 0.3 * torch.stack([-x[:, 1], x[:, 0]], 1)
    return x, y / y.std() + broken * torch.tensor([1.0, 0.0]) + 0.1 * torch.randn(rows, 2, generator=generator)


def fitted(solver, broken, steps, seed):
    """The asymmetry that is left, and the loss without it."""
    group = cyclic(4)
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(2, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)]
    duals = Duals(homotopise(torch.nn.Sequential(*layers), symmetry), solver=solver, steps=steps)
    data, held = field(512, broken, seed), field(512, broken, seed + 1000)
    run = fit(duals, torch.nn.functional.mse_loss, data, steps=steps, validation=held, seed=seed, every=steps)
    return max(duals.asymmetry().values()), run.deployed_loss


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="write the table into docs/relax.md")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of what has not arrived, which the table tells
    rows = []
    for told, broken in (("has the symmetry", 0.0), ("breaks it", 0.5)):
        for make in (Damped, Optimistic, Extragradient):
            found = [fitted(make(), broken, options.steps, seed) for seed in range(options.seeds)]
            asymmetry, loss = (statistics.median(column) for column in zip(*found, strict=True))
            rows.append(f"| {told} | {make.name} | {asymmetry:.3f} | {loss:.3f} |")
            print(rows[-1], flush=True)
    if options.docs:
        head = "| the field | solver | largest asymmetry left | validation loss at gamma = 0 |"
        about = f"{machine(1)}; {options.steps} steps, medians of {options.seeds} seeds."
        write_docs("relax", "solvers", "\n".join([about, "", head, "|---" * 4 + "|", *rows]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
