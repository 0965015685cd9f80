"""The whole sampler against its own model: Geweke (2004), J. Am. Stat. Assoc. 99, 799-804.

Draws of all unknowns and data from the model, and a chain that takes one sweep and then draws new
data given its unknowns, have one law if and only if every step of the sweep is right. The bugs of
the reference code, planted one by one, are all found.
"""

import numpy as np
import pytest

from neurokit.clustering.sampling import splits, states, sweep
from neurokit.clustering.sampling.likelihood import log_rates
from neurokit.clustering.sampling.model import Chain, Counts, Prior

N_UNITS, FIRST = 4, np.array([True, False, False, True, False, False, False])
KEEP = np.ones((N_UNITS, len(FIRST)), bool)
KEEP[1, 2] = KEEP[2, 4] = False


def tame(negbin):
    """A model without heavy tails, small enough for many sweeps.

    Of Poisson counts tails must be lighter still: a rate of e^8 is known to a fiftieth, so that a
    chain that draws data and rates in turn would not get there, nor back, in 10,000 sweeps.
    """
    return Prior(
        n_factors=1,
        negbin=negbin,
        n_states=2,
        total=(8.0, 2.0),
        share=(4.0, 5.0),
        openness=(4.0, 2.0),
        scale=0.7 if negbin else 0.4,
        dispersion=(6.0, 2.0),
        noise=1.0 if negbin else 0.3,
        freedom=12.0,
        stop=0.4,
    )


def from_the_model(prior, rng):
    """All unknowns, drawn in the order in which the model makes them."""
    n_components = rng.geometric(prior.stop)
    weights = states.dirichlet(np.full(n_components, prior.concentration), rng)
    z = rng.choice(n_components, N_UNITS, p=weights)
    z = np.unique(z, return_inverse=True)[1].astype(np.int64)
    n_clusters, n_states, q = z.max() + 1, prior.n_states, prior.q
    dynamics = prior.draw_dynamics(rng, n_clusters)
    law = prior.hyper().draw(rng)
    beta = states.dirichlet(np.full(n_states, law.gamma / n_states), rng)
    pi = np.stack(
        [states.dirichlet(law.alpha * beta + law.kappa * row, rng) for row in np.eye(n_states)]
    )
    xi = np.zeros(len(FIRST), np.int64)
    x = np.zeros((n_clusters, len(FIRST), q))
    for t, first in enumerate(FIRST):
        xi[t] = rng.choice(n_states, p=None if first else pi[xi[t - 1]])
        for j in range(n_clusters):
            if first:
                x[j, t] = rng.standard_normal(q)
            else:
                w = dynamics.weight[j, xi[t]]
                mean = w[:q].T @ x[j, t - 1] + w[q]
                x[j, t] = rng.multivariate_normal(mean, dynamics.noise[j, xi[t]])
    theta = prior.scale * rng.standard_normal((N_UNITS, q))
    a, b = prior.dispersion
    r = rng.gamma(a, 1 / b, N_UNITS) if prior.negbin else np.full(N_UNITS, np.inf)
    return Chain(z, theta, r, x, dynamics, xi, beta, pi, np.array(law))


def counts_given(chain, rng):
    mean = np.exp(np.minimum(log_rates(chain.theta, chain.z, chain.latents), 12))
    gain = 1.0
    if np.isfinite(chain.r).all():
        gain = rng.gamma(chain.r[:, None], 1 / chain.r[:, None], mean.shape)
    y = rng.poisson(mean * gain).astype(float)
    return Counts(np.where(KEEP, y, 0.0), KEEP, FIRST)


