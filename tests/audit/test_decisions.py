"""The recommendation on both sides of each of its thresholds, from findings written by hand."""

from __future__ import annotations

import math

import pytest
import torch

from haar.audit.closure import ElementClosure
from haar.audit.findings import ElementDefect, Findings, SubgroupFinding
from haar.audit.recommendation import recommend
from haar.groups import dihedral
from haar.statistics import Estimate

D4 = dihedral(4)
NOTHING = math.nan


def est(value, reach=0.0):
    return Estimate(value, value - reach, value + reach)


def half(removed, gain=None, closed=None, reach=0.0):
    """C2 and its half turn."""
    return SubgroupFinding("C2", 2, est(removed), _gain(gain, reach), None, closed, (0, 2))


def whole(removed, gain=None, closed=None, reach=0.0):
    return SubgroupFinding("D4", 8, est(removed), _gain(gain, reach), None, closed, tuple(range(8)))


def _gain(gain, reach):
    return None if gain is None else est(gain, reach)


def advise(subgroups, mse=None, *, few_labels=False, kind="whole", seen=None, listed=True, **changes):
    last = subgroups[-1]
    defect = ElementDefect("r180", False, est(1.0), est(1.0), None)
    after = None if mse is None or last.gain is None else est(mse - last.gain.value)
    labelled = Estimate(1.0, NOTHING, NOTHING) if few_labels else None if mse is None else est(mse)
    known = {"mse": labelled} | changes
    found = Findings(
        units="as given",
        noise=0.0,
        floor=1e-6,
        stochastic=False,
        broken=True,
        spread=1.0,
        elements=[defect],
        removed=last.removed,
        mse=None,
        mse_after=after,
        gain=last.gain,
        alpha=None,
        mse_soft=None,
        subgroups=subgroups if listed else [],
        holds=(0,),
        components=[],
        closure=[],
        trajectories=40,
        independent=40,
        significance=0.05,
        parts=[],
    )
    seen = D4.elements() if seen is None else seen
    return recommend(Findings(**{**found.__dict__, **known}), D4, seen, kind=kind)


def test_the_smallest_subgroup_that_does_99_percent_is_named():
    said = advise([half(0.0991, 0.0991), whole(0.1, 0.1)], mse=1.0)
    assert (said.verdict, said.group) == ("average", "C2")
    assert said.to_dict()["elements"] == ["e", "r180"]
    assert said.to_dict()["members"] == [0, 2]
    assert "the price is 2 copies, which remove 99.1% of what the 8 copies of D4 would" in said.sentence
    said = advise([half(0.0989, 0.0991), whole(0.1, 0.1)], mse=1.0)
    assert said.group == "D4"
    assert "the price is 8 copies." in said.sentence
    assert advise([half(0.0991, 0.0989), whole(0.1, 0.1)], mse=1.0).group == "D4"


def test_the_same_without_labels():
    assert advise([half(0.0991, closed=True), whole(0.1, closed=True)]).group == "C2"
    assert advise([half(0.0989, closed=True), whole(0.1, closed=True)]).group == "D4"
    assert advise([half(0.0989, closed=True), whole(0.1, closed=False)]).group == "C2"


def test_twenty_trajectories_are_needed_without_labels():
    assert advise([whole(0.1, closed=True)], trajectories=20).verdict == "average"
    tests = [ElementClosure("r180", 0.0, 0.0, "mean field", 1.0)]
    said = advise([whole(0.1, closed=True)], trajectories=19, closure=tests)
    assert said.verdict == "unclear"
    assert "19 independent trajectories (at least 20 are needed)" in said.sentence


@pytest.mark.parametrize("mse", [None, 1.0])
def test_five_independent_units_are_needed(mse):
    gain = None if mse is None else 0.1
    assert advise([whole(0.1, gain, closed=True)], mse=mse, independent=5).verdict == "average"
    said = advise([whole(0.1, gain, closed=True)], mse=mse, independent=4)
    assert (said.verdict, said.elements) == ("unclear", [])
    assert "on 4 independent samples" in said.sentence


def test_labels_on_fewer_than_five_units_decide_nothing():
    said = advise([half(0.1, 0.1, closed=True)], few_labels=True)
    assert "no labels were used" in said.sentence


def test_a_gain_must_be_told_from_none():
    assert advise([whole(0.1, 0.1, reach=0.09)], mse=1.0).verdict == "average"
    said = advise([whole(0.1, 0.1, reach=0.11)], mse=1.0)
    assert said.verdict == "unclear"
    assert "lowers the MSE by 10.0% [-1.0%, 21.0%] of it, but this cannot be told from none" in said.sentence


