"""The words for what a layer's geometry does to a grid: every number in them, and which reason comes first."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Symmetry
from haar.audit import audit
from haar.audit.layer_reasons import reason_for
from haar.groups import dihedral

UNKNOWN = "no known geometric reason"
ZEROS = "zero padding on a periodic grid; use padding_mode='circular'"
BORDER = "a transposed convolution whose kernel overlaps its stride cuts the border"


def one_sided(stride, n, padded, span, points):
    size = f"{n}{padded} - {span} is not a multiple of {stride}"
    return f"stride {stride} on {n} reaches one side only ({size}); use {points} points or another kernel"


@pytest.mark.parametrize(
    ("module", "shape", "reason"),
    [
        (nn.Conv2d(1, 1, 3, stride=2, padding=1), (32, 32), one_sided(2, 32, " + 2*1", 3, 33)),
        (nn.Conv2d(1, 1, 3, stride=2), (32, 32), one_sided(2, 32, "", 3, 33)),
        (nn.Conv2d(1, 1, 3, stride=3), (32, 32), one_sided(3, 32, "", 3, 33)),  # two are left over
        (nn.Conv2d(1, 1, 3, stride=(1, 2)), (32, 9), "stride 2: shifts by fewer cells"),
        (nn.Conv2d(1, 1, 3, stride=(1, 2)), (9, 32), one_sided(2, 32, "", 3, 33)),
        (nn.Conv1d(1, 1, 3, stride=2, dilation=2), (10,), one_sided(2, 10, "", 5, 11)),
        (nn.Conv1d(1, 1, 3, stride=2, dilation=2), (9,), "stride 2: shifts by fewer cells"),
        (nn.MaxPool2d(3, stride=2), (16, 16), one_sided(2, 16, "", 3, 17)),
        (nn.MaxPool2d(3, stride=2, dilation=2), (16, 16), one_sided(2, 16, "", 5, 17)),
        (nn.AvgPool1d(3, stride=2, padding=1), (16,), one_sided(2, 16, " + 2*1", 3, 17)),
        (nn.MaxPool3d(2), (4, 4, 5), one_sided(2, 5, "", 2, 6)),
        (nn.Conv2d(1, 1, (3, 4), padding="same"), (8, 8), "an even kernel of 4 with padding 'same' pads one side more"),
        (nn.Conv2d(1, 1, 3, padding="same"), (8, 8), ZEROS),
        (nn.Conv2d(1, 1, 3, padding=(0, 1)), (8, 8), ZEROS),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), (8, 8), UNKNOWN),
        (nn.Conv2d(1, 1, 3, padding="valid"), (8, 8), UNKNOWN),
        (nn.Conv2d(1, 1, 2, stride=2), (8, 8), "stride 2: shifts by fewer cells than the stride change what is kept"),
        (nn.Conv2d(1, 1, 3, stride=2, padding=1), (33, 33), ZEROS),
        (nn.AvgPool2d((2, 4)), (8, 8), "stride 4: shifts by fewer cells than the stride change what is kept; average"),
        (
            nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=(0, 1)),
            (8, 8),
            "output_padding 1 is added on",
        ),
        (nn.ConvTranspose2d(1, 1, 2, stride=2), (8, 8), UNKNOWN),
        (nn.ConvTranspose2d(1, 1, 3, stride=2), (8, 8), BORDER),
        (nn.ConvTranspose2d(1, 1, 2, stride=2, padding=(0, 1)), (8, 8), BORDER),
        (nn.ConvTranspose1d(1, 1, 4, stride=2, padding=1), (8,), BORDER),
        (nn.ConvTranspose3d(1, 1, 2, stride=2), (4, 4, 4), UNKNOWN),
        (
            nn.Upsample(scale_factor=2, mode="bilinear"),
            (8, 8),
            "upsampling mode 'bilinear' treats the border specially",
        ),
        (nn.ReLU(), (8, 8), UNKNOWN),
    ],
    ids=str,
)
def test_the_reason_and_the_way_out(module, shape, reason):
    assert reason_for(module, torch.zeros(1, 1, *shape)).startswith(reason)


NODES = "an even kernel of {} on a grid of nodes has no node in its middle, and reaches to one side; "
ZEROS_BETWEEN = "put zeros between the nodes and convolve, with an odd kernel and padding_mode='circular'"


@pytest.mark.parametrize(
    ("module", "nodes", "reason"),
    [
        (nn.MaxPool2d(2), (True, True), NODES.format(2) + "use an odd kernel with circular padding, or cells"),
        (nn.Conv2d(1, 1, (3, 4), padding=1), (False, True), NODES.format(4) + "use an odd kernel"),
        (nn.Conv2d(1, 1, (3, 4), padding=1), (True, False), ZEROS),
        (nn.ConvTranspose2d(1, 1, 2, stride=2), (True, True), NODES.format(2) + ZEROS_BETWEEN),
        (nn.ConvTranspose2d(1, 1, 4, 2, 1), (True, True), NODES.format(4) + ZEROS_BETWEEN),
        (nn.ConvTranspose2d(1, 1, 3, 2, 1), (True, True), BORDER),
        (
            nn.Upsample(scale_factor=2),
            (True, True),
            "upsampling mode 'nearest' puts new points to one side of a node; put",
        ),
        (nn.Upsample(scale_factor=2), (False, False), "upsampling mode 'nearest' treats the border specially"),
        (nn.Conv2d(1, 1, 3, padding=1), (True, True), ZEROS),
        (nn.ReLU(), (True, True), UNKNOWN),
    ],
    ids=str,
)
def test_on_nodes_a_window_needs_one_in_its_middle(module, nodes, reason):
    assert reason_for(module, torch.zeros(1, 1, 8, 8), nodes=nodes).startswith(reason)


def test_an_audit_on_nodes_tells_the_reason():
    group = dihedral(4)
    net = nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(1, 1, 2, stride=2))
    reasons = {
        centring: [
            layer.reason
            for layer in audit(net, Symmetry.of_fields(group, "p", centring=centring), torch.randn(2, 1, 8, 8)).layers
        ]
        for centring in ("cell", "node")
    }
    assert reasons["cell"] == ["", ""]
    assert [reason.split(";")[0] for reason in reasons["node"]] == [NODES.format(2).split(";")[0]] * 2


def test_what_is_no_tensor_has_no_geometry():
    assert reason_for(nn.ReLU(), None) == ""


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's advice to export instead
@pytest.mark.parametrize("scripted", [True, False])
def test_what_takes_no_hooks_is_audited_as_a_whole_and_that_is_told(scripted):
    x = torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Tanh())
    told = "A module of TorchScript takes no hooks: its layers were not looked into."
    report = audit(torch.jit.trace(model, x) if scripted else model, Symmetry.of_fields(dihedral(4), "p"), x)
    assert report.remarks == ([told] if scripted else [])
    assert [layer.name for layer in report.layers] == ([] if scripted else ["0", "1"])
