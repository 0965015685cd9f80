"""Log-odds of motifs: sparse windows, the closed-form fit, and the search without labels."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.sparse import csr_array
from scipy.special import betaln, expit, logit, xlog1py, xlogy
from scipy.stats import poisson

_BLOCK = 8192  # time steps whose windows are laid out at once
_CHANCE = 1e-3  # a whole recording of independent units passes for a motif this often
_SAME = 0.8  # of its occurrences are those of another: no motif of its own
_LEAST = 3  # occurrences without which nothing is called a motif

Bits = NDArray[np.bool_]
Codes = NDArray[np.integer]
Floats = NDArray[np.floating]


class LogOdds(NamedTuple):
    """Evidence of each motif, as natural logarithms of odds."""

    kernels: Floats  # (n_motifs, n_units, n_delays): what a spike adds
    silence: Floats  # (n_motifs, n_delays): what all units together add when none fires
    prior: Floats  # (n_motifs,): before any spike is seen
    membership: Floats  # (n_motifs, n_units, n_delays): probability to belong to the motif


def windows(raster: Bits, n_rows: int, n_delays: int) -> csr_array:
    """Return the spikes at and after each of the first ``n_rows`` steps, one row for each step.

    Column ``unit * n_delays + delay`` of row ``t`` holds the bin ``t + delay``; there are as many
    entries as spikes times delays, however many units are silent.
    """
    when, unit = np.nonzero(raster)
    steps = np.arange(n_rows)
    spike, n_spikes = _in_windows(when, steps, n_delays)
    ends = np.concatenate([[0], n_spikes.cumsum()])
    column = (unit * n_delays + when)[spike] - np.repeat(steps, n_spikes)
    ones = np.ones(len(column), np.float32)
    shape = (n_rows, raster.shape[1] * n_delays)
    return csr_array((ones, column.astype(np.int32), ends.astype(np.int32)), shape=shape)


def log_odds(raster: Bits, model: LogOdds, first: int, last: int) -> NDArray[np.float32]:
    """Return the log-odds that each motif begins at each step from ``first`` to before ``last``.

    Bins after the end of the raster are unknown and add nothing.
    """
    n_motifs, _, n_delays = model.kernels.shape
    weights = np.ascontiguousarray(model.kernels.reshape(n_motifs, -1).T, dtype=np.float32)
    # the evidence of silence, by how many delays can still be seen
    silence = (model.prior[:, None] + model.silence.cumsum(1)).T.astype(np.float32)
    out = np.empty((last - first, n_motifs), np.float32)
    for start in range(first, last, _BLOCK):
        stop = min(start + _BLOCK, last)
        seen = np.minimum(len(raster) - np.arange(start, stop), n_delays) - 1
        block = windows(raster[start : stop + n_delays - 1], stop - start, n_delays)
        out[start - first : stop - first] = block @ weights + silence[seen]
    return out


def count(raster: Bits, occurs: Bits, n_delays: int) -> tuple[Floats, Floats]:
    """Spikes of each unit at each delay after a motif began, and how often that bin was seen.

    Returns
    -------
    hits : ndarray of shape (n_motifs, n_units, n_delays)
    seen : ndarray of shape (n_motifs, n_delays)
    """
    n_motifs, n_units = occurs.shape[1], raster.shape[1]
    size = n_motifs * n_units * n_delays
    when, unit = np.nonzero(raster)
    rows, motif = np.nonzero(occurs)
    hits = np.zeros(size)
    for start in range(0, len(rows), _BLOCK):
        row, which = rows[start : start + _BLOCK], motif[start : start + _BLOCK]
        spike, n_spikes = _in_windows(when, row, n_delays)
        place = (which * n_units).repeat(n_spikes) + unit[spike]
        delay = when[spike] - row.repeat(n_spikes)
        hits += np.bincount(place * n_delays + delay, minlength=size)
    # a bin is seen by every occurrence that stands at least so far before the end
    left = np.minimum(len(raster) - rows, n_delays)
    ends = np.bincount(motif * n_delays + left - 1, minlength=n_motifs * n_delays)
    seen = ends.reshape(n_motifs, n_delays)[:, ::-1].cumsum(1)[:, ::-1].astype(np.float64)
    return hits.reshape(n_motifs, n_units, n_delays), seen


def _in_windows(when: Codes, begins: Codes, n_delays: int) -> tuple[Codes, Codes]:
    """Return the numbers of the spikes in each window, and how many each window has."""
    first = np.searchsorted(when, begins)
    n_spikes = np.searchsorted(when, begins + n_delays) - first
    ends = np.concatenate([[0], n_spikes.cumsum()])
    # spikes are in order of time: those of one window follow each other
    return np.arange(ends[-1]) + np.repeat(first - ends[:-1], n_spikes), n_spikes


def solve(hits: Floats, seen: Floats, begins: Floats, rate: Floats, n_steps: int) -> LogOdds:
    """Log-odds from counts: which unit belongs to a motif at which delay, and how surely.

    A unit that does not belong fires at a delay as anywhere else, with probability ``rate``. For
    one that belongs, every probability is as likely beforehand. The share of members in a motif
    is learnt with them, by expectation-maximisation: the thousands of bins that have nothing to
    do with it then add next to nothing, where single counts would add their noise.
    """
    tries = seen[:, None, :]
    base = rate[None, :, None]
    apart = xlogy(hits, base) + xlog1py(tries - hits, -base)
    member = betaln(hits + 1, tries - hits + 1)
    share = np.full((len(hits), 1, 1), 0.01)
    size = hits[0].size
    for _ in range(20):
        belongs = expit(member - apart + logit(share))
        share = (belongs.sum((1, 2), keepdims=True) + 1) / (size + 2)
    belongs = np.where(tries > 0, belongs, 0.0)
    within = belongs * (hits + 1) / (tries + 2) + (1 - belongs) * base
    kernels = logit(within) - logit(base)
    silence = (np.log1p(-within) - np.log1p(-base)).sum(1)
    return LogOdds(kernels, silence, logit((begins + 0.5) / (n_steps + 1)), belongs)


def fit_log_odds(rasters: list[Bits], occurs: list[Bits], n_delays: int) -> LogOdds:
    """Fit on stretches of time with known beginnings of the motifs."""
    n_steps = sum(map(len, rasters))
    rate = (sum(r.sum(0) for r in rasters) + 0.5) / (n_steps + 1)
    counted = [count(r, o, n_delays) for r, o in zip(rasters, occurs, strict=True)]
    hits, seen = (sum(parts) for parts in zip(*counted, strict=True))
    begins = sum(o.sum(0) for o in occurs).astype(float)
    return solve(hits, seen, begins, rate, n_steps)


def peaks(scores: Floats, least: float, apart: int) -> Bits:
    """Mark steps above ``least`` that stand highest among all less than ``apart`` steps away."""
    above = scores > least
    if apart > 1:
        above &= scores == maximum_filter1d(scores, 2 * apart - 1, axis=0, mode="nearest")
    return above


def discover(raster: Bits, n_motifs: int, n_delays: int) -> Bits:
    """Find motifs that come back in one stretch, and where each begins.

    A window of spikes that holds a motif looks like the windows of its other occurrences, more
    than independent units allow. Each such pair seeds one motif: what the two have in common is
    the first template; occurrences and log-odds then follow from each other; the spikes that the
    motif explains are taken out; and the next pair has its turn.

    Returns
    -------
    ndarray of shape (n_steps, n_found)
    """
    found: list[Bits] = []
    rest = raster.copy()
    table = windows(rest, len(rest), n_delays)
    anchors = list(_anchors(table, rest.mean(0), n_delays))
    # a low share of the template may join two motifs; members that jitter need one
    for share, anchor in [*((0.7, a) for a in anchors), *((0.5, a) for a in anchors)]:
        if len(found) >= n_motifs:
            break
        begins = _grow(table, rest, anchor, n_delays, share)
        if begins is None:
            continue
        parts = _parts(rest, begins, n_delays)
        for begins in parts:
            if (new := _distinct(raster, begins, found, n_delays)) is not None:
                found.append(new)
            model = fit_log_odds([rest], [begins[:, None]], n_delays)
            unit, delay = np.nonzero(model.membership[0] > 0.5)
            when = np.flatnonzero(begins)[:, None] + delay
            inside = when < len(rest)
            rest[when[inside], np.broadcast_to(unit, when.shape)[inside]] = False
        table = windows(rest, len(rest), n_delays)
    found = found[:n_motifs]
    return np.stack(found, 1) if found else np.zeros((len(raster), 0), bool)


def _distinct(raster: Bits, begins: Bits, found: list[Bits], n_delays: int) -> Bits | None:
    """Look for a motif in all spikes again; None where it repeats one that was found before.

    A repetition begins when another motif does, always as much later: it grew from spikes that
    were left over when that one was taken out.
    """
    _, again = _again(raster, begins, n_delays)
    when = np.flatnonzero(again)
    if len(when) < _LEAST:
        return None
    lags = range(-n_delays, n_delays + 1)
    met = [np.roll(other, lag)[when].mean() for other in found for lag in lags]
    return again if max(met, default=0.0) < _SAME else None


def _parts(raster: Bits, begins: Bits, n_delays: int) -> list[Bits]:
    """Divide what was taken for one motif and is two: its occurrences hold one or the other.

    The two are what the first principal component of the members' spikes sets apart, and are
    kept where they share less than half of their members.
    """
    model = fit_log_odds([raster], [begins[:, None]], n_delays)
    unit, delay = np.nonzero(model.membership[0] > 0.5)
    when = np.flatnonzero(begins[: len(begins) - n_delays])
    if len(when) < 2 * _LEAST or len(unit) < 2:
        return [begins]
    fires = raster[when[:, None] + delay, unit].astype(float)
    side = np.linalg.svd(fires - fires.mean(0), full_matrices=False)[0][:, 0] > 0
    parts, members = [], []
    for half in (when[side], when[~side]):
        part = np.zeros_like(begins)
        part[half] = True
        for _ in range(4):
            if part.sum() < _LEAST:
                return [begins]
            model, part = _again(raster, part, n_delays)
        parts.append(part)
        members.append(model.membership[0] > 0.5)
    fewer = min(m.sum() for m in members)
    if (members[0] & members[1]).sum() >= fewer / 2 or min(p.sum() for p in parts) < _LEAST:
        return [begins]
    return [_align(raster, part, n_delays) for part in parts]


def _anchors(table: csr_array, rate: Floats, n_delays: int) -> Iterator[int]:
    """Order steps by how much their window looks like another, the most first."""
    steps = np.arange(0, table.shape[0], max(n_delays // 2, 1))
    best = np.empty(len(steps))
    chance = np.repeat(rate, n_delays)
    for i in range(0, len(steps), 64):
        chosen = table[steps[i : i + 64]]
        alike = table @ chosen.T.toarray()
        for column, step in enumerate(steps[i : i + 64]):
            alike[max(step - n_delays + 1, 0) : step + n_delays, column] = 0
        best[i : i + 64] = poisson.logsf(alike.max(0) - 1, np.maximum(chosen @ chance, 1e-12))
    return iter(steps[np.argsort(best, kind="stable")])


def _grow(table: csr_array, raster: Bits, anchor: int, n_delays: int, share: float) -> Bits | None:
    """Follow one window to all occurrences of the motif in it; None where it holds none."""
    n_steps = len(raster)
    rate = (raster.sum(0) + 0.5) / (n_steps + 1)
    window = table[[anchor]].toarray()[0]
    alike = table @ window
    alike[max(anchor - n_delays + 1, 0) : anchor + n_delays] = 0
    n_tests = n_steps * max(n_steps // max(n_delays // 2, 1), 1)
    twin = int(alike.argmax())
    chance = window.reshape(-1, n_delays).sum(1) @ rate
    if poisson.logsf(alike[twin] - 1, max(chance, 1e-12)) > np.log(_CHANCE / n_tests):
        return None
    common = window * table[[twin]].toarray()[0]
    begins = peaks(table @ common, share * common.sum(), n_delays)
    for turn in range(8):
        if begins.sum() < _LEAST:
            return None
        if turn == 3:
            begins = _align(raster, begins, n_delays)
        _, after = _again(raster, begins, n_delays)
        if turn > 3 and (after == begins).all():
            break
        begins = after
    return begins if begins.sum() >= _LEAST else None


def _again(raster: Bits, begins: Bits, n_delays: int) -> tuple[LogOdds, Bits]:
    """Learn a motif from its occurrences, and look where it occurs by what was learnt."""
    model = fit_log_odds([raster], [begins[:, None]], n_delays)
    scores = log_odds(raster, model, 0, len(raster))[:, 0]
    return model, peaks(scores, 0.0, n_delays // 2)


def _align(raster: Bits, begins: Bits, n_delays: int) -> Bits:
    """Move the beginnings so that the window holds most of the motif, from its first spike on."""
    early = np.zeros_like(begins)
    early[: len(begins) - n_delays] = begins[n_delays:]
    model = fit_log_odds([raster], [early[:, None]], 3 * n_delays)
    weight = (model.membership * np.abs(model.kernels))[0].sum(0)
    inside = np.convolve(weight, np.ones(n_delays), "valid")
    start = int(inside.argmax())
    belongs = model.membership[0, :, start : start + n_delays].max(0) > 0.5
    shift = start - n_delays + (int(belongs.argmax()) if belongs.any() else 0)
    moved = np.flatnonzero(begins) + shift
    out = np.zeros_like(begins)
    out[moved[(moved >= 0) & (moved < len(out))]] = True
    return out
