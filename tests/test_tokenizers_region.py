import json
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

import neurokit as nk
from neurokit import io
from neurokit.cli import main as cli
from neurokit.inputs.signal import take_signal
from neurokit.io.packed.ntok import read_tokens, write_tokens
from neurokit.tokenizers import CodecTokenizer, RegionTokenizer
from neurokit.tokenizers.framing.frames import level_whole
from neurokit.tokenizers.montages.regions import RegionMontage
from neurokit.tokenizers.montages.spatial import (
    Contacts,
    add_recording,
    assign_regions,
    find_centers,
    fit_kernel,
    principal_map,
    second_moments,
)
from neurokit.tokenizers.region import RegionDesign
from neurokit.training import Trainer

NOWHERE = [np.nan] * 3


def slow(rng, *shape):
    """Signals in which neighbouring samples are alike."""
    x = lfilter([1], [1, -0.97], rng.normal(size=shape))
    return x / x.std(-1, keepdims=True)


def sources(sizes=(4, 3), n_sources=1, noise=0.05, seconds=12.0, rate=250.0, seed=0, mixing=None):
    """Regions whose contacts see the same few sources, each contact at a size of its own."""
    n = round(seconds * rate)
    heads, rng = np.random.default_rng(seed), np.random.default_rng([seed, n])
    rows, regions = [], []
    for k, size in enumerate(sizes):
        mix = heads.normal(size=(size, n_sources)) if mixing is None else mixing[k]
        x = mix @ slow(rng, n_sources, n)
        x = x / x.std(1, keepdims=True) + noise * rng.normal(size=x.shape)
        rows.append(x * 10 ** heads.uniform(0, 2, (size, 1)))
        regions += [f"area {'BADC'[k]}"] * size
    return nk.signal(np.concatenate(rows), sampling_rate=rate, regions=regions)


def tiny(**kwargs):
    default = {"n_levels": 2, "n_components": 3, "codebook_size": 16, "n_filters": 2}
    default |= {"latent_dim": 4, "random_state": 0, "device": "cpu", "beam": 2}
    trainer = Trainer(1, batch_size=8, device="cpu")
    return RegionTokenizer(**default | {"trainer": trainer} | kwargs)


def learn(x, **kwargs):
    """Montage and knowledge of contacts after one recording."""
    tokenizer = tiny(**kwargs)
    design = RegionDesign(**tokenizer._plan()["design_"])
    signal = take_signal(tokenizer, x, None)
    levelled = level_whole(design.frames(signal.rate), signal, "test")
    montage, _, found = design.learn_channels("test", signal, levelled)
    return montage, found["spatial_"]


@pytest.fixture(scope="module")
def fitted():
    trainer = Trainer(6, batch_size=8, learning_rate=0.01, device="cpu")
    return tiny(n_levels=4, trainer=trainer, window=2.0).fit(sources(seconds=40))


def contacts(names, labels=None, places=None):
    places = [NOWHERE] * len(names) if places is None else places
    return Contacts(list(names), labels or [""] * len(names), np.array(places, float))


# ---------------------------------------------------------------- the spatial map


def test_the_map_keeps_what_principal_components_keep():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 6)) @ rng.normal(size=(6, 500))
    montage = RegionMontage(contacts("abcdef"), ["r"] * 6, [""])
    for n in (1, 2, 6):
        montage.maps[""] = [principal_map(x @ x.T / 500, n)]
        frames = x.reshape(6, 50, 10)
        kept = montage.spread(montage.gather(frames)).reshape(6, 500)
        u, s, v = np.linalg.svd(x, full_matrices=False)
        best = (u[:, :n] * s[:n]) @ v[:n]
        error = ((kept - x) ** 2).sum(), ((best - x) ** 2).sum()
        assert error[0] == pytest.approx(error[1], rel=1e-4, abs=1e-9)
        if n == 6:
            np.testing.assert_allclose(kept, x, atol=1e-10)


