"""Spike trains drawn from a fitted network, one bin after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.pretraining.spiking.reading import read
from neurokit.pretraining.spiking.running import walk
from neurokit.recording.spikes import spikes

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.spikes import SpikeNetwork, State

_MOST = 1000  # spikes of all units in one bin


def draw_trains(
    model: Any, duration: float, given: Any, covariates: object, n: int, random_state: Any
) -> list[xr.Dataset]:
    """Draw ``n`` recordings of so many seconds, behind what was given."""
    import torch

    if model.covariates_ == "population":
        raise ValueError(
            "SpikeTransformer: factors of the population are read from spikes to come and"
            " cannot be drawn from; fit with covariates=None to sample."
        )
    n_bins = round(duration / model.bin_width_)
    if n_bins < 1:
        raise ValueError(
            f"SpikeTransformer: duration must be {model.bin_width_:g} s, one bin, or more, got"
            f" {duration!r}."
        )
    state, start, beside = None, 0.0, None
    if given is not None:
        whole = read(model, given, None, reset=False)[0]
        if whole.rows.source is not None:
            start = float(whole.rows.source["time"].values[-1]) + model.bin_width_
        with torch.no_grad():
            for _, out in walk(model.module_, whole.pieces[-1]):
                state = out.state
    if covariates is not None:
        z = (np.asarray(covariates) - model.covariate_mean_) / model.covariate_scale_
        if z.shape != (n_bins, len(model.covariate_mean_)) or not np.isfinite(z).all():
            raise ValueError(
                "SpikeTransformer: covariates must be finite and of shape"
                f" {(n_bins, len(model.covariate_mean_))}, got {np.asarray(covariates).shape}."
            )
        beside = z.astype(np.float32)
    rng = np.random.default_rng(random_state)
    every: Iterable[NDArray[np.int64]]
    if model.module_.observation == "count":  # side by side
        every = draw_counts(model.module_, n_bins, beside, state, rng, n)
    else:
        every = (draw_events(model.module_, n_bins, beside, state, rng) for _ in range(n))
    made = []
    for drawn in every:
        trains = []
        for counts in drawn.T:
            at = np.repeat(np.arange(n_bins), counts)
            trains.append(start + np.sort(at + rng.random(len(at))) * model.bin_width_)
        stop = start + n_bins * model.bin_width_
        trains = [np.minimum(train, stop) for train in trains]
        made.append(spikes(trains, start=start, stop=stop, ids=model.units_))
    return made


def draw_counts(
    network: SpikeNetwork,
    n_bins: int,
    covariates: NDArray[np.float32] | None,
    state: State | None,
    rng: np.random.Generator,
    n: int,
) -> NDArray[np.int64]:
    """Draw counts (n, bin, unit), each bin from the rates that those before call for."""
    import torch

    drawn = np.zeros((n, n_bins, network.n_units), np.int64)
    nothing = torch.zeros(n, 1, network.n_units)
    state = None if state is None else _repeat(state, n)
    with torch.no_grad():
        for k in range(n_bins):
            z = None if covariates is None else torch.from_numpy(covariates[k : k + 1])
            z = None if z is None else z.expand(n, 1, -1)
            out = network(nothing, z, state=state)
            drawn[:, k] = rng.poisson(out.log_intensity[:, 0].exp().double().numpy())
            # rates of a bin do not hear the bin itself: what was drawn is put in behind
            state = out.state
            state.counts[:, -1] = torch.from_numpy(drawn[:, k].astype(np.float32))
    return drawn


def draw_events(
    network: SpikeNetwork,
    n_bins: int,
    covariates: NDArray[np.float32] | None,
    state: State | None,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw counts (bin, unit), spike by spike; exact, with the memory of a stream."""
    import torch

    drawn = np.zeros((n_bins, network.n_units), np.int64)
    with torch.no_grad():
        for k in range(n_bins):
            z = None if covariates is None else torch.from_numpy(covariates[k : k + 1])[None]
            drawn[k], state = _draw_bin(network, z, state, rng)
    return drawn


def _repeat(state: State, n: int) -> State:
    """Return the state of ``n`` trains that begin alike."""
    memories = [
        memory and type(memory)(*(part.expand(n, *part.shape[1:]) for part in memory))
        for memory in state.memories
    ]
    return state._replace(
        counts=state.counts.expand(n, *state.counts.shape[1:]), memories=memories
    )


def _draw_bin(
    network: SpikeNetwork, z: Tensor | None, state: State | None, rng: np.random.Generator
) -> tuple[NDArray[np.int64], State]:
    """Draw the spikes of one bin, one after the other; and what is remembered behind it."""
    import torch

    bin_ = np.zeros(network.n_units, np.int64)
    unit = 0
    while True:
        counts = torch.from_numpy(bin_.astype(np.float32))[None, None]
        out = network(counts, z, state=state)
        eta = out.log_intensity[0, -1].double().numpy()
        reach = np.cumsum(np.exp(eta[unit:]))
        waited = rng.exponential()
        if waited >= reach[-1]:
            return bin_, out.state
        unit += int(np.searchsorted(reach, waited, side="right"))
        bin_[unit] += 1
        if bin_.sum() > _MOST:
            raise ValueError(
                f"SpikeTransformer: more than {_MOST} spikes were drawn into one bin, so spikes"
                " call forth spikes without end; take a smaller bin_width, or fit on more."
            )
