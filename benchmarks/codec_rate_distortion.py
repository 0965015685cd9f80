"""What a token costs and what it keeps, on subjects that no codec here was trained on.

``python benchmarks/codec_rate_distortion.py --data .nkdata [--biocodec FILE]``, after
``train_codec.py extract``. All bytes are measured: tokens in ``.ntok`` files, mu-law samples
through zlib. Each line ends with the error of mu-law at the same bytes (between the neighbouring
numbers of steps, on a logarithmic scale). The median over channels, then over recordings.
"""

import argparse
import tempfile
import zlib
from pathlib import Path

import numpy as np
import xarray as xr
from train_codec import BANDS, RATE, drawn, fidelity, load

import neurokit as nk
from neurokit.io.ntok import write_tokens
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer

STEPS = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 54, 80, 108, 160, 256)


def mu_law(x: np.ndarray, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Mu-law samples of ``n_steps`` values and what they decode to."""
    mu = n_steps - 1
    peak = np.abs(x).max(1, keepdims=True)
    y = np.sign(x) * np.log1p(mu * np.abs(x) / peak) / np.log1p(mu)
    codes = np.clip(np.floor((y + 1) / 2 * n_steps), 0, n_steps - 1)
    y = (codes + 0.5) / n_steps * 2 - 1
    return codes.astype("u1"), np.sign(y) * ((1 + mu) ** np.abs(y) - 1) / mu * peak


def measured(tokens: xr.DataArray) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return write_tokens(Path(folder) / "x.ntok", tokens).stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--biocodec", type=Path, help="a codec saved by train_codec.py")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    train, held = load(args.data)
    codecs: dict = {"eeg-small": (CodecTokenizer.from_pretrained(), (2, 3, 4, 5, 6))}
    windows = drawn(args.data, train, 4000)[:, None]
    linear = LinearRVQTokenizer(sampling_rate=RATE, random_state=0).fit(windows)
    codecs["linear RVQ, same data"] = (linear, (2, 3, 4, 6, 8, 10))
    if args.biocodec:
        codecs["biocodec, same data"] = (CodecTokenizer.load(args.biocodec), (2, 4, 6))
    rows: dict = {}
    for name, values, rate in held:
        n = int(args.seconds * rate)
        x = values[: args.channels, :n].astype(np.float32)
        X = nk.signal(x, sampling_rate=rate)
        seconds, n_channels = x.shape[1] / float(rate), len(x)
        x = x.astype(float)
        centred = x - x.mean(1, keepdims=True)
        curve = []
        for n_steps in STEPS:
            codes, y = mu_law(centred, n_steps)
            bits = 8 * len(zlib.compress(codes.tobytes(), 9)) / seconds / n_channels
            curve.append((bits, np.median(fidelity(centred, y, float(rate))["nmse"])))
        mu_bits, mu_error = np.array(curve).T
        for label, (codec, levels) in codecs.items():
            tokens = codec.transform(X)
            n_side = tokens.sizes["level"] - codec.n_levels
            for k in levels:
                y = codec.inverse_transform(tokens, k).values
                part = tokens.isel(level=slice(0, n_side + k))
                bits = 8 * measured(part) / seconds / n_channels
                scores = fidelity(x, y, float(rate))
                row = [bits, *(np.median(s) for s in scores.values())]
                row.append(np.exp(np.interp(bits, mu_bits, np.log(mu_error))))
                rows.setdefault((name.split("/")[0], label, k), []).append(row)
    heads = ["bit/s/ch", "NMSE", *BANDS, "mu-law"]
    print(f"{'':46}" + "".join(f"{h:>9}" for h in heads))
    for (name, label, k), found in rows.items():
        cells = np.median(np.array(found), 0)
        text = f"{cells[0]:9.0f}" + "".join(f"{c:9.4f}" for c in cells[1:])
        print(f"{name:17} {label:22} {k:2} levels{text}")


if __name__ == "__main__":
    main()
