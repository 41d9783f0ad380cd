"""Solving for what commutes with a symmetry: ours, the peer emlp, and what the machine could do at best.

    python benchmarks/intertwiners.py                 # the small table
    python benchmarks/intertwiners.py --all           # every case, with those that take the peer minutes
    python benchmarks/intertwiners.py --only "S4 T2"  # some cases
    python benchmarks/intertwiners.py --all --json FILE --docs  # the tables of docs/intertwiners.md
    python benchmarks/intertwiners.py --from FILE --docs        # the same from an earlier run

Each line is one space Hom(V, V). Every solution is cold: groups and representations are made anew, the peer's cache
is cleared. "ours" makes the space with its orthonormal parametrisation, and for the sizes that the peer solves also the
dense basis that the peer returns; "limit" is, for permutation types, one random read of the n x n index pairs for each
generator, and for the others one symmetric eigendecomposition of size n. Repeated solutions leave out what a side
compiles or loads once in a process; the first solution in a fresh process has it (of ours the median of three
processes; imports are left out on both sides). All times are CPU time. Both sides project one fixed matrix, so that the
spans are compared, not only the dimensions (the peer works in single precision). A peer that takes longer than the
limit for one solution is stopped, and the line says so.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served, write_docs

THREADS = 1
EMLP = Peer(
    "emlp",
    ["jax", "objax", "plum-dispatch", "optax", "tqdm", "matplotlib", "scikit-learn", "h5py", "pytest", "six"],
    without_dependencies=["emlp==1.0.3"],
)

#: Name -> (group, its parameter, tensor power of its defining representation, peer: 1 quick, 2 slow, 0 no).
CASES = {
    "S4 T2": ("S", 4, 2, 1),
    "S6 T2": ("S", 6, 2, 2),
    "S8 T2": ("S", 8, 2, 2),
    "S20 T2": ("S", 20, 2, 2),
    "S32 T2": ("S", 32, 2, 0),
    "S40 T2": ("S", 40, 2, 0),
    "S4 T3": ("S", 4, 3, 2),
    "S10 T3": ("S", 10, 3, 0),
    "Z8": ("Z", 8, 1, 1),
    "Z32": ("Z", 32, 1, 2),
    "Z128": ("Z", 128, 1, 2),
    "Z512": ("Z", 512, 1, 0),
    "Z1024": ("Z", 1024, 1, 0),
    "SO(3) T1": ("SO", 3, 1, 1),
    "SO(3) T2": ("SO", 3, 2, 1),
    "SO(3) T3": ("SO", 3, 3, 2),
    "SO(3) T4": ("SO", 3, 4, 0),
    "O(3) T2": ("O", 3, 2, 1),
    "O(3) T4": ("O", 3, 4, 0),
    "SU(2) T2": ("SU", 2, 2, 0),
    "D4 vectors 8x8": ("D4 grid", 8, 1, 0),
    "D4 vectors 16x16": ("D4 grid", 16, 1, 0),
    "D4 vectors 32x32": ("D4 grid", 32, 1, 0),
    "O_h scalars 8x8x8": ("O_h grid", 8, 1, 0),
    "I regular": ("I", 0, 1, 0),
    "I_h T3": ("I_h", 0, 3, 0),
}
#: Seconds that the peer has for one solution.
LIMIT = 300.0
#: A peer slower than this per solution has fewer turns.
SLOW = 5.0
#: Dimension from which on memory is measured: below, a process grows by more than the answer for other reasons.
LARGE = 500
#: Goals: how many times faster than the peer, cold against cold, where it takes longer than SLOW, and elsewhere.
FASTER = (1000, 100)
#: Entries of a dense basis that ours still makes.
DENSE = 30_000_000


def ours_case(name: str, *, dense: bool):
    import torch

    from haar.intertwiners import intertwiners

    torch.set_num_threads(THREADS)

    def call():
        rep = representation(name)
        space = intertwiners(rep, rep)
        return space, space.basis() if dense else None

    (space, _), first = timed(call)
    n = space.rep_in.dim
    value = {"dim": space.dim, "first": first}
    if n * n <= DENSE:
        P = space.project(fixed(n, 1.0, torch))
        value |= {"norm": float(P.norm()), "mixed": float((P * fixed(n, 2.0, torch)).sum())}
    return call, value


def representation(name: str):
    import torch

    from haar.actions.representation import Defining, Quotient, Regular, Space, tensor_power
    from haar.groups import SO, SU2, O, cyclic, dihedral, grid_group, icosahedral, octahedral, symmetric

    kind, size, power, _ = CASES[name]
    if kind == "Z":
        return Regular(cyclic(size))
    if kind == "I":
        return Regular(icosahedral())
    if kind in ("D4 grid", "O_h grid"):
        point = dihedral(4) if kind == "D4 grid" else octahedral(full=True)
        group = grid_group(point, (size,) * point.space_dim)
        cells = Quotient(group.subgroup(torch.stack([group.element(int(p)) for p in point.generators()])))
        return cells @ Space(group) if kind == "D4 grid" else cells
    made = {
        "S": lambda: symmetric(size),
        "SO": lambda: SO(3),
        "O": lambda: O(3),
        "SU": SU2,
        "I_h": lambda: icosahedral(full=True),
    }
    return tensor_power(Defining(made[kind]()), power)


def memory_case(name: str, *, dense: bool):
    """How far the process grows while a space is made, and what the space keeps, in bytes; a small one goes before."""
    import torch

    from haar.intertwiners import OrbitIntertwiners, intertwiners

    del dense
    torch.set_num_threads(THREADS)
    small = representation(next(other for other in CASES if CASES[other][0] == CASES[name][0]))
    intertwiners(small, small)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    rep = representation(name)
    space = intertwiners(rep, rep)
    peak = resident("VmHWM") - before
    if isinstance(space, OrbitIntertwiners):
        kept = (space.structure.label, space.structure.sign, space.structure.sizes)
    else:
        kept = [run.basis for run in space.isotypic_in.runs]
    answer = sum(t.numel() * t.element_size() for t in kept)
    return object, {"peak": peak, "answer": answer}


def resident(name: str) -> int:
    """Bytes of this process's memory, from Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def limit_case(name: str, *, dense: bool):
    """What cannot be avoided: reading every index pair once a generator, or one eigendecomposition."""
    import torch

    torch.set_num_threads(THREADS)
    del dense
    rep = representation(name)
    n = rep.dim
    generator = torch.Generator().manual_seed(0)
    if rep.is_signed_permutation and rep.group.is_finite:
        labels = torch.zeros(n * n, dtype=torch.int32)
        places = [torch.randperm(n * n, generator=generator, dtype=torch.int32) for _ in rep.group.generators()]
        return lambda: [labels.index_select(0, place) for place in places], n
    symmetric = torch.randn(n, n, generator=generator, dtype=torch.float64)
    symmetric = symmetric + symmetric.T
    return lambda: torch.linalg.eigh(symmetric), n