def test_signals_are_no_larger_where_there_are_more_contacts():
    x = np.random.default_rng(0).normal(size=(1, 5, 8))
    for n in (1, 9):
        montage = RegionMontage(contacts("abcdefghi"[:n]), ["r"] * n, [""])
        montage.maps[""] = [principal_map(np.ones((n, n)), 2)]
        fused = montage.gather(np.repeat(x, n, 0)).reshape(5, 2, 8)
        np.testing.assert_allclose(fused[:, 0], x[0], rtol=1e-3)
        np.testing.assert_allclose(fused[:, 1], 0, atol=1e-3)


def test_frames_and_levels_go_to_their_regions_and_back():
    montage = RegionMontage(contacts("cab"), ["r", "s", "r"], ["", "x"], order=["s"])
    assert montage.regions == ["s", "r"]
    assert montage.members == [[1], [2, 0]]  # by region, then by name: a, b before c
    side = np.arange(2 * 3 * 4 * 2).reshape(6, 4, 2)
    packed = montage.pack_side(side)
    assert packed.shape == (4, 4, 4)
    np.testing.assert_array_equal(packed[0, :, :2], side[1])  # first trial, region s: contact a
    np.testing.assert_array_equal(packed[0, :, 2:], 0)
    np.testing.assert_array_equal(packed[3], np.concatenate([side[5], side[3]], -1))
    np.testing.assert_array_equal(montage.unpack_side(packed), side)
    assert list(montage.side_columns()) == ["scale.1", "offset.1", "scale.2", "offset.2"]


@pytest.mark.parametrize("seed", range(5))
def test_the_number_of_sources_and_their_mixing_are_recovered(seed):
    rng = np.random.default_rng(seed)
    mixing = [rng.normal(size=(6, 2)), rng.normal(size=(5, 2))]
    x = sources((6, 5), 2, noise=0.1, seed=seed, mixing=mixing)
    montage, spatial = learn(x, n_components=5)
    for region, rows in enumerate(montage.members):
        moment = spatial["subjects"][""]["moment"][np.ix_(rows, rows)]
        power = np.linalg.eigvalsh(moment)[::-1]
        assert power[1] > 5 * power[2]  # two sources, and noise
        k = "BA".index(montage.regions[region][-1])
        truth = mixing[k][np.array(rows) - 6 * k]
        truth = truth / np.linalg.norm(truth, axis=1, keepdims=True)  # contacts are levelled
        basis, _ = np.linalg.qr(truth)
        angles = np.linalg.svd(basis.T @ montage.maps[""][region][:, :2])[1]
        assert angles.min() > 0.95


def test_a_map_has_one_sign_and_small_regions_fewer_signals():
    x = np.random.default_rng(0).normal(size=(4, 100))
    a, b = principal_map(x @ x.T, 3), principal_map(x @ x.T + 1e-9, 3)
    np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(a.T @ a, np.eye(3), atol=1e-12)
    assert (1 / np.arange(1, 5) @ a > 0).all()
    assert principal_map(np.eye(1), 3).tolist() == [[1, 0, 0]]
    alike = np.ones((5, 5)) + np.eye(5)  # four of its eigenvalues are one
    noise = 1e-13 * np.random.default_rng(0).normal(size=(5, 5))
    np.testing.assert_allclose(
        principal_map(alike, 5), principal_map(alike + noise + noise.T, 5), atol=1e-6
    )


# ---------------------------------------------------------------- contacts that are not known


def test_what_two_contacts_share_is_learnt_from_their_distance():
    rng = np.random.default_rng(0)
    places = rng.uniform(-50, 50, (40, 3))
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
    moment = 0.2 + 0.7 * np.exp(-distance / 30) + 0.3 * np.eye(40)
    names = [f"c{k}" for k in range(40)]
    record = add_recording(None, contacts(names, None, places), ["r"] * 40, moment, 1000)
    kernel = fit_kernel({"a": record})
    assert kernel.power == pytest.approx(1.2)
    assert (kernel.near, kernel.far) == pytest.approx((0.7, 0.2), abs=0.05)
    assert kernel.length == pytest.approx(30, rel=0.15)
    new = rng.uniform(-50, 50, (4, 3))
    found = second_moments(list("wxyz"), new, "b", {"a": record}, kernel)
    gap = np.linalg.norm(new[:, None] - new[None], axis=-1)
    np.testing.assert_allclose(found, 0.2 + 0.7 * np.exp(-gap / 30) + 0.3 * np.eye(4), atol=0.05)


