"""Sums of Pauli words made equivariant, by the name of a group."""

from __future__ import annotations

from haar.errors import ArgumentError
from haar.nn.circuits.on_qubits import OnQubits, PermutedQubits, SpinOnQubits, molecule_on_qubits
from haar.nn.circuits.options import one_of
from haar.nn.circuits.pauli_words import matrix_words, parse_words, qubits_of, spell, words_matrix
from haar.nn.circuits.twirl import twirl

GROUPS = ("su2", "permutations", "molecule")


def twirled_words(text: str, *, group: str, qubits: int | None = None, how: str = "auto") -> tuple[str, float]:
    """A generator in Pauli words, made equivariant.

    Args:
        text: For example ``"Z0 Z1 + X0"``.
        group: ``su2`` (all qubits turn alike), ``permutations`` (of the qubits), ``molecule`` (both, two qubits an
            atom, copy-major).
        qubits: Their number; by default as many as are named.
        how: See `haar.nn.circuits.twirl`.

    Returns:
        The twirled generator in Pauli words, and the share of the generator's norm that was not equivariant.

    Raises:
        ArgumentError: If the text, the group or the way does not fit.

    Example:
        >>> twirled_words("Z0 Z1", group="su2")[0]
        '0.3333333333 X0 X1 + 0.3333333333 Y0 Y1 + 0.3333333333 Z0 Z1'
    """
    words = parse_words(text)
    n = qubits_of(words) if qubits is None else qubits
    operator = words_matrix(words, n)
    rep = _rep(one_of("group", group, GROUPS), n)
    found = twirl(operator, rep, how=how)
    size = float(operator.norm())
    return spell(matrix_words(found)), float((operator - found).norm()) / size if size else 0.0


def _rep(group: str, n: int) -> OnQubits:
    if group == "su2":
        return SpinOnQubits(n)
    if group == "permutations":
        if n < 2:
            raise ArgumentError("qubits", expected="at least 2 to permute", got=n, way_out="give --qubits")
        return PermutedQubits([(q,) for q in range(n)])
    if n % 2:
        raise ArgumentError("qubits", expected="two an atom for 'molecule'", got=n, way_out="give --qubits")
    return molecule_on_qubits(n // 2)
