"""Each claim against its straw man: the measures of what has no symmetry, no training, or nothing to show."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haar.systems.claim import judge
from haar.systems.sign_equivariance.claims import CLAIMS

RECORDED = json.loads((Path(__file__).parent / "measures.json").read_text())[0]
Measures = dict[str, Any]


def instead(part: str, network: str, other: str) -> Callable[[Measures], Any]:
    """One network's measures in the place of another's."""
    return lambda m: m[part]["networks"].update({network: m[part]["networks"][other]})


def all_links_as(graph: str, scale: str, network: str, area: float) -> Callable[[Measures], Any]:
    return lambda m: m["links"][graph][scale][network].update(auc=area)


def changed(part: str, network: str, share: float) -> Callable[[Measures], Any]:
    return lambda m: m[part]["networks"][network].update(changed=share)


def static(m: Measures) -> None:
    """Nothing moves: what needs no training, in the place of the sign-equivariant network."""
    for found in m["particles"]["dimensions"].values():
        for kind, network in found["networks"].items():
            if kind.startswith("sign"):
                network["mse"] = found["untrained"]["static"]


def without_symmetry(m: Measures) -> None:
    networks = m["particles"]["dimensions"]["3"]["networks"]
    networks["sign"] = networks["none"]


def as_dear(factor: float) -> Callable[[Measures], Any]:
    """An average over frames that costs so much more than mode sign in every dimension."""
    return lambda m: [cost.update(average=factor * cost["sign"]) for cost in m["particles"]["costs"].values()]


def usual(error: float) -> Callable[[Measures], Any]:
    networks = {"sign": {"mse": error}, "none": {"mse": 0.02}}
    return lambda m: m["particles"].update(usual={"networks": networks, "floor": {"low": 0.005}})


STRAW_MEN: dict[str, Callable[[Measures], Any]] = {
    "twins tie": instead("twins", "gcn", "mlp"),
    "twins told apart": instead("twins", "sign_eq", "signnet"),
    "twins: beyond products": instead("twins", "sign_eq", "gcn"),
    "links: order": all_links_as("ER", "unit", "sign_eq", 0.5),
    "links: a matter of tuning": all_links_as("ER", "unit", "signnet", 0.5),
    "links: near the oracle": all_links_as("ER", "unit", "sign_eq", 0.5),
    "links: a matter of scale": all_links_as("ER", "sqrt_n", "sign_eq", 1.0),
    "links: one eigenvector": lambda m: m["links"]["ER"]["untrained"]["auc"].update({"Fiedler product": 0.5}),
    "links: untrained above ours": lambda m: m["links"]["BA"]["untrained"]["auc"].update({"Fiedler product": 0.5}),
    "new graphs: positions help": instead("inductive", "sign_eq", "gcn"),
    "new graphs: as SignNet": instead("inductive", "signnet", "gcn"),
    "particles: symmetry helps": static,
    "particles: one pass": static,
    "particles: for its time": static,
    "particles: exact": without_symmetry,
    "particles: the data's floor": lambda m: m["particles"]["floor"].update(component=m["particles"]["floor"]["norm"]),
    "particles: no floor": lambda m: m["particles"]["floor"].update(norm=m["particles"]["floor"]["component"]),
    "frames grow as 2^d": as_dear(100.0),
    "frames out of reach": as_dear(1.0),
    "usual task: symmetry helps": usual(0.03),
    "usual task: above the floor": usual(0.001),
    "communities: order": instead("communities", "sign_eq", "none"),
    "communities: signs do not matter": instead("communities", "sign_eq", "flips"),
    "communities: flips do not remove signs": changed("communities", "flips", 0.0),
    "communities: beyond no training": lambda m: m["communities"]["networks"]["sign_eq"].update(accuracy=1 / 6),
    "patterns: signs do not matter": instead("patterns", "sign_eq", "flips"),
    "patterns: flips do not remove signs": changed("patterns", "flips", 0.0),
    "patterns: a matter of degrees": lambda m: m["patterns"]["untrained"].update({"degree above one threshold": 0.5}),
}


def test_every_claim_has_its_straw_man():
    assert set(STRAW_MEN) == {claim.name for claim in CLAIMS}


@pytest.mark.parametrize("name", STRAW_MEN)
def test_a_claim_does_not_hold_on_its_straw_man(name):
    spoilt = copy.deepcopy(RECORDED)
    STRAW_MEN[name](spoilt)
    verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, [spoilt])}
    assert verdicts[name] == "contradicted"


def test_what_was_recorded_holds_but_for_one_claim_that_its_only_seed_contradicts():
    verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, [RECORDED])}
    assert {name for name, verdict in verdicts.items() if verdict != "holds"} == {"links: near the oracle"}
