"""Orders "2+" and 3 in factors against mlp_kprop, network_moments and draws, in accuracy and in time.

    python benchmarks/cumulants.py [--quick] [--json FILE] [--docs]

Every side gets the same weights, from a file, and the same normal input; the sides work in turns within one run.
Errors are the mean over outputs of |error of the mean| / sd, and the relative Frobenius error of the covariance,
averaged over networks; the truth is a sample whose own error the table shows. Times are CPU time on one thread, medians
of the turns. mlp_kprop is measured at its cheaper and at its augmented order, with the metric of random weights that is
its default and with the weights' own, and with its top cumulant in factors. Draws get the time of order "2+" and of
order 3.

mlp_kprop and network_moments are on no index: they are cloned, or taken from HAAR_PEER_SOURCES. A run with --json goes
on where one with the same file, networks and turns was stopped: each case is kept as soon as it is measured.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import sys
import tempfile
from pathlib import Path

from peers import ENVIRONMENTS, ROOT, Peer, Worker, machine, serve, served
from sides.cumulants import CHUNK, KPROP, OURS, SIDES

PEER = Peer("kprop", ["numpy", "scipy", "einops", "jaxtyping", "joblib", "opt_einsum", "tqdm", "pandas", "quimb"])
#: (activation, width, hidden layers, sd of the input, off centre or not)
CASES = [
    ("relu", 16, 2, 1.0, False),
    ("relu", 32, 4, 0.71, True),
    ("relu", 64, 3, 1.0, False),
    ("relu", 128, 3, 1.0, False),
    ("gelu", 64, 3, 1.0, False),
    ("tanh", 64, 3, 1.0, False),
    ("diabetes", 64, 2, 0.2, True),
    ("diabetes", 64, 2, 0.5, True),
    ("diabetes", 64, 2, 1.0, True),
]
QUICK = [CASES[0], CASES[2]]
REFERENCE = 1_000_000


def written(folder: Path, case: tuple, seed: int) -> str:
    """A network and its input law in a file that all sides read."""
    import torch

    kind, width, depth, sd, off_centre = case
    source = torch.Generator().manual_seed(seed)
    if kind == "diabetes":
        from moments import trained

        weights, biases, mean = trained(width, depth, seed)
    else:
        sizes = [width] * (depth + 2)
        spread = 0.0 if kind == "relu" else 0.1
        weights = [math.sqrt(2 / a) * torch.randn(b, a, generator=source) for a, b in itertools.pairwise(sizes)]
        biases = [spread * torch.randn(weight.shape[0], generator=source) for weight in weights]
        mean = torch.randn(width, generator=source) * float(off_centre)
    path = folder / f"{'-'.join(map(str, case))}-{seed}.pt"
    activation = "relu" if kind == "diabetes" else kind
    told = {"weights": weights, "biases": biases, "mean": mean, "sd": torch.tensor(sd), "activation": activation}
    torch.save(told, path)
    return str(path)


def errors(found: str, truth: str) -> tuple[float, float]:
    """Mean |error of the mean| / sd, and the relative error of the covariance."""
    import torch

    mine, other = (torch.load(path, weights_only=True) for path in (found, truth))
    sd = other["cov"].diagonal().sqrt()
    gap = torch.linalg.matrix_norm(mine["cov"] - other["cov"]) / torch.linalg.matrix_norm(other["cov"])
    return float(((mine["mean"] - other["mean"]).abs() / sd).mean()), float(gap)


def measured(workers: dict, folder: Path, case: tuple, seed: int, rounds: int) -> dict[str, tuple]:
    """Every side on one network: error of the mean, of the covariance, seconds."""
    file = written(folder, case, seed)
    sampler = workers["sampling"]
    asked = {"file": file, "count": REFERENCE, "keep": True}
    truth, again = (sampler.prepare({**asked, "seed": s})["value"] for s in (1, 2))
    found: dict[str, tuple] = {"the truth's own error": (*(e / 2**0.5 for e in errors(again, truth)), None)}
    names = [n for n in (*OURS, *KPROP, "network_moments") if n != "network_moments" or case[0] in ("relu", "diabetes")]
    settings = {"file": file, "folder": str(ENVIRONMENTS)}
    values = {}
    for name in names:
        try:
            values[name] = workers[name].prepare(settings)["value"]
        except RuntimeError as error:
            if name not in KPROP:
                raise
            print(f"  refused: {error}", flush=True)  # its factored form takes networks of one width alone
    names = list(values)
    sampler.prepare({"file": file, "count": CHUNK, "seed": 3})
    seconds: dict[str, list] = {name: [] for name in (*names, "draws")}
    for _ in range(rounds):  # in turns
        for name in names:
            seconds[name].append(workers[name].seconds(2))
        seconds["draws"].append(sampler.seconds(2))
    for name in names:
        found[name] = (*errors(values[name], truth), statistics.median(seconds[name]))
    draw = statistics.median(seconds["draws"]) / CHUNK
    for name in ("order 2+", "order 3, factors"):
        count = max(100, round(found[name][2] / draw))
        value = sampler.prepare({"file": file, "count": count, "keep": True, "seed": 4})["value"]
        found[f"draws, the time of {name}"] = (*errors(value, truth), count * draw)
    workers["fused"].prepare({"file": file, "count": CHUNK, "keep": "controlled"})
    each = statistics.median(workers["fused"].seconds(1) for _ in range(rounds)) / CHUNK
    least = 2 * written_width(file) + 2
    count = max(least, 32, round(found["order 3, factors"][2] / each))
    for keep, name in (("controlled", "controlled draws, the time of order 3"), ("fused", "order 3 and these, fused")):
        value = workers["fused"].prepare({"file": file, "count": count, "keep": keep, "seed": 5})["value"]
        found[name] = (*errors(value, truth), statistics.median(workers["fused"].seconds(1) for _ in range(rounds)))
    return found


def written_width(file: str) -> int:
    """Width of the first hidden layer."""
    import torch

    return int(torch.load(file, weights_only=True)["weights"][0].shape[0])


def tables(told: dict) -> str:
    """Markdown: where sampling wins first, then errors, then times."""
    heads = [
        f"{k} {w}, {d} hidden, sd {s:g}{', off centre' if o and k != 'diabetes' else ''}"
        for k, w, d, s, o in told["cases"]
    ]
    rows = told["found"]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [*_verdicts(told, heads), "", f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in names:
        cells = [f"{row[name][0]:.2g} / {row[name][1]:.2g}" if name in row else "" for row in rows]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "Error of the mean in standard deviations / relative error of the covariance.", ""]
    lines += [f"| milliseconds | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in names[1:]:
        cells = [f"{1e3 * row[name][2]:.3g}" if name in row else "" for row in rows]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    run = f"mlp_kprop 93d091a; {told['nets']} networks a case, times the median of {told['rounds']} turns"
    return "\n".join([*lines, "", f"{told['machine']}; {run}."])


def _verdicts(told: dict, heads: list[str]) -> list[str]:
    """Counted in the run: where draws of the same time are nearer, and in how many cases ours is nearer than a peer."""
    rows, lines = told["found"], []
    for name in ("order 2+", "order 3, factors"):
        nearer = [sum(row[f"draws, the time of {name}"][k] < row[name][k] for k in (0, 1)) for row in rows]
        both = "; ".join(head for head, count in zip(heads, nearer, strict=True) if count == 2)
        lines.append(
            f"Plain draws of the time of {name} are nearer in both numbers on {nearer.count(2)} of {len(rows)} cases"
            f"{f' ({both})' if both else ''}, in one of the two on {nearer.count(1)} more."
        )
    for peer in KPROP:
        name = "order 2+" if " 2" in peer else "order 3, factors"
        both = [row for row in rows if peer in row]
        mean, cov = (sum(row[name][k] < row[peer][k] for row in both) for k in (0, 1))
        ratio = statistics.median(row[peer][2] / row[name][2] for row in both)
        lines.append(
            f"{name.capitalize()} is nearer than {peer} in the mean on {mean}, in the covariance on {cov} of "
            f"{len(both)} cases; the peer takes {ratio:.2g} times as long (median of the ratios)"
            f"{_refused(len(rows) - len(both))}."
        )
    return [f"- {line}" for line in lines]


def _refused(count: int) -> str:
    return f", and refuses the other {count}" if count else ""


def write_docs(text: str) -> None:
    """Put the tables between their markers."""
    path = ROOT / "docs" / "moments.md"
    start, end = "<!-- benchmarks/cumulants.py -->", "<!-- /benchmarks/cumulants.py -->"
    before, rest = path.read_text().split(start)
    path.write_text(f"{before}{start}\n\n{text}\n\n{end}{rest.split(end)[1]}")


def begun(options: argparse.Namespace) -> dict:
    """What an earlier run left in the file, or nothing measured yet; a file of other networks or turns is refused."""
    fresh = {"machine": machine(1), "nets": options.nets, "rounds": options.rounds, "cases": [], "found": []}
    if not (options.json and options.json.exists()):
        return fresh
    told = json.loads(options.json.read_text())
    if (told["nets"], told.get("rounds")) != (options.nets, options.rounds):
        raise SystemExit(f"--json {options.json}: expected --nets {told['nets']} --rounds {told.get('rounds')}")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--nets", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/moments.md")
    options = parser.parse_args()
    told = begun(options)
    print(told["machine"])
    foreign = {*KPROP, "network_moments"}
    workers = {name: Worker(__file__, name, PEER if name in foreign else None) for name in SIDES}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for case in QUICK if options.quick else CASES:
                if list(case) in map(list, told["cases"]):
                    continue
                nets = [measured(workers, Path(folder), case, seed, options.rounds) for seed in range(options.nets)]
                found = {
                    name: [
                        None if net[name][k] is None else statistics.mean(net_[name][k] for net_ in nets)
                        for k in range(3)
                    ]
                    for net in nets[:1]
                    for name in net
                }
                told["cases"].append(case)
                told["found"].append(found)
                print(case, flush=True)
                for name, (mean, cov, seconds) in found.items():
                    print(f"  {name:44s} {mean:8.4f} {cov:8.4f} {1e3 * (seconds or 0):9.1f} ms", flush=True)
                if options.json:
                    options.json.write_text(json.dumps(told, indent=2))
    finally:
        for worker in workers.values():
            worker.process.stdin.close()
    if options.docs:
        write_docs(tables(told))


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(SIDES[side])
    else:
        main()
