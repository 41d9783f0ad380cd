"""What must come out, judged on the networks of all seeds; where simpler networks win is said first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from haar.systems.claim import Claim
from haar.systems.sample import Sample, ratio

Measures = Mapping[str, Any]
_PAPER, _TRIAL = "arXiv 2412.16738, abstract", "our own trial"
_TUNED = ("Fourier", "SIREN")
#: A number, NaN, or what stands in measures for one that was not finite.
Number = Any


def at_equal_steps(one: Measures) -> Number:
    """A network's error after the planned steps; NaN if it was not read then."""
    return dict(zip(one["steps"], one["errors"], strict=True)).get(one["planned"], math.nan)


def within(one: Measures, seconds: Number) -> Number:
    """The last error that a network had within so many CPU seconds; its first, if that took longer.

    NaN if a time is not known: nothing can then be said to lie within it.
    """
    if any(map(math.isnan, (seconds, *one["seconds"]))):
        return math.nan
    kept = [error for error, spent in zip(one["errors"], one["seconds"], strict=True) if spent <= seconds]
    return kept[-1] if kept else one["errors"][0]


def tuned(networks: Measures) -> dict[str, Measures]:
    """The perceptrons whose frequencies were chosen, and sine networks."""
    return {name: one for name, one in networks.items() if name.startswith(_TUNED)}


def best_at_equal_steps(networks: Measures) -> Number:
    """The least error of tuned networks after the planned steps."""
    return min(at_equal_steps(one) for one in tuned(networks).values())


def best_at_equal_time(networks: Measures) -> Number:
    """The least error of tuned networks in the CPU seconds of KKAN."""
    seconds = networks["KKAN"]["seconds"][-1]
    return min(within(one, seconds) for one in tuned(networks).values())


def _of(above: Number, below: Number, middle: str = "median") -> Sample:
    return ratio([above], [below], middle, paired=False)  # type: ignore[arg-type]


def _fit(name: str) -> tuple[str, str]:
    return "regression", name


def _error(networks: Measures, name: str) -> Number:
    return at_equal_steps(networks[name])


def _width(networks: Measures, pick: Callable[[Iterable[Number]], Number]) -> Number:
    return pick(at_equal_steps(one) for name, one in networks.items() if name.startswith("Fourier"))


def _least(one: Measures) -> Number:
    return min(one["plain"], one["attention"])


