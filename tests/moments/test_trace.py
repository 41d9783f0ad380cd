from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.errors import ArgumentError
from haar.moments import Activation, Gaussian, Polynomial, UnsupportedModuleError, propagate
from haar.moments.program import Affine, Elementwise
from haar.moments.registry import activation_of_call, activation_of_module
from haar.moments.trace import trace


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        return x + F.gelu(self.inner(x))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        for _ in range(3):
            x = torch.tanh(self.layer(x))
        return x


class Pieces(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("gain", torch.tensor([2.0, -1.0, 0.5]))
        self.weight = nn.Parameter(torch.arange(6.0).reshape(3, 2))

    def forward(self, x):
        a, b, c = x.chunk(3, dim=-1)
        y = torch.cat([a.relu() - b, 2 * b + 1, -c / 4], dim=-1)
        y = y * self.gain + x[:, [0, 2, 1]]
        z = torch.stack([y, x], dim=1).sum(1).view(x.size(0), -1)
        w = z @ self.weight
        return w.pow(2) + w * w + torch.abs(z[:, :2]) ** 1


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(2)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(8, 2)
        self.norm.running_mean.uniform_(-1, 1)
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = self.pool(F.relu(self.norm(self.conv(x)), inplace=True))
        x = F.dropout(x, 0.5, training=self.training)
        return self.head(torch.flatten(x, 1))


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.own, self.near = nn.Linear(2, 3), nn.Linear(2, 3, bias=False)

    def forward(self, x, adjacency):
        h = torch.tanh(self.own(x) + adjacency @ self.near(x))
        return h.mean(dim=1)


MODELS = [
    (Residual(), (3,), {}),
    (Shared(), (3,), {}),
    (Pieces(), (3,), {}),
    (Convolutional().eval(), (1, 4, 4), {}),
    (Graph(), (4, 2), {"adjacency": torch.ones(4, 4)}),
    (nn.Sequential(nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 2), nn.Identity(), nn.Dropout(0.3)).eval(), (3,), {}),
    (
        nn.Sequential(
            nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 2), nn.BatchNorm1d(2), nn.Flatten(), nn.Softplus()
        ).eval(),
        (4,),
        {},
    ),
    (nn.Linear(3, 2), (3,), {}),
    (nn.Tanh(), (3,), {}),
    (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, affine=False)).eval(), (3,), {}),
]


@pytest.mark.parametrize(("model", "shape", "constants"), MODELS, ids=lambda x: type(x).__name__)
def test_the_program_is_the_model(model, shape, constants, generator):
    model = copy.deepcopy(model).double()
    x = torch.randn(7, *shape, dtype=torch.float64, generator=generator)
    wide = {name: value.double() for name, value in constants.items()}
    expected = model(x.clone(), **wide).reshape(7, -1)
    program = trace(model, shape, constants=constants)
    torch.testing.assert_close(program.evaluate(x.reshape(7, -1)), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("model", "shape", "constants"), MODELS, ids=lambda x: type(x).__name__)
def test_models_are_left_as_they_were(model, shape, constants):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mode = model.training
    trace(model, shape, constants=constants)
    assert model.training == mode
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.dtype == before[name].dtype


@pytest.mark.parametrize(
    "module",
    [
        nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.3), nn.Hardtanh(-2, 0.5), nn.Hardsigmoid(), nn.Softshrink(0.7),
        nn.Hardshrink(0.7), nn.Threshold(0.3, -1.0), nn.GELU(), nn.GELU("tanh"), nn.Tanh(), nn.Sigmoid(), nn.SiLU(),
        nn.Mish(), nn.Softplus(2.0), nn.LogSigmoid(), nn.Tanhshrink(), nn.Softsign(), nn.ELU(0.5), nn.CELU(2.0),
        nn.SELU(), nn.Hardswish(),
    ],
    ids=str,
)  # fmt: skip
def test_every_known_module_is_its_activation(module):
    found = activation_of_module(module, {})
    z = torch.linspace(-8, 8, 401, dtype=torch.float64)
    torch.testing.assert_close(found(z), module(z), rtol=1e-12, atol=1e-12)
    if found.lipschitz is not None:
        steepest = (module(z).diff() / z.diff()).abs().max()
        assert steepest <= found.lipschitz * (1 + 1e-9)


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        (torch.relu, ()), (F.relu, ()), (F.relu6, ()), (F.leaky_relu, (0.2,)), (F.hardtanh, (-1.0, 2.0)),
        (F.elu, (0.5,)),
        (F.gelu, ()), (torch.tanh, ()), (torch.sigmoid, ()), (F.silu, ()), (F.mish, ()), (F.softplus, ()), (F.celu, ()),
        (F.selu, ()), (F.hardswish, ()), (F.hardsigmoid, ()), (F.softshrink, ()), (F.logsigmoid, ()), (F.softsign, ()),
        (F.tanhshrink, ()), (torch.erf, ()), (torch.sin, ()), (torch.cos, ()), (torch.exp, ()), (torch.abs, ()),
        (torch.square, ()), (torch.pow, (3,)), (torch.special.ndtr, ()), (torch.atan, ()), (torch.clamp, (-1.0, 0.5)),
        (torch.special.erf, ()),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)  # fmt: skip
