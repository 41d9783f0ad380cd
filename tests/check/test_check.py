"""The one verb that the evidence recommends is carried out, measured on samples that chose nothing, and written."""

import json

import numpy as np
import pytest
import torch

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Defining
from haar.check import check
from haar.check.checked import Spoken
from haar.errors import ArgumentError
from haar.groups import SO, dihedral

blur = torch.nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=True)
D4 = Symmetry.of_fields(dihedral(4), "p")


def fields(rows=32, seed=0):
    return torch.randn(rows, 1, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Tilted(torch.nn.Module):
    """A blur that leans to one side."""

    def __init__(self, lean):
        super().__init__()
        self.lean = lean

    def forward(self, x):
        return blur(x) + self.lean * x.roll(1, 2)


def test_a_model_that_leans_is_averaged_and_the_gain_is_measured_on_samples_that_chose_nothing():
    x = fields()
    done = check(Tilted(0.2), (x, blur(x)), symmetry=D4)
    assert done.action == "average"
    assert done.measured.rows == 16
    assert done.measured.change.high < -0.5
    assert done.measured.defect_after.value < 1e-12 < done.measured.defect_before.value
    assert done.summary.startswith(f"Averaged over {done.repair.group}")
    x = fields(8, seed=5)
    assert (done.model(x) - blur(x)).square().mean() < (Tilted(0.2)(x) - blur(x)).square().mean()


def test_the_numbers_are_those_of_a_loop():
    x = fields()
    done = check(Tilted(0.2), (x, blur(x)), symmetry=D4, seed=3)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(3))
    held = torch.ones(32, dtype=torch.bool)
    held[order[:16]] = False
    errors = [(model(x[held]) - blur(x[held])).square().mean() for model in (Tilted(0.2), done.model)]
    assert done.measured.loss_before.value == pytest.approx(float(errors[0]), rel=1e-12)
    assert done.measured.loss_after.value == pytest.approx(float(errors[1]), rel=1e-12)
    assert done.measured.change.value == pytest.approx(float(errors[1] / errors[0] - 1), rel=1e-9)


def test_a_model_that_respects_it_has_nothing_to_gain():
    x = fields()
    done = check(blur, (x, blur(x) + 0.1 * fields(seed=9)), symmetry=D4)
    assert done.action == "leave alone"
    assert done.model is blur
    assert "already respects" in done.summary
    assert done.save_model("never.pt2") is None


def test_a_truth_that_leans_is_left_alone():
    x = fields()
    done = check(Tilted(0.2), (x, Tilted(0.2)(x) + 0.01 * fields(seed=9)), symmetry=D4)
    assert done.action == "leave alone"
    assert done.repair.why
    assert done.commands[-1] == "haar check MODEL DATA --relax   # train with as much symmetry as the data carry"


def test_without_a_name_the_symmetry_is_found():
    x = fields(128)
    done = check(Tilted(0.02), (x, blur(x)))
    assert done.discovery is not None
    assert done.symmetry.group.name == "D4"
    assert done.action == "average"
    assert done.measured.change.high < 0


def test_no_symmetry_is_an_answer():
    x = torch.randn(256, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    done = check(lambda x: x[:, :1] * x[:, 1:2].exp() + x[:, 2:] ** 3 + x[:, :1].cos(), x)
    assert done.action == "leave alone"
    assert done.symmetry is None
    assert done.summary.startswith("Left alone: no symmetry was found")
    assert [command.split()[1] for command in done.commands] == ["discover", "check"]


def test_a_symmetry_in_other_units_is_told_with_the_way_to_audit_it(tmp_path):
    units = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)
    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * units
    done = check(lambda x: torch.tanh((x / units).square().sum(1, keepdim=True)), x, spoken=Spoken(found="found.json"))
    assert done.discovery.symmetry.group.name == "SO(3)"
    assert done.symmetry.group.order == 8  # the signs of its coordinates, which units leave alone
    assert "SO(3) was found in other coordinates, such as other units or another origin" in done.summary
    assert done.commands[0] == "haar audit MODEL DATA --symmetry found.json --out audit/"
    plain = check(lambda x: torch.tanh((x / units).square().sum(1, keepdim=True)), x, spoken=Spoken())
    assert plain.summary == done.summary


