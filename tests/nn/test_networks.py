"""Whole networks: sequences that fit, restriction to subgroups, export, audit, compilers and processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from haar.actions import Symmetry
from haar.actions.representation import Defining, Harmonic, Regular, Space, Trivial, tensor_power
from haar.audit import audit
from haar.errors import ArgumentError
from haar.groups import O, cyclic, dihedral, icosahedral, octahedral, quaternion, symmetric
from haar.nn import (
    BatchNorm,
    Bilinear,
    Conv,
    Dropout,
    Gated,
    GlobalPool,
    GroupNorm,
    Invariants,
    LayerNorm,
    Linear,
    NormNonlinearity,
    Odd,
    OrbitPool,
    Pointwise,
    Pool,
    SelfAttention,
    Sequential,
    TensorSquare,
    Upsample,
    export,
    restrict,
    restricted,
    same_representation,
)

F64 = torch.float64


def image_network(group, dtype=F64) -> Sequential:
    """Fields of velocity in, invariant numbers out: every kind of layer for grids."""
    velocity, hidden = Space(group), 3 * Regular(group)
    mixed = Trivial(group, 2) + 2 * Space(group)
    gated = Gated(mixed, channels="first")
    return Sequential(
        Conv(velocity, hidden, 3, padding="same", dtype=dtype),
        BatchNorm(hidden, channels="first", dtype=dtype),
        Pointwise(hidden, torch.relu, channels="first"),
        Pool(hidden, 2, how="max"),
        Conv(hidden, gated.rep_in, 3, padding="same", dtype=dtype),
        gated,
        Odd(mixed, torch.tanh, channels="first"),
        Upsample(mixed, 2),
        GroupNorm(1, mixed, channels="first", dtype=dtype),
        Conv(mixed, hidden, 3, stride=1, dtype=dtype),
        Dropout(hidden, 0.1, channels="first"),
        OrbitPool(hidden, channels="first"),
        GlobalPool(Trivial(group, 3)),
        Linear(Trivial(group, 3), Trivial(group, 2), dtype=dtype),
    )


def vector_network(group, dtype=F64) -> Sequential:
    """Several vectors in, a second-order tensor out."""
    vector = Defining(group)
    hidden = Trivial(group, 4) + 4 * vector
    return Sequential(
        Linear(3 * vector, hidden, dtype=dtype),
        LayerNorm(hidden, dtype=dtype),
        TensorSquare(hidden, hidden, dtype=dtype),
        NormNonlinearity(hidden, dtype=dtype),
        Linear(hidden, tensor_power(vector, 2), dtype=dtype),
    )


def settled(network: nn.Module) -> nn.Module:
    """As after training: no parameter at its first value, statistics gathered, eval."""
    with torch.no_grad():
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            if value.is_floating_point() and ("bias" in name or "norm" in name or "running" in name):
                value.add_(0.1 * torch.rand_like(value))
    return network.eval()


class TestSequential:
    def test_image_network_is_exact(self, measure):
        network = settled(image_network(dihedral(4)))
        assert measure(network, network.symmetry, torch.randn(2, 2, 8, 8, dtype=F64)) < 1e-10
        assert network.channels_out == "last"
        assert len(network) == 14

    def test_vector_network_is_exact_for_lie_and_finite_groups(self, measure):
        for group in (O(3), icosahedral()):
            network = settled(vector_network(group))
            assert measure(network, network.symmetry, torch.randn(4, 9, dtype=F64)) < 1e-10

    def test_misfits_are_named(self):
        group = dihedral(4)
        regular, vector = Regular(group), Space(group)
        with pytest.raises(
            ArgumentError,
            match=r"expected Linear at place 1 on regular \(dimension 8\), as Linear at place 0 gives, got vector",
        ):
            Sequential(Linear(vector, regular), Linear(vector, regular))
        with pytest.raises(ArgumentError, match=r"as Conv at place 0 gives, got channels 'last'.* haar.nn.GlobalPool"):
            Sequential(Conv(vector, regular, 3), Pointwise(regular))
        with pytest.raises(ArgumentError, match=r"of the same group object as Linear at place 0, D4"):
            Sequential(Linear(regular, regular), Pointwise(Regular(dihedral(2))))
        with pytest.raises(
            ArgumentError, match=r"got ReLU at place 1; wrap functions like torch.relu in haar.nn.Pointwise"
        ):
            Sequential(Linear(regular, regular), nn.ReLU())
        with pytest.raises(ArgumentError, match=r"modules with one input, got Bilinear at place 0"):
            Sequential(Bilinear(vector, vector, regular))
        with pytest.raises(ArgumentError, match=r"at least one equivariant module, got none"):
            Sequential()

    def test_equal_representations_fit_whatever_objects_they_are(self):
        group = dihedral(4)
        Sequential(Linear(Regular(group), 2 * Regular(group)), Pointwise(Regular(group) + Regular(group)))
        assert not same_representation(Regular(group), 4 * Space(group))
        assert same_representation(Regular(group), Regular(dihedral(4)))
        assert not same_representation(Regular(group), Regular(dihedral(2)))
        space = O(3)
        assert not same_representation(Defining(space), Harmonic(space, 1, parity=1))


class TestRestrict:
    @pytest.mark.parametrize("members", [[1], [4], [2], [0]], ids=["C4", "mirror", "C2", "1"])
    def test_same_function_more_freedom_less_symmetry(self, members, measure):
        group = dihedral(4)
        network = settled(image_network(group))
        subgroup = group.subgroup(members)
        looser = restrict(network, subgroup)
        x = torch.randn(2, 2, 8, 8, dtype=F64)
        before = network(x).detach()
        assert float((looser(x).detach() - before).abs().max()) < 1e-12
        assert looser.symmetry.group is subgroup
        assert measure(looser, looser.symmetry, x) < 1e-10
        count = [sum(p.numel() for p in m.parameters()) for m in (network, looser)]
        assert count[1] > count[0]
        with torch.no_grad():
            for p in looser.parameters():
                p.add_(0.1 * torch.randn_like(p))
        assert measure(looser, looser.symmetry, x) < 1e-10
        assert measure(looser, network.symmetry, x) > 1e-4
        assert torch.equal(network(x), before)

    def test_down_a_chain_of_subgroups(self):
        group = octahedral(full=True)
        network = settled(vector_network(group))
        x = torch.randn(3, 9, dtype=F64)
        rotations = group.subgroup(octahedral_rotations(group), "O")
        down = restrict(network, rotations)
        further = restrict(down, rotations.subgroup([1], "small"))
        assert torch.allclose(further(x), network(x), atol=1e-12, rtol=0)
        assert further.symmetry.group.parent is rotations

    def test_quaternionic_layers(self):
        group = quaternion()
        layer = Linear(3 * Defining(group), Regular(group), dtype=F64)
        looser = restrict(layer, group.subgroup([1], "C4"))
        x = torch.randn(5, 12, dtype=F64)
        assert torch.allclose(looser(x), layer(x), atol=1e-12)
        assert layer.weight.numel() == 12  # three copies into one, end 4
        assert looser.weight.numel() == 24  # six copies of the complex type into two, end 2

    def test_nested_plain_modules_shared_layers_and_attributes(self, measure):
        group = dihedral(4)
        rep = 2 * Regular(group)

        class Residual(nn.Module):
            def __init__(self, layer):
                super().__init__()
                self.rep, self.layer, self.scale = rep, layer, nn.Parameter(torch.tensor(0.5, dtype=F64))

            def forward(self, x):
                return x + self.scale * torch.relu(self.layer(x))

        shared = Linear(rep, rep, dtype=F64)
        network = nn.Sequential(Residual(shared), nn.Tanh(), nn.ModuleList([Residual(shared)])[0]).eval()
        subgroup = group.subgroup([1], "C4")
        looser = restrict(network, subgroup)
        x = torch.randn(3, 16, dtype=F64)
        assert torch.allclose(looser(x), network(x), atol=1e-12)
        assert looser[0].layer is looser[2].layer
        assert looser[0].rep is looser[0].layer.rep_in is restricted(rep, subgroup)
        assert not looser.training
        from haar.actions import Vector

        symmetry = Symmetry(subgroup, Vector(looser[0].rep), Vector(looser[0].rep))
        assert measure(looser, symmetry, x) < 1e-10

    def test_attention_and_bilinear(self, measure):
        group = symmetric(4)
        points = Defining(group)
        layer = SelfAttention(points, 6, heads=2, dtype=F64)
        with torch.no_grad():
            layer.bias.normal_()
        subgroup = group.subgroup([1], "swap")
        looser = restrict(layer, subgroup)
        x = torch.randn(2, 4, 6, dtype=F64)
        assert torch.allclose(looser(x), layer(x), atol=1e-12)
        assert looser.bias.shape[1] == 10  # 2 fixed points and a pair: (16 + 4) / 2
        with torch.no_grad():
            looser.bias.normal_()
        assert measure(looser, looser.symmetry, x) < 1e-10
        product = Bilinear(points, points, points, dtype=F64)
        a, b = torch.randn(2, 3, 4, dtype=F64)
        assert torch.allclose(restrict(product, subgroup)(a, b), product(a, b), atol=1e-12)

    def test_refusals(self):
        group = dihedral(4)
        with pytest.raises(ArgumentError, match=r"model: expected a network with equivariant modules"):
            restrict(nn.Sequential(nn.Linear(2, 2)), group.subgroup([1]))
        with pytest.raises(ArgumentError, match=r"subgroup: expected a subgroup of D4"):
            restrict(image_network(group), dihedral(2).subgroup([1]))
        with pytest.raises(ArgumentError, match=r"model: expected a network with equivariant modules"):
            export(nn.ReLU())


def octahedral_rotations(group):
    """Generators of the rotations of the cube among the elements of the full group."""
    determinant = torch.linalg.det(group.defining_matrix(group.elements()))
    return torch.nonzero(determinant > 0).flatten()


class TestExport:
    def test_plain_torch_with_equal_outputs(self):
        network = settled(image_network(dihedral(4)))
        plain = export(network)
        x = torch.randn(2, 2, 8, 8, dtype=F64)
        assert torch.allclose(plain(x), network(x), atol=1e-12)
        assert {type(layer) for layer in plain} >= {nn.Conv2d, nn.Linear}
        assert not any(isinstance(layer, (Conv, Linear)) for layer in plain.modules())

    def test_inside_a_users_module(self):
        rep = Regular(cyclic(4))
        network = nn.Sequential(nn.Identity(), Linear(rep, rep), nn.ReLU())
        plain = export(network)
        assert type(plain[1]) is nn.Linear
        x = torch.randn(3, 4)
        assert torch.allclose(plain(x), network(x), atol=1e-6)


class TestAudit:
    @pytest.mark.parametrize("name", ["image", "vectors", "points"])
    def test_the_audit_finds_no_defect(self, name):
        if name == "image":
            network, data = settled(image_network(dihedral(4))), torch.randn(8, 2, 8, 8, dtype=F64)
        elif name == "vectors":
            network, data = settled(vector_network(O(3))), torch.randn(8, 9, dtype=F64)
        else:
            group = symmetric(5)
            pairs, points = tensor_power(Defining(group), 2), Defining(group)
            network = settled(
                Sequential(Linear(pairs, 3 * points, dtype=F64), Pointwise(3 * points), Invariants(3 * points).double())
            )
            data = torch.randn(8, 25, dtype=F64)
        report = audit(network, network.symmetry, data)
        assert report.recommendation.verdict == "nothing to gain"
        assert max(element.relative.value for element in report.findings.elements) < 1e-10


PROGRAM = Path(__file__).parent / "torch_program.py"


@pytest.mark.slow
def test_compiled_and_distributed():
    """In a fresh interpreter: the shape checks of the test suite cannot be traced by the compiler."""
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["compiled", "distributed"]


def test_a_layer_used_twice_is_applied_twice_and_stays_one_layer():
    group = dihedral(4)
    regular = 2 * Regular(group)
    layer, bend = Linear(regular, regular, dtype=torch.float64), Pointwise(regular, torch.tanh)
    network = Sequential(layer, bend, layer, bend)
    x = torch.randn(3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = bend(layer(bend(layer(x))))
    assert torch.equal(network(x), expected)
    looser = network.restrict(group.subgroup([2], "C2"))
    assert looser[0] is looser[2]
    torch.testing.assert_close(looser(x), expected, atol=1e-12, rtol=1e-12)
    plain = network.export()
    assert len(plain) == 4
    torch.testing.assert_close(plain(x), expected, atol=1e-12, rtol=1e-12)
