"""Layer by layer: the geometry of each layer is judged apart from its weights, and reasons are right."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Points, Space, Symmetry, Vector
from haar.audit import layer_defects
from haar.audit.layers import can_look_inside
from haar.errors import ArgumentError
from haar.groups import SO, dihedral, octahedral, shifts, symmetric

D4 = dihedral(4)


def look(module, x, symmetry=None):
    channels = x.shape[1]
    fields = ", ".join(f"f{k}" for k in range(channels))
    return layer_defects(nn.Sequential(module), symmetry or Symmetry.of_fields(D4, fields), x)[0]


def images(n=16, channels=2, batch=2):
    return torch.randn(batch, channels, n, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(2, 3, 3, padding=1),
        nn.Conv2d(2, 3, 5, padding=2, padding_mode="circular"),
        nn.Conv2d(2, 4, 3, padding=1, groups=2),
        nn.Conv2d(2, 3, 3, padding=2, dilation=2),
        nn.Conv2d(2, 3, 2, stride=2),
        nn.MaxPool2d(2),
        nn.AvgPool2d(4),
        nn.ConvTranspose2d(2, 3, 2, stride=2),
        nn.Upsample(scale_factor=2, mode="nearest"),
    ],
    ids=str,
)
def test_layers_whose_geometry_keeps_the_square(module):
    found = look(module.double(), images())
    assert found.geometry < 1e-12
    assert found.reason == ""


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.Conv2d(2, 3, 3, stride=2, padding=1), "stride 2 on 16 reaches one side only"),
        (nn.MaxPool2d(3, stride=2), "stride 2 on 16 reaches one side only .* use 17 points"),
        (nn.Conv2d(2, 3, 4, padding="same"), "an even kernel of 4 with padding 'same'"),
        (
            nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1),
            "output_padding 1 is added on one side only",
        ),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_layers_whose_geometry_breaks_it_and_why(module, reason):
    found = look(module.double(), images())
    assert found.geometry > 1e-3
    import re

    assert re.search(reason, found.reason), found.reason


def test_the_way_out_named_by_the_reason_works():
    found = look(nn.Conv2d(2, 3, 3, stride=2, padding=1).double(), images(16))
    assert "use 17 points" in found.reason
    assert look(nn.Conv2d(2, 3, 3, stride=2, padding=1).double(), images(17)).geometry < 1e-12


def test_shifts_on_a_periodic_grid():
    symmetry = Symmetry.of_fields(shifts((16, 16)), "a, b")
    zero = look(nn.Conv2d(2, 3, 3, padding=1).double(), images(), symmetry)
    assert zero.geometry > 1e-3
    assert zero.reason == "zero padding on a periodic grid; use padding_mode='circular'"
    assert look(nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular").double(), images(), symmetry).geometry < 1e-12
    pooled = look(nn.MaxPool2d(2).double(), images(), symmetry)
    assert pooled.geometry == 1
    assert "average over shifts below it" in pooled.reason
    even = Symmetry.of_fields(shifts((16, 16), step=2), "a, b")
    assert look(nn.MaxPool2d(2).double(), images(), even).geometry < 1e-12


def test_volumes():
    x = torch.randn(1, 1, 6, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    symmetry = Symmetry.of_fields(octahedral(full=True), "rho")
    assert look(nn.Conv3d(1, 2, 3, padding=1).double(), x, symmetry).geometry < 1e-12
    assert look(nn.Conv3d(1, 2, 3, padding=1, stride=2).double(), x, symmetry).geometry > 1e-3


def test_features_that_move_with_the_element_are_explained():
    kernel = torch.tensor([[0.0, 1, 0], [1, 2, 1], [0, 1, 0]], dtype=torch.float64).expand(2, 2, 3, 3)
    isotropic = nn.Conv2d(2, 2, 3, padding=1, bias=False).double()
    isotropic.weight = nn.Parameter(kernel * torch.tensor([[1.0, 2], [3, -1]])[..., None, None])
    assert look(isotropic, images()).unexplained < 1e-6
    gradient = nn.Conv2d(2, 2, 3, padding=1, bias=False, padding_mode="circular").double()
    with torch.no_grad():
        gradient.weight.zero_()
        gradient.weight[0, 0, 0, 1], gradient.weight[0, 0, 2, 1] = -1, 1  # the gradient turns as a vector:
        gradient.weight[1, 0, 1, 0], gradient.weight[1, 0, 1, 2] = -1, 1  # channels mix, nothing is lost
    assert look(gradient, images()).unexplained < 1e-6
    with torch.no_grad():
        gradient.weight[1].zero_()
        gradient.weight[1, 1, 0, 0] = 1
    assert look(gradient, images()).unexplained > 0.5


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Dropout()).train()
    layer_defects(model, Symmetry.of_fields(D4, "p"), torch.randn(2, 1, 8, 8))
    assert all(m.training for m in model.modules())
    assert not any(m._forward_hooks for m in model.modules())
    assert int(model[1].num_batches_tracked) == 0


def test_what_cannot_be_looked_into_is_refused():
    with pytest.raises(ArgumentError, match=r"model: expected a torch.nn.Module"):
        layer_defects(lambda x: x, Symmetry.of_fields(D4, "p"), torch.zeros(1, 1, 4, 4))
    with pytest.raises(ArgumentError, match="symmetry: expected an input that is a Field or Points"):
        layer_defects(nn.Linear(2, 2), Symmetry(D4, Vector(Defining(D4)), Invariant(D4)), torch.zeros(1, 2))


def isotropic(bias):
    """A convolution whose features do not change under D4 but by moving, and a bias."""
    layer = nn.Conv2d(2, 2, 1).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2], [3, -1]])[..., None, None])
        layer.bias.fill_(bias)
    return layer


def test_writes_in_place_do_not_change_what_was_noted():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.act = isotropic(0.0), nn.ReLU(inplace=True)

        def forward(self, x):
            h = self.first(x)
            self.act(h)
            return h.cumsum_(-1)  # breaks the symmetry, after both layers

    first, act = layer_defects(InPlace(), Symmetry.of_fields(D4, "a, b"), images())
    assert (first.name, act.name) == ("first", "act")
    assert first.geometry < 1e-12
    assert first.unexplained < 1e-6
    assert act.unexplained < 1e-6


def test_the_layers_of_clouds_are_looked_into(generator):
    group = octahedral()
    symmetry = Symmetry(group, Points(rotation=Space(group)), Invariant(group))

    class Norms(nn.Module):
        def forward(self, x):
            return x.norm(dim=-1, keepdim=True)

    x = torch.randn(10, 6, 3, generator=generator, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(3, 5, bias=False).double(), nn.Tanh(), nn.Flatten(1))
    linear, tanh, _ = layer_defects(model, symmetry, x, elements=group.elements()[1:])
    assert linear.unexplained < 1e-9  # a rotation of the inputs is one of the features
    assert tanh.unexplained > 0.05
    assert tanh.geometry is None
    assert tanh.element != ""
    (norms,) = layer_defects(nn.Sequential(Norms()), symmetry, x)
    assert norms.unexplained < 1e-12


def test_layers_inside_a_transform_are_listed_and_not_judged(generator):
    """Forces by torch.func: what a layer gives there stands for many samples, and is gone afterwards."""
    group = octahedral()
    points = Points(rotation=Space(group))

    class Forces(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(3, 1).double()

        def forward(self, x):
            return torch.func.vmap(torch.func.grad(lambda one: self.net(one).square().sum()))(x)

    x = torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)
    (layer,) = layer_defects(Forces(), Symmetry(group, points, points), x)
    assert (layer.name, layer.unexplained, layer.geometry) == ("net", None, None)


def test_points_that_are_relabelled_are_followed(generator):
    group = symmetric(4)
    symmetry = Symmetry(group, Points(relabelling=Defining(group)), Invariant(group))
    x = torch.randn(30, 4, 2, generator=generator, dtype=torch.float64)

    class Marks(nn.Module):
        def forward(self, h):
            return h * torch.arange(1.0, 5, dtype=h.dtype)[:, None]

    each, marked = layer_defects(nn.Sequential(nn.Linear(2, 3).double(), Marks()), symmetry, x)
    assert each.unexplained < 1e-9
    assert marked.unexplained > 0.3


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
def test_weights_that_are_computed_in_every_call_have_no_geometry():
    parametrised = torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3, padding=1)).double()
    hooked = torch.nn.utils.weight_norm(nn.Conv2d(2, 3, 3, padding=1)).double()
    for layer in (parametrised, hooked):
        (found,) = layer_defects(nn.Sequential(layer), Symmetry.of_fields(D4, "a, b"), images())
        assert (found.name, found.geometry) == ("0", None)


def test_hooks_of_the_user_stay_and_are_run():
    layer = isotropic(0.0)
    layer.register_forward_hook(lambda *call: call[-1].cumsum(-1))
    model = nn.Sequential(layer)
    (found,) = layer_defects(model, Symmetry.of_fields(D4, "a, b"), images())
    assert found.geometry > 0.1
    assert len(layer._forward_hooks) == 1


class Said(nn.Module):
    """A layer that is a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(("n", "runs"), [(16, 16), (17, 2)])
