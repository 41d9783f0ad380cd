"""What is measured: scales, elements, models that differentiate, and nothing left behind."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Concatenated, Defining, Field, Invariant, Points, Space, Symmetry, Trivial, Vector
from haar.audit import audit, layer_defects, lie_defects, lie_derivative
from haar.audit.measure import audited_elements
from haar.average import average
from haar.errors import ArgumentError, HaarError, ShapeError
from haar.groups import SO, cyclic, dihedral, octahedral

F64 = torch.float64
D4 = dihedral(4)
PV = Symmetry.of_fields(D4, "p, u:vector")


def conv(c=3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(c, c, 3, padding=1, dtype=F64)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (torch.tensor([1.0, 1.0, 5.0]), r"one number for all of channels 1, 2, which D4 mixes, got \[1.0, 5.0\]"),
        (torch.tensor([0.0, 1.0, 1.0]), "expected positive numbers"),
        (torch.tensor([-1.0, 1.0, 1.0]), "expected positive numbers"),
        (torch.tensor([float("nan"), 1.0, 1.0]), "expected positive numbers"),
        (torch.tensor([float("inf"), 1.0, 1.0]), "expected positive numbers"),
        (torch.ones(4), "expected one number for each of 3 channels, got 4"),
        ([1.0, 1.0, 1.0], "expected a tensor for each output, in the outputs' own containers, got list"),
    ],
)
def test_a_scale_that_does_not_fit_is_refused(scale, message, generator):
    x = torch.randn(4, 3, 6, 6, generator=generator, dtype=F64)
    with pytest.raises(ArgumentError, match=f"scale: .*{message}"):
        audit(conv(), PV, x, scale=scale)


SO2 = SO(2)
KINDS = {
    "interpolated": (Symmetry.of_fields(SO2, "p, u:vector", interpolate="linear"), (6, 3, 8, 8), 3),
    "channels last": (Symmetry.of_fields(D4, "p, u:vector", channels="last"), (6, 8, 8, 3), 3),
    "vector": (Symmetry(SO2, Vector(Defining(SO2)), Vector(Defining(SO2))), (6, 2), 2),
    "points": (Symmetry(SO2, Points(rotation=Defining(SO2)), Points(rotation=Defining(SO2))), (6, 4, 2), 2),
    "beside coordinates": (
        Symmetry(D4, Concatenated([(Field(Space(D4)), 2)], axis=-3), Concatenated([(Field(Space(D4)), 2)], axis=-3)),
        (6, 2, 6, 6),
        2,
    ),
    "restricted": (Symmetry.of_fields(D4, "p, u:vector").restrict(D4.subgroup([1], "C4")), (6, 3, 6, 6), 3),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_output_minds_its_scale(name, generator):
    symmetry, shape, channels = KINDS[name]
    x = torch.randn(*shape, generator=generator, dtype=F64)
    weight = torch.arange(1.0, shape[-1] + 1, dtype=F64)
    options = {"elements": 8} if symmetry.group is SO2 else {}
    plain, tenth = (
        audit(lambda z: z * weight, symmetry, x, scale=torch.full((channels,), s), layers=False, **options).findings
        for s in (1.0, 10.0)
    )
    assert plain.removed.value == pytest.approx(100 * tenth.removed.value, rel=1e-10)
    uneven = torch.ones(channels)
    uneven[-1] = 2
    with pytest.raises(ArgumentError, match="scale: expected one number for all of channels"):
        audit(lambda z: z * weight, symmetry, x, scale=uneven, **options)


def test_several_outputs_have_a_scale_each(generator):
    symmetry = Symmetry(D4, PV.inputs, {"field": PV.outputs, "sum": Invariant(D4)})
    layer = conv()
    model = lambda x: {"field": layer(x), "sum": layer(x)[:, 0, 0, 0]}  # noqa: E731
    x = torch.randn(6, 3, 6, 6, generator=generator, dtype=F64)
    scales = [{"field": torch.full((3,), s), "sum": torch.tensor(t)} for s, t in ((1.0, 1.0), (10.0, 10.0))]
    one, ten = (audit(model, symmetry, x, scale=scale).findings.removed.value for scale in scales)
    assert one == pytest.approx(100 * ten, rel=1e-10)
    with pytest.raises(ArgumentError, match="scale: expected a tensor for each output"):
        audit(model, symmetry, x, scale={"field": torch.ones(3)})
    with pytest.raises(ArgumentError, match="scale: expected one number for all of channels 1, 2 of field"):
        audit(model, symmetry, x, scale={"field": torch.tensor([1.0, 1.0, 2.0]), "sum": None})


def test_the_spread_is_about_the_mean_for_every_kind(generator):
    for name, (symmetry, shape, _) in KINDS.items():
        if name == "beside coordinates":
            continue
        x = torch.randn(*shape, generator=generator, dtype=F64)
        options = {"elements": 4} if symmetry.group is SO2 else {}
        parts = [
            audit(lambda z, c=c: z + c, symmetry, x, layers=False, **options).findings.parts for c in (0.0, 1000.0)
        ]
        for near, far in zip(*parts, strict=True):
            assert far.unit == pytest.approx(near.unit, rel=1e-6), name


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        (torch.tensor([], dtype=torch.long), "expected at least one element beside the identity, got none"),
        (torch.tensor([0]), "expected at least one element beside the identity, got the identity alone"),
        (torch.tensor([0, 0]), "expected at least one element beside the identity, got the identity alone"),
        (torch.tensor([8]), "expected numbers 0..7 of D4, got 8"),
        (torch.tensor([-1]), "expected numbers 0..7 of D4, got -1"),
        (torch.tensor([True]), r"expected int64 elements \(k,\) of D4, got bool"),
        (torch.tensor([1.0]), r"expected int64 elements \(k,\) of D4, got float32"),
        (torch.tensor([[1]]), r"expected elements \(k,\) of D4, got \(1, 1\)"),
        (True, "expected None, a number, or a tensor of elements, got True"),
    ],
)
def test_elements_that_decide_nothing_are_refused(elements, message, generator):
    x = torch.randn(4, 3, 6, 6, generator=generator, dtype=F64)
    with pytest.raises(ArgumentError, match=f"elements: {message}"):
        audit(conv(), PV, x, elements=elements)


def test_a_random_draw_is_never_of_the_identity_alone(generator):
    x = torch.randn(6, 3, 6, 6, generator=generator, dtype=F64)
    for seed in range(20):
        said = audit(conv(), PV, x, elements=1, seed=seed, layers=False, data_symmetry=False).recommendation
        assert said.verdict == "unclear"
        assert "already" not in said.sentence


def test_elements_that_were_given_are_averaged_over_as_they_are(generator):
    x, y = (torch.randn(20, 3, 6, 6, generator=generator, dtype=F64) for _ in range(2))
    layer = conv()
    report = audit(layer, PV, (x, y), elements=torch.tensor([2]), scale=torch.ones(3))
    turned = average(layer, PV.restrict(D4.subgroup([2], "C2")), micro_batch=1)
    with torch.no_grad():
        removed = (turned(x) - layer(x)).square().mean()
        after = (turned(x) - y).square().mean()
    assert report.findings.removed.value == pytest.approx(float(removed), rel=1e-10)
    assert report.findings.mse_after.value == pytest.approx(float(after), rel=1e-10)
    assert report.recommendation.elements == ["e", "r180"]


class Manners(nn.Module):
    """Counts its calls, draws random numbers, and has layers in two modes."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = conv(), nn.BatchNorm2d(3, dtype=F64)
        self.register_buffer("calls", torch.zeros(()))
        self.train()
        self.norm.eval()

    def forward(self, x):
        self.calls += 1
        torch.rand(1), np.random.rand()  # noqa: NPY002
        return self.norm(self.layer(x))


