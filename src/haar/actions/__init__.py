"""How groups act: representations on channels, actions on tensors with layout, symmetries of models."""

from haar.actions.action import Action, Invariant, Move
from haar.actions.field import Field, field_representation
from haar.actions.layout import FieldSpec, Layout
from haar.actions.representation import (
    Defining,
    Determinant,
    DirectSum,
    Given,
    Regular,
    Representation,
    Space,
    TensorProduct,
    Trivial,
    direct_sum,
    tensor_power,
)
from haar.actions.symmetry import Symmetry
from haar.actions.vector import Points, Vector

__all__ = [
    "Action",
    "Defining",
    "Determinant",
    "DirectSum",
    "Field",
    "FieldSpec",
    "Given",
    "Invariant",
    "Layout",
    "Move",
    "Points",
    "Regular",
    "Representation",
    "Space",
    "Symmetry",
    "TensorProduct",
    "Trivial",
    "Vector",
    "direct_sum",
    "field_representation",
    "tensor_power",
]