CLAIMS = (
    Claim(
        "simpler networks: oscillatory",
        "in the CPU time of KKAN the best perceptron on Fourier features or sine network is at most as wrong "
        "(ratio to KKAN)",
        _TRIAL,
        lambda m: _of(best_at_equal_time(m["networks"]), _error(m["networks"], "KKAN")),
        at_most=1.0,
        part=_fit("oscillatory"),
    ),
    *(
        Claim(
            f"baseline: {name}",
            f"{name}: KKAN is better than the mean of the function (ratio of errors)",
            "baseline",
            lambda m: _of(_error(m["networks"], "KKAN"), m["constant"]),
            at_most=0.5,
            part=_fit(name),
        )
        for name in ("oscillatory", "discontinuous", "two frequencies")
    ),
    Claim(
        "plain perceptrons: oscillatory",
        "a plain tanh perceptron on raw coordinates, of equal size and steps, is worse than KKAN (ratio of errors)",
        _PAPER,
        lambda m: _of(_error(m["networks"], "perceptron"), _error(m["networks"], "KKAN")),
        at_least=5.0,
        part=_fit("oscillatory"),
    ),
    Claim(
        "plain perceptrons: discontinuous",
        "... of a discontinuous function too",
        _PAPER,
        lambda m: _of(_error(m["networks"], "perceptron"), _error(m["networks"], "KKAN")),
        at_least=1.5,
        part=_fit("discontinuous"),
    ),
    Claim(
        "Chebyshev networks",
        "KKAN is at most as wrong as stacked Chebyshev layers (ratio of errors)",
        _PAPER,
        lambda m: _of(_error(m["networks"], "KKAN"), _error(m["networks"], "cKAN")),
        at_most=1.0,
        part=_fit("oscillatory"),
    ),
    Claim(
        "tuned networks: discontinuous",
        "at equal steps KKAN is at most as wrong as the best tuned network (ratio of errors)",
        _TRIAL,
        lambda m: _of(_error(m["networks"], "KKAN"), best_at_equal_steps(m["networks"])),
        at_most=1.0,
        part=_fit("discontinuous"),
    ),
    Claim(
        "no frequency is chosen",
        "of two separated frequencies KKAN is at most as wrong as Fourier features of the best of three widths (ratio)",
        _TRIAL,
        lambda m: _of(_error(m["networks"], "KKAN"), _width(m["networks"], min)),
        at_most=1.0,
        part=_fit("two frequencies"),
    ),
    Claim(
        "frequencies matter",
        "the width of Fourier features must be chosen: the worst of three is worse than the best (ratio of errors)",
        _TRIAL,
        lambda m: _of(_width(m["networks"], max), _width(m["networks"], min)),
        at_least=1.5,
        part=_fit("two frequencies"),
    ),
    Claim(
        "symmetry is exact",
        "an exchange of coordinates changes nothing where they share a block (double precision)",
        "by construction",
        lambda m: m["shared"]["moved"],
        at_most=1e-12,
        every=True,
        part=("symmetry", "sharing"),
    ),
    Claim(
        "sharing costs little",
        "with half the parameters the error is at most 1.2 times that of blocks of their own (ratio of means)",
        _TRIAL,
        lambda m: _of(m["shared"]["error"], m["unshared"]["error"], "mean"),
        at_most=1.2,
        part=("symmetry", "sharing"),
    ),
    Claim(
        "complexity of what has learned",
        "the geometric complexity of KKAN ends at that of the function (ratio)",
        "arXiv 2412.16738, section on learning dynamics",
        lambda m: _of(m["KKAN"]["complexity"][-1], m["target"]),
        at_least=0.9,
        at_most=1.1,
        part=("learning", "dynamics"),
    ),
    Claim(
        "complexity of what is stuck",
        "that of the plain perceptron stays far below (ratio)",
        _TRIAL,
        lambda m: _of(m["perceptron"]["complexity"][-1], m["target"]),
        at_most=0.2,
        part=("learning", "dynamics"),
    ),
    Claim(
        "signal falls",
        "the signal to noise of KKAN's gradients falls from the first step to its least (ratio)",
        "arXiv 2412.16738, section on learning dynamics",
        lambda m: _of(m["KKAN"]["signal"][0], min(m["KKAN"]["signal"])),
        at_least=3.0,
        part=("learning", "dynamics"),
    ),
    Claim(
        "signal recovers",
        "... and ends above its least (ratio)",
        "arXiv 2412.16738, section on learning dynamics",
        lambda m: _of(m["KKAN"]["signal"][-1], min(m["KKAN"]["signal"])),
        at_least=1.5,
        part=("learning", "dynamics"),
    ),
    *(
        Claim(
            f"{name}: baseline",
            f"{name}: KKAN's better solution is nearer to the right one than zero is (relative error)",
            "baseline",
            lambda m: _of(_least(m["KKAN"]), 1.0),
            at_most=0.5,
            part=("physics", name),
        )
        for name in ("poisson", "helmholtz")
    ),
    *(
        Claim(
            f"{name}: comparable",
            f"{name}: KKAN's better solution, with attention or without, is at most twice as wrong as a tuned "
            "network's (ratio)",
            _PAPER,
            lambda m: _of(_least(m["KKAN"]), _least(m["tuned perceptron"])),
            at_most=2.0,
            part=("physics", name),
        )
        for name in ("poisson", "helmholtz")
    ),
    Claim(
        "helmholtz: odd by its shape",
        "the network that is odd in each coordinate is so exactly (double precision)",
        "by construction",
        lambda m: m["odd KKAN"]["moved"],
        at_most=1e-12,
        every=True,
        part=("physics", "helmholtz"),
    ),
)
