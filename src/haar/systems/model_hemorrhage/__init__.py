"""Model hemorrhage: what compression costs, where it breaks, and whether that depends on the choice of parameters."""
