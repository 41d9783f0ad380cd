"""Relaxing is carried out, beside plain fine-tuning as long, and kept where it is better than that and all else."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Defining
from haar.check import Budget, check
from haar.groups import SO, dihedral

F64 = torch.float64
D4 = Symmetry.of_fields(dihedral(4), "p")
KERNEL = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(5), dtype=F64)


def truth(x, lean):
    """Symmetric but for a part of this size."""
    around = nn.functional.pad(x, (1, 1, 1, 1), mode="circular")
    mean = nn.functional.avg_pool2d(around, 3, 1)
    return torch.tanh(2 * mean) + x * mean + lean * nn.functional.conv2d(around, KERNEL)


def data(lean, rows=48, noise=0.1):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 1, 5, 5, generator=generator, dtype=F64)
    return x, truth(x, lean) + noise * torch.randn(rows, 1, 5, 5, generator=generator, dtype=F64)


def small_net(width=6):
    """A network with weights drawn from one seed."""
    generator = torch.Generator().manual_seed(0)
    options = {"padding": 1, "padding_mode": "circular"}
    net = nn.Sequential(
        nn.Conv2d(1, width, 3, **options), nn.SiLU(), nn.Conv2d(width, width, 3, **options), nn.SiLU(),
        nn.Conv2d(width, 1, 1),
    ).to(F64)  # fmt: skip
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=F64) * (3 * max(p[0].numel(), 8)) ** -0.5)
    return net


def trained(lean, steps=200, rows=16):
    """A network that has seen a few rows."""
    x, y = data(lean)
    net, generator = small_net(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(steps):
        drawn = torch.randint(rows, (12,), generator=generator)
        optimiser.zero_grad()
        (net(x[drawn]) - y[drawn]).square().mean().backward()
        optimiser.step()
    optimiser.zero_grad()
    return net


@pytest.fixture(scope="module")
def nearly():
    """A check with relaxing, of a truth that is nearly symmetric."""
    model = trained(0.05)
    kept = copy.deepcopy(model.state_dict())
    budget = Budget(steps=80, seconds=None)
    return model, kept, check(model, data(0.05), symmetry=D4, relax=budget)


def test_a_truth_that_is_nearly_symmetric_is_learned_better_with_the_symmetry_than_without(nearly):
    _, _, done = nearly
    assert done.audit.recommendation.verdict in ("do not", "soft", "unclear")
    assert done.action == "relax"
    told = done.relaxed
    assert told.tried
    assert told.kept
    assert told.gains.change.high < 0
    assert told.gains.beyond.high < 0
    assert told.gains.plain.value > told.gains.change.value
    assert 0 < told.training.gamma < 1
    assert (told.group, told.elements, told.training.rows, told.training.asked, told.training.budget.steps) == (
        "D4",
        8,
        24,
        80,
        80,
    )
    assert done.summary.startswith("Relaxed over D4 (8 copies, 80 steps, gamma = ")
    assert "equally long plain fine-tuning" in done.summary
    assert all("haar relax" not in command and "--relax" not in command for command in done.commands)


def test_the_numbers_are_those_of_the_model_that_is_handed_out(nearly):
    model, _, done = nearly
    x, y = data(0.05)
    held = torch.ones(48, dtype=torch.bool)
    held[torch.randperm(48, generator=torch.Generator().manual_seed(0))[:24]] = False
    with torch.no_grad():
        before, after = (float((one(x[held]) - y[held]).square().mean()) for one in (model, done.model))
    assert done.relaxed.gains.change.value == pytest.approx(after / before - 1, rel=1e-9)
    assert done.measured.loss_after.value == pytest.approx(after, rel=1e-9)
    assert done.measured.loss_before.value == pytest.approx(before, rel=1e-9)


def test_the_model_that_was_given_is_left_as_it_was(nearly):
    model, kept, done = nearly
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert done.model is not model


def test_the_relaxed_model_is_written_as_a_program_and_told_on_the_page(nearly, tmp_path):
    _, _, done = nearly
    path = done.save_model(tmp_path / "repaired.pt2")
    again = torch.export.load(path).module()
    x = data(0.05)[0][:1]
    torch.testing.assert_close(again(x), done.model(x), rtol=0, atol=1e-9)
    page = done.save_html(tmp_path / "report.html").read_text()
    assert "plain fine-tuning" in page
    told = done.to_dict()
    assert told["action"] == "relax"
    assert told["relaxed"]["budget"] == {"steps": 80, "seconds": None, "batch_size": 16, "learning_rate": 1e-3}


def test_one_seed_gives_one_answer(nearly):
    model, _, done = nearly
    again = check(model, data(0.05), symmetry=D4, relax=Budget(steps=80, seconds=None))
    assert again.relaxed == done.relaxed


def test_a_truth_without_the_symmetry_is_learned_no_better_with_it():
    done = check(trained(1.0), data(1.0), symmetry=D4, relax=Budget(steps=60, seconds=None))
    assert done.action == "leave alone"
    assert done.relaxed.tried
    assert not done.relaxed.kept
    assert done.relaxed.gains.plain.high < 0
    assert done.relaxed.gains.beyond.high > 0
    assert "was tried and taken back" in done.summary


def test_a_truth_that_is_symmetric_is_averaged_and_not_trained():
    done = check(trained(0.0), data(0.0), symmetry=D4, relax=True)
    assert done.action == "average"
    assert not done.relaxed.tried
    assert "not called for, since the average over" in done.summary


def test_of_a_group_that_cannot_be_listed_sixteen_elements_are_drawn():
    turns = Symmetry(SO(2), Vector(Defining(SO(2))), Invariant(SO(2)))
    x = torch.randn(48, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    net = nn.Sequential(nn.Linear(2, 1, dtype=F64), nn.Tanh(), nn.Linear(1, 1, dtype=F64))
    with torch.no_grad():
        for p, value in zip(net.parameters(), ([[0.5, 0.1]], [0.1], [[2.0]], [0.0]), strict=True):
            p.copy_(torch.tensor(value))  # nearly the first coordinate, which no turn leaves alone
    done = check(net, (x, x[:, :1]), symmetry=turns, relax=Budget(steps=30, seconds=None))
    assert (done.relaxed.tried, done.relaxed.elements) == (True, 16)


def test_copies_of_a_sample_run_one_after_another(nearly):
    _, _, done = nearly
    x, calls = data(0.05)[0][:3], []
    done.model(x)
    with done.model.stages.model.register_forward_pre_hook(lambda _, args: calls.append(len(args[0]))):
        done.model(x)
    assert calls
    assert set(calls) == {3}


class Scaled(nn.Module):
    """Fields of two units, each channel learned by itself."""

    def __init__(self):
        super().__init__()
        self.one, self.other = trained(1.0), trained(1.0)

    def forward(self, x):
        return torch.cat([self.one(x[:, :1]), 1000 * self.other(x[:, 1:] / 1000)], 1)


def test_errors_to_train_on_are_in_units_of_the_scale():
    x, y = data(1.0)
    x, y = torch.cat([x, 1000 * x.flip(0)], 1), torch.cat([y, 1000 * y.flip(0)], 1)
    both = Symmetry.of_fields(dihedral(4), "p, q")
    found = [
        check(Scaled(), (x, y), symmetry=both, scale=torch.tensor(scale), relax=Budget(steps=30, seconds=None)).relaxed
        for scale in ([1.0, 1000.0], [2.0, 2000.0], [1.0, 1e6])
    ]
    # a scale that is twice as large, of every channel, changes no ratio; one that leaves a channel out does
    assert found[0].gains.change.value == pytest.approx(found[1].gains.change.value, rel=1e-6)
    assert found[0].gains.change.value != pytest.approx(found[2].gains.change.value, rel=1e-3)


class Loud(nn.Module):
    """A model that cannot be run in train mode."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=F64))

    def forward(self, x):
        if self.training:
            raise RuntimeError("no training here")
        return self.weight * bare(x)


