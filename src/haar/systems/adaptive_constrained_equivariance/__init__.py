"""Approximately equivariant networks by constrained optimisation (Manolache, Chamon, Niepert, arXiv 2505.13631)."""
