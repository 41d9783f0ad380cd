"""Material laws with exact symmetry: crystal classes, laws as modules, notations, identification, finite elements."""

from haar.systems.constitutive.checks import Check, check_law, from_callable
from haar.systems.constitutive.components import Measured, read_components, write_components
from haar.systems.constitutive.convex import ConvexLaw, SpectralPotential
from haar.systems.constitutive.detection import Detection, check_notation, detect_notation
from haar.systems.constitutive.elastic import classes, draw_patterns, elastic_constants
from haar.systems.constitutive.fitting import Fit, fit_law
from haar.systems.constitutive.history import HistoryLaw, SlidingElements, StandardMaterial, TensorGRU
from haar.systems.constitutive.hyperelastic import Hyperelastic
from haar.systems.constitutive.identification import Identification, identify
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.law_file import load_law, make_law, save_law
from haar.systems.constitutive.notation import FileNotation, Notation, named_notation
from haar.systems.constitutive.polynomials import InvariantPolynomials
from haar.systems.constitutive.program import StressAndTangent, compile_law, export_law, write_law_program
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry
from haar.systems.constitutive.tensor_network import TensorNetwork, effective_symmetry

__all__ = [
    "Check",
    "ConvexLaw",
    "Detection",
    "FileNotation",
    "Fit",
    "HistoryLaw",
    "Hyperelastic",
    "Identification",
    "InvariantPolynomials",
    "Law",
    "MaterialSymmetry",
    "Measured",
    "Notation",
    "SlidingElements",
    "SpectralPotential",
    "StandardMaterial",
    "StressAndTangent",
    "TensorGRU",
    "TensorNetwork",
    "check_law",
    "check_notation",
    "classes",
    "compile_law",
    "detect_notation",
    "draw_patterns",
    "effective_symmetry",
    "elastic_constants",
    "export_law",
    "fit_law",
    "from_callable",
    "identify",
    "load_law",
    "make_law",
    "material_symmetry",
    "named_notation",
    "read_components",
    "save_law",
    "write_components",
    "write_law_program",
]
