"""A traced graph without its side effects: in-place writes followed to every name of the memory, or refused."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from haar.moments.step_builder import UnsupportedModuleError
from haar.tracing import Followed, Steps

#: Mark of a step that writes into its argument, in the metadata of its node.
WRITES = "writes"


def without_side_effects(followed: Followed, inputs: Sequence[Any]) -> None:
    """Rewrite a graph so that every step only returns a value, and drop the steps whose value nobody reads.

    The graph is run once. Where a step wrote into memory, what reads that memory afterwards reads the step's result
    instead, under whatever name (the tensor itself, a detached alias of it). A name that sees only a part of what was
    written, or more than it, is refused.

    Args:
        followed: The model; its graph is changed.
        inputs: Values of the placeholders, in their order.

    Raises:
        UnsupportedModuleError: If memory that was written is read through another view, or belongs to the model.

    Example:
        >>> from torch import nn
        >>> from haar.tracing import follow
        >>> class Model(nn.Module):
        ...     def forward(self, x):
        ...         h = 2 * x
        ...         torch.relu_(h)
        ...         return h
        >>> followed = follow(Model(), [torch.zeros(2, 3)])
        >>> without_side_effects(followed, [torch.zeros(2, 3)])
        >>> [node.name for node in followed.graph.nodes][-1], followed.graph.output_node().args[0].name
        ('output', 'relu_')
    """
    run = _Watched(followed)
    try:
        run.through(iter(inputs))
    except UnsupportedModuleError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever the model raises: the walk names the step that cannot be run)
        del error
    for node in reversed(followed.graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            followed.graph.erase_node(node)


class _Watched(Steps):
    """Runs a graph and looks after every step which memory it wrote."""

    def __init__(self, followed: Followed) -> None:
        super().__init__(followed)
        self.own = {name for name, _ in followed.model.named_parameters()}
        self.copies: dict[str, Any] = {}
        self.place = {node: at for at, node in enumerate(self.graph.nodes)}

    def through(self, inputs: Iterator[Any]) -> None:
        """Run all steps."""
        with torch.no_grad():
            for node in list(self.graph.nodes):
                before = [(t, t._version) for value in self.env.values() for t in _tensors(value)]  # noqa: SLF001
                self.env[node] = next(inputs) if node.op == "placeholder" else self._value(node)
                written = [t for t, version in before if t._version != version]  # noqa: SLF001 (torch counts writes)
                if written:
                    self._redirect(node, {_storage(t) for t in written})

    def _value(self, node: fx.Node) -> Any:
        if node.op == "get_attr":  # a copy: the model's own parameters are not written
            name = str(node.target)
            if name not in self.copies:
                found = self.fetch_attr(name)
                self.copies[name] = found.detach().clone() if isinstance(found, Tensor) else found
            return self.copies[name]
        made = self.run_node(node)
        return self.env[node.args[0]] if node.target is operator.setitem else made  # type: ignore[index]

    def _redirect(self, node: fx.Node, storages: set[int]) -> None:
        """Later readers of the memory that a step wrote read the step."""
        targets = [t for one in node.all_input_nodes for t in _tensors(self.env[one]) if _storage(t) in storages]
        node.meta[WRITES] = True
        for one, value in self.env.items():
            if one is not node and any(_overlap(t, target) for t in _tensors(value) for target in targets):
                self._read_after(node, one, value)

    def _read_after(self, node: fx.Node, one: fx.Node, value: Any) -> None:
        """Who reads a value after a step wrote into its memory reads what the step returned."""
        made = self.env[node]
        if one.op == "get_attr" and str(one.target) in self.own:
            _refuse(node, f"writes into the model's own {str(one.target)!r}")
        later = [user for user in one.users if self.place[user] > self.place[node]]
        if later and not (isinstance(value, Tensor) and isinstance(made, Tensor) and _same_place(value, made)):
            _refuse(node, f"writes into memory that {later[0].name!r} reads through another view ({one.name!r})")
        for user in later:
            user.replace_input_with(one, node)


def _refuse(node: fx.Node, what: str) -> NoReturn:
    raise UnsupportedModuleError(
        "model",
        expected="in-place writes that every later step sees as a whole",
        got=f"{node.name!r}, which {what}",
        way_out="write into a new tensor there, or pass on_unsupported='sample'",
    )


def _tensors(value: Any) -> Iterable[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor) and leaf.layout == torch.strided]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _same_place(one: Tensor, other: Tensor) -> bool:
    return (one.data_ptr(), one.shape, one.stride()) == (other.data_ptr(), other.shape, other.stride())


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors share an element of memory."""
    if _storage(one) != _storage(other) or not one.numel() or not other.numel():
        return False
    if one.is_contiguous() and other.is_contiguous():
        starts, sizes = [t.data_ptr() for t in (one, other)], [t.nbytes for t in (one, other)]
        return starts[0] < starts[1] + sizes[1] and starts[1] < starts[0] + sizes[0]
    count = one.untyped_storage().nbytes() // one.element_size()
    places = [torch.arange(count).as_strided(t.shape, t.stride(), t.storage_offset()).flatten() for t in (one, other)]
    return bool(torch.isin(*places).any())