def test_gains_of_nothing_are_no_advice():
    assert advise([whole(0.0011, 0.0011)], mse=1.0).verdict == "average"
    said = advise([whole(0.0009, 0.0009)], mse=1.0)
    assert (said.verdict, said.group) == ("nothing to gain", "")
    assert "0.0%" not in said.sentence
    assert advise([whole(1.1e-4, closed=True)]).verdict == "average"
    said = advise([whole(0.9e-4, closed=True)])
    assert said.verdict == "nothing to gain"
    assert "0.00%" not in said.sentence


def test_what_raises_the_mse_is_not_done_and_said_with_its_numbers():
    said = advise([whole(0.1, -0.2)], mse=1.0)
    assert said.verdict == "do not"
    assert "it does not lower the MSE; on the labelled samples it takes the MSE from 1 to 1.2" in said.sentence
    said = advise([whole(0.1, 0.2, closed=False, reach=0.3)], mse=1.0)
    assert said.verdict == "do not"
    assert "the data are not closed under it" in said.sentence
    assert "does not lower" not in said.sentence


def test_a_change_that_the_mse_does_not_allow_is_no_gain():
    # A symmetric truth cannot have predictions change by more than the whole error.
    assert advise([whole(0.99, 0.5)], mse=1.0).verdict == "average"
    assert advise([whole(1.01, 0.5)], mse=1.0).verdict == "unclear"


def test_what_the_data_do_not_have_is_averaged_softly():
    said = advise([half(0.1, 0.1, closed=False), whole(0.2, -0.1, closed=False)], mse=1.0)
    assert (said.verdict, said.group, said.members) == ("soft", "C2", [0, 2])


def soft(alpha, reach=0.0, mse_soft=0.9):
    return advise([whole(0.1, -0.01)], mse=1.0, alpha=est(alpha, reach), mse_soft=mse_soft).verdict


def test_a_part_is_kept_where_the_labels_want_it():
    assert soft(0.5) == "soft"
    assert soft(0.5, reach=0.44) == "soft"
    assert soft(0.5, reach=0.46) == "do not"  # it may be 0.95: nothing to take off
    assert soft(0.5, mse_soft=0.979) == "soft"
    assert soft(0.5, mse_soft=0.981) == "do not"
    assert soft(0.01) == "do not"  # that is full averaging


def test_the_level_of_the_tests_is_that_of_the_words():
    tests = [ElementClosure("r180", 0.0, 0.0, "mean field", 0.03)]
    for level, word in ((0.05, "data: not closed under r180"), (0.01, "data: no element is rejected")):
        said = advise([whole(0.1, 0.1, closed=True)], mse=1.0, closure=tests, significance=level)
        assert any(word in line for line in said.evidence)


def test_what_is_within_three_times_rounding_holds():
    assert advise([whole(0.1, 0.1)], mse=1.0, broken=False).verdict == "nothing to gain"
    said = advise([whole(0.1, 0.1)], mse=1.0, broken=False, stochastic=True)
    assert said.verdict == "unclear"
    assert "stochastic" in said.sentence


def test_one_random_element_decides_nothing():
    found = advise([whole(0.1)], removed=Estimate(NOTHING, NOTHING, NOTHING))
    assert found.verdict == "unclear"
    assert "nan" not in found.sentence


def test_the_largest_of_those_that_gain_as_much_is_taken():
    best = SubgroupFinding("C2", 2, est(0.05), est(0.1, 0.02), None, None, (0, 2))  # its gain may be 0.08
    said = advise([best, whole(0.2, 0.081)], mse=1.0)
    assert (said.verdict, said.group) == ("average", "D4")
    said = advise([best, whole(0.2, 0.079)], mse=1.0)
    assert said.group == "C2"
    assert "Average over C2 (all of D4 would gain less): " in said.sentence
    said = advise([best, SubgroupFinding("D4", 8, est(0.2), est(0.12, 0.13), None, None, tuple(range(8)))], mse=1.0)
    assert "Average over C2 (whether all of D4 would gain is not certain): " in said.sentence
    said = advise([best, SubgroupFinding("D4", 8, est(0.2), est(0.12), None, False, tuple(range(8)))], mse=1.0)
    assert "Average over C2 (the data are not closed under all of D4): " in said.sentence


@pytest.mark.parametrize(("share", "group"), [(0.991, "C2"), (0.989, "D4")])
def test_a_subgroup_must_do_as_much_at_all_moved_copies(share, group):
    small = SubgroupFinding("C2", 2, est(0.1), est(0.1), None, None, (0, 2), share)
    assert advise([small, whole(0.1, 0.1)], mse=1.0).group == group


def test_changes_of_predictions_are_told_relative_to_their_variance():
    said = advise([whole(0.1, closed=True)], spread=2.0)
    assert "the MSE should fall by 0.1 [0.1, 0.1] (2.50% of the predictions' variance)" in said.sentence
    said = advise([whole(0.1)], spread=2.0, trajectories=7)
    assert "would change predictions by 2.50% of their variance; without labels, and without a test" in said.sentence
    said = advise([whole(0.1, 0.05)], mse=1.0, spread=2.0, independent=1)
    expected = (
        "changes predictions by 2.50% of their variance and takes the MSE from 1 to 0.95 on 1 independent sample ("
    )
    assert expected in said.sentence


