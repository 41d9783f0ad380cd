"""Multipliers for the constraint "no asymmetry", and the solvers that move them."""
