from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from haar.actions.representation import Defining, Regular, tensor_power
from haar.errors import ArgumentError
from haar.groups import cyclic, symmetric
from haar.intertwiners import OrbitIntertwiners, intertwiners
from haar.systems.claim import judge
from haar.systems.intertwiners import exactness, protocol
from haar.systems.intertwiners.claims import CLAIMS
from haar.systems.intertwiners.exactness import check_pair
from haar.systems.intertwiners.learning import AUGMENTED, EQUIVARIANT, LINEAR, MEAN, Affine, learn
from haar.systems.intertwiners.pairs import PAIRS, Pair
from haar.systems.intertwiners.protocol import measure
from haar.systems.intertwiners.recipe import RECIPE
from haar.systems.intertwiners.sections import told
from haar.systems.intertwiners.tasks import EQUAL_SIZE, EQUAL_WIDTH, TASKS
from haar.systems.intertwiners.timings import FAMILIES, timed
from haar.systems.recipe import Recipe
from haar.watch import Unwatched

TINY = {
    "pairs": ["S8: vectors to matrices", "Q8: regular to itself", "SO(3): matrices to matrices", "elasticity, cubic"],
    "timings": {"S_n on matrices": [3, 4], "SO(3) on tensors of order n": [1]},
    "repeats": 1,
    "samples": {"matrices, S6 x S4": [8], "flows, D4": [4]},
    "rates": [0.01],
    "steps": 3,
    "test": 8,
}


#: By short name, whom the equivariant network is judged beside.
OTHERS = {
    "the mean": MEAN,
    "linear": LINEAR,
    "equal width": EQUAL_WIDTH,
    "equal parameters": EQUAL_SIZE,
    "augmented": AUGMENTED,
}
#: One pair of each route, where nothing is small by chance.
STRAW = ["S8: vectors to matrices", "SO(3): matrices to matrices"]


@pytest.fixture(scope="module")
def measures(tmp_path_factory):
    return measure(TINY, 0, tmp_path_factory.mktemp("seed"), Unwatched())


def test_the_recipe_is_one_and_its_presets_are_plain_and_have_what_is_needed():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    for preset in RECIPE.presets.values():
        assert set(preset["samples"]) == set(TASKS)
        assert set(preset["timings"]) == set(FAMILIES)
        assert set(preset) == set(TINY)


def test_an_option_that_a_preset_does_not_have_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"options among pairs, .*, got 'step'; did you mean steps"):
        measure(TINY | {"step": 3}, 0, tmp_path, Unwatched())


def test_every_count_of_the_catalogue_agrees_with_characters_and_closed_forms():
    generator = torch.Generator().manual_seed(0)
    cheap = [name for name in PAIRS if name not in ("S6: third order to itself", "SO(3): fourth order to itself")]
    for name in cheap:
        found = check_pair(PAIRS[name], generator)
        for key in ("characters", "molien", "known"):
            assert found.get(key, found["dim"]) == found["dim"], (name, key)
        for key in ("idempotent", "self_adjoint", "reynolds", "equivariance", "routes", "orthonormal"):
            assert found.get(key, 0.0) < 1e-12, (name, key)


def test_a_space_that_is_wrong_is_found_out(monkeypatch):
    def broken(left, right, route="auto"):
        space = intertwiners(left, right, route=route)
        if isinstance(space, OrbitIntertwiners):
            space.project = lambda W: W  # everything is said to commute
        return space

    monkeypatch.setattr(exactness, "intertwiners", broken)
    found = check_pair(Pair(lambda: 2 * (Regular(cyclic(5)),)), torch.Generator().manual_seed(0))
    assert found["reynolds"] > 0.1
    assert found["routes"] > 0.1


def test_a_seed_measures_pairs_times_and_every_network(measures):
    assert list(measures["pairs"]) == TINY["pairs"]
    assert [one["dim"] for one in measures["timings"]] == [14, 15, 1]
    assert all(one["seconds"] >= 0 and one["first"] >= 0 for one in measures["timings"])
    for cell in measures["curves"]:
        assert set(cell["networks"]) == {MEAN, LINEAR, EQUIVARIANT, EQUAL_WIDTH, EQUAL_SIZE, AUGMENTED}
        assert all(len(one["squares"]) == TINY["test"] for one in cell["networks"].values())
        assert all(
            sum(one["squares"]) / TINY["test"] == pytest.approx(one["error"], rel=1e-4)
            for one in cell["networks"].values()
        )
        sizes = {name: one["parameters"] for name, one in cell["networks"].items()}
        assert 0.8 < sizes[EQUAL_SIZE] / sizes[EQUIVARIANT] < 1.25
        assert sizes[EQUAL_WIDTH] == sizes[AUGMENTED] > 5 * sizes[EQUIVARIANT]
        assert cell["networks"][EQUIVARIANT]["defect"] < 1e-12 < 0.1 < cell["networks"][EQUAL_WIDTH]["defect"]


