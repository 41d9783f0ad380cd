"""Attention whose scores are invariant and whose values are columns."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from haar.constants import HostBuilt
from haar.errors import ShapeError, check_count
from haar.nn.drawn import draw_by_size
from haar.nn.precision import wide_dtype
from haar.nn.spectral.columns import Columns, Spaces
from haar.nn.spectral.given import check_columns, check_mask, spreads
from haar.nn.spectral.message_passing import Pairs
from haar.nn.spectral.perceptron import Perceptron, linear, uniform


class SignAttention(HostBuilt, nn.Module):
    """z_i <- z_i + W sum_j softmax_j(<z_i theta, z_j> / sqrt(k c) + b(|p_ij|)) z_j g(|p_ij|).

    Scores pair each column with itself, so they are invariant under signs; values are multiplied by gates that see
    the lengths of a channel mix p_ij of both points. With `spaces` equivariant under O(m) of every eigenspace.

    Source: ours, on the pattern of arXiv 2312.02339.

    Args:
        k: Number of columns.
        channels: Channels of every column; 1 takes and gives tensors without a channel axis.
        heads: Number of sets of scores.
        hidden: Hidden features of the network of invariants.
        pairs: Invariant features of every pair.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> layer = SignAttention(4)
        >>> x, s = torch.randn(10, 4), torch.tensor([1.0, -1, -1, 1])
        >>> bool((layer(x * s) == layer(x) * s).all())
        True
    """

    def __init__(
        self,
        k: int,
        *,
        channels: int = 1,
        heads: int = 2,
        hidden: int = 64,
        pairs: int = 0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"k": k, "channels": channels, "heads": heads, "hidden": hidden}.items():
            check_count(name, value)
        check_count("pairs", pairs, least=0)
        self.k, self.channels, self.heads, self.pairs = k, channels, heads, pairs
        self.mix = uniform(2, channels, channels, generator=generator, dtype=dtype)
        self.theta = nn.Parameter(torch.ones(heads, k, channels, dtype=dtype))
        width = k * channels
        sizes = (width + pairs, hidden, heads * width + heads)
        self.gate = Perceptron(sizes, generator=generator, dtype=dtype)
        self.out = linear(heads * channels, channels, bias=False, generator=generator, dtype=dtype)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw this module's own parameters."""
        draw_by_size(self.mix, generator=generator)
        with torch.no_grad():
            self.theta.fill_(1)

    def forward(
        self,
        x: Float[Tensor, "*shape"],
        *,
        pairs: Float[Tensor, "*batch n n b"] | None = None,
        mask: Bool[Tensor, "*batch n"] | None = None,
        spaces: Spaces | None = None,
    ) -> Float[Tensor, "*shape"]:
        """Attend to all points of the cloud.

        Args:
            x: Points ``(*batch, n, k)``, with a last axis of channels when there are several.
            pairs: Invariant features of every pair, receiver first.
            mask: Which rows hold a point; the others come out as 0.
            spaces: Number of the eigenspace of each column, for every cloud.

        Raises:
            ShapeError: If something does not fit.
        """
        z = self._checked(x, pairs, mask)
        if mask is not None:
            z = torch.where(mask[..., None, None], z, 0)
            there = mask.unsqueeze(-1) & mask.unsqueeze(-2)
            pairs = pairs if pairs is None else torch.where(there.unsqueeze(-1), pairs, 0)
        pairing = Pairs(z[..., 0], None, mask)
        p = pairing.add(z @ self.mix[0], z @ self.mix[1], -3)
        columns = Columns(self.k, spaces, before=p.shape[:-2], dtype=z.dtype)
        sizes = columns.size(p).flatten(-2)
        made = self.gate(sizes if pairs is None else torch.cat([sizes, pairs.expand(*sizes.shape[:-1], -1)], -1))
        bias, gates = made[..., : self.heads], made[..., self.heads :].unflatten(-1, (self.heads, *p.shape[-2:]))
        attention = self._attention(z, columns, bias, mask)
        gates = torch.stack([columns.share(gate) for gate in gates.unbind(-3)], -3)
        values = torch.einsum("...ijhkc,...jkc->...ikhc", attention[..., None, None] * gates, z)
        moved: Tensor = z + self.out(values.flatten(-2))
        if mask is not None:
            moved = torch.where(mask[..., None, None], moved, 0)
        return moved.squeeze(-1) if self.channels == 1 else moved

    def _checked(self, x: Tensor, pairs: Tensor | None, mask: Tensor | None) -> Tensor:
        """The points with an axis of channels."""
        if self.channels == 1:
            check_columns(x, self.k, dtype=self.mix.dtype)
        z = x.unsqueeze(-1) if self.channels == 1 else x
        if z.ndim < 3 or z.shape[-1] != self.channels:
            raise ShapeError("x", expected=f"(*batch, n, {self.k}, {self.channels} channels)", got=tuple(x.shape))
        check_columns(z[..., 0], self.k, dtype=self.mix.dtype)
        check_mask(mask, z[..., 0])
        between = (*z.shape[:-2], z.shape[-3])
        if (0 if pairs is None else pairs.shape[-1]) != self.pairs or (
            pairs is not None and not spreads(pairs.shape[:-1], between)
        ):
            got = "none" if pairs is None else tuple(pairs.shape)
            raise ShapeError("pairs", expected=f"{self.pairs} features {(*between, self.pairs)}", got=got)
        return z

    def _attention(self, z: Tensor, columns: Columns, bias: Tensor, mask: Tensor | None) -> Tensor:
        """What every point takes from every other, ``(*batch, receiver, sender, head)``."""
        theta = self.theta if columns.same is None else _shared(self.theta, columns.same)
        wide = z.to(wide_dtype(z.dtype))
        # two at a time: einsum of three asks opt_einsum for an order, which cannot be found for a free batch
        weighted = torch.einsum("...jkc,...hkc->...jhkc", wide, theta)
        scores = (self.k * self.channels) ** -0.5 * torch.einsum("...ikc,...jhkc->...ijh", wide, weighted) + bias
        if mask is not None:
            scores = scores.masked_fill(~mask[..., None, :, None], -torch.inf)
            scores = torch.where(mask[..., :, None, None], scores, 0)
        attention: Tensor = scores.softmax(-2).to(z.dtype)
        return attention


def _shared(theta: Tensor, same: Tensor) -> Tensor:
    """The weights of every cloud's columns, equal inside its eigenspaces: ``(*batch, heads, k, channels)``."""
    per_cloud = same.squeeze(-3).squeeze(-3) if same.ndim > 2 else same
    mean = per_cloud / per_cloud.sum(-1, keepdim=True)
    return mean.unsqueeze(-3) @ theta