def test_the_nearest_knowledge_counts():
    near, far = [[0, 0, 0], [1, 0, 0]], [[80, 0, 0], [0, 80, 0]]
    records = {
        "a": add_recording(None, contacts("pq", None, near), "rr", np.full((2, 2), 0.9), 10),
        "b": add_recording(None, contacts("pq", None, near), "rr", np.full((2, 2), 0.7), 10),
        "c": add_recording(None, contacts("pq", None, far), "rr", np.full((2, 2), 0.1), 10),
    }
    kernel = fit_kernel(records)

    def pair(places, who):
        return second_moments("pq", np.array(places, float), who, records, kernel)

    assert pair(near, "b")[0, 1] == pytest.approx(0.7)  # the subject's own
    assert pair(near, "new")[0, 1] == pytest.approx(0.8)  # others' contacts in these places
    assert pair([NOWHERE] * 2, "new")[0, 1] == pytest.approx(1.7 / 3)  # of these names
    strange = second_moments("xy", np.full((2, 3), np.nan), "b", records, kernel)
    assert strange[0, 1] == pytest.approx(kernel.unplaced) == pytest.approx(1.7 / 3)


def test_recordings_of_a_subject_add_up():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 300))
    whole = add_recording(None, contacts("abc"), "rrr", x @ x.T / 300, 300)
    parts = None
    for cut in (slice(0, 100), slice(100, 300)):
        y = x[::-1, cut]  # in another order
        moment = y @ y.T / y.shape[1]
        parts = add_recording(parts, contacts("cba"), "rrr", moment, y.shape[1])
    order = [parts["names"].index(k) for k in "abc"]
    np.testing.assert_allclose(parts["moment"][np.ix_(order, order)], whole["moment"])
    more = add_recording(whole, contacts("cd"), "rs", np.diag([1.0, 0.0]), 100)
    assert more["names"] == list("abcd")
    assert more["regions"] == list("rrrs")
    assert more["weight"][0, 2] == 300
    assert more["weight"][2, 2] == 400
    assert not more["weight"][3].any()  # flat: nothing is known of it