def emlp_case(name: str, *, dense: bool):
    del dense
    import numpy as np
    from emlp.groups import SO, O, S, Z
    from emlp.reps import T, V
    from emlp.reps.representation import Rep

    kind, size, power, _ = CASES[name]

    def call():
        Rep.solcache.clear()
        group = {"S": S, "Z": Z, "SO": SO, "O": O}[kind](size)
        rep = V(group) if power == 1 else T(power)(group)
        return rep, (rep >> rep).equivariant_basis()

    (rep, basis), first = timed(call)
    n = rep.size()
    Q = np.asarray(basis, dtype=np.float64)
    W = fixed(n, 1.0, np).reshape(-1)
    P = Q @ (Q.T @ W)
    return call, {
        "dim": Q.shape[1],
        "first": first,
        "norm": float(np.linalg.norm(P)),
        "mixed": float(P @ fixed(n, 2.0, np).reshape(-1)),
    }


def timed(call):
    """What a call gives, and its CPU-seconds: the first in its process, with all that is compiled or loaded then."""
    start = time.process_time()
    value = call()
    return value, time.process_time() - start


def fixed(n: int, frequency: float, library):
    """A matrix that both sides can make: cosines of the index."""
    index = library.arange(n * n)
    index = index.double() if hasattr(index, "double") else index.astype(float)
    return library.cos(frequency * (1 + index) ** 1.5).reshape(n, n)


