"""What claims compare: errors of test runs, pooled, and rollouts by their medians; what the audit lets through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from statistics import median
from typing import Any

from haar.systems.sample import Sample, ratio

Measures = Mapping[str, Any]
FORECASTS = ("persistence", "linear")
#: An average whose error is above the model's by this factor does harm; less is told from none by no one seed.
HARM = 1.01


def runs(measures: Measures, *kinds: str) -> list[Measures]:
    """The measures of every model, or of those with one of some words in their name."""
    return [run for name, run in measures["runs"].items() if not kinds or any(kind in name for kind in kinds)]


def zero_padded(measures: Measures) -> list[Measures]:
    """The measures of the models that pad with zeros."""
    return [run for run in runs(measures) if "half shifts" in run["vrmse"]]


def of(measures: Measures, name: str) -> Measures:
    """The measures of the model of Gray-Scott with a name."""
    run: Measures = measures["runs"][f"gray_scott-{name}"]
    return run


def pooled(errors: Sequence[float]) -> float:
    """The pooled VRMSE of all runs."""
    return sqrt(sum(error * error for error in errors) / len(errors))


def compared(above: Sequence[float], below: Sequence[float]) -> Sample:
    """The pooled VRMSE of a forecast over that of another, of the same runs; in units of the other's."""
    unit = pooled(below)
    return ratio([error / unit for error in above], [error / unit for error in below], "rms")


def middles(above: Sequence[float], below: Sequence[float]) -> Sample:
    """The same of their medians, which single runs that diverged do not rule."""
    unit = median(below)
    return ratio([error / unit for error in above], [error / unit for error in below], "median")


def most(samples: Iterable[Sample]) -> Sample:
    """The sample with the greatest value."""
    return max(samples, key=lambda sample: sample.value)


def least(samples: Iterable[Sample]) -> Sample:
    """The sample with the least value."""
    return min(samples, key=lambda sample: sample.value)


def against(run: Measures, group: str, other: str = "none") -> Sample:
    """One step ahead: averaged over a group, against the model (or another average)."""
    return compared(run["vrmse"][group], run["vrmse"][other])


def gain(run: Measures, group: str) -> float:
    """Relative fall of the one-step error."""
    return 1 - pooled(run["vrmse"][group]) / pooled(run["vrmse"]["none"])


def averaged(measures: Measures) -> list[Sample]:
    """Every model and everything that it was averaged over, but for an FNO's shifts: it has them already."""
    return [
        against(run, group)
        for name, run in measures["runs"].items()
        for group in run["vrmse"]
        if group not in ("none", *FORECASTS) and not ("fno" in name and group == "shifts")
    ]


def falls(run: Measures, group: str) -> list[float]:
    """The fall of every run's mean squared error."""
    errors = run["vrmse"]
    return [before**2 - after**2 for before, after in zip(errors["none"], errors[group], strict=True)]


def rolled(run: Measures, mode: str, window: str, other: str = "plain", what: str = "rollout") -> Sample:
    """A mode of rollouts against another."""
    return middles(run[what][mode][window], run[what][other][window])


def forecasting(measures: Measures, window: str) -> list[Measures]:
    """The models whose rollouts beat persistence over a window: what is averaged of the others proves nothing."""
    return [run for run in runs(measures) if rolled(run, "plain", window, "persistence").value < 1]


def harm(trap: Measures, group: str) -> Sample:
    """On the shear flow: averaged over a group, or over an element and the identity, against the model."""
    errors = trap["vrmse"][group] if group in trap["vrmse"] else trap["elements"][group]
    return compared(errors, trap["vrmse"]["none"])


def let_through(trap: Measures, labels: str) -> int:
    """Number of the elements that the audit says to average over, although each of them alone does harm."""
    advice = trap[labels]
    accepted = advice["elements"] if advice["verdict"] == "average" else []
    return sum(harm(trap, element).value > HARM for element in accepted if element != "e")


def covered(told: Measures) -> bool:
    """Whether the audit's interval of the gain, by labels, has what was predicted without them."""
    inside: bool = told["gain"]["low"] <= told["predicted"]["value"] <= told["gain"]["high"]
    return inside


def missed(told: Measures) -> float:
    """Relative error of the prediction."""
    return abs(float(told["predicted"]["value"] / told["gain"]["value"]) - 1)
