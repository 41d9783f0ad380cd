"""Discover: which symmetry does a model, or a data set, have, when nobody says?"""