SIDES = {"ours": ours_case, "memory": memory_case, "limit": limit_case, "emlp": emlp_case}


def against_limit(name: str, settings: dict, rounds: int) -> dict:
    """Ours beside the physical limit."""
    with Worker(__file__, "ours") as ours, Worker(__file__, "limit") as limit:
        result = compare(ours, limit, settings, rounds=rounds)
    value, n = result.values
    row = {
        "name": name, "n": n, "dim": value["dim"], "ours": statistics.median(result.ours),
        "limit": statistics.median(result.peer), "over_limit": statistics.median(1 / r for r in result.ratios),
        "versions": [result.versions[0]],
    }  # fmt: skip
    if n >= LARGE and Path("/proc/self/clear_refs").exists():
        with Worker(__file__, "memory") as fresh:
            row["memory"] = fresh.prepare(settings)["value"]
    times = f"ours {1e3 * row['ours']:9.2f} ms   limit {1e3 * row['limit']:9.2f} ms"
    print(
        f"{name:18s} {n:5d} -> {n:<5d} dim {row['dim']:6d}   {times}   ours / limit {row['over_limit']:7.1f}",
        flush=True,
    )
    return row


def against_peer(settings: dict, rounds: int, slow_rounds: int, limit: float) -> dict:
    """Ours beside emlp: the first solution in a process, then repeated ones in turns."""
    firsts = []
    for _ in range(3):
        with Worker(__file__, "ours") as fresh:
            firsts.append(fresh.prepare(settings)["value"]["first"])
    row = {"ours_first": statistics.median(firsts), "rounds": rounds}
    with Worker(__file__, "ours") as ours, Worker(__file__, "emlp", EMLP) as peer:
        mine = ours.prepare(settings)
        try:
            theirs = peer.prepare(settings, limit=limit)
        except (TimeoutError, RuntimeError) as error:
            row["gave_up"] = f"no answer within {limit:g} s" if isinstance(error, TimeoutError) else str(error)
            print(f"{'':18s} emlp: {row['gave_up']}; ours' first {1e3 * row['ours_first']:.1f} ms", flush=True)
            return row
        row["peer_first"] = theirs["value"]["first"]
        if row["peer_first"] > SLOW:
            row["rounds"] = rounds = min(rounds, slow_rounds)
        calls = max(1, round(0.15 / ours.seconds(1)))
        turns = [(ours.seconds(calls), peer.seconds(1)) for _ in range(rounds)]
    a, b = mine["value"], theirs["value"]
    close = all(abs(a[k] - b[k]) <= 1e-3 * max(1.0, abs(a["norm"])) for k in ("norm", "mixed"))
    ratios = [p / o for o, p in turns]
    row |= {
        "peer": statistics.median(p for _, p in turns), "ratio": statistics.median(ratios), "ratios": ratios,
        "first_ratio": row["peer_first"] / row["ours_first"], "agree": a["dim"] == b["dim"] and close,
        "versions": [mine["versions"], theirs["versions"]],
    }  # fmt: skip
    verdict = "the spans agree" if row["agree"] else f"DIFFER: dimension {b['dim']}"
    print(
        f"{'':18s} emlp {1e3 * row['peer']:.0f} ms, "
        f"peer / ours {row['ratio']:.0f} ({min(ratios):.0f}..{max(ratios):.0f}); "
        f"first in a process: ours {1e3 * row['ours_first']:.1f} ms, emlp {1e3 * row['peer_first']:.0f} ms, "
        f"peer / ours {row['first_ratio']:.0f}; {verdict}",
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also the cases that take the peer from seconds to minutes")
    parser.add_argument("--only", nargs="*", help="names of cases")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slow-rounds", type=int, default=3, help=f"turns with a peer that takes over {SLOW:g} s")
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help="wall-clock seconds that the peer has for one solution"
    )
    parser.add_argument("--again", action="store_true", help="replace what the file given by --json has of them")
    parser.add_argument("--no-peer", action="store_true", help="ours and the limit only")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--from", type=Path, dest="earlier", help="measure nothing, take this file")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/intertwiners.md")
    options = parser.parse_args()
    found = json.loads(options.earlier.read_text()) if options.earlier else measured(options)
    if options.docs:
        write_docs("intertwiners", "intertwiners", table(found))


