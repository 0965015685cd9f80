"""The statistics behind `DriftDetector`: each is pushed standardised samples and a threshold.

A rule keeps its state between calls, and begins anew after a sample at which it has reached the
threshold. Loops are compiled; the order of sums does not depend on how samples are cut up.
"""

from typing import Any, ClassVar, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_CHUNK = 4096  # samples at a time
_KEPT = 512  # usual samples that kernels are compared with
_EDGES = np.arange(1, 10) / 10  # of the population stability index


class Rule(Protocol):
    """What all rules can do."""

    def __init__(self, reference: Floats, window: int, shift: float) -> None: ...

    @staticmethod
    def learn(usual: Floats, window: int, rng: np.random.Generator) -> Floats:
        """Return what samples are compared with."""

    def push(self, samples: Floats, threshold: float) -> Floats:
        """Return the statistic after each sample."""

    def count(self, samples: Floats) -> Any:
        """Return a function that counts the alarms in samples at a threshold."""


class _Sums:
    """Sums of evidence for a change of the mean, up or down, or of the variance of each dim."""

    pooled: ClassVar[bool] = False

    def __init__(self, reference: Floats, window: int, shift: float) -> None:
        self._shift = shift
        self._sums = np.zeros((reference.shape[1], 3))

    @staticmethod
    def learn(usual: Floats, window: int, rng: np.random.Generator) -> Floats:
        return np.zeros((1, usual.shape[1]))

    def push(self, samples: Floats, threshold: float) -> Floats:
        out = np.empty(len(samples))
        _sum_up(samples, self._shift, threshold, self.pooled, self._sums, out)
        return out

    def count(self, samples: Floats) -> Any:
        def alarms(threshold: float) -> int:
            self._sums[:] = 0.0
            return int((self.push(samples, threshold) >= threshold).sum())

        return alarms


class Cusum(_Sums):
    """Page's sums, each dim and direction on its own; the largest counts."""


class Sprt(_Sums):
    """Wald's log odds of a shift of all dims together, begun anew whenever they favour none.

    The odds are those of a mixture: any dim may have shifted, up or down, or grown in variance.
    """

    pooled = True


@njit(cache=True, nogil=True)
def _sum_up(samples, shift, threshold, pooled, sums, out):  # type: ignore[no-untyped-def]
    n, d = samples.shape
    grown = 1.0 + shift  # of the standard deviation
    log_grown = np.log(grown)
    kinds = 3 * d
    for t in range(n):
        top = -np.inf
        for j in range(d):
            x = samples[t, j]
            step_up = shift * x - 0.5 * shift * shift
            step_down = -shift * x - 0.5 * shift * shift
            step_wide = 0.5 * x * x * (1.0 - 1.0 / (grown * grown)) - log_grown
            sums[j, 0] = max(0.0, sums[j, 0] + step_up)
            sums[j, 1] = max(0.0, sums[j, 1] + step_down)
            sums[j, 2] = max(0.0, sums[j, 2] + step_wide)
            for k in range(3):
                if sums[j, k] > top:
                    top = sums[j, k]
        value = top
        if pooled:
            total = 0.0
            for j in range(d):
                for k in range(3):
                    total += np.exp(sums[j, k] - top)
            value = max(0.0, top + np.log(total / kinds))
        out[t] = value
        if value >= threshold:
            for j in range(d):
                for k in range(3):
                    sums[j, k] = 0.0


