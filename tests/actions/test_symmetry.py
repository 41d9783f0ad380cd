"""Symmetries of models: nesting, paths in errors, fields of surrogate models, restrictions, copies."""

from __future__ import annotations

import copy
import pickle
import re
from collections import OrderedDict, UserDict
from typing import Any, NamedTuple

import pytest
import torch

from haar.actions import (
    AxisSign,
    Defining,
    Field,
    FieldSpec,
    Invariant,
    Points,
    Space,
    Symmetry,
    Trivial,
    Vector,
    rayleigh_benard,
)
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, dihedral, product, reflections, sign, symmetric

D4 = dihedral(4)


class Prediction(NamedTuple):
    velocity: Any
    extra: Any


def nested() -> Symmetry:
    return Symmetry(
        D4,
        (Field(Space(D4)), {"mask": Field(Trivial(D4), channels=None), "time": Invariant(D4, batched=False)}),
        Prediction(Field(Space(D4)), [Vector(Defining(D4)), Invariant(D4)]),
    )


def test_any_nesting_of_inputs_and_outputs(generator):
    symmetry = nested()
    u, mask = torch.randn(3, 2, 4, 4, generator=generator), torch.rand(3, 4, 4, generator=generator) > 0.5
    g = torch.tensor([1, 4, 7])
    args = (u, {"time": 0.5, "mask": mask})
    symmetry.check_inputs(args)
    moved_u, rest = symmetry.act_inputs(g, args)
    assert torch.equal(moved_u, Field(Space(D4)).act(g, u))
    assert torch.equal(rest["mask"], Field(Trivial(D4), channels=None).act(g, mask))
    assert list(rest) == ["time", "mask"]
    assert rest["time"] == 0.5
    y = Prediction(u, [torch.randn(3, 2), "a label"])
    symmetry.check_outputs(y)
    moved = symmetry.act_outputs(g, y)
    assert isinstance(moved, Prediction)
    assert isinstance(moved.extra, list)
    assert moved.extra[1] == "a label"
    assert torch.equal(moved.extra[0], Vector(Defining(D4)).act(g, y.extra[0]))
    seen = []
    symmetry.map_outputs(lambda action, _: seen.append(type(action).__name__), y)
    assert seen == ["Field", "Vector"]


def test_restrictions_linear_parts_and_copies_keep_the_nesting(generator):
    symmetry = nested()
    half = D4.subgroup([2, 4], "D2")
    smaller = symmetry.restrict(half)
    y = Prediction(torch.randn(2, 2, 4, 4, generator=generator), [torch.randn(2, 2), None])
    for k, g in enumerate(half.embedding):
        small, large = smaller.act_outputs(torch.tensor(k), y), symmetry.act_outputs(g, y)
        assert torch.equal(small.velocity, large.velocity)
        assert torch.equal(small.extra[0], large.extra[0])
    assert isinstance(smaller.outputs, Prediction)
    assert repr(smaller) == "<Symmetry D2: Field, Field, Invariant -> Field, Vector, Invariant>"
    for other in (copy.deepcopy(symmetry), pickle.loads(pickle.dumps(symmetry)), symmetry.linear()):
        assert repr(other) == repr(symmetry)
        assert torch.equal(
            other.act_outputs(torch.tensor(3), y).velocity, symmetry.act_outputs(torch.tensor(3), y).velocity
        )
    assert not symmetry.approximate


