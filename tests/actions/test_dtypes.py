"""Integers, booleans, unsigned and complex numbers under every action: the right value, or a refusal by name."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import haar
from haar.actions import (
    Concatenated,
    Defining,
    Determinant,
    Field,
    InterpolatedField,
    Invariant,
    Keypoints,
    Points,
    Space,
    Symmetry,
    Trivial,
    Vector,
    invariant_statistics,
)
from haar.actions.representation import Harmonic, Regular
from haar.errors import ArgumentError
from haar.groups import SO, dihedral, product, reflections, sign, symmetric
from haar.intertwiners import decompose, intertwiners, reynolds

D4, D5, S3 = dihedral(4), dihedral(5), symmetric(3)
TURN = torch.tensor(1)
PLANE, FIVE = SO(2), Defining(D5)
BOTH = product(D5, S3)
REPS = [FIVE, FIVE @ FIVE, FIVE + Regular(D5), Harmonic(PLANE, 2), FIVE.restrict(D5.subgroup([1]))]


@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.uint8, torch.bool])
@pytest.mark.parametrize("rep", REPS, ids=lambda rep: rep.name)
def test_whole_numbers_under_matrices_are_refused_by_the_representation(rep, dtype):
    g = rep.group.sample(1, torch.Generator().manual_seed(0))[0]
    x = torch.ones(2, rep.dim, dtype=dtype)
    expected = f"x: expected a floating dtype for the matrices of .*, got {str(dtype)[6:]}; convert it first"
    for call in (
        lambda: rep.act(g, x),
        lambda: Vector(rep).act(g, x),
        lambda: Vector(rep).orbit(g[None], x),
        lambda: Vector(rep).move(g)(x),
        lambda: Points(rotation=rep).act(g, x),
        lambda: Points(rotation=rep).move(g)(x),
    ):
        with pytest.raises(ArgumentError, match=expected):
            call()
    torch.testing.assert_close(rep.act(g, x.double()), rep.matrix(g).sum(-1).expand(2, -1))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool])
def test_numbers_without_a_sign_keep_to_actions_that_change_none(dtype):
    mirror = Determinant(Space(D4))
    for call in (
        lambda: mirror.act(torch.tensor(4), torch.ones(3, 1, dtype=dtype)),
        lambda: Vector(mirror).act(torch.tensor(4), torch.ones(3, 1, dtype=dtype)),
        lambda: Vector(mirror).move(torch.tensor(4))(torch.ones(3, 1, dtype=dtype)),
        lambda: Field(mirror).act(torch.tensor(4), torch.ones(3, 1, 4, 4, dtype=dtype)),
        lambda: Field(mirror).move(torch.tensor(4))(torch.ones(3, 1, 4, 4, dtype=dtype)),
    ):
        with pytest.raises(ArgumentError, match=r"x: expected a signed dtype, as .* changes? signs|signs of channels"):
            call()
    labels = torch.tensor([[0, 1, 1]], dtype=dtype)
    moved = Vector(Defining(S3)).act(TURN, labels)
    assert moved.dtype == dtype
    assert int(moved.sum()) == 2


def test_signed_integers_under_signed_permutations_stay_what_they_are():
    x = torch.tensor([[3, 4]])
    assert Vector(Defining(D4)).act(TURN, x).tolist() == [[-4, 3]]
    assert Vector(Defining(D4)).move(TURN)(x).tolist() == [[-4, 3]]


def test_a_models_whole_numbers_are_named_before_it_is_averaged():
    v = Vector(FIVE)
    with pytest.raises(ArgumentError, match=r"inputs\[0\]: expected a floating dtype for the matrices of defining"):
        haar.average(lambda x: x.double(), Symmetry(D5, v, v))(torch.tensor([[3, 4]]))


def test_interpolated_fields_of_whole_numbers():
    eighth = PLANE.exp(torch.tensor([0.7]))
    for dtype in (torch.int64, torch.int32, torch.uint8):
        vectors = torch.ones(1, 2, 7, 7, dtype=dtype)
        with pytest.raises(ArgumentError, match="expected a floating dtype for the matrices of defining"):
            InterpolatedField(Defining(PLANE), mode="nearest").act(eighth, vectors)
    labels = torch.full((1, 1, 7, 7), 2**62 + 1)
    labels[0, 0, 3, 3] = -(2**61) - 3
    moved = InterpolatedField(Trivial(PLANE), mode="nearest").act(eighth, labels)
    assert moved.unique().tolist() == [-(2**61) - 3, 2**62 + 1]


@pytest.mark.parametrize("mode", ["linear", "cubic", "nearest"])
def test_interpolated_complex_fields_are_their_two_parts(mode, generator):
    field = InterpolatedField(Defining(PLANE), mode=mode)
    g = PLANE.exp(torch.tensor([0.7]))
    x = torch.randn(2, 2, 9, 9, generator=generator, dtype=torch.complex128)
    moved = field.act(g, x)
    torch.testing.assert_close(moved, torch.complex(field.act(g, x.real), field.act(g, x.imag)))
    change = field.tangent(torch.ones(1), x)
    torch.testing.assert_close(
        change, torch.complex(field.tangent(torch.ones(1), x.real), field.tangent(torch.ones(1), x.imag))
    )


def test_complex_numbers_under_every_exact_action(generator):
    x = torch.randn(4, 2, 6, 6, generator=generator, dtype=torch.complex64)
    for action in (Field(Space(D4)), Concatenated([(Field(Space(D4)), 2)], axis=-3)):
        g = torch.tensor(1) if action.group is D4 else D5.elements()[1]
        moved = action.act(g, x)
        torch.testing.assert_close(moved, torch.complex(action.act(g, x.real), action.act(g, x.imag)))
    v = torch.randn(3, 2, generator=generator, dtype=torch.complex64)
    assert Vector(FIVE).act(TURN, v).dtype == torch.complex64


@pytest.mark.usefixtures("unchecked_annotations")
def test_maps_of_whole_numbers_are_refused():
    space = intertwiners(FIVE, FIVE)
    for call in (
        lambda: space.project(torch.eye(2, dtype=torch.int64)),
        lambda: space.from_parameters(torch.ones(1, dtype=torch.int64)),
        lambda: reynolds(FIVE, FIVE, torch.eye(2, dtype=torch.int64)),
        lambda: decompose(FIVE).to_blocks(torch.ones(2, dtype=torch.int64)),
    ):
        with pytest.raises(ArgumentError, match=r"(W|p|x): expected a floating dtype for .*, got int64"):
            call()


def test_projections_of_complex_maps_are_those_of_their_parts(generator):
    w = torch.randn(2, 2, generator=generator, dtype=torch.complex128)
    for rep in (FIVE, Defining(D4)):
        project = intertwiners(rep, rep).project
        torch.testing.assert_close(project(w), torch.complex(project(w.real), project(w.imag)))
        torch.testing.assert_close(reynolds(rep, rep, w), project(w))


@pytest.mark.usefixtures("unchecked_annotations")
def test_statistics_of_complex_means():
    velocity = Space(D4)
    mean = torch.tensor([1 + 2j, 1 - 1j])
    centre, spread = invariant_statistics(velocity, mean, torch.tensor([1.0, 7.0]))
    assert centre.tolist() == [0, 0]
    # the mean square of both components: (1 + 5 + 49 + 2) / 2
    torch.testing.assert_close(spread, torch.tensor([28.5, 28.5]).sqrt())
    with pytest.raises(ArgumentError, match="mean: expected a floating dtype for means, got int64"):
        invariant_statistics(velocity, torch.zeros(2, dtype=torch.int64), torch.ones(2))
    with pytest.raises(ArgumentError, match="std: expected a real floating dtype, got complex64"):
        invariant_statistics(velocity, torch.zeros(2), torch.ones(2) + 0j)


def test_coordinates_that_the_dtype_cannot_hold():
    points = torch.zeros(1, 2, dtype=torch.int8)
    assert Keypoints(reflections(2), (128, 128)).act(torch.tensor(3), points.to(torch.int16)).tolist() == [[127, 127]]
    with pytest.raises(ArgumentError, match="x: expected a dtype that holds coordinates up to 200, got int8"):
        Keypoints(reflections(2), (200, 100)).act(torch.tensor(3), points)


MOVES = [
    (Vector(FIVE), torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)),
    (Field(Space(D4)), torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)),
    (InterpolatedField(FIVE), torch.randn(2, 2, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)),
    (Vector(Defining(sign(3))), torch.ones(2, 3, dtype=torch.float64)),
]


@pytest.mark.parametrize("travel", ["half", "float", "bfloat16", "meta", "to_empty", "pickle"])
@pytest.mark.parametrize(("action", "x"), MOVES, ids=lambda value: type(value).__name__)
def test_prepared_moves_keep_their_digits(action, x, travel):
    """Through half precision and back, through the meta device and empty memory."""
    move = torch.nn.Sequential(action.move(TURN))
    wanted = action.act(TURN, x)
    move = copy.deepcopy(move)
    if travel == "meta":
        move = copy.deepcopy(move.to("meta")).to_empty(device="cpu")
    elif travel == "to_empty":
        move = move.to_empty(device="cpu")
    elif travel == "pickle":
        move = pickle.loads(pickle.dumps(move))
    else:
        move = getattr(move, travel)()
    torch.testing.assert_close(move.double()(x), wanted, rtol=0, atol=1e-15)


def test_invariant_leaves_any_dtype_alone():
    x = torch.tensor([True, False])
    assert Invariant(D4).act(TURN, x) is x
