import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import fractional_matrix_power
from scipy.signal.windows import dpss
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import neurokit
from neurokit.features import BandPower, EuclideanAlignment
from neurokit.inputs.seen import listen


@pytest.fixture
def subjects(rng):
    """4 subjects, 20 trials each of 4 channels, 1 s at 100 Hz; each head mixes differently.

    The amplitude of the first source says which of two movements was meant.
    """
    label = np.tile(["left", "right"], 40)
    subject = np.repeat(["s0", "s1", "s2", "s3"], 20)
    sources = rng.normal(size=(80, 4, 100))
    sources[label == "right", 0] *= 3.0
    mixing = np.eye(4) + 0.3 * rng.normal(size=(4, 4, 4))
    mixed = mixing[np.repeat(np.arange(4), 20)] @ sources
    return neurokit.signal(
        mixed, sampling_rate=100, trials={"label": label, "subject": subject}, types="eeg"
    )


# ------------------------------------------------------------------ EuclideanAlignment


def test_trials_are_multiplied_by_the_inverse_root_of_their_mean_covariance(subjects):
    aligned = EuclideanAlignment().fit_transform(subjects)
    for name in ("s0", "s3"):
        x = subjects.values[subjects["subject"] == name].astype(np.float64)
        mean = sum(trial @ trial.T / 100 for trial in x) / len(x)
        expected = fractional_matrix_power(mean, -0.5) @ x
        np.testing.assert_allclose(
            aligned.values[aligned["subject"] == name], expected, rtol=1e-4, atol=1e-5
        )


@settings(deadline=None, max_examples=30)
@given(n_domains=st.integers(1, 4), n_channels=st.integers(1, 6), scale=st.floats(1e-6, 1e6))
def test_the_mean_covariance_of_each_domain_becomes_the_identity(n_domains, n_channels, scale):
    rng = np.random.default_rng(0)
    groups = np.arange(24) % n_domains
    x = (
        scale
        * rng.normal(size=(n_domains, n_channels, n_channels))[groups]
        @ rng.normal(size=(24, n_channels, 50))
    )
    out = EuclideanAlignment().fit_transform(x, groups=groups)
    for domain in range(n_domains):
        own = out[groups == domain]
        covariance = np.mean(own @ own.transpose(0, 2, 1) / 50, axis=0)
        np.testing.assert_allclose(covariance, np.eye(n_channels), atol=1e-6)


def test_a_known_domain_uses_the_training_trials_and_an_unseen_one_its_own(subjects):
    known = subjects[:60]  # s0, s1, s2
    alignment = EuclideanAlignment().fit(known)
    few = alignment.transform(subjects[[0, 1, 60, 61]])
    np.testing.assert_array_equal(few[:2], alignment.transform(known)[:2])
    own = few[2:].values
    np.testing.assert_allclose(
        np.mean(own @ own.transpose(0, 2, 1) / 100, axis=0), np.eye(4), atol=1e-4
    )
    assert few.attrs["alignment"] == (
        "subject s0: by the training trials; subject s3: by their own trials"
    )
    with pytest.raises(ValueError, match=r"domains \['subject s3'\] were not seen"):
        EuclideanAlignment(unseen="error").fit(known).transform(subjects)


