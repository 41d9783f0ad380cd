"""What must come out, judged on the measures of all seeds; each seed draws tables, networks and heads of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haar.systems.claim import Claim
from haar.systems.sample import Sample, ratio

Measures = Mapping[str, Any]
_FAN, _GUO, _OWN = "Fan and Gu 2024, section 5", "arXiv 2502.11310, abstract", "our own trial"
#: Shares of each factor's variance that four components of all months explain: market, size, value, momentum.
EXPLAINED = (0.986, 0.865, 0.733, 0.893)


def errors(above: str, below: str) -> Callable[[Measures], Sample]:
    """The ratio of two mean test errors over all seeds; a seed's are on the same table."""
    return lambda part: ratio([part["errors"][above]], [part["errors"][below]], "mean")


def drift(above: str, below: str) -> Callable[[Measures], Sample]:
    """The ratio of two mean distances between the frames of neighbouring windows."""
    return lambda part: ratio(part["drift"][above], part["drift"][below], "mean")


def kept_heads(above: str, below: str) -> Callable[[Measures], Sample]:
    """The ratio of two mean square errors of heads on the months after their windows."""
    return lambda part: ratio(part["errors"][above], part["errors"][below], "mean")


def _unexplained(part: Measures) -> Sample:
    return ratio(part["errors"]["aligned"], part["nothing"], "mean")


def _off(part: Measures) -> float:
    """Largest difference from what four components are known to explain."""
    return max(abs(float(one) - other) for one, other in zip(part["explained"]["4"], EXPLAINED, strict=True))


def _policy(
    policy: str, told: str, reported: str, *, at_most: float | None = None, at_least: float | None = None
) -> Claim:
    """Against a frame that was computed once."""
    return Claim(
        f"gauge: {policy}",
        f"{told} (test error over that of a fixed frame)",
        _OWN,
        errors(policy, "fixed"),
        at_most=at_most,
        at_least=at_least,
        part=("gauge", "policies"),
        reported=reported,
    )


def _networks(
    world: str,
    name: str,
    told: str,
    source: str,
    *,
    pair: tuple[str, str],
    reported: str = "",
    at_most: float | None = None,
    at_least: float | None = None,
) -> Claim:
    return Claim(
        f"{world}: {name}",
        f"{told} (ratio of test errors)",
        source,
        errors(*pair),
        at_most=at_most,
        at_least=at_least,
        part=("networks", world),
        reported=reported,
    )


_LINEAR, _SINE = "columns linear in the factors", "columns 1.5 sin(3 B f)"
CLAIMS = (
    Claim(
        "gauge: it has learned",
        "an aligned layer, whose frame is another in every batch, beats least squares on fixed factors (ratio of test "
        "errors)",
        "baseline",
        errors("align", "linear"),
        at_most=1.0,
        part=("gauge", "policies"),
    ),
    _policy(
        "align",
        "a frame turned to a running reference by Procrustes is as good as a fixed one",
        ".014 / .014",
        at_most=1.3,
    ),
    _policy("canonical", "signs by the largest entry are far worse than a fixed frame", ".479 / .014", at_least=10.0),
    _policy("invariant", "absolute values are far worse, for they lose the sign", ".497 / .014", at_least=10.0),
    _policy("raw", "random signs are far worse", ".528 / .014", at_least=10.0),
    _networks(
        "linear", "FAR beats linear", f"{_LINEAR}: FAR beats least squares on the same factors", "baseline",
        pair=("FAR", "linear on factors"), at_most=1.0,
    ),
    _networks(
        "sine", "GFANN beats linear", f"{_SINE}: GFANN beats least squares on factors", "baseline",
        pair=("GFANN", "linear on factors"), at_most=1.0,
    ),
    _networks(
        "linear", "FAR before soft", f"{_LINEAR}: FAR is better than soft components", _FAN, pair=("FAR", "soft"),
        reported=".066 / .123", at_most=1.0,
    ),
    _networks(
        "linear", "soft before GFANN", f"{_LINEAR}: soft components of the columns are better than GFANN", _OWN,
        pair=("soft", "GFANN"), reported=".123 / .158", at_most=1.0,
    ),
    _networks(
        "linear", "FAR before GFANN", f"{_LINEAR}: FAR is better than GFANN, which here is better than soft components",
        _OWN, pair=("FAR", "GFANN"), reported=".066 / .158", at_most=1.0,
    ),
    _networks(
        "linear", "soft before NN", f"{_LINEAR}: soft components of the columns are better than a plain network", _OWN,
        pair=("soft", "NN"), reported=".123 / .169", at_most=1.0,
    ),
    _networks(
        "linear", "FAR before NN", f"{_LINEAR}: FAR is better than a plain network with weight decay", _FAN,
        pair=("FAR", "NN, decay"), reported=".066 / .157", at_most=1.0,
    ),
    _networks(
        "sine", "GFANN before FAR", f"{_SINE}: the error of FAR is at least twice that of GFANN", _GUO,
        pair=("FAR", "GFANN"), reported="2.7", at_least=2.0,
    ),
    _networks(
        "sine", "GFANN before NN", f"{_SINE}: GFANN beats a plain network with weight decay, as is claimed", _GUO,
        pair=("GFANN", "NN, decay"), reported="GFANN beats plain networks", at_most=1.0,
    ),
    _networks(
        "sine", "NN ties", f"{_SINE}: a plain network with weight decay has at most the error of GFANN", _OWN,
        pair=("NN, decay", "GFANN"), reported=".089 / .113", at_most=1.0,
    ),
    _networks(
        "tanh", "FAR before NN", "columns nearly linear in the factors: FAR is better than a plain network with weight "
        "decay", _OWN, pair=("FAR", "NN, decay"), reported=".065 / .077", at_most=1.0,
    ),
    Claim(
        "returns: explained",
        "four components of all months explain .986, .865, .733, .893 of market, size, value and momentum (largest "
        "difference)",
        _OWN,
        _off,
        at_most=1e-3,
        every=True,
        part=("returns", "windows"),
    ),
    Claim(
        "returns: heads have learned",
        "heads of aligned components beat each window's own mean on the months after it (ratio of mean squares)",
        "baseline",
        _unexplained,
        at_most=1.0,
        part=("returns", "windows"),
    ),
    Claim(
        "returns: drift",
        "from window to window an aligned frame moves at most half as far as the solver's (ratio of mean distances)",
        _OWN,
        drift("aligned", "solver"),
        at_most=0.5,
        part=("returns", "windows"),
        reported=".37 / 2.39",
    ),
    Claim(
        "returns: kept heads",
        "a head that is kept for the next window has at most half the error when the frame is aligned (ratio to the "
        "solver's signs)",
        _OWN,
        kept_heads("aligned", "solver"),
        at_most=0.5,
        part=("returns", "windows"),
    ),
    Claim(
        "returns: a rule for signs is not enough",
        "... and less than with signs by the largest loading, as scikit-learn chooses them (ratio)",
        _OWN,
        kept_heads("aligned", "by loadings"),
        at_most=1.0,
        part=("returns", "windows"),
    ),
)  # fmt: skip
