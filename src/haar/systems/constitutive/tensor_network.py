"""Networks whose features are tensors: the paper's symmetry-enforcing neurons, and what makes them tell all groups."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Regular, Representation, mandel_rotation
from haar.constants import ConstantsModule
from haar.errors import ArgumentError, check_count
from haar.groups import FiniteGroup, Group
from haar.groups.lie import exponential
from haar.intertwiners import intertwiners, invariants
from haar.nn import Bilinear, Linear, Pointwise, Sequential, TensorFunction
from haar.seeding import Seed, generator_of
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.polynomial_response import is_plain
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry
from haar.systems.constitutive.tensor_response import network_response

Features = Literal["auto", "tensor", "bilinear", "regular"]
_KINDS = ("auto", "tensor", "bilinear", "regular")
#: Tensors of strain are small numbers: a map that moves one less than this commutes.
_COMMUTES = 1e-9


class MajorSymmetricLinear(ConstantsModule):
    """The paper's dense layer: every weight is an elasticity tensor, with major symmetry.

    That is a proper subset of the maps that commute wherever the group leaves maps without it (C4, C6, T and smaller).

    Args:
        rep: Symmetric tensors of the material.
        channels_in: Tensors that come.
        channels_out: Tensors that go.
        bias: Whether to add invariant tensors.
        gain: Of the initial weights.
        generator: Their source.

    Source: Garanger, Kraus and Rimoli, arXiv 2312.13511; initial weights drawn dense, projected, and scaled by
    sqrt(D^2 / dim) so that variance is kept.
    """

    def __init__(
        self,
        rep: Representation,
        channels_in: int,
        channels_out: int,
        *,
        bias: bool = True,
        gain: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        basis = major_symmetric_basis(rep)
        fixed = invariants(rep)
        self.register_constant("basis", basis)
        self.register_constant("fixed", fixed)
        self.columns = channels_in * rep.dim
        spread = gain * (rep.dim**2 / len(basis)) ** 0.5 / (channels_in * rep.dim) ** 0.5
        drawn = torch.randn(channels_out, channels_in, len(basis), dtype=torch.float64, generator=generator)
        self.weight = nn.Parameter(spread * drawn)
        self.bias = nn.Parameter(torch.zeros(channels_out, fixed.shape[1], dtype=torch.float64)) if bias else None

    def forward(self, x: Float[Tensor, "*batch n_in"]) -> Float[Tensor, "*batch n_out"]:
        """Apply to channels of tensors."""
        matrix = torch.einsum("oik,kab->oaib", self.weight, self.constant_as("basis", self.weight.dtype))
        out: Tensor = x @ matrix.flatten(2).flatten(0, 1).mT
        if self.bias is not None:
            out = out + (self.bias @ self.constant_as("fixed", self.bias.dtype).mT).flatten()
        return out


def major_symmetric_basis(rep: Representation) -> Float[Tensor, "k n n"]:
    """An orthonormal basis of the symmetric matrices that commute: the elastic constants of a class."""
    both = intertwiners(rep, rep).basis()
    symmetric = 0.5 * (both + both.mT)
    _, values, vectors = torch.linalg.svd(symmetric.flatten(1), full_matrices=False)
    made: Tensor = vectors[values > _COMMUTES].unflatten(1, (rep.dim, rep.dim))
    return made


class TensorNetwork(Law):
    """Depth hidden layers of `width` tensors: dense maps that commute with the group, and tensor functions.

    Weights commute with the group, tensor functions with all rotations: so a network of these features alone commutes
    with every rotation whose tensor matrix commutes with the weights. That is more than the group for 6, 622 and the
    other hexagonal classes (transverse isotropy) and in the plane from six-fold axes on (isotropy), at any depth:
    `effective` says so. ``features="auto"`` then adds products of tensors, or, where those do not suffice, lifts to
    regular features.

    Args:
        group: The material's.
        width: Tensors in a hidden layer (regular features: copies of the regular representation, as many numbers).
        depth: Hidden layers.
        features: ``"tensor"``, ``"bilinear"``, ``"regular"``, or ``"auto"``.
        function: Of the eigenvalues.
        major_symmetry: Whether weights have major symmetry, as in the paper.
        generator: Source of the weights.

    Attributes:
        features: What was chosen.

    Raises:
        ArgumentError: If a word is unknown, a number too small, or regular features are asked of a continuous group.

    Example:
        >>> TensorNetwork("m-3m", width=4)(torch.zeros(2, 6, dtype=torch.float64)).shape
        torch.Size([2, 6])

    Source: Garanger, Kraus and Rimoli, arXiv 2312.13511.
    """

    def __init__(
        self,
        group: str | MaterialSymmetry | Group,
        *,
        width: int = 16,
        depth: int = 2,
        features: str = "auto",
        function: str = "leaky_relu",
        major_symmetry: bool = False,
        generator: Seed = 0,
    ) -> None:
        super().__init__()
        check_count("width", width)
        check_count("depth", depth)
        if features not in _KINDS:
            raise ArgumentError("features", expected=f"one of {', '.join(_KINDS)}", got=repr(features))
        self.material = material_symmetry(group)
        self.features = _chosen(self.material) if features == "auto" else features
        source, S = generator_of(generator), self.material.tensors
        if self.features == "regular":
            self.body: nn.Module = _regular(self.material, width, depth, source)
            return
        hidden = width * S
        dense: list[nn.Module] = []
        for k in range(depth + 1):
            sizes = (1 if k == 0 else width, width if k < depth else 1)
            gain = 2**0.5 if k < depth else 1.0
            if major_symmetry:
                dense.append(MajorSymmetricLinear(S, *sizes, gain=gain, generator=source))
            else:
                reps = (S if sizes[0] == 1 else hidden, S if sizes[1] == 1 else hidden)
                dense.append(Linear(*reps, gain=gain, generator=source, dtype=torch.float64))
        products = [Products(S, width if k else 1, width, source) for k in range(depth)]
        self.body = _Layers(dense, TensorFunction(hidden, function), products if self.features == "bilinear" else [])

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        out: Tensor = self.body(self.scaled(strain)) * self.stress_unit
        return out

    def response(self, strain: Float[Tensor, "*batch n"]) -> tuple[Tensor, Tensor]:
        """Stress and tangent: where nothing is differentiated, in closed form (of features that are all tensors)."""
        body = self.body
        if self.features != "tensor" or not isinstance(body, _Layers) or not is_plain(strain, self.parameters()):
            return super().response(strain)
        layers = [_affine(layer, strain) for layer in body.dense]  # type: ignore[arg-type]
        n, unit = self.material.tensors.dim, self.stress_unit / self.strain_unit
        layers[-1] = layers[-1][0] * unit, layers[-1][1] * unit  # and not the tangents, which are many
        stress, tangent = network_response(layers, body.function.function, n, self.scaled(strain))
        return stress * self.strain_unit, tangent

    @property
    def effective(self) -> str:
        """The symmetry that it really has: the group's own, or that of tensor features where they see no more."""
        return effective_symmetry(self.material) if self.features == "tensor" else self.material.name


