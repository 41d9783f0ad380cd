"""How time and memory of the main verbs grow: measured part by part, with fitted exponents beside the limit.

    python benchmarks/growth.py [--only NAME,NAME] [--out FOLDER] [--kept] [--docs]

Every size of every case runs in a process of its own, on one thread; its clock is the process's CPU time, its memory
the growth of the peak over that of the smallest size and of the inputs. A part that is finished is a file in the folder
and is not run again, so that an interrupted benchmark goes on; each takes less than four minutes. The exponent is that
of a least squares fit of log(time) against log(size) over the largest four sizes; the limit is what the method says.
With --docs the table, and what it says of sizes that were not run, are written into docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peers import machine, write_docs

#: Seconds of computing that a part may take, and of waiting for its turn beside other work.
PATIENCE, WAIT = 240, 1200


@dataclass(frozen=True)
class Case:
    """What is measured.

    Args:
        axis: What grows.
        sizes: How far.
        limit: The exponent that the method says, for time.
        make: From a size, what to time.
        memory: The exponent that the method says, for memory; None where none is stated.
    """

    axis: str
    sizes: tuple[int, ...]
    limit: float
    make: Callable[[int], Callable[[], object]]
    memory: float | None = None


def fields(points: int, order: int | None = None):
    import torch

    import haar
    from haar.groups import dihedral, shifts

    group = dihedral(4) if order is None else shifts((points, points), step=points // math.isqrt(order))
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.GELU(), torch.nn.Conv2d(8, 1, 3, padding=1)]
    model = torch.nn.Sequential(*layers).eval().requires_grad_(False)
    return haar, torch, model, haar.Symmetry.of_fields(group, "p"), group


def audit_samples(size):
    haar, torch, model, symmetry, _ = fields(16)

    class Stream:
        def __iter__(self):
            generator = torch.Generator().manual_seed(1)
            for _ in range(size // 64):
                x = torch.randn(64, 1, 16, 16, generator=generator)
                yield x, x

    def run():
        return haar.audit(model, symmetry, Stream(), layers=False).recommendation

    return run


def audit_elements(size):
    haar, torch, model, symmetry, _ = fields(32, 1024)
    x = torch.randn(16, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    return lambda: haar.audit(model, symmetry, (x, x), elements=size, layers=False, data_symmetry=False).recommendation


def audit_grid(size):
    haar, torch, model, symmetry, _ = fields(size)
    x = torch.randn(8, 1, size, size, generator=torch.Generator().manual_seed(1))
    return lambda: haar.audit(model, symmetry, (x, x), layers=False, data_symmetry=False).recommendation


def average_orbit(size):
    haar, torch, model, symmetry, _ = fields(64, size)
    averaged = haar.average(model, symmetry, micro_batch=1, check=False)
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    return lambda: averaged(x)


def average_sampled(size):
    haar, torch, model, symmetry, _ = fields(64, size)
    averaged = haar.average(model, symmetry, how=haar.average.Sampled(16, seed=0), micro_batch=1, check=False)
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    return lambda: averaged(x)


def maps(size):
    from haar.actions.representation import Regular
    from haar.groups import cyclic
    from haar.intertwiners import intertwiners

    ring = Regular(cyclic(size))
    return lambda: intertwiners(ring, ring).dim


def perceptron(width, depth):
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(16, width)]
    for _ in range(depth - 1):
        layers += [torch.nn.ReLU(), torch.nn.Linear(width, width)]
    return torch, torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Linear(width, 4)).double()


def moments_of(width, depth, **told):
    from haar.moments import Gaussian, propagate

    torch, model = perceptron(width, depth)
    law = Gaussian(torch.zeros(16, dtype=torch.float64), 0.5)
    return lambda: propagate(model, law, **told).cov


def audit_nodes(size):
    import torch

    import haar

    torch.manual_seed(0)
    source, hear = torch.Generator().manual_seed(1), torch.nn.Linear(8, 8).requires_grad_(False)

    def model(x, edge_index):
        heard = torch.zeros(len(x), 8).index_add(0, edge_index[1], hear(x[edge_index[0]]).relu())
        return heard + x.roll(1, 0)

    graphs = [
        (torch.randn(size, 8, generator=source), torch.randint(size, (2, 4 * size), generator=source)) for _ in range(8)
    ]
    labelled = [(graph, model(*graph)) for graph in graphs]
    symmetry = haar.Symmetry.of_graph(size, inputs="x, edge_index", outputs="nodes")
    return lambda: haar.audit(model, symmetry, labelled, layers=False, data_symmetry=False).recommendation


def discover_inputs(size):
    import torch

    from haar.discover import discover

    source = torch.Generator().manual_seed(1)
    metric = torch.linspace(1, 2, size, dtype=torch.float64)
    x = torch.randn(5 * size * (size + 1), size, generator=source, dtype=torch.float64)
    return lambda: discover(lambda x: (metric * x.square()).sum(-1, keepdim=True).sin(), x).summary


def sweep_width(size):
    import torch

    from haar.compress import Magnitude, sweep

    _, model = perceptron(size, 3)
    source = torch.Generator().manual_seed(1)
    x = torch.randn(1024, 16, generator=source, dtype=torch.float64)
    y = model(x).detach()
    return lambda: sweep(model, Magnitude(levels=(0.5, 0.9)), ["drift"], [(x, y)]).to_dict()


def align_width(size):
    import haar
    from haar.weights.small import LlamaSizes, SmallLlama

    sizes = LlamaSizes(vocabulary=50, layers=2, dim=size, heads=4, groups=2, hidden=2 * size)
    a, b = SmallLlama(sizes).double(), SmallLlama(sizes).double()
    return lambda: haar.align(a, b).model


_WIDTHS = (64, 128, 256, 512, 1024, 2048)
CASES = {
    "audit, samples": Case("samples", (512, 2048, 8192, 32768, 131072), 1, audit_samples, memory=0),
    "audit, elements": Case("elements", (16, 32, 64, 128, 256, 512, 1024), 1, audit_elements, memory=2),
    "audit, grid": Case("points of an axis", (32, 64, 128, 256, 512), 2, audit_grid, memory=2),
    "audit, nodes": Case("nodes", (16, 64, 256, 1024, 4096), 1, audit_nodes, memory=1),
    "average, whole orbit": Case("order of the group", (16, 64, 256, 1024), 1, average_orbit, memory=0),
    "average, 16 sampled": Case("order of the group", (16, 64, 256, 1024, 4096), 0, average_sampled, memory=0),
    "maps that commute, C_n": Case("order n (n^2 entries)", (64, 128, 256, 512, 1024, 2048, 4096), 2, maps, memory=2),
    "moments, order 1, width": Case("units", _WIDTHS, 3, lambda n: moments_of(n, 3, order=1), memory=2),
    "moments, order 2, width": Case("units", _WIDTHS, 3, lambda n: moments_of(n, 3), memory=2),
    "moments, order 2+, width": Case("units", _WIDTHS[:-1], 3, lambda n: moments_of(n, 3, order="2+"), memory=2),
    "moments, order 3, width": Case("units", (32, 64, 128, 256), 4, lambda n: moments_of(n, 3, order=3), memory=3),
    "moments, order 2, depth": Case("layers", (4, 8, 16, 32, 64), 1, lambda n: moments_of(128, n), memory=1),
    "align, width": Case("units of a layer", (16, 32, 64, 128, 256, 512), 3, align_width, memory=2),
    "compress, a sweep, width": Case("units", _WIDTHS, 2, sweep_width, memory=2),
    "discover, inputs": Case("entries of an input", (4, 6, 8, 12, 16, 20), 6, discover_inputs, memory=4),
}


def child(name: str, size: int) -> None:
    """Measure one part, and print it."""
    import torch

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    CASES[name].make(CASES[name].sizes[0])()  # imports, and what is made once
    call = CASES[name].make(size)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    call()
    seconds = time.process_time() - begun
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "mib": max(after - before, 0) / 1024}))


def measured(name: str, size: int, folder: Path, *, kept: bool) -> dict | None:
    """One part, from its file where it is there; None where it takes too long, or is not run."""
    stem = "".join(c if c.isalnum() else "-" for c in name)
    path = folder / f"{stem}-{size}.json"
    if not path.is_file() and kept:
        return None
    if not path.is_file():
        words = [sys.executable, __file__, "--child", name, str(size)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=WAIT, env=environment, check=False)
        except subprocess.TimeoutExpired:
            print(f"{name}, {size}: more than {WAIT} s", file=sys.stderr)
            return None
        if done.returncode:
            why = done.stderr.strip().splitlines()[-1:] or [f"more than {PATIENCE} s of computing"]
            print(f"{name}, {size}: {why[0]}", file=sys.stderr)
            return None
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(done.stdout.strip().splitlines()[-1])
        part.replace(path)
    return json.loads(path.read_text())


def exponent(sizes: list[int], values: list[float]) -> float | None:
    """Slope of log(value) against log(size), over the largest four; None where values are too small to be told."""
    pairs = [(math.log(size), math.log(value)) for size, value in zip(sizes, values, strict=True) if value > 0][-4:]
    if len(pairs) < 3:
        return None
    mean = [sum(side) / len(pairs) for side in zip(*pairs, strict=True)]
    above = sum((x - mean[0]) * (y - mean[1]) for x, y in pairs)
    return above / sum((x - mean[0]) ** 2 for x, _ in pairs)


def rows_of(found: dict[str, dict[int, dict]]) -> list[str]:
    """The table."""
    lines = [
        "| what | grows | sizes | seconds | exponent | limit | MiB | exponent | limit |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, parts in found.items():
        case, sizes = CASES[name], list(parts)
        seconds, mib = [parts[size]["seconds"] for size in sizes], [parts[size]["mib"] for size in sizes]
        time_, memory = exponent(sizes, seconds), exponent(sizes, [m if m >= 1 else 0 for m in mib])
        shown = ["–" if value is None else f"{value:.2f}" for value in (time_, memory)]
        lines.append(
            f"| {name} | {case.axis} | {sizes[0]} … {sizes[-1]} | {seconds[0]:.3g} … {seconds[-1]:.3g} | {shown[0]} | "
            f"{case.limit:g} | {mib[0]:.0f} … {mib[-1]:.0f} | {shown[1]} | "
            f"{'–' if case.memory is None else f'{case.memory:g}'} |"
        )
    return lines


def told(seconds: float) -> str:
    """A time in words."""
    for unit, size in (("years", 3.156e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} seconds"


def further(found: dict[str, dict[int, dict]]) -> list[str]:
    """What the figures say of 10^9 samples, 10^9 parameters and 1,000 processes."""
    lines = []
    if (parts := found.get("audit, samples")) and len(parts) > 1:
        small, large = min(parts), max(parts)
        each = (parts[large]["seconds"] - parts[small]["seconds"]) / (large - small)
        whole = 1e9 * each
        lines.append(
            f"- **10⁹ samples** (16 x 16 fields, D4, a small network): {1e6 * each:.0f} µs a sample, {told(whole)} on "
            f"one core, {told(whole / 1000)} on 1,000. Memory stays at {parts[large]['mib']:.0f} MiB more."
        )
        lines.append(
            f"- **1,000 processes**: sums pass in {math.ceil(math.log2(1000))} rounds, each of one share, at most "
            f"twice 32 MiB; no process holds more than two shares."
        )
    if (parts := found.get("align, width")) and len(parts) > 2:
        sizes = list(parts)
        slope = exponent(sizes, [parts[size]["seconds"] for size in sizes])
        largest = sizes[-1]
        parameters = lambda width: 2 * (4 * width**2 + 3 * 2 * width**2)  # noqa: E731
        width = largest * math.sqrt(1e9 / parameters(largest))
        seconds = parts[largest]["seconds"] * (width / largest) ** slope
        bytes_ = 8 * width**2
        lines.append(
            f"- **10⁹ parameters** (two layers of a transformer, {width:.0f} units): aligning would take "
            f"{told(seconds)} by its exponent of {slope:.2f}, and one cost matrix {bytes_ / 2**30:.2g} GiB in float64."
        )
    if (parts := found.get("moments, order 2, width")) and len(parts) > 2:
        sizes = list(parts)
        slope = exponent(sizes, [parts[size]["seconds"] for size in sizes])
        width = math.sqrt(1e9 / 2)
        seconds = parts[sizes[-1]]["seconds"] * (width / sizes[-1]) ** slope
        whole = parts[sizes[-1]]["mib"] * (width / sizes[-1]) ** 2 / 1024
        lines.append(
            f"- **10⁹ parameters followed in order 2** (three layers of {width:.0f} units): {told(seconds)}, and "
            f"{whole:.2g} GiB, {8 * width**2 / 2**30:.2g} of it one covariance: the first wall is the square of the "
            f"widest layer."
        )
    return lines


def main() -> int:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of cases, or their beginnings, separated by semicolons")
    parser.add_argument("--out", type=Path, default=Path("growth"), help="folder of the finished parts")
    parser.add_argument("--kept", action="store_true", help="tell what is finished, and run nothing")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/scale.md")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], int(options.child[1]))
        return 0
    wanted = [word.strip() for word in options.only.split(";") if word.strip()]
    found: dict[str, dict[int, dict]] = {}
    for name, case in CASES.items():
        if wanted and not any(name.startswith(word) for word in wanted):
            continue
        for size in case.sizes:
            part = measured(name, size, options.out, kept=options.kept)
            if part is not None:
                found.setdefault(name, {})[size] = part
                print(f"{name}, {case.axis} {size}: {part['seconds']:.3g} s, {part['mib']:.0f} MiB", flush=True)
    text = "\n".join([*rows_of(found), "", *further(found), "", f"*{machine(1)}.*"])
    print(text)
    if options.docs:
        write_docs("scale", "growth", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