def test_a_killed_run_goes_on_behind_the_last_part(tmp_path, monkeypatch):
    first = measure(TINY, 0, tmp_path, Unwatched())
    (tmp_path / "parts" / "flows-d4-4.json").unlink()
    learned = []
    for kept in ("check_pair", "timed"):
        monkeypatch.setattr(protocol, kept, lambda *_: pytest.fail("a part that was kept is measured again"))
    monkeypatch.setattr(protocol, "learn", lambda task, *a, **k: learned.append(task) or learn(task, *a, **k))
    assert measure(TINY, 0, tmp_path, Unwatched()) == first
    assert learned == ["flows, D4"]


def test_a_seed_measures_what_it_did(measures, as_recorded):
    as_recorded(measures, Path(__file__).parent / "measured.json")


def test_learning_has_the_same_answer_twice_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    first, second = (learn("flows, D4", 2, 3, rates=[0.003, 0.01], steps=2, test=4) for _ in range(2))
    assert first == second
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_timed_family_is_what_it_says():
    found = timed("S_n on matrices", 4, 1)
    points = Defining(symmetric(4))
    assert (found["n"], found["dim"]) == (tensor_power(points, 2).dim, 15)


def _ideal(measures) -> dict:
    """Measures that show every effect."""
    good = copy.deepcopy(dict(measures))
    errors = {EQUIVARIANT: 0.1, EQUAL_WIDTH: 0.5, EQUAL_SIZE: 0.9, AUGMENTED: 0.2, MEAN: 1.0, LINEAR: 0.8}
    for cell in good["curves"]:
        for name, one in cell["networks"].items():
            one["error"], one["squares"] = errors[name], [errors[name]] * TINY["test"]
    return good


def test_claims_hold_on_ideal_measures_and_each_can_fail(measures):
    good = _ideal(measures)
    assert {claim.verdict for claim in judge(CLAIMS, [good] * 3)} == {"holds"}
    spoilt = {
        "characters": lambda m: m["pairs"]["Q8: regular to itself"].update(characters=9),
        "Molien": lambda m: m["pairs"]["Q8: regular to itself"].update(molien=7),
        "two counts": lambda m: m["pairs"]["Q8: regular to itself"].update(dim_isotypic=7),
        "closed forms": lambda m: m["pairs"]["Q8: regular to itself"].update(known=9),
        "equivariance": lambda m: m["pairs"]["Q8: regular to itself"].update(equivariance=1e-6),
        "idempotent": lambda m: m["pairs"]["Q8: regular to itself"].update(idempotent=1e-6),
        "self-adjoint": lambda m: m["pairs"]["Q8: regular to itself"].update(self_adjoint=1e-6),
        "orthonormal": lambda m: m["pairs"]["Q8: regular to itself"].update(orthonormal=1e-6),
        "average": lambda m: m["pairs"]["Q8: regular to itself"].update(reynolds=1e-6),
        "routes": lambda m: m["pairs"]["Q8: regular to itself"].update(routes=1e-6),
        "networks are exact": lambda m: m["curves"][0]["networks"][EQUIVARIANT].update(defect=1e-3),
        "plain networks are not": lambda m: [cell["networks"][EQUAL_WIDTH].update(defect=1e-5) for cell in m["curves"]],
        **{
            f"few samples, {task}: {other}": lambda m, k=k, name=name: m["curves"][k]["networks"][name].update(
                squares=[0.01] * TINY["test"]
            )
            for k, task in enumerate(TASKS)
            for other, name in OTHERS.items()
        },
        "augmentation is not exact": lambda m: [
            cell["networks"][AUGMENTED].update(defect=1e-5) for cell in m["curves"]
        ],
    }
    assert set(spoilt) == {claim.name for claim in CLAIMS}
    for name, spoil in spoilt.items():
        bad = copy.deepcopy(good)
        spoil(bad)
        verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, [bad] * 3) if not claim.holds}
        assert verdicts == {name: "contradicted"}


