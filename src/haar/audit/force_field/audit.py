"""The verb: a calculator of ASE audited on structures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from haar.audit.force_field.measure import Deviation, deviations, prepared
from haar.audit.force_field.repair import repairs
from haar.audit.force_field.report import ForceFieldAudit
from haar.data.molecules.results import calculator_name, check_calculator
from haar.errors import ArgumentError, check_count, known_keywords
from haar.seeding import generator_of
from haar.watch import Unwatched, Watch


@known_keywords
def audit_force_field(
    calculator: Any,
    structures: Any,
    *,
    rotations: int = 12,
    repair: bool = True,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> ForceFieldAudit:
    """Audit a force field as a chemist reads it: energy, forces and stress, each in its unit, motion by motion.

    Every structure is shown again turned, reflected, shifted, with equal atoms in another order, and in a crystal with
    atoms moved by lattice vectors, as a supercell, and in other cells of the same and of the other hand. What comes
    back is compared with what a symmetric force field would say. Reflections keep the cell's hand, so that what comes
    of the one is not taken for the other. What is rounding is found by trying: positions and cell are changed by one
    unit of the precision in which the force field is seen to compute.

    Args:
        calculator: A calculator of ASE, in eV and Angstrom as ASE has it.
        structures: An ``ase.Atoms`` or several, away from equilibrium: forces that are zero by symmetry show little.
        rotations: Angles up to half a turn, each about a random axis; as many reflections.
        repair: Whether averages that may mend it are tried.
        seed: Of axes, shifts and orders.
        watch: Told of every form of every structure.

    Returns:
        The audit: `.broken`, `.largest`, `.repair`, `.to_dict()`, `.table()`, `.figure()`, `.save_html(path)`.

    Raises:
        ArgumentError: If it is given no calculator, or no structures.
        DataError: If the calculator fails on one.

    Example:
        >>> from ase.build import molecule
        >>> from ase.calculators.emt import EMT
        >>> water = molecule("H2O")
        >>> water.rattle(0.1, seed=1)
        >>> audit_force_field(EMT(), water, rotations=4).broken
        {}
    """
    check_calculator("calculator", calculator)
    check_count("rotations", rotations)
    many = [structures] if hasattr(structures, "get_positions") else structures
    if not isinstance(many, Iterable) or isinstance(many, (str, bytes)):
        raise ArgumentError("structures", expected="ase.Atoms, or several", got=repr(structures))
    many = list(many)
    if not many:
        raise ArgumentError("structures", expected="at least one ase.Atoms", got="none")
    for one in many:
        if not hasattr(one, "get_positions") or len(one) == 0:
            got = "no atoms" if hasattr(one, "get_positions") else type(one).__name__
            raise ArgumentError("structures", expected="ase.Atoms with atoms", got=got)
    generator = generator_of(seed)
    asked, found = [], list[Deviation]()
    with watch.stage("asking about structures", len(many)) as advance:
        for number, atoms in enumerate(many):
            asked.append(prepared(atoms, number, calculator, rotations, generator))
            advance()
    with watch.stage("in other forms", sum(len(one.motions) for one in asked)) as advance:
        for number, structure in enumerate(asked):
            found += deviations(structure, number, calculator, structure.motions, advance)
    tried = repairs(calculator, asked, found, watch=watch) if repair else []
    settings = {"structures": len(many), "rotations": rotations, "seed": seed}
    return ForceFieldAudit(calculator_name(calculator), asked, found, tried, settings)
