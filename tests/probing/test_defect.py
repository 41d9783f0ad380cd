"""f(g x) against g f(x), with the sums by hand: two norms, each output in its own units, and what is no number."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions import Defining, Field, Invariant, Symmetry, Vector
from haar.actions.representation import Trivial
from haar.errors import ArgumentError, NotEquivariantError, ShapeError
from haar.groups import SO, cyclic, symmetric
from haar.probing import Defect, all_or_drawn, defect, disturbed, some_elements, tolerance_of

F64 = torch.float64
C2 = symmetric(2)
TURNED = Vector(Defining(C2))  # the two coordinates change places
SYMMETRY = Symmetry(C2, TURNED, TURNED)
X = torch.tensor([[3.0, 1.0], [0.0, 2.0]], dtype=F64)


def lopsided(x):
    """Doubles the first coordinate: f(g x) - g f(x) is (2 b - b, a - 2 a) for x = (a, b)."""
    return x * torch.tensor([2.0, 1.0], dtype=x.dtype)


def by_hand(norm):
    g = torch.tensor(1)
    y, there = lopsided(X), lopsided(TURNED.act(g, X))
    apart = there - TURNED.act(g, y)
    return norm(apart), norm(y)


@pytest.mark.parametrize(("norm", "size"), [("largest", lambda x: x.abs().max()), ("squares", torch.linalg.norm)])
def test_both_norms_are_those_of_the_sums_by_hand(norm, size):
    found = defect(lopsided, SYMMETRY, (X,), C2.elements(), norm=norm)
    apart, whole = by_hand(size)
    assert found.absolute.tolist() == [[0.0], [pytest.approx(float(apart))]]
    assert found.relative.tolist() == [[0.0], [pytest.approx(float(apart / whole))]]
    assert found.place == (1, 0)
    assert found.worst == pytest.approx(float(apart / whole))
    assert found.mean == pytest.approx(float(apart / whole) / math.sqrt(2))


def test_every_output_is_in_its_own_units():
    symmetry = Symmetry(C2, TURNED, (TURNED, Invariant(C2)))
    found = defect(lambda x: (1e3 * x, lopsided(x)[:, 0]), symmetry, (X,), C2.elements())
    alone = defect(lambda x: lopsided(x)[:, 0], Symmetry(C2, TURNED, Invariant(C2)), (X,), C2.elements())
    assert found.place == (1, 1)
    assert found.worst == pytest.approx(alone.worst, rel=1e-3)


def test_what_rounding_leaves_of_a_zero_is_no_output():
    symmetry = Symmetry(C2, TURNED, (TURNED, TURNED))
    for norm in ("largest", "squares"):
        found = defect(lambda x: (x, 1e-17 * lopsided(x)), symmetry, (X,), C2.elements(), norm=norm)
        assert found.worst < 1e-10


def test_of_zeros_the_difference_is_absolute():
    model = lambda x: (x[:, :1] < x[:, 1:]) * torch.tensor([5.0, 0.0], dtype=F64)  # noqa: E731
    found = defect(model, SYMMETRY, (X[:1],), C2.elements())
    assert not model(X[:1]).any()
    assert found.worst == 5.0


@pytest.mark.parametrize("norm", ["largest", "squares"])
def test_nan_is_nan_whatever_else_there_is(norm):
    found = defect(lambda x: torch.where(x > 2.5, torch.nan, x), SYMMETRY, (X,), C2.elements(), norm=norm)
    assert math.isnan(found.worst)
    assert math.isnan(found.mean)
    assert not found.worst <= 1e300


def test_complex_numbers_count_by_their_absolute_value():
    real = defect(lopsided, SYMMETRY, (X,), C2.elements(), norm="squares")
    turned = defect(lambda x: 1j * lopsided(x), SYMMETRY, (X,), C2.elements(), norm="squares")
    assert turned.worst == pytest.approx(real.worst)


def test_squares_do_not_overflow_in_half_precision():
    x = (300 * X).half()  # whose squares are no numbers of half precision
    found = defect(lopsided, SYMMETRY, (x,), C2.elements(), norm="squares")
    assert found.worst == pytest.approx(defect(lopsided, SYMMETRY, (X,), C2.elements(), norm="squares").worst, rel=1e-3)


def test_one_element_for_every_sample():
    elements = torch.tensor([0, 1])
    found = defect(lopsided, SYMMETRY, (X,), [elements], norm="squares")
    apart = (lopsided(TURNED.act(elements, X)) - TURNED.act(elements, lopsided(X))).norm() / lopsided(X).norm()
    assert found.relative.tolist() == [[pytest.approx(float(apart))]]


def test_without_elements_nothing_is_broken():
    found = defect(lopsided, SYMMETRY, (X,), C2.elements()[:0])
    assert (found.worst, found.mean) == (0.0, 0.0)


def test_inputs_are_handed_over_as_copies():
    x = X.clone()
    assert defect(lambda u: u.mul_(2), SYMMETRY, (x,), C2.elements()).worst == 0
    assert torch.equal(x, X)


def test_a_model_may_differentiate_inside():
    def model(u):
        u.requires_grad_()
        return torch.autograd.grad(u.square().sum(), u)[0]

    assert defect(model, SYMMETRY, (X,), C2.elements()).worst == 0
    assert not X.requires_grad


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ShapeError, match="inputs"):
        defect(lopsided, SYMMETRY, (X[:, :1],), C2.elements())
    with pytest.raises(ArgumentError, match="inputs: expected a batch that gives some output, got outputs without"):
        defect(lopsided, SYMMETRY, (X[:0],), C2.elements())
    group = cyclic(4)
    field = Field(Trivial(group))
    model = lambda u: u[:, :, : 2 if u[0, 0, 0, 0] > 0 else 1]  # noqa: E731
    x = torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=F64).reshape(1, 1, 2, 2)
    with pytest.raises(NotEquivariantError, match=r"f\(g x\) has shape \(1, 1, 1\), g f\(x\) \(1, 1, 2\) for g = r90"):
        defect(lambda u: model(u).sum(-1), Symmetry(group, field, Invariant(group)), (x,), group.elements()[1:])


def test_elements_that_show_whether_and_elements_whose_mean_stands_for_all():
    assert torch.equal(some_elements(C2), C2.elements())
    large = symmetric(6)
    found = some_elements(large, drawn=3)
    assert torch.equal(found[: len(large.generators())], large.generators())
    assert len(found) == len(large.generators()) + 3
    assert torch.equal(all_or_drawn(C2, 2), C2.elements())
    assert len(all_or_drawn(large, 5)) == 5
    assert all_or_drawn(SO(3), 7).shape == (7, 3, 3)


def test_tolerances_of_precisions():
    assert [tolerance_of(torch.finfo(kind).eps) for kind in (F64, torch.float32, torch.float16)] == [1e-10, 1e-4, 1e-1]


def test_a_disturbed_copy_has_no_zeros_and_leaves_the_model_and_what_is_fixed_alone():
    norm = torch.nn.BatchNorm1d(3, dtype=F64)
    model = torch.nn.Sequential(norm, torch.nn.Linear(3, 3, dtype=F64))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other = disturbed(model, fixed=("weight",))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    changed = {name for name, value in other.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"0.bias", "1.bias", "0.running_mean", "0.running_var"}
    assert bool((other[0].running_var > 0).all())
    again = disturbed(model, fixed=("weight",))
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), other.state_dict().values(), strict=True))


def test_all_elements_up_to_sixty_four_and_sixteen_random_ones_beyond():
    assert torch.equal(some_elements(cyclic(64)), torch.arange(64))
    found = some_elements(cyclic(65))
    assert len(found) == 17
    assert found[0] == 1  # the generator
    assert torch.equal(found, some_elements(cyclic(65)))
    assert not torch.equal(found, some_elements(cyclic(65), seed=1))
    assert torch.equal(all_or_drawn(cyclic(5), 5), torch.arange(5))
    assert torch.equal(all_or_drawn(cyclic(65), 64), all_or_drawn(cyclic(65), 64))
    assert not torch.equal(all_or_drawn(cyclic(65), 64), all_or_drawn(cyclic(65), 64, seed=1))


@pytest.mark.parametrize(("eps", "tolerance"), [(0.99e-12, 1e-10), (1e-12, 1e-4), (0.99e-4, 1e-4), (1e-4, 1e-1)])
def test_where_a_precision_ends(eps, tolerance):
    assert tolerance_of(eps) == tolerance


@pytest.mark.parametrize("norm", ["largest", "squares"])
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6, 1e-9])
def test_an_output_is_in_its_own_units_from_two_parts_in_a_hundred_thousand_of_the_largest_on(norm, size):
    """10 eps of float64 over its tolerance of 1e-10; of squares so much for every number."""
    symmetry = Symmetry(C2, TURNED, (TURNED, TURNED))
    found = defect(lambda x: (x, size * lopsided(x)), symmetry, (X,), C2.elements(), norm=norm)
    apart, own = by_hand((lambda x: x.abs().max()) if norm == "largest" else torch.linalg.norm)
    floor = 3.0 * 10 * torch.finfo(F64).eps / 1e-10 * (2.0 if norm == "squares" else 1.0)
    assert found.worst == pytest.approx(float(size * apart) / max(float(size * own), floor))


def test_of_several_elements_the_worst_is_told_with_its_place():
    found = Defect(torch.tensor([[0.1, 0.0], [0.2, 0.5], [0.3, 0.4]]).double(), torch.zeros(3, 2).double())
    assert (found.place, found.worst) == ((1, 1), 0.5)
    assert found.mean == pytest.approx(math.sqrt(0.55 / 6))
