"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

import copy
import math

import pytest

from haar.systems.claim import judge
from haar.systems.kkan.claims import CLAIMS, at_equal_steps, within

BOUNDS = {
    "simpler networks: oscillatory": ("median", 1.0, 1.01),
    "baseline: oscillatory": ("median", 0.5, 0.51),
    "baseline: discontinuous": ("median", 0.5, 0.51),
    "baseline: two frequencies": ("median", 0.5, 0.51),
    "plain perceptrons: oscillatory": ("median", 5.0, 4.99),
    "plain perceptrons: discontinuous": ("median", 1.5, 1.49),
    "Chebyshev networks": ("median", 1.0, 1.01),
    "tuned networks: discontinuous": ("median", 1.0, 1.01),
    "no frequency is chosen": ("median", 1.0, 1.01),
    "frequencies matter": ("median", 1.5, 1.49),
    "symmetry is exact": ("every", 1e-12, 1.1e-12),
    "sharing costs little": ("median", 1.2, 1.21),
    "complexity of what has learned": ("median", (0.9, 1.1), (0.89, 1.11)),
    "complexity of what is stuck": ("median", 0.2, 0.21),
    "signal falls": ("median", 3.0, 2.99),
    "signal recovers": ("median", 1.5, 1.49),
    "poisson: baseline": ("median", 0.5, 0.51),
    "helmholtz: baseline": ("median", 0.5, 0.51),
    "poisson: comparable": ("median", 2.0, 2.01),
    "helmholtz: comparable": ("median", 2.0, 2.01),
    "helmholtz: odd by its shape": ("every", 1e-12, 1.1e-12),
}


def _network(errors, second=1.0):
    """A network of which errors are known after 10, 20, ... steps, each of a time."""
    steps = [10 * (k + 1) for k in range(len(errors))]
    return {"planned": 20, "steps": steps, "errors": list(errors), "seconds": [step * second for step in steps]}


def _function(kkan, perceptron, ckan, features, sines):
    """KKAN's steps take twice the time of the others'."""
    networks = {"KKAN": _network([1.0, kkan], 2.0), "perceptron": _network([1.0, perceptron])}
    networks["cKAN"] = _network([1.0, ckan])
    networks |= {f"Fourier features {k}": _network(errors) for k, errors in zip((1, 2, 4), features, strict=True)}
    networks |= {f"SIREN {k}": _network(errors) for k, errors in zip((15, 30), sines, strict=True)}
    return {"constant": 0.8, "networks": networks}


#: After 20 steps, and after 40, which take KKAN's time.
FEATURES = ([0.9, 0.5, 0.4, 0.3], [0.9, 0.25, 0.2, 0.125], [0.9, 0.75, 0.7, 0.6])
SINES = ([0.9, 0.4, 0.4, 0.4], [0.9, 0.8, 0.8, 0.8])
MADE = {
    "regression": {
        name: _function(kkan, 2.0, 0.5, FEATURES, SINES)
        for name, kkan in {"oscillatory": 0.25, "discontinuous": 0.5, "two frequencies": 0.1}.items()
    },
    "symmetry": {"sharing": {"shared": {"error": 0.3, "moved": 1e-17}, "unshared": {"error": 0.4, "moved": 0.5}}},
    "learning": {
        "dynamics": {
            "target": 14.0,
            "KKAN": {"signal": [4.0, 0.5, 2.0], "complexity": [0.0, 3.0, 7.0]},
            "perceptron": {"signal": [4.0, 1.0, 1.0], "complexity": [0.0, 1.0, 1.4]},
        }
    },
    "physics": {
        "poisson": {
            "KKAN": {"plain": 0.3, "attention": 0.2},
            "tuned perceptron": {"plain": 0.4, "attention": 0.8},
        },
        "helmholtz": {
            "KKAN": {"plain": 0.3, "attention": 0.6},
            "tuned perceptron": {"plain": 0.2, "attention": 0.1},
            "odd KKAN": {"moved": 1e-16},
        },
    },
}
READ = {
    "simpler networks: oscillatory": 0.125 / 0.25,
    "baseline: oscillatory": 0.25 / 0.8,
    "baseline: discontinuous": 0.5 / 0.8,
    "baseline: two frequencies": 0.1 / 0.8,
    "plain perceptrons: oscillatory": 2.0 / 0.25,
    "plain perceptrons: discontinuous": 2.0 / 0.5,
    "Chebyshev networks": 0.25 / 0.5,
    "tuned networks: discontinuous": 0.5 / 0.25,
    "no frequency is chosen": 0.1 / 0.25,
    "frequencies matter": 0.75 / 0.25,
    "symmetry is exact": 1e-17,
    "sharing costs little": 0.3 / 0.4,
    "complexity of what has learned": 7.0 / 14.0,
    "complexity of what is stuck": 1.4 / 14.0,
    "signal falls": 4.0 / 0.5,
    "signal recovers": 2.0 / 0.5,
    "poisson: baseline": 0.2,
    "helmholtz: baseline": 0.3,
    "poisson: comparable": 0.2 / 0.4,
    "helmholtz: comparable": 0.3 / 0.1,
    "helmholtz: odd by its shape": 1e-16,
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])} == {k: [v] for k, v in READ.items()}
    holds_between(CLAIMS, BOUNDS)