def test_regions_come_from_labels_then_places_then_names():
    places = [[0, 0, 0], [1, 0, 0], [90, 0, 0], NOWHERE, NOWHERE, NOWHERE]
    given = contacts("abcdef", ["left", "", "", "", "", "top"], places)
    centers = {"left": np.zeros(3), "right": np.array([100.0, 0, 0])}
    assert assign_regions(given, centers, {"d": "deep", "a": "no"}) == [
        "left", "left", "right", "deep", "e", "top",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_regions_are_found_by_place(seed):
    rng = np.random.default_rng(seed)
    middles = np.array([[0, 0, 0], [60, 0, 0], [0, 60, 0]])
    which = np.repeat([0, 1, 2], 5)
    places = middles[which] + rng.normal(size=(15, 3)) * 4
    names = [f"c{k:02d}" for k in rng.permutation(15)]
    given = contacts(names, None, places)
    centers = find_centers(given, 5, {})
    regions = np.array(assign_regions(given, centers, {}))
    for k in range(3):
        assert len(set(regions[which == k])) == 1
    assert len(centers) == len(set(regions)) == 3
    assert find_centers(given, 5, centers).keys() == centers.keys()
    shuffled = rng.permutation(15)
    again = contacts([names[k] for k in shuffled], None, places[shuffled])
    assert find_centers(again, 5, {}).keys() == centers.keys()


# ---------------------------------------------------------------- tokens


def test_contacts_come_back_with_all_their_labels(fitted):
    x = sources(seconds=5).assign_coords(
        x=("channel", np.arange(7.0)), y=("channel", np.zeros(7)), z=("channel", np.ones(7)),
        good=("channel", [True] * 6 + [False]), subject="s1",
    )  # fmt: skip
    x = x.isel(time=slice(100, None))
    tokens = fitted.transform(x)
    assert tokens.dims == ("channel", "frame", "level")
    assert tokens.dtype == np.uint16
    assert tokens["channel"].values.tolist() == ["area B", "area A"]  # as fit has seen them
    assert tokens["level"].values.tolist()[:3] == ["scale.1", "offset.1", "scale.2"]
    assert tokens["level"].values.tolist()[8:] == ["1", "2", "3", "4"]
    back = fitted.inverse_transform(tokens)
    assert back.dims == x.dims
    assert back.dtype == np.float32
    assert back.attrs["units"] == "uV"
    for name in x.coords:
        xr.testing.assert_equal(
            back[name].drop_vars(back[name].coords), x[name].drop_vars(x[name].coords)
        )
    assert nk.sampling_rate(back) == 250
    error = ((back - x) ** 2).sum("time") / ((x - x.mean("time")) ** 2).sum("time")
    assert fitted.score(x) == pytest.approx(1 - float(error.mean()), abs=1e-5)
    assert fitted.score(x) > 0.7


@pytest.mark.parametrize("names", [None, "objects", "numbers"])
def test_names_may_be_anything(fitted, names):
    x = sources(seconds=3)
    if names is None:
        x = x.drop_vars("channel")
    elif names == "objects":
        regions = x["region"].values.astype(object)
        regions[2:4] = None, np.nan
        x = x.assign_coords(region=("channel", regions))
        x = x.assign_coords(channel=x["channel"].values.astype(object))
    else:
        x = x.assign_coords(channel=np.arange(7) * 10)
    back = fitted.inverse_transform(fitted.transform(x))
    assert ("channel" in back.coords) == ("channel" in x.coords)
    for name in set(x.coords) - {"time"}:
        assert back[name].dtype == x[name].dtype
        assert str(back[name].values.tolist()) == str(x[name].values.tolist())
    part = fitted.transform(x).isel(channel=slice(1, 2))
    assert np.isfinite(fitted.inverse_transform(part).values).all()


def test_fewer_stages_cost_less_and_keep_less(fitted):
    x = sources(seconds=5, seed=3)
    fitted = pickle.loads(pickle.dumps(fitted)).partial_fit(x)
    tokens = fitted.transform(x)
    errors = [float(((fitted.inverse_transform(tokens, k) - x) ** 2).mean()) for k in (1, 2, 4)]
    assert errors[0] > errors[1] > errors[2]
    cut = fitted.inverse_transform(tokens.isel(level=slice(0, -2)), 2)
    xr.testing.assert_equal(cut, fitted.inverse_transform(tokens, 2))


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(7)))
def test_the_order_of_channels_makes_no_difference(fitted, order):
    x = sources(seconds=3)
    tokens = fitted.transform(x)
    turned = fitted.transform(x.isel(channel=list(order)))
    np.testing.assert_array_equal(turned.values, tokens.values)
    back = fitted.inverse_transform(turned)
    assert back["channel"].values.tolist() == x["channel"].values[list(order)].tolist()
    xr.testing.assert_equal(back.sel(channel=x["channel"]), fitted.inverse_transform(tokens))


def test_regions_can_be_decoded_alone_and_in_any_order(fitted):
    x = sources(seconds=3)
    tokens = fitted.transform(x)
    whole = fitted.inverse_transform(tokens)
    one = fitted.inverse_transform(tokens.sel(channel=["area A"]))
    xr.testing.assert_allclose(one, whole.isel(channel=slice(4, 7)), rtol=1e-4, atol=1e-4)
    turned = fitted.inverse_transform(tokens.isel(channel=[1, 0]))
    xr.testing.assert_allclose(turned, whole, rtol=1e-4, atol=1e-4)
    half = fitted.inverse_transform(tokens.isel(frame=slice(0, 24)))
    assert half.sizes["time"] == 24 * 16


