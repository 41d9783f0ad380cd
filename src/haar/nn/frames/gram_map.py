"""A vector-valued map without any frame: sums of the inputs weighted by functions of their inner products."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from haar.errors import ShapeError, check_count
from haar.nn.precision import wide_dtype
from haar.nn.spectral.columns import cloud_mean, masked
from haar.nn.spectral.given import check_columns, check_mask, parameter_dtype
from haar.nn.spectral.perceptron import Perceptron


class GramMap(nn.Module):
    """y_i = sum_j g(all inner products of the vectors of i and j) x_j: exactly O(d) equivariant, for every cloud.

    No frame, hence nothing that could be degenerate; it sees pairs of points only.

    Args:
        inputs: Number of vectors of every point, 1 for positions.
        outputs: Number of vector outputs.
        hidden: Hidden features of g.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> GramMap(2)(torch.randn(4, 5, 3), torch.randn(4, 5, 3)).shape
        torch.Size([4, 5, 3])
    """

    def __init__(
        self,
        inputs: int = 1,
        *,
        outputs: int = 1,
        hidden: int = 64,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"inputs": inputs, "outputs": outputs, "hidden": hidden}.items():
            check_count(name, value)
        self.inputs, self.outputs = inputs, outputs
        sizes = (3 * inputs * inputs, hidden, hidden, inputs * outputs)
        self.weights = Perceptron(sizes, generator=generator, dtype=dtype)

    def forward(
        self, *vectors: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*batch n"] | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        """Apply the map; the first input is centred here.

        Raises:
            ShapeError: If inputs are not as many as the map was made for, or do not fit.
        """
        if len(vectors) != self.inputs:
            raise ShapeError("vectors", expected=f"{self.inputs} tensors (*batch, n, d)", got=len(vectors))
        for number, vector in enumerate(vectors):
            k = vectors[0].shape[-1] if isinstance(vectors[0], Tensor) and vectors[0].ndim else 1
            check_columns(vector, k, f"vectors[{number}]", dtype=parameter_dtype(self))
            if vector.shape != vectors[0].shape:
                expected = f"{tuple(vectors[0].shape)}"
                raise ShapeError(f"vectors[{number}]", expected=expected, got=tuple(vector.shape))
        check_mask(mask, vectors[0])
        kept = [masked(vector, mask) for vector in vectors]
        x = torch.stack([kept[0] - cloud_mean(kept[0], mask), *kept[1:]], -2)
        if mask is not None:
            x = torch.where(mask[..., None, None], x, 0)
        between = torch.einsum("...iad,...jbd->...ijab", x, x).flatten(-2)
        own = torch.einsum("...iad,...ibd->...iab", x, x).flatten(-2)
        sides = [own.unsqueeze(-2).expand(between.shape), own.unsqueeze(-3).expand(between.shape)]
        weights: Tensor = self.weights(torch.cat([between, *sides], -1)).unflatten(-1, (self.inputs, self.outputs))
        wide = wide_dtype(x.dtype)
        count = x.new_full((), x.shape[-3], dtype=wide) if mask is None else mask.sum(-1)[..., None, None, None]
        y = torch.einsum("...ijao,...jad->...iod", weights.to(wide), x.to(wide)) / count.clamp(min=1)
        y = y.to(torch.promote_types(weights.dtype, x.dtype))
        if mask is not None:
            y = torch.where(mask[..., None, None], y, 0)
        return y.squeeze(-2) if self.outputs == 1 else y.unbind(-2)
