"""What fusing the contacts of a region saves, beside coding every contact by itself.

``python benchmarks/region_tokenizer.py --data .nkdata [--sets eeg ecog ...]``

Each set is cut in time: codecs learn from the first part, and the error is measured on the last.
EEG is also coded across people: networks from one, tested on the other, whose spatial map comes
from the places of the electrodes alone, or from ``partial_fit`` on the minute before. Bytes are
measured in ``.ntok`` files; those of a file of one frame, which holds the labels, are taken off.
The error is 1 - explained variance of each contact, the mean over contacts. The last column is the
best that coding contact by contact reaches at the same bytes, by the other codecs (between
their points, on logarithmic scales). Every codec is trained here, on the same data, on the CPU.
"""

import argparse
import re
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

import neurokit as nk
from neurokit import io
from neurokit.io.packed.ntok import write_tokens
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer, RegionTokenizer
from neurokit.training import Trainer


def by_electrode(x: xr.DataArray) -> xr.DataArray:
    """Regions of iEEG: the letters of a contact's name; of large grids, 2 rows by 4."""
    names = x["channel"].values.tolist()
    letters = [re.match("[A-Z]+", name)[0] for name in names]
    regions = []
    for name, own in zip(names, letters, strict=True):
        k = int(name[len(own) :]) - 1
        big = letters.count(own) > 16
        regions.append(f"{own} {k // 16}{k % 8 // 4}" if big else own)
    return x.assign_coords(region=("channel", regions))


def eeg(data: Path, run: str) -> xr.DataArray:
    """64 electrodes, with places and without regions."""
    import mne

    x = io.read_signal(data / "mi_eegmmidb" / f"{run}.edf").load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        montage = mne.channels.make_standard_montage("standard_1005")
    places = {k.lower(): v for k, v in montage.get_positions()["ch_pos"].items()}
    mm = 1000 * np.array([places[name.strip(".").lower()] for name in x["channel"].values])
    x = x.assign_coords({axis: ("channel", mm[:, k]) for k, axis in enumerate("xyz")})
    return x.assign_coords(subject=run[:4])


def load(data: Path, name: str) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray | None]:
    """Training part, test part, and what a new subject is adapted on."""
    if name == "eeg, later":
        return eeg(data, "S002R03"), eeg(data, "S002R04").isel(time=slice(0, 9600)), None
    if name == "eeg, other person":
        x = eeg(data, "S001R03")
        return (
            eeg(data, "S002R03"),
            x.isel(time=slice(9600, 19200)),
            x.isel(time=slice(0, 9600)),
        )
    if name == "ecog":
        x = io.read_signal(data / "ieeg_mne_misc" / "sample_ecog.edf").load()
        x = by_electrode(x.isel(channel=x["type"].values == "eeg"))
    elif name == "pt01":
        held = np.load(data / "ieeg_seizure_pt01" / "pt01EcoG.npz")
        names = held["ch"].tolist()
        x = by_electrode(nk.signal(held["X"], sampling_rate=1000, channels=names, units=""))
    else:  # one site: nothing to fuse
        held = np.load(data / "ieeg_seeg_motor_tensorpac" / "seeg_data_pac.npz")
        x = nk.signal(held["data"][:60, None], sampling_rate=1024, regions=["motor"])
        return x.isel(trial=slice(0, 40)), x.isel(trial=slice(40, 60)), None
    n = x.sizes["time"]
    return x.isel(time=slice(0, int(0.6 * n))), x.isel(time=slice(int(0.6 * n), n)), None


SETS = ("eeg, later", "eeg, other person", "ecog", "pt01", "one site")


def size(tokens: xr.DataArray) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.ntok"
        whole = write_tokens(path, tokens).stat().st_size
        return whole - write_tokens(path, tokens.isel(frame=slice(0, 1))).stat().st_size


