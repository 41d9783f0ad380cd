"""The worst sample of an audit: the right one, of the right element, with the pictures that belong to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions import Field, Invariant, Points, Symmetry, Trivial, Vector
from haar.actions.representation import Defining
from haar.audit import audit
from haar.groups import dihedral, inversion, sign

D4 = dihedral(4)
SYMMETRY = Symmetry.of_fields(D4, "p, u:vector", history=2)


def model(x):
    """The last time step, whose velocity's x component is one too large where the tracer is above 5."""
    y = x[:, 3:6].clone()
    y[:, 1] += (x[:, 3] > 5).to(x.dtype)
    return y


def data(worst, generator):
    x = torch.randn(12, 6, 4, 4, generator=generator, dtype=torch.float64)
    x[worst, 3, 1, 2] = 9.0
    return x


@pytest.mark.parametrize("batch_size", [5, 12])
def test_the_one_sample_that_breaks_the_symmetry_is_found(batch_size, generator):
    x = data(7, generator)
    report = audit(model, SYMMETRY, x, batch_size=batch_size, layers=False)
    worst = report.worst
    assert worst.number == 7
    g = report.elements[worst.element]
    torch.testing.assert_close(worst.x, x[7])
    torch.testing.assert_close(worst.base, model(x)[7])
    (moved,) = SYMMETRY.act_inputs(g, (x[7:8],))
    back = SYMMETRY.act_outputs(D4.inverse(g), model(moved))[0]
    torch.testing.assert_close(worst.moved, back, rtol=0, atol=1e-12)
    assert D4.describe(g) in ("r180", "mx", "r90", "r270", "d", "d'")
    assert float((worst.moved - worst.base).abs().max()) >= 1


def test_of_one_part_it_is_the_largest_mean_square(generator):
    x = torch.randn(6, 1, 4, 4, generator=generator, dtype=torch.float64)
    symmetry = Symmetry.of_fields(D4, "p")
    report = audit(lambda x: x.cumsum(-1), symmetry, x, batch_size=4, layers=False)
    sizes = []
    for g in D4.elements():
        moved = symmetry.act_outputs(D4.inverse(g), symmetry.act_inputs(g, (x,))[0].cumsum(-1))
        sizes.append((moved - x.cumsum(-1)).square().flatten(1).mean(1))
    sizes = torch.stack(sizes)
    assert report.worst.size == pytest.approx(float(sizes.max()), rel=1e-10)
    assert (report.worst.element, report.worst.number) == divmod(int(sizes.argmax()), 6)


def test_two_processes_find_what_one_finds(generator):
    x = data(7, generator)[:, 3:4]
    symmetry = Symmetry.of_fields(D4, "p")
    whole = audit(lambda x: x.cumsum(-1), symmetry, x, layers=False)
    parts = [audit(lambda x: x.cumsum(-1), symmetry, some, layers=False) for some in (x[:5], x[5:])]
    merged = parts[0].merge(parts[1])
    assert (merged.worst.number, merged.worst.size) == (whole.worst.number, pytest.approx(whole.worst.size, rel=1e-12))
    assert merged.worst.number == 7


def test_the_pictures_show_the_field_of_the_last_step_and_the_difference(generator):
    report = audit(model, SYMMETRY, data(7, generator), layers=False)
    section = report.sections()[1]
    name = D4.describe(report.elements[report.worst.element])
    assert section.title == "Your worst sample"
    assert f"sample 7 and {name} differ most" in section.text
    axes = [one for one in section.figure.axes if one.get_label() != "<colorbar>"]
    titles = [one.get_title(loc="left") for one in axes]
    assert titles[:4] == ["input, p", "f(x)", f"f({name} x), moved back", "difference"]
    assert titles[4] == "input, |u|"
    shown = [np.asarray(one.images[0].get_array()).T for one in axes]
    worst = report.worst
    np.testing.assert_allclose(shown[0], worst.x[3])
    np.testing.assert_allclose(shown[4], torch.linalg.vector_norm(worst.x[4:6], dim=0))
    np.testing.assert_allclose(shown[7], torch.linalg.vector_norm(worst.moved[1:] - worst.base[1:], dim=0))
    assert axes[5].images[0].get_clim() == axes[6].images[0].get_clim()


@pytest.mark.parametrize(("shape", "space"), [((9,), 1), ((3, 4, 5), 3)])
def test_lines_and_volumes_are_shown_too(shape, space, generator):
    group = dihedral(4) if space == 0 else {1: "reflections:1", 3: "reflections:3"}[space]
    symmetry = Symmetry.of_fields(group, "p", dim=space)
    x = torch.randn(3, 1, *shape, generator=generator)
    section = audit(lambda x: x.cumsum(-1), symmetry, x, layers=False).sections()[1]
    assert ("middle slice" in section.text) == (space == 3)
    panels = [one for one in section.figure.axes if one.get_label() != "<colorbar>"]
    assert len(panels) == 4
    assert all(one.images if space == 3 else one.lines for one in panels)


