"""Layers that are not what their class says (subclasses, hooks, computed weights) are followed as what they do."""

from __future__ import annotations

import warnings

import pytest
import torch
from strange_models import LAW, Model, check_sampled
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from torch.nn.utils import parametrizations, parametrize

from haar.moments import UnsupportedModuleError, propagate


class Bent(nn.Linear):
    def forward(self, x):
        return torch.relu(super().forward(x))


class Doubled(nn.ReLU):
    def forward(self, x):
        return 2 * super().forward(x)


class Squared(nn.Identity):
    def forward(self, x):
        return x.square()


class Flipped(nn.BatchNorm1d):
    def forward(self, x):
        return -x


class Quiet(nn.Dropout):
    def forward(self, x):
        return 3.0 * x


class Straight(nn.PReLU):
    def forward(self, x):
        return x


SUBCLASSES = [
    (nn.Sequential(Bent(3, 2)), lambda m: nn.Sequential(_plain(m[0]), nn.ReLU())),
    (Bent(3, 2), lambda m: nn.Sequential(_plain(m), nn.ReLU())),
    (nn.Sequential(nn.Linear(3, 2), Doubled()), lambda m: nn.Sequential(m[0], nn.ReLU(), _times(2.0, 2))),
    (nn.Sequential(nn.Linear(3, 2), Squared()), lambda m: nn.Sequential(m[0], Model(lambda _m, x: x.square()))),
    (nn.Sequential(nn.Linear(3, 3), Flipped(3)).eval(), lambda m: nn.Sequential(m[0], _times(-1.0))),
    (nn.Sequential(nn.Linear(3, 3), Quiet(0.5)).train(), lambda m: nn.Sequential(m[0], _times(3.0))),
    (nn.Sequential(nn.Linear(3, 3), Straight()), lambda m: m[0]),
]


def _plain(layer):
    made = nn.Linear(layer.in_features, layer.out_features)
    made.load_state_dict(layer.state_dict())
    return made


def _times(gain, size=3):
    made = nn.Linear(size, size, bias=False)
    with torch.no_grad():
        made.weight.copy_(gain * torch.eye(size))
    return made


@pytest.mark.parametrize(("model", "plain"), SUBCLASSES, ids=lambda x: type(x).__name__)
def test_a_subclass_is_what_its_own_forward_does(model, plain):
    with torch.no_grad():
        found, expected = propagate(model, LAW), propagate(plain(model), LAW)
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(found.cov, expected.cov, rtol=1e-6, atol=1e-7)
    assert found.exact


def _hooked(layer, hook, *, before=False):
    (layer.register_forward_pre_hook if before else layer.register_forward_hook)(hook)
    return layer


def test_a_hook_that_keeps_a_layer_affine_is_followed():
    torch.manual_seed(0)
    layer = nn.Linear(3, 2).double()
    expected = propagate(layer, LAW)
    for model in (layer, nn.Sequential(layer)):
        hooked = _hooked(layer, lambda _m, _x, y: 3 * y)
        found = propagate(model, LAW)
        hooked._forward_hooks.clear()
        assert found.exact
        torch.testing.assert_close(found.cov, 9 * expected.cov, rtol=1e-12, atol=0)


def test_a_hook_on_a_container_is_followed():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    expected = propagate(nn.Sequential(net, _times(2.0)), LAW)
    _hooked(net, lambda _m, _x, y: 2 * y)
    for model in (net, nn.Sequential(net, nn.Identity())):
        torch.testing.assert_close(propagate(model, LAW).cov, expected.cov, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _hooked(nn.Linear(3, 2), lambda _m, _x, y: y.relu()), r"got Linear \('0'\), which has hooks"),
        (lambda: _hooked(nn.ReLU(), lambda _m, _x, y: y + 1), r"got ReLU \('0'\), which has hooks"),
        (lambda: _hooked(nn.ReLU(), lambda _m, x: (x[0] + 1,), before=True), r"got ReLU \('0'\), which has hooks"),
        (lambda: _hooked(nn.Identity(), lambda _m, _x, y: y**2), r"got Identity \('0'\), which has hooks"),
    ],
)
def test_other_hooks_are_refused_or_sampled(make, message):
    model = nn.Sequential(make()).double()
    with pytest.raises(UnsupportedModuleError, match=message):
        propagate(model, LAW)
    check_sampled(model)


def test_a_forward_method_of_an_instance_is_not_its_class():
    model = nn.Sequential(nn.Linear(3, 2)).double()
    weight = model[0].weight
    model[0].forward = lambda x: torch.relu(x @ weight.T)
    with pytest.raises(
        UnsupportedModuleError, match=r"got Linear \('0'\), which has hooks, or a forward method of its"
    ):
        propagate(model, LAW)
    check_sampled(model)


class Standardised(nn.Linear):
    """Weights computed in forward."""

    def forward(self, x):
        weight = self.weight - self.weight.mean(1, keepdim=True)
        return F.linear(x, weight / (weight.std(1, keepdim=True) + 1e-5), self.bias)


class Adapted(nn.Linear):
    """A low-rank adapter."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.down, self.up = nn.Linear(sizes[0], 1, bias=False), nn.Linear(1, sizes[1], bias=False)

    def forward(self, x):
        return super().forward(x) + self.up(self.down(x))


class Twice(nn.Module):
    def forward(self, weight):
        return 2 * weight


def _parametrised(name):
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, name, Twice())
    return layer


def _old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(nn.Linear(3, 3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Standardised(3, 3),
        lambda: Adapted(3, 3),
        lambda: _parametrised("weight"),
        lambda: _parametrised("bias"),
        lambda: parametrizations.weight_norm(nn.Linear(3, 3)),
        lambda: parametrizations.spectral_norm(nn.Linear(3, 3)),
        _old_weight_norm,
        lambda: nn.utils.spectral_norm(nn.Linear(3, 3)),
    ],
)
def test_weights_that_are_computed_are_followed(make):
    torch.manual_seed(0)
    model = nn.Sequential(make(), nn.ReLU()).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        level = model[0](torch.zeros(1, 3))
        matrix = (model[0](torch.eye(3)) - level).T.double()
        plain = nn.Linear(3, 3).double()
        plain.weight.copy_(matrix)
        plain.bias.copy_(level[0])
        found, expected = propagate(model, LAW), propagate(nn.Sequential(plain, nn.ReLU()), LAW)
    assert found.exact
    torch.testing.assert_close(found.cov, expected.cov, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-5, atol=1e-6)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert model(torch.zeros(1, 3)).dtype == torch.float32
