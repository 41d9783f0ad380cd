"""A dense matrix made from tiles is the one that the basis gives, for every group and with its gradient."""

from __future__ import annotations

import torch

from haar.actions.representation import Regular, Trivial
from haar.groups import dihedral
from haar.intertwiners import intertwiners
from haar.nn.folded_form import FoldedForm, basis_entries

F64 = torch.float64


def test_tiles_give_the_matrix_of_the_parameters(reps):
    space = intertwiners(*reps, route="isotypic")
    form = FoldedForm(space, F64)
    p = torch.randn(space.dim, dtype=F64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(form(p), space.from_parameters(p), atol=1e-12, rtol=0)
    assert basis_entries(space) == sum(b.numel() for n, b in form.named_buffers() if n.startswith("basis"))


def test_gradients_are_those_of_the_basis():
    group = dihedral(4)
    rep = Trivial(group) + 2 * Regular(group)
    space = intertwiners(rep, rep, route="isotypic")
    p = torch.randn(space.dim, dtype=F64, requires_grad=True)
    G = torch.randn(rep.dim, rep.dim, dtype=F64)
    (found,) = torch.autograd.grad((FoldedForm(space, F64)(p) * G).sum(), p)
    assert torch.allclose(found, space.parameters_of(G), atol=1e-12, rtol=0)


def test_bases_go_through_half_precision_unharmed():
    rep = 3 * Regular(dihedral(3))
    space = intertwiners(rep, rep, route="isotypic")
    p = torch.randn(space.dim, dtype=F64)
    form = FoldedForm(space).bfloat16().double()
    assert torch.allclose(form(p), space.from_parameters(p), atol=1e-12, rtol=0)
