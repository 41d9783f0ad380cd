"""gamma W + kappa (1 - gamma) P(W) in few passes over memory, with the gradients written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from haar.probing import transformed
from haar.relax.wrapping.kept_mixture import KeptMixture
from haar.relax.wrapping.orbit_mean import OrbitMean


def mixed(
    values: Sequence[Tensor], means: Sequence[OrbitMean], gamma: Tensor, kappas: Sequence[Tensor | None]
) -> tuple[Tensor, ...]:
    """For several parameters V: gamma V + kappa (1 - gamma) P(V); kappa None is 1.

    With D the gradient of the result, that of V is gamma D + kappa (1 - gamma) P(D), and that of gamma is
    <D, V - P(V)>: the factor on P is kappa(gamma) - gamma with kappa(gamma) = 1 + (kappa - 1) (1 - gamma), a constant.

    Args:
        values: The parameters V.
        means: Their projections P(V), in the same order.
        gamma: The homotopy parameter, of shape ``()``.
        kappas: Factor kappa of every parameter, or None.
    """
    if not (transformed() or _complex(values)):
        out: tuple[Tensor, ...] = _Mixed.apply(gamma, tuple(means), tuple(kappas), *values)
        return out
    constant = gamma.detach()
    return tuple(
        gamma * value + (1 + (0 if kappa is None else (kappa - 1) * (1 - constant)) - gamma) * mean(value)
        for value, mean, kappa in zip(values, means, kappas, strict=True)
    )


def mixed_linear(
    x: Tensor,
    values: Sequence[Tensor],
    means: Sequence[OrbitMean],
    gamma: Tensor,
    kappas: Sequence[Tensor | None],
    *,
    kept: KeptMixture,
) -> Tensor:
    """x W^T + b with W and b mixed as `mixed` does; not for compilers and transforms.

    Args:
        x: Numbers, channels on the last axis.
        values: Weight and, if there is one, bias.
        means: Their projections.
        gamma: The homotopy parameter, of shape ``()``.
        kappas: Factor of every one, or None.
        kept: The layer's mixture of the last pass.
    """
    if _complex((x, *values)):
        return torch.nn.functional.linear(x, *mixed(values, means, gamma, kappas))
    out: Tensor = _MixedLinear.apply(x, gamma, tuple(means), tuple(kappas), kept, *values)
    return out


def branched(equivariant: Tensor, free: Tensor, mean: OrbitMean, gamma: Tensor, kappa: Tensor) -> Tensor:
    """P(A) + gamma kappa |P(A)| R / |R| with R = B - P(B); the length |P(A)| is a constant for gradients.

    Args:
        equivariant: Parameter A of the equivariant branch.
        free: Parameter B of the free branch.
        mean: The projection P onto equivariant parameters.
        gamma: The homotopy parameter, of shape ``()``.
        kappa: Factor on the free branch.
    """
    if not (transformed() or _complex((equivariant, free))):
        out: Tensor = _Branched.apply(equivariant, free, gamma, kappa, mean)
        return out
    own, beside = mean(equivariant), free - mean(free)
    made: Tensor = own + (gamma * (kappa * own.detach().norm() / _length(beside))) * beside
    return made


def _complex(values: Sequence[Tensor]) -> bool:
    """Whether there are complex numbers, whose gradients are not those that are written out here for real ones."""
    return any(value.is_complex() for value in values)


def _length(value: Tensor) -> Tensor:
    length: Tensor = value.norm().clamp(min=torch.finfo(value.dtype).tiny)
    return length


# Layers of a few hundred channels are bound by the number of operations: there are as few as can be.


def _mix(
    values: Sequence[Tensor], means: Sequence[OrbitMean], gamma: Tensor, kappas: Sequence[Tensor | None]
) -> tuple[list[Tensor], list[Tensor]]:
    """Averages over orbits, and the mixtures."""
    averages, out = [], []
    for mean, kappa, value in zip(means, kappas, values, strict=True):
        average = mean.average(value)
        averages.append(average)
        out.append(mean.between(average if kappa is None else average * kappa, value, gamma))
    return averages, out


def _along(D: Tensor, value: Tensor, mean: OrbitMean, average: Tensor, known: Tensor) -> Tensor:
    """<D, V - P(V)>, from the averages of both; D in one piece."""
    return torch.dot(D.view(-1), value.reshape(-1)).sub_(mean.dot(average, known))


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, gamma: Tensor, means: tuple[OrbitMean, ...], kappas: tuple[Tensor | None, ...], *values: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.means, ctx.kappas = means, kappas
        averages, out = _mix(values, means, gamma, kappas)
        ctx.save_for_backward(gamma, *averages, *values)
        return tuple(out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        gamma, *saved = ctx.saved_tensors
        averages, values = saved[: len(gradients)], saved[len(gradients) :]
        for_gamma: Any = None
        for_values: list[Tensor | None] = []
        again = torch.is_grad_enabled()  # a second derivative is wanted: plain operations
        wanted = ctx.needs_input_grad
        for k, (mean, kappa, D) in enumerate(zip(ctx.means, ctx.kappas, gradients, strict=True)):
            if again:
                own = mean(D)
                along = ((D - own) * values[k]).sum()
                constant = gamma.detach()
                factor = (1 - constant) * (1 if kappa is None else kappa) + constant - gamma
                for_values.append(gamma * D + factor * own)
            else:
                D = D.contiguous()  # noqa: PLW2901 (a dense layer's comes transposed: copied once, not at every turn)
                average = mean.average(D)
                if wanted[0]:
                    along = _along(D, values[k], mean, average, averages[k])
                scaled = average if kappa is None else average.mul_(kappa)
                for_values.append(mean.between(scaled, D, gamma) if wanted[3 + k] else None)
            if wanted[0]:
                for_gamma = along if for_gamma is None else for_gamma + along
        return (for_gamma, None, None, *for_values)


class _MixedLinear(torch.autograd.Function):
    # One node in place of four, and the weight's gradient is made in the order in which its orbits are gathered.
    @staticmethod
    def forward(  # type: ignore[override]  # noqa: PLR0917 (torch gives them by place)
        ctx: Any,
        x: Tensor,
        gamma: Tensor,
        means: tuple[OrbitMean, ...],
        kappas: tuple[Tensor | None, ...],
        kept: KeptMixture,
        *values: Tensor,
    ) -> Tensor:
        ctx.means, ctx.kappas = means, kappas
        factors = [kappa for kappa in kappas if kappa is not None]
        averages, made = kept.get((*values, gamma, *factors), lambda: _mix(values, means, gamma, kappas))
        ctx.save_for_backward(x, gamma, made[0], *averages, *values)
        return torch.nn.functional.linear(x, *made)

    @staticmethod
    def backward(ctx: Any, Dy: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        x, gamma, weight, *saved = ctx.saved_tensors
        count = len(ctx.means)
        averages, values = saved[:count], saved[count:]
        wanted = ctx.needs_input_grad
        if torch.is_grad_enabled():  # a second derivative is wanted
            return _linear_again(ctx, (x, gamma, *values), Dy)
        rows = Dy.reshape(-1, Dy.shape[-1])
        for_x = (rows @ weight).view(x.shape) if wanted[0] else None
        for_gamma: Any = None
        for_values: list[Tensor | None] = []
        for k, (mean, kappa) in enumerate(zip(ctx.means, ctx.kappas, strict=True)):
            if not (wanted[1] or wanted[5 + k]):
                for_values.append(None)
                continue
            D = rows.sum(0) if k else rows.mT @ x.reshape(-1, x.shape[-1])
            average = mean.average(D)
            if wanted[1]:
                along = _along(D, values[k], mean, average, averages[k])
                for_gamma = along if for_gamma is None else for_gamma.add_(along)
            scaled = average if kappa is None else average.mul_(kappa)
            for_values.append(mean.between(scaled, D, gamma) if wanted[5 + k] else None)
        return (for_x, for_gamma, None, None, None, *for_values)


def _linear_again(ctx: Any, inputs: tuple[Tensor, ...], Dy: Tensor) -> tuple[Any, ...]:
    """The gradients of a mixed linear layer as functions of its inputs, to be differentiated again."""
    x, gamma, *values = inputs
    wanted = [needed for place, needed in enumerate(ctx.needs_input_grad) if place not in (2, 3, 4)]
    made = mixed(values, ctx.means, gamma, ctx.kappas)
    y = torch.nn.functional.linear(x, *made)
    asked = [one for one, needed in zip(inputs, wanted, strict=True) if needed]
    found = iter(torch.autograd.grad(y, asked, Dy, create_graph=True))
    for_x, for_gamma, *for_values = (next(found) if needed else None for needed in wanted)
    return (for_x, for_gamma, None, None, None, *for_values)


class _Branched(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]  # noqa: PLR0917 (torch gives them by place)
        ctx: Any, equivariant: Tensor, free: Tensor, gamma: Tensor, kappa: Tensor, mean: OrbitMean
    ) -> Tensor:
        average = mean.average(equivariant)
        beside = torch.sub(free, mean.spread(mean.average(free)))
        length = _length(beside)
        scale = kappa * mean.dot(average, average).sqrt() / length
        ctx.mean = mean
        ctx.save_for_backward(gamma, scale, length, beside, free)
        return torch.addcmul(mean.spread(average), beside, gamma * scale)  # a spread may be a view

    @staticmethod
    def backward(ctx: Any, D: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        gamma, scale, length, beside, free = ctx.saved_tensors
        mean = ctx.mean
        if torch.is_grad_enabled():  # a second derivative is wanted: plain operations
            beside = free - mean(free)
            own = mean(D)
            now = _length(beside)
            factor = scale * length / now  # the equivariant branch's length is a constant
            along = (beside * D).sum()
            step = gamma * factor
            return own, step * (D - own) - step * beside * (along / now.square()), factor * along, None, None
        own = mean.spread(mean.average(D))
        along = torch.dot(beside.reshape(-1), D.reshape(-1))
        step = gamma * scale
        for_free = torch.sub(D, own).mul_(step).addcmul_(beside, -step * along / length.square())
        return own, for_free, scale * along, None, None
