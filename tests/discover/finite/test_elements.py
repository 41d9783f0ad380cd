"""Planted groups are found with their order, nothing is found where nothing is, and what cannot be told is said."""

import math

import pytest
import torch
from tests.discover.finite.planted import PLANTED, averaged, generated, mirror, network, of_lines, of_sets, shift

from haar.audit import audit
from haar.discover.finite import elements
from haar.errors import ArgumentError
from haar.groups import hyperoctahedral, octahedral
from haar.testing import assert_equivariant


def samples(rows, *shape, seed=0):
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact(found):
    return [step for step in found.steps if step.grade == "exact"]


@pytest.mark.parametrize(("name", "n", "make", "order"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_planted_group_is_found_with_its_exact_order(name, n, make, order):
    steps = exact(elements(make(), samples(48, n), outputs="invariant", signed=False))
    assert [step.order for step in steps] == ([order] if order > 1 else [])
    if order > 1:
        assert steps[0].name == name
        assert steps[0].complete


@pytest.mark.parametrize(
    ("group", "outputs"),
    [(hyperoctahedral(3), "invariant"), (octahedral(), "invariant"), (octahedral(), "same")],
    ids=["B3", "cube", "cube on outputs"],
)
def test_signed_groups_are_found_with_their_exact_order(group, outputs):
    matrices = group.defining_matrix(group.elements())
    f = network(3, 3, 2)

    def model(x):
        answers = f(torch.einsum("gij,bj->bgi", matrices, x))
        if outputs == "same":
            answers = torch.einsum("gij,bgi->bgj", matrices, answers)
        return answers.mean(1)

    (step,) = exact(elements(model, samples(48, 3), outputs=outputs))
    assert step.order == group.order
    assert step.symmetry is not None
    assert_equivariant(model, step.symmetry, samples(8, 3, seed=1))


def test_shifts_of_a_convolution_move_its_outputs_whether_this_is_said_or_found():
    torch.manual_seed(0)
    layers = [torch.nn.Conv1d(1, 4, 3, padding=1, padding_mode="circular") for _ in range(1)]
    conv = torch.nn.Sequential(*layers, torch.nn.Tanh(), torch.nn.Conv1d(4, 1, 3, padding=1, padding_mode="circular"))
    conv = conv.double()

    def model(x):
        return conv(x[:, None])[:, 0]

    for outputs in ("auto", "any"):
        (step,) = exact(elements(model, samples(48, 8), outputs=outputs))
        assert (step.name, step.order) == ("C8", 8)
        assert audit(model, step.symmetry, samples(8, 8, seed=1)).findings.worst.relative.value < 1e-12


def test_outputs_that_change_places_and_sign_are_found():
    def model(x):
        a, b, c = x.unbind(1)
        return torch.stack([(a - b) * (b - c) * (c - a), a.square() * (b + c)], 1)

    (step,) = exact(elements(model, samples(48, 3), outputs="any"))
    assert step.order == 4  # b and c change places with a sign of the first output, and all signs change
    assert_equivariant(model, step.symmetry, samples(8, 3, seed=1))


def test_the_group_of_moved_coordinates_is_the_conjugate():
    f, places = averaged(generated([shift(6), mirror(6)])), torch.tensor([3, 0, 4, 1, 5, 2])
    x, labels = samples(48, 6), torch.arange(6.0)
    (step,) = exact(elements(f, x, outputs="invariant", signed=False))
    (other,) = exact(elements(lambda x: f(x[:, places]), x, outputs="invariant", signed=False))
    assert step.order == other.order == 12
    theirs = {tuple(other.symmetry.inputs[0].act(torch.tensor(h), labels[None])[0].tolist()) for h in range(12)}
    for g in range(12):
        moved = step.symmetry.inputs[0].act(torch.tensor(g), labels[places][None])[0]
        assert tuple(moved[places.argsort()].tolist()) in theirs


def test_single_precision_finds_the_same_and_calls_it_exact():
    network_ = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))

    def model(x):
        return network_(x[..., None]).sum(1).sin()

    found = elements(model, samples(48, 6).float(), outputs="invariant", signed=False)
    assert [(step.order, step.grade) for step in found.steps] == [(720, "exact")]


def test_nearly_symmetric_functions_have_a_staircase():
    cyclic, every = averaged(generated([shift(5)]), 5), of_sets()
    found = elements(lambda x: every(x) + 0.15 * cyclic(x), samples(200, 5), outputs="invariant", signed=False)
    orders = [step.order for step in found.steps]
    assert orders[0] == 5
    assert orders[-1] == 120
    assert found.steps[0].grade == "exact"
    assert found.steps[-1].grade == "approximate"
    assert 0.001 < found.steps[-1].defect.value < 0.2
    assert found.steps[-1].outside is None  # of all exchanges nothing is left outside


