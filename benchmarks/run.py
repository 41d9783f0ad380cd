"""Run every benchmark, one after the other.

python benchmarks/run.py [--quick]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

#: Every benchmark, and what makes it brief.
SCRIPTS = {
    "averaging.py": ["--quick"],
    "intertwiners.py": ["--no-peer", "--rounds", "3"],
    "nn.py": ["--rounds", "3"],
    "audit.py": ["--quick"],
    "spectral.py": ["--quick"],
    "relax.py": ["--rounds", "3"],
    "moments.py": ["--quick", "--rounds", "3"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    failed = []
    for name, brief in SCRIPTS.items():
        print(f"== {name}", flush=True)
        command = [sys.executable, str(Path(__file__).parent / name), *(brief if options.quick else [])]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
