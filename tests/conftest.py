"""Settings shared by every test: reproducible, single-threaded, hypothesis without deadlines, sparing shape checks."""

from __future__ import annotations

import collections
import dataclasses
import functools
import gc
import inspect
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from matplotlib.ticker import FixedLocator


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """The shipped plugin, after jaxtyping's has put its checks before the first import of the package."""
    from haar.testing import plugin

    config.pluginmanager.register(plugin)


def pytest_collection_finish():
    """What is imported and collected stays: no later search for garbage looks at it again."""
    gc.collect()
    gc.freeze()


# Checking the shapes of every call costs seven times what is computed, and most of that is making the checks of each
# inner function again and again. So a function is checked on its first calls in every test, and an inner one where it
# is made first: that is where one that is annotated wrongly is found.
CHECKED_CALLS, CHECKED_COPIES = 16, 4
_checked = jaxtyping.jaxtyped
_copies = collections.Counter()
_test = [0]


def _sparing(function=None, *, typechecker):
    """As jaxtyping's own decorator, made when it is first called, and passed by after some calls."""
    again = functools.partial(_sparing, typechecker=typechecker)
    if function is None:
        return again
    if inspect.isclass(function):
        if dataclasses.is_dataclass(function):
            function.__init__ = again(function.__init__)
        return function
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(again(function.__func__))
    if isinstance(function, property):
        return property(*(each and again(each) for each in (function.fget, function.fset, function.fdel)))
    if not inspect.isfunction(function) or hasattr(function, "_sparing"):
        return function
    if "<locals>" in function.__qualname__:
        _copies[function.__code__] += 1
        if _copies[function.__code__] > CHECKED_COPIES:
            return function
    checked, calls, test = None, 0, -1

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        __tracebackhide__ = True
        nonlocal checked, calls, test
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        if test != _test[0]:
            test, calls = _test[0], 0
        if calls == CHECKED_CALLS:
            return function(*args, **kwargs)
        calls += 1
        if checked is None:
            checked = _checked(function, typechecker=typechecker)
        return checked(*args, **kwargs)

    wrapped._sparing = True
    return wrapped


jaxtyping.jaxtyped = _sparing  # before the library is imported


def pytest_runtest_setup():
    """Every test begins to count the calls anew."""
    _test[0] += 1


settings.register_profile(
    "haar", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("haar")
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator, fresh for every test."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked_annotations() -> Iterator[None]:
    """As in a user's program: nothing but the library itself looks at what it is given."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


class Told:
    """Somebody who is told how far work is, and who may have enough."""

    def __init__(self, until=math.inf):
        self.stages, self.steps, self.until = [], 0, until

    @contextmanager
    def stage(self, title, total):
        self.stages.append((title, total))
        yield self._advance

    def _advance(self):
        self.steps += 1
        if self.steps == self.until:
            raise KeyboardInterrupt


@pytest.fixture
def told():
    """Make somebody who is told, and who interrupts the work after some steps."""
    return Told


def _one_process(rank, body, folder, world, arguments):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet-{world}", rank=rank, world_size=world
    )
    try:
        body(rank, folder, *arguments)
    finally:
        torch.distributed.destroy_process_group()


@pytest.fixture
def in_processes(tmp_path):
    """Calls ``body(rank, folder, *arguments)`` in each of so many processes; an error in one is raised here."""

    def run(world, body, *arguments):
        given = (body, str(tmp_path), world, arguments)
        torch.multiprocessing.start_processes(_one_process, args=given, nprocs=world, start_method="fork")

    return run


#: Times and versions are the machine's.
UNTOLD = {"seconds", "first", "versions"}
#: Relative difference that is allowed where something was computed anew: training makes more of rounding, which the
#: make of the processor decides. Of numbers that are near 0, a hundredth of it.
COMPUTED = 0.05


def rounded(value):
    """JSON with six digits of every number, without times."""
    from haar.report import plain

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


def picture(figure, more=()):
    """A figure in words and numbers, before it is laid out: then fonts, which differ, have not moved anything."""
    return {
        "size": list(figure.get_size_inches()),
        "texts": [text.get_text() for text in figure.texts],
        "axes": [axes_told(axes, more) for axes in figure.axes],
    }


def axes_told(axes, more=()):
    """One pair of axes: where it stands, what it says, and all that is drawn there."""
    legend = axes.get_legend()
    told = {
        "place": list(axes.get_position().bounds),
        "title": [axes.get_title(loc) for loc in ("left", "center", "right")],
        "labels": [axes.get_xlabel(), axes.get_ylabel()],
        "scales": [axes.get_xscale(), axes.get_yscale()],
        "limits": [*axes.get_xlim(), *axes.get_ylim()],
        "ticks": [ticks_told(axis) for axis in (axes.xaxis, axes.yaxis)],
        "legend": [[text.get_text(), text.get_fontsize()] for text in legend.get_texts()] if legend else [],
        "drawn": [artist_told(artist, more) for artist in axes.get_children() if hasattr(artist, "get_zorder")],
    }
    if more:  # a bar of colours stands where it is told to only once the figure is laid out
        bar = getattr(axes, "_colorbar_info", None) or {}
        told["bar"] = {name: bar[name] for name in ("location", "fraction", "shrink", "aspect", "pad") if name in bar}
        told["aspect"], told["frame"] = readable(axes.get_aspect()), legend is not None and legend.get_frame_on()
        told["legend at"] = None if legend is None else [legend._loc, legend._ncols]
        told["words"] = [
            text.get_fontsize() for text in (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label)
        ]
    return told


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
#: What only those see who look closely.
CLOSELY = ("zorder", "edgecolor", "horizontalalignment", "verticalalignment", "extent", "markeredgewidth", "label")


def artist_told(artist, more=()):
    """What is drawn, by the properties that a reader sees."""
    told = {"kind": type(artist).__name__}
    for name in (*SEEN, *more):
        get = getattr(artist, f"get_{name}", None)
        if get is not None and not told["kind"].endswith(("Axis", "Spine", "Legend")):
            told[name] = readable(get())
    if told["kind"] == "Line2D":  # its dashes have no name
        told["dashes"] = readable(artist._unscaled_dash_pattern)
    if more:
        told |= {
            name: readable(getattr(artist, name)) for name in ("U", "V", "width", "scale") if hasattr(artist, name)
        }
        told |= {"cmap": artist.get_cmap().name} if hasattr(artist, "get_cmap") else {}
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
    """Check tables and figures against a file beside the test."""

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


@pytest.fixture
def report_as_recorded(as_recorded):
    """Check all that a report says and shows against a file beside the test: words, numbers, tables, figures."""

    def check(report, path, *, but=()):
        told = {"summary": report.summary, "contents": {k: v for k, v in report.contents().items() if k not in but}}
        told["sections"] = [
            {
                "title": section.title,
                "text": section.text,
                "caption": section.caption,
                "table": None if section.table is None else section.table.to_dict(),
                "figure": None if section.figure is None else picture(section.figure, CLOSELY),
            }
            for section in report.sections()
            if section.title not in but
        ]
        as_recorded(told, path, relative=1e-3)

    return check
