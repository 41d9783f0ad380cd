"""Which order of the data's cumulants carries the information: Gaussian closures of a trained classifier.

Replace every class by a Gaussian with its empirical mean and covariance at one layer and follow the two through the
rest of the network. If the loss that comes out is the true one, what is beyond the second order carried nothing from
there on. Claim of Fischer et al., arXiv 2202.04925: the input layer also extracts higher orders, inner layers do not.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError, require
from haar.moments import Gaussian, propagate
from haar.training import Plan, Run


@dataclass(frozen=True)
class Classes:
    """Labelled points with numeric targets.

    Args:
        x: Points of both classes.
        labels: Class of every point, 0 .. classes - 1.
        targets: What the network should say for every class.
    """

    x: Float[Tensor, "samples inputs"]
    labels: Int[Tensor, "samples"]
    targets: Float[Tensor, "classes outputs"]

    def loss(self, model: nn.Module) -> float:
        """Mean squared error over points and outputs."""
        with torch.no_grad():
            return float((model(self.x) - self.targets[self.labels]).square().mean())


def xor_classes(count: int, *, m: float = 1.0, sd: float = 0.5, generator: torch.Generator | None = None) -> Classes:
    """Class 0: +-(m, m) + noise, class 1: +-(m, -m) + noise. Equal means, so a linear network is at chance.

    Args:
        count: Points of each class.
        m: Where the four clouds lie.
        sd: Standard deviation of the noise.
        generator: Source of the draws.

    Raises:
        ArgumentError: If there is no point.

    Example:
        >>> xor_classes(3).x.shape
        torch.Size([6, 2])
    """
    if count < 1:
        raise ArgumentError("count", expected="at least 1", got=count)
    labels = torch.arange(2).repeat_interleave(count)
    signs = 2.0 * torch.randint(2, (2 * count, 1), generator=generator).double() - 1.0
    corner = torch.tensor([[m, m], [m, -m]], dtype=torch.float64)[labels]
    noise = sd * torch.randn(2 * count, 2, dtype=torch.float64, generator=generator)
    return Classes(signs * corner + noise, labels, torch.tensor([[1.0], [-1.0]], dtype=torch.float64))


def xor_unit_moments(alpha: float, m: float, sd: float) -> list[tuple[float, float]]:
    """Mean and variance of z + alpha z^2, z = x1 + x2, on both classes of `xor_classes`, exactly.

    z has variance v = 2 sd^2 (+ 4 m^2 on class 0) and fourth cumulant -2 (2m)^4 on class 0, 0 on class 1;
    mean = alpha v, Var = v + alpha^2 (2 v^2 + k4).

    Example:
        >>> xor_unit_moments(0.5, 1.0, 0.0)
        [(2.0, 4.0), (0.0, 0.0)]
    """
    found = []
    for spread, fourth in ((4.0 * m**2, -2.0 * (2.0 * m) ** 4), (0.0, 0.0)):
        v = 2.0 * sd**2 + spread
        found.append((alpha * v, v + alpha**2 * (2.0 * v**2 + fourth)))
    return found


def digit_classes() -> tuple[Classes, Classes]:
    """The 8 x 8 digits that come with scikit-learn, pixels in [0, 1]: 1400 for training and 397 for testing.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
    """
    found = require("sklearn.datasets", "digits").load_digits()
    x = torch.as_tensor(found.data, dtype=torch.float64) / 16.0
    labels, targets = torch.as_tensor(found.target).long(), torch.eye(10, dtype=torch.float64)
    return Classes(x[:1400], labels[:1400], targets), Classes(x[1400:], labels[1400:], targets)


def linear_loss(train: Classes, test: Classes) -> float:
    """The loss on `test` of ridge regression on `train`, its strength chosen on the last fifth of `train`.

    Example:
        >>> two = [xor_classes(100, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
        >>> 0.9 < linear_loss(*two) < 1.1  # at chance
        True
    """
    order = torch.randperm(len(train.x), generator=torch.Generator().manual_seed(0))
    held = len(train.x) // 5
    inner, outer = order[held:], order[:held]

    def solved(at: Tensor, strength: float) -> Tensor:
        design = _with_ones(train.x[at])
        ridge = strength * len(at) * torch.eye(design.shape[1], dtype=design.dtype)
        weights: Tensor = torch.linalg.solve(design.mT @ design + ridge, design.mT @ train.targets[train.labels[at]])
        return weights.round(decimals=9)  # beyond which a solution differs from one call to the next

    def loss(weights: Tensor, data: Classes, at: Tensor) -> float:
        return float((_with_ones(data.x[at]) @ weights - data.targets[data.labels[at]]).square().mean())

    best = min(
        (10.0**-power for power in range(1, 7)), key=lambda strength: loss(solved(inner, strength), train, outer)
    )
    return loss(solved(order, best), test, torch.arange(len(test.x)))


def _with_ones(x: Float[Tensor, "samples inputs"]) -> Float[Tensor, "samples columns"]:
    return torch.cat([x, torch.ones_like(x[:, :1])], -1)


def trained_classifier(
    data: Classes,
    hidden: tuple[int, ...],
    *,
    steps: int = 300,
    learning_rate: float = 3e-3,
    seed: int = 0,
    he: bool = False,
) -> nn.Sequential:
    """A ReLU perceptron in float64, trained with mean squared errors, full batches and Adam.

    Args:
        data: What to learn.
        hidden: Widths of the hidden layers.
        steps: Number of steps.
        learning_rate: Step size of Adam.
        seed: Seed of the initial weights.
        he: Start from N(0, 2/fan_in); otherwise from the smaller uniform law on +-1/sqrt(fan_in).

    Example:
        >>> data = xor_classes(20, generator=torch.Generator().manual_seed(0))
        >>> len(trained_classifier(data, (4, 4), steps=1))
        5
    """
    source = torch.Generator().manual_seed(seed)
    sizes = (data.x.shape[1], *hidden, data.targets.shape[1])
    parts: list[nn.Module] = []
    for fan_in, out in itertools.pairwise(sizes):
        linear = nn.Linear(fan_in, out, dtype=torch.float64)
        if he:
            start = (2.0 / fan_in) ** 0.5 * torch.randn(out, fan_in, dtype=torch.float64, generator=source)
        else:
            start = (2.0 * torch.rand(out, fan_in, dtype=torch.float64, generator=source) - 1.0) / fan_in**0.5
        linear.weight.data = start
        linear.bias.data.zero_()
        parts += [linear, nn.ReLU()]
    model = nn.Sequential(*parts[:-1])
    truth = data.targets[data.labels]
    plan = Plan(steps=steps, learning_rate=learning_rate)
    Run(model.parameters(), lambda *_: (model(data.x) - truth).square().mean(), plan).train()
    return model


@torch.no_grad()
def closure_losses(model: nn.Sequential, data: Classes) -> list[float]:
    """Mean squared errors when classes become Gaussians at the input, then after every hidden layer.

    From mean and covariance of the outputs of a class, E|y - t|^2 = |mean - t|^2 + tr Cov. An affine layer does
    not mix orders, so the last number is the true loss by construction; what counts is how early it is reached.

    Args:
        model: Linear layers with activations between.
        data: Points with their labels.

    Returns:
        One loss for the input and one for every hidden layer, in order; the last one is ``data.loss(model)``.

    Raises:
        ArgumentError: If a class has fewer than two points.

    Example:
        >>> data = xor_classes(50, generator=torch.Generator().manual_seed(0))
        >>> len(closure_losses(trained_classifier(data, (8, 8), steps=20), data))
        3
    """
    cuts = [at for at, part in enumerate(model) if isinstance(part, nn.Linear)]
    counts = torch.bincount(data.labels, minlength=data.targets.shape[0])
    if int(counts.min()) < 2:
        raise ArgumentError("data", expected="at least two points of every class", got=counts.tolist())
    found = []
    for cut in cuts:
        before = model[:cut](data.x)
        total = 0.0
        for label, target in enumerate(data.targets):
            mine = before[data.labels == label]
            law = Gaussian(mine.mean(0), torch.cov(mine.mT, correction=0).reshape(mine.shape[1], mine.shape[1]))
            after = propagate(model[cut:], law)
            loss = (after.mean - target).square().sum() + after.cov.diagonal().sum()
            total += float(loss * counts[label])
        found.append(total / (data.labels.shape[0] * data.targets.shape[1]))
    return found
