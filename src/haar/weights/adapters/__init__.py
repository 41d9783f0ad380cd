"""Tables of published architectures, bound to the names that their checkpoints have."""

from haar.weights.adapters.choice import ADAPTERS, adapted
from haar.weights.adapters.gpt2 import gpt2
from haar.weights.adapters.llama import llama
from haar.weights.adapters.rows import STREAM
from haar.weights.adapters.vit import vit
from haar.weights.untied import untied

__all__ = ["ADAPTERS", "STREAM", "adapted", "gpt2", "llama", "untied", "vit"]