def test_nothing_is_left_behind(generator):
    x = torch.randn(4, 3, 6, 6, generator=generator, dtype=F64)
    model = Manners()
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist())  # noqa: NPY002
    audit(model, PV, x)
    layer_defects(model, PV, x)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert model.calls.item() == 0
    assert [m.training for m in model.modules()] == [True, True, False]


class ForceField(nn.Module):
    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()

    def forward(self, x):
        x = x.detach().requires_grad_()
        energy = self.net(x).sum((1, 2))
        return energy, -torch.autograd.grad(energy.sum(), x)[0]


def test_forces_by_autograd_are_audited(generator):
    group = octahedral()
    points = Points(rotation=Space(group))
    symmetry = Symmetry(group, points, (Invariant(group), points))
    model = ForceField()
    x = torch.randn(6, 4, 3, generator=generator, dtype=F64)
    found = audit(model, symmetry, x)
    energies = torch.stack([model(points.act(g, x))[0].detach() for g in group.elements()])
    removed = (energies.mean(0) - energies[0]).square().mean()
    assert found.findings.parts[0].removed.value == pytest.approx(removed.item(), rel=1e-10)
    assert [layer.name for layer in found.layers] == ["net.0", "net.1", "net.2"]
    assert not x.requires_grad


def test_forces_are_differentiated_again_for_lie_derivatives(generator):
    group = SO(3)
    points = Points(rotation=Defining(group))
    symmetry = Symmetry(group, points, (Invariant(group), points))
    x, model = torch.randn(6, 4, 3, generator=generator, dtype=F64), ForceField()
    h, shares = 1e-5, []
    direction = torch.tensor([0.0, 1.0, 0.0], dtype=F64)

    def moved(t):
        g = group.exp(t * direction)
        return symmetry.act_outputs(group.inverse(g), model(*symmetry.act_inputs(g, [x])))

    for above, below, y in zip(moved(h), moved(-h), model(x), strict=True):
        shares.append((((above - below) / (2 * h)).square().sum() / y.square().sum()).item())
    expected = (sum(shares) / 2) ** 0.5  # each output over its own size
    assert lie_defects(model, symmetry, x)[1].relative == pytest.approx(expected, rel=1e-6)
    energies, forces = lie_derivative(model, symmetry, x, direction)
    assert energies.square().sum().item() > 0
    assert forces.shape == x.shape


