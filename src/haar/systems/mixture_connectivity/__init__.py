"""Mixture connectivity: mixtures of experts brought together by the order of experts, units and the gauge of gates."""
