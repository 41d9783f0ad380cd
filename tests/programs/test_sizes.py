"""Symbolic sizes: honest ones keep their value, others are refused before they are evaluated."""

from __future__ import annotations

import pytest
import sympy

from haar.errors import DataError
from haar.programs.sizes import size_expression


@pytest.mark.parametrize(
    "size",
    [
        "s0",
        "8*s77",
        "2*(u0 // 3) + 1",
        "Max(1, u0)",
        "oo",
        "(s0 - 1)*3",
        "Symbol('s31', positive=True, integer=True)",
        "Add(Mul(Integer(-1), Symbol('s1', integer=True)), Pow(Symbol('s1', integer=True), Integer(2)))",
        "Mul(Float('0.5', precision=53), Symbol('zf3'))",
        "Pow(s0, Rational(1, 2))",
        "s0**2 >= 4",
    ],
)
def test_arithmetic_keeps_its_value(size):
    assert sympy.sympify(size_expression(size, "a size")) == sympy.sympify(size)


@pytest.mark.parametrize(
    "size",
    [
        "__import__('os')",
        "S('exec(1)')",
        "sympify('1')",
        "Function('f')(s0)",
        "Lambda(s0, s0)",
        "exec('1')",
        "eval(s0)",
        "s0.real",
        "s0.__class__",
        "s0[0]",
        "[s0]",
        "(s0, s1)",
        "lambda: 0",
        "s0 if s1 else s2",
        "(s0 := 1)",
        "f'{s0}'",
        "s0; s1",
        "s0\ns1",
        "Add(*s0)",
        "Add(s0, **{})",
        "Add(s0, evaluate=False)",
        "Symbol('os.system')",
        "Symbol('s0', positive=exec('1'))",
        "Symbol(name='s0')",
        "Integer('5')",
        "Float('nan')",
        "𝑠0",
        "True",
        "None",
        "",
        "1 < s0 < 2",
        "not s0",
        "'s0'",
        "1j",
        5,
        None,
    ],
)
def test_what_is_no_arithmetic_is_refused(size):
    with pytest.raises(DataError, match="a size: expected a size that is arithmetic"):
        size_expression(size, "a size")


@pytest.mark.parametrize(
    "size",
    [
        "9**9**9",
        "Pow(9, Pow(9, 9))",
        "Pow(9, 65)",
        "2**s0",
        "PowByNatural(2, 999999999)",
        "s0**-65",
        "Pow(Pow(Pow(Pow(s0, 60), 60), 60), 60)",
        "LShift(1, 999999999)",
        "Integer(36893488147419103232)",
        "Float('1e999999999')",
        "Float('1', precision=1000000000)",
        "u123456789",
        "(" * 300 + "s0" + ")" * 300,
        "-" * 5000 + "1",
        "+".join(["s0"] * 9000),
    ],
)
def test_what_would_fill_time_or_memory_is_refused(size):
    with pytest.raises(DataError, match="a size: expected a size that is arithmetic"):
        size_expression(size, "a size")
