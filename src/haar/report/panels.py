"""A figure cut into its panels, so that a narrow page can put them one below the other."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from haar.report.dark import darkened

#: Dots an inch: a figure nine inches wide is still sharp where a screen shows two dots for one.
DOTS_PER_INCH = 144
#: Panels narrower than this, in inches, are read across: together they stay one picture.
_NARROWEST = 2.4


@dataclass(frozen=True)
class Panel:
    """A part of a figure.

    Args:
        box: Left, top, right and bottom in dots of the whole.
        title: The heading of its axes; empty if there is none.
    """

    box: tuple[int, int, int, int]
    title: str = ""

    @property
    def width(self) -> float:
        """In inches."""
        return (self.box[2] - self.box[0]) / DOTS_PER_INCH

    def cut(self, whole: np.ndarray) -> np.ndarray:
        """Its dots."""
        left, top, right, bottom = self.box
        return whole[top:bottom, left:right]


def panels(figure: Figure) -> list[Panel]:
    """Where a figure can be cut without cutting anything in it: rows of panels, from the top, each from the left.

    One panel where it cannot be: something lies across the panels, or they are too narrow to be read one by one.

    Args:
        figure: Any figure.

    Example:
        >>> figure = Figure(figsize=(8, 3), layout="constrained")
        >>> _ = figure.subplots(1, 2)
        >>> [round(panel.width) for panel in panels(figure)]
        [4, 4]
    """
    figure.draw_without_rendering()
    width, height = (round(float(side) * DOTS_PER_INCH) for side in figure.get_size_inches())
    whole = [Panel((0, 0, width, height))]
    boxes = _boxes(figure, height)
    across = [_dots(artist.get_window_extent(), figure, height) for artist in _of_the_whole(figure)]
    if len(boxes) < 2 or figure.subfigs or _lies_beside(across, [box for box, _ in boxes]):
        return whole
    found: list[Panel] = []
    every = [*(box for box, _ in boxes), *across]
    for top, bottom in _apart([(box.y0, box.y1) for box in every], height):
        row = [(box, title) for box, title in boxes if top <= box.y0 and box.y1 <= bottom]
        found += _cut_row(row, (top, bottom), width)
    return found if min(panel.width for panel in found) >= _NARROWEST else whole


def _lies_beside(across: Sequence[Bbox], boxes: Sequence[Bbox]) -> bool:
    """Whether something that belongs to all panels stands beside them, not above or below."""
    least, most = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
    return any(box.y0 < most and box.y1 > least for box in across)


def _cut_row(row: Sequence[tuple[Bbox, str]], rows: tuple[int, int], width: int) -> list[Panel]:
    """The panels of one row; a row of none is what belongs to all of them."""
    found = []
    for left, right in _apart([(box.x0, box.x1) for box, _ in row], width) if row else [(0, width)]:
        titles = [title for box, title in row if left <= box.x0 and box.x1 <= right and title]
        found.append(Panel((left, rows[0], right, rows[1]), "; ".join(titles)))
    return found


def picture(figure: Figure, words: str) -> str:
    """A figure for a page: every panel once for light pages and once for dark ones.

    Args:
        figure: The figure.
        words: What it shows, for readers who do not see it.
    """
    light, dark = _pixels(figure), _pixels(figure, dark=True)
    found = panels(figure)
    pictures = []
    for panel in found:
        told = html.escape(f"{words}: {panel.title}" if panel.title and len(found) > 1 else words)
        share = (panel.box[2] - panel.box[0]) / light.shape[1]
        sizes = f'width="{panel.box[2] - panel.box[0]}" height="{panel.box[3] - panel.box[1]}"'
        style = f'style="--share:{share:.4f};--inches:{panel.width:.2f}"'
        pictures.append(
            f'<picture {style}><source media="(prefers-color-scheme: dark)" srcset="{_address(panel.cut(dark))}">'
            f'<img alt="{told}" {sizes} src="{_address(panel.cut(light))}"></picture>'
        )
    kind = "panels" if len(found) > 1 else "panel"
    inches = f'style="--inches:{light.shape[1] / DOTS_PER_INCH:.2f}"'
    return f'<div class="{kind}" {inches}>{"".join(pictures)}</div>'


def plain_dollars(figure: Figure) -> None:
    """A name with dollars is a name; what matplotlib itself sets (powers on an axis) stays a formula."""
    for text in figure.findobj(Text):
        if isinstance(text, Text) and "$" in text.get_text() and "mathdefault" not in text.get_text():
            text.set_parse_math(False)


def _pixels(figure: Figure, *, dark: bool = False) -> np.ndarray:
    plain_dollars(figure)
    buffer = io.BytesIO()
    with darkened(figure) if dark else nullcontext():
        figure.savefig(buffer, format="raw", dpi=DOTS_PER_INCH)
    width, height = (round(float(side) * DOTS_PER_INCH) for side in figure.get_size_inches())
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(-1, _width(buffer, width, height), 4)


def _width(buffer: io.BytesIO, width: int, height: int) -> int:
    """Dots in a line: matplotlib rounds a size of no whole number of dots down."""
    count = len(buffer.getvalue()) // 4
    return next((w for w in (width, width - 1) if count % w == 0 and count // w in (height, height - 1)), width)


def _address(dots: np.ndarray) -> str:
    buffer = io.BytesIO()
    nameless: dict[str, Any] = {"Software": None}  # the same bytes from any version
    imsave(buffer, dots, format="png", metadata=nameless, dpi=DOTS_PER_INCH)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _of_the_whole(figure: Figure) -> list[Any]:
    return [*figure.legends, *(text for text in figure.texts if text.get_text()), *figure.images]


def _boxes(figure: Figure, height: int) -> list[tuple[Bbox, str]]:
    """What every panel takes up, with the bar of its colours."""
    found: list[tuple[Bbox, str]] = []
    bars: list[Bbox] = []
    for axes in figure.axes:
        box = axes.get_tightbbox()
        if box is None:
            continue
        dots = _dots(box, figure, height)
        if axes.get_label() == "<colorbar>":
            bars.append(dots)
        else:
            found.append((dots, axes.get_title(loc="left") or axes.get_title()))
    for bar in bars:
        beside = [k for k, (box, _) in enumerate(found) if box.y0 < bar.y1 and bar.y0 < box.y1 and box.x0 < bar.x0]
        if beside:
            near = max(beside, key=lambda k: found[k][0].x0)
            found[near] = (Bbox.union([found[near][0], bar]), found[near][1])
    return found


def _dots(box: Any, figure: Figure, height: int) -> Bbox:
    """A box in dots from the top left."""
    scale = DOTS_PER_INCH / figure.dpi
    return Bbox([[box.x0 * scale, height - box.y1 * scale], [box.x1 * scale, height - box.y0 * scale]])


def _apart(spans: Sequence[tuple[float, float]], end: int) -> list[tuple[int, int]]:
    """Cut a line between spans that do not overlap, in the middle of each gap."""
    joined: list[list[float]] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], high)
        else:
            joined.append([low, high])
    cuts = [round((one[1] + two[0]) / 2) for one, two in pairwise(joined)]
    ends = [0, *cuts, end]
    return list(pairwise(ends))
