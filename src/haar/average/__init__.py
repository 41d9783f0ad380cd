"""Average: any model made exactly symmetric, without training."""

from haar.average.anytime import Anytime, Stage, anytime
from haar.average.average import average
from haar.average.calculator import averaged_calculator
from haar.average.certificate import certificate, difference
from haar.average.density import AgainstDensity, Motion, scaling, scalings
from haar.average.distil import Distilled, DistilReport, distil
from haar.average.engine import Averaged
from haar.average.evaluation import Evaluation, FieldChange, evaluate
from haar.average.export import UntraceableError, save
from haar.average.fold import fold
from haar.average.frame import Frame
from haar.average.lightning_callback import average_callback
from haar.average.quadrature import Design, Quadrature, QuasiRandom
from haar.average.rollout import Rollout
from haar.average.sampled import Sampled
from haar.average.selected import Selected, select
from haar.average.soft import SoftAverage, SoftFit, soft
from haar.average.standard_error import MeanWithError, expected_excess, standard_error
from haar.average.student_file import write_student
from haar.average.weighted import Cosets, Draw, Given, How, Orbit, WeightedSet
from haar.average.windowed import hann_window, triangle_window
from haar.average.written import Written, write_average

__all__ = [
    "AgainstDensity",
    "Anytime",
    "Averaged",
    "Cosets",
    "Design",
    "DistilReport",
    "Distilled",
    "Draw",
    "Evaluation",
    "FieldChange",
    "Frame",
    "Given",
    "How",
    "MeanWithError",
    "Motion",
    "Orbit",
    "Quadrature",
    "QuasiRandom",
    "Rollout",
    "Sampled",
    "Selected",
    "SoftAverage",
    "SoftFit",
    "Stage",
    "UntraceableError",
    "WeightedSet",
    "Written",
    "anytime",
    "average",
    "average_callback",
    "averaged_calculator",
    "certificate",
    "difference",
    "distil",
    "evaluate",
    "expected_excess",
    "fold",
    "hann_window",
    "save",
    "scaling",
    "scalings",
    "select",
    "soft",
    "standard_error",
    "triangle_window",
    "write_average",
    "write_student",
]
