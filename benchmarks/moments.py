"""Moments through networks: orders 1 to 3 against torch-adf, distprop and plain Monte Carlo, in accuracy and in time.

    python benchmarks/moments.py [--quick] [--json FILE] [--docs]

Every side gets the same weights, from a file, and the same normal input. Networks are He-initialised, or an
MLPRegressor of scikit-learn trained on its diabetes data. The truth is a sample so large that its own error, which
the table shows, is well below what is compared. Errors are the mean over outputs of |error of the mean| / sd, and the
relative Frobenius error of the covariance, averaged over networks. Times are turns of CPU time on one thread.

With --docs the tables are written into docs/moments.md, between their markers.
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

from peers import ROOT, Peer, Worker, machine, serve, served
from sides.moments import CHUNK, OURS, SIDES

PEERS = {
    "torch-adf": Peer("torch-adf", ["torch-adf==22.1.0", "numpy", "scipy", "jaxtyping"]),
    "distprop": Peer("distprop", ["distprop==0.1.0", "numpy", "jaxtyping"]),
}
#: (kind, width, hidden layers, sd of the input): He-initialised networks, width in and out, the input's mean 0 or, off
#: centre, a draw from N(0, 1); or the trained network about one patient.
CASES = [
    ("He", 16, 2, 1.0),
    ("He", 16, 3, 1.0),
    ("He", 64, 3, 1.0),
    ("He off centre", 64, 3, 0.5),
    ("diabetes", 64, 2, 0.2),
    ("diabetes", 64, 2, 0.5),
    ("diabetes", 64, 2, 1.0),
]
QUICK = [("He", 16, 2, 1.0), ("diabetes", 64, 2, 0.5)]
#: (width, sd) of three hidden layers, off centre (about 0 a network without biases is the same at any sd): where does
#: sampling win?
SAMPLING = [(width, sd) for width in (32, 128, 512) for sd in (0.1, 0.3, 1.0, 3.0)]
REFERENCE = 500_000


# -- the conductor ---------------------------------------------------------------------------------------------------


def written(folder: Path, kind: str, width: int, depth: int, sd: float, seed: int) -> str:
    """A network and its input law in a file that all sides read."""
    import torch

    source = torch.Generator().manual_seed(seed)
    if kind != "diabetes":
        sizes = [width] * (depth + 2)
        weights = [math.sqrt(2 / a) * torch.randn(b, a, generator=source) for a, b in itertools.pairwise(sizes)]
        biases, mean = [torch.zeros(weight.shape[0]) for weight in weights], torch.zeros(width)
        if kind == "He off centre":
            mean = torch.randn(width, generator=source)
    else:
        weights, biases, mean = trained(width, depth, seed)
    path = folder / f"{kind.replace(' ', '-')}-{width}-{depth}-{sd}-{seed}.pt"
    torch.save({"weights": weights, "biases": biases, "mean": mean, "sd": torch.tensor(sd)}, path)
    return str(path)


def trained(width: int, depth: int, seed: int) -> tuple:
    """Weights of an MLPRegressor on standardised diabetes data, and one patient as the mean of the input."""
    import torch
    from sklearn.datasets import load_diabetes
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import StandardScaler

    x, y = load_diabetes(return_X_y=True)
    x, y = StandardScaler().fit_transform(x), (y - y.mean()) / y.std()
    model = MLPRegressor(
        hidden_layer_sizes=(width,) * depth, random_state=seed, max_iter=300, learning_rate_init=3e-3, tol=0.0
    )
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y)
    weights = [torch.tensor(part.T.copy(), dtype=torch.float32) for part in model.coefs_]
    biases = [torch.tensor(part, dtype=torch.float32) for part in model.intercepts_]
    return weights, biases, torch.tensor(x[seed], dtype=torch.float32)


def errors(found: str, truth: str) -> tuple[float, float]:
    """Mean |error of the mean| / sd, and the relative error of the covariance."""
    import torch

    mine, other = (torch.load(path, weights_only=True) for path in (found, truth))
    sd = other["cov"].diagonal().sqrt()
    gap = torch.linalg.matrix_norm(mine["cov"] - other["cov"]) / torch.linalg.matrix_norm(other["cov"])
    return float(((mine["mean"] - other["mean"]).abs() / sd).mean()), float(gap)


def timed(worker: Worker, rounds: int) -> float:
    """Median seconds of a call."""
    calls = max(1, round(0.15 / max(worker.seconds(1), 1e-6)))
    return statistics.median(worker.seconds(calls) for _ in range(rounds))


def accuracy(workers: dict, folder: Path, cases: list, nets: int, rounds: int) -> list[dict]:
    """Every side on every case."""
    rows = []
    for kind, width, depth, sd in cases:
        sums: dict[str, list] = {}
        for seed in range(nets):
            file = written(folder, kind, width, depth, sd, seed)
            sampler = workers["sampling"]
            truth = sampler.prepare({"file": file, "count": REFERENCE, "keep": True, "seed": 1})["value"]
            again = sampler.prepare({"file": file, "count": REFERENCE, "keep": True, "seed": 2})["value"]
            sums.setdefault("the truth's own error", []).append((*(e / 2**0.5 for e in errors(again, truth)), None))
            for name in (*OURS, "torch-adf full", "torch-adf diag", "distprop"):
                value = workers[name].prepare({"file": file})["value"]
                sums.setdefault(name, []).append((*errors(value, truth), timed(workers[name], rounds)))
            # Sampling at equal time: as many samples as order 2 and order 3 pay for.
            sampler.prepare({"file": file, "count": CHUNK})
            each = timed(sampler, rounds) / CHUNK
            for name in ("order 2", "order 3"):
                count = max(16, round(sums[name][-1][2] / each))
                tries = [sampler.prepare({"file": file, "count": count, "seed": 10 + k})["value"] for k in range(5)]
                gaps = [errors(value, truth) for value in tries]
                mean, cov = (statistics.mean(gap[k] for gap in gaps) for k in (0, 1))
                sums.setdefault(f"sampling, the time of {name}", []).append((mean, cov, each * count))
                sums.setdefault(f"samples, {name}", []).append(
                    (count, count * (mean / sums[name][-1][0]) ** 2, count * (cov / sums[name][-1][1]) ** 2)
                )
        middle = {
            name: [None if part[0] is None else statistics.mean(part) for part in zip(*values, strict=True)]
            for name, values in sums.items()
        }
        rows.append({"case": [kind, width, depth, sd], "found": middle})
        print(f"{kind} width {width}, {depth} hidden layers, input sd {sd:g}", flush=True)
        for name, (mean, cov, third) in middle.items():
            if name.startswith("samples"):
                text = f"costs {mean:.0f}; the same error takes {cov:.0f} (mean), {third:.0f} (covariance)"
                print(f"  {name:34s} {text}", flush=True)
            else:
                print(
                    f"  {name:34s} mean {mean:.4f}  cov {cov:.4f}  {'' if third is None else f'{1e3 * third:.2f} ms'}"
                )
    return rows


def crossover(workers: dict, folder: Path, cases: list, rounds: int) -> list[dict]:
    """Samples that order 2 costs, and samples that give the same error of the mean and of the covariance."""
    rows = []
    for width, sd in cases:
        file = written(folder, "He off centre", width, 3, sd, 100)
        count = REFERENCE if width < 512 else REFERENCE // 5
        sampler, mine = workers["sampling"], workers["order 2"]
        truth = sampler.prepare({"file": file, "count": count, "keep": True, "seed": 1})["value"]
        again = sampler.prepare({"file": file, "count": count, "keep": True, "seed": 2})["value"]
        floor = [e / 2**0.5 for e in errors(again, truth)]
        found = errors(mine.prepare({"file": file})["value"], truth)
        sampler.prepare({"file": file, "count": CHUNK})
        # Turn by turn, so that both see the same machine.
        ratio = statistics.median(mine.seconds(1) / sampler.seconds(1) for _ in range(max(rounds, 3)))
        clean = [math.sqrt(max(e**2 - f**2, f**2 / 4)) for e, f in zip(found, floor, strict=True)]
        equal = [count * (f / e) ** 2 for f, e in zip(floor, clean, strict=True)]
        limit = [e <= 1.2 * f for e, f in zip(found, floor, strict=True)]
        rows.append(
            {"width": width, "sd": sd, "cost": ratio * CHUNK, "equal": equal, "at_least": limit, "error": found}
        )
        print(f"width {width:4d} sd {sd:3g}: order 2 costs {ratio * CHUNK:8.0f} samples; the same error takes "
              f"{equal[0]:9.0f} (mean), {equal[1]:9.0f} (covariance)", flush=True)  # fmt: skip
    return rows


def goals(workers: dict, folder: Path, rounds: int) -> list[dict]:
    """The times that are promised."""
    sampler = workers["sampling"]
    file = written(folder, "He", 512, 3, 1.0, 0)
    workers["order 2"].prepare({"file": file})
    sampler.prepare({"file": file, "count": CHUNK})
    cost = CHUNK * statistics.median(workers["order 2"].seconds(1) / sampler.seconds(1) for _ in range(max(rounds, 7)))
    workers["order 3"].prepare({"file": written(folder, "He", 64, 3, 1.0, 0)})
    third = timed(workers["order 3"], rounds)
    workers["exchangeable"].prepare({})
    nodes = timed(workers["exchangeable"], rounds)
    found = [
        ("order 2, width 512, 3 hidden layers", cost, 3000, "samples"),
        ("order 3, width 64, 3 hidden layers", third, 1.0, "s"),
        ("1000 exchangeable nodes, 16 channels, 2 layers", nodes, 0.5, "s"),
    ]
    for name, value, goal, unit in found:
        print(f"{name:48s} {value:8.3g} {unit}, goal {goal:g}: {'met' if value <= goal else 'MISSED'}", flush=True)
    return [{"name": n, "value": v, "goal": g, "unit": u} for n, v, g, u in found]


# -- tables for the documentation ------------------------------------------------------------------------------------


def tables(told: dict) -> str:
    """Markdown of all tables."""
    sides = [name for name in told["accuracy"][0]["found"] if not name.startswith("samples")]
    heads = []
    for row in told["accuracy"]:
        kind, width, depth, sd = row["case"]
        heads.append(f"{kind} {width}, {depth} hidden, sd {sd:g}")
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in sides:
        cells = [row["found"][name] for row in told["accuracy"]]
        lines.append(f"| {name} | " + " | ".join(f"{mean:.2g} / {cov:.2g}" for mean, cov, _ in cells) + " |")
    lines += ["", "Error of the mean in standard deviations / relative error of the covariance.", _wins(told), ""]
    lines += [f"| milliseconds | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in (name for name in sides[1:] if not name.startswith("sampling")):
        cells = [row["found"][name][2] for row in told["accuracy"]]
        lines.append(f"| {name} | " + " | ".join(f"{1e3 * seconds:.3g}" for seconds in cells) + " |")
    for name in ("order 2", "order 3"):
        cells = [row["found"][f"samples, {name}"] for row in told["accuracy"]]
        shown = " | ".join(f"{_short(c)} / {_short(m)} / {_short(v)}" for c, m, v in cells)
        lines.append(f"| samples for the time of {name} / its mean error / its covariance error | {shown} |")
    if told["sampling"]:
        lines += ["", "Where sampling wins: He-initialised, three hidden layers, off centre; samples that order 2",
                  "costs, and that reach its error. A `>` marks where the truth's error is the limit.", ""]  # fmt: skip
        lines += [
            "| width | input sd | order 2 costs | same mean | same covariance | cheaper |",
            "|---|---|---|---|---|---|",
        ]
        for row in told["sampling"]:
            shown = [
                ("> " if least else "") + _short(n) for n, least in zip(row["equal"], row["at_least"], strict=True)
            ]
            wins = ["order 2" if n > row["cost"] else "sampling" for n in row["equal"]]
            cheaper = wins[0] if wins[0] == wins[1] else f"{wins[0]} for the mean, {wins[1]} for the covariance"
            lines.append(
                f"| {row['width']} | {row['sd']:g} | {_short(row['cost'])} | {' | '.join(shown)} | {cheaper} |"
            )
    lines += ["", "| goal | measured | at most | |", "|---|---|---|---|"]
    for row in told["goals"]:
        met = "met" if row["value"] <= row["goal"] else "missed"
        lines.append(f"| {row['name']} | {row['value']:.3g} {row['unit']} | {row['goal']:g} {row['unit']} | {met} |")
    return "\n".join([*lines, "", f"{told['machine']}; {told['versions']}."])


def _wins(told: dict) -> str:
    """On how many networks an order is more accurate than every peer, in words."""
    peers = ("torch-adf full", "torch-adf diag", "distprop")
    found = []
    for order in ("order 2", "order 3"):
        mean, cov = (
            sum(all(row["found"][order][k] < row["found"][peer][k] for peer in peers) for row in told["accuracy"])
            for k in (0, 1)
        )
        found.append(
            f"{order.capitalize()} is nearer than every peer in the mean on {mean}, in the covariance on {cov}"
        )
    return f"{'; '.join(found)}, of {len(told['accuracy'])} cases.".replace("; O", "; o")


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{float(f'{value:.2g}'):,.0f}"


def write_docs(text: str) -> None:
    """Put the tables between their markers."""
    path = ROOT / "docs" / "moments.md"
    start, end = "<!-- benchmarks/moments.py -->", "<!-- /benchmarks/moments.py -->"
    before, rest = path.read_text().split(start)
    path.write_text(f"{before}{start}\n\n{text}\n\n{end}{rest.split(end)[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/moments.md")
    options = parser.parse_args()
    place = machine(1)
    print(place)
    environments = {"torch-adf full": "torch-adf", "torch-adf diag": "torch-adf", "distprop": "distprop"}
    workers = {
        name: Worker(__file__, name, PEERS[environments[name]] if name in environments else None) for name in SIDES
    }
    try:
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder)
            quick = options.quick
            told: dict = {
                "machine": place,
                "versions": ", ".join(f"{n} {p.requirements[0].split('==')[1]}" for n, p in PEERS.items()),
                "goals": goals(workers, where, options.rounds),
                "accuracy": accuracy(workers, where, QUICK if quick else CASES, 1 if quick else 3, options.rounds),
                "sampling": crossover(workers, where, SAMPLING[:2] if quick else SAMPLING, options.rounds),
            }
    finally:
        for worker in workers.values():
            worker.process.stdin.close()
    if options.json:
        options.json.write_text(json.dumps(told, indent=2))
    if options.docs:
        write_docs(tables(told))


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(SIDES[side])
    else:
        main()
