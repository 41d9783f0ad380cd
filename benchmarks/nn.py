"""Equivariant layers: ours, a dense torch layer of the same shape (the limit for convolutions), and the peers.

    python benchmarks/nn.py                     # ours against dense torch
    python benchmarks/nn.py --peers             # and against escnn, symm-learning (both need a Fortran compiler), e3nn
    python benchmarks/nn.py --peers --json FILE --docs  # the tables of docs/nn.md
    python benchmarks/nn.py --from FILE --docs          # the same from an earlier run

Each line is one layer, in turns with the other side: regular features of C4 or D4, or scalars, vectors and
second-degree harmonics of O(3) in equal numbers ("irreps"). A training step is forward and backward with gradients of
input and weights; inference is a forward in eval without gradients, for which ours and escnn keep a dense weight.
"construct" makes the group, the representation and the layer anew; "first" is the first time in a fresh process,
with the package's own imports; "error" is the relative error in float64 of turning before and after the layer. All
times are CPU time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import statistics
import sys
import time
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served, write_docs

THREADS = 1
PEERS = {
    "dense": None,
    "escnn": Peer("escnn", ["escnn==1.0.11", "matplotlib", "numpy<2", "scipy", "jaxtyping", "safetensors"]),
    "symm-learning": Peer("symm-learning", ["symm-learning==0.8.1", "matplotlib", "scikit-learn==1.8.0"]),
    "e3nn": Peer("e3nn", ["e3nn==0.6.0", "jaxtyping", "safetensors"]),
}
#: What each side is compared on.
KINDS = {
    "dense": ("linear", "conv", "irreps"),
    "escnn": ("linear", "conv", "icosahedral"),
    "symm-learning": ("linear",),
    "e3nn": ("irreps",),
}

#: Name -> settings of one layer.
CASES = [
    *(
        {"kind": "linear", "channels": n, "batch": 256, "mode": mode}
        for n in (64, 256, 1024)
        for mode in ("train", "eval")
    ),
    {"kind": "linear", "channels": 64, "batch": 16384, "mode": "train"},
    *({"kind": "irreps", "channels": n, "batch": 256, "mode": mode} for n in (288, 1152) for mode in ("train", "eval")),
    *(
        {"kind": "conv", "group": group, "channels": 64, "kernel": k, "mode": mode}
        for mode in ("train", "eval", "construct", "error")
        for group in ("C4", "D4")
        for k in (3, 5)
    ),
    {"kind": "icosahedral", "channels": 60, "mode": "first"},
]
#: What is taken by a dense layer's time, at most: (kind, channels, mode) -> goal of ours / dense.
GOALS = {
    ("linear", 256, "train"): 1.2,
    ("linear", 1024, "train"): 0.6,
    **{("linear", n, "eval"): 1.0 for n in (64, 256, 1024)},
    **{("conv", 64, mode): 1.05 for mode in ("train", "eval")},
}
#: Seconds that the making of a convolution may take.
CONSTRUCTED = 0.01
#: Modes that a dense layer has no part in.
OWN = ("construct", "error", "first")


def irreps(channels: int) -> str:
    """As many scalars as vectors as harmonics of degree 2, in e3nn's terms: 9 channels of each."""
    copies = channels // 9
    return f"{copies}x0e + {copies}x1o + {copies}x2e"


