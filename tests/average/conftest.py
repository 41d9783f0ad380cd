"""Small models and symmetries on which every kind of average is tried; `plain_loop` is shared by import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, FieldSpec, Layout, Points, Symmetry, Vector, field_representation
from haar.average import micro_batch
from haar.groups import (
    cyclic,
    dihedral,
    grid_group,
    hyperoctahedral,
    octahedral,
    product,
    reflections,
    shifts,
    sign,
    symmetric,
)

sys.path.insert(0, str(Path(__file__).parent))


class Case(NamedTuple):
    """A model without any symmetry of its own, a symmetry, and inputs that fit."""

    model: nn.Module
    symmetry: Symmetry
    args: tuple[torch.Tensor, ...]


def perceptron(n_in: int, n_out: int, dtype: torch.dtype) -> nn.Module:
    return nn.Sequential(nn.Linear(n_in, 12), nn.Tanh(), nn.Linear(12, n_out)).to(dtype)


def convolutions(n_in: int, n_out: int, dim: int, dtype: torch.dtype) -> nn.Module:
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dim - 1]
    layers = [kind(n_in, 6, 3, padding=1), nn.Tanh(), kind(6, n_out, 3, padding=1)]
    return nn.Sequential(*layers).to(dtype)


class Flat(nn.Module):
    """A perceptron on all of a sample's numbers."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__()
        n = int(torch.tensor(shape).prod())
        self.net, self.shape = perceptron(n, n, dtype), shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x.flatten(1)).unflatten(1, self.shape)


def _vector(group):
    def build(dtype, batch):
        action = Vector(Defining(group))
        d = action.rep.dim
        return Case(perceptron(d, d, dtype), Symmetry(group, action, action), (torch.randn(batch, d, dtype=dtype),))

    return build


def _field(group, space, fields, history=1, **options):
    def build(dtype, batch):
        symmetry = Symmetry.of_fields(group, fields, history=history, **options)
        n_in, n_out = symmetry.inputs[0].rep.dim, symmetry.outputs.rep.dim
        if options.get("channels") == "last":
            shape = (*space, n_in)
            return Case(Flat(shape, dtype), symmetry, (torch.randn(batch, *shape, dtype=dtype),))
        model = convolutions(n_in, n_out, len(space), dtype)
        return Case(model, symmetry, (torch.randn(batch, n_in, *space, dtype=dtype),))

    return build


def _product(dtype, batch):
    group = product(dihedral(3), sign(2))
    turn, flip = (Defining(factor).pull_back(group, k) for k, factor in enumerate(group.factors))
    action = Vector(turn + flip)
    return Case(perceptron(4, 4, dtype), Symmetry(group, action, action), (torch.randn(batch, 4, dtype=dtype),))


def _sign_of_tracer(dtype, batch):
    group = product(dihedral(4), sign(1))
    layout = Layout((FieldSpec("s"), FieldSpec("u", 1)))
    flip = Defining(group.factors[1]).pull_back(group, 1)
    action = Field(field_representation(layout, group, internal={"s": flip}))
    return Case(
        convolutions(3, 3, 2, dtype), Symmetry(group, action, action), (torch.randn(batch, 3, 4, 4, dtype=dtype),)
    )


def _points(dtype, batch):
    group = product(cyclic(3), symmetric(3))
    turn, relabel = (Defining(factor).pull_back(group, k) for k, factor in enumerate(group.factors))
    action = Points(rotation=turn, relabelling=relabel)
    return Case(Flat((3, 2), dtype), Symmetry(group, action, action), (torch.randn(batch, 3, 2, dtype=dtype),))


BUILDERS: dict[str, Callable[[torch.dtype, int], Case]] = {
    "C5 on vectors": _vector(cyclic(5)),
    "D3 on vectors": _vector(dihedral(3)),
    "B3 on vectors": _vector(hyperoctahedral(3)),
    "S4 on vectors": _vector(symmetric(4)),
    "D3 x signs on vectors": _product,
    "C3 x S3 on points": _points,
    "reflections of a line": _field(reflections(1), (6,), "p, u:vector"),
    "D2 on a rectangle": _field(reflections(2), (4, 6), "p, u:vector, w:pseudoscalar"),
    "D4 with history and constants": _field(dihedral(4), (6, 6), "p, u:vector, k:scalar:constant", history=2),
    "D4 on nodes": _field(dihedral(4), (5, 5), "s:tensor", centring="node"),
    "D4 channels last": _field(dihedral(4), (4, 4), "u:vector", channels="last"),
    "D4 x tracer sign": _sign_of_tracer,
    "D4 with shifts": _field(grid_group(dihedral(4), (6, 6), step=3), (6, 6), "p, u:vector"),
    "shifts of a rectangle": _field(shifts((4, 6), step=2), (4, 6), "p"),
    "O on a cube": _field(octahedral(), (3, 3, 3), "b:pseudovector"),
}


@pytest.fixture(scope="session")
def case() -> Callable[..., Case]:
    """Build a case from its name, with seeded weights and inputs."""

    def build(name: str, dtype: torch.dtype = torch.float64, batch: int = 3, seed: int = 0) -> Case:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return BUILDERS[name](dtype, batch)

    return build


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a `name` on every case."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", list(BUILDERS))


@pytest.fixture(autouse=True)
def quick_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time every micro-batch once: which one wins does not matter to what it computes."""
    monkeypatch.setattr(micro_batch, "_LONG", 0.0)
