"""What every system's claims are held to: where their bounds lie, and which numbers they read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.ticker import FixedLocator

from haar.report import plain
from haar.systems.claim import judge


def verdict(claim, numbers):
    """What is said of a claim whose statistic gives these numbers."""
    bare = replace(claim, statistic=lambda _: numbers, part=(), when=None)
    return judge([bare], [{}])[0].verdict


@pytest.fixture
def holds_between():
    """Check every claim of a table by numbers just inside its bound and just outside.

    Each is told as ``(kind, inside, outside)``, numbers or tuples of them; of kind ``"every"`` one number outside
    among nine contradicts, of kind ``"median"`` it does not.
    """

    def check(claims, told):
        assert {claim.name for claim in claims} == set(told)
        for claim in claims:
            kind, inside, outside = told[claim.name]
            within, without = ([each] if isinstance(each, (int, float)) else list(each) for each in (inside, outside))
            assert [verdict(claim, [one] * 3) for one in within] == ["holds"] * len(within), claim.name
            assert [verdict(claim, [one] * 3) for one in without] == ["contradicted"] * len(without), claim.name
            mixed = {"every": "contradicted", "median": "holds"}[kind]
            assert verdict(claim, [within[0]] * 8 + [without[0]]) == mixed, claim.name

    return check


@pytest.fixture
def reads():
    """Check what claims read from a system's recorded measures: their numbers, worked out by hand."""

    def check(claims, folder, told):
        measures = json.loads((Path(__file__).parent / folder / "measures.json").read_text(encoding="utf-8"))
        found = {claim.name: list(claim.values) for claim in judge(claims, measures)}
        assert found == {name: pytest.approx(values, rel=1e-9, abs=1e-30) for name, values in told.items()}

    return check


#: Times and versions are the machine's.
UNTOLD = {"seconds", "first", "versions"}
#: Relative difference that is allowed where something was computed anew: training makes more of rounding, which the
#: make of the processor decides. Of numbers that are near 0, a hundredth of it.
COMPUTED = 0.05


def rounded(value):
    """JSON with six digits of every number, without times."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items() if key not in UNTOLD}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def differences(found, kept, relative, place=""):
    """Where two such values differ by more than rounding may."""
    if isinstance(kept, dict) and isinstance(found, dict):
        apart = [f"{place}: {key} is in one of the two" for key in sorted(set(kept) ^ set(found))]
        both = [(key, found[key], kept[key]) for key in kept if key in found]
        return apart + [d for key, one, two in both for d in differences(one, two, relative, f"{place}/{key}")]
    if isinstance(kept, list) and isinstance(found, list) and len(kept) == len(found):
        pairs = enumerate(zip(found, kept, strict=True))
        return [d for at, (one, two) in pairs for d in differences(one, two, relative, f"{place}/{at}")]
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (found, kept))
    near = relative and numbers and math.isclose(found, kept, rel_tol=relative, abs_tol=relative / 100)
    same = near or found == kept
    return [] if same else [f"{place}: {found!r}, recorded {kept!r}"]


@pytest.fixture
def as_recorded():
    """Check a value against a file beside the test: what came out when it was last looked at.

    Whoever means to change what comes out deletes the file, runs the test, and looks at the new one.
    """

    def check(value, path, *, relative=COMPUTED):
        found = rounded(value)
        if not path.is_file():
            path.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
            pytest.fail(f"{path.name} was not there and has been written: look at it")
        assert differences(found, json.loads(path.read_text(encoding="utf-8")), relative) == []

    return check


def picture(figure):
    """A figure in words and numbers, before it is laid out: then fonts, which differ, have not moved anything."""
    return {
        "size": list(figure.get_size_inches()),
        "texts": [text.get_text() for text in figure.texts],
        "axes": [axes_told(axes) for axes in figure.axes],
    }


def axes_told(axes):
    """One pair of axes: where it stands, what it says, and all that is drawn there."""
    legend = axes.get_legend()
    return {
        "place": list(axes.get_position().bounds),
        "title": [axes.get_title(loc) for loc in ("left", "center", "right")],
        "labels": [axes.get_xlabel(), axes.get_ylabel()],
        "scales": [axes.get_xscale(), axes.get_yscale()],
        "limits": [*axes.get_xlim(), *axes.get_ylim()],
        "ticks": [ticks_told(axis) for axis in (axes.xaxis, axes.yaxis)],
        "legend": [[text.get_text(), text.get_fontsize()] for text in legend.get_texts()] if legend else [],
        "drawn": [artist_told(artist) for artist in axes.get_children() if hasattr(artist, "get_zorder")],
    }


def ticks_told(axis):
    """How large their words are; where ticks were set by hand, and what they say."""
    size = axis.get_tick_params().get("labelsize")
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return [size]
    return [size, list(axis.get_majorticklocs()), [text.get_text() for text in axis.get_ticklabels()]]


#: The properties of what is drawn that a reader sees.
SEEN = (
    *("xydata", "offsets", "array", "xy", "width", "height", "text", "position", "linestyle", "linewidth", "marker"),
    *("markersize", "alpha", "color", "facecolor", "fontsize", "rotation", "sizes", "clim", "visible"),
)


def artist_told(artist):
    """What is drawn, by the properties that a reader sees."""
    told = {"kind": type(artist).__name__}
    for name in SEEN:
        get = getattr(artist, f"get_{name}", None)
        if get is not None and not told["kind"].endswith(("Axis", "Spine", "Legend")):
            told[name] = readable(get())
    if told["kind"] == "Line2D":  # its dashes have no name
        told["dashes"] = readable(artist._unscaled_dash_pattern)
    return told


def readable(value):
    """As JSON has it; what is not a number or a word, in words; of a picture least, mean and greatest."""
    if getattr(value, "size", 0) > 200:
        value = np.array([value.min(), value.mean(), value.max()])
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [readable(each) for each in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else type(value).__name__


@pytest.fixture
def told_as_recorded(as_recorded):
    """Check the tables and figures that a system tells of its recorded measures."""

    def check(sections, path):
        told = [
            {
                "title": section.title,
                "caption": section.caption,
                "table": None if section.table is None else section.table.to_dict(),
                "figure": None if section.figure is None else picture(section.figure),
            }
            for section in sections
        ]
        as_recorded(told, path, relative=1e-3)

    return check
