"""Orbits of index pairs against a plain search."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.actions.representation import Defining, Regular, Representation, Space, tensor_power
from haar.groups import SO, cyclic, dihedral, from_matrices, grid_group, permutation_group, symmetric
from haar.intertwiners import pair_orbits
from haar.intertwiners.orbits import applies


def plain_search(rep_in: Representation, rep_out: Representation) -> dict[tuple[int, int], tuple[tuple[int, int], int]]:
    """For every pair the first pair of its orbit and the sign; sign 0 where signs contradict."""
    gens = rep_in.group.generators()
    moves = []
    for g in gens:
        (i, s), (o, t) = rep_in.signed_permutation(g), rep_out.signed_permutation(g)
        columns = {int(i[k]): (k, int(s[k])) for k in range(rep_in.dim)}
        rows = {int(o[k]): (k, int(t[k])) for k in range(rep_out.dim)}
        moves.append((rows, columns))
    found: dict[tuple[int, int], tuple[tuple[int, int], int]] = {}
    for o in range(rep_out.dim):
        for i in range(rep_in.dim):
            if (o, i) in found:
                continue
            signs, queue, contradiction = {(o, i): 1}, [(o, i)], False
            for p in queue:
                for rows, columns in moves:
                    (row, t), (column, s) = rows[p[0]], columns[p[1]]
                    sign = signs[p] * s * t
                    if (row, column) not in signs:
                        signs[row, column] = sign
                        queue.append((row, column))
                    contradiction |= signs[row, column] != sign
            for p, sign in signs.items():
                found[p] = ((o, i), 0 if contradiction else sign)
    return found


def check(rep_in: Representation, rep_out: Representation) -> None:
    orbits = pair_orbits(rep_in, rep_out)
    wanted = plain_search(rep_in, rep_out)
    firsts = sorted({first for first, sign in wanted.values() if sign})
    number = {first: k for k, first in enumerate(firsts)}
    assert orbits.count == len(firsts)
    sizes = [0] * len(firsts)
    for (o, i), (first, sign) in wanted.items():
        assert int(orbits.sign[o, i]) == sign
        assert int(orbits.label[o, i]) == (number[first] if sign else -1)
        if sign:
            sizes[number[first]] += 1
    assert orbits.sizes.tolist() == sizes


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 10_000), st.integers(1, 2))
@settings(max_examples=60)
def test_signed_orbits_agree_with_a_plain_search(n: int, gens: int, seed: int, power: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(gens):
        signs = 1.0 - 2 * torch.randint(2, (n,), generator=draw)
        made.append(torch.diag(signs.double())[:, torch.randperm(n, generator=draw)])
    base = Defining(from_matrices(made))
    check(base, tensor_power(base, power))
    check(tensor_power(base, power), base)


@given(st.integers(2, 7).flatmap(lambda n: st.lists(st.permutations(range(n)), min_size=1, max_size=3)))
@settings(max_examples=40)
def test_unsigned_orbits_agree_with_a_plain_search(rows: list[list[int]]) -> None:
    base = Defining(permutation_group(rows))
    check(base, base)


def test_many_points_in_many_chunks() -> None:
    """More rows than are merged at first: late contradictions and late merges are found."""
    n = 64
    swap = torch.arange(n).tolist()
    swap[-1], swap[-2] = swap[-2], swap[-1]
    base = Defining(permutation_group([swap]))
    orbits = pair_orbits(base, base)
    assert orbits.count == (n - 2) ** 2 + 2 * (n - 2) + 2
    check(base, base)


def test_late_contradictions() -> None:
    n = 48
    flip = torch.ones(n, dtype=torch.float64)
    flip[-1] = -1
    base = Defining(from_matrices([torch.diag(flip)]))
    orbits = pair_orbits(base, base)
    assert orbits.count == (n - 1) ** 2 + 1
    assert int((orbits.label < 0).sum()) == 2 * (n - 1)
    check(base, base)


def test_shapes_of_known_orbits() -> None:
    square = Regular(dihedral(4))
    assert pair_orbits(square, square).sizes.tolist() == [8] * 8
    matrices = tensor_power(Defining(symmetric(40)), 2)
    orbits = pair_orbits(matrices, matrices)
    assert orbits.count == 15
    assert int(orbits.sizes.sum()) == 1600**2
    grid = Regular(grid_group(dihedral(4), (4, 4)))
    assert pair_orbits(grid, grid).count == grid.dim


def test_where_orbits_apply() -> None:
    assert applies(Defining(dihedral(4)), Regular(dihedral(4)))
    assert not applies(Defining(dihedral(5)), Defining(dihedral(5)))
    assert not applies(Defining(SO(3)), Defining(SO(3)))
    assert applies(Regular(cyclic(3)), Regular(cyclic(3)))


def test_more_columns_than_rows_are_the_transposed_orbits():
    group = dihedral(4)
    few, many = Regular(group), Regular(group) @ Space(group)
    wide, tall = pair_orbits(many, few), pair_orbits(few, many)
    assert wide.count == tall.count
    for orbit in range(wide.count):
        places = wide.label == orbit
        other = tall.label.T[places].unique()
        assert len(other) == 1
        assert torch.equal(other == tall.label.T, places)
        signs = wide.sign[places] * tall.sign.T[places]
        assert bool((signs == signs[0]).all())
