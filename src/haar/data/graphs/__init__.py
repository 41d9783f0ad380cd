"""Graphs on which networks for eigenvectors are compared."""

from haar.data.graphs.communities import LabelledGraph, cluster_graphs, pattern_graphs
from haar.data.graphs.two_copies import TwinTask, TwoCopies, random_graph, twin_task, two_copies

__all__ = [
    "LabelledGraph",
    "TwinTask",
    "TwoCopies",
    "cluster_graphs",
    "pattern_graphs",
    "random_graph",
    "twin_task",
    "two_copies",
]
