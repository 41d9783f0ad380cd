"""Where the bounds of the claims lie, which of the measures each reads, and measures that have nothing to show."""

from __future__ import annotations

import copy

import pytest

from haar.report.json_file import plain
from haar.systems.claim import judge
from haar.systems.lattice_boltzmann.claims import CLAIMS
from haar.systems.lattice_boltzmann.recipe import PRESETS, RECIPE
from haar.systems.lattice_boltzmann.sections import told
from haar.systems.recipe import Recipe

BOUNDS = {
    "baseline": ("median", 1.0, 1.01),
    "viscosities": ("every", 1e-9, 1.1e-9),
    "locked vortices": ("median", 0.02, 0.021),
    "lock helps": ("median", 0.6, 0.61),
    "lock helps, from exact": ("median", 0.6, 0.61),
    "equivariance": ("every", 1e-12, 1.1e-12),
    "conservation": ("every", 1e-14, 1.1e-14),
    "naive is not equivariant": ("median", 1e-6, 0.9e-6),
    "naive does not conserve": ("median", 1e-6, 0.9e-6),
    "a priori": ("median", 0.7, 0.71),
    "parameters": ("every", 1.0, 1.01),
    "conservation pays": ("median", 5.0, 4.9),
    "symmetry pays": ("median", 0.6, 0.61),
    "averaging pays": ("median", 0.6, 0.61),
    "averaged later, a priori": ("every", 1.0, 1.01),
    "averaged later, naive": ("median", 1.0, 1.01),
    "averaged later, cons": ("median", 1.0, 1.01),
    "naive drifts": ("median", 1e-3, 0.9e-3),
    "no drift": ("every", 1e-9, 1.1e-9),
    "four-fold": ("every", 1e-9, 1.1e-9),
    "a priori, tuned": ("median", 0.7, 0.71),
    "symmetry pays, tuned": ("median", 0.6, 0.61),
    "lock helps, tuned": ("median", 0.6, 0.61),
    "turbulence baseline": ("median", 1.0, 1.01),
    "decaying flow": ("median", 0.5, 0.51),
    "survival": ("median", 1.0, 0.99),
    "cost, D2Q9": ("median", 4.0, 3.9),
    "cost, D3Q19": ("median", 10.0, 9.9),
    "cost, D3Q27": ("median", 10.0, 9.9),
    "exact, D3Q19": ("every", 1e-12, 1.1e-12),
    "exact, D3Q27": ("every", 1e-12, 1.1e-12),
    "broken symmetry": ("median", 1.0, 1.01),
    "floor": ("median", 1.0, 0.99),
    "relaxation finds it": ("median", 0.5, 0.49),
    "coarse": ("median", 1.0, 1.01),
    "cavity": ("median", 0.02, 0.021),
}


def vortex(error, flow, exact, **more):
    sound = {"viscosity": {"axis": 1.0, "diagonal": 1.0}, "parameters": 1251, "times": [0, 1], "amplitude": [1.0, 0.9]}
    quiet = dict.fromkeys(("equivariance", "mass", "momentum", "drift", "pattern"), 1e-16)
    return {"error": error, "flow_error": flow, "from_exact": exact, **sound, **quiet, **more}


def made():
    """Measures that show every effect."""
    loud = {"equivariance": 1e-3, "momentum": 1e-3, "drift": 0.1, "parameters": 3509}
    field = [[0.0, 1.0], [-1.0, 0.0]]
    simple = {name: vortex(2e-4, 0.03, 0.03) for name in ("exact", "persistence", "linear", "quadratic")}
    later = {"error": 4e-5, "flow_error": 0.02, "alone": 0.04}
    networks = {
        "references": simple,
        "naive": vortex(1e-4, 0.8, 0.8, averaged=dict(later), vorticity=field, **loud),
        "cons": vortex(1e-4, 0.05, 0.05, averaged=dict(later), parameters=3509),
        "lenn": vortex(3e-5, 0.02, 0.02),
        "locked": vortex(3e-5, 0.008, 0.002),
        "gavg": vortex(4e-5, 0.02, 0.02, parameters=3509),
    }
    run = {"steps": 100, "length": 100, "error": 1e-3, "energy_ratio": 1.0, "drift": 0.0}
    run |= {"times": [0, 100], "energy": [1.0, 0.5], "spectrum": [0.0, 1.0, 0.5], "frames": [field, field]}
    cost = {
        name: {"time": seconds, "multiplications": 9, "equivariance": 1e-16, "momentum": 1e-16}
        for name, seconds in (("naive", 1e-6), ("lenn", 1e-6), ("locked", 1e-6), ("gavg", 2e-5))
    }
    coarse = {name: {"flow_error": 0.1} for name in ("persistence", "bgk", "trt", "regularised", "untrained")}
    broken = {"floor": 2e-3, "D4": 3e-3, "C2v": 1e-4, "strict_loss": 0.02, "resilient_loss": 0.01}
    both = {"vertical": 0.01, "horizontal": 0.01}
    return {
        "vortices": networks,
        "tuned": copy.deepcopy(networks),
        "turbulence": {
            "exact": dict(run),
            "lenn": {**run, "flow_error": 0.2},
            "locked": {**run, "flow_error": 0.05},
        },
        "costs": {name: copy.deepcopy(cost) for name in ("D2Q9", "D3Q19", "D3Q27")},
        "breaking": {"anisotropic": {**broken, "largest": ["<r180, my>"]}},
        "coarse": {"decaying": {**coarse, "learned": {"flow_error": 0.09}}},
        "cavity": {"lid": {"exact": both, "locked": dict(both)}},
    }