def features(chain, counts):
    """Numbers that say what the unknowns are, whatever clusters are called."""
    x, theta = chain.latents, chain.theta
    a = chain.dynamics.weight[..., :-1, :]
    own = x[chain.z]  # (N, T, q)
    xi, first = chain.xi, FIRST
    inside = ~first[1:]
    stay = (xi[1:] == xi[:-1])[inside]
    sticky = np.diag(chain.pi)
    shape = np.where(np.isfinite(chain.r), np.log(chain.r), 0.0)
    together = chain.z[:, None] == chain.z
    return {
        "clusters": chain.n_clusters,
        "units 0 and 1 together": together[0, 1],
        "largest cluster": np.bincount(chain.z).max(),
        "offset": theta[:, 0].mean(),
        "offset squared": (theta[:, 0] ** 2).mean(),
        "loading": theta[:, 1].mean(),
        "loading squared": (theta[:, 1] ** 2).mean(),
        "latent": np.tanh(own).mean(),
        "latent size": np.log(own**2).mean(),
        "latent at starts": (own[:, first] ** 2).mean(),
        "latent change": np.log((own[:, 1:] - own[:, :-1])[:, inside] ** 2 + 1e-6).mean(),
        "latent times loading": np.tanh(own[:, :, 1] * theta[:, 1:]).mean(),
        "latent and dispersion": np.tanh((own[:, :, 0].mean(1) * shape).mean()),
        "diagonal of A": a[..., 0, 0].mean(),
        "off the diagonal of A": (a[..., 0, 1] ** 2).mean(),
        "b": np.tanh(chain.dynamics.weight[..., -1, :]).mean(),
        "Q": np.linalg.slogdet(chain.dynamics.noise)[1].mean(),
        "step with its A": np.tanh(
            np.mean(
                [
                    x[j, t] @ chain.dynamics.weight[j, xi[t], :-1].T @ x[j, t - 1]
                    for j in range(len(x))
                    for t in range(1, len(xi))
                    if not first[t]
                ]
            )
        ),
        "stays": stay.mean(),
        "sticky": sticky.mean(),
        "sticky squared": (sticky**2).mean(),
        "stays and sticky": stay.mean() * sticky.mean(),
        "beta": (chain.beta**2).sum(),
        "beta and pi": (chain.beta * chain.pi).sum(),
        "beta and stays": chain.beta[xi].mean(),
        "concentrations": np.log(chain.law[[0, 2]].sum()),
        "share of kappa": chain.law[2] / chain.law[[0, 2]].sum(),
        "log gamma": np.log(chain.law[1]),
        "log dispersion": shape.mean(),
        "log dispersion squared": (shape**2).mean(),
        "counts": np.log1p(counts.y).mean(),
        "counts of a pair": (np.tanh(counts.y[0]) * np.tanh(counts.y[1])).mean(),
        "counts and offset": (np.tanh(counts.y.mean(1)) * theta[:, 0]).mean(),
    }


def standard_error(values, n_batches=15):
    size = len(values) // n_batches
    means = values[: size * n_batches].reshape(n_batches, size, -1).mean(1)
    return means.std(0, ddof=1) / np.sqrt(n_batches)


def z_scores(prior, n_sets, seed=0, n_sweeps=10):
    """How far sweeps carry the means of the features from those of the model, in standard errors.

    Each set begins with a draw of the model, so that nothing hangs on how soon a chain forgets:
    unknowns and data, drawn in turn, must have the law of the model after every sweep.
    """
    rng = np.random.default_rng(seed)
    moved = []
    for _ in range(n_sets):
        chain = from_the_model(prior, rng)
        counts = counts_given(chain, rng)
        before = features(chain, counts)
        for _ in range(n_sweeps):
            sweep.sweep(chain, counts, prior, rng)
            counts = counts_given(chain, rng)
        after = features(chain, counts)
        moved.append([float(after[name]) - float(before[name]) for name in before])
    moved = np.array(moved, float)
    error = np.maximum(moved.std(0, ddof=1) / np.sqrt(n_sets), 1e-12)
    return dict(zip(before, (moved.mean(0) / error).round(2), strict=True))


def scores_of_a_chain(prior, n_sweeps, seed=0):
    """Differences between draws of the model and one long chain, in standard errors.

    A wrong step carries a long chain further than ten sweeps do: a bug shows more plainly. It
    judges no Poisson counts: beyond rates of e^6 a chain neither gets there nor back.
    """
    rng = np.random.default_rng(seed)
    plain = []
    for _ in range(n_sweeps):
        chain = from_the_model(prior, rng)
        plain.append(features(chain, counts_given(chain, rng)))
    names = list(plain[0])
    plain = np.array([list(row.values()) for row in plain], float)
    chain = from_the_model(prior, rng)
    walked = np.empty_like(plain)
    counts = counts_given(chain, rng)
    for row in walked:
        sweep.sweep(chain, counts, prior, rng)
        counts = counts_given(chain, rng)
        row[:] = list(features(chain, counts).values())
    error = np.hypot(plain.std(0) / np.sqrt(len(plain)), standard_error(walked))
    score = (walked.mean(0) - plain.mean(0)) / np.maximum(error, 1e-12)
    return dict(zip(names, score.round(2), strict=True))


def worst(scores):
    name = max(scores, key=lambda key: abs(scores[key]))
    return name, scores[name]


