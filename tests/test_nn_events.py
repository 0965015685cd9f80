"""Spike trains as tokens, and the probability that each next one has."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.nn.causal import CausalAttention, CausalBlock
from neurokit.nn.draws import seeded
from neurokit.nn.events import event_log_likelihood, lay_out, next_log_probs
from neurokit.nn.spikes import SpikeNetwork, cosine_basis


def network(observation="event", n_units=2, history=2, n_covariates=0):
    """Return a network all of whose weights matter."""
    with seeded(0), torch.no_grad():
        made = SpikeNetwork(
            n_units, n_covariates, history, width=8, depth=2, n_heads=2, observation=observation
        )
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        torch.nn.init.constant_(made.level, -1.0)
        if observation == "event":  # spikes of one bin must not call forth others without end
            made.within.copy_(-made.within.abs())
    return made.double().eval()


def test_patterns_of_two_units_and_three_bins_sum_to_one_with_their_tail():
    # up to two spikes in a cell; the tail of one bin is what next_log_probs leaves for more
    made = network()
    total, most = 0.0, 2
    patterns = [*itertools.product(range(most + 1), repeat=6)]
    counts = torch.tensor(patterns).view(-1, 3, 2).double()
    with torch.no_grad():
        total = float(made(counts).log_likelihood.sum((1, 2)).exp().sum())
        tail = 0.0
        # trains that agree up to bin k and have three or more in a cell there: one minus the
        # probability of the next bin's patterns, weighed by that of what came before
        for k in range(3):
            heads = [*itertools.product(range(most + 1), repeat=2 * k)]
            nexts = [*itertools.product(range(most + 1), repeat=2)]
            for head in heads:
                x = torch.tensor([[*head, *n] for n in nexts]).view(-1, k + 1, 2).double()
                gain = made(x).log_likelihood.sum(-1)
                before = gain[0, :k].sum().exp()
                tail += float(before * (1 - gain[:, k].exp().sum()))
    assert total + tail == pytest.approx(1, abs=1e-6)
    assert 0 < tail < 1


def test_one_bin_sums_to_one_over_very_many_patterns():
    made = network()
    counts = torch.tensor([*itertools.product(range(60), repeat=2)]).view(-1, 1, 2).double()
    with torch.no_grad():
        total = float(made(counts).log_likelihood.sum((1, 2)).exp().sum())
    assert total == pytest.approx(1, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), n_units=st.integers(1, 4), n_bins=st.integers(1, 5))
def test_tokens_give_the_counts_back_in_order(seed, n_units, n_bins):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.7, (3, n_bins, n_units))
    events = lay_out(torch.from_numpy(counts))
    for k in range(3):
        valid = events.valid[k]
        at, unit = events.bin[k][valid], events.unit[k][valid]
        expected = []
        for t in range(n_bins):
            train = np.repeat(np.arange(n_units), counts[k, t]).tolist()
            stops = [*train, n_units]
            expected += [(t, u, s) for u, s in zip([-1, *train], stops, strict=True)]
        found = zip(at.tolist(), unit.tolist(), events.stop[k][valid].tolist(), strict=True)
        assert list(found) == expected


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999))
def test_the_fast_sum_is_the_softmax_with_the_impossible_cut_off(seed):
    rng = np.random.default_rng(seed)
    counts = torch.from_numpy(rng.poisson(0.7, (2, 4, 3)))
    events = lay_out(counts)
    eta = torch.from_numpy(rng.normal(-1, 1, (*events.unit.shape, 3)))
    table = next_log_probs(eta, events.unit)
    expected = table.gather(-1, events.stop[..., None])[..., 0] * events.valid
    found = event_log_likelihood(eta, events).sum(-1)
    torch.testing.assert_close(found, expected)
    before = torch.arange(4) < events.unit[..., None]
    assert torch.isneginf(table[before]).all()
    torch.testing.assert_close(table.exp().sum(-1), torch.ones_like(found))


def test_attention_is_the_one_written_in_loops():
    with seeded(0):
        attention = CausalAttention(8, 2, span=3).double().eval()
        x = torch.randn(1, 7, 8).double()
    time = torch.tensor([[0, 0, 1, 4, 4, 5, 9]])
    out, _ = attention(x, time)
    heads = attention.project(x).view(7, 3, 2, 4).detach().numpy()
    frequency = attention.frequency.numpy()
    mixed = np.zeros((7, 2, 4))
    for i in range(7):
        for h in range(2):
            scores, values = [], []
            for j in range(i + 1):
                lag = int(time[0, i] - time[0, j])
                if lag > 3:
                    continue
                q, k = heads[i, 0, h], heads[j, 1, h]
                a, b = q[:2] + 1j * q[2:], k[:2] + 1j * k[2:]
                scores.append((a * np.conj(b) * np.exp(1j * lag * frequency)).real.sum() / 2)
                values.append(heads[j, 2, h])
            weight = np.exp(scores) / np.exp(scores).sum()
            mixed[i, h] = weight @ np.array(values)
    expected = attention.out(torch.from_numpy(mixed.reshape(7, 8)))
    torch.testing.assert_close(out[0], expected)


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_block_with_memory_goes_on_as_if_nothing_had_been_cut(cut):
    with seeded(0):
        block = CausalBlock(8, 2, span=3).eval()
        x = torch.randn(2, 7, 8)
    time = torch.tensor([[0, 0, 1, 4, 4, 5, 9], [0, 1, 2, 3, 4, 5, 6]])
    whole, _ = block(x, time)
    first, memory = block(x[:, :cut], time[:, :cut])
    second, _ = block(x[:, cut:], time[:, cut:], None, memory)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


@pytest.mark.parametrize("observation", ["event", "count"])
def test_what_comes_later_changes_nothing_before(observation):
    made = network(observation, n_units=3)
    counts = torch.from_numpy(np.random.default_rng(0).poisson(0.5, (1, 8, 3))).double()
    other = counts.clone()
    other[:, 5:] += 1
    with torch.no_grad():
        a, b = made(counts).log_likelihood, made(other).log_likelihood
    torch.testing.assert_close(a[:, :5], b[:, :5])
    assert not torch.allclose(a[:, 5:], b[:, 5:])


@pytest.mark.parametrize("observation", ["event", "count"])
def test_an_absent_unit_is_as_good_as_one_that_never_fired_for_the_others(observation):
    made = network(observation, n_units=2)
    counts = torch.from_numpy(np.random.default_rng(0).poisson(0.5, (1, 8, 2))).double()
    with torch.no_grad():
        absent = made(counts, presence=torch.tensor([[0.0, 1.0]]).double())
        silent = counts.clone()
        silent[..., 0] = 0
        without = made(silent)
    if observation == "count":
        torch.testing.assert_close(absent.log_intensity, without.log_intensity)
    gain = absent.log_likelihood[..., 1].sum() - without.log_likelihood[..., 1].sum()
    assert abs(float(gain)) < 1e-9


def test_the_basis_is_pillows_and_few_lags_are_their_own():
    assert torch.equal(cosine_basis(3, 5), torch.eye(3))
    basis = cosine_basis(20, 5)
    assert basis.shape == (5, 20)
    np.testing.assert_allclose(basis[1:-1, 3:-3].sum(0).numpy()[3:8], 1, atol=0.35)


def test_a_head_of_odd_size_is_refused():
    with pytest.raises(ValueError, match="dim must be a multiple of twice n_heads, got 6 and 2"):
        CausalAttention(6, 2, span=1)
