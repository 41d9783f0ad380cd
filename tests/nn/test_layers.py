"""Every other layer: exact on random elements, equal to its independent reference, refused where it would be wrong."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from haar.actions.representation import (
    Defining,
    Determinant,
    Regular,
    Space,
    TensorProduct,
    Trivial,
)
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, O, cyclic, dihedral, octahedral, shifts, sign, symmetric, trivial
from haar.nn import (
    BatchNorm,
    Bilinear,
    Dropout,
    Gated,
    GlobalPool,
    GroupNorm,
    Invariants,
    LayerNorm,
    NormNonlinearity,
    Odd,
    OrbitPool,
    Pointwise,
    Pool,
    RMSNorm,
    SelfAttention,
    TensorSquare,
    Upsample,
    part_count,
)

F64 = torch.float64


def randomised(module: nn.Module) -> nn.Module:
    """Every parameter and running statistic away from its special first value."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
        for name, buffer in module.named_buffers():
            if name.startswith("running"):
                buffer.add_(torch.rand_like(buffer))
    return module


class TestExactForEveryGroup:
    @pytest.mark.parametrize(
        "make",
        [LayerNorm, RMSNorm, lambda rep, **k: GroupNorm(1, rep, **k), NormNonlinearity],
        ids=["LayerNorm", "RMSNorm", "GroupNorm", "NormNonlinearity"],
    )
    def test_norms_and_norm_nonlinearity(self, reps, make, measure):
        module = randomised(make(reps[0], dtype=F64))
        x = 2 * torch.randn(5, reps[0].dim, dtype=F64) + 1
        assert measure(module, module.symmetry, x) < 1e-10

    def test_batch_norm_with_running_statistics(self, reps, measure):
        module = randomised(BatchNorm(reps[1], dtype=F64)).eval()
        assert measure(module, module.symmetry, torch.randn(5, reps[1].dim, dtype=F64)) < 1e-10

    def test_gated(self, reps, measure):
        module = Gated(reps[1])
        assert measure(module, module.symmetry, torch.randn(5, module.rep_in.dim, dtype=F64)) < 1e-10

    @pytest.mark.parametrize("products", [False, True])
    def test_invariants(self, reps, products, measure):
        module = Invariants(reps[0], products=products).double()
        assert measure(module, module.symmetry, torch.randn(5, reps[0].dim, dtype=F64)) < 1e-10

    def test_tensor_square(self, reps, measure):
        rep = min(reps, key=lambda rep: rep.dim)
        rep = Defining(rep.group) if rep.dim > 12 and rep.group.defining_dim else rep
        module = TensorSquare(rep, Trivial(rep.group, 2) + rep, dtype=F64)
        assert measure(module, module.symmetry, torch.randn(5, rep.dim, dtype=F64)) < 1e-10

    def test_dropout_for_every_draw_of_its_mask(self, reps):
        rep = reps[0]
        module = Dropout(rep, 0.4)
        x = torch.randn(3, rep.dim, dtype=F64)
        for g in rep.group.sample(3, torch.Generator().manual_seed(0)):
            torch.manual_seed(5)
            moved = module(rep.act(g, x))
            torch.manual_seed(5)
            assert torch.allclose(moved, rep.act(g, module(x)), atol=1e-12)


