"""Weights: how a group acts on a network's parameters, and how far these are from symmetric."""

from haar.weights.distances import breaking_distance, closest_pair, orbit_distance, pair_distances, unit_clusters

__all__ = ["breaking_distance", "closest_pair", "orbit_distance", "pair_distances", "unit_clusters"]
