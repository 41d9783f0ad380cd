"""A figure on a page: panels that together are the figure, once light and once dark."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from haar.report.drawing import draw_bars, draw_field, new_figure, share_legend, style_axes
from haar.report.page import png
from haar.report.panels import DOTS_PER_INCH, panels, picture


def dots(data):
    """RGBA of an inlined picture."""
    return np.round(imread(io.BytesIO(base64.b64decode(data)), format="png") * 255).astype(int)


def inlined(figure, side):
    begin = {"light": r"<img[^>]* src=", "dark": "srcset="}[side]
    return [dots(data) for data in re.findall(begin + r'"data:image/png;base64,([^"]+)', picture(figure, "words"))]


def two_by_two():
    figure = new_figure(8, 6)
    for number, axes in enumerate(figure.subplots(2, 2).flat):
        style_axes(axes, title=f"panel {number}", x="x", y="y")
        draw_bars(axes, ["a", "b"], {"": [1.0, number + 1.0]})
    return figure


def test_the_panels_put_together_are_the_figure():
    figure = two_by_two()
    parts = inlined(figure, "light")
    assert len(parts) == 4
    whole = np.concatenate([np.concatenate(parts[:2], axis=1), np.concatenate(parts[2:], axis=1)])
    expected = dots(base64.b64encode(png(figure)))
    assert whole.shape == expected.shape == (6 * DOTS_PER_INCH, 8 * DOTS_PER_INCH, 4)
    assert np.array_equal(whole, expected)
    assert [panel.title for panel in panels(figure)] == [f"panel {number}" for number in range(4)]


def test_every_picture_says_its_size_and_its_share_of_the_figure():
    figure = two_by_two()
    told = re.findall(r'--share:([.\d]+);--inches:([.\d]+)".*?width="(\d+)" height="(\d+)"', picture(figure, "words"))
    for (share, inches, width, height), dots_of_it in zip(told, inlined(figure, "light"), strict=True):
        assert dots_of_it.shape[:2] == (int(height), int(width))
        assert float(share) == pytest.approx(int(width) / (8 * DOTS_PER_INCH), abs=1e-4)
        assert float(inches) == pytest.approx(int(width) / DOTS_PER_INCH, abs=0.01)
    assert picture(figure, "words").startswith('<div class="panels" style="--inches:8.00">')
    one = new_figure(3, 2)
    style_axes(one.subplots(), title="alone")
    assert picture(one, "words").startswith('<div class="panel" style="--inches:3.00">')


def test_no_cut_goes_through_anything_drawn():
    figure = two_by_two()
    whole = dots(base64.b64encode(png(figure)))
    for panel in panels(figure):
        left, top, right, bottom = panel.box
        for edge in (whole[top:bottom, left], whole[top:bottom, right - 1], whole[top, left:right]):
            assert (edge == 255).all()


def test_the_bar_of_colours_stays_with_its_field():
    figure = new_figure(8, 3)
    for axes in figure.subplots(1, 2):
        figure.colorbar(draw_field(axes, np.eye(4), limits=(0, 1), map_name="magma", title="f"), ax=axes)
    assert [panel.title for panel in panels(figure)] == ["f", "f"]


def test_what_lies_beside_the_panels_keeps_them_together_and_what_lies_below_is_one_more():
    figure = two_by_two()
    for axes in figure.axes:
        axes.plot([0, 1], [0, 1], label="line")
    share_legend(figure, figure.axes, side="right")
    assert len(panels(figure)) == 1
    figure = two_by_two()
    for axes in figure.axes:
        axes.plot([0, 1], [0, 1], label="line")
    share_legend(figure, figure.axes)
    assert [panel.title for panel in panels(figure)][-1] == ""
    assert len(panels(figure)) == 5


@pytest.mark.parametrize(("width", "count"), [(4.6, 1), (5.0, 2)])
def test_panels_too_narrow_to_be_read_alone_stay_together(width, count):
    figure = new_figure(width, 2)
    figure.subplots(1, 2)
    assert len(panels(figure)) == count


def test_on_a_dark_page_paper_and_ink_change_places_and_colours_and_fields_stay():
    figure = new_figure(4, 3)
    axes = style_axes(figure.subplots(), title="title")
    draw_bars(axes, ["a"], {"": [1.0]}, ["#2f6fdf"])
    before = png(figure)
    (light,), (dark,) = inlined(figure, "light"), inlined(figure, "dark")
    assert light[0, 0, :3].tolist() == [255, 255, 255]
    assert dark[0, 0, :3].tolist() == [0x1A, 0x1F, 0x29]
    blue = (light[..., :3] == [0x2F, 0x6F, 0xDF]).all(-1)
    assert blue.sum() > 1000
    assert (dark[blue][:, :3] == [0x2F, 0x6F, 0xDF]).all()
    assert light[..., :3].sum(-1).min() < 200  # the ink of the title
    assert dark[~blue][:, :3].sum(-1).max() > 600
    assert png(figure) == before


def test_points_of_several_greys_keep_a_shade_each_on_a_dark_page():
    figure = new_figure(3, 3)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.scatter([0, 1], [0, 1], c=["black", "0.9"], s=2000, marker="s")
    (dark,) = inlined(figure, "dark")
    paper, ink = np.array([0x1A, 0x1F, 0x29]), np.array([0xE6, 0xE9, 0xEF])
    for shade in (ink, ink + (paper - ink) * 0.9):
        assert (np.abs(dark[..., :3] - shade).max(-1) <= 1).sum() > 1000


def test_a_field_and_words_on_it_are_the_same_on_both_pages():
    figure = new_figure(3, 3)
    axes = figure.subplots()
    values = np.linspace(0, 1, 64).reshape(8, 8)
    draw_field(axes, values, limits=(0, 1), map_name="gray")
    axes.text(0.5, 0.5, "words", transform=axes.transAxes, color="black")
    (light,), (dark,) = inlined(figure, "light"), inlined(figure, "dark")
    middle = slice(150, 280)
    assert np.array_equal(light[middle, middle], dark[middle, middle])
    assert not np.array_equal(light[:10, :10], dark[:10, :10])


def test_words_of_a_picture_tell_the_panel_where_there_are_several():
    assert re.findall('alt="([^"]*)"', picture(two_by_two(), "a & b")) == [f"a &amp; b: panel {k}" for k in range(4)]
    alone = new_figure(4, 3)
    style_axes(alone.subplots(), title="panel")
    assert re.findall('alt="([^"]*)"', picture(alone, "words")) == ["words"]
    plain = new_figure(8, 3)
    plain.subplots(1, 2)
    assert set(re.findall('alt="([^"]*)"', picture(plain, "words"))) == {"words"}