def test_affine_outputs_are_linear_for_differences():
    heights = (torch.arange(4, dtype=torch.float64) + 0.5) / 4
    symmetry = rayleigh_benard(reflections(2), heights, thickness=1.0)
    linear = symmetry.linear()
    assert linear.inputs[0] is symmetry.inputs[0]
    zero = torch.zeros(1, 4, 4, 4, dtype=torch.float64)
    assert not linear.act_outputs(torch.tensor(1), zero).any()
    assert symmetry.act_outputs(torch.tensor(1), zero).any()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((torch.zeros(1, 2, 4, 4),), r"inputs: expected 2 values, one for each action, got 1"),
        ((torch.zeros(1, 2, 4, 4), 3), r"inputs\[1\]: expected a dict with \['mask', 'time'\], got int"),
        (
            (torch.zeros(1, 2, 4, 4), {"mask": torch.zeros(1, 4, 4)}),
            r"expected a dict with \['mask', 'time'\], got \['mask'\]",
        ),
        (
            (torch.zeros(1, 2, 4, 4), {"mask": 0.5, "time": 1}),
            r"inputs\[1\]\['mask'\]: expected a tensor for Field, got float; give it the action Invariant",
        ),
        (
            (torch.zeros(1, 3, 4, 4), {"mask": torch.zeros(1, 4, 4), "time": None}),
            r"inputs\[0\]: expected 2 channels \(vector\) on axis -3 of .*, got 3 in \(1, 3, 4, 4\)",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_named_by_their_path(args, message):
    with pytest.raises(ShapeError, match=message):
        nested().check_inputs(args)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.zeros(3), r"output: expected a tuple of 2 values, one for each action, got Tensor"),
        (
            (torch.zeros(1, 2, 4, 6), [torch.zeros(1, 2), 0]),
            r"output\[0\]: expected axes of equal length for D4, .* got 4x6",
        ),
        (
            (torch.zeros(1, 2, 4, 4), [torch.zeros(1, 3), 0]),
            r"output\[1\]\[0\]: expected 2 on axis -1 \(defining of D4\)",
        ),
    ],
)
def test_outputs_that_do_not_fit_are_named_by_their_path(y, message):
    with pytest.raises(ShapeError, match=message):
        nested().check_outputs(y)


def test_leaves_must_be_actions_of_one_group_on_one_grid():
    with pytest.raises(ArgumentError, match=r"inputs\[0\]: expected an action \(Field, .*\), got <vector of D4"):
        Symmetry(D4, Space(D4), Field(Space(D4)))
    with pytest.raises(
        ArgumentError, match=r"outputs\['u'\]: expected an action of the same group object, D4, got Field of D2"
    ):
        Symmetry(D4, Field(Space(D4)), {"u": Field(Space(dihedral(2)))})
    with pytest.raises(
        ArgumentError, match=r"outputs: expected a cell-centred grid .* like inputs\[0\], got node-centred"
    ):
        Symmetry(D4, Field(Space(D4)), Field(Space(D4), centring="node"))
    S = symmetric(3)
    Symmetry(S, Field(Trivial(S), space_dim=2), Field(Trivial(S), centring="node", space_dim=2))


# --- surrogate models ---


@pytest.mark.parametrize("channels", ["first", "last"])
def test_surrogate_models_map_a_history_and_constants_to_the_next_state(channels, generator):
    symmetry = Symmetry.of_fields(D4, "p, u:vector, k:scalar:constant", history=3, channels=channels)
    names = symmetry.inputs[0].layout.channel_names()
    assert names == ["p[0]", "u_x[0]", "u_y[0]", "p[1]", "u_x[1]", "u_y[1]", "p[2]", "u_x[2]", "u_y[2]", "k"]
    assert symmetry.outputs.layout.channel_names() == ["p", "u_x", "u_y"]
    x = torch.randn(1, 10, 4, 4, generator=generator)
    laid = x if channels == "first" else x.movedim(1, -1)
    g = torch.tensor(5)
    moved = symmetry.act_inputs(g, (laid,))[0]
    moved = moved if channels == "first" else moved.movedim(-1, 1)
    step = Field(Trivial(D4) + Space(D4))
    for start in (0, 3, 6):
        assert torch.equal(moved[:, start : start + 3], step.act(g, x[:, start : start + 3]))
    assert torch.equal(moved[:, 9:], Field(Trivial(D4)).act(g, x[:, 9:]))


