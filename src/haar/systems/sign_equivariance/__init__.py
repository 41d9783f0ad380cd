"""Sign-equivariant networks and PCA frames (arXiv 2312.02339): what they can that sign-invariant ones cannot."""