class TestNormReferences:
    def test_layer_norm_is_torchs_on_permuted_channels(self):
        group = dihedral(4)
        rep = 3 * Regular(group) + Trivial(group, 2)
        x = torch.randn(4, rep.dim, dtype=F64) * 3 + 2
        assert torch.allclose(LayerNorm(rep, dtype=F64)(x), nn.functional.layer_norm(x, (rep.dim,)), atol=1e-12)

    def test_rms_norm_is_torchs(self):
        rep = 4 * Defining(SO(3))
        x = torch.randn(4, rep.dim, dtype=F64)
        assert torch.allclose(RMSNorm(rep, dtype=F64)(x), nn.functional.rms_norm(x, (12,), eps=1e-5), atol=1e-12)

    @pytest.mark.parametrize("groups", [1, 2, 4])
    def test_group_norm_is_torchs_on_permuted_channels(self, groups):
        rep = 4 * Regular(dihedral(4))
        x = torch.randn(3, 32, 5, 5, dtype=F64) * 2 + 1
        ours = GroupNorm(groups, rep, channels="first", dtype=F64)(x)
        assert torch.allclose(ours, nn.functional.group_norm(x, groups), atol=1e-12)

    def test_batch_norm_is_torchs_over_the_group_axis_too(self):
        rep = 4 * Regular(dihedral(4))
        ours, theirs = BatchNorm(rep, channels="first", dtype=F64), nn.BatchNorm3d(4, dtype=F64)
        for _ in range(3):
            x = torch.randn(3, 32, 5, 5, dtype=F64) * 2 + 1
            assert torch.allclose(ours(x), theirs(x.unflatten(1, (4, 8))).flatten(1, 2), atol=1e-12)
        assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-12)
        assert torch.allclose(ours.running_var, theirs.running_var, atol=1e-12)
        x = torch.randn(2, 32, 4, 4, dtype=F64)
        assert torch.allclose(ours.eval()(x), theirs.eval()(x.unflatten(1, (4, 8))).flatten(1, 2), atol=1e-12)

    def test_batch_norm_in_training_commutes_when_one_element_moves_the_batch(self):
        group = SO(3)
        rep = Trivial(group, 2) + 3 * Defining(group)
        module = BatchNorm(rep, dtype=F64)
        x = torch.randn(16, rep.dim, dtype=F64) + 1
        for g in group.sample(3, torch.Generator().manual_seed(0)):
            assert torch.allclose(module(rep.act(g, x)), rep.act(g, module(x)), atol=1e-12)

    def test_vectors_are_scaled_and_never_centred(self):
        rep = 2 * Defining(SO(3))
        x = torch.randn(6, dtype=F64) + 5
        y = LayerNorm(rep, dtype=F64)(x)
        assert torch.allclose(y / y[0], x / x[0], atol=1e-12)

    def test_one_factor_and_shift_a_part(self):
        group = dihedral(4)
        rep = 3 * Regular(group) + 2 * Space(group)
        norm = LayerNorm(rep)
        assert norm.weight.shape == norm.bias.shape == (5,)
        assert part_count(Trivial(dihedral(4), 7)) == 7
        assert RMSNorm(rep).bias is None
        assert LayerNorm(rep, affine=False).weight is None

    def test_half_precision_keeps_batch_statistics_in_float32(self):
        norm = BatchNorm(2 * Regular(cyclic(4)))
        y = norm((torch.randn(64, 8) + 100).to(torch.bfloat16))
        assert y.dtype == torch.bfloat16
        assert norm.running_mean.dtype == torch.float32


class TestNonlinearities:
    def test_pointwise_on_permutations(self, measure):
        group = octahedral()
        rep = 2 * Regular(group) + Trivial(group, 3)
        module = Pointwise(rep, torch.relu)
        assert measure(module, module.symmetry, torch.randn(4, rep.dim, dtype=F64)) < 1e-12

    def test_odd_on_signed_permutations(self, measure):
        group = octahedral(full=True)
        rep = 2 * Space(group) + Determinant(Space(group))
        module = Odd(rep, torch.tanh)
        assert measure(module, module.symmetry, torch.randn(4, rep.dim, dtype=F64)) < 1e-12

    def test_relu_on_vectors_is_refused_with_the_way_out(self):
        with pytest.raises(
            ArgumentError,
            match=r"rep: expected a permutation .* got defining of SO\(3\).* use haar.nn.NormNonlinearity",
        ):
            Pointwise(Defining(SO(3)))
        with pytest.raises(ArgumentError, match=r"got vector of D4, .* use haar.nn.Odd, haar.nn.NormNonlinearity"):
            Pointwise(Space(dihedral(4)))

    def test_odd_functions_are_checked(self):
        with pytest.raises(ArgumentError, match=r"function: expected an odd function, .* torch.tanh"):
            Odd(Space(dihedral(4)), torch.relu)
        with pytest.raises(ArgumentError, match=r"expected a signed-permutation representation"):
            Odd(Defining(SO(3)))

    def test_norm_nonlinearity_stretches_lengths(self):
        rep = 2 * Defining(SO(3))
        x = torch.randn(5, 6, dtype=F64)
        y = NormNonlinearity(rep, torch.tanh, bias=False)(x)
        assert torch.allclose(y.unflatten(-1, (2, 3)).norm(dim=-1), x.unflatten(-1, (2, 3)).norm(dim=-1).tanh())

    def test_norm_nonlinearity_has_finite_gradients_at_zero(self):
        x = torch.zeros(2, 3, dtype=F64, requires_grad=True)
        NormNonlinearity(Defining(SO(3)), dtype=F64)(x).sum().backward()
        assert x.grad.isfinite().all()
        with pytest.raises(ArgumentError, match=r"eps: expected a positive number"):
            NormNonlinearity(Defining(SO(3)), eps=0.0)

    def test_gates_are_counted_for_parts_that_move(self):
        group = O(3)
        gated = Gated(Trivial(group, 4) + 2 * Defining(group) + Trivial(group, 1))
        assert gated.gates == 2
        x = torch.randn(3, gated.rep_in.dim, dtype=F64)
        y = gated(x)
        assert torch.allclose(y[:, :4], nn.functional.silu(x[:, :4]))
        assert torch.allclose(y[:, 4:7], x[:, 4:7] * torch.sigmoid(x[:, 11:12]))
        assert torch.allclose(y[:, 10:], nn.functional.silu(x[:, 10:11]))
        assert Gated(Trivial(group, 3)).rep_in.dim == 3


