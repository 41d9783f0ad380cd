"""Critical damping: rates at which a variable and its multiplier settle without swinging, in the steps there are."""

from __future__ import annotations

from haar.errors import ArgumentError, check_rate

#: Time constants in a run: variables have settled after a third of it (exp(-5)).
_TIME_CONSTANTS = 15
#: Fewer steps than this cannot be tuned for: a step would be no small part of a time constant.
_FEWEST_STEPS = 30


def check_steps(steps: int, way_out: str) -> None:
    """Refuse so few steps that rates cannot be tuned for them.

    Args:
        steps: Number of steps of the whole run.
        way_out: What the caller can do about it.

    Raises:
        ArgumentError: If they are fewer than 30.
    """
    if steps < _FEWEST_STEPS:
        raise ArgumentError(
            "steps", expected=f"at least {_FEWEST_STEPS} to tune the solver for", got=steps, way_out=way_out
        )


def critical_rates(steps: int, augmentation: float | int) -> tuple[float, float]:
    """Rates of a variable and of its multiplier for the constraint "the variable is zero".

    With the term c z^2 / 2 one simultaneous step of z (rate a) and of its multiplier (rate b) is the matrix
    [[1 - a c, -a], [b, 1]]; a = 2 r / c and b = r c / 2 give it the double eigenvalue 1 - r exactly, for any r.
    Here r = 15 / steps.

    Args:
        steps: Number of steps of the whole run.
        augmentation: The factor c of the quadratic term, positive.

    Returns:
        a and b.

    Raises:
        ArgumentError: If the factor is not positive.

    Example:
        >>> critical_rates(1500, 1.0)
        (0.02, 0.005)
    """
    check_rate("augmentation", augmentation)
    r, c = _TIME_CONSTANTS / max(steps, 1), float(augmentation)
    return 2 * r / c, r * c / 2