def bare(x):
    return x + 0.3 * x.roll((1, 2), (2, 3)) * x


def of_bare(x):
    return x, bare(x) + 0.1 * x.flip(0)


def leaning(x):
    return data(1.0, rows=len(x))


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        (lambda: bare, of_bare, "a function has no weights to train"),
        (
            lambda: trained(1.0).requires_grad_(requires_grad=False),
            leaning,
            "no weights that are trained; set requires",
        ),
        (lambda: trained(1.0), lambda x: x, "there are no labels to train on"),
        (Loud, of_bare, "the model cannot be trained (RuntimeError: no training here"),
        (lambda: trained(1.0), lambda x: tuple(one[:8] for one in leaning(x)), "a half of the data has 4 independent"),
    ],
    ids=["function", "frozen", "no labels", "fails in train mode", "few"],
)
def test_what_cannot_be_trained_is_told_in_a_sentence(model, given, words):
    done = check(model(), given(data(1.0, rows=32)[0]), symmetry=D4, relax=Budget(steps=30))
    assert not done.relaxed.tried
    assert done.action == "leave alone"
    assert done.relaxed.why.startswith("Relaxing was not tried: ")
    assert words in done.summary
    assert done.commands[-1].startswith("haar relax --help")


def test_weights_in_half_precision_are_not_trained():
    done = check(trained(1.0).to(torch.bfloat16), data(1.0)[0].to(torch.bfloat16), symmetry=D4, relax=True)
    assert "no labels" in done.summary
    x, y = (one.to(torch.bfloat16) for one in data(1.0))
    done = check(trained(1.0).to(torch.bfloat16), (x, y), symmetry=D4, relax=True)
    assert "half precision, in which small steps are lost; give model.float()" in done.summary


def test_without_a_symmetry_there_is_nothing_to_relax_to():
    x = torch.randn(256, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    done = check(lambda x: x[:, :1] * x[:, 1:2].exp() + x[:, 2:] ** 3 + x[:, :1].cos(), x, relax=True)
    assert done.summary.endswith("no symmetry was found to relax towards; name one that you suspect.")


def test_no_time_is_told_with_what_a_step_takes():
    done = check(trained(1.0), data(1.0), symmetry=D4, relax=Budget(seconds=1e-6))
    assert "so that 0 fit into 1e-06 s; allow more" in done.summary
