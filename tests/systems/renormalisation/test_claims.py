"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

import pytest

from haar.systems.claim import judge
from haar.systems.renormalisation.claims import CLAIMS

BOUNDS = {
    "relu tied fails out of distribution": ("median", 20, 19.9),
    "relu full fails out of distribution": ("median", 20, 19.9),
    "quadratic tied fails everywhere": ("median", 1000, 999),
    "quadratic full fails everywhere": ("median", 1000, 999),
    "relu sum helps": ("median", 1.0, 1.01),
    "relu odd helps": ("median", 1.0, 1.01),
    "depth hurts without symmetry": ("median", 1e6, 0.99e6),
    "the right symmetry tames depth": ("median", 1e-6, 1.01e-6),
    "spectrum of free": ("median", 0.03, 0.031),
    "spectrum of sum": ("median", 0.03, 0.031),
    "spectrum of odd": ("median", 0.03, 0.031),
    "spectrum of tied": ("median", 0.3, 0.29),
    "errors predicted from cumulants": ("median", 3.0, 3.01),
    "cumulants through graph networks": ("median", 0.1, 0.101),
    "equal units stay equal": ("every", 1e-12, 1.01e-12),
    "decay restores": ("median", 1.0, 1.01),
    "a static bias removes the trap": ("median", 0.1, 0.101),
    "second order from the first layer on": ("median", 0.5, 0.51),
}
LAWS = ["gauss", "gauss x3", "t5"]


def zoo(name, *rows, z=None):
    """A cell with the errors of two networks on three laws."""
    activation, family, depth = name.split()
    cell = {"activation": activation, "family": family, "depth": int(depth), "laws": LAWS, "nmse": list(rows)}
    return {name: cell if z is None else {**cell, "z": z}}


MADE = {
    "seeds": [0, 1],
    "zoo": {
        **zoo("relu free 1", [9.0, 1.0, 9.0], [9.0, 2.0, 9.0], z=[[99.0] * 3] * 2),
        **zoo("relu tied 1", [9.0, 30.0, 9.0], [9.0, 50.0, 9.0]),
        **zoo("relu full 1", [9.0, 40.0, 9.0], [9.0, 70.0, 9.0]),
        **zoo("relu sum 1", [9.0, 0.5, 9.0], [9.0, 0.4, 9.0]),
        **zoo("relu odd 1", [9.0, 0.9, 9.0], [9.0, 1.0, 9.0]),
        **zoo("quadratic free 1", [1.0, 1.0, 2.0], [2.0, 4.0, 0.0], z=[[1.0, 2.0, 9.0], [0.5, 0.1, 9.0]]),
        **zoo("quadratic free 2", [9.0, 3.0, 9.0], [9.0, 8.0, 9.0]),
        **zoo("quadratic tied 1", [7.0, 6.0, 10.0], [2.0, 8.0, 9.0], z=[[0.2, 0.3, 9.0], [0.7, 0.1, 9.0]]),
        **zoo("quadratic full 1", [3.0, 6.0, 8.0], [2.0, 12.0, 9.0]),
        **zoo("quadratic sum 2", [9.0, 0.25, 9.0], [9.0, 0.75, 9.0]),
    },
    "graphs": {
        "path": {"propagation": {"gauss": {"order2": [[0.1, 0.2], [0.3, 0.1]], "order3": [[0.0, 0.15], [0.6, 0.1]]}}},
        "ring": {"propagation": {"gauss": {"order2": [[0.1, 0.0], [0.3, 0.1]], "order3": [[0.0, 0.05], [0.2, 0.1]]}}},
        "deep": {},
    },
    "steps": {
        f"quadratic {family}": {"relative_error": [[9.0, 9.0, value, 9.0], [9.0, 9.0, 2 * value, 9.0]]}
        for family, value in {"free": 0.01, "sum": 0.02, "odd": 0.03, "tied": 0.4}.items()
    },
    "breaking": {
        "symmetric": {"distance": [[0.0, 0.1], [0.3, 0.0], [0.2, 0.05]], "losses": [[9.0, 9.0]]},
        "perturbed": {"distance": [[9.0, 9.0], [0.5, 0.4]], "losses": [[9.0, 9.0], [9.0, 9.0]]},
        "decayed": {"distance": [[9.0, 9.0], [0.1, 0.2]], "losses": [[9.0, 9.0], [2.0, 4.0]]},
        "biased": {"distance": [[9.0, 9.0], [9.0, 9.0]], "losses": [[9.0, 9.0], [0.5, 0.2]]},
    },
    "closure": {
        "digits": {
            "available": True,
            "rows": [
                {"start": "N(0, 2/fan_in)", "runs": [{"loss": 9.0, "closures": [1.0, 1.0]}]},
                {
                    "start": "U(+-1/sqrt fan_in)",
                    "runs": [{"loss": 1.0, "closures": [3.0, 0.5, 9.0]}, {"loss": 1.0, "closures": [0.5, 1.1, 9.0]}],
                },
            ],
        }
    },
}
READ = {
    "relu tied fails out of distribution": [30.0, 25.0],
    "relu full fails out of distribution": [40.0, 35.0],
    "quadratic tied fails everywhere": [5.0, 1.0],
    "quadratic full fails everywhere": [3.0, 1.0],
    "relu sum helps": [0.5, 0.2],
    "relu odd helps": [0.9, 0.5],
    "depth hurts without symmetry": [3.0, 2.0],
    "the right symmetry tames depth": [0.25, 0.75],
    "spectrum of free": [0.01, 0.02],
    "spectrum of sum": [0.02, 0.04],
    "spectrum of odd": [0.03, 0.06],
    "spectrum of tied": [0.4, 0.8],
    "errors predicted from cumulants": [2.0, 0.7],
    "cumulants through graph networks": [0.2, 0.6],
    "equal units stay equal": [0.3, 0.1],
    "decay restores": [0.2, 0.5],
    "a static bias removes the trap": [0.25, 0.05],
    "second order from the first layer on": [0.25, 0.2],
}


def values(measures):
    return {claim.name: list(claim.values) for claim in judge(CLAIMS, [measures])}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert values(MADE) == {name: pytest.approx(told) for name, told in READ.items()}
    holds_between(CLAIMS, BOUNDS)


def test_digits_that_are_not_there_are_not_judged():
    without = {**MADE, "closure": {"digits": {"available": False}}}
    assert set(READ) - set(values(without)) == {"second order from the first layer on"}