def _networks(name, part="vortices", **numbers):
    return lambda m: m[part][name].update(numbers)


SPOILT = {
    "baseline": lambda m: m["vortices"]["references"]["linear"].update(error=1e-6),
    "viscosities": _networks("locked", viscosity={"axis": 1.0, "diagonal": 1.001}),
    "equivariance": _networks("gavg", equivariance=1e-8),
    "conservation": _networks("lenn", mass=1e-8),
    "naive is not equivariant": _networks("naive", equivariance=1e-15),
    "naive does not conserve": _networks("naive", momentum=1e-15),
    "parameters": _networks("lenn", parameters=4000),
    "conservation pays": _networks("naive", flow_error=0.06),
    "averaging pays": _networks("gavg", flow_error=0.5),
    "averaged later, a priori": lambda m: m["vortices"]["cons"]["averaged"].update(error=2e-4),
    "averaged later, naive": lambda m: m["vortices"]["naive"]["averaged"].update(flow_error=0.5),
    "averaged later, cons": lambda m: m["vortices"]["cons"]["averaged"].update(flow_error=0.5),
    "naive drifts": _networks("naive", drift=1e-12),
    "no drift": _networks("locked", drift=1e-3),
    "four-fold": _networks("locked", pattern=1e-3),
    "a priori": _networks("lenn", error=9e-5),
    "symmetry pays": _networks("cons", flow_error=0.021),
    "locked vortices": _networks("locked", flow_error=0.03),
    "lock helps": _networks("lenn", flow_error=0.009),
    "lock helps, from exact": _networks("lenn", from_exact=0.0021),
    "a priori, tuned": _networks("lenn", "tuned", error=9e-5),
    "symmetry pays, tuned": _networks("lenn", "tuned", flow_error=0.045),
    "lock helps, tuned": _networks("locked", "tuned", from_exact=0.02),
    "turbulence baseline": lambda m: [
        m["turbulence"][name].update(flow_error=e) for name, e in (("locked", 3), ("lenn", 9))
    ],
    "decaying flow": lambda m: m["turbulence"]["locked"].update(flow_error=0.3),
    "survival": lambda m: m["turbulence"]["lenn"].update(length=50),
    **{f"cost, {n}": (lambda m, n=n: m["costs"][n]["gavg"].update(time=2e-6)) for n in ("D2Q9", "D3Q19", "D3Q27")},
    **{f"exact, {n}": (lambda m, n=n: m["costs"][n]["locked"].update(momentum=1e-9)) for n in ("D3Q19", "D3Q27")},
    "broken symmetry": lambda m: m["breaking"]["anisotropic"].update(C2v=3e-3),
    "floor": lambda m: m["breaking"]["anisotropic"].update(D4=1e-4),
    "relaxation finds it": lambda m: m["breaking"]["anisotropic"].update(largest=["D4"]),
    "coarse": lambda m: m["coarse"]["decaying"]["learned"].update(flow_error=0.2),
    "cavity": lambda m: m["cavity"]["lid"]["locked"].update(vertical=0.2, horizontal=0.2),
}
#: What else fails with it, for it reads the same number.
BESIDE = {"symmetry pays": {"averaging pays", "conservation pays"}, "locked vortices": {"lock helps"}}


def test_claims_are_bounded_as_is_said(holds_between):
    holds_between(CLAIMS, BOUNDS)


def test_all_hold_on_ideal_measures():
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [made()]) if not claim.holds} == {}


@pytest.mark.parametrize("name", BOUNDS)
def test_every_claim_has_a_straw_man(name):
    spoilt = made()
    SPOILT[name](spoilt)
    verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [spoilt]) if not claim.holds}
    assert verdicts.pop(name) == "contradicted"
    assert set(verdicts) <= BESIDE.get(name, set())


def test_the_recipe_is_one_and_tells_tables_and_pictures():
    assert isinstance(RECIPE, Recipe)
    assert plain(PRESETS) == PRESETS
    sections = told(3 * [made()])
    assert [one.table.title for one in sections if one.table is not None] == [
        "Taylor-Green vortices",
        "Taylor-Green vortices",
        "Decaying flow",
        "Costs of a site",
        "A target without the quarter turn",
        "Coarse collisions",
        "Cavity",
    ]
    assert sum(one.figure is not None for one in sections) == 6
    rows = {row[0]: row for row in sections[0].table.rows}
    assert rows["equivariant, locked"][2:4] == ["3e-05", "0.008"]
