"""Linear: exact in both forms, one state_dict, the scale of initial weights, and everything torch does with modules."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from haar.actions.representation import Defining, Regular, Trivial, tensor_power
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, cyclic, dihedral, quaternion, symmetric
from haar.intertwiners import intertwiners
from haar.nn import Linear

F64 = torch.float64


def in_blocks(layer, x):
    """Whether a layer takes x itself block by block, and folds its weights into no matrix for it."""
    taken = []
    handle = layer.blocks.register_forward_pre_hook(lambda _, given: taken.append(given[1]))
    layer(x)
    handle.remove()
    return any(each is x for each in taken)


def test_equivariant_to_1e10_for_every_group(reps, measure):
    layer = Linear(*reps, dtype=F64)
    nn.init.normal_(layer.bias)
    x = torch.randn(5, reps[0].dim, dtype=F64)
    assert float(layer(x).detach().abs().max()) > 0.1
    assert measure(layer, layer.symmetry, x) < 1e-10


def test_float32_within_its_own_tolerance(reps, measure):
    layer = Linear(*reps, dtype=torch.float32)
    assert measure(layer, layer.symmetry, torch.randn(5, reps[0].dim)) < 2e-5


def test_blocks_equal_folded_equal_export_equal_basis(reps):
    layer = Linear(*reps, form="blocks", dtype=F64)
    nn.init.normal_(layer.bias)
    x = torch.randn(3, 4, reps[0].dim, dtype=F64)
    folded = Linear(*reps, form="folded", dtype=F64)
    folded.load_state_dict(layer.state_dict())
    y = layer(x)
    dense = torch.einsum("k,koi->oi", layer.weight, layer.space.basis())
    for other in (folded(x), folded.eval()(x), layer.export()(x), layer.eval()(x), x @ dense.T + layer.offset()):
        assert torch.allclose(other, y, atol=1e-12, rtol=0)


def test_gradients_agree_between_forms_and_with_finite_differences():
    group = quaternion()
    rep_in, rep_out = Regular(group) + Defining(group), 2 * Defining(group) + Trivial(group, 2) + Regular(group)
    blocks = Linear(rep_in, rep_out, form="blocks", dtype=F64)
    folded = Linear(rep_in, rep_out, form="folded", dtype=F64)
    folded.load_state_dict(blocks.state_dict())
    x = torch.randn(4, rep_in.dim, dtype=F64, requires_grad=True)
    for layer in (blocks, folded):
        layer(x).square().sum().backward()
    assert torch.allclose(blocks.weight.grad, folded.weight.grad, atol=1e-10, rtol=0)
    assert torch.autograd.gradcheck(lambda p: blocks.blocks(p, x.detach()), (blocks.weight,))


@pytest.mark.parametrize("make", [quaternion, partial(cyclic, 5), partial(dihedral, 4)], ids=["Q8", "C5", "D4"])
def test_every_schur_type_has_its_parameters(make):
    group = make()
    rep = 2 * Regular(group)
    assert Linear(rep, rep).weight.numel() == 4 * group.order


def test_large_parts_take_the_orbit_route_and_agree_with_the_isotypic_one(measure):
    group = symmetric(17)
    pairs = tensor_power(Defining(group), 2)
    layer = Linear(pairs, Defining(group), dtype=F64)
    assert layer.blocks is None
    other = intertwiners(pairs, Defining(group), route="isotypic")
    dense = layer.matrix().detach()
    assert torch.allclose(other.project(dense), dense, atol=1e-10)
    assert measure(layer, layer.symmetry, torch.randn(3, pairs.dim, dtype=F64)) < 1e-10


def test_several_copies_of_a_large_part_are_decomposed(measure):
    group = symmetric(17)
    pairs = tensor_power(Defining(group), 2)
    layer = Linear(2 * pairs, 2 * pairs, dtype=F64)
    assert layer.weight.numel() == 4 * 15
    x = torch.randn(2, layer.rep_in.dim, dtype=F64)
    assert in_blocks(layer, x)
    assert measure(layer, layer.symmetry, x, samples=2) < 1e-10


def test_auto_form_folds_narrow_layers_and_takes_blocks_where_they_multiply_less():
    group, large = dihedral(4), dihedral(64)
    wide, narrow = Linear(64 * Regular(group), 64 * Regular(group)), Linear(2 * Regular(group), 2 * Regular(group))
    untiled = Linear(Regular(large), Regular(large))
    assert in_blocks(wide, torch.zeros(4096, 512))
    assert not in_blocks(narrow, torch.zeros(8, 16))
    assert untiled.tiles is None
    assert in_blocks(untiled, torch.zeros(8, 128))
    assert not in_blocks(untiled, torch.zeros(4096, 128))
    halves = 256 * Regular(cyclic(2))
    assert not in_blocks(Linear(halves, halves), torch.zeros(4096, 512))
    with torch.no_grad():
        assert not in_blocks(wide.eval(), torch.zeros(2, 512))
        assert in_blocks(wide, torch.zeros(256, 512))
        assert not in_blocks(narrow.eval(), torch.zeros(256, 16))


class TestFoldedMatrixIsNeverStale:
    @pytest.fixture
    def layer(self):
        rep = 3 * Regular(dihedral(4))
        return Linear(rep, rep, dtype=F64).eval()

    def check(self, layer):
        with torch.no_grad():
            fresh = torch.einsum("k,koi->oi", layer.weight, layer.space.basis().to(layer.weight))
            assert torch.allclose(layer.matrix(), fresh, atol=1e-6 if fresh.dtype == torch.float32 else 1e-12)

    def test_it_is_kept_between_calls(self, layer):
        with torch.no_grad():
            assert layer.matrix() is layer.matrix()

    def test_it_is_kept_for_frozen_weights_with_gradients_of_the_input(self, layer):
        layer.requires_grad_(requires_grad=False)
        assert layer.matrix() is layer.matrix()
        x = torch.randn(2, 24, dtype=F64, requires_grad=True)
        layer(x).sum().backward()
        assert x.grad is not None

    def test_inference_mode_then_gradients(self, layer):
        layer.requires_grad_(requires_grad=False)
        with torch.inference_mode():
            layer(torch.randn(2, 24, dtype=F64))
        x = torch.randn(2, 24, dtype=F64, requires_grad=True)
        layer(x).sum().backward()
        assert x.grad is not None

    def test_after_an_optimiser_step(self, layer):
        self.check(layer)
        step = torch.optim.Adam(layer.parameters())
        layer(torch.randn(2, 24, dtype=F64)).sum().backward()
        step.step()
        self.check(layer)

    def test_after_writing_through_data(self, layer):
        self.check(layer)
        layer.weight.data.mul_(2.0)
        self.check(layer)

    def test_after_a_new_parameter_and_load_state_dict(self, layer):
        self.check(layer)
        layer.weight = nn.Parameter(torch.randn_like(layer.weight))
        self.check(layer)
        layer.load_state_dict({name: value + 1 for name, value in layer.state_dict().items()})
        self.check(layer)

    def test_after_a_change_of_dtype(self, layer):
        self.check(layer)
        self.check(layer.float())
        self.check(layer.double())

    def test_autocast_does_not_round_what_is_kept(self, layer):
        layer.float()
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            layer(torch.randn(2, 24))
        self.check(layer)


def test_constants_survive_a_round_trip_through_half_precision(measure):
    group = SO(3)
    vector = Defining(group)
    layer = Linear(tensor_power(vector, 2), tensor_power(vector, 2), form="blocks").to(torch.bfloat16).to(F64)
    assert measure(layer, layer.symmetry, torch.randn(4, 9, dtype=F64)) < 1e-10


class TestInitialScale:
    def test_unit_variance_in_every_isotypic_class(self):
        group = dihedral(4)
        rep_in = 20 * Regular(group) + 30 * Defining(group) + Trivial(group, 10)
        rep_out = 40 * Regular(group) + 60 * Defining(group)
        layer = Linear(rep_in, rep_out, dtype=F64, bias=False)
        y = layer(torch.randn(2000, rep_in.dim, dtype=F64)).detach()
        for block in layer.space.isotypic_out.to_blocks(y):
            assert 0.8 < float(block.square().mean()) < 1.25

    def test_orbit_and_isotypic_routes_draw_from_the_same_law(self):
        from haar.nn.initial import initial_root

        for group in (dihedral(4), quaternion(), cyclic(5)):
            rep_in, rep_out = 2 * Regular(group) + Trivial(group), Regular(group) + Trivial(group, 2)
            laws = []
            for route in ("orbits", "isotypic"):
                space = intertwiners(rep_in, rep_out, route=route)
                root, basis = initial_root(space).dense(), space.basis().flatten(1)
                laws.append(basis.T @ root @ root.T @ basis)
            assert torch.allclose(*laws, atol=1e-12)

    @pytest.mark.parametrize("copies", [24, 64])
    def test_deep_relu_stacks_keep_their_scale(self, copies):
        hidden = copies * Regular(dihedral(4))
        ratios = []
        for seed in range(5):
            generator = torch.Generator().manual_seed(seed)
            x = torch.randn(64, hidden.dim, generator=generator)
            start = float(x.square().mean())
            for depth in range(8):
                x = Linear(hidden, hidden, gain=2**0.5, generator=generator)(torch.relu(x) if depth else x).detach()
            ratios.append(float(x.square().mean()) / start)
        # seven ReLUs take half the mean square each and their layers' gain gives it back; the first gain stays
        assert 0.33 < sorted(ratios)[2] / 2 < 3

    def test_deep_vector_stacks_with_odd_functions_keep_their_scale(self):
        from haar.nn import NormNonlinearity

        rep = 16 * Defining(SO(3))
        x = torch.randn(64, rep.dim)
        for _ in range(20):
            x = Linear(rep, rep)(x).detach()
        assert 0.2 < float(x.square().mean()) < 5
        bent = NormNonlinearity(rep)(x)
        assert 0.05 < float(bent.detach().square().mean()) < 5

    def test_large_permutation_parts_do_not_grow_with_depth(self):
        points = Defining(symmetric(300))
        x = torch.randn(8, 300, dtype=F64, generator=torch.Generator().manual_seed(0)) + 1
        log = []
        for seed in range(12):
            generator = torch.Generator().manual_seed(seed)
            layer = Linear(points, points, dtype=F64, generator=generator, bias=False)
            log.append(float(layer(x).detach().square().mean().log()))
        assert layer.blocks is None
        assert abs(sum(log) / len(log)) < 2  # a share for every orbit would give log(300 / 2)

    def test_seeded(self):
        rep = Regular(dihedral(4))
        one, other = (Linear(rep, rep, generator=torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(one.weight, other.weight)


class TestTorch:
    @pytest.fixture
    def layer(self):
        group = dihedral(4)
        return Linear(2 * Regular(group) + Defining(group), 3 * Regular(group))

    def test_state_dict_is_the_same_in_train_and_eval_and_holds_parameters_only(self, layer):
        names = list(layer.state_dict())
        with torch.no_grad():
            layer.eval()(torch.randn(2, 18))
        assert list(layer.state_dict()) == names == ["weight", "bias"]

    def test_deepcopy_is_equal_independent_and_shares_the_group(self, layer):
        twin = copy.deepcopy(layer)
        x = torch.randn(2, 18)
        assert torch.equal(twin(x), layer(x))
        assert twin.rep_in is layer.rep_in
        with torch.no_grad():
            twin.weight.zero_()
        assert not torch.equal(twin(x), layer(x))

    def test_pickle(self, layer):
        twin = pickle.loads(pickle.dumps(layer.eval()))
        x = torch.randn(2, 18)
        assert torch.equal(twin(x), layer(x))
        assert twin.rep_in.group is twin.rep_out.group

    def test_saved_weights_load_with_weights_only(self, layer):
        file = io.BytesIO()
        torch.save(layer.state_dict(), file)
        file.seek(0)
        twin = Linear(layer.rep_in, layer.rep_out)
        twin.load_state_dict(torch.load(file, weights_only=True))
        x = torch.randn(2, 18)
        assert torch.equal(twin(x), layer(x))

    @pytest.mark.parametrize("form", ["blocks", "folded"])
    def test_autocast_runs_in_bfloat16(self, layer, form):
        layer.form = form
        x = torch.randn(4, 18)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = layer(x)
        y.float().sum().backward()
        assert torch.allclose(y.float(), layer(x), atol=0.15)
        assert layer.weight.grad.isfinite().all()

    def test_bfloat16_module(self, layer):
        half = copy.deepcopy(layer).to(torch.bfloat16)
        x = torch.randn(4, 18)
        y = half(x.to(torch.bfloat16))
        assert y.dtype == torch.bfloat16
        assert torch.allclose(y.float(), layer(x), atol=0.15)

    def test_meta_device_and_back(self, layer):
        made = copy.deepcopy(layer).to("meta")
        assert made(torch.zeros(2, 18, device="meta")).is_meta
        made = made.to_empty(device="cpu")
        made.load_state_dict(layer.state_dict())
        x = torch.randn(2, 18)
        assert torch.equal(made(x), layer(x))

    @pytest.mark.parametrize("form", ["blocks", "folded", "auto"])
    def test_torch_export_with_a_free_batch(self, layer, form):
        layer.form = form
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own machinery
            program = torch.export.export(
                layer.eval(), (torch.randn(3, 18),), dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=4096)},)
            )
        x = torch.randn(7, 18)
        assert torch.allclose(program.module()(x), layer(x), atol=1e-5)

    def test_functional_call_and_vmap(self, layer):
        x = torch.randn(5, 3, 18)
        state = dict(layer.named_parameters())
        y = torch.vmap(lambda row: torch.func.functional_call(layer, state, (row,)))(x)
        assert torch.allclose(y, layer(x), atol=1e-5)


@given(copies=st.tuples(st.integers(1, 4), st.integers(1, 4)), batch=st.lists(st.integers(0, 3), max_size=2))
def test_any_batch_shape(copies, batch):
    group = dihedral(4)
    layer = Linear(copies[0] * Regular(group), copies[1] * Regular(group), form="blocks")
    x = torch.randn(*batch, 8 * copies[0])
    assert layer(x).shape == (*batch, 8 * copies[1])
    assert torch.allclose(layer(x), layer.export()(x), atol=1e-5)


class TestRefusals:
    def test_groups_differ(self):
        with pytest.raises(ArgumentError, match=r"rep_out: expected a representation of the same group object .* D4"):
            Linear(Regular(dihedral(4)), Regular(dihedral(2)))

    def test_unknown_form(self):
        rep = Regular(dihedral(4))
        with pytest.raises(ArgumentError, match=r"form: expected 'auto', 'blocks' or 'folded'"):
            Linear(rep, rep, form="dense")

    def test_nothing_in_common(self):
        group = SO(3)
        with pytest.raises(ArgumentError, match=r"shares a component .* every equivariant map between them is zero"):
            Linear(Trivial(group), Defining(group))

    def test_wrong_width(self):
        rep = Regular(dihedral(4))
        with pytest.raises(ShapeError, match=r"x: expected 8 on the last axis \(regular of D4\), got \(2, 9\)"):
            Linear(rep, rep)(torch.zeros(2, 9))

    def test_foreign_subgroup(self):
        rep = Regular(dihedral(4))
        with pytest.raises(ArgumentError, match=r"subgroup: expected a subgroup of D4"):
            Linear(rep, rep).restrict(dihedral(2).subgroup([1]))


def test_a_layer_that_has_nothing_but_a_bias():
    from haar.actions.representation import Defining, Trivial
    from haar.groups import cyclic

    group = cyclic(4)
    layer = Linear(Defining(group), Trivial(group), dtype=torch.float64)
    assert layer.weight.numel() == 0
    with torch.no_grad():
        layer.bias.fill_(2.0)
    assert layer(torch.ones(3, 2, dtype=torch.float64)).tolist() == [[2.0]] * 3
