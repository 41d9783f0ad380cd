"""From a symmetry to the coordinates of a KKAN that has it by its shape; what cannot be built is refused by name.

There are two ways, and the one that has less symmetry beyond what is asked is taken.

- *Even blocks*: coordinates of one orbit share a block, after those signs are taken off that can be; an orbit in which
  signs are left has an even block. The network is then invariant under all permutations within orbits, and all signs of
  the coordinates of even blocks: a reflection group. An output that changes sign is a product with the polynomial of
  the reflections at which it does (every smooth function of that kind is one).
- *Odd blocks*: where each element is a permutation times one sign of all coordinates together, blocks are odd
  functions, and the outer block is even or odd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.nn.basis.coordinates import Coordinates, Factor
from haar.nn.basis.parity_equations import solved

Signed = Sequence[tuple[Sequence[int], Sequence[int]]]
_AVERAGE = "average it instead: haar.average.average(model, symmetry)"


def derived(plain: Coordinates, symmetry: Symmetry) -> Coordinates:
    """Coordinates with a symmetry.

    Args:
        plain: Where they lie.
        symmetry: Permutes coordinates and changes signs; every output is invariant or changes its sign.

    Raises:
        ArgumentError: If the group does something else, or domains and periods do not fit it.
    """
    moves, characters = _moves(plain, symmetry), _characters(symmetry)
    found = [
        one for one in (_by_even_blocks(plain, moves, characters), _by_odd_blocks(plain, moves, characters)) if one
    ]
    if not found:
        got = f"outputs that change sign under {symmetry.group.name} as no function of this shape does"
        raise ArgumentError("symmetry", expected="signs of outputs that can be built", got=got, way_out=_AVERAGE)
    best = min(found, key=lambda one: (one.order, bool(one.factors)))
    _check_fits(best)
    return best


def outputs_of(symmetry: Symmetry) -> int | None:
    """Number of outputs that a symmetry speaks of; None for any."""
    return symmetry.outputs.rep.dim if isinstance(symmetry.outputs, Vector) else None


def _moves(plain: Coordinates, symmetry: Symmetry) -> Signed:
    """The generators: the coordinate that comes to each place, and its sign."""
    if not isinstance(symmetry, Symmetry):
        raise ArgumentError("symmetry", expected="a haar.Symmetry", got=type(symmetry).__name__)
    given = symmetry.inputs
    if len(given) != 1 or not isinstance(given[0], Vector) or given[0].axis != -1:
        got = ", ".join(type(one).__name__ for one in given)
        raise ArgumentError("symmetry", expected="one input, Vector(rep) on the last axis", got=got, way_out=_AVERAGE)
    rep = given[0].rep
    if rep.dim != plain.count:
        raise ArgumentError("symmetry", expected=f"{plain.count} coordinates", got=f"{rep.dim} ({rep.name})")
    return _signed(rep, "a group that permutes coordinates and changes their signs")


def _characters(symmetry: Symmetry) -> list[tuple[int, ...]]:
    """For each output whether each generator changes its sign (1) or not (0)."""
    side = symmetry.outputs
    if isinstance(side, Invariant):
        return [(0,) * len(symmetry.group.generators())]
    if not isinstance(side, Vector) or side.axis != -1:
        got = type(side).__name__
        raise ArgumentError("symmetry", expected="outputs Invariant or Vector(rep)", got=got, way_out=_AVERAGE)
    moves = _signed(side.rep, "outputs that are invariant or change their sign")
    if any(list(index) != list(range(side.rep.dim)) for index, _ in moves):
        got = f"{side.rep.name} of {symmetry.group.name}, which exchanges outputs"
        expected = "outputs that are invariant or change their sign"
        raise ArgumentError("symmetry", expected=expected, got=got, way_out=_AVERAGE)
    return [tuple(int(sign[place] < 0) for _, sign in moves) for place in range(side.rep.dim)]


def _signed(rep: Representation, expected: str) -> Signed:
    if not rep.is_signed_permutation:
        got = f"{rep.name} of {rep.group.name}, which mixes them"
        raise ArgumentError("symmetry", expected=expected, got=got, way_out=_AVERAGE)
    generators = rep.group.generators()
    if not len(generators):
        return []
    index, sign = rep.signed_permutation(generators)
    return list(zip(index.tolist(), sign.tolist(), strict=True))


def _orbits(count: int, moves: Signed) -> tuple[tuple[int, ...], tuple[int, ...], tuple[bool, ...]]:
    """The orbit of each coordinate, its sign within the orbit, and for each orbit whether signs are left."""
    parent = list(range(2 * count))  # of coordinates and of coordinates with the other sign

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for index, sign in moves:
        for place in range(count):
            for half in (0, 1):
                other = index[place] + count * (half ^ (sign[place] < 0))
                parent[root(place + count * half)] = root(other)
    blocks, signs, even = [0] * count, [1] * count, list[bool]()
    firsts: list[int] = []
    for place in range(count):
        block = next((k for k, one in enumerate(firsts) if root(place) in (root(one), root(one + count))), len(firsts))
        if block == len(firsts):
            firsts.append(place)
            even.append(root(place) == root(place + count))
        blocks[place] = block
        signs[place] = 1 if root(place) == root(firsts[block]) else -1
    return tuple(blocks), tuple(signs), tuple(even)


def _by_even_blocks(plain: Coordinates, moves: Signed, characters: Sequence[tuple[int, ...]]) -> Coordinates | None:
    blocks, signs, even = _orbits(plain.count, moves)
    shaped = replace(plain, blocks=blocks, signs=signs, even=even)
    columns = _sign_columns(shaped, moves)
    factors = []
    for character in characters:
        chosen = solved([column for _, column in columns], character)
        if chosen is None:
            return None
        factors.append(tuple(factor for place in chosen for factor in columns[place][0]))
    return replace(shaped, factors=tuple(factors) if any(factors) else ())


def _sign_columns(shaped: Coordinates, moves: Signed) -> list[tuple[tuple[Factor, ...], tuple[int, ...]]]:
    """Products of factors that change sign as a whole, and under which generators; those of low degree first."""
    found: list[tuple[tuple[Factor, ...], tuple[int, ...]]] = []
    for members, even in zip(shaped.members, shaped.even, strict=True):
        pairs = [(a, b) for k, a in enumerate(members) for b in members[k + 1 :]]
        kinds = [tuple(Factor("coordinate", (place,)) for place in members)] if even else []
        if pairs:
            kinds.append(tuple(Factor("squares" if even else "difference", pair) for pair in pairs))
        found += [(kind, tuple(_changes(kind, move) for move in moves)) for kind in kinds]
    return sorted(found, key=lambda one: sum(2 if factor.kind == "squares" else 1 for factor in one[0]))


def _changes(kind: tuple[Factor, ...], move: tuple[Sequence[int], Sequence[int]]) -> int:
    """Whether a product changes sign under a generator: 1, else 0."""
    index, sign = move
    if kind[0].kind == "coordinate":
        return sum(sign[factor.places[0]] < 0 for factor in kind) % 2
    return sum(index[a] > index[b] for a, b in (factor.places for factor in kind)) % 2


def _by_odd_blocks(plain: Coordinates, moves: Signed, characters: Sequence[tuple[int, ...]]) -> Coordinates | None:
    """Signs of coordinates after which every generator is a permutation times one sign."""
    count, sign_of_all = plain.count, set(characters)
    if len(sign_of_all) != 1:
        return None
    character = sign_of_all.pop()
    odd = any(character)
    columns, wanted = _sign_equations(count, moves, character if odd else None)
    chosen = solved(columns, wanted)
    if chosen is None or not (odd or any(place >= count for place in chosen)):
        return None
    blocks = _orbits(count, [(index, [1] * count) for index, _ in moves])[0]
    signs = tuple(-1 if place in chosen else 1 for place in range(count))
    even = (False,) * (max(blocks) + 1)
    return replace(plain, blocks=blocks, signs=signs, even=even, inner="odd", outer="odd" if odd else "even")


def _sign_equations(
    count: int, moves: Signed, character: tuple[int, ...] | None
) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """Columns for the sign of each coordinate, and unless a character says it, for that of each generator."""
    rows, wanted = [], []
    for number, (index, sign) in enumerate(moves):
        for place in range(count):
            row = [0] * (count + len(moves))
            row[place] ^= 1
            row[index[place]] ^= 1
            row[count + number] = int(character is None)
            rows.append(row)
            wanted.append(int(sign[place] < 0) ^ (0 if character is None else character[number]))
    return [tuple(row[k] for row in rows) for k in range(count + len(moves))], tuple(wanted)


def _check_fits(found: Coordinates) -> None:
    """Domains and periods must be those of a symmetric network."""
    for members, even in zip(found.members, found.even, strict=True):
        exchanged = f"one for coordinates {_names(members)}, which are exchanged"
        ends = {_turned(found.domains[place], found.signs[place]) for place in members}
        if len(ends) > 1:
            got = " and ".join(map(str, sorted(ends)))
            raise ArgumentError("domain", expected=exchanged, got=got)
        if len({found.periods[place] for place in members}) > 1:
            got = ", ".join(str(found.periods[place]) for place in members)
            raise ArgumentError("periods", expected=exchanged, got=got)
        low, high = ends.pop()
        if (even or found.inner == "odd") and low != -high:
            got = f"({low:g}, {high:g})"
            expected = f"(-a, a) for coordinates {_names(members)}, which change sign"
            raise ArgumentError("domain", expected=expected, got=got)
    for factor in (factor for factors in found.factors for factor in factors if factor.kind == "difference"):
        if found.periods[factor.places[0]] is not None:
            got = f"outputs that change sign as {factor} with a period"
            raise ArgumentError("symmetry", expected="signs of outputs that can be built", got=got, way_out=_AVERAGE)


def _turned(interval: tuple[float, float], sign: int) -> tuple[float, float]:
    low, high = interval
    return (low, high) if sign > 0 else (-high, -low)


def _names(members: Sequence[int]) -> str:
    return ", ".join(f"x{place}" for place in members)
