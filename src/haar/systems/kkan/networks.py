"""The networks that are compared: KKAN, and what it must beat, all of about one size."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Defining
from haar.groups import symmetric
from haar.nn import KKAN
from haar.nn.basis import OuterBlock

#: Widths of random frequencies, and first frequencies of sine networks, among which a user would have to choose.
FREQUENCIES, FIRST_FREQUENCIES = (1, 2, 4), (15, 30)
_FEATURES, _LAYERS = 32, 4
#: Layers and degree of the Chebyshev network of the paper's comparison.
_CHEBYSHEV_WIDTH, _CHEBYSHEV_DEGREE = 24, 5
#: What the outer block's rate is of the others', in the authors' scripts.
_OUTER_RATE = 0.2


class FourierFeatures(nn.Module):
    """``[sin(pi x B), cos(pi x B)]`` with frequencies B drawn once."""

    frequencies: Tensor

    def __init__(self, width: float | int, features: int = _FEATURES, inputs: int = 2) -> None:
        super().__init__()
        self.register_buffer("frequencies", width * torch.randn(inputs, features))

    def forward(self, x: Tensor) -> Tensor:
        """The features."""
        angles = torch.pi * x @ self.frequencies
        return torch.cat([angles.sin(), angles.cos()], -1)


class Sine(nn.Module):
    """A sine network: every layer's sine, the first of a higher frequency; initial weights as its authors draw them."""

    def __init__(self, width: int, first: float | int, inputs: int = 2) -> None:
        super().__init__()
        self.first = first
        sizes = [inputs, *[width] * _LAYERS]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.last = nn.Linear(width, 1)
        with torch.no_grad():
            for number, layer in enumerate([*self.layers, self.last]):
                bound = 1 / inputs if number == 0 else (6 / width) ** 0.5 / first
                layer.weight.uniform_(-bound, bound)  # type: ignore[operator,union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """The function."""
        for layer in self.layers:
            x = torch.sin(self.first * layer(x))
        found: Tensor = self.last(x)
        return found


class ChebyshevLayers(nn.Module):
    """Stacked layers of univariate Chebyshev expansions of ``tanh x``: the paper's cKAN."""

    def __init__(self, sizes: tuple[int, ...], degree: int) -> None:
        super().__init__()
        pairs = itertools.pairwise(sizes)
        self.layers = nn.ModuleList(OuterBlock(a, b, "chebyshev", degree) for a, b in pairs)
        with torch.no_grad():
            for layer, size in zip(self.layers, sizes, strict=False):
                layer.weight.normal_(0, 1 / (size * (degree + 1)))  # type: ignore[operator,union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """The function."""
        x = x.t()
        for layer in self.layers:
            x = layer(x)
        return x.t()


def perceptron(width: int, inputs: int = 2) -> nn.Sequential:
    """Four layers of tanh; Glorot's normal weights, no bias at first."""
    sizes = [inputs, *[width] * _LAYERS]
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.Tanh()]
    layers.append(nn.Linear(width, 1))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def on_features(width: int, frequency: float | int, inputs: int = 2) -> nn.Sequential:
    """A perceptron on random Fourier features."""
    features = FourierFeatures(frequency, inputs=inputs)
    return nn.Sequential(features, perceptron(width - 3, 2 * _FEATURES))


def kkan(sizes: tuple[int, int, int], inputs: int = 2) -> KKAN:
    """A plain KKAN."""
    return KKAN(inputs, inner=sizes[:2], mixing=sizes[2])


def shared(sizes: tuple[int, int, int]) -> KKAN:
    """One that is invariant under an exchange of its two coordinates."""
    group = symmetric(2)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    return KKAN.for_symmetry(symmetry, inner=sizes[:2], mixing=sizes[2])


def made(sizes: tuple[int, int, int], width: int) -> dict[str, Callable[[], nn.Module]]:
    """All networks of the comparison, by name."""
    found: dict[str, Callable[[], nn.Module]] = {
        "KKAN": lambda: kkan(sizes),
        "perceptron": lambda: perceptron(width),
        "cKAN": lambda: ChebyshevLayers((2, _CHEBYSHEV_WIDTH, _CHEBYSHEV_WIDTH, 1), _CHEBYSHEV_DEGREE),
    }
    for frequency in FREQUENCIES:
        found[f"Fourier features {frequency}"] = partial(on_features, width, frequency)
    for first in FIRST_FREQUENCIES:
        found[f"SIREN {first}"] = partial(Sine, width, first)
    return found


def optimizer_of(model: nn.Module) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    """Adam, slower in a KKAN's outer block."""
    slow = {id(p) for p in model.outer.parameters()} if isinstance(model, KKAN) else set()

    def adam(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        rate = 1e-3
        groups = [
            {"params": [p for p in parameters if id(p) not in slow], "lr": rate},
            {"params": [p for p in parameters if id(p) in slow], "lr": _OUTER_RATE * rate},
        ]
        return torch.optim.Adam([group for group in groups if group["params"]], lr=rate)

    return adam
