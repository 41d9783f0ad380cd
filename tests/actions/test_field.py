"""Fields: the group law to the last bit, an independent reference, batches, dtypes and gradients."""

from __future__ import annotations

import copy
import functools
import itertools
import pickle
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.actions import AxisSign, Defining, Determinant, Field, FieldSpec, Given, Layout, Space, Trivial, tensor_power
from haar.errors import ShapeError
from haar.groups import SO, Group, axial, cyclic, dihedral, grid_group, octahedral, product, reflections, sign, trivial

POINT_GROUPS = {
    1: [trivial(1), reflections(1)],
    2: [reflections(2), dihedral(1), cyclic(2), cyclic(4), dihedral(4)],
    3: [reflections(3), axial(2), octahedral(), octahedral(full=True)],
}


EXCHANGES = {1: [False, False], 2: [False, False, False, True, True], 3: [False, True, True, True]}


@dataclass(frozen=True)
class Case:
    """What to build: strategies draw plain values, tests build fields from them."""

    point: int
    lengths: tuple[int, ...]
    periodic: tuple[bool, ...]
    specs: tuple[tuple[int, int, str, bool], ...]
    history: int
    centring: str
    channels: str
    shifted: bool
    signed: bool
    seed: int

    @functools.cached_property
    def field(self) -> Field:
        dim = len(self.lengths)
        group: Group = POINT_GROUPS[dim][self.point]
        if self.shifted:
            group = grid_group(group, self.lengths, periodic=self.periodic)
        internal = {}
        if self.signed:
            group = product(group, sign(1))
            flipped = Defining(group.factors[1]).pull_back(group, 1)
            internal = {f"f{k}": flipped for k, spec in enumerate(self.specs) if spec[3]}
        fields = tuple(FieldSpec(f"f{k}", *spec[:3]) for k, spec in enumerate(self.specs))
        return Field.of_layout(
            Layout(fields, dim, self.history),
            group,
            internal=internal,
            centring=self.centring,
            periodic=self.periodic,
            channels=self.channels,
        )

    def elements(self, n: int) -> torch.Tensor:
        return self.field.group.sample(n, torch.Generator().manual_seed(self.seed))

    def tensor(self, *batch: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1)
        x = torch.randn(*batch, self.field.rep.dim, *self.lengths, generator=generator, dtype=torch.float64)
        return self.field.axes.restored(x)


@st.composite
def cases(draw: Any) -> Case:
    """Random fields in 1, 2, 3 dimensions: orders 0 to 2, parities, centring, history, shifts, internal signs."""
    dim = draw(st.integers(1, 3))
    point = draw(st.integers(0, len(POINT_GROUPS[dim]) - 1))
    if EXCHANGES[dim][point]:
        lengths, periodic = [draw(st.integers(2, 4))] * dim, [draw(st.booleans())] * dim
    else:
        lengths = [draw(st.integers(2, 4)) for _ in range(dim)]
        periodic = [draw(st.booleans()) for _ in range(dim)]
    parts = st.tuples(
        st.integers(0, 2), st.sampled_from((1, -1)), st.sampled_from(("variable", "constant")), st.booleans()
    )
    return Case(
        point,
        tuple(lengths),
        tuple(periodic),
        tuple(draw(st.lists(parts, min_size=1, max_size=3))),
        draw(st.integers(1, 2)),
        draw(st.sampled_from(("cell", "node"))),
        draw(st.sampled_from(("first", "last"))),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.integers(0, 1000)),
    )


@settings(max_examples=40)
@given(cases())
def test_two_elements_act_like_their_product_to_the_last_bit(case):
    field, x = case.field, case.tensor(2)
    a, b = case.elements(2)
    assert torch.equal(field.act(a, field.act(b, x)), field.act(field.group.compose(a, b), x))
    assert torch.equal(field.act(field.group.inverse(a), field.act(a, x)), x)
    assert field.act(field.group.identity(), x) is x


@settings(max_examples=15)
@given(cases())
def test_one_element_for_each_sample_orbits_and_moves_agree_with_single_elements(case):
    field, x = case.field, case.tensor(5)
    g = case.elements(5)
    single = torch.stack([field.act(g[k], x[k]) for k in range(5)])
    assert torch.equal(field.act(g, x), single)
    assert torch.equal(field.act(g[:1], x[:1]), single[:1])
    assert torch.equal(torch.stack([field.orbit(g, x)[k, k] for k in range(5)]), single)
    assert torch.equal(torch.stack([field.move(g[k])(x)[k] for k in range(5)]), single)


