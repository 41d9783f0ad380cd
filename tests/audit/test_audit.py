"""The audit's statements against the truth: identities that hold exactly, and refusals."""

from __future__ import annotations

import copy
import html
import json
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from haar.actions import Defining, Field, Invariant, Points, Space, Symmetry, Vector
from haar.audit import Audit, audit
from haar.audit.batches import batches
from haar.average import average
from haar.errors import ArgumentError, DataError, HaarError, ShapeError
from haar.groups import SO, cyclic, dihedral, grid_group, octahedral, reflections, symmetric, trivial

F64 = torch.float64


def conv(c_in, c_out, seed=0, dim=2, **options):
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dim]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind(c_in, c_out, 3, padding=1, padding_mode="circular", dtype=F64, **options)


def net(c_in, c_out, seed=0, dim=2):
    return nn.Sequential(conv(c_in, 8, seed, dim), nn.GELU(), conv(8, c_out, seed + 1, dim))


def orbit_closed(symmetry, x, y):
    """Every sample with all its images: data that the group leaves exactly invariant."""
    xs, ys = zip(
        *[(symmetry.act_inputs(g, [x])[0], symmetry.act_outputs(g, y)) for g in symmetry.group.elements()], strict=True
    )
    return torch.cat(xs), torch.cat(ys)


CASES = [
    (dihedral(4), "p, u:vector", (6, 6)),
    (cyclic(4), "w:pseudoscalar, D:tensor", (5, 5)),
    (reflections(2), "p, u:vector", (4, 6)),
    (reflections(1), "u:vector", (8,)),
    (octahedral(), "u:vector", (4, 4, 4)),
    (grid_group(reflections(2), (4, 4), step=2), "p", (4, 4)),
]


@pytest.mark.parametrize(("group", "fields", "shape"), CASES, ids=lambda v: getattr(v, "name", None) or str(v))
def test_on_closed_data_with_an_equivariant_truth_the_label_free_prediction_is_the_gain(
    group, fields, shape, generator
):
    symmetry = Symmetry.of_fields(group, fields)
    channels = symmetry.outputs.rep.dim
    model, truth = (
        net(channels, channels, 0, len(shape)),
        average(net(channels, channels, 7, len(shape)), symmetry, micro_batch=8),
    )
    x = torch.randn(3, channels, *shape, generator=generator, dtype=F64)
    with torch.no_grad():
        data = orbit_closed(symmetry, x, truth(x))
    found = audit(model, symmetry, data, layers=False, data_symmetry=False).findings
    assert found.gain.value == pytest.approx(found.removed.value, rel=1e-10)
    assert found.alpha.value == pytest.approx(0, abs=1e-10)
    assert found.mse_soft == pytest.approx(found.mse_after.value, rel=1e-10)
    assert not any(e.contradiction for e in found.elements)
    for subgroup in found.subgroups:
        assert subgroup.gain.value == pytest.approx(subgroup.removed.value, rel=1e-9, abs=1e-14)
    assert sum(c.share.value for c in found.components) == pytest.approx(1, rel=1e-9)


def test_the_measured_gain_is_that_of_the_averaged_model(generator):
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    model = net(3, 3)
    x, y = (torch.randn(5, 3, 6, 6, generator=generator, dtype=F64) for _ in range(2))
    # A scale of ones says that all fields are in one unit.
    found = audit(model, symmetry, (x, y), scale=torch.ones(3), layers=False).findings
    with torch.no_grad():
        before = (model(x) - y).square().mean()
        after = (average(model, symmetry, micro_batch=8)(x) - y).square().mean()
        removed = (average(model, symmetry, micro_batch=8)(x) - model(x)).square().mean()
    assert found.mse.value == pytest.approx(float(before), rel=1e-12)
    assert found.mse_after.value == pytest.approx(float(after), rel=1e-12)
    assert found.removed.value == pytest.approx(float(removed), rel=1e-12)
    alpha = found.alpha.value
    with torch.no_grad():
        soft = average(model, symmetry, micro_batch=8)(x) + min(max(alpha, 0), 1) * (
            model(x) - average(model, symmetry, micro_batch=8)(x)
        )
    assert found.mse_soft == pytest.approx(float((soft - y).square().mean()), rel=1e-12)


def test_when_the_truth_is_the_model_itself_alpha_is_one(generator):
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    model = net(1, 1)
    x = torch.randn(6, 1, 6, 6, generator=generator, dtype=F64)
    with torch.no_grad():
        report = audit(model, symmetry, (x, model(x)), layers=False)
    assert report.findings.alpha.value == pytest.approx(1, abs=1e-12)
    assert report.recommendation.verdict == "do not"
    assert all(e.contradiction for e in report.findings.elements)


