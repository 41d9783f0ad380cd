"""Measures of a seed that show every effect, made up, in the shape that the protocol gives."""

from __future__ import annotations

AVERAGES = {"C2": 0.9, "C4": 0.85, "D4": 0.8, "shifts": 0.75, "D4 shifts": 0.7}
WINDOWED = {
    "half shifts": 0.9,
    "half shifts, Hann": 0.85,
    "D4 half shifts": 0.7,
    "D4 half shifts, Hann": 0.6,
}
FORECASTS = {"persistence": 2.0, "linear": 1.6}
DIAGONALS = {"r90": 3.0, "r180": 1.9, "r270": 3.1, "d": 2.9, "mx": 1.8, "d'": 3.0}


def each(value):
    """The same of four test runs, near a value whose pooled mean it is."""
    return [value * factor for factor in (0.9, 1.1, 0.8, (4 - 0.9**2 - 1.1**2 - 0.8**2) ** 0.5)]


def ideal_run(averages, **more):
    vrmse = {"persistence": 2.0, "linear": 1.6, "none": 1.0, **averages, **more}
    modes = {"persistence": 1.5, "plain": 1.0, "step": 0.9, "trajectory": 0.85, "stochastic": 0.95}
    detail = {"persistence": 0.9, "plain": 1.0, "step": 0.98, "trajectory": 0.95, "stochastic": 0.99}
    return {
        "parameters": 504,
        "vrmse": {name: each(value) for name, value in vrmse.items()},
        "well": {name: 1.2 * value for name, value in vrmse.items()},
        "near_constant": 0.1,
        "rollout": {mode: {"6:12": each(value), "13:30": each(1.1 * value)} for mode, value in modes.items()},
        "detail": {mode: {"6:12": each(value), "13:30": each(value)} for mode, value in detail.items()},
        "spectrum": {mode: [0.5, 1.0, value, 0.1 * value] for mode, value in {"truth": 1.0, **detail}.items()},
        "audit": {
            "predicted": {"value": 0.1, "low": 0.08, "high": 0.12},
            "gain": {"value": 0.102, "low": 0.09, "high": 0.114},
            "mse": 1.0,
            "verdict": "average",
            "group": "D4",
            "elements": {"r90": 1.0, "r180": 0.9, "r270": 1.0, "my": 0.7, "d": 1.0, "mx": 0.9, "d'": 1.0},
        },
        "half": {"elements": [0, 1, 2, 3], "expected": 0.96, "selected": 0.95, "subgroup": 0.94, "random": 0.857},
        "defect": {"before": 0.01, "after": 2e-16},
    }


def ideal_trap():
    groups = {**FORECASTS, "none": 1.0, "C2": 1.9, "C4": 6.2, "D4": 6.5}
    groups |= {"closed": 0.75, "soft D4": 1.0, "soft closed": 0.76}
    return {
        "vrmse": {name: each(value) for name, value in groups.items()},
        "elements": {name: each(value) for name, value in {**DIAGONALS, "my": 0.95}.items()},
        "alpha": {"D4": 0.995, "closed": 0.02},
        "without_labels": {"verdict": "do not", "group": "", "elements": [], "sentence": "Do not."},
        "with_labels": {"verdict": "average", "group": "<my>", "elements": ["e", "my"], "sentence": "Over <my>."},
        "contradictions": ["r90"],
    }


def ideal_measures():
    """Three models of Gray-Scott, one of them trained longer, and the shear flow."""
    return {
        "runs": {
            "gray_scott-unet": ideal_run(AVERAGES, **WINDOWED),
            "gray_scott-fno": ideal_run({**AVERAGES, "shifts": 1.0}),
            "gray_scott-fno_augmented": ideal_run({**AVERAGES, "C2": 0.99, "C4": 0.98, "D4": 0.97, "shifts": 1.0}),
            "gray_scott-fno_long": ideal_run({**AVERAGES, "D4": 0.72, "shifts": 1.0}),
        },
        "trap": ideal_trap(),
    }
