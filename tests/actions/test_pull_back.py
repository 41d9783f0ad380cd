"""Representations through homomorphisms: element by element, on groups in which h is not its inverse."""

from __future__ import annotations

import torch

from haar.actions.representation import Defining, PullBack
from haar.groups import SO, octahedral, product, sign, symmetric


def test_every_element_has_the_matrix_of_its_image():
    group = symmetric(4)
    subgroup = next(h for h in group.subgroups() if h.order == 6)
    small = Defining(group).restrict(subgroup)
    for place, element in enumerate(subgroup.embedding.tolist()):
        assert torch.equal(small.matrix(torch.tensor(place)), Defining(group).matrix(torch.tensor(element)))
    whole = product(group, sign(1))
    large = Defining(group).pull_back(whole, 0)
    for g in group.elements():
        assert torch.equal(large.matrix(whole.join([g, torch.tensor(1)])), Defining(group).matrix(g))
    cube = octahedral()
    turned = PullBack(Defining(SO(3)), cube, cube.defining_matrix)
    assert torch.equal(turned.matrix(cube.elements()), cube.defining_matrix(cube.elements()))
