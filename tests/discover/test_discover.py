"""Planted symmetries are found exactly, in any coordinates; what says nothing is told; bad input is one line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import haar
from haar.discover import Affine, Discovery, Linear, discover
from haar.discover.gates import largest_angle
from haar.errors import ArgumentError, DataError
from haar.groups import SO

ETA = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64))


def linear_part(found):
    return found.generators().a[:, :-1, :-1]


def planted(points):
    return torch.stack([torch.block_diag(*[g] * points) for g in SO(3).algebra])


def test_one_output_of_one_input_stays_and_as_many_outputs_as_inputs_are_said_to_move_alike(draw):
    x = draw(64, 1)
    found = discover(torch.cos, x)
    assert [step.name for step in found.staircase] == ["sign"]
    assert "Outputs" not in found.summary
    moves = "Outputs, as many as inputs, were taken to move as these do: outputs 'any' looks for other ways."
    x, turn = draw(64, 2), torch.tensor([[1.0, 2], [3, 5]], dtype=torch.float64)
    alike = discover(lambda x: x.square() @ turn, x)
    assert not alike.staircase
    assert alike.summary.endswith(moves)
    asked = discover(lambda x: x.square() @ turn, x, outputs="any")
    assert asked.staircase
    assert moves not in asked.summary + discover(lambda x: x.square() @ turn, x, outputs="same").summary


@pytest.mark.parametrize(("dtype", "angle"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_planted_rotations_are_found_named_and_exact_in_double_and_single_precision(turning, draw, dtype, angle):
    found = discover(turning(4), draw(256, 12).to(dtype), outputs="any", kinds="lie", dictionary=Linear())
    assert found.continuous.problem.count == 153
    (step,) = found.staircase
    assert (step.name, step.grade, step.dimension) == ("so(3)", "exact", 3)
    assert largest_angle(linear_part(found), planted(4)) < angle
    assert found.symmetry.group.name == "SO(3)"
    assert found.summary.startswith("SO(3) acting as 4 x spin 1 on the inputs, 1 x spin 1 on the outputs, exact")


def test_a_null_vector_is_a_symmetry_of_the_function_for_finite_times(turning, draw):
    function, x = turning(2), draw(256, 6)
    found = discover(function, x, kinds="lie", outputs="any")
    pair = found.generators()
    for a, b in zip(pair.a[:, :-1, :-1], pair.b[:, :-1, :-1], strict=True):
        for t in (-1.0, 0.3, 1.0):
            moved = function(x @ torch.linalg.matrix_exp(t * a).T)
            assert torch.allclose(moved, function(x) @ torch.linalg.matrix_exp(t * b).T, atol=1e-9)


def test_the_spectrum_does_not_see_coordinates_and_generators_move_along(turning, draw):
    function, x = turning(2, breaking=0.05), draw(400, 6)
    q, r = (torch.linalg.qr(draw(6, 6, seed)).Q for seed in (1, 2))
    change = q @ torch.diag(torch.logspace(0, 3, 6, dtype=torch.float64)) @ r
    out = torch.diag(torch.tensor([1.0, 30, 1000], dtype=torch.float64)) @ torch.linalg.qr(draw(3, 3, 3)).Q
    back = torch.linalg.inv(change)
    plain = discover(function, x, kinds="lie", outputs="any")
    moved = discover(lambda y: function(y @ back.T) @ out.T, x @ change.T, kinds="lie", outputs="any")
    assert torch.allclose(plain.spectrum.solved, moved.spectrum.solved, rtol=1e-8)
    assert torch.allclose(plain.spectrum.held_out, moved.spectrum.held_out, rtol=1e-8)
    directions = [
        f.continuous.problem.inputs.matrix(f.continuous.problem.matrices(f.spectrum.vectors[:, :3]).a[:, :-1, :-1])
        for f in (plain, moved)
    ]
    assert largest_angle(back @ directions[1] @ change, directions[0]) < 1e-6


def test_merged_halves_are_the_whole_and_order_does_not_matter(turning, draw):
    function, x = turning(2, breaking=0.05), draw(400, 6)
    units = torch.arange(400)
    whole = discover(function, (x, None, units), kinds="lie", outputs="any")
    halves = [
        discover(function, (x[part], None, units[part]), kinds="lie", outputs="any")
        for part in (units[:200], units[200:])
    ]
    assert torch.allclose(halves[0].merge(halves[1]).spectrum.held_out, whole.spectrum.held_out, atol=1e-12)
    other = discover(function, (x[:200], None, units[:200]), kinds="lie", outputs="any", tolerance=0.1)
    with pytest.raises(ArgumentError, match=r"other: expected a discovery asked with the same options"):
        halves[0].merge(other)


def test_lorentz_is_found_by_one_matrix_for_all_momenta_and_its_rotations_are_a_group(draw):
    p = draw(2000, 6).reshape(2000, 2, 3)
    x = torch.cat([(p.square().sum(-1, keepdim=True) + 1).sqrt(), p], -1)

    def model(x):
        return torch.tanh(torch.einsum("bi,ij,bj->b", x[:, 0], ETA.to(x), x[:, 1]) / 3)[:, None]

    found = discover(model, x, kinds="lie", dictionary=Linear(), weight="relative")
    assert (found.algebra.name, found.algebra.signature) == ("so(1,3)", (3, 3, 0))
    form = _form(linear_part(found))
    assert abs(float((form * ETA).sum() / (form.norm() * ETA.norm()))) > 1 - 1e-12
    assert found.symmetry.group.name == "SO(3)"
    assert found.symmetry.inputs[0].rep.dim == 4
    report = haar.audit(model, found.symmetry, x[:64])
    assert report.findings.worst.relative.value < 1e-6


def _form(six):
    rows = torch.stack(
        [torch.kron(a.T.contiguous(), torch.eye(4)) + torch.kron(torch.eye(4).double(), a.T.contiguous()) for a in six]
    )
    form = torch.linalg.svd(rows.flatten(0, 1)).Vh[-1].reshape(4, 4)
    return (form + form.T) / 2


def test_a_symmetry_found_is_taken_by_audit_average_relax_and_a_file(turning, draw, tmp_path):
    function, x = turning(2, breaking=0.03), draw(300, 6)
    found = discover(function, x, kinds="lie", outputs="any")
    assert found.staircase[-1].grade == "approximate"
    again = haar.Symmetry.load(found.save(tmp_path / "found.json"))
    g = again.group.sample(3, torch.Generator().manual_seed(0))
    assert torch.allclose(again.inputs[0].rep.matrix(g), found.symmetry.inputs[0].rep.matrix(g), atol=1e-12)
    assert haar.audit(function, again, x[:32]).findings.worst.relative.value < 0.2
    averaged = haar.average(function, found.symmetry, how=haar.average.Sampled(4))
    assert averaged(x[:4]).shape == (4, 3)


def test_an_origin_elsewhere_and_stretched_coordinates_are_said_and_used(turning, draw):
    function, x = turning(2), draw(400, 6)
    stretch = torch.tensor([1.0, 5, 1, 1, 5, 1], dtype=torch.float64)
    found = discover(lambda y: function(y / stretch - 2), (x + 2) * stretch, kinds="lie", outputs="any")
    assert not found.coordinates.inputs.is_plain
    model, inside = found.model(), found.inputs((x + 2) * stretch)
    assert haar.audit(model, found.symmetry, inside[:64]).findings.worst.relative.value < 1e-8


def test_a_charge_of_two_is_told_from_one(draw):
    def model(x):
        z = torch.view_as_complex(x.unflatten(-1, (2, 2)).contiguous())
        invariant = z[:, 1] * z[:, 0].conj() ** 2
        return torch.stack([invariant.real.tanh(), invariant.imag.tanh() + z[:, 0].abs(), z[:, 1].abs().sin()], 1)

    found = discover(model, draw(600, 4), kinds="lie", outputs="any")
    assert found.continuous.leading.action.content[0] == "charge 2, charge 1"
    assert found.symmetry.group.name == "SO(2)"


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_said_of_a_network_without_a_symmetry(draw, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 3)).double()
    found = discover(net, 2 * draw(600, 6, seed), kinds="lie", outputs="any")
    assert found.symmetry is None
    assert found.staircase == []
    assert found.failed_gate in ("small", "gap", "closed", "finite")
    assert found.summary.startswith("No continuous symmetry established. Closest: a ")


class TestTrivial:
    NET = staticmethod(lambda x, w: torch.tanh(x @ w[0].to(x)) @ w[1].to(x))

    @pytest.fixture
    def net(self, draw):
        weights = (draw(6, 9, 7), draw(9, 3, 8))
        return lambda x: self.NET(x, weights)

    def test_data_on_a_subspace_have_twelve_and_eight_generators_of_which_nothing_can_be_told(self, net, draw):
        found = discover(net, draw(400, 4) @ draw(4, 6, 1), kinds="lie", outputs="any", dictionary=Linear())
        assert {one.kind: one.count for one in found.trivial} == {"subspace": 12, "leaving": 8}

    def test_two_ignored_inputs_of_six_have_twelve(self, net, draw):
        mask = torch.tensor([1.0, 1, 1, 1, 0, 0], dtype=torch.float64)
        found = discover(lambda x: net(x * mask), draw(400, 6), kinds="lie", outputs="any", dictionary=Linear())
        assert {one.kind: one.count for one in found.trivial} == {"ignored": 12}

    def test_a_linear_model_from_six_to_three_has_twenty_seven_and_they_say_nothing(self, draw):
        matrix = draw(6, 3, 1)
        found = discover(lambda x: x @ matrix, draw(400, 6), kinds="lie", outputs="any", dictionary=Linear())
        assert {one.kind: one.count for one in found.trivial} == {"linear": 27}
        assert found.symmetry is None
        assert "cannot tell" in found.summary

    def test_a_constant_stops(self, draw):
        found = discover(lambda x: torch.ones(len(x), 3).double(), draw(64, 6), kinds="lie", outputs="any")
        assert "every group is a symmetry of a constant" in found.summary

    def test_outputs_on_a_plane_have_three(self, net, draw):
        found = discover(
            lambda x: net(x) @ torch.diag(torch.tensor([1.0, 1, 0])).double(),
            draw(400, 6),
            kinds="lie",
            outputs="any",
            dictionary=Linear(),
        )
        assert {one.kind: one.count for one in found.trivial} == {"outputs": 3}

    def test_a_scaling_is_named_apart_and_is_no_group(self, draw):
        w = draw(5, 40, 3)
        found = discover(
            lambda x: torch.relu(x @ w).pow(2) @ draw(40, 3, 4),
            draw(900, 5),
            kinds="lie",
            outputs="any",
            dictionary=Linear(),
        )
        assert found.scaling == pytest.approx(2.0)
        assert found.staircase[-1].name == "scaling, degree 2"
        assert found.symmetry is None


def test_two_planar_bodies_have_eleven_affine_generators(draw):
    def flow(z):
        q, v = (part.unflatten(-1, (2, 2)) for part in z.split(4, 1))
        for _ in range(8):
            apart = q[:, 0] - q[:, 1]
            pull = -apart / (apart.square().sum(-1, keepdim=True) + 0.5) ** 1.5
            v = v + 0.12 * torch.stack([pull, -pull], 1)
            q = q + 0.12 * v
        return torch.cat([q.flatten(1), v.flatten(1)], 1)

    found = discover(flow, draw(400, 8), kinds="lie")
    assert found.settings.kind == "same"
    assert found.continuous.leading.gate.count == 11
    assert found.continuous.leading.gate.defect < 1e-12


def test_a_model_without_derivatives_is_taken_by_differences_and_said(turning, draw):
    function = turning(2)
    found = discover(lambda x: torch.from_numpy(function(x).detach().numpy()), draw(300, 6), kinds="lie", outputs="any")
    assert "central differences" in found.remarks[0]
    assert found.staircase[0].name == "so(3)"
    assert found.staircase[0].defect.value < 1e-8


def test_nothing_of_the_model_or_the_process_is_changed(draw):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2)).double()
    before, state = torch.random.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    first, second = (discover(model, draw(300, 4), kinds="lie", dictionary=Affine()) for _ in range(2))
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    torch.testing.assert_close(first.spectrum.held_out, second.spectrum.held_out)


def test_a_report_has_a_table_a_figure_a_page_and_plain_json(turning, draw, tmp_path):
    found = discover(turning(2, breaking=0.03), draw(300, 6), kinds="lie", outputs="any")
    assert isinstance(found, Discovery)
    assert "so(3)" in str(found)
    assert len(found.figure().axes) == 2
    assert "four gates" in found.save_html(tmp_path / "page.html").read_text()
    told = json.loads(found.save_json(tmp_path / "found.json").read_text())
    assert told["algebra"]["name"] == "so(3)"
    assert [gate["failed"] for gate in told["gates"]][:3] == ["gap", "gap", ""]
    assert told["staircase"][0]["defect"]["low"] < told["staircase"][0]["defect"]["value"]


def _tree(x):
    return (x[:, :2] > 0).double()


WIDE = torch.randn(200, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

REFUSED = {
    "whole numbers": (lambda x: x.double(), lambda x: x.long(), {}, r"data: expected inputs in floating point"),
    "stochastic": (lambda x: x[:, :2] + torch.randn(len(x), 2), None, {}, r"model: expected one answer for one input"),
    "mixes": (lambda x: x[:, :2] - x.mean(0)[:2], None, {}, r"model: .* got outputs that change with the rest"),
    "tree": (_tree, None, {}, r'piecewise constant, as trees are; look for finite symmetries, kinds="finite"'),
    "few": (lambda x: x.sin()[:, :2], lambda x: x[:20], {}, r"data: expected at least \d+ samples, for \d+ unknowns"),
    "same": (lambda x: x.sin()[:, :2], None, {"outputs": "same"}, r'outputs: .* got "same", with 6 inputs and 2'),
    "shared": (lambda x: x.sin()[:, :2], None, {"shared": True}, r"shared: expected inputs \(b, K, d\)"),
    "tolerance": (lambda x: x.sin()[:, :2], None, {"tolerance": 1.5}, r"tolerance: expected a number between 0 and 1"),
    "kind": (lambda x: x.sin()[:, :2], None, {"kinds": "lei"}, r"kinds: expected lie, finite or grid, got 'lei'"),
    "no kind": (lambda x: x.sin()[:, :2], None, {"kinds": ()}, r"kinds: expected lie, finite or grid, got none"),
    "rows": (
        lambda x: x.sin()[:, :2],
        None,
        {"max_samples": 3},
        r"max_samples: expected a whole number from 4 on, got 3",
    ),
    "rows or not": (lambda x: x.sin()[:, :2], None, {"max_samples": True}, r"max_samples: .* from 4 on, got True"),
    "unknowns": (  # of matrices and shifts of 64 dimensions
        lambda x: x[:, 0].sin(),
        lambda _: WIDE,
        {},
        r"model: expected at most 4096 unknowns, got 4160, for 64 inputs and 1 outputs; let one matrix act on every",
    ),
    "unknowns that fit": (
        lambda x: x[:, 0].sin(),
        lambda _: WIDE,
        {"dictionary": Linear()},
        r"data: expected at least \d+ samples, for 4096 unknowns",
    ),
    "outputs": (lambda x: x.sin()[:, :2], None, {"outputs": "both"}, r"outputs: expected \"auto\", \"any\""),
    "weight": (lambda x: x.sin()[:, :2], None, {"weight": "some"}, r"weight: expected \"none\" or \"relative\""),
    "support": (lambda x: x.sin()[:, :2], None, {"support": "normal"}, r"support: expected \"ambient\" or \"tangent\""),
    "full space": (
        lambda x: x.sin()[:, :2],
        None,
        {"support": "tangent"},
        r"support: expected \"ambient\" for data that",
    ),
    "dictionary": (lambda x: x.sin()[:, :2], None, {"dictionary": 3}, r"dictionary: expected haar.discover.Linear"),
    "vector": (lambda x: x.sin(), lambda x: x[:, 0], {}, r"data: expected inputs with an axis of samples"),
    "in place": (lambda x: x.mul_(2).sin()[:, :2], None, {}, r"model: .* got one that writes into them"),
    "seed": (lambda x: x.sin()[:, :2], None, {"seed": 2**80}, r"seed: expected a whole number"),
    "two inputs": (
        lambda x, t: x.sin()[:, :2] + t,
        None,
        {},
        r"model: expected a model of 1 input, got one that needs x, t",
    ),
    "objects": (
        lambda x: x,
        lambda _: np.array([{}, {}]),
        {},
        r"data: expected arrays of numbers, got an array of object",
    ),
    "samples": (lambda x: x.sin(), TensorDataset, {}, r"data: .* got TensorDataset; torch\.utils\.data\.DataLoader"),
    "one trajectory": (
        lambda x: x.sin()[:, :2],
        lambda x: (x, None, torch.zeros(400)),
        {},
        r"data: .* got one trajectory",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line_by_name(draw, case):
    model, change, options, told = REFUSED[case]
    data = draw(400, 6) if change is None else change(draw(400, 6))
    with pytest.raises(ArgumentError, match=told) as caught:
        discover(model, data, **({"kinds": "lie"} | options))
    assert "\n" not in str(caught.value)


def test_what_a_model_raises_where_it_is_differentiated_comes_through(draw):
    def model(x):
        if torch.is_grad_enabled():
            raise RuntimeError("no room")
        return x.sin()[:, :2]

    with pytest.raises(RuntimeError, match=r"^no room$"):
        discover(model, draw(100, 3), kinds="lie")


def test_numbers_that_are_not_finite_are_told_with_their_sample(draw):
    x = draw(400, 6)
    bad = x.clone()
    bad[7, 2] = math.nan
    with pytest.raises(DataError, match=r"data: sample 7 is not finite"):
        discover(lambda x: x.sin()[:, :2], bad, kinds="lie")
    with pytest.raises(DataError, match=r"model: its output is not finite at sample 3"):
        discover(
            lambda x: torch.where((x == 3.25).any(1, keepdim=True), math.nan, x.sin()[:, :2]), _marked(x), kinds="lie"
        )
    with pytest.raises(DataError, match=r"model: its output is not finite at sample 3; leave it out"):
        discover(
            lambda x: torch.where(x == 3.25, math.nan, x.sin()),
            _marked(x)[:, :2],
            kinds="lie",
            dictionary=haar.discover.Monomials(1),
        )
    with pytest.raises(DataError, match=r"data: all samples are equal"):
        discover(lambda x: x.sin()[:, :2], x[:1].expand(50, 6), kinds="lie")


def _marked(x):
    marked = x.clone()
    marked[3, 0] = 3.25
    return marked


def test_probabilities_and_half_precision_are_said(draw):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(1))
    said = discover(net, draw(300, 4).float(), kinds="lie").remarks
    assert any("give logits" in one for one in said)
    said = discover(net.half(), draw(300, 4).half(), kinds="lie").remarks
    assert any("computed in float32" in one for one in said)


def cylinder(draw):
    return torch.cat([nn.functional.normalize(draw(300, 2), dim=1), draw(300, 1, 1)], 1)


NO_FIELDS = {
    "support": ({"support": "tangent"}, "support: expected \"ambient\" for a dictionary of fields, got 'tangent'"),
    "weight": ({"weight": "relative"}, "weight: expected \"none\" for a dictionary of fields, got 'relative'"),
    "outputs": ({"outputs": "any"}, 'outputs: expected "same" or "invariant", for a dictionary of fields, got "any"'),
}


@pytest.mark.parametrize("case", NO_FIELDS)
def test_what_fields_have_no_word_for_is_refused(draw, case):
    options, words = NO_FIELDS[case]
    with pytest.raises(ArgumentError, match=words):
        discover(lambda x: x.sin(), draw(50, 2), kinds="lie", dictionary=haar.discover.Monomials(1), **options)


def test_inputs_that_are_ignored_have_no_tangents(draw):
    with pytest.raises(ArgumentError, match='support: expected "ambient" where the model ignores inputs, got "tang'):
        discover(lambda x: (2 * x[:, :1]).sin() + x[:, 1:2] ** 3, cylinder(draw), kinds="lie", support="tangent")


def test_what_found_nothing_has_nothing_to_save_or_to_turn(draw, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1)).double()
    found = discover(net, 2 * draw(300, 3), kinds="lie")
    with pytest.raises(ArgumentError, match="found: expected a discovery with a symmetry to save, got No continuous"):
        found.save(tmp_path / "found.json")
    with pytest.raises(ArgumentError, match="found: expected a discovery with generators, got none established"):
        found.generators()
    assert found.model() is net
    x = draw(2, 3)
    assert found.inputs(x) is x


@pytest.mark.usefixtures("unchecked_annotations")
def test_fields_are_called():
    with pytest.raises(ArgumentError, match="fields: expected callables, got field 0: int"):
        haar.discover.Fields([3])