def test_enough_trajectories_may_be_too_few_for_many_tests():
    tests = [ElementClosure(name, 0.0, 0.0, "mean field", 1.0) for name in ("r90", "r180")]
    said = advise([whole(0.1)], trajectories=20, closure=tests)
    assert "with 20 independent trajectories, too few to reject one of 2 tests" in said.sentence


@pytest.mark.parametrize(("floor", "verdict"), [(0.026, "average"), (0.028, "nothing to gain")])
def test_what_the_data_allow_must_rise_above_three_floors(floor, verdict):
    # removed 0.0256 is 0.16 squared; three floors of a spread of 2 are 0.156 and 0.168
    said = advise([whole(0.0256, closed=True)], floor=floor, spread=2.0)
    assert said.verdict == verdict


def test_alpha_decides_on_both_sides_of_its_lower_end():
    assert soft(0.021) == "soft"
    assert soft(0.019) == "do not"
    said = advise([whole(0.1, -0.01)], mse=2.0, alpha=est(0.25), mse_soft=1.5)
    assert (
        "with alpha = 0.25: full averaging takes the MSE to 100.5% of what it was, a part of it to 75.0%"
        in said.sentence
    )


def test_the_evidence_tells_every_number():
    element = ElementDefect("r180", False, est(3.0), est(1.5), True)
    mild = ElementDefect("r90", True, est(1.0), est(0.5), False)
    said = advise(
        [whole(0.125, 0.25)],
        mse=1.0,
        elements=[mild, element],
        holds=(0, 2),
        units="own spread",
        alpha=est(0.5),
        independent=4,
    )
    assert said.evidence == [
        "floor: relative 1.0e-06 (rounding)",
        "largest defect: r180, relative 1.5",
        "already respected: e, r180 (2 of 8 elements)",
        "averaging removes 0.125 [0.125, 0.125] of mean square (no labels)",
        "sums over outputs and fields are in units of each one's own spread",
        "MSE 1 [1, 1], averaged 0.75 [0.75, 0.75]",
        "least-squares alpha 0.50 [0.50, 0.50] (0: average fully, 1: leave the model)",
        "4 independent samples: from fewer than 5 there are no intervals",
        "contradiction: r180 change predictions by more than twice the root MSE",
    ]


def unlisted(kind="drawn", elements=8, **changes):
    """The same weighed where no subgroups are known."""
    known = {"gain": est(0.1), "mse_after": est(0.9)} | changes
    return advise([whole(0.1, 0.1)], 1.0, kind=kind, seen=torch.arange(elements), listed=False, **known)


def test_elements_that_were_drawn_or_given_are_named_as_such():
    said = unlisted()
    assert (said.verdict, said.group, said.members) == ("average", "D4", [])
    assert said.sentence == (
        "Average over D4: the MSE falls by 10.0% [10.0%, 10.0%] on the labelled samples; 10.0% was predicted without "
        "labels."
    )
    assert unlisted(gain=est(0.1, 0.2)).verdict == "unclear"
    said = unlisted("given", 3)
    assert (said.group, said.members, said.elements) == ("the 3 elements given", [0, 1, 2], ["e", "r90", "r180"])
    said = unlisted("given", 3, gain=est(-0.1))
    assert (said.verdict, said.members, said.elements) == ("do not", [], [])
    said = unlisted("given", 3, gain=est(-0.1), alpha=est(0.5), mse_soft=0.5)
    assert (said.verdict, said.members) == ("soft", [0, 1, 2])
    size = "its relative defect{}, 1.0e+00, is within three times what rounding may do (1.0e-06)."
    assert unlisted(broken=False).sentence == "The model already respects D4: " + size.format(" over 7 random elements")
    said = unlisted("given", 3, broken=False)
    assert said.sentence == "The model already respects the 3 elements given: " + size.format("")
    assert unlisted("whole", broken=False, elements=8).sentence.endswith(size.format(""))


def test_a_stochastic_model_is_told_its_noise():
    said = advise([whole(0.1, 0.1)], mse=1.0, broken=False, stochastic=True, noise=0.25)
    assert "two runs on one input differ by 2.5e-01 of the predictions' spread, and its defect under D4, 1.0e+00, " in (
        said.sentence
    )
    assert said.evidence[0] == "floor: relative 1.0e-06 (the model is stochastic)"
    none = advise([whole(0.1, 0.1)], mse=1.0, elements=[])
    assert "its relative defect, 0, is within" in none.sentence
    assert not any(line.startswith("largest defect") for line in none.evidence)


