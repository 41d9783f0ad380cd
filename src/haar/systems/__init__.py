"""Systems: one folder for each research paper, and its recipe that reproduces what the paper claims.

A system is imported when it is first used: ``haar.systems.constitutive`` after a bare ``import haar``.
"""

from haar.face import show
from haar.systems.catalogue import SYSTEMS, System, find_system

__all__ = ["SYSTEMS", "System", "find_system"]

show(__name__, nouns={})
