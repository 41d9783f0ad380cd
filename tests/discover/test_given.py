"""What a caller gives, and how what is sought follows from it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.discover.evaluated import FlatModel, check_manners
from haar.discover.given import classifier_like, given, kind_of, points_of
from haar.discover.lie import halves
from haar.discover.trivial import constant
from haar.errors import ArgumentError, DataError

F64 = torch.float64


def table(rows, columns=2):
    return torch.arange(float(rows * columns)).reshape(rows, columns)


def read(data, *, max_samples=100, seed=0):
    return given(data, max_samples=max_samples, seed=seed)


def test_labels_are_dropped_and_clusters_kept():
    x = table(6)
    alone, marked = read(x), read((x, None, torch.tensor([5, 5, 9, 9, 9, 2])))
    assert (alone.units.tolist(), alone.dtype, alone.inputs.dtype) == ([0, 1, 2, 3, 4, 5], torch.float32, F64)
    assert marked.units.tolist() == [5, 5, 9, 9, 9, 2]
    assert read((x, x[:, 0], torch.tensor([5.0, 5, 9, 9, 9, 2]))).units.tolist() == [1, 1, 2, 2, 2, 0]
    joined = read([(x[:4], x[:4], torch.zeros(4).long()), (x[4:], x[4:], torch.ones(2).long())])
    assert joined.units.tolist() == [0, 0, 0, 0, 1, 1]
    assert torch.equal(joined.inputs, x.double())
    assert (read([x[:2], (x[2:],)]).units.tolist(), joined.said, joined.shape) == ([0, 1, 2, 3, 4, 5], (), (2,))


def test_at_most_so_many_rows_are_drawn_in_their_order():
    x = table(10)
    assert read(x, max_samples=10).said == ()
    found = read((x, None, torch.arange(10) + 3), max_samples=9, seed=4)
    chosen = torch.randperm(10, generator=torch.Generator().manual_seed(4))[:9].sort().values
    assert torch.equal(found.inputs, x[chosen].double())
    assert found.units.tolist() == (chosen + 3).tolist()
    assert found.said == ("9 of 10 rows, drawn (max_samples)",)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ([], DataError, "data: no batches"),
        (7, ArgumentError, r"data: expected inputs, \(inputs, labels\), .*got int"),
        ([None], ArgumentError, "data: expected batches whose first part is a tensor of inputs, got list"),
        (table(3), ArgumentError, "data: expected at least 4 samples, half of them held out, got 3"),
        ((table(4), None, torch.zeros(3)), ArgumentError, "clusters: expected one for each of 4 rows, got 3"),
        (torch.ones(5, 2), DataError, "data: all samples are equal"),
    ],
)
def test_what_is_no_data_is_refused_by_name(data, error, words):
    with pytest.raises(error, match=words):
        read(data)


def test_what_is_not_finite_is_counted():
    x = table(6)
    x[2, 0], x[4, 1] = torch.nan, torch.inf
    with pytest.raises(DataError, match="data: sample 2 is not finite, and 2 of 6 in all; leave it out"):
        read(x)


@pytest.mark.parametrize(
    ("asked", "inputs", "outputs", "kind"),
    [
        ("auto", (2, 3), (6,), "same"),
        ("auto", (1,), (1,), "invariant"),
        ("auto", (3,), (), "invariant"),
        ("auto", (3,), (2,), "any"),
        ("any", (3,), (3,), "any"),
        ("same", (3,), (3,), "same"),
        ("invariant", (3,), (3,), "invariant"),
    ],
)
def test_what_is_sought_by_name_or_by_size(asked, inputs, outputs, kind):
    assert kind_of(asked, inputs, outputs) == kind


@pytest.mark.parametrize(
    ("inputs", "outputs", "kind", "shared", "points"),
    [
        ((5, 4), (), "invariant", None, 5),
        ((5, 5), (), "invariant", None, None),
        ((5, 5), (), "invariant", True, 5),
        ((5, 4), (), "invariant", False, None),
        ((20,), (), "invariant", None, None),
        ((5, 3), (5, 3), "same", None, 5),
        ((5, 3), (15,), "same", None, None),
        ((5, 3), (2,), "any", None, 5),
    ],
)
def test_one_matrix_acts_on_points_of_few_coordinates(inputs, outputs, kind, shared, points):
    assert points_of(inputs, outputs, kind, shared=shared) == points


def test_points_whose_outputs_are_no_points_are_refused():
    with pytest.raises(ArgumentError, match=r"shared: expected outputs of shape \(5, 3\), moved as inputs are, got"):
        points_of((5, 3), (15,), "same", shared=True)


def test_probabilities_are_positive_and_add_up_to_one():
    fine = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    assert classifier_like(fine)
    assert classifier_like(0.99991 * fine)
    for other in (fine[:, 1:] + fine[:, :1], 0.99989 * fine, torch.tensor([[1.1, -0.1]]), torch.tensor([[0.5, 0.4]])):
        assert not classifier_like(other)


@pytest.mark.parametrize(("count", "chosen"), [(2, 1), (5, 3), (6, 3)])
def test_halves_of_units(count, chosen):
    units = torch.arange(count).repeat_interleave(2)
    first, second = halves(units, torch.Generator().manual_seed(1))
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(2 * count))
    assert (len(units[first].unique()), len(units[second].unique())) == (chosen, count - chosen)
    assert not set(units[first].tolist()) & set(units[second].tolist())


def flat(model, dtype=F64):
    return FlatModel(model, (3,), dtype)


X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=F64)


def unsteady(size):
    calls = []

    def model(x):
        calls.append(len(x))
        return 2 + size * (len(calls) % 2) * torch.ones(len(x), 1, dtype=F64)

    return model


def mixing(size):
    return lambda x: 2 + size * (len(x) > 2) * torch.ones(len(x), 1, dtype=F64)


@pytest.mark.parametrize(
    ("made", "roundings", "words"),
    [(unsteady, 100, "got two evaluations that differ"), (mixing, 10_000, "change with the rest of the batch")],
)
def test_calls_may_differ_by_a_hundred_roundings_and_batches_by_ten_thousand(made, roundings, words):
    size = 2 * roundings * torch.finfo(F64).eps  # of outputs of size 2
    check_manners(flat(made(0.9 * size)), X, torch.Generator().manual_seed(0))
    with pytest.raises(ArgumentError, match=words):
        check_manners(flat(made(1.1 * size)), X, torch.Generator().manual_seed(0))


def test_a_model_is_run_in_its_own_precision_and_in_eval_mode():
    net = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).train()
    model = flat(net)
    assert (model.dtype, model.eps) == (torch.float32, torch.finfo(torch.float32).eps)
    found = model.evaluate(X, torch.arange(40))
    torch.testing.assert_close(found.f, net.eval()(X.float()).double().detach())
    torch.testing.assert_close(found.jacobian, net[0].weight.detach().double().expand(40, 2, 3))
    assert (model.output_shape, model.derivative, model.said) == ((2,), "exact", [])
    half = flat(nn.Linear(3, 2).half())
    assert (half.dtype, half.said) == (torch.float32, ["the model is in float16: computed in float32"])
    assert half.model.weight.dtype is torch.float32


def test_models_are_run_in_chunks_and_complex_outputs_are_two_numbers():
    sizes = []

    def model(x):
        sizes.append(len(x))
        return torch.complex(x[:, :2], -x[:, 1:])

    many = X.repeat(26, 1)[:1030]
    out = flat(model)(many)
    assert sizes == [512, 512, 6]
    torch.testing.assert_close(out, torch.stack([many[:, 0], -many[:, 1], many[:, 1], -many[:, 2]], 1))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda x: (x, x), "model: expected one tensor as output, got tuple"),
        (lambda x: x[:3], r"model: expected one output for each of 40 samples, got shape \(3, 3\)"),
        (lambda x: x.sum(), r"model: expected one output for each of 40 samples, got shape \(\)"),
    ],
)
def test_models_of_other_outputs_are_refused(model, words):
    with pytest.raises(ArgumentError, match=words):
        flat(model)(X)


def test_differences_are_second_order():
    model = flat(lambda x: torch.as_tensor(x.detach().numpy() ** 3))
    found = model.jacobian(X)
    assert model.derivative == "differences"
    torch.testing.assert_close(found, torch.diag_embed(3 * X**2), rtol=0, atol=1e-8)
    assert model.said == [
        f"the model has no derivative: central differences, floor about {10 * model.eps ** (2 / 3):.0e}"
    ]
    outputs_of_nothing = flat(lambda x: torch.stack([x[:, 0], torch.ones(len(x), dtype=F64)], 1))
    assert outputs_of_nothing.jacobian(X)[:, 1].abs().max() == 0


def test_samples_are_joined_and_taken_apart():
    sample = flat(torch.sin).evaluate(X, torch.arange(40))
    again = sample.part(torch.arange(15)).joined(sample.part(torch.arange(15, 40)))
    assert len(again) == 40
    for name in ("x", "f", "jacobian", "units"):
        assert torch.equal(getattr(again, name), getattr(sample, name))
    step = sample.with_increments()
    torch.testing.assert_close(step.f, X.sin() - X)
    torch.testing.assert_close(step.jacobian, torch.diag_embed(X.cos() - 1))


@pytest.mark.parametrize(("spread", "stops"), [(0.9, True), (1.1, False)])
def test_a_constant_may_vary_by_a_hundred_roundings(spread, stops):
    eps = 1e-6
    swing = torch.tensor([1.0, -1.0] * 20, dtype=F64)[:, None]
    sample = flat(lambda x: x[:, :1]).evaluate(X, torch.arange(40))
    f = 5 * (1 + spread * 100 * eps * swing)
    found = constant(type(sample)(sample.x, f, sample.jacobian, sample.units), eps)
    assert (found is not None) is stops
    if stops:
        assert (found.kind, found.count, found.stops) == ("constant", 0, True)
