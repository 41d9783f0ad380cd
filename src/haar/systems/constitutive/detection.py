"""Which notation a file is written in, by what the material's symmetry and an energy allow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import DataError
from haar.groups import Group
from haar.systems.constitutive.notation import (
    FileNotation,
    Notation,
    components_to_mandel,
    every_notation,
    named_notation,
)
from haar.systems.constitutive.polynomials import InvariantPolynomials
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry

#: Samples that are looked at: an energy has at most some dozens of constants.
_ROWS = 300
#: A notation is told from the best one if that leaves this share of its squared error or less ...
_BETTER = 0.25
#: ... and it leaves more than this share of the stress's own square.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class Detection:
    """What was found.

    Attributes:
        errors: Squared error over the stress's mean square that each notation leaves, the least first.
        told: Those that the data cannot tell from the best.
    """

    errors: tuple[tuple[FileNotation, float], ...]

    @property
    def told(self) -> tuple[FileNotation, ...]:
        """The best notation and those that the data cannot tell from it."""
        least = self.errors[0][1]
        return tuple(one for one, error in self.errors if not _is_worse(error, least))

    def __str__(self) -> str:
        more = len(self.told) - 1
        return f"{self.told[0]}" + (f" (or one of {more} that these data cannot tell from it)" if more else "")


def detect_notation(
    strain: Float[Tensor, "batch n"],
    stress: Float[Tensor, "batch n"],
    material: str | MaterialSymmetry | Group,
    *,
    degree: int = 3,
) -> Detection:
    """Read strains and stresses in every notation and see which leaves an energy with the material's symmetry.

    Of 96 notations in space (24 in the plane) each is fitted by the invariant polynomials up to `degree`. Some cannot
    be told apart by any data: where the group only permutes and signs axes, a shear strain written twice and a shear
    stress written once are conjugate in more than one way.

    Args:
        strain: Components as they are written.
        stress: Their stresses, as they are written.
        material: The symmetry that the data are to have, in their own axes.
        degree: Of the energy.

    Raises:
        DataError: If there are fewer samples than constants, or a number is not finite.
    """
    material = material_symmetry(material)
    strain, stress = checked_samples(strain, stress, material.tensors.dim)
    step = max(1, len(strain) // _ROWS)
    strain, stress = strain[::step], stress[::step]
    invariants = InvariantPolynomials(material, degree)
    unknowns = invariants.count - invariants.counts[0]
    if len(strain) * strain.shape[-1] < 2 * unknowns:
        raise DataError(
            f"strain: {len(strain)} samples for {unknowns} constants; a notation needs twice as many numbers"
        )
    found = []
    bases: dict[object, tuple[Tensor, Tensor]] = {}
    for notation in every_notation(material.dim):
        if notation.strain not in bases:
            x = components_to_mandel(strain, notation.strain)
            x = x / x.square().mean().sqrt()
            slopes = invariants.slopes(invariants.powers(x))[:, invariants.counts[0] :]
            design = slopes.mT.flatten(0, 1)
            U, values, _ = torch.linalg.svd(design, full_matrices=False)
            bases[notation.strain] = U[:, values > 1e-9 * values.max()], x
        U, _ = bases[notation.strain]
        y = components_to_mandel(stress, notation.stress).flatten()
        left = y - U @ (U.mT @ y)
        found.append((notation, float(left.square().sum() / y.square().sum())))
    # what differs by rounding alone stays in the order of the list, the most usual first
    return Detection(tuple(sorted(found, key=lambda one: float(f"{max(one[1], 1e-20):.3g}"))))


def check_notation(
    strain: Float[Tensor, "batch n"],
    stress: Float[Tensor, "batch n"],
    notation: str | FileNotation,
    material: str | MaterialSymmetry | Group,
) -> Detection:
    """Refuse data that fit another notation much better than the one they are said to be written in.

    Raises:
        DataError: In one line, with both.
    """
    notation = named_notation(notation) if isinstance(notation, str) else notation
    material = material_symmetry(material)
    found = detect_notation(strain, stress, material)
    if notation not in dict(found.errors):  # in the plane some orders are the same
        notation = _in_the_plane(notation)
    error = next(error for one, error in found.errors if one == notation)
    if notation in found.told:
        return found
    best, least = found.errors[0]
    raise DataError(
        f"notation: read as {notation}, the data leave {error:.1e} of the stress unexplained under {material}; they "
        f"are written as {best} ({least:.1e})" + (f", or {len(found.told) - 1} more like it" if found.told[1:] else "")
    )


def checked_samples(strain: Tensor, stress: Tensor, components: int) -> tuple[Tensor, Tensor]:
    """Samples in float64, one a row.

    Raises:
        DataError: If they do not belong together, or a number is not finite, or all are zero.
    """
    pair = []
    for name, given in (("strain", strain), ("stress", stress)):
        values = torch.as_tensor(given).detach().to(torch.float64)
        if values.ndim != 2 or values.shape[-1] != components or len(values) != len(strain):
            expected = f"({len(strain)}, {components})"
            raise DataError(f"{name}: expected samples {expected}, one a row, got {tuple(values.shape)}")
        if not bool(values.isfinite().all()):
            raise DataError(f"{name}: sample {int((~values.isfinite()).nonzero()[0, 0])} holds NaN or infinity")
        if not bool(values.any()):
            raise DataError(f"{name}: all are zero")
        pair.append(values)
    return pair[0], pair[1]


def _in_the_plane(notation: FileNotation) -> FileNotation:
    """The same with the order's first name: three of the four write the plane's components alike."""
    strain, stress = (
        one if one.order == "lexicographic" else Notation("voigt", one.shear)
        for one in (notation.strain, notation.stress)
    )
    return FileNotation(strain, stress)


def _is_worse(error: float, least: float) -> bool:
    return error > _ROUNDING and least < _BETTER * error
