"""Block models: costs against loops, blocks against enumeration and planted truth."""

import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr
from scipy.special import betaln, gammaln
from sklearn.metrics import adjusted_rand_score

from neurokit.connectomes import WeightedSBM
from neurokit.connectomes.blocks import likelihood, moves
from neurokit.connectomes.blocks.degrees import SPREADS, even_strengths, repeats_cost
from neurokit.connectomes.blocks.fit import fit_blocks
from neurokit.connectomes.blocks.search import Search


def planted(within, between, block, rng, edges=(1.0, 1.0)):
    same = block[:, None] == block
    there = rng.random(same.shape) < np.where(same, *edges)
    graph = np.triu(there * rng.exponential(np.where(same, within, between)), 1)
    return graph + graph.T


def pieces(graph):
    csr = sp.csr_matrix(graph)
    return csr.indptr.astype(np.int64), csr.indices.astype(np.int64), csr.data, False


ALL_ONE = np.zeros(12, np.int64)  # blocks of one group


def _length_by_hand(graph, labels, hyper, corrected, group=ALL_ONE):
    """All sums written out, for exponential weights."""
    n, n_blocks = len(labels), labels.max() + 1
    size = np.bincount(labels)
    cost = np.log(n) + gammaln(n + 1) - gammaln(size + 1).sum()
    cost += np.log(np.prod([(n - 1 - k) / (k + 1) for k in range(n_blocks - 1)]))
    n_edges, told = 0, set()
    ends = np.array([(graph[labels == r] > 0).sum() for r in range(n_blocks)])
    for r in range(n_blocks):
        for t in range(r, n_blocks):
            one, other = sorted((group[r], group[t]))
            which = 0 if r == t else 1 + one * (max(group) + 1) + other
            told.add(which)
            a, b, _, strength, rate = hyper[which][:5]
            weights = [
                graph[i, j]
                for i in range(n)
                for j in range(i)
                if {labels[i], labels[j]} == {r, t} and graph[i, j] > 0
            ]
            e, s = len(weights), sum(weights)
            n_edges += e
            pairs = size[r] * size[t] if r != t else size[r] * (size[r] - 1) / 2
            if corrected:  # what the degrees alone let expect
                pairs = ends[r] * ends[t] / ends.sum() / (1 + (r == t))
            if corrected:
                cost -= a * np.log(b) - gammaln(a) + gammaln(a + e) - (a + e) * np.log(b + pairs)
            else:
                cost -= betaln(a + e, b + pairs - e) - betaln(a, b)
            cost -= strength * np.log(rate) - gammaln(strength)
            cost -= gammaln(strength + e) - (strength + e) * np.log(rate + s)
        if corrected:
            cost -= ends[r] * np.log(ends[r] / np.sqrt(ends.sum())) - gammaln(ends[r] + 1)
    if max(group) > 0:  # groups of blocks are told as blocks of nodes are
        size = np.bincount(group[:n_blocks])
        cost += np.log(n_blocks) + gammaln(n_blocks + 1) - gammaln(size + 1).sum()
        cost += np.log(np.prod([(n_blocks - 1 - k) / (k + 1) for k in range(len(size) - 1)]))
    return cost + len(told) * 2 * (np.log(22) + 0.5 * np.log(n_edges + 1))


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("corrected", [False, True])
def test_what_a_partition_costs_is_the_sum_written_out(corrected, grouped):
    rng = np.random.default_rng(0)
    labels = np.array([0, 0, 1, 1, 2, 0, 1, 2, 2, 0])
    graph = planted(2.0, 1.0, labels, rng, (0.7, 0.5))
    kinds = np.array([int(corrected), 1])
    group = np.array([0, 1, 1, 0]) if grouped else np.zeros(4, np.int64)
    state = moves.count_blocks(*pieces(graph)[:3], labels, 4, False, group)
    hyper = np.zeros((5 if grouped else 2, 8))
    root = np.sqrt(state[1].sum()) if corrected else 0.0
    likelihood.fit_hyper(kinds, root, 3, state, hyper, 1e9)
    length = likelihood.description_length(kinds, root, 10, 3, state, hyper)
    assert length == pytest.approx(_length_by_hand(graph, labels, hyper, corrected, group))


