"""Pauli words: text, matrices and back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.nn.circuits.pauli_words import matrix_words, parse_words, spell, words_matrix
from haar.nn.circuits.twirled_words import twirled_words


@settings(max_examples=15)
@given(
    st.dictionaries(
        st.sampled_from(["X0", "Z1", "X0 Y1", "Y0 Z2", "Z0 Z1 Z2", ""]), st.integers(-3, 3).filter(bool), min_size=1
    )
)
def test_there_and_back(words: dict[str, int]) -> None:
    weights = {word: float(value) for word, value in words.items()}
    matrix = words_matrix(weights, 3)
    assert matrix_words(matrix) == pytest.approx(weights)
    assert parse_words(spell(weights)) == pytest.approx(weights)


def test_twirled_text() -> None:
    words, broken = twirled_words("Z0 Z1", group="su2")
    assert parse_words(words) == pytest.approx({"X0 X1": 1 / 3, "Y0 Y1": 1 / 3, "Z0 Z1": 1 / 3}, abs=1e-9)
    assert broken == pytest.approx((2 / 3) ** 0.5)
    assert parse_words(twirled_words("X0", group="permutations", qubits=2)[0]) == {"X0": 0.5, "X1": 0.5}
    assert twirled_words("Z0", group="su2") == ("0", 1.0)
    assert twirled_words("Z0 Z1", group="molecule", qubits=4)[1] > 0.5


@pytest.mark.parametrize("text", ["Q0", "Z0 Z1 +", "Z", "X0 Z1 X", "", "Z0 ** 2"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="GENERATOR: expected a sum of Pauli words"):
        parse_words(text)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentError, match="GENERATOR: expected every qubit at most once in a word, got 'X0 Y0'"):
        parse_words("X0 Y0")
    with pytest.raises(ArgumentError, match="qubits: expected at least 3 for this operator, got 2"):
        words_matrix({"Z2": 1.0}, 2)
    with pytest.raises(ArgumentError, match="qubits: expected 1 to 8 for operators as matrices, got 10"):
        twirled_words("Z9", group="su2")
    with pytest.raises(ArgumentError, match="matrix: expected a Hermitian matrix"):
        matrix_words(torch.triu(torch.ones(2, 2, dtype=torch.complex128)))
    with pytest.raises(ArgumentError, match="qubits: expected two an atom for 'molecule', got 3"):
        twirled_words("Z2", group="molecule")
    with pytest.raises(ArgumentError, match="qubits: expected at least 2 to permute"):
        twirled_words("Z0", group="permutations")