class TestProducts:
    def test_the_product_of_two_vectors_is_the_cross_product(self):
        vector = Defining(SO(3))
        module = Bilinear(vector, vector, vector, dtype=F64)
        x, y = torch.randn(2, 4, 3, dtype=F64)
        ratio = module(x, y).detach() / torch.linalg.cross(x, y)
        assert torch.allclose(ratio, ratio[0, 0].expand_as(ratio), atol=1e-10)

    def test_two_inputs(self, measure):
        group = O(3)
        left, right = 2 * Defining(group) + Trivial(group, 2), 3 * Defining(group)
        module = Bilinear(left, right, Trivial(group, 4) + Defining(group), dtype=F64)
        x, y = torch.randn(5, left.dim, dtype=F64), torch.randn(5, right.dim, dtype=F64)
        assert measure(module, module.symmetry, x, y) < 1e-10
        assert torch.allclose(module(2 * x, y), 2 * module(x, y))

    def test_refusals(self):
        vector = Defining(SO(3))
        with pytest.raises(ArgumentError, match=r"rep_right: expected a representation of the same group object"):
            Bilinear(vector, Defining(O(3)), vector)
        with pytest.raises(ShapeError, match=r"y: expected 3 on the last axis"):
            Bilinear(vector, vector, vector)(torch.zeros(1, 3), torch.zeros(1, 4))


class TestReadout:
    def test_products_are_the_gram_matrix(self):
        group = O(3)
        x = torch.randn(2, 9, dtype=F64)
        v = x.unflatten(-1, (3, 3))
        row, column = torch.triu_indices(3, 3)
        found = Invariants(3 * Defining(group), products=True).double()(x)
        assert torch.allclose(found, (v @ v.mT)[:, row, column])

    def test_orbit_means_of_permuted_channels(self):
        x = torch.randn(2, 8, dtype=F64)
        found = Invariants(Regular(dihedral(4))).double()(x)
        assert found.shape == (2, 2)
        assert torch.allclose(found[:, 0].abs(), x.sum(-1).abs() / 8**0.5)

    def test_refusal(self):
        with pytest.raises(ArgumentError, match=r"eps: expected a positive number"):
            Invariants(Defining(SO(3)), eps=0.0)


