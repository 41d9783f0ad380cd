"""What gradients, multipliers and losses say about the symmetry of the data."""
