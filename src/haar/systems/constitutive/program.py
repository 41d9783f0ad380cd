"""A trained law as a program that any code can call: stress and tangent, in one exported graph of plain operators."""

from __future__ import annotations

import copy
import importlib.resources
import shutil
import subprocess
import sysconfig
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from haar.errors import HaarError
from haar.programs import write_program
from haar.systems.constitutive.history import HistoryLaw
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.notation import FileNotation, components_to_mandel, mandel_to_components, named_notation

#: Rows of the example that is traced: neither 0 nor 1, which torch takes for constants.
_ROWS = 5


class StressAndTangent(nn.Module):
    """A law between components as a code writes them: strain to stress and dS/dE; with history also the state.

    Args:
        law: In Mandel's coordinates.
        notation: How the code writes components; ``"abaqus"`` is what a UMAT is given.

    Example:
        >>> from haar.systems.constitutive.hyperelastic import Hyperelastic
        >>> S, C = StressAndTangent(Hyperelastic("cubic", width=4))(torch.zeros(2, 6, dtype=torch.float64))
        >>> S.shape, C.shape
        (torch.Size([2, 6]), torch.Size([2, 6, 6]))
    """

    def __init__(self, law: Law | HistoryLaw, notation: str | FileNotation = "abaqus") -> None:
        super().__init__()
        self.law = law
        self.notation = named_notation(notation) if isinstance(notation, str) else notation
        eye = torch.eye(law.material.tensors.dim, dtype=torch.float64)
        # rows: a component of the code in Mandel's coordinates, and a coordinate in the code's components
        self.register_buffer(
            "strain_in", components_to_mandel(eye, self.notation.strain).contiguous(), persistent=False
        )
        self.register_buffer(
            "stress_out", mandel_to_components(eye, self.notation.stress).contiguous(), persistent=False
        )
        self.strain_in: Tensor
        self.stress_out: Tensor

    def forward(self, strain: Float[Tensor, "batch n"], *state: Tensor) -> tuple[Tensor, ...]:
        """Stress, tangent, and the state after the increment where there is one."""
        x = strain @ self.strain_in
        after: tuple[Tensor, ...] = ()
        if isinstance(self.law, HistoryLaw):
            stress, tangent, moved = self.law.response(x, state[0])
            after = (moved,)
        else:
            stress, tangent = self.law.response(x)
        return stress @ self.stress_out, self.stress_out.mT @ tangent @ self.strain_in.mT, *after

    def example(self, rows: int = _ROWS) -> tuple[Tensor, ...]:
        """Inputs to trace with: distinct small strains, and states."""
        n = self.law.material.tensors.dim
        source = torch.Generator().manual_seed(0)
        strain = 0.01 * torch.randn(rows, n, dtype=torch.float64, generator=source)
        return (strain, self.law.initial_state((rows,))) if isinstance(self.law, HistoryLaw) else (strain,)


def export_law(law: Law | HistoryLaw, notation: str | FileNotation = "abaqus") -> torch.export.ExportedProgram:
    """Stress and tangent as an exported program with a free number of points; derivatives are part of the graph.

    Args:
        law: The law.
        notation: How the caller writes components.

    Raises:
        HaarError: If torch cannot export it.
    """
    module = StressAndTangent(copy.deepcopy(law), notation).eval()
    for p in module.parameters():
        p.requires_grad_(False)
    try:
        with torch.no_grad():
            graph = make_fx(module, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*module.example())
        _complete(graph)
        rows = torch.export.Dim("points", min=1, max=2**31)
        shapes = tuple({0: rows} for _ in module.example())
        return torch.export.export(graph, module.example(), dynamic_shapes=shapes, strict=False)
    except Exception as error:  # every kind: torch's own tracing errors have no base
        first = next(iter(str(error).splitlines()), "")
        raise HaarError(f"torch.export cannot trace this law: {type(error).__name__}: {first}") from error


def _complete(graph: torch.fx.GraphModule) -> None:
    """Have every constant in memory of its own: torch cannot write one that is a part of another."""
    for node in graph.graph.nodes:
        if node.op != "get_attr" or not isinstance(constant := getattr(graph, node.target), Tensor):
            continue
        own = constant.detach().clone(memory_format=torch.contiguous_format)
        if isinstance(constant, nn.Parameter):
            own = nn.Parameter(own, requires_grad=False)
        setattr(graph, node.target, own)


def write_law_program(law: Law | HistoryLaw, path: Path, notation: str | FileNotation = "abaqus") -> None:
    """Write stress and tangent as a .pt2 file, which `torch.export.load` reads.

    Args:
        law: The law.
        path: A .pt2 file.
        notation: How the caller writes components.

    Raises:
        HaarError: If torch cannot export it.
    """
    program = export_law(law, notation)
    told = named_notation(notation) if isinstance(notation, str) else notation
    write_program(program, path, {"haar-constitutive": f"{law.material}; {told}"})


def compile_law(law: Law | HistoryLaw, path: Path, notation: str | FileNotation = "abaqus") -> Path:
    """Compile stress and tangent to a package that C++ loads without Python.

    Args:
        law: The law.
        path: A .pt2 file.
        notation: How the caller writes components.

    Raises:
        HaarError: If there is no C++ compiler, or torch cannot compile the law.
    """
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        raise HaarError("no C++ compiler (g++ or clang++) is there; --program writes the law for Python and torch")
    program = export_law(law, notation)
    try:
        torch._inductor.aoti_compile_and_package(program, package_path=str(path))  # noqa: SLF001 (torch's documented name)
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise HaarError(f"torch cannot compile this law: {type(error).__name__}: {first}") from error
    return path


def umat_source() -> str:
    """The caller in C++, in the style of a UMAT."""
    return importlib.resources.files("haar.systems.constitutive").joinpath("umat.cpp").read_text(encoding="utf-8")


def build_umat(folder: Path) -> Path:
    """Compile the caller against torch's own libraries; a program that reads strains and writes stresses and tangents.

    Args:
        folder: Where ``umat.cpp`` and ``umat`` are written.

    Raises:
        HaarError: If the compiler fails; its last line.
    """
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise HaarError("no C++ compiler (g++ or clang++) is there")
    folder.mkdir(parents=True, exist_ok=True)
    source, made = folder / "umat.cpp", folder / "umat"
    source.write_text(umat_source(), encoding="utf-8")
    home = Path(torch.__file__).parent
    command = [
        compiler, "-std=c++20", "-O0", str(source), "-o", str(made),
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        f"-I{home / 'include'}", f"-I{home / 'include/torch/csrc/api/include'}",
        f"-I{sysconfig.get_paths()['include']}",
        f"-L{home / 'lib'}", f"-Wl,-rpath,{home / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (the compiler, on our own file)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if "error" in line][:1] or ["no message"]
        raise HaarError(f"{compiler} failed on umat.cpp: {last[0]}")
    return made