def test_outputs_may_be_other_fields_than_the_inputs():
    group = product(reflections(2), sign(1))
    flip = Defining(group.factors[1]).pull_back(group, 1)
    symmetry = Symmetry.of_fields(
        group,
        "s, k:scalar:constant",
        outputs="w:pseudoscalar, s",
        internal={"s": flip, "w": flip, "k": AxisSign(group, 0)},
    )
    last = group.elements()[-1]  # both mirrors and the sign
    assert symmetry.inputs[0].rep.matrix(last).diagonal().tolist() == [-1, -1]
    assert symmetry.outputs.rep.matrix(last).diagonal().tolist() == [-1, -1]
    one_mirror = torch.tensor(2)
    assert group.describe(one_mirror) == "my"
    assert symmetry.outputs.rep.matrix(one_mirror).diagonal().tolist() == [-1, 1]


def test_specifications_will_do_for_words():
    specs = [FieldSpec("p"), FieldSpec("u", 1)]
    assert Symmetry.of_fields(D4, specs).inputs[0].rep.dim == 3
    assert Symmetry.of_fields(symmetric(4), "p", dim=3).inputs[0].dim == 3


@pytest.mark.parametrize(
    ("group", "fields", "options", "message"),
    [
        (D4, "p", {"internal": {"q": Trivial(D4)}}, "internal: expected fields among p, got 'q'"),
        (
            D4,
            "p:scalar:constant",
            {},
            "fields: expected a variable field to predict, got constants only: p; give outputs",
        ),
        (D4, "u:vector", {"outputs": "u"}, "outputs: expected u as a vector, as in fields, got a scalar"),
        (D4, "p", {"channels": "middle"}, "channels: expected 'first' or 'last', got 'middle'"),
        (D4, "p", {"dim": 3}, "group: expected a group of a 3-dimensional grid, got D4 of a 2-dimensional one"),
        (D4, "p", {"centring": "corner"}, "centring: expected 'cell' or 'node', got 'corner'"),
        (symmetric(4), "p", {}, "dim: expected the number of space axes, got none, and S4 moves no grid; give dim"),
        (
            SO(2),
            "u:vector",
            {"dim": 2},
            r"fields: expected scalars, as SO\(2\) moves no grid, got u, a vector; name it",
        ),
    ],
)
def test_surrogates_that_cannot_be_are_refused(group, fields, options, message):
    with pytest.raises(ArgumentError, match=message):
        Symmetry.of_fields(group, fields, **options)


def test_a_misspelt_keyword_is_an_error():
    with pytest.raises(TypeError, match="histroy"):
        Symmetry.of_fields(D4, "p", histroy=2)


def test_clouds_of_points_with_labels():
    group = SO(3)
    symmetry = Symmetry(group, (Points(rotation=Defining(group)), Invariant(group)), Invariant(group))
    positions, charges = torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    g = group.sample(2, torch.Generator().manual_seed(0))
    moved, same = symmetry.act_inputs(g, (positions, charges))
    assert torch.allclose(torch.cdist(moved, moved), torch.cdist(positions, positions), atol=1e-6)
    assert same is charges
    energy = torch.zeros(2)
    assert symmetry.act_outputs(g, energy) is energy


class Answer(OrderedDict):
    """What libraries of models return: a dict whose entries are attributes too."""

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)


@pytest.mark.parametrize("kind", [dict, OrderedDict, Answer, UserDict])
def test_mappings_keep_their_type_and_order(kind):
    group = dihedral(4)
    actions = {"logits": Invariant(group), "velocity": Field(Space(group)), "aux": Invariant(group)}
    symmetry = Symmetry(group, {"x": Field(Space(group))}, actions)
    given = kind()
    given["velocity"], given["aux"], given["logits"] = torch.ones(1, 2, 4, 4), None, torch.zeros(1)
    moved = symmetry.act_outputs(torch.tensor(1), given)
    assert type(moved) is kind
    assert list(moved) == ["velocity", "aux", "logits"]
    assert moved["velocity"][0, :, 0, 0].tolist() == [-1, 1]
    assert given["velocity"][0, :, 0, 0].tolist() == [1, 1]
    if kind is Answer:
        assert moved.velocity is moved["velocity"]
        assert moved.logits is given["logits"]


