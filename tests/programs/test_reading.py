"""Exported programs from strangers: honest ones are read, and whatever would run, load or import is refused."""

from __future__ import annotations

import json
import pickle
import re
from collections import OrderedDict

import pytest
import torch
from strangers import Runs, X, refused
from torch import nn

from haar.cli.model_file import load_model
from haar.errors import DataError
from haar.programs import read_program


@pytest.fixture
def code(ran):
    """An expression that makes it."""
    return f"__import__('pathlib').Path({str(ran)!r}).touch()"


def first_node(described):
    return described["graph_module"]["graph"]["nodes"][-1]


def test_an_exported_program_gives_what_it_gave(put_together, exported):
    again, expected = read_program(put_together()).module()(X), exported.module()(X)
    torch.testing.assert_close(again, expected, rtol=0, atol=0)
    assert list(again) == ["z", "rest"]


def test_a_program_in_a_plain_archive_is_read(parts, exported, tmp_path):
    writer = torch._C.PyTorchFileWriter(str(tmp_path / "plain.pt2"))
    for name, stored in parts.items():
        if name not in ("byteorder", ".data/version", ".data/serialization_id"):
            writer.write_record(name, stored, len(stored))
    writer.write_end_of_file()
    found = read_program(tmp_path / "plain.pt2").module()(X)
    assert torch.equal(found["z"], exported.module()(X)["z"])


def test_inputs_of_another_shape_are_still_refused(put_together):
    module = read_program(put_together()).module()
    with pytest.raises(RuntimeError, match="2\\*s"):
        module(torch.zeros(3, 3))


class Branches(nn.Module):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = x @ x.mT
        return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,)), y.float()


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 4, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(4, 2, batch_first=True)

    def forward(self, x):
        return self.attention(self.rnn(x[None])[0])


class Waves(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 3, 3, dtype=torch.complex64))

    def forward(self, x):
        return torch.fft.irfft(torch.einsum("bx,xio->bxo", torch.fft.rfft(x), self.weight).sum(1), n=3)


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"),
            nn.GroupNorm(2, 4),
            nn.GELU(),
            nn.MaxPool2d(2),
            nn.ConvTranspose2d(4, 4, 2, stride=2),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.utils.parametrizations.weight_norm(nn.Linear(16, 2)),
        )

    def forward(self, x):
        return self.net(x[:, None, None, :].expand(-1, 1, 3, -1).repeat(1, 1, 2, 2))


class Ordered(nn.Module):
    def forward(self, x):
        return OrderedDict(out=x.sin(), aux=x + 1)


def test_ordered_dictionaries_stay_ordered_and_notes_may_have_any_name(tmp_path):
    exported = torch.export.export(Ordered(), (X,))
    torch.export.save(exported, tmp_path / "ordered.pt2", extra_files={"größe (1)": "{}"})
    found = read_program(tmp_path / "ordered.pt2").module()(X)
    assert isinstance(found, OrderedDict)
    assert list(found) == ["out", "aux"]
    assert torch.equal(found["out"], X.sin())


class Rows(nn.Module):
    def forward(self, x):
        return torch.vmap(lambda row: row.outer(row))(x)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's own, while it exports
def test_a_program_with_vmap_names_the_way_out(tmp_path):
    exported = torch.export.export(Rows(), (X,))
    torch.export.save(exported, tmp_path / "rows.pt2")
    with pytest.raises(DataError, match=r"is not run; export the model with run_decompositions\(\)"):
        read_program(tmp_path / "rows.pt2")
    torch.export.save(exported.run_decompositions(), tmp_path / "rows.pt2")
    assert torch.equal(read_program(tmp_path / "rows.pt2").module()(X), Rows()(X))


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # torch's own, while it exports
@pytest.mark.parametrize(
    ("model", "lowered"), [(Branches, False), (Sequence, False), (Waves, True), (Image, False), (Image, True)]
)
def test_programs_of_many_kinds_are_read(model, lowered, tmp_path):
    torch.manual_seed(0)
    exported = torch.export.export(model().eval(), (X,))
    if lowered:
        exported = exported.run_decompositions()
    torch.export.save(exported, tmp_path / "kind.pt2")
    found = read_program(tmp_path / "kind.pt2").module()(X)
    torch.testing.assert_close(found, exported.module()(X), rtol=0, atol=0)