def test_a_model_that_respects_the_group_has_no_pictures():
    symmetry = Symmetry.of_fields(D4, "p")
    section = audit(lambda x: x, symmetry, torch.ones(2, 1, 4, 4), layers=False).sections()[1]
    assert section.figure is None
    assert "alike in every frame" in section.text


def test_several_fields_that_go_in_are_not_shown(generator):
    one = Field(Trivial(D4))
    two = Symmetry(D4, (one, one), one)
    fields = torch.randn(4, 1, 4, 4, generator=generator)
    assert audit(lambda x, y: x.cumsum(-1) + y, two, ((fields, fields), None), layers=False).worst is None


def panels(report):
    section = report.sections()[1]
    assert section.title == "Your worst sample"
    axes = [one for one in section.figure.axes if one.get_label() != "<colorbar>"]
    return axes, [one.get_title(loc="left") for one in axes]


def heights(axes):
    return [bar.get_height() for bar in axes.patches]


def test_of_vectors_bars_are_shown(generator):
    x = torch.randn(9, 2, generator=generator, dtype=torch.float64)
    stretch = torch.tensor([1.0, 3.0], dtype=torch.float64)
    symmetry = Symmetry(D4, Vector(Defining(D4)), Vector(Defining(D4)))
    report = audit(lambda v: v * stretch, symmetry, x, batch_size=4, layers=False)
    worst = report.worst
    g = report.elements[worst.element]
    back = symmetry.act_outputs(D4.inverse(g), symmetry.act_inputs(g, (x,))[0] * stretch)
    gaps = (back - x * stretch).square().mean(1)
    assert worst.number == int(gaps.argmax())
    axes, titles = panels(report)
    assert titles == ["input", "f(x)", f"f({D4.describe(g)} x), moved back", "difference"]
    row = worst.number
    for panel, wanted in zip(axes, (x[row], x[row] * stretch, back[row], (back - x * stretch)[row]), strict=True):
        assert heights(panel) == pytest.approx(wanted.tolist(), abs=1e-12)


def test_of_clouds_forces_are_arrows_and_energies_numbers(generator):
    group = inversion()
    symmetry = Symmetry.of_atoms(group, inputs="positions", outputs="energy, forces:vector")
    x = torch.randn(3, 5, 3, generator=generator, dtype=torch.float64)

    def model(positions):
        lean = torch.zeros(5, 3, dtype=torch.float64)
        lean[:, 0] = positions.square().sum(-1)
        return {"energy": positions[:, 0].sum(), "forces": positions + lean}

    report = audit(model, symmetry, [((one,), None) for one in x], layers=False)
    assert isinstance(report.worst.x, list)
    assert any(torch.equal(report.worst.x[0], one) for one in x)
    axes, titles = panels(report)
    row = report.worst.x[0]
    energy = float(row[:, 0].sum())
    assert titles[1:4] == [
        f"f(x): {energy:.6g}",
        f"f(mxmymz x), moved back: {-energy:.6g}",
        f"difference: {-2 * energy:.6g}",
    ]
    gap = 2 * float(row.square().sum(-1).max())
    assert titles[7] == f"difference: longest {gap:.3g}"
    arrows = axes[7].collections[-1]
    lengths = np.hypot(arrows.U, arrows.V)
    squares = row.square().sum(-1)
    torch.testing.assert_close(torch.from_numpy(lengths / lengths.max()), squares / squares.max())


def test_of_graphs_nodes_are_coloured(generator):
    group = sign(1)
    odd = Points(rotation=Defining(group))
    symmetry = Symmetry(group, (odd, Invariant(group, batched=False)), odd)
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    x = torch.randn(4, 1, generator=generator, dtype=torch.float64)
    report = audit(lambda v, e: v.square() + v[e[0]] * 0, symmetry, [((x, edges), None)], layers=False)
    axes, titles = panels(report)
    assert titles[3] == "difference"
    shown = np.asarray(axes[3].collections[-1].get_array())
    assert shown == pytest.approx((-2 * x[:, 0].square()).tolist(), abs=1e-12)
    assert len(axes[0].collections[0].get_segments()) == 4


def test_samples_too_large_to_be_seen_are_not_kept(generator):
    symmetry = Symmetry(inversion(), Points(rotation=Defining(inversion())), Points(rotation=Defining(inversion())))
    for points, kept in ((5, True), (7000, False)):
        x = torch.randn(2, points, 3, generator=generator)
        assert (audit(lambda v: v.abs(), symmetry, x, layers=False).worst is not None) == kept