@pytest.mark.parametrize("factor", [0.1, 10, -1])
def test_size_is_no_matter(fitted, factor):
    x = sources(seconds=5)
    assert fitted.score(x * np.float32(factor)) == pytest.approx(fitted.score(x), abs=0.03)


def strangers():
    x = sources(seconds=4, seed=5)
    n = x.sizes["channel"]
    named = x.assign_coords(channel=[f"new{k}" for k in range(n)])
    placed = {
        k: ("channel", np.linspace(0, 50, n) * scale)
        for k, scale in zip("xyz", (1, 2, 0), strict=True)
    }
    holes = {k: ("channel", np.where(np.arange(n) % 3, v[1], np.nan)) for k, v in placed.items()}
    yield "a new subject", x.assign_coords(subject="new")
    yield "new names", named
    yield "new names without regions", named.drop_vars("region")
    yield "known names without regions", x.drop_vars("region")
    yield "new names with places", named.drop_vars("region").assign_coords(placed)
    yield "some places", named.assign_coords(holes)
    yield (
        "new regions",
        named.assign_coords(region=("channel", ["u", "v", "u", "", "v", "v", "v"])),
    )
    yield "odd labels", x.assign_coords(
        x=("channel", list("abcdefg")), y=1.0, z=("time", x["time"].values), region="here",
        subject=("channel", list("abcdefg")),
    )  # fmt: skip
    yield "some known", x.assign_coords(channel=[*x["channel"].values[:3], *"pqrs"])
    yield "dropped", x.isel(channel=[0, 5])
    yield "one", x.isel(channel=[2])
    yield "more", xr.concat([x, named], "channel")
    yield (
        "faster",
        nk.signal(
            np.repeat(x.values, 4, 1), sampling_rate=1000, regions=x["region"].values.tolist()
        ),
    )
    yield "trials", xr.concat([x, x], "trial").assign_coords(subject=("trial", ["", "new"]))


@pytest.mark.parametrize(("case", "x"), [pytest.param(*k, id=k[0]) for k in strangers()])
def test_any_montage_of_any_subject_will_do(fitted, case, x):
    tokens = fitted.transform(x)
    back = fitted.inverse_transform(tokens)
    assert back.shape == x.shape
    for name in ("channel", "time"):
        np.testing.assert_array_equal(back[name].values, x[name].values)
    assert np.isfinite(back.values).all()
    assert -0.5 < fitted.score(x) <= 1
    again = fitted.transform(x.isel(channel=slice(None, None, -1)))
    np.testing.assert_array_equal(again.sel(channel=tokens["channel"]).values, tokens.values)


def test_places_predict_the_maps_of_a_new_subject():
    scores = []
    trainer = Trainer(20, batch_size=8, learning_rate=0.01, device="cpu")

    def subject(seed, name):
        rng = np.random.default_rng(seed)
        places = np.stack([rng.uniform(0, 60, 8), *np.zeros((2, 8))], 1)
        inputs = slow(rng, 25, 2500)
        at = np.linspace(-20, 80, 25)
        mixing = np.exp(-(((places[:, :1] - at) / 25) ** 2))
        return nk.signal(
            50 * mixing @ inputs, sampling_rate=250, positions=places, regions=["r"] * 8,
            channels=[f"{name}{k}" for k in range(8)],
        ).assign_coords(subject=name)  # fmt: skip

    tokenizer = tiny(n_components=2, n_levels=4, codebook_size=32, trainer=trainer)
    tokenizer.fit(subject(0, "a"))
    for seed in (1, 2, 3):
        x = subject(seed, "b")
        nowhere = x.drop_vars(["x", "y", "z"])
        scores.append([tokenizer.score(nowhere), tokenizer.score(x)])
        own = pickle.loads(pickle.dumps(tokenizer)).partial_fit(x)
        scores[-1].append(own.score(x))
    blind, placed, own = np.mean(scores, 0)
    assert blind < placed - 0.05
    assert placed > own - 0.05


