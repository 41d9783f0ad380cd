"""Sums and tensor products: lazy, they hold their parts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from haar.actions.representation.elementary import Trivial
from haar.actions.representation.representation import (
    Made,
    Representation,
    check_degree,
    check_representation,
    same_group,
)
from haar.errors import ArgumentError
from haar.groups import Subgroup


class DirectSum(Representation):
    """Representations side by side."""

    def __init__(self, parts: Sequence[Representation]) -> None:
        if not isinstance(parts, Iterable):
            check_representation("parts", parts)
        self.parts = tuple(parts)
        if not self.parts:
            raise ArgumentError("parts", expected="at least one representation", got="none")
        same_group(self.parts)
        self.group = self.parts[0].group
        self.dim = sum(part.dim for part in self.parts)
        runs = [(name, len(list(run))) for name, run in itertools.groupby(part.name for part in self.parts)]
        self.name = " + ".join(name if count == 1 else f"{count} {name}" for name, count in runs)

    def _restricted(self, subgroup: Subgroup) -> Representation:
        return DirectSum([part.restrict(subgroup) for part in self.parts])

    @property
    def is_signed_permutation(self) -> bool:
        """Whether all parts are."""
        return all(part.is_signed_permutation for part in self.parts)

    @property
    def degree(self) -> int | None:
        """The largest of the parts."""
        degrees = [part.degree for part in self.parts]
        return None if None in degrees else max(d for d in degrees if d is not None)

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The parts' indices, offset."""
        indices, signs, start = [], [], 0
        for part in self.parts:
            index, sign = part.signed_permutation(g)
            indices.append(index + start)
            signs.append(sign)
            start += part.dim
        return torch.cat(indices, -1), torch.cat(signs, -1)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Part by part, unless one gather does it."""
        if self.is_signed_permutation:
            return super().act(g, x)
        self._check_last_axis(x)
        self.check_dtype(x)
        pieces = x.split([part.dim for part in self.parts], -1)
        return torch.cat([part.act(g, piece) for part, piece in zip(self.parts, pieces, strict=True)], -1)

    def character(self, g: Tensor) -> Tensor:
        """The sum of characters."""
        return torch.stack([part.character(g) for part in self.parts]).sum(0)

    def matrix(self, g: Tensor) -> Tensor:
        """Block-diagonal matrices."""
        batch = g.shape[: g.ndim - len(self.group.element_shape)]
        out = torch.zeros(*batch, self.dim, self.dim, dtype=torch.float64)
        start = 0
        for part in self.parts:
            out[..., start : start + part.dim, start : start + part.dim] = part.matrix(g)
            start += part.dim
        return out

    def algebra(self) -> Tensor:
        """Block-diagonal."""
        blocks = [part.algebra() for part in self.parts]
        return torch.stack([torch.block_diag(*[block[k] for block in blocks]) for k in range(len(blocks[0]))])


class TensorProduct(Representation):
    """The tensor product of two representations; the second runs fastest (row-major, as arrays are)."""

    def __init__(self, left: Representation, right: Representation) -> None:
        same_group((left, right))
        self.left, self.right = left, right
        self.group, self.dim = left.group, left.dim * right.dim
        self.name = f"({left.name} x {right.name})"

    @property
    def is_signed_permutation(self) -> bool:
        """Whether both are."""
        return self.left.is_signed_permutation and self.right.is_signed_permutation

    @property
    def degree(self) -> int | None:
        """The sum of both."""
        left, right = self.left.degree, self.right.degree
        return None if left is None or right is None else left + right

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs of indices, products of signs."""
        left, left_sign = self.left.signed_permutation(g)
        right, right_sign = self.right.signed_permutation(g)
        index = left.unsqueeze(-1) * self.right.dim + right.unsqueeze(-2)
        return index.flatten(-2), (left_sign.unsqueeze(-1) * right_sign.unsqueeze(-2)).flatten(-2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """One factor after the other, without the product's matrix."""
        if self.is_signed_permutation:
            return super().act(g, x)
        self._check_last_axis(x)
        self.check_dtype(x)
        square = x.unflatten(-1, (self.left.dim, self.right.dim))
        turned = _on_last_axis(self.right, g, square)
        return _on_last_axis(self.left, g, turned.transpose(-1, -2)).transpose(-1, -2).flatten(-2)

    def character(self, g: Tensor) -> Tensor:
        """The product of characters."""
        return self.left.character(g) * self.right.character(g)

    def matrix(self, g: Tensor) -> Tensor:
        """Kronecker products."""
        left, right = self.left.matrix(g), self.right.matrix(g)
        product = torch.einsum("...ij,...kl->...ikjl", left, right)
        return product.reshape(*product.shape[:-4], self.dim, self.dim)

    def algebra(self) -> Tensor:
        """X on the left plus X on the right."""
        left, right = self.left.algebra(), self.right.algebra()
        eye_left = torch.eye(self.left.dim, dtype=torch.float64)
        eye_right = torch.eye(self.right.dim, dtype=torch.float64)
        both = torch.einsum("aij,kl->aikjl", left, eye_right) + torch.einsum("ij,akl->aikjl", eye_left, right)
        return both.reshape(-1, self.dim, self.dim)


def _on_last_axis(rep: Representation, g: Tensor, x: Tensor) -> Tensor:
    """Elements on the last axis of matrices ``(*batch, m, n)``: large factors by their own way, others by a matrix."""
    if isinstance(rep, (DirectSum, TensorProduct)):
        return rep.act(g.unsqueeze(g.ndim - len(rep.group.element_shape)), x)
    turned: Tensor = x @ rep.matrix(g).to(device=x.device, dtype=x.dtype).transpose(-1, -2)
    return turned


def direct_sum(parts: Sequence[Representation]) -> Representation:
    """The direct sum of one or more representations of one group."""
    if isinstance(parts, Sequence) and len(parts) == 1:
        check_representation("parts", parts[0])
        return parts[0]
    return DirectSum(parts)


def tensor_power(rep: Representation, power: int) -> Representation:
    """The tensor product of `power` copies; power 0 is trivial."""
    check_representation("rep", rep)
    check_degree("power", power)
    out: Representation = Trivial(rep.group) if power == 0 else rep
    for _ in range(power - 1):
        out = TensorProduct(out, rep)
    return out


Made.direct_sum, Made.tensor_product = direct_sum, TensorProduct