def test_a_gain_that_may_be_zero_is_none():
    assert advise([whole(0.5, 0.5, reach=0.5)], mse=1.0).verdict == "unclear"
    assert advise([whole(0.5, 0.5, reach=0.4375)], mse=1.0).verdict == "average"


def test_words_for_what_was_not_measured_or_is_not_allowed():
    said = advise([whole(0.1)], mse=1.0, gain=None)
    assert (said.verdict, said.sentence) == ("unclear", "What averaging over D4 would do to the MSE was not measured.")
    said = advise([whole(1.01, 0.5)], mse=1.0)
    assert "but predictions change by more than the MSE allows: on the labelled samples it takes" in said.sentence
    said = advise([half(0.1, 0.125, closed=False), whole(0.2, -0.1, closed=False)], mse=1.0)
    assert said.sentence == (
        "Average softly over C2: the data are not closed under it, yet the labelled MSE falls by 12.5%; fit alpha on "
        "held-out samples; the price is 2 copies."
    )
    said = advise([whole(0.1, -0.01)], mse=1.0, alpha=est(0.5), mse_soft=0.5, mse_after=None)
    assert said.sentence == (
        "Average softly over D4 with alpha = 0.50: a part of it to 50.0%; fit alpha on held-out samples."
    )


@pytest.mark.parametrize(("less", "group"), [(0.9e-6, "D4"), (1.1e-6, "C2")])
def test_gains_that_differ_by_a_millionth_are_the_same(less, group):
    small = SubgroupFinding("C2", 2, est(0.05), est(0.1), None, None, (0, 2))
    assert advise([small, whole(0.2, 0.1 * (1 - less))], mse=1.0).group == group


@pytest.mark.parametrize(("more", "group"), [(1e-8, "first"), (1e-5, "second")])
def test_of_equal_subgroups_the_first_is_taken_unless_another_removes_more(more, group):
    pair = [
        SubgroupFinding(name, 2, est(0.1 * (1 + k * more)), est(0.1), None, None, (0, 2))
        for k, name in enumerate(("first", "second"))
    ]
    assert advise([*pair, whole(0.1, 0.1)], mse=1.0).group == group


def test_a_price_is_never_more_than_all():
    said = advise([half(0.11, 0.1), whole(0.1, 0.1)], mse=1.0)
    assert "the price is 2 copies, which remove 100.0% of what the 8 copies of D4 would." in said.sentence


def test_what_the_data_allow_without_labels():
    said = advise([half(0.1, closed=True), whole(0.1, closed=True)], floor=0.5)
    assert said.sentence == ("The model already respects D4, the largest subgroup of D4 that the data do not reject.")
    assert (said.verdict, said.members) == ("nothing to gain", list(range(8)))
    said = advise([half(0.1, closed=None), whole(0.2, closed=False)])
    assert said.verdict == "do not"
    assert said.sentence.startswith("Do not average over D4 unchecked: the data are not closed under it;")
    assert advise([half(0.1, closed=None), whole(0.2, closed=None)]).verdict == "unclear"
    larger = SubgroupFinding("V", 2, est(0.2), None, None, True, (0, 3))
    assert advise([half(0.1, closed=True), larger]).group == "V"  # of one order what removes more
    said = advise([half(0.0991, closed=True), whole(0.1, closed=False)])
    assert "Average over C2 (the data are not closed under all of D4): the MSE should fall by 0.0991 [" in said.sentence


def lines(**changes):
    return advise([whole(0.1, 0.1, closed=None)], mse=1.0, **changes).evidence


def test_the_evidence_of_the_data_and_of_what_holds():
    tests = [
        ElementClosure("r180", 0.0, 0.0, "mean field", 0.05),
        ElementClosure("r90", 0.0, 0.0, "channel means", 0.06),
    ]
    assert lines(closure=tests)[-1] == "data: not closed under r180 (p = 0.05, mean field)"
    assert lines(closure=tests[1:])[-1] == "data: too few independent trajectories to tell"
    assert lines(closure=tests[1:], listed=False)[-1] == "data: no element is rejected"
    known = advise([half(0.1, closed=True), whole(0.1, closed=None)], closure=tests[1:])
    assert known.evidence[-1] == "data: no element is rejected"
    for holds, said in (((0,), False), ((0, 2), True), (tuple(range(8)), False)):
        assert any(line.startswith("already respected") for line in lines(holds=holds)) == said
    for independent, said in ((4, True), (5, False)):
        assert any("from fewer than 5" in line for line in lines(independent=independent)) == said
    assert "MSE 1 [1, 1]" in lines(mse_after=None)
    assert not any(line.startswith(("MSE", "least-squares")) for line in advise([whole(0.1, closed=True)]).evidence)
    assert not any("nan" in line for line in advise([whole(0.1)], removed=est(NOTHING)).evidence)
