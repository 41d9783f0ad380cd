"""Dynamic sparse training: networks that are sparse while they learn, and what rewiring them is good for."""
