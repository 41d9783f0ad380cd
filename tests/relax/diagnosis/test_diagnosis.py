"""The verdict on both sides of its thresholds, its sentence, and all the evidence."""

from __future__ import annotations

import pytest
import torch
from relax_worlds import SYMMETRY, data, mse, wrapped

from haar.relax.baselines import Free
from haar.relax.diagnosis.dashboard import Dashboard
from haar.relax.diagnosis.diagnosis import Diagnosis, diagnose
from haar.relax.diagnosis.lie_error import LieError
from haar.relax.diagnosis.loss_share import LossShare, loss_share
from haar.relax.diagnosis.score_test import ScoreTest, SubgroupScore, score_test
from haar.relax.diagnosis.tension import tension

X, Y = data(24)


def diagnosis(rejected, gap, kept=("<r180>",)):
    p = 0.001 if rejected else 0.6
    score = ScoreTest(
        "C4", [SubgroupScore("C4", 4, 2.0, p, p, rejected, {"0": p})], kept, level=0.05, draws=99, samples=10
    )
    return Diagnosis("C4", score=score, gap=gap, tension={"0": 0.5}, share=None)


@pytest.mark.parametrize(
    ("rejected", "gap", "verdict", "sentence"),
    [
        (
            False,
            0.01,
            "exact",
            "Use C4 as exact: the score test does not reject it (Holm's p = 0.6) and gamma = 0 costs",
        ),
        (True, 0.01, "broken", "The data break C4 (score test, Holm's p = 0.001, and gamma = 0 costs 1.0 %"),
        (False, 0.04, "undecided", "Whether the data have C4 is undecided"),
        (
            False,
            -0.016,
            "exact",
            "Use C4 as exact: the score test does not reject it (Holm's p = 0.6) and gamma = 0 gains 1.6",
        ),
        (False, 0.2, "undecided", "Whether the data have C4 is undecided"),
    ],
)
def test_the_verdict_is_one_sentence(rejected, gap, verdict, sentence):
    found = diagnosis(rejected, gap)
    assert found.verdict == verdict
    assert found.summary.startswith(sentence)
    assert found.summary.count(". ") == 0


def test_without_a_score_test_the_gap_decides():
    rest = {"tension": {}, "share": None}
    assert Diagnosis("C4", score=None, gap=0.3, **rest).summary == (
        "The data break C4: gamma = 0 costs 30.0 % of validation loss."
    )
    assert Diagnosis("C4", score=None, gap=None, **rest).verdict == "undecided"


def test_a_diagnosis_holds_all_the_evidence(tmp_path, turning):
    found = diagnose(wrapped(), mse, X, Y, strict=wrapped(), squared=True, draws=39)
    page = found.save_html(tmp_path / "page.html").read_text()
    for heading in ("Verdict", "Subgroups", "Tension", "Layers", "Bounds"):
        assert f">{heading}<" in page
    assert 0 < found.to_dict()["loss_share"]["share"] < 1
    with_lie = diagnose(turning, mse, X, Y, draws=19)
    assert len(with_lie.lie) == 1
    assert "exact only on samples that the model was not trained on" in with_lie.notes[0]


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.02, "exact"), (0.0201, "undecided"), (0.05, "undecided"), (0.0501, "broken")]
)
def test_gaps_on_both_sides_of_the_thresholds(gap, verdict):
    assert Diagnosis("C4", score=None, gap=gap, tension={}, share=None).verdict == verdict
    tested = diagnosis(False, gap)
    assert tested.verdict == ("undecided" if verdict == "broken" else verdict)
    assert diagnosis(True, gap).verdict == "broken"


def test_sentences_name_what_is_kept_and_the_smallest_p():
    def score(name, order, p, adjusted):
        return SubgroupScore(name, order, 2.0, p, adjusted, adjusted <= 0.05, {"0": p})

    scores = [score("<r180>", 2, 0.004, 0.008), score("C4", 4, 0.02, 0.02)]
    broken = ScoreTest("C4", scores, [], level=0.05, draws=99, samples=10)
    rest = {"tension": {}, "share": None}
    assert Diagnosis("C4", score=broken, gap=None, **rest).summary == (
        "The data break C4 (score test, Holm's p = 0.008); every subgroup tested is rejected."
    )
    two = ScoreTest("C4", scores, ["a", "b"], level=0.05, draws=99, samples=10)
    assert Diagnosis("C4", score=two, gap=0.1, **rest).summary == (
        "The data break C4 (score test, Holm's p = 0.008, and gamma = 0 costs 10.0 % of validation loss); "
        "a or b is not rejected."
    )
    assert Diagnosis("C4", score=None, gap=0.0, **rest).summary == (
        "Use C4 as exact: gamma = 0 costs 0.0 % of validation loss."
    )
    assert Diagnosis("C4", score=None, gap=None, **rest).summary == (
        "Whether the data have C4 is undecided: nothing was measured."
    )


