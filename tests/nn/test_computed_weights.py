"""Layers whose weights are computed, and what is made from layers: restricted and exported ones, with their hooks."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from haar import nn as hnn
from haar.actions.representation import Regular
from haar.errors import ArgumentError
from haar.groups import dihedral

DOUBLE = torch.float64
D4 = dihedral(4)
C4 = D4.subgroup([1], "C4")
REGULAR = Regular(D4)
WIDE = 2 * REGULAR
X = torch.randn(3, 16, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
FIELD = torch.randn(1, 16, 5, 5, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


def old_weight_norm(layer):
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(layer)
    layer.weight_g.data.mul_(2)  # the attribute `weight` knows nothing of it before the next call


def pruned(layer):
    prune.random_unstructured(layer, "weight", 0.5)
    layer.weight_orig.data.mul_(2)


MADE = {
    "prune": pruned,
    "weight_norm": old_weight_norm,
    "parametrised weight_norm": parametrizations.weight_norm,
    "parametrised spectral_norm": lambda layer: parametrizations.spectral_norm(layer.eval()),
    "spectral_norm": lambda layer: nn.utils.spectral_norm(layer.eval()),
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(
    ("make", "x"),
    [(lambda: hnn.Linear(WIDE, WIDE, dtype=DOUBLE), X), (lambda: hnn.Conv(WIDE, WIDE, 3, dtype=DOUBLE), FIELD)],
    ids=["linear", "convolution"],
)
def test_what_is_made_from_a_layer_has_its_weights_as_they_are(name, make, x):
    layer = make()
    MADE[name](layer)
    plain, looser = layer.export(), layer.restrict(C4)
    assert type(plain) in (nn.Linear, nn.Conv2d)
    with torch.no_grad():
        expected = layer(x)
        torch.testing.assert_close(plain(x), expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(looser(x), expected, rtol=1e-12, atol=1e-12)


def test_a_parametrisation_that_draws_is_asked_once_a_call():
    class Counted(nn.Module):
        calls = 0

        def forward(self, w):
            type(self).calls += 1
            return w * 1

    for layer, x in ((hnn.Linear(WIDE, WIDE, dtype=DOUBLE), X), (hnn.Conv(WIDE, WIDE, 3, dtype=DOUBLE), FIELD)):
        parametrize.register_parametrization(layer, "weight", Counted())
        before = Counted.calls
        layer(x)
        assert Counted.calls == before + 1


def test_computed_weights_are_not_written_to():
    for layer in (hnn.Linear(WIDE, WIDE), hnn.Conv(WIDE, WIDE, 3)):
        prune.identity(layer, "weight")
        with pytest.raises(ArgumentError, match="weight: expected a parameter of the layer, to write to"):
            layer.reset_parameters()
    linear, conv = hnn.Linear(WIDE, WIDE), hnn.Conv(WIDE, WIDE, 3)
    for layer, write in ((linear, linear.set_matrix), (conv, conv.set_kernel)):
        dense = torch.zeros(16, 16) if layer is linear else torch.zeros(16, 16, 3, 3)
        write(dense)
        parametrizations.weight_norm(layer)
        with pytest.raises(ArgumentError, match="make it permanent first"):
            write(dense)


RESTRICTED = {
    "Linear": lambda: hnn.Linear(WIDE, WIDE),
    "Conv": lambda: hnn.Conv(WIDE, WIDE, 3),
    "Bilinear": lambda: hnn.Bilinear(REGULAR, REGULAR, REGULAR),
    "TensorSquare": lambda: hnn.TensorSquare(REGULAR, REGULAR),
    "LayerNorm": lambda: hnn.LayerNorm(WIDE),
    "BatchNorm": lambda: hnn.BatchNorm(WIDE),
    "SelfAttention": lambda: hnn.SelfAttention(REGULAR, 4),
    "Sequential": lambda: hnn.Sequential(hnn.Linear(WIDE, WIDE), hnn.Pointwise(WIDE)),
}


@pytest.mark.parametrize("name", RESTRICTED)
def test_a_restricted_module_shares_no_hooks_and_draws_nothing(name):
    module = RESTRICTED[name]()
    module.register_forward_hook(lambda _module, _inputs, output: 3 * output)
    state = torch.get_rng_state()
    looser = module.restrict(C4)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(looser._forward_hooks) == 1  # the same function: the hook belongs to it
    looser.register_forward_hook(lambda _module, _inputs, output: -output)
    looser.register_forward_pre_hook(lambda _module, _inputs: None)
    assert len(module._forward_hooks) == 1
    assert len(module._forward_pre_hooks) == 0
    looser.register_buffer("more", torch.zeros(1))
    assert "more" not in dict(module.named_buffers())


def test_a_hook_is_part_of_the_function():
    layer = hnn.Linear(WIDE, WIDE, dtype=DOUBLE)
    layer.register_forward_hook(lambda _module, _inputs, output: 3 * output)
    for made in (layer.restrict(C4), layer.export(), hnn.restrict(layer, C4)):
        torch.testing.assert_close(made(X), layer(X), rtol=1e-12, atol=1e-12)


def test_which_parameters_are_trained_is_kept_one_by_one():
    layer = hnn.Linear(WIDE, WIDE)
    layer.bias.requires_grad_(requires_grad=False)
    for made in (layer.restrict(C4), layer.export()):
        assert made.weight.requires_grad
        assert not made.bias.requires_grad


def test_every_layer_keeps_its_mode():
    network = hnn.Sequential(hnn.Linear(WIDE, WIDE), hnn.BatchNorm(WIDE))
    network[1].eval()
    for made in (network.restrict(C4), network.export(), hnn.restrict(network, C4), hnn.export(network)):
        assert [made.training, made[0].training, made[1].training] == [True, True, False]


def test_layers_sharded_over_processes(tmp_path):
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    layers = [hnn.Linear(WIDE, WIDE, dtype=DOUBLE), hnn.LayerNorm(WIDE, dtype=DOUBLE)]
    expected = nn.Sequential(*layers)(X).detach()
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        network, mesh = nn.Sequential(*layers), init_device_mesh("cpu", (1,))
        for layer in network:
            fully_shard(layer, mesh=mesh)
        fully_shard(network, mesh=mesh)
        torch.testing.assert_close(network(X).detach(), expected, rtol=1e-12, atol=1e-12)
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
        network(X).square().sum().backward()
        network.eval()
        with torch.no_grad():
            network(X)
        optimiser.step()
        with torch.no_grad():
            moved = network[0](X)
            assert not torch.allclose(network(X), expected)
            for made in (network[0].export(), network[0].restrict(C4)):
                torch.testing.assert_close(made(X), moved, rtol=1e-12, atol=1e-12)
    finally:
        distributed.destroy_process_group()
