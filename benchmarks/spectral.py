"""Principal axes and signs: ours in one pass against one plain pass, 2^d frames, SignNet and the packages of the field.

    python benchmarks/spectral.py [--quick] [--only NAME ...] [--part times|task] [--rounds N] [--json FILE] [--docs]

Clouds of 20 points in d dimensions. The network is a deep set of sign gates, 4 layers of width 64 ("sets"), or
messages between all pairs with 8 channels a column ("messages"). Ours is `PCAFrame` in mode sign around it; "plain" is
the network alone on the same cloud. No frame can come below a plain pass and the eigensolver, which is therefore timed
beside the plain pass. The averages over 2^d frames run the same network, so that their results are compared with
ours; SignNet, e3nn and escnn are other networks of like width. "Held" is what a forward pass keeps for the backward.

The second part trains networks on one task (8 particles that repel each other, from rest: where are they one unit of
time later?) for equally many steps, each at its better of two learning rates, and tells the test error beside the time
of a training step; the deep set, which ends in a norm, has no scale of its own and is left out. With --docs
the tables are written into docs/spectral.md, between its markers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served, write_docs
from sides.spectral import POINTS, SIDES
from sides.spectral_task import PARTICLES, RATES, STEPS, TASK_BATCH, write_task

PEERS = {
    "frame-averaging": Peer(
        "frame-averaging",
        ["frame-averaging-pytorch==0.1.2", "numpy", "scipy", "rich", "matplotlib", "jaxtyping", "safetensors"],
    ),
    "e3nn": Peer("e3nn", ["e3nn==0.6.0", "jaxtyping", "safetensors"]),
    "escnn": Peer("escnn", ["escnn==1.0.11", "matplotlib", "numpy<2", "scipy", "jaxtyping", "safetensors"]),
}
MODES = ("forward", "train")
#: (side, network, d, batch, mode)
CASES = [
    *(("plain", "sets", d, 256, mode) for d in (3, 5, 8) for mode in MODES),
    ("plain", "messages", 3, 256, "train"),
    *(("average", "sets", d, 32, "forward") for d in (3, 4, 5, 6, 7, 8)),
    *(("average", "sets", d, 32, "train") for d in (3, 5)),
    *(("average", "sets", d, 256, "forward") for d in (3, 4)),
    *(("frame-averaging", "sets", d, 32, mode) for d in (3, 5) for mode in MODES),
    *(("signnet", "sets", d, 256, mode) for d in (3, 8) for mode in MODES),
    *(("e3nn", "messages", 3, 32, mode) for mode in MODES),
    *(("escnn", "messages", 3, 32, mode) for mode in MODES),
]
#: (side, network) of the second part; ours, around messages, is what they are compared with.
TASK = [
    ("plain", "messages"),
    ("vectors", "messages"),
    ("e3nn", "messages"),
    ("escnn", "messages"),
    ("signnet", "sets"),
]
QUICK = [("plain", "sets", 3, 256, "forward"), ("average", "sets", 3, 32, "forward")]
#: The most that ours may take, in plain passes, at batch 256.
MOST_PASSES = 1.3
#: Sides whose result must be ours.
SAME = ("average", "frame-averaging")
OURS = ("ours", "messages")
TITLES = {
    "ours": "principal axes with signs",
    "plain": "the network alone, one pass",
    "vectors": "the same layers as O(d) vectors, no frame",
    "average": 'average over 2^d frames (`mode="average"`)',
    "frame-averaging": "frame-averaging-pytorch 0.1.2",
    "signnet": "SignNet (sign invariant)",
    "e3nn": "e3nn 0.6.0",
    "escnn": "escnn 1.0.11",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two cases, three turns")
    parser.add_argument("--only", nargs="+", choices=[name for name in SIDES if name != "solver"])
    parser.add_argument("--part", choices=("times", "task"), help="one of both parts; by default both")
    parser.add_argument("--rounds", type=int, default=0, help="turns; default 7, quick 3")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="what a run left out is read from here")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/spectral.md")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 7)
    about = f"Clouds of {POINTS} points, {rounds} turns; {machine(options.threads)}"
    print(about)
    kept = {"rows": [], "task": []}
    if options.json is not None and options.json.is_file():
        kept = json.loads(options.json.read_text())
    found = {"about": about, "rows": kept["rows"], "task": kept["task"]}
    cases = QUICK if options.quick else CASES
    if options.part != "task":
        sides = options.only or list(dict.fromkeys(case[0] for case in cases))
        found["rows"] = [row for row in kept["rows"] if row["side"] not in sides]
        for side in sides:
            time_side(side, [case for case in cases if case[0] == side], options, rounds, found)
    if options.part != "times" and not options.quick:
        todo = [case for case in TASK if not options.only or case[0] in options.only]
        found["task"] = [row for row in kept["task"] if (row["side"], row["kind"]) in {*TASK} - {*todo}]
        train_all(todo, options, rounds, found)
    found["task"].sort(key=lambda row: [OURS, *TASK].index((row["side"], row["kind"])))
    found["rows"].sort(key=lambda row: list(SIDES).index(row["side"]))
    grows(found["rows"])
    save(options, found)
    if options.docs:
        write_docs(
            "spectral", "spectral", "\n".join([*time_lines(found["rows"], about), "", *task_lines(found["task"])])
        )


def save(options: argparse.Namespace, found: dict) -> None:
    """After every case, so that a broken peer loses nothing."""
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def time_side(side: str, cases: list[tuple], options: argparse.Namespace, rounds: int, found: dict) -> None:
    """One side's rows; beside the plain pass, the eigensolver alone."""
    with (
        Worker(__file__, "ours", threads=options.threads) as ours,
        Worker(__file__, side, PEERS.get(side), threads=options.threads) as peer,
    ):
        for _, kind, d, batch, mode in cases:
            settings = {"kind": kind, "d": d, "batch": batch, "mode": mode}
            row = told(side, settings, compare(ours, peer, settings, rounds=rounds))
            if side == "plain":
                with Worker(__file__, "solver", threads=options.threads) as solver:
                    row["solver"] = 1 / compare(solver, peer, settings, rounds=rounds).ratio
                print(f"{'':16s} the eigensolver alone: {row['solver']:.2f} plain passes", flush=True)
            found["rows"].append(row)
            save(options, found)


