"""Pólya-gamma numbers beside the polyagamma package, and Gaussian chains beside SciPy's bands.

    python benchmarks/samplers.py

Prints moments in 8 million draws, speeds and ratios: medians of alternating repeats in one process
and one thread (processor time). Needs ``pip install polyagamma`` for the peer.
"""

import time

import numpy as np
from scipy import stats
from scipy.linalg import lapack

from neurokit.solvers.gaussian_states import factor, solve
from neurokit.solvers.polya_gamma import polya_gamma_moments, sample_polya_gamma

REPEATS = 7


def seconds(call):
    begin = time.process_time()
    call()
    return time.process_time() - begin


def compare(ours, theirs):
    """Median, 10 % and 90 % of the ratio theirs / ours, in turns; and our median time."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(REPEATS)]
    ratio = np.quantile([b / a for a, b in pairs], [0.5, 0.1, 0.9])
    return ratio, np.median([a for a, _ in pairs])


def moments():
    print("shape,mean error in standard errors,variance ratio,skewness,true skewness")
    for shape in (0.5, 1.3, 2.5, 3.7, 10.3, 60.0):
        n = 8_000_000
        x = sample_polya_gamma(np.full(n, shape), 1.0, np.random.default_rng(3))
        mean, variance = polya_gamma_moments(shape, 1.0)
        k = np.arange(1, 100_001)
        w = 1 / ((k - 0.5) ** 2 + 1 / (4 * np.pi**2))
        skewness = 2 * (w**3).sum() / (w**2).sum() ** 1.5 / np.sqrt(shape)
        error = (x.mean() - mean) / np.sqrt(variance / n)
        print(
            f"{shape},{error:+.2f},{x.var() / variance:.4f},{stats.skew(x):.3f},{skewness:.3f}",
            flush=True,
        )


def speed():
    from polyagamma import random_polyagamma

    rng = np.random.default_rng(0)
    y = rng.negative_binomial(10, 10 / 11.5, (30, 500))
    tilt = rng.standard_normal(y.shape)
    print("case,ratio (library / ours),10 %,90 %,ours M/s")
    cases = {"30 x 500, shape near 11": (y + 10.3, tilt)}
    for shape in (0.5, 1.0, 1.3, 2.5, 5.0, 10.5, 20.0, 49.0, 60.0):
        cases[f"shape {shape:g}"] = (np.full(100_000, shape), np.ones(100_000))
    for name, (h, z) in cases.items():
        ratio, took = compare(
            lambda h=h, z=z: sample_polya_gamma(h, z, rng),
            lambda h=h, z=z: random_polyagamma(h, z, random_state=rng),
        )
        print(f"{name},{ratio[0]:.2f},{ratio[1]:.2f},{ratio[2]:.2f},{h.size / took / 1e6:.2f}")


def chains():
    print("latents,bins,ratio (banded LAPACK / ours),10 %,90 %,ours ms")
    rng = np.random.default_rng(0)
    for k, n_times in ((3, 500), (9, 500), (9, 10_000), (30, 1000)):
        lower = 0.3 * rng.normal(size=(n_times, k, k)) / np.sqrt(k)
        diagonal = np.broadcast_to(3 * np.eye(k), (n_times, k, k)).copy()
        linear, noise = rng.normal(size=(2, n_times, k))

        def ours(diagonal=diagonal, lower=lower, linear=linear, noise=noise):
            own, back, _ = factor(diagonal, lower)
            return solve(own, back, linear, noise)

        def banded(diagonal=diagonal, lower=lower, linear=linear, noise=noise, k=k):
            n = len(linear)
            band = np.zeros((2 * k, n * k))
            view = band.reshape(2 * k, n, k)
            for j in range(k):
                view[0 : k - j, :, j] = diagonal[:, j:, j].T
                view[k - j : 2 * k - j, :-1, j] = lower[1:, :, j].T
            root, _ = lapack.dpbtrf(band, lower=1, overwrite_ab=1)
            half, _ = lapack.dtbtrs(root, linear.reshape(-1, 1), uplo="L", trans="N")
            half += noise.reshape(-1, 1)
            return lapack.dtbtrs(root, half, uplo="L", trans="T")[0].reshape(n, k)

        np.testing.assert_allclose(ours(), banded(), rtol=1e-6, atol=1e-8)
        ratio, took = compare(ours, banded)
        print(f"{k},{n_times},{ratio[0]:.2f},{ratio[1]:.2f},{ratio[2]:.2f},{1e3 * took:.2f}")


if __name__ == "__main__":
    speed()
    chains()
    moments()