def test_larger_groups_come_from_a_search_by_distances():
    spoilt = network(8, 2, 9)
    every = of_sets()
    found = elements(lambda x: every(x) + 0.02 * spoilt(x), samples(128, 8), outputs="invariant", signed=False)
    (step,) = found.steps
    assert (step.name, step.grade) == ("S8", "approximate")
    assert step.defect.high < 0.2


def test_clouds_of_points_have_exchanges_and_signs_of_their_axes():
    def model(x):
        return x.square().sum((1, 2)) + x.norm(dim=2).prod(1)

    found = exact(elements(model, samples(48, 4, 3)))
    assert [(step.order, step.name) for step in found] == [(24, "S4"), (48, "B3")]
    for step in found:
        assert_equivariant(model, step.symmetry, samples(8, 4, 3, seed=1))


def test_random_networks_have_no_finite_symmetry():
    found = [elements(network(4, 2, seed), samples(64, 4, seed=seed), outputs="invariant") for seed in range(8)]
    assert sum(bool(one.steps) for one in found) == 0


def test_a_search_that_is_cut_short_says_so():
    found = elements(of_lines(), samples(48, 7), outputs="invariant", signed=False, limit=3)
    assert any("not finished after 3 exchanges" in words for words in found.said)


def test_constant_models_unlike_entries_and_still_ones_are_told():
    x = samples(32, 4)
    assert "constant" in elements(lambda x: torch.ones(len(x), 1), x).said[0]
    x[:, 1] *= 100
    assert "2 blocks of unlike spread" in elements(of_sets(), x, outputs="invariant").said[0]
    x[:, 2] = 1.0
    assert "[2]" in elements(of_sets(), x, outputs="invariant").said[0]
    assert "more than the 64" in elements(lambda x: x[:, :1], samples(8, 65)).said[0]


def test_four_held_out_units_claim_nothing_that_is_not_exact():
    spoilt, every = network(4, 2, 9), of_sets()
    found = elements(lambda x: every(x) + 0.02 * spoilt(x), samples(8, 4), outputs="invariant", signed=False)
    assert found.steps == []
    assert any("4 held-out units" in words for words in found.said)


def test_the_model_and_the_random_state_are_left_alone_and_answers_are_the_same_twice():
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)).double()
    state = torch.get_rng_state()
    first, second = (elements(model, samples(32, 4), outputs="invariant") for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert model.training
    assert str(first) == str(second)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": torch.arange(12).reshape(4, 3)}, "inputs: expected a tensor of real samples"),
        ({"inputs": samples(3, 4)}, "inputs: expected at least 4 samples"),
        ({"inputs": samples(8, 4).log()}, "inputs: expected finite numbers"),
        ({"tolerance": 1.0}, "tolerance: expected a number between 0 and 1"),
        ({"significance": 0.0}, "significance: expected a number between 0 and 1"),
        ({"outputs": "other"}, "outputs: expected 'auto', 'invariant', 'same' or 'any'"),
        ({"outputs": "same"}, "outputs: expected 'same' for a model with 4 outputs"),
        ({"layout": "points"}, "layout: expected 'vector'"),
        ({"blocks": [0, 1]}, "blocks: expected a label for each of 4 entries"),
        ({"units": torch.zeros(8)}, "units: expected at least two independent units"),
        ({"model": lambda x: x + torch.rand_like(x)}, "model: expected the same answer twice"),
        ({"model": lambda x: x - x.mean(0)}, "model: expected answers that do not depend on the other samples"),
        ({"model": lambda x: x.sum()}, "model: expected one tensor with an answer for each"),
        ({"model": lambda x: x.log()}, "model's answers: expected finite numbers"),
        ({"limit": 0}, "limit: expected at least 1"),
    ],
)
def test_bad_input_is_refused_by_name(change, words):
    given = {"model": lambda x: x[:, :2] * x[:, 2:], "inputs": samples(8, 4)} | change
    with pytest.raises(ArgumentError, match=words.replace("(", r"\(")):
        elements(given.pop("model"), given.pop("inputs"), **given)


def test_factorials_are_not_enumerated():
    (step,) = elements(of_sets(), samples(32, 16), outputs="invariant", signed=False).steps
    assert step.order == math.factorial(16)
    assert step.symmetry.group.sample(3).shape == (3, 16)
