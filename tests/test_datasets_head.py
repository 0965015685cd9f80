"""The sphere against closed forms, against itself and against MNE."""

import numpy as np
import pytest

from neurokit.datasets.head import HEAD_RADIUS, electrodes, sphere_leadfield


def _one_sphere(sensors, place, moment, sigma):
    """Gradient of the Neumann function of a sphere, by central differences, in uV.

    At the surface G = 2/d + (1/R) ln(2R / (R - r0 cos + d)) + const, summed from the series
    by sum t^n/n P_n(x) = ln(2 / (1 - t x + sqrt(1 - 2 t x + t^2))).
    """

    def green(source):
        d = np.linalg.norm(sensors - source, axis=1)
        along = sensors @ source / HEAD_RADIUS
        log = np.log(2 * HEAD_RADIUS / (HEAD_RADIUS - along + d))
        return 2 / d + log / HEAD_RADIUS

    h = 1e-3
    gradient = sum(
        moment[k] * (green(place + h * unit) - green(place - h * unit)) / (2 * h)
        for k, unit in enumerate(np.eye(3))
    )
    return gradient * 1e3 / (4 * np.pi * sigma)


@pytest.fixture
def dipoles():
    rng = np.random.default_rng(0)
    places = rng.standard_normal((8, 3))
    places *= rng.uniform(5, 70, (8, 1)) / np.linalg.norm(places, axis=1, keepdims=True)
    return places, rng.standard_normal((8, 3))


def test_one_sphere_is_the_closed_form(dipoles):
    _, sensors = electrodes(61)
    found = sphere_leadfield(sensors, *dipoles, shells=(1.0,), conductivities=(0.33,))
    for k, (place, moment) in enumerate(zip(*dipoles, strict=True)):
        expected = _one_sphere(sensors, place, moment, 0.33)
        np.testing.assert_allclose(found[:, k], expected, atol=1e-6 * np.abs(expected).max())


def test_shells_of_one_conductivity_are_one_sphere(dipoles):
    _, sensors = electrodes(19)
    one = sphere_leadfield(sensors, *dipoles, shells=(1.0,), conductivities=(0.3,))
    four = sphere_leadfield(sensors, *dipoles, conductivities=(0.3,) * 4)
    np.testing.assert_allclose(four, one, rtol=1e-9, atol=1e-12)


def test_a_dipole_at_the_centre_is_the_limit_of_one_beside_it():
    _, sensors = electrodes(19)
    at, beside = (sphere_leadfield(sensors, [[0, 0, z]], [[1, 2, 3]]) for z in (0, 1e-6))
    np.testing.assert_allclose(at, beside, rtol=1e-6)


def test_the_skull_blurs_and_weakens():
    _, sensors = electrodes(61)
    args = (sensors, [[0, 0, 70.0]], [[0, 0, 1.0]])
    bare = sphere_leadfield(*args, shells=(1.0,), conductivities=(0.33,))
    skull = sphere_leadfield(*args)
    assert np.abs(skull).max() < 0.3 * np.abs(bare).max()
    assert np.mean(skull > skull.max() / 2) > np.mean(bare > bare.max() / 2)


def test_the_potential_follows_the_head_when_it_turns(dipoles):
    _, sensors = electrodes(19)
    turn, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))
    places, moments = dipoles
    turned = sphere_leadfield(sensors @ turn.T, places @ turn.T, moments @ turn.T)
    np.testing.assert_allclose(turned, sphere_leadfield(sensors, *dipoles), atol=1e-9)


def test_mne_computes_the_same_head():
    mne = pytest.importorskip("mne")
    names, sensors = electrodes(32)
    info = mne.create_info(names, 250.0, "eeg")
    places = dict(zip(names, sensors / 1000, strict=True))
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"))
    head = mne.make_sphere_model((0, 0, 0), HEAD_RADIUS / 1000, verbose=False)
    for place, moment in (([30, 10, 50], [1, 0, 0]), ([-20, -50, 30], [0, 0.6, 0.8])):
        dipole = mne.Dipole([0], [np.array(place) / 1000], [1e-9], [moment], [100])
        forward, _ = mne.make_forward_dipole(dipole, head, info, verbose=False)
        expected = forward["sol"]["data"][:, 0] * 1e-9 * 1e6
        found = sphere_leadfield(sensors, [place], [moment])[:, 0]
        # MNE sums three dipoles fitted to the series (Berg and Scherg), we sum the series
        error = (found - found.mean()) - (expected - expected.mean())
        assert np.linalg.norm(error) < 5e-3 * np.linalg.norm(expected)


def test_electrodes_sit_where_the_ten_ten_system_puts_them():
    names, places = electrodes(61)
    at = dict(zip(names, places, strict=True))
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), HEAD_RADIUS)
    assert len(set(names)) == 61
    for left, right in (
        ("C3", "C4"),
        ("Fp1", "Fp2"),
        ("PO7", "PO8"),
        ("FT7", "FT8"),
        ("O1", "O2"),
    ):
        np.testing.assert_allclose(at[left] * [-1, 1, 1], at[right], atol=1e-9)
    assert at["C3"][0] < 0 < at["Fz"][1]
    assert at["Oz"][1] < at["Pz"][1] < 0
    mne = pytest.importorskip("mne")
    standard = mne.channels.make_standard_montage("biosemi64").get_positions()["ch_pos"]
    for name in ("F3", "C4", "P3", "Fz", "CP1", "FC6", "PO3", "T7"):
        there = standard[name] / np.linalg.norm(standard[name])
        assert np.degrees(np.arccos(there @ at[name] / HEAD_RADIUS)) < 21, name


@pytest.mark.parametrize("n", [0, 62])
def test_electrodes_refuses_a_number_it_has_not(n):
    with pytest.raises(ValueError, match=f"n_channels must lie between 1 and 61, got {n}"):
        electrodes(n)


def test_leadfield_refuses_a_dipole_in_the_skull():
    with pytest.raises(ValueError, match=r"within 81 mm of the centre .* got one at 85 mm"):
        sphere_leadfield([[0, 0, 90]], [[0, 0, 85]], [[0, 0, 1]])
