"""What must come out, judged on the measures of all seeds.

The paper has no experiment and no number: what is claimed of closed forms is proved, what is learned is our own choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haar.systems.claim import Claim, over
from haar.systems.sample import Sample, ratio, value
from haar.systems.structural_equations.line import AVERAGED, CHOSEN, CONSTANT, LAST, REGRESSION
from haar.systems.structural_equations.plane import BOTH, INVARIANT, PLAIN

Measures = Mapping[str, Any]
_TASK, _PROVED = "our task", "proved"
_PAPER = "arXiv 2007.01290, section 3"


def on_line(name: str, above: str, below: str) -> Callable[[Measures], Sample]:
    """A statistic: errors of one way over those of another, median over data sets."""

    def statistic(functions: Measures) -> Sample:
        errors = functions[name]["errors"]
        return ratio(errors[above], errors[below], "median", paired=True)

    return statistic


def smallest(plane: Measures) -> Measures:
    """The games with the fewest rows."""
    found: Measures = min(plane.values(), key=lambda games: games["rows"])
    return found


def better(plane: Measures) -> Sample:
    """In which part of the data sets an invariant f is nearer than a plain one, at the fewest rows."""
    errors = smallest(plane)["errors"]
    return value([one < other for one, other in zip(errors[INVARIANT], errors[PLAIN], strict=True)], "mean")


def invariance(plane: Measures) -> list[Any]:
    """How much quarter turns change what invariant games found."""
    return [games["defects"][name] for games in plane.values() for name in (INVARIANT, BOTH)]


def _functions(name: str, title: str, factor: float) -> tuple[Claim, ...]:
    """The claims about a function with a kink or a jump."""
    told = {
        "beats a constant": (
            "the game's averaged function is nearer than the mean of the outcome (ratio of errors)",
            "trivial baseline",
            (AVERAGED, CONSTANT),
            None,
        ),
        "averaging": (
            "the average of functions is nearer than the last of them (ratio of errors)",
            f"{_PAPER}; theorem on averages",
            (AVERAGED, LAST),
            None,
        ),
        "beats the regression": (
            f"the regression's error is at least {factor:g} times the game's",
            _TASK,
            (REGRESSION, AVERAGED),
            factor,
        ),
    }
    return tuple(
        Claim(
            f"{title}: {key}",
            f"on a {title} {claim}",
            source,
            on_line(name, *ways),
            at_least=least,
            at_most=1.0 if least is None else None,
            part="functions",
            when=lambda m: name in m,
        )
        for key, (claim, source, ways, least) in told.items()
    )


_TO_ROUNDING: dict[str, tuple[str, str, Callable[[Any], Any], float]] = {
    "linear players": (
        "the saddle point of linear players is two-stage least squares (coefficients)",
        "linear",
        lambda m: [m["two stages"], m["just identified"], m["least squares"]],
        1e-10,
    ),
    "linear players, ridge": ("... and its closed form with a ridge", "linear", lambda m: m["ridge"], 1e-10),
    "inner maximum": (
        "with a dual for every value of Z it is half the mean square of the mean residuals",
        "linear",
        lambda m: m["inner maximum"],
        1e-10,
    ),
    "a linear game ends there": ("4000 plain steps reach the closed form", "linear", lambda m: m["played"], 1e-12),
    "simultaneous steps spiral": (
        "plain steps on x y grow as is proved (relative error of the factor, the root of 1 + a^2)",
        "bilinear",
        lambda m: m["growth"],
        1e-10,
    ),
    "extragradient contracts": (
        "extragradient steps on x y shrink as is proved (the same of the root of 1 - a^2 + a^4)",
        "bilinear",
        lambda m: m["contraction"],
        1e-10,
    ),
    "optimistic steps arrive": (
        "optimistic steps on x y come nearer (ratio of distances)",
        "bilinear",
        lambda m: m["optimistic"],
        0.5,
    ),
    "Bellman equation": (
        "without noise the saddle of two tables is the true Q of the chain (relative)",
        "chain",
        lambda m: m["exact"],
        1e-10,
    ),
    "wages": (
        "the linear saddle is linearmodels' two-stage least squares (coefficients, card and mroz)",
        "wages",
        lambda m: over(m, lambda equation: equation["apart"]),
        1e-8,
    ),
    "wages, card": (
        "schooling: 0.07401 by least squares, 0.16085 by the saddle (differences)",
        "wages",
        lambda m: [abs(m["card"]["least squares"] - 0.07401), abs(m["card"]["two stages"] - 0.16085)],
        5e-6,
    ),
    "wages, played": (
        "a game of plain steps from zero on scaled columns ends there (coefficients)",
        "wages",
        lambda m: over(m, lambda equation: equation["played"]),
        1e-8,
    ),
}


def _exact() -> tuple[Claim, ...]:
    """What holds to rounding."""
    return tuple(
        Claim(name, claim, _PROVED, statistic, at_most=bound, every=True, part=part)
        for name, (claim, part, statistic, bound) in _TO_ROUNDING.items()
    )


CLAIMS = (
    *_functions("abs", "kink", 3.0),
    *_functions("step", "jump", 2.0),
    Claim(
        "kink: beats powers",
        "two-stage least squares of chosen degree has at least the game's error on a kink (ratio)",
        _TASK,
        on_line("abs", CHOSEN, AVERAGED),
        at_least=1.0,
        part="functions",
        when=lambda m: "abs" in m,
    ),
    Claim(
        "smooth: powers are better",
        "on the sine two-stage least squares has at most the game's error (ratio)",
        _TASK,
        on_line("sin", CHOSEN, AVERAGED),
        at_most=1.0,
        part="functions",
        when=lambda m: "sin" in m,
    ),
    Claim(
        "symmetry helps",
        "an invariant f is nearer than a plain one, at the fewest rows (part of the data sets)",
        _TASK,
        better,
        at_least=0.8,
        part="plane",
    ),
    Claim(
        "symmetry is exact",
        "quarter turns leave what invariant games found alone (relative, single precision)",
        "by construction",
        invariance,
        at_most=1e-6,
        every=True,
        part="plane",
    ),
    Claim(
        "Bellman equation, from samples",
        "the game's Q is nearer to the truth than the mean reward for ever (ratio of errors)",
        "trivial baseline",
        lambda m: ratio([m["learned"]], [m["constant"]]),
        at_most=1.0,
        part="chain",
    ),
    *_exact(),
)
