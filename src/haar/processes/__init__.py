"""Several processes as one: who is here, which part each reads, what is passed on, and who is lost."""

from haar.processes.fabric import ranks_of
from haar.processes.fingerprints import fingerprint, fingerprint_of_model, versions
from haar.processes.launcher import EndedError, launched, torchrun
from haar.processes.pulse import LostRankError
from haar.processes.ranks import Ranks
from haar.processes.sections import Section, section, sections

__all__ = [
    "EndedError",
    "LostRankError",
    "Ranks",
    "Section",
    "fingerprint",
    "fingerprint_of_model",
    "launched",
    "ranks_of",
    "section",
    "sections",
    "torchrun",
    "versions",
]
