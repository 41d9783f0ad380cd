"""The code of eight pages runs as it stands there, and prints what their text says."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[1]


def _script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _script(ROOT / "tools" / "printed.py")

#: What each page must have printed; every line is a claim of its text.
PRINTED = {
    "discover": (
        "SO(3) acting as 2 x spin 1 on the inputs, 1 x spin 1 on the outputs, exact",
        "The model already respects SO(3)",
        "No continuous symmetry established. Closest: a single generator",
        "These data cannot tell: the model is linear on the data",
        "[('subspace', 12), ('leaving', 8)]",
        "so(1,3), with the compact group SO(3)",
        "keeps the quadratic form diag(1, -1, -1, -1) of the inputs, of signature (1, 3), the metric of space",
        "indistinguishable from a Gaussian",
    ),
    "saddle": ("best-response gap", "1.0 tensor([1.0000], dtype=torch.float64)", "dual: diverged at step"),
    "structural_equations": ("weak instruments for 'educ': first-stage F 9.45, effective F 9.64", "adds 0.16085"),
    "check": (
        "average\n",
        "leave alone\n",
        "relax\nRelaxed over D4 (8 copies, 100 steps, gamma = 0.",
        "S16, order 20922789888000, exact",
    ),
    "scale": ("rank 0 of 2 has <Audit of D4 over 50 samples>\nas one process: True True\n", "1 kept, 1 running"),
    "constitutive": ("torch.Size([200, 6, 6])", "The model already respects"),
    "lattice_boltzmann": ("1251\nTrue True\n{'axis': 0.033333333, 'diagonal': 0.033333333}", "'1.13e-06'"),
    "kkan": ("torch.Size([5, 1]) 12310", "all permutations of x0, x1; every sign of x0, x1", "3 6", "True"),
    "groups": (
        "['r90', 'my', 'd'] 2",
        "torch.Size([3, 52]) tensor([True, True, True])",
        "nothing to gain\nThe model breaks SO(1,3)",
        "got SO(1,3); average over the rotations in it",
        "[1, 2, 2, 2, 2, 2, 4, 4, 4, 8]",
        "<TableGroup Th, order 24> 3",
        "800 tensor(True)",
        "pass orthogonalise=True to change the basis",
        "expected a finite group of at most 500 elements",
        "rows that are permutations of 0..n-1",
        "matrices that break s0 s0 s0 = 1",
        "make the group once and pass the same object",
        "<Ext^2 defining of SO(3), dimension 3>",
    ),
    "align": (
        "**different networks**",
        "same function: True\nsame parameters: False\none network: True False\n",
        "lower half way: True\nthe mean of copies: True\n",
        "1.running_var ('units0.order',)\n4.weight (None, 'units0*')",
        "function preserved: 1 sites",
        "experts.*.0.bias, axis 1: expected 'e.units', the table says None",
    ),
    "compress": (
        "**2:4** at no level that was tried",
        "('0', '2')",
        "units: scale {'magnitude': 0.2, 'wanda': 0.0, 'obs': 0.0,",
        "canonical first: True",
    ),
    "sparse": (
        "of the masked weights are zero,",
        "critic.weight Rigl 410 of 1024\nactor.weight Static 410 of 1024\ndense: encoder.weight",
        "sparsity 0.797, equivariance error",
        "zeros of the matrix: 192 of 256",
        "state: expected masks of the same regimes, layers, steps and seed, got other regimes or layers",
    ),
    "factor_networks": (
        "off by more than 1e-4: True\nTrue\n",
        "{+-1}^3\nplain                depends on signs: True\nof absolute values   depends on signs: False\n",
        "ridge             kept: changes   fitted anew: the same\n",
        "ridge of squares  kept: the same  fitted anew: the same\n",
        "network           kept: changes   fitted anew: changes\n",
        "the score itself  kept: changes   fitted anew: -\n",
        "{'UNRATE': 1} (5, 2)",
    ),
    "geometry": (
        "0 of 6 motions leave the geometry alone",
        "tensor([2.0000, 2.0000], dtype=torch.float64)",
        "got relu in layer 'decoder.1'; replace relu",
        "1 geodesics of 100 steps: lengths 1.414 to 1.414, 0 left the chart",
        "over 7 maps; the worst, r180",
        "2 True\ntensor(",
        "0.0\ntensor([[0., 4.]])",
    ),
    "intertwiners": (
        "<OrbitIntertwiners of S8, 64 -> 64, dimension 15>",
        "dimension 27>: 15 maps in",
        "<regular of C128, dimension 128>: 128 maps in",
        "torch.Size([64, 64]) True True",
        "True torch.Size([15, 64, 64])",
        "dimension 3: 3 copies to 3, 9 numbers",
        "True True\nTrue\n6 kernels from a scalar to a scalar\n6 from a scalar to a vector",
        "1 x dimension 4, quaternionic type",
        "\n15 15\n",
        "[1, 0, 1, 0, 2, 0, 2]\n[1, 0, 1, 0, 1, 0, 1]\n[0, 1, 0, 2, 0, 3]\n[0, 1, 0, 1, 0, 1]",
        "got 'orbits' for",
        "rep: expected orthogonal matrices",
    ),
    "relax": (
        "['first', 'second', 'norm', 'last']\nTrue\nTrue\n",
        "torch.Size([2]) 2\nTrue False\n",
        "stride 2 with kernel 3 and padding 1",
        "got '' (GRU); use mode=",
        "loss at gamma = 0: ",
        "The data break C4 (",
        "\nbroken\n",
        "Validation chooses ridge weight",
    ),
    "spectral": (
        "bitwise: True",
        "[0, 0, 1, 1, 2, 2] ['W1'] not exact under signs alone",
        "signs alone wrong\neigenspaces exact\n",
        "one pass, exact: True\nexact where eigenvalues are simple; a warning where they are not",
        "['UNDEFINED'] (3,)\nwarn wrong 2 warnings\nblocks exact 0 warnings\nweighted exact 0 warnings\n",
        "a pseudovector: True\n['UNDEFINED', 'EXACT']\n",
        "equivariant under signs, built in; depends on eigenspaces",
        "component a floor\nnorm no floor",
    ),
    "force_fields": (
        "Energy, forces and stress hold under rotations, reflections, translations, order of equal atoms, ",
        "{'reflections': ['energy', 'forces']}",
        "average over {1, inversion} 2 haar.average.averaged_calculator(calculator, 'inversion')",
        "\nTrue\n",
        "<Symmetry Oh: Points, Invariant, Points, Invariant, Invariant -> Invariant>",
        "(6,)",
        "<Symmetry O(3): Points, Invariant -> Invariant, Points, Bilinear>",
    ),
    "testing": (
        "f(g x) differs from g f(x) for g = ",
        "(allowed 1e-10, 8 elements)",
        "largest difference of f(g x) and g f(x) over ",
    ),
    "examples": (
        "<Symmetry Th: Vector -> Vector> 1600 parameters\nThe model already respects Th",
        "use haar.nn.Odd, haar.nn.NormNonlinearity or haar.nn.Gated",
        "torch.Size([4])\ntorch.Size([2])\n",
        "Sym^2 defining, Sym^2 defining to Sym^2 defining: 5",
        "stride 2 with kernel 3 and padding 1",
        "Linear(in_features=3, out_features=192, bias=True) True\nTrue\n[1600, 9600]",
    ),
}


def in_words(printed: str) -> list[str]:
    """What is printed without its numbers, which differ from machine to machine."""
    return re.sub(r"[-+]?(\d[\d.]*(e[-+]?\d+)?|nan|inf)", "#", printed).split()


@pytest.mark.parametrize("page", [*PRINTED, "audit", "average", "index"])
def test_code_fits_beside_the_navigation(page):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), flags=re.DOTALL)
    assert [line for line in "\n".join(blocks).splitlines() if len(line) > TOOL.WIDTH] == []


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")  # on importing torch_geometric
@pytest.mark.parametrize("page", PRINTED)
def test_the_code_of_the_page_runs(page, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = ROOT / "docs" / f"{page}.md"
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)
    assert len(blocks) > 1
    with torch.random.fork_rng():
        told = TOOL.run(blocks, page)
    capsys.readouterr()
    printed = "".join(f"{text}\n" for text in told if text)
    shown = [below for _, below in TOOL.blocks(path.read_text())]
    assert [in_words(text) for text in told] == [in_words(text) for text in shown], f"python tools/printed.py {page}"
    for line in PRINTED[page]:
        assert line in printed
    if page == "examples":  # one is exact, the other learned
        assert re.search(r"equivariant: \de-1[3-6]\nwide plain:  \de-0[0-3]\n", printed)


@pytest.mark.parametrize("page", PRINTED)
def test_links_and_pictures_of_the_page_exist(page):
    folder = ROOT / "docs"
    text = (folder / f"{page}.md").read_text()
    for target in re.findall(r"\]\(((?!http)[^)#]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        assert (folder / target).exists(), target


def test_the_catalogue_of_the_page_is_the_groups_own():
    figure = _figure("groups")
    text = figure.PAGE.read_text()
    assert text.split(figure.BEGIN)[1].split(figure.END)[0] == figure.table()


def test_the_published_force_fields_of_the_page_are_what_was_measured():
    pytest.importorskip("ase", reason="needs the extra haar[chemistry]")
    figure = _figure("force_fields")
    found = json.loads(figure.KEPT.read_text())
    assert set(found) == set(figure.MODELS)
    assert figure.PAGE.read_text().split(figure.BEGIN)[1].split(figure.END)[0] == figure.table(found)
    assert found["emt"]["broken"] == {}


def test_the_results_of_the_page_name_every_script():
    figure = _figure("examples")
    rows = figure.PAGE.read_text().split(figure.BEGIN)[1].split(figure.END)[0].splitlines()[2:]
    scripts = {path.stem for path in (ROOT / "examples").glob("*.py")} - {"comparison"}
    assert {re.findall(r"examples/(\w+)\.py", row)[0] for row in rows} == scripts == set(figure.SCRIPTS)
    assert all(len(re.findall(r"\d\.\d{3} \(\d+\)", row)) == 4 for row in rows)


def test_the_pictures_of_the_page_on_intertwiners_show_whole_bases():
    figure = _figure("intertwiners")
    assert len(figure.matrix_maps().axes) == 15
    assert len(figure.steerable_kernels().axes) == 2 * 6


def _figure(name: str) -> ModuleType:
    """A script of `docs/figures`, without running its main."""
    return _script(ROOT / "docs" / "figures" / f"{name}.py")
