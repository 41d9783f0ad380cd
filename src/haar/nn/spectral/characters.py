"""Features of every sign character: products of columns, and with them pseudovectors."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from haar.constants import ConstantsModule
from haar.errors import ArgumentError, ShapeError, check_count
from haar.host import on_the_host
from haar.nn.drawn import draw_by_size
from haar.nn.spectral.columns import cloud_mean, masked
from haar.nn.spectral.given import check_columns, check_mask
from haar.nn.spectral.perceptron import Perceptron, uniform

#: 2^k characters are held at once.
MOST_COLUMNS = 8


@on_the_host
def column_characters(k: int) -> Int[Tensor, "k k"]:
    """The characters of k columns: unit rows.

    Example:
        >>> column_characters(2).tolist()
        [[1, 0], [0, 1]]
    """
    check_count("k", k)
    return torch.eye(k, dtype=torch.int64)


@on_the_host
def pseudovector_characters(k: int) -> Int[Tensor, "k k"]:
    """The characters det(S) s_c of a pseudovector's components: all ones minus a unit row.

    Example:
        >>> pseudovector_characters(3).tolist()
        [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    return 1 - column_characters(k)


class SignCharacters(ConstantsModule):
    """A network on features of all 2^k sign characters, of a row or of a cloud of rows.

    A feature of character chi takes the sign prod_c s_c^chi_c. Products add characters mod 2, linear maps mix equal
    characters, only the trivial character has a bias, and gates see invariants. This reaches features such as
    sum_j v_j1 v_j2 (character s_1 s_2), and outputs such as pseudovectors, which gates on single columns do not.

    Source: ours, beyond arXiv 2312.02339.

    Args:
        chi_in: Characters of the input's features, zeros and ones ``(features, k)``.
        chi_out: Characters of the output's features.
        width: Channels of every character.
        layers: How often features are multiplied.
        cloud: Whether rows are points of a cloud that see the mean over it.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If characters are not zeros and ones, k is above 8, or a size is not positive.
        ShapeError: If characters are not of one length.

    Example:
        >>> net = SignCharacters(column_characters(3), pseudovector_characters(3))
        >>> x, s = torch.randn(6, 3), torch.tensor([1.0, -1, -1])
        >>> bool((net(x * s) == net(x) * s.prod() * s).all())
        True
    """

    def __init__(
        self,
        chi_in: Int[Tensor, "features k"],
        chi_out: Int[Tensor, "features_out k"],
        *,
        width: int = 8,
        layers: int = 2,
        cloud: bool = True,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, chi in (("chi_in", chi_in), ("chi_out", chi_out)):
            if not isinstance(chi, Tensor) or chi.ndim != 2 or bool(((chi != 0) & (chi != 1)).any()):
                got = chi.tolist() if isinstance(chi, Tensor) else type(chi).__name__
                raise ArgumentError(name, expected="rows of zeros and ones", got=got)
        self.k = k = int(chi_in.shape[-1])
        if chi_out.shape[-1] != k:
            raise ShapeError(
                "chi_out", expected=f"(features, {k}), as chi_in has {k} columns", got=tuple(chi_out.shape)
            )
        check_count("width", width)
        check_count("layers", layers, least=0)
        if k > MOST_COLUMNS:
            raise ArgumentError(
                "chi_in",
                expected=f"at most {MOST_COLUMNS} columns, as 2^k characters are held",
                got=k,
                way_out="use SignDeepSets or SignMessagePassing",
            )
        self.width, self.cloud = width, cloud
        chi_in, chi_out = chi_in.to(torch.int64), chi_out.to(torch.int64)
        powers = 2 ** torch.arange(k)
        self.chi_in: Tensor
        self.chi_out: Tensor
        self.register_constant("chi_in", (chi_in.cpu() * powers).sum(-1))
        self.register_constant("chi_out", (chi_out.cpu() * powers).sum(-1))
        self.enter = uniform(len(chi_in), width, 1, generator=generator, dtype=dtype)
        self.leave = uniform(len(chi_out), width, generator=generator, dtype=dtype)
        self.bias = nn.Parameter(torch.zeros(len(chi_out), dtype=dtype))
        self.rounds = nn.ModuleList(
            _Product(2**k, width, cloud=cloud, generator=generator, dtype=dtype) for _ in range(layers)
        )

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw this module's own parameters."""
        draw_by_size(self.enter, self.leave, generator=generator)
        with torch.no_grad():
            self.bias.zero_()

    def forward(
        self, x: Float[Tensor, "*batch features"], *, mask: Bool[Tensor, "*rows"] | None = None
    ) -> Float[Tensor, "*batch features_out"]:
        """Apply the network.

        Args:
            x: Features of the characters `chi_in`; of clouds ``(*batch, n, features)`` where `cloud` is set.
            mask: Which rows hold a point; the others come out as 0.

        Raises:
            ShapeError: If features do not fit.
        """
        check_columns(x, len(self.chi_in), rows=self.cloud, dtype=self.enter.dtype)
        check_mask(mask, x)
        x = masked(x, mask)
        wide = x.unsqueeze(-1) * self.enter.squeeze(-1)
        z = x.new_zeros(*x.shape[:-1], 2**self.k, self.width).index_add(-2, self.chi_in, wide)
        for product in self.rounds:
            z = product(z, mask)
        y = (z.index_select(-2, self.chi_out) * self.leave).sum(-1)
        y = y + self.bias * (self.chi_out == 0)
        return y if mask is None else torch.where(mask.unsqueeze(-1), y, 0)


class _Product(ConstantsModule):
    """z + gate * (A z * B z'), where * adds characters and z' is z and, for clouds, its mean."""

    def __init__(
        self,
        characters: int,
        width: int,
        *,
        cloud: bool,
        generator: torch.Generator | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.maps = uniform(3 if cloud else 2, characters, width, width, generator=generator, dtype=dtype)
        self.bias = nn.Parameter(torch.zeros(2, width, dtype=dtype))
        self.gate = Perceptron((characters * width, 4 * width, characters * width), generator=generator, dtype=dtype)
        self.table: Tensor
        order = torch.arange(characters)
        self.register_constant("table", order.unsqueeze(0) ^ order.unsqueeze(1))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw this module's own parameters."""
        draw_by_size(self.maps, generator=generator)
        with torch.no_grad():
            self.bias.zero_()

    def forward(self, z: Tensor, mask: Tensor | None) -> Tensor:
        left = _mix(z, self.maps[0], self.bias[0])
        right = _mix(z, self.maps[1], self.bias[1])
        if len(self.maps) == 3:
            mean = cloud_mean(z.flatten(-2), mask).unflatten(-1, z.shape[-2:])
            right = right + _mix(mean, self.maps[2], torch.zeros_like(self.bias[1]))
        # Character chi of the product: the sum over a of left[a] right[a xor chi].
        product = (left.unsqueeze(-3) * right[..., self.table, :]).sum(-2) * len(self.table) ** -0.5
        invariants = torch.cat([z[..., :1, :], z[..., 1:, :].abs()], -2).flatten(-2)
        gates: Tensor = self.gate(invariants).unflatten(-1, z.shape[-2:])
        moved: Tensor = z + product * gates
        return moved


def _mix(z: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear map for each character, with a bias on the trivial one."""
    mixed: Tensor = (weight @ z.unsqueeze(-1)).squeeze(-1)
    return torch.cat([mixed[..., :1, :] + bias, mixed[..., 1:, :]], -2)
