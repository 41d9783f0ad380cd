"""Each claim against its straw man: the measures of what has no symmetry, no training, or nothing to show."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from haar.systems.claim import judge
from haar.systems.sign_equivariance.claims import CLAIMS

RECORDED = json.loads((Path(__file__).parent / "measures.json").read_text())[0]
Measures = dict[str, Any]
Spoil = Callable[[Measures], Any]
BY_NAME = {claim.name: claim for claim in CLAIMS}


def network(part: str, name: str, **measured: Any) -> Spoil:
    """Other measures of a network."""
    return lambda m: m[part]["networks"][name].update(measured)


def instead(part: str, name: str, other: str) -> Spoil:
    """One network's measures in the place of another's."""
    return lambda m: m[part]["networks"].update({name: m[part]["networks"][other]})


def area(graph: str, scale: str, name: str, value: float) -> Spoil:
    return lambda m: m["links"][graph][scale][name].update(auc=value)


def oracle(graph: str, name: str, value: float) -> Spoil:
    return lambda m: m["links"][graph]["untrained"]["auc"].update({name: value})


def units(part: str, name: str, value: float, what: str = "units") -> Spoil:
    """The same number for every graph that a network was tested on."""
    return lambda m: m[part]["networks"][name].update({what: [value] * len(m[part]["networks"][name][what])})


def times(d: str, name: str, factor: float, *, of: str) -> Spoil:
    """A network in d dimensions whose errors are so many times those of another."""

    def spoil(m: Measures) -> None:
        networks = m["particles"]["dimensions"][d]["networks"]
        source = networks.get(of) or {"units": m["particles"]["dimensions"][d]["untrained_units"][of]}
        networks.setdefault(name, {})["units"] = [factor * each for each in source["units"]]

    return spoil


def without_symmetry(m: Measures) -> None:
    m["particles"]["dimensions"]["3"]["networks"]["sign"]["equivariance_error_clear"] = 0.5


def as_dear(factor: float) -> Spoil:
    """An average over frames that costs so much more than mode sign in every dimension."""
    return lambda m: [cost.update(average=factor * cost["sign"]) for cost in m["particles"]["costs"].values()]


def usual(error: float) -> Spoil:
    """The usual task, where no symmetry has 0.02 on every trajectory and straight lines 0.05."""
    found = {
        "networks": {"sign": {"mse": error, "units": [error] * 4}, "none": {"mse": 0.02, "units": [0.02] * 4}},
        "untrained_units": {"linear": [0.05] * 4},
        "floor": {"low": 0.005},
    }
    return lambda m: m["particles"].update(usual=found)


def dimension(d: int, ratio: float) -> Spoil:
    """A dimension in which the sign-equivariant network's errors are so many times the others'."""

    def spoil(m: Measures) -> None:
        names = {"sign": ratio, "none": 1.0, "sign_long": ratio, "none_long": 1.0}
        networks = {name: {"units": [factor] * 4} for name, factor in names.items()}
        m["particles"]["dimensions"][str(d)] = {"networks": networks, "untrained_units": {"linear": [1.0] * 4}}

    return spoil


def in_dimensions(name: str, ratio: float, dims: Sequence[int] = range(3, 9)) -> dict[str, Spoil]:
    return {name.format(d=d): dimension(d, ratio) for d in dims}


STRAW_MEN: dict[str, Spoil] = {
    "twins: beyond no training": lambda m: m["twins"]["untrained"].update(diffusion=1.0),
    "twins tie": instead("twins", "gcn", "mlp"),
    "twins told apart": instead("twins", "sign_eq", "signnet"),
    "twins: beyond products": instead("twins", "sign_eq", "gcn"),
    "links: beyond one eigenvector": area("ER", "unit", "sign_eq", 0.5),
    "links: beyond SignNet": area("ER", "unit", "sign_eq", 0.5),
    "links: beyond products": area("ER", "unit", "sign_eq", 0.5),
    "links: products beyond dot": area("ER", "unit", "mlp", 0.4),
    "links: dot beyond GCN": oracle("ER", "dot", 0.4),
    "links: dot beyond SignNet": oracle("ER", "dot", 0.4),
    "links: SignNet learns": area("ER", "unit", "signnet", 0.5),
    "links: near the oracle": area("ER", "unit", "sign_eq", 0.5),
    "links: one eigenvector": oracle("ER", "Fiedler product", 0.5),
    "links: the oracle's closed form": lambda m: m["links"]["ER"]["untrained"].update(ceiling=0.9),
    "links: a matter of scale": area("ER", "sqrt_n", "sign_eq", 1.0),
    "links: untrained above ours": oracle("BA", "Fiedler product", 0.5),
    "new graphs: beyond one eigenvector": instead("inductive", "sign_eq", "gcn"),
    "new graphs: positions help": instead("inductive", "sign_eq", "gcn"),
    "new graphs: as SignNet": instead("inductive", "signnet", "gcn"),
    **in_dimensions("particles: beyond straight lines, d = {d}", 1.1),
    **in_dimensions("particles: symmetry helps, d = {d}", 0.7),
    **in_dimensions("particles: symmetry helps, d = {d}, longer", 0.7, (3, 5)),
    "particles: sign before frame averages": times("3", "sign", 1.1, of="average"),
    "particles: frame averages before one frame": times("3", "average", 1.1, of="sample"),
    "particles: frame averages before unsigned axes": times("3", "average", 1.1, of="naive"),
    "particles: one frame before none": times("3", "sample", 1.1, of="none"),
    "particles: unsigned axes before none": times("3", "naive", 1.1, of="none"),
    "particles: sign before one frame": times("3", "sign", 1.1, of="sample"),
    "particles: beyond vectors without a frame": times("3", "sign", 1.1, of="vectors"),
    "particles: unsigned axes do not turn": lambda m: m["particles"]["dimensions"]["3"]["networks"]["naive"].update(
        equivariance_error=1e-7
    ),
    "particles: for its time": times("3", "sign_long", 1.0, of="static"),
    "particles: exact": without_symmetry,
    "particles: the data's floor": lambda m: m["particles"]["floor"].update(component=m["particles"]["floor"]["norm"]),
    "particles: no floor": lambda m: m["particles"]["floor"].update(norm=m["particles"]["floor"]["component"]),
    "frames: one pass": lambda m: [cost.update(sign=8 * cost["none"]) for cost in m["particles"]["costs"].values()],
    "frames grow as 2^d": as_dear(100.0),
    "frames out of reach": as_dear(1.0),
    "usual task: beyond straight lines": usual(0.06),
    "usual task: symmetry helps": usual(0.03),
    "usual task: above the floor": usual(0.001),
    "communities: beyond no training": units("communities", "sign_eq", 1 / 6),
    "communities: beyond SignNet": instead("communities", "sign_eq", "none"),
    "communities: SignNet before none": units("communities", "signnet", 1 / 6),
    "communities: beyond flips": units("communities", "sign_eq", 1 / 6),
    "communities: signs do not matter": network("communities", "sign_eq", changed=0.01),
    "communities: flips do not remove signs": units("communities", "flips", 0.0, "changed_units"),
    "patterns: beyond one threshold": units("patterns", "sign_eq", 0.5),
    "patterns: a matter of degrees": lambda m: m["patterns"]["untrained_units"].update(
        {"degree above one threshold": [0.5] * len(m["patterns"]["networks"]["none"]["units"])}
    ),
    "patterns: signs do not matter": network("patterns", "signnet", changed=0.01),
    "patterns: flips do not remove signs": units("patterns", "flips", 0.0, "changed_units"),
}


def test_every_claim_has_its_straw_man():
    assert set(STRAW_MEN) == set(BY_NAME)


@pytest.mark.parametrize("name", STRAW_MEN)
def test_a_claim_does_not_hold_on_its_straw_man(name):
    spoilt = copy.deepcopy(RECORDED)
    STRAW_MEN[name](spoilt)
    (judged,) = judge([BY_NAME[name]], [spoilt] * 3)
    assert judged.verdict == "contradicted"


BOUNDS = {
    **{
        name: ("median", 0.0, -0.001)
        for name in BY_NAME
        if name.startswith(("links: beyond", "links: products", "links: dot", "new graphs: beyond", "communities: bey"))
    },
    "twins: beyond no training": ("median", 0.0, -0.001),
    "twins tie": ("every", 1e-12, 1.1e-12),
    "twins told apart": ("median", 0.7, 0.69),
    "twins: beyond products": ("median", 0.0, -0.001),
    "links: SignNet learns": ("median", 0.1, 0.099),
    "links: near the oracle": ("median", 0.02, 0.021),
    "links: one eigenvector": ("median", 0.02, 0.021),
    "links: the oracle's closed form": ("median", (0.01, -0.01), (0.011, -0.011)),
    "links: a matter of scale": ("median", 0.02, 0.021),
    "links: untrained above ours": ("median", 0.0, -0.001),
    "new graphs: positions help": ("median", 0.1, 0.099),
    "new graphs: as SignNet": ("median", (0.02, -0.02), (0.021, -0.021)),
    **{f"particles: beyond straight lines, d = {d}": ("median", 1.0, 1.01) for d in range(3, 9)},
    **{f"particles: symmetry helps, d = {d}": ("median", 0.6, 0.61) for d in range(3, 9)},
    **{f"particles: symmetry helps, d = {d}, longer": ("median", 0.6, 0.61) for d in (3, 5)},
    "particles: sign before frame averages": ("median", 1.0, 1.01),
    "particles: frame averages before one frame": ("median", 1.0, 1.01),
    "particles: frame averages before unsigned axes": ("median", 1.0, 1.01),
    "particles: one frame before none": ("median", 1.0, 1.01),
    "particles: unsigned axes before none": ("median", 1.0, 1.01),
    "particles: sign before one frame": ("median", 1.0, 1.01),
    "particles: beyond vectors without a frame": ("median", 1.0, 1.01),
    "particles: unsigned axes do not turn": ("median", 1e-2, 0.99e-2),
    "particles: for its time": ("median", 1.0, 1.01),
    "particles: exact": ("every", 1e-4, 1.1e-4),
    "particles: the data's floor": ("median", 1e-4, 0.9e-4),
    "particles: no floor": ("every", 1e-12, 1.1e-12),
    "frames: one pass": ("median", 1.5, 1.51),
    "frames grow as 2^d": ("median", 2.0, 1.99),
    "frames out of reach": ("median", 20.0, 19.9),
    "usual task: beyond straight lines": ("median", 1.0, 1.01),
    "usual task: symmetry helps": ("median", 1.0, 1.01),
    "usual task: above the floor": ("every", 0.0, -1e-9),
    "communities: SignNet before none": ("median", 0.0, -0.001),
    "communities: signs do not matter": ("every", 0.0, 1e-6),
    "communities: flips do not remove signs": ("median", 5e-4, 4e-4),
    "patterns: beyond one threshold": ("median", 0.0, -0.001),
    "patterns: a matter of degrees": ("median", 0.02, 0.021),
    "patterns: signs do not matter": ("every", 0.0, 1e-6),
    "patterns: flips do not remove signs": ("median", 5e-4, 4e-4),
}


def test_bounds_are_those_that_are_said(holds_between):
    holds_between(CLAIMS, BOUNDS)


def mean(part: str, name: str, what: str = "units") -> float:
    return fmean(RECORDED[part]["networks"][name][what])


def found(name: str) -> float:
    return float(judge([BY_NAME[name]], [RECORDED])[0].value)


def test_shares_and_areas_are_compared_graph_by_graph():
    twins, er = RECORDED["twins"]["networks"], RECORDED["links"]["ER"]
    assert found("twins: beyond products") == pytest.approx(twins["sign_eq"]["accuracy"] - twins["mlp"]["accuracy"])
    unit, free = er["unit"], er["untrained"]["auc"]
    told = {
        "links: beyond one eigenvector": unit["sign_eq"]["auc"] - free["Fiedler product"],
        "links: beyond SignNet": unit["sign_eq"]["auc"] - unit["signnet"]["auc"],
        "links: beyond products": unit["sign_eq"]["auc"] - unit["mlp"]["auc"],
        "links: products beyond dot": unit["mlp"]["auc"] - free["dot"],
        "links: dot beyond GCN": free["dot"] - unit["gcn"]["auc"],
        "links: dot beyond SignNet": free["dot"] - unit["signnet"]["auc"],
        "links: SignNet learns": unit["signnet"]["auc"] - unit["gcn"]["auc"],
        "links: near the oracle": free["same copy (oracle)"] - unit["sign_eq"]["auc"],
        "links: one eigenvector": free["same copy (oracle)"] - free["Fiedler product"],
        "links: the oracle's closed form": free["same copy (oracle)"] - er["untrained"]["ceiling"],
        "links: a matter of scale": er["sqrt_n"]["sign_eq"]["auc"] - er["sqrt_n"]["signnet"]["auc"],
    }
    assert {name: found(name) for name in told} == pytest.approx(told)


def test_accuracies_are_means_over_graphs():
    assert found("new graphs: as SignNet") == pytest.approx(
        RECORDED["inductive"]["networks"]["sign_eq"]["auc"] - RECORDED["inductive"]["networks"]["signnet"]["auc"],
        abs=2e-5,
    )
    networks = RECORDED["communities"]["networks"]
    for first, second, name in (
        ("sign_eq", "signnet", "communities: beyond SignNet"),
        ("signnet", "none", "communities: SignNet before none"),
        ("sign_eq", "flips", "communities: beyond flips"),
    ):
        assert found(name) == pytest.approx(networks[first]["accuracy"] - networks[second]["accuracy"], abs=2e-5)
    untrained = RECORDED["communities"]["untrained"]["nearest named node"]
    assert found("communities: beyond no training") == pytest.approx(
        networks["sign_eq"]["accuracy"] - untrained, abs=2e-5
    )
    assert found("communities: flips do not remove signs") == pytest.approx(networks["flips"]["changed"], abs=2e-5)
    best = max(network["accuracy"] for network in RECORDED["patterns"]["networks"].values())
    threshold = RECORDED["patterns"]["untrained"]["degree above one threshold"]
    assert found("patterns: a matter of degrees") == pytest.approx(best - threshold, abs=2e-5)


def test_errors_are_ratios_of_means_on_the_same_trajectories():
    m = copy.deepcopy(RECORDED)
    networks = m["particles"]["dimensions"]["3"]["networks"]
    names = ("sign", "none", "average", "sample", "naive", "vectors", "sign_long")
    for place, name in enumerate(names):
        networks[name]["units"] = [1.0 + place, 1.0 + place, 4.0 + place]  # means 2 + place; medians 1 + place
    networks["none_long"] = {"units": [0.0, 0.0, 3.0]}
    m["particles"]["dimensions"]["3"]["untrained_units"]["linear"] = [10.0, 10.0, 40.0]
    told = {
        "particles: beyond straight lines, d = 3": 2 / 20,
        "particles: symmetry helps, d = 3": 2 / 3,
        "particles: symmetry helps, d = 3, longer": 8 / 1,
        "particles: sign before frame averages": 2 / 4,
        "particles: frame averages before one frame": 4 / 5,
        "particles: frame averages before unsigned axes": 4 / 6,
        "particles: one frame before none": 5 / 3,
        "particles: unsigned axes before none": 6 / 3,
        "particles: sign before one frame": 2 / 5,
        "particles: beyond vectors without a frame": 2 / 7,
        "particles: for its time": 8 / 4,
    }
    judged = {claim.name: claim.value for claim in judge([BY_NAME[name] for name in told], [m])}
    assert judged == pytest.approx(told)


def test_costs_are_compared_dimension_by_dimension():
    m = copy.deepcopy(RECORDED)
    m["particles"]["costs"] = {
        "3": {"none": 1.0, "sign": 2.0, "average": 8.0},
        "5": {"none": 1.0, "sign": 1.0, "average": 12.0},
        "6": {"none": 2.0, "sign": 2.0, "average": 60.0},
        "8": {"none": 4.0, "sign": 2.0, "average": 150.0},
    }
    judged = {claim.name: claim for claim in judge(CLAIMS, [m])}
    assert judged["frames: one pass"].value == 2.0
    assert judged["frames grow as 2^d"].value == pytest.approx(75 / 30)  # and 12 / 4 from three dimensions to five
    assert judged["frames out of reach"].value == pytest.approx(75)
    del m["particles"]["costs"]["8"]
    assert "frames out of reach" not in {claim.name for claim in judge(CLAIMS, [m])}


def test_what_is_exact_is_read_of_every_network():
    m = copy.deepcopy(RECORDED)
    m["twins"]["networks"]["signnet"]["apart"] = 2e-12
    m["particles"]["dimensions"]["5"]["networks"]["sign_long"]["equivariance_error_clear"] = 2e-4
    m["communities"]["networks"]["signnet"]["changed"] = 0.25
    judged = {claim.name: claim for claim in judge(CLAIMS, [m])}
    for name in ("twins tie", "particles: exact", "communities: signs do not matter"):
        assert judged[name].verdict == "contradicted", name
        assert judge([BY_NAME[name]], [RECORDED])[0].verdict == "holds", name
    assert judged["twins tie"].values == (RECORDED["twins"]["networks"]["gcn"]["apart"], 2e-12)
    usual(0.01)(m)
    found = {claim.name: claim.value for claim in judge(CLAIMS, [m])}
    assert found["usual task: above the floor"] == pytest.approx(0.005)
    assert found["usual task: symmetry helps"] == pytest.approx(0.5)
    assert found["usual task: beyond straight lines"] == pytest.approx(0.2)
    assert found["particles: the data's floor"] == pytest.approx(
        fmean(RECORDED["particles"]["floor"]["component"]["units"])
    )