def test_a_plain_network_in_the_place_of_the_equivariant_one_holds_nothing(measures):
    bad = _ideal(measures)
    for cell in bad["curves"]:
        cell["networks"][EQUIVARIANT] = dict(cell["networks"][EQUAL_WIDTH], squares=[1.01] * TINY["test"])
    failed = {claim.name for claim in judge(CLAIMS, [bad] * 3) if not claim.holds}
    assert failed == {"networks are exact", *(f"few samples, {task}: {other}" for task in TASKS for other in OTHERS)}


@pytest.mark.parametrize(
    ("name", "claim"), [(EQUAL_WIDTH, "plain networks are not"), (AUGMENTED, "augmentation is not exact")]
)
def test_the_equivariant_network_in_the_place_of_a_plain_one_is_found_out(measures, name, claim):
    bad = _ideal(measures)
    for cell in bad["curves"]:
        cell["networks"][name] = dict(cell["networks"][EQUIVARIANT], squares=cell["networks"][name]["squares"])
    assert {one.name: one.verdict for one in judge(CLAIMS, [bad] * 3) if not one.holds} == {claim: "contradicted"}


def _halved(space):
    project = space.project
    return {"project": lambda W: project(W) / 2}


def _oblique(space):
    """Onto the same space, along another direction: entries of odd rows count for more."""
    project = space.project

    def along(W):
        P = project(W)
        return P + project((W - P) * (torch.arange(len(W)) % 2)[:, None])

    return {"project": along}


def _doubled(space):
    basis = space.basis
    return {"basis": lambda: 2 * basis()}


@pytest.mark.parametrize(
    ("straw", "claims"),
    [
        (_halved, {"idempotent", "average"}),
        (_oblique, {"self-adjoint", "average"}),
        (_doubled, {"orthonormal"}),
    ],
)
def test_a_projector_or_a_basis_of_another_kind_is_found_out(monkeypatch, measures, straw, claims):
    def changed(left, right, route="auto"):
        space = intertwiners(left, right, route=route)
        for name, method in straw(space).items():
            monkeypatch.setattr(space, name, method)
        return space

    bad = _ideal(measures)
    monkeypatch.setattr(exactness, "intertwiners", changed)
    generator = torch.Generator().manual_seed(0)
    bad["pairs"] = {name: check_pair(PAIRS[name], generator) for name in STRAW}
    found = {one.name: one.verdict for one in judge(CLAIMS, [bad] * 3) if not one.holds}
    assert found == dict.fromkeys(claims, "contradicted")


def test_the_affine_map_of_least_squares_is_one_and_with_an_infinite_ridge_the_mean():
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(40, 3, generator=generator), torch.randn(3, 2, generator=generator)
    y = x @ weight + 1.0
    assert torch.allclose(Affine(x, y, 1e-9)(x), y, atol=1e-4)
    assert torch.allclose(Affine(x, y, float("inf"))(x), y.mean(0).expand(40, 2), atol=1e-6)
    assert float(Affine(x, y, 1.0).weight.detach().norm()) < float(weight.norm())


def test_all_maps_in_the_place_of_the_equivariant_ones_hold_nothing(measures):
    """The space of all matrices: nothing is projected away."""
    bad = _ideal(measures)
    for pair in bad["pairs"].values():
        pair |= {"dim": pair["sizes"][0] * pair["sizes"][1], "reynolds": 0.7, "equivariance": 1.2, "routes": 0.7}
    failed = {claim.name for claim in judge(CLAIMS, [bad] * 3) if not claim.holds}
    assert failed == {"characters", "Molien", "closed forms", "two counts", "average", "equivariance", "routes"}


def test_sections_have_their_tables_and_figures(measures):
    sections = told([measures, measures])
    assert [section.title for section in sections] == ["Counts", "A basis", "Times", "Learning from few samples"]
    assert len(sections[0].table.rows) == len(TINY["pairs"])
    assert len(sections[1].figure.axes) == 15
    assert len(sections[2].table.rows) == 3
    assert len(sections[3].table.rows) == 12
    assert len(sections[3].figure.axes) == 2
