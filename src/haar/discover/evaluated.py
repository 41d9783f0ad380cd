"""A model at samples: inputs, outputs and derivatives as flat float64 vectors, and what the model is like."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError, DataError
from haar.probing.manners import unwritten
from haar.probing.pieces import pieces
from haar.probing.undisturbed import undisturbed

#: Samples that are evaluated at once.
_CHUNK = 512
#: Two evaluations of one model may differ by so many roundings.
_STEADY = 100.0
_PER_SAMPLE = ("x", "f", "jacobian", "units")


@dataclass(frozen=True)
class Evaluated:
    """Samples with what a model makes of them.

    Attributes:
        x: Inputs, flat.
        f: Outputs, flat.
        jacobian: Derivatives of outputs by inputs.
        units: Which independent unit (trajectory) every sample belongs to.
        along: Projectors on the directions along the set on which samples lie, in whitened coordinates; None for all.
    """

    x: Float[Tensor, "b n"]
    f: Float[Tensor, "b m"]
    jacobian: Float[Tensor, "b m n"]
    units: Int[Tensor, " b"]
    along: Float[Tensor, "b r r"] | None = None

    def part(self, index: Tensor) -> Evaluated:
        """Some of the samples."""
        along = None if self.along is None else self.along[index]
        return Evaluated(self.x[index], self.f[index], self.jacobian[index], self.units[index], along)

    def joined(self, other: Evaluated) -> Evaluated:
        """The samples of both, whose units stay apart only where their numbers do."""
        parts = {name: torch.cat([getattr(self, name), getattr(other, name)]) for name in _PER_SAMPLE}
        along = None if self.along is None or other.along is None else torch.cat([self.along, other.along])
        return Evaluated(**parts, along=along)

    def with_increments(self) -> Evaluated:
        """The same for f - x, for a model whose outputs are like its inputs."""
        eye = torch.eye(self.x.shape[1], dtype=torch.float64)
        return replace(self, f=self.f - self.x, jacobian=self.jacobian - eye)

    def __len__(self) -> int:
        return len(self.x)


class FlatModel:
    """A model from flat vectors to flat vectors, without a trace of its being run.

    Args:
        model: Any module or callable of one tensor ``(b, *shape)``.
        shape: Shape of one input.
        dtype: In what the model computes.

    Attributes:
        derivative: ``"exact"`` or ``"differences"``: how derivatives are made; known after `jacobian`.
        eps: Rounding of the model's arithmetic.
        said: What a reader must know of how it was evaluated.
    """

    def __init__(self, model: Callable[..., Any], shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self.said: list[str] = []
        module = model if isinstance(model, torch.nn.Module) else None
        own = None if module is None else next((p.dtype for p in module.parameters() if p.is_floating_point()), None)
        dtype = own or dtype
        if dtype in (torch.float16, torch.bfloat16):
            if module is not None:
                model = copy.deepcopy(module).float()
            self.said.append(f"the model is in {str(dtype).removeprefix('torch.')}: computed in float32")
            dtype = torch.float32
        self.model, self.shape, self.dtype = model, shape, dtype
        self.derivative = "exact"
        self.eps = float(torch.finfo(dtype).eps)
        self.output_shape: tuple[int, ...] = ()

    def __call__(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b m"]:
        """Outputs in float64."""
        with undisturbed(self.model), torch.no_grad():
            return torch.cat([self._run(part.to(self.dtype)) for part in pieces(x, _CHUNK)]).to(torch.float64)

    def twice(self, x: Float[Tensor, "b n"]) -> tuple[Float[Tensor, "b m"], Float[Tensor, "b m"]]:
        """Outputs of two calls, one after the other: the random numbers of the second are others."""
        with undisturbed(self.model), torch.no_grad():
            first = self._run(x.to(self.dtype)).to(torch.float64)
            return first, self._run(x.to(self.dtype)).to(torch.float64)

    def jacobian(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b m n"]:
        """Derivatives, by one reverse pass an output; by central differences where the model has none."""
        with undisturbed(self.model):
            if self.derivative == "exact":
                parts = [self._reverse(part.to(self.dtype)) for part in pieces(x, _CHUNK)]
                if all(part is not None for part in parts):
                    return torch.cat([part for part in parts if part is not None]).to(torch.float64)
                self.derivative = "differences"
                self.said.append(
                    f"the model has no derivative: central differences, floor about {self.derivative_floor:.0e}"
                )
            return self._differences(x)

    @property
    def derivative_floor(self) -> float:
        """Relative error of derivatives."""
        return self.eps if self.derivative == "exact" else 10 * self.eps ** (2 / 3)

    def evaluate(self, x: Float[Tensor, "b n"], units: Int[Tensor, " b"]) -> Evaluated:
        """Outputs and derivatives, checked to be finite."""
        f, jacobian = self(x), self.jacobian(x)
        for name, value in (("output", f), ("derivative", jacobian)):
            bad = torch.nonzero(~value.flatten(1).isfinite().all(1)).flatten()
            if len(bad):
                raise DataError(
                    f"model: its {name} is not finite at sample {int(bad[0])}, and at {len(bad)} of {len(x)} samples; "
                    "leave these samples out"
                )
        return Evaluated(x, f, jacobian, units)

    def _run(self, x: Tensor) -> Tensor:
        given = x.unflatten(-1, self.shape) if self.shape else x.squeeze(-1)
        y = self._asked(given)
        if isinstance(y, np.ndarray):
            y = torch.as_tensor(y)
        if isinstance(y, (tuple, list)) and len(y) == 1:
            y = y[0]
        if not isinstance(y, Tensor):
            raise ArgumentError(
                "model",
                expected="one tensor as output",
                got=type(y).__name__,
                way_out="wrap it in a function that returns the output that is meant",
            )
        if not y.ndim or len(y) != len(x):
            raise ArgumentError(
                "model", expected=f"one output for each of {len(x)} samples", got=f"shape {tuple(y.shape)}"
            )
        self.output_shape = tuple(y.shape[1:])
        y = y.reshape(len(x), -1)
        if y.is_complex():
            y = torch.view_as_real(y).flatten(1)
        return y

    def _asked(self, given: Tensor) -> Any:
        """The model's answer, which it gives without writing into what it is given."""
        if torch.is_grad_enabled():
            return self.model(given)
        with unwritten([given]):
            return self.model(given)

    def _reverse(self, x: Tensor) -> Tensor | None:
        x = x.detach().requires_grad_(True)
        with torch.enable_grad():
            try:
                y = self._run(x)
            except RuntimeError as error:
                if "numpy() on Tensor that requires grad" in str(error):
                    return None
                raise
            if not y.requires_grad:
                return None
            rows = []
            for k in range(y.shape[1]):
                (row,) = torch.autograd.grad(y[:, k].sum(), x, retain_graph=True, allow_unused=True)
                rows.append(torch.zeros_like(x) if row is None else row)
        return torch.stack(rows, 1).detach()

    def _differences(self, x: Tensor) -> Tensor:
        step = self.eps ** (1 / 3) * x.square().mean(0).sqrt().clamp_min(1e-12)
        columns = []
        for i in range(x.shape[1]):
            up, down = x.clone(), x.clone()
            up[:, i] += step[i]
            down[:, i] -= step[i]
            exact = (up[:, i].to(self.dtype) - down[:, i].to(self.dtype)).to(torch.float64)
            columns.append((self(up) - self(down)) / exact[:, None])
        return torch.stack(columns, -1)


