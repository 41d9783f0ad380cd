"""Networks of MONAI: instance norms, transposed convolutions, strides on grids that fit and that do not."""

from __future__ import annotations

import pytest
from promises import is_averaged, is_relaxed_as_a_whole, is_relaxed_by_weights, is_sampled_plainly, made

from haar.actions import Field, Invariant, Space, Symmetry, Trivial
from haar.errors import ShapeError
from haar.groups import dihedral
from haar.relax import homotopise

nets = pytest.importorskip("monai.networks.nets", reason="these tests need MONAI (make install)")
pytestmark = pytest.mark.referee

D4 = dihedral(4)
FLOW = Symmetry(D4, Field(Trivial(D4) + Space(D4)), Field(Trivial(D4) + Space(D4)))
CLASSES = Symmetry(D4, Field(Trivial(D4) + Space(D4)), Invariant(D4))


def u_net():
    """Four pools, transposed convolutions, instance norms."""
    return made(lambda: nets.BasicUNet(2, 3, 3, features=(4, 4, 8, 8, 8, 4)), 1, 3, 32, 32)


def strided_u_net():
    """Strides down, transposed convolutions with an extra point on one side up."""
    return made(lambda: nets.UNet(2, 3, 3, channels=(4, 8, 8), strides=(2, 2), num_res_units=1), 2, 3, 16, 16)


def res_net(size):
    def make():
        return nets.ResNet("basic", [1, 1, 1, 1], [4, 4, 8, 8], 2, 3, num_classes=4)

    return made(make, 2, 3, size, size)


def test_a_u_net_with_instance_norms():
    model, x = u_net()
    is_averaged(model, FLOW, x)
    is_relaxed_as_a_whole(model, FLOW, x)
    is_relaxed_by_weights(model, FLOW, x)
    is_sampled_plainly(model, x, stops_at=r"got InstanceNorm2d \('conv_0.conv_0.adn.N'\)")


def test_a_u_net_whose_strides_tear_the_grid():
    model, x = strided_u_net()
    is_averaged(model, FLOW, x)
    is_relaxed_as_a_whole(model, FLOW, x)
    is_sampled_plainly(model, x, stops_at="got InstanceNorm2d")
    told = r"in 'model.0.residual' \(Conv2d\) a grid on which stride 2 .* got 16 points on axis 0, .*; use 17 points"
    with pytest.raises(ShapeError, match=told):
        homotopise(model, FLOW, example=x)


def test_a_residual_network_on_a_grid_that_its_strides_keep():
    model, x = res_net(33)
    is_averaged(model, CLASSES, x)
    is_relaxed_as_a_whole(model, CLASSES, x)
    is_relaxed_by_weights(model, CLASSES, x)
    is_sampled_plainly(model, x, stops_at="got MaxPool2d")
    with pytest.raises(ShapeError, match=r"stride 2 .* got 32 points on axis 0, .*; use 33 points"):
        homotopise(model, CLASSES, example=res_net(32)[1])
