"""The sides of `benchmarks/cumulants.py`: the same network from a file, and what each makes of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

OURS = {
    "order 2": (2, None),
    "order 3, dense": (3, "dense"),
    "order 2+": ("2+", None),
    "order 3, factors": (3, "factored"),
}
#: mlp_kprop: (order, kind, the average metric in place of the weights' own, the top cumulant in factors)
KPROP = {
    "mlp_kprop SIMPLE 2": (2, "SIMPLE", True, False),
    "mlp_kprop AUGMENT 2": (2, "AUGMENT", True, False),
    "mlp_kprop AUGMENT 2, own metric": (2, "AUGMENT", False, False),
    "mlp_kprop SIMPLE 3, factored": (3, "SIMPLE", True, True),
    "mlp_kprop AUGMENT 3": (3, "AUGMENT", True, False),
    "mlp_kprop AUGMENT 3, own metric": (3, "AUGMENT", False, False),
    "mlp_kprop AUGMENT 3, factored": (3, "AUGMENT", True, True),
}
CHUNK = 8192
#: The peers that are on no index: repository, commit, folder with the package.
SOURCES = {
    "mlp_kprop": ("https://github.com/alignment-research-center/mlp_cumulant_propagation", "93d091a", "src/mlp_kprop"),
    "network_moments": ("https://github.com/xmodar/network_moments", "master", "network_moments"),
}


def source(name: str, folder: Path) -> Path:
    """A folder to import the package from; cloned into `folder`, from HAAR_PEER_SOURCES/<name> if that is given.

    mlp_kprop declares aliases by the `type` statement of Python 3.12: in the copy they are plain assignments.
    """
    address, commit, inside = SOURCES[name]
    place = folder / f"source-{name}"
    if not place.exists():
        given = os.environ.get("HAAR_PEER_SOURCES")
        clone = place.with_suffix(".clone")
        shutil.rmtree(clone, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", f"{given}/{name}" if given else address, str(clone)], check=True)
        subprocess.run(
            ["git", "-C", str(clone), "checkout", "--quiet", commit if name == "mlp_kprop" else "HEAD"], check=True
        )
        whole = place.with_suffix(".part")
        shutil.rmtree(whole, ignore_errors=True)
        shutil.copytree(clone / inside, whole / name)
        for path in whole.rglob("*.py"):
            text = re.sub(r"^type (\w+)\[\w+\] = (\w+)\[.*$", r"\1 = \2", path.read_text(), flags=re.MULTILINE)
            path.write_text(re.sub(r"^type (\w+) = ", r"\1 = ", text, flags=re.MULTILINE))
        whole.rename(place)
    return place


def loaded(file: str) -> dict:
    """Layers, the activation's name, and mean and sd of the input."""
    import torch

    return torch.load(file, weights_only=True)


