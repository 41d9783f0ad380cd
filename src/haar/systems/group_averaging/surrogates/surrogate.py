"""A surrogate model in physical units: normalise, run the network, denormalise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, DataError
from haar.systems.group_averaging.surrogates.spatial import check_fields, check_positive
from haar.systems.group_averaging.surrogates.windows import WindowSource, as_batches


@dataclass(frozen=True)
class Normaliser:
    """Mean and standard deviation of every channel, over samples and space, of what goes in and of what is predicted.

    Args:
        input_mean: Mean of every input channel.
        input_std: Standard deviation of every input channel, positive.
        target_mean: Mean of every output channel, of the next state or, for a model of differences, of next minus last.
        target_std: Its standard deviation, positive.

    Raises:
        ArgumentError: If means and standard deviations differ in number, are not finite, or a deviation is not
        positive.
    """

    input_mean: Float[Tensor, "channel"]
    input_std: Float[Tensor, "channel"]
    target_mean: Float[Tensor, "out"]
    target_std: Float[Tensor, "out"]

    def __post_init__(self) -> None:
        for name, mean, std in (
            ("input_std", self.input_mean, self.input_std),
            ("target_std", self.target_mean, self.target_std),
        ):
            if mean.shape != std.shape:
                raise ArgumentError(name, expected=f"{len(mean)} values, as many as means", got=len(std))
            if not bool((torch.isfinite(std) & (std > 0)).all()) or not bool(torch.isfinite(mean).all()):
                raise ArgumentError(
                    name, expected="positive finite standard deviations and finite means", got=std.tolist()
                )

    @classmethod
    def fit(cls, windows: WindowSource, *, delta: bool = False, constants: int = 0) -> Normaliser:
        """Measure a training set, in float64, one batch in memory at a time.

        A channel that never varies (a mask, a constant field) keeps the standard deviation 1, so that it enters as
        zeros.

        Args:
            windows: (inputs, targets) stacked, or an indexable of such pairs, in physical units.
            delta: Whether targets are measured as differences to the last input state.
            constants: Number of constant channels that follow the last state among the inputs.

        Raises:
            DataError: If a value is not finite.

        Example:
            >>> x = torch.tensor([[[[1.0, 3.0]]], [[[1.0, 3.0]]]])
            >>> Normaliser.fit((x, 2 * x)).target_mean
            tensor([4.])
        """
        inputs, targets = _Moments(), _Moments()
        for x, y in as_batches(windows, 64):
            inputs.update(x, "inputs")
            targets.update(y - last_state(x, y.shape[1], constants) if delta else y, "targets")
        return cls(inputs.mean(), inputs.std(), targets.mean(), targets.std())


class Surrogate(nn.Module):
    """A model from physical fields to physical fields, whatever its network was trained on.

    y = mean + std * net((x - input_mean) / input_std), plus the last input state for a model of differences. The
    statistics are buffers and travel with the state dict. Those of a model of differences have other names
    (`delta_mean`, `delta_std`) than those of a model of the next state (`target_mean`, `target_std`), so that a state
    dict of one kind cannot be loaded into the other.

    Args:
        net: Maps (batch, in_channels, *space) to (batch, out_channels, *space) in normalised units.
        in_channels: Channels of the input fields, history and constants together.
        out_channels: Channels of the predicted fields.
        dim: Number of space dimensions.
        delta: Whether the network predicts next minus last state.
        constants: Number of constant channels that follow the last state among the inputs; only read if `delta`.

    Raises:
        ArgumentError: If a size is below 1, or a model of differences has no room for the last state among its inputs.

    Example:
        >>> model = Surrogate(nn.Conv2d(4, 2, 3, padding=1), in_channels=4, out_channels=2, delta=True)
        >>> model(torch.zeros(1, 4, 8, 8)).shape
        torch.Size([1, 2, 8, 8])

    Source: Ohana et al., arXiv 2412.00568 (z-score; next state or difference).
    """

    input_mean: Tensor
    input_std: Tensor

    def __init__(
        self,
        net: nn.Module,
        *,
        in_channels: int,
        out_channels: int,
        dim: int = 2,
        delta: bool = False,
        constants: int = 0,
    ) -> None:
        super().__init__()
        check_positive(in_channels=in_channels, out_channels=out_channels)
        if constants < 0 or (delta and in_channels < out_channels + constants):
            raise ArgumentError(
                "constants",
                expected=f"{out_channels} channels of the last state and the constants among {in_channels} inputs",
                got=f"{constants} constants",
                way_out="predict the next state (delta=False)",
            )
        self.net = net
        self.in_channels, self.out_channels, self.dim = in_channels, out_channels, dim
        self.delta, self.constants = delta, constants
        device = next((parameter.device for parameter in net.parameters()), None)
        self.register_buffer("input_mean", torch.zeros(in_channels, device=device))
        self.register_buffer("input_std", torch.ones(in_channels, device=device))
        self._target = "delta" if delta else "target"
        self.register_buffer(f"{self._target}_mean", torch.zeros(out_channels, device=device))
        self.register_buffer(f"{self._target}_std", torch.ones(out_channels, device=device))

    @property
    def normaliser(self) -> Normaliser:
        """The statistics in use."""
        mean, std = self._target_statistics()
        return Normaliser(self.input_mean, self.input_std, mean, std)

    def install(self, normaliser: Normaliser) -> None:
        """Copy statistics into the buffers.

        Args:
            normaliser: Statistics of this model's channels.

        Raises:
            ArgumentError: If they are of another number of channels.
        """
        got = (len(normaliser.input_mean), len(normaliser.target_mean))
        if got != (self.in_channels, self.out_channels):
            raise ArgumentError(
                "normaliser", expected=f"{self.in_channels} input and {self.out_channels} output channels", got=got
            )
        mean, std = self._target_statistics()
        for buffer, value in (
            (self.input_mean, normaliser.input_mean),
            (self.input_std, normaliser.input_std),
            (mean, normaliser.target_mean),
            (std, normaliser.target_std),
        ):
            buffer.copy_(value)

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch out *space"]:
        """Predict the next state.

        Args:
            x: Fields in physical units: history (time slowest), then constants; (batch, in_channels, *space).

        Raises:
            ShapeError: If the channels or axes do not fit.
        """
        check_fields(x, channels=self.in_channels, dim=self.dim)
        mean, std = (self._per_channel(value) for value in self._target_statistics())
        y: Tensor = self.net(self.normalise(x)) * std + mean
        return y + last_state(x, self.out_channels, self.constants) if self.delta else y

    def normalise(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch channel *space"]:
        """The network's input for physical `x`."""
        return (x - self._per_channel(self.input_mean)) / self._per_channel(self.input_std)

    def normalise_target(
        self, x: Float[Tensor, "batch channel *space"], y: Float[Tensor, "batch out *space"]
    ) -> Float[Tensor, "batch out *space"]:
        """What the network should give for the physical next state `y` after `x`."""
        mean, std = (self._per_channel(value) for value in self._target_statistics())
        change = y - last_state(x, self.out_channels, self.constants) if self.delta else y
        return (change - mean) / std

    def _target_statistics(self) -> tuple[Tensor, Tensor]:
        return self.get_buffer(f"{self._target}_mean"), self.get_buffer(f"{self._target}_std")

    def _per_channel(self, value: Tensor) -> Tensor:
        return value.view(-1, *[1] * self.dim)


