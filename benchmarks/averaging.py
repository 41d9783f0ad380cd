"""Averaging over D4: ours against a plain loop, ttach and deepinv, and against the limit of |G| forwards.

    python benchmarks/averaging.py [--quick] [--threads N] [--json FILE] [--only NAME ...] [--docs]

The fields are four scalars in and out, which is what the image packages can turn correctly: vectors they do not know,
and deepinv mixes up samples when a model returns another number of channels than it got. Every side computes the same
average of the same model (same seed) on the same input, and the results are compared before the timings.

The limit is the model alone on eight copies of the input, in the fastest of all micro-batches and memory layouts:
nothing is moved, nothing is added up. No average that runs the model on eight inputs can be faster. With --docs the
table is written into docs/average.md, between its markers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served

FIELDS = 4
PEERS = {
    "ttach": Peer("ttach", ["ttach==0.0.3", "jaxtyping", "numpy", "safetensors"]),
    "deepinv": Peer("deepinv", ["deepinv==0.5.0", "jaxtyping", "safetensors"]),
}
#: (model, points along an axis, batch): at batch 1 the goals against every side apply.
SIZES = [
    *(("conv", n, b) for n, b in ((32, 1), (64, 1), (64, 8))),
    *(("unet", n, b) for n, b in ((32, 1), (64, 1), (64, 4), (64, 8))),
    *(("fno", n, b) for n, b in ((32, 1), (64, 1), (64, 8))),
]
QUICK = [("unet", 32, 1), ("unet", 64, 1), ("fno", 32, 1)]
#: What peer / ours should at least be at batch 1, and at any other batch against the loop.
GOALS = {
    ("loop", "conv"): 1.5,
    ("loop", "unet"): 1.5,
    ("loop", "fno"): 2.0,
    **{(peer, model): 2.0 for peer in PEERS for model in ("conv", "unet")},
}
NEVER_SLOWER = 0.97


def built(model: str, points: int, batch: int) -> tuple:
    """The model and the input of a case, the same on every side."""
    import torch
    from torch import nn

    from haar.systems.group_averaging.surrogates import FNO, UNet

    torch.manual_seed(0)
    if model == "unet":
        net = UNet(FIELDS, FIELDS, width=12, levels=3)
    elif model == "fno":
        net = FNO(FIELDS, FIELDS, width=20, modes=(12, 12))
    else:
        layers = [nn.Conv2d(FIELDS, 32, 3, padding=1), nn.GELU(), nn.Conv2d(32, 32, 3, padding=1), nn.GELU()]
        net = nn.Sequential(*layers, nn.Conv2d(32, FIELDS, 3, padding=1))
    x = torch.randn(batch, FIELDS, points, points, generator=torch.Generator().manual_seed(1))
    return net.eval(), x


def timed(function: object, x: object) -> tuple:
    """The call to time, and some numbers of what it gives."""
    import torch

    def call() -> object:
        with torch.inference_mode():
            return function(x)

    y = call()
    return call, [*y.flatten()[:3].tolist(), float(y.double().norm())]


def ours_case(**settings: object) -> tuple:
    from haar.actions import Symmetry
    from haar.average import average
    from haar.groups import dihedral

    net, x = built(**settings)
    return timed(average(net, Symmetry.of_fields(dihedral(4), "a, b, c, d")), x)


def loop_case(**settings: object) -> tuple:
    import torch

    net, x = built(**settings)

    def loop(x: torch.Tensor) -> torch.Tensor:
        total = 0
        for flip in (False, True):
            for k in range(4):
                y = torch.rot90(x.flip(-1) if flip else x, k, (2, 3))
                y = torch.rot90(net(y), -k, (2, 3))
                total = total + (y.flip(-1) if flip else y)
        return total / 8

    return timed(loop, x)


def forward_case(**settings: object) -> tuple:
    net, x = built(**settings)
    return timed(net, x)


def limit_case(**settings: object) -> tuple:
    """Eight forwards and nothing else, as fast as the model goes."""
    import time

    import torch

    net, x = built(**settings)
    copies = torch.cat([x] * 8)

    def runner(size: int, layout: torch.memory_format) -> object:
        parts = [part.contiguous(memory_format=layout) for part in copies.split(size * len(x))]
        return lambda _: [net(part) for part in parts][-1]

    def seconds(run: object) -> float:
        with torch.inference_mode():
            run(x)
            times = []
            for _ in range(5):
                start = time.process_time()
                run(x)
                times.append(time.process_time() - start)
        return min(times)

    layouts = (torch.contiguous_format, torch.channels_last)
    return timed(min((runner(size, layout) for size in (1, 2, 4, 8) for layout in layouts), key=seconds), x)


def ttach_case(**settings: object) -> tuple:
    import ttach

    net, x = built(**settings)
    return timed(ttach.SegmentationTTAWrapper(net, ttach.aliases.d4_transform(), merge_mode="mean"), x)


def deepinv_case(**settings: object) -> tuple:
    import torch

    # The registry's torchvision is a CUDA build: its operators are declared by hand and its fake ones left out.
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    register = torch.library.register_fake
    torch.library.register_fake = lambda name, *rest, **options: (
        (lambda function: function) if str(name).startswith("torchvision::") else register(name, *rest, **options)
    )
    from deepinv.transform import Reflect, Rotate

    net, x = built(**settings)
    transform = Rotate(multiples=90, positive=True, n_trans=4) * Reflect(dim=[-1], n_trans=2)
    return timed(transform.symmetrize(net, average=True), x)


CASES = {
    "ours": ours_case,
    "loop": loop_case,
    "limit": limit_case,
    "forward": forward_case,
    "ttach": ttach_case,
    "deepinv": deepinv_case,
}
SAYS_NOTHING = ("forward", "limit")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "average.md"
MARKS = ("<!-- benchmarks/averaging.py -->", "<!-- /benchmarks/averaging.py -->")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three sizes, three turns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=0, help="turns; default 9, quick 3")
    parser.add_argument("--only", nargs="+", choices=[name for name in CASES if name != "ours"])
    parser.add_argument("--docs", action="store_true", help="write the table into docs/average.md")
    parser.add_argument("--json", type=Path, help="rows as JSON; those of other sides that the file holds are kept")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 9)
    about = f"D4 (8 elements), {FIELDS} scalar fields, {rounds} turns; {machine(options.threads)}"
    print(about)
    rows = []
    names = options.only or ["loop", "limit", "forward", "ttach", "deepinv"]
    for name in names:
        with (
            Worker(__file__, "ours", threads=options.threads) as ours,
            Worker(__file__, name, PEERS.get(name), threads=options.threads) as peer,
        ):
            for model, points, batch in QUICK if options.quick else SIZES:
                result = compare(ours, peer, {"model": model, "points": points, "batch": batch}, rounds=rounds)
                rows.append(told(name, model, points, batch, result))
    if options.json:
        if options.json.is_file():
            held = json.loads(options.json.read_text(encoding="utf-8"))
            rows = [row for row in held if row["peer"] not in names] + rows
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if options.docs:
        write_docs(rows, about)


def write_docs(rows: list[dict], about: str) -> None:
    """The rows as one table, a line for each case, between the markers of the page."""
    found = {(r["peer"], r["model"], r["points"], r["batch"]): r for r in rows}
    peers = [name for name in CASES if any(r["peer"] == name for r in rows)]
    cases = list(dict.fromkeys((r["model"], r["points"], r["batch"]) for r in rows))
    head = {"loop": "loop / ours", "limit": "limit / ours", "forward": "ours, in forwards"}
    titles = [head.get(p, f"{p} / ours") for p in peers]
    lines = [
        f"{about}. Goals are in bold where they are missed.",
        "",
        "| model | grid | batch | " + " | ".join([*titles, "loop / limit"]) + " |",
        "|---|---|---|" + "---|" * (len(peers) + 1),
    ]
    for model, points, batch in cases:
        rows_here = {peer: found.get((peer, model, points, batch)) for peer in peers}
        loop, limit = rows_here.get("loop"), rows_here.get("limit")
        most = f"{loop['ratio'] / limit['ratio']:.2f}" if loop and limit else ""
        lines.append(f"| {model} | {points}² | {batch} | " + " | ".join([*map(_cell, rows_here.values()), most]) + " |")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        raise SystemExit(f"{PAGE} has no markers")
    PAGE.write_text(f"{before}{MARKS[0]}\n" + "\n".join(lines) + f"\n{MARKS[1]}{after}", encoding="utf-8")


def _cell(row: dict | None) -> str:
    if row is None:
        return ""
    if row["peer"] == "forward":
        return f"{1 / row['ratio']:.1f}"
    if row["goal"] is None:
        return f"{row['ratio']:.2f}"
    told = f"{row['ratio']:.2f} (goal {row['goal']:.2f})"
    return told if row["ratio"] >= row["goal"] else f"**{told}**"


def told(name: str, model: str, points: int, batch: int, result: object) -> dict:
    """Print a row with its goal."""
    a, b = result.values
    error = max(abs(p - q) / (1 + abs(q)) for p, q in zip(a, b, strict=True)) if name not in SAYS_NOTHING else None
    goal = GOALS.get((name, model)) if batch == 1 else NEVER_SLOWER if name == "loop" else None
    verdict = "" if goal is None else f"   goal {goal:.2f} {'met' if result.ratio >= goal else 'MISSED'}"
    if name == "forward":
        verdict = f"   ours = {1 / result.ratio:.2f} forwards"
    elif name == "limit":
        verdict = f"   ours = {1 / result.ratio:.2f} of the limit's time"
    elif error > 1e-5:
        verdict = f"   OTHER RESULT (off by {error:.1e})"
    print(f"{name:8s} {model:5s} {points:3d}^2 batch {batch}: {result}{verdict}", flush=True)
    return {
        "peer": name, "versions": result.versions, "model": model, "points": points, "batch": batch,
        "ratio": result.ratio, "ratios": result.ratios, "ours": result.ours, "theirs": result.peer, "goal": goal,
        "difference": error,
    }  # fmt: skip


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(CASES[side], ["torch", side] if side in PEERS else ["torch"])
    else:
        main()