def test_every_known_function_is_its_activation(target, arguments):
    found = activation_of_call(target, arguments, {}, {})
    z = torch.linspace(-4, 4, 201, dtype=torch.float64)
    torch.testing.assert_close(found(z), target(z, *arguments), rtol=1e-12, atol=1e-12)


_INF = math.inf


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (None, 0.5), (-0.5, None), (-1.0, 1.0), (-_INF, 0.5), (-0.5, _INF), (-_INF, _INF), (None, _INF), (1.0, -1.0),
        (0.5, 0.5), (_INF, 1.0),
    ],
)  # fmt: skip
def test_clamps(low, high):
    found = activation_of_call(torch.clamp, (), {"min": low, "max": high}, {})
    z = torch.linspace(-2, 2, 41, dtype=torch.float64)
    torch.testing.assert_close(found(z), z.clamp(low, high))
    assert activation_of_call(torch.clamp, (), {}, {}) is None
    assert activation_of_call(torch.pow, (0.5,), {}, {}) is None
    assert activation_of_call(len, (), {}, {}) is None


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.LeakyReLU(_INF), "got leaky_relu with negative_slope=inf"),
        (nn.ELU(_INF), "got elu with alpha=inf"),
        (nn.CELU(_INF), "got celu with alpha=inf"),
        (nn.Threshold(math.nan, 0.0), "got threshold with threshold=nan, value=0.0"),
        (nn.Threshold(0.0, _INF), "got threshold with threshold=0.0, value=inf"),
        (nn.Softplus(0.0), "got softplus with beta=0.0"),
    ],
)
def test_settings_that_make_an_activation_infinite_are_refused(module, said):
    with pytest.raises(ArgumentError, match=f"expected activations whose values are finite numbers, {said}"):
        activation_of_module(module, {})


@pytest.mark.parametrize("module", [nn.Hardtanh(-1.0, _INF), nn.Hardtanh(-_INF, 0.5), nn.Threshold(_INF, 2.0)], ids=str)
def test_infinite_bounds_are_none(module):
    model = nn.Sequential(nn.Linear(3, 4), module, nn.Linear(4, 2)).double()
    law = Gaussian(torch.zeros(3, dtype=torch.float64), 1.0)
    far = {"min_val": max(getattr(module, "min_val", 0.0), -1e3), "max_val": min(getattr(module, "max_val", 0.0), 1e3)}
    alike = nn.Hardtanh(**far) if isinstance(module, nn.Hardtanh) else nn.Threshold(1e3, 2.0)
    found, expected = propagate(model, law), propagate(nn.Sequential(model[0], alike, model[2]), law)
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.cov, expected.cov, rtol=1e-9, atol=1e-12)


def test_moments_beyond_float64_are_refused():
    scaled = nn.Sequential(nn.Linear(3, 3), nn.Tanh()).double()
    with torch.no_grad():
        scaled[0].weight.mul_(1e200)
    with pytest.raises(ArgumentError, match="model: expected moments within the range of float64, got NaN"):
        propagate(scaled, Gaussian(torch.zeros(3, dtype=torch.float64), 1.0))


class Cube(nn.Module):
    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, x):
        return self.gain * x**3 if x.sum() > -1e9 else x


class Wavelet(nn.Module):
    def forward(self, x):
        return x - 0.5 * x.sort(dim=-1).values.sum(-1, keepdim=True)


def test_own_activations_and_own_affine_modules():
    model = nn.Sequential(Wavelet(), Cube(2.0))
    branch = r"got Sequential, with __bool__, a branch or a number taken from a tensor's values \(in '1'\)"
    with pytest.raises(ArgumentError, match=branch):
        trace(model, (3,))
    extra = {Cube: lambda m: Polynomial((0.0, 0.0, 0.0, m.gain))}
    with pytest.raises(UnsupportedModuleError, match="got sort"):
        trace(model, (3,), activations=extra)
    program = trace(model, (3,), activations=extra, affine=[Wavelet])
    assert [type(step) for step in program.steps] == [Affine, Elementwise]
    x = torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(program.evaluate(x), model(x))
    alone = trace(nn.Sequential(Cube(1.0)), (3,), activations={Cube: Activation(lambda z: z**3, name="cube")})
    torch.testing.assert_close(alone.evaluate(x), x**3)


def own_function(x):
    return x * 2


torch.fx.wrap("own_function")


def test_own_functions_can_be_registered():
    class Model(nn.Module):
        def forward(self, x):
            return own_function(x)

    with pytest.raises(UnsupportedModuleError, match="own_function"):
        trace(Model(), (2,))
    program = trace(Model(), (2,), activations={own_function: Polynomial((0.0, 2.0))})
    assert [step.kind for step in program.steps] == ["polynomial"]


def test_an_unsupported_module_is_named_with_both_ways_out():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    message = r"got LayerNorm \('1'\); pass on_unsupported='linearise' or on_unsupported='sample'"
    with pytest.raises(UnsupportedModuleError, match=message):
        trace(model, (3,))
    for how in ("linearise", "sample"):
        program = trace(model, (3,), on_unsupported=how)
        assert program.steps[1].how == how
        x = torch.randn(4, 3, dtype=torch.float64)
        torch.testing.assert_close(program.evaluate(x), copy.deepcopy(model).double()(x))