@given(st.sampled_from([dihedral(4), reflections(2), cyclic(4)]), st.integers(0, 1000))
@settings(max_examples=10)
def test_an_averaged_model_has_nothing_to_gain(group, seed):
    symmetry = Symmetry.of_fields(group, "p, u:vector", history=2)
    model = average(net(6, 3, seed), symmetry, micro_batch=1)
    x = torch.randn(4, 6, 6, 6, generator=torch.Generator().manual_seed(seed), dtype=F64)
    report = audit(model, symmetry, x, layers=False)
    assert report.recommendation.verdict == "nothing to gain"
    assert report.findings.worst.relative.value < 1e-12


def test_a_subgroup_that_the_model_respects_is_found(generator):
    group = dihedral(4)
    symmetry = Symmetry.of_fields(group, "p")
    model = average(net(1, 1), symmetry.restrict(group.subgroup([2], "C2")), micro_batch=2)
    x = torch.randn(4, 1, 6, 6, generator=generator, dtype=F64)
    found = audit(model, symmetry, x, layers=False).findings
    defects = {e.element: e.relative.value for e in found.elements}
    assert defects["r180"] < 1e-12
    assert min(defects[name] for name in ("r90", "mx", "d")) > 1e-3
    shares = {c.name: c.share.value for c in found.components}
    assert shares["E"] < 1e-12  # the vector component is odd under the half turn


def test_several_inputs_and_outputs_are_audited_together(generator):
    group = dihedral(4)

    class Two(nn.Module):
        def forward(self, field, label):
            return {"field": field * label[:, None, None, None], "mean": field[:, 0].mean((1, 2)) + field[:, 0, 0, 0]}

    symmetry = Symmetry(
        group, (Field(Space(group)), Invariant(group)), {"field": Field(Space(group)), "mean": Invariant(group)}
    )
    x = torch.randn(3, 2, 4, 4, generator=generator, dtype=F64)
    label = torch.randn(3, generator=generator, dtype=F64)
    report = audit(Two(), symmetry, ((x, label), None), layers=False, data_symmetry=False)
    assert report.findings.worst.relative.value > 1e-3


def test_points_of_identical_atoms(generator):
    group = symmetric(4)
    symmetry = Symmetry(group, Points(relabelling=Defining(group)), Invariant(group))
    weight = torch.arange(1, 5, dtype=F64)
    x = torch.randn(8, 4, 3, generator=generator, dtype=F64)
    invariant = audit(lambda p: p.square().sum((1, 2)), symmetry, x)
    assert invariant.recommendation.verdict == "nothing to gain"
    broken = audit(lambda p: (p.square().sum(2) * weight).sum(1), symmetry, x, data_symmetry=False)
    assert broken.findings.worst.relative.value > 0.1


def test_a_lie_group_is_sampled_and_differentiated(generator):
    group = SO(3)
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    x = torch.randn(16, 3, generator=generator, dtype=F64)
    report = audit(lambda v: v * torch.tensor([1.0, 1.0, 2.0], dtype=F64), symmetry, x, elements=20)
    assert len(report.findings.elements) == 20
    about_z = report.lie[2]
    assert about_z.relative < 1e-12
    assert report.lie[0].relative > 0.1
    assert "Lie derivatives" in [section.title for section in report.sections()]


def test_a_stochastic_model_is_found_out(generator):
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    random = torch.Generator().manual_seed(1)
    noisy = lambda x: x + 0.1 * torch.randn(x.shape, generator=random, dtype=x.dtype)  # noqa: E731
    x = torch.randn(8, 1, 6, 6, generator=generator, dtype=F64)
    found = audit(noisy, symmetry, x).findings
    assert found.stochastic
    assert found.floor == pytest.approx(0.1 * 2**0.5, rel=0.2)


def test_dropout_is_switched_off_and_modes_and_random_state_come_back(generator):
    model = nn.Sequential(nn.Dropout(0.5), conv(1, 1), nn.BatchNorm2d(1, dtype=F64)).train()
    model[2].eval()
    state = torch.get_rng_state()
    before = copy.deepcopy(model.state_dict())
    report = audit(model, Symmetry.of_fields(dihedral(4), "p"), torch.randn(4, 1, 6, 6, generator=generator, dtype=F64))
    assert not report.findings.stochastic
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("parts", [2, 3])
def test_merged_shares_are_the_audit_of_all_samples(parts, generator):
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    model = net(3, 3)
    x, y = (torch.randn(12, 3, 6, 6, generator=generator, dtype=F64) for _ in range(2))
    clusters = torch.arange(12) // 2
    options = {"layers": False, "batch_size": 3}
    whole = audit(model, symmetry, (x, y), clusters=clusters, **options)
    merged = Audit(model, symmetry)
    for rows in torch.arange(12).tensor_split(parts):
        share = Audit(model, symmetry).run((x[rows], y[rows]), clusters=clusters[rows], **options)
        merged.merge(pickle.loads(pickle.dumps(share.share())))
    a, b = whole.to_dict(), merged.to_dict()
    flat_a, flat_b = _numbers(a), _numbers(b)
    assert flat_a.keys() == flat_b.keys()
    for key, value in flat_a.items():
        assert flat_b[key] == pytest.approx(value, rel=1e-12, abs=1e-12), key
    assert a["recommendation"]["verdict"] == b["recommendation"]["verdict"]


