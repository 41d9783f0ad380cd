"""Generators of constitutive data."""
