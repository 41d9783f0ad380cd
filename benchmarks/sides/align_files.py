"""Two checkpoints of the size of GPT-2 small on disk, and their alignment in a process whose memory is watched."""

from __future__ import annotations

import json
import time
from pathlib import Path

#: GPT-2 small; one has 124 million parameters.
SIZES = {"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12, "model_type": "gpt2"}
QUICK = {**SIZES, "vocab_size": 5000, "n_embd": 192, "n_layer": 3, "n_head": 4}


def shapes(sizes: dict) -> dict[str, tuple[int, ...]]:
    """The tensors of a checkpoint without a head of its own, as they are saved."""
    d, found = sizes["n_embd"], {}
    found["transformer.wte.weight"] = (sizes["vocab_size"], d)
    found["transformer.wpe.weight"] = (sizes["n_positions"], d)
    for k in range(sizes["n_layer"]):
        at = f"transformer.h.{k}"
        for norm in ("ln_1", "ln_2"):
            found |= {f"{at}.{norm}.weight": (d,), f"{at}.{norm}.bias": (d,)}
        found |= {f"{at}.attn.c_attn.weight": (d, 3 * d), f"{at}.attn.c_attn.bias": (3 * d,)}
        found |= {f"{at}.attn.c_proj.weight": (d, d), f"{at}.attn.c_proj.bias": (d,)}
        found |= {f"{at}.mlp.c_fc.weight": (d, 4 * d), f"{at}.mlp.c_fc.bias": (4 * d,)}
        found |= {f"{at}.mlp.c_proj.weight": (4 * d, d), f"{at}.mlp.c_proj.bias": (d,)}
    return found | {"transformer.ln_f.weight": (d,), "transformer.ln_f.bias": (d,)}


def make(folder: str, sizes: dict) -> None:
    """Random parameters, and the same moved by a random element of the whole symmetry."""
    import torch

    from haar.weights import Checkpoint, Moved, adapted, folded, untied, write_weights

    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in shapes(sizes).items():
        gain = name.endswith("weight") and ".ln_" in name
        state[name] = gain + 0.02 * (5 if gain else 1) * torch.randn(shape, generator=generator)
    for side in "ab":
        (Path(folder) / side).mkdir(parents=True, exist_ok=True)
        (Path(folder) / side / "config.json").write_text(json.dumps(sizes))
    write_weights(Path(folder) / "a" / "model.safetensors", state)
    given = untied(Checkpoint(Path(folder) / "a"))
    action = adapted(given, sizes)
    plain = folded(action, given)
    gauge = action.random(1, dtype=torch.float32)
    write_weights(Path(folder) / "b" / "model.safetensors", Moved(action, gauge, plain))


def run(folder: str, sizes: dict) -> dict:
    """Align what lies in a folder, write the moved one, and say how long it took and how much was held."""
    import haar.align
    from haar.weights import Checkpoint, write_weights

    del sizes
    a, b = (Checkpoint(Path(folder) / side) for side in "ab")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins here
    before = _memory("VmRSS")
    start, cpu = time.perf_counter(), time.process_time()
    found = haar.align.align(a, b, config=a.config)
    matched = time.perf_counter() - start
    write_weights(Path(folder) / "aligned.safetensors", found.b)
    return {
        "matched": matched,
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "held": _memory("VmHWM") - before,
        "before": before,
        "checkpoint": (Path(folder) / "a" / "model.safetensors").stat().st_size,
        "distance": found.distances.total(),
        "distance before": found.distances.total("canonical"),
    }


def _memory(which: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {which}")