def measured(options: argparse.Namespace) -> dict:
    """All cases, printed and kept as they come."""
    where = machine(THREADS)
    print(where)
    found = {"machine": where, "limit": options.limit, "rows": []}
    if options.json and options.json.exists():  # a run that was stopped goes on
        found |= {"rows": json.loads(options.json.read_text())["rows"]}
    rows = found["rows"]
    rows[:] = [row for row in rows if row["name"] in CASES]
    done = set() if options.again else {row["name"] for row in rows}
    for name in (name for name in options.only or CASES if name not in done):
        quick = CASES[name][3]
        settings = {"name": name, "dense": bool(quick)}
        row = against_limit(name, settings, options.rounds)
        if not options.no_peer and (quick == 1 or (quick == 2 and (options.all or options.only))):
            row |= against_peer(settings, options.rounds, options.slow_rounds, options.limit)
        rows[:] = [r for r in rows if r["name"] != name]
        rows.append(row)
        if options.json:  # after every case: a long run that is stopped has given something
            options.json.write_text(json.dumps(found, indent=1) + "\n")
    return found


def table(found: dict) -> str:
    """The rows as one table, and below what the goals come to."""
    lines = [
        f"{found['machine']}.",
        "",
        "| V | n | maps | ours, ms | limit, ms | memory, answers | emlp, ms | ratio | first: ours, ms | emlp | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows = sorted(
        (row for row in found["rows"] if row["name"] in CASES), key=lambda row: list(CASES).index(row["name"])
    )
    for row in rows:
        cells = [row["name"], row["n"], row["dim"], _told(1e3 * row["ours"]), _told(1e3 * row["limit"])]
        cells += [_told(row["memory"]["peak"] / row["memory"]["answer"]) if "memory" in row else ""]
        if "gave_up" in row:
            cells += [row["gave_up"], "", _told(1e3 * row["ours_first"]), "", ""]
        elif "peer" in row:
            cells += [_told(1e3 * row["peer"]), _told(row["ratio"]), _told(1e3 * row["ours_first"])]
            cells += [_told(1e3 * row["peer_first"]), _told(row["first_ratio"])]
        else:
            cells += [""] * 5
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    both = [row for row in rows if "ratio" in row]
    goals = [(row["name"], row["first_ratio"], FASTER[row["peer_first"] <= SLOW]) for row in both]
    missed = [f"{name} is {ratio:.0f} times faster, not {goal}" for name, ratio, goal in goals if ratio < goal]
    said = [f"{len(both)} cases that both solve; the spans agree in {sum(row['agree'] for row in both)} of them."]
    said.append(
        f"The goal, first against first, is {FASTER[0]} times faster where emlp takes more than {SLOW:g} CPU-seconds, "
        f"else {FASTER[1]} times: met in {len(goals) - len(missed)} of {len(goals)} cases"
        + (f"; {'; '.join(missed)}." if missed else ".")
    )
    unsolved = [row["name"] for row in rows if "gave_up" in row]
    if unsolved:
        said.append(f"emlp was stopped, where the table says when, on {', '.join(unsolved)}.")
    return "\n".join([*lines, "", " ".join(said)])


def _told(x: float) -> str:
    """Two or three digits."""
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 1 else f"{x:.2f}" if x >= 0.01 else f"{x:.3f}"


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        os.environ["TQDM_DISABLE"] = "1"
        serve(SIDES[side], {"emlp": ("emlp", "jax", "numpy")}.get(side, ("torch", "numpy", "scipy")))
    else:
        main()
