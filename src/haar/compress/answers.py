"""Calibrated decoding: one temperature and a bias for every token, fitted to what the model answered before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.compress.batch import IGNORED, Batch, answer, batches_of
from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from haar.compress.bench import Bench

#: Most places, and most numbers, that a fit looks at; evenly spaced over the data.
_PLACES, _NUMBERS = 8192, 2**25
#: Iterations of the fit, and the price of a bias, without which a token that is never likely has none.
_ITERATIONS, _RIDGE = 200, 1e-6


@dataclass(frozen=True)
class AnswerCalibration:
    """How the logits of a compressed model are read: divided by a temperature, with a bias for each class or token.

    Attributes:
        temperature: Divides.
        bias: Is added after that; of mean 0.
        before: Mean divergence KL(dense | compressed) in nats, on the data of the fit.
        after: The same with temperature and bias.
    """

    temperature: float
    bias: Float[Tensor, " classes"]
    before: float
    after: float

    def __str__(self) -> str:
        """In a line."""
        largest = float(self.bias.abs().max())
        return (
            f"temperature {self.temperature:.3f}, biases up to {largest:.2g}: divergence from the dense model "
            f"{self.before:.3g} -> {self.after:.3g} nats"
        )

    def apply(self, logits: Float[Tensor, "*batch classes"]) -> Float[Tensor, "*batch classes"]:
        """Logits as they are read."""
        return _scaled(logits, self.temperature, self.bias)


class CalibratedAnswers(nn.Module):
    """A model whose logits are read by a calibration; called, and made to generate, as the model is.

    Args:
        model: The model; not copied.
        calibration: What `calibrate_answers` found.

    Example:
        >>> found = AnswerCalibration(2.0, torch.zeros(3), 0.0, 0.0)
        >>> CalibratedAnswers(nn.Identity(), found)(torch.tensor([[2.0, 0.0, -2.0]]))
        tensor([[ 1.,  0., -1.]])
    """

    bias: Tensor

    def __init__(self, model: nn.Module, calibration: AnswerCalibration) -> None:
        super().__init__()
        self.model, self.temperature = model, calibration.temperature
        self.register_buffer("bias", calibration.bias.clone())
        self._told = calibration.before, calibration.after

    @property
    def calibration(self) -> AnswerCalibration:
        """How logits are read."""
        return AnswerCalibration(self.temperature, self.bias, *self._told)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model answers, its logits read by the calibration.

        Raises:
            ArgumentError: If labels are given: a loss that the model computes by itself has the old logits.
        """
        if kwargs.get("labels") is not None:
            way_out = "take the loss of the logits that come back"
            raise ArgumentError("labels", expected="none", got="labels", way_out=way_out)
        return _read(self.model(*args, **kwargs), self.temperature, self.bias)

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """As the model's own, every token drawn from the calibrated logits."""
        found = self.calibration

        def processor(tokens: Tensor, scores: Tensor) -> Tensor:
            del tokens
            return found.apply(scores)

        more = [processor, *kwargs.pop("logits_processor", [])]
        return self.model.generate(*args, logits_processor=more, **kwargs)  # type: ignore[operator]


def _scaled(logits: Tensor, temperature: float, bias: Tensor) -> Tensor:
    return logits / temperature + bias.to(logits)


def _read(found: Any, temperature: float, bias: Tensor) -> Any:
    """An answer of whatever kind with its logits changed."""
    logits = _scaled(answer(found), temperature, bias)
    if isinstance(found, Tensor):
        return logits
    if isinstance(getattr(found, "logits", None), Tensor):
        found.logits = logits
        return found
    if isinstance(found, (tuple, list)):
        return type(found)([logits, *found[1:]])
    raise ArgumentError("model", expected="a model that answers with logits", got=type(found).__name__)


def calibrate_answers(model: nn.Module, dense: nn.Module, data: Iterable[Any]) -> AnswerCalibration:
    """One temperature and a bias a class or token with which a compressed model answers most like the dense one.

    The mean divergence KL(dense | compressed) is convex in 1 / temperature and the biases. Labels are not looked at.

    Args:
        model: The compressed model.
        dense: The model before.
        data: Batches of tokens, or of inputs with classes, that are not those of the evaluation.

    Raises:
        ArgumentError: If the answers are no logits of classes or tokens.

    Example:
        >>> dense = nn.Linear(4, 3)
        >>> louder = nn.Linear(4, 3)
        >>> _ = louder.load_state_dict({name: 2 * value for name, value in dense.state_dict().items()})
        >>> x, y = torch.randn(50, 4), torch.zeros(50, dtype=torch.long)
        >>> found = calibrate_answers(louder, dense, [(x, y)])
        >>> round(found.temperature, 3), found.after < 1e-6
        (2.0, True)

    Source: our reading of the decoding calibration of arXiv 2503.23924, whose formula could not be had.
    """
    modes = [(each, each.training) for each in (model, dense)]
    try:
        for each, _ in modes:
            each.eval()
        return _fitted(model, dense, batches_of(data, model=model))
    finally:
        for each, training in modes:
            each.train(training)


