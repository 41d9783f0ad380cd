"""Lattice Boltzmann: the host against lettuce and a plain copy, learned collisions against each other, one thread.

    python benchmarks/lattice.py                 # print
    python benchmarks/lattice.py --write         # and write the table of docs/lattice_boltzmann.md
    python benchmarks/lattice.py --errors        # the errors of networks that learned alike, and with --write theirs
    LETTUCE_PYTHON=/path/to/python python benchmarks/lattice.py    # with lettuce, in an environment of its own

Everything takes turns in one run; a line is the best of several turns, for whatever else runs on the machine only makes
turns longer.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from peers import machine

from haar.systems.lattice_boltzmann import BGK, Host, Stencil, freeze, inspect_collision, rollout, simulate
from haar.systems.lattice_boltzmann.contenders import at_test_time, contender
from haar.systems.lattice_boltzmann.fitting import Lesson, fit, validated
from haar.systems.lattice_boltzmann.flows import taylor_green
from haar.systems.lattice_boltzmann.learned import LearnedCollision, mlp
from haar.systems.lattice_boltzmann.pairs import draw_pairs

PAGE = Path(__file__).parents[1] / "docs" / "lattice_boltzmann.md"
BEGIN, END = "<!-- speed: written by benchmarks/lattice.py -->\n", "<!-- end of speed -->"
ERRORS_BEGIN, ERRORS_END = "<!-- errors: written by benchmarks/lattice.py -->\n", "<!-- end of errors -->"
SIZE, STEPS = 256, 512
SEEDS = (100, 101, 102)
LETTUCE = """
import sys, time, torch, lettuce as lt
torch.set_num_threads(1)
context = lt.Context(device=torch.device("cpu"), dtype=torch.float32, use_native=False)
options = dict(resolution={size}, reynolds_number=100, mach_number=0.05, stencil=lt.D2Q9())
flow = lt.TaylorGreenVortex(context=context, **options)
simulation = lt.Simulation(flow=flow, collision=lt.BGKCollision(tau=flow.units.relaxation_parameter_lu), reporter=[])
simulation(3)
best = 1e9
for _ in range({turns}):
    begun = time.perf_counter(); simulation(8); best = min(best, (time.perf_counter() - begun) / 8)
