"""What a layer is given: columns, masks and edges that fit, or one line that says which does not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError


def check_columns(
    x: object, k: int, argument: str = "x", *, rows: bool = True, dtype: torch.dtype | None = None
) -> None:
    """Refuse what is no tensor of the module's columns.

    Args:
        x: The tensor that was given.
        k: Number of columns.
        argument: Name of the argument, for messages.
        rows: Whether there must be an axis of rows.
        dtype: Precision of the module's parameters; autocast converts by itself.

    Raises:
        ShapeError: If the last axis is not k, or there is no axis of rows.
        ArgumentError: If numbers are of another kind than the parameters.
    """
    expected = f"(*batch, {'rows, ' if rows else ''}{k} columns)"
    if not isinstance(x, Tensor):
        raise ShapeError(argument, expected=f"a tensor {expected}", got=type(x).__name__)
    if x.ndim < 1 + rows or x.shape[-1] != k:
        raise ShapeError(argument, expected=expected, got=tuple(x.shape))
    check_dtype(argument, x, dtype)


def check_dtype(argument: str, x: Tensor, dtype: torch.dtype | None) -> None:
    """Refuse numbers of another kind than the parameters, which torch would refuse in words of its own.

    Raises:
        ArgumentError: If they are.
    """
    if x.is_floating_point() and (dtype in (None, x.dtype) or torch.is_autocast_enabled(x.device.type)):
        return
    wanted = "floating-point numbers" if dtype is None else f"{_name(dtype)}, as the module's other numbers are"
    way_out = "convert one of them with .to(dtype)"
    raise ArgumentError(argument, expected=wanted, got=_name(x.dtype), way_out=way_out)


def parameter_dtype(module: nn.Module) -> torch.dtype | None:
    """Of the first parameter; None without one."""
    return next((parameter.dtype for parameter in module.parameters()), None)


def check_mask(mask: object, x: Tensor) -> None:
    """Refuse what does not say for every row of `x`, ``(*batch, n, ...)``, whether it holds a point.

    Raises:
        ArgumentError: If it is no tensor of booleans.
        ShapeError: If it does not fit.
    """
    if mask is None:
        return
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        got = _name(mask.dtype) if isinstance(mask, Tensor) else type(mask).__name__
        raise ArgumentError("mask", expected="a tensor of booleans", got=got, way_out="convert it with .bool()")
    rows = x.shape[:-1]
    if mask.ndim < 1 or mask.shape[-1] != rows[-1] or not spreads(mask.shape, rows):
        raise ShapeError("mask", expected=f"{tuple(rows)}, one for every row", got=tuple(mask.shape))


def check_spaces(spaces: object, k: int, before: Sequence[int | torch.SymInt]) -> None:
    """Refuse what does not number the eigenspace of each of k columns, for all clouds or for every one of `before`.

    Raises:
        ArgumentError: If it is no tensor of whole numbers.
        ShapeError: If it does not fit.
    """
    numbers = _numbers("spaces", spaces)
    clouds = numbers.shape[:-1]
    fits = numbers.ndim >= 1 and numbers.shape[-1] == k and len(clouds) <= len(before)
    if not fits or any(size not in (1, full) for size, full in zip(clouds, before, strict=False)):
        raise ShapeError("spaces", expected=f"(*batch, {k}), one number for each column", got=tuple(numbers.shape))


def check_edges(edges: object, n: int) -> None:
    """Refuse what is no list of edges between n rows.

    Raises:
        ArgumentError: If it is no tensor of whole numbers, or a number is no row.
        ShapeError: If it is not ``(2, e)``.
    """
    if edges is None:
        return
    numbers = _numbers("edges", edges)
    if numbers.ndim != 2 or len(numbers) != 2:
        raise ShapeError("edges", expected="(2, e)", got=tuple(numbers.shape))
    _check_range("edges", numbers, n)


def check_cloud(cloud: object, n: int) -> None:
    """Refuse what does not number the cloud of each of n rows.

    Raises:
        ArgumentError: If it is no tensor of whole numbers, or one is negative.
        ShapeError: If it is not ``(n,)``.
    """
    if cloud is None:
        return
    numbers = _numbers("cloud", cloud)
    if numbers.shape != (n,):
        raise ShapeError("cloud", expected=f"({n},), one number for every row", got=tuple(numbers.shape))
    _check_range("cloud", numbers, None)


def check_adjacency(adjacency: object, x: Tensor) -> None:
    """Refuse what are no weights of all pairs of rows.

    Raises:
        ArgumentError: If they are of another kind than the numbers in `x`.
        ShapeError: If they do not fit.
    """
    if adjacency is None:
        return
    expected = f"{(*x.shape[:-1], x.shape[-2])}, one weight for every pair"
    if not isinstance(adjacency, Tensor):
        raise ShapeError("adjacency", expected=f"a tensor {expected}", got=type(adjacency).__name__)
    pairs = (*x.shape[:-1], x.shape[-2])
    if adjacency.shape[-2:] != pairs[-2:] or adjacency.ndim > len(pairs) or not spreads(adjacency.shape, pairs):
        raise ShapeError("adjacency", expected=expected, got=tuple(adjacency.shape))
    check_dtype("adjacency", adjacency, x.dtype)


def spreads(given: Sequence[int | torch.SymInt], wanted: Sequence[int | torch.SymInt]) -> bool:
    """Whether a shape expands to another, axis by axis from the last."""
    pairs = zip(reversed(given), reversed(wanted), strict=False)
    return len(given) <= len(wanted) and all(size in (1, full) for size, full in pairs)


def _numbers(argument: str, value: object) -> Tensor:
    if not isinstance(value, Tensor) or value.dtype not in (torch.int64, torch.int32):
        got = _name(value.dtype) if isinstance(value, Tensor) else type(value).__name__
        raise ArgumentError(argument, expected="a tensor of int64", got=got)
    return value


def _check_range(argument: str, value: Tensor, n: int | None) -> None:
    """A negative number would count from the end. Other devices than the CPU are not waited for."""
    watched = value.device.type == "cpu" and value.numel() and not torch.compiler.is_compiling()
    if not watched or torch._C._functorch.is_functorch_wrapped_tensor(value):  # noqa: SLF001 (torch tells it nowhere else)
        return
    least, most = (int(end) for end in torch.aminmax(value))
    if least < 0 or (n is not None and most >= n):
        expected = "numbers from 0" if n is None else f"rows from 0 to {n - 1}"
        raise ArgumentError(argument, expected=expected, got=least if least < 0 else most)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
