"""A linear recursion over time, step by step."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def recur(
    state: NDArray[np.float64],
    forward: NDArray[np.float64],
    inward: NDArray[np.float64],
    inputs: NDArray[np.float64],
    step: int,
    out: NDArray[np.float64],
) -> None:
    """Run ``s(t) = forward(t) s(t-1) + inward(t) u(t)``, keeping ``s`` in ``state``.

    Parameters
    ----------
    state : ndarray of shape (n_states,)
        Where it begins; overwritten by where it ends.
    forward : ndarray of shape (n_steps, n_states, n_states)
        The last one holds for all later steps.
    inward : ndarray of shape (n_steps, n_states, n_inputs)
    inputs : ndarray of shape (n, n_inputs)
    step : int
        Which of ``forward`` and ``inward`` is the first one's.
    out : ndarray of shape (n, n_states)
        Filled with the states.
    """
    n_states, n_inputs = state.size, inputs.shape[1]
    for t in range(len(inputs)):
        k = min(step + t, len(forward) - 1)
        for i in range(n_states):
            total = 0.0
            for j in range(n_states):
                total += forward[k, i, j] * state[j]
            for j in range(n_inputs):
                total += inward[k, i, j] * inputs[t, j]
            out[t, i] = total
        # assigning to a slice would compile the making of an error message: two seconds
        for i in range(n_states):
            state[i] = out[t, i]
