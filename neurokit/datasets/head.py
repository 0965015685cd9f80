"""A head made of spheres: where the electrodes sit and what they see of a dipole."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

HEAD_RADIUS = 90.0
"""Radius of the scalp, in mm."""

SHELLS = (0.90, 0.92, 0.97, 1.0)
"""Outer radii of brain, fluid, skull and scalp, relative to the head's."""

CONDUCTIVITIES = (0.33, 1.0, 0.004, 0.33)
"""Conductivities of the shells, in S/m."""

# Sagittal rows of the 10-10 system: the midline's name, and its inclination from the vertex
# towards the nose in steps of 10 % (18 degrees) of the nasion-inion arc.
_ROWS = {"Fp": 4, "AF": 3, "F": 2, "FC": 1, "C": 0, "CP": -1, "P": -2, "PO": -3, "O": -4}
# The 10-20 system, then the 10-10 electrodes between: the first n are a sensible cap.
_ELECTRODES = """
    Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2
    FC1 FC2 CP1 CP2 FC5 FC6 CP5 CP6 Oz POz AFz PO3 PO4 FCz CPz C1 C2 FC3 FC4 CP3 CP4 C5 C6
    F1 F2 P1 P2 F5 F6 P5 P6 AF3 AF4 PO7 PO8 AF7 AF8 FT7 FT8 TP7 TP8 Fpz
"""


def electrodes(n_channels: int) -> tuple[list[str], NDArray[np.float64]]:
    """Names and places of the first electrodes of the 10-20 and 10-10 systems on a sphere.

    Parameters
    ----------
    n_channels : int
        How many, 1 to 61; the first 19 are the 10-20 system.

    Returns
    -------
    names : list of str
    positions : ndarray of shape (n_channels, 3)
        In mm, x to the right, y to the front, z up.

    References
    ----------
    .. [1] Oostenveld and Praamstra (2001), The five percent electrode system for high-resolution
       EEG and ERP measurements, Clin. Neurophysiol. 112, 713-719.

    Examples
    --------
    >>> names, positions = electrodes(10)
    >>> names[-1], positions[-1].round().tolist()
    ('Cz', [0.0, 0.0, 90.0])
    """
    known = _ELECTRODES.split()
    if not 1 <= n_channels <= len(known):
        raise ValueError(
            f"electrodes: n_channels must lie between 1 and {len(known)}, got {n_channels!r}."
        )
    names = known[:n_channels]
    return names, HEAD_RADIUS * np.array([_direction(name) for name in names])