def test_the_containers_of_a_library_are_read_by_their_names(generator):
    class ModelOutput(OrderedDict):
        pass

    symmetry = Symmetry(D4, PV.inputs, {"logits": Invariant(D4), "field": PV.outputs})
    layer = conv()
    model = lambda x: ModelOutput(field=layer(x), logits=layer(x)[..., 0, 0])  # noqa: E731
    x = torch.randn(6, 3, 6, 6, generator=generator, dtype=F64)
    with torch.no_grad():
        found = audit(model, symmetry, (x, {"logits": layer(x)[..., 0, 0], "field": layer(x)})).findings
    assert found.mse.value == 0
    assert found.noise == 0
    assert [part.name for part in found.parts][3:] == ["field: p", "field: u"]


@pytest.mark.parametrize("value", [0.0, 1.0, -1e8])
@pytest.mark.parametrize("labels", [False, True])
def test_constant_predictions_are_equivariant(value, labels, generator):
    symmetry = Symmetry(D4, PV.inputs, Field(Trivial(D4)))
    x = torch.randn(6, 3, 6, 6, generator=generator, dtype=F64)
    data = (x, torch.randn(6, 1, 6, 6, generator=generator, dtype=F64)) if labels else x
    report = audit(lambda z: torch.full_like(z[:, :1], value), symmetry, data)
    assert report.recommendation.verdict == "nothing to gain"
    assert "already respects D4" in report.recommendation.sentence
    assert all(e.relative.value == 0 for e in report.findings.elements)


def test_a_constant_that_turns_is_not(generator):
    x = torch.randn(6, 3, 6, 6, generator=generator, dtype=F64)
    wind = torch.tensor([0.0, 1.0, 0.0], dtype=F64)[:, None, None]
    found = audit(lambda z: z * 0 + wind, PV, x).findings
    assert found.worst.element in ("r180", "mx")
    assert max(part.defect for part in found.parts) == pytest.approx(2, rel=1e-12)