@pytest.mark.parametrize("corrected", [False, True])
def test_sums_that_moves_keep_are_those_of_a_fresh_count(corrected):
    rng = np.random.default_rng(1)
    graph = pieces(planted(2.0, 1.0, np.arange(30) % 3, rng, (0.5, 0.2)))
    labels = rng.integers(4, size=30)
    state = moves.count_blocks(*graph[:3], labels, 12, False, ALL_ONE.copy())
    kinds, hyper, n_blocks = np.array([int(corrected), 1]), np.zeros((2, 8)), 4
    root = np.sqrt(state[1].sum()) if corrected else 0.0
    for _ in range(20):
        likelihood.fit_hyper(kinds, root, n_blocks, state, hyper, 8.0)
        n_blocks, _ = moves.sweep(
            graph, labels, state, kinds, root, hyper, n_blocks, 0.5,
            rng.permutation(30), np.zeros(0, np.int64), False, rng,
        )  # fmt: skip
        for kept, fresh in zip(
            state, moves.count_blocks(*graph[:3], labels, 12, False, ALL_ONE), strict=True
        ):
            np.testing.assert_allclose(kept, fresh, atol=1e-9)
        assert n_blocks == labels.max() + 1


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("corrected", [False, True])
def test_the_best_move_is_the_one_that_shortens_most(corrected, grouped):
    rng = np.random.default_rng(3)
    graph = pieces(planted(2.0, 1.0, np.arange(30) % 3, rng, (0.5, 0.2)))
    kinds = np.array([int(corrected), 1])
    group, hyper = ALL_ONE.copy(), np.zeros((5 if grouped else 2, 8))
    group[2] = int(grouped)
    for node in range(6):
        labels, lengths = rng.integers(4, size=30), []
        state = moves.count_blocks(*graph[:3], labels, 12, False, group)
        root = np.sqrt(state[1].sum()) if corrected else 0.0
        likelihood.fit_hyper(kinds, root, 4, state, hyper, 8.0)
        for block in range(4):
            other = labels.copy()
            other[node] = block
            state = moves.count_blocks(*graph[:3], other, 12, False, group)
            lengths.append(likelihood.description_length(kinds, root, 30, 4, state, hyper))
        state = moves.count_blocks(*graph[:3], labels, 12, False, group.copy())
        only, options = np.array([node]), np.arange(4)
        given = (graph, labels, state, kinds, root, hyper, 4, np.inf)
        moves.sweep(*given, only, options, True, rng)
        assert labels[node] == np.argmin(lengths)
        # as if from a table, which as short a sweep has not
        if not corrected:
            table, h = np.empty(4 * 41), hyper[0]
            moves._tabulate(h, table, 41)
            for k in range(1, 40):
                wanted = likelihood.edges_term(0, 40, k, h)
                assert moves._edges(0, 40, k, h, table, 41) == pytest.approx(wanted)
                wanted = likelihood.weights_term(1, k, 2.0, 0.0, h)
                assert moves._weights(1, k, 2.0, 0.0, h, table, 41) == pytest.approx(wanted)


@pytest.mark.parametrize("corrected", [False, True])
def test_a_merger_gains_what_the_lengths_differ_by(corrected):
    rng = np.random.default_rng(2)
    graph = pieces(planted(2.0, 1.0, np.arange(30) % 3, rng, (0.5, 0.2)))
    labels = rng.integers(4, size=30)
    state = moves.count_blocks(*graph[:3], labels, 12, False, ALL_ONE.copy())
    kinds, hyper = np.array([int(corrected), 1]), np.zeros((2, 8))
    root = np.sqrt(state[1].sum()) if corrected else 0.0
    likelihood.fit_hyper(kinds, root, 4, state, hyper, 8.0)
    before = likelihood.description_length(kinds, root, 30, 4, state, hyper)
    gain, one, other = moves.best_merge(30, 4, kinds, root, state, hyper)
    n_blocks = moves.merge(one, other, 4, labels, state)
    after = likelihood.description_length(kinds, root, 30, n_blocks, state, hyper)
    assert gain == pytest.approx(before - after)