def check_manners(model: FlatModel, x: Tensor, generator: torch.Generator) -> None:
    """Refuse a model that differs from call to call, or whose samples depend on the rest of the batch.

    Raises:
        ArgumentError: Naming what was found.
    """
    some = x[: min(len(x), 64)]
    first, second = model.twice(some)
    size = float(first.abs().max()) or 1.0
    if not bool(torch.isfinite(first).all()):
        return  # told with its sample by `evaluate`
    if float((first - second).abs().max()) > _STEADY * model.eps * size:
        raise ArgumentError(
            "model",
            expected="one answer for one input",
            got="two evaluations that differ",
            way_out="fix its random numbers, or give the mean over draws as a function",
        )
    order = torch.randperm(len(x), generator=generator)[: len(some)]
    # Two at a time: a model that squeezes, or takes a spread, has no answer for one alone.
    pairs = [order[[k, (k + 1) % len(order)]] for k in range(min(4, len(order)))]
    apart, together = torch.cat([model(x[pair])[:1] for pair in pairs]), model(x[order])[:4]
    if float((apart - together).abs().max()) > _STEADY * 100 * model.eps * size:
        raise ArgumentError(
            "model",
            expected="outputs of a sample that depend on that sample alone",
            got="outputs that change with the rest of the batch",
            way_out="put batch norm in eval mode, or take out what mixes samples",
        )


def _is(model: object) -> bool:
    return isinstance(model, nn.Module)
