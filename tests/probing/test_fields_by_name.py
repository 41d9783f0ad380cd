from __future__ import annotations

import pytest
import torch

from haar.actions import Symmetry
from haar.audit import audit
from haar.errors import ShapeError
from haar.probing.fields_by_name import joined_fields

FIELDS = Symmetry.of_fields("D4", "p, u:vector")
X, Y = torch.randn(2, 6, 3, 5, 5, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("p", [X[:, :1], X[:, 0]])
def test_channels_stand_in_the_order_of_the_layout(p):
    assert torch.equal(joined_fields(FIELDS.outputs, {"u": X[:, 1:], "other": X, "p": p}), X)


def test_channels_last_and_single_samples():
    last = Symmetry.of_fields("D4", "p, u:vector", channels="last").outputs
    moved = X.movedim(1, -1)
    assert torch.equal(joined_fields(last, {"p": moved[..., 0], "u": moved[..., 1:]}), moved)
    assert torch.equal(joined_fields(FIELDS.outputs, {"p": X[0, 0], "u": X[0, 1:]}), X[0])


def test_scalars_alone_have_an_axis_of_samples():
    two = Symmetry.of_fields("D4", "p, q").outputs
    assert torch.equal(joined_fields(two, {"p": X[:, 0], "q": X[:, 1:2]}), X[:, :2])


def test_what_is_missing_or_has_a_history_is_not_joined():
    assert joined_fields(FIELDS.outputs, {"p": X[:, 0]}) is None
    stacked = Symmetry.of_fields("D4", "p, u:vector", history=2).inputs[0]
    assert joined_fields(stacked, {"p": X[:, 0], "u": X[:, 1:]}) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"p": X[:, 0], "u": X[:, :1]}, r"data\['u'\]: expected 4 axes, with 2 components of a vector on axis -3"),
        ({"p": X[:, :2], "u": X[:, 1:]}, r"data\['p'\]: expected 4 axes, with 1 components of a scalar on axis -3"),
        ({"p": X[:2, 0], "u": X[:, 1:]}, r"fields with the same samples on the same points, got p \(2, 5, 5\), u"),
    ],
)
def test_fields_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ShapeError, match=message):
        joined_fields(FIELDS.outputs, values)


def test_an_audit_reads_fields_and_their_labels_by_name():
    model = torch.nn.Conv2d(3, 3, 3, padding=1, dtype=torch.float64)
    named = {"p": X[:, 0], "u": X[:, 1:], "labels": {"p": Y[:, 0], "u": Y[:, 1:]}}
    found, expected = (audit(model, FIELDS, data, layers=False).findings for data in (named, (X, Y)))
    assert found.mse.value == pytest.approx(expected.mse.value, rel=1e-12)
