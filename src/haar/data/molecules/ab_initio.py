"""Energies and forces from electronic-structure theory (PySCF, extra ``chemistry``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, HaarError, require

BOHR = 0.529177210903
"""One bohr in Angstrom (CODATA 2018)."""

METHODS = ("hf", "mp2", "ccsd", "fci")


def ab_initio(
    species: Sequence[str], positions: Float[Tensor, "atoms 3"], *, method: str = "mp2", basis: str = "6-31g"
) -> tuple[float, Float[Tensor, "atoms 3"]]:
    """Energy and forces of one closed-shell geometry.

    Full configuration interaction runs as a complete active space of all orbitals and all electrons, so that its
    gradient is analytic too.

    Args:
        species: Chemical symbols of all atoms.
        positions: Positions of the atoms, in Angstrom.
        method: ``hf``, ``mp2``, ``ccsd`` or ``fci``.
        basis: A basis set known to PySCF.

    Returns:
        The energy in Hartree, and the forces in Hartree per Angstrom.

    Raises:
        ArgumentError: If the method is unknown or atoms coincide.
        HaarError: If the self-consistent field does not converge.
        MissingExtraError: If PySCF is not installed.
    """
    if method not in METHODS:
        raise ArgumentError("method", expected=f"one of {', '.join(METHODS)}", got=repr(method))
    check_apart(positions[None], "positions")
    gto, scf = require("pyscf.gto", "chemistry"), require("pyscf.scf", "chemistry")
    atoms = [(symbol, point) for symbol, point in zip(species, positions.tolist(), strict=True)]
    molecule = gto.M(atom=atoms, basis=basis, unit="Angstrom", verbose=0)
    field = scf.RHF(molecule)
    field.conv_tol, field.conv_tol_grad = 1e-11, 1e-7
    field.kernel()
    if not field.converged:
        field = field.newton()
        field.kernel()
    if not field.converged:
        raise HaarError(f"the self-consistent field of {''.join(species)} does not converge at {positions.tolist()}")
    solved = _correlated(method, molecule, field)
    gradient = torch.from_numpy(solved.nuc_grad_method().kernel()).to(torch.float64)
    return float(solved.e_tot), -gradient / BOHR


def check_apart(positions: Float[Tensor, "n atoms 3"], argument: str, *, least: float = 1e-3) -> None:
    """Refuse geometries in which atoms coincide.

    Args:
        positions: Positions of the atoms, in Angstrom.
        argument: What the caller calls them.
        least: Smallest distance allowed, in Angstrom.

    Raises:
        ArgumentError: If two atoms are closer.

    Example:
        >>> check_apart(torch.tensor([[[0.0, 0, 0], [0, 0, 1]]], dtype=torch.float64), "x")
    """
    atoms = positions.shape[-2]
    rows, columns = torch.triu_indices(atoms, atoms, 1)
    near = (positions[:, rows] - positions[:, columns]).norm(dim=-1) < least
    if near.any():
        sample, pair = near.nonzero()[0].tolist()
        raise ArgumentError(
            argument,
            expected=f"atoms at least {least:g} Angstrom apart",
            got=f"atoms {int(rows[pair])} and {int(columns[pair])} of geometry {sample} at the same place",
        )


def _correlated(method: str, molecule: Any, field: Any) -> Any:
    if method == "hf":
        return field
    if method == "mp2":
        solver = require("pyscf.mp", "chemistry").MP2(field)
    elif method == "ccsd":
        solver = require("pyscf.cc", "chemistry").CCSD(field)
        solver.conv_tol, solver.conv_tol_normt = 1e-10, 1e-8
    else:
        solver = require("pyscf.mcscf", "chemistry").CASCI(field, molecule.nao, molecule.nelectron)
        solver.fcisolver.conv_tol = 1e-12
    solver.kernel()
    return solver
