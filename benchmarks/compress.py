"""Sweeps under compression: their time beside the evaluations alone, their memory, and masks beside torch's own.

    python benchmarks/compress.py               # the table
    python benchmarks/compress.py --json FILE   # the same, kept

Lines "overhead": a sweep over the levels of one method on a small language model, over the same number of bare
evaluations of the model. Goal: at most 1.10. Calibrated methods run the model once more a level, on calibration data
that are a tenth of the evaluation's; that run is what they do, and it is in their line.
Line "copies": how many bytes of weights a sweep holds beside the model's own. Goal: one copy.
Lines "mask": the time to prune all layers by magnitude (a level), over `torch.nn.utils.prune` doing the same, and
whether both keep the same weights. The peers torchao and torch-pruning are run where the variable HAAR_BENCH_COMPRESS
names a Python that has them: torchao's `WandaSparsifier` and torch-pruning's magnitude importance.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import prune

from haar.compress import Magnitude, Noise, Quantise, Wanda, sweep
from haar.compress.batch import batches_of
from haar.compress.bench import Bench
from haar.weights.small import SmallGPT2

ROUNDS = 5
LEVELS = (0.2, 0.4, 0.6, 0.8)
GOAL = 1.10
PEER = r"""
import json, sys, time, torch
from torch import nn
torch.manual_seed(0); torch.set_num_threads(1)
model = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 10))
x = torch.randn(256, 512)
found = {}
try:
    from torchao.sparsity import WandaSparsifier
    one = WandaSparsifier(sparsity_level=0.5)
    one.prepare(model, [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight"}])
    begun = time.process_time(); model(x); one.step(); found["torchao wanda"] = time.process_time() - begun
except Exception as error:
    found["torchao wanda"] = repr(error)[:200]
try:
    import torch_pruning as tp
    plain = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 10))
    begun = time.process_time()
    tp.pruner.MagnitudePruner(plain, x[:1], tp.importance.MagnitudeImportance(), pruning_ratio=0.5,
                              ignored_layers=[plain[4]]).step()
    found["torch-pruning units"] = time.process_time() - begun
except Exception as error:
    found["torch-pruning units"] = repr(error)[:200]
print(json.dumps(found))
"""


def median(call: Any) -> float:
    """CPU seconds, the median of a few rounds after one that is left out."""
    call()
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return statistics.median(times)


def overheads() -> dict[str, Any]:
    """Sweeps over bare evaluations."""
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

    bare = median(evaluations)
    found = {}
    for one in (
        Magnitude(levels=LEVELS), Noise(levels=LEVELS), Quantise(levels=(8, 5, 4, 3)), Wanda(levels=LEVELS),
    ):  # fmt: skip
        time_of = median(lambda one=one: sweep(model, one, ["perplexity"], texts, calibration=near, draws=0))
        found[one.name] = {"seconds": time_of, "over evaluations": time_of / bare}
    return {"evaluations": bare, "sweeps": found}


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
    """torchao and torch-pruning, in an environment of their own."""
    python = os.environ.get("HAAR_BENCH_COMPRESS")
    if not python:
        return {}
    told = subprocess.run([python, "-c", PEER], capture_output=True, text=True, timeout=300, check=False)
    return json.loads(told.stdout) if told.returncode == 0 else {"failed": told.stderr[-300:]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
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
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