def train_all(cases: list[tuple], options: argparse.Namespace, rounds: int, found: dict) -> None:
    """Every network on the same task: the test error of each, and the time of a training step beside ours."""
    write_task()
    timing = {"d": 3, "batch": TASK_BATCH, "mode": "train", "points": PARTICLES}
    with Worker(__file__, "ours", threads=options.threads) as ours:
        first = {"kind": OURS[1], **timing}
        learnt = ours.prepare({**first, "mode": "learn"})["value"]
        parameters = ours.prepare(first)["value"]["parameters"]
        row = {"side": OURS[0], "kind": OURS[1], "ratio": 1.0, "held": 1.0, "parameters": parameters, **learnt}
        found["task"].insert(0, row)
        for side, kind in cases:
            with Worker(__file__, side, PEERS.get(side), threads=options.threads) as peer:
                learnt = peer.prepare({"kind": kind, **timing, "mode": "learn"})["value"]
                result = compare(_Fixed(ours, first), peer, {"kind": kind, **timing}, rounds=rounds)
                mine, value = result.values
                row = {
                    "side": side, "kind": kind, "ratio": result.ratio, "held": value["held"] / mine["held"],
                    "parameters": value["parameters"], **learnt,
                }  # fmt: skip
            print(
                f"{side:16s} {kind:8s}: error {row['error']:.4f}, turned {row['apart']:.0e}, x{row['ratio']:.2f}",
                flush=True,
            )
            found["task"].append(row)
            save(options, found)


