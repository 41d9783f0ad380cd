"""Networks for eigenvectors and principal axes: equivariant under signs, and under O(m) of repeated eigenvalues."""

from haar.nn.spectral.attention import SignAttention
from haar.nn.spectral.canonical_sign import canonical_signs, flip_signs
from haar.nn.spectral.characters import SignCharacters, column_characters, pseudovector_characters
from haar.nn.spectral.deep_sets import SignDeepSets
from haar.nn.spectral.eigenvalue_filters import EigenvalueFilters
from haar.nn.spectral.gate import SignGate, SignMLP, SignRMSNorm
from haar.nn.spectral.graph_convolution import GraphConvolution
from haar.nn.spectral.message_passing import InvariantFeatures, SignMessagePassing
from haar.nn.spectral.neighbours import neighbour_mean
from haar.nn.spectral.odd_moments import odd_moments
from haar.nn.spectral.pair_scores import PairScore, inner_score
from haar.nn.spectral.pearl import PearlEncoding
from haar.nn.spectral.perceptron import Perceptron
from haar.nn.spectral.product_form import ColumnLinear, SignProduct
from haar.nn.spectral.signnet import SignNet

__all__ = [
    "ColumnLinear",
    "EigenvalueFilters",
    "GraphConvolution",
    "InvariantFeatures",
    "PairScore",
    "PearlEncoding",
    "Perceptron",
    "SignAttention",
    "SignCharacters",
    "SignDeepSets",
    "SignGate",
    "SignMLP",
    "SignMessagePassing",
    "SignNet",
    "SignProduct",
    "SignRMSNorm",
    "canonical_signs",
    "column_characters",
    "flip_signs",
    "inner_score",
    "neighbour_mean",
    "odd_moments",
    "pseudovector_characters",
]
