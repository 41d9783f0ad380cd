"""The grammar of an exported program's graph: what each part may be; whatever runs, imports or unpickles is no part."""

from __future__ import annotations

import json
import re
from typing import Any

from torch import fx, nn

from haar.errors import DataError
from haar.programs.grammar import (
    boolean,
    keyword_name,
    listed,
    mapped,
    name,
    null,
    number,
    one_of,
    optional,
    parse,
    record,
    refusal,
    text,
    union,
    whole,
)
from haar.programs.operators import OF_GRAPHS, POWER, operator
from haar.programs.sizes import SYMBOL, size_expression

_ATTRIBUTE = re.compile(r"[A-Za-z0-9_]{1,500}")
_ROOT, _INNER = frozenset(dir(fx.GraphModule)), frozenset(dir(nn.Module))
_MOST_POWER = 64

_HINT = union({"as_int": whole, "as_bool": boolean, "as_float": number})
_EXPRESSION = record({"expr_str": size_expression, "hint": optional(_HINT)})
_SIZE = union({"as_expr": _EXPRESSION, "as_int": whole})
#: A tensor's dtype, as torch numbers them.
DTYPE = one_of(*range(1, 14), *range(28, 36))
#: The dense layout.
STRIDED = one_of(7)
_INDEX = optional(one_of(*range(64)))
#: Where numbers can lie.
DEVICE = record({"type": one_of("cpu", "cuda", "mps", "xpu"), "index": _INDEX})
_ANY_DEVICE = record({"type": one_of("cpu", "cuda", "mps", "xpu", "meta"), "index": _INDEX})
_META = record(
    {
        "dtype": DTYPE,
        "sizes": listed(_SIZE),
        "requires_grad": boolean,
        "device": _ANY_DEVICE,
        "strides": listed(_SIZE),
        "storage_offset": _SIZE,
        "layout": STRIDED,
    }
)
_TENSOR = record({"name": name})
_SYM_INT = union({"as_name": name, "as_int": whole})
_SYM_FLOAT = union({"as_name": name, "as_float": number})
_SYM_BOOL = union({"as_name": name, "as_bool": boolean})
_OPTIONAL_TENSOR = union({"as_tensor": _TENSOR, "as_none": null})
_PLAIN = {
    "as_none": null,
    "as_tensor": _TENSOR,
    "as_int": whole,
    "as_float": number,
    "as_bool": boolean,
    "as_sym_int": _SYM_INT,
    "as_sym_float": _SYM_FLOAT,
    "as_sym_bool": _SYM_BOOL,
}
_VALUES = _PLAIN | {
    "as_tensors": listed(_TENSOR),
    "as_ints": listed(whole),
    "as_floats": listed(number),
    "as_bools": listed(boolean),
    "as_string": text,
    "as_sym_ints": listed(_SYM_INT),
    "as_sym_floats": listed(_SYM_FLOAT),
    "as_sym_bools": listed(_SYM_BOOL),
    "as_scalar_type": DTYPE,
    "as_memory_format": one_of(1, 2, 3, 4),
    "as_layout": STRIDED,
    "as_device": _ANY_DEVICE,
    "as_optional_tensors": listed(_OPTIONAL_TENSOR),
    "as_complex": record({"real": number, "imag": number}),
}


def attribute(value: Any, where: str) -> str:
    """A dotted name of a parameter or buffer, which becomes an attribute of a module; none that every module has."""
    if not isinstance(value, str) or len(value) > 1000:
        raise refusal(where, "the name of a parameter or buffer", value)
    for depth, part in enumerate(value.split(".")):
        if not _ATTRIBUTE.fullmatch(part) or part.startswith("__") or part in (_INNER if depth else _ROOT):
            raise refusal(where, "the name of a parameter or buffer, none that modules have themselves", value)
    return value


def _argument_of_graphs(value: Any, where: str) -> Any:
    return union(_VALUES | {"as_graph": record({"name": _part, "graph": graph})})(value, where)