def our_layer(settings: dict):
    from haar.actions.representation import Regular
    from haar.groups import O, cyclic, dihedral, icosahedral
    from haar.nn import Conv, Linear, from_irreps

    if settings["kind"] == "icosahedral":
        rep = Regular(icosahedral())
        return Linear(rep, rep)
    if settings["kind"] == "irreps":
        rep = from_irreps(irreps(settings["channels"]), O(3))
        return Linear(rep, rep)
    group = cyclic(4) if settings.get("group") == "C4" else dihedral(4)
    rep = (settings["channels"] // group.order) * Regular(group)
    if settings["kind"] == "linear":
        return Linear(rep, rep)
    return Conv(rep, rep, settings["kernel"], padding="same")


def dense_layer(settings: dict):
    import torch

    n = settings["channels"]
    if settings["kind"] != "conv":
        return torch.nn.Linear(n, n)
    return torch.nn.Conv2d(n, n, settings["kernel"], padding=settings["kernel"] // 2)


def escnn_layer(settings: dict):
    if settings["mode"] == "first":  # what an earlier process left on the disk is not its first use
        found = importlib.util.find_spec("escnn")
        shutil.rmtree(Path(found.origin).parent / "group" / "_cache", ignore_errors=True)
    import escnn
    import torch

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            if settings["kind"] == "icosahedral":
                space = escnn.gspaces.no_base_space(escnn.group.ico_group())
            elif settings["kind"] == "linear":
                space = escnn.gspaces.no_base_space(escnn.group.dihedral_group(4))
            else:
                space = (escnn.gspaces.rot2dOnR2 if settings["group"] == "C4" else escnn.gspaces.flipRot2dOnR2)(4)
            copies = settings["channels"] // space.fibergroup.order()
            self.type = escnn.nn.FieldType(space, copies * [space.regular_repr])
            self.layer = (
                escnn.nn.R2Conv(self.type, self.type, settings["kernel"], padding=settings["kernel"] // 2)
                if settings["kind"] == "conv"
                else escnn.nn.Linear(self.type, self.type)
            )

        def forward(self, x):
            return self.layer(self.type(x)).tensor

        def turned(self, x):
            space = self.type.gspace
            quarter = space.fibergroup.element(1 if space.fibergroup.order() == 4 else (0, 1))
            return self.type(x).transform(quarter).tensor

    return Plain()


def symm_learning_layer(settings: dict):
    import escnn
    from symm_learning.nn.linear import eLinear

    group = escnn.group.DihedralGroup(4)
    rep = escnn.group.directsum((settings["channels"] // 8) * [group.regular_representation])
    return eLinear(rep, rep)


def e3nn_layer(settings: dict):
    from e3nn import o3

    return o3.Linear(irreps(settings["channels"]), irreps(settings["channels"]), biases=True)


def case(make):
    """What to time for a layer, and how many parameters it has."""

    def prepared(**settings):
        import torch

        torch.set_num_threads(THREADS)
        torch.manual_seed(0)
        start = time.process_time()
        layer = make(settings)
        first = time.process_time() - start
        if settings["mode"] in ("construct", "first"):
            return lambda: make(settings), first
        if settings["mode"] == "error":
            return (lambda: None), error_of(layer.double().eval(), settings)
        n = settings["channels"]
        shape = (8, n, 32, 32) if settings["kind"] == "conv" else (settings["batch"], n)
        x = torch.randn(shape, requires_grad=settings["mode"] == "train")
        g = torch.randn(shape)
        count = sum(p.numel() for p in layer.parameters())
        if settings["mode"] == "eval":
            layer.eval()

            def infer():
                with torch.no_grad():
                    return layer(x)

            infer()
            return infer, count

        def step():
            x.grad = None
            for parameter in layer.parameters():
                parameter.grad = None
            layer(x).backward(g)

        step()
        return step, count

    return prepared


def error_of(layer, settings: dict) -> float:
    """|f(g x) - g f(x)| / |f(x)| for a quarter turn, on grids that have a middle point."""
    import torch

    x = torch.randn(2, settings["channels"], 33, 33, dtype=torch.float64)
    turned = layer.turned if hasattr(layer, "turned") else lambda y: our_turned(layer, y)
    with torch.no_grad():
        y = layer(x)
        return float((layer(turned(x)) - turned(y)).norm() / y.norm())


def our_turned(layer, x):
    import torch

    return layer.symmetry.act_inputs(torch.tensor(1), (x,))[0]


SIDES = {
    "ours": case(our_layer),
    "dense": case(dense_layer),
    "escnn": case(escnn_layer),
    "symm-learning": case(symm_learning_layer),
    "e3nn": case(e3nn_layer),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="also against escnn, symm-learning and e3nn")
    parser.add_argument("--only", choices=list(PEERS))
    parser.add_argument("--cases", nargs="*", default=[""], help="cases whose words contain one of these")
    parser.add_argument("--again", action="store_true", help="replace what the file given by --json has of them")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--from", type=Path, dest="earlier", help="measure nothing, take this file")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/nn.md")
    options = parser.parse_args()
    found = json.loads(options.earlier.read_text()) if options.earlier else measured(options)
    if options.docs:
        write_docs("nn", "nn", tables(found))


def measured(options: argparse.Namespace) -> dict:
    """All cases against all sides, printed and kept as they come."""
    where = machine(THREADS)
    print(where)
    rows, versions = [], {}
    found = {"machine": where, "rounds": options.rounds, "versions": versions, "rows": rows}
    if options.json and options.json.exists():  # a run that was stopped goes on
        earlier = json.loads(options.json.read_text())
        rows += earlier["rows"]
        found["rounds"] = min(found["rounds"], earlier["rounds"])
        versions |= earlier["versions"]
    done = set() if options.again else {(row["side"], told(row)) for row in rows}
    for name in [options.only] if options.only else list(PEERS) if options.peers else ["dense"]:
        cases = [s for s in CASES if s["kind"] in KINDS[name] and not (name == "dense" and s["mode"] in OWN)]
        cases = [s for s in cases if any(words in told(s) for words in options.cases)]
        for settings in (s for s in cases if (name, told(s)) not in done):
            # a process of its own for each case: what is made once in a process is seen every time
            with Worker(__file__, "ours") as ours, Worker(__file__, name, PEERS[name]) as other:
                if settings["mode"] in OWN:
                    made = [side.prepare(settings) for side in (ours, other)]
                    mine, theirs = (m["value"] for m in made)
                    row = {"ours": mine, "theirs": theirs}
                    if settings["mode"] == "construct":
                        row = {"ours": ours.seconds(3), "theirs": other.seconds(3)}
                    print(f"{told(settings):44s} ours {row['ours']:.2e}   {name} {row['theirs']:.2e}", flush=True)
                    used = [m["versions"] for m in made]
                else:
                    result = compare(ours, other, settings, rounds=options.rounds)
                    taken = statistics.median(1 / ratio for ratio in result.ratios)
                    row = {
                        "ours": statistics.median(result.ours), "theirs": statistics.median(result.peer),
                        "taken": taken, "parameters": list(result.values),
                    }  # fmt: skip
                    print(f"{told(settings):44s} {result} ours / {name} {taken:.2f}", flush=True)
                    used = result.versions
            rows[:] = [r for r in rows if (r["side"], told(r)) != (name, told(settings))]
            rows.append(settings | {"side": name} | row)
            versions |= {"ours": used[0], name: used[1]}
            if options.json:
                options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(f"versions: {versions}")
    return found


def told(settings: dict) -> str:
    """A case in words."""
    kind = {
        "linear": "Linear, D4",
        "irreps": "Linear, O(3)",
        "conv": f"Conv, {settings['group']}" if "group" in settings else "Conv",
    }
    words = [kind.get(settings["kind"], "Linear, icosahedral"), f"{settings['channels']} channels"]
    words += [f"kernel {settings['kernel']}"] if "kernel" in settings else []
    words += [f"batch {settings['batch']}"] if "batch" in settings else []
    return ", ".join([*words, settings["mode"]])


def tables(found: dict) -> str:
    """Times of a step beside the dense layer's and the peers'; then constructions and errors."""
    rows = found["rows"]
    cases = [told(settings) for settings in CASES]
    rows = sorted((row for row in rows if told(row) in cases), key=lambda row: cases.index(told(row)))
    sides = [side for side in PEERS if any(row["side"] == side for row in rows)]
    peers = [side for side in sides if side != "dense"]
    by = {(told(row), row["side"]): row for row in rows}
    lines = [
        f"{found['machine']}; at least {found['rounds']} turns. Ratios in bold miss a goal.",
        "",
        "| layer | ours, ms | dense, ms | ours / dense | " + " | ".join(f"{p} / ours" for p in peers) + " |",
        "|---|---|---|---|" + "---|" * len(peers),
    ]
    for case in (case for case in cases if (case, "dense") in by):
        row = by[case, "dense"]
        goal = _goal(row)
        ratio = f"{row['taken']:.2f}"
        cells = [f"{1e3 * row['ours']:.2f}", f"{1e3 * row['theirs']:.2f}"]
        cells += [f"**{ratio}**" if goal is not None and round(row["taken"], 2) > goal else ratio]
        cells += [f"{1 / by[case, p]['taken']:.2f}" if (case, p) in by else "" for p in peers]
        lines.append("| " + " | ".join([case, *cells]) + " |")
    own = [row for row in rows if row["mode"] in OWN]
    if own:
        lines += ["", "| | ours | escnn |", "|---|---|---|"]
    for row in own:
        a, b = (f"{row[k]:.0e}" if row["mode"] == "error" else f"{1e3 * row[k]:.1f} ms" for k in ("ours", "theirs"))
        lines.append(f"| {told(row)} | {a} | {b} |")
    return "\n".join([*lines, "", _verdict([by[case, "dense"] for case in cases if (case, "dense") in by], own)])


def _goal(row: dict) -> float | None:
    """What a row's ratio to the dense layer may be at most."""
    return GOALS.get((row["kind"], row["channels"], row["mode"])) if row.get("batch", 256) == 256 else None


def _verdict(beside: list[dict], own: list[dict]) -> str:
    """How many goals are met, and by how much the others are missed."""
    asked = [(told(row), row["taken"], goal) for row in beside if (goal := _goal(row)) is not None]
    missed = [
        f"{name} takes {taken:.2f} of the dense layer's time, not {goal:g}"
        for name, taken, goal in asked
        if round(taken, 2) > goal
    ]
    late = [row for row in own if row["mode"] == "construct" and row["ours"] > CONSTRUCTED]
    missed += [f"{told(row)} takes {1e3 * row['ours']:.1f} ms, not {1e3 * CONSTRUCTED:g}" for row in late]
    count = len(asked) + sum(row["mode"] == "construct" for row in own)
    said = [f"Goals: {count - len(missed)} of {count} are met"] + [f"missed: {'; '.join(missed)}"] * bool(missed)
    return "; ".join(said) + "."


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(SIDES[side], ("torch", "numpy") if side in ("ours", "dense") else ("torch", side))
    else:
        main()
