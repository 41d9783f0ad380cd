"""barrier, merge and difference: heights by hand, symmetry under swapping, several networks, planted pairs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import haar
from haar.align import Barrier, barrier, difference, merge
from haar.errors import ArgumentError
from haar.weights import traced

X = torch.randn(40, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def _made(seed, width=12):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2)).double()


def _loss(model, batch):
    return (model(batch) - 1).square().mean()


def test_heights_by_hand():
    found = Barrier((0.0, 0.5, 1.0), {"a": (1.0, 4.0, 3.0), "b": (2.0, 1.0, 2.0)})
    assert found.height("a") == 2.0  # over the mean of both ends
    assert found.height("b") == 0.0
    assert found.middle("a") == 4.0
    with pytest.raises(ArgumentError, match=r"line: expected one of a, b, got None"):
        found.height()


def test_a_barrier_is_seen_from_both_ends_alike():
    one, other = _made(0), _made(1)
    there, back = barrier(one, other, _loss, [X]), barrier(other, one, _loss, [X])
    assert there.losses["straight"] == pytest.approx(back.losses["straight"][::-1], abs=1e-12)
    assert there.losses["straight"][0] == pytest.approx(float(_loss(one, X).detach()), abs=1e-12)
    assert there.losses["straight"][-1] == pytest.approx(float(_loss(other, X).detach()), abs=1e-12)
    assert there.height() == pytest.approx(back.height(), abs=1e-12)


def test_a_barrier_does_not_see_what_moves_both():
    one, other = _made(0), _made(1)
    action = traced(one, X)
    moved = [action.act(action.random(3), model.state_dict()) for model in (one, other)]
    plain = barrier(one, other, _loss, [X]).height()
    assert barrier(*moved, _loss, [X], model=one).height() == pytest.approx(plain, abs=1e-12)
    alone = barrier(one.state_dict(), moved[0], _loss, [X], model=one).height()
    assert alone > 1e-3
    found = haar.align(one.state_dict(), moved[0], symmetry=action)
    assert barrier(found.a, found.b, _loss, [X], model=one).height() == pytest.approx(0, abs=1e-12)


def test_losses_are_means_over_batches_in_eval_mode():
    one = nn.Sequential(_made(0), nn.Dropout(0.5)).train()
    found = barrier(one, one, _loss, [X[:20], X[20:]], points=3)
    assert found.losses["straight"][1] == pytest.approx(float(_loss(one[0], X).detach()), abs=1e-12)
    assert one.training


def test_lines_beside_one_another():
    one, other = _made(0), _made(1)
    first = barrier(one, other, _loss, [X], points=5, name="raw")
    both = first.beside(after_alignment=barrier(one, one, _loss, [X], points=5))
    assert list(both.losses) == ["raw", "after alignment"]
    assert both.to_dict()["lines"]["raw"]["barrier"] == first.height()
    assert "raw" in str(both)
    with pytest.raises(ArgumentError, match=r"more: expected 5 points, got 3"):
        first.beside(more=barrier(one, one, _loss, [X], points=3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points": 4}, "points: expected an odd number, so that one is half way, got 4"),
        ({"points": 1}, "points: expected at least 3, got 1"),
        ({"data": []}, "data: expected at least one batch, got none"),
        ({"b": _made(1, width=5)}, "b: 0.weight: expected shape (12, 4), got (5, 4)"),
        ({"b": nn.Linear(4, 2)}, "b: expected tensors of the same names, got '0.weight' in one alone"),
        ({"a": _made(0).state_dict()}, "model: expected a model to run, for a is none, got None"),
    ],
)
def test_barriers_that_cannot_be_measured(given, message):
    arguments = {"a": _made(0), "b": _made(1), "loss": _loss, "data": [X]} | given
    with pytest.raises(ArgumentError) as error:
        barrier(**arguments)
    assert str(error.value).startswith(message)


def test_copies_of_one_network_merge_into_it():
    model = _made(0)
    action = traced(model, X, scales=False)
    copies = [action.act(action.random(seed), model.state_dict()) for seed in range(3)]
    found = merge([model.state_dict(), *copies], symmetry=action)
    assert max(float((found[key] - value).abs().max()) for key, value in model.state_dict().items()) < 1e-12
    naive = {key: sum(copy[key] for copy in copies) / 3 for key in found}
    y = model(X).detach()
    assert float((torch.func.functional_call(model, naive, (X,)).detach() - y).abs().max()) > 1e-2
    torch.testing.assert_close(torch.func.functional_call(model, found, (X,)), y, rtol=0, atol=1e-10)


def test_shares_of_a_merge():
    one, other = _made(0), _made(1)
    found = merge([one, other], shares=[3, 1], example=X)
    aligned = haar.align(one, other, example=X)
    expected = aligned.merged(0.25)
    assert max(float((found.state_dict()[key] - value).abs().max()) for key, value in expected.items()) < 1e-12


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (1, {}, "models: expected at least two, got 1"),
        (2, {"shares": [1]}, "shares: expected 2 numbers, one for each model, got 1"),
        (2, {"shares": [1, 0]}, r"shares: expected numbers above 0, got \[1.0, 0.0\]"),
        (2, {"rounds": 0}, "rounds: expected at least 1, got 0"),
    ],
)
def test_merges_that_cannot_be_made(models, options, message):
    with pytest.raises(ArgumentError, match=message):
        merge([_made(k) for k in range(models)], example=X, **options)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_hundred_planted_pairs_are_told_from_different_networks(dtype):
    wrong = 0
    for seed in range(50):
        model, stranger = _made(seed).to(dtype), _made(seed + 1000).to(dtype)
        action = traced(model, X.to(dtype))
        planted = action.act(action.random(seed, dtype=dtype), model.state_dict())
        wrong += not difference(model.state_dict(), planted, symmetry=action).same
        wrong += difference(model.state_dict(), stranger.state_dict(), symmetry=action).same
    assert wrong == 0


def test_a_small_step_of_training_is_a_difference():
    model = _made(0)
    near = {key: value + 1e-6 for key, value in model.state_dict().items()}
    found = difference(model.state_dict(), near, symmetry=traced(model, X))
    assert not found.same
    assert found.distance == pytest.approx(3e-6, rel=0.9)
    assert found.floor < 1e-12
    assert found.to_dict()["tensors"].keys() == model.state_dict().keys()
    assert "really different" in str(found)


def test_lines_that_coincide_are_one_curve_with_both_names():
    drawn = Barrier((0.0, 0.5, 1.0), {"raw": (1.0, 3.0, 2.0), "same": (1.0, 3.0, 2.0), "moved": (1.0, 1.5, 2.0)})
    axes = drawn.sections()[0].figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["raw, same", "moved"]