def last_state(
    x: Float[Tensor, "batch channel *space"], out_channels: int, constants: int = 0
) -> Float[Tensor, "batch out *space"]:
    """The last state in a history: the `out_channels` channels before the `constants` last ones.

    Example:
        >>> last_state(torch.arange(5.0).reshape(1, 5, 1), 2, constants=1).flatten()
        tensor([2., 3.])
    """
    return x.narrow(1, x.shape[1] - constants - out_channels, out_channels)


class _Moments:
    """Mean and variance of every channel over batches, merged in float64 (Chan, Golub, LeVeque 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self.centre = torch.zeros(())
        self.square = torch.zeros(())
        self.dtype = torch.get_default_dtype()

    def update(self, x: Tensor, name: str) -> None:
        values = x.detach().to("cpu", torch.float64).movedim(1, 0).flatten(1)
        if not bool(torch.isfinite(values).all()):
            channel = int((~torch.isfinite(values)).any(1).nonzero()[0])
            raise DataError(f"{name}: channel {channel} holds NaN or infinite values; clean the data before training")
        count, centre = values.shape[1], values.mean(1)
        square = (values - centre[:, None]).square().sum(1)
        total = self.count + count
        difference = centre - self.centre
        self.square = self.square + square + difference.square() * (self.count * count / total)
        self.centre = self.centre + difference * (count / total)
        self.count, self.dtype = total, x.dtype

    def mean(self) -> Tensor:
        return self.centre.to(self.dtype)

    def std(self) -> Tensor:
        std = (self.square / self.count).sqrt()
        # Rounding leaves a constant channel a tiny spread around its mean.
        varies = std > 1e-12 * (1 + self.centre.abs())
        return torch.where(varies, std, torch.ones_like(std)).to(self.dtype)


def parameter_count(model: nn.Module) -> int:
    """Number of trainable real numbers.

    Example:
        >>> parameter_count(nn.Linear(3, 2))
        8
    """
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
