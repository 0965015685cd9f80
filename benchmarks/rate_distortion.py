"""Error of every tokenizer at the bytes its tokens really take, on people it has not seen.

    python benchmarks/train_codec.py extract --data RECORDINGS --out .nkdata
    python benchmarks/rate_distortion.py --data .nkdata --recordings RECORDINGS [--peers FOLDER]

Bytes are those of the ``.ntok`` file: codes, level, header, all labels; mu-law samples go through
zlib -9, peaks and means sent. `LinearRVQTokenizer` is fitted on 4,000 windows of the recordings
that "eeg-small" was trained on; in ``--peers`` lie ``biocodec.safetensors`` and
``multiscale.safetensors`` as `train_codec.py` saved them, trained on the same recordings. The even
grid and mu-law learn nothing. Nobody scored here was trained on; the sets that are marked
"untouched" were looked at for no choice either.

The first table gives every number of stages; the second, for each of "eeg-small", what the others
reach with as many bytes: between the neighbouring points of their curves, the NMSE on a
logarithmic scale. ``-`` stands where a curve does not reach. Medians over channels, then over
recordings.
"""

import argparse
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.io import loadmat
from train_codec import RATE, drawn, fidelity, load

import neurokit as nk
from neurokit.io import read_signal
from neurokit.io.packed.ntok import write_tokens
from neurokit.tokenizers import (
    CodecTokenizer,
    LinearRVQTokenizer,
    MultiScaleTokenizer,
    ScalarTokenizer,
)

STEPS = (3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 40, 54, 80, 108, 160, 256)
GRIDS = (5, 9, 13, 17, 25, 33, 49, 65, 97, 137, 193, 273)  # values over 48 scales
OURS = "eeg-small"


def untouched(data: Path):
    """Recordings of sets that nothing was ever chosen on, as (name, recording)."""
    for person in ("02", "03", "04"):
        path = data / f"mi_peterson2020/subj{person}_run001.edf"
        yield "Peterson 2020, 125 Hz", read_signal(path)
    bonn = np.load(data / "seizure_bonn/bonn.npz")
    for kind, name in ((0, "Bonn A, 174 Hz"), (4, "Bonn E seizures, 174 Hz")):
        segments = bonn["X"][bonn["y"] == kind][:16]
        yield name, nk.signal(segments.astype("f4"), sampling_rate=173.61)
    sleep = np.loadtxt(data / "sleep_dreams/excerpt1.txt", skiprows=1)
    for start in (300, 1200):
        part = sleep[None, start * 100 : (start + 40) * 100]
        yield "DREAMS sleep, 100 Hz", nk.signal(part.astype("f4"), sampling_rate=100)
    path = data / "mi_graz_c3c4/motor_imagery_train_data.mat"
    graz = loadmat(path, squeeze_me=True, struct_as_record=False)["P_C_S"].data
    for trial in (5, 50, 100):  # eight trials of C3 and C4, of 6 s, as if they were 16 channels
        part = graz[trial : trial + 8, :, :2].transpose(0, 2, 1).reshape(16, -1)
        yield "Graz, 128 Hz", nk.signal(part.astype("f4"), sampling_rate=128)
    for kind in ("interictal", "ictal"):  # segments of 5 s
        paths = sorted((data / f"seizure_delhi/{kind}").glob("*.mat"))[:8]
        part = np.stack([loadmat(path)[kind].ravel() for path in paths])
        yield f"Delhi {kind}, 200 Hz", nk.signal(part.astype("f4"), sampling_rate=200)
    part = np.stack([np.load(data / f"lfp_hippocampus_bycycle/{n}.npy") for n in ("ca1", "ec3")])
    yield "Hippocampal LFP, 1250 Hz", nk.signal(part.astype("f4"), sampling_rate=1250)


def held_out(folder: Path):
    """Recordings of people held out, as (name, recording)."""
    for name, values, rate in load(folder)[2]:
        yield (
            f"{name.split('/')[0]}, {float(rate):.0f} Hz",
            nk.signal(values.astype("f4"), sampling_rate=rate),
        )


def scored(codec, x: xr.DataArray, levels) -> dict[int, np.ndarray]:
    """Bits per second and channel, NMSE, beta and gamma correlation for each number of stages."""
    tokens = codec.transform(x)
    labels = [str(label).split(".")[0] for label in tokens["level"].values]
    stages = np.array([int(label) if label.isdigit() else 0 for label in labels])
    rate = nk.sampling_rate(x)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for k in levels:
            part = tokens.isel(level=np.flatnonzero(stages <= k))
            size = write_tokens(Path(folder) / "x.ntok", part).stat().st_size
            y = codec.inverse_transform(tokens, n_levels=k).values
            found = fidelity(x.values.astype(float), y.astype(float), rate)
            bits = 8 * size / (x.sizes["time"] / rate) / x.sizes["channel"]
            cells = [np.median(found[name]) for name in ("nmse", "beta", "gamma")]
            rows[k] = np.array([bits, *cells])
    return rows


