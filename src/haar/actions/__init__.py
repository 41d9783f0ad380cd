"""How groups act: representations on channels, actions on tensors with layout, symmetries of models."""

from haar.actions.action import Action, Invariant, Move
from haar.actions.axis_sign import AxisSign
from haar.actions.centring import centring_of, check_centring
from haar.actions.concatenated import Concatenated
from haar.actions.continuous_shift import ContinuousShift
from haar.actions.convection import rayleigh_benard
from haar.actions.coordinates import Boxes, Keypoints
from haar.actions.edges import Edges
from haar.actions.eigenspaces import eigenspaces
from haar.actions.field import Field
from haar.actions.field_representation import field_representation
from haar.actions.interpolated import InterpolatedField
from haar.actions.layout import FieldSpec, Layout
from haar.actions.points import Bilinear, Points
from haar.actions.representation import (
    Defining,
    Determinant,
    DirectSum,
    Given,
    Mandel,
    Regular,
    Representation,
    Space,
    TensorProduct,
    Trivial,
    direct_sum,
    tensor_power,
)
from haar.actions.saved import load_symmetry, symmetry_to_dict
from haar.actions.spectral import SignCharacter, Spectral
from haar.actions.statistics import invariant_statistics
from haar.actions.symmetry import Symmetry
from haar.actions.vector import Vector

__all__ = [
    "Action",
    "AxisSign",
    "Bilinear",
    "Boxes",
    "Concatenated",
    "ContinuousShift",
    "Defining",
    "Determinant",
    "DirectSum",
    "Edges",
    "Field",
    "FieldSpec",
    "Given",
    "InterpolatedField",
    "Invariant",
    "Keypoints",
    "Layout",
    "Mandel",
    "Move",
    "Points",
    "Regular",
    "Representation",
    "SignCharacter",
    "Space",
    "Spectral",
    "Symmetry",
    "TensorProduct",
    "Trivial",
    "Vector",
    "centring_of",
    "check_centring",
    "direct_sum",
    "eigenspaces",
    "field_representation",
    "invariant_statistics",
    "load_symmetry",
    "rayleigh_benard",
    "symmetry_to_dict",
    "tensor_power",
]