def test_flat_channels_come_back_flat(fitted):
    x = sources(seconds=4).copy()
    x[1], x[5] = 0, 300
    back = fitted.inverse_transform(fitted.transform(x))
    np.testing.assert_allclose(back[1], 0, atol=1e-6)
    np.testing.assert_allclose(back[5], 300, rtol=1e-3)
    fit = tiny().fit(x)
    assert fit.score(x) > -1
    np.testing.assert_allclose(fit.inverse_transform(fit.transform(x))[5], 300, rtol=1e-3)


def test_plain_arrays_are_contacts_that_fit_has_seen():
    x = sources(seconds=4)
    regions = {str(k): region for k, region in enumerate(x["region"].values)}
    plain = tiny(regions=regions, sampling_rate=250).fit(x.values)
    tokens = plain.transform(x.values)
    labelled = tiny().fit(x)
    np.testing.assert_array_equal(tokens, labelled.transform(x).values)
    np.testing.assert_array_equal(
        plain.inverse_transform(tokens), labelled.inverse_transform(labelled.transform(x))
    )
    other = plain.transform(x.values[:3])  # names "0" to "2"
    assert other.shape[:1] == (1,)
    assert plain.set_params(regions=None).fit(x.values).transform(x.values).shape[0] == 7


def test_what_the_user_says_of_regions_goes_first():
    x = sources(seconds=3)
    tokens = tiny(regions={"ch0": "mine", "ch6": "mine"}).fit(x).transform(x)
    assert tokens["channel"].values.tolist() == ["mine", "area B", "area A"]
    assert json.loads(tokens.attrs["contacts"])["regions"][0] == "mine"


@pytest.mark.parametrize("size", [1, 333, 10_000])
def test_live_chunks_join_to_the_whole(fitted, size):
    x = sources(seconds=1.4)
    whole = fitted.transform(x).values
    order = [3, 0, 6, 1, 2, 5, 4]
    for stream, y in (
        (fitted.stream(), x),
        (fitted.stream(like=x.isel(channel=order, time=slice(0, 2))), x.isel(channel=order)),
    ):
        parts = [stream.push(y.values[:, i : i + size]) for i in range(0, x.sizes["time"], size)]
        np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()], 1), whole)


def test_dask_gives_the_same_and_stays_lazy(fitted):
    x = sources(seconds=70)
    pytest.importorskip("dask.array")
    lazy = fitted.transform(x.chunk(time=4000))
    whole = fitted.transform(x)
    assert hasattr(lazy.data, "dask")
    assert lazy.shape == whole.shape
    xr.testing.assert_identical(lazy.compute(), whole)
    back = fitted.inverse_transform(lazy)
    assert hasattr(back.data, "dask")
    assert back.shape == x.shape
    np.testing.assert_allclose(
        back.values, fitted.inverse_transform(whole).values, rtol=1e-4, atol=1e-3
    )


def test_embed_gives_a_vector_per_region(fitted):
    x = sources(seconds=3)
    found = fitted.embed(x)
    assert found.dims == ("channel", "frame", "latent")
    assert found.shape[::2] == (2, 12)
    looked_up = fitted.embed(x, quantized=True)
    assert float(((found - looked_up) ** 2).mean() / found.var()) < 0.3


# ---------------------------------------------------------------- new subjects


