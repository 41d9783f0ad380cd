"""The parts of outputs: their names, their channels, their spreads, and the scale by which they are divided."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Defining, Field, Invariant, Symmetry, Trivial, Vector
from haar.audit import Audit, audit
from haar.audit.parts import Outputs, check_scale
from haar.errors import ArgumentError
from haar.groups import dihedral

F64 = torch.float64
D4 = dihedral(4)
PU = Symmetry.of_fields(D4, "p, u:vector")


def outputs(symmetry, y, scale=None):
    return Outputs(symmetry, y, scale)


def of(actions):
    return Symmetry(D4, Invariant(D4), actions)


def test_parts_are_named_after_outputs_and_fields():
    field, number = PU.outputs, Invariant(D4)
    y, one = torch.zeros(2, 3, 4, 4), torch.zeros(2)
    cases = [
        (number, one, [("output", (0,))]),
        (field, y, [("p", (0,)), ("u", (1, 2))]),
        ({"a": number, "b": field}, {"a": one, "b": y}, [("a", (0,)), ("b: p", (0,)), ("b: u", (1, 2))]),
        ((number, {"e": number}), (one, {"e": one}), [("output 0", (0,)), ("output 1.e", (0,))]),
        (number, torch.zeros(2, 3), [(f"channel {k}", (k,)) for k in range(3)]),
        (number, torch.zeros(2, 1), [("output", (0,))]),
        (Vector(Defining(D4)), torch.zeros(2, 2), [("output", (0, 1))]),
    ]
    for actions, made, expected in cases:
        assert [(part.name, part.channels) for part in outputs(of(actions), made).parts] == expected


def test_more_than_sixteen_numbers_are_classes_of_one_unit():
    for count, parts in ((16, 16), (17, 1)):
        found = outputs(of(Invariant(D4)), torch.zeros(2, count)).parts
        assert len(found) == parts
        assert sum(len(part.channels) for part in found) == count
    assert outputs(of(Invariant(D4)), torch.zeros(2, 17)).parts[0].name == "output"


def test_what_is_no_tensor_is_no_part():
    found = outputs(of((Invariant(D4), Invariant(D4))), (None, torch.zeros(2)))
    assert [(part.name, part.leaf) for part in found.parts] == [("output 1", 1)]


def test_every_part_is_laid_flat_and_divided_by_its_scale():
    y = torch.arange(24, dtype=F64).reshape(2, 3, 2, 2)
    scale = torch.tensor([2.0, 5.0, 5.0])
    p, u = outputs(PU, y, scale).flat(y, 2, single=False)
    assert p.tolist() == (y[:, 0] / 2).flatten(1).tolist()
    assert u.tolist() == (y[:, 1:] / 5).movedim(1, -1).flatten(1).tolist()
    z = torch.complex(y, -y)
    _, whole = outputs(PU, z).flat(z, 2, single=False)
    assert whole.shape == (2, 16)
    assert whole.reshape(2, 8, 2)[..., 1].tolist() == (-y[:, 1:]).movedim(1, -1).flatten(1).tolist()
    (alone,) = outputs(of(Invariant(D4)), torch.tensor(3.0)).flat(torch.tensor(3.0), 1, single=True)
    assert alone.tolist() == [[3.0]]


def test_fields_spread_about_their_own_mean_and_numbers_about_that_of_all():
    y = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    found = outputs(PU, y)
    assert [part.averaged for part in found.parts] == [0, 0]
    for (energy, first), channels in zip(found.spread(y, 2, single=False), (slice(0, 1), slice(1, 3)), strict=True):
        expected = [float(row[channels].numpy().var((1, 2)).mean()) for row in y]
        assert energy.tolist() == pytest.approx(expected, rel=1e-12)
        assert first.shape == (2, 0)
    v = torch.tensor([[3.0, 4.0], [1.0, 0.0]], dtype=F64)
    vectors = outputs(of(Vector(Defining(D4))), v)
    ((energy, first),) = vectors.spread(v, 2, single=False)
    assert (vectors.parts[0].averaged, energy.tolist(), first.tolist()) == (2, [12.5, 0.5], v.tolist())
    z = torch.complex(v, 2 * v)
    turning = outputs(of(Vector(Defining(D4))), z)
    ((energy, first),) = turning.spread(z, 2, single=False)
    assert (turning.parts[0].averaged, first.shape) == (4, (2, 4))
    assert energy.tolist() == pytest.approx([5 * 12.5 / 2, 5 * 0.5 / 2])


def test_an_output_for_all_rows_ties_them():
    shared, each = Invariant(D4, batched=False), Invariant(D4)
    for actions, made, rows, tied in (
        (each, torch.zeros(3), 3, False),
        (shared, torch.zeros(3), 3, True),
        (shared, torch.zeros(3), 1, False),  # one row is tied to no other
        ((each, shared), (torch.zeros(3), torch.zeros(())), 3, True),
        (each, torch.zeros(2), 3, True),
    ):
        assert outputs(of(actions), made).tied(made, rows, single=False) == tied
        assert not outputs(of(actions), made).tied(made, rows, single=True)


@pytest.mark.parametrize(("apart", "fits"), [(0.9e-6, True), (1.1e-6, False)])
def test_components_of_a_vector_share_one_scale_up_to_rounding(apart, fits):
    scale = torch.tensor([3.0, 2.0, 2.0 * (1 - apart)], dtype=F64)
    y = torch.zeros(1, 3, 2, 2)
    if fits:
        assert len(outputs(PU, y, scale).parts) == 2
        return
    message = (
        r"one number for all of channels 1, 2, which D4 mixes, got \[2.0, 1.99.*\]; give every component of a vector"
    )
    with pytest.raises(ArgumentError, match=message):
        outputs(PU, y, scale)


def test_a_scale_is_checked_before_any_data():
    check_scale(PU, torch.ones(3))
    check_scale(PU, None)
    many = of((Field(Trivial(D4)), Invariant(D4)))
    check_scale(many, (torch.ones(1), None))
    for scale, message in (
        (torch.ones(1), "expected a tensor for each output, in the outputs' own containers"),
        ((torch.ones(1), 2.0), "expected a tensor of positive numbers, got 2.0"),
        ((torch.ones(1), torch.ones(1) * 1j), "expected positive numbers"),
    ):
        with pytest.raises(ArgumentError, match=f"scale: {message}"):
            check_scale(many, scale)
    with pytest.raises(ArgumentError, match="scale: expected positive numbers"):
        Audit(torch.relu, PU, scale=torch.tensor([1.0, 1.0, -1.0]))
    y = (torch.zeros(2, 2, 4, 4), torch.zeros(2))
    with pytest.raises(ArgumentError, match="scale: expected one number for each of 2 channels of output 0, got 1"):
        outputs(many, y, (torch.ones(1), None))


def test_the_scale_of_one_output_leaves_the_others(generator):
    x = torch.randn(4, 1, 4, 4, generator=generator, dtype=F64)
    symmetry = Symmetry(D4, Field(Trivial(D4)), (Field(Trivial(D4)), Invariant(D4)))

    def model(z):
        return z.cumsum(-1), z[:, 0, 0, 0]

    plain = audit(model, symmetry, x, layers=False, data_symmetry=False).findings.parts
    scaled = audit(
        model, symmetry, x, scale=(torch.tensor(10.0), None), layers=False, data_symmetry=False
    ).findings.parts
    assert scaled[0].removed.value == pytest.approx(plain[0].removed.value / 100, rel=1e-12)
    assert scaled[1].removed.value == pytest.approx(plain[1].removed.value, rel=1e-12)
