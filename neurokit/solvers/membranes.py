"""Leaky integrate-and-fire units, step by step."""

import numpy as np
from numba import njit


@njit(cache=True)
def integrate_and_fire(drive, coupling, keep, rest, delay, heard):  # type: ignore[no-untyped-def]
    """Run leaky integrate-and-fire units; bool raster of shape (n_units, n_times).

    Parameters
    ----------
    drive : ndarray of shape (n_units, n_times)
        What reaches each membrane from outside in each step, in units of the threshold.
    coupling : float ndarray of shape (n_sources, n_targets)
        What a spike of the source adds to the membrane of the target.
    keep : float
        Share of a membrane's potential that is left after a step.
    rest : int
        Steps of silence after a spike.
    delay : int
        Steps from a spike to its effect.
    heard : bool ndarray of shape (n_units, n_times), or with no rows
        Spikes that synapses carry; with no rows, those of the network itself.
    """
    n_units, n_times = drive.shape
    raster = np.zeros((n_units, n_times), np.bool_)
    v, waits = np.zeros(n_units), np.zeros(n_units, np.int64)
    for t in range(n_times):
        for j in range(n_units):
            v[j] = keep * v[j] + drive[j, t]
        if t >= delay:
            for i in range(n_units):
                fired = heard[i, t - delay] if len(heard) else raster[i, t - delay]
                if fired:
                    for j in range(n_units):
                        v[j] += coupling[i, j]
        for j in range(n_units):
            if waits[j] > 0:
                waits[j] -= 1
                v[j] = 0.0
            elif v[j] >= 1.0:
                raster[j, t] = True
                v[j] = 0.0
                waits[j] = rest
    return raster
