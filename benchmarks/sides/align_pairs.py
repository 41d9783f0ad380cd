"""The networks of `benchmarks/align.py` and who brings them together, each in its own environment."""

from __future__ import annotations

import copy

#: Steps of sinkhorn-rebasin and its rate, as in its own examples.
SINKHORN_STEPS, SINKHORN_RATE = 60, 0.1
POINTS = 11
TRAINED = 1200


def network(kind: str) -> object:
    """A perceptron of two hidden layers, or a residual network of three blocks with batch norm, for 8 x 8 digits."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, into: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.down = None
            if into != out:
                self.down = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + (x if self.down is None else self.down(x)))

    if kind == "perceptron":
        return nn.Sequential(
            nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
        )  # fmt: skip
    stem = nn.Sequential(nn.Conv2d(1, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
    blocks = Block(32, 32, 1), Block(32, 64, 2), Block(64, 64, 1)
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def write(path: str, kind: str, seed: int) -> None:
    """Train a pair from different seeds and write both with their data."""
    import torch
    from sklearn.datasets import load_digits
    from torch.nn import functional as F  # noqa: N812

    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(digits.data / 16, dtype=torch.float32)[order], torch.tensor(digits.target)[order]
    x = x if kind == "perceptron" else x.reshape(-1, 1, 8, 8)
    states = []
    for one in (2 * seed, 2 * seed + 1):
        torch.manual_seed(one)
        model, generator = network(kind), torch.Generator().manual_seed(one)
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(500):
            rows = torch.randint(TRAINED, (64,), generator=generator)
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        states.append(model.state_dict())
    torch.save({"x": x, "y": y, "a": states[0], "b": states[1]}, path)


def barrier(kind: str, pair: dict, a: dict, b: dict) -> float:
    """The barrier on held-out digits; statistics of batch norms are taken anew at every point, for every side."""
    import torch
    from torch import nn
    from torch.nn import functional as F  # noqa: N812

    losses = []
    for step in range(POINTS):
        t = step / (POINTS - 1)
        model = network(kind)
        model.load_state_dict({k: v if not v.is_floating_point() else torch.lerp(v, b[k], t) for k, v in a.items()})
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.reset_running_stats()
                norm.momentum = None
        with torch.no_grad():
            model.train()(pair["x"][:TRAINED])
            losses.append(float(F.cross_entropy(model.eval()(pair["x"][TRAINED:]), pair["y"][TRAINED:])))
    level = [losses[0] + (losses[-1] - losses[0]) * k / (POINTS - 1) for k in range(POINTS)]
    return max(loss - one for loss, one in zip(losses, level, strict=True))


def case(bring: object, samples: int = 2) -> object:
    """What a side is asked: the pair in a file brought together by `bring`, and the barrier that is left.

    Args:
        bring: Of both models and some inputs; what is returned are the moved parameters, or those of both.
        samples: Number of inputs.
    """

    def prepared(path: str, kind: str) -> tuple:
        import torch

        pair = torch.load(path, weights_only=True)
        models = []
        for side in "ab":
            model = network(kind)
            model.load_state_dict(pair[side])
            models.append(model.eval())

        def call() -> dict:
            return bring(models[0], models[1], pair["x"][:samples])

        found = call()
        both = found if isinstance(found, tuple) else (pair["a"], found)
        return call, {"barrier": barrier(kind, pair, *both), "plain": barrier(kind, pair, pair["a"], pair["b"])}

    return prepared


def _ours(a: object, b: object, x: object) -> tuple:
    from haar.align import align

    found = align(a, b, example=x)
    return dict(found.a), dict(found.b)


def _ours_by_activations(a: object, b: object, x: object) -> tuple:
    from haar.align import align

    found = align(a, b, how="activations", example=x)
    return dict(found.a), dict(found.b)


def _rebasin(a: object, b: object, x: object) -> dict:
    from rebasin import PermutationCoordinateDescent

    moved = copy.deepcopy(b)
    PermutationCoordinateDescent(copy.deepcopy(a), moved, x).rebasin()
    return moved.state_dict()


def _sinkhorn(a: object, b: object, x: object) -> dict:
    import torch
    from rebasin import RebasinNet
    from rebasin.loss import DistL2Loss

    torch.manual_seed(0)
    net = RebasinNet(copy.deepcopy(b), input_shape=tuple(x.shape))
    net.identity_init()
    net.train()
    criterion = DistL2Loss(copy.deepcopy(a))
    optimizer = torch.optim.AdamW(net.p.parameters(), lr=SINKHORN_RATE)
    for _ in range(SINKHORN_STEPS):
        loss = criterion(net())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.update_batchnorm(b)
    net.eval()
    with torch.no_grad():
        return {name: value.detach().clone() for name, value in net().state_dict().items()}


SIDES = {
    "ours": case(_ours),
    "activations": case(_ours_by_activations, samples=100),
    "rebasin": case(_rebasin),
    "sinkhorn": case(_sinkhorn),
}
