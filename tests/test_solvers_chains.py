"""Chains go on where they stopped, to the bit, whatever ran beside them."""

import os
import signal

import numpy as np
import pytest

from neurokit.solvers.chains import Chains, run_chains
from neurokit.solvers.resuming import fingerprint_of


def init(rng):
    return {"x": rng.standard_normal(3), "n": 0, "parts": [(1.5, None), "word"], "b": True}


def step(state, rng):
    state["x"] += rng.standard_normal(3)  # in place, as a sampler may
    state["n"] += 1
    return state, -float(state["x"] @ state["x"])


def keep(state):
    return {"x": state["x"].copy(), "n": state["n"]}


def run(n_steps=40, **more):
    given = {"n_chains": 3, "n_burn": 10, "thin": 3, "random_state": 7} | more
    return run_chains(init, step, keep, n_steps=n_steps, **given)


def assert_same(a: Chains, b: Chains):
    for one, other in zip(a.chains, b.chains, strict=True):
        np.testing.assert_array_equal(one.trace, other.trace)
        np.testing.assert_array_equal(one.state["x"], other.state["x"])
        assert [d["n"] for d in one.draws] == [d["n"] for d in other.draws]
        for d, e in zip(one.draws, other.draws, strict=True):
            np.testing.assert_array_equal(d["x"], e["x"])
        assert one.rng.bit_generator.state == other.rng.bit_generator.state


def test_a_chain_is_its_steps_written_in_a_loop():
    found = run()
    seed = np.random.SeedSequence(7).spawn(3)[1]
    rng = np.random.default_rng(seed)
    state, trace, draws = init(rng), [], []
    for n in range(40):
        state, value = step(state, rng)
        trace.append(value)
        if n >= 10 and (n - 10) % 3 == 0:
            draws.append(keep(state))
    np.testing.assert_array_equal(found.chains[1].trace, trace)
    assert (
        [d["n"] for d in found.chains[1].draws] == [d["n"] for d in draws] == [*range(11, 41, 3)]
    )
    assert not found.interrupted
    assert found.best == int(np.argmax([c.trace[-1] for c in found.chains]))


def test_chains_in_other_processes_are_the_same():
    assert_same(run(n_jobs=2), run())


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path, n_jobs):
    path = tmp_path / "chains.npz"
    run(17, checkpoint=path)
    resumed = run(40, checkpoint=path, n_jobs=n_jobs)
    assert_same(resumed, run(40))
    assert resumed.chains[0].state["parts"] == [(1.5, None), "word"]
    assert resumed.chains[0].state["b"] is True
    assert [p.name for p in tmp_path.iterdir()] == ["chains.npz"]


def test_ctrl_c_waits_for_the_end_of_a_sweep_and_keeps_what_was_drawn(tmp_path):
    path = tmp_path / "chains.npz"

    def interrupting(state, rng):
        state, value = step(state, rng)
        if state["n"] == 25:
            os.kill(os.getpid(), signal.SIGINT)
            state["x"] += 0.0  # the sweep goes on
        return state, value

    found = run_chains(
        init, interrupting, keep, n_chains=3, n_steps=40, n_burn=10, thin=3, random_state=7,
        checkpoint=path,
    )  # fmt: skip
    assert found.interrupted
    assert [len(c.trace) for c in found.chains] == [25, 0, 0]
    assert len(found.chains[0].draws) == 5
    assert_same(run(checkpoint=path), run())


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    path = tmp_path / "chains.npz"
    run(checkpoint=path, data=fingerprint_of(np.arange(3)))
    with pytest.raises(ValueError, match=r"is of other data than this run; give another path"):
        run(checkpoint=path, data=fingerprint_of(np.arange(4)))
    with pytest.raises(ValueError, match="is of other data, thin than this run"):
        run(checkpoint=path, thin=2)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(OSError, match="is no checkpoint of chains, or a damaged one"):
        run(checkpoint=path)


def test_numbers_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="fewer steps be burnt than are run"):
        run(10)


def test_restarts_end_when_they_are_done():
    found = run_chains(
        init, step, done=lambda s: s["n"] >= 4, n_chains=2, n_steps=100, random_state=0
    )
    assert [len(c.trace) for c in found.chains] == [4, 4]
    assert not found.interrupted
    assert found.chains[0].draws == []


def test_progress_shows_the_log_joint_and_the_time_left(capsys):
    run(verbose=1)
    shown = capsys.readouterr().err
    assert "log joint" in shown
    assert "120/120" in shown


def test_fingerprints_tell_arrays_and_words_apart():
    x = np.arange(6.0)
    digests = {
        fingerprint_of(*parts) for parts in [(x,), (x.reshape(2, 3),), (x, 1), (x, "1"), (-x,)]
    }
    assert len(digests) == 5


def test_a_state_that_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(TypeError, match="not set"):
        run_chains(
            lambda rng: {1, 2}, lambda s, rng: (s, 0.0), n_steps=2, checkpoint=tmp_path / "c.npz"
        )
