"""Readers of the files that symmetry papers compare on, in the form they were published in."""

from haar.data.particles.trajectories import ParticleTrajectories
from haar.data.published.md17 import MolecularDynamics, read_md17
from haar.data.published.modelnet import PointClouds, read_modelnet40
from haar.data.published.motion import MOTION_SPLITS, MotionSamples, MotionTrials, read_motion
from haar.data.published.particles import read_particles
from haar.data.published.qm9 import QM9_TARGETS, Molecules, read_qm9
from haar.data.published.safe_pickle import read_numbers

__all__ = [
    "MOTION_SPLITS",
    "QM9_TARGETS",
    "MolecularDynamics",
    "Molecules",
    "MotionSamples",
    "MotionTrials",
    "ParticleTrajectories",
    "PointClouds",
    "read_md17",
    "read_modelnet40",
    "read_motion",
    "read_numbers",
    "read_particles",
    "read_qm9",
]
