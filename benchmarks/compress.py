"""Sweeps under compression: their time beside the evaluations alone, their memory, and masks beside torch's own.

    python benchmarks/compress.py               # the table
    python benchmarks/compress.py --json FILE   # the same, kept

Lines "overhead": a sweep over the levels of one method on a small language model, over the same number of bare
evaluations of the model. Goal: at most 1.10. Calibrated methods run the model once more a level, on calibration data
that are a tenth of the evaluation's; that run is what they do, and it is in their line.
Line "copies": how many bytes of weights a sweep holds beside the model's own. Goal: one copy.
Lines "mask": the time to prune all layers by magnitude (a level), over `torch.nn.utils.prune` doing the same, and
whether both keep the same weights. The peers torchao 0.18.0 and torch-pruning 1.6.1 are run where the variable
HAAR_BENCH_COMPRESS names a Python that has them: torchao's `WandaSparsifier`, whose first layer is compared with ours
(later ones see inputs from layers that are pruned already in ours alone), and torch-pruning's units by magnitude, which
it takes out of the network while ours are set to 0.
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import multiprocessing
import os
import statistics
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import machine, write_docs
from torch.nn.utils import prune

from haar.compress import HiddenUnits, Magnitude, Noise, Quantise, Wanda, sweep
from haar.compress.batch import batches_of
from haar.compress.bench import Bench
from haar.weights.small import SmallGPT2

ROUNDS = 5
PROCESSES = 3
#: So many numbers of four bytes are asked for once in a process: from then on glibc keeps what is given back. Else
#: activations are new pages, in sweeps and in bare evaluations as chance has it.
_ASKED = 6 * 2**20
LEVELS = (0.2, 0.4, 0.6, 0.8)
GOAL = 1.10
PEER = r"""
import base64, json, numpy, statistics, sys, time, torch
from torch import nn
torch.set_num_threads(1)
def made():
    torch.manual_seed(0)
    layers = nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 10)
    return nn.Sequential(*layers), torch.randn(256, 512)
def told(times, kept=None):
    bits = b"" if kept is None else numpy.packbits(kept.numpy()).tobytes()
    return {"seconds": statistics.median(times), "kept": base64.b64encode(bits).decode()}
