"""Models and data as they come: complex fields, whole numbers, half precision, noise, operations in place."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from haar.actions import Defining, Field, Invariant, Layout, Symmetry, Trivial, Vector
from haar.audit import audit
from haar.audit.batches import Batch
from haar.audit.findings import findings
from haar.audit.measure import OrbitMeter
from haar.average import average
from haar.errors import ArgumentError
from haar.groups import SO, dihedral, reflections

F64 = torch.float64
D4 = dihedral(4)


def conv(c_in, c_out, dtype=F64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(c_in, c_out, 3, padding=1, dtype=dtype)


def test_a_complex_field_is_its_real_and_imaginary_part(generator):
    layer = conv(6, 6)

    def of_parts(x):
        return layer(x).tanh()

    def of_complex(z):
        return torch.complex(*of_parts(torch.cat([z.real, z.imag], 1)).split(3, 1))

    x, y = (torch.randn(4, 6, 6, 6, generator=generator, dtype=F64) for _ in range(2))
    z, w = (torch.complex(*t.split(3, 1)) for t in (x, y))
    ones = torch.ones(6)  # all in one unit
    parts = audit(of_parts, Symmetry.of_fields(D4, "p, u:vector, q, v:vector"), (x, y), scale=ones).findings
    whole = audit(of_complex, Symmetry.of_fields(D4, "p, u:vector"), (z, w), scale=ones[:3]).findings
    for name in ("removed", "mse", "mse_after", "gain", "alpha"):
        assert getattr(whole, name).value == pytest.approx(getattr(parts, name).value, rel=1e-10), name
    for a, b in zip(whole.elements, parts.elements, strict=True):
        assert a.relative.value == pytest.approx(b.relative.value, rel=1e-10)
    assert (whole.trajectories, len(whole.closure)) == (4, 7)


def test_open_complex_data_are_seen(generator):
    z = torch.randn(40, 1, 6, 6, generator=generator, dtype=torch.complex128)
    found = audit(lambda x: x, Symmetry.of_fields(D4, "p"), z + 2j * torch.arange(6)).findings
    against = {c.element: c.p for c in found.closure}
    assert against["mx"] > 0.05 > against["my"]


def test_one_number_a_sample_and_one_for_all(generator):
    def model(x, time, viscosity):
        return x * time[:, None, None, None] + viscosity * x.cumsum(-1)

    field = Field.of_layout(Layout.parse("p"), D4)
    symmetry = Symmetry(D4, (field, Invariant(D4), Invariant(D4, batched=False)), field)
    x, time = torch.randn(6, 1, 6, 6, generator=generator, dtype=F64), torch.rand(6, generator=generator, dtype=F64)
    found = audit(model, symmetry, [((x, time, torch.tensor(0.1, dtype=F64)), x)]).findings
    assert (found.trajectories, len(found.closure)) == (6, 7)
    assert found.removed.value > 0


def test_label_maps_are_tested_too(generator):
    classes = torch.randint(3, (40, 6, 6), generator=generator)
    symmetry = Symmetry(D4, Field(Trivial(D4), channels=None), Field(Trivial(D4), channels=None))
    closed = audit(lambda x: x.double(), symmetry, classes).findings
    assert min(c.p for c in closed.closure) > 0.05
    classes[:, 0] = 7
    assert min(c.p for c in audit(lambda x: x.double(), symmetry, classes).findings.closure) < 0.05


def test_what_all_samples_share_is_not_cut_into_batches(generator):
    def model(matrix, x, viscosity):
        return viscosity * (x @ matrix)

    field = Field.of_layout(Layout.parse("p"), D4)
    shared = Invariant(D4, batched=False)
    symmetry = Symmetry(D4, (shared, field, shared), field)
    x, matrix = (torch.randn(*s, generator=generator, dtype=F64) for s in ((5, 1, 6, 6), (6, 6)))
    given = (matrix, x, torch.tensor(0.5, dtype=F64))
    removed = [
        audit(model, symmetry, data, batch_size=2).findings.removed.value
        for data in ((given, None), [(given, None)], (given, x))
    ]
    direct = audit(lambda u: 0.5 * (u @ matrix), Symmetry(D4, field, field), x).findings.removed.value
    assert removed == pytest.approx([direct] * 3, rel=1e-12)


def test_inputs_without_samples_are_refused(generator):
    symmetry = Symmetry(D4, Invariant(D4, batched=False), Field(Trivial(D4)))
    with pytest.raises(ArgumentError, match="data: expected an input with an axis of samples, got none"):
        audit(lambda a: a.expand(2, 1, 4, 4), symmetry, [((torch.ones((), dtype=F64),), None)])


def test_a_module_of_vectors_under_a_group_that_also_moves_grids(generator):
    symmetry = Symmetry(D4, Vector(Defining(D4)), Vector(Defining(D4)))
    found = audit(nn.Linear(2, 2, dtype=F64), symmetry, torch.randn(30, 2, generator=generator, dtype=F64))
    assert found.layers == []
    assert len(found.findings.elements) == 7


def test_a_group_without_a_test_of_the_data_is_not_said_to_lack_trajectories(generator):
    group = SO(3)
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    x = torch.randn(30, 3, generator=generator, dtype=F64)
    advice = audit(lambda v: v * torch.arange(3), symmetry, x, elements=8).recommendation
    assert advice.verdict == "unclear"
    assert "without a test of whether the data are closed under it" in advice.sentence


def test_inputs_that_nothing_moves_leave_the_data_untested(generator):
    symmetry = Symmetry(D4, Invariant(D4), Field(Trivial(D4)))
    times = torch.rand(4, generator=generator, dtype=F64)
    found = audit(lambda t: t.reshape(-1, 1, 1, 1).expand(4, 1, 4, 4).cumsum(-1), symmetry, times).findings
    assert all(c.p == 1 for c in found.closure)
    assert found.removed.value > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_hide_a_broken_symmetry(dtype, generator):
    symmetry = Symmetry.of_fields(D4, "p, u:vector")
    x = torch.randn(4, 3, 6, 6, generator=generator).to(dtype)
    broken = audit(conv(3, 3, dtype), symmetry, x).recommendation
    assert broken.verdict == "unclear"
    assert "cannot be called a gain" in broken.sentence
    whole = audit(average(conv(3, 3, dtype), symmetry, micro_batch=1), symmetry, x).recommendation
    assert whole.verdict == "nothing to gain"


def test_noise_is_not_called_symmetry(generator):
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(8, 1, 6, 6, generator=generator, dtype=F64)
    model = lambda u: u + torch.randn(u.shape, generator=noise, dtype=u.dtype)  # noqa: E731
    advice = audit(model, Symmetry.of_fields(D4, "p"), x).recommendation
    assert advice.verdict == "unclear"
    assert advice.sentence.startswith("The model is stochastic: two runs on one input differ")


def test_a_model_that_writes_into_its_input_is_refused(generator):
    model = nn.Sequential(nn.ReLU(inplace=True), conv(1, 1))
    symmetry = Symmetry.of_fields(D4, "p")
    x = torch.randn(2, 1, 6, 6, generator=generator, dtype=F64)
    expected = (
        sum(model(x.clone().rot90(k, (2, 3))).rot90(-k, (2, 3)) for k in range(4))
        + sum(model(x.clone().flip(2).rot90(k, (2, 3))).rot90(-k, (2, 3)).flip(2) for k in range(4))
    ) / 8
    message = r"model: expected a model that leaves its inputs as they are, .*; give lambda x: model\(x.clone\(\)\)"
    for micro_batch in (1, 8, "auto"):
        with pytest.raises(ArgumentError, match=message), torch.no_grad():
            average(model, symmetry, micro_batch=micro_batch)(x.clone())
    with pytest.raises(ArgumentError, match=message):
        audit(model, symmetry, x.clone())
    cured = average(lambda u: model(u.clone()), symmetry, micro_batch=1)
    assert torch.allclose(cured(x), expected, atol=1e-12)
    assert torch.allclose(cured(x), expected, atol=1e-12)  # the input is what it was


def test_a_sample_of_elements_tells_the_measured_gain_without_bias(generator):
    group = reflections(2)
    symmetry = Symmetry.of_fields(group, "p")
    x, y = (torch.randn(3, 1, 4, 4, generator=generator, dtype=F64) for _ in range(2))
    model = conv(1, 1)
    exact = audit(model, symmetry, (x, y), layers=False).findings
    gains, soft = [], []
    for drawn in itertools.product(range(4), repeat=2):
        elements = torch.tensor([0, *drawn])
        meter = OrbitMeter(model, symmetry, elements)
        sums = meter.measure(Batch((x,), y, torch.arange(3)))
        found = findings(
            sums,
            meter.outputs,
            symmetry,
            elements,
            kind="drawn",
            closure=[],
            significance=0.05,
            trajectories=0,
        )
        gains.append(found.gain.value)
        soft.append(found.mse_soft)
        assert found.mse_after.value == pytest.approx(found.mse.value - found.gain.value, rel=1e-12)
    assert math.fsum(gains) / len(gains) == pytest.approx(exact.gain.value, rel=1e-10)


def test_inputs_alone_from_a_loader(generator):
    x = torch.randn(6, 1, 6, 6, generator=generator, dtype=F64)
    symmetry = Symmetry.of_fields(D4, "p")
    loaded = audit(conv(1, 1), symmetry, DataLoader(TensorDataset(x), batch_size=4)).findings
    assert loaded.removed.value == pytest.approx(audit(conv(1, 1), symmetry, x).findings.removed.value, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_samples": 0}, "max_samples: expected at least 1, or None for all, got 0"),
        ({"data": np.full((2, 1, 6, 6), "a")}, "data: expected arrays of numbers, got an array of <U1"),
        (
            {"data": Subset(TensorDataset(torch.zeros(2, 1, 6, 6)), [0])},
            r"got Subset; torch.utils.data.DataLoader\(data",
        ),
        (
            {"data": [{"a": torch.zeros(2, 1, 6, 6), "b": 3.0}]},
            r"data: expected batches with input by name .*, got dict with a, b; yield",
        ),
        ({"batchsize": 4}, r"batchsize: expected a keyword of audit \(model, .*; did you mean batch_size\?"),
    ],
)
def test_bad_input_is_one_line(change, message):
    given = {"model": conv(1, 1), "symmetry": Symmetry.of_fields(D4, "p"), "data": torch.zeros(2, 1, 6, 6, dtype=F64)}
    with pytest.raises(ArgumentError, match=message):
        audit(**{**given, **change})


def test_real_labels_of_complex_outputs_are_refused_by_name(generator):
    x = torch.randn(8, 1, 4, 4, generator=generator, dtype=F64)
    symmetry = Symmetry.of_fields(D4, "p")
    with pytest.raises(ArgumentError, match="labels: expected complex numbers, like the model's output, got real"):
        audit(torch.fft.fft2, symmetry, (x, x))
    with pytest.raises(ArgumentError, match="labels: expected real numbers, like the model's output, got complex"):
        audit(torch.sin, symmetry, (x, x + 0j))