def mu_law(x: xr.DataArray) -> dict[int, np.ndarray]:
    """The same for mu-law samples of several numbers of values, through zlib."""
    z = x.values.astype(float)
    centred = z - z.mean(1, keepdims=True)
    peak = np.abs(centred).max(1, keepdims=True)
    rate, rows = nk.sampling_rate(x), {}
    for n in STEPS:
        mu = n - 1
        y = np.sign(centred) * np.log1p(mu * np.abs(centred) / peak) / np.log1p(mu)
        codes = np.clip(np.floor((y + 1) / 2 * n), 0, n - 1)
        y = (codes + 0.5) / n * 2 - 1
        back = np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu * peak
        size = len(zlib.compress(codes.astype("u1").tobytes(), 9)) + 8 * len(z)
        found = fidelity(centred, back, rate)
        bits = 8 * size / (x.sizes["time"] / rate) / len(z)
        rows[n] = np.array([bits, *(np.median(found[k]) for k in ("nmse", "beta", "gamma"))])
    return rows


def tokenizers(folder: Path, peers: Path | None):
    """Fitted tokenizers and the stages to decode, by name."""
    found = {OURS: (CodecTokenizer.from_pretrained(), None)}
    windows = drawn(folder, load(folder)[0], 4000, played=False)[:, None].astype(float)
    linear = LinearRVQTokenizer(sampling_rate=RATE, random_state=0).fit(windows)
    found["linear"] = (linear, (1, 2, 3, 4, 5, 6, 7, 8, 10))
    for name, kind in (("biocodec", CodecTokenizer), ("multiscale", MultiScaleTokenizer)):
        if peers is not None and (path := peers / f"{name}.safetensors").exists():
            found[name] = (kind.load(path), None)
    return found


def curves(x: xr.DataArray, codecs: dict) -> dict[str, dict[int, np.ndarray]]:
    """Every tokenizer's rows for one recording."""
    found = {}
    for name, (codec, levels) in codecs.items():
        found[name] = scored(codec, x, levels or range(1, codec.n_levels + 1))
    grids = {n: ScalarTokenizer("uniform", codebook_size=n).fit(x) for n in GRIDS}
    found["even grid"] = {n: scored(grid, x, [1])[1] for n, grid in grids.items()}
    found["mu-law + zlib"] = mu_law(x)
    return found


def at_equal_bytes(rows: dict[int, np.ndarray], bits: float) -> np.ndarray | None:
    """NMSE, beta and gamma of a curve at ``bits``."""
    points = np.array(sorted(rows.values(), key=lambda row: row[0]))
    if not points[0, 0] <= bits <= points[-1, 0]:
        return None
    error = np.exp(np.interp(bits, points[:, 0], np.log(points[:, 1])))
    return np.array([error, *(np.interp(bits, points[:, 0], points[:, k]) for k in (2, 3))])


def show(name: str, found: list[dict], least: int) -> None:
    """Print both tables of one set, from the curves of its recordings."""
    rows = {
        codec: {k: np.median([f[codec][k] for f in found], 0) for k in points}
        for codec, points in found[0].items()
    }
    print(f"\n{name}\n{'':20}{'stages':>7}{'bit/s/ch':>9}{'NMSE':>9}{'beta':>7}{'gamma':>7}")
    for codec, points in rows.items():
        for k, row in points.items():
            cells = f"{row[0]:9.0f}{row[1]:9.4f}{row[2]:7.3f}{row[3]:7.3f}"
            print(f"{codec:20}{k:7}{cells}")
    others = [codec for codec in rows if codec != OURS]
    print(f"\nNMSE at equal bytes {'':18}" + "".join(f"{codec:>15}" for codec in [OURS, *others]))
    for k, row in rows[OURS].items():
        if k < least:
            continue
        there = {codec: median_at(found, codec, k) for codec in others}
        cells = "".join(f"{'-' if r is None else f'{r[0]:.4f}':>15}" for r in there.values())
        print(f"{name:28} {k} {row[0]:6.0f} {row[1]:15.4f}{cells}")
        if (bio := there.get("biocodec")) is not None:
            text = f"beta {row[2]:.3f} ({bio[1]:.3f}), gamma {row[3]:.3f} ({bio[2]:.3f})"
            print(f"{'':28} {k} {row[0]:6.0f}  beside biocodec: {text}")


def median_at(found: list[dict], codec: str, k: int) -> np.ndarray | None:
    """What ``codec`` reaches with the bytes of our ``k`` stages, in each recording."""
    each = [at_equal_bytes(f[codec], f[OURS][k][0]) for f in found]
    return None if any(row is None for row in each) else np.median(each, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recordings", type=Path, help="folder of the sets themselves")
    parser.add_argument("--peers", type=Path, help="folder of weights from train_codec.py")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--least", type=int, default=2, help="fewest stages at equal bytes")
    parser.add_argument("--only", default="", help="sets whose name holds this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    codecs = tokenizers(args.data, args.peers)
    sets: dict[str, list] = {}
    for name, x in held_out(args.data):
        sets.setdefault(name, []).append(x)
    for name, x in untouched(args.recordings) if args.recordings else ():
        sets.setdefault(f"{name}, untouched", []).append(x)
    for name, recordings in sets.items():
        if args.only not in name:
            continue
        found = []
        for x in recordings:
            n = round(args.seconds * nk.sampling_rate(x))
            x = x.isel(time=slice(0, n)).load()
            moving = np.flatnonzero(x.std("time").values > 0)[: args.channels]
            found.append(curves(x.isel(channel=moving), codecs))
        show(name, found, args.least)


if __name__ == "__main__":
    main()