def test_elements_are_whole_drawn_or_given():
    def read(elements, group=D4, limit=64, seed=0):
        found, kind = audited_elements(group, elements, limit, seed)
        return found.tolist(), kind

    assert read(None) == (list(range(8)), "whole")
    assert read(None, limit=8)[1] == "whole"
    drawn, kind = read(None, limit=7)
    assert (kind, len(drawn), drawn[0]) == ("drawn", 7, 0)
    assert set(drawn) <= set(range(8))
    assert read(3)[1] == "drawn"
    assert len(read(3)[0]) == 4
    assert read(40)[0] != read(40, seed=1)[0]
    assert set(read(200)[0][1:]) == set(range(8))  # uniform over the group, the identity included
    assert read(torch.tensor([3, 1, 3])) == ([0, 1, 3], "given")
    assert read(torch.tensor([0, 2])) == ([0, 2], "given")
    assert read(torch.tensor([7, 6, 5, 4, 3, 2, 1, 1])) == (list(range(8)), "whole")
    turns, kind = audited_elements(SO2, None, 64, 0)
    assert (tuple(turns.shape), kind, torch.equal(turns[0], torch.eye(2, dtype=F64))) == ((64, 2, 2), "drawn", True)
    turns, kind = audited_elements(SO2, torch.stack([torch.eye(2, dtype=F64), -torch.eye(2, dtype=F64)]), 64, 0)
    assert (turns.tolist(), kind) == ([[[1, 0], [0, 1]], [[-1, 0], [0, -1]]], "given")
    with pytest.raises(ArgumentError, match=r"elements: expected float64 elements \(k, 2, 2\) of SO\(2\), got int64"):
        read(torch.ones(3, 2, 2, dtype=torch.long), SO2)
    with pytest.raises(ArgumentError, match="elements: expected at least one element beside the identity, got -1"):
        read(-1)


def test_outputs_that_are_not_finite_name_their_element():
    symmetry = Symmetry.of_fields(D4, "p")
    x = torch.zeros(2, 1, 4, 4, dtype=F64)
    x[1, 0, 0, -1] = 1
    places = [k for k in range(8) if symmetry.act_inputs(torch.tensor(k), [x])[0][1, 0, 0, 0] == 1]
    assert places[0] > 0
    with pytest.raises(
        HaarError, match=rf"model: outputs that are not finite \(NaN or infinite\) for element {places[0]} of D4"
    ):
        audit(lambda u: u / (1 - u[:, :, :1, :1]), symmetry, x)


def test_labels_stand_in_the_containers_of_the_outputs(generator):
    symmetry = Symmetry(D4, PV.inputs, {"a": Invariant(D4), "b": Invariant(D4)})
    x, y = torch.randn(4, 3, 6, 6, generator=generator, dtype=F64), torch.zeros(4, dtype=F64)
    model = lambda z: {"a": z.sum((1, 2, 3)), "b": z.amax((1, 2, 3))}  # noqa: E731
    found = audit(model, symmetry, [(x, {"a": y, "b": y})], scale={"a": torch.ones(1), "b": torch.ones(1)}).findings
    assert found.mse.value == pytest.approx(
        float(sum(part.square().mean() for part in model(x).values()) / 2), rel=1e-12
    )
    for labels, message in (
        ({"a": y}, "labels: expected .*; give targets like the model's output"),
        ({"a": y, "b": None}, r"labels: expected the outputs' \(4,\), got None"),
        ({"a": y, "b": y[:, None]}, r"labels: expected the outputs' \(4,\), got \(4, 1\)"),
    ):
        with pytest.raises(ShapeError, match=message):
            audit(model, symmetry, [(x, labels)])


def test_one_number_is_a_label_as_a_scalar_and_as_a_row():
    def model(x):
        return {"energy": x.square().sum().reshape(1), "forces": -2 * x}

    symmetry = Symmetry.of_atoms("Oh", inputs="positions", outputs="energy, forces")
    clouds = [torch.arange(12.0, dtype=F64).reshape(4, 3) + k for k in range(6)]
    told = [
        audit(model, symmetry, [(x, {"energy": energy(x), "forces": -x}) for x in clouds]).findings.mse.value
        for energy in (lambda x: x.sum(), lambda x: x.sum().reshape(1))
    ]
    assert told[0] == told[1] > 0


def test_classes_beside_several_outputs_are_refused_with_the_way_out(generator):
    x = torch.randn(6, 3, generator=generator, dtype=F64)
    symmetry = Symmetry(cyclic(1), Invariant(cyclic(1)), Invariant(cyclic(1)))
    told = r"labels: expected the outputs' \(6, 3\), got \(6,\)"
    with pytest.raises(ShapeError, match=told + "; squared errors of classes want .*one_hot"):
        audit(torch.tanh, symmetry, (x, torch.arange(6) % 3))
    with pytest.raises(ShapeError, match=told + "$"):
        audit(torch.tanh, symmetry, (x, x[:, 0]))
