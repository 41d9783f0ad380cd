"""Learned metrics: curvature, natural gradients, and what a symmetry is worth to a geometry learned from lengths."""
