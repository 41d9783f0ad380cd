"""One example of every module on the faces, with default arguments: what it is called with, and what it promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

import haar.average
import haar.nn
import haar.nn.basis
import haar.nn.frames
import haar.nn.spectral
import haar.relax
import haar.saddle
from haar.actions import Defining, Mandel, Regular, Symmetry, Trivial, Vector
from haar.groups import SO, cyclic, dihedral, symmetric

F64 = torch.float64
FACES = (haar.nn, haar.nn.basis, haar.nn.frames, haar.nn.spectral, haar.average, haar.relax, haar.saddle)
#: Promised to none: what takes functions, cannot be made by itself, or is only inherited from.
BARE = {"Conditions", "EquivariantModule", "HomotopyLayer", "Multipliers"}
#: What a module does not promise, and why; one that does after all fails its test.
NOT = {
    "half": dict.fromkeys(
        ("PCAFrame", "WeightedFrame"), "principal axes of rounded points are not those of the points: refused by name"
    ),
    "export": {
        "PCAFrame": "a graph cannot warn: the default is refused, and names the way out",
        "WeightedFrame": "clouds that do not span space are refused, by their values",
    },
    "vmap": dict.fromkeys(("PCAFrame", "WeightedFrame"), "clouds are checked, by their values"),
    "forward mode": {"PCAFrame": "the frame is a constant unless differentiable=True"},
}


@dataclass(frozen=True)
class Example:
    """How a module is made and called."""

    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    more: tuple[Any, ...] = field(default=())

    def inputs(self, seed: int = 0) -> tuple[Any, ...]:
        generator = torch.Generator().manual_seed(seed)
        return (*(torch.randn(*shape, generator=generator, dtype=F64) for shape in self.shapes), *self.more)


D4, C4, S3 = dihedral(4), cyclic(4), symmetric(3)
REGULAR, TURNED, SPACE = 2 * Regular(D4), Defining(C4), Defining(SO(3))
VECTORS = Symmetry(C4, Vector(TURNED), Vector(TURNED))
WIDE = haar.nn.basis.coordinates(2, domain=(-9, 9))
EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


def _net(width: int = 2, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, width)).double().eval()


class Branched(nn.Module):
    """An equivariant part, and a side branch that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.side = haar.relax.SideBranch(_net())

    def forward(self, x: Tensor) -> Tensor:
        return self.side(x * x.norm(dim=-1, keepdim=True), x)


def _soft() -> nn.Module:
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    return haar.average.soft(_net(), VECTORS, [(x, x)], draws=20)


def _rollout() -> nn.Module:
    model = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=F64)
    return haar.average.Rollout(model, Symmetry.of_fields(D4, "p"))


def _fitted_pca() -> nn.Module:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([4.0, 2.0, 0.5])
    return haar.nn.PCALayer(2).fit(x)


