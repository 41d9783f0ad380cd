"""Whether a function of a batch treats every sample by itself, found out on inputs of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor

from haar.errors import ArgumentError

#: Differences below this are rounding of simulators in single precision.
_ROUNDING = 1e-4

#: Runs of a circuit that is measured by shots: two draws of a few hundred shots agree in one case of thirty.
_RUNS = 8
_WAY_OUT = "write the circuit for a batch: x[:, 0] in place of x[0]"


class IndependentRows:
    """Refuses functions of a batch that let one sample speak for others.

    For every number of rows that comes, rows of random numbers are run together and apart, with weights beside those
    that are there, so that neither an input of zeros nor an angle of zero hides anything.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[Any, ...]] = set()

    def check(
        self,
        function: Callable[[Tensor, Mapping[str, Tensor]], Tensor],
        x: Tensor,
        weights: Mapping[str, Tensor],
    ) -> None:
        """Refuse a function that is not one of every row by itself.

        Args:
            function: Of a batch and of weights by name; its result has the batch first.
            x: What it will be run on.
            weights: What it will be run with.

        Raises:
            ArgumentError: If rows depend on one another.
        """
        rows = max(2, len(x))
        key = (rows, x.shape[1:], x.dtype, x.device)
        if key in self._seen or any(map(_of_many, (x, *weights.values()))):
            return
        source = torch.Generator().manual_seed(rows)
        drawn = _numbers((rows, *x.shape[1:]), x, source)
        beside = {name: _beside(value, source) for name, value in weights.items()}
        with torch.enable_grad():  # it may differentiate inside
            # A circuit may not take any numbers (states of length 1): the next best are the rows that came.
            came = x.detach().flip(0) if len(x) > 1 else x.detach().repeat(2, *[1] * (x.ndim - 1))
            for own, used in ((drawn, beside), (drawn, weights), (came, weights)):
                together = _tried(function, own, used)
                if together is not None:
                    break
            else:
                if len(x) == 1 and _tried(function, x, weights) is not None:
                    _refuse("one that runs on one sample and not on two")
                return  # it does not run on what came: the caller will hear why
            if _differ(together, function(own, used).detach()):
                more = _numbers((rows + 8, *x.shape[1:]), x, source) if own is drawn else own
                _check_sampled([function(more, used).detach() for _ in range(_RUNS)])
                return
            _compare(function, own, used, [own[:1], own[1:]], together)
            if used is not beside and not _differ(together, together[:1].expand_as(together)):
                # These rows told nothing: what came is compared row by row, and the answer is not remembered.
                each = [x[i : i + 1] for i in range(len(x))]
                _compare(function, x, weights, each, function(x, weights).detach())
                return
        self._seen.add(key)


def _of_many(value: Tensor) -> bool:
    """Under `torch.vmap`, where nothing can be compared."""
    return bool(torch._C._functorch.is_batchedtensor(value))  # noqa: SLF001 (torch tells it nowhere else)


def _tried(
    function: Callable[[Tensor, Mapping[str, Tensor]], Tensor], x: Tensor, weights: Mapping[str, Tensor]
) -> Tensor | None:
    """What it says; None where it takes no such numbers."""
    try:
        return function(x, weights).detach()
    except ArgumentError:
        raise
    except Exception:  # noqa: BLE001 (anyone's)
        return None


def _compare(
    function: Callable[[Tensor, Mapping[str, Tensor]], Tensor],
    x: Tensor,
    weights: Mapping[str, Tensor],
    parts: list[Tensor],
    together: Tensor,
) -> None:
    apart = torch.cat([function(part, weights).detach() for part in parts]) if parts else together
    if apart.shape != together.shape or _differ(together, apart):
        _refuse(f"other values for {len(x)} samples together than apart")


def _refuse(got: str) -> NoReturn:
    raise ArgumentError(
        "qnode", expected="a circuit in which every sample of a batch is by itself", got=got, way_out=_WAY_OUT
    )


def _check_sampled(runs: list[Tensor]) -> None:
    """Measured by shots, runs differ by themselves; one draw for all samples still shows.

    Raises:
        ArgumentError: If there is one.
    """
    every = torch.stack(runs)
    one_draw = (every == every[:, :1]).all(1).all(0) & (every[:, 0] != every[0, 0]).any(0)
    if bool(one_draw.any()):
        _refuse("one random number for all samples")


def _differ(a: Tensor, b: Tensor) -> bool:
    return not torch.allclose(a.double(), b.double(), rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True)


def _numbers(shape: tuple[int, ...], like: Tensor, source: torch.Generator) -> Tensor:
    if like.is_floating_point():
        return torch.randn(shape, generator=source, dtype=torch.float64).to(like)
    return torch.randint(2, shape, generator=source).to(like)


def _beside(value: Tensor, source: torch.Generator) -> Tensor:
    moved = value.detach()
    if moved.is_floating_point():
        moved = moved + 0.5 * torch.randn(moved.shape, generator=source, dtype=torch.float64).to(moved)
    return moved.requires_grad_(value.requires_grad)
