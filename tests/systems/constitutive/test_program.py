"""Exported programs: equal to Python, any number of points, in the caller's notation; the caller in C++."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import torch

from haar.systems.constitutive.law_file import make_law
from haar.systems.constitutive.notation import mandel_to_components, mandel_to_stiffness, named_notation
from haar.systems.constitutive.program import StressAndTangent, build_umat, compile_law, umat_source, write_law_program

F64 = torch.float64


def test_components_are_the_callers():
    law = make_law("hyperelastic", "m-3m", size=4)
    told = named_notation("abaqus")
    x = 0.01 * torch.randn(3, 6, dtype=F64)
    S, C = StressAndTangent(law)(mandel_to_components(x, told.strain))
    stress, tangent = law.response(x)
    assert torch.allclose(S, mandel_to_components(stress, told.stress), atol=1e-14)
    assert torch.allclose(C, mandel_to_stiffness(tangent, told), atol=1e-12)


@pytest.mark.parametrize("kind", ["hyperelastic", "convex", "elastoplastic"])
def test_programs_are_the_laws(kind, tmp_path):
    law = make_law(kind, "m-3m", size=2)
    write_law_program(law, tmp_path / "law.pt2")
    program = torch.export.load(tmp_path / "law.pt2").module()
    module = StressAndTangent(law)
    for rows in (1, 7):
        inputs = module.example(rows)
        for one, other in zip(program(*inputs), module(*inputs), strict=True):
            assert torch.allclose(one, other, atol=1e-12, rtol=0)


def test_the_caller_in_cpp_is_fifty_lines_of_code():
    lines = [line for line in umat_source().splitlines() if line.strip() and not line.strip().startswith("//")]
    assert len(lines) <= 50
    assert "umat_(double* stress, double* statev, double* ddsdde" in umat_source()


# torch's own compiler warns of itself
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.slow
@pytest.mark.referee
def test_cpp_gives_pythons_numbers(tmp_path):
    if shutil.which("g++") is None:
        with pytest.raises(Exception, match="no C\\+\\+ compiler"):
            build_umat(tmp_path / "umat")
        return
    law = make_law("elastoplastic", "222", size=1)
    package = compile_law(law, tmp_path / "law.pt2")
    made = build_umat(tmp_path / "umat")
    steps = 0.01 * torch.randn(4, 6, dtype=F64, generator=torch.Generator().manual_seed(0))
    text = "\n".join(" ".join(map(repr, row)) for row in steps.tolist())
    done = subprocess.run(
        [made, "6", str(law.states)], input=text, capture_output=True, text=True, check=True,
        env={**os.environ, "HAAR_LAW": str(package)},
    )  # fmt: skip
    found = torch.tensor([[float(word) for word in line.split()] for line in done.stdout.splitlines()], dtype=F64)
    module, strain, state = StressAndTangent(law), torch.zeros(1, 6, dtype=F64), law.initial_state((1,))
    for step, row in zip(steps, found, strict=True):
        strain = strain + step
        S, C, state = module(strain, state)
        assert torch.allclose(row[:6], S[0], atol=1e-12, rtol=0)
        assert torch.allclose(row[6:].reshape(6, 6), C[0].mT, atol=1e-12, rtol=0)
