"""Kurkova-Kolmogorov-Arnold networks: fits, symmetry by shape, learning dynamics, equations."""
