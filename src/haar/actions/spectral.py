"""Eigenvectors: columns that are defined up to a sign, or up to a rotation where eigenvalues repeat."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions.axes import Axes
from haar.actions.eigenspaces import eigenspaces, multiplicities
from haar.actions.representation import Defining, Representation, direct_sum
from haar.actions.vector import Vector
from haar.errors import ArgumentError, check_count, formerly
from haar.groups import Group, MixedProduct, O, SignGroup, product


class Spectral(Vector):
    """What an eigensolver leaves open: a sign for every simple column, an element of O(m) for every m-fold eigenvalue.

    The columns are on one axis of the tensor, usually the last: ``(batch, node, column)``. Nodes do not move.

    Args:
        spaces: How many columns each eigenspace has, in order: ``(1, 2, 1)`` for four columns whose second and third
            belong to one eigenvalue.
        axis: The axis of the columns, counted from the end.
        group: The group of another `Spectral` of the same eigenspaces, so that both can stand in one `Symmetry`.

    Attributes:
        spaces: Dimensions of the eigenspaces, as they were given.

    Raises:
        ArgumentError: If there is no column, an eigenspace is empty, or the group does not fit.

    Source: Lim et al. arXiv 2202.13013 (the ambiguities), arXiv 2312.02339 (signs).

    Example:
        >>> action = Spectral((1, 2))
        >>> action.group.name
        '{+-1}^1 x O(2)'
        >>> Spectral((1, 1, 1)).act(torch.tensor([1, -1, 1]), torch.ones(3)).tolist()
        [1.0, -1.0, 1.0]
    """

    def __init__(self, spaces: Sequence[int], *, axis: int = -1, group: Group | None = None) -> None:
        if not isinstance(spaces, Sequence) or not spaces:
            expected = "a positive number of columns for every eigenspace"
            raise ArgumentError("spaces", expected=expected, got=repr(spaces))
        for count in spaces:
            check_count("spaces", count)
        spaces = tuple(spaces)
        self.spaces = spaces
        own = spectral_group(spaces)
        if group is None:
            group = own
        elif group.name != own.name:
            raise ArgumentError("group", expected=f"{own.name} for eigenspaces of {spaces} columns", got=group.name)
        super().__init__(_representation(spaces, group), axis=axis)
        self.axes = Axes(1 - axis, axis)  # the nodes of one graph are no samples

    @classmethod
    @formerly(tol="tolerance")
    def of_eigenvalues(
        cls, eigenvalues: Float[Tensor, " k"], *, tolerance: float | int = 1e-8, axis: int = -1
    ) -> Spectral:
        """The action for one spectrum, its eigenspaces found by `eigenspaces`.

        Raises:
            ArgumentError: If eigenvalues are not finite or not sorted.

        Example:
            >>> Spectral.of_eigenvalues(torch.tensor([0.5, 0.5, 2.0])).spaces
            (2, 1)
        """
        return cls(multiplicities(eigenspaces(eigenvalues, tolerance=tolerance)), axis=axis)


class SignCharacter(Representation):
    """Features that change sign with products of columns: row f of `chi` says which columns' signs feature f takes.

    A row of zeros is invariant, a unit row follows one column, and all ones minus a unit row is a pseudovector of three
    dimensions: for orthogonal S = diag(s), det(S) s_c is the product of the other signs.

    Args:
        group: The group of signs.
        chi: Zeros and ones ``(features, k)``.

    Raises:
        ArgumentError: If `chi` is not of zeros and ones, or has not one entry for every sign.

    Example:
        >>> rep = SignCharacter(SignGroup(2), torch.tensor([[0, 0], [1, 1]]))
        >>> rep.matrix(torch.tensor([-1, 1])).diagonal().tolist()
        [1.0, -1.0]
    """

    def __init__(self, group: SignGroup, chi: Int[Tensor, "features columns"]) -> None:
        fits = isinstance(chi, Tensor) and chi.ndim == 2 and chi.shape[-1] == group.k
        if not fits or bool(((chi != 0) & (chi != 1)).any()):
            got = chi.tolist() if isinstance(chi, Tensor) else type(chi).__name__
            raise ArgumentError("chi", expected=f"rows of {group.k} zeros and ones", got=got)
        self.group, self.chi, self.dim, self.name = group, chi, len(chi), "characters"

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The features stay in place and take products of signs."""
        sign = torch.where(self.chi.bool(), g.unsqueeze(-2), 1).prod(-1)
        return torch.arange(self.dim).expand(sign.shape), sign

    def matrix(self, g: Tensor) -> Tensor:
        """Diagonal matrices."""
        return torch.diag_embed(self.signed_permutation(g)[1].to(torch.float64))


def spectral_group(spaces: Sequence[int]) -> Group:
    """The signs of all simple columns together, and O(m) for every eigenspace of m > 1 columns.

    Example:
        >>> spectral_group((2, 1, 1)).name
        '{+-1}^2 x O(2)'
    """
    simple = sum(m == 1 for m in spaces)
    parts: list[Group] = [SignGroup(simple)] if simple else []
    parts += [O(m) for m in spaces if m > 1]
    return parts[0] if len(parts) == 1 else product(*parts)


def _representation(spaces: Sequence[int], group: Group) -> Representation:
    """The columns in their order, as a sum of parts that see one factor each."""
    if not isinstance(group, MixedProduct):
        return Defining(group)
    signs = group.factors[0] if isinstance(group.factors[0], SignGroup) else None
    blocks = iter(range(0 if signs is None else 1, len(group.factors)))
    parts: list[Representation] = []
    taken = 0
    for m in spaces:
        if m == 1 and signs is not None:
            unit = torch.zeros(1, signs.k, dtype=torch.int64)
            unit[0, taken] = 1
            parts.append(SignCharacter(signs, unit).pull_back(group, 0))
            taken += 1
        else:
            factor = next(blocks)
            parts.append(Defining(group.factors[factor]).pull_back(group, factor))
    return direct_sum(parts)
