"""LAW on the command line: ``gauss``, ``2 * laplace + 1``, ``exponential; t(5); uniform``, or a file of samples."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from haar.cli.number_file import read_numbers
from haar.errors import ArgumentError
from haar.moments.joint import Empirical, Gaussian, Independent, InputLaw
from haar.moments.laws import (
    Exponential,
    Gamma,
    Laplace,
    Law,
    Normal,
    Poisson,
    Rademacher,
    StudentT,
    TwoBump,
    Uniform,
)

#: Names of laws of one variable: mean 0 and variance 1, but for ``poisson``, ``gamma`` and what is said otherwise.
NAMED: Mapping[str, Callable[..., Law]] = {
    "gauss": Normal,
    "normal": Normal,
    "uniform": Uniform,
    "laplace": Laplace,
    "exponential": Exponential,
    "gamma": Gamma,
    "rademacher": Rademacher,
    "mixture": TwoBump,
    "t": StudentT,
    "t5": lambda: StudentT(5),
    "poisson": Poisson,
}
_FORMS = f"laws made of {', '.join(NAMED)} with numbers, as in 'gauss(0, 0.5)', '2 * laplace + 1', 'uniform; t(5)'"
_WHOLE = 1e15  # below it every whole number is a float of its own
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


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
    parts = [part for part in text.split(";") if part.strip()]
    if len(parts) not in (1, size):
        raise ArgumentError("--law", expected=f"one law, or one for each of {size} components", got=f"{len(parts)}")
    laws = [_parsed(part) for part in parts]
    laws = laws * size if len(laws) == 1 else laws
    if cov is not None:
        return _correlated(laws, cov, shift, factor)
    if factor is not None:
        # Scaled about its own mean, which the file or the list of means then moves.
        laws = [
            law.affine(s, law.require(1) * (1.0 - s)) if s != 1.0 else law
            for law, s in zip(laws, factor.tolist(), strict=True)
        ]
    if all(law.normal for law in laws):
        level = torch.tensor([law.require(1) for law in laws], dtype=torch.float64)
        variance = torch.tensor([law.require(2) for law in laws], dtype=torch.float64)
        return Gaussian(level if shift is None else level + shift, variance)
    return Independent(laws, shift)


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


def _parsed(text: str) -> Law:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        found = _law(tree, text)
        if isinstance(found, Law):
            for order in (1, 2):  # every use needs them
                found.require(order)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError("--law", expected=_FORMS, got=f"{text[:80]!r}") from error
    except ArithmeticError as error:
        raise ArgumentError("--law", expected="numbers that float64 holds", got=f"{text[:80]!r}") from error
    if isinstance(found, float):
        raise ArgumentError("--law", expected=_FORMS, got=repr(text))
    return found


def _law(node: ast.expr, text: str) -> Law | float:
    """A law, or a number, of an expression; nothing is evaluated but these names and arithmetic."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        if abs(number := float(node.value)) == math.inf:
            raise OverflowError
        return number
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = _law(node.operand, text)
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return sign * inner if isinstance(inner, float) else _moved(inner, sign, 0.0)
    if isinstance(node, ast.Name) and node.id in NAMED:
        return _built(node.id, [], text)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMED and not node.keywords:
        values = [_law(argument, text) for argument in node.args]
        numbers = [value for value in values if isinstance(value, float)]
        if len(numbers) == len(values):
            return _built(node.func.id, numbers, text)
    if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
        made = _combined(node.op, _law(node.left, text), _law(node.right, text))
        if made is not None:
            return made
    raise ArgumentError("--law", expected=_FORMS, got=repr(text))


def _combined(operator: ast.operator, left: Law | float, right: Law | float) -> Law | float | None:
    if isinstance(left, float) and isinstance(right, float):
        return None
    if isinstance(left, Law) and isinstance(right, Law):
        return None
    law, number = (left, right) if isinstance(left, Law) else (right, left)
    if not isinstance(law, Law) or not isinstance(number, float) or not math.isfinite(number):
        return None
    first = law is left
    if isinstance(operator, ast.Mult):
        return _moved(law, number, 0.0)
    if isinstance(operator, ast.Div):
        return _moved(law, 1.0 / number, 0.0) if first and number else None
    if isinstance(operator, ast.Add):
        return _moved(law, 1.0, number)
    return _moved(law, 1.0, -number) if first else _moved(law, -1.0, number)


def _moved(law: Law, scale: float, shift: float) -> Law:
    return law.affine(scale, shift)


def _built(name: str, numbers: list[float], text: str) -> Law:
    whole = [int(x) if x.is_integer() and abs(x) < _WHOLE else x for x in numbers]
    try:
        return NAMED[name](*whole)
    except TypeError as error:
        raise ArgumentError("--law", expected=f"{name} with other numbers", got=repr(text)) from error
