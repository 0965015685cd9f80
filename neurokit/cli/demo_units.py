"""Sections of the demo on networks of units: populations, hidden states, communities in time."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from neurokit import datasets, plotting
from neurokit.cli.report import Report
from neurokit.clustering import BayesianBiclustering, SwitchingGLM
from neurokit.connectomes import DynamicConnectome
from neurokit.types import Codes

N_STATES, N_COMMUNITIES = 3, 3
N_SWEEPS = 100  # of the chain that looks for populations

Row = tuple[str, str, float, float]  # job, what was called, score, the same by chance


def find_populations(report: Report, folder: Path, seed: int) -> list[Row]:
    """Find who fires together and when the whole network changes, both at once."""
    counts, truth = datasets.make_biclustering(16, 300, n_clusters=2, random_state=seed)
    model = BayesianBiclustering(
        n_iter=N_SWEEPS, n_burn=N_SWEEPS // 2, n_chains=1, max_states=4, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # which the page says
        model.fit(counts)
    units = float(adjusted_rand_score(truth["cluster"], model.unit_labels_))
    state, found = truth["state"].values, model.state_labels_.values
    shared = np.zeros((state.max() + 1, found.max() + 1))
    np.add.at(shared, (state, found), 1)
    right = float(shared[linear_sum_assignment(-shared)].sum() / len(state))
    chance = float(np.bincount(state).max() / len(state))
    report.section(
        "Populations and states, found together",
        "Sixteen units in two populations, 300 bins, two states in which latents move differently."
        f" {N_SWEEPS} sweeps of one chain: a look, and no posterior to be believed.",
    )
    report.code(
        "model = BayesianBiclustering().fit(counts)\n"
        "model.unit_labels_, model.state_labels_, model.unit_similarity_"
    )
    report.figure(
        plotting.plot_similarity(model.unit_similarity_, model.unit_labels_),
        "How often two units stood in one population, by population.",
    )
    return [
        ("populations (adjusted Rand index)", "BayesianBiclustering", units, 0.0),
        ("states of populations (bins right)", "BayesianBiclustering", right, chance),
    ]


def find_states(report: Report, folder: Path, seed: int) -> list[Row]:
    """Find the hidden state in which units drive each other differently."""
    counts, truth = datasets.make_onehot_glm(
        6, 1000, n_units=8, n_states=N_STATES, sparsity=0.4, random_state=seed
    )
    train, test = counts[:4], counts[4:]
    model = SwitchingGLM(N_STATES, link="sigmoid", n_restarts=2, random_state=seed).fit(train)
    one = SwitchingGLM(1, link="sigmoid", prior="none", random_state=seed).fit(train)
    names = _match_states(model.predict(train).values, truth["state"].values[:4])
    true = truth["state"].values[4:]
    right = float((names[model.predict(test).values] == true).mean())
    chance = float(np.bincount(true.ravel()).max() / true.size)
    report.section(
        "States in which units drive each other differently",
        f"Eight units, {N_STATES} hidden states, six sequences of 20 s; learnt from four of them,"
        " scored on two. States have no names of their own: they are named on the training"
        " sequences.",
    )
    report.code(
        "model = SwitchingGLM(3, link='sigmoid').fit(counts)\n"
        "states, weights = model.predict(counts), model.weights_"
    )
    report.table(
        pd.DataFrame(
            {
                "model": ["one state", f"{N_STATES} states", "the commonest state"],
                "log-likelihood, nats per bin": [
                    f"{one.score(test):.3f}",
                    f"{model.score(test):.3f}",
                    "",
                ],
                "bins in the right state": ["", f"{right:.3f}", f"{chance:.3f}"],
            }
        ),
        "Both on sequences that the fit had not seen.",
    )
    report.figure(
        plotting.plot_connections(model.weights_),
        "Who drives whom in each state: rows are driven, columns drive.",
    )
    return [("hidden states (bins right)", "SwitchingGLM", right, chance)]


def find_communities(report: Report, folder: Path, seed: int) -> list[Row]:
    """Find which neurons change together, in animals that lack some of them."""
    traces, truth = datasets.make_dynamic_communities(
        90, n_animals=4, n_units=30, n_communities=N_COMMUNITIES, noise=0.2, random_state=seed
    )
    model = DynamicConnectome(
        N_COMMUNITIES + 1, n_surrogates=19, alpha=0.05, random_state=seed
    ).fit(traces)
    found = float(adjusted_rand_score(truth["community"], model.membership_))
    report.section(
        "Communities in calcium traces",
        "Four animals saw one stimulus; 30 neurons, some not found in some animals. Affinities of"
        " all pairs at all moments are factorised without being laid out; surrogates (shifted"
        " traces) say which components are beyond chance.",
    )
    report.code(
        "traces = neurokit.stack({'worm 1': a, 'worm 2': b}, dim='animal')\n"
        "model = DynamicConnectome(4).fit(traces)\n"
        "model.membership_, model.p_components_"
    )
    report.figure(
        plotting.plot_connectome(
            model.components_.isel(component=0), communities=model.membership_
        ),
        "Affinity in the first component, units in the order of their communities.",
    )
    job = "communities (adjusted Rand index)"
    return [(job, "DynamicConnectome", found, 0.0)]


def _match_states(found: Codes, true: Codes) -> Codes:
    """Return the true name of each found state, by the bins that they share."""
    shared = np.zeros((N_STATES, N_STATES))
    np.add.at(shared, (found.ravel(), true.ravel()), 1)
    rows, columns = linear_sum_assignment(-shared)
    return columns[np.argsort(rows)]