def test_strengths_of_nodes_are_evened_and_told():
    rng = np.random.default_rng(0)
    strength = np.exp(rng.normal(size=60))
    mask = np.triu(rng.random((60, 60)) < 0.4, 1)
    weights = mask * rng.exponential(np.outer(strength, strength))
    weights[:, 0] = weights[0] = 0.0  # a node alone
    weights = sp.csr_matrix(weights + weights.T)
    even, nats = even_strengths(weights)
    degree = np.diff(weights.indptr)
    mean = np.asarray(even.sum(1)).ravel() / np.maximum(degree, 1)
    np.testing.assert_allclose(mean[degree > 0], 1, atol=1e-5)
    moved = np.log(weights.data).sum() / 2 - np.log(even.data).sum() / 2
    here = degree > 0
    k, factor = degree[here], np.zeros((60, 60))
    i, j = weights.nonzero()
    factor[i, j] = np.log(np.asarray(weights[i, j] / even[i, j])).ravel()
    # log w / even = f_i + f_j: solved for f
    ends = np.zeros((len(i), 60))
    ends[np.arange(len(i)), i] += 1
    ends[np.arange(len(i)), j] += 1
    f = np.linalg.lstsq(ends, factor[i, j], rcond=None)[0][here]
    costs = []
    for v in SPREADS:
        share = 1 / (v + 1 / k)
        slope, level = np.polyfit(np.log(k), f, 1, w=np.sqrt(share))
        rest = f - level - slope * np.log(k)
        costs.append(0.5 * (np.log(1 + k * v) + rest**2 * share).sum())
    told = min(costs) + np.log(len(SPREADS)) + np.log(len(k))
    assert nats == pytest.approx(moved + told, rel=1e-4)


def test_what_repeated_edges_cost_is_the_sum_written_out():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=20)
    graph = planted(1, 1, labels, rng, (0.6, 0.3))
    degree, label_of = (graph > 0).sum(1), labels.tolist()
    cost = 0.0
    for i in range(20):
        for j in range(i, 20):
            inside = np.equal.outer(labels, label_of[i]), np.equal.outer(labels, label_of[j])
            edges = (graph > 0)[np.ix_(*inside)].sum()
            ends = degree[inside[0]].sum() * degree[inside[1]].sum()
            rate = degree[i] * degree[j] * edges / ends
            cost += rate - np.log1p(rate) if i < j else rate / 2
    assert repeats_cost(sp.csr_matrix(graph), labels) == pytest.approx(cost)


def test_communities_are_not_divided_by_degree():
    rng = np.random.default_rng(0)
    block, activity = np.arange(240) % 4, np.exp(0.5 * rng.standard_normal(240)).clip(0.3, 2.2)
    rate = np.where(block[:, None] == block, 0.2, 0.02) * np.outer(activity, activity)
    there = np.triu(rng.random((240, 240)) < rate, 1)
    graph = there * rng.exponential(np.outer(activity, activity))
    sbm = WeightedSBM(n_restarts=0, random_state=0).fit(graph + graph.T)
    assert sbm.degree_corrected_
    assert adjusted_rand_score(block, sbm.labels_) == 1


def test_amounts_have_no_unit_and_need_no_whole_numbers():
    rng = np.random.default_rng(0)
    block = np.arange(60) % 3
    graph = planted(3, 1, block, rng, (0.6, 0.3))
    sbm = WeightedSBM("amount", n_restarts=0, random_state=0).fit(graph)
    other = WeightedSBM("amount", n_restarts=0, random_state=0).fit(7.3 * graph)
    assert adjusted_rand_score(block, sbm.labels_) > 0.95
    assert sbm.degree_corrected_
    np.testing.assert_array_equal(sbm.labels_, other.labels_)
    nothing = planted(1, 1, 0 * block, rng, (0.3, 0.3))
    assert WeightedSBM("amount", n_restarts=0, random_state=0).fit(nothing).n_blocks_ == 1


def test_strong_nodes_do_not_make_a_block_where_degrees_are_corrected():
    rng = np.random.default_rng(0)
    block = np.arange(60) % 2
    strength = np.where(np.arange(60) < 30, 1.0, 5.0)
    rate = np.where(block[:, None] == block, 0.6, 0.2)
    mask = np.triu(rng.random((60, 60)) < rate, 1)
    graph = mask * rng.exponential(np.outer(strength, strength))
    sbm = WeightedSBM(degree_corrected=True, n_restarts=0, random_state=0).fit(graph + graph.T)
    assert adjusted_rand_score(block, sbm.labels_) == 1


