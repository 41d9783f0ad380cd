"""Wrapping networks: the user's own at gamma = 1, equivariant at gamma = 0, or refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, Invariant, Points, Regular, Space, Symmetry, Trivial, Vector
from haar.actions.representation import representation_from_generators
from haar.errors import ArgumentError, HaarError, NotEquivariantError, ShapeError
from haar.groups import SO, cyclic, dihedral, octahedral, reflections, symmetric
from haar.relax import enforce, homotopise, relax

C2, C4, D4, S3, TURNS = cyclic(2), cyclic(4), dihedral(4), symmetric(3), SO(3)
R4 = Regular(C4)
VECTORS = Symmetry(C4, Vector(3 * Defining(C4)), Vector(Defining(C4)))
CHANNELS = Symmetry(C4, Vector(2 * R4), Vector(2 * R4))


def images(group, channels, out):
    return Symmetry(group, Field(Trivial(group, channels)), Field(Trivial(group, out)))


class Residual(nn.Module):
    """What image classifiers are made of: shared and in-place activations, norms, a sum of two branches, a mean."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.pool, self.drop, self.last = nn.MaxPool2d(2), nn.Dropout(0.1), nn.Linear(8, 5)

    def forward(self, x):
        h = self.act(self.first(x))
        h = h + self.act(self.norm(self.second(h)))
        return self.last(self.drop(self.pool(h)).mean((2, 3)))


