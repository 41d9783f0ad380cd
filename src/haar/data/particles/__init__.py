"""Particles: simulated from the first state on, and run again from any frame."""

from haar.data.particles.charged import CLIPS, ChargedParticles, charged_particles, check_clip, initial_state, simulate
from haar.data.particles.trajectories import ParticleTrajectories

__all__ = [
    "CLIPS",
    "ChargedParticles",
    "ParticleTrajectories",
    "charged_particles",
    "check_clip",
    "initial_state",
    "simulate",
]
