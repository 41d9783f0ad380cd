"""Systems: one folder for each research paper, and its recipe that reproduces what the paper claims."""

from haar.systems.catalogue import SYSTEMS, System, find_system

__all__ = ["SYSTEMS", "System", "find_system"]
