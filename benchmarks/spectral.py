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
import math
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served, write_docs

POINTS = 20
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
PARTICLES, STEPS, TASK_BATCH, RATES = 8, 400, 32, (2e-3, 6e-3)
QUICK = [("plain", "sets", 3, 256, "forward"), ("average", "sets", 3, 32, "forward")]
#: The most that ours may take, in plain passes, at batch 256.
MOST_PASSES = 1.3
#: Sides whose result must be ours.
SAME = ("average", "frame-averaging")
OURS = ("ours", "messages")
DATA = Path(tempfile.gettempdir()) / "haar-benchmark-spectral.pt"


def network(kind: str, d: int) -> object:
    """The sign-equivariant network of a case, the same on every side."""
    import torch

    from haar.nn.spectral import SignDeepSets, SignMessagePassing

    generator = torch.Generator().manual_seed(0)
    if kind == "sets":
        return SignDeepSets(d, layers=4, hidden=64, norm="rms", generator=generator)
    return SignMessagePassing(d, channels=8, hidden=64, layers=3, generator=generator)


def write_task() -> None:
    """The task's positions and displacements, for environments that cannot read haar's data modules."""
    import torch

    from haar.data.particles import initial_state, simulate

    x, v, _ = initial_state(1200, particles=PARTICLES, seed=7)
    run = simulate(x, 0 * v, torch.ones(x.shape[:2]), frames=10, start=True)
    x, y = (run.positions[:, frame].float() for frame in (0, 10))
    torch.save((x, y - x), DATA)


def learned(make: object) -> dict:
    """Train with either learning rate; the test error of the better one, that of standing still being 1."""
    import torch

    x, moved = torch.load(DATA)
    scale = moved[:800].square().mean()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2))).Q
    found = []
    for rate in RATES:
        torch.manual_seed(0)
        model, generator = make(), torch.Generator().manual_seed(3)
        optimiser = torch.optim.Adam(model.parameters(), lr=rate)
        for step in range(STEPS):
            optimiser.param_groups[0]["lr"] = 0.5 * rate * (1 + math.cos(math.pi * step / STEPS))
            rows = torch.randint(800, (TASK_BATCH,), generator=generator)
            optimiser.zero_grad(set_to_none=True)
            (model(x[rows]) - moved[rows]).square().mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        model.eval()
        with torch.no_grad():
            said = torch.cat([model(part) for part in x[800:].split(100)])
            turned = torch.cat([model(part @ turn) for part in x[800:].split(100)])
        errors = (said - moved[800:]).square().mean((1, 2)) / scale
        apart = (turned - said @ turn).norm(dim=(1, 2)) / said.norm(dim=(1, 2)).mean()
        found.append((float(errors[:100].mean()), float(errors[100:].mean()), float(apart.median()), rate))
    _, error, apart, rate = min(found)
    return {"error": error, "apart": apart, "rate": rate}


def timed(make: object, d: int, batch: int, mode: str, *, points: int = POINTS, centroid: bool = True) -> tuple:
    """The call to time, and what its result and its memory are."""
    import torch

    if mode == "learn":
        return object, learned(make)
    model = make()
    # The C library returns freed memory to the system until it has seen one large block: pages would be timed.
    block = torch.ones(30 * 2**20, dtype=torch.uint8)
    del block
    x = torch.randn(batch, points, d, generator=torch.Generator().manual_seed(1))
    parameters = [p for p in model.parameters() if p.requires_grad]

    def call() -> object:
        if mode == "forward":
            with torch.inference_mode():
                return model(x)
        for parameter in parameters:
            parameter.grad = None
        y = model(x)
        y.square().mean().backward()
        return y

    held = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        kept = model(x)  # alive, so that no storage is counted under another's address
    y = kept.detach()
    found = [float(y.double().norm()), float(y.flatten()[0])] if centroid else []
    return call, {"result": found, "held": sum(held.values()), "parameters": sum(p.numel() for p in parameters)}


def ours_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    from haar.nn.frames import PCAFrame

    return timed(lambda: PCAFrame(network(kind, d)), d, batch, mode, points=points)


def plain_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    return timed(lambda: network(kind, d), d, batch, mode, points=points)


def vectors_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    """The same layers with all columns in one eigenspace: O(d) vectors, no frame."""
    import torch

    class Vectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(kind, d)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x - x.mean(1, keepdim=True), spaces=torch.zeros(d, dtype=torch.int64))

    return timed(Vectors, d, batch, mode, points=points)


def solver_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    """The eigensolver alone, in float64."""
    import torch

    del kind, mode
    half = torch.randn(batch, d, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    matrix = half @ half.mT

    def call() -> object:
        with torch.inference_mode():
            return torch.linalg.eigh(matrix)

    return call, {}


def average_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    from haar.nn.frames import PCAFrame

    return timed(lambda: PCAFrame(network(kind, d), mode="average"), d, batch, mode)


def frame_averaging_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    import torch
    from frame_averaging_pytorch import FrameAverage

    class Reversed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(kind, d)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x.flip(-1)).flip(-1)

    # Its axes come in rising order, ours in falling: the results are compared in ours, the times are its own.
    call, value = timed(lambda: FrameAverage(network(kind, d), dim=d), d, batch, mode, points=points)
    if mode == "learn":
        return call, value
    here = timed(lambda: FrameAverage(Reversed(), dim=d), d, batch, mode, points=points)[1]
    return call, {**value, "result": here["result"]}


