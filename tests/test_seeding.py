from __future__ import annotations

import pytest
import torch

import haar
from haar.actions import Defining
from haar.data.particles import charged_particles
from haar.errors import ArgumentError
from haar.groups import dihedral
from haar.moments import Gaussian, sample_outputs
from haar.nn.circuits import GraphCircuit
from haar.seeding import generator_of
from haar.testing import equivariance_error


def test_a_number_gives_the_same_choice_every_time_and_a_generator_goes_on():
    numbers = [torch.rand(3, generator=generator_of(5)) for _ in range(2)]
    assert torch.equal(*numbers)
    source = torch.Generator().manual_seed(5)
    first, second = (torch.rand(3, generator=generator_of(source)) for _ in range(2))
    assert torch.equal(first, numbers[0])
    assert not torch.equal(first, second)


@pytest.mark.parametrize("wrong", ["a", 1.5, None, 2**70])
def test_what_is_neither_is_refused_by_name(wrong):
    with pytest.raises(ArgumentError, match=r"seed: expected a whole number of at most 64 bits, or a torch.Generator"):
        generator_of(wrong)
    with pytest.raises(ArgumentError, match="generator: expected a whole number"):
        generator_of(wrong, argument="generator")


D4 = dihedral(4)
P = haar.Symmetry.of_fields(D4, "p")
X = torch.randn(1, 1, 6, 6, generator=torch.Generator().manual_seed(0))

CHOICES = {
    "representation": lambda seed: Defining(D4).check(seed=seed) or torch.zeros(1),
    "particles": lambda seed: charged_particles(2, frames=2, save_every=1, seed=seed).positions,
    "circuit": lambda seed: GraphCircuit(2, layers=1, seed=seed).angle,
    "error": lambda seed: torch.tensor(
        equivariance_error(lambda x: x.cumsum(-1), P, X, elements=3, seed=seed).absolute
    ),
    "outputs": lambda seed: sample_outputs(torch.nn.Identity(), Gaussian([0.0]), 4, generator=seed),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_seed_and_a_generator_at_that_seed_choose_the_same(name):
    choose = CHOICES[name]
    assert torch.equal(choose(3), choose(torch.Generator().manual_seed(3)))