class TestPooling:
    @pytest.mark.parametrize("how", ["mean", "max"])
    @pytest.mark.parametrize("make", [Pool, GlobalPool], ids=["Pool", "GlobalPool"])
    def test_exact_on_grids(self, point_group, how, make, measure):
        rep = Regular(point_group) + Trivial(point_group)
        module = make(rep, 2, how=how) if make is Pool else make(rep, how=how)
        x = torch.randn(2, rep.dim, *[6] * point_group.space_dim, dtype=F64)
        assert measure(module, module.symmetry, x, samples=4) < 1e-12

    def test_means_and_upsampling_of_vectors(self, point_group, measure):
        rep = Space(point_group)
        x = torch.randn(2, rep.dim, *[5] * point_group.space_dim, dtype=F64)
        for module in (Pool(rep, 3, stride=2), Pool(rep, 3, stride=1, padding=1), Upsample(rep, 2), GlobalPool(rep)):
            assert measure(module, module.symmetry, x, samples=4) < 1e-12

    def test_averaging_undoes_upsampling(self):
        rep = Space(dihedral(4))
        x = torch.randn(1, 2, 3, 3)
        assert torch.allclose(Pool(rep, 3)(Upsample(rep, 3)(x)), x, atol=1e-6)

    def test_a_stride_that_breaks_the_symmetry_is_refused(self):
        with pytest.raises(ShapeError, match=r"x: expected a grid on which stride 2 .* use 8 points"):
            Pool(Space(dihedral(4)), 2)(torch.zeros(1, 2, 7, 7))
        Pool(Space(trivial(2)), 2)(torch.zeros(1, 2, 7, 7))  # nothing is reversed

    @pytest.mark.parametrize("how", ["mean", "max"])
    def test_over_parts(self, how, measure):
        group = symmetric(5)
        rep = 3 * Defining(group) + 2 * Trivial(group)
        module = OrbitPool(rep, how=how)
        assert module.rep_out.dim == 5
        assert measure(module, module.symmetry, torch.randn(4, rep.dim, dtype=F64)) < 1e-12

    def test_refusals(self):
        vector = Space(dihedral(4))
        with pytest.raises(ArgumentError, match=r"how: expected 'mean' or 'max'"):
            Pool(vector, 2, how="sum")
        with pytest.raises(ArgumentError, match=r"how: expected 'mean' or 'max'"):
            OrbitPool(Regular(dihedral(4)), how="sum")
        with pytest.raises(ArgumentError, match=r"expected a permutation representation for a maximum"):
            Pool(vector, 2, how="max")
        with pytest.raises(ArgumentError, match=r"expected a permutation representation for a maximum"):
            GlobalPool(vector, how="max")
        with pytest.raises(ArgumentError, match=r"expected a permutation representation for pooling over its parts"):
            OrbitPool(vector)
        with pytest.raises(ArgumentError, match=r"padding: expected at most half the window, 1"):
            Pool(vector, 3, padding=2)
        with pytest.raises(ArgumentError, match=r"rep: expected a representation of a group that moves grids"):
            GlobalPool(Defining(SO(3)))
        with pytest.raises(ArgumentError, match=r"factor: expected at least 1"):
            Upsample(vector, 0)


class TestAttention:
    @pytest.mark.parametrize("bias", [True, False])
    def test_exact_for_permutations_of_tokens(self, bias, measure):
        for rep in (Defining(symmetric(5)), Defining(symmetric(9)), Regular(dihedral(4)), Regular(shifts((3, 4)))):
            module = randomised(SelfAttention(rep, 6, heads=2, orbit_bias=bias, dtype=F64))
            assert measure(module, module.symmetry, torch.randn(2, rep.dim, 6, dtype=F64)) < 1e-10

    def test_is_torchs_attention_without_bias(self):
        ours = randomised(SelfAttention(Defining(symmetric(7)), 8, heads=2, orbit_bias=False, dtype=F64))
        theirs = nn.MultiheadAttention(8, 2, batch_first=True, dtype=F64)
        with torch.no_grad():
            theirs.in_proj_weight.copy_(ours.qkv.weight)
            theirs.in_proj_bias.copy_(ours.qkv.bias)
            theirs.out_proj.load_state_dict(ours.out.state_dict())
        x = torch.randn(3, 7, 8, dtype=F64)
        assert torch.allclose(ours(x), theirs(x, x, x)[0], atol=1e-12)

    def test_one_number_for_every_displacement_under_shifts(self):
        assert SelfAttention(Regular(shifts((3, 4))), 4).bias.shape == (1, 12)

    def test_refusals(self):
        rep = Defining(symmetric(4))
        with pytest.raises(ArgumentError, match=r"heads: expected a divisor of 6 features"):
            SelfAttention(rep, 6, heads=4)
        with pytest.raises(ArgumentError, match=r"expected a permutation representation for attention"):
            SelfAttention(Defining(sign(3)), 6)
        with pytest.raises(ShapeError, match=r"x: expected \(\*batch, 4 tokens, 6 features\)"):
            SelfAttention(rep, 6)(torch.zeros(2, 6, 4))


class TestDropout:
    def test_whole_parts_with_the_right_frequency_and_mean(self):
        rep = 50 * Defining(SO(3))
        y = Dropout(rep, 0.3)(torch.ones(400, 150)).unflatten(-1, (50, 3))
        dropped = (y == 0).all(-1)
        assert bool((dropped | (y == 1 / 0.7).all(-1)).all())
        assert abs(float(dropped.float().mean()) - 0.3) < 0.02

    def test_fields_lose_a_part_at_all_points(self):
        y = Dropout(8 * Space(dihedral(4)), 0.5, channels="first")(torch.ones(4, 16, 3, 3))
        assert bool((y.flatten(2) == y[..., :1, :1].flatten(2)).all())
        assert bool((y == 0).any())

    def test_eval_and_refusal(self):
        rep = 2 * Space(dihedral(4))
        x = torch.randn(2, 4)
        assert Dropout(rep).eval()(x) is x
        with pytest.raises(ArgumentError, match=r"p: expected a probability"):
            Dropout(rep, 1.0)


