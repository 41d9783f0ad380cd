"""Any structure of inputs and outputs: dicts, named tuples, plain numbers, with and without a batch axis."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import pytest
import torch
from plain_loop import DOUBLE, vector_symmetry
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import average
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic, dihedral


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
    vectors = average(nn.Linear(2, 2, dtype=DOUBLE), vector_symmetry(cyclic(3)), micro_batch=micro_batch)
    v = torch.randn(2, dtype=DOUBLE)
    torch.testing.assert_close(vectors(v), vectors(v[None])[0], rtol=1e-12, atol=1e-12)


def test_several_elements_need_a_batch_axis():
    averaged = average(nn.Linear(2, 2), vector_symmetry(cyclic(3)), micro_batch=2)
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


@dataclass
class ModelOutput(OrderedDict):
    """As language models return it: items that are attributes too, and empty fields."""

    loss: Any = None
    logits: Any = None
    energy: Any = None

    def __post_init__(self):
        for field in fields(self):
            if getattr(self, field.name) is not None:
                self[field.name] = getattr(self, field.name)


@dataclass(frozen=True)
class Record:
    energy: torch.Tensor
    logits: torch.Tensor
    hidden: Any = None


@pytest.mark.parametrize("kind", [ModelOutput, Record, Both, dict, lambda **parts: OrderedDict(parts)])
@pytest.mark.parametrize("micro_batch", ["auto", 1, 2])
def test_outputs_keep_their_type_order_and_attributes(kind, micro_batch):
    group = cyclic(3)
    vector, scalar = Vector(Defining(group)), Invariant(group)
    linear = nn.Linear(2, 2, dtype=DOUBLE)

    def model(x):
        y = linear(x).exp()
        return kind(y, y.sum(-1)) if kind is Both else kind(energy=y.sum(-1), logits=y)

    x = torch.randn(4, 2, dtype=DOUBLE)
    tree = Both(vector, scalar) if kind is Both else {"logits": vector, "energy": scalar}
    symmetry = Symmetry(group, vector, tree)
    plain = model(x)

    def read(y):
        if isinstance(y, Both):
            return y.force, y.energy
        return (y.logits, y.energy) if isinstance(y, (ModelOutput, Record)) else (y["logits"], y["energy"])

    terms = [read(model(vector.act(g, x))) for g in group.elements()]
    expected = sum(vector.act(group.inverse(g), t[0]) for g, t in zip(group.elements(), terms, strict=True)) / 3
    averaged = average(model, symmetry, micro_batch=micro_batch)
    with torch.no_grad():
        found = [averaged(x), averaged.stacked(x), symmetry.act_outputs(group.elements()[1], plain)]
    torch.testing.assert_close(read(found[0])[0], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(read(found[0])[1], sum(t[1] for t in terms) / 3, rtol=1e-12, atol=1e-12)
    for y in found:
        assert type(y) is type(plain)
        if isinstance(y, dict):
            assert list(y) == list(plain)
        if isinstance(y, ModelOutput):
            assert y.logits is y["logits"]
            assert y.loss is None


def test_fields_that_no_action_was_given_for_are_named():
    group = cyclic(3)
    symmetry = Symmetry(group, Vector(Defining(group)), {"energy": Invariant(group)})
    with pytest.raises(ShapeError, match=r"output: expected a dict with \['energy'\], got \['energy', 'logits'\]"):
        average(lambda x: Record(x.sum(-1), x), symmetry)(torch.ones(4, 2))
