"""Pictures of a discovery show the numbers that were found, each as its legend says."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from haar.actions import Symmetry
from haar.discover.flows import Finite
from haar.discover.gates import Gate
from haar.discover.pictures import bracket_figure, draw_spectrum, draw_staircase, flow_figure, generator_figure
from haar.discover.sections import overview, sections
from haar.discover.spectrum import Spectrum
from haar.discover.step import Step
from haar.discover.trivial import Trivial
from haar.groups import cyclic
from haar.groups.algebra import LieAlgebra
from haar.report.drawing import AVERAGED, BASE, COLOURS, INK, WARNING, new_figure
from haar.statistics import Estimate

F64 = torch.float64


@pytest.fixture
def axes():
    return new_figure(4, 3).subplots()


def found(*held, floor=1e-12):
    values = torch.tensor(held, dtype=F64)
    return Spectrum(0.5 * values, values, 0.75 * values, 1.5 * values, floor, torch.eye(len(held), dtype=F64))


def style(line):
    return to_hex(line.get_color()), line.get_linestyle(), line.get_linewidth()


def words(text):
    return text.get_text(), tuple(text.xy), text.get_ha(), text.get_va(), text.get_fontsize(), text.get_color()


def test_a_spectrum_has_both_halves_the_tolerance_the_rounding_and_the_gap(axes):
    draw_spectrum(axes, found(1e-15, 0.1, 0.5, 0.6), 2, 0.2)
    assert axes.get_yscale() == "log"
    titles = axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()
    assert titles == ("Relative defect of every direction", "direction", "|J A x - B f| / size")
    solved, held, tolerance, rounding = axes.lines
    assert solved.get_xdata().tolist() == held.get_xdata().tolist() == [1, 2, 3, 4]
    assert solved.get_ydata().tolist() == pytest.approx([1e-14, 0.05, 0.25, 0.3])  # a hundredth of the rounding
    assert held.get_ydata().tolist() == pytest.approx([1e-14, 0.1, 0.5, 0.6])
    assert style(solved) == (BASE, "-", 1.2)
    assert (to_hex(held.get_color()), held.get_marker(), held.get_markersize()) == (AVERAGED, "o", 4)
    bars = axes.collections[0]
    assert bars.get_linewidths().tolist() == [1]
    assert [segment[:, 1].tolist() for segment in bars.get_segments()][1:] == [
        pytest.approx([0.75 * value, 1.5 * value]) for value in (0.1, 0.5, 0.6)
    ]
    assert bars.get_segments()[0][:, 1].tolist() == pytest.approx([1e-14, 1e-14])
    assert (tolerance.get_ydata()[0], *style(tolerance)) == (0.2, WARNING, "--", 0.9)
    assert (rounding.get_ydata()[0], *style(rounding)) == (1e-12, BASE, ":", 0.9)
    assert [words(text) for text in axes.texts] == [
        ("tolerance", (4, 0.2), "right", "bottom", 8, WARNING),
        ("rounding", (4, 1e-12), "right", "bottom", 8, INK),
        ("2 accepted", (2.5, 0.6), "left", "top", 8, INK),
    ]
    (gap,) = axes.patches
    assert (gap.get_x(), gap.get_width()) == (2.35, pytest.approx(0.3))
    assert (to_hex(gap.get_facecolor()), gap.get_alpha(), gap.get_linewidth()) == (COLOURS[2], 0.35, 0)
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["half that found it", "half that judges, 95 %"]
    assert ([text.get_fontsize() for text in legend.get_texts()], legend.get_frame_on(), legend._loc) == (
        [8, 8], False, 4,
    )  # fmt: skip


@pytest.mark.parametrize(("count", "shaded"), [(0, 0), (1, 1), (3, 1), (4, 0)])
def test_a_gap_is_between_directions(axes, count, shaded):
    draw_spectrum(axes, found(0.1, 0.2, 0.3, 0.4), count, 0.2)
    assert len(axes.patches) == shaded


def test_forty_directions_are_drawn(axes):
    draw_spectrum(axes, found(*[0.5] * 41, floor=0.0), 0, 0.2)
    assert len(axes.lines[0].get_xdata()) == 40
    assert axes.lines[3].get_ydata()[0] == 1e-17


def test_generators_are_matrices_in_one_scale_of_colours():
    inputs, outputs = torch.zeros(7, 2, 2, dtype=F64), torch.zeros(7, 1, 1, dtype=F64)
    inputs[1, 0, 1], inputs[2, 1, 0], outputs[0] = 3.0, -4.0, 0.5
    figure = generator_figure(inputs, outputs, invariant=False)
    assert figure.get_size_inches().tolist() == pytest.approx([2.2 * 6, 5.0])
    assert len(figure.axes) == 12
    for number, axes in enumerate(figure.axes):
        (image,) = axes.images
        side, size, word = (inputs, 4.0, "inputs") if number < 6 else (outputs, 0.5, "outputs")
        assert np.array_equal(image.get_array(), side[number % 6].numpy())
        assert (image.get_clim(), image.get_cmap().name) == ((-size, size), "RdBu_r")
        assert axes.get_title(loc="left") == f"generator {number % 6 + 1}, {word}"
        assert (axes._left_title.get_fontsize(), axes._left_title.get_color()) == (8, INK)
        assert axes.get_xticks().tolist() == axes.get_yticks().tolist() == []
    small = generator_figure(inputs[:1], outputs[:1], invariant=True)
    assert small.get_size_inches().tolist() == [3.5, 2.5]
    assert small.axes[0].images[0].get_clim() == (-1e-300, 1e-300)


def test_flows_are_arrows_in_the_plane_that_moves_most():
    """The first turns coordinates 1 and 3, the second shifts 2 and stretches 3."""
    generators = torch.zeros(2, 4, 4, dtype=F64)
    generators[0, 0, 2], generators[0, 2, 0] = -1.0, 1.0
    generators[1, 1, 3], generators[1, 2, 2] = 5.0, 2.0
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    figure = flow_figure(x, generators)
    assert figure.get_size_inches().tolist() == pytest.approx([6.6, 3.3])
    some = torch.linspace(0, 399, 169).long()
    for number, (axes, plane) in enumerate(zip(figure.axes, ((0, 2), (1, 2)), strict=True)):
        (arrows,) = axes.collections
        at = arrows.XY
        np.testing.assert_allclose(at, x[some][:, list(plane)].numpy())
        velocity = (torch.cat([x, torch.ones(400, 1)], 1) @ generators[number].T)[some][:, list(plane)]
        np.testing.assert_allclose(np.stack([arrows.U, arrows.V], 1), velocity.numpy(), atol=1e-12)
        np.testing.assert_allclose(arrows.get_array(), velocity.norm(dim=1).numpy())
        assert (arrows.angles, arrows.width, arrows.get_cmap().name) == ("xy", 0.006, "viridis")
        assert (axes.get_xlabel(), axes.get_ylabel()) == tuple(f"coordinate {k + 1}" for k in plane)
        assert axes.get_title(loc="left") == f"flow of generator {number + 1}"
        assert (axes.get_aspect(), axes.get_adjustable()) == (1.0, "datalim")
    single = flow_figure(x[:5], generators[:1])
    assert single.get_size_inches().tolist() == pytest.approx([4.2, 3.3])
    assert len(single.axes[0].collections[0].XY) == 5
    assert len(flow_figure(x, generators.repeat(2, 1, 1)).axes) == 3


def test_brackets_are_sizes_and_signs():
    e = torch.zeros(3, 3, 3, dtype=F64)
    for k, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        e[k, i, j], e[k, j, i] = -1.0, 1.0
    algebra = LieAlgebra(e)
    c = algebra.structure_constants
    figure = bracket_figure(algebra)
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), c.norm(dim=-1).numpy(), atol=1e-12)
    assert axes.images[0].get_cmap().name == "Blues"
    assert figure.get_size_inches().tolist() == pytest.approx([4.2, 3.4])
    told = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in axes.texts}
    wanted = {
        (a, b): f"{'+' if c[a, b].sum() > 0 else '-'}e{3 - a - b + 1}" for a in range(3) for b in range(3) if a != b
    }
    assert told == wanted
    assert {(t.get_ha(), t.get_va(), t.get_fontsize(), t.get_color()) for t in axes.texts} == {
        ("center", "center", 8, INK)
    }
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [(label.get_text(), label.get_fontsize()) for label in labels] == [(f"e{k}", 8) for k in (1, 2, 3)]
    assert axes.get_title(loc="left") == "brackets [row, column]"
    assert (axes._left_title.get_fontsize(), axes._left_title.get_color(), len(figure.axes)) == (10, INK, 2)
    turned = bracket_figure(algebra, 2 * torch.eye(3, dtype=F64))  # [2 e, 2 f] = 2 (2 [e, f] / 2)
    np.testing.assert_allclose(turned.axes[0].images[0].get_array(), 2 * c.norm(dim=-1).numpy(), atol=1e-12)


def step(name, value, low, high, outside):
    symmetry = Symmetry.of_fields(cyclic(2), "p")
    return Step(name=name, symmetry=symmetry, order=2, defect=Estimate(value, low, high), outside=outside)


def test_a_staircase_has_defects_inside_and_outside(axes):
    steps = [
        step("C2", 0.0, 0.0, 0.01, 0.4),
        step("C4", 0.1, 0.05, 0.3, None),
        step("D4", 0.2, math.nan, math.nan, 0.9),
    ]
    draw_staircase(axes, steps)
    inside, outside, *ties = axes.lines
    assert axes.get_yscale() == "log"
    assert (inside.get_xdata().tolist(), inside.get_ydata().tolist()) == ([0, 1, 2], [1e-17, 0.1, 0.2])
    assert (outside.get_xdata().tolist(), outside.get_ydata().tolist()) == ([0, 2], [0.4, 0.9])
    marks = [(to_hex(line.get_color()), line.get_marker(), line.get_markersize()) for line in (inside, outside)]
    assert marks == [(AVERAGED, "o", 6), (WARNING, "v", 6)]
    assert outside.get_linestyle() == "None"
    assert [(list(tie.get_xdata()), list(tie.get_ydata())) for tie in ties] == [
        ([0, 0], [1e-17, 0.4]), ([2, 2], [0.2, 0.9])
    ]  # fmt: skip
    assert {(*style(tie), tie.get_zorder()) for tie in ties} == {(BASE, "-", 0.9, 1)}
    ends = [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()]
    assert ends == [pytest.approx([1e-17, 0.01]), pytest.approx([0.05, 0.3]), pytest.approx([0.2, 0.2])]
    names = axes.get_xticklabels()
    assert [(one.get_text(), one.get_rotation(), one.get_fontsize()) for one in names] == [
        ("C2", 0, 8), ("C4", 0, 8), ("D4", 0, 8)
    ]  # fmt: skip
    assert axes.get_xlim() == (-0.6, 2.6)
    assert (axes.get_title(loc="left"), axes.get_ylabel()) == ("Staircase: inside and outside", "relative defect")
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["outside", "inside, 95 %"]
    assert ({text.get_fontsize() for text in legend.get_texts()}, legend.get_frame_on()) == ({8}, False)


def test_names_of_many_steps_stand_aslant(axes):
    draw_staircase(axes, [step(f"C{k}", 0.1, 0.05, 0.2, None) for k in range(4)])
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {20}
    assert len(axes.lines) == 1


def gate(count, failed, finite):
    return Gate(count, 0.1 * count, 0.05, 0.3, 0.9, 4.5, 0.01, finite, failed)


def told_of(**options):
    settings = SimpleNamespace(kinds=("finite",), tolerance=0.2, asked="any", kind="any")
    plain = {"spectrum": None, "staircase": [], "continuous": None, "settings": settings, "finite": (), "remarks": []}
    return SimpleNamespace(**plain | {"trivial": [], "algebra": None} | options)


@pytest.mark.usefixtures("unchecked_annotations")
def test_an_overview_has_a_panel_for_what_there_is():
    steps = [step("C2", 0.1, 0.05, 0.2, 0.4)]
    leading = SimpleNamespace(gate=SimpleNamespace(count=1))
    both = overview(told_of(spectrum=found(0.1, 0.9), staircase=steps, continuous=SimpleNamespace(leading=leading)))
    titles = [axes.get_title(loc="left") for axes in both.axes]
    assert titles == ["Relative defect of every direction", "Staircase: inside and outside"]
    assert both.get_size_inches().tolist() == pytest.approx([10.8, 3.6])
    assert both.axes[0].lines[2].get_ydata()[0] == 0.2
    assert len(both.axes[0].patches) == 1
    alone = overview(told_of(spectrum=found(0.1, 0.9), continuous=SimpleNamespace(leading=None)))
    assert len(alone.axes) == 1
    assert len(alone.axes[0].patches) == 0
    assert [axes.get_title(loc="left") for axes in overview(told_of(staircase=steps)).axes] == titles[1:]
    assert overview(told_of()) is None


@pytest.mark.usefixtures("unchecked_annotations")
def test_sections_tell_steps_gates_and_what_says_nothing():
    (nothing,) = sections(told_of())
    assert (nothing.table.rows, nothing.table.note, nothing.text) == (
        [], "Nothing established.", "**No finite symmetry established.**",
    )  # fmt: skip
    finite = Finite(0.01, 0.0, 0.02, 0.025, 0.001, True)
    lie = SimpleNamespace(
        gates=[gate(1, "gap", None), gate(2, "", finite)], leading=None, closest=None, trivial=[], steps=[]
    )
    steps = [step("C2", 0.1, 0.05, 0.2, 0.4)]
    trivial = [Trivial("ignored", 3, "three of them")]
    answer, four, removed = sections(
        told_of(staircase=steps, finite=steps, continuous=lie, trivial=trivial, remarks=["One.", "Two."])
    )
    assert answer.table.rows == [("C2", "finite", "order 2", "approximate", 0.1, "[0.05, 0.2]", 0.4)]
    assert answer.table.note == ""
    assert answer.text.split("\n\n")[1:] == ["One.", "Two."]
    assert four.table.rows == [
        (1, 0.1, 0.9, 4.5, 0.01, None, "fails: gap"), (2, 0.2, 0.9, 4.5, 0.01, 0.025, "accepted")
    ]  # fmt: skip
    assert removed.table.rows == [("ignored", 3, "three of them")]
