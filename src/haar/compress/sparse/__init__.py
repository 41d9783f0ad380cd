"""Sparse training: masks in units that a symmetry leaves whole, and regimes that change them."""
