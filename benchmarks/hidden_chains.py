"""Hidden chains: one pass forwards and backwards, against a compiled loop, hmmlearn and nemos.

    python benchmarks/hidden_chains.py [--rows 100000] [--states 20] [--repeats 9]

Every repeat runs all contestants in turn; times are those of the process, ratios are taken
within a repeat, medians and ranges printed. hmmlearn and nemos (its passes of a GLM-HMM, compiled
beforehand, double precision) are left out where they are not installed.
"""

import argparse
import time

import numpy as np
from numba import njit

from neurokit.solvers.hmm import draw_paths, smooth_states


@njit(cache=True)
def plain(logs, P, first):
    """The recursions as a textbook writes them, compiled."""
    n, k = logs.shape
    alpha, beta = np.empty((n, k)), np.empty((n, k))
    scaled, pairs = np.empty((n, k)), np.zeros((k, k))
    evidence = 0.0
    for t in range(n):
        top, total = logs[t].max(), 0.0
        for j in range(k):
            scaled[t, j] = np.exp(logs[t, j] - top)
            ahead = 0.0
            if t == 0:
                ahead = first[j]
            else:
                for i in range(k):
                    ahead += alpha[t - 1, i] * P[i, j]
            alpha[t, j] = ahead * scaled[t, j]
            total += alpha[t, j]
        for j in range(k):
            alpha[t, j] /= total
        evidence += np.log(total) + top
    beta[n - 1] = 1.0
    for t in range(n - 2, -1, -1):
        total = 0.0
        for i in range(k):
            value = 0.0
            for j in range(k):
                value += P[i, j] * scaled[t + 1, j] * beta[t + 1, j]
            beta[t, i] = value
            total += value
        mass = 0.0
        for i in range(k):
            beta[t, i] /= total
            mass += alpha[t, i] * beta[t, i]
        for i in range(k):
            for j in range(k):
                pairs[i, j] += (
                    alpha[t, i] * P[i, j] * scaled[t + 1, j] * beta[t + 1, j] / (mass * total)
                )
    for t in range(n):
        total = 0.0
        for j in range(k):
            alpha[t, j] *= beta[t, j]
            total += alpha[t, j]
        for j in range(k):
            alpha[t, j] /= total
    return alpha, pairs, evidence


def hmmlearns(implementation):
    """Posteriors and expected transitions as hmmlearn's fit computes them."""
    from hmmlearn import _hmmc

    def scaling(logs, P, first):
        top = logs.max(1, keepdims=True)
        frame = np.exp(logs - top)
        _, forward, scale = _hmmc.forward_scaling(first, P, frame)
        backward = _hmmc.backward_scaling(first, P, frame, scale)
        posterior = forward * backward
        posterior /= posterior.sum(1, keepdims=True)
        return posterior, _hmmc.compute_scaling_xi_sum(forward, P, backward, frame)

    def log(logs, P, first):
        from scipy.special import logsumexp

        _, forward = _hmmc.forward_log(first, P, logs)
        backward = _hmmc.backward_log(first, P, logs)
        posterior = forward + backward
        posterior -= logsumexp(posterior, axis=1, keepdims=True)
        return np.exp(posterior), np.exp(_hmmc.compute_log_xi_sum(forward, P, backward, logs))

    return {"scaling": scaling, "log": log}[implementation]


def nemos_passes():
    """Posteriors and expected transitions as nemos' E-step computes them."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from nemos.glm_hmm.expectation_maximization import backward_pass, compute_xi_log, forward_pass

    @jax.jit
    def passes(logs, log_P, log_first, begins):
        ahead, norms = forward_pass(log_first, log_P, logs, begins)
        back = backward_pass(log_P, logs, norms, begins)
        pairs = compute_xi_log(ahead, back, logs, norms, begins, log_P)
        return jnp.exp(ahead + back), jnp.exp(pairs)

    def run(logs, P, first):
        begins = np.arange(len(logs)) == 0
        return [np.asarray(part) for part in passes(logs, np.log(P), np.log(first), begins)]

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--states", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    n, k = options.rows, options.states
    logs = 3 * rng.standard_normal((n, k))
    P = 0.1 * rng.dirichlet(np.ones(k), k) + 0.9 * np.eye(k)
    first = np.full(k, 1 / k)
    contestants = {"neurokit": smooth_states, "plain compiled loop": plain}
    try:
        contestants |= {f"hmmlearn {name}": hmmlearns(name) for name in ("scaling", "log")}
    except ImportError:
        print("hmmlearn is not installed: left out")
    try:
        contestants["nemos"] = nemos_passes()
    except ImportError:
        print("nemos is not installed: left out")
    found = {name: run(logs, P, first) for name, run in contestants.items()}
    for name, result in found.items():
        apart = np.abs(result[0] - found["neurokit"][0]).max()
        pairs = np.abs(result[1] - found["neurokit"][1]).max()
        print(f"{name}: posteriors within {apart:.1e}, transitions within {pairs:.1e} of ours")
    contestants["neurokit, one drawn path"] = lambda *a: draw_paths(*a, random_state=0)
    contestants["neurokit, one drawn path"](logs, P, first)
    times = {name: [] for name in contestants}
    for _ in range(options.repeats):
        for name, run in contestants.items():
            start = time.process_time()
            run(logs, P, first)
            times[name].append(time.process_time() - start)
    ours = np.array(times["neurokit"])
    print(f"\nrows {n}, states {k}, {options.repeats} repeats, one thread")
    for name, took in times.items():
        ratio = np.array(took) / ours
        print(
            f"{name:26s} {1e3 * np.median(took):8.1f} ms, {np.median(ratio):5.2f} x ours"
            f" ({ratio.min():.2f} to {ratio.max():.2f})"
        )


if __name__ == "__main__":
    main()
