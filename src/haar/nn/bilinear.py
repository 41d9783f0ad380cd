"""Products of features: the equivariant bilinear maps, which give any network of linear maps its nonlinearity."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry, Vector
from haar.actions.representation import DirectSum, Representation, TensorProduct
from haar.groups import Subgroup
from haar.groups.broadcast import broadcast_shapes
from haar.nn.linear import Linear
from haar.nn.module import EquivariantModule
from haar.nn.parts import part_runs
from haar.nn.representations import check_same_group, restricted


class Bilinear(EquivariantModule):
    """(x, y) -> W (x tensor y) with W in Hom_G(V_left tensor V_right, V_out): all Clebsch-Gordan paths, learned.

    The tensor product is taken part by part, so that each pair of distinct parts is decomposed once.

    Args:
        rep_in: Representation of x.
        rep_right: Representation of y.
        rep_out: Representation of the result.
        gain: Factor on the scale of initial weights.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If the groups differ, or no bilinear map exists.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> vector = Defining(SO(3))
        >>> cross = Bilinear(vector, vector, vector)
        >>> cross.linear.weight.shape, cross(torch.randn(4, 3), torch.randn(4, 3)).shape
        (torch.Size([1]), torch.Size([4, 3]))
    """

    def __init__(
        self,
        rep_in: Representation,
        rep_right: Representation,
        rep_out: Representation,
        *,
        gain: float = 1.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_same_group(rep_in, rep_right, "rep_right")
        check_same_group(rep_in, rep_out)
        self.rep_in, self.rep_right, self.rep_out = rep_in, rep_right, rep_out
        self.left_runs, self.right_runs = part_runs(rep_in), part_runs(rep_right)
        products: dict[tuple[int, int], Representation] = {}
        parts: list[Representation] = []
        for one in self.left_runs:
            for other in self.right_runs:
                key = (id(one.rep), id(other.rep))
                product = products.setdefault(key, TensorProduct(one.rep, other.rep))
                parts += [product] * (one.copies * other.copies)
        self.linear = Linear(DirectSum(parts), rep_out, bias=False, gain=gain, generator=generator, dtype=dtype)

    @property
    def symmetry(self) -> Symmetry:
        """Two inputs."""
        return Symmetry(self.rep_in.group, (Vector(self.rep_in), Vector(self.rep_right)), Vector(self.rep_out))

    def forward(
        self, x: Float[Tensor, "*batch n_in"], y: Float[Tensor, "*batch n_right"]
    ) -> Float[Tensor, "*batch n_out"]:
        """Multiply.

        Raises:
            ShapeError: If a last axis does not fit.
        """
        self.check_input(x)
        self.check_input(y, self.rep_right, "y")
        out: Tensor = self.linear(self._products(x, y))
        return out

    def restrict(self, subgroup: Subgroup) -> Bilinear:
        """The same map with the freedom of a subgroup.

        Raises:
            ArgumentError: If it is no subgroup of the module's group object.
        """
        looser = copy.deepcopy(self, {id(self.linear): self.linear.restrict(subgroup)})
        for name in ("rep_in", "rep_right", "rep_out"):
            setattr(looser, name, restricted(getattr(self, name), subgroup))
        return looser

    def _products(self, x: Tensor, y: Tensor) -> Tensor:
        """x tensor y in the order (run, run, copy, copy, component, component)."""
        batch = broadcast_shapes(x.shape[:-1], y.shape[:-1])
        pieces = []
        for one in self.left_runs:
            for other in self.right_runs:
                a, b = one.of(x, -1), other.of(y, -1)
                product = a[..., :, None, :, None] * b[..., None, :, None, :]
                pieces.append(product.reshape(*batch, product.shape[-4:].numel()))  # -1 would not do for no samples
        return torch.cat(pieces, -1)


class TensorSquare(EquivariantModule):
    """x -> W (x tensor x): the quadratic nonlinearity of any representation.

    Args:
        rep_in: Representation of x.
        rep_out: Representation of the result.
        gain: Factor on the scale of initial weights.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If the groups differ, or no quadratic map exists.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining, Trivial
        >>> from haar.groups import O
        >>> space = O(3)
        >>> TensorSquare(2 * Defining(space), Trivial(space, 5))(torch.randn(4, 6)).shape
        torch.Size([4, 5])
    """

    def __init__(
        self,
        rep_in: Representation,
        rep_out: Representation,
        *,
        gain: float = 1.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.product = Bilinear(rep_in, rep_in, rep_out, gain=gain, generator=generator, dtype=dtype)

    def forward(self, x: Float[Tensor, "*batch n_in"]) -> Float[Tensor, "*batch n_out"]:
        """Square.

        Raises:
            ShapeError: If the last axis does not fit.
        """
        y: Tensor = self.product(x, x)
        return y

    def restrict(self, subgroup: Subgroup) -> TensorSquare:
        """The same map with the freedom of a subgroup.

        Raises:
            ArgumentError: If it is no subgroup of the module's group object.
        """
        looser = copy.deepcopy(self, {id(self.product): self.product.restrict(subgroup)})
        looser.rep_in, looser.rep_out = restricted(self.rep_in, subgroup), restricted(self.rep_out, subgroup)
        return looser