def test_guards_are_dropped_and_never_executed(put_together, ran, code):
    def change(described):
        described["guards_code"] = [f"{code} is None"]

    path = put_together(change)
    assert read_program(path).module()(X)["z"].shape == (4, 3)
    assert load_model(str(put_together(change)), fields=False).module(X)["z"].shape == (4, 3)
    assert not ran.exists()


def test_notes_on_nodes_are_dropped(put_together, ran, code):
    def change(described):
        for node in described["graph_module"]["graph"]["nodes"]:
            node["metadata"] = {"stack_trace": f"\n{code}\n", "source_fn_stack": "a,torch.hub.load", "custom": "[1"}
        described["graph_module"]["metadata"] = {"custom": code}

    assert read_program(put_together(change)).module()(X)["z"].shape == (4, 3)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("models/model.txt", "a second model, or one under another name"),
        ("models/model.json.txt", "a second model"),
        ("models/other.json", "a second model"),
        ("models/modelXjson", "a second model"),
        ("models/MODEL.json", "the same name twice but for capitals"),
        ("Models/model.json", "the same name twice but for capitals"),
        ("data/aotinductor/model/model.so", "of a compiled library"),
        ("data/aotinductor/model/model.wrapper.so", "of a compiled library"),
        ("data/constants/custom_obj_0", "is a pickled object"),
        ("data/constants/opaque_obj_0", "is a pickled object"),
        ("data/constants/opaque_obj_0/tensor_0", "is a pickled object"),
        ("data/constants/model.pt", "tensors twice"),
        ("data/weights/model.pt", "tensors twice"),
        ("data/weights/other.pt", "is no entry that torch.export.save writes"),
        ("data/weights/weight_0.so", "is no entry"),
        ("data/weights/weight_\u0661", "is no entry"),
        ("data/executorch/model.pte", "is no entry"),
        ("code/model.py", "is no entry"),
        ("serialized_exported_program.json", "the format of torch 2.7 and older"),
        ("version", "version: expected a number"),
    ],
)
def test_entries_that_are_not_on_the_list_are_refused(put_together, ran, name, message):
    refused(put_together(**{name.replace(".", "_DOT_"): pickle.dumps(Runs(ran))}), ran, message)


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load",
        "torch.load",
        "torch.ops.load_library",
        "torch.utils.cpp_extension.load",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.aten.manual_seed.default",
        "torch.ops.aten.set_.source_Storage",
        "torch.ops.aten.resize_.default",
        "torch.ops.aten.relu.out",
        "torch.ops.aten.relu",
        "torch.ops.aten.relu.default.__call__",
        "torch.ops.aten.max_unpool2d.default",
        "torch.ops.aten._index_put_impl_.default",
        "torch.ops.higher_order.print",
        "torch.ops.higher_order.call_torchbind",
        "torch.ops.prim.Print.default",
        "torch.ops.haar.anything.default",
        "_operator.methodcaller",
        "_operator.attrgetter",
        "_operator.setitem",
        "_operator.lshift",
        "math.factorial",
        "math.comb",
        "builtins.eval",
        "os.system",
        "#haar:anything",
        "",
        None,
        ["torch.ops.aten.relu.default"],
    ],
)
def test_operators_that_are_not_on_the_list_are_refused(put_together, ran, target):
    def change(described):
        first_node(described)["target"] = target

    refused(put_together(change), ran, "is no operator that is known to compute on tensors alone")


