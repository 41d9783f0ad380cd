"""A model as a graph: one tracer, and one table of torch's operators."""

from haar.tracing.chain import chain
from haar.tracing.follow import SHAPE, Followed, Steps, bind, follow, is_plain, leaves_of
from haar.tracing.operators import (
    OPERATORS,
    Operator,
    is_aten,
    is_of_torch,
    modules_of,
    operator_name,
    operator_of,
    plain_name,
    writes_by_name,
)
from haar.tracing.recording import Leaves, NotFollowedError

__all__ = [
    "OPERATORS",
    "SHAPE",
    "Followed",
    "Leaves",
    "NotFollowedError",
    "Operator",
    "Steps",
    "bind",
    "chain",
    "follow",
    "is_aten",
    "is_of_torch",
    "is_plain",
    "leaves_of",
    "modules_of",
    "operator_name",
    "operator_of",
    "plain_name",
    "writes_by_name",
]