class TestSumsThatCannotBeAdded:
    model, x = nn.Conv2d(3, 3, 3, padding=1), torch.randn(6, 3, 6, 6)

    def audited(self, fields="p, u:vector", **options):
        return Audit(self.model, Symmetry.of_fields(dihedral(4), fields), **options).run(self.x, layers=False)

    def test_of_other_scales(self):
        scale = torch.tensor([1.0, 2.0, 2.0])
        with pytest.raises(ArgumentError, match=r"other: expected an audit with scale .*2\.0.*, got .*None"):
            self.audited(scale=scale).merge(self.audited())
        assert self.audited(scale=scale).merge(self.audited(scale=scale)).findings.independent == 12

    def test_of_other_fields(self):
        with pytest.raises(ArgumentError, match=r"other: expected an audit of p \(1\), .*, got p \(1\), a"):
            self.audited().merge(self.audited("p, a, b"))

    def test_of_another_group_of_as_many_elements(self):
        groups = dihedral(4), cyclic(8)
        first, second = (
            Audit(nn.Linear(2, 2), Symmetry(group, Invariant(group), Invariant(group))).run(torch.randn(6, 2))
            for group in groups
        )
        with pytest.raises(ArgumentError, match="other: expected an audit under D4, got one under C8"):
            first.merge(second)


def _numbers(tree, path=""):
    found = {}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        if isinstance(value, (dict, list)):
            found |= _numbers(value, f"{path}/{key}")
        elif isinstance(value, (int, float)) and value is not None:
            found[f"{path}/{key}"] = value
    return found


def test_scale_divides_the_errors(generator):
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    x, y = (torch.randn(4, 3, 6, 6, generator=generator, dtype=F64) for _ in range(2))
    scale = torch.tensor([2.0, 3.0, 3.0], dtype=F64)
    found = audit(net(3, 3), symmetry, (x, y), scale=scale, layers=False).findings
    with torch.no_grad():
        expected = ((net(3, 3)(x) - y) / scale[:, None, None]).square().mean()
    assert found.mse.value == pytest.approx(float(expected), rel=1e-12)


def test_a_large_group_is_sampled_without_bias(generator):
    group = grid_group(dihedral(4), (6, 6))
    symmetry = Symmetry.of_fields(group, "p")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 36, dtype=F64), nn.Unflatten(1, (1, 6, 6)))
    x = torch.randn(4, 1, 6, 6, generator=generator, dtype=F64)
    reports = [
        audit(model, symmetry, x, elements=100, data_symmetry=False, layers=False, seed=seed) for seed in range(8)
    ]
    found = torch.tensor([report.findings.removed.value for report in reports], dtype=F64)
    with torch.no_grad():
        exact = (average(model, symmetry, micro_batch=64)(x) - model(x)).square().mean()
    error = found.std() / len(found) ** 0.5
    assert error < 0.05 * exact
    assert (found.mean() - exact).abs() < 4 * error
    assert not reports[0].whole
    assert not reports[0].findings.subgroups


def test_the_report_is_json_a_table_a_figure_and_a_page(tmp_path, generator):
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    x = torch.randn(8, 1, 6, 6, generator=generator, dtype=F64)
    report = audit(net(1, 1), symmetry, (x, x))
    told = json.loads(json.dumps(report.to_dict()))
    assert told["schema"] == 2
    assert told["kind"] == "audit"
    assert len(told["elements"]) == 7
    assert report.table().row_count >= 4
    assert len(report.figure().axes) == 4
    own = report.figure().subfigures(1, 2)[0].subplots()
    assert report.figure(ax=own) is own.figure.figure
    assert len(own.patches) == 7
    assert "relative defect" in str(report)
    assert report.recommendation.sentence in str(report)
    report.save_html(tmp_path / "audit.html")
    page = html.unescape((tmp_path / "audit.html").read_text())
    assert report.recommendation.sentence in page
    assert page.count("<img") == 4 + 4  # the overview, and the worst sample of one field
    sections = [section.title for section in report.sections()]
    assert sections[:3] == ["What to do", "Your worst sample", "Defect, element by element"]
    assert sections[-2:] == ["What the elements are", "What the components are"]
    made = page.split("How this page was made")[1]
    for told in (
        "Sequential, ",
        "8 samples of 8 independent units, each 1 x 6 x 6, with labels",
        "D4: all elements, 7 ",
    ):
        assert told in made


