"""LAW on the command line: ``gauss``, ``2 * laplace + 1``, ``exponential; t(5); uniform``, or a file of samples."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from haar.cli.number_file import read_numbers
from haar.errors import ArgumentError
from haar.moments.joint import Empirical, Gaussian, Independent, InputLaw
from haar.moments.laws import Law, named_law


def parse_law(
    text: str, size: int, *, mean: str | None = None, scale: str | None = None, cov: str | None = None
) -> InputLaw:
    """The law of an input from words.

    Args:
        text: One law for all components, or one for each, divided by semicolons; or a file of samples, a row each.
        size: Number of components of the input.
        mean: Added to the means: numbers divided by commas, or a file of them.
        scale: Multiplies what the law is about its mean: one number or one for each component, or a file of them.
        cov: For a normal law: a file of its covariance matrix.

    Raises:
        ArgumentError: If a word is unknown, or numbers do not fit the input.
        DataError: If a file cannot be read.

    Example:
        >>> parse_law("2 * laplace + 1", 3).mean.tolist()
        [1.0, 1.0, 1.0]
        >>> parse_law("gauss", 2, mean="1, -1", scale="0.5").variance().tolist()
        [0.25, 0.25]
    """
    shift = None if mean is None else _numbers("--mean", mean, size)
    factor = None if scale is None else _numbers("--scale", scale, size)
    if _is_file(text):
        return _empirical(text, size, shift, factor, cov)
    laws = _laws(text, size)
    if cov is not None:
        return _correlated(laws, cov, shift, factor)
    if factor is not None:
        laws = [_scaled(law, s) for law, s in zip(laws, factor.tolist(), strict=True)]
    if not all(law.normal for law in laws):
        return Independent(laws, shift)
    level, variance = (torch.tensor([law.require(n) for law in laws], dtype=torch.float64) for n in (1, 2))
    return Gaussian(level if shift is None else level + shift, variance)


def _laws(text: str, size: int) -> list[Law]:
    parts = [part for part in text.split(";") if part.strip()]
    if len(parts) not in (1, size):
        raise ArgumentError("--law", expected=f"one law, or one for each of {size} components", got=f"{len(parts)}")
    laws = [named_law(part, argument="--law") for part in parts]
    return laws * size if len(laws) == 1 else laws


def _scaled(law: Law, factor: float) -> Law:
    """Scaled about its own mean, which the file or the list of means then moves."""
    return law if factor == 1.0 else law.affine(factor, law.require(1) * (1.0 - factor))


def _is_file(text: str) -> bool:
    return Path(text).suffix.lower() in (".csv", ".txt", ".npy", ".safetensors", ".pt")


def _empirical(text: str, size: int, shift: Tensor | None, factor: Tensor | None, cov: str | None) -> InputLaw:
    if cov is not None:
        raise ArgumentError("--cov", expected="none beside a file of samples, which has its own", got=cov)
    rows = read_numbers(Path(text))
    rows = rows.reshape(rows.shape[0], math.prod(rows.shape[1:])) if rows.ndim else rows
    if rows.ndim != 2 or rows.shape[1] != size or rows.shape[0] < 4:
        raise ArgumentError("--law", expected=f"at least 4 rows of {size} numbers", got=f"{text}: {tuple(rows.shape)}")
    level = rows.mean(0)
    rows = rows if factor is None else level + factor * (rows - level)
    return Empirical(rows if shift is None else rows + shift)


def _correlated(laws: list[Law], cov: str, shift: Tensor | None, factor: Tensor | None) -> InputLaw:
    size = len(laws)
    if factor is not None or not all(law.normal for law in laws):
        raise ArgumentError("--cov", expected="--law gauss without --scale", got=laws[0].name)
    matrix = read_numbers(Path(cov))
    if tuple(matrix.shape) != (size, size):
        raise ArgumentError("--cov", expected=f"a matrix ({size}, {size})", got=tuple(matrix.shape))
    level = torch.tensor([law.require(1) for law in laws], dtype=torch.float64)
    return Gaussian(level if shift is None else level + shift, matrix)


def _numbers(option: str, text: str, size: int) -> Float[Tensor, " size"]:
    if _is_file(text):
        found = read_numbers(Path(text)).reshape(-1)
    else:
        try:
            found = torch.tensor([float(part) for part in text.split(",")], dtype=torch.float64)
        except ValueError as error:
            raise ArgumentError(option, expected="numbers divided by commas, or a file of them", got=text) from error
    if found.numel() not in (1, size) or not bool(torch.isfinite(found).all()):
        raise ArgumentError(option, expected=f"one finite number, or {size}", got=f"{found.numel()} numbers")
    return found.expand(size)
