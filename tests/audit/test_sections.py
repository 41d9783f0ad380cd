"""The tables and figures of an audit: every number in its column, and the bars that stand for them."""

from __future__ import annotations

import math

import pytest
from matplotlib.colors import to_rgba

from haar.audit.closure import ElementClosure
from haar.audit.findings import Component, ElementDefect, Findings, PartFinding, SubgroupFinding
from haar.audit.layers import LayerDefect
from haar.audit.lie import LieDefect
from haar.audit.recommendation import Recommendation
from haar.audit.sections import audit_sections, overview
from haar.report.drawing import AVERAGED, BASE, WARNING
from haar.statistics import Estimate

ADVICE = Recommendation("average", "C2", "Average over C2.", ["first", "second"])


def est(value, reach=0.25):
    return Estimate(value, value - reach, value + reach)


ELEMENTS = [
    ElementDefect("r90", True, est(1.0), est(0.5), False),
    ElementDefect("r180", False, est(3.0), est(1.5), True),
]
SUBGROUPS = [
    SubgroupFinding("D4", 8, est(1.25), est(-0.5), est(4.5), None, tuple(range(8))),
    SubgroupFinding("C2", 2, est(1.0), est(0.75), est(3.25), True, (0, 2)),
]


def part(name, **changes):
    known = {
        "unit": 2.0, "floor": 1e-6, "stochastic": False, "element": "r90", "defect": 0.5,
        "removed": est(1.0), "mse": None, "mse_after": None, "gain": None,
    }  # fmt: skip
    return PartFinding(name=name, **(known | changes))


def findings(**changes):
    known = {
        "units": "own spread", "noise": 0.0, "floor": 1e-6, "stochastic": False, "broken": True, "spread": 2.0,
        "elements": ELEMENTS, "removed": est(1.0), "mse": est(4.0), "mse_after": est(4.5), "gain": est(-0.5),
        "alpha": est(1.25), "mse_soft": 3.5, "subgroups": SUBGROUPS, "holds": (0,),
        "components": [Component("B1", 1, est(0.25)), Component("E", 2, est(0.75))],
        "closure": [
            ElementClosure("r90", 0.5, 1.5, "mean field", 0.05),
            ElementClosure("r180", 0.25, 0.5, "channel means", 0.06),
        ],
        "trajectories": 40, "independent": 40, "significance": 0.05,
        "parts": [part("p"), part("u", gain=est(0.25), mse=est(4.0), unit=3.0, element="r180")],
    }  # fmt: skip
    return Findings(**(known | changes))


def sections(found, layers=(), lie=()):
    return {section.title: section for section in audit_sections(found, ADVICE, "D4", layers, lie)}


def test_every_table_tells_its_numbers():
    layers = [LayerDefect("0", "Conv2d", (3, 4, 5), 0.5, "r90", None, "because")]
    told = sections(findings(), layers, [LieDefect(0, 2.0, 1.0), LieDefect(1, 0.5, 0.25)])
    assert list(told) == [
        "What to do",
        "Defect, element by element",
        "Outputs and fields, each in its own units",
        "Subgroups",
        "Irreducible components of the defect",
        "Symmetry of the data",
        "Lie derivatives",
        "Layer by layer",
    ]
    rows = {title: list(section.table.rows) for title, section in told.items()}
    assert told["What to do"].text == "**average.** Average over C2.\n\nfirst\n\nsecond"
    assert rows["What to do"] == [
        ("relative defect, root mean square over the orbit", math.sqrt((0.5**2 + 1.5**2) / 2), "floor 1.0e-06"),
        ("predicted fall of the MSE (no labels)", 1.0, "[0.75, 1.25]"),
        ("MSE", 4.0, "[3.75, 4.25]"),
        ("MSE averaged over D4", 4.5, "[4.25, 4.75]"),
        ("measured fall", -0.5, "[-0.75, -0.25]"),
        ("MSE softly averaged, alpha = 1.00", 3.5, "fitted on the same samples"),
    ]
    assert rows["Defect, element by element"] == [
        ("r90", True, 1.0, 0.5, "[0.25, 0.75]", False),
        ("r180", False, 3.0, 1.5, "[1.25, 1.75]", True),
    ]
    assert rows["Outputs and fields, each in its own units"] == [
        ("p", 2.0, 0.5, "r90", 1.0, None, None),
        ("u", 3.0, 0.5, "r180", 1.0, 0.25, 4.0),
    ]
    assert rows["Subgroups"] == [("D4", 8, 1.25, -0.5, 4.5, None), ("C2", 2, 1.0, 0.75, 3.25, True)]
    assert rows["Irreducible components of the defect"] == [
        ("B1", 1, 0.25, "[0, 0.5]"),
        ("E", 2, 0.75, "[0.5, 1]"),
    ]
    assert rows["Symmetry of the data"] == [
        ("r90", 0.5, "mean field", 1.5, 0.05, True),
        ("r180", 0.25, "channel means", 0.5, 0.06, False),
    ]
    assert rows["Lie derivatives"] == [("X0", 2.0, 1.0), ("X1", 0.5, 0.25)]
    assert rows["Layer by layer"] == [("0", "Conv2d", "3x4x5", 0.5, "r90", None, "because")]