class Twice(nn.Module):
    """One layer under two names, used three times."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(8, 8)
        self.other = self.one

    def forward(self, x):
        return self.one(torch.relu_(self.other(x).relu_() + x.relu())) + self.one(x)


class Text(nn.Module):
    """An embedding of symbols that do not move, into channels that do."""

    def __init__(self):
        super().__init__()
        self.table, self.mix = nn.Embedding(7, 8), nn.Linear(8, 8)

    def forward(self, x, symbols):
        return self.mix(torch.tanh(self.table(symbols) + x))


def perceptron():
    return nn.Sequential(nn.Linear(6, 10), nn.SiLU(), nn.LayerNorm(10), nn.Linear(10, 8), nn.GELU(), nn.Linear(8, 2))


def sequence():
    return nn.Sequential(nn.Conv1d(1, 4, 5, padding=2, padding_mode="circular"), nn.PReLU(4), nn.Conv1d(4, 2, 3))


def volume():
    return nn.Sequential(
        nn.Conv3d(1, 24, 3, padding=1), nn.ELU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, 3)
    )


def flat():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.GroupNorm(8, 8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 4)
    )


O, E1 = octahedral(), reflections(1)
CASES = {
    "perceptron": (perceptron, VECTORS, lambda: torch.randn(5, 6)),
    "residual": (Residual, Symmetry(D4, Field(Space(D4)), Invariant(D4)), lambda: torch.randn(3, 2, 8, 8)),
    "one layer": (lambda: nn.Linear(8, 8, bias=False), CHANNELS, lambda: torch.randn(5, 8)),
    "shared": (Twice, CHANNELS, lambda: torch.randn(5, 8)),
    "text": (
        Text,
        Symmetry(C4, (Vector(2 * R4), Invariant(C4)), Vector(2 * R4)),
        lambda: (torch.randn(5, 8), torch.arange(5)),
    ),
    "sequence": (sequence, Symmetry(E1, Field(Trivial(E1)), Field(Trivial(E1, 2))), lambda: torch.randn(3, 1, 9)),
    "volume": (volume, Symmetry(O, Field(Trivial(O)), Invariant(O)), lambda: torch.randn(2, 1, 4, 4, 4)),
    "flat": (flat, Symmetry(C4, Field(Trivial(C4)), Invariant(C4)), lambda: torch.randn(3, 1, 8, 8)),
    "points": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)),
        Symmetry(S3, Points(rotation=Trivial(S3, 2), relabelling=Defining(S3)), Vector(Defining(S3))),
        lambda: torch.randn(4, 3, 2),
    ),
}


def made(name, **options):
    build, symmetry, inputs = CASES[name]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        plain = build()
        x = inputs()
    x = x if isinstance(x, tuple) else (x,)
    return plain, homotopise(plain, symmetry, example=x, **options), x


def double(x):
    return tuple(part.double() if part.is_floating_point() else part for part in x)


def worst(model, symmetry, x):
    """The largest difference between f(g x) and g f(x) over the whole group, relative."""
    with torch.no_grad():
        y = model(*double(x))
        wrong = [
            (model(*symmetry.act_inputs(g, double(x))) - symmetry.act_outputs(g, y)).abs().max()
            for g in symmetry.group.elements()
        ]
    return float(torch.stack(wrong).max() / y.abs().max())


@pytest.mark.parametrize("name", CASES)
def test_both_ends_are_what_they_are_called(name):
    plain, model, x = made(name)
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    with torch.no_grad():
        plain.eval()
        assert torch.allclose(model.eval()(*x), plain(*x), rtol=0, atol=1e-6 * float(plain(*x).abs().max()))
    model.double()
    assert worst(model, model.symmetry, x) > 1e-3  # gamma = 1: the user's own
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())
    exported = model.export(0.0)
    assert not any("haar" in type(part).__module__ for part in exported.modules())
    with torch.no_grad(), model.at(0.0):
        assert torch.equal(model(*double(x)), exported(*double(x)))
    with torch.no_grad(), model.at(0.3):
        assert torch.equal(model(*double(x)), model.export(0.3)(*double(x)))


@pytest.mark.parametrize("name", ["perceptron", "residual"])
def test_branches_are_equivariant_at_zero_and_of_one_size(name):
    _, model, x = made(name, mode="branches")
    model.double().eval()
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10
    assert worst(model, model.symmetry, x) > 1e-3
    for key, layer in model.layers.items():
        if hasattr(layer, "free"):
            own, beside = layer.equivariant_weight().detach(), layer.free_weight().detach()
            assert beside.norm().item() == pytest.approx(own.norm().item(), rel=1e-5), key
            assert layer.project(beside).norm() < 1e-6


@pytest.mark.parametrize("name", ["perceptron", "residual"])
def test_the_defect_of_a_function_is_gamma_times_its_own(name):
    _, model, x = made(name, mode="function")
    model.double().eval()
    symmetry = model.symmetry

    def defects():
        with torch.no_grad():
            y = model(*double(x))
            acted = [symmetry.act_outputs(g, y) for g in symmetry.group.elements()]
            moved = [model(*symmetry.act_inputs(g, double(x))) for g in symmetry.group.elements()]
        return torch.stack(moved) - torch.stack(acted)

    own = defects()
    for gamma in (0.0, 0.25, -2.0):
        with model.at(gamma):
            assert torch.allclose(defects(), gamma * own, rtol=0, atol=1e-12)
    with torch.no_grad():
        assert torch.equal(model(*double(x)), model.export(1.0)(*double(x)))


def test_in_training_batch_norm_and_gradients_are_the_users_at_gamma_one():
    plain, model, x = made("residual")
    plain.drop.p = model.model.drop.p = 0.0
    for one in (plain.double(), model.double()):
        one.train()
        one(*double(x)).square().sum().backward()
    assert model.layers["norm"].running_mean == pytest.approx(plain.norm.running_mean, abs=1e-12)
    assert model.layers["norm"].running_var == pytest.approx(plain.norm.running_var, abs=1e-12)
    assert model.layers["last"].weight.grad == pytest.approx(plain.last.weight.grad, abs=1e-10)


def test_statistics_at_gamma_zero_are_shared_along_orbits_in_training_too():
    _, model, x = made("residual")
    model.double().train()
    model.model.drop.p = 0.0
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10


def test_gammas_along_a_chain_open_one_group_after_the_other():
    _, model, x = made("perceptron", chain=[C4.subgroup([2])])
    model.double()
    x = double(x)
    half = model.symmetry.restrict(C4.subgroup([2]))
    assert all(gamma.shape == (2,) for gamma in model.gammas().values())
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10
    with model.at(torch.tensor([1.0, 0.0])):  # free of C4, still C2
        assert worst(model, half, x) < 1e-10
        assert worst(model, model.symmetry, x) > 1e-3
    plain, whole, _ = made("perceptron", chain="auto")
    with torch.no_grad():
        assert torch.allclose(whole(*made("perceptron")[2]), plain(*made("perceptron")[2]), rtol=0, atol=1e-6)
    layer = model.layers["0"]
    W, nested = layer.weight, [space(layer.weight) for space in layer._symmetry.spaces["weight"]]
    gamma = torch.tensor([0.7, -0.2], dtype=torch.float64)
    with model.at(gamma), torch.no_grad():
        kappa = 1 + (layer.kappa - 1) * (1 - (layer.share * gamma).sum())
        expected = kappa * nested[0] + 0.7 * (nested[1] - nested[0]) - 0.2 * (W - nested[1])
        assert torch.allclose(layer.effective_weight(), expected, rtol=0, atol=1e-12)


def test_kappa_keeps_the_scale_and_is_bounded():
    _, model, _ = made("perceptron")
    for layer in (layer for layer in model.layers.values() if layer.scaled):
        assert 1 < layer.kappa <= 2
        if layer.kappa < 2 - 1e-6:
            own, whole = layer.equivariant_weight().detach(), layer.weight.detach()
            assert own.norm().item() == pytest.approx(whole.norm().item(), rel=1e-5)
    _, without, _ = made("perceptron", kappa=False)
    assert all(layer.kappa == 1 for layer in without.layers.values())


def test_evaluation_at_a_gamma_leaves_what_is_trained_alone():
    _, model, x = made("perceptron")
    model.train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        before = model(*x)
        with model.at({"0": 0.0}), model.at(0.5):
            assert not torch.equal(model(*x), before)
        assert torch.equal(model(*x), before)
    with pytest.raises(RuntimeError, match="stop"), model.at(0.0):
        raise RuntimeError("stop")
    assert torch.equal(model(*x), before)
    assert model.training
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    model(*x).sum().backward()
    assert all(gamma.grad is not None for gamma in model.gammas().values())


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("hidden", ["trivial", "regular"])
def test_convolutions_at_stride_one_are_exact_on_every_map(hidden, size):
    rep = Trivial(C4, 4) if hidden == "trivial" else R4
    plain = nn.Conv2d(1, 4, 3, padding=1)
    model = homotopise(plain, Symmetry(C4, Field(Trivial(C4)), Field(rep))).double()
    with model.at(0.0):
        assert worst(model, model.symmetry, (torch.randn(2, 1, size, size),)) < 1e-10


def strided():
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))


def test_a_stride_is_exact_on_odd_maps_and_refused_on_even_ones():
    symmetry = images(C4, 1, 1)
    with pytest.raises(ShapeError, match=r"in '0' \(Conv2d\) a grid on which stride 2 .*; 7, 9, 11 work here"):
        homotopise(strided(), symmetry, example=torch.randn(2, 1, 8, 8))
    model = homotopise(strided(), symmetry, example=torch.randn(2, 1, 9, 9)).double()
    with model.at(0.0):
        assert worst(model, symmetry, (torch.randn(2, 1, 9, 9),)) < 1e-10
    model(torch.randn(1, 1, 13, 13).double())  # measured once, and fine
    with pytest.raises(NotEquivariantError, match=r"on inputs of size 8x8 .* first broken by '0' .*; size 9x9; 13x13"):
        model(torch.randn(1, 1, 8, 8).double())


def test_a_pool_called_as_a_function_is_measured_on_new_sizes_too():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, padding=1)

        def forward(self, x):
            return nn.functional.max_pool2d(torch.relu(self.conv(x)), 2).mean((1, 2, 3))

    model = homotopise(Pooled(), Symmetry(D4, Field(Trivial(D4)), Invariant(D4)), example=torch.randn(2, 1, 8, 8))
    with pytest.raises(NotEquivariantError, match="on inputs of size 9x9 the model is not equivariant"):
        model(torch.randn(2, 1, 9, 9))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.all = nn.Linear(8, 24)

    def forward(self, x):
        q, k, v = self.all(x).chunk(3, -1)
        return nn.functional.scaled_dot_product_attention(q, k, v)


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
    "attention": (Attention, WORDS, {}, "got scaled_dot_product_attention"),
    "multi-head attention": (lambda: nn.TransformerEncoderLayer(8, 2, 8), WORDS, {}, r"\(TransformerEncoderLayer\)"),
    "recurrent": (lambda: nn.GRU(8, 8), WORDS, {}, r"\(GRU\)"),
    "transposed": (lambda: nn.ConvTranspose2d(1, 1, 3), images(C4, 1, 1), {}, r"\(ConvTranspose2d\)"),
    "weight norm": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        WORDS,
        {},
        r"\(ParametrizedLinear\)",
    ),
    "bare product": (lambda: Calls(lambda h, w: h @ torch.diag(w)), WORDS, {}, "got matmul"),
    "bare parameter": (lambda: Calls(lambda h, w: h + w), WORDS, {}, r"a tensor of shape \(8,\) that does not move"),
    "order": (lambda: Calls(lambda h, _: h.flip(-1)), WORDS, {}, "got flip"),
    "places": (lambda: Calls(lambda h, _: h[..., [1, 0, 2, 3, 4, 5, 6, 7]]), WORDS, {}, "some of the channels"),
    "batch": (lambda: Calls(lambda h, _: h - h.mean(0, keepdim=True)), WORDS, {}, "over the batch"),
    "data": (Asks, WORDS, {}, "expected a module that torch.fx can trace, got Asks"),
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
    "no module": (lambda: torch.sin, VECTORS, {}, "module: expected a torch.nn.Module"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_by_name(name):
    build, symmetry, options, message = REFUSED[name]
    example = {} if name == "data" or symmetry is not WORDS else {"example": torch.randn(3, 8)}
    if "attention" in name:
        example = {"example": torch.randn(3, 5, 8)}
    with pytest.raises(HaarError, match=message):
        homotopise(build(), symmetry, **example, **options)


@pytest.mark.parametrize("name", ["attention", "recurrent", "order", "data"])
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


def test_dropout_can_be_shared_along_orbits():
    _, model, x = made("residual", shared_dropout=True)
    model.double().train()
    x = double(x)
    with model.at(0.0), torch.no_grad():
        results = []
        for g in D4.elements()[:3]:
            torch.manual_seed(0)
            results.append(model(*model.symmetry.act_inputs(g, x)))
    assert all(torch.allclose(results[0], other, rtol=0, atol=1e-10) for other in results)


def test_lie_groups_are_wrapped_by_named_layers_and_sampled_as_functions():
    G = SO(3)
    rep = Defining(G)
    symmetry = Symmetry(G, Vector(2 * rep), Vector(rep))
    model = homotopise(nn.Linear(6, 3), symmetry).double()
    x = torch.randn(5, 6, dtype=torch.float64)
    with model.at(0.0), torch.no_grad():
        for g in G.sample(3, torch.Generator().manual_seed(0)):
            assert torch.allclose(
                model(symmetry.act_inputs(g, (x,))[0]), symmetry.act_outputs(g, model(x)), rtol=0, atol=1e-10
            )
    sampled = homotopise(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), symmetry, mode="function")
    assert sampled.approximate
    assert 1e-6 < sampled.error < 2


def test_enforce_gives_plain_layers_and_relax_the_duals():
    plain, model, x = made("perceptron")
    strict = enforce(plain, VECTORS)
    with torch.no_grad(), model.at(0.0):
        assert torch.equal(strict(*x), model(*x))
    both = relax(plain, VECTORS, problem="resilient", steps=100)
    assert both.duals.model is both.model
    assert (both.duals.problem, both.duals.steps) == ("resilient", 100)
