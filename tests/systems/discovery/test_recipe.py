"""The recipe's presets, the parts that are cheap, and claims that a made-up measure must contradict."""

from __future__ import annotations

import json

import pytest
import torch

from haar.errors import ArgumentError
from haar.systems.claim import judge
from haar.systems.discovery import planted
from haar.systems.discovery.claims import CLAIMS
from haar.systems.discovery.controls import plain_null_space
from haar.systems.discovery.momenta import METRIC, lorentz, momenta, scalar
from haar.systems.discovery.orbits import ellipses, kepler
from haar.systems.discovery.protocol import measure
from haar.systems.discovery.published import PUBLISHED
from haar.systems.discovery.recipe import RECIPE
from haar.systems.discovery.sections import told

PART = {
    "name": "so(3)",
    "content": ["4 x spin 1", "1 x spin 1"],
    "angle": 1e-13,
    "defect": 1e-15,
    "next": 0.2,
    "gap": 9.0,
    "seconds": 0.1,
    "snapped_angle": 1e-13,
}
LORENTZ = {"name": "so(1,3)", "signature": [3, 3, 0], "angle": 1e-13, "metric": 0.0, "defect": 1e-15, "gap": 9.0}
UNIT = {"angle": 1.3, "gap": 6.0}
GOOD = {
    "planted": {
        "exact": PART,
        "float32": PART,
        "broken .01": PART | {"angle": 0.1, "defect": 0.01},
        "broken .1": PART | {"angle": 1.0, "defect": 0.1},
    },
    "units": {name: {"ours": UNIT, "plain": {"angle": 30.0, "gap": 1.2}} for name in ("as given", "units 1 : 100")},
    "momenta": {"2 momenta, massive": LORENTZ},
    "momenta learned": LORENTZ | {"error": 0.1, "angle": 2.0, "metric": 1e-4},
    "two bodies": {"dimension 2": {"expected": 11, "count": 11, "defect": 1e-14, "next": 0.1}},
    "kepler": {
        name: {"expected": k, "count": k, "defect": 1e-8, "next": 0.1, "failed": "closed" if k == 4 else ""}
        for name, k in (("linear", 1), ("with forces", 2), ("cubic", 4))
    },
    "kepler learned": {"angle": 0.2, "gap": 9.0},
    "waves": {"translations": 1e-6, "rotation": 0.1, "gap": 9.0, "count": 3, "finite": ["D4 x shifts"]},
    "layers": {"stride 2": ["shifts:2"], "mirror": ["<my> x shifts"]},
    "rotations": {"networks": [{"error": 0.2, "name": "so(3)", "angle": 2.0, "snapped_angle": 1.5}] * 3},
    "controls": {"lie": [False] * 40, "finite": [False] * 10, "scalings": 1},
    "exchanges": {
        "S8": {"steps": ["S8"], "error": 0.1, "defects": [0.04]},
        "none": {"steps": [], "error": 0.1, "defects": []},
    },
    "laws": {
        "frames": {"accepted": 3, "gaussian": False, "angle": 3.0},
        "exponential": {"accepted": 0, "gaussian": False},
        "clusters": {"accepted": 0, "gaussian": False},
        "gaussian": {"accepted": 0, "gaussian": True},
    },
}
#: Where a made-up measure is spoilt, and the claim that must be contradicted by it.
SPOILT = {
    "units against plain SVD": (("units", "units 1 : 100", "plain", "angle"), 1.0),
    "planted, angle": (("planted", "exact", "angle"), 2e-9),
    "planted, name": (("planted", "float32", "content"), ["4 x spin 1", "3 x spin 0"]),
    "broken, angle": (("planted", "broken .1", "angle"), 0.6),
    "broken, defect": (("planted", "broken .1", "defect"), 0.14),
    "broken, gap": (("planted", "broken .1", "gap"), 4.9),
    "Lorentz, name": (("momenta", "2 momenta, massive", "signature"), [0, 6, 0]),
    "Lorentz, metric": (("momenta", "2 momenta, massive", "metric"), 2e-12),
    "Lorentz learned, error": (("momenta learned", "error"), 0.14),
    "Lorentz learned, angle": (("momenta learned", "angle"), 3.1),
    "Lorentz learned, metric": (("momenta learned", "metric"), 2e-3),
    "two bodies": (("two bodies", "dimension 2", "count"), 12),
    "Kepler": (("kepler", "with forces", "count"), 1),
    "energy shells": (("kepler", "cubic", "failed"), ""),
    "Kepler learned, angle": (("kepler learned", "angle"), 1.1),
    "Kepler learned, gap": (("kepler learned", "gap"), 4.9),
    "waves, translations": (("waves", "translations"), 2e-5),
    "waves, rotation": (("waves", "rotation"), 0.6),
    "waves, nothing else": (("waves", "gap"), 4.9),
    "so(3) learned": (("rotations", "networks"), [{"error": 0.2, "name": "", "angle": 2.0}] * 3),
    "never another": (
        ("rotations", "networks"),
        [{"error": 0.2, "name": "e(2)", "angle": 2.0, "snapped_angle": 1.5}] * 3,
    ),
    "snapping": (("rotations", "networks"), [{"error": 0.2, "name": "so(3)", "angle": 2.0, "snapped_angle": 2.5}] * 3),
    "false positives, continuous": (("controls", "lie"), [True] * 20 + [False] * 20),
    "false positives, finite": (("controls", "finite"), [True] * 5 + [False] * 5),
    "exchanges": (("exchanges", "S8", "steps"), ["S7"]),
    "no exchange": (("exchanges", "none", "steps"), ["S2"]),
    "law, frames": (("laws", "frames", "accepted"), 1),
    "law, angle": (("laws", "frames", "angle"), 6.1),
    "law, others": (("laws", "clusters", "accepted"), 1),
    "law, Gaussian": (("laws", "gaussian", "gaussian"), False),
    "units, gap": (("units", "units 1 : 100", "ours", "gap"), 6.1),
    "units, angle": (("units", "units 1 : 100", "ours", "angle"), 1.4),
}


