"""Drift: statistics of loops and SciPy, false alarms at the stated rate, short delays, live."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from neurokit.decoders import DriftDetector
from neurokit.decoders import _drift as core

METHODS = list(core.RULES)


def draw(seed, n, d=3):
    rng = np.random.default_rng(seed)
    return lfilter([1], [1, -0.5], rng.standard_normal((n + 50, d)) * 0.75**0.5, axis=0)[50:]


def test_sums_are_pages_written_in_a_loop():
    x, shift, h = draw(0, 300, 1), 1.0, 4.0
    up = down = wide = 0.0
    expected = []
    for v in x[:, 0]:
        up, down = max(0, up + v - 0.5), max(0, down - v - 0.5)
        wide = max(0, wide + stats.norm.logpdf(v, 0, 2) - stats.norm.logpdf(v, 0, 1))
        expected.append(max(up, down, wide))
        if expected[-1] >= h:
            up = down = wide = 0.0
    found = core.Cusum(np.zeros((1, 1)), 0, shift).push(x, h)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_windowed_statistics_are_those_of_scipy():
    usual, x = draw(0, 4000, 2), draw(1, 60, 2) + 0.3
    rng = np.random.default_rng(0)
    for name, peer in (("ks", stats.ks_2samp), ("wasserstein", stats.wasserstein_distance)):
        rule = core.RULES[name](core.RULES[name].learn(usual, 50, rng), 50, 1.0)
        found = rule.push(x, np.inf)
        assert (found[:49] == 0).all()
        for k in (49, 59):
            each = [peer(x[k - 49 : k + 1, j], usual[:, j]) for j in range(2)]
            each = [getattr(one, "statistic", one) for one in each]
            np.testing.assert_allclose(found[k], max(each), atol=0.012)
    few = core.MeanDiscrepancy.learn(usual, 50, rng)
    found = core.MeanDiscrepancy(few, 50, 1.0).push(x, np.inf)[-1]
    k = lambda a, b: np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / 4).mean()  # noqa: E731
    w = x[-50:]
    np.testing.assert_allclose(found, k(w, w) - 2 * k(w, few) + k(few, few), rtol=1e-9)
    edges = core.Stability.learn(usual, 50, rng)
    found = core.Stability(edges, 50, 1.0).push(x, np.inf)[-1]
    part = np.histogram(w[:, 0], np.concatenate([[-np.inf], edges[:, 0], [np.inf]]))[0]
    part = (part + 0.5) / (50 + 5)
    assert found >= ((part - 0.1) * np.log(part / 0.1)).sum() - 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_false_alarms_come_at_the_stated_rate(method):
    rates = []
    for seed in range(2):
        detector = DriftDetector(
            method, false_alarm_rate=0.002, window=40, n_bootstrap=6, random_state=seed
        ).fit(draw(seed, 8000))
        assert abs(detector.false_alarm_rate_ / 0.002 - 1) < 0.15  # ties of ks
        rates.append(detector.predict(draw(100 + seed, 12_000)).mean())
    assert 0.6 < np.mean(rates) / 0.002 < 1.5  # 48 alarms expected; the benchmark counts more


def test_a_shift_is_found_sooner_than_by_windows():
    delays = {}
    for method in ("cusum", "sprt", "ks", "wasserstein", "psi"):
        detector = DriftDetector(method, shift=1.0, n_bootstrap=4, random_state=0)
        detector.fit(draw(0, 8000))
        late = []
        for seed in range(10):
            x = draw(50 + seed, 800)
            x[200:, 0] += 1.0
            found = np.flatnonzero(detector.predict(x)[200:])
            late.append(found[0] if len(found) else 600)
        delays[method] = np.mean(late)
    for method in ("cusum", "sprt"):
        assert delays[method] < 0.8 * min(delays[m] for m in ("ks", "wasserstein", "psi"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1, 33])
def test_a_stream_is_the_whole_to_the_bit(method, size):
    detector = DriftDetector(
        method, false_alarm_rate=0.02, window=20, block=20, n_bootstrap=2, random_state=0
    ).fit(draw(0, 1000))
    x = draw(1, 400) + 0.3
    whole = detector.predict(x)
    stream = detector.stream()
    parts = [stream.push(x[i : i + size]) for i in range(0, len(x), size)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()]), whole)
    assert whole.sum() > 2


def test_a_constant_dim_neither_alarms_nor_hides_the_others():
    x = draw(0, 2000)
    x[:, 1] = 4.0
    detector = DriftDetector(random_state=0).fit(x)
    assert np.isfinite(detector.threshold_)
    later = draw(1, 300)
    later[:, 1] = 4.0
    assert detector.predict(later).sum() <= 2
    later[100:, 0] += 2
    assert detector.predict(later)[100:150].any()


@pytest.mark.parametrize(
    ("n", "params", "message"),
    [
        (60, {}, "60 samples are too few to know the usual by; give at least 400"),
        (900, {"method": "htm"}, "method must be one of cusum, sprt, ks"),
        (900, {"false_alarm_rate": 0.0}, "false_alarm_rate must be positive"),
        (900, {"window": 1}, "window must be at least 2"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(n, params, message):
    with pytest.raises(ValueError, match=message):
        DriftDetector(**params).fit(draw(0, n))
