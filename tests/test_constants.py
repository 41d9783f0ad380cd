"""Constants are computed on the host, keep their digits, and are made again wherever they were lost."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import haar
from haar.actions import Points, Symmetry
from haar.actions.representation import Defining, Induced, Regular
from haar.average import average
from haar.constants import ConstantsModule
from haar.groups import SO, alternating, cyclic, dihedral, octahedral, product, shifts, symmetric, wreath
from haar.host import on_the_host
from haar.nn.circuits import board, exchange, graph, pairs, rotational, weighted_graph
from haar.systems.quantum import generic

DOUBLE = torch.float64


class Third(ConstantsModule):
    def __init__(self):
        super().__init__()
        self.register_constant("third", torch.tensor([1 / 3], dtype=DOUBLE), torch.float32)
        self.register_constant("unit", torch.tensor([1j], dtype=torch.complex128))
        self.register_constant("order", torch.tensor([2, 0, 1]))
        self.scale = nn.Parameter(torch.full((1,), 2.0))


def test_no_digit_is_lost_between_precisions():
    module = Third()
    assert module.third.dtype == torch.float32
    assert module.constant_as("third", DOUBLE).item() == 1 / 3
    module.half().double()
    assert module.third.item() == 1 / 3
    assert module.unit.dtype == torch.complex128
    assert module.order.tolist() == [2, 0, 1]
    assert list(module.state_dict()) == ["scale"]


def test_constants_come_back_from_the_meta_device():
    module = Third()
    state = copy.deepcopy(module.state_dict())
    module.to("meta").to_empty(device="cpu")
    module.load_state_dict(state)
    assert (module.third.item(), module.unit.item(), module.order.tolist()) == (
        pytest.approx(1 / 3, abs=1e-7),
        1j,
        [2, 0, 1],
    )
    module.to("meta").load_state_dict(state, assign=True)
    assert module.order.tolist() == [2, 0, 1]
    assert module.scale.item() == 2.0


def test_nothing_is_drawn_for_a_layer_on_the_meta_device():
    before, generator = torch.get_rng_state(), torch.Generator().manual_seed(1)
    with torch.device("meta"):
        module = haar.nn.Linear(*[Regular(cyclic(3))] * 2, generator=generator)
    assert module.weight.is_meta
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(1).get_state())


def test_a_module_that_is_given_stays_where_it_is():
    from haar.nn.frames import WeightedFrame

    inner = nn.Linear(2, 2)
    with torch.device("meta"):
        frame = WeightedFrame(inner)
        network = haar.nn.Sequential(haar.nn.Linear(*[Regular(cyclic(2))] * 2))
    assert frame.model is inner
    assert not inner.weight.is_meta
    assert network[0].weight.is_meta


def test_groups_and_representations_are_made_under_any_default_device():
    with torch.device("meta"):
        groups = [dihedral(4), octahedral(full=True), symmetric(4), alternating(4), shifts((4,)), SO(3)]
        groups += [product(cyclic(2), cyclic(3)), wreath(cyclic(2), symmetric(2)), dihedral(4).subgroup([1])]
        induced = Induced(Defining(groups[-1]))
    for group in groups:
        assert not group.generators().is_meta
    induced.check()


def test_a_function_on_the_host():
    made = on_the_host(torch.arange)
    with torch.device("meta"):
        assert made(2).tolist() == [0, 1]
        assert torch.arange(2).is_meta
    assert made(2).tolist() == [0, 1]


def average_of(kind):
    D4 = dihedral(4)
    if kind == "points":
        moved = Points(rotation=Defining(D4))
        symmetry = Symmetry(D4, moved, moved)
        return average(nn.Linear(2, 2).double(), symmetry), torch.randn(2, 5, 2, dtype=DOUBLE)
    window = torch.rand(8, 8, dtype=DOUBLE) + 0.1 if kind == "windowed" else None
    model = nn.Conv2d(3, 3, 3, padding=1).double()
    averaged = average(model, Symmetry.of_fields(D4, "p, u:vector"), window=window)
    return averaged, torch.randn(2, 3, 8, 8, dtype=DOUBLE)


@pytest.mark.parametrize("kind", ["fields", "windowed", "points"])
def test_averages_come_back(kind):
    model, x = average_of(kind)
    expected, state = model(x), copy.deepcopy(model.state_dict())
    model.to("meta").to_empty(device="cpu")
    model.load_state_dict(state)
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
    model.to("meta").load_state_dict(state, assign=True)
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)


CIRCUITS = [
    lambda: rotational.RotationCircuit(2, layers=1),
    lambda: rotational.WaterCircuit(layers=1),
    lambda: exchange.ExchangeCircuit(2, layers=1),
    lambda: board.BoardCircuit(layers=1),
    lambda: generic.GenericCircuit(2, layers=1),
    lambda: graph.GraphCircuit(3, layers=1),
    lambda: pairs.PairCircuit(3, blocks=2),
    lambda: weighted_graph.WeightedGraphCircuit(4, layers=1),
]


@pytest.mark.parametrize("make", CIRCUITS)
def test_circuits_come_back(make):
    circuit = make()
    saved = set(circuit.state_dict())
    expected = {name: buffer.clone() for name, buffer in circuit.named_buffers()}
    assert set(expected) - saved  # there is something to lose
    state = copy.deepcopy(circuit.state_dict())
    circuit.to("meta").to_empty(device="cpu")
    circuit.load_state_dict(state)
    for name, buffer in circuit.named_buffers():
        assert torch.equal(buffer, expected[name]), name


def test_a_constant_in_the_precision_it_has_is_the_buffer_itself():
    module = Third()
    assert module.constant_as("third", torch.float32) is module.third
    module.register_constant("none", None)
    assert module.none is None
    assert list(module.state_dict()) == ["scale"]


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        (torch.float16, torch.complex64),
        (torch.bfloat16, torch.complex64),
        (torch.float32, torch.complex64),
        (torch.float64, torch.complex128),
        (torch.complex64, torch.complex64),
    ],
)
def test_imaginary_parts_stay_in_every_precision(asked, made):
    module = ConstantsModule()
    module.register_constant("phase", torch.tensor([1 / 3 + 1j], dtype=torch.complex128))
    module._apply(lambda x: x.to(asked))
    assert module.phase.dtype == made
    module._apply(lambda x: x.to(torch.complex128))
    assert module.phase.item() == 1 / 3 + 1j


def test_complex_constants_follow_words_for_precisions():
    module = Third()
    assert [getattr(module, word)().unit.dtype for word in ("float", "double")] == [torch.complex64, torch.complex128]
    assert module.to("meta").float().unit.dtype == torch.complex64
    assert module.unit.is_meta

    def broken(x):
        if x.dtype == DOUBLE:
            raise RuntimeError("no room")
        return x

    module = Third()
    with pytest.raises(RuntimeError, match="no room"):
        module._apply(broken)
    assert module.unit.item() == 1j


@pytest.mark.parametrize("make", CIRCUITS[:4])
def test_circuits_are_the_same_in_double_precision_again(make):
    circuit = make()
    expected = {name: buffer.clone() for name, buffer in circuit.named_buffers()}
    for there in (lambda m: m.float(), lambda m: m.to(torch.bfloat16), lambda m: m.to(torch.float32)):
        for back in (lambda m: m.double(), lambda m: m.to(DOUBLE)):
            for name, buffer in back(there(circuit)).named_buffers():
                assert torch.equal(buffer, expected[name]), name


def test_what_is_still_on_meta_stays_there_until_it_is_filled():
    with torch.device("meta"):
        module = Third()
    assert {module.third.device.type, module.order.device.type, module.scale.device.type} == {"meta"}
    module.load_state_dict({"scale": torch.ones(1, device="meta")}, assign=True)
    assert module.order.is_meta
    module.load_state_dict({"scale": torch.ones(1)}, assign=True)
    assert (module.order.tolist(), module.third.dtype) == ([2, 0, 1], torch.float32)


class Drawn(ConstantsModule):
    """Draws its weight; what it computes with has numbers under any default device."""

    def __init__(self, generator=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, generator=generator))
        assert self.weight.is_cpu


class Outer(Drawn):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))
        self.inner = Drawn()


def test_a_subclass_and_what_it_holds_are_put_where_they_belong():
    with torch.device("meta"):
        made = Outer()
    assert [p.device.type for p in made.parameters()] == ["meta"] * 3
    assert "_built" not in vars(made)
    assert [p.device.type for p in Outer().parameters()] == ["cpu"] * 3  # and nothing is left behind


def test_layers_on_the_cpu_draw_as_torchs_do():
    generator = torch.Generator().manual_seed(1)
    one, other = Drawn(generator), Drawn(generator)
    assert not torch.equal(one.weight, other.weight)
    torch.manual_seed(2)
    wanted = torch.randn(2)
    torch.manual_seed(2)
    assert torch.equal(Drawn().weight, wanted)
