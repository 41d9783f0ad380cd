"""Principal axes and signs: ours in one pass against one plain pass, 2^d frames, SignNet and the packages of the field.

    python benchmarks/spectral.py [--quick] [--only NAME ...] [--rounds N] [--json FILE] [--docs]

Clouds of 20 points in d dimensions. The network is a deep set of sign gates, 4 layers of width 64 ("sets"), or
messages between all pairs with 8 channels a column ("messages"). Ours is `PCAFrame` in mode sign around it; "plain" is
the network alone on the same cloud, "limit" that and the eigensolver. The averages over 2^d frames run the
same network, so that their results are compared with ours; SignNet and e3nn are other networks of like width. "Held" is
what a forward pass keeps for the backward one. With --docs the table is written into docs/spectral.md, between its
markers.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served

POINTS = 20
PEERS = {
    "frame-averaging": Peer(
        "frame-averaging",
        ["frame-averaging-pytorch==0.1.2", "numpy", "scipy", "rich", "matplotlib", "jaxtyping", "safetensors"],
    ),
    "e3nn": Peer("e3nn", ["e3nn==0.6.0", "jaxtyping", "safetensors"]),
}
MODES = ("forward", "train")
#: (side, network, d, batch, mode)
CASES = [
    *(("plain", "sets", d, 256, mode) for d in (3, 5, 8) for mode in MODES),
    ("plain", "messages", 3, 256, "train"),
    *(("limit", "sets", d, 256, "forward") for d in (3, 5, 8)),
    *(("average", "sets", d, 32, "forward") for d in (3, 4, 5, 6, 7, 8)),
    *(("average", "sets", d, 32, "train") for d in (3, 5)),
    *(("average", "sets", d, 256, "forward") for d in (3, 4)),
    *(("frame-averaging", "sets", d, 32, mode) for d in (3, 5) for mode in MODES),
    *(("signnet", "sets", d, 256, mode) for d in (3, 8) for mode in MODES),
    *(("e3nn", "messages", 3, 32, mode) for mode in MODES),
]
QUICK = [("plain", "sets", 3, 256, "forward"), ("average", "sets", 3, 32, "forward")]
#: The most that ours may take, in plain passes, at batch 256.
MOST_PASSES = 1.3
#: Sides whose result must be ours.
SAME = ("average", "frame-averaging")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "spectral.md"
MARKS = ("<!-- benchmarks/spectral.py -->", "<!-- /benchmarks/spectral.py -->")


def network(kind: str, d: int) -> object:
    """The sign-equivariant network of a case, the same on every side."""
    import torch

    from haar.nn.spectral import SignDeepSets, SignMessagePassing

    generator = torch.Generator().manual_seed(0)
    if kind == "sets":
        return SignDeepSets(d, layers=4, hidden=64, norm="rms", generator=generator)
    return SignMessagePassing(d, channels=8, hidden=64, layers=3, generator=generator)


def timed(model: object, d: int, batch: int, mode: str, *, centroid: bool = True) -> tuple:
    """The call to time, and what its result and its memory are."""
    import torch

    # The C library returns freed memory to the system until it has seen one large block: pages would be timed.
    block = torch.ones(30 * 2**20, dtype=torch.uint8)
    del block
    x = torch.randn(batch, POINTS, d, generator=torch.Generator().manual_seed(1))
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


def ours_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    from haar.nn.frames import PCAFrame

    return timed(PCAFrame(network(kind, d)), d, batch, mode)


def plain_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    return timed(network(kind, d), d, batch, mode)


def limit_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    """One pass and the eigensolver, in float64: the least that anything in a frame can take."""
    import torch

    class Limit(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(kind, d)
            half = torch.randn(batch, d, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
            self.matrix = half @ half.mT

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.linalg.eigh(self.matrix)
            return self.net(x)

    return timed(Limit(), d, batch, mode)


def average_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    from haar.nn.frames import PCAFrame

    return timed(PCAFrame(network(kind, d), mode="average"), d, batch, mode)


def frame_averaging_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    import torch
    from frame_averaging_pytorch import FrameAverage

    class Reversed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(kind, d)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x.flip(-1)).flip(-1)

    # Its axes come in rising order, ours in falling: the results are compared in ours, the times are its own.
    call, value = timed(FrameAverage(network(kind, d), dim=d), d, batch, mode)
    return call, {**value, "result": timed(FrameAverage(Reversed(), dim=d), d, batch, mode)[1]["result"]}


def signnet_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    import torch

    from haar.nn.spectral import SignNet

    del kind
    net = SignNet(d, d, hidden=64, on="set", generator=torch.Generator().manual_seed(0))
    return timed(net, d, batch, mode, centroid=False)


def e3nn_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    """Three rounds of messages: tensor products with harmonics of the pair, weights by a network of the distance."""
    import torch
    from e3nn import o3
    from e3nn.nn import FullyConnectedNet

    del kind
    torch.manual_seed(0)
    hidden, harmonics = o3.Irreps("8x0e + 8x1o"), o3.Irreps("0e + 1o")

    class Messages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [o3.Irreps("1x1o"), hidden, hidden, o3.Irreps("1x1o")]
            self.products = torch.nn.ModuleList(
                o3.FullyConnectedTensorProduct(a, harmonics, b, shared_weights=False) for a, b in pairwise(sizes)
            )
            self.weights = torch.nn.ModuleList(
                FullyConnectedNet([1, 64, p.weight_numel], torch.nn.functional.silu) for p in self.products
            )
            self.own = torch.nn.ModuleList(o3.Linear(a, b) for a, b in pairwise(sizes))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x - x.mean(1, keepdim=True)
            between = x.unsqueeze(1) - x.unsqueeze(2)
            square = between.square().sum(-1, keepdim=True)
            seen = o3.spherical_harmonics(harmonics, between, normalize=True, normalization="component")
            z = x
            for product, weight, own in zip(self.products, self.weights, self.own, strict=True):
                senders = z.unsqueeze(1).expand(-1, x.shape[1], -1, -1)
                z = own(z) + product(senders, seen, weight(square)).mean(2)
            return z

    return timed(Messages(), d, batch, mode, centroid=False)


SIDES = {
    "ours": ours_case,
    "plain": plain_case,
    "limit": limit_case,
    "average": average_case,
    "frame-averaging": frame_averaging_case,
    "signnet": signnet_case,
    "e3nn": e3nn_case,
}
TITLES = {
    "plain": "the network alone, one pass",
    "limit": "one pass and the eigensolver",
    "average": 'average over 2^d frames (`mode="average"`)',
    "frame-averaging": "frame-averaging-pytorch 0.1.2",
    "signnet": "SignNet (sign invariant)",
    "e3nn": "e3nn 0.6.0, messages",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two cases, three turns")
    parser.add_argument("--only", nargs="+", choices=[name for name in SIDES if name != "ours"])
    parser.add_argument("--rounds", type=int, default=0, help="turns; default 7, quick 3")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/spectral.md")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 7)
    about = f"Clouds of {POINTS} points, {rounds} turns; {machine(options.threads)}"
    print(about)
    cases = QUICK if options.quick else CASES
    rows = kept_rows(options)
    for side in options.only or [name for name in SIDES if any(case[0] == name for case in cases)]:
        with (
            Worker(__file__, "ours", threads=options.threads) as ours,
            Worker(__file__, side, PEERS.get(side), threads=options.threads) as peer,
        ):
            for _, kind, d, batch, mode in (case for case in cases if case[0] == side):
                settings = {"kind": kind, "d": d, "batch": batch, "mode": mode}
                rows.append(told(side, settings, compare(ours, peer, settings, rounds=rounds)))
                if options.json:  # after every case, so that a broken peer loses nothing
                    options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1))
    rows.sort(key=lambda row: list(SIDES).index(row["side"]))
    grows(rows)
    if options.docs:
        write_docs(rows, about)


def kept_rows(options: argparse.Namespace) -> list[dict]:
    """What the JSON file has of the sides that are not run again."""
    if options.json is None or not options.only or not options.json.is_file():
        return []
    return [row for row in json.loads(options.json.read_text())["rows"] if row["side"] not in options.only]


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


def write_docs(rows: list[dict], about: str) -> None:
    """The rows as one table, between the markers of the page."""
    lines = [
        f"{about}. Time and memory of the other side, ours being 1. Bold: one plain pass below {1 / MOST_PASSES:.2f}.",
        "",
        "| other side | network | d | batch | | time | least to most | held for the backward pass |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        time = f"{r['ratio']:.2f}"
        cells = (
            TITLES[r["side"]], r["kind"], r["d"], r["batch"], "training step" if r["mode"] == "train" else "forward",
            f"**{time}**" if r["verdict"] == "MISSED" else time,
            f"{min(r['ratios']):.2f} to {max(r['ratios']):.2f}", f"{r['held']:.2f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        raise SystemExit(f"{PAGE} has no markers")
    PAGE.write_text(f"{before}{MARKS[0]}\n" + "\n".join(lines) + f"\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(SIDES[side], ["torch", side] if side in PEERS else ["torch"])
    else:
        main()