def test_partial_fit_learns_the_subject_and_nothing_else(fitted):
    first = fitted.transform(sources(seconds=3))
    tokenizer = pickle.loads(pickle.dumps(fitted))
    x = sources(seconds=8, seed=11).assign_coords(subject="new")
    before = tokenizer.score(x)
    assert tokenizer.partial_fit(x) is tokenizer
    assert tokenizer.score(x) > before + 0.1
    for key, value in fitted.module_.state_dict().items():
        assert value.equal(tokenizer.module_.state_dict()[key]), key
    assert list(tokenizer.spatial_["subjects"]) == ["", "new"]
    assert list(fitted.spatial_["subjects"]) == [""]
    np.testing.assert_array_equal(tokenizer.transform(sources(seconds=3)), first)  # another's


def test_trials_take_the_maps_of_their_subjects(fitted):
    a, b = sources(seconds=3), sources(seconds=3, seed=11)
    tokenizer = pickle.loads(pickle.dumps(fitted)).partial_fit(b.assign_coords(subject="new"))
    who = [""] * 9 + ["new"] * 3  # more than are decoded at once
    both = xr.concat([b if name else a for name in who], "trial")
    both = both.assign_coords(subject=("trial", who))
    tokens = tokenizer.transform(both)
    assert tokens["subject"].values.tolist() == who
    back = tokenizer.inverse_transform(tokens)
    for k, x in ((0, a), (11, b.assign_coords(subject="new"))):
        alone = tokenizer.transform(x)
        np.testing.assert_array_equal(tokens[k].values, alone.values)
        decoded = tokenizer.inverse_transform(alone)
        np.testing.assert_allclose(back[k].values, decoded.values, rtol=1e-4, atol=1e-4)
        error = ((back[k].values - x.values) ** 2).sum(1) / x.values.var(1) / x.sizes["time"]
        assert 1 - error.mean() == pytest.approx(tokenizer.score(x), abs=1e-3)


def test_fit_learns_the_maps_of_all_its_subjects():
    both = xr.concat([sources(seconds=4), sources(seconds=4, seed=11)], "trial")
    both = both.assign_coords(subject=("trial", ["a", "b"]))
    tokenizer = tiny().fit(both)
    assert list(tokenizer.spatial_["subjects"]) == ["a", "b"]
    a, b = tokenizer._montages.of_signal(take_signal(tokenizer, both, None)).maps.values()
    assert not np.allclose(a[0], b[0])


def test_a_fit_that_fails_leaves_the_old_one(fitted, monkeypatch):
    tokenizer = pickle.loads(pickle.dumps(fitted))
    x = sources(seconds=3)
    before = tokenizer.transform(x)

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(RegionDesign, "loss", stop)
    with pytest.raises(KeyboardInterrupt):
        tokenizer.fit(sources((2, 2), seconds=3))
    xr.testing.assert_identical(tokenizer.transform(x), before)


# ---------------------------------------------------------------- rate, files


def test_the_rate_counts_the_level_of_every_contact(fitted):
    report = fitted.rate_report_
    rate = 250 / 16
    codes = rate * 4 * np.log2(16) * 2 / 7  # two regions for seven contacts
    assert report["codes"] == pytest.approx(codes)
    assert report["level"] == pytest.approx(24 * rate / 20)
    assert report["total"] == pytest.approx(report["codes"] + report["level"])
    assert len(fitted.codebook_report_["used"]) == 4


def test_token_files_keep_what_decodes_them(fitted, tmp_path):
    x = sources(seconds=6)
    tokens = fitted.transform(x)
    path = write_tokens(tmp_path / "a.ntok", tokens)
    xr.testing.assert_identical(read_tokens(path).load(), tokens)
    part = read_tokens(path, channels=["area A"])
    whole = fitted.inverse_transform(tokens)
    alone = fitted.inverse_transform(part)
    xr.testing.assert_allclose(alone, whole.isel(channel=slice(4, 7)), rtol=1e-4, atol=1e-4)
    model = fitted.save(tmp_path / "model.safetensors")
    loaded = RegionTokenizer.load(model)
    xr.testing.assert_identical(loaded.inverse_transform(read_tokens(path)), whole)


