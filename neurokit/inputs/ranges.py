"""Numbers out of range are refused with one sentence each."""

import math


def check_at_least(caller: str, **limits: tuple[float, float]) -> None:
    """Refuse a number that is smaller than it may be, or no finite one.

    Parameters
    ----------
    caller : str
        Who refuses.
    **limits : tuple of (value, least)
        By the name of the parameter.

    Examples
    --------
    >>> check_at_least("LempelZiv", n_levels=(1, 2))
    Traceback (most recent call last):
    ValueError: LempelZiv: n_levels must be at least 2, got 1.
    """
    for name, (value, least) in limits.items():
        if not (math.isfinite(value) and value >= least):
            raise ValueError(f"{caller}: {name} must be at least {least:g}, got {value!r}.")


def check_positive(caller: str, **values: float) -> None:
    """Refuse a number that is not above zero, or no finite one.

    Parameters
    ----------
    caller : str
        Who refuses.
    **values : float
        By the name of the parameter.
    """
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{caller}: {name} must be positive, got {value!r}.")
