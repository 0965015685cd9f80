"""Internal: every kind of X and y, read and checked once for all estimators.

An estimator calls a reader first in ``fit``, with ``reset=True``, and first in every other method,
with ``reset=False``: :func:`~neurokit.inputs.trials.trials` (EEG-like: one row per trial) or
:func:`~neurokit.inputs.series.series` (along time: one row per time step). What was seen in
``fit`` is remembered on the estimator as scikit-learn does (``n_features_in_``: the number of
channels or units), and by name where there are names (``channels_``), so that a recording with its
channels in another order is put right and one that lacks a channel is refused.

``labels`` holds what is the same for every kind of X; ``rates`` the rules of the sampling rate;
``targets`` reads y; ``ranges`` refuses numbers out of range.
"""