def test_rotations_are_averaged_by_a_rule_that_is_not_called_exact():
    rep = Defining(SO(3))
    symmetry = Symmetry(SO(3), Vector(rep), Invariant(SO(3)))
    x = torch.randn(80, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    done = check(
        lambda x: x.square().sum(1, keepdim=True) + 0.2 * x[:, :1],
        (x, x.square().sum(1, keepdim=True)),
        symmetry=symmetry,
    )
    assert done.action == "average"
    assert not done.repair.exact
    assert "not exact" in done.summary
    assert done.measured.defect_after.value < 0.1 * done.measured.defect_before.value


def test_without_labels_the_error_is_not_measured():
    done = check(Tilted(0.2), fields(64), symmetry=D4)
    assert done.measured.change is None
    assert done.action in ("average", "leave alone")


def test_trajectories_are_not_divided():
    x, runs = fields(), torch.arange(32) // 4
    done = check(Tilted(0.2), (x, blur(x), runs), symmetry=D4)
    assert (done.measured.rows, done.measured.units) == (16, 4)


def test_the_page_has_the_answer_first_and_the_program_is_what_was_measured(tmp_path):
    x = fields().float()
    done = check(Tilted(0.2), (x, blur(x)), symmetry=D4, spoken=Spoken("m:f", "data.npz", "D4"))
    path = done.save_model(tmp_path / "repaired.pt2")
    again = torch.export.load(path).module()
    assert torch.allclose(again(x[:1]), done.model(x[:1]), atol=1e-6)
    page = done.save_html(tmp_path / "report.html").read_text()
    assert page.index("Averaged over") < page.index("haar audit m:f data.npz")
    told = json.loads(done.save_json(tmp_path / "check.json").read_text())
    assert told["action"] == "average"
    assert told["written"] == "repaired.pt2"
    assert told["measured"]["change"]["high"] < 0
    assert done.commands[0] == "haar audit m:f data.npz --group 'D4' --out audit/"
    with pytest.raises(ArgumentError, match="path: expected a name that ends in"):
        done.save_model(tmp_path / "repaired.pth")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (torch.arange(8).reshape(4, 2), "data: expected real inputs"),
        (torch.randn(6, 2).log(), "data: expected finite numbers"),
        ((torch.randn(6, 2), torch.randn(5, 2)), "data: expected 6 labels"),
        ((torch.randn(6, 2), torch.randn(6, 2), torch.zeros(6)), "data: expected at least two independent"),
        ([], "data: expected inputs"),
        ([{"a": torch.randn(6, 2), "b": torch.randn(6, 2)}], "data: expected batches with x by name"),
        (torch.utils.data.TensorDataset(torch.randn(6, 2)), "data: .* got TensorDataset; torch.utils.data.DataLoader"),
        (np.array([{}, {}]), "data: expected arrays of numbers, got an array of object"),
        (torch.zeros(6, 2) + 0j, "data: expected real inputs, in floating point, got complex64"),
        ([torch.nn.Identity()], "data: expected tensors or arrays, got Identity; for models of several inputs use"),
    ],
    ids=[
        "whole numbers",
        "nan",
        "other rows",
        "one trajectory",
        "nothing",
        "unknown names",
        "a dataset",
        "objects",
        "complex",
        "another thing",
    ],
)
def test_bad_data_are_refused_by_name(data, words):
    with pytest.raises(ArgumentError, match=words):
        check(lambda x: x, data, symmetry=D4)


@pytest.mark.parametrize(("rows", "width", "needed"), [(30, 6, r"[4-9]\d|\d{3}"), (6, 2, "8")])
def test_too_few_samples_to_find_a_symmetry_are_counted_as_they_were_given(rows, width, needed):
    words = rf"^data: expected at least ({needed}) samples, half of which find the symmetry .*, got {rows}; give more"
    with pytest.raises(ArgumentError, match=words) as refused:
        check(torch.sin, torch.randn(rows, width, generator=torch.Generator().manual_seed(0)))
    enough = int(refused.value.expected.split()[2])
    assert enough > rows


def test_the_model_is_left_as_it_was():
    model = Tilted(0.2).train()
    state = torch.get_rng_state()
    check(model, (fields(), blur(fields())), symmetry=D4)
    assert model.training
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (torch.sin, {"seed": 2**80}, "seed: expected a whole number"),
        (
            lambda x, t: x + t,
            {},
            "model: expected a model of 1 input, got one that needs x, t; .*haar.audit and haar.average",
        ),
    ],
)
def test_bad_calls_are_refused_by_name(model, options, words):
    with pytest.raises(ArgumentError, match=words):
        check(model, fields(8), **{"symmetry": D4} | options)


def test_a_list_of_samples_is_read_as_its_rows():
    x = fields(16)
    whole = check(Tilted(0.2), (x, blur(x)), symmetry=D4)
    apart = check(Tilted(0.2), list(zip(x, blur(x), strict=True)), symmetry=D4)
    assert apart.measured.rows == whole.measured.rows == 8
    assert apart.measured.loss_before.value == pytest.approx(whole.measured.loss_before.value, rel=1e-9)
