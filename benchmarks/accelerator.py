"""On an accelerator: exactness on it, and the main cases raced against dense layers, e3nn and a plain loop.

    python benchmarks/accelerator.py [--minutes 8] [--json FILE]

Needs one machine with CUDA and at most eight minutes; where there is none it says so and ends with code 2. First every
case is computed on the CPU in float64 and on the device in float64, float32 and bfloat16 (autocast) and the largest
relative difference is told, with the equivariance error in float64. Then each case runs in turns with its rival, timed
by the device's own events; the table has the median ratio, below 1 where ours is faster. `hidden waits` counts reads of
device numbers by the host within one call, by torch's own warning of synchronisations. What no time is left for is
listed as not run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path


def average_case(device, dtype):
    """Averaging over D4 in one call, against a plain loop over the elements."""
    import torch

    import haar
    from haar.groups import dihedral

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.GELU(), torch.nn.Conv2d(32, 1, 3, padding=1)]
    model = torch.nn.Sequential(*layers).eval().to(device, dtype)
    symmetry = haar.Symmetry.of_fields(dihedral(4), "p")
    averaged = haar.average(model, symmetry)
    x = torch.randn(8, 1, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(device, dtype)

    def loop():
        found = 0
        for k in range(4):
            for flip in (False, True):
                moved = x.rot90(k, (2, 3))
                y = model(moved.flip(3) if flip else moved)
                found = found + (y.flip(3) if flip else y).rot90(-k, (2, 3))
        return found / 8

    return lambda: averaged(x), loop


def convolution_case(device, dtype):
    """An equivariant convolution of C4 against a dense one of as many channels."""
    import torch

    from haar.actions import Regular
    from haar.groups import cyclic
    from haar.nn import Conv

    torch.manual_seed(0)
    rep = 8 * Regular(cyclic(4))
    ours = Conv(rep, rep, 3, padding=1).eval().to(device, dtype)
    dense = torch.nn.Conv2d(32, 32, 3, padding=1).eval().to(device, dtype)
    x = torch.randn(8, 32, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(device, dtype)
    return lambda: ours(x), lambda: dense(x)


def linear_case(device, dtype):
    """An equivariant linear layer of S3's regular representation against a dense one."""
    import torch

    from haar.actions import Regular
    from haar.groups import symmetric
    from haar.nn import Linear

    torch.manual_seed(0)
    rep = 128 * Regular(symmetric(3))
    ours = Linear(rep, rep).eval().to(device, dtype)
    dense = torch.nn.Linear(768, 768).eval().to(device, dtype)
    x = torch.randn(1024, 768, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(device, dtype)
    return lambda: ours(x), lambda: dense(x)


def rotations_case(device, dtype):
    """A linear layer of SO(3) against e3nn's, where that is installed."""
    import torch
    from e3nn import o3

    from haar.groups import SO
    from haar.intertwiners import irreducible
    from haar.nn import Linear

    torch.manual_seed(0)
    group = SO(3)
    rep = 64 * irreducible(group, 0) + 64 * irreducible(group, 1)
    ours = Linear(rep, rep).eval().to(device, dtype)
    theirs = o3.Linear("64x0e + 64x1e", "64x0e + 64x1e").eval().to(device, dtype)
    x = torch.randn(1024, 256, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(device, dtype)
    return lambda: ours(x), lambda: theirs(x)


CASES = {
    "average over D4 / plain loop": average_case,
    "Conv of C4 / dense": convolution_case,
    "Linear of S3 / dense": linear_case,
    "Linear of SO(3) / e3nn": rotations_case,
}


def difference(one, other) -> float:
    """Largest difference relative to the largest number."""
    one, other = one.double().cpu(), other.double().cpu()
    return float((one - other).abs().max() / other.abs().max())


def seconds(call: Callable[[], object], least: float = 0.2) -> float:
    """Seconds of one call, by the device's events."""
    import torch

    call()
    torch.cuda.synchronize()
    count, spent = 1, 0.0
    while spent < least:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(count):
            call()
        end.record()
        torch.cuda.synchronize()
        spent = begin.elapsed_time(end) / 1e3
        if spent < least:
            count = max(2 * count, int(count * least / max(spent, 1e-6)))
    return spent / count


def waits(call: Callable[[], object]) -> int:
    """How often the host waits for the device within a call."""
    import torch

    call()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(one.message) for one in caught)


def measured(make: Callable) -> dict:
    """Exactness and speed of one case."""
    import torch

    with torch.no_grad():
        reference = make("cpu", torch.float64)[0]()
        found = {}
        for dtype in (torch.float64, torch.float32):
            found[str(dtype).removeprefix("torch.")] = difference(make("cuda", dtype)[0](), reference)
        ours, rival = make("cuda", torch.float32)
        with torch.autocast("cuda", torch.bfloat16):
            found["bfloat16"] = difference(ours(), reference)
        ratios = [seconds(ours) / seconds(rival) for _ in range(7)]
        found |= {"ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios), "waits": waits(ours)}
    return found


def main() -> int:
    """Run what time is left for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("accelerator.py: torch sees no CUDA device here, so that nothing was run", file=sys.stderr)
        return 2
    begun, rows = time.monotonic(), {}
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    print("| case | float64 | float32 | bfloat16 | ratio | hidden waits |\n|---|---|---|---|---|---|")
    for name, make in CASES.items():
        if time.monotonic() - begun > 60 * options.minutes - 60:
            print(f"| {name} | not run: no time was left | | | | |")
            continue
        try:
            row = rows[name] = measured(make)
        except ImportError as error:
            print(f"| {name} | not run: {error} | | | | |")
            continue
        spread = f"{row['ratio']:.2f} ({row['low']:.2f} … {row['high']:.2f})"
        exact = " | ".join(f"{row[kind]:.1e}" for kind in ("float64", "float32", "bfloat16"))
        print(f"| {name} | {exact} | {spread} | {row['waits']} |", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps({"device": torch.cuda.get_device_name(), "rows": rows}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
