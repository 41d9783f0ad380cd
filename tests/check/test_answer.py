"""Models that answer in other ways, and data of other kinds: the right answer, or one clear line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Invariant, Points, Symmetry, Vector
from haar.actions.representation import Defining
from haar.check import check
from haar.errors import ArgumentError
from haar.groups import SO, cyclic

F64 = torch.float64
TURNS = SO(3)
SO3 = Symmetry(TURNS, Vector(Defining(TURNS)), Invariant(TURNS))
X = torch.randn(131, 3, generator=torch.Generator().manual_seed(0), dtype=F64)


def squares(x):
    return x.square().sum(1, keepdim=True)


def leaning(x):
    return squares(x) + 0.1 * x[:, :1]


@pytest.mark.parametrize("symmetry", [None, SO3], ids=["found", "named"])
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda x: {"energy": squares(x)}, r"got dict; pick the one that is meant: lambda x: model\(x\)\['energy'\]"),
        (lambda x: (squares(x), x), r"got tuple; pick the one that is meant: lambda x: model\(x\)\[0\]"),
        (lambda x: squares(x).tolist(), "got list; let it return a tensor"),
        (lambda x: str(len(x)), "got str; let it return a tensor"),
        (lambda _: None, "got NoneType; let it return a tensor"),
        (lambda x: squares(x).numpy(), "got ndarray; let it return a tensor"),
        (lambda x: squares(x).sum(), r"got shape \(\)"),
        (lambda x: squares(x).T, r"got shape \(1, 3\)"),
        (lambda x: x.argmax(1), "numbers in floating point, .* got int64; let the model return scores"),
    ],
    ids=["dict", "tuple", "list", "text", "nothing", "array", "one number", "rows last", "classes"],
)
def test_what_is_no_answer_a_row_is_refused_in_one_line(model, words, symmetry):
    with pytest.raises(ArgumentError, match=f"^model: expected .*{words}"):
        check(model, X, symmetry=symmetry)


@pytest.mark.parametrize("symmetry", [None, SO3], ids=["found", "named"])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.zeros(131, 2), r"labels of 1 numbers a sample, as the model answers, got shape \(131, 2\)$"),
        (torch.zeros(131, 4, 4), r"labels of 1 numbers .* got shape \(131, 4, 4\)$"),
    ],
    ids=["two", "images"],
)
def test_labels_of_another_size_are_refused(labels, words, symmetry):
    with pytest.raises(ArgumentError, match=f"^data: expected {words}"):
        check(squares, (X, labels), symmetry=symmetry)


POINTS = Symmetry(TURNS, *[Points(rotation=Defining(TURNS))] * 2)


def test_labels_with_their_axes_in_another_order_are_refused():
    points = X[:130].reshape(65, 2, 3)
    with pytest.raises(ArgumentError, match=r"^data: expected labels of shape \(65, 2, 3\), .* got \(65, 3, 2\)"):
        check(torch.sin, (points, points.mT.sin()))
    alike = check(torch.sin, (points, points.sin()[:, None, :, :, None] + 0.5), symmetry=POINTS)
    assert alike.measured.loss_before.value == pytest.approx(0.25, rel=1e-9)


@pytest.mark.parametrize("shape", [(131,), (131, 1), (131, 1, 1)])
@pytest.mark.parametrize("answer", [(), (1,), (1, 1)])
def test_labels_are_read_in_the_shape_of_answers_where_only_axes_of_one_differ(shape, answer):
    done = check(lambda x: leaning(x).reshape(len(x), *answer), (X, squares(X).reshape(shape)), symmetry=SO3)
    held = torch.ones(131, dtype=torch.bool)
    held[torch.randperm(131, generator=torch.Generator().manual_seed(0))[:66]] = False
    assert done.measured.loss_before.value == pytest.approx(float((0.1 * X[held, 0]).square().mean()), rel=1e-9)


def test_classes_are_no_labels_for_squared_errors():
    words = r"labels of 3 numbers .* got shape \(131,\); squared errors of classes want torch.nn.functional.one_hot"
    with pytest.raises(ArgumentError, match=words):
        check(torch.sin, (X, torch.arange(131) % 3), symmetry=Symmetry(TURNS, *[Vector(Defining(TURNS))] * 2))


class Together(nn.Module):
    """A model that takes no sample alone."""

    def forward(self, x):
        if len(x) < 2:
            raise ValueError("at least two")
        return leaning(x)


@pytest.mark.parametrize("rows", [128, 129, 130, 131])
@pytest.mark.parametrize("model", [Together(), lambda x: leaning(x).squeeze()], ids=["at least two", "squeezed"])
def test_no_sample_is_run_alone(model, rows):
    x = X[:rows]
    done = check(model, (x, squares(x)), symmetry=SO3)
    whole = check(leaning, (x, squares(x)), symmetry=SO3)
    assert done.action == whole.action == "average"
    assert done.measured.loss_after.value == pytest.approx(whole.measured.loss_after.value, rel=1e-6)


@pytest.mark.parametrize(
    "model",
    [lambda x: Together()(x) - 0.1 * x[:, :1], lambda x: squares(x).squeeze()],
    ids=["at least two", "squeezed"],
)
def test_no_sample_is_run_alone_to_find_a_symmetry(model):
    done = check(model, X)
    assert done.symmetry.group.name == "SO(3)"
    assert done.action == "leave alone"


def lopsided(x):
    """Symmetric in its real part alone."""
    return torch.complex(squares(x), x[:, :1])


def test_complex_answers_keep_their_imaginary_part():
    truth = torch.complex(squares(X), torch.zeros(131, 1, dtype=F64))
    done = check(lopsided, (X, truth), symmetry=SO3)
    assert done.action == "average"
    held = torch.ones(131, dtype=torch.bool)
    held[torch.randperm(131, generator=torch.Generator().manual_seed(0))[:66]] = False
    assert done.measured.loss_before.value == pytest.approx(float(X[held, 0].square().mean()), rel=1e-9)
    assert done.measured.loss_after.value < 1e-20
    assert done.measured.defect_before.value > 0.1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (X.to_sparse(), r"^data: expected dense tensors, got sparse_coo; data.to_dense\(\)"),
        ((X, squares(X).to_sparse()), "^data: expected dense tensors, got sparse_coo"),
        ((X, squares(X), torch.full((131,), torch.nan)), "^clusters: expected finite numbers, got nan"),
    ],
    ids=["sparse", "sparse labels", "clusters that are no numbers"],
)
def test_data_of_other_kinds_are_refused_with_what_makes_them_rows(data, words):
    with pytest.raises(ArgumentError, match=words):
        check(squares, data, symmetry=SO3)


def test_numbers_without_an_axis_of_samples_are_told_how_they_become_rows():
    with pytest.raises(ArgumentError, match=r"^data: .* got \(131,\), none; x\[:, None\] makes rows"):
        check(squares, (X[:, 0], None))


class Table:
    """Named columns of a library that nobody here knows."""

    def to_numpy(self):
        return X.numpy()


def test_an_unknown_table_is_told_how_it_becomes_arrays():
    for data in (Table(), (Table(), Table())):
        with pytest.raises(ArgumentError, match=r"got a Table; \(inputs.to_numpy\(\), labels.to_numpy\(\)\)"):
            check(squares, data)


def test_a_group_of_one_element_asks_for_nothing():
    nothing = Symmetry(cyclic(1), Invariant(cyclic(1)), Invariant(cyclic(1)))
    with pytest.raises(
        ArgumentError, match="symmetry: expected a group with more than one element, got C1, of order 1"
    ):
        check(squares, X, symmetry=nothing)


@pytest.mark.parametrize(
    "rows",
    [
        X[:130].numpy()[::-1],
        np.asfortranarray(X[:130].numpy()),
        X[:130].numpy().astype(">f8"),
        X[:130].repeat_interleave(2, 0)[::2],
        X[:130].clone().requires_grad_(),
    ],
    ids=["reversed", "columns first", "other byte order", "strided", "with gradients"],
)
def test_layouts_of_numbers_in_memory_make_no_difference(rows):
    plain = np.ascontiguousarray(np.asarray(rows.detach() if isinstance(rows, torch.Tensor) else rows, dtype=float))
    found, same = (check(leaning, x, symmetry=SO3) for x in (rows, torch.from_numpy(plain)))
    assert found.measured.defect_before.value == pytest.approx(same.measured.defect_before.value, rel=1e-9)
