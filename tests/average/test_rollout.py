"""Rollouts: every mode agrees on an equivariant model, averaged modes are equivariant, constants are kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, Invariant, Layout, Symmetry, Trivial, Vector
from haar.average import Frame, Given, Rollout, Sampled, average
from haar.average.rollout import MODES
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic, dihedral, grid_group, reflections

DOUBLE = torch.float64
D4 = dihedral(4)
FIELDS = "p, u:vector, k:scalar:constant"


class Step(nn.Module):
    """A one-step model of two states and a constant, tame enough for long rollouts."""

    def __init__(self, n_in=7, n_out=3, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv = nn.Conv2d(n_in, n_out, 3, padding=1, dtype=DOUBLE).requires_grad_(requires_grad=False)

    def forward(self, x):
        return torch.tanh(self.conv(x))


def symmetry_of(group=D4, **options):
    return Symmetry.of_fields(group, FIELDS, history=2, **options)


def start(batch=2, seed=1):
    return torch.randn(batch, 7, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@pytest.mark.parametrize("delta", [False, True])
def test_a_plain_rollout_is_the_loop_that_everybody_writes(delta):
    model, x = Step(), start()
    found = Rollout(model, symmetry_of(), mode="plain", delta=delta)(x, 4)
    states = []
    for _ in range(4):
        y = model(x)
        y = y + x[:, 3:6] if delta else y
        x = torch.cat([x[:, 3:6], y, x[:, 6:]], 1)
        states.append(y)
    torch.testing.assert_close(found, torch.stack(states, 1), rtol=0, atol=0)


@pytest.mark.parametrize("micro_batch", [3, "auto"])
@pytest.mark.parametrize("mode", ["step", "trajectory"])
@pytest.mark.parametrize("delta", [False, True])
def test_averaged_rollouts_are_equivariant(mode, delta, micro_batch):
    symmetry, x = symmetry_of(), start()
    rollout = Rollout(Step(), symmetry, mode=mode, delta=delta, micro_batch=micro_batch)
    states = rollout(x, 4)
    for g in D4.elements():
        moved = rollout(symmetry.inputs[0].act(g, x), 4)
        torch.testing.assert_close(moved, symmetry.outputs.act(g, states), rtol=1e-9, atol=1e-9)


def test_stepwise_averaging_is_the_rollout_of_the_averaged_model():
    symmetry, model, x = symmetry_of(), Step(), start()
    averaged = average(model, symmetry)
    expected = Rollout(averaged, symmetry, mode="plain")(x, 3)
    torch.testing.assert_close(Rollout(model, symmetry, mode="step")(x, 3), expected, rtol=1e-12, atol=1e-12)


def test_trajectory_averaging_is_the_average_of_plain_rollouts():
    symmetry, model, x = symmetry_of(), Step(), start()
    plain = Rollout(model, symmetry, mode="plain")
    runs = [symmetry.outputs.act(D4.inverse(g), plain(symmetry.inputs[0].act(g, x), 3)) for g in D4.elements()]
    found = Rollout(model, symmetry, mode="trajectory", micro_batch=3)(x, 3)
    torch.testing.assert_close(found, torch.stack(runs).mean(0), rtol=1e-12, atol=1e-12)


def test_cyclic_elements_take_turns():
    symmetry, model, x = symmetry_of(), Step(), start()
    found = Rollout(model, symmetry, mode="cyclic", how=Given([0, 1, 4]))(x, 5)
    states = []
    for k in range(5):
        g = torch.tensor([0, 1, 4][k % 3])
        y = symmetry.outputs.act(D4.inverse(g), model(symmetry.inputs[0].act(g, x)))
        x = torch.cat([x[:, 3:6], y, x[:, 6:]], 1)
        states.append(y)
    torch.testing.assert_close(found, torch.stack(states, 1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["stochastic", "cyclic"])
def test_all_elements_in_every_step_are_the_average(mode):
    symmetry, model, x = symmetry_of(), Step(), start()
    found = Rollout(model, symmetry, mode=mode, per_step=8)(x, 3)
    torch.testing.assert_close(found, Rollout(model, symmetry)(x, 3), rtol=1e-12, atol=1e-12)


def test_stochastic_rollouts_are_seeded_and_draw_anew_in_every_step():
    symmetry, model, x = symmetry_of(), Step(), start()
    state = torch.get_rng_state()
    first, again, other = (Rollout(model, symmetry, mode="stochastic", seed=s, micro_batch=1)(x, 12) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)
    drawn = Rollout(lambda x: x[:, 3:6] * 0, symmetry, mode="stochastic")
    seen = []
    drawn.averaged.predictions = lambda args, places: (seen.extend(places), iter([args[0][:, 3:6]]))[1]
    drawn(x, 40)
    assert set(seen) == set(range(8))


def test_one_random_element_a_step_costs_one_forward():
    calls = []
    model = Step()
    model.register_forward_hook(lambda _m, args, _y: calls.append(len(args[0])))
    rollout = Rollout(model, symmetry_of(), mode="stochastic", micro_batch=1)
    rollout(start(), 3)
    calls.clear()
    rollout(start(), 3)
    assert calls == [2, 2, 2]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("delta", [False, True])
def test_every_mode_agrees_on_an_equivariant_model(mode, delta):
    symmetry, x = symmetry_of(), start()
    model = average(Step(), symmetry.linear() if delta else symmetry)
    expected = Rollout(model, symmetry, mode="plain", delta=delta)(x, 3)
    found = Rollout(model, symmetry, mode=mode, delta=delta)(x, 3)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", ["step", "trajectory", "stochastic"])
@pytest.mark.parametrize("delta", [False, True])
def test_affine_states_are_moved_as_states_and_differences_as_differences(mode, delta):
    """b -> 2 - b under the reflection of a line."""
    group = reflections(1)
    offset = torch.zeros(2, 1, 6, dtype=DOUBLE)
    offset[1] = 2.0
    layout = Layout.parse("b", dim=1)
    state = Field(Defining(group), offset=offset)
    symmetry = Symmetry(group, state, state)
    conv = nn.Conv1d(1, 1, 3, padding=1, dtype=DOUBLE).requires_grad_(requires_grad=False)
    x = torch.randn(2, 1, 6, dtype=DOUBLE)
    rollout = Rollout(lambda x: torch.tanh(conv(x)), symmetry, mode=mode, delta=delta, layout=layout, per_step=2)
    states, moved = rollout(x, 3), rollout(state.act(torch.tensor(1), x), 3)
    torch.testing.assert_close(
        moved, state.act(torch.tensor(1), states.flatten(0, 1)).unflatten(0, (2, 3)), atol=1e-12, rtol=0
    )


def test_channels_last():
    symmetry = symmetry_of(channels="last")
    model, x = Step(), start()

    def last(x):
        return model(x.movedim(-1, 1)).movedim(1, -1)

    found = Rollout(last, symmetry)(x.movedim(1, -1), 3)
    expected = Rollout(model, symmetry_of())(x, 3)
    torch.testing.assert_close(found, expected.movedim(2, -1), rtol=1e-12, atol=1e-12)


def test_shifts_and_samples_of_large_groups():
    group = grid_group(D4, (4, 4))
    symmetry, x = symmetry_of(group), start()
    rollout = Rollout(Step(), symmetry, mode="stochastic", how=Sampled(16), per_step=2)
    assert rollout(x, 3).shape == (2, 3, 3, 4, 4)


def test_states_come_one_by_one():
    rollout, x = Rollout(Step(), symmetry_of()), start()
    endless = rollout.states(x, 10**9)
    third = [next(endless) for _ in range(3)][-1]
    torch.testing.assert_close(third, rollout(x, 3)[:, -1], rtol=1e-12, atol=1e-12)
    assert "mode 'step'" in repr(rollout)


@pytest.mark.parametrize("mode", ["plain", "step", "trajectory"])
def test_several_leading_axes_are_those_of_samples(mode):
    model, x = Step(), torch.stack([start(), start(seed=2), start(seed=3)], 1)
    many = Rollout(lambda x: model(x.flatten(0, 1)).unflatten(0, (-1, 3)), symmetry_of(), mode=mode)
    found, expected = many(x, 2), Rollout(model, symmetry_of(), mode=mode)(x.flatten(0, 1), 2)
    torch.testing.assert_close(found.transpose(1, 2).flatten(0, 1), expected, rtol=1e-12, atol=1e-12)


def test_bad_options_are_refused():
    symmetry, model = symmetry_of(), Step()
    with pytest.raises(
        ArgumentError, match="mode: expected one of plain, step, trajectory, stochastic, cyclic, got 'both'"
    ):
        Rollout(model, symmetry, mode="both")
    with pytest.raises(ArgumentError, match="per_step: expected at least 1, got 0"):
        Rollout(model, symmetry, per_step=0)
    with pytest.raises(ArgumentError, match="how: expected a fixed weighted set for a rollout, got a frame"):
        Rollout(model, symmetry, how=Frame(lambda x: x))
    with pytest.raises(ArgumentError, match="steps: expected at least 1, got 0"):
        Rollout(model, symmetry)(start(), 0)
    with pytest.raises(ShapeError, match="x: expected a batch axis before 3 others"):
        Rollout(model, symmetry)(start()[0], 1)
    with pytest.raises(ShapeError, match=r"inputs\[0\]: expected 7 channels"):
        Rollout(model, symmetry)(start()[:, :6], 1)


def test_models_that_are_no_surrogates_are_refused():
    group = cyclic(4)
    vector, field = Vector(Defining(group)), Field(Trivial(group))
    with pytest.raises(ArgumentError, match="inputs: expected one field with channels, got Vector"):
        Rollout(torch.exp, Symmetry(group, vector, vector))
    with pytest.raises(ArgumentError, match="outputs: expected one field with channels, got Field, Invariant"):
        Rollout(torch.exp, Symmetry(group, field, (field, Invariant(group))))
    with pytest.raises(ArgumentError, match="layout: expected the channels of the model's input, got none"):
        Rollout(torch.exp, Symmetry(group, field, field))
    with pytest.raises(ArgumentError, match="layout: expected 1 channels in, 1 out"):
        Rollout(torch.exp, Symmetry(group, field, field), layout=Layout.parse("a, b"))
