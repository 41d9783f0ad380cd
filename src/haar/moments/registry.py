"""Which activation a module, function or method name stands for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.constants import TINY
from haar.errors import ArgumentError
from haar.moments.activation import Activation
from haar.moments.closed_forms import Erf, Exponential, Gelu, Polynomial, Sine
from haar.moments.piecewise_linear import PiecewiseLinear
from haar.tracing import is_aten, operator_of

Factory = Callable[[nn.Module], Activation]
Registered = Activation | Factory


def relu() -> PiecewiseLinear:
    """max(z, 0).

    Example:
        >>> relu()(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return PiecewiseLinear((0.0,), (1.0,), name="relu")


def leaky_relu(slope: float | int = 0.01) -> PiecewiseLinear:
    """Slope 1 above zero, `slope` below.

    Example:
        >>> leaky_relu(0.5)(torch.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """
    return PiecewiseLinear((0.0,), (1.0 - slope,), slope=slope, name="leaky_relu")


def hardtanh(low: float | int = -1.0, high: float | int = 1.0, name: str = "hardtanh") -> PiecewiseLinear:
    """Clamp to [low, high]; an infinite bound is none, and a lower bound above the upper one gives the upper one.

    Example:
        >>> hardtanh()(torch.tensor([-3.0, 0.5, 3.0])).tolist(), hardtanh(-1.0, math.inf)(torch.tensor(9.0)).item()
        ([-1.0, 0.5, 1.0], 9.0)
    """
    if low >= high or high == -math.inf:
        return PiecewiseLinear((), (), offset=high, name=name)
    below, above = low > -math.inf, high < math.inf
    bounds = [(low, 1.0)] * below + [(high, -1.0)] * above
    knots, turns = [knot for knot, _ in bounds], [turn for _, turn in bounds]
    return PiecewiseLinear(knots, turns, slope=0.0 if below else 1.0, offset=low if below else 0.0, name=name)


def normal_cdf() -> Erf:
    """The normal distribution function as an activation.

    Example:
        >>> normal_cdf()(torch.zeros(())).item()
        0.5
    """
    return Erf(math.sqrt(0.5), 0.5, 0.5, name="normal_cdf")


def quadratic(alpha: float | int = 0.5) -> Polynomial:
    """z + alpha z^2, the activation of perturbation theory.

    Example:
        >>> quadratic(1.0)(torch.tensor(2.0)).item()
        6.0
    """
    return Polynomial((0.0, 1.0, alpha), name="quadratic")


def _smooth(function: Callable[[Tensor], Tensor], name: str, lipschitz: float | None, scale: float = 1.0) -> Activation:
    return Activation(function, name=name, smooth=True, scale=scale, lipschitz=lipschitz)


def _kinked(
    function: Callable[[Tensor], Tensor], name: str, *breaks: float, lipschitz: float | None = None
) -> Activation:
    return Activation(function, name=name, breaks=breaks, lipschitz=lipschitz)


def _gelu(approximate: str) -> Activation:
    if approximate == "none":
        return Gelu()
    return _smooth(lambda z: F.gelu(z, approximate="tanh"), "gelu_tanh", 1.13)


def _softplus(beta: float | int) -> Activation:
    return _smooth(lambda z: F.softplus(z, beta=beta, threshold=50), "softplus", 1.0, 1.0 / max(abs(beta), TINY))


def _hardswish(z: Tensor) -> Tensor:
    return z * (z + 3).clamp(0, 6) / 6


_HARDSIGMOID = ((-3.0, 3.0), (1 / 6, -1 / 6))


def _softshrink(width: float | int) -> PiecewiseLinear:
    return PiecewiseLinear((-width, width), (-1.0, 1.0), slope=1.0, offset=width, name="softshrink")


def _power(exponent: object) -> Activation | None:
    if isinstance(exponent, int) and exponent >= 1:
        return Polynomial([0.0] * exponent + [1.0], name=f"power {exponent}")
    return None


#: The column of moments in the table of operators: the activation of its settings, by the row's name.
_CLOSED: dict[str, Callable[..., Activation | None]] = {
    "relu": relu,
    "relu6": lambda: hardtanh(0.0, 6.0, "relu6"),
    "leaky_relu": lambda negative_slope=0.01: leaky_relu(negative_slope),
    "rrelu": lambda lower=1 / 8, upper=1 / 3, training=False: None if training else leaky_relu((lower + upper) / 2),
    "hardtanh": lambda min_val=-1.0, max_val=1.0: hardtanh(min_val, max_val),
    "hardsigmoid": lambda: PiecewiseLinear(*_HARDSIGMOID, name="hardsigmoid"),
    "softshrink": lambda lambd=0.5: _softshrink(lambd),
    "hardshrink": lambda lambd=0.5: _kinked(lambda z: F.hardshrink(z, lambd), "hardshrink", -lambd, lambd),
    "threshold": lambda threshold, value: _kinked(lambda z: F.threshold(z, threshold, value), "threshold", threshold),
    "sign": lambda: _kinked(torch.sign, "sign", 0.0),
    "gelu": lambda approximate="none": _gelu(approximate),
    "tanh": lambda: _smooth(torch.tanh, "tanh", 1.0),
    "sigmoid": lambda: _smooth(torch.sigmoid, "sigmoid", 0.25),
    "silu": lambda: _smooth(F.silu, "silu", 1.1),
    "mish": lambda: _smooth(F.mish, "mish", 1.1),
    "softplus": lambda beta=1.0, threshold=20.0: _softplus(beta),  # noqa: ARG005 (beyond it softplus only rounds off)
    "log_sigmoid": lambda: _smooth(F.logsigmoid, "logsigmoid", 1.0),
    "tanhshrink": lambda: _smooth(F.tanhshrink, "tanhshrink", 1.0),
    "softsign": lambda: _kinked(F.softsign, "softsign", 0.0, lipschitz=1.0),
    "elu": lambda alpha=1.0: _kinked(lambda z: F.elu(z, alpha), "elu", 0.0, lipschitz=max(1.0, abs(alpha))),
    "celu": lambda alpha=1.0: _kinked(lambda z: F.celu(z, alpha), "celu", 0.0, lipschitz=1.0),
    "selu": lambda: _kinked(F.selu, "selu", 0.0, lipschitz=1.76),
    "hardswish": lambda: _kinked(_hardswish, "hardswish", -3.0, 0.0, 3.0, lipschitz=1.5),
    "erf": Erf,
    "sin": Sine,
    "cos": lambda: Sine(math.pi / 2, name="cos"),
    "sinh": lambda: _smooth(torch.sinh, "sinh", None),
    "cosh": lambda: _smooth(torch.cosh, "cosh", None),
    "exp": Exponential,
    "expm1": lambda: _smooth(torch.expm1, "expm1", None),
    "abs": lambda: PiecewiseLinear((0.0,), (2.0,), slope=-1.0, name="abs"),
    "square": lambda: Polynomial((0.0, 0.0, 1.0), name="power 2"),
    "pow": _power,
    "ndtr": normal_cdf,
    "atan": lambda: _smooth(torch.atan, "atan", 1.0),
    "nan_to_num": lambda *_, **__: Polynomial((0.0, 1.0), name="nan_to_num"),
    "clamp": lambda min=None, max=None: _clamp(min, max),  # noqa: A006 - torch's own names
    "clamp_min": lambda min: _clamp(min, None),  # noqa: A006
    "clamp_max": lambda max: _clamp(None, max),  # noqa: A006
}
#: Where every activation is tried before it is followed: both sides of zero, and zero.
_TRIED = (-2.0, -1.0, -0.25, 0.0, 0.25, 1.0, 2.0)
_OFF_THE_LINE = "it is not defined on the whole line, where an input's law lives"
#: Operators of every number by itself that have no activation, and why.
WITHOUT_ACTIVATION: dict[str, str] = dict.fromkeys(("log", "log1p", "sqrt", "rsqrt", "reciprocal"), _OFF_THE_LINE)
#: How many arguments of an ATen operator, after the tensor, say which function it is; more are roundings or defaults.
_ATEN_ARGUMENTS = {"elu": 1}


def _clamp(low: object, high: object) -> Activation | None:
    bounds = [None if b is None else float(b) if isinstance(b, (int, float)) else math.nan for b in (low, high)]
    if any(b is not None and math.isnan(b) for b in bounds) or bounds == [None, None]:
        return None
    low, high = bounds
    return hardtanh(-math.inf if low is None else low, math.inf if high is None else high, "clamp")


def activation_of_module(module: nn.Module, extra: Mapping[object, Registered]) -> Activation | None:
    """The activation that a module stands for, the caller's own first, or None.

    Args:
        module: The module to look up.
        extra: The caller's additions: module class (or function) to an `Activation` or a factory that takes the module.

    Raises:
        ArgumentError: If a factory does not return an `Activation`.

    Example:
        >>> activation_of_module(nn.LeakyReLU(0.2), {})
        PiecewiseLinear(leaky_relu)
    """
    for kind in type(module).__mro__:
        if kind in extra:
            return _made(extra[kind], module)
    row = operator_of(module)
    if row is None or row.name not in _CLOSED:
        return None
    settings = {name: getattr(module, name) for name in row.settings}
    if isinstance(module, nn.RReLU):
        settings["training"] = module.training
    return _finite(row.name, **settings)


def activation_of_call(
    target: object, arguments: tuple[object, ...], keywords: dict[str, object], extra: Mapping[object, Registered]
) -> Activation | None:
    """The activation that a function call (or a method, by name) stands for, or None.

    Args:
        target: The function, or the method's name.
        arguments: Positional arguments after the first (the tensor).
        keywords: Keyword arguments of the call.
        extra: The caller's additions.

    Example:
        >>> activation_of_call("pow", (2,), {}, {})
        Polynomial(power 2)
    """
    if target in extra:
        found = extra[target]
        return found if isinstance(found, Activation) else None
    row = operator_of(target)
    if row is None or row.name not in _CLOSED:
        return None
    if is_aten(target):
        arguments = arguments[: _ATEN_ARGUMENTS.get(row.name, len(arguments))]
    settings = {k: v for k, v in keywords.items() if k != "inplace"}
    try:
        return _finite(row.name, *arguments, **settings)
    except TypeError:
        return None


def _finite(name: str, *arguments: object, **settings: object) -> Activation | None:
    """The activation, unless its settings make it infinite or no number (a slope of infinity, a threshold of NaN)."""
    told = ", ".join([*map(str, arguments), *(f"{key}={value}" for key, value in settings.items())])
    wrong = ArgumentError(
        "model",
        expected="activations whose values are finite numbers",
        got=f"{name} with {told}",
        way_out="a bound of clamp or Hardtanh may be infinite, and is none then; other settings must be finite",
    )
    try:
        found = _CLOSED[name](*arguments, **settings)
    except ArgumentError as error:
        raise wrong from error
    if found is not None:
        values = found(torch.tensor(_TRIED, dtype=torch.float64, device="cpu"))
        if any(math.isnan(place) for place in found.breaks) or not bool(values.isfinite().all()):
            raise wrong
    return found


def _made(found: Registered, module: nn.Module) -> Activation:
    made = found if isinstance(found, Activation) else found(module)
    if not isinstance(made, Activation):
        raise ArgumentError(
            "activations",
            expected="an Activation, or a function of the module that returns one",
            got=f"{type(made).__name__} for {type(module).__name__}",
        )
    return made