def test_online_a_trial_is_aligned_by_itself_and_those_before(subjects):
    alignment = EuclideanAlignment(unseen="online").fit(subjects[:60])
    new = subjects[[60, 0, 61, 62, 1, 63]]
    out = alignment.transform(new)
    own = new.values[[0, 2, 3, 5]].astype(np.float64)
    for k, aligned in enumerate(out.values[[0, 2, 3, 5]]):
        mean = sum(trial @ trial.T / 100 for trial in own[: k + 1]) / (k + 1)
        expected = fractional_matrix_power(mean, -0.5) @ own[k]
        np.testing.assert_allclose(aligned, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(out[[1, 4]], alignment.transform(subjects[:2]))
    assert out.attrs["alignment"] == (
        "subject s0: by the training trials;"
        " subject s3: trial by trial, by themselves and those before"
    )


@settings(deadline=None, max_examples=20)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), plain=st.booleans())
def test_live_trials_are_aligned_as_the_whole_is(sizes, plain):
    rng = np.random.default_rng(3)
    x = neurokit.signal(
        rng.normal(size=(sum(sizes), 4, 50)),
        sampling_rate=50,
        trials={"subject": np.array(["new", "other"])[rng.integers(0, 2, sum(sizes))]},
    )
    known = neurokit.signal(
        rng.normal(size=(6, 4, 50)), sampling_rate=50, trials={"subject": ["s"] * 6}
    )
    alignment = EuclideanAlignment(unseen="online").fit(known)
    given_, domain = (x.values, "new") if plain else (x, None)
    whole = alignment.transform(given_, groups=["new"] * len(x) if plain else None)
    live, first, parts = alignment.stream(domain), 0, []
    for size in sizes:
        parts.append(np.asarray(live.push(given_[first : first + size])))
        first += size
    np.testing.assert_array_equal(np.concatenate([*parts, live.flush()]), whole)


def test_trials_in_float32_are_aligned_as_in_float64(rng):
    mix = rng.normal(size=(20, 20)) * np.logspace(0, 2, 20)  # as alike as neighbouring electrodes
    x = (mix @ rng.normal(size=(30, 20, 200))).astype(np.float32)
    x -= x.mean(1, keepdims=True)  # average reference: a direction without variance
    near = EuclideanAlignment().fit(x)
    far = EuclideanAlignment().fit(x.astype(np.float64))
    np.testing.assert_allclose(near.references_, far.references_, rtol=1e-12)
    aligned = near.transform(x)
    assert aligned.dtype == np.float32
    np.testing.assert_allclose(aligned, far.transform(x.astype(np.float64)), atol=1e-3)


def test_live_alignment_needs_to_know_the_domain_or_may_learn_it_as_it_comes(subjects):
    live = EuclideanAlignment().fit(subjects[:60]).stream()
    np.testing.assert_array_equal(
        live.push(subjects[:3]), EuclideanAlignment().fit(subjects[:60]).transform(subjects[:3])
    )
    with pytest.raises(ValueError, match=r"subject s3.*unseen=\"online\" aligns each trial"):
        live.push(subjects[60:62])
    silent = EuclideanAlignment(unseen="online").fit(subjects[:60]).stream()
    assert not silent.push(subjects[60:61] * 0).values.any()


