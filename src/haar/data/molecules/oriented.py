"""What a calculator says of one structure in many orientations: in one evaluation, where it offers a way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from haar.data.molecules.motions import Motion
from haar.data.molecules.results import ASKED, RANKS, Results, full_stress, results_of
from haar.errors import DataError

Together = Callable[[Any, np.ndarray], list[Results]]


def together(calculator: Any) -> Together | None:
    """How a calculator evaluates many orientations of a structure at once; None where it takes one after another.

    Three ways are known: ``oriented_results(structure, matrices)`` of `model_calculator(..., batched=True)`, which
    also keeps one neighbour list for all of them; a method ``calculate_many(structures)`` that returns the results of
    each by ASE's names, which anyone can write; and ``compute_energy`` of metatomic's calculator. The calculators of
    SevenNet, MACE and CHGNet take one structure a call, and build its graph inside: the models beneath take batches,
    but of graphs that only their own packages know how to build.

    Args:
        calculator: A calculator of ASE.
    """
    if callable(way := getattr(calculator, "oriented_results", None)):
        return way  # type: ignore[no-any-return]
    if callable(many := getattr(calculator, "calculate_many", None)):
        return lambda atoms, matrices: [_as_ours(one) for one in many(_moved(atoms, matrices))]
    if type(calculator).__module__.partition(".")[0].startswith("metatomic"):
        return lambda atoms, matrices: _metatomic(calculator, _moved(atoms, matrices))
    return None


def oriented_results(
    atoms: Any, calculator: Any, matrices: Float[np.ndarray, "m 3 3"], *, batch_size: int | None = None
) -> list[Results]:
    """Results of a structure turned about the mean of its positions, one for each orthogonal matrix.

    Args:
        atoms: An ``ase.Atoms``; it is left as it is.
        calculator: A calculator of ASE.
        matrices: Rotations, and rotations with inversion: then the cell's vectors are reversed, see `Motion`.
        batch_size: Most orientations at once; None for all.

    Raises:
        DataError: If the calculator fails, or says NaN or infinity.
    """
    way = together(calculator)
    if way is None:
        return [results_of(one, calculator) for one in _moved(atoms, matrices)]
    count = batch_size or len(matrices)
    found: list[Results] = []
    for start in range(0, len(matrices), count):
        some = matrices[start : start + count]
        answers = way(atoms, some)
        if len(answers) != len(some):
            raise DataError(f"calculator: expected {len(some)} results of as many structures, got {len(answers)}")
        found += answers
    for key in ASKED:
        if any(key in one and not np.isfinite(one[key]).all() for one in found):
            raise DataError(f"{atoms.get_chemical_formula()}, turned: {key} is NaN or infinite")
    return found


def _moved(atoms: Any, matrices: Float[np.ndarray, "m 3 3"]) -> list[Any]:
    return [Motion("orientation", "", matrix=matrix).moved(atoms) for matrix in matrices]


def _as_ours(results: Mapping[str, Any]) -> Results:
    """Arrays in float64, stresses as matrices."""
    made = {key: np.asarray(value, dtype=float) for key, value in results.items() if key in RANKS and value is not None}
    return {key: full_stress(value) if key in ("stress", "stresses") else value for key, value in made.items()}


def _metatomic(calculator: Any, structures: Sequence[Any]) -> list[Results]:
    said = calculator.compute_energy(structures, compute_forces_and_stresses=True)
    known = [key for key in ASKED if key in said]
    return [_as_ours(dict(zip(known, values, strict=True))) for values in zip(*(said[k] for k in known), strict=True)]