def test_what_was_not_found_has_no_section():
    bare = findings(
        mse=None, mse_after=None, gain=None, alpha=None, mse_soft=None, subgroups=[], components=[], closure=[],
        parts=[part("p")], elements=[],
    )  # fmt: skip
    told = sections(bare)
    assert list(told) == ["What to do", "Defect, element by element"]
    assert [row[1] for row in told["What to do"].table.rows] == [0.0, 1.0]
    assert "relative to its own spread" in sections(findings())["Outputs and fields, each in its own units"].text
    scaled = sections(findings(units="scale"))["Outputs and fields, each in its own units"]
    assert "in the units of the scale" in scaled.text
    assert sections(findings(alpha=est(-0.5)))["What to do"].table.rows[-1][0] == "MSE softly averaged, alpha = 0.00"


@pytest.mark.parametrize(("count", "note"), [(128, ""), (129, "the first 128 of 129 elements")])
def test_the_table_of_elements_ends_after_128(count, note):
    table = sections(findings(elements=ELEMENTS[:1] * count))["Defect, element by element"].table
    assert (len(table.rows), table.note) == (128, note)


def bars(axes):
    return [patch.get_height() for patch in axes.patches]


def colours(axes):
    return [patch.get_facecolor() for patch in axes.patches]


def names(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def slant(axes):
    return axes.get_xticklabels()[0].get_rotation()


def test_the_four_panels_draw_the_numbers():
    defects, loss, components, closure = overview(findings(), "D4").axes
    assert (names(defects), bars(defects)) == (["r90", "r180"], [0.5, 1.5])
    assert colours(defects) == [to_rgba(AVERAGED), to_rgba(WARNING)]
    floors = [line for line in defects.lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in floors] == [[1e-6, 1e-6]]
    # small subgroups first; red is what is worse than the model; a stroke where the prediction was
    assert (names(loss), bars(loss)) == (["model", "C2", "D4"], [4.0, 3.25, 4.5])
    assert colours(loss) == [to_rgba(BASE), to_rgba(AVERAGED), to_rgba(WARNING)]
    strokes = [(list(line.get_xdata()), list(line.get_ydata())) for line in loss.lines]
    assert ([0.6, 1.4], [3.0, 3.0]) in strokes
    assert ([1.6, 2.4], [2.75, 2.75]) in strokes
    assert (names(components), bars(components)) == (["B1", "E"], [0.25, 0.75])
    assert (names(closure), bars(closure)) == (["r90", "r180"], [0.5, 0.25])
    assert colours(closure) == [to_rgba(WARNING), to_rgba(AVERAGED)]
    words = {text.get_text(): text.get_position() for text in closure.texts}
    assert words == {"p=0.05": (0, 0.5), "p=0.06": (1, 0.25)}
    assert closure.get_ylim() == (0, 1.05)
    assert slant(loss) == 30
    assert slant(defects) == slant(closure) == 0


def test_without_labels_the_predicted_falls_are_drawn():
    loss = overview(findings(mse=None), "D4").axes[1]
    assert (names(loss), bars(loss), slant(loss)) == (["D4", "C2"], [1.25, 1.0], 30)
    loss = overview(findings(mse=None, subgroups=[]), "G").axes[1]
    assert (names(loss), bars(loss)) == (["G"], [1.0])


def test_at_most_24_bars_are_drawn_the_largest_in_their_order():
    many = [ElementDefect(f"g{k}", False, est(1.0), est(float(k % 13)), None) for k in range(26)]
    small = [SubgroupFinding(f"H{k}", 26 - k, est(float(k)), None, est(1.0), None, (0,)) for k in range(26)]
    tests = [ElementClosure(f"g{k}", 0.5, 0.0, "mean field", 1.0) for k in range(26)]
    shown = findings(elements=many, subgroups=small, closure=tests)
    defects, loss, _, closure = overview(shown, "D4").axes
    assert names(defects) == [f"g{k}" for k in range(26) if k % 13]
    assert names(loss) == ["model", *(f"H{k}" for k in range(25, 1, -1))]
    assert names(closure) == [f"g{k}" for k in range(24)]
    assert slant(defects) == slant(closure) == 30
    assert len(names(overview(findings(mse=None, subgroups=small), "D4").axes[1])) == 24
    for count, angle in ((8, 0), (9, 30)):
        defects, _, _, closure = overview(findings(elements=many[:count], closure=tests[:count]), "D4").axes
        assert slant(defects) == slant(closure) == angle


def test_empty_panels_say_why():
    _, _, components, closure = overview(findings(components=[], closure=[]), "D4").axes
    assert [text.get_text() for text in components.texts] == ["a whole finite group is needed"]
    assert [text.get_text() for text in closure.texts] == ["not tested"]
    _, _, components, _ = overview(findings(), "D4").axes
    assert not components.texts
