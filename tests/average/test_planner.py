"""Plans are trusted as long as what they depend on stays: modes, switches, weights; and by one thread at a time."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch
from plain_loop import DOUBLE, loop, vector_symmetry
from torch import nn

from haar.actions import Invariant, Symmetry
from haar.average import average
from haar.errors import ArgumentError
from haar.groups import cyclic

C3 = vector_symmetry(cyclic(3))


class Gated(nn.Module):
    """Samples influence each other behind a gate: a weight, a switch, or the mode."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2, dtype=DOUBLE)
        self.gate, self.open = nn.Parameter(torch.zeros((), dtype=DOUBLE)), False
        self.register_buffer("latch", torch.zeros((), dtype=DOUBLE))
        self.strength = 0.0

    def forward(self, x):
        y = self.linear(x).exp()
        return y - (self.gate + self.open + self.training + self.latch + self.strength) * x.mean(0)


def _open_weight(model):
    model.load_state_dict({**model.state_dict(), "gate": torch.ones((), dtype=DOUBLE)})


def _open_switch(model):
    model.open = True


def _open_buffer(model):
    model.latch.fill_(1.0)


def _open_number(model):
    model.strength = 1.0


@pytest.mark.parametrize("change", [_open_weight, _open_switch, _open_buffer, _open_number, nn.Module.train])
def test_a_verdict_is_found_again_when_the_model_changed(change):
    model, x = Gated().eval(), torch.randn(4, 2, dtype=DOUBLE)
    joined = average(model, C3, micro_batch=3)
    alone = average(model, C3)
    with torch.no_grad():
        joined(x), alone(x)
        change(model)
        torch.testing.assert_close(alone(x), loop(model, C3, (x,)), rtol=1e-12, atol=1e-12)
        with pytest.raises(ArgumentError, match="micro_batch: expected 1 for a model in which the samples"):
            joined(x)


@pytest.mark.parametrize("change", [_open_weight, _open_buffer, _open_number])
@pytest.mark.parametrize("before", range(5))
def test_no_change_is_missed_where_gradients_are_off(change, before):
    model, x = Gated().eval(), torch.randn(4, 2, dtype=DOUBLE)
    averaged = average(model, C3)
    with torch.no_grad():
        averaged(x)
        for _ in range(before):
            model.gate.zero_()
            averaged(x)
        change(model)
        for _ in range(2):
            torch.testing.assert_close(averaged(x), loop(model, C3, (x,)), rtol=1e-12, atol=1e-12)


def test_after_training_it_is_looked_at_again():
    model, x = Gated().eval(), torch.randn(4, 2, dtype=DOUBLE)
    averaged = average(model, C3)
    averaged(x)
    for _ in range(6):
        with torch.no_grad():
            model.gate.add_(1.0 / 6)
        averaged(x)
    torch.testing.assert_close(averaged(x).detach(), loop(model, C3, (x,)), rtol=1e-12, atol=1e-12)


def test_training_looks_again_ever_more_rarely():
    model, x, calls = nn.Linear(2, 2), torch.randn(4, 2), []
    averaged = average(model, C3, micro_batch=3)
    optimiser = torch.optim.SGD(model.parameters(), 1e-3)
    averaged(x)
    model.register_forward_hook(lambda *_: calls.append(1))
    for _ in range(40):
        optimiser.zero_grad()
        averaged(x).square().sum().backward()
        optimiser.step()
    assert len(calls) > 40
    some = len(calls)
    for _ in range(20):
        averaged(x).square().sum().backward()
        optimiser.step()
    assert len(calls) - some == 20


def test_an_output_that_says_nothing_decides_nothing():
    model = Gated().eval()
    mask = torch.zeros(4, 1, dtype=torch.bool)
    group = C3.group
    action = C3.outputs
    averaged = average(lambda x, m: (model(x) - x.mean(0)) * m, Symmetry(group, (action, Invariant(group)), action))
    x = torch.randn(4, 2, dtype=DOUBLE)
    with torch.no_grad():
        assert not averaged(x, mask).any()
        for _ in range(3):
            found = averaged(x, ~mask)
            torch.testing.assert_close(found, average(model, C3)(x) - average(lambda x: x * 0 + x.mean(0), C3)(x))


def test_threads_share_a_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2)).eval()
    inputs = [torch.randn(n, 2) for n in (1, 2, 3, 5)]
    expected = [loop(model, C3, (x,)) for x in inputs]
    averages, wrong = [average(model, C3), average(model, C3)], []

    def work(first):
        for k in range(first, first + 8):
            with torch.no_grad():
                found = averages[first % 2](inputs[k % 4])
            if not torch.allclose(found, expected[k % 4], rtol=0, atol=1e-5):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_modes_and_random_states_are_never_touched():
    model = nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(4), nn.Linear(4, 2)).train()
    model[1].eval()
    x = torch.randn(3, 2)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    average(model, C3)(x)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert [module.training for module in model] == [True, False, True]
    assert all(p.grad is None for p in model.parameters())


def test_compiled_models_and_averages_are_tried_too():
    """In a process of its own: the run-time checks of the test suite cannot be compiled."""
    script = """
        import torch
        from torch import nn
        from haar.actions import Defining, Invariant, Symmetry, Vector
        from haar.average import average
        from haar.errors import ArgumentError
        from haar.groups import cyclic
        torch.manual_seed(0)
        C3 = cyclic(3)
        symmetry = Symmetry(C3, Vector(Defining(C3)), Vector(Defining(C3)))
        linear = nn.Linear(2, 2)
        class Batch(nn.Module):
            def forward(self, x):
                return linear(x).softmax(0) / x.abs().amax()
        act, x = symmetry.outputs.act, torch.randn(4, 2)
        with torch.no_grad():
            for model in (Batch(), linear):
                expected = sum(act(C3.inverse(g), model(act(g, x))) for g in C3.elements()) / 3
                for options in ({}, {"micro_batch": 1}):
                    compiled = torch.compile(average(model, symmetry, **options), backend="eager", fullgraph=True)
                    torch.testing.assert_close(compiled(x), expected)
                torch.testing.assert_close(average(torch.compile(model, backend="eager"), symmetry)(x), expected)
                program = torch.export.export(average(model, symmetry), (x,)).module()
                torch.testing.assert_close(program(x), expected)
            class Scaled(nn.Module):  # a number beside the rows
                def forward(self, x, by):
                    return Batch()(x) * by
            numbered = Symmetry(C3, (*symmetry.inputs, Invariant(C3)), symmetry.outputs)
            expected = sum(act(C3.inverse(g), Batch()(act(g, x)) * 2.0) for g in C3.elements()) / 3
            compiled = torch.compile(average(Scaled(), numbered), backend="eager")
            torch.testing.assert_close(compiled(x, 2.0), expected)
            try:
                torch.compile(average(Batch(), symmetry, micro_batch=3), backend="eager")(x)
            except ArgumentError:
                print("refused")
    """
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert found.stdout == "refused\n", found.stderr[-3000:]
