"""The quadratic form that a found algebra keeps: the metric of space and time, in any coordinates."""

from __future__ import annotations

import pytest
import torch

from haar.discover import discover
from haar.discover.forms import kept_form, told_form
from haar.groups.algebra import LieAlgebra

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def of_form(form):
    return lambda x: torch.tanh(torch.einsum("bi,ij,bj->b", x, form.to(x), x))[:, None]


def found_of(form, seed=0):
    return discover(of_form(form), drawn(200, len(form), seed=seed), kinds=("lie",))


@pytest.mark.parametrize("signs", [[1, -1, -1, -1], [1, -1, -1], [-1, -1, 1, 1]])
def test_the_metric_is_found_with_its_signs(signs):
    form = torch.diag(torch.tensor(signs, dtype=F64))
    kept = found_of(form).form
    torch.testing.assert_close(kept.abs(), form.abs(), rtol=0, atol=1e-9)
    assert float((kept * form).sum().abs()) == pytest.approx(len(form), abs=1e-9)


def test_units_and_directions_are_those_of_the_data():
    mixed = drawn(4, 4, seed=3)
    form = mixed.T @ torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=F64)) @ mixed
    found = found_of(form)
    kept = found.form
    torch.testing.assert_close(kept, form / form.abs().max(), rtol=0, atol=1e-7)
    assert "one quadratic form of the inputs, of signature (1, 3)" in found.form_in_words
    units = torch.diag(torch.tensor([4.0, -1, -1, -1], dtype=F64))
    assert "diag(1, -0.25, -0.25, -0.25) of the inputs, of signature (1, 3)" in found_of(units).form_in_words


def test_boosts_are_told_with_the_command_that_moves_by_them():
    found = found_of(torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=F64)))
    words = found.form_in_words
    assert words.startswith("the found algebra keeps the quadratic form diag(1, -1, -1, -1) of the inputs")
    assert "haar audit --group 'SO(1,3)' moves inputs by boosts too" in words
    assert words in found.remarks
    torch.testing.assert_close(found.contents()["form"], found.form, rtol=0, atol=0)


def test_compact_algebras_and_none_keep_no_indefinite_form():
    x = drawn(200, 3)
    round_one = discover(lambda x: torch.tanh(x.square().sum(1, keepdim=True)), x, kinds=("lie",))
    none = discover(lambda x: x[:, :1] * x[:, 1:2].exp() + x[:, 2:] ** 3 + x[:, :1].cos(), x, kinds=("lie",))
    assert round_one.algebra is not None
    for found in (round_one, none):
        assert found.form is None
        assert found.form_in_words == ""


def test_two_generators_may_keep_one_form_and_one_keeps_none_that_is_told():
    boost, null = torch.zeros(2, 3, 3, dtype=F64)
    boost[0, 1] = boost[1, 0] = 1.0
    null[0, 2] = null[2, 0] = null[1, 2] = 1.0
    null[2, 1] = -1.0
    both = torch.stack([boost, null])
    form = kept_form(LieAlgebra(both), both)
    torch.testing.assert_close(form, torch.diag(torch.tensor([1.0, -1, -1], dtype=F64)), rtol=0, atol=1e-9)
    alone = boost[None, :2, :2]
    assert kept_form(LieAlgebra(alone), alone) is None


def generators_of(*signs):
    """All matrices A with A' eta + eta A = 0."""
    eta = torch.diag(torch.tensor(signs, dtype=F64))
    pairs = [(i, j) for i in range(len(signs)) for j in range(i)]
    made = torch.zeros(len(pairs), len(signs), len(signs), dtype=F64)
    for k, (i, j) in enumerate(pairs):
        made[k, i, j], made[k, j, i] = 1.0, -1.0
    return eta @ made


@pytest.mark.parametrize("signs", [(1, 1, -1, -1), (-1, -1, 1, 1)])
def test_of_as_many_signs_of_both_kinds_the_first_is_plus(signs):
    found = generators_of(*signs)
    form = kept_form(LieAlgebra(found), found)
    torch.testing.assert_close(form, torch.diag(torch.tensor([1.0, 1, -1, -1], dtype=F64)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("signs", [(1, -1, -1, -1), (-1, 1, 1, 1)])
def test_the_rarer_sign_is_plus(signs):
    found = generators_of(*signs)
    form = kept_form(LieAlgebra(found), found)
    torch.testing.assert_close(form, torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=F64)), rtol=0, atol=1e-9)


BOOSTS = LieAlgebra(generators_of(1, -1, -1, -1))


@pytest.mark.parametrize(("aside", "told"), [(0.9e-5, True), (1.1e-5, False)])
def test_a_form_is_told_by_its_diagonal_up_to_ten_defects(aside, told):
    form = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=F64))
    form[0, 1] = form[1, 0] = aside
    words = told_form(BOOSTS, form)
    assert ("diag(1, -1, -1, -1)" in words) is told
    assert ("the file has its numbers" in words) is not told
    assert "signature (1, 3)" in words


# cosines of the angle to the metric: 0.9991 and 0.9987
@pytest.mark.parametrize(("last", "told"), [(1.1, True), (1.12, False)])
def test_a_metric_is_that_of_space_and_time_where_it_is_nearly_so(last, told):
    words = told_form(BOOSTS, torch.diag(torch.tensor([1.0, -1, -1, -last], dtype=F64)))
    assert words.startswith(f"the found algebra keeps the quadratic form diag(1, -1, -1, -{last:.3g}) of the inputs")
    assert ("haar audit --group 'SO(1,3)' moves inputs by boosts too" in words) is told
    turns = LieAlgebra(generators_of(1, 1, 1))
    assert "boosts" not in told_form(turns, torch.diag(torch.tensor([1.0, -1, -1], dtype=F64)))
