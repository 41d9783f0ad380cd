"""Lattice Boltzmann: collisions that keep the lattice's symmetry, what they conserve, and their viscosities."""

from haar.systems.lattice_boltzmann.collision_file import Design, read_collision, write_collision
from haar.systems.lattice_boltzmann.distillation import Distilled, distil
from haar.systems.lattice_boltzmann.fitting import Lesson, fit
from haar.systems.lattice_boltzmann.frozen import FrozenCollision, freeze
from haar.systems.lattice_boltzmann.host import BlowUpError, Host, Simulated, rollout, simulate
from haar.systems.lattice_boltzmann.inspection import CollisionReport, inspect_collision, measured_viscosities, on_cells
from haar.systems.lattice_boltzmann.learned import LearnedCollision, averaged, lenn, lenn_network, mlp
from haar.systems.lattice_boltzmann.lettuce_collision import as_lettuce
from haar.systems.lattice_boltzmann.lock import Lock
from haar.systems.lattice_boltzmann.moment_blocks import moment_blocks
from haar.systems.lattice_boltzmann.nco import NCO
from haar.systems.lattice_boltzmann.pairs import Pairs, draw_pairs, read_pairs
from haar.systems.lattice_boltzmann.relaxation import BGK, MRT, TRT
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.walls import Inflow, Obstacle, Outflow, Wall

__all__ = [
    "BGK",
    "MRT",
    "NCO",
    "TRT",
    "BlowUpError",
    "CollisionReport",
    "Design",
    "Distilled",
    "FrozenCollision",
    "Host",
    "Inflow",
    "LearnedCollision",
    "Lesson",
    "Lock",
    "Obstacle",
    "Outflow",
    "Pairs",
    "Simulated",
    "Stencil",
    "Wall",
    "as_lettuce",
    "averaged",
    "distil",
    "draw_pairs",
    "fit",
    "freeze",
    "inspect_collision",
    "lenn",
    "lenn_network",
    "measured_viscosities",
    "mlp",
    "moment_blocks",
    "on_cells",
    "read_collision",
    "read_pairs",
    "rollout",
    "simulate",
    "write_collision",
]
