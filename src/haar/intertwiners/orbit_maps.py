"""Maps between signed-permutation representations: one free number for each orbit of index pairs."""

from __future__ import annotations

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from haar.actions.representation import Representation
from haar.groups import ListedSymmetric, SymmetricGroup
from haar.intertwiners.homomorphism import require_homomorphism
from haar.intertwiners.orbits import PairOrbits, pair_orbits
from haar.intertwiners.set_partitions import equality_orbits, tensor_degree
from haar.intertwiners.space import Intertwiners


class OrbitIntertwiners(Intertwiners):
    """Hom between signed permutations; basis element k is +-1/sqrt(size) on orbit k, so supports are disjoint.

    Projecting is a signed mean over each orbit, making a matrix from parameters a signed gather.

    Args:
        rep_in: A signed-permutation representation.
        rep_out: Another of the same group.
    """

    def __init__(self, rep_in: Representation, rep_out: Representation) -> None:
        self.rep_in, self.rep_out = rep_in, rep_out
        require_homomorphism(rep_in, "rep_in")
        require_homomorphism(rep_out, "rep_out")
        k, l = tensor_degree(rep_in), tensor_degree(rep_out)
        if k is None or l is None or not isinstance(rep_in.group, (SymmetricGroup, ListedSymmetric)):
            self._orbits = pair_orbits(rep_in, rep_out)
        else:
            self._orbits = equality_orbits(rep_in.group.n, k, l)
        self.dim = self._orbits.count
        label = self._orbits.label.reshape(-1)
        # what belongs to no orbit reads and writes one more place at the end
        self._places = torch.where(label < 0, self.dim, label) if len(label) and int(label.min()) < 0 else label
        self._signed = bool((self._orbits.sign == -1).any())

    @property
    def structure(self) -> PairOrbits:
        """The orbits of index pairs."""
        return self._orbits

    def from_parameters(self, p: Inexact[Tensor, "*batch dim"]) -> Inexact[Tensor, "*batch out in"]:
        """A signed gather."""
        self._check_parameters(p)
        heights = p * self._orbits.sizes.to(p).rsqrt()
        padded = torch.cat([heights, heights.new_zeros(*heights.shape[:-1], 1)], -1)
        out = padded.index_select(-1, self._places.to(p.device)).reshape(*p.shape[:-1], *self._orbits.label.shape)
        return out * self._orbits.sign.to(p) if self._signed else out

    def parameters_of(self, W: Inexact[Tensor, "*batch out in"]) -> Inexact[Tensor, "*batch dim"]:
        """A signed sum over each orbit, divided by the root of its size."""
        self._check_matrix(W)
        signed = W * self._orbits.sign.to(W) if self._signed else W
        total = W.new_zeros(*W.shape[:-2], self.dim + 1)
        total = total.index_add(-1, self._places.to(W.device), signed.flatten(-2))
        return total[..., : self.dim] * self._orbits.sizes.to(W).rsqrt()

    def basis(self) -> Float[Tensor, "dim out in"]:
        """An orthonormal basis as dense matrices, float64; each entry that is not zero is written once."""
        orbits = self._orbits
        out = torch.zeros(self.dim, self._places.numel(), dtype=torch.float64)
        if self.dim:
            row = self._places.clamp(max=self.dim - 1)  # a pair in no orbit has sign 0
            values = orbits.sizes.to(torch.float64).rsqrt()[row] * orbits.sign.reshape(-1)
            out.scatter_(0, row.to(torch.int64)[None], values[None])
        return out.reshape(self.dim, *orbits.label.shape)