def test_what_torch_returns_keeps_its_type():
    group = symmetric(3)
    points = Vector(Defining(group))
    symmetry = Symmetry(group, points, (points, Invariant(group)))
    given = torch.max(torch.arange(6.0).reshape(2, 3), 0)
    moved = symmetry.map_outputs(lambda _, x: x, given)
    assert type(moved) is type(given)
    assert torch.equal(moved.values, given.values)


def test_interpolated_fields_know_their_layout_and_name_their_channels():
    group = SO(2)
    symmetry = Symmetry.of_fields(group, "p, u:vector", interpolate="linear")
    assert symmetry.inputs[0].layout.channel_names() == ["p", "u_x", "u_y"]
    with pytest.raises(ShapeError, match=r"inputs\[0\]: expected 3 channels \(p, u_x, u_y\)"):
        symmetry.check_inputs((torch.zeros(1, 2, 5, 5),))
    D4 = dihedral(4)
    restricted = Symmetry.of_fields(D4, "p, u:vector", interpolate="linear").restrict(D4.subgroup([1]))
    assert restricted.outputs.layout.channel_names() == ["p", "u_x", "u_y"]
    with pytest.raises(ArgumentError, match=r"centring: expected 'cell' with interpolate: .* got 'node'"):
        Symmetry.of_fields(group, "p", interpolate="linear", centring="node")


def test_a_wrong_call_is_told_once_with_what_was_given():
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    x = {"u": torch.zeros(1, 2, 8, 8)}
    nested = Symmetry(symmetry.group, [{"u": symmetry.inputs[0]}], symmetry.outputs)
    element = torch.tensor(1)
    told = {
        "check_inputs": lambda: nested.check_inputs([x]),
        "act_inputs": lambda: nested.act_inputs(element, [x]),
        "check_outputs": lambda: symmetry.check_outputs(x["u"]),
        "act_outputs": lambda: symmetry.act_outputs(element, x["u"]),
    }
    for operation, wrong in told.items():
        path, given = "output", "float32 (1, 2, 8, 8)"
        if "inputs" in operation:
            path, given = r"inputs\[0\]\['u'\]", "[[u: float32 (1, 2, 8, 8)]]"
        call = re.escape(f"({operation} of <Symmetry D4: Field -> Field>, given {given})")
        with pytest.raises(ShapeError, match=rf"^{path}: expected 3 channels .* got 2 in \(1, 2, 8, 8\); .* {call}$"):
            wrong()
    with pytest.raises(ArgumentError, match=r"^g: expected elements 0..7 of D4, got 9 \(act_outputs of .*, given "):
        symmetry.act_outputs(torch.tensor(9), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ShapeError, match=r"^inputs: expected 1 values, .* got 2 \(check_inputs of .* \[None, str\]\)$"):
        symmetry.check_inputs((None, "name"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"logits": torch.zeros(1, 2, 4, 4)},
            r"got dict; .* stand as its parts do, \{'logits': Field\(\.\.\.\)\}; or give a",
        ),
        ((torch.zeros(1, 2, 4, 4),), r"got tuple; .* do, \(Field\(\.\.\.\),\); or"),
        ([torch.zeros(1), torch.zeros(1)], r"got list; .* do, \(Field\(\.\.\.\), Field\(\.\.\.\)\); or"),
        (None, "got NoneType; give it the action Invariant if nothing moves it"),
    ],
)
def test_a_container_in_place_of_a_tensor_is_told_how_its_actions_stand(value, words):
    symmetry = Symmetry(D4, Field(Space(D4)), Field(Space(D4)))
    with pytest.raises(ShapeError, match=words):
        symmetry.check_outputs(value)
