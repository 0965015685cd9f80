"""Error of every tokenizer at the bytes its tokens really take, on people it has not seen.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/rate_distortion.py [--seconds 60]

Bytes are those of the ``.ntok`` file: codes, level, header, all labels. `ScalarTokenizer` and
`LinearRVQTokenizer` are fitted on other people of the same set (for the sets of one person, on
the motor imagery set); the weights "eeg-small" have seen none of the people scored here. The last
column is the error of mu-law samples (as many values as it takes, peak of each channel sent,
zlib -9) at the same bytes, so that below 1 in "ratio" means closer than mu-law + zlib. Medians
over channels. Speed is the time to encode and decode over the duration, per channel, one thread.
"""

import argparse
import os
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import neurokit as nk
from neurokit.io import read_signal
from neurokit.io.ntok import write_tokens
from neurokit.metrics.fidelity import band_fidelity, nmse
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer, ScalarTokenizer

STEPS = (3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 40, 54, 80, 108, 160, 256)
BANDS = {"beta": (13.0, 30.0), "gamma": (30.0, 80.0)}


def recordings(data: Path, seconds: float, n_channels: int):
    """Sets as (name, recordings to fit on, held-out recording)."""

    def cut(x: xr.DataArray) -> xr.DataArray:
        n = round(seconds * nk.sampling_rate(x))
        return x.isel(channel=slice(0, n_channels), time=slice(0, n)).load()

    def fif(name: str) -> xr.DataArray:
        x = read_signal(data / "ssvep_exo" / f"{name}_raw.fif")
        return x.isel(channel=np.flatnonzero(x["type"].values == "eeg"))

    def muse(name: str) -> xr.DataArray:
        table = pd.read_csv(next((data / "erp_n170_muse").glob(f"{name}*.csv")))
        names = ["TP9", "AF7", "AF8", "TP10"]
        return nk.signal(table[names].to_numpy().T, sampling_rate=250, channels=names)

    motor = [read_signal(data / f"mi_eegmmidb/S001R{k}.edf") for k in ("03", "04", "06")]
    yield "motor imagery 160 Hz", motor, cut(read_signal(data / "mi_eegmmidb/S002R03.edf"))
    names = ["subject01_record-2012.07.06-19.02.16", "subject03_record-2012.07.11-15.25.23"]
    ssvep = [fif(name) for name in names]
    yield "SSVEP 256 Hz", ssvep, cut(fif("subject12_record-2014.03.10-19.47.49"))
    n170 = [muse(name) for name in ("subject0001", "subject0010")]
    yield "N170 250 Hz", n170, cut(muse("subject0002"))
    found = np.load(data / "erp_p300_bi2012/subject_01_session_01.npz")["data"]
    p300 = nk.signal(found[3000:, :16].T, sampling_rate=128)
    yield "P300 128 Hz, other set", motor, cut(p300)
    ecog = read_signal(data / "ieeg_mne_misc/sample_ecog.edf")
    yield "ECoG 999 Hz, other set", motor, cut(ecog)
    # Sets on which nothing was ever chosen: neither weights nor settings have met them.
    peterson = read_signal(data / "mi_peterson2020/subj02_run001.edf")
    yield "motor imagery 125 Hz, untouched set", motor, cut(peterson)
    bonn = np.load(data / "seizure_bonn/bonn.npz")
    for kind in (0, 4):
        segments = bonn["X"][bonn["y"] == kind][:n_channels]
        x = nk.signal(segments.astype("f4"), sampling_rate=173.61)
        yield f"Bonn {'AE'[kind > 0]} 174 Hz, untouched set", motor, cut(x)


def moving(x: xr.DataArray) -> xr.DataArray:
    """Channels that have a signal."""
    return x.isel(channel=np.flatnonzero(x.std("time").values > 0))