def test_operators_are_refused_in_inner_graphs_too(put_together, ran):
    def change(described):
        for node in described["graph_module"]["graph"]["nodes"]:
            for argument in node["inputs"]:
                if "as_graph" in argument["arg"]:
                    argument["arg"]["as_graph"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.from_file.default"

    refused(put_together(change), ran, "is no operator that is known to compute on tensors alone")


@pytest.mark.parametrize(
    "argument",
    [
        {"as_operator": "torch.hub.load"},
        {"as_custom_obj": {"name": "x", "class_fqn": "a.b"}},
        {"as_string_to_argument": {"a": {"as_int": 1}}},
        {"as_graph": {"name": "forward", "graph": {}}},
        {"as_int": 2**63},
        {"as_int": True},
        {"as_int": 1, "as_float": 2.0},
        {"as_device": {"type": "privateuseone", "index": None}},
        {"as_layout": 1},
    ],
    ids=lambda argument: next(iter(argument)),
)
def test_arguments_that_are_not_plain_are_refused(put_together, ran, argument):
    def change(described):
        first_node(described)["inputs"][0]["arg"] = argument

    refused(put_together(change), ran, r"models/model\.json")


def test_a_power_that_would_fill_the_memory_is_refused(put_together, ran):
    def change(described):
        node = next(n for n in described["graph_module"]["graph"]["nodes"] if n["target"] == "_operator.floordiv")
        node["target"] = "_operator.pow"
        node["inputs"][1]["arg"] = {"as_int": 10**12}

    refused(put_together(change), ran, "a power of at most 64, written out")


@pytest.mark.parametrize(
    "size", ["{code}", "Symbol('s0').__class__", "S('{code}')", "9**9**9", "Symbol({code!r})", "lambda: 0"]
)
def test_sizes_that_are_no_arithmetic_are_refused(put_together, ran, code, size):
    def change(described):
        values = described["graph_module"]["graph"]["sym_int_values"]
        next(iter(values.values()))["as_expr"]["expr_str"] = size.format(code=code)

    refused(put_together(change), ran, "a size that is arithmetic of symbols and small numbers")


@pytest.mark.parametrize("symbol", ["u999999999999", "s0 + {code}", "u0 + 1"])
def test_ranges_of_what_is_no_symbol_are_refused(put_together, ran, code, symbol):
    def change(described):
        described["range_constraints"][symbol.format(code=code)] = {"min_val": 0, "max_val": 4}

    refused(put_together(change), ran, "range_constraints")


def rename(described, old, new):
    """Everywhere, as a writer of such a file would."""
    text = json.dumps(described).replace(json.dumps(old), json.dumps(new))
    described.clear()
    described.update(json.loads(text))


@pytest.mark.parametrize("new", ["x=({code})", "x\n    {code}\n    y", "x): {code} #", "class", "\u0445", "", "1x"])
@pytest.mark.parametrize("old", ["x", "linear"])
def test_names_that_would_become_code_are_refused(put_together, ran, code, old, new):
    refused(put_together(lambda described: rename(described, old, new.format(code=code))), ran, "a name of letters")


@pytest.mark.parametrize(
    "new",
    [
        'linear") or {code} or getattr(self, "linear',
        "linear.__class__.forward",
        "forward.weight",
        "linear.forward",
        "__class__",
        "a..b",
        "linear.\u0445",
    ],
)
def test_weights_under_the_names_of_a_modules_own_parts_are_refused(put_together, ran, code, new):
    refused(
        put_together(lambda described: rename(described, "linear.weight", new.format(code=code))),
        ran,
        "the name of a parameter or buffer",
    )


def test_names_of_arguments_that_would_become_code_are_refused(put_together, ran, code):
    def names(described):
        described["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"] = [f"x=({code})"]

    def keywords(described):
        call = described["graph_module"]["module_call_graph"][0]["signature"]
        leaf = {"type": None, "context": None, "children_spec": []}
        arguments = {"type": "builtins.tuple", "context": "null", "children_spec": []}
        words = {"type": "builtins.dict", "context": json.dumps([f"x=({code})"]), "children_spec": [leaf]}
        root = {"type": "builtins.tuple", "context": "null", "children_spec": [arguments, words]}
        call["in_spec"], call["forward_arg_names"] = json.dumps([1, root]), None

    def of_a_node(described):
        node = next(n for n in described["graph_module"]["graph"]["nodes"] if n["target"] == "_operator.floordiv")
        node["target"] = "math.floor"
        node["inputs"] = [{"name": f"x=({code})", "arg": {"as_int": 1}, "kind": 2}]

    refused(put_together(names), ran, "a name of letters")
    refused(put_together(keywords), ran, "a name of letters")
    refused(put_together(of_a_node), ran, "the name of an argument")


@pytest.mark.parametrize(
    ("kind", "context"),
    [
        ("collections.defaultdict", {"default_factory_module": "os", "default_factory_name": "getcwd"}),
        ("collections.namedtuple", "os.stat_result"),
        ("collections.OrderedDict", ["a", "a"]),
        ("collections.deque", 2),
        ("builtins.dict", {"__enum__": True, "fqn": "antigravity:x", "name": "y"}),
        ("builtins.dict", [{"__enum__": True, "fqn": "antigravity:x", "name": "y"}]),
        ("builtins.dict", ["a", "a"]),
        ("builtins.dict", ["a"]),
        ("builtins.dict", ["a", "b", "c"]),
        (None, None),
    ],
)
def test_containers_that_would_be_imported_are_refused(put_together, ran, kind, context):
    def change(described):
        call = described["graph_module"]["module_call_graph"][0]["signature"]
        leaf = {"type": None, "context": None, "children_spec": []}
        spec = {"type": kind, "context": json.dumps(context), "children_spec": [leaf, leaf]}
        call["out_spec"] = json.dumps([1, spec])

    refused(put_together(change), ran, "out_spec")


def test_what_stands_beside_the_grammar_is_refused(put_together, ran):
    def more(described):
        described["graph_module"]["graph"]["code"] = "import os"

    refused(put_together(more), ran, "expected no other key than .*, got 'code'")


def test_objects_of_classes_are_refused(put_together, ran):
    def value(described):
        described["graph_module"]["graph"]["custom_obj_values"] = {"x": {"name": "x", "class_fqn": "a.b"}}

    def spec(described):
        described["graph_module"]["signature"]["input_specs"][0] = {
            "custom_obj": {"arg": {"name": "x", "class_fqn": "a.b"}, "custom_obj_name": "x"}
        }

    def verifier(described):
        described["verifiers"] = ["anything"]

    refused(put_together(value), ran, "objects of a class, which could run code")
    refused(put_together(spec), ran, "expected one of user_input, parameter")
    refused(put_together(verifier), ran, "verifiers")


def test_no_key_stands_twice(parts, put_together, ran):
    twice = parts["models/model.json"].decode().replace('"guards_code"', '"verifiers": [], "guards_code"').encode()
    refused(put_together(models__model_DOT_json=twice), ran, "a key that stands twice")


def test_nests_that_are_too_deep_are_one_line(put_together, ran):
    refused(put_together(models__model_DOT_json=b"[" * 100_000), ran, "no JSON that can be read")


def test_a_graph_that_does_not_fit_together_is_one_line(put_together, capfd):
    def change(described):
        described["graph_module"]["graph"]["outputs"][0] = {"as_tensor": {"name": "nothing"}}

    with pytest.raises(DataError, match=re.escape("model.pt2: not a readable torch.export file (KeyError")):
        read_program(put_together(change))
    assert capfd.readouterr().err == ""


def test_a_damaged_file_is_named(put_together, tmp_path):
    path = put_together()
    cut = tmp_path / "cut.pt2"
    cut.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"cut\.pt2: not a readable torch\.export file: no archive that can be read"):
        read_program(cut)
    with pytest.raises(DataError, match="no such file"):
        read_program(tmp_path / "none.pt2")