class Products(nn.Module):
    """T(a x, b x), a and b to one tensor each: quadratic terms, which tell groups that tensor features do not."""

    def __init__(self, S: Representation, channels: int, channels_out: int, generator: torch.Generator) -> None:
        super().__init__()
        made: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
        before = channels * S if channels > 1 else S
        self.left, self.right = (Linear(before, S, bias=False, **made) for _ in range(2))
        self.product = Bilinear(S, S, channels_out * S if channels_out > 1 else S, gain=0.5, **made)

    def forward(self, x: Tensor) -> Tensor:
        """The products."""
        out: Tensor = self.product(self.left(x), self.right(x))
        return out


class _Layers(nn.Module):
    def __init__(self, dense: list[nn.Module], function: TensorFunction, products: list[Products]) -> None:
        super().__init__()
        self.dense, self.products, self.function = nn.ModuleList(dense), nn.ModuleList(products), function

    def forward(self, x: Tensor) -> Tensor:
        for k, layer in enumerate(self.dense[:-1]):
            y = layer(x)
            x = self.function(y + self.products[k](x) if len(self.products) else y)
        out: Tensor = self.dense[-1](x)
        return out


def _affine(layer: Linear | MajorSymmetricLinear, like: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix and bias of a dense map, by what it does."""
    columns = layer.rep_in.dim if isinstance(layer, Linear) else layer.columns
    with torch.no_grad():
        bias = layer(like.new_zeros(1, columns))
        return (layer(torch.eye(columns, dtype=like.dtype)) - bias).mT.contiguous(), bias[0]


def _regular(material: MaterialSymmetry, width: int, depth: int, generator: torch.Generator) -> nn.Module:
    group, S = material.group, material.tensors
    if not isinstance(group, FiniteGroup):
        raise ArgumentError("features", expected="tensor or bilinear for a continuous group", got="regular")
    hidden = max(1, round(width * S.dim / group.order)) * Regular(group)
    layers: list[nn.Module] = []
    for k in range(depth):
        made: dict[str, Any] = {"gain": 2**0.5, "generator": generator, "dtype": torch.float64}
        layers += [Linear(S if k == 0 else hidden, hidden, **made), Pointwise(hidden, nn.functional.silu)]
    return Sequential(*layers, Linear(hidden, S, generator=generator, dtype=torch.float64))


def _chosen(material: MaterialSymmetry) -> str:
    """Tensor features where they have the group's own symmetry; products where those help; else regular features."""
    if effective_symmetry(material) == material.name:
        return "tensor"
    S = material.tensors
    maps = [matrix.reshape(S.dim, S.dim**2) for matrix in intertwiners(S @ S, S).basis()]
    if not _turns(material, maps, S.dim**2):
        return "bilinear"
    return "regular"


def effective_symmetry(material: MaterialSymmetry) -> str:
    """The symmetry of every network of tensor features of a material: turns that commute with all of its weights.

    Args:
        material: The symmetry that the network is built for.

    Returns:
        Its own name, or ``"isotropic"`` or ``"transversely isotropic"`` (in the plane ``"plane O(2)"``, or
        ``"plane SO(2)"`` of a group without mirrors).

    Example:
        >>> effective_symmetry(material_symmetry("6/mmm")), effective_symmetry(material_symmetry("m-3m"))
        ('transversely isotropic', 'm-3m')
    """
    if not material.group.is_finite:
        return material.name
    S = material.tensors
    maps = list(intertwiners(S, S).basis())
    count = _turns(material, maps, S.dim)
    if not count:
        return material.name
    if material.dim == 2:
        mirror = mandel_rotation(torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64)))
        mirrored = all(bool((mirror @ one - one @ mirror).abs().max() < _COMMUTES) for one in maps)
        return "plane O(2)" if mirrored else "plane SO(2)"
    return "isotropic" if count == 3 else "transversely isotropic"


def _turns(material: MaterialSymmetry, maps: list[Tensor], inputs: int) -> int:
    """How many directions of turning commute with all maps from tensors (or pairs of tensors) to tensors."""
    d, eye = material.dim, torch.eye(material.tensors.dim, dtype=torch.float64)
    spins = []
    for i in range(d):
        for j in range(i + 1, d):
            X = torch.zeros(d, d, dtype=torch.float64)
            X[i, j], X[j, i] = -1.0, 1.0
            step = 1e-3
            turned = mandel_rotation(exponential(step * X)) - mandel_rotation(exponential(-step * X))
            spins.append(turned / (2 * step))
    columns = []
    for spin in spins:
        on_inputs = spin if inputs == len(spin) else torch.kron(spin, eye) + torch.kron(eye, spin)
        columns.append(torch.cat([(spin @ one - one @ on_inputs).flatten() for one in maps]))
    values = torch.linalg.svdvals(torch.stack(columns, 1))
    return len(spins) - int((values > 1e-4).sum())