def signnet_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    import torch

    from haar.nn.spectral import SignNet

    def make() -> torch.nn.Module:
        return SignNet(d, d, hidden=64, on="set", generator=torch.Generator().manual_seed(0))

    del kind
    return timed(make, d, batch, mode, points=points, centroid=False)


def e3nn_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    """Three rounds of messages: tensor products with harmonics of the pair, weights by a network of the distance."""
    import torch
    from e3nn import o3
    from e3nn.math import soft_one_hot_linspace
    from e3nn.nn import FullyConnectedNet

    del kind
    hidden, harmonics = o3.Irreps("8x0e + 8x1o"), o3.Irreps("0e + 1o")

    class Messages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [o3.Irreps("1x1o"), hidden, hidden, o3.Irreps("1x1o")]
            self.products = torch.nn.ModuleList(
                o3.FullyConnectedTensorProduct(a, harmonics, b, shared_weights=False) for a, b in pairwise(sizes)
            )
            self.weights = torch.nn.ModuleList(
                FullyConnectedNet([8, 64, p.weight_numel], torch.nn.functional.silu) for p in self.products
            )
            self.own = torch.nn.ModuleList(o3.Linear(a, b) for a, b in pairwise(sizes))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x - x.mean(1, keepdim=True)
            between = x.unsqueeze(1) - x.unsqueeze(2)
            length = between.square().sum(-1).clamp(min=1e-12).sqrt()
            radial = soft_one_hot_linspace(length, 0.0, 6.0, 8, basis="gaussian", cutoff=False) * 8**0.5
            seen = o3.spherical_harmonics(harmonics, between, normalize=True, normalization="component")
            z = x
            for product, weight, own in zip(self.products, self.weights, self.own, strict=True):
                senders = z.unsqueeze(1).expand(-1, x.shape[1], -1, -1)
                z = own(z) + product(senders, seen, weight(radial)).mean(2)
            return z

    return timed(Messages, d, batch, mode, points=points, centroid=False)


def escnn_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    """Three rounds of messages: linear maps and gates of both points' features, the pair's vector and its distance."""
    import escnn
    import torch

    del kind
    space = escnn.gspaces.no_base_space(escnn.group.o3_group(1))
    scalar, vector = space.trivial_repr, space.fibergroup.standard_representation()

    def fields(scalars: int, vectors: int) -> object:
        return escnn.nn.FieldType(space, scalars * [scalar] + vectors * [vector])

    class Round(torch.nn.Module):
        """Gates precede what they gate; scalars are gated too."""

        def __init__(self, scalars: int, vectors: int, out: tuple[int, int]) -> None:
            super().__init__()
            gated = escnn.nn.FieldType(space, 16 * [scalar] + 8 * [scalar] + 8 * [vector])
            self.enter = escnn.nn.Linear(fields(2 * scalars + 8, 2 * vectors + 1), gated)
            self.gate = escnn.nn.GatedNonLinearity1(gated)
            self.leave = escnn.nn.Linear(self.gate.out_type, fields(*out))
            self.distance = torch.nn.Sequential(torch.nn.Linear(1, 64), torch.nn.SiLU(), torch.nn.Linear(64, 8))
            self.counts = (scalars, vectors)

        def forward(self, s: torch.Tensor, z: torch.Tensor, between: torch.Tensor) -> torch.Tensor:
            n = z.shape[1]
            square = between.square().sum(-1, keepdim=True)
            both = [torch.cat([t.unsqueeze(2).expand(-1, -1, n, -1), t.unsqueeze(1).expand(-1, n, -1, -1)], -1)
                    for t in (s, z)]  # fmt: skip
            unit = between / (square + 1e-6).sqrt()
            rows = torch.cat([both[0], self.distance(square), both[1], unit], -1)
            said = self.leave(self.gate(self.enter(self.enter.in_type(rows.flatten(0, 2)))))
            return said.tensor.unflatten(0, rows.shape[:3]).mean(2)

    class Messages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rounds = torch.nn.ModuleList([Round(0, 1, (8, 8)), Round(8, 8, (8, 8)), Round(8, 8, (0, 1))])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x - x.mean(1, keepdim=True)
            between = x.unsqueeze(1) - x.unsqueeze(2)
            s, z = x[..., :0], x
            for number, layer in enumerate(self.rounds):
                y = layer(s, z, between)
                if number == 1:
                    y = torch.cat([s, z], -1) + y
                s, z = (y, y) if number == 2 else (y[..., :8], y[..., 8:])
            return z

    return timed(Messages, d, batch, mode, points=points, centroid=False)


SIDES = {
    "ours": ours_case,
    "plain": plain_case,
    "vectors": vectors_case,
    "solver": solver_case,
    "average": average_case,
    "frame-averaging": frame_averaging_case,
    "signnet": signnet_case,
    "e3nn": e3nn_case,
    "escnn": escnn_case,
}
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