def _part(value: Any, where: str) -> str:
    return attribute(name(value, where), where)


_named = {"name": keyword_name, "kind": optional(one_of(0, 1, 2))}
_INPUT = record(_named | {"arg": union(_VALUES)})
_INPUT_OF_GRAPHS = record(_named | {"name": one_of(""), "arg": _argument_of_graphs})
_OUTPUT = union(_PLAIN | {"as_tensors": listed(_TENSOR)})


def node(value: Any, where: str) -> dict[str, Any]:
    """One operation: an operator that is known, and plain arguments. What torch notes beside it is dropped."""
    target = operator(value.get("target"), where) if isinstance(value, dict) else ""
    made: dict[str, Any] = record(
        {
            "target": operator,
            "inputs": listed(_INPUT_OF_GRAPHS if target in OF_GRAPHS else _INPUT),
            "outputs": listed(_OUTPUT),
            "is_hop_single_tensor_return": optional(boolean),
            "name": optional(name),
        },
        dropped={"metadata": {}},
    )(value, where)
    if target == POWER:
        exponent = made["inputs"][-1]["arg"] if made["inputs"] else {}
        ((kind, power),) = exponent.items() or ((None, None),)
        if kind not in ("as_int", "as_float") or not isinstance(power, int | float) or not abs(power) <= _MOST_POWER:
            raise refusal(where, f"a power of at most {_MOST_POWER}, written out", exponent)
    return made


def graph(value: Any, where: str) -> dict[str, Any]:
    """Inputs, operations and outputs, and the shapes between them."""
    made: dict[str, Any] = record(
        {
            "inputs": listed(union(_PLAIN)),
            "outputs": listed(union(_PLAIN)),
            "nodes": listed(node),
            "tensor_values": mapped(name, _META),
            "sym_int_values": mapped(name, _SIZE),
            "sym_bool_values": mapped(name, union({"as_expr": _EXPRESSION, "as_bool": boolean})),
            "sym_float_values": optional(mapped(name, union({"as_expr": _EXPRESSION, "as_float": number}))),
            "is_single_tensor_return": optional(boolean),
            "custom_obj_values": optional(_nothing),
        }
    )(value, where)
    made["sym_float_values"] = made["sym_float_values"] or {}
    made["is_single_tensor_return"] = bool(made["is_single_tensor_return"])
    return made | {"custom_obj_values": {}}


def _nothing(value: Any, where: str) -> Any:
    if value:
        raise DataError(f"{where}: objects of a class, which could run code; export a model of plain tensors")
    return value


_CONSTANT = union({"as_none": null, "as_int": whole, "as_float": number, "as_bool": boolean})
_INPUT_SPEC = union(
    {
        "user_input": record({"arg": union(_PLAIN)}),
        "parameter": record({"arg": _TENSOR, "parameter_name": attribute}),
        "buffer": record({"arg": _TENSOR, "buffer_name": attribute, "persistent": boolean}),
        "tensor_constant": record({"arg": _TENSOR, "tensor_constant_name": attribute}),
        "constant_input": record({"name": name, "value": _CONSTANT}),
    }
)
_OUTPUT_SPEC = union(
    {
        "user_output": record({"arg": union(_PLAIN)}),
        "loss_output": record({"arg": _TENSOR}),
        "buffer_mutation": record({"arg": _TENSOR, "buffer_name": attribute}),
        "parameter_mutation": record({"arg": _TENSOR, "parameter_name": attribute}),
        "user_input_mutation": record({"arg": _TENSOR, "user_input_name": name}),
    }
)


def tree(value: Any, where: str) -> str:
    """How inputs or outputs nest: tuples, lists, dictionaries; others would be imported by their names."""
    return json.dumps([1, _root(value, where)])


