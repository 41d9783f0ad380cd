"""Orthogonal representations in three storage forms behind one interface: signed permutation, dense, lazy."""

from haar.actions.representation.composite import DirectSum, TensorProduct, direct_sum, tensor_power
from haar.actions.representation.cosets import Induced, Quotient
from haar.actions.representation.elementary import Defining, Determinant, Regular, Space, Trivial
from haar.actions.representation.entries import Entries
from haar.actions.representation.given import Given, representation_from_generators
from haar.actions.representation.harmonics import Harmonic
from haar.actions.representation.mandel import Mandel, from_mandel, mandel_rotation, to_mandel
from haar.actions.representation.powers import exterior_power, symmetric_power
from haar.actions.representation.pull_back import FromFactor, PullBack, Restricted
from haar.actions.representation.representation import Representation
from haar.actions.representation.spin import Spin
from haar.actions.representation.subspace import Subspace

__all__ = [
    "Defining",
    "Determinant",
    "DirectSum",
    "Entries",
    "FromFactor",
    "Given",
    "Harmonic",
    "Induced",
    "Mandel",
    "PullBack",
    "Quotient",
    "Regular",
    "Representation",
    "Restricted",
    "Space",
    "Spin",
    "Subspace",
    "TensorProduct",
    "Trivial",
    "direct_sum",
    "exterior_power",
    "from_mandel",
    "mandel_rotation",
    "representation_from_generators",
    "symmetric_power",
    "tensor_power",
    "to_mandel",
]