print(best)
"""


def best(calls: dict[str, Callable[[], object]], turns: int, *, warm: bool = False) -> dict[str, float]:
    """The least seconds of every call, which take turns; warm, each right after an untimed one of its own."""
    found = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    for _ in range(turns):
        for name, call in calls.items():
            if warm:
                call()
            begun = time.perf_counter()
            call()
            found[name] = min(found[name], time.perf_counter() - begun)
    return found


def host_rows(turns: int) -> list[tuple[str, str, str]]:
    """Site updates a second of BGK on D2Q9."""
    stencil = Stencil.named("D2Q9")
    rows: list[tuple[str, str, str]] = []
    theirs = lettuce_seconds(turns)
    if theirs is not None:
        rows.append(("lettuce, float32", f"{SIZE**2 / theirs / 1e6:.1f}", ""))
    for dtype, name in ((torch.float32, "float32"), (torch.float64, "float64")):
        f = taylor_green(stencil, SIZE, 0.03).populations.to(dtype)
        out, collision = torch.empty_like(f), BGK(stencil, 0.6)

        def run(f: torch.Tensor = f, collision: BGK = collision, *, compiled: bool) -> object:
            return simulate(f, collision, STEPS, stencil=stencil, compiled=compiled)

        calls: dict[str, Callable[[], object]] = {
            "plain copy": lambda f=f, out=out: [out.copy_(f) for _ in range(STEPS)],
            "host, eager": lambda f=f: run(f, compiled=False),
            "host, compiled": lambda f=f: run(f, compiled=True),
        }
        times = best(calls, turns)
        for key, seconds in times.items():
            step = seconds / STEPS
            over = (
                "" if theirs is None or name != "float32" or key == "plain copy" else f"{theirs / step:.1f} x lettuce, "
            )
            share = "" if key == "plain copy" else f"{times['plain copy'] / seconds:.2f} of a copy"
            rows.append((f"{key}, {name}", f"{SIZE**2 / step / 1e6:.0f}", over + share))
    return rows


def lettuce_seconds(turns: int) -> float | None:
    """Seconds of a step of lettuce in its own environment; None where none is named."""
    python = os.environ.get("LETTUCE_PYTHON")
    if python is None:
        return None
    code = LETTUCE.format(size=SIZE, turns=turns)
    ran = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return float(ran.stdout.split()[-1])


def collision_rows(turns: int) -> list[tuple[str, str, str]]:
    """Microseconds a site of frozen collisions."""
    rows: list[tuple[str, str, str]] = []
    for name in ("D2Q9", "D3Q19"):
        stencil = Stencil.named(name)
        made = {key: contender(key, stencil, viscosity=1 / 30) for key in ("naive", "gavg", "lenn", "locked")}
        same = LearnedCollision(stencil, mlp(stencil, 8 * stencil.size), conserving="none")
        frozen = {key: freeze(model) for key, model in {**made, "plain, as wide": same}.items()}
        f = torch.rand(256, stencil.size, dtype=torch.float64) + 0.5
        with torch.no_grad():
            times = best({key: lambda one=one, f=f: one(f) for key, one in frozen.items()}, 3 * turns, warm=True)
        for key, seconds in times.items():
            ratio = f"{seconds / times['lenn']:.2f} x equivariant"
            rows.append((f"{name}: {key}", f"{1e6 * seconds / len(f):.2f}", ratio))
    return rows


def other_rows() -> list[tuple[str, str, str]]:
    """Gradients through many steps, and a report with intervals."""
    stencil = Stencil.named("D2Q9")
    begun = time.perf_counter()
    inspect_collision(freeze(contender("locked", stencil, viscosity=0.1)), stencil, simulated=True)
    rows = [("viscosities of a collision with intervals, s", f"{time.perf_counter() - begun:.1f}", "")]
    for steps, segment in ((64, 64), (1000, None)):
        code = f"import lattice; lattice.differentiate({steps}, {segment})"
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        )
        how = "all kept" if segment else "checkpointed"
        rows.append((f"gradients through {steps} steps of BGK, {how}, MB", ran.stdout.split()[-1], ""))
    return rows


def error_rows() -> list[tuple[str, str, str]]:
    """Errors on pairs that nobody learned from, of networks that learned alike: how equal the errors are."""
    rows: list[tuple[str, str, str]] = []
    lesson = Lesson(epochs=15, learning_rate=1e-2)
    for name in ("D2Q9", "D3Q19"):
        stencil = Stencil.named(name)
        found: dict[str, list[float]] = {}
        for seed in SEEDS:
            pairs = draw_pairs(stencil, 12_000, tau=0.6, seed=seed)
            others = draw_pairs(stencil, 4000, tau=0.6, seed=seed + 1000)
            errors = {}
            for key in ("cons", "gavg", "lenn", "locked"):
                model = contender(key, stencil, viscosity=1 / 30, seed=seed)
                fit(model, pairs, lesson, seed=seed)
                errors[key] = validated(model, others)
                if key == "cons":
                    errors["cons, averaged afterwards"] = validated(at_test_time(model, stencil), others)
            for key, error in errors.items():
                found.setdefault(key, []).append(error / errors["gavg"])
        for key in sorted(found.keys() - {"gavg"}):
            low, middle, high = min(found[key]), statistics.median(found[key]), max(found[key])
            value = f"{middle:.2f} ({low:.2f} to {high:.2f})"
            rows.append((f"{name}: {key}", value, f"{len(SEEDS)} seeds"))
    return rows


def differentiate(steps: int, segment: int | None) -> None:
    """Print the megabytes that gradients through so many steps on 128 x 128 nodes take, above what was there."""
    stencil = Stencil.named("D2Q9")
    f = taylor_green(stencil, 128, 0.03).populations.requires_grad_()
    host = Host(stencil, BGK(stencil, 0.6), (128, 128))
    host.step(f).sum().backward()
    rollout(f, host, 4).sum().backward()  # what torch imports and sets up for it is no memory of the steps
    f.grad = None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if segment is None:
        state = rollout(f, host, steps)
    else:
        state = f
        for _ in range(steps):
            state = host.step(state)
    state.sum().backward()
    print(round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))


def table(rows: list[tuple[str, str, str]], what: str) -> str:
    """As markdown."""
    lines = ["", f"| | {what} | |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {a} | {b} | {c} |" for a, b, c in rows), "", machine(1), "", ""])


def written(text: str, begin: str, end: str) -> None:
    """Put a text between its markers on the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    PAGE.write_text(before + begin + text + end + rest.split(end)[1], encoding="utf-8")


def main() -> None:
    """Run everything, or the errors alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="write the table of docs/lattice_boltzmann.md")
    parser.add_argument("--errors", action="store_true", help="the errors of networks that learned alike alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.errors:
        text, marks = table(error_rows(), "error on pairs, over that of `gavg`"), (ERRORS_BEGIN, ERRORS_END)
    else:
        rows = [*host_rows(options.turns), *other_rows()]
        rows += [(f"{name}, microseconds a site", value, ratio) for name, value, ratio in collision_rows(options.turns)]
        text, marks = table(rows, "million site updates a second, or as said"), (BEGIN, END)
    print(text)
    if options.write:
        written(text, *marks)


if __name__ == "__main__":
    main()
