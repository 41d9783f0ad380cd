"""Alignment: two checkpoints of the size of GPT-2 small on disk; perceptrons and residual networks against the field.

    python benchmarks/align.py [--part files|pairs] [--quick] [--rounds N] [--pairs N] [--first-seed N]
                               [--json FILE] [--docs]

The first part writes two checkpoints, one of them the other moved by a random element of its whole symmetry, and
aligns them in a process of its own: seconds, CPU seconds, and how much more memory the process held at its height than
before, in checkpoints. The second trains pairs of networks from different seeds and brings them together by weights
with ours, `rebasin` and `sinkhorn-rebasin` (60 steps of its own example's optimiser), turn by turn; and with ours by
activations. Seeds begin at 10, for 0 to 2 were looked at while the code was written, and the number of samples chosen.
Batch norms take their statistics anew at every point of every side's line. With --docs the tables are written into
docs/align.md, between its markers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served, write_docs
from sides import align_files, align_pairs

PEERS = {
    "rebasin": Peer("rebasin", ["rebasin==0.0.47"]),
    "sinkhorn": Peer("sinkhorn-rebasin", ["sinkhorn-rebasin==0.0.2"]),
}
KINDS = ("perceptron", "resnet")
#: Pairs of each kind: over three perceptrons the lower barrier is chance.
COUNTS = {"perceptron": 15, "resnet": 7}
TITLES = {
    "ours": "ours, weights",
    "activations": "ours, activations of 100 samples",
    "rebasin": "rebasin 0.0.47",
    "sinkhorn": "sinkhorn-rebasin 0.0.2",
}
#: Our two ways, and the sides that they are.
WAYS = {"weights": "ours", "activations": "activations"}
COLUMNS = (
    "network", "brought together by", "barrier", "ours lower in, by weights", "by activations", "seconds",
    "its time over ours, by weights", "by activations", "goals",
)  # fmt: skip
#: The goals: seconds, checkpoints held, and the share of a peer's time.
MOST_SECONDS, MOST_HELD, MOST_TIME = 60, 1.25, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("files", "pairs"), help="by default both")
    parser.add_argument("--quick", action="store_true", help="small files, one pair, three turns")
    parser.add_argument("--rounds", type=int, default=0, help="turns; default 7, quick 3")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of each kind; default 15 perceptrons, 7 residual")
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS, help="of networks; others stay in --json")
    parser.add_argument(
        "--sides", nargs="*", default=(*PEERS, "activations"), help="beside ours; others stay in --json"
    )
    parser.add_argument("--folder", type=Path, help="where networks are kept, and found again")
    parser.add_argument("--first-seed", type=int, default=10, help="of the first pair; those below 10 were tuned on")
    parser.add_argument("--threads", type=int, default=2, help="for the files; pairs have one")
    parser.add_argument("--json", type=Path, help="what a run left out is read from here")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/align.md")
    options = parser.parse_args()
    found = {"files": {}, "pairs": []}
    if options.json is not None and options.json.is_file():
        found = json.loads(options.json.read_text())
    with tempfile.TemporaryDirectory() as folder:
        if options.part != "pairs":
            found["files"] = files(folder, options)
            print("\n".join(file_lines(found["files"])))
        if options.part != "files":
            if options.folder is not None:
                options.folder.mkdir(parents=True, exist_ok=True)
            for row in pairs(str(options.folder or folder), options):
                same = row["kind"], row["side"]
                found["pairs"] = [one for one in found["pairs"] if (one["kind"], one["side"]) != same] + [row]
                keep(found, options.json)
            print("\n".join(pair_lines(found["pairs"])))
    keep(found, options.json)
    if options.docs:
        write_docs("align", "align", "\n".join([*pair_lines(found["pairs"]), "", *file_lines(found["files"])]))


def keep(found: dict, path: Path | None) -> None:
    """Write what was found so far, so that a run that is stopped has measured something."""
    if path is not None:
        path.write_text(json.dumps(found, indent=1))


def files(folder: str, options: argparse.Namespace) -> dict:
    """Both steps in processes of their own."""
    sizes = align_files.QUICK if options.quick else align_files.SIZES
    about = machine(options.threads)
    for step in ("make", "run"):
        told = json.dumps({"step": step, "folder": folder, "sizes": sizes, "threads": options.threads})
        command = [sys.executable, "-W", "ignore", __file__, "--files", told]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return {**json.loads(answer.stdout), "about": about}


def step_of_files(told: str) -> None:
    """One of both steps; what it found goes to the standard output."""
    import torch

    told = json.loads(told)
    torch.set_num_threads(told["threads"])
    print(json.dumps(getattr(align_files, told["step"])(told["folder"], told["sizes"])))


def pairs(folder: str, options: argparse.Namespace) -> Iterator[dict]:
    """One row for each kind of network and side, as soon as it is there."""
    rounds = options.rounds or (3 if options.quick else 7)
    for kind in options.kinds:
        count = options.pairs or (1 if options.quick else COUNTS[kind])
        paths = [
            str(Path(folder) / f"{kind}-{seed}.pt") for seed in range(options.first_seed, options.first_seed + count)
        ]
        for seed, path in enumerate(paths, options.first_seed):
            if not Path(path).is_file():
                align_pairs.write(path, kind, seed)
        for side in options.sides:
            with Worker(__file__, "ours") as ours, Worker(__file__, side, PEERS.get(side)) as other:
                timed = [compare(ours, other, {"path": path, "kind": kind}, rounds=rounds) for path in paths]
            row = {"kind": kind, "side": side, "about": machine(1), "seeds": [options.first_seed, count]}
            row["ratio"] = statistics.median(ratio for one in timed for ratio in one.ratios)
            row["seconds"] = statistics.median(second for one in timed for second in one.peer)
            row["ours"] = statistics.median(second for one in timed for second in one.ours)
            row["values"] = [one.values for one in timed]
            yield row


def file_lines(found: dict) -> list[str]:
    """The table of the files."""
    if not found:
        return []
    held = found["held"] / found["checkpoint"]
    met = "met" if found["seconds"] <= MOST_SECONDS and held <= MOST_HELD else "MISSED"
    took = f"{found['seconds']:.1f} | {found['cpu']:.1f} | {held:.2f}"
    apart = f"{found['distance before']:.3f} | {found['distance']:.1e}"
    return [
        f"Two checkpoints of {found['checkpoint'] / 2**20:.0f} MiB on disk, one planted; {found['about']}:",
        "",
        "| seconds | CPU seconds | held at the height, in checkpoints | distance before | after | goal |",
        "|---|---|---|---|---|---|",
        f"| {took} | {apart} | {MOST_SECONDS} s, {MOST_HELD} checkpoints: {met} |",
    ]


def pair_lines(rows: list[dict]) -> list[str]:
    """The table of the pairs."""
    if not rows:
        return []
    first = f"from seed {rows[0]['seeds'][0]} on"
    lines = [
        f"Barriers are medians over pairs {first}, times CPU time on one thread; {rows[0]['about']}:",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for kind in KINDS:
        mine = {row["side"]: row for row in rows if row["kind"] == kind}
        if not mine:
            continue
        first = next(iter(mine.values()))
        ours = {"weights": [pair[0]["barrier"] for pair in first["values"]]}
        times = {"weights": 1.0}
        if "activations" in mine:
            ours["activations"] = [pair[1]["barrier"] for pair in mine["activations"]["values"]]
            times["activations"] = mine["activations"]["ratio"]
        plain = statistics.median(pair[0]["plain"] for pair in first["values"])
        lines.append(f"| {kind} | plain average | {plain:.3f} | | | | | | |")
        for way, values in ours.items():
            seconds = first["ours"] if way == "weights" else mine[way]["seconds"]
            lines.append(
                f"| {kind} | {TITLES[WAYS[way]]} | {statistics.median(values):.4f} | | | {seconds:.3f} | | | |"
            )
        lines += [peer_line(mine[side], ours, times) for side in PEERS if side in mine]
    return lines


def peer_line(row: dict, ours: dict[str, list[float]], times: dict[str, float]) -> str:
    """A peer's row: how often ours is lower, how much longer it takes, and which goals are met by each of our ways."""
    theirs = [pair[1]["barrier"] for pair in row["values"]]
    lower, longer, goals = [], [], []
    for way in WAYS:
        if way not in ours:
            lower.append("")
            longer.append("")
            continue
        lower.append(f"{sum(one < other for one, other in zip(ours[way], theirs, strict=True))} of {len(theirs)}")
        longer.append(f"{row['ratio'] / times[way]:.2f}")
        low = statistics.median(ours[way]) <= statistics.median(theirs)
        fast = row["ratio"] / times[way] >= 1 / MOST_TIME
        met = f"barrier {'met' if low else 'MISSED'}, time {'met' if fast else 'MISSED'}"
        goals.append(f"by {way}: {met}")
    cells = [row["kind"], TITLES[row["side"]], f"{statistics.median(theirs):.4f}", *lower]
    return "| " + " | ".join([*cells, f"{row['seconds']:.3f}", *longer, "; ".join(goals)]) + " |"


if "--files" in sys.argv:
    step_of_files(sys.argv[sys.argv.index("--files") + 1])
elif (name := served(sys.argv)) is not None:
    serve(align_pairs.SIDES[name])
elif __name__ == "__main__":
    main()
