"""Catalogue of groups and representations, and the defect of a module on random elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.actions.representation import (
    Defining,
    Determinant,
    Harmonic,
    Regular,
    Representation,
    Space,
    Spin,
    Trivial,
    exterior_power,
    symmetric_power,
    tensor_power,
)
from haar.groups import (
    SO,
    SU2,
    Group,
    O,
    cyclic,
    dihedral,
    from_matrices,
    from_permutations,
    icosahedral,
    octahedral,
    product,
    quaternion,
    reflections,
    sign,
    symmetric,
    wreath,
)


def _user_group() -> Group:
    """The symmetry of a hexagonal prism from three generator matrices."""
    c, s = 0.5, 3**0.5 / 2
    turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
    flip = torch.diag(torch.tensor([1.0, -1, 1], dtype=torch.float64))
    return from_matrices([turn, flip, torch.diag(torch.tensor([1.0, 1, -1], dtype=torch.float64))], "D6h")


def _pulled(*factors: Group) -> tuple[Representation, Representation]:
    whole = product(*factors)
    first = Defining(factors[0]).pull_back(whole, 0)
    second = Defining(factors[1]).pull_back(whole, 1)
    return first, second


def _build() -> dict[str, tuple[Representation, Representation]]:
    """For every group a pair of representations, mixed in kind, that share components."""
    C5, D4, D6, S4, S8 = cyclic(5), dihedral(4), dihedral(6), symmetric(4), symmetric(8)
    O24, Oh, ico, Q8, signs, many_signs = (
        octahedral(),
        octahedral(full=True),
        icosahedral(),
        quaternion(),
        sign(3),
        sign(12),
    )
    SO2, O2, SO3, O3, spin = SO(2), O(2), SO(3), O(3), SU2()
    user, cycles = _user_group(), from_permutations([[1, 2, 0, 3, 4], [0, 1, 2, 4, 3]], "C3xC2")
    left, right = _pulled(symmetric(3), symmetric(4))
    turned, permuted = _pulled(SO(3), symmetric(8))
    shuffled = wreath(cyclic(2), symmetric(3))
    return {
        "C5": (2 * Regular(C5) + Defining(C5), Defining(C5) + Trivial(C5, 3) + Regular(C5)),
        "D4": (2 * Regular(D4) + Defining(D4), Trivial(D4, 2) + 2 * Regular(D4) + Determinant(Defining(D4))),
        "D6": (3 * Defining(D6) + Regular(D6), 2 * Defining(D6) + Trivial(D6)),
        "S4": (tensor_power(Defining(S4), 2) + Defining(S4), 2 * Defining(S4) + Trivial(S4, 2)),
        "S8": (2 * Defining(S8) + Trivial(S8), tensor_power(Defining(S8), 2)),
        "O": (Regular(O24) + Defining(O24), 2 * Defining(O24) + Regular(O24)),
        "Oh": (2 * Space(Oh) + Determinant(Space(Oh)), symmetric_power(Space(Oh), 2) + Space(Oh) + Trivial(Oh)),
        "I": (2 * Defining(ico) + Trivial(ico), tensor_power(Defining(ico), 2)),
        "Q8": (Regular(Q8) + 2 * Defining(Q8), 3 * Defining(Q8) + Trivial(Q8, 2)),
        "sign3": (2 * Defining(signs) + Trivial(signs), Defining(signs) + Trivial(signs, 2)),
        "sign12": (2 * Defining(many_signs), Defining(many_signs) + Trivial(many_signs)),
        "SO2": (2 * Harmonic(SO2, 1) + Harmonic(SO2, 2), 2 * Harmonic(SO2, 2) + Harmonic(SO2, 1) + Trivial(SO2)),
        "O2": (2 * Defining(O2) + Trivial(O2), Defining(O2) + Harmonic(O2, 0, parity=-1) + Trivial(O2)),
        "SO3": (2 * Defining(SO3) + Trivial(SO3, 2), tensor_power(Defining(SO3), 2) + Defining(SO3)),
        "O3": (
            Harmonic(O3, 2) + 2 * Defining(O3),
            exterior_power(Defining(O3), 2) + 2 * Defining(O3) + Harmonic(O3, 2),
        ),
        "SU2": (3 * Spin(spin, 1) + Spin(spin, 2) + Trivial(spin), 2 * Spin(spin, 1) + Spin(spin, 2)),
        "S3xS4": (left @ right + left + Trivial(left.group), left @ right + right),
        "SO3xS8": (turned @ permuted, turned + permuted),
        "wreath": (2 * Defining(shuffled), Defining(shuffled) + Trivial(shuffled)),
        "matrices": (2 * Defining(user) + Trivial(user), tensor_power(Defining(user), 2) + Defining(user)),
        "permutations": (2 * Defining(cycles), Defining(cycles) + Trivial(cycles, 2)),
    }


CATALOGUE = _build()
POINT_GROUPS = {
    "C4": cyclic(4),
    "D4": dihedral(4),
    "mirror": reflections(1),
    "mirrors": reflections(2),
    "O": octahedral(),
    "Oh": octahedral(full=True),
    "quarter": from_matrices([torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)], "C4", moves_grid=True),
}


def defect(module: nn.Module, symmetry: Symmetry, *args: Tensor, samples: int = 6) -> float:
    """Largest |f(g x) - g f(x)| over random elements and generators, relative to the largest |f(x)|."""
    group = symmetry.group
    some = torch.cat([group.sample(samples, torch.Generator().manual_seed(1)), group.generators()])
    count, batch = len(some), len(args[0])
    g = some.repeat_interleave(batch, 0)  # every element moves every sample
    with torch.no_grad():
        still = module(*args)
        copies = [x.repeat(count, *[1] * (x.ndim - 1)) for x in args]
        moved = module(*symmetry.act_inputs(g, copies))
        wanted = symmetry.act_outputs(g, still.repeat(count, *[1] * (still.ndim - 1)))
    return float((moved - wanted).abs().max()) / max(float(still.abs().max()), 1e-30)


def drawn_alone(make: Callable[..., nn.Module]) -> None:
    """Everything that is drawn comes from the generator alone, in the dtype asked for; another seed draws it anew."""
    made = []
    for process_seed in (1, 2):
        torch.manual_seed(process_seed)
        made.append(make(generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    one, other = (module.state_dict() for module in made)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert {p.dtype for p in made[0].parameters()} == {torch.float64}
    assert {p.dtype for p in make().parameters()} == {torch.float32}
    unlike = make(generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for key, p in unlike.named_parameters():
        constant = p.numel() < 2 or bool((p == p.flatten()[0]).all())
        assert constant or not torch.equal(p, one[key]), key


@pytest.fixture(name="drawn_alone")
def drawn_alone_fixture() -> Callable[..., None]:
    """`drawn_alone`."""
    return drawn_alone


@pytest.fixture(params=sorted(CATALOGUE))
def reps(request: pytest.FixtureRequest) -> tuple[Representation, Representation]:
    """Input and output representation of one group of the catalogue."""
    return CATALOGUE[request.param]


@pytest.fixture(params=sorted(POINT_GROUPS))
def point_group(request: pytest.FixtureRequest) -> Group:
    """A group that moves grids."""
    return POINT_GROUPS[request.param]


@pytest.fixture
def measure() -> Callable[..., Any]:
    """`defect`."""
    return defect


@pytest.fixture(autouse=True)
def _seed() -> Any:
    """Weights and inputs are the same in every run; the global state is given back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
