"""Lattice Boltzmann: collisions that keep the lattice's symmetry, what they conserve, and their viscosities."""
