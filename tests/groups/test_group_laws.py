"""Every group obeys the laws: associativity, identity, inverses, homomorphic defining matrices, faithful copies."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    Group,
    O,
    alternating,
    axial,
    cyclic,
    dicyclic,
    dihedral,
    from_permutations,
    grid_group,
    hyperoctahedral,
    icosahedral,
    inversion,
    octahedral,
    permutation_group,
    product,
    quaternion,
    reflections,
    semidirect,
    shifts,
    sign,
    symmetric,
    trivial,
    wreath,
)

ACTION = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])
CATALOGUE: list[Group] = [
    trivial(),
    trivial(2),
    cyclic(1),
    cyclic(4),
    cyclic(7),
    dihedral(1),
    dihedral(4),
    dihedral(5),
    reflections(1),
    reflections(3),
    hyperoctahedral(2),
    hyperoctahedral(4),
    octahedral(),
    octahedral(full=True),
    icosahedral(),
    icosahedral(full=True),
    inversion(1),
    inversion(),
    axial(0),
    axial(2, full=False),
    symmetric(1),
    symmetric(2),
    symmetric(5),
    symmetric(9),
    alternating(2),
    alternating(4),
    alternating(5),
    alternating(9),
    sign(3),
    sign(12),
    quaternion(),
    dicyclic(1),
    dicyclic(3),
    permutation_group([[1, 0, 2, 3, 4, 5], [2, 3, 4, 5, 0, 1]], "2 wr 3"),
    product(dihedral(4), sign(1)),
    product(cyclic(3), symmetric(9)),
    product(SO(3), sign(2)),
    semidirect(cyclic(7), cyclic(3), ACTION),
    wreath(dihedral(3), symmetric(2)),
    wreath(sign(1), symmetric(11)),
    wreath(cyclic(3), from_permutations([[1, 0, 2]], "swap")),
    grid_group(dihedral(4), (6, 6), step=2),
    grid_group(reflections(2), (4, 6), periodic=(True, False)),
    shifts((4, 2, 3)),
    dihedral(4).subgroup([1, 5]),
    dihedral(6).subgroup([2]),
    SO(2),
    SO(3),
    SO(5),
    O(2),
    O(3),
    O(4),
    SU2(),
]


def named(group: Group) -> str:
    return f"{group.name}-{type(group).__name__}"


@pytest.mark.parametrize("group", CATALOGUE, ids=named)
def test_laws(group: Group, generator: torch.Generator) -> None:
    a, b, c = (group.sample(12, generator) for _ in range(3))
    assert a.shape == (12, *group.element_shape)
    assert a.dtype == group.element_dtype
    assert group.equal(group.compose(group.compose(a, b), c), group.compose(a, group.compose(b, c))).all()
    one = group.identity()
    assert one.shape == group.element_shape
    assert group.equal(group.compose(a, one), a).all()
    assert group.equal(group.compose(one, a), a).all()
    assert group.equal(group.compose(a, group.inverse(a)), one.expand_as(a)).all()
    assert group.equal(group.compose(group.inverse(a), a), one.expand_as(a)).all()
    inverse_of_product = group.compose(group.inverse(b), group.inverse(a))
    assert group.equal(group.inverse(group.compose(a, b)), inverse_of_product).all()


@pytest.mark.parametrize("group", [g for g in CATALOGUE if g.defining_dim is not None], ids=named)
def test_defining_matrices_are_an_orthogonal_homomorphism(group: Group, generator: torch.Generator) -> None:
    a, b = group.sample(10, generator), group.sample(10, generator)
    left, right, both = (group.defining_matrix(g) for g in (a, b, group.compose(a, b)))
    assert left.shape == (10, group.defining_dim, group.defining_dim)
    torch.testing.assert_close(left @ right, both, rtol=0, atol=1e-12)
    eye = torch.eye(left.shape[-1], dtype=torch.float64).expand_as(left)
    torch.testing.assert_close(left @ left.transpose(-1, -2), eye, rtol=0, atol=1e-12)
    pair = group.defining_signed_permutation(a)
    if pair is not None:
        v = torch.randn(10, left.shape[-1], generator=generator, dtype=torch.float64)
        torch.testing.assert_close(v.gather(-1, pair[0]) * pair[1], (left @ v[..., None])[..., 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("group", CATALOGUE, ids=named)
def test_names_of_elements_and_copies(group: Group, generator: torch.Generator) -> None:
    g = group.sample(3, generator)
    assert all(isinstance(group.describe(x), str) and group.describe(x) for x in g)
    twin = copy.deepcopy(group)
    thawed = pickle.loads(pickle.dumps(group))
    for other in (twin, thawed):
        assert repr(other) == repr(group)
        assert group.equal(other.compose(g, g.flip(0)), group.compose(g, g.flip(0))).all()
    with io.BytesIO() as file:
        torch.save(g, file)
        assert file.tell() > 0


@pytest.mark.parametrize("group", [g for g in CATALOGUE if isinstance(g, FiniteGroup) and g.order <= 400], ids=named)
def test_generators_generate_and_elements_are_numbers(group: FiniteGroup) -> None:
    assert len(group.closure(group.generators())) == group.order
    assert group.elements().tolist() == list(range(group.order))
    assert torch.equal(group.table.sort(0).values, torch.arange(group.order)[:, None].expand(-1, group.order))
    if group.defining_dim is not None and group.order > 1 and group.name != "S1":
        images = group.defining_matrix(group.elements()).flatten(1)
        assert len({tuple(row) for row in images.round(decimals=6).tolist()}) == group.order


@pytest.mark.parametrize(
    ("group", "order"),
    [
        (cyclic(12), 12),
        (dihedral(7), 14),
        (reflections(3), 8),
        (hyperoctahedral(3), 48),
        (hyperoctahedral(4), 384),
        (octahedral(), 24),
        (icosahedral(), 60),
        (icosahedral(full=True), 120),
        (axial(1), 8),
        (symmetric(6), 720),
        (symmetric(20), 2432902008176640000),
        (alternating(6), 360),
        (alternating(10), 1814400),
        (sign(11), 2048),
        (dicyclic(5), 20),
        (wreath(sign(1), symmetric(4)), 384),
        (wreath(cyclic(3), symmetric(10)), 3**10 * 3628800),
        (product(sign(12), cyclic(5)), 20480),
        (grid_group(octahedral(full=True), (4, 4, 4)), 48 * 64),
        (SO(3), None),
        (product(SO(2), sign(1)), None),
    ],
    ids=lambda value: value.name if isinstance(value, Group) else str(value),
)
def test_orders(group: Group, order: int | None) -> None:
    assert group.order == order


@given(st.permutations(range(5)), st.permutations(range(5)), st.integers(0, 2**20))
def test_random_permutation_groups(one: list[int], other: list[int], seed: int) -> None:
    group = from_permutations([one, other])
    assert 120 % group.order == 0
    draw = torch.Generator().manual_seed(seed)
    a, b = group.sample(8, draw), group.sample(8, draw)
    left, right = group.defining_matrix(a), group.defining_matrix(b)
    assert torch.equal(left @ right, group.defining_matrix(group.compose(a, b)))
    assert sum(len(c) for c in group.conjugacy_classes) == group.order
    assert all(group.order % len(c) == 0 for c in group.conjugacy_classes)
    assert all(group.order % group.element_order(int(g)) == 0 for g in a)