def test_all_elements_of_small_groups_are_looked_at_and_generators_of_larger_ones(n, runs):
    counted = []
    model = nn.Sequential(Said(lambda x: (counted.append(0), x)[1]))
    layer_defects(model, Symmetry.of_fields(shifts((n,)), "p"), torch.zeros(1, 1, n, dtype=torch.float64))
    assert len(counted) == runs  # as it is, and moved


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("place", [1, 2])
def test_the_worst_of_the_elements_given_is_named(place):
    model = nn.Sequential(nn.Conv2d(2, 3, 4, padding="same").double())
    chosen = D4.elements()[place : place + 1]
    (found,) = layer_defects(model, Symmetry.of_fields(D4, "a, b"), images(), elements=chosen)
    assert found.element == D4.describe(chosen[0])
    assert (found.kind, found.shape) == ("Conv2d", (3, 16, 16))
    assert found.to_dict()["geometry"] == found.geometry


class Leaning(nn.Conv2d):
    """A convolution that adds a slope of some size."""

    lean = 1e-3

    def forward(self, x):
        return super().forward(x) + self.lean * torch.arange(x.shape[-1], dtype=x.dtype)


@pytest.mark.parametrize(
    ("dtype", "size", "bad"),
    [
        (torch.float64, 0.9e-9, False),
        (torch.float64, 1.1e-9, True),
        (torch.float32, 0.9e-4, False),
        (torch.float32, 1.1e-4, True),
    ],
)
def test_what_rounding_may_do_to_a_layer_needs_no_reason(dtype, size, bad):
    layer = Leaning(2, 2, 1).to(dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2)[..., None, None])
    per_lean = look(layer, images().to(dtype)).geometry / layer.lean
    layer.lean = size / per_lean
    found = look(layer, images().to(dtype))
    assert found.geometry == pytest.approx(size, rel=0.02)
    assert found.reason == ("no known geometric reason" if bad else "")