def _ideal():
    """Measures on which every claim holds."""
    good = copy.deepcopy(MADE)
    for name, one in good["regression"].items():
        good["regression"][name] = _function(0.2, 2.0, 0.5, FEATURES, SINES) | {"constant": one["constant"]}
    good["learning"]["dynamics"]["KKAN"]["complexity"][-1] = 14.0
    good["physics"]["helmholtz"]["KKAN"]["plain"] = 0.2
    return good


def _spoilt():
    def error(function, network, value, at=1):
        return lambda m: m["regression"][function]["networks"][network]["errors"].__setitem__(at, value)

    def several(*changes):
        return lambda m: [change(m) for change in changes]

    def learning(network, key, values):
        return lambda m: m["learning"]["dynamics"][network].update({key: values})

    def solved(equation, network, value):
        return lambda m: m["physics"][equation][network].update(attention=value, plain=value)

    def all_features(function, value):
        return several(*(error(function, f"Fourier features {k}", value) for k in (1, 2, 4)))

    return {
        "simpler networks: oscillatory": several(
            error("oscillatory", "Fourier features 2", 0.3, 2), error("oscillatory", "Fourier features 2", 0.3, 3)
        ),
        "baseline: oscillatory": lambda m: m["regression"]["oscillatory"].update(constant=0.3),
        "baseline: discontinuous": lambda m: m["regression"]["discontinuous"].update(constant=0.3),
        "baseline: two frequencies": lambda m: m["regression"]["two frequencies"].update(constant=0.3),
        "plain perceptrons: oscillatory": error("oscillatory", "perceptron", 0.9),
        "plain perceptrons: discontinuous": error("discontinuous", "perceptron", 0.25),
        "Chebyshev networks": error("oscillatory", "cKAN", 0.1),
        "tuned networks: discontinuous": error("discontinuous", "SIREN 15", 0.1),
        "no frequency is chosen": several(
            error("two frequencies", "Fourier features 2", 0.1), error("two frequencies", "Fourier features 4", 0.3)
        ),
        "frequencies matter": all_features("two frequencies", 0.3),
        "symmetry is exact": lambda m: m["symmetry"]["sharing"]["shared"].update(moved=1e-9),
        "sharing costs little": lambda m: m["symmetry"]["sharing"]["shared"].update(error=0.5),
        "complexity of what has learned": learning("KKAN", "complexity", [0.0, 3.0, 10.0]),
        "complexity of what is stuck": learning("perceptron", "complexity", [0.0, 3.0, 10.0]),
        "signal falls": learning("KKAN", "signal", [1.0, 0.5, 2.0]),
        "signal recovers": learning("KKAN", "signal", [4.0, 0.5, 0.6]),
        "poisson: baseline": lambda m: m["physics"]["poisson"]["KKAN"].update(attention=0.6, plain=0.7),
        "helmholtz: baseline": several(*(solved("helmholtz", one, 0.6) for one in ("KKAN", "tuned perceptron"))),
        "poisson: comparable": solved("poisson", "tuned perceptron", 0.05),
        "helmholtz: comparable": solved("helmholtz", "KKAN", 0.4),
        "helmholtz: odd by its shape": lambda m: m["physics"]["helmholtz"]["odd KKAN"].update(moved=1e-9),
    }


def test_claims_hold_on_ideal_measures_and_each_can_fail():
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [_ideal()]) if not claim.holds} == {}
    spoilt = _spoilt()
    assert set(spoilt) == {claim.name for claim in CLAIMS}
    for name, spoil in spoilt.items():
        bad = _ideal()
        spoil(bad)
        verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [bad]) if not claim.holds}
        assert verdicts == {name: "contradicted"}, name


def test_a_network_that_is_a_plain_perceptron_holds_nothing_of_fits():
    """A straw man: KKAN is as wrong as the perceptron, and as stuck."""
    bad = _ideal()
    for one in bad["regression"].values():
        one["networks"]["KKAN"]["errors"][1] = one["networks"]["perceptron"]["errors"][1] = 0.79
    bad["learning"]["dynamics"]["KKAN"] = bad["learning"]["dynamics"]["perceptron"]
    held = {claim.name for claim in judge(CLAIMS, 3 * [bad]) if claim.holds}
    assert not {name for name in held if name.startswith(("baseline", "plain", "Chebyshev", "no frequency"))}
    assert not held & {"complexity of what has learned", "signal recovers", "tuned networks: discontinuous"}


def test_an_error_is_that_of_the_planned_step_and_the_last_within_a_time():
    one = _network([0.9, 0.5, 0.1])
    assert at_equal_steps(one) == 0.5
    assert [within(one, seconds) for seconds in (5, 10, 29, 30)] == [0.9, 0.9, 0.5, 0.1]


def test_an_error_is_not_known_where_it_was_not_read_or_a_time_is_lost():
    one = _network([0.9, 0.5, 0.1])
    assert math.isnan(at_equal_steps(one | {"planned": 25}))
    assert math.isnan(within(one, math.nan))
    assert math.isnan(within(one | {"seconds": [10.0, math.nan, 30.0]}, 30))


@pytest.mark.parametrize("key", ["planned", "seconds"])
def test_claims_are_open_where_steps_or_times_are_lost(key):
    lost = _ideal()
    lost["regression"]["oscillatory"]["networks"]["KKAN"][key] = None if key == "planned" else [None, None]
    verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [lost])}
    assert verdicts["simpler networks: oscillatory"] == "open"
    assert verdicts["baseline: discontinuous"] == "holds"
