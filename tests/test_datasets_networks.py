"""Communities in animals and networks of known connections are what their truth says."""

import numpy as np
import pytest

import neurokit
from neurokit.datasets import make_dynamic_communities, make_spiking_network


def _network_by_hand(truth, n_steps):
    """The model's equation in plain loops."""
    w, x = truth["coupling"].values, truth["input"].values.astype(float)
    keep = np.exp(-0.001 / truth.attrs["time_constant"])
    n = len(w)
    fired = np.zeros((n, n_steps), bool)
    v, silent_until = [0.0] * n, [-1] * n
    for t in range(n_steps):
        for j in range(n):
            v[j] = keep * v[j] + x[j, t]
            if t >= truth.attrs["delay"]:
                before = fired[:, t - truth.attrs["delay"]]
                v[j] += sum(w[i, j] for i in range(n) if before[i])
            if t <= silent_until[j]:
                v[j] = 0.0
            elif v[j] >= 1:
                fired[j, t], v[j] = True, 0.0
                silent_until[j] = t + truth.attrs["refractory"]
    return fired


def test_the_network_follows_its_equation():
    spikes, truth = make_spiking_network(3, n_units=6, density=0.5, delay=3, random_state=1)
    counts = neurokit.bin_spikes(spikes, 0.001).values
    np.testing.assert_array_equal(counts, _network_by_hand(truth, 3000))
    assert counts.sum() > 50


def test_connections_obey_dale_and_the_density():
    _, truth = make_spiking_network(0.1, n_units=50, density=0.2, random_state=2)
    w = truth["coupling"].values
    assert (w[truth["excitatory"].values] >= 0).all()
    assert (w[~truth["excitatory"].values] <= 0).all()
    assert np.count_nonzero(w) == round(0.2 * 50 * 49)
    assert (np.diag(w) == 0).all()


def test_unconnected_units_fire_as_asked():
    spikes, _ = make_spiking_network(100, n_units=200, density=0, rate=8, random_state=0)
    assert np.median(spikes["spike_count"]) / 100 == pytest.approx(8, rel=0.1)


def test_traces_of_communities_are_loadings_times_activity():
    traces, truth = make_dynamic_communities(noise=0, missing=0.3, random_state=3)
    members = truth["community"].values >= 0
    expected = (truth["loading"] * truth["strength"]).dot(truth["activity"], dim="component")
    expected = expected.transpose("animal", "unit", "time").values
    known = truth["known"].values & members
    np.testing.assert_allclose(traces.values[known], expected[known], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(traces.values[..., 0]), ~truth["known"].values)
    assert truth["known"].any("animal").all()
    assert truth["event"].any("time").all()
    assert neurokit.sampling_rate(traces) == 4
    own = truth["loading"].values > 0
    np.testing.assert_array_equal(own.argmax(1)[members], truth["community"].values[members])
    assert not own[~members].any()


def test_noise_is_as_asked_and_seeds_repeat():
    traces, truth = make_dynamic_communities(400, noise=0.2, missing=0, random_state=5)
    again, _ = make_dynamic_communities(400, noise=0.2, missing=0, random_state=5)
    np.testing.assert_array_equal(traces, again)
    left = (traces - truth["calcium"]).diff("time").std() / np.sqrt(2)
    assert float(left) == pytest.approx(0.2, rel=0.03)


@pytest.mark.parametrize(
    ("make", "wrong", "message"),
    [
        (make_spiking_network, {"n_units": 1}, "n_units must be at least 2, got 1"),
        (make_spiking_network, {"density": 2}, "shares from 0 to 1, got 2"),
        (make_spiking_network, {"step": 0.0}, "step must be positive, got 0.0"),
        (make_dynamic_communities, {"n_units": 6}, "a community needs two units, got 5 members"),
        (make_dynamic_communities, {"missing": 1.0}, "to below 1, got 0.1 and 1.0"),
        (make_dynamic_communities, {"decay": 0.1}, "decay must be at least 0.505, got 0.1"),
    ],
)
def test_numbers_out_of_range_are_refused(make, wrong, message):
    with pytest.raises(ValueError, match=message):
        make(**wrong)