def test_the_trivial_group_has_nothing_to_say(generator):
    x = torch.randn(3, 1, 4, 4, generator=generator, dtype=F64)
    report = audit(net(1, 1), Symmetry.of_fields(trivial(2), "p"), (x, x), layers=False)
    assert report.recommendation.verdict == "nothing to gain"


class TestRefusals:
    symmetry = Symmetry.of_fields(dihedral(4), "p")

    def test_nan_in_data_names_the_sample(self):
        x = torch.zeros(5, 1, 4, 4)
        x[3, 0, 1, 1] = float("nan")
        with pytest.raises(DataError, match=r"not finite .* in sample 3"):
            audit(nn.Identity(), self.symmetry, x, batch_size=2)

    def test_nan_from_the_model_names_the_element(self):
        with pytest.raises(HaarError, match="outputs that are not finite"):
            audit(lambda x: x / 0, self.symmetry, torch.zeros(2, 1, 4, 4))

    def test_labels_of_another_shape(self):
        with pytest.raises(ShapeError, match="labels: expected"):
            audit(nn.Identity(), self.symmetry, (torch.zeros(2, 1, 4, 4), torch.zeros(2, 2, 4, 4)))

    def test_a_non_square_grid(self):
        with pytest.raises(ShapeError, match="axes of equal length for D4"):
            audit(nn.Identity(), self.symmetry, torch.zeros(2, 1, 4, 6))

    def test_an_output_of_another_shape_than_the_action_says(self):
        with pytest.raises(ShapeError, match="output: expected 1 channels"):
            audit(lambda x: torch.cat([x, x], 1), self.symmetry, torch.zeros(2, 1, 4, 4))

    def test_no_data(self):
        with pytest.raises(DataError, match="no samples"):
            audit(nn.Identity(), self.symmetry, [])
        with pytest.raises(ArgumentError, match="data: expected at least one sample"):
            _ = Audit(nn.Identity(), self.symmetry).findings

    def test_options_out_of_range(self):
        x = torch.zeros(2, 1, 4, 4)
        with pytest.raises(ArgumentError, match="significance"):
            audit(nn.Identity(), self.symmetry, x, significance=2.0)
        with pytest.raises(ArgumentError, match="scale: expected positive"):
            audit(nn.Identity(), self.symmetry, x, scale=torch.tensor([-1.0]))
        with pytest.raises(ArgumentError, match="scale: expected one number for each of 1 channels"):
            audit(nn.Identity(), self.symmetry, x, scale=torch.tensor([1.0, 1.0]))
        with pytest.raises(ArgumentError, match="elements: expected at least one"):
            audit(nn.Identity(), self.symmetry, x, elements=0)
        with pytest.raises(ArgumentError, match="batch_size"):
            audit(nn.Identity(), self.symmetry, x, batch_size=0)
        with pytest.raises(ArgumentError, match="data: expected a tensor"):
            audit(nn.Identity(), self.symmetry, 3)
        with pytest.raises(ArgumentError, match="clusters: expected one number for each of 2 rows"):
            list(batches((x, None), clusters=torch.zeros(1, dtype=torch.long)))
        with pytest.raises(ArgumentError, match="over the same elements"):
            Audit(nn.Identity(), self.symmetry).merge(Audit(nn.Identity(), self.symmetry, elements=3))
        with pytest.raises(ArgumentError, match="initialised process group"):
            Audit(nn.Identity(), self.symmetry).gather()


def test_batches_from_a_loader_and_a_limit(generator):
    x = torch.randn(10, 1, 4, 4, generator=generator)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x), batch_size=4)
    sizes = [len(batch.clusters) for batch in batches(loader, max_samples=7)]
    assert sizes == [4, 3]
    triples = [((x[:2],), x[:2], torch.tensor([5, 5]))]
    assert next(batches(triples)).clusters.tolist() == [5, 5]


def test_somebody_is_told_of_every_batch(told, generator):
    x = torch.randn(10, 1, 4, 4, generator=generator)
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    for data, total, read in (((x, x), 3, 3), (list(x.split(5)), 2, 2), (iter(x.split(5)), None, 2)):
        watch = told()
        audit(torch.relu, symmetry, data, batch_size=4, layers=False, watch=watch)
        assert (watch.stages, watch.steps) == ([("audit under D4", total)], read)
    watch = told()
    audit(torch.relu, symmetry, x, batch_size=4, max_samples=6, layers=False, watch=watch)
    assert (watch.stages, watch.steps) == ([("audit under D4", 2)], 2)