@pytest.mark.parametrize(("batch", "judged"), [(1, False), (2, True)])
def test_a_map_of_channels_is_fitted_on_more_rows_than_it_has_channels(batch, judged):
    found = look(Said(lambda x: x * 2), images(2, 2, batch))  # half of 4 or 8 rows, and two channels
    assert (found.unexplained is not None) == judged


def test_features_that_the_fit_does_not_see_are_not_judged():
    x = images()
    x[..., 0::2] = 0  # every other row of the features
    assert look(Said(lambda x: x * 2), x).unexplained is None


def test_features_that_hardly_change_are_constant():
    assert look(Said(torch.ones_like), images()).unexplained == 0
    assert look(Said(lambda x: 1 + 1e-13 * x.cumsum(-1)), images()).unexplained == 0
    assert look(Said(lambda x: 1 + 1e-11 * x.cumsum(-1)), images()).unexplained > 0.1


def test_the_unexplained_part_is_at_most_all():
    noise = torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert 0.9 < look(Said(lambda x: 0 * x + noise), images()).unexplained <= 1


def test_what_is_no_field_of_numbers_is_not_judged():
    for function in (lambda x: x.argmax(1), lambda x: x.argmax(1, keepdim=True), lambda x: x.flatten(1)):
        found = look(Said(function), images())
        assert (found.unexplained, found.geometry, found.reason) == (None, None, "")


def test_a_run_that_goes_another_way_is_not_judged():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other, self.last = isotropic(0.0), isotropic(0.0), isotropic(0.0)

        def forward(self, x):
            chosen = self.one if x[0, 0, 0, 0] > 0 else self.other
            y = chosen(x)
            return self.last(y) if chosen is self.one else y

    x = images()
    x[0, 0] = x[0, 0].abs()
    x[0, 0, -1, -1] = -1  # one quarter turn brings it to the corner
    one, last = layer_defects(Branches(), Symmetry.of_fields(D4, "a, b"), x)
    assert (one.name, one.unexplained, last.name, last.unexplained) == ("one", None, "last", None)
    x[0, 0] = 1
    assert all(layer.unexplained < 1e-9 for layer in layer_defects(Branches(), Symmetry.of_fields(D4, "a, b"), x))


def test_reflections_of_nodes_leave_the_first_where_it_is():
    nodes = Symmetry.of_fields(D4, "a, b", centring="node")
    strided = nn.Conv2d(2, 3, 3, stride=2, padding=1, padding_mode="circular").double()
    assert look(strided, images(), nodes).geometry < 1e-12
    assert look(strided, images()).geometry > 1e-3
    assert look(nn.AvgPool2d(2).double(), images(), nodes).geometry > 1e-3


def test_shifts_move_coarser_grids_by_fewer_cells():
    symmetry = Symmetry.of_fields(shifts((12, 8), step=4), "a, b")
    x = images(8).repeat(1, 1, 2, 1)[:, :, :12]
    assert look(nn.AvgPool2d(4).double(), x, symmetry).geometry < 1e-12
    assert look(nn.AvgPool2d((3, 2)).double(), x, symmetry).geometry == 1  # 4/3 of a cell
    assert look(nn.Upsample(scale_factor=2), x, symmetry).geometry < 1e-12


def test_fields_that_a_finite_group_moves_and_clouds_can_be_looked_into():
    vector = Symmetry(D4, Vector(Defining(D4)), Invariant(D4))
    clouds = Symmetry(D4, (Invariant(D4), Points(rotation=Space(D4))), Invariant(D4))
    interpolated = Symmetry.of_fields(SO(2), "p", interpolate="linear")
    cases = ((Symmetry.of_fields(D4, "p"), True), (vector, False), (clouds, True), (interpolated, False))
    for symmetry, inside in cases:
        assert can_look_inside(symmetry) == inside
