"""The engine: exactness over groups and layouts, any structure of inputs and outputs, nothing mutated."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from haar.actions import Defining, Field, Invariant, Space, Symmetry, Trivial, Vector
from haar.average import Averaged, Cosets, Given, Orbit, Sampled, average
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, cyclic, dihedral, grid_group, reflections, shifts, sign

DOUBLE = torch.float64


def loop(model, symmetry, args):
    """The definition, one element after the other."""
    group = symmetry.group
    outputs = [symmetry.act_outputs(group.inverse(g), model(*symmetry.act_inputs(g, args))) for g in group.elements()]
    return torch.stack(outputs).mean(0)


@settings(max_examples=3)
@given(seed=st.integers(0, 10_000), batch=st.integers(1, 4), micro_batch=st.sampled_from([1, 2, 3, 8, "auto"]))
def test_the_average_is_equivariant_and_equals_a_plain_loop(case, name, seed, batch, micro_batch):
    model, symmetry, args = case(name, batch=batch, seed=seed)
    averaged = average(model, symmetry, micro_batch=micro_batch)
    y = averaged(*args)
    torch.testing.assert_close(y, loop(model, symmetry, args), rtol=1e-12, atol=1e-12)
    g = symmetry.group.sample(1, torch.Generator().manual_seed(seed))[0]
    moved = averaged(*symmetry.act_inputs(g, args))
    torch.testing.assert_close(moved, symmetry.act_outputs(g, y), rtol=1e-12, atol=1e-12)


def test_averaging_twice_changes_nothing(case, name):
    model, symmetry, args = case(name)
    once = average(model, symmetry, micro_batch=4)
    twice = average(once, symmetry, micro_batch=4)
    torch.testing.assert_close(twice(*args), once(*args), rtol=1e-12, atol=1e-12)


def test_single_precision_keeps_its_own_tolerance(case, name):
    model, symmetry, args = case(name, dtype=torch.float32)
    averaged = average(model, symmetry)
    y = averaged(*args)
    assert y.dtype == torch.float32
    scale = float(y.detach().abs().max())
    torch.testing.assert_close(y, loop(model, symmetry, args), rtol=0, atol=1e-5 * scale)


def test_an_equivariant_model_is_left_as_it_is():
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    isotropic = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=DOUBLE)
    a, b, c = torch.randn(3, dtype=DOUBLE)
    with torch.no_grad():
        isotropic.weight.copy_(torch.stack([a, b, a, b, c, b, a, b, a]).reshape(1, 1, 3, 3))
    x = torch.randn(2, 1, 7, 7, dtype=DOUBLE)
    torch.testing.assert_close(average(isotropic, symmetry)(x), isotropic(x), rtol=1e-12, atol=1e-12)


def test_a_chain_of_subgroups_averages_step_by_step():
    D4 = dihedral(4)
    symmetry = Symmetry.of_fields(D4, "p, u:vector")
    small = symmetry.restrict(D4.subgroup([1], "C4"))
    model = nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(2, 3, 5, 5, dtype=DOUBLE)
    big = average(model, symmetry)(x)
    torch.testing.assert_close(average(average(model, small), symmetry)(x), big, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(average(average(model, symmetry), small)(x), big, rtol=1e-12, atol=1e-12)


def test_affine_actions_average_exactly():
    group = reflections(1)
    offset = torch.zeros(2, 1, 6, dtype=DOUBLE)
    offset[1] = 2.0  # b -> 2 - b under the reflection: an involution with the sign -1
    action = Field(Defining(group), offset=offset)
    model = nn.Conv1d(1, 1, 3, padding=1, dtype=DOUBLE)
    averaged = average(model, Symmetry(group, action, action))
    x = torch.randn(2, 1, 6, dtype=DOUBLE)
    g = torch.tensor(1)
    torch.testing.assert_close(averaged(action.act(g, x)), action.act(g, averaged(x)), rtol=1e-12, atol=1e-12)


class Both(NamedTuple):
    force: torch.Tensor
    energy: torch.Tensor


class Molecule(nn.Module):
    """Two inputs in a dict, a shared time, outputs in a named tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2, dtype=DOUBLE), nn.Linear(2, 1, dtype=DOUBLE)

    def forward(self, state, time):
        x, q = state["x"], state["q"]
        return Both(torch.tanh(self.a(x)) * q.unsqueeze(-1) + time, self.b(x)[:, 0] ** 2)