def _fitted(model: nn.Module, dense: nn.Module, batches: list[Batch]) -> AnswerCalibration:
    with torch.no_grad():
        pairs = [_places(batch, batch.run(model), batch.run(dense)) for batch in batches]
        z, there = (torch.cat([pair[k] for pair in pairs]) for k in (0, 1))
        most = max(1, min(_PLACES, _NUMBERS // z.shape[-1]))
        if len(z) > most:
            rows = torch.linspace(0, len(z) - 1, most, device=z.device).round().long()
            z, there = z[rows], there[rows]
        return _least_divergence(z.double(), there.double().log_softmax(-1))


def _places(batch: Batch, logits: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of both models, a row a place that counts."""
    target = batch.target
    classes = target is not None and not target.is_floating_point() and target.shape == logits.shape[: target.ndim]
    if target is None or not classes or logits.ndim != target.ndim + 1 or logits.shape != dense.shape:
        got = "no targets" if target is None else f"targets {tuple(target.shape)} and answers {tuple(logits.shape)}"
        raise ArgumentError(
            "data", expected="batches of tokens, or of inputs with classes, to calibrate answers with", got=got
        )
    counted = (target != IGNORED).reshape(-1)
    return logits.flatten(0, -2)[counted], dense.flatten(0, -2)[counted]


def _least_divergence(z: Tensor, there: Tensor) -> AnswerCalibration:
    """The fit, whose gradients are written out."""
    p, rows = there.exp(), len(z)
    entropy = float((p * there).sum() / rows)
    inverse, bias = z.new_zeros(()), z.new_zeros(z.shape[-1])  # of the temperature, its logarithm

    def divergence() -> tuple[float, Tensor]:
        here = (z * inverse.exp() + bias).log_softmax(-1)
        return entropy - float((p * here).sum() / rows), here.exp() - p

    def closure() -> float:
        value, apart = divergence()
        inverse.grad = (apart * z).sum() / rows * inverse.exp()
        bias.grad = apart.mean(0) + _RIDGE * bias
        return value + _RIDGE / 2 * float(bias.square().sum())

    before = divergence()[0]
    solver = torch.optim.LBFGS(
        [inverse, bias],
        max_iter=_ITERATIONS,
        tolerance_grad=1e-9,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )
    solver.step(closure)
    after = divergence()[0]
    if not after <= before:  # a fit that failed is none
        return AnswerCalibration(1.0, torch.zeros_like(bias), before, before)
    return AnswerCalibration(float((-inverse).exp()), bias - bias.mean(), before, after)


@dataclass(frozen=True)
class Calibrated(Perturbation):
    """A perturbation after which the answers are calibrated on the dense model's own, at every level.

    Args:
        perturbation: What is done to the model.

    Raises:
        ArgumentError: If it changes how answers are drawn, and not the model.

    Example:
        >>> from haar.compress import Magnitude
        >>> Calibrated(Magnitude()).name
        'magnitude, answers calibrated'
    """

    perturbation: Perturbation

    def __post_init__(self) -> None:
        if self.perturbation.metrics:
            raise ArgumentError("perturbation", expected="one that changes the model", got=repr(self.perturbation.name))
        for name in ("measure", "within", "rising", "whole", "fixed", "levels", "identity"):
            object.__setattr__(self, name, getattr(self.perturbation, name))
        object.__setattr__(self, "calibrated", True)

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the perturbation, and what follows."""
        return f"{self.perturbation.name}, answers calibrated"

    def check(self, level: float | int) -> float:
        """A level of the perturbation."""
        return self.perturbation.check(level)

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Change the model, fit, and read its answers so until the bench is restored."""
        self.perturbation.apply(bench, level, seed)
        found = _fitted(bench.model, bench.original, [bench.calibration])

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            del module, args
            return _read(output, found.temperature, found.bias)

        bench.undo(bench.model.register_forward_hook(hook).remove)
