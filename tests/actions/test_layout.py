"""Channel order: time slowest, constants last; names, slices and every refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import FieldSpec, Layout
from haar.errors import ArgumentError

SPECS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from((1, -1)), st.sampled_from(("variable", "constant"))),
    min_size=1,
    max_size=4,
)


@given(SPECS, st.integers(1, 3), st.integers(1, 3))
def test_channels_names_and_slices_agree(specs, dim, history):
    fields = tuple(FieldSpec(f"f{k}", *spec) for k, spec in enumerate(specs))
    layout = Layout(fields, dim, history)
    names = layout.channel_names()
    assert len(names) == layout.channels == len(set(names))
    taken = []
    for step in range(history):
        for name, piece in layout.slices(step).items():
            spec = layout.field(name)
            tag = f"[{step}]" if history > 1 and spec.role == "variable" else ""
            assert names[piece] == [component + tag for component in spec.components(dim)]
            taken += range(piece.start, piece.stop)
    constant = sum(field.size(dim) for field in layout.constants)
    assert sorted(set(taken)) == list(range(layout.channels))
    assert len(taken) == layout.channels + (history - 1) * constant
    assert names[layout.channels - constant :] == [name for f in layout.constants for name in f.components(dim)]


@given(SPECS)
def test_text_and_specifications_say_the_same(specs):
    fields = tuple(FieldSpec(f"f{k}", *spec) for k, spec in enumerate(specs))
    text = ", ".join(f"{field.name}:{field.kind}:{field.role}" for field in fields)
    assert Layout.parse(text).fields == fields
    assert Layout.parse(fields) == Layout.parse(text)


def test_histories_and_outputs():
    layout = Layout.parse("p, u:vector, mask:scalar:constant", dim=2, history=4)
    assert layout.channels == 13
    assert layout.with_history(1).channels == 4
    assert layout.output().channel_names() == ["p", "u_x", "u_y"]
    assert FieldSpec.parse(" B : pseudovector ") == FieldSpec("B", 1, -1)


def test_components_are_named_after_the_axes():
    fields = Layout.parse("p, u:vector, D:tensor, f:vector:constant", dim=2).fields
    sphere = Layout(fields, 2, 2, ("theta", "phi"))
    once = ["p", "u_theta", "u_phi", "D_theta_theta", "D_theta_phi", "D_phi_theta", "D_phi_phi"]
    assert sphere.output().channel_names() == once
    tagged = [f"{name}[{step}]" for step in (0, 1) for name in once]
    assert sphere.channel_names() == [*tagged, "f_theta", "f_phi"]
    assert sphere.with_history(1).channel_names() == [*once, "f_theta", "f_phi"]
    assert Layout(fields[1:3], 2, 1, ("z", "r")).channel_names() == ["u_z", "u_r", "D_zz", "D_zr", "D_rz", "D_rr"]
    assert sphere == Layout(fields, 2, 2)  # names are no other channels
    with pytest.raises(ArgumentError, match=r"axes: expected 2 names, or none, got \('r',\)"):
        Layout(fields, 2, 1, ("r",))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: FieldSpec.parse("u:vectr"),
            r"fields: expected for u one of scalar, .*, got 'vectr'; did you mean vector\?",
        ),
        (lambda: FieldSpec.parse("u:3"), "got '3'$"),
        (
            lambda: FieldSpec.parse("u:vector:const"),
            r"expected for u 'variable' or 'constant' .* did you mean constant\?",
        ),
        (lambda: FieldSpec.parse("u:vector:constant:1"), r"fields: expected name\[:kind\[:constant\]\] for each field"),
        (lambda: Layout.parse("p,,u"), r"fields: expected name\[:kind\[:constant\]\] for each field, got ''"),
        (lambda: Layout.parse([]), "fields: expected at least one field, got none"),
        (lambda: Layout.parse("p, p"), "fields: expected distinct names, got p, p"),
        (lambda: Layout.parse("p", dim=4), "dim: expected 1, 2 or 3 space dimensions, got 4"),
        (lambda: Layout.parse("p", history=0), "history: expected at least one time step, got 0"),
        (
            lambda: Layout.parse("p:scalar:constant").output(),
            "fields: expected a variable field to predict, got constants only: p",
        ),
        (lambda: Layout.parse("p").slices(1), "step: expected 0 to 0, got 1"),
        (
            lambda: Layout.parse("pressure, u:vector").field("presure"),
            r"field: .* got 'presure'; did you mean pressure\?",
        ),
        (lambda: FieldSpec("p", 3), "order: expected 0, 1 or 2, got 3; split the field"),
        (lambda: FieldSpec("p", 0, 0), "parity: expected 1 or -1, got 0"),
        (lambda: FieldSpec("p", 0, 1, "fixed"), "role: expected 'variable' or 'constant', got 'fixed'"),
    ],
)
def test_what_is_no_layout_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_axes_of_several_letters_are_told_apart_where_one_of_them_has_them():
    tensor = FieldSpec("D", 2)
    assert tensor.components(2, ("r", "theta")) == ["D_r_r", "D_r_theta", "D_theta_r", "D_theta_theta"]
    assert tensor.components(2, ("z", "r")) == ["D_zz", "D_zr", "D_rz", "D_rr"]
    assert tensor.components(1) == ["D_xx"]


def test_one_step_has_no_tags_and_constants_stand_in_every_step():
    layout = Layout.parse("p, k:vector:constant", dim=2, history=2)
    assert layout.with_history(1).channel_names() == ["p", "k_x", "k_y"]
    assert layout.slices(1) == {"p": slice(1, 2), "k": slice(2, 4)}
    with pytest.raises(ArgumentError, match="step: expected 0 to 1, got 2"):
        layout.slices(2)
    with pytest.raises(ArgumentError, match="step: expected 0 to 1, got -1"):
        layout.slices(-1)
    assert layout.joined_blocks([(0,)]) == [("p", (0, 1)), ("k", (2, 3))]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FieldSpec(""), "name: expected the name of a field, got ''"),
        (lambda: FieldSpec("p", True), "order: expected 0, 1 or 2, got True"),
        (lambda: FieldSpec("p", 0, True), "parity: expected 1 or -1, got True"),
        (lambda: Layout.parse({"p": 3}), r"fields: expected {name: kind} in words, got {'p': 3}"),
        (lambda: Layout.parse(3), 'fields: expected "name:kind, name:kind" or a list of such, got 3'),
        (lambda: Layout.parse([3]), r"fields: expected name\[:kind\[:constant\]\] for each field, got 3"),
        (lambda: Layout(["p"]), r"fields: expected a tuple of FieldSpec, got \['p'\]; Layout.parse reads names"),
        (lambda: Layout.parse("p", dim=True), "dim: expected 1, 2 or 3 space dimensions, got True"),
        (lambda: Layout.parse("p", history=True), "history: expected at least one time step, got True"),
        (lambda: Layout.parse("p", history=1.0), "history: expected at least one time step, got 1.0"),
    ],
)
@pytest.mark.usefixtures("unchecked_annotations")
def test_what_is_of_another_kind_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
