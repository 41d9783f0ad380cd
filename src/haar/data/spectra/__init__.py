"""Spectral inputs: eigenvectors of graphs, with what is needed to know how far they can be trusted."""

from haar.data.spectra.eigenvectors import LaplacianSpectrum, laplacian_eigs
from haar.data.spectra.graph_input import adjacency, laplacian
from haar.data.spectra.spectral_health import SpectralHealth
from haar.data.spectra.transform import LaplacianEncoding

__all__ = ["LaplacianEncoding", "LaplacianSpectrum", "SpectralHealth", "adjacency", "laplacian", "laplacian_eigs"]
