"""Laws in scikit-fem: total Lagrangian elements, consistent tangents, displacement loads in increments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from haar.actions.representation import from_mandel, to_mandel
from haar.errors import ArgumentError, check_count, require
from haar.systems.constitutive.hosts.newton import Solution, newton
from haar.systems.constitutive.law import Law, fourth_order

Numbers = NDArray[np.float64]


@dataclass
class Body:
    """A body of one material on a mesh.

    Args:
        mesh: A mesh of scikit-fem, of the plane (plane strain) or of space.
        law: From strain to stress in space, or in the plane for meshes of the plane.
        quadratic: Whether elements are quadratic.

    Raises:
        ArgumentError: If law and mesh have no common dimension.
        MissingExtraError: Without scikit-fem; the extra is ``materials``.
    """

    mesh: Any
    law: Law
    quadratic: bool = True

    def __post_init__(self) -> None:
        fem = _skfem()
        self.dim = int(self.mesh.p.shape[0])
        if self.law.material.dim < self.dim:
            raise ArgumentError(
                "law", expected=f"one of {self.dim} dimensions for this mesh", got=f"{self.law.material.dim} dimensions"
            )
        kinds = {"MeshTri1": ("ElementTriP1", "ElementTriP2"), "MeshQuad1": ("ElementQuad1", "ElementQuad2"),
                 "MeshTet1": ("ElementTetP1", "ElementTetP2"), "MeshHex1": ("ElementHex1", "ElementHex2")}  # fmt: skip
        kind = type(self.mesh).__name__
        if kind not in kinds:
            raise ArgumentError("mesh", expected=f"one of {', '.join(kinds)}", got=kind)
        element = getattr(fem, kinds[kind][self.quadratic])()
        self.basis = fem.Basis(self.mesh, fem.ElementVector(element), intorder=4 if self.quadratic else 2)

    def response(self, gradient: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Deformation gradient, stress (d, d, ...) and tangent (d, d, d, d, ...) of a displacement gradient."""
        F = torch.from_numpy(np.ascontiguousarray(np.moveaxis(gradient, (0, 1), (-2, -1))))
        F = F + torch.eye(self.dim, dtype=F.dtype)
        E = 0.5 * (F.mT @ F - torch.eye(self.dim, dtype=F.dtype))
        if self.law.material.dim > self.dim:
            E = torch.nn.functional.pad(E, (0, 1, 0, 1))
        with torch.no_grad():
            S, C = self.law.response(to_mandel(E))
        d = self.dim
        stress = from_mandel(S)[..., :d, :d]
        tangent = fourth_order(C)[..., :d, :d, :d, :d]
        return (
            np.moveaxis(F.numpy(), (-2, -1), (0, 1)),
            np.moveaxis(stress.numpy(), (-2, -1), (0, 1)),
            np.moveaxis(tangent.numpy(), (-4, -3, -2, -1), (0, 1, 2, 3)),
        )

    def assemble(self, displacement: Numbers) -> tuple[Any, Numbers]:
        """Stiffness matrix and internal forces."""
        fem = _skfem()
        field = self.basis.interpolate(displacement)
        F, S, C = self.response(np.asarray(field.grad))
        # first Piola stress and its derivative by F: one contraction a basis function in the forms
        P = np.einsum("ia...,aj...->ij...", F, S)
        eye = np.eye(self.dim)
        A = np.einsum("ia...,ajbl...,kb...->ijkl...", F, C, F) + np.einsum("ik,jl...->ijkl...", eye, S)
        stiffness = fem.BilinearForm(lambda u, v, _: np.einsum("ijkl...,kl...,ij...->...", A, u.grad, v.grad))
        forces = fem.LinearForm(lambda v, _: np.einsum("ij...,ij...->...", P, v.grad))
        return stiffness.assemble(self.basis), forces.assemble(self.basis)

    def pull(
        self,
        held: Callable[[Numbers], Numbers],
        moved: Callable[[Numbers], Numbers],
        stretch: float,
        *,
        increments: int = 1,
        sides: dict[int, Callable[[Numbers], Numbers]] | None = None,
    ) -> Solution:
        """Move one side along the first axis, another one held, in increments.

        Args:
            held: Of points (d, n): which are held along the first axis (and, without `sides`, along all).
            moved: Which are moved along the first axis.
            stretch: How far, in the mesh's units.
            increments: Steps of the load.
            sides: For an axis, which points slide without moving along it: planes of symmetry.

        Raises:
            NotConvergedError: If Newton's method does not converge in an increment.
        """
        fem = _skfem()
        check_count("increments", increments)
        places = self.basis.doflocs
        component = np.empty(self.basis.N, dtype=np.int64)
        for k in range(self.dim):
            component[_dofs_of(self.basis, k)] = k
        along = component == 0
        still = along & held(places)
        if sides is None:
            still |= held(places)
        for axis, on in (sides or {}).items():
            still |= (component == axis) & on(places)
        shifted = along & moved(places)
        free = np.flatnonzero(~(still | shifted))
        u = np.zeros(self.basis.N)
        solution = Solution(u)

        def correct(matrix: Any, force: Numbers, numbers: Any) -> Numbers:
            rest = np.setdiff1d(np.arange(len(force)), numbers)
            step: Numbers = fem.solve(*fem.condense(matrix, force, D=rest))
            made: Numbers = step[numbers]
            return made

        for k in range(1, increments + 1):
            # what the last increment's tangent says of the next one starts Newton's method nearer
            before = u.copy()
            target = u.copy()
            target[shifted] = stretch * k / increments
            matrix, force = self.assemble(before)
            jump = target - before
            u = target.copy()
            u[free] += correct(matrix, -force - matrix @ jump, free)
            u, residuals = newton(self.assemble, correct, u, free)
            solution.displacement = u
            solution.residuals.append(residuals)
            solution.loads.append(k / increments)
            solution.reaction.append(float(self.assemble(u)[1][shifted].sum()))
        return solution


def _dofs_of(basis: Any, component: int) -> NDArray[np.int64]:
    """Numbers of the degrees of freedom of one component of the displacement."""
    names = {name for name in basis.elem.dofnames if name.endswith(f"^{component + 1}")}
    found = [basis.get_dofs(elements=True).all(name) for name in sorted(names)]
    return np.unique(np.concatenate(found)).astype(np.int64)


def _skfem() -> ModuleType:
    return require("skfem", "materials")
