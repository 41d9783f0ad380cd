"""Modules for a user's network, each equivariant by construction."""

from haar.nn.attention import SelfAttention
from haar.nn.basis import KKAN, ResidualAttention
from haar.nn.batch_norm import BatchNorm
from haar.nn.bilinear import Bilinear, TensorSquare
from haar.nn.by_norm import Gated, NormNonlinearity
from haar.nn.convolution import Conv
from haar.nn.dropout import Dropout
from haar.nn.foreign import from_field_type, from_irreps
from haar.nn.frames import GramMap, PCAFrame, WeightedFrame
from haar.nn.kernel_points import KernelPoints
from haar.nn.linear import Linear
from haar.nn.module import EquivariantModule
from haar.nn.networks import export, restrict
from haar.nn.norms import GroupNorm, LayerNorm, RMSNorm
from haar.nn.orbit_pool import OrbitPool
from haar.nn.parts import PartRun, part_count, part_runs
from haar.nn.pointwise import Odd, Pointwise
from haar.nn.pooling import GlobalPool, Pool, Upsample
from haar.nn.principal import PCALayer, SoftPCALayer
from haar.nn.readout import Invariants
from haar.nn.representations import restricted, same_representation
from haar.nn.sequential import Sequential
from haar.nn.spectral import (
    EigenvalueFilters,
    SignAttention,
    SignCharacters,
    SignDeepSets,
    SignGate,
    SignMessagePassing,
    SignMLP,
    SignNet,
    SignProduct,
)
from haar.nn.tensor_function import TensorFunction

__all__ = [
    "KKAN",
    "BatchNorm",
    "Bilinear",
    "Conv",
    "Dropout",
    "EigenvalueFilters",
    "EquivariantModule",
    "Gated",
    "GlobalPool",
    "GramMap",
    "GroupNorm",
    "Invariants",
    "KernelPoints",
    "LayerNorm",
    "Linear",
    "NormNonlinearity",
    "Odd",
    "OrbitPool",
    "PCAFrame",
    "PCALayer",
    "PartRun",
    "Pointwise",
    "Pool",
    "RMSNorm",
    "ResidualAttention",
    "SelfAttention",
    "Sequential",
    "SignAttention",
    "SignCharacters",
    "SignDeepSets",
    "SignGate",
    "SignMLP",
    "SignMessagePassing",
    "SignNet",
    "SignProduct",
    "SoftPCALayer",
    "TensorFunction",
    "TensorSquare",
    "Upsample",
    "WeightedFrame",
    "export",
    "from_field_type",
    "from_irreps",
    "part_count",
    "part_runs",
    "restrict",
    "restricted",
    "same_representation",
]