def test_several_inputs_and_outputs_in_their_own_containers():
    group = cyclic(3)
    vector, scalar = Vector(Defining(group)), Invariant(group)
    symmetry = Symmetry(group, ({"x": vector, "q": scalar}, Invariant(group, batched=False)), Both(vector, scalar))
    model = Molecule()
    args = ({"q": torch.rand(4, dtype=DOUBLE), "x": torch.randn(4, 2, dtype=DOUBLE)}, torch.tensor(0.3, dtype=DOUBLE))
    averaged = average(model, symmetry)
    y = averaged(*args)
    assert isinstance(y, Both)
    terms = [symmetry.act_outputs(group.inverse(g), model(*symmetry.act_inputs(g, args))) for g in group.elements()]
    torch.testing.assert_close(y.force, sum(t.force for t in terms) / 3, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(y.energy, sum(t.energy for t in terms) / 3, rtol=1e-12, atol=1e-12)
    assert averaged.stacked(*args).energy.shape == (3, 4)


def test_plain_numbers_none_and_names_pass():
    group = cyclic(4)
    vector, still = Vector(Defining(group)), Invariant(group, batched=False)
    averaged = average(
        lambda x, scale, mask: (x * scale, mask, "units"),
        Symmetry(group, (vector, still, still), (vector, still, still)),
    )
    y, mask, units = averaged(torch.ones(2, 2, dtype=DOUBLE), 2.0, None)
    assert mask is None
    assert units == "units"
    torch.testing.assert_close(y, torch.full((2, 2), 2.0, dtype=DOUBLE))


def test_an_input_of_batch_one_is_shared_by_all_samples():
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    action = symmetry.outputs
    both = Symmetry(symmetry.group, (action, action), action)
    conv = nn.Conv2d(1, 1, 3, padding=1, dtype=DOUBLE)
    x, mask = torch.randn(3, 1, 4, 4, dtype=DOUBLE), torch.rand(1, 1, 4, 4, dtype=DOUBLE)

    def model(x, mask):
        return conv(x) * mask

    expected = average(model, both, micro_batch=8)(x, mask.expand(3, 1, 4, 4).contiguous())
    torch.testing.assert_close(average(model, both, micro_batch=8)(x, mask), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("micro_batch", ["auto", 1])
def test_inputs_without_a_batch_axis_run_one_element_at_a_time(micro_batch):
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    model = nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(3, 6, 6, dtype=DOUBLE)
    averaged = average(model, symmetry, micro_batch=micro_batch)
    torch.testing.assert_close(averaged(x), averaged(x[None])[0], rtol=1e-12, atol=1e-12)
    vectors = average(nn.Linear(2, 2, dtype=DOUBLE), _vectors(cyclic(3)), micro_batch=micro_batch)
    v = torch.randn(2, dtype=DOUBLE)
    torch.testing.assert_close(vectors(v), vectors(v[None])[0], rtol=1e-12, atol=1e-12)


def test_several_elements_need_a_batch_axis():
    averaged = average(nn.Linear(2, 2), _vectors(cyclic(3)), micro_batch=2)
    with pytest.raises(
        ArgumentError, match="micro_batch: expected 1 for inputs or outputs without a batch axis, got 2"
    ):
        averaged(torch.ones(2))


def test_an_output_without_batch_axis_runs_one_element_at_a_time():
    group = cyclic(3)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group, batched=False))
    x = torch.randn(5, 2, dtype=DOUBLE)

    def total(x):
        return x[:, 0].exp().sum()

    expected = sum(total(Vector(Defining(group)).act(g, x)) for g in group.elements()) / 3
    torch.testing.assert_close(average(total, symmetry)(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_an_empty_batch_gives_an_empty_output(case, name, dtype):
    model, symmetry, args = case(name, dtype=dtype, batch=2)
    empty = tuple(x[:0] for x in args)
    y = average(model, symmetry)(*empty)
    assert y.shape == model(*empty).shape


def test_terms_and_stacked_are_the_orbit_of_predictions(case, name):
    model, symmetry, args = case(name)
    averaged = average(model, symmetry, micro_batch=3)
    terms = list(averaged.terms(*args))
    assert len(terms) == symmetry.group.order
    total = sum(weight * y for weight, y in terms)
    torch.testing.assert_close(total, averaged(*args), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(averaged.stacked(*args), torch.stack([y for _, y in terms]), rtol=0, atol=0)


def test_gradients_flow_to_inputs_and_weights(case):
    model, symmetry, args = case("D3 on vectors")
    averaged = average(model, symmetry, micro_batch=2)
    assert torch.autograd.gradcheck(averaged, (args[0].requires_grad_(),))
    averaged(*args).square().sum().backward()
    loop_model = copy.deepcopy(model)
    loop_model.zero_grad()
    loop(loop_model, symmetry, args).square().sum().backward()
    for ours, theirs in zip(model.parameters(), loop_model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use, inside jvp
def test_functional_transforms_compose(case):
    model, symmetry, (x,) = case("D3 on vectors")
    averaged = average(model, symmetry)
    _, tangent = torch.func.jvp(averaged, (x,), (torch.ones_like(x),))
    step = 1e-6
    difference = (averaged(x + step) - averaged(x - step)) / (2 * step)
    torch.testing.assert_close(tangent, difference, rtol=0, atol=1e-8)
    each = torch.func.vmap(lambda row: averaged(row[None])[0])(x)
    torch.testing.assert_close(each, averaged(x), rtol=1e-12, atol=1e-12)


def test_the_model_is_not_changed(case):
    model, symmetry, args = case("D4 with shifts")
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    averaged = average(model, symmetry)
    averaged(*args)
    assert model.training
    assert averaged.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert all(not module._forward_hooks for module in model.modules())


def test_state_dict_is_the_models_in_train_and_eval(case):
    model, symmetry, _ = case("D4 with shifts")
    averaged = average(model, symmetry, window="hann")
    names = [f"model.{name}" for name in model.state_dict()]
    assert list(averaged.train().state_dict()) == names
    assert list(averaged.eval().state_dict()) == names


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_give_the_same(case, name, travel):
    model, symmetry, args = case(name)
    averaged = average(model, symmetry, micro_batch=2)
    y = averaged(*args)
    other = travel(averaged)
    torch.testing.assert_close(other(*args), y, rtol=0, atol=1e-14)
    assert other.model is not averaged.model


def test_inference_mode_and_grad_mode_agree(case):
    model, symmetry, args = case("D4 with shifts")
    averaged = average(model, symmetry, micro_batch=4)
    y = averaged(*args)
    with torch.inference_mode():
        assert torch.equal(averaged(*args), y)


def test_moving_to_half_precision_keeps_the_group_exact():
    averaged = average(nn.Identity(), _vectors(cyclic(3)), micro_batch=3)
    x = torch.randn(4, 2, dtype=DOUBLE)
    averaged.to(torch.bfloat16)
    assert averaged(x.bfloat16()).dtype == torch.bfloat16
    averaged.to(DOUBLE)
    torch.testing.assert_close(averaged(x), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_sums_in_single(dtype):
    group = shifts((16,), step=1)
    symmetry = Symmetry.of_fields(group, "p")
    x = torch.randn(2, 1, 16, dtype=dtype)
    terms = average(lambda x: x * 0.1 + x.roll(1, -1), symmetry, micro_batch=16).stacked(x)
    y = average(lambda x: x * 0.1 + x.roll(1, -1), symmetry, micro_batch=16)(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y, terms.double().mean(0).to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=1e-3)


def test_autocast_rounds_the_model_and_not_the_moves():
    symmetry = _vectors(cyclic(3))
    averaged = average(nn.Identity(), symmetry)
    x = torch.randn(4, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(averaged(x), x, rtol=0, atol=1e-6)
    linear = average(nn.Linear(2, 2), symmetry)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = linear(x)
    torch.testing.assert_close(y.float(), linear(x), rtol=0, atol=0.05)


def test_the_memory_bound_limits_the_micro_batch(case):
    model, symmetry, args = case("D4 with shifts")
    tight = average(model, symmetry, memory_limit=1)
    tight(*args)
    assert [plan.elements for plan in tight._plans.values()] == [1]
    free = average(model, symmetry, memory_limit=2**40)
    torch.testing.assert_close(free(*args), tight(*args), rtol=1e-12, atol=1e-12)


def test_plans_are_made_once_for_a_shape(case):
    model, symmetry, args = case("D3 on vectors")
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    averaged = average(model, symmetry)
    averaged(*args)
    first = len(calls)
    averaged(*args)
    plan = next(iter(averaged._plans.values()))
    assert len(calls) - first == -(-6 // plan.elements) < first
    averaged(args[0][:1])
    assert len(averaged._plans) == 2


class BatchMean(nn.Module):
    """Samples of one batch influence each other."""

    def forward(self, x):
        return (x - x.mean(0)).exp()


def test_copies_that_interact_run_one_at_a_time():
    symmetry = _vectors(cyclic(3))
    x = torch.randn(5, 2, dtype=DOUBLE)
    averaged = average(BatchMean(), symmetry)
    torch.testing.assert_close(averaged(x), loop(BatchMean(), symmetry, (x,)), rtol=1e-12, atol=1e-12)
    with pytest.raises(ArgumentError, match="micro_batch: expected 1 for a model in which the samples of a batch"):
        average(BatchMean(), symmetry, micro_batch=3)(x)


def test_a_stochastic_model_is_refused():
    symmetry = _vectors(cyclic(3))
    x = torch.randn(5, 2)

    def noisy(x):
        return x + 1e-6 * torch.randn_like(x)

    with pytest.raises(
        ArgumentError, match="model: expected the same output for the same input, got a stochastic model"
    ):
        average(noisy, symmetry)(x)
    with pytest.raises(ArgumentError, match="check=False"):
        average(noisy, symmetry, micro_batch=1)(x)
    assert average(noisy, symmetry, check=False, micro_batch=3)(x).shape == x.shape


def test_a_model_that_draws_and_does_not_use_it_is_no_stochastic_model():
    def harmless(x):
        torch.rand(1)
        return x

    x = torch.randn(5, 2)
    torch.testing.assert_close(average(harmless, _vectors(cyclic(3)))(x), x)


@pytest.mark.parametrize(
    ("layer", "word"),
    [
        (nn.Dropout(0.1), "Dropout"),
        (nn.BatchNorm1d(2), "BatchNorm1d"),
        (nn.RReLU(), "RReLU"),
        (nn.MultiheadAttention(2, 1, dropout=0.1), "MultiheadAttention"),
    ],
)
def test_train_mode_with_layers_that_depend_on_it_is_refused(layer, word):
    model = nn.Sequential(nn.Linear(2, 2), layer)
    with pytest.raises(ArgumentError, match=f"model: expected eval mode, got {word} '1' in train mode"):
        average(model, _vectors(cyclic(3)))


def test_train_mode_later_is_refused_too():
    averaged = average(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).eval(), _vectors(cyclic(3)))
    averaged(torch.ones(1, 2))
    averaged.train()
    with pytest.raises(ArgumentError, match="Dropout '1' in train mode"):
        averaged(torch.ones(1, 2))


def test_train_mode_without_such_layers_is_fine():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)).train()
    assert average(model, _vectors(cyclic(3)))(torch.ones(1, 2)).shape == (1, 2)


@pytest.mark.parametrize(
    ("output", "got"),
    [(lambda x: x.argmax(-1, keepdim=True), "torch.int64"), (lambda x: x > 0, "torch.bool"), (lambda _: 1.0, "float")],
)
def test_outputs_that_cannot_be_averaged_are_refused(output, got):
    group = cyclic(3)
    averaged = average(output, Symmetry(group, Vector(Defining(group)), Invariant(group)))
    with pytest.raises(
        ArgumentError, match=f"output: expected a floating-point tensor, which can be averaged, got {got}"
    ):
        averaged(torch.ones(1, 2))


def test_an_output_of_another_shape_is_named():
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    averaged = average(nn.Conv2d(3, 2, 3, padding=1), symmetry)
    with pytest.raises(ShapeError, match="output: expected 3 channels"):
        averaged(torch.randn(1, 3, 6, 6))


def test_an_output_that_lost_its_batch_axis_is_named():
    group = cyclic(3)
    averaged = average(lambda x: x.sum(), Symmetry(group, Vector(Defining(group)), Invariant(group)), micro_batch=3)
    with pytest.raises(ShapeError, match=r"output: expected a batch axis divisible by 2 copies.*batched=False"):
        averaged(torch.ones(4, 2))


def test_inputs_of_different_batch_lengths_are_named():
    group = cyclic(3)
    vector = Vector(Defining(group))
    averaged = average(lambda x, _: x, Symmetry(group, (vector, Invariant(group)), vector))
    with pytest.raises(ShapeError, match=r"inputs\[1\]: expected 4 samples on axis 0, like the inputs before it"):
        averaged(torch.ones(4, 2), torch.ones(3))


def test_wrong_inputs_are_named():
    averaged = average(nn.Conv2d(3, 3, 3, padding=1), Symmetry.of_fields(dihedral(4), "p, u:vector"))
    with pytest.raises(ShapeError, match=r"inputs\[0\]: expected axes of equal length for D4"):
        averaged(torch.randn(1, 3, 6, 8))
    with pytest.raises(ShapeError, match="expected 1 values"):
        averaged(torch.randn(1, 3, 6, 6), torch.ones(1))
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        averaged(torch.randn(1, 3, 6, 6), time=1)


@pytest.mark.parametrize("micro_batch", [0, -1, "fast", True])
def test_micro_batch_must_be_a_number_or_auto(micro_batch):
    with pytest.raises(ArgumentError, match="micro_batch: expected 'auto' or a positive number of elements"):
        average(nn.Linear(2, 2), _vectors(cyclic(3)), micro_batch=micro_batch)


def test_unknown_strategies_and_keywords_are_refused():
    with pytest.raises(ArgumentError, match="how: expected one of orbit, sampled, quadrature, quasirandom"):
        average(nn.Linear(2, 2), _vectors(cyclic(3)), "everything")
    with pytest.raises(TypeError, match="unexpected keyword argument 'microbatch'"):
        average(nn.Linear(2, 2), _vectors(cyclic(3)), microbatch=2)


@pytest.mark.parametrize("group", [SO(3), shifts((64, 64))])
def test_groups_too_large_for_a_full_orbit_are_refused(group):
    action = Vector(Defining(group)) if group.order is None else Field(Trivial(group))
    with pytest.raises(ArgumentError, match="how: expected a finite group of at most 1024 elements for a full orbit"):
        average(nn.Identity(), Symmetry(group, action, action))


def test_the_representation_says_what_is_known():
    D4 = dihedral(4)
    symmetry = Symmetry.of_fields(D4, "p")
    assert "D4, 8 elements: exact" in repr(average(nn.Identity(), symmetry))
    assert "sampled" in average(nn.Identity(), symmetry, Sampled(3)).error
    assert "exact if the model is C2-equivariant" in repr(
        average(nn.Identity(), symmetry, Cosets(D4.subgroup([2], "C2")))
    )


@pytest.mark.parametrize("micro_batch", [3, "auto"])
def test_stabilisers_share_runs_and_give_the_same(micro_batch):
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    conv = nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)
    rows = []

    def model(x):
        rows.append(len(x))
        return conv(x)

    plain = torch.randn(1, 3, 6, 6, dtype=DOUBLE)
    half_turn = symmetry.inputs[0].act(torch.tensor(2), plain)
    x = torch.cat([plain, plain + half_turn, torch.zeros_like(plain)])
    shared = average(model, symmetry, micro_batch=micro_batch, share_stabilisers=True)
    shared(x)
    rows.clear()
    y = shared(x)
    assert sum(rows) == 8 + 4 + 1
    torch.testing.assert_close(y, average(conv, symmetry)(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(y[1], symmetry.outputs.act(torch.tensor(2), y[1:2])[0], rtol=1e-12, atol=1e-12)


def test_stabilisers_are_those_of_all_inputs_together():
    group = dihedral(4)
    field = Field(Space(group))
    symmetry = Symmetry(group, (field, field, Invariant(group)), field)
    calls = []

    def model(x, y, t):
        calls.append(len(x))
        return x * t.reshape(-1, 1, 1, 1) + y.sin()

    x = torch.zeros(2, 2, 4, 4, dtype=DOUBLE)
    y = torch.zeros(2, 2, 4, 4, dtype=DOUBLE)
    y[1] = torch.randn(2, 4, 4, dtype=DOUBLE)
    t = torch.rand(2, dtype=DOUBLE)
    shared = average(model, symmetry, share_stabilisers=True, micro_batch=8)
    shared(x, y, t)
    calls.clear()
    result = shared(x, y, t)
    assert sum(calls) == 1 + 8
    torch.testing.assert_close(result, average(model, symmetry, micro_batch=8)(x, y, t), rtol=1e-12, atol=1e-12)


def test_nan_is_passed_on_and_never_shared():
    symmetry = _vectors(sign(1))
    x = torch.tensor([[float("nan")], [1.0]])
    y = average(nn.Identity(), symmetry, share_stabilisers=True)(x)
    assert torch.isnan(y[0]).all()
    assert float(y[1]) == 1.0


def test_known_equivariance_needs_fewer_elements():
    G = grid_group(dihedral(4), (6, 6), step=3)
    symmetry = Symmetry.of_fields(G, "p, u:vector")
    conv = nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular", dtype=DOUBLE)
    shift_group = G.subgroup([int(G.element(0, (3, 0))), int(G.element(0, (0, 3)))])
    few = average(conv, symmetry, Cosets(shift_group))
    assert len(few.elements) == 8
    x = torch.randn(2, 3, 6, 6, dtype=DOUBLE)
    torch.testing.assert_close(few(x), average(conv, symmetry)(x), rtol=1e-12, atol=1e-12)


@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_the_pointwise_identity_of_orbits_holds(seed):
    """mean_g |f(gx) - gy|^2 = |Qf(x) - y|^2 + mean_g |f_g(x) - Qf(x)|^2, on any pair (x, y)."""
    generator = torch.Generator().manual_seed(seed)
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    conv = nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(1, 3, 4, 4, generator=generator, dtype=DOUBLE)
    y = torch.randn(1, 3, 4, 4, generator=generator, dtype=DOUBLE)
    averaged = average(conv, symmetry, micro_batch=8)
    mean, orbit = averaged(x), averaged.stacked(x)
    left = [
        (conv(symmetry.inputs[0].act(g, x)) - symmetry.outputs.act(g, y)).square().sum()
        for g in symmetry.group.elements()
    ]
    right = (mean - y).square().sum() + (orbit - mean).square().sum() / 8
    torch.testing.assert_close(sum(left) / 8, right, rtol=1e-12, atol=1e-12)


def test_the_engine_takes_a_given_set_and_an_orbit_alike():
    symmetry = _vectors(cyclic(4))
    model = nn.Linear(2, 2, dtype=DOUBLE)
    x = torch.randn(3, 2, dtype=DOUBLE)
    whole = Averaged(model, symmetry, Orbit())(x)
    torch.testing.assert_close(Averaged(model, symmetry, Given([0, 1, 2, 3]))(x), whole, rtol=0, atol=0)


def test_warnings_are_not_given(case):
    model, symmetry, args = case("O on a cube")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        average(model, symmetry)(*args)


def _vectors(group):
    action = Vector(Defining(group))
    return Symmetry(group, action, action)
