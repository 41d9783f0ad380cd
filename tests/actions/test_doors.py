"""Arguments of a wrong kind at the constructors of groups, representations, actions and symmetries."""

from __future__ import annotations

import pytest
import torch

from haar.actions import (
    AxisSign,
    Bilinear,
    Concatenated,
    Defining,
    DirectSum,
    Field,
    FieldSpec,
    Given,
    InterpolatedField,
    Invariant,
    Keypoints,
    Layout,
    Points,
    Regular,
    Space,
    Symmetry,
    Trivial,
    Vector,
    direct_sum,
    field_representation,
    tensor_power,
)
from haar.actions.representation import Determinant, Induced, PullBack, Quotient, Subspace, symmetric_power
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, grid_group, product, semidirect, shifts, wreath
from haar.intertwiners import decompose, hom_dimension, intertwiners, invariants, irreducibles, reynolds

D4 = dihedral(4)
V, REP = Vector(Defining(D4)), Defining(D4)
GROUPS = {
    "'C4'; haar.groups.cyclic(4)": "C4",
    "'D6'; haar.groups.dihedral(6)": "D6",
    "'Oh'; haar.groups.octahedral(full=True)": "Oh",
    "'SO(3)'; haar.groups.SO(3)": "SO(3)",
    "'so2'; haar.groups.SO(2)": "so2",
    "'SU(2)'; haar.groups.SU2()": "SU(2)",
    "'S_5'; haar.groups.symmetric(5)": "S_5",
    "'D4 x C2'; haar.groups.product(dihedral(4), cyclic(2))": "D4 x C2",
    "'octahedrl'; haar.groups.octahedral()": "octahedrl",
    "'?'; haar.groups has cyclic(n)": "?",
    "<function dihedral": dihedral,
    "a tensor of shape (2, 2); haar.groups.from_matrices": torch.eye(2),
    "<defining of D4, dimension 2>; give the group of that Defining: its .group": REP,
    "4; haar.groups has cyclic(n)": 4,
    "None; haar.groups has": None,
}
TAKES_A_GROUP = [
    ("group", lambda g: Symmetry(g, V, V)),
    ("group", Defining),
    ("group", Trivial),
    ("group", Regular),
    ("group", Space),
    ("group", Invariant),
    ("group", lambda g: AxisSign(g, 0)),
    ("group", lambda g: Given(g, torch.ones(1, 1, 1))),
    ("group", lambda g: Keypoints(g, (4, 4))),
    ("group", lambda g: field_representation(Layout.parse("p"), g)),
    ("group", lambda g: PullBack(REP, g, lambda x: x)),
    ("group", irreducibles),
    ("factors[1]", lambda g: product(D4, g)),
    ("base", lambda g: wreath(g, D4)),
    ("normal", lambda g: semidirect(g, D4, torch.zeros(8, 8))),
    ("point", lambda g: grid_group(g, (4, 4))),
]


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(("got", "value"), GROUPS.items())
def test_what_is_no_group_is_named_with_the_constructor(got, value):
    with pytest.raises(ArgumentError) as caught:
        Symmetry(value, V, V)
    assert str(caught.value).startswith(f"group: expected a haar.groups.Group, got {got}")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(("argument", "call"), TAKES_A_GROUP)
def test_everything_that_takes_a_group_says_so(argument, call):
    with pytest.raises(ArgumentError) as caught:
        call("C4")
    assert str(caught.value) == f"{argument}: expected a haar.groups.Group, got 'C4'; haar.groups.cyclic(4)"


TAKES_A_REPRESENTATION = [
    ("rep", Vector),
    ("rep", Bilinear),
    ("rep", Field),
    ("rep", InterpolatedField),
    ("rotation", lambda rep: Points(rotation=rep)),
    ("relabelling", lambda rep: Points(relabelling=rep)),
    ("rep", Induced),
    ("rep", Determinant),
    ("rep", lambda rep: Subspace(rep, torch.eye(2))),
    ("rep", lambda rep: PullBack(rep, D4, lambda g: g)),
    ("rep", lambda rep: tensor_power(rep, 2)),
    ("rep", lambda rep: symmetric_power(rep, 2)),
    ("parts", lambda rep: direct_sum([rep])),
    ("parts", lambda rep: direct_sum([REP, rep])),
    ("parts", lambda rep: DirectSum([rep, REP])),
    ("parts", lambda rep: REP @ rep),
    ("parts", lambda rep: REP + rep),
    ("rep_in", lambda rep: intertwiners(rep, REP)),
    ("rep_out", lambda rep: hom_dimension(REP, rep)),
    ("rep_out", lambda rep: reynolds(REP, rep, torch.eye(2))),
    ("rep", decompose),
    ("rep", invariants),
    ("internal", lambda rep: Symmetry.of_fields(D4, "p", internal={"p": rep})),
]


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(("argument", "call"), TAKES_A_REPRESENTATION)
@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (D4, "<TableGroup D4, order 8>; say how it acts: Defining(group), Space(group)"),
        (V, "its representation, .rep"),
        (torch.eye(2), "a tensor of shape (2, 2); matrices become one by Given(group, matrices)"),
        (Defining, "the class Defining; make one: Defining(group)"),
        ("vector", "'vector'; such as haar.actions.Defining(group)"),
    ],
    ids=["group", "action", "tensor", "class", "text"],
)
def test_everything_that_takes_a_representation_says_so(argument, call, value, hint):
    with pytest.raises(ArgumentError) as caught:
        call(value)
    assert str(caught.value).startswith(f"{argument}: expected a representation, got ")
    assert hint in str(caught.value)


