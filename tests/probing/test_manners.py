"""What a model says of itself, and what is refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.errors import ArgumentError, KeywordError
from haar.groups import cyclic
from haar.probing import modes_put_back
from haar.probing.manners import (
    by_position,
    check_call,
    check_weights,
    interacting_layer,
    mode_dependent_layers,
    refuse_interacting,
    refuse_train_mode,
    unwritten,
)

C3 = Vector(Defining(cyclic(3)))


def test_what_is_no_model_and_what_no_symmetry():
    with pytest.raises(ArgumentError, match="model: expected a torch module or a function, got 3"):
        check_call(3, Symmetry(C3.group, C3, C3))
    with pytest.raises(ArgumentError, match=r"symmetry: expected a haar\.Symmetry"):
        check_call(torch.sin, "C3")


def test_named_inputs_come_in_the_order_of_the_model():
    assert by_position(lambda x, y: (x, y), (), {"y": 2, "x": 1}) == (1, 2)
    with pytest.raises(KeywordError, match="args"):
        by_position(lambda x: x, (1,), {"z": 2})
    with pytest.raises(ArgumentError, match="y: expected inputs that the model takes by position"):
        by_position(lambda x, *, y: (x, y), (1,), {"y": 2})


def test_layers_that_depend_on_the_mode_and_layers_that_interact():
    model = nn.Sequential(nn.Dropout(0.0), nn.Dropout(0.5), nn.BatchNorm1d(2), nn.ReLU())
    assert [name for name, _ in mode_dependent_layers(model)] == ["1", "2"]
    assert interacting_layer(model) is None
    assert interacting_layer(nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False))).startswith("BatchNorm1d '0'")
    assert mode_dependent_layers(torch.sin) == ()


def test_a_write_into_an_input_is_refused():
    x = torch.ones(2)
    with unwritten([x]):
        x.clone().add_(1)
    with (
        pytest.raises(ArgumentError, match="model: expected a model that leaves its inputs"),
        unwritten([x]),
    ):
        x.add_(1)


def test_modes_come_back_one_by_one_and_all_else_stays():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.BatchNorm1d(2).eval()))
    modes = [module.training for module in model.modules()]
    with modes_put_back(model, mode="train"):
        model(torch.randn(8, 2))
    assert [module.training for module in model.modules()] == modes
    assert model[0].num_batches_tracked == 1
    assert model[1][0].num_batches_tracked == 1


@pytest.mark.parametrize(
    ("layer", "depends"),
    [
        (nn.Dropout(1e-3), True),
        (nn.Dropout2d(0.0), False),
        (nn.MultiheadAttention(2, 1, dropout=0.1), True),
        (nn.MultiheadAttention(2, 1), False),
        (nn.GRU(2, 2, num_layers=2, dropout=0.1), True),
        (nn.GRU(2, 2), False),
        (nn.RReLU(), True),
        (nn.BatchNorm2d(1), True),
        (nn.LayerNorm(1), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_layer_does_in_train_mode(layer, depends):
    assert bool(mode_dependent_layers(nn.Sequential(layer))) is depends


def test_train_mode_is_refused_by_the_layers_name():
    model = nn.Sequential(nn.Dropout(0.5).eval(), nn.BatchNorm1d(2))
    layers = mode_dependent_layers(model)
    told = "BatchNorm1d '1' in train mode, where copies of one input interact or differ; call model.eval() first"
    with pytest.raises(ArgumentError) as caught:
        refuse_train_mode(layers)
    assert str(caught.value) == f"model: expected eval mode, got {told}"
    refuse_train_mode(mode_dependent_layers(model.eval()))


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(2, track_running_stats=False), nn.BatchNorm1d(2)])
def test_statistics_of_the_batch(norm):
    norm.running_mean = None
    told = interacting_layer(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), norm))
    assert told == "BatchNorm1d '2', whose statistics are those of the batch"
    assert interacting_layer(torch.sin) is None
    told_to = nn.BatchNorm1d(2)
    told_to.track_running_stats = False
    assert interacting_layer(told_to) == "BatchNorm1d '', whose statistics are those of the batch"


def test_several_elements_a_pass_are_refused():
    with pytest.raises(
        ArgumentError, match=r"^micro_batch: expected 1 for a model .*, got 3; use micro_batch=\"auto\"$"
    ):
        refuse_interacting(3)
    with pytest.raises(ArgumentError, match="got 3 and a norm;"):
        refuse_interacting(3, "a norm")


def test_inputs_by_position_of_functions_that_tell_nothing_of_theirs():
    assert by_position(nn.Bilinear(1, 1, 1), (1,), {"input2": 2}) == (1, 2)
    assert by_position(len, (1,), {}) == (1,)
    with pytest.raises(KeywordError, match="args: expected the model's own arguments, got "):
        by_position(torch.sin, (), {"x": 1})
    with pytest.raises(ArgumentError, match=r"average lambda x, y: model\(x, y=y\)$"):
        by_position(lambda x, *, y: (x, y), (1,), {"y": 2})


def test_another_number_of_inputs_is_told_with_the_names_that_the_model_has():
    one, two = Symmetry(C3.group, C3, C3), Symmetry(C3.group, (C3, C3), C3)
    with pytest.raises(
        ArgumentError, match="model: expected a model of 1 input, one for each action, got one that needs x, t"
    ):
        check_call(lambda x, t: x + t, one)
    with pytest.raises(ArgumentError, match="expected a model of 2 inputs, one for each action, got one that needs x;"):
        check_call(lambda x: x, two)
    with pytest.raises(ArgumentError, match="got one that takes x, t;"):
        check_call(lambda x, t=0: x + t, Symmetry(C3.group, (C3, C3, C3), C3))
    with pytest.raises(ArgumentError, match="got one that needs x, t;"):
        check_call(lambda x, *, t: x + t, one)
    for fits in (lambda x: x, lambda x, t=0: x + t, lambda *x: x, lambda x, *, t=0: x + t, nn.Linear(3, 3), torch.sin):
        check_call(fits, one)
    check_call(lambda x, t=0: x + t, two)


def test_weights_that_are_nowhere_are_told():
    with pytest.raises(
        ArgumentError, match="model: expected weights that are there, got parameters on the meta device"
    ):
        check_weights(nn.Linear(3, 3, device="meta"))
    check_weights(nn.Linear(3, 3))
    check_call(nn.Linear(3, 3, device="meta"), Symmetry(C3.group, C3, C3))  # shapes need none
