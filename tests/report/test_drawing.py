"""What is drawn stands where the numbers say: medians, spreads, gaps, the line of equal sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from haar.report.drawing import (
    BASE,
    COLOURS,
    INK,
    WARNING,
    draw_bars,
    draw_curves,
    draw_field,
    draw_prediction,
    log_scale,
    mark_sizes,
    new_figure,
    share_legend,
    style_axes,
)
from haar.report.page import png

NAN = float("nan")


@pytest.fixture
def axes():
    return new_figure(3, 2).subplots()


def test_bars_are_medians_and_seeds_are_dots(axes):
    places = draw_bars(axes, ["a", "b"], {"one": [[1.0, 2.0, 6.0], 3.0], "two": [[NAN, 4.0], [4.0]]}, bottom=0.5)
    assert {label: at.tolist() for label, at in places.items()} == {"one": [-0.2, 0.8], "two": [0.2, 1.2]}
    bars = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches]
    assert bars[:2] == [(0.5, 2.0), (0.5, 3.0)]
    assert math.isnan(bars[2][1])
    assert bars[3] == (0.5, 4.0)
    dots, _, single = axes.lines
    assert single.get_ydata().tolist() == [4.0]
    assert dots.get_ydata().tolist() == [1.0, 2.0, 6.0]
    assert set(dots.get_xdata()) == {-0.2}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]


def test_bars_of_one_series_have_colours_and_intervals_of_their_own(axes):
    ends = {"x": [(0.5, 1.25), (NAN, NAN), (0.0, 3.0)]}
    draw_bars(axes, ["a", "b", "c"], {"x": [1.0, 2.0, 3.0]}, [[BASE, WARNING, BASE]], intervals=ends, slanted=True)
    assert axes.patches[0].get_facecolor() == axes.patches[2].get_facecolor() != axes.patches[1].get_facecolor()
    (lines,) = axes.collections
    assert [segment[:, 1].tolist() for segment in lines.get_segments()] == [[0.5, 1.25], [2.0, 2.0], [0.0, 3.0]]
    assert axes.get_xticklabels()[0].get_rotation() == 30


def test_a_curve_is_the_median_in_a_band(axes):
    draw_curves(axes, [1, 2, 3], {"a": [[1.0, 5.0, 2.0], [], [4.0, 8.0, 6.0]], "b": [1.0, NAN, 2.0]}, style="s--")
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 3]] * 2
    np.testing.assert_array_equal([line.get_ydata() for line in axes.lines], [[2.0, NAN, 6.0], [1.0, NAN, 2.0]])
    (band,) = axes.collections
    reached = {tuple(point) for path in band.get_paths() for point in path.vertices.tolist()}
    assert {(1.0, 1.0), (1.0, 5.0), (3.0, 4.0), (3.0, 8.0)} <= reached
    assert axes.lines[0].get_linestyle() == "--"


@pytest.mark.parametrize(
    ("spread", "ends"), [("range", {0.0, 8.0}), ("quartiles", {2.0, 6.0}), ("bars", {0.0, 8.0}), ("dots", {0.0, 8.0})]
)
def test_the_ends_of_a_spread(axes, spread, ends):
    draw_curves(axes, [1.0], {"a": [np.array([0.0, 2.0, 4.0, 6.0, 8.0])]}, {"a": WARNING}, spread=spread)
    if spread == "dots":
        found = set(axes.lines[1].get_ydata().tolist())
    elif spread == "bars":
        found = {y for _, y in axes.collections[0].get_segments()[0].tolist()}
    else:
        found = {y for path in axes.collections[0].get_paths() for _, y in path.vertices.tolist()}
    assert (min(found), max(found)) == (min(ends), max(ends))


def test_measured_against_predicted_with_the_line_of_equal_sizes(axes):
    draw_prediction(axes, {"a": ([1e-3, 1e-20], [2e-3, 1.0]), "b": ([1.0], [1.0])}, floor=1e-9, hollow={"b"})
    full, ring, line = axes.lines
    assert full.get_xydata().tolist() == [[1e-3, 2e-3], [1e-9, 1.0]]
    assert ring.get_markerfacecolor() == "none"
    assert full.get_markerfacecolor() != "none"
    assert np.array_equal(line.get_xdata(), line.get_ydata())
    assert tuple(line.get_xdata()) == axes.get_xlim() == axes.get_ylim() == (5e-10, 2.0)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert png(axes.figure)[1:4] == b"PNG"
    draw_prediction(new_figure(2, 2).subplots(), {"a": ([NAN], [NAN])}, floor=1e-9)  # nothing is known: nothing stops


def test_logarithmic_numbers_are_written_out_where_they_are_asked_for(axes):
    axes.plot([1, 10], [0.1, 1])
    log_scale(axes, plain=True)
    assert axes.yaxis.get_major_formatter()(0.1) == "0.1"
    assert axes.get_xscale() == "linear"
    mark_sizes(axes, [16, 64])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["16", "64"]


def test_panels_share_one_legend():
    figure = new_figure(4, 2)
    left, right = figure.subplots(1, 2)
    draw_curves(left, [1], {"a": [1.0]})
    draw_curves(right, [1], {"a": [1.0], "b": [2.0]})
    share_legend(figure, [left, right])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_the_one_style_of_axes(axes):
    style_axes(axes, title="loss", x="steps", y="size")
    assert (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) == ("loss", "steps", "size")
    left = axes._left_title
    assert (left.get_fontsize(), left.get_color()) == (10, INK)
    assert (axes.xaxis.label.get_fontsize(), axes.yaxis.label.get_fontsize()) == (9, 9)
    assert {label.get_fontsize() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())} == {8}
    assert [axes.spines[side].get_visible() for side in ("top", "right", "left", "bottom")] == [
        False,
        False,
        True,
        True,
    ]
    assert axes.get_axisbelow()
    assert (axes.yaxis.get_gridlines()[0].get_visible(), axes.xaxis.get_gridlines()[0].get_visible()) == (True, False)
    assert axes.yaxis.get_gridlines()[0].get_linewidth() == 0.8
    figure = new_figure()
    assert figure.get_size_inches().tolist() == [9, 3.2]
    assert figure.get_layout_engine().__class__.__name__ == "ConstrainedLayoutEngine"
    assert figure.get_facecolor() == (1, 1, 1, 1)


def test_marks_are_small_and_lines_thin(axes):
    draw_bars(axes, ["a", "b"], {"x": [[1.0, 2.0], 3.0], "y": [1.0, 1.0]}, intervals={"x": [(0.5, 2.0), (1.0, 4.0)]})
    dots = axes.lines[0]
    assert (dots.get_markersize(), dots.get_alpha(), dots.get_color(), dots.get_linestyle()) == (3, 0.7, INK, "None")
    assert [bar.get_width() for bar in axes.patches] == [pytest.approx(0.8 / 2 * 0.92)] * 4
    assert axes.collections[0].get_linewidths().tolist() == [1]
    assert axes.patches[0].get_facecolor() != axes.patches[2].get_facecolor()
    assert axes.get_xticklabels()[0].get_rotation() == 0
    curves = new_figure(3, 2).subplots()
    draw_curves(curves, [1, 2], {"a": [[1.0, 2.0], [3.0, 5.0]], "b": [1.0, 2.0]}, style={"a": "s:", "b": "o-"})
    assert [line.get_marker() for line in curves.lines] == ["s", "o"]
    assert {line.get_markersize() for line in curves.lines} == {4}
    assert {line.get_linewidth() for line in curves.lines} == {1.3}
    assert curves.lines[0].get_color() != curves.lines[1].get_color()
    (band,) = curves.collections  # what has one value has no spread
    assert (band.get_alpha(), band.get_linewidth().tolist()) == (0.15, [0])
    draw_curves(curves, [1, 2], {"c": [[1.0, 2.0], [3.0]]}, spread="dots", width=2)
    assert curves.lines[2].get_linewidth() == 2
    assert [(line.get_marker(), line.get_markersize(), line.get_alpha()) for line in curves.lines[3:]] == [
        (".", 3, 0.5)
    ] * 2
    draw_curves(curves, [1], {"d": [[1.0, 2.0]]}, spread="bars")
    assert curves.collections[-1].get_linewidths().tolist() == [1]


def test_colours_begin_anew_where_there_are_more_series_than_colours(axes):
    count = len(COLOURS)
    draw_curves(axes, [1], {str(k): [1.0] for k in range(count + 1)})
    colours = [line.get_color() for line in axes.lines]
    assert colours == [*COLOURS, COLOURS[0]]
    assert len(set(COLOURS)) == count


def test_points_of_a_prediction(axes):
    draw_prediction(axes, {"a": ([1.0], [2.0]), "b": ([4.0], [8.0])}, {"a": WARNING, "b": BASE}, floor=1e-9)
    one, other, line = axes.lines
    assert (one.get_color(), other.get_color(), line.get_color()) == (WARNING, BASE, BASE)
    assert (one.get_markersize(), one.get_alpha(), line.get_linewidth(), line.get_zorder()) == (5, 0.8, 1.0, 1)
    assert axes.get_xlim() == (0.5, 16.0)
    empty = new_figure(2, 2).subplots()
    draw_prediction(empty, {}, floor=1e-9)
    assert empty.get_xlim() == (0.5, 2.0)


def test_legends_stand_outside_of_the_panels():
    for side, columns, wanted in (("below", 4, 2), ("below", 1, 1), ("right", 4, 1)):
        figure = new_figure(4, 2)
        panel = figure.subplots()
        draw_curves(panel, [1], {"a": [1.0], "b": [2.0]})
        share_legend(figure, [panel], side=side, columns=columns)
        (legend,) = figure.legends
        assert legend._ncols == wanted
        assert legend._outside_loc == ("lower" if side == "below" else "right")
        assert not legend.get_frame_on()
        assert {text.get_fontsize() for text in legend.get_texts()} == {8}
    share_legend(new_figure(2, 2), [])


def test_a_field_lies_as_its_axes_say(axes):
    values = np.arange(6.0).reshape(2, 3)
    image = draw_field(axes, values, title="p", limits=(-1, 7), map_name="magma")
    assert np.array_equal(image.get_array(), values.T)
    assert (image.origin, image.get_clim(), image.get_cmap().name) == ("lower", (-1, 7), "magma")
    assert image.get_interpolation() == "nearest"
    assert (axes.get_xticks().tolist(), axes.get_yticks().tolist(), axes.get_title()) == ([], [], "p")
    assert axes.title.get_fontsize() == 9
    assert not any(spine.get_visible() for spine in axes.spines.values())


def test_sizes_are_marked_each_with_its_own_number(axes):
    mark_sizes(axes, [16, 24, 64])
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_transform().base == 2
    assert axes.get_xticks().tolist() == [16, 24, 64]
    assert axes.get_xticks(minor=True).tolist() == []
    log_scale(axes, "x", plain=True)
    assert axes.xaxis.get_major_formatter()(1000) == "1000"
    assert axes.get_yscale() == "linear"


def test_between_a_number_and_infinity_there_is_nothing(axes):
    draw_curves(axes, [1, 2], {"a": [[1.0, math.inf], [1.0, 2.0, math.inf, math.inf]]})
    assert axes.lines[0].get_ydata()[1] in (2.0, math.inf)
    assert not np.isnan(axes.lines[0].get_ydata()).any()


def test_numbers_between_powers_are_written_where_an_axis_has_no_more_than_one(axes):
    axes.plot([1, 2], [1.5, 9.0])
    log_scale(axes, plain=True)
    axes.set_ylim(1.2, 11.9)
    told = axes.yaxis.get_minor_formatter()
    assert [told(value) for value in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)] == ["", "2", "3", "", "5", "", ""]
    assert told(0.3) == "0.3"
    axes.set_ylim(1.2, 12.0)
    assert told(2.0) == ""
    axes.set_ylim(0.12, 1.19)
    assert told(0.3) == "0.3"
    axes.set_yscale("linear")
    axes.set_ylim(-1.0, 0.5)  # no powers at all
    assert told(0.3) == ""


def test_a_legend_has_four_columns_at_most():
    figure = new_figure(4, 2)
    panel = figure.subplots()
    draw_curves(panel, [1], {label: [1.0] for label in "abcde"})
    share_legend(figure, [panel])
    assert figure.legends[0]._ncols == 4


@pytest.mark.parametrize("values", [[0.0, 0.0], [-1.0, 0.0], [math.nan, 0.0]])
def test_what_is_nowhere_positive_is_drawn_on_plain_axes(values):
    figure = new_figure()
    axes = figure.add_subplot()
    draw_bars(axes, ["a", "b"], {"defect": values})
    log_scale(axes)
    assert axes.get_yscale() == "linear"
    assert png(figure)[1:4] == b"PNG"
    other = new_figure().add_subplot()
    draw_bars(other, ["a", "b"], {"defect": [0.0, 1e-9]})
    log_scale(other)
    assert other.get_yscale() == "log"


def test_long_names_leave_room_for_the_panel():
    figure = new_figure()
    axes = figure.add_subplot()
    names = ["first " + 300 * "a" + " end", 60 * "b"]
    draw_bars(axes, names, {"c" * 500: [1.0, 2.0]})
    share_legend(figure, [axes])
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"first {24 * 'a'}…{25 * 'a'} end", names[1]]
    (legend,) = figure.legends
    assert len(legend.get_texts()[0].get_text()) == 60
    assert png(figure)[1:4] == b"PNG"  # a panel without room is a warning, and warnings are errors here
