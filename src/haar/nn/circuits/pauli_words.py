"""Operators as sums of Pauli words: text to matrix and back."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import torch
from jaxtyping import Complex
from torch import Tensor

from haar.errors import ArgumentError
from haar.nn.circuits.on_qubits import MOST_TWIRLED, PAULI
from haar.nn.circuits.states import check_qubits

_TERM = re.compile(r"([+-]?)\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*\*?\s*)?((?:[XYZ]\d+\s*)*)")


def parse_words(text: str) -> dict[str, float]:
    """Read a sum of Pauli words.

    Args:
        text: For example ``"Z0 Z1 + 0.5 X0 - 2*Y1"``; a bare number is a multiple of the identity.

    Raises:
        ArgumentError: If it is not of that form, or a word names a qubit twice.

    Example:
        >>> parse_words("Z0 Z1 - 0.5*X0")
        {'Z0 Z1': 1.0, 'X0': -0.5}
    """
    words: dict[str, float] = {}
    place = 0
    stripped = text.strip()
    while place < len(stripped):
        found = _TERM.match(stripped, place)
        if found is None or found.end() == place or not (found[2] or found[3]) or (place and not found[1]):
            raise ArgumentError(
                "GENERATOR", expected="a sum of Pauli words such as 'Z0 Z1 + 0.5 X0'", got=repr(stripped[place:])
            )
        letters = sorted(found[3].split(), key=lambda letter: int(letter[1:]))
        wires = [letter[1:] for letter in letters]
        if len(set(wires)) != len(wires):
            raise ArgumentError("GENERATOR", expected="every qubit at most once in a word", got=repr(found[3].strip()))
        word = " ".join(letters)
        weight = float(found[2] or 1.0) * (-1.0 if found[1] == "-" else 1.0)
        words[word] = words.get(word, 0.0) + weight
        place = found.end()
    if not words:
        raise ArgumentError("GENERATOR", expected="a sum of Pauli words such as 'Z0 Z1 + 0.5 X0'", got=repr(text))
    return words


def qubits_of(words: Mapping[str, float]) -> int:
    """One more than the largest qubit named.

    Example:
        >>> qubits_of({"Z0 Z3": 1.0})
        4
    """
    return 1 + max((int(letter[1:]) for word in words for letter in word.split()), default=0)


def words_matrix(words: Mapping[str, float], n: int) -> Complex[Tensor, "states states"]:
    """The matrix of a sum of Pauli words.

    Args:
        words: Weights by word.
        n: Number of qubits.

    Raises:
        ArgumentError: If a word names a qubit that is not there, or there are too many.

    Example:
        >>> words_matrix({"Z0": 2.0}, 1).real.int().tolist()
        [[2, 0], [0, -2]]
    """
    check_qubits(n, most=MOST_TWIRLED, why="operators as matrices")
    if qubits_of(words) > n:
        raise ArgumentError("qubits", expected=f"at least {qubits_of(words)} for this operator", got=n)
    total = torch.zeros(2**n, 2**n, dtype=torch.complex128)
    for word, weight in words.items():
        letters = {int(letter[1:]): "XYZ".index(letter[0]) for letter in word.split()}
        matrix = torch.ones(1, 1, dtype=torch.complex128)
        for q in range(n):
            factor = PAULI[letters[q]] if q in letters else torch.eye(2, dtype=torch.complex128)
            matrix = torch.kron(matrix, factor.contiguous())
        total += weight * matrix
    return total


def matrix_words(matrix: Complex[Tensor, "states states"], *, tolerance: float = 1e-12) -> dict[str, float]:
    """A Hermitian matrix as a sum of Pauli words, shortest words first.

    Args:
        matrix: A Hermitian matrix of 2^n rows.
        tolerance: Smaller weights are left out.

    Raises:
        ArgumentError: If it is not Hermitian.

    Example:
        >>> matrix_words(words_matrix({"Z0 Z1": 1.0, "X0": -0.5}, 2))
        {'X0': -0.5, 'Z0 Z1': 1.0}
    """
    if not torch.allclose(matrix, matrix.mH, atol=1e-10):
        raise ArgumentError("matrix", expected="a Hermitian matrix", got="another")
    n = matrix.shape[-1].bit_length() - 1
    letters = torch.cat([torch.eye(2, dtype=torch.complex128)[None], PAULI])
    # tr(P A) / 2^n, qubit by qubit
    weights = matrix.reshape([2] * (2 * n))
    for q in range(n):
        weights = torch.tensordot(weights, letters, dims=([0, n - q], [2, 1])) / 2
    found = {}
    for choice in itertools.product(range(4), repeat=n):
        weight = float(weights[choice].real)
        if abs(weight) > tolerance:
            found[" ".join(f"{'IXYZ'[c]}{q}" for q, c in enumerate(choice) if c)] = weight
    return dict(sorted(found.items(), key=lambda item: (len(item[0].split()), item[0].replace(" ", ""))))


def spell(words: Mapping[str, float]) -> str:
    """A sum of Pauli words as text that `parse_words` reads.

    Example:
        >>> spell({"X0": -0.5, "Z0 Z1": 1.0})
        '-0.5 X0 + Z0 Z1'
    """
    parts = []
    for word, weight in words.items():
        size = f"{abs(weight):.10g}"
        body = f"{size} {word}".strip() if size != "1" or not word else word
        parts.append(f"{'-' if weight < 0 else '+'} {body}")
    text = " ".join(parts)
    return (text[2:] if text.startswith("+") else "-" + text[2:]) if parts else "0"
