# What type checkers see of `haar`; written by tools/face_stub.py.
from haar import actions as actions
from haar import compress as compress
from haar import data as data
from haar import dynamics as dynamics
from haar import groups as groups
from haar import intertwiners as intertwiners
from haar import moments as moments
from haar import nn as nn
from haar import report as report
from haar import statistics as statistics
from haar import systems as systems
from haar import testing as testing
from haar import training as training
from haar import weights as weights
from haar._verbs import align as align
from haar._verbs import audit as audit
from haar._verbs import average as average
from haar._verbs import relax as relax
from haar.actions import Action as Action
from haar.actions import Field as Field
from haar.actions import FieldSpec as FieldSpec
from haar.actions import Invariant as Invariant
from haar.actions import Layout as Layout
from haar.actions import Points as Points
from haar.actions import Representation as Representation
from haar.actions import Symmetry as Symmetry
from haar.actions import Vector as Vector
from haar.errors import ArgumentError as ArgumentError
from haar.errors import DataError as DataError
from haar.errors import HaarError as HaarError
from haar.errors import NotEquivariantError as NotEquivariantError
from haar.errors import ShapeError as ShapeError
from haar.groups import Group as Group
from haar.relax import enforce as enforce
from haar.relax import homotopise as homotopise

__version__: str