def test_entries_rounded_one_by_one_get_digits_where_the_power_is(tmp_path):
    trainer = Trainer(4, batch_size=8, device="cpu")
    tokenizer = tiny(quantizer="embedded", n_levels=6, codebook_size=256, trainer=trainer)
    tokenizer.fit(sources(seconds=20))
    x = sources(seconds=6)
    assert tokenizer.score(x) > 0.8
    layout = tokenizer.module_.quantizer.layout.numpy()
    n_digits = np.bincount(layout[layout >= 0] // 4, minlength=3)  # of each signal
    assert n_digits[0] > n_digits[1:].max()  # one source per region
    tokens = tokenizer.transform(x)
    file = write_tokens(tmp_path / "a.ntok", tokens)
    xr.testing.assert_identical(read_tokens(file).load(), tokens)
    loaded = RegionTokenizer.load(tokenizer.save(tmp_path / "model"))
    xr.testing.assert_identical(loaded.transform(x), tokenizer.transform(x))


def test_the_command_line_codes_recordings_of_known_contacts(fitted, tmp_path):
    x = sources(seconds=6)
    model = fitted.save(tmp_path / "model.safetensors")
    io.write_edf(tmp_path / "a.edf", x)

    def run(*words):
        return cli.main([*map(str, words), "--model", str(model)])

    assert run("tokenize", tmp_path / "a.edf", tmp_path / "a.ntok") == 0
    assert read_tokens(tmp_path / "a.ntok")["channel"].values.tolist() == ["area B", "area A"]
    assert run("detokenize", tmp_path / "a.ntok", tmp_path / "b.edf") == 0
    back = io.read_signal(tmp_path / "b.edf")
    assert back["channel"].values.tolist() == x["channel"].values.tolist()
    assert float(((back.values[:, : x.sizes["time"]] - x.values) ** 2).mean() / x.var()) < 0.3


# ---------------------------------------------------------------- errors


def test_errors_say_what_to_do(fitted):
    x = sources(seconds=3)
    broken = x.copy()
    broken[2, 5] = np.nan
    for method in (fitted.transform, tiny().fit, fitted.partial_fit, fitted.embed):
        with pytest.raises(
            ValueError, match=r"RegionTokenizer.* NaN or infinity, in channels \[2\]"
        ):
            method(broken)
    for name in ("n_components", "contacts_per_region"):
        with pytest.raises(ValueError, match=f"RegionTokenizer: {name} must be at least 1, got 0"):
            tiny(**{name: 0}).fit(x)
    with pytest.raises(ValueError, match="latent_dim must be at most the 16 samples of a frame"):
        tiny(latent_dim=17).fit(x)
    tokens = fitted.transform(x)
    bare = tokens.copy()
    del bare.attrs["contacts"]
    with pytest.raises(ValueError, match=r"needs attrs\['contacts'\], which says"):
        fitted.inverse_transform(bare)
    plain = tiny(sampling_rate=250, regions=dict.fromkeys("0123456", "r")).fit(x.values)
    with pytest.raises(
        ValueError, match=r"plain tokens of the 1 regions that fit has seen, got 5"
    ):
        plain.inverse_transform(np.zeros((5, 40, 10), np.uint16))
    with pytest.raises(ValueError, match=r"dims \(\[trial,\] channel, frame, level\)"):
        plain.inverse_transform(np.zeros(4, np.uint16))
    with pytest.raises(ValueError, match=r"n_levels must be between 1 and 4, got 5"):
        fitted.inverse_transform(tokens, 5)
    with pytest.raises(ValueError, match=r"level 8 must hold 0 to 15"):
        fitted.inverse_transform(tokens + 100 * (tokens["level"] == "1"))
    other = CodecTokenizer(2, codebook_size=4, n_filters=2, trainer=Trainer(1, device="cpu"))
    with pytest.raises(ValueError, match=r"needs attrs\['contacts'\]"):
        fitted.inverse_transform(other.fit(x).transform(x))
    with pytest.raises(ValueError, match=r"chunks of shape \(7, n\), got \(3, 100\)"):
        fitted.stream().push(np.zeros((3, 100)))