def _partitions(n):
    """All partitions of n nodes, as labels."""
    stack = [[0]]
    while stack:
        labels = stack.pop()
        if len(labels) == n:
            yield np.array(labels)
        else:
            stack += [[*labels, k] for k in range(max(labels) + 2)]


@pytest.mark.parametrize("seed", range(3))
def test_no_partition_of_few_nodes_is_shorter(seed):
    rng = np.random.default_rng(seed)
    graph = planted(8.0, 1.0, np.arange(8) % 2, rng, (0.9, 0.3))
    graph /= graph[graph > 0].mean()
    search = Search(pieces(graph), np.array([0, 1]), False, 9, rng)
    lengths = [search.length(labels) for labels in _partitions(8)]
    found = fit_blocks(
        sp.csr_matrix(graph), 1, poisson=False, corrected=False, n_blocks=None, max_blocks=8,
        n_random=2, rng=rng,
    )  # fmt: skip
    assert found.length == pytest.approx(min(lengths))


CASES = {
    "communities": {"within": 1, "between": 1, "edges": (0.6, 0.1)},
    "opposites": {"within": 1, "between": 1, "edges": (0.05, 0.5)},
    "weights alone, heavy within": {"within": 6, "between": 1, "edges": (0.5, 0.5)},
    "weights alone, heavy between": {"within": 1, "between": 6, "edges": (0.5, 0.5)},
}


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", CASES)
def test_planted_blocks_are_found(case, seed):
    rng = np.random.default_rng(seed)
    block = rng.permutation(np.arange(60) % 3)
    graph = planted(block=block, rng=rng, **CASES[case])
    sbm = WeightedSBM(n_restarts=0, random_state=seed).fit(graph)
    assert adjusted_rand_score(block, sbm.labels_) > 0.94
    assert (np.bincount(sbm.labels_) > 1).sum() == 3  # a node alone may be shorter to tell


@pytest.mark.parametrize("seed", SEEDS)
def test_where_there_is_nothing_there_is_one_block(seed):
    rng = np.random.default_rng(seed)
    graph = planted(1, 1, np.zeros(40, int), rng, (0.3, 0.3))
    assert WeightedSBM(n_restarts=0, random_state=seed).fit(graph).n_blocks_ == 1


def test_hubs_do_not_make_blocks_where_degrees_are_corrected():
    rng = np.random.default_rng(0)
    block, activity = np.arange(120) % 2, rng.choice([0.4, 1.6], 120)
    rate = np.where(block[:, None] == block, 0.3, 0.03) * np.outer(activity, activity)
    graph = np.triu(rng.random((120, 120)) < rate, 1).astype(float)
    corrected, plain = (
        WeightedSBM(None, degree_corrected=c, n_restarts=1, random_state=0).fit(graph + graph.T)
        for c in (True, False)
    )
    assert corrected.n_blocks_ == 2
    assert adjusted_rand_score(block, corrected.labels_) > 0.8
    assert plain.n_blocks_ > 2
    auto = WeightedSBM(None, n_restarts=1, random_state=0).fit(graph + graph.T)
    best = min(corrected.description_length_, plain.description_length_)
    assert auto.description_length_ == pytest.approx(best, abs=5)


@pytest.mark.parametrize("weight", ["gaussian", "poisson"])
def test_other_laws_of_weights(weight):
    rng = np.random.default_rng(0)
    block = np.arange(40) % 2
    same = block[:, None] == block
    values = rng.normal(np.where(same, 1, -1), 1.5) if weight == "gaussian" else None
    values = rng.poisson(np.where(same, 3, 1)).astype(float) if values is None else values
    graph = np.triu(values, 1)
    sbm = WeightedSBM(weight, n_restarts=0, random_state=0).fit(graph + graph.T)
    assert adjusted_rand_score(block, sbm.labels_) == 1


