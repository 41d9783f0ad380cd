"""Metrics that come from models: the pullback through a decoder, and the Fisher metric of predicted distributions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError
from haar.geometry.definite import inverse
from haar.geometry.derivatives import Field, derivative, first_jet

_DISTRIBUTIONS = ("categorical", "bernoulli", "poisson")


def pulled_back(metric: Field, chart: Field, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
    r"""A metric pulled back through a map: :math:`(\phi^* h)(x) = J^T h(\phi(x)) J`, J the Jacobian of the map.

    Args:
        metric: On the space that the map leads to.
        chart: The map, points to points, each of its own point alone.
        z: Points.

    Example:
        >>> import torch
        >>> from haar.geometry.spaces import flat
        >>> pulled_back(flat, lambda z: 3 * z, torch.zeros(1, 2)).tolist()
        [[[9.0, 0.0], [0.0, 9.0]]]
    """
    jet = first_jet(chart, z)
    return _symmetric(jet.first.mT @ metric(jet.value) @ jet.first)


class Pullback(nn.Module):
    r"""The metric of a latent space that a decoder draws: :math:`g = J^T J`, or :math:`J^T h J` with a metric h inside.

    Lengths in it are lengths of what is decoded. Outputs of any shape are read as one vector.

    Args:
        decoder: A module or function, latent points ``(n, d)`` to outputs ``(n, ...)``, in eval mode if it has layers
            that mix the points of a batch.
        inner: Metric on the outputs (as one vector); by default the Euclidean one.

    Raises:
        ArgumentError: If the decoder is no callable, or has an operator without a derivative in forward mode.

    Example:
        >>> import torch
        >>> from haar.geometry import scalar_curvature
        >>> def globe(z):
        ...     theta, phi = z.T
        ...     return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], -1)
        >>> z = torch.tensor([[1.0, 0.3]], dtype=torch.float64)
        >>> scalar_curvature(Pullback(globe), z).round(decimals=12).tolist()
        [2.0]
    """

    def __init__(self, decoder: nn.Module | Callable[[Tensor], Tensor], inner: Field | None = None) -> None:
        super().__init__()
        if not callable(decoder):
            raise ArgumentError("decoder", expected="a module or function", got=type(decoder).__name__)
        self.decoder = decoder
        self.inner = inner

    def forward(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
        """The metric at points."""
        jet = first_jet(self.flat, z)
        if self.inner is None:
            return _symmetric(jet.first.mT @ jet.first)
        return _symmetric(jet.first.mT @ self.inner(jet.value) @ jet.first)

    def flat(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n outputs"]:
        """What is decoded, as one vector a point; of complex numbers both parts.

        Raises:
            ArgumentError: If it is not one tensor of numbers that can be differentiated.
        """
        made = self.decoder(z)
        if not isinstance(made, Tensor) or not (made.is_floating_point() or made.is_complex()):
            got = str(made.dtype) if isinstance(made, Tensor) else type(made).__name__
            raise ArgumentError("decoder", expected="one tensor of real or complex numbers as output", got=got)
        real: Tensor = torch.view_as_real(made) if made.is_complex() else made
        return real.flatten(1)

    def acceleration(self, z: Float[Tensor, "n d"], v: Float[Tensor, "n d"]) -> tuple[Tensor, Tensor]:
        r"""The metric at points, and how geodesics there with velocities v bend, where lengths are Euclidean.

        In the space of outputs a geodesic bends at right angles to the surface: with J and the second derivative of
        the decoder along v, :math:`\ddot z = -(J^T J)^{-1} J^T D^2 f(v, v)`. No derivative of the metric is formed.
        """
        count, size = z.shape
        along = torch.eye(size, dtype=z.dtype, device=z.device).repeat_interleave(count, 0)

        def slopes(points: Tensor) -> Tensor:  # J, column by column, and its product with v, in one pass
            columns: Tensor = derivative(self.flat, points, torch.cat([along, v]))[1]
            return columns

        copies = z.repeat(size + 1, 1)
        still = torch.zeros_like(z).repeat(size, 1)
        columns, bent = derivative(slopes, copies, torch.cat([still, v]))
        J = columns[: size * count].unflatten(0, (size, count)).movedim(0, -1)
        g = _symmetric(J.mT @ J)
        force = (J.mT @ bent[size * count :, :, None])[..., 0]
        return g, -(inverse(g) @ force[..., None])[..., 0]


class Fisher(nn.Module):
    r"""The Fisher metric of the distribution that a model predicts at a point: :math:`g = J^T F J`.

    F is the information of the distribution in what the model puts out: :math:`\mathrm{diag}(p) - p p^T` for the
    logits of classes, :math:`p (1 - p)` for logits of coins, :math:`e^a` for logarithms of rates. For Gaussian outputs
    of unit variance it is `Pullback`.

    Args:
        model: Points ``(n, d)`` to outputs ``(n, k)``.
        distribution: ``"categorical"``, ``"bernoulli"`` or ``"poisson"``.

    Raises:
        ArgumentError: If the distribution is unknown.

    Example:
        >>> import torch
        >>> Fisher(lambda z: z, "bernoulli")(torch.zeros(1, 2)).tolist()
        [[[0.25, 0.0], [0.0, 0.25]]]
    """

    def __init__(self, model: nn.Module | Callable[[Tensor], Tensor], distribution: str) -> None:
        super().__init__()
        if distribution not in _DISTRIBUTIONS:
            raise ArgumentError("distribution", expected=f"one of {', '.join(_DISTRIBUTIONS)}", got=repr(distribution))
        self.model, self.distribution = model, distribution

    def forward(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
        """The metric at points.

        Raises:
            ShapeError: If the model's output is not one row of numbers a point.
        """
        jet = first_jet(self.model, z)
        if jet.value.ndim != 2 or not jet.value.is_floating_point():
            got = f"{tuple(jet.value.shape)} of {jet.value.dtype}"
            raise ShapeError("model", expected="outputs (n, k) of real numbers", got=got)
        if self.distribution == "categorical":
            share = jet.value.softmax(-1)
            moved = share[:, :, None] * (jet.first - (share[:, None] @ jet.first))
        elif self.distribution == "bernoulli":
            share = jet.value.sigmoid()
            moved = (share * (1 - share))[:, :, None] * jet.first
        else:
            moved = jet.value.exp()[:, :, None] * jet.first
        return _symmetric(jet.first.mT @ moved)


def _symmetric(g: Tensor) -> Tensor:
    """Symmetric to the bit, which products in two orders are not."""
    return (g + g.mT) / 2
