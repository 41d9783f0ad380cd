"""How the effect depends on size: hidden units, variables of a block, training vectors."""

from __future__ import annotations

from collections.abc import Mapping

from haar.errors import ArgumentError
from haar.systems.renormalisation.options import Options

AXES: Mapping[str, str] = {"width": "hidden units", "inputs": "variables of a block", "samples": "training vectors"}
"""What a sweep varies, one at a time, and what figures call it."""


def sweep_cells(preset: Options) -> list[tuple[str, str, dict[str, int]]]:
    """Every (activation, family, sizes) of a sweep, each once.

    The centre, the preset's own size, is left out: it is a cell of the zoo, which all of the sweep's networks are.

    Args:
        preset: Its ``sweep`` has ``networks`` and values for `AXES`.

    Raises:
        ArgumentError: If a network of the sweep is not one of the zoo with one hidden layer.

    Example:
        >>> from dataclasses import replace
        >>> from haar.systems.experiment import options
        >>> from haar.systems.renormalisation.options import Sweep
        >>> from haar.systems.renormalisation.presets import QUICK
        >>> preset = replace(options(Options, QUICK), sweep=Sweep(networks=(("relu", "free"),), width=(8, 16)))
        >>> [sizes for _, _, sizes in sweep_cells(preset)]
        [{'width': 8, 'inputs': 4, 'samples': 512}]
    """
    centre: dict[str, int] = {axis: getattr(preset, axis) for axis in AXES}
    found: list[tuple[str, str, dict[str, int]]] = []
    for activation, family in preset.sweep.networks:
        if (activation, family, 1) not in preset.perceptrons:
            raise ArgumentError("sweep", expected="networks among the perceptrons", got=f"{activation} {family}")
        for axis in AXES:
            for value in getattr(preset.sweep, axis):
                cell = (activation, family, centre | {axis: value})
                if value != centre[axis] and cell not in found:
                    found.append(cell)
    return found


def cell_name(activation: str, family: str, sizes: Mapping[str, int]) -> str:
    """The name of a cell in the measures.

    Example:
        >>> cell_name("relu", "free", {"width": 4, "inputs": 2, "samples": 8})
        'relu free width 4 inputs 2 samples 8'
    """
    return " ".join([activation, family, *(f"{axis} {sizes[axis]}" for axis in AXES)])
