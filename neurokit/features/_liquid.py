"""Leaky integrate-and-fire units with random connections, step by step and without torch."""

from numba import njit

from neurokit.types import Floats


@njit(cache=True, fastmath={"contract"}, error_model="numpy", nogil=True)
def run_liquid(
    current: Floats,
    weight: Floats,
    decay: float,
    keep: float,
    v: Floats,
    s: Floats,
    low: Floats,
    out: Floats,
) -> int:
    """Run all units through all steps; fill ``out`` with their low-passed spikes.

    A unit fires where its potential reaches 1, which then is 0.

    Parameters
    ----------
    current : ndarray of shape (n_times, n_units)
        Input of each step; overwritten by the potentials.
    weight : ndarray of shape (n_units, n_units)
        From each unit (row) to each unit (column).
    decay, keep : float
        What is left of a potential, and of a low-passed spike, after one step.
    v, s, low : ndarray of shape (n_units,)
        Potentials, last spikes and low-passed spikes; they are carried on.
    out : ndarray of shape (n_times, n_units)

    Returns
    -------
    int
        Connections that spikes went through.
    """
    n_units, passed = v.size, 0
    for t in range(len(current)):
        h = current[t]
        for k in range(n_units):
            if s[k] != 0.0:
                for n in range(n_units):
                    h[n] += weight[k, n]
                    if weight[k, n] != 0.0:
                        passed += 1
        for n in range(n_units):
            h[n] = decay * v[n] + h[n]
            s[n] = 1.0 if h[n] >= 1.0 else 0.0
            v[n] = h[n] - s[n] * h[n]
            low[n] = keep * low[n] + s[n] * (1.0 - keep)
            out[t, n] = low[n]
    return passed
