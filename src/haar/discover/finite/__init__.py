"""Finite symmetries of a model: closed designs, refinement, verification by words."""
