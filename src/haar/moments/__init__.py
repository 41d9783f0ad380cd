"""Cumulants through networks: laws, cumulant algebra, and what a trained model makes of an uncertain input."""
