"""The code keeps its shape: no circles of files, no body written twice, nothing too long to be read in one go."""

from __future__ import annotations

import ast
import builtins
import dis
import functools
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from types import CodeType

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

import haar

SOURCE = Path(haar.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION, MOST_BRANCHES, MOST_ARGUMENTS = 400, 60, 15, 9
#: Constructors that may have more arguments, as "file class", and why.
WIDE = {
    "cli/audit.py AuditOptions": "the command's own words, told by haar.cli.command: nobody writes them side by side",
    "cli/moments.py MomentsOptions": "as haar audit's",
    "cli/*options.py *": "as haar audit's, in a file of their own",
    "systems/*/options.py *": "the fields are a preset's JSON, read by name and checked to the last word",
    "audit/share.py Share": "what crosses a process border, field by field; an audit makes it and nobody writes it out",
    "systems/claim.py *": "a row of the table of claims: each field is a column of the report, given by name",
    "nn/convolution.py Conv": "torch.nn.Conv2d's arguments under torch's names, with the representations for channels",
}
#: Functions that take an argument by its place only, and why.
BY_PLACE = {
    "training/checkpoint.py load_state_dict": "children of torch's classes call it by several names",
    "systems/group_averaging/surrogates/windows.py __getitem__": "as torch's datasets",
}
#: What draws random numbers in torch; methods that do so in place have an underscore behind.
DRAWS = {
    "bernoulli",
    "exponential",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "randint",
    "randn",
    "randperm",
    "uniform",
}
#: Files whose draws follow torch's global seed, and why.
GLOBAL = {
    "systems/*": "networks as papers publish them begin as torch's own layers do",
    "weights/small/*": "as systems",
}
#: Dataclasses whose fields are set anew, and why: what was found or told stays as it was.
CHANGING = {
    "audit/share.py Share": "sums that grow with every batch",
    "average/planner.py _Known": "what trials have told so far",
    "compress/evaluation.py Evaluation": "works out what its metrics need",
    "discover/finite/near_search.py NearSearch": "a search, from step to step",
    "discover/finite/search.py Search": "a search, from step to step",
    "discover/grid_fields.py GridFields": "says what it has left out",
    "moments/dense.py DenseState": "moments, from layer to layer",
    "moments/orbit_backend.py OrbitState": "moments, from layer to layer",
    "moments/program.py Program": "a list of steps that is being built",
    "relax/duals/cooper_solver.py Cooper": "multipliers, from step to step",
    "relax/duals/damped.py Damped": "multipliers, from step to step",
    "relax/duals/paper.py Paper": "multipliers, from step to step",
    "relax/duals/ridge.py Ridge": "multipliers, from step to step",
    "relax/duals/solver.py Solver": "multipliers, from step to step",
    "relax/duals/solver.py Variables": "multipliers, from step to step",
    "systems/adaptive_constrained_equivariance/trial.py Arm": "its setting is one of several that are tried",
    "systems/constitutive/hosts/newton.py Solution": "its host completes it",
    "systems/constitutive/hosts/skfem.py Body": "works out its basis",
    "systems/dynamic_sparse_training/control.py Agent": "works out its pairs of networks",
    "tracing/recording.py Recorded": "its shape is known after the step",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """Every file, read once."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def module_of(path: Path, root: Path = SOURCE) -> str:
    parts = ("haar", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, known: set[str]) -> set[str]:
    """Modules that a file takes something from, anywhere in it; a face of a folder is no file of ideas."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & known or {node.module}
    return found & known


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Sets of more than one file that all reach each other."""
    names = sorted(graph)
    arrows = np.array([[other in graph[name] for other in names] for name in names], dtype=float)
    _, label = connected_components(csr_array(arrows), connection="strong")
    sets = [[name for name, own in zip(names, label, strict=True) if own == each] for each in sorted(set(label))]
    return [files for files in sets if len(files) > 1]


@functools.cache
def functions() -> list[tuple[str, Function, list[ast.stmt]]]:
    """Every function with its place and its body without the docstring."""
    return [
        (
            f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}",
            node,
            node.body[1:] if ast.get_docstring(node) is not None else node.body,
        )
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]


def branches(function: Function) -> int:
    """Cyclomatic complexity: one, and one more for every way to go another way."""
    count, queue = 1, list(ast.iter_child_nodes(function))
    while queue:
        node = queue.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        count += isinstance(node, (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case))
        count += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        count += 1 + len(node.ifs) if isinstance(node, ast.comprehension) else 0
        queue += ast.iter_child_nodes(node)
    return count


def test_files_form_no_circles():
    known = {module_of(path) for path in FILES}
    faces = {module_of(path) for path in FILES if path.name == "__init__.py"}
    graph = {
        module_of(path): imports(tree, known) - faces - {module_of(path)}
        for path, tree in trees().items()
        if path.name != "__init__.py"
    }
    assert circles(graph) == []


def test_circles_are_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_no_body_is_written_twice():
    twins = defaultdict(list)
    for place, _, body in functions():
        if body and (body[-1].end_lineno or 0) - body[0].lineno >= 2:
            twins["".join(ast.dump(statement) for statement in body)].append(place)
    assert [places for places in twins.values() if len(places) > 1] == []


def test_a_file_holds_one_idea():
    long = {str(path.relative_to(SOURCE)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_what_was_found_does_not_change():
    changing = set()
    for path, tree in trees().items():
        for node in ast.walk(tree):
            marks = [ast.unparse(each) for each in node.decorator_list] if isinstance(node, ast.ClassDef) else []
            if any(mark.startswith("dataclass") and "frozen=True" not in mark for mark in marks):
                changing.add(f"{path.relative_to(SOURCE)} {node.name}")
    assert changing == set(CHANGING)


def test_arguments_can_be_given_by_name():
    places = [(place.split(":")[0], node.name) for place, node, _ in functions() if node.args.posonlyargs]
    assert {f"{path} {name}" for path, name in places} == set(BY_PLACE)


def draws(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of torch that draw random numbers, by its functions or by tensors' own methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            by_torch = getattr(node.func.value, "id", "") == "torch"
            if node.func.attr in (DRAWS if by_torch else {f"{name}_" for name in DRAWS}):
                yield node


def test_what_is_drawn_says_by_which_generator():
    unsaid = set()
    for path in FILES:
        place = path.relative_to(SOURCE).as_posix()
        code = path.read_text(encoding="utf-8")
        calls = list(draws(ast.parse(code))) if any(name in code for name in DRAWS) else []
        if any("generator" not in {each.arg for each in call.keywords} for call in calls):
            unsaid.add(next((free for free in GLOBAL if fnmatchcase(place, free)), place))
    assert unsaid == set(GLOBAL)


def test_draws_are_seen():
    code = "torch.randn(2); x.normal_(); torch.rand(2, generator=g); x.sample(3); torch.ones(2); numpy.normal()"
    assert [ast.unparse(call) for call in draws(ast.parse(code))] == [
        "torch.randn(2)",
        "x.normal_()",
        "torch.rand(2, generator=g)",
    ]


def refusals() -> Iterator[tuple[str, ast.Call]]:
    """Every call of an error that names an argument, what was expected and what came."""
    bases = {
        node.name: {getattr(base, "id", "") for base in node.bases}
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    names = {"ArgumentError"}
    while more := {name for name, own in bases.items() if own & names} - names:
        names |= more
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def test_a_refusal_says_what_was_expected_and_what_came():
    said = {place: {keyword.arg for keyword in call.keywords} for place, call in refusals()}
    assert len(said) > 1000
    # None is what keywords are called that come from elsewhere as they are.
    assert [place for place, words in said.items() if not {"expected", "got"} <= words and None not in words] == []


def test_a_function_can_be_read_in_one_go():
    lines = {place: (body[-1].end_lineno or 0) - body[0].lineno + 1 for place, _, body in functions() if body}
    assert {place: count for place, count in lines.items() if count > LONGEST_FUNCTION} == {}
    ways = {place: branches(node) for place, node, _ in functions()}
    assert {place: count for place, count in ways.items() if count > MOST_BRANCHES} == {}


def constructors() -> Iterator[tuple[str, int]]:
    """Every class with a constructor of its own, and how many arguments that has."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            name = f"{path.relative_to(SOURCE).as_posix()} {node.name}"
            made = next((f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
            if made is not None:
                yield name, len(made.args.posonlyargs + made.args.args + made.args.kwonlyargs) - 1
            elif any("dataclass" in ast.unparse(mark) for mark in node.decorator_list):
                fields = [ast.unparse(field) for field in node.body if isinstance(field, ast.AnnAssign)]
                yield name, sum("ClassVar" not in field for field in fields)


def test_a_constructor_has_few_arguments():
    many = {name: count for name, count in constructors() if count > MOST_ARGUMENTS}
    assert {name: count for name, count in many.items() if not any(fnmatchcase(name, wide) for wide in WIDE)} == {}
    assert [wide for wide in WIDE if not any(fnmatchcase(name, wide) for name in many)] == []  # no exception is idle


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("def f(x): return x", 1),
        ("def f(x):\n  if x and x > 1 or x: return 1\n  return [y for y in x if y]", 6),
        ("def f(x):\n  def g():\n    if x: return 1\n  return g", 1),
    ],
)
def test_branches_are_counted_by_hand(code, count):
    (function,) = ast.parse(code).body
    assert branches(function) == count


def globals_of(code: CodeType) -> Iterator[str]:
    """Names that a piece of code, and the code inside it, look up outside itself."""
    yield from (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from globals_of(inner)


def missing(source: str) -> set[str]:
    """Names that a file uses and nobody defines."""
    known = set(dir(builtins)) | {"__name__", "__file__", "__doc__", "__annotations__", "__module__", "__qualname__"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            known.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            known |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ExceptHandler) and node.name:
            known.add(node.name)
    return set(globals_of(compile(source, "a file", "exec"))) - known


def test_every_name_that_is_used_is_there():
    """What the linters cannot say of files whose annotations hold names of dimensions."""
    found = {str(path.relative_to(SOURCE)): missing(path.read_text(encoding="utf-8")) for path in FILES}
    assert {name: names for name, names in found.items() if names} == {}


def test_missing_names_are_seen():
    assert missing("import math\ndef f(x):\n    return math.pi + lost(x)\n") == {"lost"}