def mu_law_curve(x: xr.DataArray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Bits per second and channel, and error, of mu-law samples through zlib."""
    z = x.values - x.values.mean(1, keepdims=True)
    peak = np.abs(z).max(1, keepdims=True)
    bits, error = [], []
    for n in STEPS:
        mu = n - 1
        y = np.sign(z) * np.log1p(mu * np.abs(z) / peak) / np.log1p(mu)
        codes = np.clip(np.floor((y + 1) / 2 * n), 0, n - 1)
        y = (codes + 0.5) / n * 2 - 1
        back = np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu * peak
        size = len(zlib.compress(codes.astype("u1").tobytes(), 9)) + 8 * len(z)  # peak, mean
        bits.append(8 * size / seconds / len(z))
        error.append(float(np.median(nmse(z, back))))
    order = np.argsort(bits)
    return np.array(bits)[order], np.array(error)[order]


def joined(parts: list[xr.DataArray]) -> xr.DataArray:
    """Recordings of one set as trials."""
    n = min(part.sizes["time"] for part in parts)
    values = np.stack([part.values[:, :n] for part in parts])
    return nk.signal(values, sampling_rate=nk.sampling_rate(parts[0]))


def tokenizers(train: xr.DataArray):
    """Fitted tokenizers, and the stages to decode."""
    sizes = {"mulaw": (17, 33, 256), "uniform": (49, 97, 193), "quantile": (8, 32, 256)}
    for kind, several in sizes.items():
        for size in several:
            yield f"{kind}, {size}", ScalarTokenizer(kind, codebook_size=size).fit(train), [1]
    yield "linear RVQ", LinearRVQTokenizer(random_state=0).fit(train), [2, 4, 6, 8, 10]
    try:
        yield "codec, eeg-small", CodecTokenizer.from_pretrained(), [2, 3, 4, 5, 6]
    except (ValueError, OSError) as error:
        print(f"codec left out: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--only", default="", help="sets whose name holds this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    data = Path(os.environ["NEUROKIT_DATA"])
    heads = ["bit/s/ch", "NMSE", *BANDS, "mu-law", "ratio", "speed"]
    with tempfile.TemporaryDirectory() as folder:
        for name, train, x in recordings(data, args.seconds, args.channels):
            if args.only not in name:
                continue
            x, train = moving(x), joined(train)
            seconds = x.sizes["time"] / nk.sampling_rate(x)
            n = x.sizes["channel"]
            curve = mu_law_curve(x, seconds)
            print(f"\n{name + f', {n} channels':38}" + "".join(f"{h:>10}" for h in heads))
            for label, tokenizer, levels in tokenizers(train):
                tokens = tokenizer.transform(x)  # kernels compile, once
                tokenizer.inverse_transform(tokens)
                started = time.perf_counter()
                tokenizer.inverse_transform(tokenizer.transform(x))
                speed = (time.perf_counter() - started) / seconds / n
                n_side = tokens.sizes["level"] - max(levels)
                for k in levels:
                    part = tokens.isel(level=slice(0, n_side + k))
                    size = write_tokens(Path(folder) / "x.ntok", part).stat().st_size
                    bits = 8 * size / seconds / n
                    y = tokenizer.inverse_transform(tokens, n_levels=k)
                    error = float(np.median(nmse(x, y)))
                    bands = np.median(band_fidelity(x, y, bands=BANDS).pearson, 0)
                    mu = float(np.exp(np.interp(bits, curve[0], np.log(curve[1]))))
                    outside = "" if curve[0][0] <= bits <= curve[0][-1] else "*"
                    row = f"{bits:10.0f}{error:10.5f}" + "".join(f"{b:10.3f}" for b in bands)
                    row += f"{mu:10.5f}{error / mu:9.2f}{outside:1}"
                    print(f"{label:26}{k:3} stages  {row}{speed:10.5f}", flush=True)
    print("\n* beyond the bytes that mu-law reaches: its nearest error")


if __name__ == "__main__":
    main()
