"""Equivariant variational quantum circuits for molecules."""