def wanda():
    from torchao.sparsity import WandaSparsifier
    times = []
    for _ in range(5):
        model, x = made()
        one = WandaSparsifier(sparsity_level=0.5)
        one.prepare(model, [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight"}])
        with torch.no_grad():
            begun = time.process_time(); model(x); one.step(); times.append(time.process_time() - begun)
    one.squash_mask()
    return told(times, model[0].weight != 0)
def units():
    import torch_pruning as tp
    times = []
    for _ in range(5):
        model, x = made()
        begun = time.process_time()
        tp.pruner.BasePruner(model, x[:1], tp.importance.GroupMagnitudeImportance(), pruning_ratio=0.5,
                             ignored_layers=[model[4]]).step()
        times.append(time.process_time() - begun)
    return told(times)
found = {}
for name, call in {"torchao wanda": wanda, "torch-pruning units": units}.items():
    try:
        found[name] = call()
    except Exception as error:
        found[name] = {"failed": repr(error)[:200]}
print(json.dumps(found))
"""


def seconds(call: Any) -> float:
    """CPU seconds of a call."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def median(call: Any) -> float:
    """CPU seconds, the median of a few rounds after one that is left out."""
    call()
    return statistics.median(seconds(call) for _ in range(ROUNDS))


def overheads() -> dict[str, Any]:
    """Sweeps over bare evaluations, medians over processes: where weights lie changes a ratio by some percent."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        found = list(pool.map(overhead, range(PROCESSES)))
    return {
        "sweeps": {
            name: {key: statistics.median(one[name][key] for one in found) for key in found[0][name]}
            for name in found[0]
        }
    }


def overhead(process: int) -> dict[str, dict[str, float]]:
    """The same in one process."""
    del process
    torch.set_num_threads(1)
    torch.empty(_ASKED)  # and given back at once
    torch.manual_seed(0)
    model = SmallGPT2(94, 64, layers=4, dim=64, heads=4, activation="relu").eval()
    texts = list(torch.randint(94, (320, 64)).split(32))
    near = list(torch.randint(94, (32, 64)).split(32))

    def evaluations() -> None:
        with torch.no_grad():
            for _ in range(len(LEVELS) + 1):
                for batch in texts:
                    logits = model(batch)
                    torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())

    def calibrations() -> None:
        with torch.no_grad():
            for _ in LEVELS:
                model(torch.cat(near))

    found = {}
    for one in (
        Magnitude(levels=LEVELS), Noise(levels=LEVELS), Quantise(levels=(8, 5, 4, 3)), Wanda(levels=LEVELS),
    ):  # fmt: skip

        def whole(one: Any = one) -> None:
            sweep(model, one, ["perplexity"], texts, calibration=near, draws=0)

        turns = [(seconds(whole), seconds(evaluations), seconds(calibrations)) for _ in range(ROUNDS + 1)][1:]
        found[one.name] = {
            "seconds": statistics.median(mine for mine, _, _ in turns),
            "over evaluations": statistics.median(mine / bare for mine, bare, _ in turns),
            "runs on calibration data": statistics.median(runs / bare for _, bare, runs in turns),
        }
    return found


def copies() -> float:
    """Bytes of weights that a bench holds, over the model's."""
    model = SmallGPT2(94, 64, layers=4, dim=64, heads=4)
    bench = Bench(model, example=batches_of([torch.zeros(1, 4, dtype=torch.long)])[0])
    own = {p.data_ptr() for p in model.parameters()}
    held = sum(p.numel() for p in bench.model.parameters() if p.data_ptr() not in own)
    return held / sum(p.numel() for p in model.parameters())


def masks() -> dict[str, Any]:
    """Magnitude by tensor beside torch's own pruning."""
    torch.manual_seed(0)
    layers = (torch.nn.Linear(512, 2048), torch.nn.ReLU(), torch.nn.Linear(2048, 512), torch.nn.ReLU())
    model = torch.nn.Sequential(*layers, torch.nn.Linear(512, 10))
    bench = Bench(model)

    def ours() -> None:
        bench.restore()
        Magnitude().apply(bench, 0.5, 0)

    def theirs() -> torch.nn.Module:
        made = copy.deepcopy(model)
        for layer in (made[0], made[2]):
            prune.l1_unstructured(layer, "weight", amount=0.5)
            prune.remove(layer, "weight")
        return made

    mine, other = median(ours), median(theirs)
    ours()
    twin = theirs()
    same = all(torch.equal(bench.model[k].weight != 0, twin[k].weight != 0) for k in (0, 2))
    return {"ours": mine, "torch.nn.utils.prune": other, "ratio": mine / other, "same weights": same}


def peers() -> dict[str, Any]:
    """torchao and torch-pruning, in an environment of their own, over ours of the same network."""
    python = os.environ.get("HAAR_BENCH_COMPRESS")
    if not python:
        return {}
    told = subprocess.run([python, "-c", PEER], capture_output=True, text=True, timeout=300, check=False)
    if told.returncode:
        return {"failed": told.stderr[-300:]}
    torch.manual_seed(0)
    layers = torch.nn.Linear(512, 2048), torch.nn.ReLU(), torch.nn.Linear(2048, 512), torch.nn.ReLU()
    model, x = torch.nn.Sequential(*layers, torch.nn.Linear(512, 10)), torch.randn(256, 512)
    found = {}
    for name, theirs in json.loads(told.stdout.splitlines()[-1]).items():
        one = Wanda() if "wanda" in name else HiddenUnits()
        bench = Bench(model, calibration=batches_of([x]), example=batches_of([x])[0])
        _ = bench.action  # a model is followed once, not once a level

        def ours(one: Any = one, bench: Any = bench) -> None:
            bench.restore()
            with torch.no_grad():
                one.apply(bench, 0.5, 0)

        if "failed" in theirs:
            found[name] = theirs
            continue
        mine = median(ours)
        found[name] = {"ours": mine, "theirs": theirs["seconds"], "ratio": mine / theirs["seconds"]}
        if "wanda" in name:
            kept = (bench.model[0].weight != 0).numpy()
            bits = np.frombuffer(base64.b64decode(theirs["kept"]), np.uint8)
            found[name]["same weights"] = float((np.unpackbits(bits).reshape(kept.shape) == kept).mean())
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """The table of the page."""
    table = ["| what | ratio | goal |", "|---|---|---|"]
    for name, line in found["overhead"]["sweeps"].items():
        ratio = line["over evaluations"]
        met = "" if ratio <= GOAL else " **missed**"
        table.append(f"| a sweep by {name}, over its evaluations | {ratio:.3f} | <= {GOAL}{met} |")
        if name == Wanda().name:
            runs = line["runs on calibration data"]
            table.append(f"| bare runs on its calibration data, one a level, over the same | {runs:.3f} | |")
    table.append(f"| weights that a sweep holds, in copies of the model | {found['copies']:.2f} | <= 1 |")
    mask = found["mask"]
    same = "the same weights" if mask["same weights"] else "other weights"
    table.append(f"| magnitude, over `torch.nn.utils.prune` ({same}) | {mask['ratio']:.2f} | |")
    for name, line in found["peers"].items():
        if isinstance(line, dict) and "ratio" in line:
            same = f" ({line['same weights']:.4%} of the first layer alike)" if "same weights" in line else ""
            table.append(f"| ours over {name}{same} | {line['ratio']:.2f} | |")
    told = f"CPU seconds on one thread, medians of {ROUNDS} turns, of overheads in each of {PROCESSES} processes."
    return [*table, "", f"{told} {machine(1)}, torch {found['torch']}."]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the table into docs/compress.md")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    found = {"overhead": overheads(), "copies": copies(), "mask": masks(), "peers": peers(), "torch": torch.__version__}
    for name, line in found["overhead"]["sweeps"].items():
        verdict = "within" if line["over evaluations"] <= GOAL else "ABOVE"
        print(f"overhead  {name:12s} {line['over evaluations']:.3f} times the evaluations ({verdict} {GOAL})")
    print(f"copies    {found['copies']:.2f}")
    mask = found["mask"]
    print(f"mask      {mask['ratio']:.2f} times torch.nn.utils.prune; the same weights: {mask['same weights']}")
    for name, value in found["peers"].items():
        print(f"peer      {name}: {value}")
    if wanted.docs:
        write_docs("compress", "compress", "\n".join(lines(found)))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
