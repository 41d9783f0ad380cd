"""A figure for a dark page: its greys change places, its colours and its fields stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_hex, to_rgb, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.text import Text

#: The dark page's card, where a figure's white stood, and the ink on it: as in page.css.
_PAPER, _INK = np.array(to_rgb("#1a1f29")), np.array(to_rgb("#e6e9ef"))
#: What is more colourful than this is a colour; what lies between the two lightnesses is seen on either page.
_GREY, _DARK, _LIGHT = 0.3, 0.5, 0.82
_COLOURED = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def dark_shade(colour: Any) -> tuple[float, float, float, float]:
    """The colour that stands on a dark page for one on a light page.

    Example:
        >>> [to_hex(dark_shade(name)) for name in ("white", "black", "#2f6fdf")]
        ['#1a1f29', '#e6e9ef', '#2f6fdf']
    """
    red, green, blue, alpha = to_rgba(colour)
    lightness = (max(red, green, blue) + min(red, green, blue)) / 2
    if max(red, green, blue) - min(red, green, blue) > _GREY or _DARK <= lightness <= _LIGHT:
        return red, green, blue, alpha
    red, green, blue = (_INK + (_PAPER - _INK) * lightness).tolist()
    return red, green, blue, alpha


@contextmanager
def darkened(figure: Figure) -> Iterator[Figure]:
    """Within the block the figure is one for a dark page; after it, what it was.

    Args:
        figure: Any figure. Images, and words that stand on them, stay as they are.
    """
    # All are read before one is changed: axes and the patch behind them, say, have one colour between them.
    changes = [change for artist in figure.findobj() if not _stays(artist) for change in _changes(artist)]
    try:
        for put, _, after in changes:
            put(after)
        yield figure
    finally:
        for put, before, _ in changes:
            put(before)


def _stays(artist: Artist) -> bool:
    """Whether a colour is of what is shown: a map of numbers, or words on an image."""
    if getattr(artist, "get_array", None) is not None and artist.get_array() is not None:  # type: ignore[attr-defined]
        return True
    return isinstance(artist, Text) and artist.axes is not None and bool(artist.axes.images) and _is_inside(artist)


def _is_inside(text: Text) -> bool:
    return text.axes is not None and text in text.axes.texts


def _changes(artist: Artist) -> Iterator[tuple[Callable[[Any], Any], Any, Any]]:
    """What sets a colour of an artist, what it is, and what it becomes."""
    for name in _COLOURED:
        get, put = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
        if get is not None and put is not None:
            before = get()
            after = _shaded(before)
            if after is not None:
                yield put, before, after


def _shaded(before: Any) -> Any:
    """A colour or an array of colours on a dark page; None where there is nothing to change."""
    if isinstance(before, str) and before.lower() in ("none", "auto", "face"):
        return None
    try:
        colours = to_rgba_array(before)
    except (TypeError, ValueError):
        return None
    if not len(colours):
        return None
    shades = np.array([dark_shade(colour) for colour in colours])
    if np.array_equal(shades, colours):
        return None
    several = np.ndim(before) == 2 or (np.ndim(before) == 1 and not isinstance(before[0], (int, float, np.number)))
    return shades if several else to_hex(shades[0], keep_alpha=True)