ON_CHANNELS, ON_GRID = ((5, 16),), ((2, 16, 4, 4),)
EXAMPLES = {
    "BatchNorm": Example(lambda: haar.nn.BatchNorm(REGULAR), ON_CHANNELS),
    "Bilinear": Example(lambda: haar.nn.Bilinear(SPACE, SPACE, SPACE), ((5, 3), (5, 3))),
    "Conv": Example(lambda: haar.nn.Conv(Trivial(D4), REGULAR, 3), ((2, 1, 5, 5),)),
    "Dropout": Example(lambda: haar.nn.Dropout(REGULAR), ON_CHANNELS),
    "EigenvalueFilters": Example(
        lambda: haar.nn.EigenvalueFilters(4), ((5, 3),), (torch.tensor([0.0, 1.0, 2.0], dtype=F64),)
    ),
    "Gated": Example(lambda: haar.nn.Gated(Trivial(SPACE.group, 2) + SPACE), ((5, 6),)),
    "GlobalPool": Example(lambda: haar.nn.GlobalPool(REGULAR), ON_GRID),
    "GramMap": Example(haar.nn.GramMap, ((2, 5, 3),)),
    "GroupNorm": Example(lambda: haar.nn.GroupNorm(2, REGULAR), ON_CHANNELS),
    "Invariants": Example(lambda: haar.nn.Invariants(REGULAR), ON_CHANNELS),
    "KKAN": Example(lambda: haar.nn.KKAN(WIDE, inner=(8, 2), mixing=4), ((5, 2),)),
    "LayerNorm": Example(lambda: haar.nn.LayerNorm(REGULAR), ON_CHANNELS),
    "Linear": Example(lambda: haar.nn.Linear(REGULAR, REGULAR), ON_CHANNELS),
    "NormNonlinearity": Example(lambda: haar.nn.NormNonlinearity(2 * SPACE), ((5, 6),)),
    "Odd": Example(lambda: haar.nn.Odd(2 * TURNED), ((5, 4),)),
    "OuterBlock": Example(lambda: haar.nn.basis.OuterBlock(4, 2, "sine", 3), ((4, 5),)),
    "OrbitPool": Example(lambda: haar.nn.OrbitPool(REGULAR), ON_CHANNELS),
    "PCAFrame": Example(lambda: haar.nn.PCAFrame(haar.nn.SignDeepSets(3, hidden=8)), ((2, 6, 3),)),
    "PCALayer": Example(_fitted_pca, ((5, 3),)),
    "Pointwise": Example(lambda: haar.nn.Pointwise(REGULAR), ON_CHANNELS),
    "Pool": Example(lambda: haar.nn.Pool(REGULAR, 2), ON_GRID),
    "ResidualAttention": Example(lambda: haar.nn.ResidualAttention(5), ((3,),), (torch.tensor([0, 2, 4]),)),
    "RMSNorm": Example(lambda: haar.nn.RMSNorm(REGULAR), ON_CHANNELS),
    "SelfAttention": Example(lambda: haar.nn.SelfAttention(Defining(S3), 4), ((2, 3, 4),)),
    "Sequential": Example(
        lambda: haar.nn.Sequential(haar.nn.Linear(REGULAR, REGULAR), haar.nn.Pointwise(REGULAR)), ON_CHANNELS
    ),
    "SignAttention": Example(lambda: haar.nn.SignAttention(3, hidden=8), ((2, 5, 3),)),
    "SignCharacters": Example(
        lambda: haar.nn.SignCharacters(
            haar.nn.spectral.column_characters(3), haar.nn.spectral.pseudovector_characters(3)
        ),
        ((2, 6, 3),),
    ),
    "SignDeepSets": Example(lambda: haar.nn.SignDeepSets(3, hidden=8), ((2, 5, 3),)),
    "SignGate": Example(lambda: haar.nn.SignGate(3, hidden=8), ((5, 3),)),
    "SignMLP": Example(lambda: haar.nn.SignMLP(3, hidden=8), ((5, 3),)),
    "SignMessagePassing": Example(lambda: haar.nn.SignMessagePassing(3, hidden=8, layers=1), ((2, 5, 3),)),
    "SignNet": Example(lambda: haar.nn.SignNet(3, 4, hidden=8, on="set"), ((2, 5, 3),)),
    "SignProduct": Example(lambda: haar.nn.SignProduct(5, 3, 2, hidden=8), ((2, 5, 3),)),
    "SoftPCALayer": Example(lambda: haar.nn.SoftPCALayer(3, 2), ((5, 3),)),
    "TensorFunction": Example(lambda: haar.nn.TensorFunction(2 * Mandel(SPACE)), ((5, 12),)),
    "TensorSquare": Example(lambda: haar.nn.TensorSquare(2 * SPACE, SPACE), ((5, 6),)),
    "Upsample": Example(lambda: haar.nn.Upsample(REGULAR, 2), ON_GRID),
    "WeightedFrame": Example(lambda: haar.nn.WeightedFrame(haar.nn.GramMap()), ((2, 5, 3),)),
    "ColumnLinear": Example(lambda: haar.nn.spectral.ColumnLinear(3, 5, 2), ((2, 5, 3),)),
    "GraphConvolution": Example(lambda: haar.nn.spectral.GraphConvolution(2, 3), ((3, 2),), (EDGES,)),
    "PairScore": Example(lambda: haar.nn.spectral.PairScore(3, hidden=8), ((5, 3), (5, 3))),
    "PearlEncoding": Example(lambda: haar.nn.spectral.PearlEncoding(2, filters=3, hidden=8), ((3, 4),), (EDGES,)),
    "Perceptron": Example(lambda: haar.nn.spectral.Perceptron((3, 8, 2)), ((5, 3),)),
    "SignRMSNorm": Example(haar.nn.spectral.SignRMSNorm, ((5, 3),)),
    "AgainstDensity": Example(
        lambda: haar.average.AgainstDensity(_net(), *haar.average.scalings(0.3, nodes=3)), ((5, 2),)
    ),
    "Anytime": Example(lambda: haar.average.anytime(_net(), VECTORS), ((5, 2),)),
    "Averaged": Example(lambda: haar.average.average(_net(), VECTORS), ((5, 2),)),
    "Rollout": Example(_rollout, ((2, 1, 4, 4),), (2,)),
    "SoftAverage": Example(_soft, ((5, 2),)),
    "FunctionAverage": Example(
        lambda: haar.saddle.FunctionAverage(_net(), [_net(seed=seed).state_dict() for seed in (0, 1, 2)]), ((5, 2),)
    ),
    "Homotopy": Example(lambda: haar.relax.homotopise(_net(), VECTORS), ((5, 2),)),
    "SideBranch": Example(lambda: haar.relax.SideBranch(_net()), ((5, 2), (5, 2))),
}


def public_modules() -> dict[str, type[nn.Module]]:
    """Every module class on the faces, by name."""
    named = {name: getattr(face, name) for face in FACES for name in face.__all__}
    return {name: kind for name, kind in named.items() if isinstance(kind, type) and issubclass(kind, nn.Module)}