def _direction(name: str) -> NDArray[np.float64]:
    """Point to an electrode: part of the way from the midline to the ring at 72 degrees."""
    row, place = name.rstrip("0123456789z"), name[len(name.rstrip("0123456789z")) :]
    row = {"T": "C", "FT": "FC", "TP": "CP"}.get(row, row)
    steps = _ROWS[row]
    middle = _from_vertex(18.0 * abs(steps), 0.0 if steps >= 0 else 180.0)
    if place == "z":
        return middle
    side = -1.0 if int(place) % 2 else 1.0
    edge = _from_vertex(72.0, side * (90.0 - 18.0 * steps))
    if row in ("Fp", "O"):  # on the ring itself, one step beside the midline
        return _from_vertex(72.0, side * (18.0 if row == "Fp" else 162.0))
    fraction = ((int(place) + 1) // 2) / 4  # 1, 2 -> a quarter of the arc; 7, 8 -> the ring
    arc = np.arccos(middle @ edge)
    along: NDArray[np.float64] = (
        np.sin((1 - fraction) * arc) * middle + np.sin(fraction * arc) * edge
    )
    return along / np.sin(arc)


def _from_vertex(inclination: float, azimuth: float) -> NDArray[np.float64]:
    """Point to a place, in degrees from the vertex, and clockwise from the nose."""
    tilt, turn = np.deg2rad(inclination), np.deg2rad(azimuth)
    return np.array([np.sin(tilt) * np.sin(turn), np.sin(tilt) * np.cos(turn), np.cos(tilt)])


def sphere_leadfield(
    sensors: ArrayLike,
    dipoles: ArrayLike,
    moments: ArrayLike,
    *,
    shells: Sequence[float] = SHELLS,
    conductivities: Sequence[float] = CONDUCTIVITIES,
) -> NDArray[np.float64]:
    r"""Compute the scalp potential of current dipoles inside concentric conducting spheres.

    Outside the dipole at :math:`r_0` every shell carries, for each degree :math:`n`, a growing
    term :math:`r^n` and a decaying one :math:`r^{-(n+1)}`. Potential and normal current are
    continuous from shell to shell and no current leaves the scalp, which fixes the gain
    :math:`g_n` between the decaying term of the innermost shell and the potential at radius R:

    .. math::

        V(r) = \frac{1}{4 \pi \sigma_1} \sum_n g_n \frac{r_0^{n-1}}{R^{n+1}} \left[
        n P_n(x) \, q \cdot \hat r_0 + P_n'(x) \, q \cdot (\hat r - x \hat r_0) \right]

    with :math:`x = \hat r \cdot \hat r_0`.

    In one homogeneous sphere :math:`g_n = (2n+1)/n`.

    Parameters
    ----------
    sensors : array-like of shape (n_channels, 3)
        In mm; moved along their radius onto the scalp.
    dipoles : array-like of shape (n_sources, 3)
        In mm, inside the innermost shell.
    moments : array-like of shape (n_sources, 3)
        In nAm.
    shells : sequence of float
        Outer radii relative to the head's, innermost first; the last is 1.
    conductivities : sequence of float
        One per shell, in S/m.

    Returns
    -------
    ndarray of shape (n_channels, n_sources)
        In uV, against infinity (the mean over the whole sphere is zero).

    Raises
    ------
    ValueError
        If a dipole lies outside the innermost shell.

    References
    ----------
    .. [1] Rush and Driscoll (1968), Current distribution in the brain from surface electrodes,
       Anesth. Analg. 47, 717-723 (the boundary conditions of concentric spheres).
    .. [2] Zhang (1995), A fast method to compute surface potentials generated by dipoles within
       multilayer anisotropic spheres, Phys. Med. Biol. 40, 335-349.

    Examples
    --------
    >>> field = sphere_leadfield([[0, 0, 90], [90, 0, 0]], [[0, 0, 60]], [[0, 0, 10]])
    >>> field.shape, bool(field[0, 0] > abs(field[1, 0]))
    ((2, 1), True)
    """
    places, q = (
        np.atleast_2d(np.asarray(dipoles, float)),
        np.atleast_2d(np.asarray(moments, float)),
    )
    rhat = np.atleast_2d(np.asarray(sensors, float))
    rhat = rhat / np.linalg.norm(rhat, axis=1, keepdims=True)
    depth = np.linalg.norm(places, axis=1)
    limit = HEAD_RADIUS * shells[0]
    if depth.max() >= limit:
        raise ValueError(
            f"sphere_leadfield: dipoles must lie within {limit:g} mm of the centre (the innermost"
            f" shell), got one at {depth.max():g} mm."
        )
    # a dipole at the centre has no direction of its own; only n = 1 is left and any will do
    r0hat = np.where(
        depth[:, None] > 0, places / np.where(depth, depth, 1.0)[:, None], [0, 0, 1.0]
    )
    radial = np.einsum("sk,sk->s", q, r0hat)
    x = rhat @ r0hat.T  # (channel, source)
    tangential = rhat @ q.T - x * radial
    ratio = depth / HEAD_RADIUS
    # the largest term falls like ratio^n: go on until it cannot be seen
    n_terms = int(np.ceil(np.log(1e-10) / np.log(min(max(ratio.max(), 0.05), 0.95))))
    gains = _gains(np.arange(1, n_terms + 1), shells, conductivities)
    potential = np.zeros_like(x)
    p_before, p, dp_before, dp = np.ones_like(x), x, np.zeros_like(x), np.ones_like(x)
    power = np.ones_like(ratio)  # ratio^(n-1)
    for n, gain in enumerate(gains, start=1):
        potential += gain * power * (n * p * radial + dp * tangential)
        power = power * ratio
        # Bonnet's recursion, and P'(n+1) = P'(n-1) + (2n+1) P(n)
        p_before, p, dp_before, dp = (
            p,
            ((2 * n + 1) * x * p - n * p_before) / (n + 1),
            dp,
            dp_before + (2 * n + 1) * p,
        )
    # nAm / (S/m) / mm^2 = 1e-9 / 1e-6 V = 1e3 uV
    scaled: NDArray[np.float64] = (
        potential * 1e3 / (4 * np.pi * conductivities[0] * HEAD_RADIUS**2)
    )
    return scaled


def _gains(
    n: NDArray[np.int64], shells: Sequence[float], conductivities: Sequence[float]
) -> NDArray[np.float64]:
    """Potential at the scalp for one unit of the innermost shell's decaying term, per degree."""
    growing, decaying = n + 1.0, n + 0.0  # no current through the scalp; potential 2n + 1
    for radius, outer, inner in zip(
        reversed(shells[:-1]),
        reversed(conductivities[1:]),
        reversed(conductivities[:-1]),
        strict=True,
    ):
        up, down = radius**n, radius ** -(n + 1.0)
        u, v = growing * up, decaying * down
        current = outer / inner * (n * u - (n + 1) * v)
        v_inner = (n * (u + v) - current) / (2 * n + 1)
        growing, decaying = (u + v - v_inner) / up, v_inner / down
    return (2 * n + 1) / decaying
