"""The networks of `benchmarks/spectral.py`: ours and everyone else's, each in its own environment."""

from __future__ import annotations

from itertools import pairwise

from sides.spectral_task import learned

POINTS = 20


def network(kind: str, d: int) -> object:
    """The sign-equivariant network of a case, the same on every side."""
    import torch

    from haar.nn.spectral import SignDeepSets, SignMessagePassing

    generator = torch.Generator().manual_seed(0)
    if kind == "sets":
        return SignDeepSets(d, layers=4, hidden=64, norm="rms", generator=generator)
    return SignMessagePassing(d, channels=8, hidden=64, layers=3, generator=generator)


def timed(make: object, d: int, batch: int, mode: str, *, points: int = POINTS, centroid: bool = True) -> tuple:
    """The call to time, and what its result and its memory are."""
    import torch

    if mode == "learn":
        return object, learned(make)
    model = make()
    # The C library returns freed memory to the system until it has seen one large block: pages would be timed.
    block = torch.ones(30 * 2**20, dtype=torch.uint8)
    del block
    x = torch.randn(batch, points, d, generator=torch.Generator().manual_seed(1))
    parameters = [p for p in model.parameters() if p.requires_grad]

    def call() -> object:
        if mode == "forward":
            with torch.inference_mode():
                return model(x)
        for parameter in parameters:
            parameter.grad = None
        y = model(x)
        y.square().mean().backward()
        return y

    held = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        kept = model(x)  # alive, so that no storage is counted under another's address
    y = kept.detach()
    found = [float(y.double().norm()), float(y.flatten()[0])] if centroid else []
    return call, {"result": found, "held": sum(held.values()), "parameters": sum(p.numel() for p in parameters)}


def ours_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    from haar.nn.frames import PCAFrame

    return timed(lambda: PCAFrame(network(kind, d)), d, batch, mode, points=points)


def plain_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    return timed(lambda: network(kind, d), d, batch, mode, points=points)


def vectors_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    """The same layers with all columns in one eigenspace: O(d) vectors, no frame."""
    import torch

    class Vectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(kind, d)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x - x.mean(1, keepdim=True), spaces=torch.zeros(d, dtype=torch.int64))

    return timed(Vectors, d, batch, mode, points=points)


def solver_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    """The eigensolver alone, in float64."""
    import torch

    del kind, mode
    half = torch.randn(batch, d, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    matrix = half @ half.mT

    def call() -> object:
        with torch.inference_mode():
            return torch.linalg.eigh(matrix)

    return call, {}


def average_case(kind: str, d: int, batch: int, mode: str) -> tuple:
    from haar.nn.frames import PCAFrame

    return timed(lambda: PCAFrame(network(kind, d), mode="average"), d, batch, mode)


def frame_averaging_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    import torch
    from frame_averaging_pytorch import FrameAverage

    class Reversed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(kind, d)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x.flip(-1)).flip(-1)

    # Its axes come in rising order, ours in falling: the results are compared in ours, the times are its own.
    call, value = timed(lambda: FrameAverage(network(kind, d), dim=d), d, batch, mode, points=points)
    if mode == "learn":
        return call, value
    here = timed(lambda: FrameAverage(Reversed(), dim=d), d, batch, mode, points=points)[1]
    return call, {**value, "result": here["result"]}


def signnet_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    import torch

    from haar.nn.spectral import SignNet

    def make() -> torch.nn.Module:
        return SignNet(d, d, hidden=64, on="set", generator=torch.Generator().manual_seed(0))

    del kind
    return timed(make, d, batch, mode, points=points, centroid=False)