class Product(nn.Module):
    def forward(self, x):
        return x * torch.tanh(x)


class Twice(nn.Module):
    def forward(self, x):
        return x.unsqueeze(1) @ x.unsqueeze(2)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Folded(nn.Module):
    def forward(self, x):
        return x.view(-1, 2)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Product(), r"got mul \('mul'\)"),
        (Twice(), r"got matmul"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1)), r"got Softmax \('1'\)"),
        (nn.Sequential(nn.MaxPool1d(2)), "got MaxPool1d"),
        (nn.Sequential(nn.BatchNorm1d(4)), r"got BatchNorm1d \('0'\), which uses batch statistics; call model.eval"),
        (nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Dropout1d(0.5)), "got Dropout1d .*which drops whole channels"),
    ],
)
def test_what_is_not_affine_is_refused_by_name(model, message):
    with pytest.raises(UnsupportedModuleError, match=message):
        trace(model, (4,))


@pytest.mark.parametrize(
    ("model", "shape", "options", "message"),
    [
        (Pair(), (4,), {}, "expected one tensor that depends on the input as its output, got tuple"),
        (Folded(), (4,), {}, "expected every part to keep the batch axis first"),
        (nn.Linear(3, 2), (4,), {}, "input_shape: expected an input that .* accepts, got shapes"),
        (Graph(), (4, 2), {}, "constants: expected a value for the model's input 'adjacency', got nothing"),
        (nn.ReLU(), (4,), {"on_unsupported": "ignore"}, "on_unsupported: expected 'raise', 'linearise' or 'sample'"),
        (
            nn.Sequential(Cube(1.0)),
            (2,),
            {"activations": {Cube: lambda _m: "cube"}},
            "activations: expected an Activation",
        ),
    ],
)
def test_refusals(model, shape, options, message):
    with pytest.raises(ArgumentError, match=message):
        trace(model, shape, **options)


def test_noise_cannot_be_evaluated():
    program = trace(nn.Sequential(nn.Dropout(0.5)).train(), (2,))
    with pytest.raises(ArgumentError, match="model: expected a deterministic model, got Dropout"):
        program.evaluate(torch.zeros(1, 2))


def test_parameters_keep_their_gradients():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.PReLU(3), nn.Linear(3, 1)).eval()
    propagate(model, Gaussian([0.1, 0.2])).mean.sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("how", ["raise", "sample"])
@pytest.mark.parametrize("kind", [nn.ReLU, nn.LayerNorm])
def test_weights_that_are_no_numbers_are_named(value, how, kind):
    """In what is known by its classes and in what is run, whatever is done with parts without a closed form."""
    model = nn.Sequential(nn.Linear(2, 3), kind(3) if kind is nn.LayerNorm else kind(), nn.Linear(3, 1))
    with torch.no_grad():
        model[2].weight[0, 1] = value
    with pytest.raises(ArgumentError, match=r"model: expected finite weights, got NaN or infinity in '2\.weight'"):
        trace(model, (2,), on_unsupported=how)


@pytest.mark.parametrize("threshold", [20.0, 1.0])
@pytest.mark.parametrize("alone", [True, False])
def test_an_activation_whose_settings_make_it_another_is_refused(threshold, alone):
    """Softplus is linear beyond its threshold: at the usual one that is rounding, at a low one another function."""
    layer = nn.Softplus(threshold=threshold)
    model = layer if alone else nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3), layer)
    if threshold == 20.0:
        assert [step.kind for step in trace(model, (3,)).steps][-1] == "softplus"
        return
    with torch.no_grad():
        if not alone:
            model[2].bias.fill_(1.5)
    with pytest.raises(UnsupportedModuleError, match="a trace that gives the model's own numbers"):
        trace(model, (3,))


def altered():
    layer = nn.Hardtanh()
    layer.min_val, layer.max_val = 2.0, 1.0
    return layer


@pytest.mark.parametrize("make", [lambda: nn.GELU("other"), lambda: nn.LeakyReLU("steep"), altered])
@pytest.mark.parametrize("alone", [True, False])
def test_settings_that_torch_refuses_are_told_in_one_line(make, alone):
    model = make() if alone else nn.Sequential(nn.Linear(3, 2), make())
    with pytest.raises(ArgumentError, match="input_shape: expected an input that"):
        trace(model, (3,))


class Through(nn.Module):
    """Multiplies with a matrix that is stored sparsely."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3, dtype=torch.float64).to_sparse())

    def forward(self, x):
        return (self.weight @ x.mT).mT


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_weights_that_are_not_there_yet_or_stored_sparsely_are_followed():
    assert [step.kind for step in trace(nn.Sequential(nn.LazyLinear(2), nn.ReLU()), (3,)).steps] == ["Linear", "relu"]
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    program = trace(Through(), (3,))
    torch.testing.assert_close(program.values(x, program.output)[program.output], x)
