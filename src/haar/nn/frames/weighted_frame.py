"""An average over frames made of the points themselves, weighted so that it is continuous."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count, formerly
from haar.nn.frames.back_rotation import check_kinds, check_model, map_kinds
from haar.nn.frames.clouds import Clouds
from haar.nn.principal.axes import principal_axes

#: Squared volumes below this, over lengths to the same power, are no volumes: float64 squared, with room.
_FLAT = 1e-20


class WeightedFrame(nn.Module):
    """Any model made exactly O(d) and translation equivariant, and continuous, for d = 2 and 3.

    Every point (d = 2) or ordered pair of points (d = 3) gives two frames by Gram-Schmidt and a choice of the last
    axis; its weight, the squared area that the points span, vanishes where the frame is not defined. There are
    2 n frames for d = 2 and 2 n (n - 1) for d = 3.

    Source: our construction, after weighted frames arXiv 2402.16077.

    Args:
        model: Any module or callable ``model(x, *vectors, **invariants)``.
        outputs: ``"vector"``, ``"position"``, ``"scalar"``, ``"pseudovector"``, or a tuple of these.
        most_points: Refuse larger clouds.
        batch_size: Clouds in one pass of the model.

    Raises:
        ArgumentError: If an output's kind is unknown, the model cannot be called, or a number is not positive.

    Example:
        >>> frame = WeightedFrame(lambda x: x.exp(), outputs="vector")
        >>> frame(torch.randn(4, 5, 3)).shape
        torch.Size([4, 5, 3])
    """

    @formerly(chunk="batch_size")
    def __init__(
        self,
        model: Callable[..., Any],
        *,
        outputs: str | tuple[str, ...] = "vector",
        most_points: int = 32,
        batch_size: int = 1024,
    ) -> None:
        super().__init__()
        check_model(model)
        check_count("most_points", most_points)
        check_count("batch_size", batch_size)
        self.model, self.outputs = model, check_kinds(outputs)
        self.most_points, self.batch_size = most_points, batch_size

    def forward(
        self,
        x: Float[Tensor, "*batch n d"],
        *vectors: Float[Tensor, "*batch n d"],
        mask: Bool[Tensor, "*batch n"] | None = None,
        invariants: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """The average over all frames.

        Args:
            x: Positions of the points.
            vectors: Further vectors of every point, such as velocities.
            mask: Which rows hold a point; it is passed on to the model.
            invariants: Passed on to the model by name.

        Raises:
            ArgumentError: If the dimension is not 2 or 3, a cloud is too large, or its points do not span d - 1
                dimensions around their centroid.
        """
        clouds = Clouds(x, vectors, mask, invariants)
        n, d = x.shape[-2:]
        if d not in (2, 3):
            way_out = "PCAFrame takes any, with another policy than 'weighted'"
            raise ArgumentError("x", expected="dimension 2 or 3", got=d, way_out=way_out)
        if n > self.most_points:
            way_out = "give WeightedFrame most_points=, or PCAFrame another policy than 'weighted'"
            raise ArgumentError("x", expected=f"at most {self.most_points} points", got=n, way_out=way_out)
        centre = principal_axes(clouds.inputs, mask=clouds.mask).centre.to(x.dtype)
        centred = clouds.inputs[0] - centre
        if clouds.mask is not None:
            centred = torch.where(clouds.mask.unsqueeze(-1), centred, 0)
        # in float64: fourth powers of small coordinates are no float32
        frames, weights = _point_frames(centred.double())
        total = weights.sum(1, keepdim=True)
        size = centred.double().square().sum((-1, -2)).unsqueeze(-1) ** (d - 1)
        if bool((total <= _FLAT * size).any()):
            raise ArgumentError(
                "x",
                expected=f"points that span {d - 1} dimensions or more around their centroid",
                got=f"{int((total <= _FLAT * size).sum())} clouds that do not",
                way_out="PCAFrame in mode sign needs none for positions alone",
            )
        inputs = [centred, *clouds.inputs[1:]]
        summed: Any = None
        step = max(1, self.batch_size // max(1, len(centred)))
        for start in range(0, frames.shape[1], step):
            some = frames[:, start : start + step].to(x.dtype)
            share = (weights[:, start : start + step] / total).to(x.dtype)
            part = clouds.averaged(self.model, self.outputs, inputs, frames=some, weights=share, centre=centre)
            summed = part if summed is None else map_kinds(lambda _, a, b: a + b, self.outputs, summed, part)
        return clouds.restored(self.outputs, summed)


def _point_frames(x: Float[Tensor, "batch n d"]) -> tuple[Float[Tensor, "batch m d d"], Float[Tensor, "batch m"]]:
    """Gram-Schmidt frames of all tuples of d - 1 points, with both last axes, and their squared volumes."""
    n, d = x.shape[-2:]
    if d == 2:
        first, square = _unit(x)
        last = torch.stack([-first[..., 1], first[..., 0]], -1)
        axes, weights = [first, last], square
    else:
        pairs = torch.cartesian_prod(torch.arange(n), torch.arange(n))
        pairs = pairs[pairs[:, 0] != pairs[:, 1]].reshape(-1, 2).to(x.device)
        first, one = _unit(x[:, pairs[:, 0]])
        other = x[:, pairs[:, 1]]
        for _ in range(2):  # twice is enough for an orthogonal frame of nearly parallel points
            other = other - (other * first).sum(-1, keepdim=True) * first
        second, two = _unit(other)
        axes, weights = [first, second, torch.linalg.cross(first, second)], one * two
    both = [torch.stack([*axes[:-1], sign * axes[-1]], -1) for sign in (1, -1)]
    return torch.cat(both, 1), torch.cat([weights, weights], 1)


def _unit(x: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors, 0 for 0, and squared lengths."""
    square = x.square().sum(-1)
    length = torch.where(square > 0, square, 1).sqrt()
    return x / length.unsqueeze(-1), square