def test_fields_may_be_written_as_a_list_or_as_a_dict():
    wanted = Symmetry.of_fields(D4, "tracer, velocity:vector")
    for fields in (
        ["tracer", "velocity:vector"],
        ("tracer:scalar", FieldSpec("velocity", order=1)),
        {"tracer": "scalar", "velocity": "vector"},
    ):
        made = Symmetry.of_fields(D4, fields)
        assert made.inputs[0].layout == wanted.inputs[0].layout
        assert Symmetry.of_fields(D4, "p", outputs=fields).outputs.layout == wanted.outputs.layout


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("expected", "call"),
    [
        ("fields: expected name[:kind[:constant]] for each field, got 3", lambda: Symmetry.of_fields(D4, ["p", 3])),
        ("fields: expected name[:kind[:constant]] for each field, got None", lambda: Symmetry.of_fields(D4, [None])),
        ("fields: expected {name: kind} in words, got {'p': 0}", lambda: Symmetry.of_fields(D4, {"p": 0})),
        ("fields: expected {name: kind} in words, got {1: 'scalar'}", lambda: Symmetry.of_fields(D4, {1: "scalar"})),
        ("fields: expected for p one of scalar", lambda: Symmetry.of_fields(D4, {"p": "scaler"})),
        ('fields: expected "name:kind, name:kind" or a list of such, got 5', lambda: Symmetry.of_fields(D4, 5)),
        ("fields: expected at least one field", lambda: Symmetry.of_fields(D4, [])),
        ("fields: expected a tuple of FieldSpec, got ('p',)", lambda: Layout(("p",))),
        ("name: expected the name of a field, got 5", lambda: FieldSpec(5)),
        ("order: expected 0, 1 or 2, got True", lambda: FieldSpec("p", order=True)),
        ("dim: expected 1, 2 or 3 space dimensions, got True", lambda: Symmetry.of_fields(D4, "p", dim=True)),
        ("history: expected at least one time step, got True", lambda: Symmetry.of_fields(D4, "p", history=True)),
        ("periodic: expected True or False for each axis", lambda: Symmetry.of_fields(D4, "p", periodic=[1, 0])),
        ("periodic: expected True, False, or one of", lambda: Symmetry.of_fields(D4, "p", periodic="x")),
        ("inputs[0]: expected an action", lambda: Symmetry(D4, REP, V)),
        ("inputs[1]: expected an action", lambda: Symmetry(D4, (V, None), V)),
        ("outputs['y']: expected an action", lambda: Symmetry(D4, V, {"y": "p"})),
        ("outputs: expected an action (Field, Vector", lambda: Symmetry(D4, V, Vector)),
        ("axis: expected a negative axis, counted from the end, got -1.5", lambda: Vector(REP, axis=-1.5)),
        ("axis: expected a negative axis, counted from the end, got 'last'", lambda: Vector(REP, axis="last")),
        ("axis: expected a negative axis", lambda: Concatenated([(V, 2)], axis=None)),
        ("parts: expected pairs (action, length), got", lambda: Concatenated([V], axis=-1)),
        ("parts: expected pairs (action, length), got", lambda: Concatenated([(REP, 2)], axis=-1)),
        ("parts: expected whole numbers as lengths, got 2.5", lambda: Concatenated([(V, 2.5)], axis=-1)),
        ("parts: expected at least one action with its length, got 3", lambda: Concatenated(3, axis=-1)),
        ("batched: expected True or False, got 'no'", lambda: Invariant(D4, batched="no")),
        ("dim: expected a whole number, at least 0, got 1.5", lambda: Trivial(D4, 1.5)),
        ("subgroup: expected a Subgroup, got D4; use group.subgroup", lambda: Quotient(D4)),
        ("subgroup: expected a subgroup of D4", lambda: REP.restrict("C2")),
        ("subgroup: expected a subgroup of D4", lambda: V.restrict("C2")),
        ("product: expected a product of groups, got D4", lambda: REP.pull_back(D4, 0)),
        ("homomorphism: expected a function of elements", lambda: PullBack(REP, D4, 3)),
        ("shape: expected a whole number, at least 1, got 2.5", lambda: shifts((2.5, 4))),
        ("group: expected an enumerated group, got SO(3)", lambda: irreducibles(SO(3))),
        ("base: expected an enumerated group, got SO(3)", lambda: wreath(SO(3), cyclic(2))),
        ("copies: expected at least one copy, got 2.5", lambda: REP * 2.5),
        ("basis: expected real numbers, got complex64", lambda: Subspace(REP, torch.eye(2) + 0j)),
    ],
)
def test_what_is_no_such_thing_is_refused_in_one_line(expected, call):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unchecked_annotations")
def test_the_hints_of_a_symmetry_say_how_it_becomes_an_action():
    for leaf, hint in ((REP, "Vector(rep) on an axis"), (None, "Invariant(group)"), ("p", "Symmetry.of_fields")):
        with pytest.raises(ArgumentError) as caught:
            Symmetry(D4, leaf, V)
        assert hint in str(caught.value)