class _Fixed:
    """Our worker, which prepares its own case whatever the other side is asked for."""

    def __init__(self, worker: Worker, settings: dict) -> None:
        self.worker, self.settings, self.seconds = worker, settings, worker.seconds

    def prepare(self, _: dict) -> dict:
        return self.worker.prepare(self.settings)


def told(side: str, settings: dict, result: object) -> dict:
    """Print a row with its goal."""
    ours, theirs = result.values
    row = {
        "side": side, **settings, "ratio": result.ratio, "ratios": result.ratios,
        "ours": result.ours, "theirs": result.peer, "versions": result.versions,
        "held": theirs["held"] / max(1, ours["held"]), "held_ours": ours["held"],
        "parameters": (ours["parameters"], theirs["parameters"]), "difference": None, "verdict": "",
    }  # fmt: skip
    if side == "plain" and settings["batch"] == 256:
        row["verdict"] = "met" if 1 / result.ratio <= MOST_PASSES else "MISSED"
    if side in SAME:
        row["difference"] = max(
            abs(p - q) / (1e-3 + abs(q)) for p, q in zip(ours["result"], theirs["result"], strict=True)
        )
        if row["difference"] > 1e-3:
            row["verdict"] = f"OTHER RESULT (off by {row['difference']:.0e})"
    place = f"{settings['kind']:8s} d={settings['d']} batch {settings['batch']:3d} {settings['mode']:7s}"
    print(f"{side:16s} {place}: {result}   held x{row['held']:.1f}   {row['verdict']}", flush=True)
    return row


def grows(rows: list[dict]) -> None:
    """Whether averages cost more than twice as much, relative to ours, with every two dimensions."""
    found = {r["d"]: r["ratio"] for r in rows if (r["side"], r["batch"], r["mode"]) == ("average", 32, "forward")}
    for d in sorted(found):
        if d + 2 in found:
            factor = found[d + 2] / found[d]
            print(f"average / ours, d = {d} to {d + 2}: x{factor:.1f}   {'met' if factor > 2 else 'MISSED'}")


def time_lines(rows: list[dict], about: str) -> list[str]:
    """The first table."""
    words = (
        f"{about}. Time and memory of the other side, ours being 1. Bold: one plain pass below {1 / MOST_PASSES:.2f}. "
        "Solver: the eigensolver alone, the plain pass being 1; no frame can come below both together."
    )
    lines = [
        words,
        "",
        "| other side | network | d | batch | | time | least to most | solver | held for the backward pass |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        time = f"{r['ratio']:.2f}"
        cells = (
            TITLES[r["side"]], r["kind"], r["d"], r["batch"], "training step" if r["mode"] == "train" else "forward",
            f"**{time}**" if r["verdict"] == "MISSED" else time,
            f"{min(r['ratios']):.2f} to {max(r['ratios']):.2f}",
            f"{r['solver']:.2f}" if "solver" in r else "", f"{r['held']:.2f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def task_lines(rows: list[dict]) -> list[str]:
    """The second table."""
    words = (
        f"The same task for all: {PARTICLES} particles that repel each other, from rest; {STEPS} steps of {TASK_BATCH} "
        f"clouds, the better of {len(RATES)} learning rates. Error: mean square on test data, that of standing still "
        "being 1. Turned: relative error under a turn. Time of a training step and memory: the first row being 1. An "
        "average over frames of the first row's layers computes what the first row does, see above."
    )
    lines = [
        words,
        "",
        "| network | | parameters | error | turned | time | held for the backward pass |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        cells = (
            TITLES[r["side"]], r["kind"], r["parameters"], f"{r['error']:.3f}", f"{r['apart']:.0e}",
            f"{r['ratio']:.2f}", f"{r['held']:.2f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(SIDES[side], ["torch", side] if side in PEERS else ["torch"])
    else:
        main()
