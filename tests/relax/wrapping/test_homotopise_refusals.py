"""What is not known is refused by name, and what is taken all the same."""

from __future__ import annotations

import pytest
import torch
from relax_networks import R4, perceptron, worst
from relax_worlds import C4
from relax_worlds import SYMMETRY as VECTORS
from torch import nn

from haar.actions import Defining, Symmetry, Trivial, Vector
from haar.actions.representation import representation_from_generators
from haar.errors import ArgumentError, HaarError, NotEquivariantError
from haar.groups import SO, cyclic
from haar.relax import homotopise

C2, TURNS = cyclic(2), SO(3)


class Calls(nn.Module):
    """A linear layer, and a step behind it."""

    def __init__(self, step):
        super().__init__()
        self.layer, self.step, self.own = nn.Linear(8, 8), step, nn.Parameter(torch.ones(8))

    def forward(self, x):
        return self.step(self.layer(x), self.own)


class Asks(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x


WORDS = Symmetry(C4, Vector(2 * R4), Vector(2 * R4))
REFUSED = {
    "recurrent": (lambda: nn.GRU(8, 8), WORDS, {}, r"\(GRU\)"),
    "weight norm": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        WORDS,
        {},
        r"\(ParametrizedLinear\)",
    ),
    "bare product": (lambda: Calls(lambda h, w: h @ torch.diag(w)), WORDS, {}, "got matmul"),
    "order": (lambda: Calls(lambda h, _: h.flip(-1)), WORDS, {}, "got flip"),
    "places": (lambda: Calls(lambda h, _: h[..., [1, 0, 2, 3, 4, 5, 6, 7]]), WORDS, {}, "some of the channels"),
    "batch": (lambda: Calls(lambda h, _: h - h.mean(0, keepdim=True)), WORDS, {}, "over the batch"),
    "data": (Asks, WORDS, {}, "expected a module whose run can be followed, got Asks, with .* a branch"),
    "mixed norm": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 2)),
        VECTORS,
        {"layers": {"0": (3 * Defining(C4), R4 + 2 * Defining(C4))}},
        r"'1' \(LayerNorm\): the mean over regular \+ 2 defining moves; use nn.RMSNorm",
    ),
    "odd function wanted": (
        lambda: nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2)),
        VECTORS,
        {"hidden": lambda width: (width // 2) * Defining(C4)},
        r"'1' \(ReLU\): 3 defining changes signs",
    ),
    "no hidden": (
        lambda: nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 3)),
        Symmetry(TURNS, Vector(Defining(TURNS)), Vector(Defining(TURNS))),
        {},
        "hidden: expected representations for hidden layers",
    ),
    "narrow": (
        lambda: nn.Sequential(nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 2)),
        VECTORS,
        {},
        "every one from 3 defining to 3 trivial is zero; make hidden layers at least 4 wide",
    ),
    "shared differently": (
        lambda: Calls(lambda h, _: h),
        Symmetry(C4, Vector(2 * R4), Vector(R4 + Trivial(C4, 4))),
        {"layers": {"layer": (2 * R4, 2 * R4)}},
        r"the output: 2 regular meets regular \+ 4 trivial",
    ),
    "unknown layer": (perceptron, VECTORS, {"layers": {"9": (R4, R4)}}, "layers: expected layers among .*, got '9'"),
    "mode": (perceptron, VECTORS, {"mode": "soft"}, "mode: expected 'weight', 'branches' or 'function', got 'soft'"),
    "chain": (perceptron, VECTORS, {"chain": [C4.subgroup([1])]}, "chain: expected C4 > ... > 1"),
    "no module": (lambda: torch.sin, VECTORS, {}, "model: expected a torch.nn.Module"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_by_name(name):
    build, symmetry, options, message = REFUSED[name]
    example = {} if name == "data" or symmetry is not WORDS else {"example": torch.randn(3, 8)}
    with pytest.raises(HaarError, match=message):
        homotopise(build(), symmetry, **example, **options)


@pytest.mark.parametrize("name", ["recurrent", "order", "data"])
def test_mode_function_takes_what_is_refused(name):
    build, symmetry, *_ = REFUSED[name]
    module = build()
    if name == "recurrent":
        module = Calls(lambda h, w: torch.cumsum(h * w, 1))
    model = homotopise(module, symmetry, mode="function", example=torch.randn(3, 5, 8)).double()
    with model.at(0.0):
        assert worst(model, symmetry, (torch.randn(3, 5, 8),)) < 1e-10


def test_representations_that_are_not_orthogonal_are_refused_or_changed():
    shear = torch.tensor([[1.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    with pytest.raises(ArgumentError, match=r"expected orthogonal matrices.*pass orthogonalise=True"):
        representation_from_generators(C2, [shear])
    rep = representation_from_generators(C2, [shear], orthogonalise=True)
    model = homotopise(nn.Linear(2, 2).double(), Symmetry(C2, Vector(rep), Vector(rep)))
    with model.at(0.0):
        assert worst(model, model.symmetry, (torch.randn(3, 2),)) < 1e-10


def test_a_module_that_cannot_be_traced_needs_every_layer_named():
    model = homotopise(Asks(), WORDS, layers={"layer": (2 * R4, 2 * R4)}).double()
    with model.at(0.0):
        assert worst(model, WORDS, (torch.randn(4, 8),)) < 1e-10
    with pytest.raises(NotEquivariantError, match=r"first broken by 'layer' \(HomotopyLinear\)|what follows"):
        homotopise(Asks(), Symmetry(C4, Vector(2 * R4), Vector(8 * Trivial(C4))), layers={"layer": (2 * R4, 2 * R4)})


class Drifting(Trivial):
    """Wrong at one element alone."""

    def act(self, g, x):
        return super().act(g, x) * torch.where(g == 3, -1, 1)[..., None]


def test_named_representations_are_homomorphisms():
    with pytest.raises(ArgumentError, match="layers: expected a homomorphism"):
        homotopise(Asks(), WORDS, layers={"layer": (2 * R4, Drifting(C4, 8))})
