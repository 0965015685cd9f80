# mypy: allow-untyped-defs
"""What one step does with one unit of one entry, forward and backward, by firing function.

Each function here is the body of a loop along columns (`columns`): items of rows come in first,
then numbers of the neuron, then those of its surrogate; items of the rows written go out.
"""

import math

from neurokit.nn.kernels.columns import along_columns, by_mode


@along_columns(3, (0, 1))
def filter_current(h, i, synaptic):
    """Turn one row of drive into synaptic currents."""
    i = synaptic * i + h
    return i, i


@along_columns(3, (2,))
def scale(factor, row, _):
    """Multiply two rows."""
    return factor * row


@along_columns(3, (2,))
def add_scaled(factor, row, out):
    """Add a product of two rows to a third."""
    return out + factor * row


# --- firing: NaN in, NaN out ---


def _hard(h, threshold, _, __):
    return h.either(h >= threshold, 1, h.either(h < threshold, 0, h))


def _soft(h, threshold, scale, _):
    return 1 / (1 + (0 - scale * (h - threshold)).call("exp"))


def _integer(h, threshold, _, top):
    u = h / threshold
    return h.either(u > top, top, h.either(u < 0, 0, u)).call("rint")


def _identity(h, _, __, ___):
    return h


_FIRING = [_hard, _hard, _hard, _soft, _integer, _identity]


def _stepping(fire):
    def step(h, v, _, decay, threshold, zero, subtract, scale, top):
        h = decay * v + h
        s = fire(h, threshold, scale, top)
        return h, h - s * (zero * h + subtract * threshold), s

    return step


def _firing_again(fire):
    def spikes(h, threshold, _, __, zero, subtract, scale, top):
        s = fire(h, threshold, scale, top)
        return s, h - s * (zero * h + subtract * threshold)

    return spikes


_STEPS = {fire: _stepping(fire) for fire in _FIRING}
_AGAIN = {fire: _firing_again(fire) for fire in _FIRING}

# Rows of potentials (drive in, potential out), states, spikes, decays and thresholds.
step = by_mode(5, (0, 1, 2), [_STEPS[f] for f in _FIRING], single=(_STEPS[_soft],))
# Rows of potentials, thresholds, spikes and the states that these leave.
fire_again = by_mode(4, (2, 3), [_AGAIN[f] for f in _FIRING], single=(_AGAIN[_soft],))


# --- (surrogate) derivatives of the spikes by the potential ---


def _superspike_slope(h, threshold, _, scale, __):
    d = scale * (h - threshold).call("fabs") + 1
    return 1 / (d * d)


def _atan_slope(h, threshold, _, scale, __):
    u = (scale * (math.pi / 2)) * (h - threshold)
    return (scale * 0.5) / (1 + u * u)


def _sigmoid_slope(h, threshold, _, scale, top):
    p = _soft(h, threshold, scale, top)
    return scale * p * (1 - p)


def _soft_slope(_, __, s, scale, ___):
    return scale * s * (1 - s)


def _integer_slope(h, threshold, _, __, top):
    u = h / threshold
    return h.either(u >= 0, h.either(u <= top, 1 / threshold, 0), 0)


def _identity_slope(h, _, __, ___, ____):
    return h.zero() + 1


def _backing(fire, slope_of):
    def back(h, threshold, gs, gv, _, __, ___, zero, subtract, scale, top, attached):
        s = fire(h, threshold, scale, top)
        slope = slope_of(h, threshold, s, scale, top)
        level = attached * zero * h + attached * subtract * threshold
        carried = 1 - zero * s - level * slope  # d v / d h
        return gs * slope + gv * carried, s, slope

    return back


_SLOPES = [
    _superspike_slope, _atan_slope, _sigmoid_slope, _soft_slope, _integer_slope, _identity_slope,
]  # fmt: skip
_BACKS = [_backing(*pair) for pair in zip(_FIRING, _SLOPES, strict=True)]
# Rows of potentials, thresholds, gradients of spikes and of states; written are the gradients of
# the potentials, spikes and slopes.
back = by_mode(7, (4, 5, 6), _BACKS, single=tuple(_BACKS[2:4]))


def _carrying(fire, slope_of):
    back = _backing(fire, slope_of)

    def carry(h, threshold, gs, gv, _, decay, *numbers):
        grad, _, _ = back(h, threshold, gs, gv, None, None, None, *numbers)
        return decay * grad, grad

    return carry


_CARRIES = [_carrying(*pair) for pair in zip(_FIRING, _SLOPES, strict=True)]
# Rows of potentials, thresholds, gradients of spikes, of states and of potentials, decays; what
# is needed for no parameter is not written, and the states' gradients go on to the step before.
carry = by_mode(6, (3, 4), _CARRIES, single=tuple(_CARRIES[2:4]))


# --- gradients of parameters ---


@along_columns(3, (0,))
def integer_threshold(slope, h, threshold):
    """Turn slopes by the potential into those by the threshold, for integer-valued firing."""
    return slope * (h / threshold)


@along_columns(7, (6,))
def threshold_back(gs, h, threshold, s, slope, gv, out, zero, subtract, attached):
    """Add the gradient of the thresholds."""
    level = attached * zero * h + attached * subtract * threshold
    return out - (gs * slope + gv * (subtract * s - level * slope))


@along_columns(5, (4,))
def synaptic_back(after, h, v, decay, out):
    """Add the gradient of the synaptic decays: the current was ``h - decay v``."""
    return out + after * (h - decay * v)
