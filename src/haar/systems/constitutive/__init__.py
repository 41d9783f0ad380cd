"""Material laws with exact symmetry."""
