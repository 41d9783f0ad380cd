"""Tables of numbers in files: text, NumPy's format, or tensors; never a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, DataError
from haar.probing.trajectory_names import trajectory_numbers
from haar.received import array_tensor, check_file, read_array, read_pickled_tensors, read_tensors

#: Files that have no headings.
_NUMBERS_ALONE = (".npy", ".safetensors", ".pt", ".pth")


def read_numbers(path: Path) -> Float[Tensor, "..."]:
    """Read one array of numbers as float64.

    Args:
        path: ``.npy``; ``.safetensors`` or ``.pt`` with one tensor; or text, ``.csv`` or ``.txt``, with a header line
            or without.

    Raises:
        DataError: If the file is missing, holds anything but one array of numbers, or would have to be unpickled.
    """
    found = _read(check_file(path))
    if not bool(torch.isfinite(found).all()):
        raise DataError(f"{path}: contains NaN or infinity")
    return found


def read_table(path: Path) -> tuple[Float[Tensor, "..."], list[str]]:
    """A table, and the headings of its columns where it is text with a heading for every one.

    Args:
        path: As `read_numbers` has it.

    Raises:
        DataError: As `read_numbers` does.
    """
    found = read_numbers(path)
    if path.suffix.lower() in _NUMBERS_ALONE or found.ndim != 2:
        return found, []
    first = next((line for line in path.read_text(encoding="utf-8").splitlines() if line.split("#")[0].strip()), "")
    for mark in (",", ";", None):
        words = [word.strip().strip('"') for word in first.split(mark)]
        if len(words) == found.shape[1] and not _is_number(words[0]):
            return found, words
    return found, []


def read_marked(path: Path, column: str) -> tuple[Float[Tensor, "..."], list[str], Int[Tensor, " row"]]:
    """A table without one of its columns, the headings of the others, and that column as whole numbers.

    Args:
        path: As `read_numbers` has it.
        column: A heading, or a number from 0, of a column of whole numbers or, in text, of names.

    Raises:
        ArgumentError: If there is no such column, or it holds other numbers.
        DataError: As `read_numbers` does.
    """
    if path.suffix.lower() in _NUMBERS_ALONE:
        table = read_numbers(path)
        count = table.shape[1] if table.ndim == 2 else 0
        place = column_of(path, [], count, column, "--trajectories")
        return table[:, _others(count, place)], [], _whole(column, table[:, place])
    rows, headings = _words_of(check_file(path))
    place = column_of(path, headings, len(rows[0]), column, "--trajectories")
    others, marks = _others(len(rows[0]), place), [row[place] for row in rows]
    try:
        table = torch.tensor([[float(row[k]) for k in others] for row in rows], dtype=torch.float64)
    except ValueError as error:  # a word that is no number
        raise DataError(f"{path}: not rows of numbers beside {column} ({error})") from error
    if not bool(torch.isfinite(table).all()):
        raise DataError(f"{path}: contains NaN or infinity")
    if not all(map(_is_number, marks)):
        return table, _some(headings, others), torch.as_tensor(trajectory_numbers(marks))
    numbers = torch.tensor([float(mark) for mark in marks], dtype=torch.float64)
    return table, _some(headings, others), _whole(column, numbers)


def column_of(path: Path, headings: list[str], count: int, word: str, argument: str) -> int:
    """Where a column of a table stands.

    Args:
        path: The table, for the message.
        headings: Of its columns, if there are any.
        count: How many columns there are.
        word: A heading, or a number from 0; from the end below 0.
        argument: What named it.

    Raises:
        ArgumentError: If there is none.
    """
    if word in headings:
        return headings.index(word)
    if word.removeprefix("-").isdecimal() and -count <= int(word) < count:
        return int(word) % count
    names = f" ({', '.join(headings[:8])}{', ...' * (len(headings) > 8)})" if headings else ""
    expected = f"columns of {path}: headings{names} or numbers 0 to {count - 1}"
    raise ArgumentError(argument, expected=expected, got=repr(word))


def _others(count: int, place: int) -> list[int]:
    return [k for k in range(count) if k != place]


def _some(headings: list[str], places: list[int]) -> list[str]:
    return [headings[k] for k in places] if headings else []


def _whole(column: str, marks: Tensor) -> Tensor:
    """Marks as whole numbers."""
    broken = marks[marks != marks.round()]
    if len(broken):
        got = f"{float(broken[0]):g} in {column}"
        raise ArgumentError("--trajectories", expected="a column of whole numbers or names", got=got)
    return marks.to(torch.int64)


def _words_of(path: Path) -> tuple[list[list[str]], list[str]]:
    """Rows of words, and the headings if the first row holds no number."""
    try:
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:  # not UTF-8
        raise DataError(f"{path}: not rows of numbers ({error})") from error
    lines = [line for line in lines if line]
    mark = next((mark for mark in (",", ";") if lines and mark in lines[0]), None)
    rows = [[word.strip().strip('"') for word in line.split(mark)] for line in lines]
    headings = rows.pop(0) if rows and not any(map(_is_number, rows[0])) else []
    if not rows or len({*map(len, rows), len(headings or rows[0])}) > 1:
        raise DataError(f"{path}: expected rows of equally many numbers")
    return rows, headings


def _read(path: Path) -> Tensor:
    kind = path.suffix.lower()
    if kind == ".npy":
        return array_tensor(read_array(path), str(path)).to(torch.float64)
    if kind in (".safetensors", ".pt"):
        if kind == ".pt":
            loaded = read_pickled_tensors(path)
            tensors = list(loaded.values()) if isinstance(loaded, dict) else [loaded]
            for x in tensors:  # a tensor that repeats its numbers takes memory when it is converted
                if isinstance(x, Tensor) and x.numel() * x.element_size() > x.untyped_storage().nbytes():
                    raise DataError(f"{path}: promises {x.numel()} numbers, more than the file holds")
        else:
            tensors = list(read_tensors(path)[0].values())
        if len(tensors) != 1 or not isinstance(tensors[0], Tensor):
            raise DataError(f"{path}: expected one tensor, got {len(tensors)} entries")
        if tensors[0].is_complex():
            raise DataError(f"{path}: expected real numbers, got {tensors[0].dtype}")
        return tensors[0].to(torch.float64)
    try:
        return torch.from_numpy(_text(path.read_text(encoding="utf-8"), path))
    except (OSError, ValueError) as error:  # not UTF-8, or a word that is no number
        raise DataError(f"{path}: not rows of numbers ({' '.join(str(error).split())[:160]})") from error


def _text(text: str, path: Path) -> np.ndarray:
    lines = [line.split("#")[0].replace(",", " ").replace(";", " ").split() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if lines and not _is_number(lines[0][0]):
        lines = lines[1:]  # a header
    if not lines or len({len(line) for line in lines}) > 1:
        raise DataError(f"{path}: expected rows of equally many numbers")
    return np.array(lines, dtype=np.float64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
