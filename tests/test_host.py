"""Groups, representations and actions under another default device: the same as on the CPU."""

from __future__ import annotations

import functools

import pytest
import torch

from haar.actions import Field, InterpolatedField, Keypoints, Spectral, Symmetry, Vector
from haar.actions.representation import (
    Defining,
    Harmonic,
    Induced,
    Regular,
    Spin,
    representation_from_generators,
    symmetric_power,
)
from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    LieGroup,
    O,
    Torus,
    averaging_chain,
    cyclic,
    dihedral,
    from_matrices,
    grid_group,
    icosahedral,
    octahedral,
    permutation_group,
    product,
    quaternion,
    real_irreducibles,
    sign,
    symmetric,
    wreath,
)
from haar.host import Hosted, on_the_host
from haar.intertwiners import hom_dimension, intertwiners, invariants, irreducibles, reynolds

GROUPS = [
    lambda: cyclic(5),
    lambda: dihedral(4),
    lambda: symmetric(4),
    lambda: symmetric(8),
    lambda: sign(2),
    lambda: sign(12),
    octahedral,
    quaternion,
    icosahedral,
    lambda: grid_group(dihedral(4), (4, 4)),
    lambda: SO(3),
    lambda: O(2),
    SU2,
    lambda: Torus(2),
    lambda: LieGroup("about z", SO(2).algebra),
    lambda: product(SO(2), cyclic(3)),
    lambda: wreath(sign(1), symmetric(3)),
    lambda: permutation_group([[1, 2, 0]]),
]


@pytest.fixture
def meta():
    with torch.device("meta"):
        yield


@pytest.mark.usefixtures("meta")
@pytest.mark.parametrize("make", GROUPS)
def test_groups_and_what_commutes_have_values(make):
    group = make()
    if group.defining_dim is not None:
        rep = Defining(group)
    elif isinstance(group, FiniteGroup):
        rep = Regular(group)
    else:
        rep = Defining(group.factors[0]).pull_back(group, 0)
    rep.check(samples=4)
    g = group.sample(2)
    assert g.device.type == "cpu"
    assert bool(group.equal(group.compose(g, group.inverse(g)), group.identity()).all())
    group.describe(g[0])
    space = intertwiners(rep, rep)
    w = torch.ones(rep.dim, rep.dim, dtype=torch.float64, device="cpu")
    assert torch.allclose(space.project(w), reynolds(rep, rep, w), atol=1e-12)
    assert space.basis().device.type == "cpu"
    assert invariants(rep).device.type == "cpu"
    if group.class_rule(2) is not None:
        assert hom_dimension(rep, rep) == space.dim
    assert averaging_chain(group, 1)[0][0].device.type == "cpu"
    if isinstance(group, FiniteGroup) and group.order <= 48:
        assert len(group.subgroups()) > 1
        assert real_irreducibles(group)[0].name.startswith(("A", "1"))
    # tensors that the user makes there stay there
    assert Vector(rep).act(g[0], torch.zeros(3, rep.dim)).device.type == "meta"


@pytest.mark.usefixtures("meta")
def test_representations_and_actions_have_values():
    D4 = dihedral(4)
    turns = torch.tensor([[[0.0, -1], [1, 0]]], device="cpu")
    for rep in (
        Harmonic(SO(3), 4),
        Harmonic(SO(3), 11),
        Spin(SU2(), 5.5),
        Induced(Defining(D4.subgroup([1, 4]))),
        irreducibles(octahedral())[-1],
        symmetric_power(Defining(D4), 3),
        symmetric_power(Defining(SO(2)), 3),
        representation_from_generators(cyclic(4), turns),
        Defining(from_matrices(turns)),
    ):
        rep.check(samples=4)
    for make in (
        lambda: Spectral((1, 2, 1)),
        lambda: Keypoints(D4, (4, 4)),
        lambda: InterpolatedField(Defining(SO(2))),
    ):
        make()
    symmetry = Symmetry.of_fields(D4, "p, u:vector")
    element = torch.tensor(1, device="cpu")
    assert symmetry.act_inputs(element, (torch.zeros(1, 3, 4, 4),))[0].device.type == "meta"
    x = torch.randn(1, 3, 4, 4, device="cpu", dtype=torch.float64)
    there = Field.act(symmetry.inputs[0], element, x)
    with torch.device("cpu"):
        assert torch.equal(there, Symmetry.of_fields(dihedral(4), "p, u:vector").act_inputs(element, (x,))[0])


class Measured(Hosted):
    makes_no_tensors = frozenset({"handed"})

    def __init__(self):
        self.made = torch.zeros(1)

    def public(self):
        return torch.zeros(1)

    def handed(self):
        return torch.zeros(1)

    def _own(self):
        return torch.zeros(1)

    @functools.cached_property
    def kept(self):
        return torch.zeros(1)


class Child(Measured):
    makes_no_tensors = Measured.makes_no_tensors | {"left"}

    def left(self):
        return torch.zeros(1)

    def further(self):
        return torch.zeros(1)


@pytest.mark.usefixtures("meta")
def test_what_a_class_makes_is_on_the_cpu_but_for_what_it_hands_on():
    thing = Child()
    assert not any(x.is_meta for x in (thing.made, thing.kept, thing.public(), thing.further()))
    assert all(x.is_meta for x in (thing.handed(), thing.left(), thing._own()))
    assert torch.zeros(1).is_meta  # as it was found


def test_decorated_functions_take_and_give_what_they_did():
    @on_the_host
    def named(a, *, b):
        """What it says."""
        return a, b

    assert named(1, b=2) == (1, 2)
    assert (named.__name__, named.__doc__) == ("named", "What it says.")
