"""What commutes with a symmetry: counted, solved, timed, and used in networks that learn from few samples."""
