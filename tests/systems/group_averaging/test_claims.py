"""Where the bounds of the claims lie, and which of the recorded measures each reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from haar.systems.claim import judge
from haar.systems.group_averaging.claims import CLAIMS

BOUNDS = {
    "averaging helps": ("every", 0.0, -1e-6),
    "chain": ("every", 1.0, 1.0001),
    "size of the gain": ("every", (0.03, 0.6), (0.029, 0.61)),
    "FNO and shifts": ("every", 1e-4, 1.1e-4),
    "zero padding and shifts": ("every", 0.5, 0.49),
    "both": ("every", 1.0, 1.0001),
    "windows": ("every", 1.0, 1.0001),
    "windows on top of D4": ("every", 1.0, 1.0001),
    "augmentation": ("every", 0.0, -1e-6),
    "augmentation shrinks the gain": ("every", 0.0, 1e-6),
    "rollouts": ("every", 1.0, 1.0001),
    "half the forwards": ("median", 0.9, 0.89),
    "label-free prediction": ("every", 0.35, 0.36),
    "exactness": ("every", 1e-10, 1.1e-10),
    "trap": ("every", 1.5, 1.49),
    "trap seen without labels": ("every", 1, 0),
    "trap seen with labels": ("every", 1, 0),
    "soft averaging": ("every", 1.02, 1.021),
    "the right group": ("every", 1.0, 1.0001),
}
READ = {
    "averaging helps": [
        *(0.1, 0.15, 0.2, 0.2, 0.3, 0.1, 0.15, 0.3, 0.4),
        *(0.1, 0.15, 0.2, 0.3),
        *(0.01, 0.02, 0.03, 0.3),
    ],
    "chain": [0.9, 0.85 / 0.9, 0.8 / 0.85, 0.9, 0.85 / 0.9, 0.8 / 0.85, 0.99, 0.98 / 0.99, 0.97 / 0.98],
    "size of the gain": [0.2],
    "FNO and shifts": [0.0, 0.0],
    "zero padding and shifts": [1.0],
    "both": [0.7 / 0.8],
    "windows": [0.85 / 0.9],
    "windows on top of D4": [0.6 / 0.7],
    "augmentation": [0.03],
    "augmentation shrinks the gain": [0.03 - 0.2],
    "rollouts": [0.9, 0.9, 0.9],
    "half the forwards": [0.95, 0.91, 0.9],
    "label-free prediction": [0.0, 0.0, 0.0],
    "exactness": [1.196e-16, 1.196e-16, 1.196e-16],
    "trap": [3.0 / 0.5, 3.5 / 0.5],
    "trap seen without labels": [1],
    "trap seen with labels": [1],
    "soft averaging": [0.5 / 0.5],
    "the right group": [0.4 / 0.5],
}


@pytest.fixture
def recorded():
    return json.loads((Path(__file__).parent / "measures.json").read_text())[0]


def values(measures):
    return {claim.name: list(claim.values) for claim in judge(CLAIMS, [measures])}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(reads, holds_between):
    reads(CLAIMS, "group_averaging", READ)
    holds_between(CLAIMS, BOUNDS)


def test_gains_are_told_apart_model_by_model(recorded):
    unet, fno = recorded["runs"]["gray_scott-unet"], recorded["runs"]["gray_scott-fno"]
    unet["vrmse"] |= {"none": 2.0, "D4": 1.2, "shifts": 1.8}
    fno["vrmse"] |= {"none": 0.5, "D4": 0.4, "shifts": 0.501}
    fno["rollout"]["step"]["6:12"] = 0.3
    fno["audit"] |= {"predicted": 0.08}
    recorded["runs"]["gray_scott-fno_augmented"]["vrmse"]["shifts"] = 0.99
    found = values(recorded)
    assert found["size of the gain"] == pytest.approx([0.4])
    assert found["zero padding and shifts"] == pytest.approx([0.1 / 0.4])
    assert found["FNO and shifts"] == pytest.approx([0.002, 0.01])
    assert found["augmentation shrinks the gain"] == pytest.approx([0.03 - 0.2])
    assert found["rollouts"] == pytest.approx([0.9, 0.3, 0.9])
    assert found["label-free prediction"] == pytest.approx([0.0, 0.2, 0.0])


@pytest.mark.parametrize(
    ("advice", "kept_away"),
    [
        ({"verdict": "average", "elements": ["e", "my"]}, 1),
        ({"verdict": "average", "elements": ["e", "r180", "my", "mx"]}, 1),
        ({"verdict": "average", "elements": ["e", "r90"]}, 0),
        ({"verdict": "average", "elements": ["e", "r270"]}, 0),
        ({"verdict": "average", "elements": ["e", "d"]}, 0),
        ({"verdict": "average", "elements": ["e", "my", "d'"]}, 0),
        ({"verdict": "average", "elements": []}, 0),
        ({"verdict": "unclear", "elements": ["e", "r90"]}, 1),
        ({"verdict": "do not", "elements": []}, 1),
    ],
)
@pytest.mark.parametrize("labels", ["with_labels", "without_labels"])
def test_an_audit_keeps_away_from_quarter_turns_or_it_does_not(recorded, advice, kept_away, labels):
    recorded["trap"][labels] = advice
    assert values(recorded)[f"trap seen {labels.replace('_', ' ')}"] == [kept_away]
