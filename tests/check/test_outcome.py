"""The answer of a check in words, figures and commands, from numbers written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import matplotlib.pyplot as plt
import pytest
import torch

from haar.actions import Symmetry
from haar.audit import Audit
from haar.check import Budget, Check, Gains, Measured, Relaxed, Repair, Training
from haar.check.check import chosen
from haar.check.checked import Spoken
from haar.check.sections import before_and_after
from haar.discover import Discovery
from haar.discover.step import Step
from haar.groups import cyclic, dihedral, grid_group, shifts
from haar.report import Section
from haar.statistics import Estimate

NAN = float("nan")
D4 = Symmetry.of_fields(dihedral(4), "p")
SEEN = Measured(
    24,
    12,
    Estimate(0.5, 0.4, 0.6),
    Estimate(0.25, 0.125, 0.375),
    Estimate(-0.5, -0.6, -0.4),
    Estimate(0.2, 0.1, 0.3),
    Estimate(1e-13, 0.0, 2e-13),
    9,
)


def base(x):
    return x


def better(x):
    return -x


DONE = Repair("average", "D4", 8, True, "Because.", better, D4)


def outcome(*, repair=DONE, measured=SEEN, verdict="average", discovery=None, **options):
    audit = None if verdict is None else Mock(spec=Audit)
    if audit is not None:
        audit.recommendation.verdict = verdict
        audit.sections.return_value = [Section("The audit")]
        audit.to_dict.return_value = {"kind": "audit"}
    options = {"symmetry": D4, "example": torch.zeros(1, 1, 4, 4), "spoken": Spoken(), **options}
    return Check(base, repair=repair, measured=measured, audit=audit, discovery=discovery, **options)


def discovered(*steps, remarks=()):
    found = Mock(spec=Discovery, summary="The model has much.", staircase=list(steps), remarks=list(remarks))
    found.coordinates, found.form_in_words = None, ""
    found.to_dict.return_value = {"kind": "discovery"}
    return found


def test_what_was_done_is_told_with_its_numbers():
    assert outcome().summary == (
        "Averaged over D4 (8 copies): on 24 held-out samples (12 independent) the error changes by -50.0% "
        "[-60.0%, -40.0%]; the defect goes from 0.2 [0.1, 0.3] to 1e-13 [0, 2e-13]."
    )
    assert outcome().model is better
    softly = outcome(repair=replace(DONE, action="average softly", exact=False))
    assert softly.summary.startswith("Averaged softly over D4 (8 copies, not exact): on 24")
    for high, sure in ((-1e-6, False), (0.0, True)):
        unsure = outcome(measured=replace(SEEN, change=Estimate(-0.1, -0.2, high)))
        assert (", which cannot be told from no change;" in unsure.summary) is sure
    unlabelled = outcome(measured=replace(SEEN, loss_before=None, loss_after=None, change=None))
    assert unlabelled.summary == (
        "Averaged over D4 (8 copies): the defect goes from 0.2 [0.1, 0.3] to 1e-13 [0, 2e-13]; without labels the "
        "error was not measured. Because."
    )
    assert outcome(repair=replace(DONE, action="leave alone")).summary == "Left alone. Because."


def test_no_symmetry_is_told_with_what_the_discovery_says():
    options = {"repair": None, "measured": None, "verdict": None, "symmetry": None}
    none = outcome(discovery=discovered(), **options)
    assert none.summary == (
        "Left alone: no symmetry was found that averaging could use. The model has much."
    )  # fmt: skip
    assert none.action == "leave alone"
    assert none.model is base
    assert outcome(**options).summary == "Left alone: no symmetry was found that averaging could use."
    spoken = Spoken("m:f", "d.npz", "D4", "--fields p")
    assert outcome(**options, spoken=spoken).commands == [
        "haar discover m:f d.npz --fields p",
        "haar check m:f d.npz --fields p --group GROUP",
    ]
    told = outcome(**options, discovery=discovered()).to_dict()
    assert [told[name] for name in ("group", "elements", "exact", "why", "asked", "measured", "written", "audit")] == [
        "", 1, None, "", None, None, None, None
    ]  # fmt: skip
    assert told["discovery"] == {"kind": "discovery"}


@pytest.mark.parametrize(
    ("spoken", "action", "verdict", "commands"),
    [
        (Spoken(), "average", "average", ["haar audit MODEL DATA --out audit/"]),
        (
            Spoken("m:f", "dye", "D4", "--fields p"),
            "average",
            "average",
            [
                "haar audit m:f dye --group 'D4' --fields p --out audit/",
                "haar average evaluate m:f dye --group 'D4' --fields p",
                "haar average m:f --data dye --group 'D4' --fields p -o averaged.pt2 --share 0.95",
            ],
        ),
        (
            Spoken("m:f", "d.npz", "D4", "--fields p"),
            "average",
            "average",
            [
                "haar audit m:f d.npz --group 'D4' --fields p --out audit/",
                "haar average m:f --data d.npz --group 'D4' --fields p -o averaged.pt2",
            ],
        ),
        (
            Spoken("m:f", "d.npz", "D4"),
            "leave alone",
            "nothing to gain",
            ["haar audit m:f d.npz --group 'D4' --out audit/"],
        ),
        (
            Spoken("m:f", "d.npz", "", "", "found.json"),
            "average",
            "average",
            ["haar audit m:f d.npz --symmetry found.json --out audit/"],
        ),
        (
            Spoken("m:f", "d.npz", "D4", "", "found.json"),
            "leave alone",
            "average",
            ["haar audit m:f d.npz --symmetry found.json --out audit/"],
        ),
        (
            Spoken("m:f", "a.extxyz", "SO3", structures=True),
            "average",
            "soft",
            ["haar audit --ase m:f a.extxyz --out audit/"],
        ),
    ],
)
def test_what_to_type_next(spoken, action, verdict, commands):
    assert outcome(repair=replace(DONE, action=action), spoken=spoken, verdict=verdict).commands == commands


@pytest.mark.parametrize(
    ("verdict", "told"),
    [("do not", True), ("unclear", True), ("soft", True), ("average", False), ("nothing to gain", False)],
)
def test_training_is_proposed_where_averaging_is_not_enough(verdict, told):
    commands = outcome(verdict=verdict).commands
    train = "# train with as much symmetry as the data carry"
    assert (commands[-1] == f"haar check MODEL DATA --relax   {train}") is told
    assert len(outcome(verdict=None).commands) == 1
    spoken = Spoken("m:f", "d.npz", "D4", "--fields p", "found.json")
    last = outcome(verdict=verdict, spoken=spoken).commands[-1]
    assert (last == f"haar check m:f d.npz --group 'D4' --fields p --relax   {train}") is told
    untried = outcome(verdict=verdict, relaxed=Relaxed(tried=False, kept=False, why="No."))
    assert (untried.commands[-1] == f"haar relax --help   {train}") is told
    assert len(outcome(verdict=verdict, relaxed=RELAXED).commands) == 1


@pytest.mark.parametrize("coordinates", [None, object()])
@pytest.mark.parametrize("file", ["", "found.json"])
def test_a_symmetry_in_other_coordinates_is_audited_from_its_file(coordinates, file):
    found = discovered(step("C4", order=4))
    found.coordinates, found.symmetry, found.form_in_words = coordinates, D4, ""
    spoken = Spoken("m:f", "d.npz", found=file)
    options = {"repair": None, "measured": None, "verdict": None, "symmetry": None, "spoken": spoken}
    done = outcome(discovery=found, **options)
    assert ("D4 was found in other coordinates" in done.summary) is (coordinates is not None)
    if coordinates is not None and file:
        assert done.commands == ["haar audit m:f d.npz --symmetry found.json --out audit/"]
    else:
        assert done.commands == ["haar discover m:f d.npz", "haar check m:f d.npz --group GROUP"]


RELAXED = Relaxed(
    tried=True,
    kept=True,
    why="Relaxed over D4 (8 copies): much better.",
    group="D4",
    elements=8,
    training=Training(Budget(steps=40), asked=150, rows=24, gamma=0.25),
    gains=Gains(Estimate(-0.5, -0.6, -0.4), Estimate(-0.2, -0.3, -0.1), Estimate(-0.375, -0.5, -0.25), None),
)


@pytest.mark.parametrize("worse", [None, 0, 2, 3])
def test_a_relaxed_copy_is_kept_where_every_interval_is_below_none(worse):
    better, level = Estimate(-0.2, -0.3, -1e-9), Estimate(-0.2, -0.4, 0.0)
    bars = [level if k == worse else better for k in range(4)]
    assert Gains(*bars).clear is (worse is None)
    assert Gains(*bars[:3], None).clear is (worse in (None, 3))
    assert Gains(better, level, better, None).clear  # whether plain fine-tuning helps is not asked
    assert not Gains(better, better, Estimate(-0.2, NAN, NAN), None).clear


def test_relaxing_is_told_in_the_summary_whether_it_was_kept_or_not():
    kept = outcome(repair=replace(DONE, action="relax", exact=False), relaxed=RELAXED)
    assert kept.summary == (
        "Relaxed over D4 (8 copies): much better; the defect goes from 0.2 [0.1, 0.3] to 1e-13 [0, 2e-13]."
    )
    assert kept.action == "relax"
    assert kept.model is better
    left = outcome(
        repair=replace(DONE, action="leave alone"), relaxed=replace(RELAXED, kept=False, why="It was taken back.")
    )
    assert left.summary == "Left alone. Because. It was taken back."
    softly = outcome(repair=replace(DONE, action="average softly"), relaxed=replace(RELAXED, kept=False, why="Back."))
    assert softly.summary.endswith("to 1e-13 [0, 2e-13]. Back.")
    told = kept.to_dict()["relaxed"]
    assert (told["gamma"], told["asked"], told["budget"]["steps"], told["rows"]) == (0.25, 150, 40, 24)
    assert told["beyond"] == {"value": -0.375, "low": -0.5, "high": -0.25}
    assert outcome().to_dict()["relaxed"] is None


def test_the_numbers_of_a_file():
    told = outcome().to_dict()
    expected = {"action": "average", "group": "D4", "elements": 8, "exact": True, "why": "Because.", "asked": "D4"}
    assert {name: told[name] for name in expected} == expected
    assert told["measured"]["loss_after"] == {"value": 0.25, "low": 0.125, "high": 0.375}
    assert told["audit"] == {"kind": "audit"}
    assert told["discovery"] is None


def test_a_page_has_the_answer_its_numbers_and_what_else_was_found():
    step = Step(name="C4", symmetry=D4, order=4, defect=Estimate(0.08, 0.07, 0.09), outside=0.5)
    found = outcome(discovery=discovered(step, remarks=["One.", "Two."]))
    found.written, found.not_written = Mock(), "it is too large."
    found.written.name = "repaired.pt2"
    answer, commands, staircase, audit = found.sections()
    assert answer.text.split("\n\n") == [
        f"**Average.** {found.summary}",
        "The audit, on samples that the numbers here do not rest on: Because.",
        "The repaired model: `repaired.pt2`, a `torch.export` program that needs no haar.",
        "The repaired model was not written: it is too large.",
    ]
    assert answer.table.rows == [
        ["mean squared error", 0.5, 0.4, 0.6, 0.25, 0.125, 0.375],
        ["largest relative defect", 0.2, 0.1, 0.3, 1e-13, 0.0, 2e-13],
    ]
    assert answer.table.note == "24 samples, 12 of them independent; 9 elements looked at."
    assert commands.text == "`haar audit MODEL DATA --out audit/`"
    assert staircase.text == "The model has much.\n\nOne.\n\nTwo."
    assert staircase.table.rows == [["C4", "finite", "order 4", "approximate", 0.08, 0.07, 0.09, 0.5]]
    assert audit.title == "The audit"
    plt.close(answer.figure)


def test_a_page_without_labels_symmetry_or_audit():
    unlabelled = outcome(measured=replace(SEEN, loss_before=None, loss_after=None, change=None), verdict=None)
    answer, _commands = unlabelled.sections()
    assert [row[0] for row in answer.table.rows] == ["largest relative defect"]
    plt.close(answer.figure)
    left = outcome(repair=replace(DONE, action="leave alone"))
    assert left.sections()[0].text == "**Leave alone.** Left alone. Because."
    options = {"repair": None, "measured": None, "verdict": None, "symmetry": None}
    answer, _commands, staircase = outcome(discovery=discovered(), **options).sections()
    assert (answer.table, answer.figure, staircase.table) == (None, None, None)


def test_bars_and_whiskers_are_the_numbers():
    figure = before_and_after(replace(SEEN, loss_after=Estimate(0.25, NAN, NAN)))
    errors, defects = figure.axes
    assert [axes.get_title(loc="left") or axes.get_title() for axes in (errors, defects)] == [
        "mean squared error",
        "largest relative defect",
    ]
    assert [bar.get_height() for bar in errors.patches] == [0.5, 0.25]
    assert [bar.get_height() for bar in defects.patches] == [0.2, 1e-13]
    whiskers = [container[2][0].get_segments()[0][:, 1].tolist() for container in errors.containers[1::2]]
    assert whiskers == [pytest.approx([0.4, 0.6]), pytest.approx([0.25, 0.25])]
    assert [text.get_text() for text in errors.texts] == ["0.5", "0.25"]
    assert [text.xy[1] for text in errors.texts] == [0.6, 0.25]
    assert [bar.get_x() + bar.get_width() / 2 for bar in errors.patches] == pytest.approx([0, 1])
    assert [label.get_text() for label in errors.get_xticklabels()] == ["before", "after"]
    plt.close(figure)
    (alone,) = before_and_after(replace(SEEN, loss_before=None)).axes
    assert [bar.get_height() for bar in alone.patches] == [0.2, 1e-13]
    plt.close(alone.figure)


def test_a_relaxed_copy_is_drawn_beside_a_plain_one():
    gains = Gains(Estimate(-0.2, -0.25, -0.15), Estimate(0.1, 0.05, 0.15), Estimate(-0.3, -0.4, -0.2), None)
    *_, training = before_and_after(SEEN, gains).axes
    assert training.get_title(loc="left") or training.get_title() == "change of the error, relative"
    assert [bar.get_height() for bar in training.patches] == [0.1, -0.2]
    assert [label.get_text() for label in training.get_xticklabels()] == ["plain fine-tuning", "relaxed"]
    whiskers = [container[2][0].get_segments()[0][:, 1].tolist() for container in training.containers[1::2]]
    assert whiskers == [pytest.approx([0.05, 0.15]), pytest.approx([-0.25, -0.15])]
    assert [(text.get_text(), text.xy[1], text.get_va()) for text in training.texts] == [
        ("0.1", 0.15, "bottom"),
        ("-0.2", -0.25, "top"),
    ]
    plt.close(training.figure)


def step(name, grade="approximate", *, order=None, dimension=0, symmetry=D4):
    estimate = Estimate(0.1, 0.05, 0.2)
    return Step(name=name, symmetry=symmetry, defect=estimate, order=order, dimension=dimension, grade=grade)


def of(group):
    return Symmetry.of_fields(group, "p")


def test_the_largest_symmetry_that_holds_nearly_is_audited_else_the_largest():
    exact, near, nearer = of(dihedral(4)), of(cyclic(4)), of(cyclic(2))
    assert chosen([]) is None
    assert chosen([step("SE(2)", symmetry=None)]) is None
    both = [step("C2", order=2, symmetry=nearer), step("C4", order=4, symmetry=near)]
    assert chosen([step("D4", "exact", order=8, symmetry=exact), *both]) is near
    assert chosen([step("C4", "exact", order=4, symmetry=near), step("D4", "exact", order=8, symmetry=exact)]) is exact
    continuous = step("SO(2)", dimension=1, symmetry=nearer)
    assert chosen([*both, continuous]) is nearer


def test_shifts_that_hold_exactly_are_left_out():
    whole, moved = of(grid_group(dihedral(4), (4, 4))), of(shifts((4, 4)))
    near = step("D4 and shifts", order=128, symmetry=whole)
    held = step("shifts by (4, 4)", "exact", order=16, symmetry=moved)
    assert chosen([near, held]).group.order == 8
    assert chosen([near, held]).group.name == "D4"
    for other in (
        replace(held, grade="approximate"), replace(held, name="C4"), replace(held, symmetry=None)
    ):  # fmt: skip
        assert chosen([near, other]) is whole
    assert chosen([replace(near, symmetry=moved), held]) is moved


def test_all_that_is_said_and_shown(report_as_recorded):
    step = Step(name="C4", symmetry=D4, order=4, defect=Estimate(0.08, 0.07, 0.09), outside=0.5)
    gains = replace(RELAXED.gains, over_soft=Estimate(-0.3, NAN, NAN))
    seen = replace(SEEN, defect_after=Estimate(0.125, 0.0625, 0.25))
    found = outcome(
        repair=replace(DONE, action="relax", exact=False),
        measured=seen,
        relaxed=replace(RELAXED, gains=gains),
        discovery=discovered(step, remarks=["One."]),
        verdict="soft",
    )
    found.discovery.form_in_words, found.discovery.coordinates = "form", None
    found.discovery.to_dict.return_value = {"kind": "discovery"}
    report_as_recorded(found, Path(__file__).parent / "told.json")
