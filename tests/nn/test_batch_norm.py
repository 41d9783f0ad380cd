"""Statistics of batches: none of an empty one, none of a single value, torch's own tools served or refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from haar.actions.representation import Regular, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic
from haar.nn import BatchNorm, Linear, Sequential

DOUBLE = torch.float64
C3 = cyclic(3)
REGULAR = Regular(C3)


def batches(n, dim=3):
    source = torch.Generator().manual_seed(0)
    return [3 * torch.randn(5 + k, dim, dtype=DOUBLE, generator=source) + 1 for k in range(n)]


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 4), (2, 3, 0, 4)])
def test_an_empty_batch_leaves_the_statistics_alone(shape):
    norm = BatchNorm(REGULAR, channels="last" if len(shape) == 2 else "first")
    x = torch.zeros(shape, requires_grad=True)
    norm(x).sum().backward()
    assert norm.running_mean.tolist() == [0.0]
    assert norm.running_var.tolist() == [1.0]
    assert x.grad.shape == x.shape


def test_one_value_a_channel_is_refused_in_training():
    for norm, shape in (
        (BatchNorm(Trivial(C3, 3)), (1, 3)),
        (BatchNorm(REGULAR), (1, 3)),
        (BatchNorm(REGULAR), (3,)),
        (BatchNorm(REGULAR, channels="first"), (1, 3, 1)),
    ):
        with pytest.raises(ShapeError, match="x: expected more than one value a channel in training"):
            norm(torch.randn(shape))
        assert norm.running_mean.abs().sum() == 0
        norm.eval()(torch.randn(shape))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_are_torchs(momentum):
    ours = BatchNorm(Trivial(C3, 3), momentum=momentum, dtype=DOUBLE)
    theirs = nn.BatchNorm1d(3, momentum=momentum, dtype=DOUBLE)
    for x in batches(3):
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)
    state = theirs.state_dict()
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=1e-12, atol=1e-12)


def test_torchs_update_of_statistics_finds_it():
    network = nn.Sequential(Linear(REGULAR, REGULAR, dtype=DOUBLE), BatchNorm(REGULAR, dtype=DOUBLE)).eval()
    data = batches(4)
    update_bn(data, network)
    norm = network[1]
    assert norm.momentum == 0.1
    assert not network.training
    means = [network[0](x).mean() for x in data]
    torch.testing.assert_close(norm.running_mean[0], torch.stack(means).mean(), rtol=1e-12, atol=1e-12)


def test_a_state_dict_without_a_count_of_batches_is_taken():
    norm = BatchNorm(REGULAR, dtype=DOUBLE)
    norm(batches(1)[0])
    held = {name: value for name, value in norm.state_dict().items() if name != "num_batches_tracked"}
    other = BatchNorm(REGULAR, dtype=DOUBLE)
    other.load_state_dict(held)
    assert torch.equal(other.running_var, norm.running_var)


def test_statistics_over_processes_are_refused_by_name():
    network = nn.Sequential(Sequential(Linear(REGULAR, REGULAR), BatchNorm(REGULAR)))
    with pytest.raises(ArgumentError, match=r"got haar.nn.BatchNorm, .* use haar.nn.GroupNorm"):
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
    assert isinstance(network[0][1], BatchNorm)


def test_statistics_of_half_precision_are_kept_in_float32():
    norm = BatchNorm(REGULAR).half()
    for _ in range(100):
        norm((1000 * torch.randn(50, 3)).half())
    assert norm.running_var.dtype == torch.float32
    assert 5e5 < norm.running_var.item() < 2e6  # no float16
    assert norm.eval()((1000 * torch.randn(50, 3)).half()).float().std() > 0.5
    assert norm.double().running_var.dtype == DOUBLE


def test_without_running_statistics_every_batch_has_its_own():
    norm = BatchNorm(REGULAR, dtype=DOUBLE).eval()
    norm = torch.func.replace_all_batch_norm_modules_(norm)
    y = norm(batches(1)[0]).detach()
    assert abs(float(y.mean())) < 1e-12
    assert abs(float(y.square().mean()) - 1) < 1e-4
