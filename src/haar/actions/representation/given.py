"""Representations given by matrices, for all elements or for generators."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions.representation.representation import Representation
from haar.constants import HOMOMORPHISM_ERROR, SAME_ENTRY
from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup
from haar.groups.door import check_enumerated
from haar.groups.nearby_homomorphism import nearby_homomorphism, orthonormal_basis_change
from haar.groups.real import precision, real_matrices
from haar.groups.table import signed_permutation_of
from haar.host import on_the_host


class Given(Representation):
    """Matrices given for every element of an enumerated group.

    Args:
        group: An enumerated group.
        matrices: ``(order, n, n)``, float64; checked to be an orthogonal homomorphism to 1e-8, whose rounding is then
            taken off.
        name: A short name.

    Raises:
        ArgumentError: If shapes do not fit, or the matrices are no orthogonal homomorphism.
    """

    def __init__(self, group: FiniteGroup, matrices: Float[Tensor, "order n n"], name: str = "given") -> None:
        check_enumerated("group", group)
        matrices = real_matrices("matrices", matrices)
        if matrices.shape[0] != group.order:
            raise ShapeError("matrices", expected=f"one for each of {group.order} elements", got=tuple(matrices.shape))
        self.group, self.dim, self.name, self.matrices = group, int(matrices.shape[-1]), name, matrices
        self._signed = signed_permutation_of(matrices)
        self.check()
        if self._signed is None:
            self.matrices = nearby_homomorphism("matrices", matrices, group.generators(), _left_products(group))

    @property
    def is_signed_permutation(self) -> bool:
        """Whether all matrices are."""
        return self._signed is not None

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """From a table."""
        if self._signed is None:
            return super().signed_permutation(g)
        return self._signed[0][g], self._signed[1][g]

    def matrix(self, g: Tensor) -> Tensor:
        """From the table."""
        return self.matrices[g]


@on_the_host
def representation_from_generators(
    group: FiniteGroup,
    matrices: Float[Tensor, "k n n"] | Sequence[Float[Tensor, "n n"]],
    name: str = "given",
    *,
    orthogonalise: bool = False,
) -> Given:
    """A representation from one matrix for every generator, extended to all elements and checked to be a homomorphism.

    Args:
        group: An enumerated group.
        matrices: One matrix for each of ``group.generators()``, in their order.
        name: A short name.
        orthogonalise: Whether matrices that are not orthogonal may be brought into an orthogonal basis, by the square
            root of the group-averaged Gram matrix. The representation is then the changed one, equivalent to what was
            given. This is also the way for matrices in single or half precision, whose rounding is taken off.

    Raises:
        ShapeError: If there is not one square matrix for each generator.
        ArgumentError: If a matrix is singular or not orthogonal (and `orthogonalise` is off), or the matrices break a
            relation of the group; the message names the first relation that fails.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> turn, mirror = torch.tensor([[-1.0]], dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64)
        >>> representation_from_generators(dihedral(4), [turn, mirror], "B1")
        <B1 of D4, dimension 1>
    """
    check_enumerated("group", group)
    gens = group.generators()
    stacked = real_matrices("matrices", matrices) if len(matrices) else torch.zeros(0)
    if stacked.ndim != 3 or stacked.shape[0] != len(gens) or stacked.shape[1] != stacked.shape[2]:
        raise ShapeError(
            "matrices",
            expected=f"one square matrix for each of the {len(gens)} generators of {group.name}",
            got=tuple(stacked.shape),
        )
    n = stacked.shape[-1]
    eye = torch.eye(n, dtype=torch.float64)
    smallest = torch.linalg.svdvals(stacked).min(-1).values
    if bool((smallest < SAME_ENTRY).any()):
        raise ArgumentError(
            "matrices", expected="invertible matrices", got=f"matrix {int(smallest.argmin())} is singular"
        )
    if not orthogonalise:
        error = (stacked @ stacked.transpose(-1, -2) - eye).abs().amax((-1, -2))
        if bool((error > HOMOMORPHISM_ERROR).any()):
            raise ArgumentError(
                "matrices",
                expected="orthogonal matrices",
                got=f"matrix {int(error.argmax())} with |R R^T - 1| = {float(error.max()):.1e}",
                way_out="pass orthogonalise=True to change the basis, or to take off the rounding of single precision",
            )
    tolerance = max(1e-6, precision(matrices) ** 0.5) if orthogonalise else 1e-6
    table = _extend(group, stacked, tolerance)
    if orthogonalise:
        table = nearby_homomorphism("matrices", orthonormal_basis_change(table), gens, _left_products(group))
    return Given(group, table, name)


def _left_products(group: FiniteGroup) -> Int[Tensor, "k n"]:
    """Products of every generator with every element."""
    return group.compose(group.generators()[:, None], group.elements()[None, :])


def _extend(group: FiniteGroup, images: Float[Tensor, "k n n"], tolerance: float) -> Float[Tensor, "order n n"]:
    """Matrices of all elements along a breadth-first tree of words, with every other edge checked as a relation."""
    gens = group.generators()
    table = torch.zeros(group.order, *images.shape[1:], dtype=torch.float64)
    table[0] = torch.eye(images.shape[-1], dtype=torch.float64)
    words: dict[int, tuple[int, ...]] = {0: ()}
    queue = [0]
    for g in queue:
        for s, product in enumerate(group.compose(gens, torch.tensor(g)).tolist()):
            image = images[s] @ table[g]
            if product not in words:
                words[product] = (s, *words[g])
                table[product] = image
                queue.append(product)
                continue
            error = float((image - table[product]).abs().max())
            if error > tolerance * max(1.0, float(image.abs().max())):
                left, right = _spelt((s, *words[g])), _spelt(words[product])
                raise ArgumentError(
                    "matrices",
                    expected=f"the relations of {group.name}",
                    got=f"matrices that break {left} = {right} by {error:.1e}",
                    way_out="s0, s1, ... are group.generators() in their order",
                )
    return table


def _spelt(word: tuple[int, ...]) -> str:
    runs = [(s, len(list(run))) for s, run in itertools.groupby(word)]
    return (
        " ".join(
            f"s{s}" if count < 4 else f"s{s}^{count}" for s, count in runs for _ in range(count if count < 4 else 1)
        )
        or "1"
    )