@pytest.mark.parametrize("negbin", [True, False])
def test_the_sweep_leaves_the_model_as_it_is(negbin):
    name, score = worst(z_scores(tame(negbin), 60))
    assert abs(score) < 4.5, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("negbin", [True, False])
def test_the_sweep_leaves_the_model_as_it_is_to_a_hundredth(negbin, seed):
    name, score = worst(z_scores(tame(negbin), 3000, seed))
    assert abs(score) < 4.5, name


# ---------------------------------------------------------------- against weighed draws, and ranks


def posterior_scores(negbin, n_draws, n_sweeps, seed=0):
    """Means under the posterior of one data set: of weighed draws of the model, and of a chain.

    Draws of the model, each weighed by the likelihood of the counts, are the posterior itself,
    with no step of the sampler in it: for so few counts enough of them carry weight. Returns the
    differences in standard errors, and what the draws are worth.
    """
    prior, rng = tame(negbin), np.random.default_rng(seed)
    counts = counts_given(from_the_model(prior, rng), rng)
    few = np.zeros_like(KEEP)
    few[:2, 1:3] = few[2, 5:] = True
    counts = Counts(np.where(few, counts.y, 0.0), few, FIRST)
    rows, logs = [], np.empty(n_draws)
    for k in range(n_draws):
        chain = from_the_model(prior, rng)
        logs[k] = sweep.log_likelihood(chain, counts)
        rows.append(list(features(chain, counts).values()))
    rows, weight = np.array(rows), np.exp(logs - logs.max())
    weight /= weight.sum()
    mean = weight @ rows
    spread = np.sqrt((weight**2) @ (rows - mean) ** 2)
    chain = from_the_model(prior, rng)
    names, walked = list(features(chain, counts)), []
    for k in range(n_sweeps):
        sweep.sweep(chain, counts, prior, rng)
        if k >= n_sweeps // 20:
            walked.append(list(features(chain, counts).values()))
    walked = np.array(walked)
    error = np.hypot(spread, standard_error(walked))
    fixed = error < 1e-12  # what the counts alone say
    score = np.where(fixed, 0.0, (walked.mean(0) - mean) / np.maximum(error, 1e-12))
    return dict(zip(names, score.round(2), strict=True)), 1 / (weight**2).sum()


@pytest.mark.slow
@pytest.mark.parametrize("negbin", [True, False])
def test_the_posterior_is_that_of_weighed_draws_of_the_model(negbin):
    # counts of seed 0 are so many that one draw would carry all the weight
    scores, worth = posterior_scores(negbin, 40_000, 15_000, seed=7)
    name, score = worst(scores)
    assert worth > 50
    assert abs(score) < 4.5, name


def ranks_of_truths(negbin, n_sets, n_sweeps, seed=0):
    """Part of the draws below the truth, for data sets drawn from the model: (n_sets, numbers).

    Chains begin at draws of the model that have nothing to do with the data (Talts et al. 2018,
    arXiv:1804.06788).
    """
    prior, rng = tame(negbin), np.random.default_rng(seed)

    def told(chain):
        eta = log_rates(chain.theta, chain.z, chain.latents)
        shape = np.log(chain.r).mean() if negbin else 0.0
        return [eta[0, 1], eta[2, 5], eta.mean(), eta.std(), shape, np.trace(chain.pi)]

    out = []
    for _ in range(n_sets):
        truth = from_the_model(prior, rng)
        counts = counts_given(truth, rng)
        chain, draws = from_the_model(prior, rng), []
        for k in range(n_sweeps):
            sweep.sweep(chain, counts, prior, rng)
            if k >= n_sweeps // 4 and k % 3 == 0:
                draws.append(told(chain))
        below = np.array(draws) < told(truth)
        out.append(below.mean(0))
    return np.array(out)[:, [0, 1, 2, 3, 5] + [4] * negbin]


@pytest.mark.slow
@pytest.mark.parametrize("negbin", [True, False])
def test_intervals_hold_the_truth_as_often_as_they_say(negbin):
    ranks = ranks_of_truths(negbin, 150, 400)
    inside = ((ranks > 0.05) & (ranks < 0.95)).mean(0)
    assert np.abs(inside - 0.9).max() < 0.09  # 3.7 standard errors
    assert np.abs(ranks.mean(0) - 0.5).max() < 0.09


# ---------------------------------------------------------------- the bugs of the reference code