def spoil(place, value):
    made = json.loads(json.dumps(GOOD))  # parts that stand twice become two
    inside = made
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return made


def test_presets_are_plain_and_have_the_same_options(tmp_path):
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    assert set(RECIPE.presets["quick"]) == set(RECIPE.presets["full"])
    with pytest.raises(ArgumentError, match=r"did you mean steps"):
        measure(dict(RECIPE.presets["quick"]) | {"step": 3}, 0, tmp_path)


def test_good_measures_hold_every_claim():
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [GOOD])} == dict.fromkeys(
        (claim.name for claim in CLAIMS), "holds"
    )
    assert set(SPOILT) == {claim.name for claim in CLAIMS}


@pytest.mark.parametrize("name", SPOILT)
def test_a_made_up_measure_contradicts_its_claim(name):
    verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [spoil(*SPOILT[name])])}
    assert verdicts[name] == "contradicted"


def test_sections_tell_all_parts_and_mark_what_others_published():
    sections = told(3 * [GOOD])
    assert next(section.title for section in sections) == "Planted symmetries"
    assert len(sections[-1].table.rows) == len(PUBLISHED) + 1
    assert all(row[4] for row in PUBLISHED)


def test_planted_algebras_are_what_they_are_said_to_be():
    x = torch.randn(20, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    function = planted.vector_function(4, 3)
    turn = torch.linalg.matrix_exp(planted.turned(4)[1])
    assert torch.allclose(function(x @ turn.T), function(x) @ turn[:3, :3].T, atol=1e-12)
    p = momenta(50, 2, 1.0, 0)
    for a in lorentz():
        assert torch.allclose(a.T @ METRIC + METRIC @ a, torch.zeros(4, 4).double())
    boost = torch.linalg.matrix_exp(0.3 * lorentz()[0])
    assert torch.allclose(scalar(p @ boost.T, massive=True), scalar(p, massive=True), atol=1e-10)
    z = ellipses(30, 0)
    energy = [0.5 * s[:, 2:].square().sum(1) - 1 / s[:, :2].norm(dim=1) for s in (z, kepler(z))]
    assert torch.allclose(*energy, atol=1e-5)
    assert bool((energy[0] < 0).all())


def test_the_plain_null_space_finds_what_is_exact():
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = plain_null_space(planted.vector_function(2, 1), x, 3)
    assert planted.largest_angle(found["matrices"], planted.turned(2)) < 1e-9
    assert found["gap"] > 1e6
