"""Runs a stepper of exponax in a process of its own: JAX starts threads, and a process with threads must not fork.

    python exponax_referee.py SPEC.json STATE.npy RESULT.npy

SPEC names the stepper, its positional and named arguments, and the number of steps (see conftest.py).
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np


def _main() -> None:
    warnings.simplefilter("ignore")
    import exponax
    import jax

    spec = json.loads(Path(sys.argv[1]).read_text())
    with jax.enable_x64():
        stepper = exponax.stepper
        for name in spec["stepper"].split("."):
            stepper = getattr(stepper, name)
        evolve = jax.jit(exponax.repeat(stepper(*spec["args"], **spec["options"]), spec["steps"]))
        np.save(sys.argv[3], np.array(evolve(np.load(sys.argv[2]))))


if __name__ == "__main__":
    _main()
