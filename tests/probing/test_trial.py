"""What is decided by trying: influence of one sample on another at every size, noise, memory, and what says nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.probing.trial import Trial

F64 = torch.float64
X = torch.randn(2, 3, dtype=F64, generator=torch.Generator().manual_seed(5))


class Call:
    """Inputs whose copies stand side by side on axis 0."""

    def __init__(self, leaves, shared):
        self.leaves, self.shared = leaves, shared

    def joined(self, copies):
        columns = zip(*copies, strict=True)
        return [parts[0] if one else torch.cat(parts) for parts, one in zip(columns, self.shared, strict=True)]


def trial_of(model, *leaves, shared=None):
    return Trial(model, lambda given: [model(*given)], Call(list(leaves), shared or [False] * len(leaves)))


def independent(model, x=X, sizes=(2,)):
    return trial_of(model, x).independent([[[x], [2 * x]]], sizes)


def centred(x):
    return x - x.mean(0)


def where(condition, model):
    return lambda x: model(x) if condition(float(x.abs().max())) else x * 1.0


def test_samples_that_leave_each_other_alone():
    trial = trial_of(torch.tanh, X)
    assert trial.independent([[[X], [2 * X]]], [2])
    assert trial.informative


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (centred, X),
        (centred, torch.zeros(2, 3, dtype=F64)),  # the given ones say nothing, ours do
        (where(lambda size: size > 500, centred), X),  # one sample is large
        (where(lambda size: size < 0.05, centred), X),  # all samples are small
        (where(lambda size: size > 0.5, centred), 1e-4 * X),  # tiny ones came, and later ones may not be
    ],
    ids=["always", "zeros", "large", "small", "tiny"],
)
def test_influence_is_seen_at_the_size_at_which_it_begins(model, x):
    assert not independent(model, x)


def test_one_copy_a_pass_is_alone_and_runs_once():
    seen = []
    trial = trial_of(lambda x: seen.append(x) or x * 1.0, X)
    assert trial.independent([[[X]]], [1])
    assert len(seen) == 1
    assert trial.independent_when_drawn([1])
    assert len(seen) == 1


def test_few_copies_a_pass_are_tried_at_further_sizes():
    """Two copies a pass see the first two sizes in the first turn, and the next two in the second."""
    assert not independent(where(lambda size: 5 < size < 60, centred))


def test_a_model_of_a_fixed_batch_cannot_be_joined():
    def fixed(x):
        if len(x) != 2:
            raise RuntimeError("this program was exported for a batch of 2")
        return x.tanh()

    assert not independent(fixed)


def test_a_model_that_does_not_fit_its_symmetry_says_so():
    def misfit(x):
        if len(x) != 2:
            raise ShapeError("output", expected="2", got=len(x))
        return x.tanh()

    with pytest.raises(ShapeError, match="output: expected 2, got 4"):
        independent(misfit)
    assert not trial_of(misfit, X).independent_when_drawn([2])


def test_a_model_that_takes_no_numbers_of_ours_is_judged_by_the_given():
    allowed = [X, 2 * X, torch.cat([X, 2 * X])]

    def picky(x):
        if not any(x.shape == y.shape and torch.equal(x, y) for y in allowed):
            raise ValueError("out of its domain")
        return x.tanh()

    assert independent(picky)


def test_what_all_copies_share_stays_one_and_whole_numbers_stay_what_they_are():
    seen = []

    def model(x, shared, classes):
        seen.append((x, shared, classes))
        return x * shared.sum() + 0 * classes[: len(x), None]

    shared, classes = torch.rand(4, dtype=F64), torch.tensor([3.0, 1.0], dtype=F64)
    assert trial_of(model, X, shared, classes, shared=[False, True, False]).independent_when_drawn([2])
    assert all(sorted(row) == [1.0, 3.0] for _, _, found in seen for row in found.reshape(-1, 2).tolist())
    assert max(float(y.abs().max()) for _, y, _ in seen) < 20  # never made larger
    assert max(float(x.abs().max()) for x, _, _ in seen) > 100
    joined = [y for x, y, _ in seen if len(x) == 4]
    assert joined
    assert all(y.shape == (4,) for y in joined)


@pytest.mark.parametrize(("influence", "same"), [(0.0, True), (1e-3, False)])
def test_differences_that_rounding_makes_are_forgiven(influence, same):
    """Where the last digit of an input decides, kernels for another batch size decide otherwise."""
    eps = torch.finfo(F64).eps

    def chaotic(x):
        return (x * (1 + eps * len(x)) * 1e9).sin() + influence * len(x)

    assert independent(chaotic) is same


@pytest.mark.parametrize(
    ("model", "informative"),
    [(torch.tanh, True), (torch.zeros_like, False), (lambda x: x * torch.nan, False), (torch.ones_like, False)],
)
def test_whether_the_runs_said_anything(model, informative):
    trial = trial_of(model, X)
    assert not trial.informative
    assert trial.independent([[[X], [2 * X]]], [2])
    assert trial.informative is informative


class Counted(nn.Module):
    """Remembers as it is told, and counts its calls."""

    def __init__(self, how):
        super().__init__()
        self.how, self.calls, self.mean = how, 0, torch.zeros(())

    def forward(self, x):
        self.calls += 1
        return self.how(self, x)


def slowly(m, x):
    y = x - m.mean
    m.mean = m.mean + 1e-5 * x.mean()
    return y


def first_answer(m, x):
    return x if m.calls == 1 else 2 * x


STEADY = {
    "a function": lambda _, x: x.tanh(),
    "draws that change nothing": lambda _, x: x.tanh() + 0 * torch.rand(()),
    "sums in another order": lambda m, x: x.double() * (1 + 1e-15 * (m.calls % 2)),
}
UNSTEADY = {
    "noise": (lambda _, x: x + torch.rand(()), "a stochastic model: two runs differ; fix its noise"),
    "a little noise": (lambda _, x: x.double() * (1 + 1e-14 * torch.rand((), dtype=F64)), "a stochastic model"),
    "a count": (lambda m, x: x + m.calls, "one that remembers: two runs differ, and none is random; hand its state"),
    "the first call": (first_answer, "one that remembers"),
    "a slow mean": (slowly, "one that remembers"),  # one large input moves it
}


@pytest.mark.parametrize("how", STEADY.values(), ids=STEADY)
def test_steady_models_pass_and_are_left_as_they_were(how):
    model = Counted(how)
    x = 1 + X.float()
    trial = trial_of(model, x)
    state = torch.get_rng_state()
    trial.refuse_unsteady([x])
    assert model.calls == 0
    assert torch.equal(torch.get_rng_state(), state)
    assert trial.informative


@pytest.mark.parametrize(("how", "message"), UNSTEADY.values(), ids=UNSTEADY)
def test_models_that_are_not_are_refused(how, message):
    model = Counted(how)
    x = 1 + X.float()
    with pytest.raises(ArgumentError, match=f"model: expected the same output for the same input, got {message}"):
        trial_of(model, x).refuse_unsteady([x])
    assert (model.calls, model.mean.item()) == (0, 0.0)