def network(told: dict) -> object:
    """A plain torch network."""
    import torch
    from torch import nn

    parts: list = []
    for weight, bias in zip(told["weights"], told["biases"], strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        parts += [linear, {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}[told["activation"]]()]
    return nn.Sequential(*parts[:-1]).eval()


def saved(file: str, side: str, mean: object, cov: object) -> str:
    """Keep what a side found; the name of the file is its value."""
    import torch

    path = f"{file}.{side.replace(' ', '-').replace(',', '')}.found"
    torch.save({"mean": mean.detach().double().reshape(-1), "cov": cov.detach().double()}, path)
    return path


def ours(name: str):
    def case(file: str, **_: object) -> tuple:
        import torch

        from haar.moments import Gaussian, propagate

        told = loaded(file)
        model, law = network(told), Gaussian(told["mean"], float(told["sd"]) ** 2)
        order, backend = OURS[name]

        def call() -> object:
            with torch.no_grad():
                return propagate(model, law, order=order, backend=backend)

        found = call()
        return call, saved(file, name, found.mean, found.cov)

    return case


def fused(file: str, count: int, *, keep: str = "fused", seed: int = 1, **_: object) -> tuple:
    """Order 3 in factors and controlled draws, fused; or the controlled draws alone."""
    import torch

    from haar.moments import Gaussian, controlled_moments, propagate

    told = loaded(file)
    model, law = network(told), Gaussian(told["mean"], float(told["sd"]) ** 2)

    def call() -> object:
        with torch.no_grad():
            drawn = controlled_moments(model, law, count, generator=torch.Generator().manual_seed(seed))
            if keep == "controlled":
                return drawn
            return drawn.fused_with(propagate(model, law, order=3, backend="factored"))

    found = call()
    return call, saved(file, f"{keep}{count}-{seed}", found.mean, found.cov)


def kprop(name: str):
    def case(file: str, folder: str, **_: object) -> tuple:
        import torch

        sys.path.insert(0, str(source("mlp_kprop", Path(folder))))
        from mlp_kprop import kprop_harmonic
        from mlp_kprop.mlp import MLP

        told = loaded(file)
        weights = told["weights"]
        torch.set_grad_enabled(False)
        order, kind, average, factor = KPROP[name]
        sizes = [weights[0].shape[1], weights[0].shape[0], weights[-1].shape[0]]
        model = MLP(*sizes, len(weights), nonlin=told["activation"])
        for part, weight, bias in zip(model.Ws, weights, told["biases"], strict=True):
            part.weight.copy_(weight)
            if part.bias is not None:
                part.bias.copy_(bias)
            elif float(bias.abs().max()) > 0:
                part.bias = torch.nn.Parameter(bias.float().clone())
        n = sizes[0]
        start = {1: told["mean"].float(), 2: float(told["sd"]) ** 2 * torch.eye(n)}
        options = {"k_max": order, "kind": getattr(kprop_harmonic, kind), "use_avg_metric": average, "factor": factor}

        def call() -> dict:
            return kprop_harmonic.mlp_kprop(model, start, **options)

        found = call()
        return call, saved(file, name, found[1].to_tensor(), found[2].to_tensor())

    return case


def network_moments(file: str, folder: str, **_: object) -> tuple:
    """Bibi et al.: exact means and variances, off the diagonal the covariance of zero means."""
    import torch

    sys.path.insert(0, str(source("network_moments", Path(folder))))
    # its networks want torchvision; its moments do not
    sys.modules["network_moments.torch.net"] = types.ModuleType("network_moments.torch.net")
    from network_moments.torch.gaussian import relu

    told = loaded(file)
    layers = [(w.double(), b.double()) for w, b in zip(told["weights"], told["biases"], strict=True)]

    def call() -> tuple:
        mean = told["mean"].double()
        cov = float(told["sd"]) ** 2 * torch.eye(mean.numel(), dtype=torch.float64)
        for at, (weight, bias) in enumerate(layers):
            mean, cov = weight @ mean + bias, weight @ cov @ weight.mT
            if at < len(layers) - 1:
                mean, cov = (part[0] for part in relu.batch_moments(mean[None], cov[None]))
        return mean, cov

    return call, saved(file, "network_moments", *call())


def sampling(file: str, count: int, *, keep: bool = False, seed: int = 1, **_: object) -> tuple:
    """Plain Monte Carlo in the network's own float32, moments added up in float64."""
    import torch

    told = loaded(file)
    model, level, sd = network(told), told["mean"].float(), float(told["sd"])
    source_of_draws = torch.Generator().manual_seed(seed)

    def call() -> tuple:
        total, square = 0.0, 0.0
        with torch.no_grad():
            for start in range(0, count, CHUNK):
                size = min(CHUNK, count - start)
                y = model(level + sd * torch.randn(size, level.numel(), generator=source_of_draws))
                y = y.double() if keep else y
                total, square = total + y.double().sum(0), square + (y.mT @ y).double()
        average = total / count
        return average, (square - count * torch.outer(average, average)) / max(count - 1, 1)

    return call, saved(file, f"mc{count}-{seed}", *call())


SIDES = {
    **{name: ours(name) for name in OURS},
    **{name: kprop(name) for name in KPROP},
    "network_moments": network_moments,
    "fused": fused,
    "sampling": sampling,
}
