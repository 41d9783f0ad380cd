"""What an eigensolver leaves open, as an action; and which eigenvalues are equal."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Spectral, eigenspaces
from haar.actions.eigenspaces import multiplicities
from haar.actions.spectral import SignCharacter, spectral_group
from haar.errors import ArgumentError
from haar.groups import SignGroup

F64 = torch.float64


@pytest.mark.parametrize("spaces", [(1,), (1, 1, 1), (3,), (2, 1, 1), (1, 2, 1, 3)])
def test_every_element_is_orthogonal_and_keeps_eigenspaces(spaces):
    action = Spectral(spaces)
    k = sum(spaces)
    number = torch.arange(len(spaces)).repeat_interleave(torch.tensor(spaces))
    apart = number[:, None] != number
    for g in action.group.sample(5, torch.Generator().manual_seed(0)):
        matrix = action.act(g, torch.eye(k, dtype=F64)).T
        assert float((matrix.T @ matrix - torch.eye(k, dtype=F64)).abs().max()) <= 1e-12
        assert float((matrix * apart).abs().max()) == 0.0
        # L V = V diag(lambda) stays true of the moved columns.
        values = torch.randn(len(spaces), generator=torch.Generator().manual_seed(1), dtype=F64)[number]
        v = torch.linalg.qr(torch.randn(7, k, generator=torch.Generator().manual_seed(2), dtype=F64)).Q
        laplacian = v * values @ v.T
        moved = action.act(g, v)
        assert float((laplacian @ moved - moved * values).abs().max()) <= 1e-12


def test_the_action_composes():
    action = Spectral((2, 1, 1))
    g, h = action.group.sample(2, torch.Generator().manual_seed(0))
    v = torch.randn(5, 4, dtype=F64, generator=torch.Generator().manual_seed(1))
    both = action.act(action.group.compose(g, h), v)
    assert float((both - action.act(g, action.act(h, v))).abs().max()) <= 1e-12


def test_gaps_cluster_and_rounding_does_not():
    values = torch.tensor([0.4999999, 0.5000001, 0.9, 0.9 + 1e-12, 1.0], dtype=F64)
    assert eigenspaces(values, tolerance=1e-6).tolist() == [0, 0, 1, 1, 2]
    assert eigenspaces(values.flip(0), tolerance=1e-6).tolist() == [0, 1, 1, 2, 2]
    assert eigenspaces(values).tolist() == [0, 1, 2, 2, 3]
    assert (
        Spectral.of_eigenvalues(values, tolerance=1e-6).spaces
        == (2, 2, 1)
        == multiplicities(eigenspaces(values, tolerance=1e-6))
    )
    chained = torch.tensor([0.0, 0.6, 1.2, 3.0])
    assert eigenspaces(chained, tolerance=0.2).tolist() == [0, 0, 0, 1]


def test_pseudovectors_take_the_determinant():
    group = SignGroup(3)
    rep = SignCharacter(group, torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]]))
    for s in torch.cartesian_prod(*[torch.tensor([1, -1])] * 3):
        assert rep.matrix(s).diagonal().tolist() == [*(s.prod() * s).tolist(), 1]


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Spectral(()), "spaces: expected a positive number"),
        (lambda: Spectral(3), "spaces: expected a positive number"),
        (lambda: Spectral((1, 0)), "spaces: expected at least 1"),
        (lambda: Spectral("a"), "spaces: expected a whole number"),
        (lambda: SignCharacter(SignGroup(2), [[0, 1]]), "chi: expected rows of 2"),
        (lambda: eigenspaces([1.0, 2.0]), r"eigenvalues: expected a tensor \(\*batch, k\), got list"),
        (lambda: eigenspaces(torch.tensor(1.0)), "eigenvalues: expected a tensor"),
        (lambda: eigenspaces(torch.tensor([0.0, 1.0]), tolerance=float("nan")), "tolerance: expected 0 or more"),
        (lambda: Spectral((1, 2), group=spectral_group((2, 2))), "group: expected"),
        (lambda: SignCharacter(SignGroup(2), torch.tensor([[0, 2]])), "chi: expected rows of 2 zeros and ones"),
        (lambda: SignCharacter(SignGroup(2), torch.tensor([[0, 1, 1]])), "chi: expected rows of 2"),
        (lambda: eigenspaces(torch.tensor([1.0, 0.0, 2.0])), "eigenvalues: expected sorted values"),
        (lambda: eigenspaces(torch.tensor([0.0, torch.nan])), "eigenvalues: expected finite numbers"),
        (lambda: eigenspaces(torch.tensor([0.0, 1.0]), tolerance=-1), "tolerance: expected 0 or more"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ArgumentError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_gap_of_the_tolerance_is_no_gap():
    values = torch.tensor([0.0, 0.25, 1.0], dtype=F64)
    assert eigenspaces(values, tol=0.25).tolist() == [0, 0, 1]
    assert eigenspaces(values, tol=0.2499).tolist() == [0, 1, 2]
    assert eigenspaces(values, tol=0).tolist() == [0, 1, 2]
    assert eigenspaces(torch.tensor([1.0, 1.0], dtype=F64), tol=0).tolist() == [0, 0]
    assert eigenspaces(values, tol=0.25, scale=torch.tensor(0.9, dtype=F64)).tolist() == [0, 1, 2]
    assert eigenspaces(
        torch.stack([values, 0 * values]), tol=0.3, scale=torch.tensor([4.0, 0.0]).double()
    ).tolist() == [
        [0, 0, 0],
        [0, 0, 0],
    ]
    assert eigenspaces(-values.flip(0) * 8, tol=0.25).tolist() == [0, 1, 1]
    assert eigenspaces(torch.zeros(2, 0)).shape == (2, 0)


@pytest.mark.parametrize(("gap", "spaces"), [(0.9e-8, (2, 1)), (1.1e-8, (1, 1, 1))])
def test_equal_to_a_hundred_millionth_of_the_largest(gap, spaces):
    values = torch.tensor([0.0, 2 * gap, 2.0], dtype=F64)
    assert multiplicities(eigenspaces(values)) == spaces
    action = Spectral.of_eigenvalues(values, axis=-2)
    assert (action.spaces, action.axis, action.axes.count) == (spaces, -2, 3)


def test_two_actions_of_one_group():
    one = Spectral((1, 2))
    other = Spectral((1, 2), axis=-2, group=one.group)
    assert other.group is one.group
    assert (other.rep.dim, other.axis) == (3, -2)