def test_levels_nest_and_n_blocks_is_kept():
    rng = np.random.default_rng(0)
    fine = np.arange(108) // 12
    near = fine[:, None] // 3 == fine // 3
    rate = np.where(fine[:, None] == fine, 0.9, np.where(near, 0.4, 0.02))
    graph = np.triu(rng.random(rate.shape) < rate, 1).astype(float)
    quick = {"degree_corrected": False, "n_restarts": 0, "random_state": 0}
    sbm = WeightedSBM(None, nested=True, **quick).fit(graph + graph.T)
    assert adjusted_rand_score(fine, sbm.labels_) > 0.9
    for lower, upper in zip(sbm.levels_, sbm.levels_[1:], strict=False):
        assert all(len(np.unique(upper[lower == k])) == 1 for k in np.unique(lower))
    assert adjusted_rand_score(fine // 3, sbm.levels_[1]) > 0.9
    flat = WeightedSBM(None, **quick).fit(graph + graph.T)
    assert sbm.description_length_ < flat.description_length_
    assert WeightedSBM(None, n_blocks=4, **quick).fit(graph + graph.T).n_blocks_ == 4


def test_units_of_weights_labels_and_sparse_matrices_change_nothing():
    rng = np.random.default_rng(0)
    graph = planted(4.0, 1.0, np.arange(30) % 2, rng, (0.6, 0.4))
    expected = WeightedSBM(n_restarts=0, random_state=0).fit(graph)
    labelled = xr.DataArray(graph * 1e6, dims=("source", "target"))
    np.fill_diagonal(labelled.values, np.nan)
    for other in (labelled, sp.csr_matrix(graph)):
        sbm = WeightedSBM(n_restarts=0, random_state=0).fit(other)
        assert sbm.labels_.tolist() == expected.labels_.tolist()
        assert sbm.description_length_ == pytest.approx(expected.description_length_)


def test_the_smallest_and_the_emptiest_graphs():
    assert WeightedSBM().fit(np.array([[0, 1.0], [1, 0]])).labels_.tolist() == [0, 0]
    assert WeightedSBM().fit(np.zeros((5, 5))).n_blocks_ == 1
    apart = np.kron(np.eye(2), np.ones((20, 20)))
    assert WeightedSBM(random_state=0).fit(apart).labels_.tolist() == [0] * 20 + [1] * 20


@pytest.mark.parametrize(
    ("params", "graph", "message"),
    [
        ({}, np.triu(np.ones((4, 4))), "takes undirected graphs, and this matrix is not symm"),
        ({}, np.ones((4, 3)), r"expects a square matrix of weights, got shape \(4, 3\)"),
        ({}, -np.ones((4, 4)), "takes weights above zero, got -1; weight='gaussian' takes any"),
        ({}, np.where(np.eye(4), 1, np.nan), "Input X contains NaN"),
        ({}, np.ones((1, 1)), "minimum of 2 is required"),
        ({"weight": "poisson"}, np.full((3, 3), 0.5), "takes whole numbers"),
        ({"weight": "gamma"}, np.ones((3, 3)), "weight must be one of .*, got 'gamma'"),
        ({"n_blocks": 5}, np.ones((3, 3)), "between 1 and the 3 nodes, got 5"),
        ({"degree_corrected": "no"}, np.ones((3, 3)), "True, False or 'auto', got 'no'"),
        ({"n_restarts": -1}, np.ones((3, 3)), "n_restarts must be at least 0, got -1"),
    ],
)
def test_bad_graphs_and_parameters_are_refused(params, graph, message):
    with pytest.raises(ValueError, match=message):
        WeightedSBM(**params).fit(graph)


@pytest.mark.slow
def test_groups_of_blocks_show_blocks_that_are_not_worth_telling_without():
    rng = np.random.default_rng(0)
    fine = np.arange(400) // 16
    near = fine[:, None] // 5 == fine // 5
    rate = np.where(fine[:, None] == fine, 0.65, np.where(near, 0.2, 0.03))
    graph = np.triu((rng.random(rate.shape) < rate) * rng.exponential(size=rate.shape), 1)
    flat, nested = (
        WeightedSBM(nested=nested, degree_corrected=False, n_restarts=0, random_state=0).fit(
            graph + graph.T
        )
        for nested in (False, True)
    )
    assert nested.description_length_ < flat.description_length_ - 20
    assert adjusted_rand_score(fine, nested.labels_) > 0.9
    assert adjusted_rand_score(fine // 5, nested.levels_[1]) > 0.9


@pytest.mark.slow
def test_two_thousand_nodes():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(40), 50)
    graph = planted(2.0, 1.0, block, rng, (0.3, 0.005))
    assert adjusted_rand_score(block, WeightedSBM(random_state=0).fit(graph).labels_) > 0.99