ALL = [
    LayerNorm,
    RMSNorm,
    lambda rep: GroupNorm(2, rep),
    BatchNorm,
    Pointwise,
    Odd,
    NormNonlinearity,
    Gated,
    OrbitPool,
    Invariants,
    lambda rep: Invariants(rep, products=True),
    lambda rep: Dropout(rep, 0.1),
    lambda rep: TensorSquare(rep, rep),
]


@pytest.mark.parametrize("make", ALL)
class TestEveryVectorLayer:
    def test_copies_pickles_and_precision(self, make):
        module = make(2 * Regular(cyclic(4))).eval()
        x = torch.randn(3, module.rep_in.dim)
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert torch.equal(twin(x), module(x))
        assert copy.deepcopy(module).rep_in is module.rep_in
        wide = copy.deepcopy(module).double()
        assert torch.allclose(wide(x.double()).float(), module(x), atol=1e-4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.allclose(module(x).float(), module(x.to(torch.float32)).float(), atol=0.1)

    def test_wrong_width_is_refused(self, make):
        module = make(2 * Regular(cyclic(4)))
        with pytest.raises(ShapeError, match=rf"x: expected {module.rep_in.dim} on the last axis"):
            module(torch.zeros(2, module.rep_in.dim + 1))

    def test_exact_after_restriction_and_the_same_function(self, make, measure):
        group = cyclic(4)
        module = randomised(make(2 * Regular(group)).double()).eval()
        looser = module.restrict(group.subgroup([2], "C2"))
        x = torch.randn(3, module.rep_in.dim, dtype=F64)
        assert torch.allclose(looser(x), module(x), atol=1e-12)
        assert looser.symmetry.group.order == 2
        assert measure(looser, looser.symmetry, x) < 1e-10


FIELDS = [
    lambda rep: LayerNorm(rep, channels="first"),
    lambda rep: RMSNorm(rep, channels="first"),
    lambda rep: GroupNorm(2, rep, channels="first"),
    lambda rep: BatchNorm(rep, channels="first"),
    lambda rep: Pointwise(rep, channels="first"),
    lambda rep: Odd(rep, channels="first"),
    lambda rep: NormNonlinearity(rep, channels="first"),
    lambda rep: Gated(rep, channels="first"),
    lambda rep: OrbitPool(rep, channels="first"),
    lambda rep: Invariants(rep, channels="first"),
    lambda rep: Dropout(rep, channels="first"),
]


@pytest.mark.parametrize("make", FIELDS)
def test_layers_on_fields_are_exact(make, point_group, measure):
    module = randomised(make(2 * Regular(point_group)).double()).eval()
    x = torch.randn(2, module.rep_in.dim, *[3] * point_group.space_dim, dtype=F64)
    assert measure(module, module.symmetry, x, samples=2) < 1e-10


def test_options_are_refused_by_name():
    rep = 2 * Regular(cyclic(4))
    with pytest.raises(ArgumentError, match=r"channels: expected 'last'"):
        LayerNorm(rep, channels="middle")
    with pytest.raises(ArgumentError, match=r"eps: expected 0 or more"):
        RMSNorm(rep, eps=-1.0)
    with pytest.raises(ArgumentError, match=r"groups: expected a divisor of the 2 copies"):
        GroupNorm(3, rep)
    with pytest.raises(ArgumentError, match=r"momentum: expected a number from 0 to 1"):
        BatchNorm(rep, momentum=2.0)
    with pytest.raises(ShapeError, match=r"x: expected 8 on the axis 1"):
        LayerNorm(rep, channels="first")(torch.zeros(8))


def test_tensor_products_of_points_and_grids_take_norms_too(measure):
    group = dihedral(4)
    rep = TensorProduct(Space(group), Regular(group))
    module = randomised(LayerNorm(rep, dtype=F64))
    assert measure(module, module.symmetry, torch.randn(3, rep.dim, dtype=F64)) < 1e-10
