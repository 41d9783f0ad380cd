"""The Lie-derivative audit against its limit, and data larger than memory.

    python benchmarks/audit.py [--quick] [--threads N] [--json FILE] [--docs]

1. One Lie derivative along one generator (a continuous shift of a periodic field) in three ways: ours, an analytic
   tangent of the input and one forward-mode pass; two plain forwards, the limit; and the double-backward trick, which
   differentiates the shifted network twice in reverse.
2. Reading and averaging a data set ten times larger than a bound on memory: the growth of the process's resident memory
   must stay below the bound.

With --docs the table is written into docs/audit.md, between its markers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from peers import Worker, compare, machine, serve, served

#: (points along an axis, batch)
SIZES = [(32, 4), (64, 1), (64, 4)]
QUICK = [(32, 4)]
GOAL = 1.5  # two-forwards units
BOUND = 128 * 2**20
PAGE = Path(__file__).resolve().parent.parent / "docs" / "audit.md"
MARKS = ("<!-- benchmarks/audit.py -->", "<!-- /benchmarks/audit.py -->")


def built(points: int, batch: int) -> tuple:
    """A small convolutional network, its symmetry under continuous shifts along x, and a smooth field."""
    import torch
    from torch import nn

    from haar.actions import ContinuousShift, Symmetry
    from haar.groups import Torus

    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 32, 3, padding=1), nn.GELU(), nn.Conv2d(32, 32, 3, padding=1), nn.GELU()]
    net = nn.Sequential(*layers, nn.Conv2d(32, 2, 3, padding=1)).eval()
    group = Torus(1)
    field = ContinuousShift(group, axes=[0], space_dim=2)
    x = torch.randn(batch, 2, points, points, generator=torch.Generator().manual_seed(1))
    x = torch.nn.functional.avg_pool2d(x, 5, stride=1, padding=2)
    return net, Symmetry(group, field, field), x


def timed(call: object) -> tuple:
    """The call to time, and the size of what it gives."""
    return call, [float(call().double().norm())]


def ours_case(**settings: object) -> tuple:
    import torch

    from haar.audit import lie_derivative

    net, symmetry, x = built(**settings)
    direction = torch.ones(1, dtype=torch.float64)

    def call() -> torch.Tensor:
        with torch.no_grad():
            return lie_derivative(net, symmetry, x, direction)

    return timed(call)


def double_backward_case(**settings: object) -> tuple:
    """d/dt of g(-t) f(g(t) x) as the reverse derivative of a reverse derivative: works where forward mode does not."""
    import torch

    net, symmetry, x = built(**settings)
    direction = torch.ones(1, dtype=torch.float64)
    tangent_in = symmetry.inputs[0].tangent(direction, x)

    def call() -> torch.Tensor:
        y_of = x.clone().requires_grad_()
        y = net(y_of)
        seed = torch.zeros_like(y, requires_grad=True)
        (pulled,) = torch.autograd.grad(y, y_of, seed, create_graph=True)
        (pushed,) = torch.autograd.grad(pulled, seed, tangent_in)
        return pushed - symmetry.outputs.tangent(direction, y.detach())

    return timed(call)


def two_forwards_case(**settings: object) -> tuple:
    import torch

    net, _, x = built(**settings)

    def call() -> torch.Tensor:
        with torch.no_grad():
            net(x)
            return net(x)

    return timed(call)


def stream_case(**settings: object) -> tuple:
    """Write a data set ten times the bound, then read and average it; the value holds the growth of resident memory."""
    import resource

    import numpy as np
    import torch

    from haar.actions import FieldSpec, Symmetry
    from haar.average import average
    from haar.data import Axis, WellReader, WellWriter, Windows
    from haar.groups import dihedral

    points, steps = 64, 40
    axes = [Axis.cells(name, points, length=1.0) for name in "xy"]
    per_run = steps * points**2 * 4 * 2
    runs = -(-10 * int(settings["bound"]) // per_run)
    folder = Path(tempfile.mkdtemp())
    random = np.random.default_rng(0)
    fields = [FieldSpec("a"), FieldSpec("b")]
    with WellWriter(folder / "big.hdf5", name="big", axes=axes, fields=fields, times=np.arange(steps) * 1.0) as writer:
        for _ in range(runs):
            writer.append({name: random.standard_normal((steps, points, points), dtype=np.float32) for name in "ab"})
    size = (folder / "big.hdf5").stat().st_size
    windows = Windows(WellReader(folder / "big.hdf5"), history=1, every=10)
    net = torch.nn.Conv2d(2, 2, 3, padding=1).eval()
    symmetric = average(net, Symmetry.of_fields(dihedral(4), "a, b"), micro_batch=8)
    batches = windows.batches(8)
    with torch.no_grad():
        x, y = next(batches)
        symmetric(x)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        total = count = 0.0
        for x, y in batches:
            total += float((symmetric(x) - y).square().mean())
            count += 1
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (folder / "big.hdf5").unlink()
    return object, [size, (after - before) * 1024, total / count]


CASES = {
    "ours": ours_case,
    "two forwards": two_forwards_case,
    "double backward": double_backward_case,
    "stream": stream_case,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one size, three turns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=0, help="turns; default 9, quick 3")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the table into docs/audit.md")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 9)
    about = f"Lie derivative along one generator, {rounds} turns; {machine(options.threads)}"
    print(about)
    rows = []
    for name in ("two forwards", "double backward"):
        with (
            Worker(__file__, "ours", threads=options.threads) as ours,
            Worker(__file__, name, threads=options.threads) as peer,
        ):
            for points, batch in QUICK if options.quick else SIZES:
                result = compare(ours, peer, {"points": points, "batch": batch}, rounds=rounds)
                note = ""
                if name == "two forwards":
                    cost = 1 / result.ratio
                    note = f"   ours = {cost:.2f} x two forwards, goal {GOAL} {'met' if cost <= GOAL else 'MISSED'}"
                elif abs(result.values[0][0] - result.values[1][0]) > 1e-3 * result.values[1][0]:
                    note = "   OTHER RESULT"
                print(f"{name:16s} {points:3d}^2 batch {batch}: {result}{note}", flush=True)
                rows.append(
                    {
                        "peer": name,
                        "points": points,
                        "batch": batch,
                        "ratio": result.ratio,
                        "ratios": result.ratios,
                        "versions": result.versions,
                    }
                )
    with Worker(__file__, "stream", threads=options.threads) as worker:
        size, growth, loss = worker.prepare({"bound": BOUND})["value"]
    verdict = "met" if growth <= BOUND <= size / 10 else "MISSED"
    streaming = (
        f"{size / 2**20:.0f} MiB read and averaged, memory grew by {growth / 2**20:.1f} MiB, "
        f"bound {BOUND / 2**20:.0f} MiB {verdict}"
    )
    print(f"streaming: {streaming}; mean square {loss:.3f}")
    rows.append({"peer": "stream", "bytes": size, "growth": growth, "bound": BOUND})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.docs:
        write_docs(rows, about, streaming)


def write_docs(rows: list[dict], about: str, streaming: str) -> None:
    """The rows as one table between the markers of the page, and the line about streaming."""
    found = {(r["peer"], r["points"], r["batch"]): r["ratio"] for r in rows if "ratio" in r}
    lines = [f"{about}. The goal is {GOAL} times two forwards.", ""]
    lines += ["| grid | batch | ours / two forwards | double backward / ours |", "|---|---|---|---|"]
    for points, batch in dict.fromkeys((points, batch) for _, points, batch in found):
        cost = 1 / found["two forwards", points, batch]
        told = f"{cost:.2f}" if cost <= GOAL else f"**{cost:.2f}**"
        lines.append(f"| {points}² | {batch} | {told} | {found['double backward', points, batch]:.2f} |")
    lines += ["", f"Streaming: {streaming}."]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        raise SystemExit(f"{PAGE} has no markers")
    PAGE.write_text(f"{before}{MARKS[0]}\n" + "\n".join(lines) + f"\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(CASES[side])
    else:
        main()
