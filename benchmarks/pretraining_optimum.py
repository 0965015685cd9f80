"""How near does `MaskedModel` come to the best filling-in there is?

    python benchmarks/pretraining_optimum.py [--seconds 200] [--trials 8192] [--width 128]

A stationary Gaussian world: four rhythms and a slow background in a head, 8 electrodes, 2 s at
128 Hz, sensor noise. What a hidden sample is, given those that are seen, is then known: the
conditional mean, an exact solve in 2048 dimensions. Printed is the squared error of hidden samples
over that of the conditional mean; zero and interpolation from the other electrodes (weights by the
inverse of distance squared) stand beside it.
"""

import argparse
import time
import warnings

import numpy as np
from scipy.linalg import cho_factor, cho_solve, toeplitz
from scipy.signal import freqz

import neurokit
from neurokit.datasets.head import electrodes, sphere_leadfield
from neurokit.pretraining import MaskedModel, block_mask
from neurokit.training import Trainer

RATE, N_TIMES, N_CHANNELS = 128, 256, 8
RHYTHMS = ((6.0, 0.95), (10.0, 0.98), (12.0, 0.97), (21.0, 0.95))  # Hz, radius of the poles


def covariances(random_state=0):
    """Return the covariance (channel, time, channel, time), and factors of it to draw with."""
    rng = np.random.default_rng(random_state)
    names, positions = electrodes(N_CHANNELS)
    places = np.array([[-40, 20, 50], [0, -60, 30], [40, 20, 50], [10, 40, 40], [-10, -20, 60]])
    moments = places / np.linalg.norm(places, axis=1, keepdims=True)
    field = sphere_leadfield(positions, places.astype(float), moments)
    field = field / np.linalg.norm(field, axis=0) + 0.1 * rng.normal(size=field.shape)
    lags = np.zeros((len(places), N_TIMES))
    for k, (hz, radius) in enumerate(RHYTHMS):
        angle = 2 * np.pi * hz / RATE
        lags[k] = autocovariance([1, -2 * radius * np.cos(angle), radius**2])
    lags[-1] = autocovariance([1, -0.95])
    parts = [(np.outer(field[:, k], field[:, k]), toeplitz(lags[k])) for k in range(len(places))]
    whole = sum(np.einsum("ij,st->isjt", a, b) for a, b in parts)
    level = np.sqrt(np.einsum("isis->is", whole)[:, 0])
    whole = whole / level[:, None, None, None] / level[:, None]
    whole += 0.05 * np.einsum("ij,st->isjt", np.eye(N_CHANNELS), np.eye(N_TIMES))
    return names, positions, whole


def autocovariance(poles, n=1 << 14):
    """Return the autocovariance of white noise through poles, of variance one."""
    _, response = freqz([1.0], poles, n, whole=True)
    found = np.fft.ifft(np.abs(response) ** 2).real[:N_TIMES]
    return found / found[0]


def draw(whole, n, random_state):
    size = N_CHANNELS * N_TIMES
    root = np.linalg.cholesky(whole.reshape(size, size)).astype(np.float32)
    white = np.random.default_rng(random_state).standard_normal((n, size), np.float32)
    return (white @ root.T).reshape(n, N_CHANNELS, N_TIMES)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--trials", type=int, default=8192)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    names, positions, whole = covariances()

    def label(values):
        return neurokit.signal(values, sampling_rate=RATE, channels=names, positions=positions)

    train, test = (label(draw(whole, n, seed)) for n, seed in ((given.trials, 1), (64, 2)))
    size = {"patch": 0.25, "window": 2.0, "width": given.width, "depth": given.depth}
    trainer = Trainer(2, batch_size=256, learning_rate=given.rate, reproducible=False)
    model = MaskedModel(**size, batch_tokens=65536, trainer=trainer, random_state=given.seed)
    model.fit(train)  # what is loaded once is loaded
    start = time.perf_counter()
    model.fit(train)
    took = (time.perf_counter() - start) / 2
    trainer.set_params(n_epochs=max(int(given.seconds / took), 1), warmup=0.02)
    start = time.perf_counter()
    model.fit(train)
    print(
        f"{trainer.n_epochs} epochs of {given.trials} trials in {time.perf_counter() - start:.0f}"
        f" s, last loss {model.history_[-1]['loss']:.4f}"
    )

    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    errors = []
    for seed in range(16):
        frames = np.arange(8) * 0.25
        hidden = block_mask(test, frames, 0.55, radius=45.0, span=1.0, random_state=seed).values
        where = np.repeat(hidden, N_TIMES // 8, axis=1)
        truth = test.values[:, where]
        flat, seen = where.ravel(), ~where.ravel()
        sigma = whole.reshape(flat.size, flat.size)
        x = test.values.reshape(len(test), -1)[:, seen].astype(float)
        best = sigma[flat][:, seen] @ cho_solve(cho_factor(sigma[seen][:, seen]), x.T)
        found = model.reconstruct(test, hidden).values[:, where]
        weight = ~where[None] / np.maximum(apart, 1e-9)[..., None] ** 2  # (to, from, time)
        weight /= np.maximum(weight.sum(1, keepdims=True), 1e-12)
        near = np.einsum("ijt,njt->nit", weight, test.values)[:, where]
        errors.append([((guess - truth) ** 2).mean() for guess in (best.T, found, near, 0.0)])
    best, found, near, zero = np.mean(errors, 0)
    print(
        f"squared error of hidden samples: conditional mean {best:.4f}, MaskedModel {found:.4f},"
        f" neighbours {near:.4f}, zero {zero:.4f}; MaskedModel / conditional mean"
        f" {found / best:.3f} (per mask {np.min(np.divide(*np.array(errors).T[1::-1])):.3f} to"
        f" {np.max(np.divide(*np.array(errors).T[1::-1])):.3f})"
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)
    main()
