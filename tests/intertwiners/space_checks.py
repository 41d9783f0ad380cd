"""What every space of commuting maps must satisfy, by any route; and the null space it is compared with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from haar.actions.representation import Representation
from haar.intertwiners import Intertwiners, intertwiners


def null_space(rep_in: Representation, rep_out: Representation, elements: Tensor) -> Tensor:
    """Orthonormal rows spanning the solutions of all constraints, (n_out n_in)^2 numbers for each element."""
    eye_in, eye_out = torch.eye(rep_in.dim, dtype=torch.float64), torch.eye(rep_out.dim, dtype=torch.float64)
    rows = [
        torch.kron(rep_out.matrix(g).contiguous(), eye_in) - torch.kron(eye_out, rep_in.matrix(g).T.contiguous())
        for g in elements
    ]
    system = torch.cat(rows) if rows else torch.zeros(1, rep_in.dim * rep_out.dim, dtype=torch.float64)
    _, values, vectors = torch.linalg.svd(system)
    values = torch.nn.functional.pad(values, (0, vectors.shape[0] - len(values)))
    return vectors[values < 1e-9]


def span_projector(rows: Tensor) -> Tensor:
    flat = rows.flatten(1)
    return flat.T @ flat


def check_space(space: Intertwiners, generator: torch.Generator) -> None:
    """Equivariance, orthonormal basis, projector and parameters that belong together."""
    rep_in, rep_out = space.rep_in, space.rep_out
    basis = space.basis()
    assert basis.shape == (space.dim, rep_out.dim, rep_in.dim)
    gram = torch.einsum("aij,bij->ab", basis, basis)
    torch.testing.assert_close(gram, torch.eye(space.dim, dtype=torch.float64), rtol=0, atol=1e-11)
    g = torch.cat([rep_in.group.sample(4, generator), rep_in.group.generators()])
    p = torch.randn(space.dim, generator=generator, dtype=torch.float64)
    W = space.from_parameters(p)
    torch.testing.assert_close(rep_out.matrix(g) @ W, W @ rep_in.matrix(g), rtol=0, atol=1e-10)
    torch.testing.assert_close(W, torch.einsum("a,aij->ij", p, basis), rtol=0, atol=1e-11)
    torch.testing.assert_close(space.parameters_of(W), p, rtol=0, atol=1e-11)
    X, Y = torch.randn(2, rep_out.dim, rep_in.dim, generator=generator, dtype=torch.float64)
    once = space.project(X)
    torch.testing.assert_close(space.project(once), once, rtol=0, atol=1e-11)
    assert float((once * Y).sum()) == pytest.approx(float((X * space.project(Y)).sum()), abs=1e-9)
    torch.testing.assert_close(once, torch.einsum("aij,akl,kl->ij", basis, basis, X), rtol=0, atol=1e-10)
    assert space.contains(W)
    assert space.dim == rep_in.dim * rep_out.dim or not space.contains(X)


def both_routes(rep_in: Representation, rep_out: Representation, generator: torch.Generator) -> list[Intertwiners]:
    spaces = [intertwiners(rep_in, rep_out, route="isotypic")]
    if rep_in.is_signed_permutation and rep_out.is_signed_permutation and rep_in.group.is_finite:
        spaces.append(intertwiners(rep_in, rep_out, route="orbits"))
        assert spaces[0].dim == spaces[1].dim
        W = torch.randn(rep_out.dim, rep_in.dim, generator=generator, dtype=torch.float64)
        torch.testing.assert_close(spaces[0].project(W), spaces[1].project(W), rtol=0, atol=1e-10)
    for space in spaces:
        check_space(space, generator)
    return spaces