def curve(codec: object, x: xr.DataArray, n_stages: int) -> list[tuple[int, float, float]]:
    """Stages, bits per second and contact, error."""
    tokens = codec.transform(x)
    n_side = tokens.sizes["level"] - n_stages
    truth = x.values.astype(float)
    power = ((truth - truth.mean(-1, keepdims=True)) ** 2).sum(-1)
    seconds = x.sizes["time"] / nk.sampling_rate(x) * x.sizes.get("trial", 1)
    points = []
    for k in sorted({1, 2, 4, 6, 8, 12, 18, 24} & set(range(1, n_stages + 1)) | {n_stages}):
        bits = 8 * size(tokens.isel(level=slice(0, n_side + k))) / seconds / x.sizes["channel"]
        error = ((codec.inverse_transform(tokens, k).values - truth) ** 2).sum(-1)
        points.append((k, bits, float((error / power)[power > 0].mean())))
    return points


def trainer(x: xr.DataArray, n_rows: int, n_steps: int, batch_size: int) -> Trainer:
    """Train for about ``n_steps`` on windows of 2 s, whatever there is to learn from."""
    windows = x.sizes.get("trial", 1) * int(x.sizes["time"] / nk.sampling_rate(x) / 2)
    n_batches = -(-max(windows, 1) * n_rows // batch_size)
    epochs = -(-n_steps // n_batches)
    return Trainer(epochs, batch_size=batch_size, learning_rate=2e-3, device="cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--steps", type=int, default=200, help="of training, of each codec")
    args = parser.parse_args()
    for name in args.sets:
        train, test, adapt = load(args.data, name)
        common = {"n_filters": 8, "window": 2.0, "random_state": 0, "device": "cpu"}
        rounded = {"quantizer": "embedded", "loss_weights": (1.0, 0.0, 0.0)}
        n = train.sizes["channel"]
        alone = common | {"trainer": trainer(train, n, args.steps, 64)}
        n_regions = len(set(train["region"].values)) if "region" in train.coords else n // 8
        fused = common | {"trainer": trainer(train, n_regions, args.steps, 16)}
        codecs = {
            "RegionTokenizer": (RegionTokenizer(12, **fused), 12),
            "RegionTokenizer, embedded": (
                RegionTokenizer(36, latent_dim=16, **rounded, **fused),
                36,
            ),
            "CodecTokenizer, 5 frames/s": (CodecTokenizer(4, frame_rate=5.0, **alone), 4),
            "CodecTokenizer, embedded": (CodecTokenizer(6, latent_dim=16, **rounded, **alone), 6),
            "LinearRVQTokenizer": (LinearRVQTokenizer(10, random_state=0), 10),
            "LinearRVQTokenizer, 0.4 s": (LinearRVQTokenizer(6, frame=0.4, random_state=0), 6),
        }
        curves = {}
        print(f"\n{name}: {test.sizes['channel']} contacts", end="", flush=True)
        for label, (codec, n_stages) in codecs.items():
            start = time.process_time()
            codec.fit(train)
            seconds = time.process_time() - start
            if label == "RegionTokenizer":
                n = codec.transform(test.isel(time=slice(0, 400))).sizes["channel"]
                print(f" in {n} regions; learning took", end="")
            curves[label] = curve(codec, test, n_stages)
            if "Region" in label and adapt is not None:
                curves[f"{label}, adapted"] = curve(codec.partial_fit(adapt), test, n_stages)
            print(f" {seconds:.0f} s ({label})", end=",", flush=True)
        singles = [p for k, points in curves.items() if "Region" not in k for p in points]
        singles = sorted((bits, error) for _, bits, error in singles)
        best = [p for k, p in enumerate(singles) if all(p[1] < q[1] for q in singles[:k])]
        rates, errors = np.log(best).T
        print(f"\n{'':38}{'stages':>7}{'bit/s/contact':>15}{'NMSE':>8}{'each alone':>12}")
        for label, points in curves.items():
            for k, bits, error in points:
                line = f"{label:38}{k:7d}{bits:15.1f}{error:8.3f}"
                if "Region" in label:
                    inside = rates[0] <= np.log(bits) <= rates[-1]
                    same = np.exp(np.interp(np.log(bits), rates, errors))
                    line += f"{same:12.3f}" if inside else f"{'-':>12}"
                print(line)


if __name__ == "__main__":
    main()
