"""What is drawn stands where the numbers say: medians, spreads, gaps, the line of equal sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from haar.report.drawing import (
    BASE,
    WARNING,
    draw_bars,
    draw_curves,
    draw_prediction,
    log_scale,
    mark_sizes,
    new_figure,
    share_legend,
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
