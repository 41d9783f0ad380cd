"""Where the bounds of the claims lie, which of the measures each reads, and the straw man that contradicts it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ideal_measures import each, ideal_measures

from haar.systems.claim import judge
from haar.systems.group_averaging.claims import CLAIMS

BOUNDS = {
    "persistence": (1.0, 1.001),
    "linear extrapolation": (1.0, 1.001),
    "averaging helps": (1.0, 1.001),
    "chain": (1.0, 1.001),
    "size of the gain": ((0.03, 0.4), (0.029, 0.401)),
    "FNO and shifts": (1e-4, 1.1e-4),
    "zero padding and shifts": (1.0, 0.99),
    "half as much": (0.5, 0.49),
    "both": (1.0, 1.001),
    "windows": (1.0, 1.001),
    "windows on top of D4": (1.0, 1.001),
    "augmentation": (1.0, 1.001),
    "augmentation shrinks the gain": (0.0, 1e-6),
    "longer training": (0.0, -1e-6),
    "rollouts against persistence": (1.0, 1.001),
    "long rollouts against persistence": (1.0, 1.001),
    "rollouts": (1.0, 1.001),
    "long rollouts": (1.0, 1.001),
    "one element a step": (1.0, 1.001),
    "whole trajectories": (1.0, 1.001),
    "no blur": (0.9, 0.89),
    "no blur of whole trajectories": (0.9, 0.89),
    "half the forwards": (0.9, 0.89),
    "label-free prediction": (0.05, 0.051),
    "label-free prediction and its interval": (0.95, 0.94),
    "exactness": (1e-10, 1.1e-10),
    "trap": (6.0, 5.9),
    "harm": (1.0, 0.99),
    "the mirror of y": (1.0, 1.001),
    "the right group": (1.0, 1.001),
    "trap seen without labels": (0, 1),
    "trap seen with labels": (0, 1),
    "what helps is let through": (1, 0),
    "soft averaging": (1.002, 1.003),
    "alpha of the wrong group": (0.994, 0.993),
    "alpha of the right group": (0.05, 0.051),
    "softly over the right group": (1.0, 1.001),
}
EVERY = {"FNO and shifts", "exactness", "trap seen without labels", "trap seen with labels"}
READ = {
    "persistence": [1 / 2],
    "linear extrapolation": [1 / 1.6],
    "averaging helps": [0.99],
    "chain": [0.99],
    "size of the gain": [0.2],
    "FNO and shifts": [0.0, 0.0, 0.0],
    "zero padding and shifts": [(1 - 0.75**2) / (1 - 0.8**2)],
    "half as much": [(1 - 0.75**2) / (1 - 0.8**2)],
    "both": [0.7 / 0.8],
    "windows": [0.85 / 0.9],
    "windows on top of D4": [0.6 / 0.7],
    "augmentation": [0.97],
    "augmentation shrinks the gain": [0.03 - 0.2],
    "longer training": [0.28 - 0.2],
    "rollouts against persistence": [1 / 1.5],
    "long rollouts against persistence": [1 / 1.5],
    "rollouts": [0.9],
    "long rollouts": [0.9],
    "one element a step": [0.95],
    "whole trajectories": [0.85 / 0.9],
    "no blur": [0.98],
    "no blur of whole trajectories": [0.95],
    "half the forwards": [0.95],
    "label-free prediction": [1 - 0.1 / 0.102],
    "label-free prediction and its interval": [1.0],
    "exactness": [2e-16] * 4,
    "trap": [6.2],
    "harm": [1.8],
    "the mirror of y": [0.95],
    "the right group": [0.75],
    "trap seen without labels": [0],
    "trap seen with labels": [0],
    "what helps is let through": [1],
    "soft averaging": [1.0],
    "alpha of the wrong group": [0.995],
    "alpha of the right group": [0.02],
    "softly over the right group": [0.76],
}
UNET, FNO = ("runs", "gray_scott-unet"), ("runs", "gray_scott-fno")
AUGMENTED, LONG = ("runs", "gray_scott-fno_augmented"), ("runs", "gray_scott-fno_long")
WHOLE = {"verdict": "average", "group": "D4", "elements": ["e", "r180", "mx", "my"], "sentence": "Over D4."}
#: What to put where: a made-up measure that has nothing to show.
STRAW = {
    "persistence": ((*FNO, "vrmse", "none"), each(2.2)),
    "linear extrapolation": (("trap", "vrmse", "none"), each(1.7)),
    "averaging helps": ((*UNET, "vrmse", "half shifts"), each(1.1)),
    "chain": ((*UNET, "vrmse", "D4"), each(0.86)),
    "FNO and shifts": ((*FNO, "vrmse", "shifts"), each(0.999)),
    "zero padding and shifts": ((*UNET, "vrmse", "shifts"), each(0.9)),
    "half as much": ((*UNET, "vrmse", "shifts"), each(0.95)),
    "both": ((*UNET, "vrmse", "D4 shifts"), each(0.81)),
    "windows": ((*UNET, "vrmse", "half shifts, Hann"), each(0.91)),
    "windows on top of D4": ((*UNET, "vrmse", "D4 half shifts, Hann"), each(0.71)),
    "augmentation": ((*AUGMENTED, "vrmse", "D4"), each(1.01)),
    "augmentation shrinks the gain": ((*AUGMENTED, "vrmse", "D4"), each(0.79)),
    "longer training": ((*LONG, "vrmse", "D4"), each(0.81)),
    "rollouts against persistence": ((*FNO, "rollout", "plain", "6:12"), each(1.6)),
    "long rollouts against persistence": ((*FNO, "rollout", "plain", "13:30"), each(1.7)),
    "rollouts": ((*FNO, "rollout", "step", "6:12"), each(1.01)),
    "long rollouts": ((*FNO, "rollout", "step", "13:30"), each(1.2)),
    "one element a step": ((*UNET, "rollout", "stochastic", "6:12"), each(1.01)),
    "whole trajectories": ((*UNET, "rollout", "trajectory", "6:12"), each(0.91)),
    "no blur": ((*UNET, "detail", "step", "6:12"), each(0.5)),
    "no blur of whole trajectories": ((*UNET, "detail", "trajectory", "13:30"), each(0.3)),
    "exactness": ((*UNET, "defect", "after"), 1e-9),
    "trap": (("trap", "vrmse", "C4"), each(4.0)),
    "harm": (("trap", "elements", "r180"), each(0.95)),
    "the mirror of y": (("trap", "elements", "my"), each(1.1)),
    "the right group": (("trap", "vrmse", "closed"), each(1.2)),
    "trap seen without labels": (("trap", "without_labels"), WHOLE),
    "trap seen with labels": (("trap", "with_labels"), WHOLE),
    "what helps is let through": (("trap", "with_labels"), {**WHOLE, "elements": [], "verdict": "do not"}),
    "soft averaging": (("trap", "vrmse", "soft D4"), each(1.01)),
    "alpha of the wrong group": (("trap", "alpha", "D4"), 0.9),
    "alpha of the right group": (("trap", "alpha", "closed"), 0.2),
    "softly over the right group": (("trap", "vrmse", "soft closed"), each(1.01)),
}
#: Those that are judged over the models together: so much of every one of them.
OF_ALL = {
    "size of the gain": (("vrmse", "D4"), each(0.98)),
    "half the forwards": (("half", "selected"), 0.8),
    "label-free prediction": (("audit", "predicted", "value"), 0.12),
    "label-free prediction and its interval": (("audit", "predicted", "value"), 0.2),
}


def put(measures, path, value):
    for key in path[:-1]:
        measures = measures[key]
    assert path[-1] in measures
    measures[path[-1]] = value


def verdict(claim, number, count):
    """What is said of a claim whose statistic gives a number so many times."""
    bare = replace(claim, statistic=lambda _: [number] * count, part=(), when=None)
    return judge([bare], [{}])[0].verdict


def verdicts(measures):
    return {claim.name: claim.verdict for claim in judge(CLAIMS, [measures] * 3)}


def values(measures):
    return {claim.name: list(claim.values) for claim in judge(CLAIMS, [measures])}


def test_claims_are_bounded_as_is_said():
    assert {claim.name for claim in CLAIMS} == set(BOUNDS)
    for claim in CLAIMS:
        inside, outside = ([one] if isinstance(one, (int, float)) else list(one) for one in BOUNDS[claim.name])
        assert {verdict(claim, number, 3) for number in inside} == {"holds"}, claim.name
        assert {verdict(claim, number, 3) for number in outside} == {"contradicted"}, claim.name
        assert verdict(claim, inside[0], 1) == ("holds" if claim.name in EVERY else "open"), claim.name
    assert {claim.name for claim in CLAIMS if claim.every} == EVERY


def test_claims_read_the_numbers_that_they_are_about():
    recorded = json.loads((Path(__file__).parent / "measures.json").read_text())[0]
    assert recorded == ideal_measures()
    assert values(recorded) == {name: pytest.approx(told, rel=1e-9, abs=1e-30) for name, told in READ.items()}


def test_what_shows_every_effect_holds():
    assert verdicts(ideal_measures()) == dict.fromkeys(BOUNDS, "holds")


@pytest.mark.parametrize("name", STRAW)
def test_each_claim_is_contradicted_by_what_has_nothing_to_show(name):
    measures = ideal_measures()
    put(measures, *STRAW[name])
    assert verdicts(measures)[name] == "contradicted"


@pytest.mark.parametrize("name", OF_ALL)
def test_each_claim_about_all_models_is_contradicted_by_what_has_nothing_to_show(name):
    measures = ideal_measures()
    for run in measures["runs"].values():
        put(run, *OF_ALL[name])
    assert verdicts(measures)[name] == "contradicted"


def test_every_claim_has_a_straw_man():
    assert set(STRAW) | set(OF_ALL) == set(BOUNDS)


def test_one_moved_forward_in_the_place_of_an_average_holds_nothing_that_averaging_is_to_bring():
    """No average at all: the model's answer for a moved input, moved back, is a little worse than its own."""
    measures, nothing = ideal_measures(), {"none", "persistence", "linear"}
    for run in measures["runs"].values():
        for group in set(run["vrmse"]) - nothing:
            run["vrmse"][group] = each(1.01)
        run["rollout"]["step"] = {"6:12": each(1.01), "13:30": each(1.2)}
        run["audit"]["gain"] = {"value": -0.06, "low": -0.07, "high": -0.05}
        run["half"]["selected"] = 0.5
        run["defect"]["after"] = run["defect"]["before"]
    told = verdicts(measures)
    for name in ("averaging helps", "size of the gain", "augmentation", "rollouts", "long rollouts", "exactness"):
        assert told[name] == "contradicted", name
    for name in ("label-free prediction", "label-free prediction and its interval", "half the forwards"):
        assert told[name] == "contradicted", name


