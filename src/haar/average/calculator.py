"""An ASE calculator averaged over a group: any force field made exactly symmetric, whatever it is written in."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from haar.average.average import named
from haar.average.weighted import How, WeightedSet
from haar.data.molecules.oriented import oriented_results, together
from haar.data.molecules.results import calculator_name, check_calculator, turned, voigt
from haar.errors import ArgumentError, check_count, known_keywords, require
from haar.groups import Group, trivial
from haar.groups.names import named_group


@known_keywords
def averaged_calculator(
    calculator: Any,
    group: Group | str | None = "inversion",
    how: str | How = "orbit",
    *,
    right_handed: bool = False,
    centred: bool = False,
    batch_size: int | None = None,
) -> Any:
    """A calculator of ASE that averages another one over rotations, reflections or both.

    Every structure is turned about the mean of its positions by every element, asked, and its forces and stress are
    turned back: energies stay energies, and forces stay their derivatives. Neighbour lists and cells are the
    calculator's own business, for it sees ordinary structures. All of them are asked about at once where the calculator
    has a way: `haar.data.molecules.model_calculator` with ``batched=True``, metatomic's calculators, and whatever has a
    method ``calculate_many(structures)``; others are asked one by one. A model that turns exactly with rotations, and
    breaks under reflections, needs two calls: the group of the inversion and the identity. What is measured before is
    `haar.audit.audit_force_field`.

    Args:
        calculator: A calculator of ASE.
        group: A group of rotations and reflections of space, or its name: ``"inversion"``, ``"O"`` (24 rotations),
            ``"Oh"``, ``"I"`` (60), ``"Ih"``, ``"SO3"`` with a rule; None for the other options alone.
        how: ``"orbit"`` for finite groups, ``"quadrature"``, ``"sampled"``, or a strategy such as ``Design(3)``.
        right_handed: Whether a left-handed cell is described by a right-handed one first, of the same lattice.
        centred: Whether a molecule in free space is shifted to the origin first.
        batch_size: Most orientations in one evaluation, where there is a way; None for all.

    Returns:
        An ``ase.calculators.calculator.Calculator`` with ``energy``, ``free_energy`` and, as far as the given one knows
        them, forces, stress, energies, charges, magnetic moments and dipole; its ``batched`` says whether orientations
        are evaluated at once. It can be copied and pickled if the given one can.

    Raises:
        ArgumentError: If it is given no calculator, or a group that does not turn space.
        MissingExtraError: If ASE is not installed.

    Example:
        >>> from ase.build import molecule
        >>> from ase.calculators.emt import EMT
        >>> water, mirrored = molecule("H2O"), molecule("H2O")
        >>> mirrored.positions *= -1
        >>> water.calc = mirrored.calc = averaged_calculator(EMT())
        >>> abs(water.get_potential_energy() - mirrored.get_potential_energy()) < 1e-12
        True
    """
    check_calculator("calculator", calculator)
    check_count("batch_size", 1 if batch_size is None else batch_size)
    module = require("ase.calculators.calculator", "chemistry")
    acting = named_group(group) if isinstance(group, str) else trivial(3) if group is None else group
    if not isinstance(acting, Group) or acting.defining_dim != 3:
        raise ArgumentError(
            "group",
            expected="a group of rotations and reflections of space, such as 'inversion', 'O', 'Oh' or 'SO3'",
            got=getattr(acting, "name", repr(acting)),
        )
    weighted = named(how).weighted(acting)
    matrices = acting.defining_matrix(weighted.elements).numpy()
    known = [key for key in calculator.implemented_properties if key in _KEPT]

    class AveragedCalculator(module.Calculator):  # type: ignore[misc, name-defined]
        """The mean of a calculator's answers to one structure in many orientations."""

        implemented_properties = tuple(dict.fromkeys(["energy", "free_energy", *known]))

        def __init__(self) -> None:
            super().__init__()
            self.calculator, self.weighted = calculator, weighted
            self.batched = together(calculator) is not None

        @property
        def name(self) -> str:
            """As ASE writes it into files."""
            return f"{calculator_name(calculator)} over {acting.name}"

        def __reduce__(self) -> tuple[Any, ...]:
            """A local class has no name to be found by: it is made again."""
            again = partial(averaged_calculator, right_handed=right_handed, centred=centred, batch_size=batch_size)
            return again, (calculator, acting, _Chosen(weighted))

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
            """Called by ASE."""
            super().calculate(atoms, properties, system_changes or module.all_changes)
            given = plain_form(self.atoms, right_handed=right_handed, centred=centred)
            total: dict[str, np.ndarray] = {}
            answers = oriented_results(given, calculator, matrices, batch_size=batch_size)
            for matrix, weight, answer in zip(matrices, weighted.weights.tolist(), answers, strict=True):
                for key, value in turned(answer, matrix.T).items():
                    total[key] = np.asarray(total.get(key, 0.0) + weight * value)
            total.setdefault("free_energy", total["energy"])
            self.results = {key: _as_ase_has_it(key, value) for key, value in total.items() if key in _KEPT}

    return AveragedCalculator()


_KEPT = ("energy", "free_energy", "energies", "charges", "magmoms", "forces", "dipole", "stress", "stresses")


def plain_form(atoms: Any, *, right_handed: bool, centred: bool) -> Any:
    """The same structure in a right-handed cell, or about the origin.

    Args:
        atoms: An ``ase.Atoms``; it is left as it is.
        right_handed: Whether the vectors of a left-handed cell are reversed: the lattice is the same.
        centred: Whether a structure without a periodic direction is shifted to the origin.
    """
    made = atoms.copy()
    if right_handed and np.linalg.det(np.asarray(made.cell)) < 0:
        made.set_cell(-np.asarray(made.cell), scale_atoms=False)
    if centred and not made.pbc.any():
        made.set_positions(made.get_positions() - made.get_positions().mean(0))
    return made


class _Chosen(How):
    """Elements that were chosen before."""

    def __init__(self, weighted: WeightedSet) -> None:
        self._weighted = weighted

    def weighted(self, group: Group) -> WeightedSet:
        """Those."""
        del group
        return self._weighted


def _as_ase_has_it(key: str, value: np.ndarray) -> Any:
    if key in ("stress", "stresses"):
        return voigt(value)
    return value if value.ndim else float(value)