def off_by_one(patch):
    """Trajectories forward by the state of the step before, dynamics by that of the step."""
    draw = sweep.draw_latents

    def wrong(chain, counts, prior, rng, hold=False):
        xi, chain.xi = chain.xi, np.roll(chain.xi, 1)
        draw(chain, counts, prior, rng, hold)
        chain.xi = xi

    patch.setattr(sweep, "draw_latents", wrong)


def tables_without_kappa(patch):
    """Customers of the sticky dish open tables as if there were none."""
    from neurokit.clustering.sampling.states import sample_tables as draw

    def wrong(counts, base, rng):
        # a column holds alpha beta_k everywhere, and kappa besides on the diagonal
        off = base.copy()
        np.fill_diagonal(off, [np.delete(base[:, j], j)[0] for j in range(len(base))])
        return draw(counts, off, rng)

    patch.setattr(states, "sample_tables", wrong)


def chain_anew(patch):
    """The law of steps is drawn from its prior in every sweep."""
    draw = states.draw_transitions

    def wrong(counts, beta, *rest):
        return draw(0 * counts, beta, *rest)

    patch.setattr(states, "draw_transitions", wrong)


def cluster_not_from_the_prior(patch):
    """Dynamics of a new cluster from a law of one's own, weighed as if from the prior."""

    def wrong(latents, xi, counts, prior, rng):
        drawn = prior.draw_dynamics(rng, 1)
        return type(drawn)(0 * drawn.weight[0] + 0.3, 0.2 * drawn.noise[0])

    patch.setattr(splits, "propose_dynamics", wrong)


def split_by_likelihood_alone(patch):
    """A split forgets how likely it was to be proposed."""
    patch.setattr(splits, "log_student", lambda theta, mode, root: np.zeros(len(theta)))


BUGS = [
    off_by_one,
    chain_anew,
    cluster_not_from_the_prior,
    split_by_likelihood_alone,
]


def law_of_steps(n_sweeps, seed=0, n_times=25, hyper=None):
    """The same comparison for the hidden chain alone: its law, and its states as the data."""
    rng = np.random.default_rng(seed)
    fixed, n_states = states.Concentrations(1.5, 1.5, 4.0), 3
    first = np.arange(n_times) == 0

    def walk(pi):
        xi = np.zeros(n_times, np.int64)
        xi[0] = rng.integers(n_states)
        for t in range(1, n_times):
            xi[t] = np.searchsorted(np.cumsum(pi[xi[t - 1]]), rng.random() * 0.999999)
        return states.count_steps(xi, first, n_states)

    def draw():
        law = hyper.draw(rng) if hyper else fixed
        beta = states.dirichlet(np.full(n_states, law.gamma / n_states), rng)
        rows = [states.dirichlet(law.alpha * beta + law.kappa * e, rng) for e in np.eye(n_states)]
        return beta, np.stack(rows), law

    def told(beta, pi, law, steps):
        stay, tends = np.trace(steps) / steps.sum(), np.trace(pi)
        out = [(beta**2).sum(), tends, (beta * pi).sum(), stay, (stay - 0.7) * (tends - 2.1)]
        total = law.alpha + law.kappa
        return out + [np.log(total), law.kappa / total, np.log(law.gamma)] * bool(hyper)

    plain = []
    for _ in range(n_sweeps):
        found = draw()
        plain.append(told(*found, walk(found[1])))
    plain = np.array(plain)
    beta, pi, law = draw()
    walked = np.empty_like(plain)
    for row in walked:
        steps = walk(pi)
        beta, pi, law = states.draw_transitions(steps, beta, law, rng, hyper)
        row[:] = told(beta, pi, law, steps)
    error = np.hypot(plain.std(0) / np.sqrt(len(plain)), standard_error(walked))
    return np.abs((walked.mean(0) - plain.mean(0)) / error).max()


HYPER = states.Hyper((8.0, 1.5), (5.0, 2.0), (4.0, 2.5))


@pytest.mark.parametrize("hyper", [None, HYPER], ids=["given", "learned"])
def test_the_law_of_steps_is_left_as_it_is(hyper):
    assert law_of_steps(3000, hyper=hyper) < 4.5


@pytest.mark.parametrize("bug", [tables_without_kappa], ids=lambda b: b.__name__)
def test_a_planted_bug_of_the_hidden_chain_is_found(monkeypatch, bug):
    bug(monkeypatch)
    assert law_of_steps(3000) > 5.5


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_of_the_reference_is_found(monkeypatch, bug):
    bug(monkeypatch)
    assert abs(worst(scores_of_a_chain(tame(True), 8000))[1]) > 4.5