def moved_point_by_point(field: Field, spec: FieldSpec, g: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Every point and every component by itself: y(R p + t) = det(R)^parity R x(p), for one field (channel, *space)."""
    dim, space = field.dim, x.shape[1:]
    motion = field.group.motion(g)
    rotation = Space(field.group).matrix(g)
    y = torch.full_like(x, float("nan"))
    for p in itertools.product(*[range(n) for n in space]):
        nodes = [one == "node" and joined for one, joined in zip(field.grid.centrings, field.periodic, strict=True)]
        # Twice the place relative to the fixed point of the reversals: node 0, or the middle of the axis.
        place = torch.tensor([2 * i - (0 if node else n - 1) for i, n, node in zip(p, space, nodes, strict=True)])
        turned = rotation @ place.to(torch.float64)
        goal = []
        for axis in range(dim):
            n = space[axis]
            back = (int(turned[axis]) + (0 if nodes[axis] else n - 1)) // 2 + int(motion.shift[axis])
            goal.append(back % n)
        value = x[(slice(None), *p)].reshape([dim] * spec.order) if spec.order else x[(slice(None), *p)]
        if spec.order == 1:
            value = rotation @ value
        elif spec.order == 2:
            value = rotation @ value @ rotation.T
        if spec.parity < 0:
            value = value * torch.linalg.det(rotation).round()
        y[(slice(None), *goal)] = value.reshape(-1)
    return y


@given(
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from((1, -1)),
    st.sampled_from(("cell", "node", "mixed")),
    st.booleans(),
    st.booleans(),
    st.integers(0, 1000),
)
def test_points_and_components_move_as_the_matrices_say(dim, order, parity, centring, periodic, shifted, seed):
    generator = torch.Generator().manual_seed(seed)
    point = POINT_GROUPS[dim][seed % len(POINT_GROUPS[dim])]
    if centring == "mixed":
        point, centring = reflections(dim), [("cell", "node")[seed >> axis & 1] for axis in range(dim)]
    space = (3, 3, 3)[:dim]
    group = grid_group(point, space, periodic=periodic) if shifted else point
    spec = FieldSpec("f", order, parity)
    field = Field.of_layout(Layout((spec,), dim), group, centring=centring, periodic=periodic)
    x = torch.randn(dim**order, *space, generator=generator, dtype=torch.float64)
    g = group.sample(1, generator)[0]
    assert torch.equal(field.act(g, x), moved_point_by_point(field, spec, g, x))


def test_a_quarter_turn_is_rot90_with_the_components_turned():
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    turned = Field(Space(dihedral(4))).act(torch.tensor(1), x)
    rotated = x.rot90(1, (2, 3))
    assert torch.equal(turned, torch.stack([-rotated[:, 1], rotated[:, 0]], 1))


@given(
    cases(), st.sampled_from((torch.float32, torch.bfloat16, torch.float16, torch.complex64, torch.int64, torch.int8))
)
def test_every_signed_dtype_moves_alike(case, dtype):
    field = case.field
    x = (case.tensor(2) * 10).round()
    g = case.elements(1)[0]
    moved = field.act(g, x.to(dtype))
    assert moved.dtype == dtype
    assert torch.equal(moved, field.act(g, x).to(dtype))


def test_masks_and_label_maps_move_without_a_channel_axis():
    group = grid_group(dihedral(4), (4, 4), step=2)
    mask = Field(Trivial(group), channels=None)
    value = Field(Trivial(group))
    x = torch.randint(0, 5, (6, 4, 4), generator=torch.Generator().manual_seed(0))
    g = group.sample(6, torch.Generator().manual_seed(1))
    for dtype in (torch.bool, torch.uint8, torch.int32, torch.float64):
        moved = mask.act(g, x.to(dtype))
        assert moved.dtype == dtype
        assert torch.equal(moved, value.act(g, x.to(dtype)[:, None])[:, 0])
    pseudo = Field(Determinant(Space(group)), channels=None)
    assert torch.equal(pseudo.act(torch.tensor(4 * 4), x), -x.flip(2))


@given(cases())
def test_the_gradient_goes_back_by_the_inverse(case):
    field = case.field
    g = case.elements(3)
    x, w = case.tensor(3).requires_grad_(), case.tensor(3).cos()
    (gradient,) = torch.autograd.grad((field.act(g, x) * w).sum(), x)
    assert torch.equal(gradient, field.act(field.group.inverse(g), w))


@given(cases())
def test_copies_act_alike(case):
    x, g = case.tensor(2), case.elements(1)[0]
    for copied in (copy.deepcopy(case.field), pickle.loads(pickle.dumps(case.field))):
        assert torch.equal(copied.act(g, x), case.field.act(g, x))
    move = pickle.loads(pickle.dumps(case.field.move(g)))
    assert torch.equal(move(x), case.field.act(g, x))


def test_dense_representations_turn_channels_by_matrices():
    group = product(dihedral(4), sign(1))
    angle = torch.tensor(0.3, dtype=torch.float64)
    basis = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    vectors = Space(group)
    slanted = Given(group, basis @ vectors.matrix(group.elements()) @ basis.T, "slanted")
    assert not slanted.is_signed_permutation
    field, plain = Field(slanted), Field(vectors)
    x = torch.randn(4, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    g = torch.tensor([1, 5, 8, 15])
    in_axes = torch.einsum("ij,bjxy->bixy", basis.T, x)
    expected = torch.einsum("ij,bjxy->bixy", basis, plain.act(g, in_axes))
    assert torch.allclose(field.act(g, x), expected, atol=1e-12, rtol=0)
    assert torch.allclose(field.act(g[1], x), field.orbit(g, x)[1], atol=0)
    last = Field(slanted, channels="last")
    assert torch.allclose(last.act(g, x.movedim(1, -1)).movedim(-1, 1), expected, atol=1e-12, rtol=0)


def test_a_phase_turns_the_channels_and_moves_no_point():
    group = SO(2)
    field = Field(Defining(group), space_dim=2)
    x = torch.randn(3, 2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    angles = torch.tensor([[0.2], [1.0], [-2.5]], dtype=torch.float64)
    turned = torch.view_as_complex(x.movedim(1, -1).contiguous()) * torch.exp(1j * angles)[..., None]
    expected = torch.view_as_real(turned).movedim(-1, 1)
    assert torch.allclose(field.act(group.exp(angles), x), expected, atol=1e-12, rtol=0)
    assert torch.allclose(field.move(group.exp(angles[0]))(x[:1]), expected[:1], atol=1e-12, rtol=0)
    speed = field.tangent(torch.ones(1, dtype=torch.float64), x)
    assert torch.allclose(speed, torch.stack([-x[:, 1], x[:, 0]], 1), atol=1e-12, rtol=0)


def test_a_subgroup_moves_grids_that_the_whole_group_cannot():
    group = dihedral(4)
    field = Field.of_layout(Layout.parse("p, u:vector"), group)
    mirrors = group.subgroup([2, 4], "D2")
    wide = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"axes of equal length for D4.*got 4x6; use haar.groups.reflections"):
        field.act(torch.tensor(2), wide)
    smaller = field.restrict(mirrors)
    for k, g in enumerate(mirrors.embedding):
        assert torch.equal(
            smaller.act(torch.tensor(k), wide), Field(field.rep.restrict(mirrors)).act(torch.tensor(k), wide)
        )
        square = wide[..., :4]
        assert torch.equal(smaller.act(torch.tensor(k), square), field.act(g, square))


def test_the_tracer_of_a_shear_flow_changes_sign_with_x():
    group = reflections(2)
    layout = Layout.parse("tracer, velocity:vector")
    field = Field.of_layout(layout, group, internal={"tracer": AxisSign(group, 0)})
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    x[:, 0] = x[:, 1]  # a tracer that starts as u_x stays equal to u_x
    for g in group.elements():
        moved = field.act(g, x)
        assert torch.equal(moved[:, 0], moved[:, 1])


def test_tensor_powers_of_the_plane_have_the_order_of_arrays():
    group = dihedral(4)
    field = Field(tensor_power(Space(group), 2))
    strain = torch.zeros(1, 4, 2, 2, dtype=torch.float64)
    strain[:, 1] = 1  # the xy component
    turned = field.act(torch.tensor(1), strain)  # x -> y, y -> -x: the yx component with a minus
    assert torch.equal(turned[:, 2], -torch.ones(1, 2, 2, dtype=torch.float64))
    assert float(turned[:, [0, 1, 3]].abs().max()) == 0