@pytest.mark.parametrize(
    ("advice", "accepted"),
    [
        ({"verdict": "average", "elements": ["e", "my"]}, 0),
        ({"verdict": "average", "elements": ["e", "r180", "my", "mx"]}, 2),
        ({"verdict": "average", "elements": ["e", "r180"]}, 1),
        ({"verdict": "average", "elements": ["e", "mx"]}, 1),
        ({"verdict": "average", "elements": ["e", "r90", "r180", "r270"]}, 3),
        ({"verdict": "average", "elements": ["e", "d"]}, 1),
        ({"verdict": "soft", "elements": ["e", "r90"]}, 0),
        ({"verdict": "unclear", "elements": ["e", "r90"]}, 0),
        ({"verdict": "do not", "elements": []}, 0),
    ],
)
@pytest.mark.parametrize("labels", ["with_labels", "without_labels"])
def test_every_element_that_does_harm_counts_against_the_audit(advice, accepted, labels):
    measures = ideal_measures()
    measures["trap"][labels] = advice
    assert values(measures)[f"trap seen {labels.replace('_', ' ')}"] == [accepted]


def test_an_element_that_does_no_harm_may_be_recommended():
    measures = ideal_measures()
    measures["trap"]["with_labels"] = {"verdict": "average", "elements": ["e", "mx"]}
    measures["trap"]["elements"]["mx"] = each(1.005)
    assert values(measures)["trap seen with labels"] == [0]
    measures["trap"]["elements"]["mx"] = each(1.015)
    assert values(measures)["trap seen with labels"] == [1]


def test_rollouts_are_judged_where_they_beat_persistence():
    measures = ideal_measures()
    lost = measures["runs"]["gray_scott-unet"]["rollout"]
    lost["plain"]["6:12"], lost["step"]["6:12"] = each(1.6), each(1.8)
    told = verdicts(measures)
    assert (told["rollouts against persistence"], told["rollouts"]) == ("contradicted", "holds")
    for run in measures["runs"].values():
        run["rollout"]["plain"]["6:12"] = each(1.6)
    told = verdicts(measures)
    assert "rollouts" not in told
    assert "long rollouts" in told


def test_single_runs_that_diverge_do_not_rule_rollouts():
    measures = ideal_measures()
    measures["runs"]["gray_scott-fno"]["rollout"]["step"]["6:12"][3] = 1e6
    assert values(measures)["rollouts"] == [pytest.approx(0.9, rel=0.2)]
