"""Which of two partitions of units the posterior prefers, by powers of the likelihood.

    python benchmarks/biclustering_partitions.py true --sweeps 200
    python benchmarks/biclustering_partitions.py 12 --sweeps 200 --up

The partition is fixed: the true one of simulated Poisson counts (24 units, 400 bins, seed 1), one
with two populations joined (``01``, ``02``, ``12``), ``all`` joined, or ``half``, where chains of
`fit` have stopped. All else is drawn under the likelihood to a power b, from 1 to .02 (``--up``:
back), and the mean log likelihood printed for each; its integral over b is the log of the
evidence (Gelman and Meng 1998, Stat. Sci. 13, 163-185), but for what lies below .02 and what all
partitions have alike. The likelihood of Poisson counts y to the power b is that of counts b y
with log b added to every log rate, which is what is put into the sampler here.
"""

import argparse

import numpy as np

from neurokit.clustering.sampling import latents, likelihood, loadings, sweep, together
from neurokit.clustering.sampling.dynamics import draw_dynamics, moments, posterior
from neurokit.clustering.sampling.model import Counts, Prior, start
from neurokit.datasets import make_biclustering

POWERS = (1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.075, 0.05, 0.035, 0.02)
HALF = [0] * 8 + [1, 1, 2, 1, 2, 2, 1, 2] + [1] * 8
added = 0.0  # to every log rate


def raise_rates():
    """Let every log rate of the sampler have ``added`` in it."""
    plain, built, near = likelihood.log_rates_of, latents._Target.__init__, together.parabola

    def raised(theta):
        return theta + added * (np.arange(theta.shape[1]) == 0)

    def log_rates_of(theta, x):
        return plain(theta, x) + added

    likelihood.log_rates_of = loadings.log_rates_of = log_rates_of
    latents._Target.__init__ = lambda self, y, keep, r, theta, *rest: built(
        self, y, keep, r, raised(theta), *rest
    )
    together.parabola = lambda y, keep, theta, *rest: near(y, keep, raised(theta), *rest)


def hold(z):
    """Let no unit leave its cluster."""
    plain = sweep.fit_loadings

    def fit_loadings(*data):
        fits = plain(*data)
        away = z[:, None] != np.arange(fits.evidence.shape[1])
        return fits._replace(evidence=np.where(away, -np.inf, fits.evidence))

    sweep.fit_loadings = fit_loadings


def partition(name, truth):
    """Labels of all units."""
    if name == "half":
        return np.array(HALF)
    joined = {"true": "", "all": "012"}.get(name, name)
    merged = [int(joined[-1]) if str(k) in joined else k for k in truth.tolist()]
    return np.unique(merged, return_inverse=True)[1]


def main(args):
    global added
    simulated, truth = make_biclustering(24, 400, observation="poisson", random_state=1)
    y, n_times = simulated.values.astype(float), simulated.sizes["time"]
    counts = Counts(y, np.ones(y.shape, bool), np.arange(n_times) == 0)
    prior, rng = Prior(negbin=False), np.random.default_rng(args.seed)
    true = truth["cluster"].values
    z = partition(args.partition, true)
    raise_rates()
    hold(z)
    chain = start(counts, prior, rng, int(z.max()) + 1)
    chain.z, chain.theta = z.astype(np.int64), truth["loading"].values.copy()
    chain.xi = truth["state"].values.astype(np.int64)
    x = truth["latent"].transpose("cluster", "time", "factor").values
    chain.latents = np.stack([x[np.bincount(true[z == j]).argmax()] for j in range(z.max() + 1)])
    sums = moments(chain.latents, chain.xi, counts.first, prior.n_states)
    chain.dynamics = draw_dynamics(posterior(prior.wishart(), sums), rng)
    for n in range(90):
        sweep.sweep_within(chain, counts, prior, rng, hold=n < 30)
    means = {}
    for power in POWERS[::-1] if args.up else POWERS:
        added = float(np.log(power))
        found = []
        for _ in range(args.sweeps):
            sweep.sweep_within(chain, counts._replace(y=power * y), prior, rng)
            eta = likelihood.log_rates(chain.theta, chain.z, chain.latents) - added
            found.append((y * eta - np.exp(eta)).sum())
        means[power] = np.mean(found[3 * args.sweeps // 10 :])
        print(f"{args.partition},{power},{means[power]:.1f}", flush=True)
    powers = sorted(means)
    whole = np.trapezoid([means[power] for power in powers], powers)
    print(f"{args.partition},integral,{whole:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("partition", choices=["true", "01", "02", "12", "all", "half"])
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--up", action="store_true")
    main(parser.parse_args())