@pytest.mark.parametrize("unseen", ["own", "error"])
def test_lazy_trials_are_aligned_as_loaded_ones(subjects, unseen):
    lazy, who = subjects.chunk(trial=7), subjects["subject"].values
    whole = EuclideanAlignment(unseen=unseen).fit(subjects[:60])
    blocks = EuclideanAlignment(unseen=unseen).fit(lazy[:60])
    np.testing.assert_allclose(blocks.references_, whole.references_, rtol=1e-6)
    some = slice(30, None if unseen == "own" else 60)
    found = blocks.transform(lazy[some])
    assert found.chunks is not None
    xr.testing.assert_allclose(found.compute(), whole.transform(subjects[some]), atol=1e-5)
    assert found.attrs == whole.transform(subjects[some]).attrs
    grouped = EuclideanAlignment().fit(lazy, groups=who).transform(lazy, groups=who)
    expected = EuclideanAlignment().fit(subjects, groups=who).transform(subjects, groups=who)
    np.testing.assert_allclose(grouped.compute(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"groups must hold one value per trial, 80, got shape"):
        EuclideanAlignment().fit(lazy, groups=who[:-1])
    if unseen == "error":
        with pytest.raises(ValueError, match=r"subject s3.* were not seen in fit"):
            blocks.transform(lazy)


def test_lazy_trials_are_aligned_online_as_loaded_ones(subjects):
    who = np.where(np.arange(len(subjects)) % 3, "new", "other")
    mixed = subjects[[60, 0, 61, 62, 1, *range(63, 80)]]
    alignment = EuclideanAlignment(unseen="online").fit(subjects[:60])
    read: list[int] = []

    def counted(block):
        read.append(len(block))
        return block

    lazy = mixed.chunk(trial=4)
    lazy = lazy.copy(data=lazy.data.map_blocks(counted, dtype=lazy.dtype, meta=lazy.data._meta))
    out = alignment.transform(lazy)
    assert out.chunks is not None
    assert not read
    xr.testing.assert_allclose(out.compute(), alignment.transform(mixed), atol=1e-5)
    assert out.attrs == alignment.transform(mixed).attrs
    read.clear()
    out[:4].compute(scheduler="synchronous")
    assert read == [4]  # what comes later is not looked at
    for x, groups in ((subjects, who), (subjects[:60], None)):  # all new, none new
        expected = alignment.transform(x, groups=groups)
        found = alignment.transform(x.chunk(trial=7), groups=groups)
        np.testing.assert_allclose(found.compute(), expected, rtol=1e-4, atol=1e-5)


def test_gaps_in_a_lazy_block_are_refused_when_they_are_met(subjects):
    broken = subjects.copy()
    broken[70, 2, 5] = np.nan
    for step in (EuclideanAlignment(), BandPower()):
        found = step.fit(subjects.chunk(trial=20)).transform(broken.chunk(trial=20))
        assert np.isfinite(found[:60].values).all()
        with pytest.raises(ValueError, match="NaN"):
            found.compute()


def test_cross_validation_over_domains_says_what_to_do(subjects):
    y, who = subjects["label"].values, subjects["subject"].values
    pipeline = make_pipeline(
        EuclideanAlignment(unseen="error"), BandPower(), LinearDiscriminantAnalysis()
    )
    options = {"cv": LeaveOneGroupOut(), "groups": who, "error_score": "raise"}
    with pytest.raises(ValueError, match=r"holds out whole domains needs one of them.*every dom"):
        cross_val_score(pipeline, subjects, y, **options)
    with pytest.warns(UserWarning, match="holds out whole domains needs one of them"):
        scores = cross_val_score(pipeline, subjects, y, cv=LeaveOneGroupOut(), groups=who)
    assert np.isnan(scores).all()
    inside = StratifiedKFold(3, shuffle=True, random_state=0)
    assert np.isfinite(cross_val_score(pipeline, subjects, y, cv=inside)).all()


def test_what_was_seen_is_heard_behind_the_next_step(subjects):
    for unseen, access in (("own", "batch"), ("online", "trialwise")):
        pipeline = make_pipeline(EuclideanAlignment(unseen=unseen), BandPower())
        pipeline.fit(subjects[:60])
        with listen() as heard:
            pipeline.transform(subjects[50:])
        assert [(h.step, h.access) for h in heard] == [("EuclideanAlignment", access)]
        with listen() as heard:
            pipeline.transform(subjects[:5])
        assert [h.access for h in heard] == ["train"]


def test_labels_units_and_the_order_of_dims_are_minded(subjects):
    out = EuclideanAlignment().fit_transform(subjects.transpose("time", "channel", "trial"))
    assert out.dims == ("trial", "channel", "time")
    assert out.attrs["units"] == "1"
    assert subjects.attrs["units"] == "uV"
    assert out["type"].values.tolist() == ["eeg"] * 4
    assert out.dtype == np.float32


def test_alignment_makes_subjects_comparable_for_csp(subjects):
    from mne import use_log_level
    from mne.decoding import CSP

    y = subjects["label"].values
    with use_log_level("error"):
        scores = cross_val_score(
            make_pipeline(EuclideanAlignment(), CSP(2), LinearDiscriminantAnalysis()),
            subjects,
            y,
            groups=subjects["subject"].values,
            cv=GroupKFold(4),
        )
    assert scores.mean() > 0.9


def test_a_flat_channel_stays_flat_and_spoils_nothing(subjects):
    flat = subjects.copy()
    flat[:, 2] = 0.0
    out = EuclideanAlignment().fit_transform(flat)
    assert not out[:, 2].any()
    without = EuclideanAlignment().fit_transform(subjects.isel(channel=[0, 1, 3]))
    np.testing.assert_allclose(out.isel(channel=[0, 1, 3]), without, atol=1e-4)


def test_small_and_large_units_give_the_same(subjects):
    volts = subjects * 1e-6
    np.testing.assert_allclose(
        EuclideanAlignment().fit_transform(volts),
        EuclideanAlignment().fit_transform(subjects),
        rtol=1e-3,
        atol=1e-5,
    )


def test_alignment_refuses_what_it_cannot_do(subjects):
    with pytest.raises(ValueError, match=r"all trials of domain 'subject s1' are zero"):
        EuclideanAlignment().fit(subjects.where(subjects["subject"] != "s1", 0.0))
    with pytest.raises(ValueError, match=r"one value per trial, 80, got shape \(3,\)"):
        EuclideanAlignment().fit(subjects, groups=[1, 2, 3])
    with pytest.raises(ValueError, match=r"unseen must be one of .*, got 'skip'"):
        EuclideanAlignment(unseen="skip").fit(subjects)
    with pytest.raises(ValueError, match="lacks"):
        EuclideanAlignment().fit(subjects).transform(subjects[:, :3])


# ------------------------------------------------------------------ BandPower


@pytest.mark.parametrize("method", ["hann", "multitaper"])
@pytest.mark.parametrize("frequency", [10.0, 10.3, 20.0])
def test_a_sine_counts_half_its_squared_amplitude_in_its_band(method, frequency):
    t = np.arange(1000) / 250
    x = neurokit.signal(6 * np.sin(2 * np.pi * frequency * t)[None, None], sampling_rate=250)
    power = np.exp(BandPower(method=method).fit_transform(x).values[0])
    band = 0 if frequency < 13 else 1
    assert power[band] == pytest.approx(18.0, rel=0.01)
    assert power[1 - band] < 0.2


def test_bands_that_cover_the_spectrum_hold_all_the_power_of_noise(rng):
    x = rng.normal(size=(200, 1, 400))
    bands = {"low": (0, 30.0), "mid": (30.0, 70.0), "high": (70.0, 100.0)}
    for method in ("hann", "multitaper"):
        power = BandPower(bands, method=method, sampling_rate=200.0).fit_transform(x)
        np.testing.assert_allclose(np.exp(power).mean(0), [0.3, 0.4, 0.3], rtol=0.03)


def test_each_line_of_the_spectrum_counts_in_one_band_only(rng):
    x = rng.normal(size=(5, 2, 400))
    parts = {"low": (0.0, 30.0), "mid": (30.0, 70.0), "high": (70.0, 100.0)}
    for method in ("hann", "multitaper"):
        split = np.exp(BandPower(parts, method=method, sampling_rate=200.0).fit_transform(x))
        whole = BandPower({"all": (0.0, 100.0)}, method=method, sampling_rate=200.0)
        total = np.exp(whole.fit_transform(x))
        np.testing.assert_allclose(split.reshape(5, 3, 2).sum(1), total, rtol=1e-9)


@pytest.mark.parametrize("n_times", [400, 3000])
def test_power_is_that_of_the_tapers_one_by_one_seven_at_most(rng, n_times):
    x = rng.normal(size=(3, 2, n_times))
    half = min(n_times / 200, 4.0)  # time x half bandwidth
    tapers = dpss(n_times, half, int(2 * half) - 1)
    at = np.fft.rfftfreq(n_times, 1 / 200)
    inside = (at >= 8) & (at < 13)
    spectra = np.abs(np.fft.rfft(x[:, :, None] * tapers)) ** 2
    expected = 2 * spectra[..., inside].sum(-1).mean(-1) / n_times
    power = BandPower({"alpha": (8.0, 13.0)}, sampling_rate=200.0).fit_transform(x)
    np.testing.assert_allclose(np.exp(power), expected, rtol=1e-9)


def test_more_tapers_vary_less(rng):
    x = rng.normal(size=(300, 1, 400))
    spread = {
        method: BandPower(method=method, bandwidth=4.0, sampling_rate=200.0)
        .fit_transform(x)
        .std(0)
        for method in ("hann", "multitaper")
    }
    assert (spread["multitaper"] < 0.85 * spread["hann"]).all()


def test_every_column_tells_channel_and_band(subjects):
    power = BandPower().fit(subjects)
    out = power.transform(subjects)
    assert out.dims == ("trial", "feature")
    assert out["channel"].values.tolist() == ["ch0", "ch1", "ch2", "ch3"] * 2
    assert out["band"].values.tolist() == ["alpha"] * 4 + ["beta"] * 4
    assert out["label"].values.tolist() == subjects["label"].values.tolist()
    assert power.get_feature_names_out()[4] == "ch0 beta"
    one = power.transform(subjects[3])
    assert one.dims == ("trial", "feature")  # one row for one recording
    np.testing.assert_allclose(one, out[[3]])


def test_it_joins_a_grid_search_over_its_bands(subjects):
    pipeline = make_pipeline(
        EuclideanAlignment(), BandPower(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    )
    grid = {"bandpower__bands": [{"all": (1.0, 50.0)}, {"narrow": (8.0, 10.0)}]}
    search = GridSearchCV(pipeline, grid, cv=4).fit(subjects, subjects["label"].values)
    assert search.best_params_["bandpower__bands"] == {"all": (1.0, 50.0)}
    assert search.best_score_ > 0.9


def test_a_flat_channel_has_no_power_but_a_number(subjects):
    out = BandPower().fit_transform(0.0 * subjects)
    np.testing.assert_allclose(out, np.log(np.finfo(np.float32).tiny))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bands": {"g": (40, 60)}}, r"band 'g' must lie between 0 and 50 Hz"),
        ({"bands": {"g": (9, 9)}}, r"the lower edge first, got \(9, 9\)"),
        ({"method": "fft"}, "must be .* got 'fft'"),
        ({"bandwidth": 0.0}, r"bandwidth positive, got .* and 0\.0"),
        ({"bands": {"slow": (0.5, 4)}}, "shorter than one cycle at 0.5 Hz"),
    ],
)
def test_parameters_out_of_range_are_refused(subjects, parameters, message):
    with pytest.raises(ValueError, match=message):
        BandPower(**parameters).fit(subjects)


def test_another_rate_or_none_is_refused(subjects):
    with pytest.raises(ValueError, match="fitted at 100 Hz, got data at 50 Hz"):
        BandPower({"a": (8, 12)}).fit(subjects).transform(subjects[..., ::2])
    with pytest.raises(ValueError, match="give sampling_rate= in Hz"):
        BandPower().fit(subjects.values)


@pytest.mark.parametrize("make", [EuclideanAlignment, BandPower])
def test_it_survives_pickle_clone_and_file(make, subjects, tmp_path):
    fitted = make().fit(subjects)
    loaded = make.load(fitted.save(tmp_path / "fitted.safetensors"))
    for other in (pickle.loads(pickle.dumps(fitted)), loaded, clone(fitted).fit(subjects)):
        xr.testing.assert_identical(other.transform(subjects), fitted.transform(subjects))


@parametrize_with_checks([EuclideanAlignment(), BandPower(sampling_rate=100.0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)
