"""Finite symmetries of a model: closed designs, refinement, verification by words; point groups and shifts of grids."""

from haar.discover.finite.elements import Elements, elements

__all__ = ["Elements", "elements"]
