"""One question, one answer: what a step is, told to every verb alike."""

from __future__ import annotations

import math
import operator

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.actions import Regular, Symmetry, Vector
from haar.groups import cyclic
from haar.moments.registry import WITHOUT_ACTIVATION, activation_of_call, activation_of_module
from haar.relax import homotopise
from haar.tracing import OPERATORS, is_aten, is_of_torch, modules_of, operator_of, plain_name, writes_by_name

#: Settings of functions that have no defaults.
SETTINGS = {"threshold": (0.1, -1.0), "clamp": (-0.5, 0.5), "clamp_min": (-0.5,), "clamp_max": (0.5,), "pow": (3,)}


@pytest.mark.parametrize("row", [row for row in OPERATORS if row.kind == "pointwise"], ids=lambda row: row.name)
def test_a_pointwise_operator_is_known_to_every_verb_or_has_a_reason(row):
    activation = activation_of_call(row.name, SETTINGS.get(row.name, ()), {}, {})
    assert (activation is None) == (row.name in WITHOUT_ACTIVATION)
    z = torch.tensor([-1.3, -0.2, 0.4, 1.7], dtype=torch.float64)
    if activation is not None:
        function = (
            getattr(F, row.name.replace("log_sig", "logsig"), None)
            or getattr(torch, row.name, None)
            or getattr(torch.special, row.name)
        )
        torch.testing.assert_close(activation(z), function(z, *SETTINGS.get(row.name, ())), rtol=1e-12, atol=1e-13)
        if row.odd:
            torch.testing.assert_close(activation(-z), -activation(z), rtol=1e-12, atol=1e-13)
    for kind in row.modules:
        module = kind(*SETTINGS["threshold"]) if kind is nn.Threshold else kind()
        found = activation_of_module(module.eval(), {})
        torch.testing.assert_close(found(z), module(z), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", modules_of("pointwise"), ids=lambda kind: kind.__name__)
def test_a_pointwise_module_is_wrapped_by_relax(kind):
    group = cyclic(2)
    symmetry = Symmetry(group, Vector(2 * Regular(group)), Vector(Regular(group)))
    module = kind(*SETTINGS["threshold"]) if kind is nn.Threshold else kind()
    relaxed = homotopise(nn.Sequential(nn.Linear(4, 4), module, nn.Linear(4, 2)), symmetry, mode="weight")
    assert len(relaxed.layers) == 2


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (nn.Conv2d, "conv2d"), (F.conv2d, "conv2d"), (torch.conv2d, "conv2d"),
        (torch.ops.aten.conv2d.default, "conv2d"),
        (F.max_pool2d, "max_pool2d"), (operator.imul, "mul"), ("__rmul__", "mul"), ("add_", "add"), ("view", "reshape"),
        (torch.special.erf, "erf"), (F.logsigmoid, "log_sigmoid"), (torch.sparse.mm, "sparse_mm"), (F.pad, "pad"),
        (nn.UpsamplingNearest2d, "interpolate"), (torch.fft.rfft, "fft_rfft"), (F.batch_norm, "batch_norm"),
    ],
    ids=lambda given: given if isinstance(given, str) else getattr(given, "__name__", "called"),
)  # fmt: skip
def test_names_of_one_operator(what, name):
    assert operator_of(what).name == name


def test_what_the_table_does_not_know():
    class Own(nn.ReLU):
        pass

    def relu(x):
        return x

    assert [operator_of(what) for what in (Own(), relu, "__rpow__", torch.linalg.svd)] == [None] * 4


def test_no_name_stands_twice():
    names = [name for row in OPERATORS for name in (row.name, *row.also)]
    assert sorted(names) == sorted(set(names))
    classes = [kind for row in OPERATORS for kind in row.modules]
    assert len(classes) == len(set(classes))


def test_modules_that_are_affine_are_so(generator):
    made = {nn.Linear: nn.Linear(4, 4), nn.Unflatten: nn.Unflatten(1, (2, 2)), nn.Flatten: nn.Flatten()}
    x, y = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    for kind in set(modules_of(linear=True)) & set(made):
        module = made[kind].double()
        gap = module(x + y) + module(0 * x) - module(x) - module(y)
        assert gap.abs().max() < 1e-12


@pytest.mark.parametrize(
    ("target", "arguments", "keywords", "writes"),
    [
        ("relu_", (), {}, True), (operator.setitem, (), {}, True), (operator.iadd, (), {}, True),
        (torch.add, (), {"out": torch.zeros(1)}, True), (F.relu, (), {"inplace": True}, True),
        (torch.add, (), {}, False), ("__matmul__", (), {}, False), (F.relu, (), {"inplace": False}, False),
    ],
)  # fmt: skip
def test_what_may_write(target, arguments, keywords, writes):
    assert writes_by_name(target, arguments, keywords) is writes
    assert plain_name("copy_") == "copy"


@pytest.mark.parametrize(
    ("name", "random", "first", "affine"),
    [
        ("add", 1, True, True), ("add", 2, False, True), ("matmul", 1, True, True), ("matmul", 1, False, True),
        ("matmul", 2, True, False), ("div", 1, True, True), ("div", 1, False, False), ("div", 2, True, False),
        ("relu", 1, True, False), ("masked_fill", 1, True, True),
    ],
)  # fmt: skip
def test_in_which_arguments_an_operator_is_affine(name, random, first, affine):
    assert operator_of(name).is_affine_in(random, first=first) is affine


def test_modules_of_a_kind_and_of_two():
    assert set(modules_of("noise")) == {
        nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout
    }  # fmt: skip
    assert set(modules_of("norm", "noise")) == set(modules_of("norm")) | set(modules_of("noise"))
    assert modules_of() == ()
    linear = set(modules_of(linear=True))
    assert {nn.Linear, nn.Conv3d, nn.AvgPool1d, nn.Flatten, nn.Identity} <= linear
    assert not linear & {nn.ReLU, nn.MaxPool2d, nn.Dropout, nn.BatchNorm2d, nn.Softmax}


def test_whose_name_says_what_it_does():
    def relu(x):
        return x

    relu.__module__ = "torchvision.ops"
    assert not is_of_torch(relu)
    assert is_of_torch(math.sin)
    assert is_of_torch(torch.Tensor.relu)
    assert not is_of_torch(torch.ops.prims.sin.default)
    assert is_aten(torch.ops.aten.sin.default)
    assert not is_aten(torch.ops.aten.sin)
    assert writes_by_name(torch.relu, (True,))
    assert not writes_by_name(torch.relu, (1,))


#: Odd at its own settings, and not at others.
SOMETIMES_ODD = {"hardtanh"}


@pytest.mark.parametrize(
    "row", [row for row in OPERATORS if row.kind == "pointwise" and row.modules], ids=lambda row: row.name
)
def test_functions_called_odd_are_those_that_are(row):
    x = torch.tensor([0.1, 0.3, 0.45, 0.8, 1.7, 4.0, 7.0], dtype=torch.float64)
    settings = {nn.Threshold: (0.1, 20.0)}
    for module in row.modules:
        f = module(*settings.get(module, ())).double().eval()
        if row.odd:
            assert torch.equal(f(-x), -f(x))
        elif row.name not in SOMETIMES_ODD:
            assert not torch.allclose(f(-x), -f(x))
