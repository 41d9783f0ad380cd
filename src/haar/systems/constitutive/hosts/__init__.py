"""Laws in finite-element codes: scikit-fem and torch-fem; meshes of two specimens; Newton's method."""

from haar.systems.constitutive.hosts.meshes import notched_bar, plate_with_hole
from haar.systems.constitutive.hosts.newton import NotConvergedError, Solution
from haar.systems.constitutive.hosts.skfem import Body
from haar.systems.constitutive.hosts.torchfem import to_torchfem

__all__ = ["Body", "NotConvergedError", "Solution", "notched_bar", "plate_with_hole", "to_torchfem"]