def e3nn_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    """Three rounds of messages: tensor products with harmonics of the pair, weights by a network of the distance."""
    import torch
    from e3nn import o3
    from e3nn.math import soft_one_hot_linspace
    from e3nn.nn import FullyConnectedNet

    del kind
    hidden, harmonics = o3.Irreps("8x0e + 8x1o"), o3.Irreps("0e + 1o")

    class Messages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [o3.Irreps("1x1o"), hidden, hidden, o3.Irreps("1x1o")]
            self.products = torch.nn.ModuleList(
                o3.FullyConnectedTensorProduct(a, harmonics, b, shared_weights=False) for a, b in pairwise(sizes)
            )
            self.weights = torch.nn.ModuleList(
                FullyConnectedNet([8, 64, p.weight_numel], torch.nn.functional.silu) for p in self.products
            )
            self.own = torch.nn.ModuleList(o3.Linear(a, b) for a, b in pairwise(sizes))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x - x.mean(1, keepdim=True)
            between = x.unsqueeze(1) - x.unsqueeze(2)
            length = between.square().sum(-1).clamp(min=1e-12).sqrt()
            radial = soft_one_hot_linspace(length, 0.0, 6.0, 8, basis="gaussian", cutoff=False) * 8**0.5
            seen = o3.spherical_harmonics(harmonics, between, normalize=True, normalization="component")
            z = x
            for product, weight, own in zip(self.products, self.weights, self.own, strict=True):
                senders = z.unsqueeze(1).expand(-1, x.shape[1], -1, -1)
                z = own(z) + product(senders, seen, weight(radial)).mean(2)
            return z

    return timed(Messages, d, batch, mode, points=points, centroid=False)


def escnn_case(kind: str, d: int, batch: int, mode: str, points: int = POINTS) -> tuple:
    """Three rounds of messages: linear maps and gates of both points' features, the pair's vector and its distance."""
    import escnn
    import torch

    del kind
    space = escnn.gspaces.no_base_space(escnn.group.o3_group(1))
    scalar, vector = space.trivial_repr, space.fibergroup.standard_representation()

    def fields(scalars: int, vectors: int) -> object:
        return escnn.nn.FieldType(space, scalars * [scalar] + vectors * [vector])

    class Round(torch.nn.Module):
        """Gates precede what they gate; scalars are gated too."""

        def __init__(self, scalars: int, vectors: int, out: tuple[int, int]) -> None:
            super().__init__()
            gated = escnn.nn.FieldType(space, 16 * [scalar] + 8 * [scalar] + 8 * [vector])
            self.enter = escnn.nn.Linear(fields(2 * scalars + 8, 2 * vectors + 1), gated)
            self.gate = escnn.nn.GatedNonLinearity1(gated)
            self.leave = escnn.nn.Linear(self.gate.out_type, fields(*out))
            self.distance = torch.nn.Sequential(torch.nn.Linear(1, 64), torch.nn.SiLU(), torch.nn.Linear(64, 8))
            self.counts = (scalars, vectors)

        def forward(self, s: torch.Tensor, z: torch.Tensor, between: torch.Tensor) -> torch.Tensor:
            n = z.shape[1]
            square = between.square().sum(-1, keepdim=True)
            both = [torch.cat([t.unsqueeze(2).expand(-1, -1, n, -1), t.unsqueeze(1).expand(-1, n, -1, -1)], -1)
                    for t in (s, z)]  # fmt: skip
            unit = between / (square + 1e-6).sqrt()
            rows = torch.cat([both[0], self.distance(square), both[1], unit], -1)
            said = self.leave(self.gate(self.enter(self.enter.in_type(rows.flatten(0, 2)))))
            return said.tensor.unflatten(0, rows.shape[:3]).mean(2)

    class Messages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rounds = torch.nn.ModuleList([Round(0, 1, (8, 8)), Round(8, 8, (8, 8)), Round(8, 8, (0, 1))])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x - x.mean(1, keepdim=True)
            between = x.unsqueeze(1) - x.unsqueeze(2)
            s, z = x[..., :0], x
            for number, layer in enumerate(self.rounds):
                y = layer(s, z, between)
                if number == 1:
                    y = torch.cat([s, z], -1) + y
                s, z = (y, y) if number == 2 else (y[..., :8], y[..., 8:])
            return z

    return timed(Messages, d, batch, mode, points=points, centroid=False)


SIDES = {
    "ours": ours_case,
    "plain": plain_case,
    "vectors": vectors_case,
    "solver": solver_case,
    "average": average_case,
    "frame-averaging": frame_averaging_case,
    "signnet": signnet_case,
    "e3nn": e3nn_case,
    "escnn": escnn_case,
}
