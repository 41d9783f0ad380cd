"""The comparisons: which networks learn which material, from how many samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from haar.actions.representation import to_mandel
from haar.groups import octahedral
from haar.intertwiners import intertwiners
from haar.systems.constitutive.generators.elastic import CubicCrystal, NeoHookean, random_strains
from haar.systems.constitutive.generators.truss import (
    HEXAGON,
    LatticeCell,
    PlasticTruss,
    ZenerTruss,
    strain_paths,
)
from haar.systems.constitutive.history import HistoryLaw, SlidingElements, StandardMaterial, TensorGRU
from haar.systems.constitutive.hyperelastic import Hyperelastic
from haar.systems.constitutive.networks import LinearLaw, Perceptron, PlainGRU, TensorBasis, Zero
from haar.systems.constitutive.options import Trial
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry
from haar.systems.constitutive.tensor_network import TensorNetwork
from haar.systems.constitutive.trial import Contender, Data, compete

#: What contenders are called, in tables and claims.
ZERO, HOOKE, PLAIN, AUGMENTED, AVERAGED = "no stress", "Hooke's law", "plain", "plain, augmented", "plain, averaged"
AT_TEST = f"{PLAIN}, averaged at test time"
TENSOR, WRONG, BASIS, ENERGY = "tensor network", "tensor network, too large a group", "tensor basis", "invariant energy"
PRODUCTS, REGULAR = "tensor network, products", "regular features"
STANDARD, SLIDING = "standard material", "sliding elements"


def samples(
    law: Callable[..., Any], draw: Callable[[int, torch.Generator], Any], trial: Trial, count: int, seed: int
) -> tuple[Data, Data, Data]:
    """Training, validation (as many) and test samples."""
    source = torch.Generator().manual_seed(17 + 1000 * seed)
    with torch.no_grad():
        test = draw(trial.test, source)
        x = draw(2 * count, source)
        return (x[:count], law(x[:count])), (x[count:], law(x[count:])), (test, law(test))


def neo_hookean(trial: Trial, count: int, seed: int) -> dict[str, Any]:
    """An isotropic law in space, strains within a tenth."""
    law, material = NeoHookean(), material_symmetry("isotropic")
    parts = samples(law, lambda n, g: random_strains(n, 0.1, g), trial, count, seed)
    cube = material_symmetry(octahedral()).laws
    contenders = {
        **_classical(material),
        PLAIN: Contender(lambda g, _: Perceptron(6, 32, g)),
        AUGMENTED: Contender(lambda g, _: Perceptron(6, 32, g), augment=material.laws),
        AVERAGED: Contender(lambda g, _: Perceptron(6, 32, g), average=cube),
        TENSOR: Contender(lambda g, _: TensorNetwork(material, width=23, function="silu", generator=g)),
        BASIS: Contender(lambda g, data: TensorBasis(32, g, data[0] / _size(data[0]))),
        ENERGY: Contender(lambda g, data: _begun(material, 32, g, data)),
    }
    return compete(contenders, parts, material.laws, trial, seed)


def lattice(trial: Trial, count: int, seed: int) -> dict[str, Any]:
    """The square lattice, strains within a fifth: the right group, and one that is too large."""
    law, material = LatticeCell(), material_symmetry("plane D4")
    parts = samples(law, lambda n, g: random_strains(n, 0.2, g, dim=2), trial, count, seed)
    contenders = {
        **_classical(material),
        PLAIN: Contender(lambda g, _: Perceptron(3, 64, g), average_after=material.laws),
        AUGMENTED: Contender(lambda g, _: Perceptron(3, 64, g), augment=material.laws),
        AVERAGED: Contender(lambda g, _: Perceptron(3, 64, g), average=material.laws),
        TENSOR: Contender(lambda g, _: TensorNetwork(material, width=37, function="silu", generator=g)),
        WRONG: Contender(lambda g, _: TensorNetwork("plane O(2)", width=40, function="silu", generator=g)),
        ENERGY: Contender(lambda g, data: _begun(material, 64, g, data)),
    }
    return compete(contenders, parts, material.laws, trial, seed)


def hexagon(trial: Trial, count: int, seed: int) -> dict[str, Any]:
    """Three bars at 60 degrees: tensor features take them for isotropic."""
    material = material_symmetry("plane D6")
    law = LatticeCell(HEXAGON, "plane D6")
    parts = samples(law, lambda n, g: random_strains(n, 0.15, g, dim=2), trial, count, seed)

    def network(features: str, width: int) -> Contender:
        return Contender(
            lambda g, _: TensorNetwork(material, width=width, features=features, function="silu", generator=g)
        )

    contenders = {
        **_classical(material),
        PLAIN: Contender(lambda g, _: Perceptron(3, 32, g), average_after=material.laws),
        AVERAGED: Contender(lambda g, _: Perceptron(3, 32, g), average=material.laws),
        TENSOR: network("tensor", 16),
        PRODUCTS: network("bilinear", 12),
        REGULAR: network("regular", 16),
        ENERGY: Contender(lambda g, data: _begun(material, 32, g, data)),
    }
    return compete(contenders, parts, material.laws, trial, seed)


def plastic(trial: Trial, count: int, seed: int, increments: int) -> dict[str, Any]:
    """Paths of the elastoplastic truss."""
    return _paths(
        PlasticTruss(), 0.004, trial, count, seed, increments=increments, own={
            TENSOR: lambda g, _: TensorGRU("plane D4", width=16, generator=g),
            SLIDING: lambda g, _: SlidingElements("plane D4", units=6, generator=g),
        },
    )  # fmt: skip


def zener(trial: Trial, count: int, seed: int, increments: int) -> dict[str, Any]:
    """Paths of the viscous truss."""
    law = ZenerTruss()
    return _paths(
        law, 0.02, trial, count, seed, increments=increments, own={
            TENSOR: lambda g, _: TensorGRU("plane D4", width=16, generator=g),
            STANDARD: lambda g, _: StandardMaterial("plane D4", internal=2, units=12, generator=g),
        },
    )  # fmt: skip


def _paths(
    law: HistoryLaw, size: float, trial: Trial, count: int, seed: int, *, increments: int,
    own: Mapping[str, Callable[[torch.Generator, Data], nn.Module]],
) -> dict[str, Any]:  # fmt: skip
    material = law.material
    parts = samples(law, lambda n, g: strain_paths(n, increments, size, g), trial, count, seed)
    contenders = {
        **_classical(material),
        PLAIN: Contender(lambda g, _: PlainGRU(3, 20, g), average_after=material.laws),
        AVERAGED: Contender(lambda g, _: PlainGRU(3, 20, g), average=material.laws),
        **{name: Contender(make) for name, make in own.items()},
    }
    return compete(contenders, parts, material.laws, trial, seed)


def orientations(trial: Trial, count: int, seed: int) -> dict[str, Any]:
    """A cubic crystal pulled along directions near one edge of its cube; tested in all directions equal to them."""
    law = CubicCrystal()
    material = law.material

    train, validation, _ = samples(law, _pulled, trial, count, seed)
    source = torch.Generator().manual_seed(23 + 1000 * seed)
    x = _pulled(trial.test, source)
    moved = material.tensors.act(material.group.sample(len(x), source), x)
    test = (moved, law(moved))
    contenders = {
        **_classical(material),
        PLAIN: Contender(lambda g, _: Perceptron(6, 32, g), average_after=material.laws),
        AUGMENTED: Contender(lambda g, _: Perceptron(6, 32, g), augment=material.laws),
        AVERAGED: Contender(lambda g, _: Perceptron(6, 32, g), average=material.laws),
        ENERGY: Contender(lambda g, data: _begun(material, 32, g, data)),
    }
    return compete(contenders, (train, validation, test), material.laws, trial, seed)


def _pulled(count: int, generator: torch.Generator) -> torch.Tensor:
    """Strains of bars pulled along directions within 20 degrees of the first axis, with some noise."""
    size = 0.02 + 0.08 * torch.rand(count, dtype=torch.float64, generator=generator)
    tilt = math.radians(20) * torch.rand(count, dtype=torch.float64, generator=generator).sqrt()
    around = 2 * math.pi * torch.rand(count, dtype=torch.float64, generator=generator)
    n = torch.stack([tilt.cos(), tilt.sin() * around.cos(), tilt.sin() * around.sin()], -1)
    E = size[:, None, None] * (1.3 * n[:, :, None] * n[:, None, :] - 0.3 * torch.eye(3, dtype=torch.float64))
    return to_mandel(E) + 0.005 * torch.randn(count, 6, dtype=torch.float64, generator=generator)


def _begun(material: MaterialSymmetry, width: int, generator: torch.Generator, data: Data) -> Hyperelastic:
    """An energy of invariants with its polynomial part fitted, in units of the data."""
    law = Hyperelastic(material, width=width, generator=generator)
    law.begin(*(one / _size(one) for one in data))
    return law


def _size(values: torch.Tensor) -> torch.Tensor:
    return values.square().mean().sqrt()


def _classical(material: MaterialSymmetry) -> dict[str, Contender]:
    S = material.tensors
    return {
        ZERO: Contender(lambda *_: Zero(), fitted=True),
        HOOKE: Contender(lambda _, data: LinearLaw(intertwiners(S, S).basis(), *data), fitted=True),
    }
