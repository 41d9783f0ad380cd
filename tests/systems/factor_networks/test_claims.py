"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

import pytest

from haar.systems.claim import judge
from haar.systems.factor_networks.claims import CLAIMS

BELOW_ONE = ("median", 1.0, 1.01)
BOUNDS = {
    "gauge: it has learned": BELOW_ONE,
    "gauge: align": ("median", 1.3, 1.31),
    "gauge: canonical": ("median", 10.0, 9.9),
    "gauge: invariant": ("median", 10.0, 9.9),
    "gauge: raw": ("median", 10.0, 9.9),
    "linear: FAR beats linear": BELOW_ONE,
    "sine: GFANN beats linear": BELOW_ONE,
    "linear: FAR before soft": BELOW_ONE,
    "linear: soft before GFANN": BELOW_ONE,
    "linear: FAR before GFANN": BELOW_ONE,
    "linear: soft before NN": BELOW_ONE,
    "linear: FAR before NN": BELOW_ONE,
    "sine: GFANN before FAR": ("median", 2.0, 1.99),
    "sine: GFANN before NN": BELOW_ONE,
    "sine: NN ties": BELOW_ONE,
    "tanh: FAR before NN": BELOW_ONE,
    "returns: explained": ("every", 1e-3, 1.1e-3),
    "returns: heads have learned": BELOW_ONE,
    "returns: drift": ("median", 0.5, 0.51),
    "returns: kept heads": ("median", 0.5, 0.51),
    "returns: a rule for signs is not enough": BELOW_ONE,
}
MADE = {
    "gauge": {
        "policies": {
            "errors": {"fixed": 2.0, "align": 3.0, "canonical": 8.0, "invariant": 10.0, "raw": 12.0, "linear": 6.0}
        }
    },
    "networks": {
        "linear": {
            "errors": {"FAR": 1.0, "soft": 2.0, "GFANN": 8.0, "NN": 16.0, "NN, decay": 4.0, "linear on factors": 5.0}
        },
        "tanh": {"errors": {"FAR": 3.0, "NN, decay": 4.0}},
        "sine": {"errors": {"FAR": 6.0, "GFANN": 2.0, "NN": 9.0, "NN, decay": 1.0, "linear on factors": 8.0}},
    },
    "returns": {
        "windows": {
            "explained": {"1": [0, 0, 0, 0], "4": [0.986, 0.865, 0.743, 0.893]},
            "drift": {"solver": [1.0, 3.0], "by loadings": [1.0, 1.0], "aligned": [0.5, 0.5]},
            "errors": {"solver": [3.0, 5.0], "by loadings": [2.0, 2.0], "aligned": [0.5, 0.5]},
            "nothing": [1.0, 3.0],
        }
    },
}
READ = {
    "gauge: it has learned": 0.5,
    "gauge: align": 1.5,
    "gauge: canonical": 4.0,
    "gauge: invariant": 5.0,
    "gauge: raw": 6.0,
    "linear: FAR beats linear": 0.2,
    "sine: GFANN beats linear": 0.25,
    "linear: FAR before soft": 0.5,
    "linear: soft before GFANN": 0.25,
    "linear: FAR before GFANN": 0.125,
    "linear: soft before NN": 0.125,
    "linear: FAR before NN": 0.25,
    "sine: GFANN before FAR": 3.0,
    "sine: GFANN before NN": 2.0,
    "sine: NN ties": 0.5,
    "tanh: FAR before NN": 0.75,
    "returns: explained": 0.01,
    "returns: heads have learned": 0.25,
    "returns: drift": 0.25,
    "returns: kept heads": 0.125,
    "returns: a rule for signs is not enough": 0.25,
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert {claim.name: claim.value for claim in judge(CLAIMS, [MADE])} == pytest.approx(READ)
    holds_between(CLAIMS, BOUNDS)