def call_tree(value: Any, where: str) -> str:
    """How a call nests: a tuple of arguments and a dictionary of keywords, which become names of a function."""
    root = _root(value, where)
    parts = root["children_spec"]
    if root["type"] != "builtins.tuple" or [part["type"] for part in parts] != ["builtins.tuple", "builtins.dict"]:
        raise refusal(where, "a tuple of arguments and a dictionary of keywords", value)
    for key in json.loads(parts[1]["context"]):
        name(key, f"{where}, keyword")
    return json.dumps([1, root])


def _root(value: Any, where: str) -> dict[str, Any]:
    parsed = parse(text(value, where), where)
    if not isinstance(parsed, list) or len(parsed) != 2 or type(parsed[0]) is not int or parsed[0] != 1:
        raise refusal(where, "a tree of version 1", value)
    return _branch(parsed[1], where)


_TABLES = ("builtins.dict", "collections.OrderedDict")
_KEYS = listed(lambda value, where: value if type(value) is int else text(value, where))


def _branch(value: Any, where: str) -> dict[str, Any]:
    shape: dict[str, Any] = record(
        {
            "type": one_of(None, "builtins.tuple", "builtins.list", *_TABLES),
            "context": optional(text),
            "children_spec": listed(_branch),
        }
    )(value, where)
    kind, context, children = shape["type"], shape["context"], shape["children_spec"]
    if kind is None:
        if context is not None or children:
            raise refusal(where, "a leaf without branches", value)
        return shape
    if kind in _TABLES:
        keys = _KEYS(parse(context or "", where), where)
        if len(keys) != len(children) or len(set(keys)) != len(keys):
            raise refusal(where, "a key for each branch", keys)
        return shape | {"context": json.dumps(keys)}
    return shape | {"context": "null"}


_CALL = record(
    {
        "inputs": listed(union(_PLAIN)),
        "outputs": listed(union(_PLAIN)),
        "in_spec": call_tree,
        "out_spec": tree,
        "forward_arg_names": optional(listed(name)),
    }
)


def _calls(value: Any, where: str) -> list[Any]:
    """How the whole is called; how its parts were called is dropped."""
    if not isinstance(value, list) or not value:
        raise refusal(where, "the call of the whole model first", value)
    whole_model = record({"fqn": one_of(""), "signature": _CALL})(value[0], f"{where}[0]")
    return [whole_model]


def _range_of(value: Any, where: str) -> str:
    """A symbol or an expression that has a range; kept letter by letter, for torch looks it up so."""
    checked = size_expression(value, where)
    if value[:1] in "uz" and not SYMBOL.fullmatch(value):
        raise refusal(where, "a symbol", value)
    del checked
    return str(value)


_PROGRAM = record(
    {
        "graph_module": record(
            {
                "graph": graph,
                "signature": record({"input_specs": listed(_INPUT_SPEC), "output_specs": listed(_OUTPUT_SPEC)}),
                "module_call_graph": _calls,
            },
            dropped={"metadata": {}, "treespec_namedtuple_fields": {}},
        ),
        "opset_version": mapped(one_of("aten"), whole),
        "range_constraints": mapped(_range_of, record({"min_val": optional(whole), "max_val": optional(whole)})),
        "schema_version": record({"major": one_of(8), "minor": whole}),
        "verifiers": listed(one_of("ATEN", "TRAINING", "")),
    },
    dropped={"torch_version": "", "guards_code": []},
)


def program(stored: bytes, where: str) -> bytes:
    """The description of a program, written anew from what the grammar allows.

    Guards are source text that torch would execute, and are dropped: the sizes of inputs are checked all the same.

    Args:
        stored: The entry as it came.
        where: Name of the entry, for messages.

    Raises:
        DataError: If a part of it is not in the grammar.
    """
    try:
        return json.dumps(_PROGRAM(parse(stored, where), where), allow_nan=False).encode()
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    except RecursionError as error:
        raise DataError(f"{where}: nested too deeply") from error
