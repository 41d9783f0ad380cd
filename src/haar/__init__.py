"""Symmetry in machine-learning models: audit, average, relax, enforce, align and follow it."""