def test_the_page_has_a_section_for_every_piece_of_evidence():
    found = diagnosis(True, 0.04)
    found.share, found.lie = LossShare(0.5, 0.4, 0.1, 0.2, whole=True), [LieError(2, 0.3, 0.6, {"0": 0.75}, 0.25)]
    found.tension, found.notes = {"": 0.5, "2": 0.25}, ["Mind the gap."]
    verdict, note, *rest = found.sections()
    assert verdict.text == f"**{found.summary}**"
    assert [tuple(row) for row in verdict.table.rows] == [
        ("verdict", "broken"),
        ("score test, p", 0.001),
        ("largest kept", "<r180>"),
        ("gap at gamma = 0 (relative)", 0.04),
        ("share of the squared loss due to asymmetry", pytest.approx(0.2)),
    ]
    assert note.text == "Mind the gap."
    assert [section.title for section in rest] == ["Subgroups", "Layers", "Tension", "Lie-derivative error"]
    assert [tuple(row) for row in rest[2].table.rows] == [("layer", 0.5), ("2", 0.25)]
    assert tuple(rest[3].table.columns) == ("generator", "LEE", "relative", "0", "rest")
    assert [tuple(row) for row in rest[3].table.rows] == [("X2", 0.3, 0.6, 0.75, 0.25)]
    none = Diagnosis("C4", score=diagnosis(True, 0.1, ()).score, gap=0.1, tension={}, share=None)
    assert tuple(none.sections()[0].table.rows[2]) == ("largest kept", "none")
    described = found.to_dict()
    assert described["kind"] == "relaxation-diagnosis"
    assert (described["group"], described["verdict"], described["sentence"]) == ("C4", "broken", found.summary)
    assert (described["gap"], described["tension"], described["notes"]) == (0.04, found.tension, found.notes)
    assert described["loss_share"]["share"] == pytest.approx(0.2)
    assert described["loss_share"]["loss"] == 0.5
    assert described["lie"][0]["layers"] == {"0": 0.75}
    assert (described["dashboard"], described["score"]["kind"]) == (None, "symmetry-score-test")
    assert found.title == "Which symmetry do the data break? C4"


def test_the_strict_model_is_tested_and_the_relaxed_one_read(told):
    relaxed, strict, watch = wrapped(), wrapped(1), told()
    options = {"draws": 79, "level": 0.1, "seed": 3}
    found = diagnose(relaxed, mse, X, Y, strict=strict, squared=True, watch=watch, **options)
    assert watch.stages == [("score test", 2)]
    expected = score_test(strict, mse, X, Y, **options)
    assert found.score.to_dict() == expected.to_dict()
    assert (found.score.draws, found.score.level) == (79, 0.1)
    assert found.tension == tension(strict, mse, X, Y)
    assert found.share == loss_share(relaxed, SYMMETRY, X, Y)
    with torch.no_grad(), relaxed.at(0.0):
        off = mse(relaxed(X), Y).item()
    with torch.no_grad():
        assert found.gap == pytest.approx(off / mse(relaxed(X), Y).item() - 1, rel=1e-12)
    assert found.notes == ["The gap was measured on the samples given, not on validation data."]
    assert found.dashboard.readings[0].step == 0
    assert diagnose(relaxed, mse, X, Y, strict=strict, draws=39).share is None


def test_the_readings_of_a_run_give_the_gap():
    relaxed = wrapped()
    board = Dashboard(Free(relaxed), mse, *data(24, seed=1))
    board.read()
    found = diagnose(relaxed, mse, X, Y, strict=wrapped(), dashboard=board, draws=39)
    assert (found.gap, found.dashboard, found.notes) == (board.gap, board, [])
    empty = Dashboard(Free(relaxed), mse, *data(24, seed=1))
    assert diagnose(relaxed, mse, X, Y, strict=wrapped(), dashboard=empty, draws=39).gap != board.gap
