"""Small models of published architectures, for tests, examples and experiments: nothing is downloaded."""

from haar.weights.small.gpt2 import SmallGPT2
from haar.weights.small.llama import LlamaSizes, SmallLlama
from haar.weights.small.mixture import SmallMixture
from haar.weights.small.vit import SmallViT

__all__ = ["LlamaSizes", "SmallGPT2", "SmallLlama", "SmallMixture", "SmallViT"]
