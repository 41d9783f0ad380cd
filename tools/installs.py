"""The package as users install it: the wheel alone and with each of its extras, each in an environment of its own.

    python tools/installs.py                      # all extras, from the wheel in dist/
    python tools/installs.py --extras onnx,graphs
    python tools/installs.py --keep FOLDER        # an environment that is complete there is not made again

Each extra is tried by one thing that needs it, with `python` and with `python -O`; without it the same thing must fail
with a message that names a pip install of what was missing. The environments of extras see the packages of the first
one, which holds the wheel and what it asks for, so that torch is installed once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]

BARE = """
import sys, haar, torch
symmetry = haar.Symmetry.of_fields(haar.groups.dihedral(4), "density, velocity:vector")
model = torch.nn.Conv2d(3, 3, 3, padding=1)
x = torch.randn(8, 3, 8, 8)
report = haar.audit(model, symmetry, (x, x))
assert_ = haar.testing.assert_equivariant
assert_(haar.average(model, symmetry), symmetry, x, tolerance=1e-4)
try:
    haar.audit(model, symmetry, x[:, :2])
except haar.ShapeError:
    pass
else:
    sys.exit("a wrong number of channels was not refused")
try:
    assert_(model, symmetry, x)
except haar.NotEquivariantError:
    pass
else:
    sys.exit("a model that is not equivariant passed")
report.save_html("audit.html")
"""
SYMMETRIC = """
import torch, haar
symmetry = haar.Symmetry.of_fields(haar.groups.dihedral(4), "density")
model = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
x = torch.randn(2, 1, 8, 8)
"""
RELAXED = SYMMETRIC + "relaxed = haar.relax(model, symmetry, steps=100, solver={!r})\n"
#: What needs the extra.
NEEDS = {
    "onnx": SYMMETRIC + "haar.average.save(haar.average(model, symmetry), (x,), 'averaged.onnx')",
    "graphs": "from haar.data.graphs import cluster_graphs\ncluster_graphs(1)[0].data()",
    "quantum": "from haar.nn.circuits import RotationCircuit, to_pennylane\nto_pennylane(RotationCircuit(1, layers=2))",
    "chemistry": """
import torch
from haar.data.molecules import Molecules, ab_initio, to_atoms
to_atoms(Molecules.shipped("lih"))
positions = torch.tensor([[0, 0, 0], [0, 0, 0.7]], dtype=torch.float64)
ab_initio(["H", "H"], positions, method="hf", basis="sto-3g")
""",
    "cooper": RELAXED.format("cooper"),
    "lightning": RELAXED.format("damped") + "haar.relax.duals_callback(relaxed.duals)",
    "digits": "from haar.systems.renormalisation.closure import digit_classes\ndigit_classes()",
    "control": """
from haar.systems.dynamic_sparse_training.control import agents
from haar.systems.dynamic_sparse_training.options import Control
agent = Control(60, 50, 8, 0.98, 0.01, 8, 4, 5, 0.5, {"module-specific": 0.001})
agents(agent)["module-specific"](seed=0)
""",
    "testing": "from haar.testing import strategies\nstrategies.groups()",
    "transformers": """
from haar.align.checkpoints import Architecture
Architecture({"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 11}).running()
""",
    "materials": """
from haar.systems.constitutive.generators import CubicCrystal
from haar.systems.constitutive.hosts import Body, plate_with_hole
Body(plate_with_hole(cells=1), CubicCrystal())
""",
    "scale": """
from pathlib import Path
from haar.sweeps import Workers
Workers.parse("local:1").executor(Path("jobs"))
""",
    "econometrics": """
from haar.data.monthly import french_portfolios
from haar.systems.factor_networks import FAR, Training
data = french_portfolios()
FAR(training=Training(epochs=2)).fit(data.returns, data.factors[:, 0]).predict(data.returns)
""",
    "tables": "from haar.report import Table\nTable('t', ('a',), [(1,)]).to_pandas()",
}


def environment(folder: Path, *requirements: str, over: Path | None = None) -> Path:
    """A new environment, which sees the packages of another one, or the same one made before; its interpreter."""
    python, done = folder / "bin" / "python", folder / "complete"
    if done.exists():
        return python
    venv.create(folder, with_pip=True, clear=True)
    if over is not None:
        (here,) = folder.glob("lib/python*/site-packages")
        (there,) = over.glob("lib/python*/site-packages")
        (here / "over.pth").write_text(f"{there}\n")
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *constraints, *requirements], check=True)
    done.touch()
    return python


def tried(python: Path, code: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *options, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def works(what: str, python: Path, code: str, folder: Path) -> list[str]:
    """Try it with asserts and without; what went wrong."""
    wrong = []
    for options in ((), ("-O",)):
        done = tried(python, code, folder, *options)
        told = f"{what:<16}{' '.join(('python', *options)):<10}"
        print(f"{told}{'failed' if done.returncode else 'works'}", flush=True)
        if done.returncode:
            wrong.append(f"{what}: {done.stderr}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extras", default="all", help="names with commas between them, none, or all")
    parser.add_argument("--keep", type=Path, help="a folder for the environments, which stay there")
    given = parser.parse_args()
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [name for name in told["optional-dependencies"] if name != "all"]
    extras = {"all": every, "none": []}.get(given.extras, given.extras.split(","))
    wheel = ROOT / "dist" / f"haar-{told['version']}-py3-none-any.whl"
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        plain = environment(folder / "plain", str(wheel))
        wrong += works("the wheel alone", plain, BARE, folder)
        for extra in extras:
            if not (folder / extra / "complete").exists():
                without = tried(plain, NEEDS[extra], folder)
                if f"'haar[{extra}]'" not in without.stderr:
                    wrong.append(f"{extra}: without it nothing names it\n{without.stderr}")
            python = environment(folder / extra, f"haar[{extra}] @ {wheel.as_uri()}", over=folder / "plain")
            wrong += works(extra, python, NEEDS[extra], folder)
    print("\n".join(wrong))
    return len(wrong) > 0


if __name__ == "__main__":
    sys.exit(main())