class _Windowed:
    """The last samples, as many as the window holds, against the usual."""

    def __init__(self, reference: Floats, window: int, shift: float) -> None:
        self._reference, self._n = reference, window
        self._recent = np.zeros((0, self._width(reference)))

    @staticmethod
    def _width(reference: Floats) -> int:
        return reference.shape[1]

    @staticmethod
    def learn(usual: Floats, window: int, rng: np.random.Generator) -> Floats:
        """Return quantiles of each dim, from the lowest to the highest."""
        levels = (np.arange(200) + 0.5) / 200
        return np.asarray(np.quantile(usual, levels, axis=0))

    def count(self, samples: Floats) -> Any:
        path = self.push(samples, np.inf)

        def alarms(threshold: float) -> int:
            # after an alarm the window must fill again; what it then tells is the same
            n, free = 0, 0
            for t in np.flatnonzero(path >= threshold):
                if t >= free:
                    n, free = n + 1, int(t) + self._n
            return n

        return alarms

    def push(self, samples: Floats, threshold: float) -> Floats:
        parts = [
            self._push(samples[k : k + _CHUNK], threshold) for k in range(0, len(samples), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def _push(self, samples: Floats, threshold: float) -> Floats:
        out = np.zeros(len(samples))
        done = 0
        while done < len(samples):
            have = np.concatenate([self._recent, samples[done:]])
            n_full = len(have) - self._n + 1
            if n_full <= 0:
                self._recent = have
                break
            first = done + self._n - 1 - len(self._recent)  # the sample that fills the window
            found, stop = self._slide(have, threshold)
            out[first : first + len(found)] = found
            if stop:
                self._recent = have[:0]
                done = first + len(found)
            else:
                self._recent = have[len(have) - self._n + 1 :]
                done = len(samples)
        return out

    def _slide(self, have: Floats, threshold: float) -> tuple[Floats, bool]:
        """Return the statistic of each full window, up to the first that reaches the threshold."""
        found = np.empty(len(have) - self._n + 1)
        for k in range(len(found)):
            found[k] = self._compare(have[k : k + self._n])
            if found[k] >= threshold:
                return found[: k + 1], True
        return found, False

    def _compare(self, recent: Floats) -> float:
        raise NotImplementedError


class KolmogorovSmirnov(_Windowed):
    """The largest gap between distribution functions, of the worst dim."""

    def _compare(self, recent: Floats) -> float:
        return float(_gaps(np.ascontiguousarray(recent.T), self._reference))


class Wasserstein(_Windowed):
    """The mean distance between quantiles, of the worst dim."""

    def _compare(self, recent: Floats) -> float:
        return float(_distances(np.ascontiguousarray(recent.T), self._reference))


class Stability(_Windowed):
    """The population stability index over tenths of the usual, of the worst dim."""

    def _compare(self, recent: Floats) -> float:
        return float(_stability(recent, self._reference))

    @staticmethod
    def learn(usual: Floats, window: int, rng: np.random.Generator) -> Floats:
        return np.asarray(np.quantile(usual, _EDGES, axis=0))


class MeanDiscrepancy(_Windowed):
    """The squared distance of kernel means, all dims together, Gaussian kernel of their width."""

    @staticmethod
    def learn(usual: Floats, window: int, rng: np.random.Generator) -> Floats:
        return usual[np.sort(rng.permutation(len(usual))[:_KEPT])]

    def __init__(self, reference: Floats, window: int, shift: float) -> None:
        super().__init__(reference, window, shift)
        self._width2 = float(reference.shape[1])  # the median squared distance, near enough / 2
        self._inside = _kernel_sum(reference, reference, self._width2) / len(reference) ** 2

    def _slide(self, have: Floats, threshold: float) -> tuple[Floats, bool]:
        found = np.empty(len(have) - self._n + 1)
        n = _discrepancies(
            have, self._reference, self._n, self._width2, self._inside, threshold, found
        )
        return found[:n], bool(n and found[n - 1] >= threshold)


@njit(cache=True, nogil=True)
def _gaps(recent, quantiles):  # type: ignore[no-untyped-def]
    d, n = recent.shape
    worst = 0.0
    for j in range(d):
        row = np.sort(recent[j])
        column = quantiles[:, j].copy()
        for i in range(n):
            usual = np.searchsorted(column, row[i], side="right") / len(column)
            worst = max(worst, abs((i + 1) / n - usual), abs(usual - i / n))
    return worst


@njit(cache=True, nogil=True)
def _distances(recent, quantiles):  # type: ignore[no-untyped-def]
    d, n = recent.shape
    m = len(quantiles)
    worst = 0.0
    for j in range(d):
        row = np.sort(recent[j])
        total = 0.0
        for q in range(m):
            total += abs(row[min(int((q + 0.5) / m * n), n - 1)] - quantiles[q, j])
        worst = max(worst, total / m)
    return worst


@njit(cache=True, nogil=True)
def _stability(recent, edges):  # type: ignore[no-untyped-def]
    n, d = recent.shape
    bins = len(edges) + 1
    worst = 0.0
    counts = np.empty(bins)
    for j in range(d):
        counts[:] = 0.5  # an empty bin would be infinitely unlikely
        for i in range(n):
            k = 0
            while k < bins - 1 and recent[i, j] > edges[k, j]:
                k += 1
            counts[k] += 1.0
        total, index = n + 0.5 * bins, 0.0
        for k in range(bins):
            part = counts[k] / total
            index += (part - 1.0 / bins) * np.log(part * bins)
        worst = max(worst, index)
    return worst


@njit(cache=True, nogil=True)
def _kernel_sum(a, b, width2):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(a)):
        for j in range(len(b)):
            distance = 0.0
            for k in range(a.shape[1]):
                distance += (a[i, k] - b[j, k]) ** 2
            total += np.exp(-0.5 * distance / width2)
    return total


@njit(cache=True, nogil=True)
def _discrepancies(have, usual, n, width2, inside, threshold, out):  # type: ignore[no-untyped-def]
    """Fill in the discrepancy of each window; return how many, the last one an alarm's or not."""
    m = len(usual)
    across = np.empty(len(have))
    near = np.empty((len(have), n))  # kernels with the samples just before
    for i in range(len(have)):
        across[i] = _kernel_sum(have[i : i + 1], usual, width2)
        for lag in range(1, min(n, i + 1)):
            near[i, lag] = _kernel_sum(have[i : i + 1], have[i - lag : i - lag + 1], width2)
    for k in range(len(out)):
        own, other = float(n), 0.0
        for i in range(k, k + n):
            other += across[i]
            for lag in range(1, i - k + 1):
                own += 2.0 * near[i, lag]
        out[k] = max(0.0, own / (n * n) - 2.0 * other / (n * m) + inside)
        if out[k] >= threshold:
            return k + 1
    return len(out)


RULES: dict[str, Any] = {
    "cusum": Cusum,
    "sprt": Sprt,
    "ks": KolmogorovSmirnov,
    "wasserstein": Wasserstein,
    "psi": Stability,
    "mmd": MeanDiscrepancy,
}
