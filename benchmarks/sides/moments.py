"""The sides of `benchmarks/moments.py`: the same network from a file, and what each makes of it."""

from __future__ import annotations

OURS = {"order 1": 1, "order 2": 2, "order 3": 3}
CHUNK = 8192


def loaded(file: str) -> tuple:
    """Layers [(weight, bias)], and mean and sd of the input."""
    import torch

    told = torch.load(file, weights_only=True)
    return list(zip(told["weights"], told["biases"], strict=True)), told["mean"], float(told["sd"])


def network(layers: list) -> object:
    """A plain torch network of ReLU layers."""
    import torch
    from torch import nn

    parts: list = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1]).eval()


def saved(file: str, side: str, mean: object, cov: object) -> str:
    """Keep what a side found; the name of the file is its value."""
    import torch

    path = f"{file}.{side}.found"
    torch.save({"mean": mean.detach().double().reshape(-1), "cov": cov.detach().double()}, path)
    return path


def ours(order: int):
    def case(file: str, **_: object) -> tuple:
        import torch

        from haar.moments import Gaussian, propagate

        layers, mean, sd = loaded(file)
        model, law = network(layers), Gaussian(mean, sd**2)

        def call() -> object:
            with torch.no_grad():
                return propagate(model, law, order=order)

        found = call()
        return call, saved(file, f"order{order}", found.mean, found.cov)

    return case


def adf(mode: str):
    def case(file: str, **_: object) -> tuple:
        import torch
        from torchadf import nn as adf_nn

        layers, mean, sd = loaded(file)
        parts: list = []
        for weight, bias in layers:
            linear = adf_nn.Linear(weight.shape[1], weight.shape[0], mode=mode)
            with torch.no_grad():
                linear.weight.copy_(weight)
                linear.bias.copy_(bias)
            parts += [linear, adf_nn.ReLU(mode=mode)]
        model = adf_nn.Sequential(*parts[:-1])
        n = mean.numel()
        spread = torch.full((1, n), sd**2) if mode == "diag" else (sd**2 * torch.eye(n))[None]

        def call() -> tuple:
            with torch.no_grad():
                return model(mean.float()[None], spread)

        found, cov = call()
        return call, saved(file, f"adf-{mode}", found, torch.diag(cov[0]) if mode == "diag" else cov[0])

    return case


def distprop(file: str, **_: object) -> tuple:
    from distprop import SDP

    layers, mean, sd = loaded(file)
    outputs = layers[-1][0].shape[0]
    model = SDP(network(layers), std=sd, num_outputs=outputs, create_graph=False)

    def call() -> tuple:
        return model(mean.float()[None].clone())

    found, cov = call()
    return call, saved(file, "distprop", found, cov[0])


def sampling(file: str, count: int, *, keep: bool = False, seed: int = 1, **_: object) -> tuple:
    """Plain Monte Carlo in the network's own float32, moments added up in float64."""
    import torch

    layers, mean, sd = loaded(file)
    model, level = network(layers), mean.float()
    source = torch.Generator().manual_seed(seed)

    def call() -> tuple:
        total, square = 0.0, 0.0
        with torch.no_grad():
            for start in range(0, count, CHUNK):
                x = level + sd * torch.randn(min(CHUNK, count - start), level.numel(), generator=source)
                y = model(x).double() if keep else model(x)
                total, square = total + y.sum(0), square + y.mT @ y
        average = total / count
        return average, (square - count * torch.outer(average, average)) / max(count - 1, 1)

    return call, saved(file, f"mc{count}-{seed}", *call())


SIDES = {
    **{name: ours(order) for name, order in OURS.items()},
    "torch-adf full": adf("full"),
    "torch-adf diag": adf("diag"),
    "distprop": distprop,
    "sampling": sampling,
}


def exchangeable(**_: object) -> tuple:
    """A thousand exchangeable nodes, 16 channels, two layers."""
    import torch
    from torch import nn

    from haar.moments import Exchangeable, NodeOrbits, propagate_on_orbits

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own, self.near = nn.Linear(16, 16), nn.Linear(16, 16, bias=False)

        def forward(self, x):
            return torch.relu(self.own(x) + self.near(x.mean(1, keepdim=True)))

    torch.manual_seed(0)
    model = nn.Sequential(Layer(), Layer())
    law = Exchangeable(1000, torch.zeros(16), torch.eye(16), 0.1 * torch.eye(16))

    def call() -> object:
        with torch.no_grad():
            return propagate_on_orbits(model, law, NodeOrbits.complete(1000), features=16)

    return call, float(call().node_mean.sum())


SIDES["exchangeable"] = exchangeable
